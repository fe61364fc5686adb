"""Which feeds report: what arrives tells a silent feed from a silent topic."""

from __future__ import annotations

import numpy as np

from alerts.reporting import find_reporting


def steady(days: int = 120, feeds: int = 8, items: float = 20.0) -> np.ndarray:
    return np.full((days, feeds), items)


def test_feeds_that_bring_items_are_alive_and_days_usable() -> None:
    reporting = find_reporting(steady(), items=True)
    assert reporting.usable.all()
    assert reporting.alive.all()
    assert round(float(reporting.expected[-1])) == 8
    assert reporting.reported[-1] == 8


def test_a_busy_feed_is_silent_at_once_and_a_slow_one_after_seven_missed_items() -> None:
    items = steady()
    items[:, 1] = 1.0
    items[80:, :2] = 0
    reporting = find_reporting(items, items=True)
    assert not reporting.silent[79].any()
    assert reporting.silent[80, 0]
    assert not reporting.silent[85, 1]
    assert reporting.silent[87, 1]
    assert not reporting.silent[:, 2:].any()
    assert reporting.usable.all()


def test_a_feed_that_comes_back_is_alive_again() -> None:
    items = steady()
    items[80:90, 0] = 0
    reporting = find_reporting(items, items=True)
    assert reporting.alive[79:92, 0].tolist() == [1.0] + [0.0] * 10 + [1.0, 1.0]


def test_a_feed_counts_from_its_first_item() -> None:
    items = steady()
    items[:60, 3] = 0
    assert find_reporting(items, items=True).alive[:, 3].tolist() == [0.0] * 60 + [1.0] * 60


def test_a_day_with_few_feeds_or_nothing_is_no_measurement() -> None:
    items = steady()
    items[70, 3:] = 0
    items[75] = 0
    reporting = find_reporting(items, items=True)
    assert np.flatnonzero(~reporting.usable).tolist() == [75] or np.flatnonzero(~reporting.usable).tolist() == [70, 75]
    # With slow feeds, of which none is silent after a day, it is the number of those that report that tells.
    slow = steady(items=3.0)
    slow[70, 2:] = 0
    assert np.flatnonzero(~find_reporting(slow, items=True).usable).tolist() == [70]


def test_a_day_that_was_not_seen_whole_does_not_count_for_a_busy_feed() -> None:
    items = steady()
    items[70, 0] = 4
    assert find_reporting(items, items=True).alive[70].tolist() == [0.0] + [1.0] * 7
    # Of votes a few are as good as many: their number is what is measured.
    assert find_reporting(items).alive[70].all()


def test_a_slow_topic_is_no_outage() -> None:
    votes = np.zeros((200, 1))
    votes[::4] = 1
    assert find_reporting(votes).usable.all()
    assert not find_reporting(votes).silent.any()
