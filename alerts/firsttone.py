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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from alerts import thresholds, wording
from alerts.baseline import LEAST_DAYS
from alerts.model import Direction, Found, Kind
from alerts.reporting import GUARD, WINDOW
from alerts.votes import BoolArray, Coverage, DayTable, FloatArray

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
        """Take in a day; gives the evidence as a natural logarithm."""
        growth = np.log(RATIOS) * min(mass, DAY_CAP) - bound * (RATIOS - 1)
        self.sums = np.minimum((1 + self.sums) * np.exp(growth), 1e300)
        # The onset is where the cumulated evidence of the middle bet last left zero (Page's CUSUM).
        if self.height <= 0:
            self.onset = t
        self.height = max(0.0, self.height + float(growth[1]))
        return math.log(max(1e-300, float(self.sums.mean())))


def threshold(rate: float, series: int) -> float:
    """Evidence that *series* watches together reach by chance `SHARE` times *rate* a year at most."""
    return math.log(365.25 * max(1, series) / (SHARE * rate))


def first_tones(coverage: Coverage, monitored: BoolArray, told: Sequence[Told], *, rate: float) -> list[Found]:
    """Ties whose coverage set in and points one way, where no baseline was; runs forward in time.

    *monitored* tells on which days of the coverage enough outlets reported; what *told* holds is not told again.
    """
    needed = threshold(rate, 2 * len(coverage.dyads))
    found: list[Found] = []
    for dyad in sorted(coverage.dyads):
        found += _watch(coverage, dyad, monitored, [one for one in told if one.dyad == dyad], needed)
    return found


def _watch(coverage: Coverage, dyad: str, monitored: BoolArray, told: Sequence[Told], needed: float) -> list[Found]:
    table = coverage.dyads[dyad]
    count = table.votes.sum(axis=1)
    score = table.score.sum(axis=1)
    watches = {sign: _Watch(np.zeros(len(RATIOS))) for sign in (1, -1)}
    found: list[Found] = []
    quiet_until = table.start + FIRST_DAY
    for t in range(table.start, coverage.days):
        if not monitored[t]:
            continue
        high = t - min(GUARD, (t - table.start) // 4)
        low = max(table.start, high - WINDOW)
        window = slice(low, high)
        if np.count_nonzero(count[window]) >= LEAST_DAYS:
            # There is a baseline: from here on `alerts.detect` watches, and this watch begins anew after it.
            watches = {sign: _Watch(np.zeros(len(RATIOS))) for sign in (1, -1)}
            continue
        days = int(np.count_nonzero(monitored[window]))
        if days < 10:
            continue
        for sign, watch in watches.items():
            before = float(np.clip(sign * score[window], 0, None).sum())
            # Upper end of what the mean may have been, one and a half times over.
            bound = 1.5 * (before + 1 + math.sqrt(before + 1)) / days
            evidence = watch.step(t, max(0.0, sign * float(score[t])), bound)
            if t < quiet_until or evidence < needed:
                continue
            alarm = _found(coverage, dyad, sign, span=(watch.onset, t), window=window, log=(evidence, needed))
            if alarm is None:
                continue
            quiet_until = t + QUIET_AFTER
            if not _known(alarm, told):
                found.append(alarm)
    return found


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
    count, score = table.votes.sum(axis=1), table.score.sum(axis=1)
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
    )
    worded = wording.worded(bare)
    weeks = max(1, round((window.stop - window.start) / 7))
    thin = f"Before that the tie was hardly written about ({earlier:.0f} stories in {weeks} weeks)."
    return replace(worded, text=f"{worded.text} {thin}")
