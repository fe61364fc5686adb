"""What each press bloc did: the read-out of a shift, and blocs that move alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.blocs import bloc_moves, verdict
from alerts.detect import Known, detect
from alerts.facts import evidence_from_json
from alerts.model import BlocMove, Direction, Found, Kind, Verdict
from alerts.series import update_series
from alerts.shifts import detect_shifts
from alerts.state import dyad_states
from alerts.votes import Coverage, DayTable
from alerts.watched import series_of
from alerts.wording import what_blocs_did
from bench.worlds import without_outlets
from store.db import Store
from store.models import Shift
from store.settings import Settings
from tests.alerts.helpers_coverage import BLOCS, day
from tests.alerts.helpers_store import MINUS, MODEL, PLUS, Item, add, feed_days
from tests.alerts.helpers_store import day as stored_day

NOW = dt.datetime(2024, 12, 1, tzinfo=dt.UTC)


def blocs_press(
    after: Mapping[str, float], *, most: str = "", days: int = 200, at: int = 120, seed: int = 1
) -> Coverage:
    """Coverage of one tie whose tone is 0.1 in every bloc, and from day *at* on *after* in those that it names.

    Ten stories a day in each bloc; thirty more in *most*.
    """
    rng = np.random.default_rng(seed)
    blocs = [BLOCS[i % 4] for i in range(12)]
    means = np.full((days, 12), 0.1)
    for column, bloc in enumerate(blocs):
        means[at:, column] = after.get(bloc, 0.1)
    votes = rng.poisson([(40 if bloc == most else 10) / 3 for bloc in blocs], (days, 12))
    score = (2 * rng.binomial(votes, (1 + means) / 2) - votes).astype(float)
    table = DayTable(votes.astype(float), score, votes.sum(axis=1).astype(float))
    names = tuple(f"outlet {i:02d}" for i in range(12))
    return Coverage(day(0), names, tuple(blocs), np.full((days, 12), 30.0), {"IN-RU": table})


def said(found: Found) -> dict[str, Verdict]:
    return {move.bloc: move.verdict for move in found.bloc_moves}


def test_a_shift_that_all_presses_share_says_so_and_is_no_split() -> None:
    found = detect(blocs_press(dict.fromkeys(BLOCS, 0.6)))
    assert [one.kind for one in found] == [Kind.STANCE]
    assert said(found[0]) == dict.fromkeys(BLOCS, Verdict.MOVED)
    assert "Only" not in found[0].text


def test_a_shift_that_one_press_makes_is_told_once_and_as_that() -> None:
    # Most of what is written is in the Russian press, so the tie's average moves with its own.
    coverage = blocs_press({"russia": 0.6}, most="russia", seed=30)
    (one,) = detect(coverage)
    assert (one.kind, one.bloc) == (Kind.BLOC, "russia")
    assert said(one) == {bloc: Verdict.MOVED if bloc == "russia" else Verdict.STILL for bloc in BLOCS}
    assert one.bloc_moves[0].bloc == "russia"
    assert one.bloc_moves[0].low is not None
    assert one.bloc_moves[0].high is not None
    assert one.bloc_moves[0].low < 0.5 < one.bloc_moves[0].high
    assert "Only the Russian press changed its tone this way." in one.text
    # Without the names of its blocs the same is a shift of the tie.
    (pooled,) = detect(replace(coverage, blocs=("press",) * 12))
    assert (pooled.kind, pooled.direction) == (Kind.STANCE, Direction.CONVERGENCE)


def test_a_shift_after_a_split_is_told_while_other_presses_may_have_followed() -> None:
    coverage = blocs_press({"russia": 0.6}, most="russia", seed=4)
    split, shift = detect(coverage)
    assert (split.kind, split.bloc, shift.kind) == (Kind.BLOC, "russia", Kind.STANCE)
    assert Verdict.UNCLEAR in said(shift).values()
    assert "Only" not in shift.text


def test_presses_that_turn_against_each_other_are_splits_of_a_tie_that_stays() -> None:
    found = detect(blocs_press({"russia": 0.7, "west": -0.5}, seed=3))
    assert {(one.kind, one.bloc, one.direction) for one in found} == {
        (Kind.BLOC, "russia", Direction.CONVERGENCE),
        (Kind.BLOC, "west", Direction.DIVERGENCE),
    }
    for one in found:
        assert abs((one.onset - day(120)).days) <= 3
        assert said(one)[one.bloc] is Verdict.MOVED
        assert said(one)["india"] is Verdict.STILL
    russia = next(one for one in found if one.bloc == "russia")
    assert said(russia)["west"] is Verdict.OPPOSITE
    assert "in the Russian press alone turned more convergent" in russia.text


def test_a_split_needs_more_evidence_than_a_shift() -> None:
    (shift,) = detect(blocs_press(dict.fromkeys(BLOCS, 0.6)))
    split = detect(blocs_press({"russia": 0.7, "west": -0.5}, seed=3))
    assert all(one.threshold > shift.threshold + 0.5 for one in split)


def test_a_split_that_was_told_is_not_told_again() -> None:
    coverage = blocs_press({"russia": 0.7, "west": -0.5}, seed=3)
    found = detect(coverage)
    known = [
        Known(one.dyad, one.kind, one.direction, one.onset, one.detected, one.magnitude, bloc=one.bloc) for one in found
    ]
    assert detect(coverage, known=known) == []


def test_a_split_behind_a_told_shift_of_the_tie_is_no_news() -> None:
    coverage = blocs_press({"russia": 0.7, "west": -0.5}, seed=3)
    told = Known("IN-RU", Kind.STANCE, Direction.CONVERGENCE, day(119), day(121), 0.3)
    assert {(one.kind, one.bloc) for one in detect(coverage, known=[told])} == {(Kind.BLOC, "west")}
    # What will be told only later explains nothing yet.
    later = replace(told, onset=day(170), detected=day(175))
    before = [one for one in detect(coverage, known=[later]) if one.detected < day(170)]
    assert {one.bloc for one in before} == {"russia", "west"}


def test_without_outlets_there_are_no_blocs() -> None:
    coverage = without_outlets(blocs_press(dict.fromkeys(BLOCS, 0.6)))
    (one,) = detect(coverage)
    assert (one.kind, one.bloc_moves) == (Kind.STANCE, ())
    assert {item.kind for item in series_of(coverage)} == {Kind.STANCE, Kind.ATTENTION}


def test_a_single_bloc_is_not_told_apart_from_itself() -> None:
    coverage = replace(blocs_press(dict.fromkeys(BLOCS, 0.6)), blocs=("india",) * 12)
    assert Kind.BLOC not in {item.kind for item in series_of(coverage)}
    (one,) = detect(coverage)
    assert what_blocs_did(one.bloc_moves) == ""


def test_a_press_that_hardly_writes_is_not_judged() -> None:
    coverage = blocs_press(dict.fromkeys(BLOCS, 0.6))
    quiet = np.array([bloc == "china" for bloc in coverage.blocs])
    table = coverage.dyads["IN-RU"]
    for array in (table.votes, table.score):
        array[:, quiet] = 0
    table.squares[:] = table.votes.sum(axis=1)
    table.votes[5, 2] = 1
    (one,) = [one for one in detect(coverage) if one.kind is Kind.STANCE]
    assert said(one)["china"] is Verdict.UNCLEAR
    assert "Too few stories to tell: the Chinese press." in one.text


def test_no_day_after_the_finding_enters_the_read_out() -> None:
    coverage = blocs_press({"russia": 0.6}, most="russia", seed=2)
    (one,) = detect(coverage)
    cut = coverage.prefix(coverage.index(one.detected) + 1)
    blocs = [item for item in series_of(cut) if item.kind is Kind.BLOC]
    assert bloc_moves(cut, blocs, one) == one.bloc_moves


sizes = st.floats(-2, 2, allow_nan=False)


@given(sizes, st.floats(0.01, 1), st.floats(0.05, 1))
def test_a_verdict_claims_only_what_its_range_bears_and_knows_no_side(
    change: float, error: float, shift: float
) -> None:
    low, high = change - error, change + error
    one = verdict(change, low, high, shift)
    assert one is verdict(-change, -high, -low, -shift)
    if one in (Verdict.MOVED, Verdict.OPPOSITE):
        assert low * high > 0
        assert abs(change) > 0.05
        assert (change > 0) is (one is Verdict.MOVED)
    if one is Verdict.STILL:
        assert high < shift


moves = st.lists(
    st.builds(
        lambda bloc, verdict: BlocMove(
            bloc, verdict, 9, *((None,) * 3 if verdict is Verdict.UNCLEAR else (0.2, 0.1, 0.3))
        ),
        st.sampled_from(["india", "russia", "china", "west", "other", "<b>new</b>"]),
        st.sampled_from(Verdict),
    ),
    max_size=6,
    unique_by=lambda move: move.bloc,
)


@given(moves)
def test_only_is_said_of_one_press_and_never_where_another_is_unclear(given_moves: list[BlocMove]) -> None:
    text = what_blocs_did(given_moves)
    verdicts = [move.verdict for move in given_moves]
    allowed = len(verdicts) > 1 and verdicts.count(Verdict.MOVED) == 1 and Verdict.UNCLEAR not in verdicts
    assert ("Only" in text) is allowed
    assert bool(text) is any(one is not Verdict.UNCLEAR for one in verdicts)


@pytest.fixture
def split(store: Store) -> Store:
    """Two presses that turn against each other from day 120 on, and two that stay."""
    rng = np.random.default_rng(4)
    items = []
    for index in range(160):
        for outlet, bloc in (("Alpha", "india"), ("Beta", "russia"), ("Gamma", "china"), ("Delta", "west")):
            mean = {"russia": 0.8, "west": -0.8}.get(bloc, 0.0) if index >= 120 else 0.0
            for number in range(int(rng.poisson(10))):
                p = PLUS if rng.random() < (1 + mean) / 2 else MINUS
                items.append(Item(stored_day(index), f"{index}-{outlet}-{number}", outlet, bloc, 9, [("IN-CN", p)]))
    add(store, items)
    feed_days(store, 160)
    return store


def test_a_split_is_stored_with_its_press_and_leaves_the_tie_unshifted(split: Store, settings: Settings) -> None:
    update_series(split, MODEL, now=NOW)
    report = detect_shifts(split, settings, MODEL, day=stored_day(131), now=NOW)
    found = {one.bloc: number for number, one in report.new}
    assert set(found) == {"russia", "west"}
    with split.session() as session:
        shift = session.get(Shift, found["russia"])
        assert shift is not None
        assert (shift.dyad, shift.kind, shift.theme, shift.bloc) == ("IN-CN", "bloc", "", "russia")
        evidence = evidence_from_json(shift.evidence)
        states = dyad_states(session, MODEL, stored_day(131), false_alarms_per_year=1.0)
    assert {story.bloc for story in evidence.stories} == {"russia"}
    assert [part.name for part in evidence.blocs] == ["russia"]
    assert {move.bloc: move.verdict for move in evidence.bloc_moves}["west"] is Verdict.OPPOSITE
    assert [state.open_shift_id for state in states] == [None, None, None]
    assert detect_shifts(split, settings, MODEL, day=stored_day(131), now=NOW).new == []
    later = detect_shifts(split, settings, MODEL, day=stored_day(159), now=NOW)
    assert {status for number, status in later.changed if number in found.values()} == {"confirmed"}
