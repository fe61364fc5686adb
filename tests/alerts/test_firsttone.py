"""The first tone of a tie that was hardly written about: found quickly, dated rightly, and quiet on a trickle."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from alerts.detect import detect
from alerts.firsttone import first_tones, threshold
from alerts.model import Direction, Kind
from alerts.votes import Counts, coverage_from_counts

START = dt.date(2021, 1, 1)


def series(days: int, stories: dict[int, tuple[int, int, int]]) -> dict[str, dict[dt.date, Counts]]:
    """A tie with stories (plus, zero, minus) on some days, beside one that is written about daily."""
    rng = np.random.default_rng(4)
    drawn = rng.poisson(2, (days, 3)).tolist()
    busy = {START + dt.timedelta(days=t): Counts(plus, zero, minus, 100) for t, (plus, zero, minus) in enumerate(drawn)}
    rare = {START + dt.timedelta(days=t): Counts(*stories.get(t, (0, 0, 0)), 100) for t in range(days)}
    return {"BUSY": busy, "RARE": rare}


def found(days: int, stories: dict[int, tuple[int, int, int]]) -> list[tuple[str, Direction, dt.date, dt.date]]:
    coverage = coverage_from_counts(series(days, stories))
    assert coverage is not None
    return [
        (one.dyad, one.direction, one.onset, one.detected)
        for one in detect(coverage)
        if one.kind is Kind.STANCE and one.dyad == "RARE"
    ]


def test_a_wave_of_divergence_on_a_silent_tie_is_told_within_two_weeks_and_dated_to_its_first_day() -> None:
    ((_dyad, direction, onset, detected),) = found(160, dict.fromkeys(range(120, 150), (0, 0, 2)))
    assert direction is Direction.DIVERGENCE
    assert onset == START + dt.timedelta(days=120)
    assert detected <= START + dt.timedelta(days=134)


def test_a_wave_of_convergence_is_told_as_such() -> None:
    ((_dyad, direction, _onset, _detected),) = found(160, dict.fromkeys(range(120, 150), (2, 0, 0)))
    assert direction is Direction.CONVERGENCE


def test_a_wave_without_direction_is_not_told() -> None:
    assert found(160, dict.fromkeys(range(120, 150), (1, 2, 1))) == []


def test_one_loud_day_is_not_told() -> None:
    assert found(160, {120: (0, 0, 40)}) == []


def test_nothing_is_told_in_the_first_four_weeks() -> None:
    told = found(60, dict.fromkeys(range(2, 26), (0, 0, 2)))
    assert all(detected >= START + dt.timedelta(days=28) for *_rest, detected in told)


def test_a_prefix_gives_the_same() -> None:
    stories = dict.fromkeys(range(120, 150), (0, 0, 2))
    whole = found(160, stories)
    detected = whole[0][3]
    until = (detected - START).days + 1
    assert found(until, stories) == whole
    assert found(until - 1, stories) == []


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.08])
def test_a_trickle_of_divergence_stays_quiet_for_decades(rate: float) -> None:
    told = 0
    for seed in range(8):
        rng = np.random.default_rng(100 + seed)
        stories = {t: (0, 0, int(n)) for t, n in enumerate(rng.poisson(rate, 1095)) if n}
        coverage = coverage_from_counts(series(1095, stories))
        assert coverage is not None
        told += len(first_tones(coverage, np.ones(1095, dtype=np.bool_), [], rate=1.0).found)
    assert told <= 1, f"{told} alarms in 24 years of a steady trickle"


def test_fewer_false_alarms_a_year_need_more_evidence() -> None:
    assert threshold(0.5, 6) > threshold(1.0, 6) > threshold(1.0, 2)
