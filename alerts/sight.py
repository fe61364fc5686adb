"""How small a shift would have been seen: what a digest says of the days on which nothing moved."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alerts import thresholds
from alerts.family import FAMILY
from alerts.model import Kind
from alerts.remeasure import sensitivity
from alerts.reporting import GUARD, WINDOW
from alerts.votes import Coverage
from alerts.watched import Series

SIGHT = 14
"""Days for which the smallest visible shift is worked out."""
WHOLE_SCALE = 2.0
"""Stance runs from -1 to 1: what would have to be larger than that cannot be seen."""


def smallest_shifts(coverage: Coverage, family: Sequence[Series], false_alarms_per_year: float) -> dict[str, float]:
    """Per dyad, the smallest lasting change that the last 14 days would have shown at this threshold.

    *family* are all series of stance (score points), or all of attention (logarithm of a ratio). None of it where there
    is too little history, or nothing at all to see with.
    """
    seen: dict[str, float] = {}
    needed = threshold_of(coverage, family, false_alarms_per_year) if family else 0.0
    for item in family:
        days = item.baseline.days
        size = visible(sum(day_sight(item, t) for t in range(max(0, days - SIGHT), days)), needed, item.kind)
        if size is not None:
            seen[item.dyad] = size
    return seen


def threshold_of(coverage: Coverage, family: Sequence[Series], false_alarms_per_year: float) -> float:
    """The log evidence that a shift must reach by the ladder; *family* are all series of its kind, one at least."""
    kind = family[0].kind
    part = thresholds.parts(themes=coverage.themes is not None, blocs=coverage.knows_outlets)[kind]
    return thresholds.threshold(kind, false_alarms_per_year, len(family), part)


def day_sight(item: Series, t: int) -> float:
    """The squared sensitivity k² of day *t* of a series; 0 on a day that shows nothing."""
    high = t - min(GUARD, max(3, t // 4))
    low = max(0, high - WINDOW)
    outlook = item.baseline.outlook(t, low, high) if item.baseline.usable(t) and high - low >= 10 else None
    return 0.0 if outlook is None else sensitivity(outlook) ** 2


def visible(information: float, needed: float, kind: Kind = Kind.STANCE) -> float | None:
    """The change that days with this sum of k² would have shown; None where none could be seen.

    delta² = 2 (h + 2) / Σ k² + zone², with k the daily sensitivities: the effect at which the evidence is expected to
    pass *needed* (h) by the end of the period.
    """
    if information <= 0:
        return None
    size = math.sqrt(2 * (needed + 2) / information + FAMILY[kind].zone ** 2)
    return None if kind.tone and size > WHOLE_SCALE else size
