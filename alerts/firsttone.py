"""The first tone of a tie that was hardly written about: where there is no usual tone, there is none to depart from.

A stance series with fewer than seven days of stories in its window has no baseline, and `alerts.detect` rightly stays
silent on it. But when coverage of such a tie sets in, and all of it points one way, an analyst wants to know. So the
mass of convergence and of divergence (the day's summed soft stances, one way or the other) is watched for its amount.

Let the mass of a day be a sum of stories of at most 1 each, arriving at random, with mean mu. For r > 1,
E r^X <= exp(mu (r - 1)), since a compound Poisson sum with jumps in [0, 1] is never wilder than the Poisson count of
the same mean. So r^X exp(-mu (r - 1)) is an e-value for "the mean is at most mu", and its Shiryaev-Roberts sum an
e-detector (Shin, Ramdas & Rinaldo, arXiv 2203.03532): at the threshold ln A, false alarms come no oftener than once in
A days while the mean stays below the generous bound that is taken for mu.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from alerts import thresholds, wording
from alerts.baseline import LEAST_DAYS
from alerts.model import Direction, Found, Kind
from alerts.reporting import GUARD, WINDOW
from alerts.votes import BoolArray, Coverage, DayTable, FloatArray, on_grid

SIGNS = (1, -1)
RATIOS = np.array([3.0, 6.0, 12.0])
"""Bets: the mass grew to so many times the bound."""
SHARE = 0.1
"""Part of the false-alarm target that this watch may spend; it is on top of the families' own."""
DAY_CAP = 2.0
"""Most mass that a day may bring into the evidence: one loud day is no new tone."""
FIRST_DAY = 28
LEAST_STORY_DAYS = 4
QUIET_AFTER = WINDOW
"""Days without a second alarm for the same tie: by then there is a baseline, or the tone has gone again."""
FURTHEST = 180
"""No onset is looked for further back than so many days."""
VOTE_VARIANCE = 0.6
PRIOR_VOTES = 5.0
"""The tone before is drawn to neutral with the weight of so many stories."""


