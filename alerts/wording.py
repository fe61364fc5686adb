"""Findings as a person says them. Every sentence is made from fields, so that mail, artifact and file say the same."""

from __future__ import annotations

import math
from dataclasses import replace

from alerts.model import DYAD_NAMES, Direction, Found, Kind
from alerts.thresholds import MOST_YEARS
from alerts.words import count, day_words


def dyad_name(code: str) -> str:
    """The name of a dyad; a code that is not one of ours is its own name."""
    return DYAD_NAMES.get(code, code)


def signed(value: float, digits: int = 2) -> str:
    """A score with its sign and a true minus.

    >>> signed(-0.421), signed(0.307), signed(0.001)
    ('−0.42', '+0.31', '0.00')
    """
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else "+") + text


def amount(value: float) -> str:
    """A number of stories a day with no more digits than it deserves.

    >>> amount(0.34), amount(3.14), amount(27.6)
    ('0.3', '3.1', '28')
    """
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.1 else f"{value:.2f}"


def times(log_ratio: float) -> str:
    """A ratio as readers say it.

    >>> times(0.693), times(-0.7), times(0.02), times(3.4)
    ('×2.0', '×0.50', '×1.0', '×30')
    """
    ratio = math.exp(min(20.0, log_ratio))
    return f"×{ratio:.0f}" if ratio >= 10 else f"×{ratio:.1f}" if ratio >= 0.95 else f"×{ratio:.2f}"


def how_often(years: float) -> str:
    """How rarely unchanged coverage looks like this.

    >>> how_often(3.1), how_often(0.4), how_often(55)
    ('about once in 3 years', 'about once in 5 months', 'less than once in 20 years')
    """
    if years > MOST_YEARS:
        return f"less than once in {MOST_YEARS:.0f} years"
    if years >= 1.5:
        return f"about once in {years:.0f} years"
    months = max(1, round(years * 12))
    return "about once a year" if 10 <= months <= 14 else f"about once in {count(months, 'month', 'months')}"


def basis(found: Found) -> str:
    """What a finding rests on."""
    stories = count(found.stories, "independent story", "independent stories")
    return stories if found.outlets is None else f"{stories} from {count(found.outlets, 'outlet', 'outlets')}"


def finding(found: Found) -> str:
    """The finding in a few sentences: what moved, since when, by how much, on what basis, how rare by chance."""
    name, since = dyad_name(found.dyad), day_words(found.onset)
    if found.kind is Kind.STANCE:
        toward = "convergent" if found.direction is Direction.CONVERGENCE else "divergent"
        verb = "rose" if found.direction is Direction.CONVERGENCE else "fell"
        first = (
            f"{name} coverage turned more {toward} around {since}: average stance {verb} from {signed(found.before)} "
            f"to {signed(found.after)} ({signed(found.magnitude)}; 95 % range {signed(found.low)} to "
            f"{signed(found.high)}) in {basis(found)}."
        )
    else:
        verb = "rose" if found.direction is Direction.RISE else "fell"
        first = (
            f"{name} coverage {verb} around {since}: from {amount(found.before)} to {amount(found.after)} independent "
            f"stories a day ({times(found.magnitude)}; 95 % range {times(found.low)} to {times(found.high)}), "
            f"{basis(found)} since then."
        )
    back = " This brings it back to its earlier level." if found.returned else ""
    return f"{first}{back} With unchanged coverage, evidence this strong appears {how_often(found.years)}."


def worded(found: Found) -> Found:
    """The same finding with its text."""
    return replace(found, text=finding(found))
