"""All ties moving at once are one finding about the whole topic, not one for each tie."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.facts import DigestFacts, ShiftFact
from alerts.model import Kind
from ingest.ties import ties

NEAR = 7
"""Days that the onsets may lie apart."""
STANDING = ("open", "confirmed")


def told_findings(facts: DigestFacts) -> tuple[tuple[ShiftFact, ...], ...]:
    """The findings of a digest. The ties of one finding may be found days apart: those told before count with it."""
    return findings(facts.shifts, [s for s in facts.earlier if s.told_on is not None and s.status in STANDING])


def findings(shifts: Sequence[ShiftFact], before: Sequence[ShiftFact] = ()) -> tuple[tuple[ShiftFact, ...], ...]:
    """*shifts* in their order, those of all ties that moved alike as one group in the place of the first.

    Alike means: tone or amount, the same direction, onsets within a week, none of them a return to an earlier level.
    A group may take in shifts told *before*, which stand at its end.
    """
    joint = _joint((*shifts, *before))
    made: list[tuple[ShiftFact, ...]] = []
    for shift in shifts:
        group = next((group for group in joint if shift in group), None)
        if group is None:
            made.append((shift,))
        elif shift == group[0]:
            made.append(group)
    return tuple(made)


def _joint(shifts: Sequence[ShiftFact]) -> list[tuple[ShiftFact, ...]]:
    groups = []
    for kind in (Kind.STANCE, Kind.ATTENTION):
        for direction in dict.fromkeys(shift.direction for shift in shifts if shift.kind is kind):
            alike = [s for s in shifts if s.kind is kind and s.direction is direction and not s.returned]
            first: dict[str, ShiftFact] = {}
            for shift in alike:
                first.setdefault(shift.dyad, shift)
            group = tuple(shift for shift in alike if first[shift.dyad] is shift)
            onsets = [shift.onset for shift in group]
            if set(first) == set(ties().dyads) and (max(onsets) - min(onsets)).days <= NEAR:
                groups.append(group)
    return groups
