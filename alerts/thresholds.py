"""Thresholds: how much evidence a shift must show so that unchanged coverage alarms no more often than was asked.

The rate of false alarms, not a probability, is what can be promised of a monitor that never stops: with a finite run
length no false discovery rate can be bounded (Dandapanthula & Ramdas, arXiv 2501.04130). The rate that was asked for is
shared out evenly between the families, a Bonferroni budget that holds whatever ties the series.
"""

from __future__ import annotations

import math
from itertools import pairwise

from alerts.model import Kind

FAMILIES = tuple(Kind)
"""Each gets an equal part of the rate of false alarms."""

FITTED_SERIES = 3
_LADDER = {
    Kind.STANCE: ((4.0, 4.30), (5.0, 6.00), (5.5, 6.72), (6.0, 7.28), (7.0, 8.45), (8.0, 9.40)),
    Kind.ATTENTION: ((4.0, 4.60), (5.0, 6.60), (5.5, 7.35), (6.0, 8.00), (7.0, 9.10), (8.0, 10.30)),
}
"""Threshold, and ln(mean days to the first chance alarm) of a family of three series, on simulated coverage that does
not change: the shortest of dense and sparse coverage, with outlets and without. Between the rungs, and beyond them, it
goes on in straight lines. `python -m bench.shifts` measures what the thresholds achieve, with resets."""

MOST_YEARS = 20.0
"""Beyond this the fit is extrapolated, so nothing more exact than "more than 20 years" is said."""


def run_length_days(kind: Kind, evidence: float, series: int = FITTED_SERIES) -> float:
    """Mean days between chance alarms of a family of *series* series when it alarms at this log evidence."""
    rungs = _LADDER[kind]
    (h0, l0), (h1, l1) = next((pair for pair in pairwise(rungs) if evidence <= pair[1][0]), (rungs[-2], rungs[-1]))
    length = l0 + (evidence - h0) * (l1 - l0) / (h1 - h0)
    return math.exp(min(60.0, length)) * FITTED_SERIES / max(1, series)


def threshold(kind: Kind, false_alarms_per_year: float, series: int = FITTED_SERIES) -> float:
    """Log evidence at which a family of *series* series gives its part of *false_alarms_per_year*.

    >>> round(threshold(Kind.STANCE, 1.0), 2), round(threshold(Kind.ATTENTION, 1.0), 2)
    (5.41, 5.0)
    """
    if not (math.isfinite(false_alarms_per_year) and false_alarms_per_year > 0):
        raise ValueError(f"false alarms a year must be a number above zero, not {false_alarms_per_year!r}")
    return threshold_for(kind, run_length_wanted(false_alarms_per_year) * max(1, series) / FITTED_SERIES)


def run_length_wanted(false_alarms_per_year: float) -> float:
    """Mean days between chance alarms that each family may have."""
    return 365.25 * len(FAMILIES) / false_alarms_per_year


def threshold_for(kind: Kind, days: float) -> float:
    """Log evidence that a family of three series reaches by chance about once in *days* days."""
    wanted = math.log(days)
    rungs = _LADDER[kind]
    (h0, l0), (h1, l1) = next((pair for pair in pairwise(rungs) if wanted <= pair[1][1]), (rungs[-2], rungs[-1]))
    return h0 + (wanted - l0) * (h1 - h0) / (l1 - l0)


def years_between(kind: Kind, evidence: float, series: int = FITTED_SERIES) -> float:
    """With unchanged coverage, evidence this strong appears in this family about once in so many years."""
    return run_length_days(kind, evidence, series) / 365.25


def confidence(evidence: float, needed: float) -> str:
    """A word for how far the evidence went beyond what it needed; sequential alarms stop just above it."""
    beyond = evidence - needed
    if beyond < 1:
        return "moderate"
    return "strong" if beyond <= 3 else "very strong"
