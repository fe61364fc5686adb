"""Changes of days that were counted already: whoever writes such a day says so here, in the same transaction.

What the detector remembers of a day (`alerts.remembered`) holds only while nothing before it changes. Late articles, an
import of older ones, another reading: all of them end here, and the detector goes through the days from there on again.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import cast

from sqlalchemy import Executable, Table, delete, select, update
from sqlalchemy.orm import Session

from store.models import CoverageChange, DetectorCheckpoint
from store.upsert import upsert

_THE_ONE = 1
_CHANGE, _CHECKPOINT = (cast(Table, model.__table__) for model in (CoverageChange, DetectorCheckpoint))


def days_changed(session: Session, since: dt.date, model: str | None = None) -> None:
    """Days from *since* on are counted otherwise than before, for one *model* version or all of them.

    To be called once in a transaction, after the last of its changes.
    """
    # The count goes first: its row is locked until the end, so a state is saved either before what follows, which then
    # deletes it, or not at all.
    session.execute(_counting(session.get_bind().dialect.name), {"id": _THE_ONE, "changes": 1})
    outdated = delete(_CHECKPOINT).where(_CHECKPOINT.c.day >= since)
    session.execute(outdated if model is None else outdated.where(_CHECKPOINT.c.model == model))


@cache
def _counting(dialect: str) -> Executable:
    statement = upsert(dialect, _CHANGE)
    counting: Executable = statement.on_conflict_do_update(
        index_elements=[_CHANGE.c.id], set_={"changes": _CHANGE.c.changes + 1}
    )
    return counting


def changes_so_far(session: Session, *, lock: bool = False) -> int:
    """How many changes there were. With *lock*, as the first thing in a transaction, no other comes before its end."""
    mine = CoverageChange.id == _THE_ONE
    if lock:
        # A statement that writes, though nothing new: it locks the row in PostgreSQL and the database in SQLite.
        session.execute(update(CoverageChange).where(mine).values(changes=CoverageChange.changes))
    return session.scalar(select(CoverageChange.changes).where(mine)) or 0
