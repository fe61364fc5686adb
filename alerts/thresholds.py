"""Thresholds: how much evidence a shift must show so that unchanged coverage alarms no more often than was asked.

The rate of false alarms, not a probability, is what can be promised of a monitor that never stops: with a finite run
length no false discovery rate can be bounded (Dandapanthula & Ramdas, arXiv 2501.04130). The rate that was asked for is
shared out evenly between the families, a Bonferroni budget that holds whatever ties the series.
"""

from __future__ import annotations

import math

from alerts.model import Kind

FAMILIES = tuple(Kind)
"""Each gets an equal part of the rate of false alarms."""

FITTED_SERIES = 3
_FIT = {Kind.STANCE: (0.70, 0.98), Kind.ATTENTION: (0.50, 1.13)}
"""Intercept and slope of ln(run length in days of a family of three series) against the threshold, fitted on
simulated coverage that does not change; `python -m bench.shifts` measures what they achieve."""

MOST_YEARS = 20.0
"""Beyond this the fit is extrapolated, so nothing more exact than "more than 20 years" is said."""


def run_length_days(kind: Kind, evidence: float, series: int = FITTED_SERIES) -> float:
    """Mean days between chance alarms of a family of *series* series when it alarms at this log evidence."""
    intercept, slope = _FIT[kind]
    return math.exp(min(60.0, intercept + slope * evidence)) * FITTED_SERIES / max(1, series)


def threshold(kind: Kind, false_alarms_per_year: float, series: int = FITTED_SERIES) -> float:
    """Log evidence at which a family of *series* series gives its part of *false_alarms_per_year*.

    >>> round(threshold(Kind.STANCE, 1.0), 2), round(threshold(Kind.ATTENTION, 1.0), 2)
    (6.01, 5.39)
    """
    if not (math.isfinite(false_alarms_per_year) and false_alarms_per_year > 0):
        raise ValueError(f"false alarms a year must be a number above zero, not {false_alarms_per_year!r}")
    intercept, slope = _FIT[kind]
    wanted = 365.25 * len(FAMILIES) / false_alarms_per_year
    return (math.log(wanted * max(1, series) / FITTED_SERIES) - intercept) / slope


def years_between(kind: Kind, evidence: float, series: int = FITTED_SERIES) -> float:
    """With unchanged coverage, evidence this strong appears in this family about once in so many years."""
    return run_length_days(kind, evidence, series) / 365.25


def confidence(evidence: float, needed: float) -> str:
    """A word for how far the evidence went beyond what it needed; sequential alarms stop just above it."""
    beyond = evidence - needed
    if beyond < 1:
        return "moderate"
    return "strong" if beyond <= 3 else "very strong"
