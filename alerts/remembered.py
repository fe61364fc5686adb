"""The detector's states in the database: which one to go on from, and which ones to keep.

A day's run reads the newest state that still holds and the days since it. Where none does (late articles, another
setting, another version of the program, a shift that somebody else told) an older one serves, and in the end all days.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from alerts.checkpoint import Checkpoint, Run, Source, Sources, go_on
from alerts.detect import Asked, Known
from alerts.load import Rows, first_day, first_polls, load_rows
from alerts.packing import from_bytes, to_bytes
from alerts.votes import Coverage, FeedRow, coverage_from_rows
from alerts.window import columns_of
from ingest.ties import ties
from store.changes import changes_so_far
from store.db import Store
from store.errors import InputError
from store.models import DetectorCheckpoint, Feed

_KEPT = ((1, 2), (7, 14), (28, 84))
"""A state is kept of every so many days, for so many days. Late articles mostly touch the last two days; what touches
older ones makes the run go back to the newest state before them."""

_DAY = dt.timedelta(days=1)

log = logging.getLogger(__name__)


def is_kept(day: dt.date, newest: dt.date) -> bool:
    """Whether the state at the end of *day* is kept, when *newest* is the last day that was decided on."""
    age = (newest - day).days
    return age >= 0 and any(day.toordinal() % every == 0 and age <= days for every, days in _KEPT)


def run_to(session: Session, model: str, day: dt.date, asked: Asked, known: Sequence[Known]) -> Run | None:
    """Bring the detector of *model* up to and including *day*; None without a single vote.

    What it gives is the same whichever state it goes on from, except for the coverage, which may begin later.
    """
    first = first_day(session, model)
    if first is None or first > day:
        return None
    feeds = {row.key: (row.outlet, row.bloc) for row in session.execute(select(Feed.key, Feed.outlet, Feed.bloc))}
    days = session.scalars(
        select(DetectorCheckpoint.day)
        .where(DetectorCheckpoint.model == model, DetectorCheckpoint.day <= day)
        .order_by(DetectorCheckpoint.day.desc())
    )
    for at in days.all():
        run = _from_state(session, model, (at, day), (asked, known), feeds)
        if run is not None:
            return run
    polled = first_polls(session)
    rows = load_rows(session, model, first, day, polled)
    coverage = coverage_from_rows(rows.votes, rows.feeds, ties().dyads, day, first, themes=rows.themes)
    if coverage is None:
        return None
    sources = _with_rows(Sources(), rows.feeds, feeds, polled)
    return go_on(coverage, asked, known, stops=_stops(first, day), sources=sources)


def save(store: Store, model: str, run: Run, *, changes: int, now: dt.datetime) -> bool:
    """Keep the states of *run*, unless a stored day has changed since there were *changes*; whether they were kept."""
    if not run.checkpoints:
        return True
    newest = run.checkpoints[-1].day
    with store.writing() as session:
        if changes_so_far(session, lock=True) != changes:
            return False
        mine = DetectorCheckpoint.model == model
        held = session.scalars(select(DetectorCheckpoint.day).where(mine, DetectorCheckpoint.day <= newest)).all()
        made = {checkpoint.day for checkpoint in run.checkpoints}
        gone = [day for day in held if day in made or not is_kept(day, newest)]
        session.execute(delete(DetectorCheckpoint).where(mine, DetectorCheckpoint.day.in_(gone)))
        for checkpoint in run.checkpoints:
            data = to_bytes(checkpoint)
            session.add(DetectorCheckpoint(model=model, day=checkpoint.day, data=data, made_at=now))
    return True


def _from_state(
    session: Session,
    model: str,
    span: tuple[dt.date, dt.date],
    wanted: tuple[Asked, Sequence[Known]],
    feeds: Mapping[str, tuple[str, str]],
) -> Run | None:
    """Go on from the state of the first day of *span* to its last day; None where the state does not hold."""
    at, day = span
    data = session.scalar(
        select(DetectorCheckpoint.data).where(DetectorCheckpoint.model == model, DetectorCheckpoint.day == at)
    )
    try:
        checkpoint = from_bytes(data or b"")
        if checkpoint.day != at or not checkpoint.holds_for(*wanted):
            return None
        polled = _polled(session, checkpoint.sources, feeds)
        if polled is None:
            return None
        coverage, sources = checkpoint.window, checkpoint.sources
        if at < day:
            rows = load_rows(session, model, at + _DAY, day, polled)
            later = _later(rows, checkpoint, day)
            if later is None:
                return None
            coverage, sources = checkpoint.with_days(later), _with_rows(sources, rows.feeds, feeds, polled)
    except InputError as error:
        log.info("The detector's state of %s does not serve: %s", at, error)
        return None
    return go_on(coverage, *wanted, after=checkpoint, stops=_stops(at + _DAY, day), sources=sources)


def _stops(first: dt.date, last: dt.date) -> list[dt.date]:
    days = (first + dt.timedelta(days=index) for index in range((last - first).days + 1))
    return [day for day in days if is_kept(day, last)]


def _polled(session: Session, sources: Sources, feeds: Mapping[str, tuple[str, str]]) -> dict[str, dt.date] | None:
    """The day of each feed's first poll; None where days were counted of a feed that is another one by now.

    First polls that are known already are not looked up again: the polls of years are many.
    """
    if any(feeds.get(key) != (source.outlet, source.bloc) for key, source in sources.feeds.items()):
        return None
    known = {key: source.polled for key, source in sources.feeds.items() if source.polled is not None}
    new = first_polls(session, [key for key in feeds if key not in known])
    # Days before a first poll do not count, and these have been counted.
    return None if any(key in sources.feeds for key in new) else known | new


def _later(rows: Rows, checkpoint: Checkpoint, day: dt.date) -> Coverage | None:
    """The days after *checkpoint*; None where they change how feeds were counted on the days before."""
    counted = checkpoint.sources.counted
    known = set(columns_of(checkpoint.window)) - (counted or frozenset())
    if any(row.seen and (row.outlet, row.feed) in known for row in rows.feeds):
        return None
    return coverage_from_rows(
        rows.votes, rows.feeds, ties().dyads, day, checkpoint.day + _DAY, themes=rows.themes, counted=counted
    )


def _with_rows(
    sources: Sources, rows: Sequence[FeedRow], feeds: Mapping[str, tuple[str, str]], polled: Mapping[str, dt.date]
) -> Sources:
    if not rows:
        return sources
    brought = {row.feed: Source(*feeds[row.feed], polled.get(row.feed)) for row in rows}
    counted = frozenset((row.outlet, row.feed) for row in rows if row.seen)
    return Sources(sources.feeds | brought, (sources.counted or frozenset()) | counted)
