"""Measure a series again: how far it is, on days that are given, from its frozen level before an onset."""

from __future__ import annotations

import math

import numpy as np

from alerts.baseline import Outlook
from alerts.family import FAMILY
from alerts.model import Kind
from alerts.reporting import WINDOW
from alerts.size import effect, growth
from alerts.watched import Series

BEFORE_ONSET = 3
"""Days left out before an onset, which is only estimated."""
FOLLOW_UP_DAYS = 14
"""Days after the onset at which a shift is measured again, on the days after it was found and against the frozen level
before it: what was a burst has faded by then."""
LEAST_DAYS_AFTER_DETECTION = 7


def whiten(z: float, yesterday: float | None, rho: float) -> float:
    """Take out what yesterday's residual foretold; a day after a gap stands alone."""
    return z if yesterday is None else (z - rho * yesterday) / math.sqrt(1 - rho * rho)


def sensitivity(outlook: Outlook) -> float:
    """Expected whitened residual per unit of a lasting effect."""
    return outlook.carry / outlook.error * math.sqrt((1 - outlook.rho) / (1 + outlook.rho))


def follow_up(series: Series, onset: int, days: range, anchor: int = 0) -> tuple[float, float] | None:
    """Size and standard error of a change on *days*, against the frozen level before *onset*.

    Indices are those of the series. With days after the alarm the size is free of the bias that an alarm's own days
    carry: they were looked at because they were extreme. None when there is too little to compare.
    """
    high = onset - BEFORE_ONSET
    low = max(anchor, high - WINDOW)
    if high - low < 10:
        low = max(0, high - WINDOW)
    if high - low < 10:
        return None
    yesterday: float | None = None
    gains, surprises = [], []
    outlooks: list[Outlook] = []
    for t in days:
        outlook = series.baseline.outlook(t, low, high) if series.baseline.usable(t) else None
        if outlook is None:
            yesterday = None
            continue
        z = outlook.residual / outlook.error
        surprises.append(whiten(z, yesterday, outlook.rho))
        gains.append(sensitivity(outlook))
        outlooks.append(outlook)
        yesterday = z
    gain = np.array(gains)
    if not outlooks or float(gain @ gain) <= 0:
        return None
    change, variance = effect(gain, np.array(surprises)) if series.kind.tone else growth(outlooks)
    return change, math.sqrt(variance + outlooks[-1].level_error ** 2)


def follow_up_day(onset: int, detected: int) -> int:
    """When a shift is measured again: 14 days after its onset, but with a week of days that did not find it."""
    return max(onset + FOLLOW_UP_DAYS, detected + LEAST_DAYS_AFTER_DETECTION)


def lasts(kind: Kind, told: float, change: float, error: float) -> bool:
    """Whether a follow-up confirms what was told: its 95 % range lies beyond the zone, on the same side."""
    return math.copysign(1.0, told) * change - 1.96 * error > FAMILY[kind].zone
