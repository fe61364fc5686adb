"""What the monitor holds, as files for other programs: the series, the shifts, the readings, the stories that count.

Rows leave the database as they are written, so that the memory does not grow with the file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from alerts.life import changed_at
from alerts.load import first_day
from alerts.notices import told_days
from alerts.tablefile import Form, form_of, write_table
from ingest.ties import ties
from store.db import Store
from store.errors import InputError
from store.models import Article, FeedDay, Reading, ReadingDyad, SeriesDay, Shift, Story, Vote
from store.progress import Progress, silent
from store.settings import Settings

AT_ONCE = 1_000
"""Rows that are taken from the database at a time."""


class What(StrEnum):
    """What can be exported."""

    SERIES = "series"
    SHIFTS = "shifts"
    READINGS = "readings"
    STORIES = "stories"


COLUMNS = {
    What.SERIES: ("date", "dyad", "plus", "zero", "minus", "total", "score"),
    What.SHIFTS: (
        *("id", "dyad", "kind", "direction", "onset", "detected", "magnitude", "low", "high", "before", "after"),
        *("log_evidence", "threshold", "years", "confidence", "status", "status_at", "told_on", "theme", "bloc"),
        *("stories", "outlets", "model", "text"),
    ),
    What.READINGS: (
        *("article", "date", "outlet", "bloc", "lang", "title", "url", "story", "relevant", "p_relevant", "dyad"),
        *("stance", "p_minus", "p_zero", "p_plus", "themes", "claim", "claim_relation", "evidence", "model"),
    ),
    What.STORIES: (
        *("story", "date", "dyad", "score", "stance", "outlet", "bloc", "title", "url", "theme", "themes", "copies"),
        *("first", "last", "articles", "outlets", "model"),
    ),
}
"""The columns of each file, explained in ``docs/formats.md``; a test holds the page to this."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What goes where: `form` is csv or jsonl, empty goes by the path's ending; an empty `dyad` means all of them."""

    what: What
    path: Path
    form: str = ""
    first: dt.date | None = None
    last: dt.date | None = None
    dyad: str = ""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    what: What
    path: Path
    form: Form
    rows: int
    model: str


def export(
    store: Store, settings: Settings, model: str, asked: Asked, *, day: dt.date, progress: Progress = silent
) -> Exported:
    """Write what was *asked* for, up to *day*, the last closed one, as *model* read it; shifts are those of all models.

    Raises:
        InputError: the days are in the wrong order, there is no such tie or form, or the file cannot be written.
    """
    form = form_of(asked.path, asked.form)
    if asked.dyad and asked.dyad not in ties().dyads:
        raise InputError(f"there is no tie {asked.dyad!r}; write {', '.join(ties().dyads[:-1])} or {ties().dyads[-1]}")
    if asked.first and asked.last and asked.first > asked.last:
        raise InputError(f"the first day, {asked.first}, lies after the last day, {asked.last}")
    rows_of: Callable[[Session, _Job], Iterator[dict[str, Any]]] = _ROWS[asked.what]
    with store.session() as session:
        first, last = asked.first or dt.date.min, min(asked.last or day, day)
        job = _Job(settings, model, first, last, asked.dyad, progress)
        rows = write_table(asked.path, form, COLUMNS[asked.what], rows_of(session, job))
    return Exported(asked.what, asked.path, form, rows, model)


@dataclass(frozen=True, slots=True)
class _Job:
    settings: Settings
    model: str
    first: dt.date
    last: dt.date
    dyad: str
    progress: Progress

    @property
    def dyads(self) -> tuple[str, ...]:
        return (self.dyad,) if self.dyad else ties().dyads

    def counted(self, session: Session, query: Select[Any]) -> Iterator[Any]:
        """The rows of *query*, a thousand at a time, with word of how far it is."""
        total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
        done = 0
        for done, row in enumerate(session.execute(query.execution_options(yield_per=AT_ONCE)), 1):
            if done % AT_ONCE == 0:
                self.progress(done, total, "")
            yield row
        self.progress(done, total, "")


def _series(session: Session, job: _Job) -> Iterator[dict[str, Any]]:
    """Daily counts as `ricwatch detect` reads them: a row for each tie on each day on which anything was monitored.

    A total below the counts would be no total (an article counts on the day of its first sight where its date is
    missing, its feed on another), so it is left out: the amount of that day is unknown.
    """
    start = first_day(session, job.model)
    if start is None:
        return
    first = max(start, job.first)
    days = (FeedDay.day >= first, FeedDay.day <= job.last)
    seen = select(FeedDay.day, func.sum(FeedDay.seen)).where(*days).group_by(FeedDay.day)
    totals: dict[dt.date, int] = dict(session.execute(seen).tuples().all())
    rows = session.execute(
        select(SeriesDay.day, SeriesDay.dyad, SeriesDay.plus, SeriesDay.zero, SeriesDay.minus, SeriesDay.score).where(
            SeriesDay.model == job.model,
            SeriesDay.bloc == "",
            SeriesDay.theme == "",
            SeriesDay.day >= first,
            SeriesDay.day <= job.last,
        )
    ).tuples()
    counts = {(day, dyad): (plus, zero, minus, score) for day, dyad, plus, zero, minus, score in rows}
    watched = sorted(set(totals) | {day for day, _dyad in counts})
    for done, day in enumerate(watched, 1):
        for dyad in job.dyads:
            plus, zero, minus, score = counts.get((day, dyad), (0, 0, 0, 0.0))
            stories, total = plus + zero + minus, totals.get(day)
            yield {
                "date": day,
                "dyad": dyad,
                "plus": plus,
                "zero": zero,
                "minus": minus,
                "total": total if total is not None and total >= stories else None,
                "score": round(score / stories, 4) if stories else None,
            }
        job.progress(done, len(watched), "")


