"""Who was told what, and why not: the log that outlives digests and mails, and that every decision reads first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from alerts.notify import TELLING, Decision, DigestKind
from alerts.readers import Reader
from alerts.scope import Held, News
from store.models import Digest
from store.people import Approval, Notice


@dataclass(frozen=True, slots=True)
class Past:
    """What a reader was told: days (their own) by shift, narratives, the digests sent, and the last that told all.

    `read_at` is the moment of the last that was not kept back: what changed since then, this reader does not know.

    `dropped` are the shifts of digests that a person kept back: not told, and not to be told again by themselves.
    """

    told: dict[int, dt.date] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()
    narratives: frozenset[int] = frozenset()
    sent: frozenset[tuple[DigestKind, dt.date]] = frozenset()
    last_full: dt.date | None = None
    read_at: dt.datetime | None = None


def past_of(session: Session, readers: Sequence[Reader], day: dt.date) -> dict[str, Past]:
    """The past of each of *readers* by its key, as a digest for the day of data *day* must see it.

    What was told is told, also where that was for a later day: who looks at a day of the past anew tells nothing twice.
    """
    rows: dict[str, list[_Row]] = {reader.key: [] for reader in readers}
    found = session.execute(
        select(
            Notice.address,
            Notice.kind,
            Notice.day,
            Notice.at,
            Notice.shift_ids,
            Notice.narrative_ids,
            Approval.decision,
        )
        .outerjoin(Digest, Digest.id == Notice.digest_id)
        .outerjoin(Approval, Approval.id == Digest.approval_id)
        .where(Notice.kind.in_(TELLING))
        .order_by(Notice.at, Notice.id)
    )
    for address, *row in found:
        if address in rows:
            rows[address].append(_Row(*row))
    return {reader.key: _past(reader, rows[reader.key], day) for reader in readers}


class _Row(NamedTuple):
    kind: str
    day: dt.date
    at: dt.datetime
    shift_ids: list[int]
    narrative_ids: list[int]
    decision: str | None


def went_out() -> ColumnElement[bool]:
    """The condition on digests that none waits for a person's word or was dropped by it."""
    sent = select(Approval.id).where(Approval.decision == "send")
    return or_(Digest.approval_id.is_(None), Digest.approval_id.in_(sent))


def told_days(session: Session, zone: ZoneInfo) -> dict[int, dt.date]:
    """The day in *zone* on which each shift was first told to anybody."""
    days: dict[int, dt.date] = {}
    rows = session.execute(
        select(Notice.shift_ids, Notice.at)
        .join(Digest, Digest.id == Notice.digest_id)
        .where(Notice.kind.in_(TELLING), went_out())
        .order_by(Notice.at)
    )
    for numbers, moment in rows:
        for number in numbers:
            days.setdefault(number, moment.astimezone(zone).date())
    return days


def _past(reader: Reader, rows: Iterable[_Row], day: dt.date) -> Past:
    told: dict[int, dt.date] = {}
    dropped: set[int] = set()
    narratives: set[int] = set()
    sent: set[tuple[DigestKind, dt.date]] = set()
    last: dt.date | None = None
    read_at: dt.datetime | None = None
    for row in rows:
        on = reader.local(row.at).date()
        if row.decision == "drop":
            dropped.update(row.shift_ids)
        else:
            for number in row.shift_ids:
                told.setdefault(number, on)
        narratives.update(row.narrative_ids)
        if row.day > day:
            continue
        sent.add((DigestKind(row.kind), row.day))
        last = on if last is None else max(last, on)
        if row.decision != "drop":
            read_at = row.at
    return Past(told, frozenset(dropped - set(told)), frozenset(narratives), frozenset(sent), last, read_at)


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
    if digest_id is None:
        last = session.execute(
            select(Notice.reason, Notice.held, Notice.digest_id)
            .where(Notice.address == reader.key)
            .order_by(Notice.at.desc(), Notice.id.desc())
            .limit(1)
        ).first()
        if last is not None and last.digest_id is None and (last.reason, last.held) == (str(decision.reason), kept):
            return False
    session.add(
        Notice(
            address=reader.key,
            at=now,
            day=day,
            kind="" if digest_id is None else str(decision.kind),
            reason=str(decision.reason),
            digest_id=digest_id,
            shift_ids=list(shift_ids) if telling else [],
            narrative_ids=list(narrative_ids) if telling else [],
            held=kept,
        )
    )
    session.flush()
    return True
