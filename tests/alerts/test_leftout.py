"""Whether a shift would have been found without a source: the answer is that of a press in which it never wrote."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from alerts.checkpoint import REACH
from alerts.detect import detect
from alerts.evidence import Cast
from alerts.leftout import Scene, Votes, fires_without, of_casts, of_outlet, of_stories
from alerts.model import Found, Kind
from alerts.reporting import find_reporting
from alerts.votes import Coverage, DayTable, ThemeTable
from alerts.watched import series_of
from alerts.window import stretch
from tests.alerts.helpers_coverage import press, step

DAYS, TURN = 150, 110
CHANGE = 1.0
"""What is left of the change is not asked for here; it is large."""


def first_of(coverage: Coverage, kind: Kind) -> Found | None:
    found = detect(coverage, raise_thresholds=False)
    return next((one for one in found if one.kind is kind), None)


def scene_of(coverage: Coverage, found: Found, *, held_from: int = 0) -> Scene:
    reporting = find_reporting(coverage.activity(), items=coverage.seen is not None)
    item = next(one for one in series_of(coverage, reporting) if one.key == found.key)
    if held_from:
        begun = {found.key: item.start - held_from}
        coverage, reporting = stretch(coverage, held_from, coverage.days), reporting.between(held_from, coverage.days)
        item = next(one for one in series_of(coverage, reporting, begun) if one.key == found.key)
    return Scene(coverage, reporting, item)


def size_of(found: Found) -> float:
    return CHANGE if found.magnitude > 0 else -CHANGE


def mute(coverage: Coverage, outlet: str) -> Coverage:
    """The same press had *outlet* never written."""
    gone = np.array([name == outlet for name in coverage.outlets])
    tables = {}
    for dyad, table in coverage.dyads.items():
        votes, score = np.where(gone, 0.0, table.votes), np.where(gone, 0.0, table.score)
        tables[dyad] = DayTable(votes, score, votes.sum(axis=1))
    seen = None if coverage.seen is None else np.where(gone, 0.0, coverage.seen)
    return replace(coverage, dyads=tables, seen=seen)


@pytest.mark.parametrize("late", [False, True], ids=["all days", "the days that a state holds"])
@pytest.mark.parametrize("kind", [Kind.STANCE, Kind.ATTENTION])
def test_an_outlet_is_left_out_as_if_it_had_never_written(kind: Kind, *, late: bool) -> None:
    days, turn = (REACH + 60, REACH + 20) if late else (DAYS, TURN)
    answers = []
    for seed in range(12):
        if kind is Kind.STANCE:
            coverage = press(days, stories=10, outlets=5, mean=step(days, turn, 0.1, -0.35), seed=seed)
        else:
            coverage = press(days, stories=10, outlets=5, ratio=step(days, turn, 1.0, 2.0), seed=seed)
        found = first_of(coverage, kind)
        if found is None:
            continue
        until = coverage.prefix(coverage.index(found.detected) + 1)
        scene = scene_of(until, found, held_from=max(0, until.days - REACH - 1))
        for outlet in until.outlets[:2]:
            left = first_of(mute(until, outlet), kind)
            told = fires_without(scene, found, size_of(found), *of_outlet(scene, outlet))
            assert told is (left is not None)
            answers.append(told)
    assert {True, False} <= set(answers)


def casts(coverage: Coverage, count: int, score: float, *, day: int) -> list[Cast]:
    """So many votes of one story in the first outlet on *day*."""
    outlet, date = coverage.outlets[0], coverage.date(day)
    stance = 1 if score > 0 else -1
    return [Cast(99, 99 + at, date, outlet, outlet, "india", "border", score, stance, 1) for at in range(count)]


def test_a_story_is_left_out_vote_by_vote() -> None:
    coverage = press(DAYS, stories=6, outlets=3, mean=step(DAYS, TURN, 0.1, -0.6), seed=3)
    found = first_of(coverage, Kind.STANCE)
    assert found is not None
    last = coverage.index(found.detected)
    scene = scene_of(coverage.prefix(last + 1), found)
    table = scene.coverage.dyads["IN-CN"]
    last = next(day for day in range(last, TURN, -1) if table.score[day, 0] < table.votes[day, 0])
    against = int((table.votes[last, 0] - table.score[last, 0]) / 2)
    one = of_casts(scene, casts(scene.coverage, against, -1.0, day=last))
    whole, left = scene.evidence(found), scene.without(one)
    assert left is not None
    assert whole == pytest.approx(found.log_evidence)
    assert left.evidence(found) < whole
    votes = table.votes.copy()
    votes[last, 0] -= against
    score = table.score.copy()
    score[last, 0] += against
    squares = table.squares.copy()
    squares[last] -= against
    coverage = replace(scene.coverage, dyads={"IN-CN": DayTable(votes, score, squares)})
    truth = first_of(coverage, Kind.STANCE) is not None
    assert fires_without(scene, found, size_of(found), one) is truth


def with_theme(days: int, seed: int) -> tuple[Coverage, np.ndarray, np.ndarray]:
    """A theme of which one of two outlets makes much from day `TURN` on; its stories, and those that carry it."""
    rng = np.random.default_rng(seed)
    wrote = rng.poisson(8, (days, 2)).astype(float)
    share = np.full((days, 2), 0.1)
    share[TURN:] = 0.25, 0.45
    carried = rng.binomial(wrote.astype(int), share).astype(float)
    coverage = press(days, stories=12, outlets=3, seed=seed)
    return replace(coverage, themes=themes_of(wrote, carried)), wrote, carried


def themes_of(wrote: np.ndarray, carried: np.ndarray) -> ThemeTable:
    return ThemeTable(("border",), carried.sum(axis=1, keepdims=True), wrote.sum(axis=1))


def stories(dates: Sequence[dt.date], wrote: np.ndarray, carried: np.ndarray) -> list[tuple[dt.date, bool]]:
    return [
        (date, at < with_it)
        for date, all_of_it, with_it in zip(dates, wrote.tolist(), carried.tolist(), strict=True)
        for at in range(int(all_of_it))
    ]


def test_an_outlet_is_left_out_of_a_theme() -> None:
    answers = []
    for seed in range(8):
        coverage, wrote, carried = with_theme(DAYS, seed)
        found = first_of(coverage, Kind.THEME)
        assert found is not None
        until = coverage.prefix(coverage.index(found.detected) + 1)
        days = until.days
        scene = scene_of(until, found)
        dates = [until.date(at) for at in range(days)]
        for outlet in (0, 1):
            rest = 1 - outlet
            truth = replace(until, themes=themes_of(wrote[:days, [rest]], carried[:days, [rest]]))
            gone = of_stories(scene, stories(dates, wrote[:days, outlet], carried[:days, outlet]))
            told = fires_without(scene, found, size_of(found), gone)
            assert told is (first_of(truth, Kind.THEME) is not None)
            answers.append(told)
    assert {True, False} <= set(answers)


def test_a_first_tone_is_decided_again_as_well() -> None:
    days = 160
    coverage = press(days, stories=12, outlets=3, dyads=("BUSY",), seed=4)
    votes = np.zeros((days, 3))
    votes[120:, 0], votes[120:, 1] = 1.0, 1.0
    rare = DayTable(votes, -votes, votes.sum(axis=1))
    coverage = replace(coverage, dyads={**coverage.dyads, "RARE": rare})
    found = next(one for one in detect(coverage) if one.dyad == "RARE" and one.first_tone)
    scene = scene_of(coverage.prefix(coverage.index(found.detected) + 1), found)
    assert scene.evidence(found) == pytest.approx(found.log_evidence)
    assert fires_without(scene, found, size_of(found), *of_outlet(scene, "outlet 02")) is True
    assert fires_without(scene, found, size_of(found), *of_outlet(scene, "outlet 01")) is False


def test_nothing_left_is_no_shift_and_what_cannot_be_gone_through_again_is_not_told() -> None:
    coverage = press(DAYS, stories=6, outlets=3, mean=step(DAYS, TURN, 0.1, -0.6), seed=3)
    found = first_of(coverage, Kind.STANCE)
    assert found is not None
    scene = scene_of(coverage, found)
    none = Votes(np.zeros((DAYS, 3)), np.zeros((DAYS, 3)), np.zeros(DAYS))
    assert fires_without(scene, found, size_of(found), none) is True
    assert fires_without(scene, found, None, none) is False
    assert fires_without(scene, found, -0.01, none) is False
    table = coverage.dyads["IN-CN"]
    assert fires_without(scene, found, size_of(found), Votes(table.votes, table.score, table.squares)) is False
    # Another alarm in between, of which nobody was told, is not known here.
    assert fires_without(scene, replace(found, log_evidence=found.log_evidence + 2), size_of(found), none) is None