def _shifts(session: Session, job: _Job) -> Iterator[dict[str, Any]]:
    told, changed = told_days(session, job.settings.zone), changed_at(session)
    query = select(Shift).where(Shift.detected >= job.first, Shift.detected <= job.last)
    if job.dyad:
        query = query.where(Shift.dyad == job.dyad)
    for (shift,) in job.counted(session, query.order_by(Shift.detected, Shift.id)):
        yield {
            "id": shift.id,
            "dyad": shift.dyad,
            "kind": shift.kind,
            "direction": shift.direction,
            "onset": shift.onset,
            "detected": shift.detected,
            **{name: round(getattr(shift, name), 4) for name in ("magnitude", "low", "high", "before", "after")},
            **{name: round(getattr(shift, name), 3) for name in ("log_evidence", "threshold")},
            "years": round(shift.years, 2),
            "confidence": shift.confidence,
            "status": shift.status,
            "status_at": changed.get(shift.id),
            "told_on": told.get(shift.id),
            "theme": shift.theme,
            "bloc": shift.bloc,
            "stories": shift.evidence.get("story_count", 0),
            "outlets": shift.evidence.get("outlet_count", 0),
            "model": shift.model,
            "text": shift.text,
            "evidence": shift.evidence,
        }


def _readings(session: Session, job: _Job) -> Iterator[dict[str, Any]]:
    """A row for each article and tie that it concerns; one without a tie for an article that concerns none."""
    tie = and_(ReadingDyad.reading_id == Reading.id, ReadingDyad.dyad.in_(job.dyads))
    query = (
        select(
            Article.id,
            Article.day,
            Article.outlet,
            Article.bloc,
            Article.lang,
            Article.title,
            Article.url,
            Article.story_id,
            Reading.relevant,
            Reading.p_relevant,
            ReadingDyad.dyad,
            ReadingDyad.stance,
            ReadingDyad.p_minus,
            ReadingDyad.p_zero,
            ReadingDyad.p_plus,
            Reading.themes,
            Reading.claim_id,
            Reading.claim_relation,
            Reading.evidence,
            Reading.model,
        )
        .join(Reading, Reading.article_id == Article.id)
        .join(ReadingDyad, tie, isouter=not job.dyad)
        .where(Reading.model == job.model, Article.day >= job.first, Article.day <= job.last)
        .order_by(Article.day, Article.id, ReadingDyad.dyad)
    )
    for row in job.counted(session, query):
        record = dict(zip(COLUMNS[What.READINGS], row, strict=True))
        record["themes"] = [str(theme["code"]) for theme in row.themes or ()]
        for name in ("p_relevant", "p_minus", "p_zero", "p_plus"):
            record[name] = None if record[name] is None else round(record[name], 4)
        yield record


def _stories(session: Session, job: _Job) -> Iterator[dict[str, Any]]:
    """A row for each vote: one story on one day and tie, which is what the series count."""
    query = (
        select(
            Vote.story_id,
            Vote.day,
            Vote.dyad,
            Vote.score,
            Vote.stance,
            Vote.outlet,
            Vote.bloc,
            Article.title,
            Article.url,
            Vote.theme,
            Vote.themes,
            Vote.copies,
            Story.day,
            Story.last_day,
            Story.articles,
            Story.outlets,
            Vote.model,
        )
        .join(Article, Article.id == Vote.article_id)
        .join(Story, Story.id == Vote.story_id)
        .where(Vote.model == job.model, Vote.day >= job.first, Vote.day <= job.last, Vote.dyad.in_(job.dyads))
        .order_by(Vote.day, Vote.dyad, Vote.story_id)
    )
    for row in job.counted(session, query):
        record = dict(zip(COLUMNS[What.STORIES], row, strict=True))
        yield {**record, "score": round(record["score"], 4)}


_ROWS: dict[What, Callable[[Session, _Job], Iterator[dict[str, Any]]]] = {
    What.SERIES: _series,
    What.SHIFTS: _shifts,
    What.READINGS: _readings,
    What.STORIES: _stories,
}
