"""A tie of which nobody writes says nothing, for however long."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from alerts.detect import detect
from alerts.family import MEMORY
from alerts.model import Kind
from alerts.thresholds import threshold
from alerts.votes import Counts, coverage_from_counts

START = dt.date(2021, 1, 1)


@pytest.mark.parametrize("ties", [1, 2])
@pytest.mark.parametrize("spoken", [20, 3])
def test_silence_after_a_few_stories_is_not_told_as_a_fall_months_or_years_later(spoken: int, ties: int) -> None:
    rows = range(1100)
    days = {START + dt.timedelta(t): Counts(1 if t < spoken and t % 3 == 0 else 0, 0, 0, 50) for t in rows}
    coverage = coverage_from_counts({f"RARE-{number}": days for number in range(ties)})
    assert coverage is not None
    assert detect(coverage) == []


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("rate", [1.0, 0.5, 0.1])
def test_days_that_say_nothing_never_add_up_to_an_alarm(kind: Kind, rate: float) -> None:
    assert math.log(MEMORY) < threshold(kind, rate, 1)
