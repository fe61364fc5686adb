"""What may be forgotten, and when. Denominators, votes, series, shifts, titles and what digests said are kept for ever.

Nothing here may move a number: a feed's first poll says where its measurement begins, a reading in force is taken again
when a late article touches its day, and an item that a feed still holds must stay known or it would be counted anew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, false, func, literal, or_, select, tuple_, update
from sqlalchemy.orm import Session

from alerts.outbox import MailState
from ingest.roster import IMPORT_KIND
from store.db import Store
from store.logfiles import trim
from store.models import (
    Article,
    Feed,
    OperatorMail,
    Outbox,
    Poll,
    Reading,
    ReadingClaim,
    ReadingDyad,
    SeenItem,
)
from store.people import Deed
from store.progress import Progress, silent
from store.settings import Settings

BATCH = 500
"""Rows of one transaction: it holds SQLite's only writer's place for some milliseconds."""
SETTLED = (MailState.SENT, MailState.FAILED, MailState.DROPPED)
"""Mails whose bytes nobody needs again; one of unknown fate may be sent again by a person's word."""


@dataclass(frozen=True, slots=True)
class Tidied:
    """What one rule forgot, or would forget in a dry run; `days` is its setting."""

    what: str
    days: int
    rows: int


@dataclass(frozen=True, slots=True)
class TidyReport:
    """All rules in order."""

    rows: tuple[Tidied, ...]
    dry_run: bool

    @property
    def summary(self) -> str:
        """One line for the state message."""
        done = ", ".join(f"{row.rows:,} {row.what}" for row in self.rows if row.rows)
        return f"{'dry run: would forget' if self.dry_run else 'forgot'} {done or 'nothing'}"


@dataclass(frozen=True)
class _Rule:
    """*keys* selects the keys of what may go, *forget* takes some of them."""

    what: str
    days: int
    keys: Select[Any]
    forget: Callable[[Session, Sequence[Any]], Any]


def tidy(
    store: Store,
    settings: Settings,
    model: str,
    *,
    now: dt.datetime,
    dry_run: bool = False,
    progress: Progress = silent,
) -> TidyReport:
    """Forget what the settings allow, in batches that do not hold up a running watch; *model* is the one in force."""
    done = []
    for rule in _rules(store, settings, model, now):
        rows = 0
        if rule.days > 0:
            rows = _count(store, rule) if dry_run else _forget(store, rule, progress)
        done.append(Tidied(rule.what, rule.days, rows))
    pieces = trim(settings.logs_folder, day=now.date(), keep_days=settings.keep_logs_days, dry_run=dry_run)
    done.append(Tidied("pieces of log files", settings.keep_logs_days, pieces))
    return TidyReport(tuple(done), dry_run)


def _count(store: Store, rule: _Rule) -> int:
    with store.session() as session:
        return session.scalar(select(func.count()).select_from(rule.keys.subquery())) or 0


def _forget(store: Store, rule: _Rule, progress: Progress) -> int:
    gone = 0
    while True:
        with store.writing() as session:
            keys = [row[0] if len(row) == 1 else tuple(row) for row in session.execute(rule.keys.limit(BATCH))]
            if keys:
                rule.forget(session, keys)
        gone += len(keys)
        progress(gone, None, rule.what)
        if len(keys) < BATCH:
            return gone


