"""Which press blocs moved: the read-out of a shift of tone, and the blocs that moved alone.

"Only Russian outlets changed their tone" and "India and Russia draw together in everybody's press" are different
findings. So beside a tie's stance each press bloc's is measured by the same means, within the bloc. When a tie's stance
shifts, the digest says what each bloc did. When a single bloc's series alarms (at a threshold of its own, see
`alerts.thresholds`) while the tie's does not, it is told as a bloc split, which says less than a shift.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from alerts import firsttone
from alerts.family import FAMILY
from alerts.model import BlocMove, Found, Kind, Verdict
from alerts.remeasure import follow_up
from alerts.votes import Coverage
from alerts.watched import Series

NEAR = 21
"""A shift of the tie found up to so many days before a bloc's onset, or since, explains the bloc's turn."""


class Told(firsttone.Told, Protocol):
    """A shift that readers know of, or that was found now, of a tie or of one bloc."""

    @property
    def bloc(self) -> str: ...


def with_blocs(
    coverage: Coverage, blocs: Sequence[Series], found: Sequence[Found], known: Sequence[Told]
) -> list[Found]:
    """*found* with what each bloc did, less what would tell the same twice; *blocs* are the series of press blocs.

    A bloc's turn is kept where the bloc moved alone. A shift of the tie that follows it is left out where every other
    bloc can be shown not to have moved: then it is the same turn in the average, and readers know of it.
    Looks at no day after the one on which a shift was found.
    """
    told: list[Told] = [one for one in known if one.kind.tone]
    kept: list[Found] = []
    # On the same day a shift of the tie goes before a bloc's.
    for one in sorted(found, key=lambda one: (one.detected, one.kind is Kind.BLOC, one.bloc)):
        if not one.kind.tone:
            kept.append(one)
            continue
        until = coverage.index(one.detected)
        moves = bloc_moves(coverage, [item for item in blocs if item.dyad == one.dyad and item.start <= until], one)
        earlier = [other for other in told if _explains(other, one)]
        if _alone(one, moves, earlier) if one.kind is Kind.BLOC else not _same_turn(moves, earlier):
            kept.append(replace(one, bloc_moves=moves))
            told.append(one)
    return kept


def bloc_moves(coverage: Coverage, blocs: Sequence[Series], found: Found) -> tuple[BlocMove, ...]:
    """What each bloc's own stance did from the onset of *found* to its detection, the largest change its way first."""
    onset, until = coverage.index(found.onset), coverage.index(found.detected)
    sign = found.direction.sign
    moves = []
    for item in blocs:
        stories = round(float(item.table.votes[onset : until + 1].sum()))
        local = onset - item.start
        days = range(max(0, local), until - item.start + 1)
        measured = follow_up(item, local, days) if local > 0 else None
        if measured is None:
            moves.append(BlocMove(item.bloc, Verdict.UNCLEAR, stories))
            continue
        change, error = measured
        low, high = change - 1.96 * error, change + 1.96 * error
        moves.append(BlocMove(item.bloc, verdict(change, low, high, found.magnitude), stories, change, low, high))
    return tuple(sorted(moves, key=lambda move: (-sign * (move.change or 0.0), move.bloc)))


def verdict(change: float, low: float, high: float, shift: float) -> Verdict:
    """What a bloc did, given its change with the 95 % range, and the size of the *shift* beside it (score points).

    >>> verdict(0.4, 0.2, 0.6, 0.3), verdict(0.0, -0.1, 0.1, 0.3), verdict(0.1, -0.3, 0.5, 0.3)
    (<Verdict.MOVED: 'moved'>, <Verdict.STILL: 'still'>, <Verdict.UNCLEAR: 'unclear'>)
    """
    zone = FAMILY[Kind.BLOC].zone
    if shift < 0:
        change, low, high, shift = -change, -high, -low, -shift
    if low > 0 and change > zone:
        return Verdict.MOVED
    if high < 0 and change < -zone:
        return Verdict.OPPOSITE
    return Verdict.STILL if high < shift else Verdict.UNCLEAR


def _explains(told: Told, found: Found) -> bool:
    """Whether *told* may be what *found* shows again: same tie and direction, found around its onset or since."""
    earliest = found.onset - dt.timedelta(days=NEAR)
    return told.dyad == found.dyad and told.direction is found.direction and earliest <= told.detected <= found.detected


def _alone(turn: Found, moves: Sequence[BlocMove], told: Sequence[Told]) -> bool:
    """Whether no other bloc moved the same way, and no shift of the tie that way has been found around then."""
    if any(move.verdict is Verdict.MOVED and move.bloc != turn.bloc for move in moves):
        return False
    return not any(one.kind is Kind.STANCE for one in told)


def _same_turn(moves: Sequence[BlocMove], told: Sequence[Told]) -> bool:
    """Whether a shift of the tie is nothing but the turn of a bloc that was told."""
    verdicts = {move.bloc: move.verdict for move in moves}
    others = {one.bloc: [verdict for bloc, verdict in verdicts.items() if bloc != one.bloc] for one in told if one.bloc}
    return any(rest and all(one in (Verdict.STILL, Verdict.OPPOSITE) for one in rest) for rest in others.values())
