"""The bars that were set for the detector, and the figure of `bench.shifts` that each is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AT_MOST, AT_LEAST = "≤", "≥"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar on one figure of one measurement."""

    of: str
    figure: str
    sign: str
    value: float

    def line(self, results: Mapping[str, Mapping[str, float]]) -> str | None:
        """The figure beside the bar, or None where it was not measured."""
        if self.of not in results:
            return None
        figure = results[self.of][self.figure]
        met = figure <= self.value if self.sign == AT_MOST else figure >= self.value
        name, verdict = f"{self.of}: {self.figure}", "met" if met else "MISSED"
        return f"{name:52} {figure:>7g}   {self.sign} {self.value:<5g} {verdict}"


_RATE, _DELAY, _FORTNIGHT, _MONTH = "false digests a year", "median delay", "found in 14 days", "found in 30 days"
_FAMILIES = ("stance", "attention", "theme")

BARS = (
    Bar("base", _RATE, AT_MOST, 1.3),
    Bar("sparse", _RATE, AT_MOST, 1.5),
    Bar("harsh", _RATE, AT_MOST, 1.5),
    Bar("base", "after 28 days of history", AT_MOST, 1.6),
    Bar("stance +0.4", _DELAY, AT_MOST, 6),
    Bar("stance +0.4", _FORTNIGHT, AT_LEAST, 0.98),
    Bar("stance +0.2", _DELAY, AT_MOST, 18),
    Bar("stance +0.2", _FORTNIGHT, AT_LEAST, 0.38),
    Bar("stance +0.2", _MONTH, AT_LEAST, 0.75),
    Bar("attention x3", _DELAY, AT_MOST, 9),
    Bar("attention x3", _FORTNIGHT, AT_LEAST, 0.92),
    Bar("attention x2", _DELAY, AT_MOST, 18),
    Bar("attention x2", _MONTH, AT_LEAST, 0.77),
    Bar("attention x0.5", _DELAY, AT_MOST, 21),
    Bar("attention x0.5", _MONTH, AT_LEAST, 0.68),
    Bar("theme x3", _DELAY, AT_MOST, 13),
    Bar("theme x3", _MONTH, AT_LEAST, 0.94),
    Bar("theme x2", _MONTH, AT_LEAST, 0.44),
    *(Bar(name, "repeats", AT_MOST, 0.10) for name in ("stance +0.4", "stance +0.2", "attention x3", "theme x3")),
    Bar("stance +0.4 ends", "found", AT_LEAST, 0.97),
    Bar("stance +0.2 ends", "found", AT_LEAST, 0.84),
    *(Bar(name, "range covers truth", AT_LEAST, 0.88) for name in ("stance +0.2", "stance +0.4", "attention x3")),
    Bar("stance +0.4", "onset off by", AT_MOST, 1),
    Bar("stance +0.2", "onset off by", AT_MOST, 3),
    *(
        Bar(name, family, AT_MOST, 0.07)
        for name in (
            "feed death, 4 of 40 feeds",
            "feed death, 7 of 40 feeds",
            "12 feeds added",
            "one story copied 200 times",
        )
        for family in _FAMILIES
    ),
)