class Told(Protocol):
    """A shift that readers know of, or that a baseline found."""

    @property
    def dyad(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def direction(self) -> Direction: ...
    @property
    def detected(self) -> dt.date: ...


@dataclass(slots=True)
class _Watch:
    """The evidence for one direction, and where it began to grow."""

    sums: FloatArray
    height: float = 0.0
    onset: int = 0

    def step(self, t: int, mass: float, bound: float) -> float:
        """Take in a day; gives the evidence."""
        growth = np.log(RATIOS) * min(mass, DAY_CAP) - bound * (RATIOS - 1)
        self.sums = np.minimum((1 + self.sums) * np.exp(growth), 1e300)
        # The onset is where the cumulated evidence of the middle bet last left zero (Page's CUSUM).
        if self.height <= 0:
            self.onset = t
        self.height = max(0.0, self.height + float(growth[1]))
        return self.evidence

    @property
    def evidence(self) -> float:
        """The evidence as a natural logarithm."""
        return math.log(max(1e-300, float(self.sums.mean())))


def threshold(rate: float, series: int) -> float:
    """Evidence that *series* watches together reach by chance `SHARE` times *rate* a year at most."""
    return math.log(365.25 * max(1, series) / (SHARE * rate))


@dataclass(frozen=True, slots=True)
class ToneState:
    """Where the watch on one tie stands at the end of a day, for either direction (convergence first).

    Days are counted from the first one on which the tie is watched.
    """

    sums: tuple[tuple[float, ...], tuple[float, ...]]
    heights: tuple[float, float]
    onsets: tuple[int, int]
    quiet_until: int


@dataclass(frozen=True, slots=True)
class Tones:
    """What the watch found, and where it stood on the days that were asked for: by index, then by tie."""

    found: list[Found]
    states: dict[int, dict[str, ToneState]]


def first_tones(
    coverage: Coverage,
    monitored: BoolArray,
    known: Sequence[Told],
    found: Sequence[Told] = (),
    *,
    rate: float,
    first: int = 0,
    after: Mapping[str, ToneState] | None = None,
    stops: Collection[int] = (),
) -> Tones:
    """Ties whose coverage set in and points one way, where no baseline was; runs forward in time.

    *monitored* tells on which days of the coverage enough outlets reported. What readers already know (*known*) is not
    told again, whichever comes first; nor what the baselines *found* up to then. Begins with day *first* in the states
    *after* the day before.
    """
    needed = threshold(rate, 2 * len(coverage.dyads))
    made = Tones([], {stop: {} for stop in stops})
    for dyad in sorted(coverage.dyads):
        watch = _TieWatch(coverage, dyad, monitored, needed, (after or {}).get(dyad))
        mine = [one for one in known if one.dyad == dyad]
        baseline = [one for one in found if one.dyad == dyad]
        for t in range(max(first, coverage.dyads[dyad].start), coverage.days):
            for alarm in watch.step(t):
                earlier = [one for one in baseline if one.detected <= alarm.detected]
                if not _known(alarm, [*mine, *earlier]):
                    made.found.append(alarm)
            if t in made.states:
                made.states[t][dyad] = watch.state
    return made


def tone_evidence(coverage: Coverage, dyad: str, monitored: BoolArray, sign: int, span: tuple[int, int]) -> float:
    """ln of the evidence for one direction (*sign*) of a tie that the days *span* (both of them included) brought."""
    first, last = span
    watch = _TieWatch(coverage, dyad, monitored, math.inf, None)
    for t in range(first, last + 1):
        watch.step(t)
    return watch.evidence(sign)


class _TieWatch:
    """Both directions of one tie. `step` must be called for every day, in order."""

    def __init__(
        self, coverage: Coverage, dyad: str, monitored: BoolArray, needed: float, state: ToneState | None
    ) -> None:
        table = coverage.dyads[dyad]
        self._coverage, self._dyad, self._needed = coverage, dyad, needed
        self._monitored, self._start = monitored, table.start
        self._count = on_grid(table.votes).sum(axis=1)
        self._score = on_grid(table.score).sum(axis=1)
        self._watches = self._fresh()
        self._quiet_until = table.start + FIRST_DAY
        if state is not None:
            self._quiet_until = table.start + state.quiet_until
            each = zip(state.sums, state.heights, state.onsets, strict=True)
            self._watches = [_Watch(np.array(sums), height, table.start + onset) for sums, height, onset in each]

    def _fresh(self) -> list[_Watch]:
        return [_Watch(np.zeros(len(RATIOS)), onset=self._start) for _ in SIGNS]

    @property
    def state(self) -> ToneState:
        """Where it stands after the last step."""
        up, down = self._watches
        return ToneState(
            (tuple(up.sums.tolist()), tuple(down.sums.tolist())),
            (up.height, down.height),
            (up.onset - self._start, down.onset - self._start),
            self._quiet_until - self._start,
        )

    def evidence(self, sign: int) -> float:
        """The evidence for the direction *sign* as a natural logarithm."""
        return self._watches[SIGNS.index(sign)].evidence

    def step(self, t: int) -> list[Found]:
        """Take in day *t*; the alarms of that day."""
        if not self._monitored[t]:
            return []
        high = t - min(GUARD, (t - self._start) // 4)
        window = slice(max(self._start, high - WINDOW), high)
        if np.count_nonzero(self._count[window]) >= LEAST_DAYS:
            # There is a baseline: from here on `alerts.detect` watches, and this watch begins anew after it.
            self._watches = self._fresh()
            return []
        days = int(np.count_nonzero(self._monitored[window]))
        if days < 10:
            return []
        alarms = []
        for sign, watch in zip(SIGNS, self._watches, strict=True):
            before = float(np.clip(sign * self._score[window], 0, None).sum())
            # Upper end of what the mean may have been, one and a half times over.
            bound = 1.5 * (before + 1 + math.sqrt(before + 1)) / days
            evidence = watch.step(t, max(0.0, sign * float(self._score[t])), bound)
            if t < self._quiet_until or evidence < self._needed:
                continue
            span = max(watch.onset, t - FURTHEST, self._start), t
            log = evidence, self._needed
            alarm = _found(self._coverage, self._dyad, sign, span=span, window=window, log=log)
            if alarm is not None:
                self._quiet_until = t + QUIET_AFTER
                alarms.append(alarm)
        return alarms


def _known(alarm: Found, told: Sequence[Told]) -> bool:
    return any(
        one.kind is Kind.STANCE
        and one.direction is alarm.direction
        and abs((one.detected - alarm.detected).days) <= QUIET_AFTER
        for one in told
    )


def _found(
    coverage: Coverage, dyad: str, sign: int, *, span: tuple[int, int], window: slice, log: tuple[float, float]
) -> Found | None:
    onset, t = span
    evidence, needed = log
    table: DayTable = coverage.dyads[dyad]
    since = slice(onset, t + 1)
    count, score = on_grid(table.votes).sum(axis=1), on_grid(table.score).sum(axis=1)
    stories = float(count[since].sum())
    if np.count_nonzero(count[since]) < LEAST_STORY_DAYS:
        return None
    earlier = float(count[window].sum())
    before = float(score[window].sum()) / (earlier + PRIOR_VOTES)
    after = float(score[since].sum()) / stories
    change = after - before
    if change * sign <= 0:
        return None
    error = math.sqrt(VOTE_VARIANCE / stories + VOTE_VARIANCE / (earlier + PRIOR_VOTES))
    by_outlet: FloatArray = table.votes[since].sum(axis=0)
    outlets = {name for name, votes in zip(coverage.outlets, by_outlet.tolist(), strict=True) if votes and name}
    bare = Found(
        dyad=dyad,
        kind=Kind.STANCE,
        direction=Direction.CONVERGENCE if sign > 0 else Direction.DIVERGENCE,
        onset=coverage.date(onset),
        detected=coverage.date(t),
        magnitude=change,
        low=change - 1.96 * error,
        high=change + 1.96 * error,
        before=before,
        after=after,
        log_evidence=evidence,
        threshold=needed,
        years=min(1000.0, math.exp(min(evidence, 20.0)) / 365.25 / (2 * len(coverage.dyads))),
        confidence=thresholds.confidence(evidence, needed),
        returned=False,
        text="",
        stories=round(stories),
        outlets=None if coverage.outlets == ("",) else len(outlets),
        first_tone=True,
    )
    worded = wording.worded(bare)
    weeks = max(1, round((window.stop - window.start) / 7))
    thin = f"Before that the tie was hardly written about ({earlier:.0f} stories in {weeks} weeks)."
    return replace(worded, text=f"{worded.text} {thin}")
