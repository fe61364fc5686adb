"""The detector: daily aggregates in, shifts out, strictly forward in time.

One Shiryaev-Roberts e-detector per series (Shin, Ramdas & Rinaldo, "E-detectors", arXiv 2203.03532), as a mixture over
a grid of effect sizes, for the composite null that the level moved by no more than an indifference zone. A pure
function of the aggregates: on a prefix of the days it gives the same alarms as on all of them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alerts import thresholds, wording
from alerts.baseline import Baseline, Outlook, guard_before
from alerts.blocs import with_blocs
from alerts.family import FAMILY, MEMORY, day_factors, grown
from alerts.firsttone import first_tones
from alerts.history import EVERY, Past, own_raise, own_threshold
from alerts.model import Direction, Found, Kind, SeriesKey
from alerts.remeasure import follow_up, follow_up_day, lasts, sensitivity, whiten
from alerts.reporting import GUARD, WINDOW, Reporting, find_reporting
from alerts.size import effect, growth
from alerts.votes import Coverage, FloatArray
from alerts.watched import Series, series_of

FIRST_ALERT_DAY = 28
"""Days of history before a series may alarm."""
SETTLE = 21
"""Days after an onset in which its series stays silent: the new level must become the normal one first."""
ONSET_REACH = 60
LEAST_DAYS_SINCE_ONSET = 3
LEVEL_DOUBT = 0.5
"""The zone is widened by so many standard errors of the level: with a story a day the level itself is a guess, and what
strays from a wrong level would count as evidence day after day."""
NOTHING_SAYS = math.log(MEMORY) + 0.3
"""Evidence that days which say nothing cannot bring about."""
LOPSIDED = 10.0
"""Below that, the sums of one direction must be so many times those of the other."""
SAME_SHIFT = 21
"""Two alarms of a series whose onsets lie within so many days tell the same shift."""


@dataclass(frozen=True, slots=True)
class Known:
    """A shift that was already told: it stays the anchor of its series, whatever late articles do to the past."""

    dyad: str
    kind: Kind
    direction: Direction
    onset: dt.date
    detected: dt.date
    magnitude: float
    theme: str = ""
    bloc: str = ""

    @property
    def key(self) -> SeriesKey:
        """Which series moved."""
        return self.dyad, self.kind, self.theme, self.bloc


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a series says on the day *t* it alarms; `onset` is an index like *t*, `level` is the one before."""

    t: int
    onset: int
    change: float
    error: float
    level: float
    evidence: float
    threshold: float
    returned: bool
    anchor: int = 0
    """Where the level before it begins."""


