"""Who changes a day that was counted deletes what the detector remembers of it, on both engines."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.changes import changes_so_far, days_changed
from store.db import Store
from store.models import DetectorCheckpoint

NOON = dt.datetime(2025, 3, 4, 12, 0, tzinfo=dt.UTC)


def day(number: int) -> dt.date:
    return dt.date(2025, 3, number)


@pytest.fixture
def remembered(any_store: Store) -> Store:
    """States of two model versions at the end of three days."""
    with any_store.session() as session:
        for model in ("old", "new"):
            for number in (1, 2, 3):
                session.add(DetectorCheckpoint(model=model, day=day(number), data=b"state", made_at=NOON))
    return any_store


def kept(store: Store) -> set[tuple[str, int]]:
    with store.session() as session:
        rows = session.execute(select(DetectorCheckpoint.model, DetectorCheckpoint.day))
        return {(model, at.day) for model, at in rows}


def test_states_from_the_day_on_are_deleted(remembered: Store) -> None:
    with remembered.session() as session:
        days_changed(session, day(2))
    assert kept(remembered) == {("old", 1), ("new", 1)}


def test_one_model_that_counts_otherwise_leaves_the_states_of_others(remembered: Store) -> None:
    with remembered.session() as session:
        days_changed(session, day(3), "new")
    assert kept(remembered) == {("old", 1), ("old", 2), ("old", 3), ("new", 1), ("new", 2)}


def changed_and_failed(session: Session) -> float:
    days_changed(session, day(1))
    return 1 / 0


def test_every_change_is_counted_with_its_transaction(any_store: Store) -> None:
    with any_store.session() as session:
        assert changes_so_far(session, lock=True) == 0
    for _ in range(2):
        with any_store.session() as session:
            days_changed(session, day(1))
            days_changed(session, day(2))
    with pytest.raises(ZeroDivisionError), any_store.session() as session:
        changed_and_failed(session)
    with any_store.session() as session:
        assert changes_so_far(session) == changes_so_far(session, lock=True) == 4
