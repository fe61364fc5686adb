"""The detector as a pure function of daily aggregates."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.detect import FIRST_ALERT_DAY, SETTLE, Known, detect
from alerts.model import Direction, Found, Kind
from alerts.votes import Coverage, DayTable
from bench.worlds import without_outlets
from store.errors import InputError
from tests.alerts.helpers_coverage import counted, day, press, step


def only(found: list[Found], kind: Kind = Kind.STANCE) -> list[Found]:
    return [one for one in found if one.kind is kind]


@pytest.mark.parametrize(
    ("after", "direction"), [(0.5, Direction.CONVERGENCE), (-0.3, Direction.DIVERGENCE)], ids=["up", "down"]
)
def test_a_lasting_change_of_tone_is_found_once_and_dated(after: float, direction: Direction) -> None:
    found = only(detect(press(mean=step(200, 120, 0.1, after), seed=3)))
    assert len(found) == 1
    one = found[0]
    assert one.direction is direction
    assert abs((one.onset - day(120)).days) <= 3
    assert 0 <= (one.detected - day(120)).days <= 10
    assert one.low < after - 0.1 < one.high
    assert math.copysign(1, one.magnitude) == math.copysign(1, after - 0.1)
    assert one.before == pytest.approx(0.1, abs=0.1)
    assert not one.returned


@pytest.mark.parametrize(("factor", "direction"), [(3.0, Direction.RISE), (0.35, Direction.FALL)], ids=["rise", "fall"])
def test_a_lasting_change_of_amount_is_found(factor: float, direction: Direction) -> None:
    found = only(detect(press(ratio=step(200, 120, 1.0, factor), seed=4)), Kind.ATTENTION)
    assert [one.direction for one in found] == [direction]
    assert 0 <= (found[0].detected - day(120)).days <= 14
    assert found[0].low < math.log(factor) < found[0].high
    assert found[0].before == pytest.approx(25, rel=0.2)


def test_coverage_that_does_not_change_is_quiet() -> None:
    assert detect(press(700, dyads=("IN-RU", "RU-CN", "IN-CN"), seed=5)) == []


def test_no_alarm_before_four_weeks_of_history() -> None:
    found = detect(press(60, mean=step(60, 20, -0.5, 0.8), seed=6))
    assert all(one.detected >= day(FIRST_ALERT_DAY) for one in found)


def test_a_series_is_silent_after_an_alarm_and_tells_the_return() -> None:
    means = [0.0] * 120 + [0.6] * 60 + [0.0] * 60
    first, back = only(detect(press(240, mean=means, seed=7)))
    assert (back.detected - first.onset).days >= SETTLE
    assert (first.direction, back.direction) == (Direction.CONVERGENCE, Direction.DIVERGENCE)
    assert (first.returned, back.returned) == (False, True)
    assert "back to its earlier level" in back.text
    assert abs((back.onset - day(180)).days) <= 3


def test_a_single_wild_day_is_no_shift() -> None:
    means = [0.1] * 200
    means[150] = -0.9
    ratios = [1.0] * 200
    ratios[150] = 10.0
    assert detect(press(mean=means, ratio=ratios, seed=8)) == []


def test_one_story_copied_200_times_is_no_shift() -> None:
    coverage = press(seed=9)
    table = coverage.dyads["IN-CN"]
    table.votes[150, 3] += 24
    table.score[150, 3] -= 24
    table.squares[150] += 24
    assert detect(coverage) == []


@pytest.mark.parametrize("seed", range(4))
def test_on_a_prefix_the_alarms_are_the_same(seed: int) -> None:
    # The world is shifted so that there is something to compare.
    coverage = press(
        330, mean=[0.0] * 110 + [0.5] * 90 + [-0.2] * 130, ratio=step(330, 150, 1, 2.5), dyads=("A", "B"), seed=seed
    )
    whole = detect(coverage)
    assert len(whole) >= 4
    for days in (100, 118, 126, 155, 163, 206, 260, 329):
        assert detect(coverage.prefix(days)) == [one for one in whole if one.detected < day(days)]


def test_a_dyad_that_joins_later_changes_nothing_before() -> None:
    coverage = press(300, mean=step(300, 120, 0.1, 0.6), dyads=("A", "B"), seed=2)
    late = replace(coverage.dyads["B"], start=200)
    for array in (late.votes, late.score, late.squares):
        array[:200] = 0
    alone = Coverage(coverage.first, coverage.outlets, coverage.blocs, coverage.seen, {"A": coverage.dyads["A"]})
    joined = Coverage(
        coverage.first, coverage.outlets, coverage.blocs, coverage.seen, {"A": coverage.dyads["A"], "B": late}
    )
    before = [one for one in detect(alone) if one.detected < day(200)]
    assert before
    assert [one for one in detect(joined) if one.detected < day(200)] == before


def test_names_of_outlets_do_not_matter() -> None:
    coverage = press(mean=step(200, 120, 0.1, 0.5), seed=10)
    order = np.random.default_rng(0).permutation(12)
    table = coverage.dyads["IN-CN"]
    assert coverage.seen is not None
    renamed = Coverage(
        coverage.first,
        tuple(f"other {i:02d}" for i in range(12)),
        tuple(coverage.blocs[i] for i in order),
        coverage.seen[:, order],
        {"IN-CN": replace(table, votes=table.votes[:, order], score=table.score[:, order])},
    )
    ours, theirs = detect(coverage), detect(renamed)
    assert [(one.onset, one.detected, one.direction) for one in ours] == [
        (one.onset, one.detected, one.direction) for one in theirs
    ]
    assert [one.log_evidence for one in ours] == pytest.approx([one.log_evidence for one in theirs])


def test_a_changed_mix_of_outlets_is_no_change_of_tone() -> None:
    rng = np.random.default_rng(11)
    days, usual = 260, np.array([0.7, -0.7])
    shares = np.where(np.arange(days)[:, None] < 160, [18.0, 6.0], [6.0, 18.0])
    votes = rng.poisson(shares)
    score = (2 * rng.binomial(votes, (1 + usual) / 2) - votes).astype(float)
    table = DayTable(votes.astype(float), score, votes.sum(axis=1).astype(float))
    named = Coverage(day(0), ("friend", "foe"), ("russia", "west"), None, {"A": table})
    # Without the outlets' names the same numbers are a shift: the mean falls from +0.35 to -0.35.
    assert only(detect(named)) == []
    first = only(detect(without_outlets(named)))[0]
    assert (first.direction, first.onset) == (Direction.DIVERGENCE, day(160))


def _with_feeds(coverage: Coverage, change: np.ndarray) -> Coverage:
    """The coverage with each feed's votes and items multiplied by 0 or 1 per day."""
    assert coverage.seen is not None
    tables = {}
    for dyad, table in coverage.dyads.items():
        votes = table.votes * change
        tables[dyad] = DayTable(votes, table.score * change, votes.sum(axis=1))
    return replace(coverage, seen=coverage.seen * change, dyads=tables)


