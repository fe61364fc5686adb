"""Flow `classify`: read what has no reading of the current model version, or a file of items."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.words import count
from classify.batch import ClassifyReport, any_pending, classify_pending, forget_since
from classify.jsonl import FileReport
from classify.outcome import count_unread
from flows import artifacts
from flows.forms import BY, calendar, param
from flows.plainly import plainly
from flows.readfile import read_file
from flows.reporting import logger, progress, rename_run, requested
from flows.runners import spread_of
from flows.watch import Watch, moment, open_watch
from store.days import need_day
from store.errors import ConfigError, InputError
from store.settings import get_settings


def describe(report: ClassifyReport) -> str:
    """One line for the state message and the log."""
    more = "".join(f"; {one}" for one in (*report.unread, report.usage) if one is not None)
    if report.read == 0:
        return f"nothing was read{more}" if report.unread else "nothing new to read"
    return f"{count(report.read, 'article')} read, {report.relevant} of them on a tie ({report.model}){more}"


def read_pending(watch: Watch, now: dt.datetime, *, limit: int | None = None) -> ClassifyReport:
    """The step behind the flow."""
    with watch.turn_to("read"), progress("Reading articles") as report_progress:
        with watch.store.session() as session:
            if not any_pending(session, watch.version):
                return ClassifyReport(0, 0, {}, 0.0, watch.version)  # the model is not even loaded
        return classify_pending(
            watch.store, watch.model, now=now, limit=limit, spread=spread_of(watch), progress=report_progress
        )


@task(name="read articles", task_run_name="read articles", cache_policy=NO_CACHE)
async def read_task(watch: Watch, now: dt.datetime, limit: int | None = None) -> ClassifyReport:
    """Read and leave the page *The readings*."""
    report = read_pending(watch, now, limit=limit)
    logger().info(describe(report))
    await artifacts.publish(
        watch.settings,
        "readings",
        "readings",
        "What was read in the new articles",
        empty=report.read == 0 and not report.unread,
        report=report,
        rows=latest_readings(watch, report),
        now=now,
    )
    return report


def latest_readings(watch: Watch, report: ClassifyReport, limit: int = 50) -> list[dict[str, object]]:
    """The newest readings of this run, for the page in the UI."""
    from alerts.recent import recent_readings

    if report.read == 0:
        return []
    with watch.store.session() as session:
        return recent_readings(session, report.model, min(limit, report.read))


@flow(name="re-read", flow_run_name="re-read since {since}", log_prints=False)
@plainly
async def re_read(
    since: Annotated[str, calendar("Since", "First day whose articles are read again.")],
    requested_by: Annotated[str, BY] = "",
) -> State[ClassifyReport]:
    """Reads the articles of a day and later again, as after a change of the seeds.

    The series follow with the next watch. What was told stays on record; a shift of the last four weeks that shows only
    now is told.
    """
    requested(requested_by)
    first = need_day(since, "Since")
    with open_watch() as watch:
        with watch.turn_to("read"), progress("Forgetting readings") as report_progress:
            gone = forget_since(watch.store, watch.version, first, progress=report_progress)
        logger().info(f"{gone} readings since {first} forgotten")
        report = await read_task(watch, moment(""))
    await rename_run(f"re-read since {first}: {count(report.read, 'article')}")
    return Completed(message=f"since {first}: {describe(report)}", data=report)


@flow(name="classify", flow_run_name="classify", log_prints=False)
@plainly
async def classify(
    items: Annotated[
        str, param("Items file", "A .jsonl or .jsonl.gz on the worker's machine; leave empty to read stored articles.")
    ] = "",
    readings: Annotated[str, param("Readings file", "Where the readings of the items file go.")] = "",
    at_most: Annotated[int, param("At most", "Articles in this run; 0 means all that wait.", ge=0)] = 0,
    requested_by: Annotated[str, BY] = "",
) -> State[ClassifyReport | FileReport]:
    """Reads each article that has no reading of the current model version: dyads, stance, themes, claim, evidence."""
    requested(requested_by)
    if readings and not items:
        raise InputError("the readings file is where those of an items file go; fill in both fields, or none")
    if items:
        if not readings:
            raise ConfigError("an items file needs a readings file to write to; fill in both fields")
        if at_most:
            raise InputError(
                "at most counts stored articles, and an items file is read as a whole; fill in one of both"
            )
        done = read_file(Path(items), Path(readings))
        await rename_run(f"classify {Path(items).name}: {done.read} items")
        more = [*count_unread(done.unread), *([done.usage] if done.usage is not None else [])]
        message = "; ".join([f"{done.read} items read, {len(done.bad)} lines skipped", *map(str, more)])
        await artifacts.publish_file_run(
            "items-read",
            "What was read in a file of items",
            message,
            [("Items file", items), ("Readings file", readings), ("Model", get_settings().model)],
            [(bad.line, bad.reason) for bad in done.bad],
        )
        return Completed(message=message, data=done)
    with open_watch() as watch:
        report = await read_task(watch, moment(""), at_most or None)
    await rename_run(f"classify: {count(report.read, 'article')}" if report.read else "classify: nothing new")
    return Completed(message=describe(report), data=report)
