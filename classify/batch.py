"""Reading of stored articles: what has no reading of the current model version yet, in batches, safely interrupted."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Row, Select, Table, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from classify.model import Backend, Item, Read
from classify.outcome import Unread, UnreadCount, Usage, batch_size, count_unread, usage_of
from classify.spread import Spread, divisible, here
from store.db import Store
from store.models import Article, Reading, ReadingClaim, ReadingDyad, SeriesState
from store.numbered import add_numbered
from store.progress import Progress, silent

_STANCES = ("minus", "zero", "plus")
_COLUMNS = (Article.id, Article.title, Article.text, Article.outlet, Article.day, Article.url, Article.lang)
"""What `_item` takes."""
_READING = cast(Table, Reading.__table__)
_Row = TypeVar("_Row", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class ClassifyReport:
    """What a run read. `stances` counts, per dyad, the likeliest stances: minus, zero, plus.

    `unread` counts the articles that the backend could not read; they are tried again at the next run. `usage` is what
    a backend that costs something has used.
    """

    read: int
    relevant: int
    stances: dict[str, dict[str, int]]
    seconds: float
    model: str
    unread: tuple[UnreadCount, ...] = ()
    usage: Usage | None = None


@dataclass(slots=True)
class _Tally:
    read: int = 0
    relevant: int = 0
    stances: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, reading: Read) -> None:
        self.read += 1
        self.relevant += reading.relevant
        for dyad, one in reading.dyads.items():
            counts = self.stances.setdefault(dyad, dict.fromkeys(_STANCES, 0))
            counts[_STANCES[one.stance + 1]] += 1


def pending(session: Session, version: str) -> int:
    """How many articles have no reading of the model *version*."""
    return session.scalar(select(func.count()).select_from(Article).where(_is_unread(version))) or 0


def any_pending(session: Session, version: str) -> bool:
    """Whether an article has no reading of the model *version*; the newest are looked at first."""
    newest = select(Article.id).where(_is_unread(version)).order_by(Article.day.desc(), Article.id.desc())
    return session.scalar(newest.limit(1)) is not None


def forget_since(store: Store, version: str, since: dt.date, *, batch: int = 2_000, progress: Progress = silent) -> int:
    """Remove the readings that *version* made of articles from the day *since* on, so that they are read again.

    Gives how many. In batches, each a transaction; the series of these days are counted anew as they are read.
    """
    chosen = select(Reading.id).join(Article, Article.id == Reading.article_id)
    chosen = chosen.where(Reading.model == version, Article.day >= since)
    with store.session() as session:
        total = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    done = 0
    while True:
        with store.writing() as session:
            ids = session.scalars(chosen.order_by(Reading.id).limit(batch)).all()
            if not ids:
                return done
            session.execute(delete(Reading).where(Reading.id.in_(ids)))
            # SQLite gives the numbers of removed rows out again; what is read anew must count as new all the same.
            last = session.scalar(select(func.max(Reading.id))) or 0
            session.execute(update(SeriesState).where(SeriesState.last_reading_id > last).values(last_reading_id=last))
        done += len(ids)
        progress(done, total, "readings")


def classify_pending(
    store: Store,
    model: Backend,
    *,
    now: dt.datetime,
    batch: int = 500,
    limit: int | None = None,
    spread: Spread | None = None,
    progress: Progress = silent,
) -> ClassifyReport:
    """Read the articles that `model.version` has not read, newest day first, at most *limit* of them.

    Each batch is a transaction: whatever stops the run, what was read stays read and nothing is read twice. Where
    enough articles wait, others read them as *spread* says; they are stored here alone, in the same order.
    """
    started = time.monotonic()
    tally = _Tally()
    unread: list[Unread] = []
    tried = 0
    version = model.version
    with store.session() as session:
        total = pending(session, version)
    total = total if limit is None else min(total, limit)
    read, size = here(model), batch_size(model, batch)
    if spread is not None and total >= spread.least and divisible(model):
        read, size = spread.read, spread.batch
    # No transaction is open while a batch is read: a backend behind a network takes its time.
    for outcomes in read(_waiting(store, version, size, total)):
        unread += [one for one in outcomes if isinstance(one, Unread)]
        readings = [one for one in outcomes if isinstance(one, Read)]
        _keep(store, version, readings, now)
        # Counted after the commit: a batch that was rolled back was not read.
        for one in readings:
            tally.add(one)
        tried += len(outcomes)
        progress(tried, total, "articles")
    seconds = time.monotonic() - started
    return ClassifyReport(
        tally.read, tally.relevant, tally.stances, seconds, version, count_unread(unread), usage_of(model)
    )


def _waiting(store: Store, version: str, batch: int, total: int) -> Iterator[list[Item]]:
    """At most *total* articles without a reading, in batches."""
    last: tuple[dt.date, int] | None = None
    given = 0
    while given < total:
        # What has had its turn in this run is passed by: it is being read, or stays unread until the next run.
        query = _after(select(*_COLUMNS).where(_is_unread(version)), last)
        query = query.order_by(Article.day.desc(), Article.id.desc()).limit(min(batch, total - given))
        with store.session() as session:
            rows = session.execute(query).all()
        if not rows:
            return
        last = rows[-1].day, rows[-1].id
        given += len(rows)
        yield [_item(row) for row in rows]


def _keep(store: Store, version: str, readings: Sequence[Read], now: dt.datetime) -> None:
    """Store *readings* in one transaction, but none that another run stored meanwhile."""
    by_article = {int(read.id): read for read in readings}
    with store.writing() as session:
        done = select(Reading.article_id).where(Reading.model == version, Reading.article_id.in_(by_article))
        for article_id in session.scalars(done).all():
            del by_article[article_id]
        rows = [_stored(article_id, read, now) for article_id, read in by_article.items()]
        # Rows instead of objects: a backlog of a million readings is stored here, whoever reads it.
        numbers = add_numbered(session, _READING, rows)
        mine = list(zip(numbers, by_article.values(), strict=True))
        for table, parts in (
            (ReadingDyad, [row for number, read in mine for row in _dyads(number, read)]),
            (ReadingClaim, [row for number, read in mine for row in _claims(number, read)]),
        ):
            if parts:
                session.execute(insert(table), parts)


def _after(query: Select[_Row], last: tuple[dt.date, int] | None) -> Select[_Row]:
    if last is None:
        return query
    day, number = last
    return query.where(or_(Article.day < day, and_(Article.day == day, Article.id < number)))


def _is_unread(version: str) -> ColumnElement[bool]:
    return ~select(Reading.id).where(Reading.article_id == Article.id, Reading.model == version).exists()


def _item(row: Row[Any]) -> Item:
    return Item(
        id=str(row.id),
        title=row.title,
        text=row.text,
        source=row.outlet,
        date=row.day.isoformat(),
        url=row.url,
        lang=row.lang,
    )


def _stored(article_id: int, read: Read, now: dt.datetime) -> dict[str, Any]:
    claim = read.claim
    return {
        "article_id": article_id,
        "model": read.model,
        "relevant": read.relevant,
        "p_relevant": read.p_relevant,
        "themes": [{"code": theme.code, "p": round(theme.p, 4)} for theme in read.themes],
        "claim_id": claim.id if claim else None,
        "claim_similarity": claim.similarity if claim else None,
        "claim_relation": claim.relation if claim else None,
        "evidence": read.evidence,
        "read_at": now,
    }


def _dyads(reading_id: int, read: Read) -> list[dict[str, Any]]:
    return [
        {
            "reading_id": reading_id,
            "dyad": dyad,
            "stance": one.stance,
            "p_minus": one.p[0],
            "p_zero": one.p[1],
            "p_plus": one.p[2],
        }
        for dyad, one in read.dyads.items()
    ]


def _claims(reading_id: int, read: Read) -> list[dict[str, Any]]:
    """All claims that a backend names; the nearest alone where it names no more."""
    named = read.claims or ((read.claim,) if read.claim else ())
    return [
        {"reading_id": reading_id, "claim_id": one.id, "similarity": one.similarity, "relation": one.relation}
        for one in named
    ]
