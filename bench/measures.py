"""What `bench.shifts` measures of the detector on simulated presses: one record per simulated press, then figures.

A false digest is a day with at least one alarm on coverage that did not change. Delays are from the day of the change
to the alarm; a press without an alarm of the right series within 60 days counts as missed.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from alerts.detect import FIRST_ALERT_DAY, detect
from alerts.model import Direction, Found, Kind, Verdict
from alerts.monitor import OPEN_DAYS
from bench.worlds import BASE, CHANGED_THEME, FIRST, HARSH, SPARSE, THEMES, THIN, Change, World, simulate
from ingest.ties import ties

SEED = 50_000
"""No setting was chosen on seeds from here on."""
YEARS = 2
CHANGE_DAY = 150
WATCHED = 60
LENGTH = 60
"""Days that a change lasts where its end is to be found."""

Row = dict[str, float | None]
Figures = Callable[[Sequence[Row]], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Effect:
    """A change to be found: the series in which it shows, and what is done to the first dyad or a theme.

    A bloc's turn counts as found when it is told as a split, or as a shift of the tie that names that bloc alone.
    """

    kind: Kind
    change: Change

    @property
    def truth(self) -> float | None:
        """The size in the unit of `Found.magnitude`, where it is known exactly."""
        if self.kind is Kind.STANCE:
            return self.change.stance
        return math.log(self.change.volume) if self.kind is Kind.ATTENTION else None

    def is_told_by(self, one: Found) -> bool:
        """Whether an alarm is one of this change's series."""
        if self.kind is Kind.THEME:
            return one.theme == THEMES[CHANGED_THEME]
        if self.kind is not Kind.BLOC:
            return one.dyad == ties().dyads[0] and one.kind is self.kind
        moved = [move.bloc for move in one.bloc_moves if move.verdict is Verdict.MOVED]
        return one.dyad == ties().dyads[0] and one.kind.tone and moved == [self.change.bloc]


def _at(kind: Kind, **change: float | str) -> Effect:
    return Effect(kind, Change(start=CHANGE_DAY, **change))  # type: ignore[arg-type]


EFFECTS = {
    "stance +0.4": _at(Kind.STANCE, stance=0.4),
    "stance +0.2": _at(Kind.STANCE, stance=0.2),
    "stance -0.2": _at(Kind.STANCE, stance=-0.2),
    "attention x3": _at(Kind.ATTENTION, volume=3.0),
    "attention x2": _at(Kind.ATTENTION, volume=2.0),
    "attention x0.5": _at(Kind.ATTENTION, volume=0.5),
    "theme x3": _at(Kind.THEME, theme=3.0),
    "theme x2": _at(Kind.THEME, theme=2.0),
    "one bloc +0.6": _at(Kind.BLOC, stance=0.6, bloc="russia"),
}
NULLS = {"base": BASE, "sparse": SPARSE, "thin": THIN, "harsh": HARSH}
ACCIDENTS = {
    "feed death, 4 of 40 feeds": Change(start=CHANGE_DAY, deaths=4),
    "feed death, 7 of 40 feeds": Change(start=CHANGE_DAY, deaths=7),
    "12 feeds added": Change(start=CHANGE_DAY, births=12),
    "one story copied 200 times": Change(start=CHANGE_DAY, storm=200),
}


def null_run(world: World, run: int) -> Row:
    """Two years without a change: days with an alarm, of the first year too, and alarms by kind."""
    found = detect(simulate(world, YEARS * 365, SEED + run))
    kinds = Counter(one.kind for one in found)
    early = {one.detected for one in found if (one.detected - FIRST).days < 365}
    return {
        "days": float(len({one.detected for one in found})),
        "first_year": len(early) * 365 / (365 - FIRST_ALERT_DAY),
        **{str(kind): float(kinds[kind]) for kind in Kind},
    }


def effect_run(world: World, effect: Effect, run: int) -> Row:
    """A change on day 150: when it was told, how well, and how often again."""
    coverage = simulate(world, CHANGE_DAY + WATCHED + 1, SEED + 10_000 + run, effect.change)
    told = [one for one in detect(coverage) if effect.is_told_by(one) and _day(one, coverage.first) >= CHANGE_DAY]
    if not told:
        return {"delay": None, "repeats": None, "covered": None, "onset_off": None}
    one = told[0]
    covered = None if effect.truth is None else float(one.low <= effect.truth <= one.high)
    return {
        "delay": float(_day(one, coverage.first) - CHANGE_DAY),
        "repeats": float(len(told) - 1),
        "covered": covered,
        "onset_off": float(abs((one.onset - coverage.first).days - CHANGE_DAY)),
    }