class SeriesMonitor:
    """The detector of one series. `step` must be called for every day, in order."""

    def __init__(self, baseline: Baseline, kind: Kind, first_alert_day: int = FIRST_ALERT_DAY) -> None:
        self.kind = kind
        self._family = FAMILY[kind]
        self._baseline = baseline
        self._sums = np.zeros((2, len(self._family.effects)))
        self.anchor = 0
        self._now = self._fresh = 0
        self._mute = first_alert_day
        self._old_level: float | None = None
        self._yesterday: float | None = None
        self._last: Outlook | None = None
        self._outlooks: list[Outlook | None] = [None] * baseline.days
        self.surprise = np.full(baseline.days, np.nan)
        """Prewhitened standardised residual per day; NaN on a day that is no measurement."""
        self.sensitivity = np.zeros(baseline.days)
        """Expected surprise per unit of effect."""
        self.zone = np.full(baseline.days, self._family.zone)
        """Change of level that counts as none, per day."""
        self._plain = np.full(baseline.days, np.nan)
        # As `surprise` before anything is clipped; sizes are taken from it.

    def step(self, t: int, needed: float) -> Alarm | None:
        """Take in day *t*; an alarm when the evidence reaches *needed* (natural logarithm)."""
        self._now = t
        outlook = self._observe(t)
        if outlook is None or t < self._mute:
            return None
        measured = float(self.surprise[t]), float(self.sensitivity[t]), float(self.zone[t])
        factors = day_factors(*measured, self._family)
        self._sums = grown(self._sums, factors)
        evidence = self.evidence
        if evidence < needed or not self._leans(evidence):
            return None
        return self._alarm(t, outlook, evidence, needed)

    @property
    def evidence(self) -> float:
        """ln M, where M is the mean over directions and effects of the Shiryaev-Roberts sums."""
        return math.log(max(1e-300, float(self._sums.mean())))

    def _leans(self, evidence: float) -> bool:
        """Whether evidence speaks for one direction. Days that say nothing bring both up alike, to `family.MEMORY`."""
        low, high = sorted(float(side) for side in self._sums.mean(axis=1))
        return evidence >= NOTHING_SAYS or high >= LOPSIDED * low

    def accept(self, alarm: Alarm) -> None:
        """The alarm was told: its onset becomes the anchor, the level before it the old one."""
        self.rebase(alarm.onset, None if alarm.returned else alarm.level, returned=alarm.returned)

    def rebase(self, onset: int, level: float | None, *, returned: bool = False) -> None:
        """Begin anew from *onset* and stay silent until the new level is the normal one."""
        if returned:
            self._old_level = None
        elif self._old_level is None:
            self._old_level = None if level is None else self._comparable(level)
        self.anchor = max(0, onset)
        # The days up to now were measured against the old level; they say nothing of a departure from the new one.
        self._fresh = self._now + 1
        self._mute = self.anchor + SETTLE
        self._yesterday = None
        self._sums[:] = 0

    @property
    def level(self) -> float | None:
        """The level that the last usable day was measured against."""
        return None if self._last is None else self._last.level

    def _comparable(self, level: float) -> float:
        return level if self.kind.tone else math.log(level)

    def _window(self, t: int) -> tuple[int, int]:
        guard = guard_before(t - self.anchor, GUARD, 3)
        return max(self.anchor, t - guard - WINDOW), t - guard

    def _observe(self, t: int) -> Outlook | None:
        low, high = self._window(t)
        outlook = self._baseline.outlook(t, low, high) if self._baseline.usable(t) and high - low >= 10 else None
        if outlook is None:
            self._yesterday = None
            return None
        z = outlook.residual / outlook.error
        self._plain[t] = whiten(z, self._yesterday, outlook.rho)
        held = _held(self._yesterday)
        self.surprise[t], self._yesterday = whiten(min(6.0, max(-6.0, z)), held, outlook.rho), z
        self.sensitivity[t] = sensitivity(outlook)
        self.zone[t] = self._family.zone + LEVEL_DOUBT * outlook.level_error
        self._last = self._outlooks[t] = outlook
        return outlook

    def _alarm(self, t: int, outlook: Outlook, evidence: float, needed: float) -> Alarm | None:
        found = self._onset(t)
        if found is None:
            return None
        onset, change, variance = found
        if abs(change) < self._family.zone:
            return None
        new = self._comparable(outlook.level) + change
        returned = self._old_level is not None and abs(new - self._old_level) < 2 * self._family.zone
        error = math.sqrt(variance + outlook.level_error**2)
        return Alarm(t, onset, change, error, outlook.level, evidence, needed, returned, self.anchor)

    def _onset(self, t: int) -> tuple[int, float, float] | None:
        """The start that explains the last days best: onset, size and its variance; None with too few days."""
        low = max(self.anchor, self._fresh, t - ONSET_REACH)
        days = np.flatnonzero(~np.isnan(self.surprise[low : t + 1]))[::-1] + low
        if len(days) < LEAST_DAYS_SINCE_ONSET:
            return None
        gain = self.sensitivity[days]
        weighted = np.cumsum(gain * np.clip(self.surprise[days], -3, 3))
        information = np.cumsum(gain * gain)
        ratio = (np.abs(weighted) - self._family.zone * information) / np.sqrt(np.maximum(information, 1e-12))
        best = int(np.argmax(ratio[LEAST_DAYS_SINCE_ONSET - 1 :])) + LEAST_DAYS_SINCE_ONSET - 1
        if information[best] <= 0:
            return None
        since = days[: best + 1][::-1]
        return int(days[best]), *self._size(since.tolist())

    def _size(self, days: Sequence[int]) -> tuple[float, float]:
        if self.kind.tone:
            return effect(self.sensitivity[days], self._plain[days])
        return growth([outlook for day in days if (outlook := self._outlooks[day]) is not None])


