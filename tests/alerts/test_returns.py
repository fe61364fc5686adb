"""A return to the level before an open shift: looked for as such, told as such, and nothing else taken for it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from alerts import monitor
from alerts.checkpoint import go_on
from alerts.detect import Asked, detect
from alerts.leftout import Scene, fires_without, of_outlet
from alerts.model import Found, Kind
from alerts.monitor import OPEN_DAYS, SeriesMonitor, begun
from alerts.packing import from_bytes
from alerts.reporting import find_reporting
from alerts.votes import Coverage
from alerts.watched import series_of
from tests.alerts.helpers_coverage import day, press
from tests.alerts.test_checkpoint import in_parts

TURN, END = 120, 180
PRESSES = 10


def coverage_of(seed: int, size: float, after: float = 0.0, days: int = 30) -> Coverage:
    """A tone of 0.1 that turns by *size* on day 120, and lies *after* above it from day 180 on."""
    means = [0.1] * TURN + [0.1 + size] * (END - TURN) + [0.1 + after] * days
    return press(len(means), mean=means, seed=seed)


def of_tone(coverage: Coverage) -> list[Found]:
    return [one for one in detect(coverage) if one.kind is Kind.STANCE]


def days_to_tell_ends() -> list[int]:
    """Days from the end of a change of 0.15 to the finding that tells it, 30 where nothing does, over ten presses."""
    days = []
    for seed in range(PRESSES):
        ends = [one for one in of_tone(coverage_of(seed, 0.15)) if one.detected >= day(END) and one.magnitude < 0]
        days.append(min(((one.detected - day(END)).days for one in ends), default=30))
    return days


def test_the_bet_on_a_return_finds_ends_sooner_than_the_search_for_shifts(monkeypatch: pytest.MonkeyPatch) -> None:
    with_bet = days_to_tell_ends()
    monkeypatch.setattr(monitor, "RETURN_NEEDS", math.inf)
    without = days_to_tell_ends()
    assert all(bet <= search for bet, search in zip(with_bet, without, strict=True))
    # These presses are calm, and what a shift needs is as low there as it goes: the search alone is quick as well.
    assert sum(with_bet) <= sum(without) - 6


def test_what_lasts_is_not_told_as_a_return() -> None:
    lasting = [one for seed in range(PRESSES) for one in of_tone(coverage_of(seed, 0.3, after=0.3, days=60))]
    assert len(lasting) >= PRESSES
    assert sum(one.returned for one in lasting) <= 1


def test_half_the_way_back_is_not_the_earlier_level() -> None:
    halves = [one for seed in range(PRESSES) for one in of_tone(coverage_of(seed, 0.7, after=0.35))]
    later = [one for one in halves if one.detected >= day(END)]
    assert len(later) >= PRESSES - 2
    assert not any(one.returned for one in later)


def test_a_return_is_looked_for_while_its_shift_is_open() -> None:
    coverage = coverage_of(1, 0.3, after=0.3, days=80)
    item = next(one for one in series_of(coverage) if one.kind is Kind.STANCE)
    watched = SeriesMonitor(item.baseline, item.kind, state=begun(item.kind, TURN + 15, TURN, TURN + 21, old_level=0.1))
    bets = {}
    for t in range(TURN + 15, coverage.days):
        watched.step(t, math.inf)
        bets[t] = watched.state.back
    silent, open_, over = TURN + 21, TURN + OPEN_DAYS + 1, coverage.days
    assert [t for t, back in bets.items() if back > 0] == list(range(silent, open_))
    assert over > open_
    never = SeriesMonitor(item.baseline, item.kind, state=begun(item.kind, TURN + 15, TURN, TURN + 21))
    for t in range(TURN + 15, coverage.days):
        never.step(t, math.inf)
        assert never.state.back == 0


def test_it_goes_on_from_a_state_to_the_last_bit() -> None:
    coverage = coverage_of(4, 0.2, days=20)
    asked, splits = Asked(1.0), [150, 170, 181, 184, 188]
    whole = go_on(coverage, asked, (), stops=[coverage.date(split - 1) for split in (*splits, 200)])
    found, data = in_parts(coverage, splits, asked)
    assert found == whole.detection.found
    assert from_bytes(data).state.watches.keys() == whole.checkpoints[-1].state.watches.keys()
    bets = [one.state.watches["IN-CN", Kind.STANCE, "", ""].monitor.back for one in whole.checkpoints]
    assert max(bets) > 1
    assert any(one.returned for one in found)


def test_a_return_is_decided_again_without_a_source() -> None:
    coverage = coverage_of(5, 0.2)
    first, back = of_tone(coverage)[:2]
    assert back.returned
    until = coverage.prefix(coverage.index(back.detected) + 1)
    reporting = find_reporting(until.activity(), items=True)
    item = next(one for one in series_of(until, reporting) if one.key == back.key)
    scene = Scene(until, reporting, item, onset=first.onset, detected=first.detected, level=first.before)
    assert scene.evidence(back) == pytest.approx(back.log_evidence)
    answers = {fires_without(scene, back, back.magnitude, *of_outlet(scene, name)) for name in until.outlets}
    assert False in answers
    assert None not in answers
    # Without the level before the shift there is less evidence.
    assert scene.evidence(back) > replace(scene, level=None).evidence(back) + 0.5