def test_dead_feeds_are_no_fall_of_attention() -> None:
    up = np.ones((240, 12))
    up[150:, :5] = 0
    assert only(detect(_with_feeds(press(240, seed=12), up)), Kind.ATTENTION) == []
    # With nothing known of the feeds, the day's sum alone falls by 40 % for good; that would be a shift.
    blind = without_outlets(_with_feeds(press(240, seed=12), up))
    assert [one.direction for one in only(detect(blind), Kind.ATTENTION)] == [Direction.FALL]


def test_added_feeds_are_no_rise_of_attention() -> None:
    up = np.ones((240, 12))
    up[:150, :7] = 0
    assert only(detect(_with_feeds(press(240, stories=40, seed=13), up)), Kind.ATTENTION) == []
    blind = without_outlets(_with_feeds(press(240, stories=40, seed=13), up))
    assert [one.direction for one in only(detect(blind), Kind.ATTENTION)] == [Direction.RISE]


def test_a_second_feed_of_an_outlet_is_no_rise_of_attention() -> None:
    up = np.ones((240, 12))
    up[:150, :7] = 0
    coverage = _with_feeds(press(240, stories=40, seed=13), up)
    one_outlet = replace(
        coverage, outlets=("The Paper",) * 12, blocs=("india",) * 12, feeds=tuple(f"feed-{i}" for i in range(12))
    )
    assert only(detect(one_outlet), Kind.ATTENTION) == []


