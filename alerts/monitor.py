"""The detector of one series, strictly forward in time.

A Shiryaev-Roberts e-detector (Shin, Ramdas & Rinaldo, "E-detectors", arXiv 2203.03532), as a mixture over a grid of
effect sizes, for the composite null that the level moved by no more than an indifference zone. While a shift of tone
is open, a second one bets on a single effect: that the level goes back to where it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np

from alerts.baseline import Baseline, Outlook, guard_before
from alerts.family import FAMILY, FORGET, MEMORY, Family, day_factors, grown, step_factors
from alerts.history import LOOK_BACK, Past
from alerts.model import Kind
from alerts.remeasure import sensitivity, whiten
from alerts.reporting import GUARD, WINDOW
from alerts.size import effect, growth
from alerts.votes import BoolArray, FloatArray

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
OPEN_DAYS = WINDOW + GUARD
"""Days from its onset for which a shift is open, and its return looked for: then its level fills the baseline."""
SHORT_WAY = 0.1
"""A level that went so much of the way back, and `LEVEL_DOUBT`, is none that returns."""
RETURN_NEEDS = 2.0
"""Evidence that a return needs beyond what a shift does. It bets on one direction and one size, and forgives less of
drift, so it is sooner there (docs/method.md says what it spends)."""
OUTLOOK = tuple(one.name for one in fields(Outlook))
"""The numbers of an `Outlook`, as a state holds them."""
_numbers = attrgetter(*OUTLOOK)


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


@dataclass(frozen=True, slots=True, eq=False)
class MonitorState:
    """Where a monitor stands when day `until` of its series is over: all that later days need of the earlier ones.

    The arrays end with that day: what `alerts.history` looks back over, and (`plain`, `outlooks`) what an onset may.
    """

    until: int
    sums: FloatArray
    anchor: int
    fresh: int
    mute: int
    old_level: float | None
    back: float
    yesterday: float | None
    level: float | None
    surprise: FloatArray
    sensitivity: FloatArray
    zone: FloatArray
    plain: FloatArray
    outlooks: FloatArray
    """(days, 9), a row of NaN for a day without an outlook; no rows for tone, whose sizes need none."""


def begun(kind: Kind, first: int, anchor: int, mute: int, old_level: float | None = None) -> MonitorState:
    """The state of a monitor that begins with day *first*, its level with day *anchor*, silent up to day *mute*.

    *old_level* is the level before a shift that is open: a score, or the logarithm of a rate.
    """
    none = np.zeros(0)
    return MonitorState(
        until=first - 1,
        sums=np.zeros((2, len(FAMILY[kind].effects))),
        anchor=anchor,
        fresh=first,
        mute=mute,
        old_level=old_level,
        back=0.0,
        yesterday=None,
        level=None,
        surprise=none,
        sensitivity=none,
        zone=none,
        plain=none,
        outlooks=np.zeros((0, len(OUTLOOK))),
    )


class SeriesMonitor:
    """The detector of one series. `step` must be called for every day in order, from day 0 or the one after *state*."""

    def __init__(
        self,
        baseline: Baseline,
        kind: Kind,
        first_alert_day: int = FIRST_ALERT_DAY,
        state: MonitorState | None = None,
    ) -> None:
        self.kind = kind
        self._family = FAMILY[kind]
        self._baseline = baseline
        self._sums = np.zeros((2, len(self._family.effects)))
        self.anchor = 0
        self._now = self._fresh = 0
        self._mute = first_alert_day
        self._old_level: float | None = None
        self._back = 0.0
        self._yesterday: float | None = None
        self.level: float | None = None
        """The level that the last usable day was measured against."""
        self._outlooks: dict[int, Outlook] = {}
        held = 0 if state is None else len(state.surprise)
        self._from = 0 if state is None else state.until + 1 - held
        # The arrays below begin with that day.
        days = baseline.days - self._from
        self._surprise = np.full(days, np.nan)
        # Prewhitened standardised residual per day; NaN on a day that is no measurement.
        self._sensitivity = np.zeros(days)
        # Expected surprise per unit of effect.
        self._zone = np.full(days, _single(self._family.zone))
        # Change of level that counts as none, per day.
        self._plain = np.full(days, np.nan)
        # As the surprise before anything is clipped; sizes are taken from it.
        if state is not None:
            self._restore(state, held)

    def _restore(self, state: MonitorState, held: int) -> None:
        self._now, self._sums = state.until, state.sums.copy()
        self.anchor, self._fresh, self._mute = state.anchor, state.fresh, state.mute
        self._old_level, self._back = state.old_level, state.back
        self._yesterday, self.level = state.yesterday, state.level
        self._surprise[:held], self._sensitivity[:held] = state.surprise, state.sensitivity
        self._zone[:held] = state.zone
        self._plain[held - len(state.plain) : held] = state.plain
        first = state.until + 1 - len(state.outlooks)
        known = ((first + at, row) for at, row in enumerate(state.outlooks.tolist()) if not math.isnan(row[0]))
        self._outlooks = {t: Outlook(*row) for t, row in known}

    @property
    def state(self) -> MonitorState:
        """Where it stands after the last step."""
        until = self._now + 1 - self._from
        since, lately = max(0, until - LOOK_BACK), max(0, until - ONSET_REACH - 1)
        outlooks = np.full((0 if self.kind.tone else until - lately, len(OUTLOOK)), np.nan)
        for t, outlook in self._outlooks.items():
            if t - self._from >= lately:
                outlooks[t - self._from - lately] = _numbers(outlook)
        return MonitorState(
            until=self._now,
            sums=self._sums.copy(),
            anchor=self.anchor,
            fresh=self._fresh,
            mute=self._mute,
            old_level=self._old_level,
            back=self._back,
            yesterday=self._yesterday,
            level=self.level,
            surprise=self._surprise[since:until].copy(),
            sensitivity=self._sensitivity[since:until].copy(),
            zone=self._zone[since:until].copy(),
            plain=self._plain[lately:until].copy(),
            outlooks=outlooks,
        )

    def step(self, t: int, needed: float) -> Alarm | None:
        """Take in day *t*; an alarm when the evidence reaches *needed* (natural logarithm)."""
        self._now = t
        outlook = self._observe(t)
        if outlook is None or t < self._mute:
            return None
        at = t - self._from
        measured = float(self._surprise[at]), float(self._sensitivity[at]), float(self._zone[at])
        factors = day_factors(*measured, self._family)
        self._sums = grown(self._sums, factors)
        way_back = self._way_back(t, outlook)
        self._step_back(way_back, outlook, *measured[:2])
        if way_back is not None and self._return >= needed:
            alarm = self._alarm(t, outlook, (self.evidence, needed), way_back)
            if alarm is not None:
                return alarm
        evidence = self._shift
        if evidence < needed or not self._leans(evidence):
            return None
        return self._alarm(t, outlook, (evidence, needed))

    @property
    def evidence(self) -> float:
        """For a shift, or for a return less `RETURN_NEEDS`, whichever is more (natural logarithms)."""
        return max(self._shift, self._return)

    @property
    def _shift(self) -> float:
        """ln M, where M is the mean over directions and effects of the Shiryaev-Roberts sums."""
        return _log(float(self._sums.sum()) / self._sums.size)

    @property
    def _return(self) -> float:
        return _log(self._back) - RETURN_NEEDS

    def _way_back(self, t: int, outlook: Outlook) -> float | None:
        """From the level of day *t* to the one before the open shift; None where no shift is open, or it is no way.

        Of tone alone: amounts rise in bursts, and each that was told by chance would be told to be over as well.
        """
        if not self.kind.tone or self._old_level is None or t - self.anchor > OPEN_DAYS:
            return None
        way = self._old_level - self._comparable(outlook.level)
        return None if abs(way) < 2 * self._family.zone else way

    def _step_back(self, way_back: float | None, outlook: Outlook, surprise: float, gain: float) -> None:
        """The step of `family.grown`, for a bet on the way back alone."""
        if way_back is None:
            self._back = 0.0
            return
        zone = SHORT_WAY * abs(way_back) + LEVEL_DOUBT * outlook.level_error
        bet = Family(zone, (abs(way_back),), self._family.clip)
        up, down = step_factors(surprise, gain, zone, bet)[:, 0].tolist()
        self._back = min((1 + FORGET * self._back) * (up if way_back > 0 else down), 1e300)

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
        elif self._old_level is None or onset - self.anchor > OPEN_DAYS:
            self._old_level = None if level is None else self._comparable(level)
        self.anchor = max(0, onset)
        # The days up to now were measured against the old level; they say nothing of a departure from the new one.
        self._fresh = self._now + 1
        self._mute = self.anchor + SETTLE
        self._yesterday = None
        self._sums[:] = 0
        self._back = 0.0

    def past(self, until: int, days: int, left_out: BoolArray) -> Past:
        """What it has seen on the *days* that end with day *until*; those before the series began say nothing.

        Of the days that *left_out* marks (its last entry is day *until*) the surprise is left out.
        """
        end = until + 1 - self._from
        count = max(0, min(days, end))
        lead, span = days - count, slice(end - count, end)
        seen = np.where(left_out[len(left_out) - count :], np.nan, self._surprise[span])
        return Past(
            np.concatenate([np.full(lead, np.nan), seen]),
            np.concatenate([np.zeros(lead), self._sensitivity[span]]),
            np.concatenate([np.full(lead, _single(self._family.zone)), self._zone[span]]),
        )

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
        at = t - self._from
        z = outlook.residual / outlook.error
        self._plain[at] = whiten(z, self._yesterday, outlook.rho)
        held = _held(self._yesterday)
        self._surprise[at], self._yesterday = _single(whiten(min(6.0, max(-6.0, z)), held, outlook.rho)), z
        self._sensitivity[at] = _single(sensitivity(outlook))
        self._zone[at] = _single(self._family.zone + LEVEL_DOUBT * outlook.level_error)
        self.level = outlook.level
        if not self.kind.tone:
            self._outlooks[t] = outlook
            self._outlooks.pop(t - ONSET_REACH - 1, None)
        return outlook

    def _alarm(
        self, t: int, outlook: Outlook, passed: tuple[float, float], way_back: float | None = None
    ) -> Alarm | None:
        """The alarm of day *t*, whose evidence *passed* what it needed; None where its size says otherwise.

        One for a return must lead the *way_back*.
        """
        found = self._onset(t)
        if found is None:
            return None
        onset, change, variance = found
        if abs(change) < self._family.zone or (way_back is not None and change * way_back < 0):
            return None
        error = math.sqrt(variance + outlook.level_error**2)
        returned = self._leads_back(change, error, self._comparable(outlook.level))
        return Alarm(t, onset, change, error, outlook.level, *passed, returned, self.anchor)

    def _leads_back(self, change: float, error: float, level: float) -> bool:
        """Whether *change* leads from *level* to the old one. What is found in few days looks larger than it is, so it
        may seem to lead beyond, as far as its 95 % range; but not to fall short by more than twice the zone."""
        if self._old_level is None:
            return False
        near = 2 * self._family.zone
        beyond = (level + change - self._old_level) * math.copysign(1.0, change)
        return -near < beyond < max(near, 1.96 * error)

    def _onset(self, t: int) -> tuple[int, float, float] | None:
        """The start that explains the last days best: onset, size and its variance; None with too few days."""
        low = max(self.anchor, self._fresh, t - ONSET_REACH) - self._from
        days = np.flatnonzero(~np.isnan(self._surprise[low : t + 1 - self._from]))[::-1] + low
        if len(days) < LEAST_DAYS_SINCE_ONSET:
            return None
        gain = self._sensitivity[days]
        weighted = np.cumsum(gain * np.clip(self._surprise[days], -3, 3))
        information = np.cumsum(gain * gain)
        ratio = (np.abs(weighted) - self._family.zone * information) / np.sqrt(np.maximum(information, 1e-12))
        best = int(np.argmax(ratio[LEAST_DAYS_SINCE_ONSET - 1 :])) + LEAST_DAYS_SINCE_ONSET - 1
        if information[best] <= 0:
            return None
        since = days[: best + 1][::-1]
        return int(days[best]) + self._from, *self._size(since.tolist())

    def _size(self, days: Sequence[int]) -> tuple[float, float]:
        if self.kind.tone:
            return effect(self._sensitivity[days], self._plain[days])
        return growth([self._outlooks[day + self._from] for day in days])


def _log(evidence: float) -> float:
    return math.log(max(1e-300, evidence))


def _single(value: float) -> float:
    """*value* in single precision: two years of it are kept of every series, and make up most of a stored state."""
    return float(np.float32(value))


def _held(z: float | None) -> float | None:
    return None if z is None else min(6.0, max(-6.0, z))