def _held(z: float | None) -> float | None:
    return None if z is None else min(6.0, max(-6.0, z))


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

    Thresholds are higher in the first 120 days, and then follow the coverage's own history (see `alerts.history`).
    For measurements, *raise_thresholds* leaves both out, and *first_tone* the watch on ties that have no usual tone
    yet.

    Raises:
        ValueError: the rate of false alarms is not above zero.
    """
    reporting = reporting or find_reporting(coverage.activity(), items=coverage.seen is not None)
    series = series_of(coverage, reporting)
    found: list[Found] = []
    for kind, part in thresholds.parts(themes=coverage.themes is not None, blocs=coverage.knows_outlets).items():
        family = [
            _Watch(coverage, item, [one for one in known if one.key == item.key])
            for item in series
            if item.kind is kind
        ]
        budget = Budget(false_alarms_per_year, part)
        found += _watch_family(coverage, kind, family, budget, raise_thresholds)
    blocs = [item for item in series if item.kind is Kind.BLOC]
    found = [wording.worded(one) for one in with_blocs(coverage, blocs, found, known)]
    if first_tone:
        found += first_tones(coverage, reporting.usable, known, found, rate=false_alarms_per_year).found
    return sorted(found, key=lambda one: (one.detected, *one.key))


class Budget(NamedTuple):
    """False alarms a year of the whole system, and the part of them that a family may spend."""

    rate: float
    part: float


def _watch_family(
    coverage: Coverage, kind: Kind, family: Sequence[_Watch], budget: Budget, raise_thresholds: bool
) -> list[Found]:
    """Run the series of a family side by side: they share one budget of false alarms, and with it one threshold.

    A series counts from the day on which it begins, so that a dyad that is added later changes nothing before.
    """
    counts = range(1, max(1, len(family)) + 1)
    shipped = [thresholds.threshold(kind, budget.rate, count, budget.part) for count in counts]
    own = -math.inf
    found = []
    for day in range(coverage.days):
        live = [watch for watch in family if watch.item.start <= day]
        if not live:
            continue
        raised = 0.0
        if raise_thresholds:
            history = day - min(watch.item.start for watch in live)
            raised = own_raise(kind, own - shipped[len(live) - 1], history)
        for watch in live:
            alarm = watch.step(day - watch.item.start, shipped[len(live) - 1] + raised)
            if alarm is not None:
                found.append(_found(coverage, watch.item, alarm, len(live), raised))
        # By the calendar, not by the first day: late articles may move that.
        ordinal = coverage.date(day).toordinal()
        if raise_thresholds and ordinal % EVERY == 0:
            first = min(watch.item.start for watch in live)
            pasts = [watch.past(day, first) for watch in live]
            wanted = thresholds.run_length_wanted(kind, *budget)
            own = own_threshold(kind, pasts, wanted, seed=ordinal)
    return found


@dataclass(slots=True)
class _Told:
    """A shift that was told, in indices of its series; `used` once its series was based anew on it."""

    onset: int
    detected: int
    up: bool
    size: float
    used: bool = False

    def same(self, alarm: Alarm) -> bool:
        """Whether *alarm* tells this shift: again after late articles, or the rest of it; not a larger one on top."""
        if self.up != (alarm.change > 0) or abs(self.onset - alarm.onset) > SAME_SHIFT:
            return False
        return not self.used or abs(alarm.change) <= self.size


class _Watch:
    """A series under watch, with the shifts that were told of it."""

    def __init__(self, coverage: Coverage, item: Series, known: Sequence[Known]) -> None:
        self.item = item
        self.monitor = SeriesMonitor(item.baseline, item.kind)
        first = coverage.first + dt.timedelta(days=item.start)
        self._told = sorted(
            (
                _Told(
                    (one.onset - first).days,
                    (one.detected - first).days,
                    one.direction in (Direction.CONVERGENCE, Direction.RISE),
                    abs(one.magnitude),
                )
                for one in known
            ),
            key=lambda told: told.detected,
        )
        self._due: dict[int, Alarm] = {}
        self._explained = np.zeros(item.baseline.days, dtype=np.bool_)

    def step(self, t: int, needed: float) -> Alarm | None:
        """Take in day *t*; an alarm that was not told yet."""
        alarm = self.monitor.step(t, needed)
        if t in self._due:
            self._check(self._due.pop(t), t)
        if alarm is not None:
            self._due[follow_up_day(alarm.onset, alarm.t)] = alarm
            same = next((told for told in self._told if told.same(alarm)), None)
            if same is None:
                self.monitor.accept(alarm)
                # From now on it is told, as it will be when the days are gone through again.
                self._told.append(_Told(alarm.onset, t, alarm.change > 0, abs(alarm.change), used=True))
                return alarm
            onset, same.used = alarm.onset if same.used else same.onset, True
            self.monitor.rebase(onset, alarm.level, returned=alarm.returned)
        for told in self._told:
            if told.detected == t and not told.used:
                # Late articles took its evidence away again, but readers know of it: it stays the anchor.
                told.used = True
                self.monitor.rebase(told.onset, self.monitor.level)
        return None

    def _check(self, alarm: Alarm, t: int) -> None:
        """What turned out to last was a shift; what faded is part of this coverage's usual noise."""
        measured = follow_up(self.item, alarm.onset, range(alarm.t + 1, t + 1), alarm.anchor)
        if measured is not None and lasts(self.item.kind, alarm.change, *measured):
            self._explained[alarm.onset : alarm.t + 1] = True

    def past(self, day: int, first: int) -> Past:
        """What the series has seen from calendar day *first* to *day*, without the days of shifts that lasted."""
        until, lead = day - self.item.start + 1, self.item.start - first
        monitor = self.monitor
        seen = np.where(self._explained[:until], np.nan, monitor.surprise[:until])
        return Past(
            np.concatenate([np.full(lead, np.nan), seen]),
            np.concatenate([np.zeros(lead), monitor.sensitivity[:until]]),
            np.concatenate([np.full(lead, FAMILY[self.item.kind].zone), monitor.zone[:until]]),
        )


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
