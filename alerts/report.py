"""The full report: what the monitor has found in the last months, as one page, and the feed of its shifts beside it."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from alerts.render import render_page
from alerts.reportfacts import MONTHS, ReportFacts, gather_report
from alerts.reportview import report_fields
from alerts.shiftfeed import FEED_NAME, gather_entries, write_feed
from store.db import Store
from store.progress import Progress, silent
from store.settings import Settings
from store.wholefile import whole_file

PAGE_NAME = "index.html"


@dataclass(frozen=True, slots=True)
class ReportDone:
    """What was written. `facts` are those of the page, for other pages that say the same."""

    path: Path
    feed: Path
    day: dt.date
    size: int
    shifts: int
    seconds: float
    facts: ReportFacts

    @property
    def size_words(self) -> str:
        """The page's size as people say it."""
        return f"{self.size / 1e6:.1f} MB" if self.size >= 1e6 else f"{self.size / 1e3:.0f} kB"


def write_report(
    store: Store,
    settings: Settings,
    model: str,
    path: Path,
    *,
    feed: Path | None = None,
    day: dt.date,
    now: dt.datetime,
    months: int = MONTHS,
    progress: Progress = silent,
) -> ReportDone:
    """Write the page, and the feed of shifts beside it unless *feed* names another place; each whole or not at all.

    Raises:
        InputError: a file cannot be written.
    """
    began = time.monotonic()
    feed = feed or path.with_name(FEED_NAME)
    with store.session() as session:
        facts = gather_report(session, settings, model, day=day, now=now, months=months, progress=progress)
        entries = gather_entries(session, facts.digest.shifts, facts.models)
    page = render_page(settings.templates_dir, "report", r=report_fields(facts), feed_name=_beside(path, feed))
    with whole_file(path, folder=True) as file:
        file.write(page)
    write_feed(settings, feed, entries, facts.digest)
    return ReportDone(
        path=path,
        feed=feed,
        day=day,
        size=len(page.encode("utf-8")),
        shifts=len(facts.digest.shifts),
        seconds=time.monotonic() - began,
        facts=facts,
    )


def _beside(path: Path, feed: Path) -> str:
    """The relative address of the feed, where it lies in the page's folder; else the page names none."""
    return quote(feed.name) if feed.parent == path.parent else ""
