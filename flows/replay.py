"""Flow `replay`: the monitor at work on the bundled archive, served over real HTTP on loopback, day by day.

Everything lies in ``var/replay`` and is marked REPLAY. A second replay goes on where the first stopped, so a complete
one adds nothing.
"""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Annotated

import yaml
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from sqlalchemy import func, select

from flows import artifacts
from flows.environment import overridden
from flows.forms import BY, calendar, param
from flows.monitor import MonitorReport, watch_day
from flows.plainly import plainly
from flows.reporting import logger, progress, rename_run, requested
from flows.seeds import seeds_task
from flows.watch import Watch, open_watch
from ingest.archive import Archive, ArchiveServer, load_archive
from ingest.model import RosterFeed
from store.days import parse_day
from store.db import Store
from store.models import Poll
from store.settings import get_settings

MORNING = dt.time(7, 0, tzinfo=dt.UTC)
"""Simulated time of each day's run: the day before has been closed by then."""


def write_roster(path: Path, feeds: list[RosterFeed]) -> None:
    """The archive's outlets as a roster file; the server's port differs from run to run."""
    rows = [{name: getattr(feed, name) for name in feed.__slots__} for feed in feeds]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"feeds": rows}, allow_unicode=True, sort_keys=False), encoding="utf-8")


def next_day(store: Store, archive: Archive) -> dt.date:
    """The first day that has not been replayed yet."""
    with store.session() as session:
        last = session.scalar(select(func.max(Poll.started_at)))
    return archive.start if last is None else last.date() + dt.timedelta(days=1)


async def _replay(watch: Watch, archive: Archive, server: ArchiveServer, until: dt.date) -> MonitorReport:
    total = MonitorReport()
    start = next_day(watch.store, archive)
    days = [start + dt.timedelta(days=i) for i in range((until - start).days + 1)]
    with progress("Replaying days") as report_progress:
        for done, day in enumerate(days, 1):
            now = dt.datetime.combine(day, MORNING)
            server.as_of = now
            one = await watch_day(watch, now, send=True)
            total = total.plus(one)
            for text in one.shifts:
                logger().info("REPLAY %s: %s", day, text)
            report_progress(done, len(days), f"{day:%d %b %Y}")
    return total


@flow(name="replay", flow_run_name="REPLAY of the bundled archive", log_prints=False)
@plainly
async def replay(
    fresh: Annotated[bool, param("From the start", "Throw the last replay away first.")] = False,
    until: Annotated[str, calendar("Until", "Last simulated day; leave empty for all.")] = "",
    requested_by: Annotated[str, BY] = "",
) -> State[MonitorReport]:
    """Serves the archive of demo outlets as RSS and Atom, moves the clock a day at a time, and runs the same steps."""
    requested(requested_by)
    live = get_settings()
    folder = live.var_dir / "replay"
    if fresh and folder.exists():
        shutil.rmtree(folder)
    archive = load_archive(live.seeds_dir / "archive")
    last = parse_day(until, "Until") or archive.end + dt.timedelta(days=1)
    with ArchiveServer(archive) as server:
        roster = folder / "feeds.yaml"
        write_roster(roster, server.roster())
        # Feeds on loopback are allowed here only; mails go to the replay's own Maildir, whatever the live settings say.
        changed = overridden(
            replay="true",
            var_dir=str(folder),
            database_url="",
            roster=str(roster),
            smtp_host="",
            allow_private_addresses="true",
        )
        with changed as settings, open_watch(settings) as watch:
            await seeds_task(watch, dt.datetime.combine(archive.start, MORNING))
            report = await _replay(watch, archive, server, last)
            await artifacts.publish(
                settings, "replay", "replay", "What the replay found", report=report, folder=folder, until=last
            )
    await rename_run(f"REPLAY until {last}: {report.headline}")
    return Completed(message=f"REPLAY until {last}: {report.summary}", data=report)
