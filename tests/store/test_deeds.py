"""What people asked for stays on record, a line a run."""

from __future__ import annotations

import datetime as dt

from store.db import Store
from store.deeds import deeds_since, keep_deed

NOON = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)


def keep(store: Store, run: str, who: str, outcome: str, hours: int = 0) -> None:
    with store.session() as session:
        keep_deed(
            session,
            at=NOON + dt.timedelta(hours=hours),
            who=who,
            flow="re-read",
            run=run,
            asked=[("Since", "2026-11-01")],
            outcome=outcome,
        )


def test_deeds_come_in_their_order_and_by_person(any_store: Store) -> None:
    keep(any_store, "r2", "Bo", "re-read: 3 articles", hours=2)
    keep(any_store, "r1", "Ann", "re-read: refused", hours=1)
    keep(any_store, "r0", "Ann", "re-read: nothing new", hours=-1)
    with any_store.session() as session:
        rows = deeds_since(session, NOON)
        assert [(row.who, row.outcome) for row in rows] == [("Ann", "re-read: refused"), ("Bo", "re-read: 3 articles")]
        assert rows[0].asked == [{"field": "Since", "value": "2026-11-01"}]
        assert [row.run for row in deeds_since(session, NOON - dt.timedelta(days=1), who=" ANN ")] == ["r0", "r1"]


def test_a_later_word_on_a_run_replaces_the_earlier_one(any_store: Store) -> None:
    keep(any_store, "r1", "Ann", "re-read: failed")
    keep(any_store, "r1", "Ann", "re-read: 3 articles", hours=1)
    with any_store.session() as session:
        (row,) = deeds_since(session, NOON)
        assert (row.outcome, row.at) == ("re-read: 3 articles", NOON + dt.timedelta(hours=1))
