"""The triangle as one picture: which pattern the changes of its three ties make, told only as far as they are certain.

A tie counts as closer or cooler when the whole 95 % range of its change lies beyond the indifference zone; what does
not is "no clear change", which is not the same as none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from alerts.family import FAMILY
from alerts.model import DyadState, Kind
from alerts.wording import dyad_name, signed
from ingest.ties import ties


class Pattern(StrEnum):
    """Shapes that the three changes can make; each holds whichever of the three states plays which part."""

    NONE = "none"
    ALL_CLOSER = "all closer"
    ALL_COOLER = "all cooler"
    NEARER_TO_BOTH = "one nearer to both"
    AWAY_FROM_BOTH = "one away from both"
    RANKS_CLOSED = "two close ranks without the third"
    APART = "two drift apart"
    TURN = "one turns from one to the other"


_SHAPES = {
    (0, 0): Pattern.NONE,
    (3, 0): Pattern.ALL_CLOSER,
    (0, 3): Pattern.ALL_COOLER,
    (2, 0): Pattern.NEARER_TO_BOTH,
    (2, 1): Pattern.NEARER_TO_BOTH,
    (0, 2): Pattern.AWAY_FROM_BOTH,
    (1, 2): Pattern.AWAY_FROM_BOTH,
    (1, 1): Pattern.TURN,
    (1, 0): Pattern.RANKS_CLOSED,
    (0, 1): Pattern.APART,
}
"""By the number of ties that are closer and that are cooler."""

_WORDS = {
    Pattern.NONE: "no tie of the triangle clearly left its usual level",
    Pattern.ALL_CLOSER: "all three ties converge: the triangle draws together",
    Pattern.ALL_COOLER: "all three ties cool: the triangle drifts apart",
    Pattern.NEARER_TO_BOTH: "{actor} draws nearer to both {first} and {second}, who {between}",
    Pattern.AWAY_FROM_BOTH: "{actor} drifts away from both {first} and {second}, who {between}",
    Pattern.RANKS_CLOSED: "{first} and {second} close ranks without {actor}, whose own ties show no clear change",
    Pattern.APART: "{first} and {second} drift apart; {actor}'s own ties show no clear change",
    Pattern.TURN: "{actor} and {warm} warm while {actor} and {cool} cool; {first} and {second} show no clear change",
}
_NO_ALARM = "Where no shift is told, that may be chance: of twenty such ranges, one misses."
_BETWEEN = {1: "close ranks", -1: "drift apart", 0: "show no clear change between them"}


def moved(state: DyadState) -> int:
    """1 where a tie is closer than usual by its whole 95 % range, -1 where it is cooler, else 0."""
    low, high, zone = state.change_low, state.change_high, FAMILY[Kind.STANCE].zone
    if low is None or high is None:
        return 0
    return 1 if low > zone else -1 if high < -zone else 0


def pattern(moves: Mapping[str, int]) -> tuple[Pattern, str]:
    """The pattern of *moves* (tie -> -1, 0 or 1), and the state that stands out in it; empty where none does.

    >>> pattern({"IN-RU": -1, "RU-CN": 0, "IN-CN": 1})
    (<Pattern.TURN: 'one turns from one to the other'>, 'IN')
    >>> pattern({"IN-RU": 0, "RU-CN": 1, "IN-CN": 0})
    (<Pattern.RANKS_CLOSED: 'two close ranks without the third'>, 'IN')
    """
    ups = [dyad for dyad in ties().dyads if moves[dyad] > 0]
    downs = [dyad for dyad in ties().dyads if moves[dyad] < 0]
    shape = _SHAPES[len(ups), len(downs)]
    if shape in (Pattern.NONE, Pattern.ALL_CLOSER, Pattern.ALL_COOLER):
        return shape, ""
    tie, *other = {Pattern.NEARER_TO_BOTH: ups, Pattern.AWAY_FROM_BOTH: downs}.get(shape, ups + downs)
    return shape, _shared(tie, other[0]) if other else _outside(tie)


def sentence(states: Sequence[DyadState]) -> str:
    """The pattern of the last two weeks in one plain sentence, each change named with its range.

    Empty where a tie has too little behind it to be measured, and where the ties are no triangle.
    """
    if not ties().is_triangle:
        return ""
    by_dyad = {state.dyad: state for state in states if state.change is not None}
    if any(dyad not in by_dyad for dyad in ties().dyads):
        return ""
    moves = {dyad: moved(by_dyad[dyad]) for dyad in ties().dyads}
    shape, actor = pattern(moves)
    told = f"Over the last two weeks {_words(shape, actor, moves)}{_sizes(by_dyad, moves)}."
    alone = any(moves[dyad] and by_dyad[dyad].open_shift_id is None for dyad in ties().dyads)
    return f"{told} {_NO_ALARM}" if alone else told


def _words(shape: Pattern, actor: str, moves: Mapping[str, int]) -> str:
    if not actor:
        return _WORDS[shape]
    names = ties().actors
    first, second = sorted((code for code in names if code != actor), key=lambda code: -moves[_tie(actor, code)])
    across = moves[_tie(first, second)]
    return _WORDS[shape].format(
        actor=names[actor],
        first=names[first],
        second=names[second],
        warm=names[first],
        cool=names[second],
        between=_BETWEEN[across],
    )


def _sizes(states: Mapping[str, DyadState], moves: Mapping[str, int]) -> str:
    """The changes that are claimed; all three where none is, so that a reader sees how little was ruled out."""
    shown = [dyad for dyad in ties().dyads if moves[dyad]] or list(ties().dyads)
    said = []
    for dyad in shown:
        state = states[dyad]
        change, low, high = state.change or 0.0, state.change_low or 0.0, state.change_high or 0.0
        said.append(f"{dyad_name(dyad)} {signed(change)}, 95 % range {signed(low)} to {signed(high)}")
    return f" ({'; '.join(said)})"


def _shared(one: str, other: str) -> str:
    sides = ties().sides
    return next(code for code in sides[one] if code in sides[other])


def _outside(dyad: str) -> str:
    return next(code for code in ties().actors if code not in ties().sides[dyad])


def _tie(one: str, other: str) -> str:
    return ties().tie(one, other)