def _rules(store: Store, settings: Settings, model: str, now: dt.datetime) -> list[_Rule]:
    def before(days: int) -> dt.datetime:
        return now - dt.timedelta(days=days)

    texts, polls = settings.keep_texts_days, settings.keep_polls_days
    seen, mails = settings.keep_seen_days, settings.keep_mails_days
    text_day = before(texts).date()
    return [
        _Rule(
            "article texts",
            texts,
            select(Article.id).where(Article.day < text_day, Article.text != ""),
            lambda session, ids: session.execute(update(Article).where(Article.id.in_(ids)).values(text="")),
        ),
        _Rule(
            "evidence sentences of readings",
            texts,
            select(Reading.id)
            .join(Article, Article.id == Reading.article_id)
            .where(Article.day < text_day, Reading.evidence.is_not(None)),
            lambda session, ids: session.execute(update(Reading).where(Reading.id.in_(ids)).values(evidence=None)),
        ),
        _Rule(
            "readings of earlier models",
            settings.keep_readings_days,
            select(Reading.id).where(Reading.model != model, Reading.read_at < before(settings.keep_readings_days)),
            _drop_readings,
        ),
        _Rule(
            "polls",
            polls,
            select(Poll.id).where(Poll.started_at < before(polls), ~_needed_poll()),
            lambda session, ids: session.execute(delete(Poll).where(Poll.id.in_(ids))),
        ),
        _Rule(
            "items outside the topic",
            seen,
            _left_the_feed(_read_anew(store, seen)),
            lambda session, keys: session.execute(
                delete(SeenItem).where(tuple_(SeenItem.feed_key, SeenItem.item_hash).in_(keys))
            ),
        ),
        _Rule(
            "mails' bytes",
            mails,
            select(Outbox.id).where(
                Outbox.state.in_(SETTLED), Outbox.created_at < before(mails), func.length(Outbox.mime) > 0
            ),
            lambda session, ids: session.execute(update(Outbox).where(Outbox.id.in_(ids)).values(mime=b"")),
        ),
        _Rule(
            "operator mails' bytes",
            mails,
            select(OperatorMail.id).where(
                OperatorMail.state.in_(SETTLED),
                OperatorMail.created_at < before(mails),
                func.length(OperatorMail.mime) > 0,
            ),
            lambda session, ids: session.execute(update(OperatorMail).where(OperatorMail.id.in_(ids)).values(mime=b"")),
        ),
        _Rule(
            "deeds",
            settings.keep_deeds_days,
            select(Deed.id).where(Deed.at < before(settings.keep_deeds_days)),
            lambda session, ids: session.execute(delete(Deed).where(Deed.id.in_(ids))),
        ),
    ]


def _needed_poll() -> ColumnElement[bool]:
    first = select(func.min(Poll.id)).group_by(Poll.feed_key)
    # The polling policy asks when a feed last answered with a body, however long ago that is.
    newest = (
        select(func.max(case((Poll.outcome.in_(("fetched", "same_body")), Poll.id), else_=literal(0))))
        .group_by(Poll.feed_key)
    )  # fmt: skip
    brought = select(Article.id).where(Article.poll_id == Poll.id).exists()
    return or_(Poll.id.in_(first), Poll.id.in_(newest), brought)


def _read_anew(store: Store, days: int) -> dict[str, dt.date]:
    """Per feed, the day *days* before it last brought something new.

    Counted from the feed's own last news: one that is silent for a year still holds its items, and its next answer must
    find them known. Imports are left alone: a file can be imported again after any time.
    """
    with store.session() as session:
        rows = session.execute(
            select(Feed.key, Feed.last_new_at).where(Feed.kind != IMPORT_KIND, Feed.last_new_at.is_not(None))
        ).all()
    return {key: (at - dt.timedelta(days=days)).date() for key, at in rows if at is not None}


def _left_the_feed(limits: Mapping[str, dt.date]) -> Select[Any]:
    """Items that were not in their feed when it was last read anew, nor for the days before that."""
    past = [and_(SeenItem.feed_key == key, SeenItem.last_seen < day) for key, day in limits.items()]
    return select(SeenItem.feed_key, SeenItem.item_hash).where(or_(false(), *past))


def _drop_readings(session: Session, ids: Sequence[Any]) -> None:
    session.execute(delete(ReadingDyad).where(ReadingDyad.reading_id.in_(ids)))
    session.execute(delete(ReadingClaim).where(ReadingClaim.reading_id.in_(ids)))
    session.execute(delete(Reading).where(Reading.id.in_(ids)))
