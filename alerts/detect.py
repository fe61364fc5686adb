"""The detector: daily aggregates in, shifts out, strictly forward in time.

A monitor for each series (`alerts.monitor`), the series of a family under one budget of false alarms. A pure function
of the aggregates: on a prefix of the days it gives the same alarms as on all of them, and going on from the state of a
day (`DetectorState`) it gives the same, to the last bit, as going through all days.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerts import thresholds, wording
from alerts.blocs import with_blocs
from alerts.firsttone import ToneState, first_tones
from alerts.history import EVERY, LATEST, LOOK_BACK, own_raise, own_threshold, roughness
from alerts.model import Direction, Found, Kind, SeriesKey
from alerts.monitor import FIRST_ALERT_DAY, SETTLE, Alarm
from alerts.reporting import Reporting, find_reporting
from alerts.votes import Coverage, FloatArray
from alerts.watch import Known, Watch, WatchState
from alerts.watched import Series, series_of

__all__ = [
    "FIRST_ALERT_DAY",
    "SETTLE",
    "Asked",
    "Detection",
    "DetectorState",
    "Known",
    "detect",
    "detect_on",
]

REMEMBERED = 252
"""Days for which a found shift of tone may explain another (`alerts.blocs`, `alerts.firsttone`), with room to spare."""


class Asked(NamedTuple):
    """What is asked of a run.

    Thresholds are higher in the first 120 days, and then follow the coverage's own history (see `alerts.history`). For
    measurements, *raise_thresholds* leaves both out, and *first_tone* the watch on ties that have no usual tone yet.
    """

    false_alarms_per_year: float = 1.0
    raise_thresholds: bool = True
    first_tone: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class DetectorState:
    """Where the detector stands when a day is over: what later days need, beside the days they are measured against.

    `own` is the threshold from the own history of each family (see `alerts.history`), `told` the shifts of tone that
    were found lately and are not among the known ones.
    """

    watches: dict[SeriesKey, WatchState]
    own: dict[Kind, float]
    told: tuple[Known, ...]
    tones: dict[str, ToneState]

    def went_as_with(self, known: Sequence[Known]) -> bool:
        """Whether all days up to now would have gone the same way had the shifts *known* been known from the start."""
        return all(watch.went_as_with([one for one in known if one.key == key]) for key, watch in self.watches.items())


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """What was found, the series it was found in, and where the detector stood on the days that were asked for."""

    found: list[Found]
    series: list[Series]
    states: dict[int, DetectorState]


def detect(
    coverage: Coverage,
    *,
    false_alarms_per_year: float = 1.0,
    known: Sequence[Known] = (),
    reporting: Reporting | None = None,
    raise_thresholds: bool = True,
    first_tone: bool = True,
) -> list[Found]:
    """Every shift in *coverage*, by the day on which it was found; those in *known* only steer, and are not repeated.

    See `Asked` for the rest.

    Raises:
        ValueError: the rate of false alarms is not above zero.
    """
    reporting = reporting or find_reporting(coverage.activity(), items=coverage.seen is not None)
    asked = Asked(false_alarms_per_year, raise_thresholds, first_tone)
    return detect_on(coverage, asked, known, reporting).found


def detect_on(
    coverage: Coverage,
    asked: Asked,
    known: Sequence[Known],
    reporting: Reporting,
    *,
    first: int = 0,
    after: DetectorState | None = None,
    stops: Collection[int] = (),
) -> Detection:
    """Shifts found on day *first* of *coverage* or later, going on from the state *after* the day before.

    The state is kept of the days *stops*. With a state, *coverage* may begin as late as `checkpoint.REACH` days before
    *first*.
    """
    begun = {} if after is None else {key: coverage.index(watch.start) for key, watch in after.watches.items()}
    series = series_of(coverage, reporting, begun)
    found: list[Found] = []
    watches: dict[int, dict[SeriesKey, WatchState]] = {stop: {} for stop in stops}
    own: dict[int, dict[Kind, float]] = {stop: {} for stop in stops}
    families = [
        _Family(coverage, kind, asked, part)
        for kind, part in thresholds.parts(themes=coverage.themes is not None, blocs=coverage.knows_outlets).items()
    ]
    for family in families:
        family.watch([item for item in series if item.kind is family.kind], known, after)
    for day in range(first, coverage.days):
        live = [family.live(day) for family in families]
        rough = roughness({one.kind: one.beyond(len(mine)) for one, mine in zip(families, live, strict=True)})
        for family, mine in zip(families, live, strict=True):
            found += family.step(day, mine, rough)
            if day in watches:
                watches[day] |= family.states(day)
                own[day][family.kind] = family.own
    blocs = [item for item in series if item.kind is Kind.BLOC]
    earlier = () if after is None else tuple(one for one in after.told if one not in known)
    found = [wording.worded(one) for one in with_blocs(coverage, blocs, found, [*known, *earlier])]
    told = [*earlier, *(_as_known(one) for one in found if one.kind.tone)]
    tones: dict[int, dict[str, ToneState]] = {stop: {} for stop in stops}
    if asked.first_tone:
        heard = first_tones(
            coverage,
            reporting.usable,
            known,
            told,
            rate=asked.false_alarms_per_year,
            first=first,
            after=None if after is None else after.tones,
            stops=stops,
        )
        found += heard.found
        tones = heard.states
    states = {
        stop: DetectorState(watches[stop], own[stop], _lately(told, coverage.date(stop)), tones[stop]) for stop in stops
    }
    return Detection(sorted(found, key=lambda one: (one.detected, *one.key)), series, states)


def _as_known(found: Found) -> Known:
    return Known(
        found.dyad,
        found.kind,
        found.direction,
        found.onset,
        found.detected,
        found.magnitude,
        found.theme,
        found.bloc,
    )


def _lately(told: Sequence[Known], day: dt.date) -> tuple[Known, ...]:
    since = day - dt.timedelta(days=REMEMBERED)
    return tuple(one for one in told if since <= one.detected <= day)


class _Family:
    """The series of a family side by side: they share one budget of false alarms, and with it one threshold.

    A series counts from the day on which it begins, so that a dyad that is added later changes nothing before.
    """

    def __init__(self, coverage: Coverage, kind: Kind, asked: Asked, part: float) -> None:
        self.kind = kind
        self._coverage, self._asked, self._part = coverage, asked, part
        self._shipped: list[float] = []
        self._watches: list[Watch] = []
        self.own = -math.inf

    def watch(self, series: Sequence[Series], known: Sequence[Known], after: DetectorState | None) -> None:
        """Take up the watch on *series*, in the state *after* the last day that was taken in."""
        counts = range(1, max(1, len(series)) + 1)
        rate = self._asked.false_alarms_per_year
        self._shipped = [thresholds.threshold(self.kind, rate, count, self._part) for count in counts]
        if after is not None:
            self.own = after.own.get(self.kind, -math.inf)
        coverage = self._coverage
        self._watches = [
            Watch(
                coverage.date(item.start),
                item,
                [one for one in known if one.key == item.key],
                None if after is None else after.watches.get(item.key),
            )
            for item in series
        ]

    def states(self, day: int) -> dict[SeriesKey, WatchState]:
        """Where the series that have begun stand after *day*, the last one taken in."""
        return {watch.item.key: watch.state for watch in self.live(day)}

    def live(self, day: int) -> list[Watch]:
        """The series that have begun on *day*."""
        return [watch for watch in self._watches if watch.item.start <= day]

    def beyond(self, series: int) -> float:
        """How far the threshold from the own history lies above the shipped one of so many *series*; -inf without."""
        return self.own - self._shipped[max(0, series - 1)]

    def step(self, day: int, live: Sequence[Watch], rough: float) -> list[Found]:
        """Take in *day*, on which these series are `live`, of coverage that is so *rough*; what was found on it."""
        if not live:
            return []
        found = []
        first = min(watch.item.start for watch in live)
        shipped, raised = self._shipped[len(live) - 1], 0.0
        if self._asked.raise_thresholds:
            raised = own_raise(self.kind, self.beyond(len(live)), day - first, rough)
        for watch in live:
            alarm = watch.step(day - watch.item.start, shipped + raised)
            if alarm is not None:
                found.append(_found(self._coverage, watch.item, alarm, len(live), raised))
        # By the calendar, not by the first day: late articles may move that.
        ordinal = self._coverage.date(day).toordinal()
        if self._asked.raise_thresholds and ordinal % EVERY == 0:
            days = max(0, min(LOOK_BACK, day - first + 1) - LATEST)
            pasts = [watch.past(day - LATEST - watch.item.start, days) for watch in live]
            wanted = thresholds.run_length_wanted(self.kind, self._asked.false_alarms_per_year, self._part)
            self.own = own_threshold(self.kind, pasts, wanted, seed=ordinal)
        return found


def _found(coverage: Coverage, item: Series, alarm: Alarm, count: int, raised: float) -> Found:
    since = slice(item.start + alarm.onset, item.start + alarm.t + 1)
    votes: FloatArray = item.table.votes[since].sum(axis=0)
    up = alarm.change > 0
    outlets = None
    if item.kind is not Kind.THEME and coverage.knows_outlets:
        outlets = len({name for name, n in zip(coverage.outlets, votes.tolist(), strict=True) if n and name})
    if item.kind.tone:
        before, after = _score(alarm.level), _score(alarm.level + alarm.change)
        direction = Direction.CONVERGENCE if up else Direction.DIVERGENCE
    else:
        before, after = alarm.level, alarm.level * math.exp(alarm.change)
        direction = Direction.RISE if up else Direction.FALL
    if item.kind is Kind.THEME:
        after = min(1.0, after)
    return Found(
        dyad=item.dyad,
        kind=item.kind,
        direction=direction,
        onset=coverage.date(item.start + alarm.onset),
        detected=coverage.date(item.start + alarm.t),
        magnitude=alarm.change,
        low=alarm.change - 1.96 * alarm.error,
        high=alarm.change + 1.96 * alarm.error,
        before=before,
        after=after,
        log_evidence=alarm.evidence,
        threshold=alarm.threshold,
        # Where the history is rough, evidence counts for less: as much less as the threshold was raised.
        years=thresholds.years_between(item.kind, alarm.evidence - raised, count),
        confidence=thresholds.confidence(alarm.evidence, alarm.threshold),
        returned=alarm.returned,
        text="",
        stories=round(float(votes.sum())),
        outlets=outlets,
        theme=item.theme,
        bloc=item.bloc,
    )


def _score(level: float) -> float:
    return min(1.0, max(-1.0, level))
