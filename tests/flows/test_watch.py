"""What a run may count as now."""

from __future__ import annotations

import datetime as dt

import pytest

from flows.watch import closed_day, moment
from store.errors import InputError


def test_the_last_closed_day_can_be_asked_for_and_the_next_one_is_refused_in_one_line() -> None:
    last = closed_day(dt.datetime.now(dt.UTC))
    assert closed_day(moment(f"{last}")) == last
    with pytest.raises(InputError) as refused:
        moment(f"{last + dt.timedelta(days=1)}")
    assert str(refused.value) == (
        f"{last + dt.timedelta(days=1)} is not over yet; the last day that can be asked for is {last} "
        "(days close at 06:00 UTC)"
    )


@pytest.mark.parametrize(
    "asked", ["2099-03-04", "2099-03-04T06:30", "2099-03-04T06:30+05:30", "9999-12-31", "20990304"]
)
def test_a_mistyped_year_is_refused(asked: str) -> None:
    with pytest.raises(InputError, match="is not over yet; the last day that can be asked for is"):
        moment(asked)


def test_a_moment_of_the_past_can_be_asked_for() -> None:
    assert moment("2025-03-04T06:30").isoformat() == "2025-03-04T06:30:00+00:00"
    with pytest.raises(InputError, match="'soon' is no date"):
        moment("soon")
