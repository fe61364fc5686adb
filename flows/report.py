"""Flow `report`: the full report as one page, and the feed of shifts beside it."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.report import ReportDone
from alerts.reportfacts import MONTHS
from alerts.words import count
from flows import artifacts
from flows.forms import BY, calendar, param
from flows.late import superseded
from flows.plainly import plainly
from flows.reporting import logger, rename_run, requested
from flows.reportpage import build, describe, page_of, published
from flows.watch import Watch, moment, open_watch
from store.settings import Settings


@task(name="write report", task_run_name="write the report", cache_policy=NO_CACHE)
async def report_task(watch: Watch, now: dt.datetime, output: str, feed: str, months: int) -> ReportDone:
    """Write, and leave the page *The report* and, where it is published, a link to it."""
    done = build(watch, now, output, feed, months)
    logger().info(describe(done))
    await publish(watch.settings, done)
    return done


async def publish(settings: Settings, done: ReportDone) -> None:
    """The pages of a run."""
    digest = done.facts.digest
    await artifacts.publish(
        settings,
        "report",
        "report",
        "The report: where it lies, where the ties stand, and the shifts",
        done=done,
        states=digest.states,
        shifts=digest.shifts,
        link=published(settings),
        now=digest.now,
    )
    link = published(settings)
    # The link names the folder's page; a report that went elsewhere is not what lies there.
    if link and done.path == page_of(settings):
        await artifacts.publish_link(settings, "report-page", "The report, as its readers open it", link)


@flow(name="report", flow_run_name="report", log_prints=False)
@plainly
async def report(
    months: Annotated[int, param("Months", "How far back the pictures reach.", ge=1, le=240)] = MONTHS,
    output: Annotated[str, param("File", "Where the page goes; leave empty for var/report/index.html.")] = "",
    feed: Annotated[str, param("Feed file", "Where the feed goes; leave empty for shifts.atom beside the page.")] = "",
    as_of: Annotated[str, calendar("As of", "A day, as if it had just been closed; leave empty for now.")] = "",
    requested_by: Annotated[str, BY] = "",
) -> State[ReportDone] | State[None]:
    """Writes what was found in the last months as one page for readers, and the feed of shifts for feed readers."""
    if passed := await superseded():
        return passed
    requested(requested_by)
    with open_watch() as watch:
        done = await report_task(watch, moment(as_of), output, feed, months)
    await rename_run(f"report until {done.day}: {count(done.shifts, 'shift')}")
    return Completed(message=describe(done), data=done)
