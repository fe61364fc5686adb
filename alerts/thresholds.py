"""Thresholds: how much evidence a shift must show so that unchanged coverage alarms no more often than was asked.

The rate of false alarms, not a probability, is what can be promised of a monitor that never stops: with a finite run
length no false discovery rate can be bounded (Dandapanthula & Ramdas, arXiv 2501.04130). The rate that was asked for is
shared out between the families, a Bonferroni budget that holds whatever ties the series.
"""

from __future__ import annotations

import math
from itertools import pairwise

from alerts.model import Kind

BLOC_PART = 0.25
"""What the watch on single press blocs may spend of the stance family's part: a bloc's turn is a quieter finding."""

FITTED_SERIES = {Kind.STANCE: 3, Kind.ATTENTION: 3, Kind.THEME: 15, Kind.BLOC: 12}
"""Series of the families that the ladder was measured on; more of them bring chance alarms in proportion."""

LEAST_SERIES = {Kind.STANCE: 1, Kind.ATTENTION: 1, Kind.THEME: 3, Kind.BLOC: 1}
"""Fewer count as so many: a fifteenth of what was measured on fifteen themes would let days that say nothing, which
bring the evidence to `ln(alerts.family.MEMORY)`, pass for a shift."""

_LADDER = {
    Kind.STANCE: ((4.0, 4.30), (5.0, 6.00), (5.5, 6.72), (6.0, 7.28), (7.0, 8.45), (8.0, 9.40)),
    Kind.ATTENTION: ((4.0, 4.60), (5.0, 6.60), (5.5, 7.35), (6.0, 8.00), (7.0, 9.10), (8.0, 10.30)),
    Kind.THEME: ((4.0, 4.43), (5.0, 5.25), (5.5, 5.67), (6.0, 6.17), (7.0, 7.16), (8.0, 8.30)),
    Kind.BLOC: ((4.0, 4.50), (5.0, 5.82), (5.5, 6.58), (6.0, 7.31), (7.0, 8.23), (8.0, 9.06)),
}
"""Threshold, and ln(mean days to the first chance alarm) of a family of so many series, on simulated coverage that does
not change: the shortest of dense and sparse coverage, with outlets and without. Between the rungs, and beyond them, it
goes on in straight lines. `python -m bench.ladder` gives it for the themes and blocs, `python -m bench.shifts` measures
what the thresholds achieve, with resets."""

MOST_YEARS = 20.0
"""Beyond this the fit is extrapolated, so nothing more exact than "more than 20 years" is said."""


def parts(*, themes: bool = True, blocs: bool = True) -> dict[Kind, float]:
    """The part of the false-alarm rate that each family may spend; together they spend it once.

    Stance, attention and themes share alike. Of the stance family's part, the watch on single blocs has `BLOC_PART`.
    Where themes or blocs are not known (plain counts), nothing is set aside for them.
    """
    each = 1 / (3 if themes else 2)
    made = {Kind.STANCE: each * (1 - BLOC_PART) if blocs else each, Kind.ATTENTION: each}
    if themes:
        made[Kind.THEME] = each
    if blocs:
        made[Kind.BLOC] = each * BLOC_PART
    return made


def run_length_days(kind: Kind, evidence: float, series: int | None = None) -> float:
    """Mean days between chance alarms of a family of *series* series when it alarms at this log evidence."""
    rungs = _LADDER[kind]
    (h0, l0), (h1, l1) = next((pair for pair in pairwise(rungs) if evidence <= pair[1][0]), (rungs[-2], rungs[-1]))
    length = l0 + (evidence - h0) * (l1 - l0) / (h1 - h0)
    return math.exp(min(60.0, length)) / _crowd(kind, series)


def threshold(kind: Kind, false_alarms_per_year: float, series: int | None = None, part: float | None = None) -> float:
    """Log evidence at which a family of *series* series gives its *part* of *false_alarms_per_year*.

    Without *part* it is the one where all families are watched; without *series*, as many as were simulated.

    >>> round(threshold(Kind.STANCE, 1.0), 2), round(threshold(Kind.ATTENTION, 1.0), 2)
    (6.0, 5.26)
    """
    if not (math.isfinite(false_alarms_per_year) and false_alarms_per_year > 0):
        raise ValueError(f"false alarms a year must be a number above zero, not {false_alarms_per_year!r}")
    return threshold_for(kind, run_length_wanted(kind, false_alarms_per_year, part) * _crowd(kind, series))


def _crowd(kind: Kind, series: int | None) -> float:
    """How many times the simulated number of series a family has."""
    return 1.0 if series is None else max(LEAST_SERIES[kind], series) / FITTED_SERIES[kind]


def run_length_wanted(kind: Kind, false_alarms_per_year: float, part: float | None = None) -> float:
    """Mean days between chance alarms that a family may have."""
    return 365.25 / (false_alarms_per_year * (parts()[kind] if part is None else part))


def threshold_for(kind: Kind, days: float) -> float:
    """Log evidence that a family of the simulated size reaches by chance about once in *days* days."""
    wanted = math.log(days)
    rungs = _LADDER[kind]
    (h0, l0), (h1, l1) = next((pair for pair in pairwise(rungs) if wanted <= pair[1][1]), (rungs[-2], rungs[-1]))
    return h0 + (wanted - l0) * (h1 - h0) / (l1 - l0)


def years_between(kind: Kind, evidence: float, series: int | None = None) -> float:
    """With unchanged coverage, evidence this strong appears in this family about once in so many years."""
    return run_length_days(kind, evidence, series) / 365.25


def confidence(evidence: float, needed: float) -> str:
    """A word for how far the evidence went beyond what it needed; sequential alarms stop just above it."""
    beyond = evidence - needed
    if beyond < 1:
        return "moderate"
    return "strong" if beyond <= 3 else "very strong"
