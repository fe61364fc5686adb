"""Writing the report: the step behind flow and command."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from alerts.report import PAGE_NAME, ReportDone, write_report
from alerts.reportfacts import MONTHS
from alerts.words import count, safe_url
from flows.reporting import progress
from flows.watch import Watch, closed_day
from store.settings import Settings


def describe(done: ReportDone) -> str:
    """One line for the state message, the log and the terminal."""
    return (
        f"report up to {done.day} with {count(done.shifts, 'shift')} in {done.path} ({done.size_words}); "
        f"feed of shifts in {done.feed}"
    )


def page_of(settings: Settings) -> Path:
    """Where the page lies unless another place was asked for."""
    return settings.var_dir / "report" / PAGE_NAME


def published(settings: Settings) -> str | None:
    """The address under which readers open the page, where the settings name one."""
    return safe_url(f"{settings.report_url.rstrip('/')}/{PAGE_NAME}") if settings.report_url else None


def build(watch: Watch, now: dt.datetime, output: str = "", feed: str = "", months: int = MONTHS) -> ReportDone:
    """Write page and feed, with their progress."""
    with progress("Gathering the report") as report_progress:
        return write_report(
            watch.store,
            watch.settings,
            watch.version,
            Path(output) if output else page_of(watch.settings),
            feed=Path(feed) if feed else None,
            day=closed_day(now),
            now=now,
            months=months,
            progress=report_progress,
        )
