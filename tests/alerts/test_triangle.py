"""The triangle in one sentence: which pattern, and never from what is not certain."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import triangle
from alerts.model import DyadState
from alerts.triangle import Pattern, moved, pattern, sentence
from ingest.ties import ties
from tests.alerts.helpers_digest import states


def with_changes(*changes: tuple[float, float] | None) -> list[DyadState]:
    """The three states, each with its change and the half-width of its range; None: not measured."""
    made = []
    for state, change in zip(states(), changes, strict=True):
        size, error = change or (None, None)
        low = None if size is None or error is None else size - error
        high = None if size is None or error is None else size + error
        made.append(replace(state, change=size, change_low=low, change_high=high))
    return made


UP, DOWN, NONE, VAGUE = (0.3, 0.1), (-0.3, 0.1), (0.0, 0.1), (0.3, 0.28)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((UP, UP, UP), "all three ties converge: the triangle draws together (India–Russia +0.30, 95 % range +0.20"),
        ((DOWN, DOWN, DOWN), "all three ties cool: the triangle drifts apart"),
        ((DOWN, NONE, UP), "India and China warm while India and Russia cool; China and Russia show no clear change"),
        ((UP, NONE, DOWN), "India and Russia warm while India and China cool"),
        ((DOWN, UP, DOWN), "India drifts away from both Russia and China, who close ranks"),
        ((DOWN, NONE, DOWN), "India drifts away from both Russia and China, who show no clear change between them"),
        ((UP, DOWN, UP), "India draws nearer to both Russia and China, who drift apart"),
        ((NONE, UP, NONE), "Russia and China close ranks without India, whose own ties show no clear change"),
        ((DOWN, NONE, NONE), "India and Russia drift apart; China's own ties show no clear change"),
        (
            (NONE, NONE, VAGUE),
            "no tie of the triangle clearly left its usual level (India–Russia 0.00, 95 %",
        ),
        ((UP, UP, None), ""),
    ],
)
def test_the_pattern_is_named_with_the_changes_that_make_it(
    changes: tuple[tuple[float, float] | None, ...], expected: str
) -> None:
    told = sentence(with_changes(*changes))
    assert expected in told
    assert bool(told) == bool(expected)


@given(st.floats(-1, 1), st.floats(0.001, 1))
def test_a_tie_moved_only_when_its_whole_range_lies_beyond_the_zone(change: float, error: float) -> None:
    (state, *_) = with_changes((change, error), NONE, NONE)
    assert moved(state) == (1 if change - error > 0.05 else -1 if change + error < -0.05 else 0)


three = st.tuples(*[st.tuples(st.floats(-1, 1), st.floats(0.001, 1))] * 3)


@given(three)
def test_a_sentence_names_no_change_that_is_not_certain(changes: tuple[tuple[float, float], ...]) -> None:
    made = with_changes(*changes)
    told = sentence(made)
    certain = {state.dyad for state in made if moved(state)}
    sizes = re.findall(r"(India–Russia|Russia–China|India–China) [+−0]", told)
    assert len(sizes) == (len(certain) or 3)
    if not certain:
        assert "no tie of the triangle clearly left its usual level" in told
    else:
        assert "clearly left" not in told


def renamed(moves: dict[str, int], names: dict[str, str]) -> dict[str, int]:
    """The moves with the states' parts exchanged."""
    made = {}
    for dyad, move in moves.items():
        ends = {names[code] for code in dyad.split("-")}
        made[next(one for one in ties().dyads if set(one.split("-")) == ends)] = move
    return made


@given(st.tuples(*[st.integers(-1, 1)] * 3), st.permutations(sorted(ties().actors)))
def test_which_state_plays_which_part_changes_the_names_and_not_the_pattern(
    sizes: tuple[int, ...], order: list[str]
) -> None:
    moves = dict(zip(ties().dyads, sizes, strict=True))
    names = dict(zip(sorted(ties().actors), order, strict=True))
    shape, actor = pattern(moves)
    assert pattern(renamed(moves, names)) == (shape, names.get(actor, ""))
    opposite, same = pattern({dyad: -move for dyad, move in moves.items()})
    pairs = {
        Pattern.ALL_CLOSER: Pattern.ALL_COOLER,
        Pattern.NEARER_TO_BOTH: Pattern.AWAY_FROM_BOTH,
        Pattern.RANKS_CLOSED: Pattern.APART,
    }
    mirrored = pairs | {b: a for a, b in pairs.items()} | {Pattern.TURN: Pattern.TURN, Pattern.NONE: Pattern.NONE}
    assert (opposite, same) == (mirrored[shape], actor)


def test_every_pattern_has_words() -> None:
    assert set(triangle._WORDS) == set(Pattern)
