"""Steps that one process at a time may do: counting, deciding, mailing. Who comes second waits, and finds it done.

Prefect's limits keep the runs of one server apart. They know nothing of a command typed on another machine, nor of a
run that a server counts as dead while it still works.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute, Session

from store.db import Store
from store.holder import has_died, new_holder
from store.models import StepLease
from store.transact import in_transaction
from store.upsert import upsert

LEASE = dt.timedelta(minutes=2)
"""How long a step stays blocked when its holder's machine fails. A process that died on this one blocks nothing."""
RENEW_S = 30.0
"""Seconds between two renewals: three may fail."""
AGAIN_S = 0.5
"""Seconds after which a step that another process does is looked at again."""
Clock = Callable[[], dt.datetime]
_log = logging.getLogger("ricwatch.store")


def store_clock(store: Store) -> Clock:
    """The time by which leases are reckoned: a database server's own, for the workers' clocks may differ."""
    if store.engine.dialect.name == "sqlite":
        return lambda: dt.datetime.now(dt.UTC)
    with store.session() as session:
        ahead = session.execute(select(func.now())).scalar_one() - dt.datetime.now(dt.UTC)
    return lambda: dt.datetime.now(dt.UTC) + ahead


@contextmanager
def one_at_a_time(
    store: Store, step: str, *, clock: Clock | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Do the block while nobody else who shares *store* does one of the same *step*; waits for its turn."""
    now = clock or store_clock(store)
    holder = new_holder()
    told = ""
    while other := in_transaction(
        store, lambda session: _take(session, step, holder, now()), undo=lambda: None, what=f"the turn to {step}"
    ):
        if other != told:
            told = other
            machine, process, *_ = [*other.split(" "), "?"]
            # A warning, since that is what a command line shows.
            _log.warning("waiting: process %s on %s does the step %r just now", process, machine, step)
        sleep(AGAIN_S)
    ended = threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(store, step, holder, now, ended), name=f"lease of {step}", daemon=True
    )
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        _write(store, step, holder, leased_to="")


def over(end: ColumnElement[Any] | InstrumentedAttribute[Any], now: dt.datetime) -> ColumnElement[bool]:
    """Whether a lease with that *end* holds no more. None lasts so long: the clock was ahead when that was written."""
    return or_(end <= now, end > now + 2 * LEASE)


def _take(session: Session, step: str, holder: str, now: dt.datetime) -> str:
    """Empty when it is ours now; else who does it. Of one that died the lease is ended, for the next try."""
    ours = {"leased_to": holder, "leased_until": now + LEASE}
    taken = session.scalar(
        upsert(session.get_bind().dialect.name, StepLease)
        .values(name=step, **ours)
        .on_conflict_do_update(
            index_elements=[StepLease.name],
            set_=ours,
            where=or_(StepLease.leased_to == "", over(StepLease.leased_until, now)),
        )
        .returning(StepLease.name)
    )
    if taken is not None:
        return ""
    other = session.scalar(select(StepLease.leased_to).where(StepLease.name == step)) or ""
    if has_died(other):
        session.execute(
            update(StepLease).where(StepLease.name == step, StepLease.leased_to == other).values(leased_to="")
        )
    return other or "?"


def _keep(store: Store, step: str, holder: str, now: Clock, ended: threading.Event) -> None:
    while not ended.wait(RENEW_S):
        _write(store, step, holder, leased_until=now() + LEASE)


def _write(store: Store, step: str, holder: str, **values: object) -> None:
    """Change the lease if it is still ours; where the database fails, the work itself meets that and tells it."""
    mine = update(StepLease).where(StepLease.name == step, StepLease.leased_to == holder).values(**values)
    try:
        in_transaction(store, lambda session: session.execute(mine), undo=lambda: None, what=f"the lease of {step}")
    except SQLAlchemyError as error:
        _log.info("the lease of %s ends by itself: %s", step, error)
