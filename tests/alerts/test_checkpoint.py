"""The detector goes on from a saved state: the same to the last bit as going through all days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import packing
from alerts.checkpoint import REACH, Checkpoint, Run, go_on
from alerts.detect import Asked, Known, detect
from alerts.model import Direction, Found, Kind
from alerts.packing import from_bytes, to_bytes
from alerts.reporting import find_reporting
from alerts.votes import Coverage, DayTable, FloatArray, ThemeTable
from alerts.watched import series_of
from bench.worlds import HARSH, Change, simulate
from store.errors import InputError
from tests.alerts.helpers_coverage import BLOCS, FIRST

OFTEN = Asked(24.0)
"""So many false alarms a year that there is something to compare."""
DYADS = ("IN-CN", "IN-RU")


def random_press(days: int, seed: int) -> Coverage:
    """A press that turns now and then, of outlets, ties and themes that set in, fall silent and come back."""
    rng = np.random.default_rng(seed)
    outlets = int(rng.integers(3, 8))
    up = np.ones((days, outlets))
    for at in range(1, outlets):
        first, last = sorted(rng.integers(0, 2 * days, 2))
        up[:first, at] = 0 if rng.random() < 0.5 else up[:first, at]
        up[last:, at] = 0
    tables = {}
    for dyad in DYADS:
        volume = rng.choice([0.05, 0.5, 4.0]) * rng.choice([0.3, 1.0, 3.0], 1 + days // 60).repeat(60)[:days]
        mean = rng.choice([-0.6, 0.0, 0.1, 0.7], 1 + days // 45).repeat(45)[:days]
        began = int(rng.integers(0, days)) if rng.random() < 0.3 else 0
        votes = rng.poisson(volume[:, None] * up).astype(float)
        votes[:began] = 0
        score = votes * np.clip(mean[:, None] + rng.normal(0, 0.3, votes.shape), -1, 1)
        tables[dyad] = DayTable(votes, score, (votes * 0.7).sum(axis=1))
    stories = np.sum([table.votes for table in tables.values()], axis=(0, 2))
    share = rng.choice([0.0, 0.1, 0.5], (1 + days // 50, 3)).repeat(50, axis=0)[:days]
    themes = ThemeTable(("arms", "border", "trade"), np.floor(stories[:, None] * share), stories)
    seen = rng.poisson(20, up.shape) * up if rng.random() < 0.8 else None
    names = tuple(f"outlet {at}" for at in range(outlets))
    blocs = tuple(BLOCS[at % 3] for at in range(outlets))
    return Coverage(FIRST, names, blocs, seen, tables, names, themes)


def known_by(coverage: Coverage, days: int) -> Coverage:
    """The first *days* days, without the columns and themes of which nothing had been seen by then."""
    return without_unmet(coverage.prefix(days))


def later(coverage: Coverage, first: int, last: int) -> Coverage:
    """The days first..last-1 as they would be loaded alone."""

    def cut(table: DayTable) -> DayTable:
        return DayTable(table.votes[first:last], table.score[first:last], table.squares[first:last])

    themes = coverage.themes
    if themes is not None:
        themes = ThemeTable(themes.names, themes.carrying[first:last], themes.stories[first:last])
    return without_unmet(
        replace(
            coverage,
            first=coverage.date(first),
            seen=None if coverage.seen is None else coverage.seen[first:last],
            dyads={dyad: cut(table) for dyad, table in coverage.dyads.items()},
            themes=themes,
        )
    )


def without_unmet(coverage: Coverage) -> Coverage:
    met = coverage.activity().any(axis=0)
    for table in coverage.dyads.values():
        met |= table.votes.any(axis=0)
    at = np.flatnonzero(met)
    themes = coverage.themes
    if themes is not None:
        carried = np.flatnonzero(themes.carrying.any(axis=0))
        names = tuple(themes.names[theme] for theme in carried)
        themes = ThemeTable(names, themes.carrying[:, carried], themes.stories)
    return replace(
        coverage,
        outlets=tuple(coverage.outlets[column] for column in at),
        blocs=tuple(coverage.blocs[column] for column in at),
        feeds=tuple(coverage.feeds[column] for column in at) if coverage.feeds else (),
        seen=None if coverage.seen is None else coverage.seen[:, at],
        dyads={
            dyad: DayTable(table.votes[:, at], table.score[:, at], table.squares)
            for dyad, table in coverage.dyads.items()
        },
        themes=themes,
    )


def in_parts(
    coverage: Coverage, splits: Sequence[int], asked: Asked = OFTEN, known: Sequence[Known] = ()
) -> tuple[list[Found], bytes]:
    """What is found when the state is saved and loaded at every split, and the state in the end.

    A state that refuses to go on is made anew from all days, and what was found on these is not found again.
    """
    found: list[Found] = []
    checkpoint: Checkpoint | None = None
    at, data = 0, b""
    for to in [*splits, coverage.days]:
        run: Run | None = None
        end = coverage.date(to - 1)
        if checkpoint is not None:
            assert checkpoint.holds_for(asked, known)
            try:
                run = go_on(checkpoint.with_days(later(coverage, at, to)), asked, known, after=checkpoint, stops=[end])
            except InputError:
                run = None
        run = run or go_on(known_by(coverage, to), asked, known, stops=[end])
        found += [one for one in run.detection.found if one.detected >= coverage.date(at)]
        at, data = to, to_bytes(run.checkpoints[-1])
        checkpoint = from_bytes(data)
    return found, data


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(90, 420), st.lists(st.integers(1, 419), min_size=1, max_size=6, unique=True))
def test_a_state_saved_and_loaded_between_any_two_days_gives_the_same_as_one_run(
    seed: int, days: int, splits: list[int]
) -> None:
    coverage = random_press(days, seed)
    whole = go_on(known_by(coverage, days), OFTEN, (), stops=[coverage.date(days - 1)])
    found, data = in_parts(coverage, sorted(split for split in splits if split < days))
    assert found == whole.detection.found
    assert data == to_bytes(whole.checkpoints[-1])
    assert whole.detection.found == detect(coverage, false_alarms_per_year=OFTEN.false_alarms_per_year)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(30, 299), min_size=1, max_size=3, unique=True), st.data())
def test_so_it_does_with_shifts_that_readers_know_of(seed: int, splits: list[int], data: st.DataObject) -> None:
    coverage = random_press(300, seed)
    alone = detect(coverage, false_alarms_per_year=OFTEN.false_alarms_per_year)
    told = data.draw(st.lists(st.sampled_from(alone), max_size=3, unique_by=id)) if alone else []
    moved = data.draw(st.integers(-9, 9))
    known = [_known(one, moved) for one in told]
    known.append(Known("IN-CN", Kind.STANCE, Direction.DIVERGENCE, coverage.date(140), coverage.date(150), -0.4))
    whole = go_on(known_by(coverage, 300), OFTEN, known, stops=[coverage.date(299)])
    found, state = in_parts(coverage, sorted(splits), known=known)
    assert found == whole.detection.found
    assert state == to_bytes(whole.checkpoints[-1])


def _known(one: Found, moved: int = 0) -> Known:
    days = one.onset + dt.timedelta(days=moved), one.detected + dt.timedelta(days=moved)
    return Known(one.dyad, one.kind, one.direction, *days, one.magnitude, one.theme, one.bloc)


def test_a_rough_press_of_400_days_goes_on_from_any_of_them() -> None:
    coverage = simulate(HARSH, 400, 7, Change(start=150, stance=0.5, volume=2.0, theme=3.0))
    asked = Asked(6.0)
    splits = [*range(30, 60, 7), *range(60, 330, 30), *range(330, 400, 5)]
    whole = go_on(coverage, asked, (), stops=[coverage.date(split - 1) for split in splits])
    assert len({one.kind for one in whole.detection.found}) >= 3
    states = {checkpoint.day: to_bytes(checkpoint) for checkpoint in whole.checkpoints}
    assert len(states) == len(splits)
    found: list[Found] = []
    checkpoint = whole.checkpoints[0]
    first = [one for one in whole.detection.found if one.detected <= checkpoint.day]
    for split, to in zip(splits, [*splits[1:], 400], strict=True):
        end = coverage.date(to - 1)
        grown = checkpoint.with_days(later(coverage, split, to))
        run = go_on(grown, asked, (), after=checkpoint, stops=[end])
        found += run.detection.found
        data = to_bytes(run.checkpoints[0])
        assert states.get(end, data) == data
        checkpoint = from_bytes(data)
    assert first + found == whole.detection.found
    assert max(len(data) for data in states.values()) < 5_000_000
    assert checkpoint.window.days == REACH
    assert (checkpoint.window.earlier, checkpoint.window.first) == (400 - REACH, coverage.date(400 - REACH))


def test_outlets_that_come_later_change_no_bit_of_the_days_before() -> None:
    coverage = simulate(HARSH, 160, 7)
    rng = np.random.default_rng(3)
    count = len(coverage.outlets) + 37
    at = np.sort(rng.permutation(count)[: len(coverage.outlets)])

    def spread(values: FloatArray) -> FloatArray:
        wide = np.zeros((len(values), count))
        wide[:, at] = values
        return wide

    names, blocs = [f"later {index}" for index in range(count)], ["west"] * count
    for index, name, bloc in zip(at, coverage.outlets, coverage.blocs, strict=True):
        names[index], blocs[index] = name, bloc
    assert coverage.seen is not None
    wide = replace(
        coverage,
        outlets=tuple(names),
        blocs=tuple(blocs),
        seen=spread(coverage.seen),
        dyads={
            dyad: DayTable(spread(table.votes), spread(table.score), table.squares)
            for dyad, table in coverage.dyads.items()
        },
    )
    reporting, later_too = (find_reporting(one.activity(), items=True) for one in (coverage, wide))
    assert reporting.expected.tobytes() == later_too.expected.tobytes()
    for narrow, broad in zip(series_of(coverage), series_of(wide), strict=True):
        assert narrow.key == broad.key
        for t in range(60, narrow.baseline.days):
            assert narrow.baseline.outlook(t, 10, t - 14) == broad.baseline.outlook(t, 10, t - 14)


def some_state() -> Checkpoint:
    coverage = random_press(150, 5)
    (checkpoint,) = go_on(coverage, OFTEN, (), stops=[coverage.date(149)]).checkpoints
    return checkpoint


STATE = some_state()
BYTES = to_bytes(STATE)


def test_bytes_give_back_what_went_in() -> None:
    back = from_bytes(BYTES)
    assert to_bytes(back) == BYTES
    assert (back.day, back.asked, back.known, back.sources) == (STATE.day, STATE.asked, STATE.known, STATE.sources)
    assert back.state.watches.keys() == STATE.state.watches.keys()
    for key, watch in STATE.state.watches.items():
        mine, theirs = watch.monitor, back.state.watches[key].monitor
        assert mine.surprise.tobytes() == theirs.surprise.tobytes()
        assert (mine.sums == theirs.sums).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(BYTES) - 1), st.integers(1, 255))
def test_a_damaged_state_is_refused(at: int, flip: int) -> None:
    damaged = bytearray(BYTES)
    damaged[at] ^= flip
    with pytest.raises(InputError, match="made anew"):
        from_bytes(bytes(damaged))


@pytest.mark.parametrize("data", [b"", packing.MARK, BYTES[:-1], BYTES[:200], b"PK" + BYTES], ids=repr)
def test_what_is_no_state_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="made anew"):
        from_bytes(data)


def test_a_state_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "method", lambda: "another")
    with pytest.raises(InputError, match="another version"):
        from_bytes(BYTES)


def test_a_state_does_not_hold_for_another_target() -> None:
    assert STATE.holds_for(OFTEN, ())
    assert not STATE.holds_for(Asked(1.0), ())


def test_a_state_does_not_hold_once_somebody_else_told_a_shift_of_its_days() -> None:
    day = STATE.window.date
    assert not STATE.holds_for(OFTEN, [Known("IN-CN", Kind.STANCE, Direction.DIVERGENCE, day(90), day(99), -0.3)])
    assert not STATE.holds_for(OFTEN, [Known("", Kind.THEME, Direction.RISE, day(90), day(99), 0.7, "unheard of")])
    assert STATE.holds_for(OFTEN, [Known("IN-CN", Kind.STANCE, Direction.DIVERGENCE, day(190), day(199), -0.3)])


def test_a_state_holds_once_its_own_shifts_are_known_and_not_once_one_is_taken_back() -> None:
    coverage = simulate(HARSH, 200, 7, Change(start=120, stance=0.6))
    end = coverage.date(199)
    run = go_on(coverage, OFTEN, (), stops=[end])
    (checkpoint,) = run.checkpoints
    own = [_known(one) for one in run.detection.found]
    assert own
    assert checkpoint.holds_for(OFTEN, own)
    assert checkpoint.holds_for(OFTEN, own[:-1])
    (again,) = go_on(coverage, OFTEN, own, stops=[end]).checkpoints
    assert again.holds_for(OFTEN, own)
    assert not again.holds_for(OFTEN, own[:-1])
    # As it will be on the next day: what follows is the same from either.
    whole = simulate(HARSH, 230, 7, Change(start=120, stance=0.6))
    runs = [
        go_on(one.with_days(later(whole, 200, 230)), OFTEN, own, after=one, stops=[whole.date(229)])
        for one in (checkpoint, again)
    ]
    assert runs[0].detection.found == runs[1].detection.found


def _of_one_bloc(coverage: Coverage) -> Coverage:
    return replace(coverage, blocs=("west",) * len(coverage.blocs))


def _without_items(coverage: Coverage) -> Coverage:
    return replace(coverage, seen=None)


def _without_themes(coverage: Coverage) -> Coverage:
    return replace(coverage, themes=None)


def _later_by_a_day(coverage: Coverage) -> Coverage:
    return replace(coverage, first=coverage.date(1))


@pytest.mark.parametrize("change", [_of_one_bloc, _without_items, _without_themes, _later_by_a_day])
def test_days_that_change_how_earlier_ones_are_judged_are_not_added(change: Callable[[Coverage], Coverage]) -> None:
    added = later(random_press(160, 5), 150, 160)
    assert STATE.with_days(added).days == 160
    with pytest.raises(InputError):
        STATE.with_days(change(added))


def test_days_that_are_not_held_are_not_measured_against() -> None:
    coverage = simulate(HARSH, 300, 3)
    (checkpoint,) = go_on(coverage, OFTEN, (), stops=[coverage.date(299)]).checkpoints
    run = go_on(checkpoint.window, OFTEN, (), after=checkpoint)
    for item in run.detection.series:
        with pytest.raises(InputError, match="load more"):
            item.baseline.outlook(200, 40, 124)