def return_run(world: World, effect: Effect, run: int) -> Row:
    """A change that was told and that ends after 60 days: whether its end is told within 30, and as what."""
    change = Change(start=CHANGE_DAY, length=LENGTH, stance=effect.change.stance, volume=effect.change.volume)
    end = CHANGE_DAY + LENGTH
    coverage = simulate(world, end + 31, SEED + 20_000 + run, change)
    told = [one for one in detect(coverage) if effect.is_told_by(one)]
    if not any(CHANGE_DAY <= _day(one, coverage.first) < end for one in told):
        return {"found": None, "as_return": None}
    back = [
        one
        for one in told
        if _day(one, coverage.first) >= end and one.direction in (Direction.DIVERGENCE, Direction.FALL)
    ]
    return {"found": float(bool(back)), "as_return": float(any(one.returned for one in back))}


def lasting_run(world: World, effect: Effect, run: int) -> Row:
    """A change that was told and that lasts: whether an end of it is told all the same while it is open."""
    coverage = simulate(world, CHANGE_DAY + OPEN_DAYS + 1, SEED + 40_000 + run, effect.change)
    told = [one for one in detect(coverage) if effect.is_told_by(one) and _day(one, coverage.first) >= CHANGE_DAY]
    if not told or told[0].direction not in (Direction.CONVERGENCE, Direction.RISE):
        return {"told as ended": None}
    ends = any(one.direction in (Direction.DIVERGENCE, Direction.FALL) for one in told)
    return {"told as ended": float(ends)}


def accident_run(world: World, change: Change, run: int) -> Row:
    """What happens to feeds is no shift: alarms in the 30 days after it, by family."""
    coverage = simulate(world, CHANGE_DAY + 31, SEED + 30_000 + run, change)
    late = [one for one in detect(coverage) if CHANGE_DAY <= _day(one, coverage.first) <= CHANGE_DAY + 30]
    kinds = {one.kind for one in late}
    return {str(kind): float(kind in kinds) for kind in Kind}


def _day(one: Found, first: dt.date) -> int:
    return (one.detected - first).days


def null_figures(rows: Sequence[Row]) -> dict[str, float]:
    """False digests a year, in the first year from the first day on which an alarm is possible, and alarms by kind."""
    years = len(rows) * YEARS
    kinds = {str(kind): round(_total(rows, str(kind)) / years, 2) for kind in Kind}
    return {
        "false digests a year": round(_total(rows, "days") / years, 2),
        "after 28 days of history": round(_total(rows, "first_year") / len(rows), 2),
        **kinds,
    }


def effect_figures(rows: Sequence[Row]) -> dict[str, float]:
    """Median delay in days (infinite where most are missed), parts found, repeats, range, error of the onset."""
    times = sorted(math.inf if row["delay"] is None else row["delay"] for row in rows)
    return {
        "median delay": times[len(times) // 2],
        "found in 14 days": round(float(np.mean([one <= 14 for one in times])), 3),
        "found in 30 days": round(float(np.mean([one <= 30 for one in times])), 3),
        "repeats": _mean(rows, "repeats"),
        "range covers truth": _mean(rows, "covered"),
        "onset off by": _middle(rows, "onset_off"),
    }


def mean_figures(rows: Sequence[Row]) -> dict[str, float]:
    """The mean of everything that the rows hold."""
    return {name: _mean(rows, name) for name in rows[0]}


def _total(rows: Sequence[Row], name: str) -> float:
    return sum(row[name] or 0.0 for row in rows)


def _told(rows: Sequence[Row], name: str) -> list[float]:
    return [value for row in rows if (value := row[name]) is not None]


def _mean(rows: Sequence[Row], name: str) -> float:
    told = _told(rows, name)
    return round(float(np.mean(told)), 3) if told else math.nan


def _middle(rows: Sequence[Row], name: str) -> float:
    told = _told(rows, name)
    return float(np.median(told)) if told else math.nan