def test_days_without_data_move_nothing() -> None:
    means = step(260, 120, 0.1, 0.5)
    full = press(260, mean=means, seed=14)
    gaps = np.ones((260, 12))
    gaps[60:67] = 0
    gaps[90] = 0
    gaps[200:214] = 0
    found = detect(_with_feeds(full, gaps))
    assert [one.kind for one in found] == [Kind.STANCE]
    assert abs((found[0].onset - day(120)).days) <= 3


def test_a_missing_fortnight_without_feed_data_is_no_shift() -> None:
    rows = [(14.0, 4.0, 7.0)] * 90 + [(0.0, 0.0, 0.0)] * 14 + [(14.0, 4.0, 7.0)] * 90
    assert detect(counted(rows)) == []


def test_with_a_total_a_real_silence_is_a_fall() -> None:
    rng = np.random.default_rng(15)
    rows = [(float(rng.poisson(6)), 2.0, float(rng.poisson(4))) for _ in range(120)] + [(0.0, 0.0, 0.0)] * 20
    found = only(detect(counted(rows, totals=[900.0] * 140)), Kind.ATTENTION)
    assert [one.direction for one in found] == [Direction.FALL]


def test_a_share_of_a_growing_total_is_no_rise() -> None:
    rng = np.random.default_rng(16)
    totals = [500.0] * 120 + [1500.0] * 80
    rows = [(float(rng.poisson(total * 0.02)), 0.0, float(rng.poisson(total * 0.02))) for total in totals]
    assert only(detect(counted(rows, totals=totals)), Kind.ATTENTION) == []
    assert [one.direction for one in only(detect(counted(rows)), Kind.ATTENTION)] == [Direction.RISE]


@pytest.mark.parametrize("stories", [0.3, 1.0, 5.0, 300.0])
def test_sparse_and_dense_series_are_quiet_and_see_a_large_change(stories: float) -> None:
    # Six times two and a half years at one false alarm a year: about 15 are owed.
    quiet = sum(len(detect(press(900, stories=stories, outlets=6, seed=seed))) for seed in range(6))
    assert quiet <= 22
    # (With seed 18 a chance alarm of day 288 makes the densest but one silent when the change comes.)
    moved = press(500, stories=stories, outlets=6, mean=step(500, 300, 0.6, -0.9), seed=19)
    after = [one for one in only(detect(moved)) if one.detected >= day(300)]
    assert after[0].direction is Direction.DIVERGENCE
    # The fewer the stories, the longer it takes: a story every third day needs some months.
    assert (after[0].detected - day(300)).days <= (120 if stories < 1 else 40)


@pytest.mark.parametrize("every", [20, 45, 90])
def test_days_that_say_nothing_are_no_evidence_however_low_the_threshold(every: int) -> None:
    rows = [(1.0, 0.0, 0.0) if at % every == 0 else (0.0, 0.0, 0.0) for at in range(900)]
    assert detect(counted(rows), false_alarms_per_year=12.0, first_tone=False) == []


@pytest.mark.parametrize(
    "row",
    [(0.0, 9.0, 0.0), (9.0, 0.0, 0.0), (0.0, 0.0, 9.0), (1e9, 0.0, 1e9), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)],
    ids=["all neutral", "all plus", "all minus", "extreme", "one a day", "nothing ever"],
)
def test_constant_series_are_quiet(row: tuple[float, float, float]) -> None:
    assert detect(counted([row] * 200)) == []


