"""The empirical null: what is permuted, what stays, and what it finds where there is something and nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from alerts.load import load_coverage
from alerts.null import BLOCK, Null, _ties, empirical_null, permuted, poisson_range
from alerts.series import update_series
from store.db import Store
from tests.alerts.helpers_store import MODEL, add, day, feed_days, press

DAYS = 168


@pytest.fixture
def turned(store: Store) -> Store:
    """Half a year that turns in its last third."""
    add(store, press(DAYS, mean=[0.4] * 112 + [-0.5] * 56, per_outlet=1.5))
    feed_days(store, DAYS)
    update_series(store, MODEL, now=dt.datetime.combine(day(DAYS), dt.time(6), dt.UTC))
    return store


def null(session: Session, *, seed: int = 1, histories: int = 3) -> Null | None:
    return empirical_null(session, MODEL, day(DAYS - 1), histories=histories, seed=seed, false_alarms_per_year=1.0)


def test_every_count_stays_and_the_stances_move_in_blocks(turned: Store) -> None:
    with turned.session() as session:
        coverage = load_coverage(session, MODEL, day(DAYS - 1))
        assert coverage is not None
        ties = _ties(session, MODEL, coverage)
    dealt = permuted(coverage, ties, np.random.default_rng(3))
    before, after = coverage.dyads["IN-CN"], dealt.dyads["IN-CN"]
    assert np.array_equal(before.votes, after.votes)
    assert dealt.seen is coverage.seen
    assert after.score.sum() == pytest.approx(before.score.sum())
    assert after.squares.sum() == pytest.approx(before.squares.sum())
    assert not np.allclose(before.score.sum(axis=1), after.score.sum(axis=1))
    # A block of the new order says what one or two of the true order said: both tones are still there, not their mean.
    tone = [
        after.score[at : at + BLOCK].sum() / max(1, after.votes[at : at + BLOCK].sum()) for at in range(0, DAYS, BLOCK)
    ]
    assert max(tone) > 0.1 > -0.2 > min(tone)


def test_the_true_order_is_rebuilt_by_the_order_that_changes_nothing(turned: Store) -> None:
    class Unmoved(np.random.Generator):
        def permutation(self, x: Any, axis: int = 0) -> Any:
            return np.arange(x)

    with turned.session() as session:
        coverage = load_coverage(session, MODEL, day(DAYS - 1))
        assert coverage is not None
        ties = _ties(session, MODEL, coverage)
    same = permuted(coverage, ties, Unmoved(np.random.PCG64(1)))
    for dyad, table in coverage.dyads.items():
        assert np.allclose(table.score, same.dyads[dyad].score)
        assert np.allclose(table.squares, same.dyads[dyad].squares)


def test_a_seed_gives_the_same_histories_and_progress_is_told(turned: Store) -> None:
    steps: list[tuple[int, int | None]] = []

    def tell(done: int, total: int | None = None, note: str = "") -> None:
        steps.append((done, total))

    with turned.session() as session:
        first = empirical_null(
            session,
            MODEL,
            day(DAYS - 1),
            histories=3,
            seed=5,
            false_alarms_per_year=1.0,
            progress=tell,
        )
        assert null(session, seed=5) == first
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert first is not None
    assert first.observed >= 1
    assert first.asked == pytest.approx(0.25)
    assert first.years == pytest.approx(3 * (DAYS - 28) / 365.25)
    assert sum(first.shuffled) <= sum(first.tone) + 1


def test_none_without_histories_stories_or_enough_days(turned: Store) -> None:
    with turned.session() as session:
        assert null(session, histories=0) is None
        assert (
            empirical_null(session, MODEL, day(4 * BLOCK - 2), histories=2, seed=1, false_alarms_per_year=1.0) is None
        )
        assert empirical_null(session, "other", day(99), histories=2, seed=1, false_alarms_per_year=1.0) is None


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (13, 6.922, 22.23)])
def test_the_range_of_a_poisson_mean_is_the_tabled_one(count: int, low: float, high: float) -> None:
    assert poisson_range(count) == pytest.approx((low, high), abs=0.005)


def test_a_large_count_has_a_range_too() -> None:
    low, high = poisson_range(5_000)
    assert 4_860 < low < 5_000 < high < 5_142
