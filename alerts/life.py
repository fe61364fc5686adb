"""The life of a shift on record: found, told, confirmed or faded, returned; silenced, held, judged."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.people import ShiftEvent


def note(session: Session, shift_id: int, state: str, why: str, *, day: dt.date, now: dt.datetime) -> None:
    """Keep that the shift came into *state*; nothing where its last event says the same."""
    last = session.execute(
        select(ShiftEvent.state, ShiftEvent.why)
        .where(ShiftEvent.shift_id == shift_id)
        .order_by(ShiftEvent.id.desc())
        .limit(1)
    ).first()
    if last is not None and (last.state, last.why) == (state, why):
        return
    session.add(ShiftEvent(shift_id=shift_id, state=state, day=day, why=why, at=now))
    session.flush()


FATES = ("confirmed", "faded", "returned")
"""States that change the status of a shift; the others tell what was done about it."""


def changed_at(session: Session) -> dict[int, dt.datetime]:
    """When the status of each shift last changed; one whose status is as it was found is left out."""
    rows = session.execute(
        select(ShiftEvent.shift_id, func.max(ShiftEvent.at))
        .where(ShiftEvent.state.in_(FATES))
        .group_by(ShiftEvent.shift_id)
    )
    return dict(rows.tuples().all())


def events(session: Session, shift_id: int) -> list[ShiftEvent]:
    """The states of a shift, the earliest first."""
    return list(session.scalars(select(ShiftEvent).where(ShiftEvent.shift_id == shift_id).order_by(ShiftEvent.id)))
