"""Who was told what, and why not: the log that outlives digests and mails, and that every decision reads first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.notify import TELLING, Decision, DigestKind
from alerts.readers import Reader
from alerts.scope import Held, News
from store.people import Notice


@dataclass(frozen=True, slots=True)
class Past:
    """What a reader was told: days (their own) by shift, narratives, the digests sent, and the last that told all."""

    told: dict[int, dt.date] = field(default_factory=dict)
    narratives: frozenset[int] = frozenset()
    sent: frozenset[tuple[DigestKind, dt.date]] = frozenset()
    last_full: dt.date | None = None


def past_of(session: Session, readers: Sequence[Reader], day: dt.date) -> dict[str, Past]:
    """The past of each of *readers* by its key, up to the day of data *day*."""
    rows: dict[str, list[Notice]] = {reader.key: [] for reader in readers}
    for row in session.scalars(
        select(Notice).where(Notice.kind.in_(TELLING), Notice.day <= day).order_by(Notice.at, Notice.id)
    ):
        if row.address in rows:
            rows[row.address].append(row)
    return {reader.key: _past(reader, rows[reader.key]) for reader in readers}


def told_days(session: Session, zone: ZoneInfo) -> dict[int, dt.date]:
    """The day in *zone* on which each shift was first told to anybody."""
    days: dict[int, dt.date] = {}
    rows = session.execute(select(Notice.shift_ids, Notice.at).where(Notice.kind.in_(TELLING)).order_by(Notice.at))
    for numbers, moment in rows:
        for number in numbers:
            days.setdefault(number, moment.astimezone(zone).date())
    return days


def _past(reader: Reader, rows: Iterable[Notice]) -> Past:
    told: dict[int, dt.date] = {}
    narratives: set[int] = set()
    sent: set[tuple[DigestKind, dt.date]] = set()
    last: dt.date | None = None
    for row in rows:
        on = reader.local(row.at).date()
        for number in row.shift_ids:
            told.setdefault(number, on)
        narratives.update(row.narrative_ids)
        sent.add((DigestKind(row.kind), row.day))
        last = on if last is None else max(last, on)
    return Past(told, frozenset(narratives), frozenset(sent), last)


def keep(
    session: Session,
    reader: Reader,
    decision: Decision,
    *,
    day: dt.date,
    now: dt.datetime,
    digest_id: int | None = None,
    shift_ids: Sequence[int] = (),
    narrative_ids: Sequence[int] = (),
    held: Sequence[tuple[News, Held]] = (),
) -> bool:
    """Keep what was decided for *reader*; gives whether it was worth keeping.

    Only what tells counts as told. That nothing was sent is kept once for each change of the reason: an hourly watch
    would else write the same line for every reader and hour.
    """
    kept = [{"id": news.id, "reason": str(reason)} for news, reason in held]
    telling = digest_id is not None and decision.kind in TELLING
    if not telling:
        last = session.execute(
            select(Notice.reason, Notice.held, Notice.kind)
            .where(Notice.address == reader.key)
            .order_by(Notice.at.desc(), Notice.id.desc())
            .limit(1)
        ).first()
        if last is not None and not last.kind and (last.reason, last.held) == (str(decision.reason), kept):
            return False
    session.add(
        Notice(
            address=reader.key,
            at=now,
            day=day,
            kind=str(decision.kind) if telling else "",
            reason=str(decision.reason),
            digest_id=digest_id,
            shift_ids=list(shift_ids) if telling else [],
            narrative_ids=list(narrative_ids) if telling else [],
            held=kept,
        )
    )
    session.flush()
    return True
