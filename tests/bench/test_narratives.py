"""The rule for narratives on a small simulated press: quiet by chance, quick when one begins; floors never lowered."""

from __future__ import annotations

import numpy as np

from alerts.narratives import THRESHOLD
from bench.narratives import BEGINS, SEED, WARM_UP, WATCHED, Event, first_passage, press, scores

TUNED_APART = SEED + 500_000


def test_the_same_seed_gives_the_same_press_and_another_gives_another() -> None:
    assert press(1, 40) == press(1, 40) != press(2, 40)
    assert [one for one in press(1, 40) if one.matter == 0] == []


def test_the_score_counts_two_outlets_a_day_over_three_weeks() -> None:
    events = [Event(day, 0, outlet) for day in range(30) for outlet in (0, 1, 2)]
    background, narrative = scores(events, 60)
    assert background.max() == 0.0
    assert (narrative[0], narrative[20], narrative[29], narrative[39], narrative[50]) == (2.0, 42.0, 42.0, 22.0, 0.0)


def test_chance_alone_tells_little() -> None:
    """Measured: one in six or seven years; six years are looked at."""
    tops = [scores(press(TUNED_APART + run, 760), 760)[0][WARM_UP:] for run in range(3)]
    told = sum(first_passage(top, THRESHOLD) is not None for top in tops)
    assert told <= 2
    assert all(np.median(top) > 3 for top in tops), "a press in which nothing ever clusters proves nothing"


def test_two_stories_a_day_are_found_within_thirty_days_in_four_runs_of_five_and_four_nearly_always() -> None:
    runs, days = 60, BEGINS + WATCHED
    for rate, bar in ((2.0, 0.80), (4.0, 0.98)):
        found = [
            first_passage(scores(press(TUNED_APART + 100 + run, days, rate), days)[1][BEGINS:], THRESHOLD)
            for run in range(runs)
        ]
        assert sum(day is not None and day < 30 for day in found) / runs >= bar