def test_from_all_neutral_to_all_plus_is_found() -> None:
    rows = [(0.0, 9.0, 0.0)] * 120 + [(9.0, 0.0, 0.0)] * 20
    assert [one.direction for one in only(detect(counted(rows)))] == [Direction.CONVERGENCE]


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_numbers_that_are_no_counts_are_refused(value: float) -> None:
    votes = np.ones((50, 1))
    votes[7, 0] = value
    with pytest.raises(InputError, match="day 7"):
        Coverage(day(0), ("",), ("",), None, {"A": DayTable(votes, np.zeros((50, 1)), np.zeros(50))})


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_of_false_alarms_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        detect(press(40), false_alarms_per_year=rate)


def test_fewer_false_alarms_need_more_evidence() -> None:
    coverage = press(mean=step(200, 120, 0.1, 0.5), seed=3)
    lax, strict = detect(coverage, false_alarms_per_year=12), detect(coverage, false_alarms_per_year=0.1)
    assert lax[0].threshold < strict[0].threshold
    assert lax[0].detected <= strict[0].detected


def test_a_known_shift_is_not_repeated_and_stays_the_anchor() -> None:
    coverage = press(mean=step(200, 120, 0.1, 0.5), seed=3)
    (told,) = only(detect(coverage))
    known = Known(told.dyad, told.kind, told.direction, told.onset, told.detected, told.magnitude)
    assert only(detect(coverage, known=[known])) == []
    # Late articles moved the dates a little: still the same shift.
    moved = replace(known, onset=told.onset + dt.timedelta(days=5), detected=told.detected + dt.timedelta(days=9))
    assert only(detect(coverage, known=[moved])) == []


def test_a_known_shift_whose_evidence_is_gone_silences_its_series() -> None:
    coverage = press(mean=step(200, 120, 0.1, 0.5), seed=3)
    (told,) = only(detect(coverage))
    gone = Known(told.dyad, told.kind, Direction.DIVERGENCE, day(112), day(118), -0.3)
    found = only(detect(coverage, known=[gone]))
    assert all(one.detected >= day(112 + SETTLE) for one in found)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.one_of(st.integers(0, 3), st.integers(0, 10**9)).map(float)] * 3), min_size=1, max_size=150
    ),
    st.integers(1, 150),
)
def test_any_counts_give_ordered_alarms_and_a_prefix_the_same(
    rows: list[tuple[float, float, float]], days: int
) -> None:
    coverage = counted(rows)
    found = detect(coverage, false_alarms_per_year=50)
    for one in found:
        assert one.onset <= one.detected
        assert math.isfinite(one.magnitude)
        assert one.low <= one.magnitude <= one.high
        assert one.log_evidence >= one.threshold
    for kind in Kind:
        series = only(found, kind)
        assert all((later.detected - one.onset).days >= SETTLE for one, later in pairwise(series))
    shorter = detect(coverage.prefix(days), false_alarms_per_year=50)
    assert shorter == [one for one in found if one.detected < day(days)]


def test_a_second_shift_is_dated_by_days_that_were_measured_against_the_first() -> None:
    # A first shift that was found late: the silence after its onset is over when it is told, and the days before it was
    # told were measured against the level before it.
    means = [0.0] * 120 + [0.3] * 32 + [0.8] * 40
    told = Known("IN-CN", Kind.STANCE, Direction.CONVERGENCE, day(120), day(149), 0.3)
    for seed in range(4):
        coverage = press(192, mean=means, seed=seed)
        # What was found early is left out: only the late finding steers.
        quiet = replace(coverage, dyads={"IN-CN": _until(coverage.dyads["IN-CN"], 120, 149)})
        (later,) = only(detect(quiet, known=[told]))
        assert abs((later.onset - day(152)).days) <= 2


def _until(table: DayTable, first: int, last: int) -> DayTable:
    """The table without most of the votes of some days, so that nothing is found in them."""
    votes, score, squares = table.votes.copy(), table.score.copy(), table.squares.copy()
    votes[first:last, 2:], score[first:last, 2:] = 0, 0
    squares[first:last] = votes[first:last].sum(axis=1)
    return DayTable(votes, score, squares)
