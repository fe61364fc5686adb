"""Flow `ingest-feeds`: poll the feeds that are due and store what is new on the topic."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.newest import new_articles
from flows import artifacts
from flows.forms import BY, FEEDS, param
from flows.late import superseded
from flows.plainly import plainly
from flows.reporting import logger, progress, rename_run, requested
from flows.watch import Watch, moment, open_watch
from ingest.pages import fetch_texts
from ingest.poll import PollReport, poll_feeds
from ingest.roster import named, sync_roster
from ingest.sharedhosts import SharedHosts, open_hosts
from store.errors import InputError
from store.transact import in_transaction


def describe(report: PollReport) -> str:
    """One line for the state message and the log."""
    texts = f", {report.texts.summary}" if report.texts.summary else ""
    if report.elsewhere:
        texts = f", {report.elsewhere} more by another worker{texts}"
    if report.due == 0:
        return f"no feed was due{texts}"
    return f"{report.answered} of {report.due} feeds answered, {report.new} new articles{texts}"


async def poll(watch: Watch, now: dt.datetime, *, keys: list[str] | None = None, force: bool = False) -> PollReport:
    """Bring the roster up to date, poll, and fetch the pages that are asked for; the step behind the flow.

    Raises:
        InputError: the roster has no feed of one of *keys*, or it is switched off.
    """
    for feed in named(watch.roster, keys or ()):
        if not feed.enabled:
            raise InputError(
                f"the feed {feed.key} is switched off ({feed.status_note or feed.status}); switch it on first, with "
                "the deployment switch-feed or `ricwatch feeds enable`"
            )
    in_transaction(
        watch.store,
        lambda session: sync_roster(session, watch.roster),
        undo=lambda: None,
        what="bringing in the roster",
    )
    async with open_hosts(watch.store, watch.settings) as hosts:
        return await _poll(watch, hosts, now, keys, force)


async def _poll(watch: Watch, hosts: SharedHosts, now: dt.datetime, keys: list[str] | None, force: bool) -> PollReport:
    with progress("Polling feeds") as report_progress:
        report = await poll_feeds(
            watch.store,
            watch.settings,
            now=now,
            on_topic=watch.matcher.names_two,
            keys=keys or None,
            force=force,
            progress=report_progress,
            hosts=hosts,
        )
    if not watch.settings.full_text:
        return report
    with progress("Fetching pages") as report_progress:
        texts = await fetch_texts(watch.store, watch.settings, now=now, hosts=hosts, progress=report_progress)
    if texts.problem:
        logger().warning(texts.problem)
    return replace(report, texts=texts)


@task(name="poll feeds", task_run_name="poll feeds", cache_policy=NO_CACHE)
async def poll_task(watch: Watch, now: dt.datetime, keys: list[str] | None = None, force: bool = False) -> PollReport:
    """Poll and leave the pages *What was polled* and *What is new*."""
    report = await poll(watch, now, keys=keys, force=force)
    logger().info(describe(report))
    await artifacts.publish(watch.settings, "polled", "polled-feeds", "What was polled", report=report, now=now)
    with watch.store.session() as session:
        rows = new_articles(session, now)
    await artifacts.publish(
        watch.settings, "articles", "new-articles", "What is new", empty=not rows, rows=rows, since=now
    )
    return report


@flow(name="ingest-feeds", flow_run_name="ingest feeds", log_prints=False)
@plainly
async def ingest_feeds(
    feeds: Annotated[
        list[str],
        FEEDS,
    ] = [],
    force: Annotated[
        bool, param("Poll at once", "Also feeds that were polled a moment ago and are not due yet.")
    ] = False,
    requested_by: Annotated[str, BY] = "",
) -> State[PollReport] | State[None]:
    """Polls the feeds of the roster that are due and stores new articles that name at least two of the actors."""
    if passed := await superseded():
        return passed
    requested(requested_by)
    now = moment("")
    with open_watch() as watch:
        report = await poll_task(watch, now, feeds, force)
    await rename_run(f"feeds {now:%Y-%m-%d}: {describe(report)}")
    return Completed(message=describe(report), data=report)
