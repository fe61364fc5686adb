"""A step that one process at a time may do, on either engine."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest
from sqlalchemy import select, text

from store.db import Store
from store.models import StepLease
from store.schema import newest_revision
from store.settings import ROOT
from store.steps import LEASE, one_at_a_time
from tests.processes import address, hear, process, say

NOON = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)


class Waits:
    """Counts the waits, moves the clock by them, and after some does something."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.count = 0
        self.now = NOON
        self.free_after = 0

    def clock(self) -> dt.datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.count += 1
        if self.count == self.free_after:
            hold(self.store, "", NOON)
        assert self.count < 10, "it waits for ever"


def hold(store: Store, holder: str, until: dt.datetime) -> None:
    with store.session() as session:
        session.merge(StepLease(name="decide", leased_to=holder, leased_until=until))


def holder_of(store: Store) -> str:
    with store.session() as session:
        return session.scalars(select(StepLease.leased_to).where(StepLease.name == "decide")).one()


def test_a_step_is_held_during_the_block_and_free_after_it_whatever_happens(any_store: Store) -> None:
    with one_at_a_time(any_store, "decide"):
        assert holder_of(any_store)
        with one_at_a_time(any_store, "mail"):
            pass  # another step is no hindrance
    assert not holder_of(any_store)
    with pytest.raises(ZeroDivisionError), one_at_a_time(any_store, "decide"):
        _ = 1 / 0
    assert not holder_of(any_store)


def test_who_comes_second_says_so_once_and_waits_until_the_first_is_through(
    any_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    waits = Waits(any_store)
    hold(any_store, "elsewhere 1 - - 0", NOON + LEASE)
    waits.free_after = 3
    with one_at_a_time(any_store, "decide", clock=waits.clock, sleep=waits.sleep):
        assert waits.count == 3
    assert caplog.messages == ["waiting: process 1 on elsewhere does the step 'decide' just now"]


def test_the_step_of_a_dead_machine_is_taken_over_at_the_end_of_its_lease(any_store: Store) -> None:
    waits = Waits(any_store)
    hold(any_store, "elsewhere 1 - - 0", NOON)
    with one_at_a_time(any_store, "decide", clock=waits.clock, sleep=waits.sleep):
        assert waits.count == 0


def test_a_lease_from_a_time_when_the_clock_was_ahead_holds_nobody_up(any_store: Store) -> None:
    waits = Waits(any_store)
    hold(any_store, "elsewhere 1 - - 0", NOON + dt.timedelta(days=2))
    with one_at_a_time(any_store, "decide", clock=waits.clock, sleep=waits.sleep):
        assert waits.count == 0


def test_the_step_of_a_process_that_died_here_is_taken_over_at_once(any_store: Store) -> None:
    told = "from store.holder import new_holder; print(new_holder())"
    made = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    waits = Waits(any_store)
    hold(any_store, made.stdout.strip(), NOON + LEASE)
    with one_at_a_time(any_store, "decide", clock=waits.clock, sleep=waits.sleep):
        assert waits.count == 1


def test_two_processes_that_start_at_once_bring_an_empty_database_to_the_newest_schema(any_store: Store) -> None:
    for table in reversed(inspected(any_store)):
        with any_store.engine.begin() as connection:
            connection.execute(text(f"DROP TABLE {table}"))
    script = (
        "import sys; from store.db import Store; store = Store(sys.argv[1]); print('ready', flush=True); "
        "sys.stdin.readline(); print(store.migrate())"
    )
    with process("-c", script, address(any_store)) as one, process("-c", script, address(any_store)) as two:
        assert (hear(one), hear(two)) == ("ready", "ready")
        say(one)
        say(two)
        assert (hear(one), hear(two)) == (newest_revision(), newest_revision())


def inspected(store: Store) -> list[str]:
    """The tables, those that others refer to first."""
    from store.models import Base

    return ["alembic_version", *(table.name for table in Base.metadata.sorted_tables)]
