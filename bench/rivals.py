"""Rivals of the detector on the same simulated presses: rules that monitors borrow, on a day's count, mean and share.

Each is run at the setting of its textbook, or the default of its library, and at the setting at which it sends about
as many false digests as ours on seeds that are not measured on. Every rule looks at each series by itself and tells a
series again after two quiet weeks at the earliest.

| rival | source |
| --- | --- |
| z-score | a day more than 3 standard deviations off its last 30 days |
| EARS C2 | Hutwagner et al. 2003 (J. Urban Health 80): 7 days that end 2 days ago, 3 standard deviations |
| CUSUM | Page 1954 (Biometrika 41), k = 0.5 and h = 5 on the z-score of 56 days that end 7 days ago |
| Page-Hinkley, ADWIN, KSWIN | river, with its defaults |
| PELT | ruptures, run anew each day on the last 90 days, penalty 10 |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from alerts.detect import FIRST_ALERT_DAY
from alerts.model import Kind
from alerts.votes import Coverage, FloatArray
from bench.measures import CHANGE_DAY, EFFECTS, SEED, WATCHED, YEARS, Effect, Row
from bench.worlds import CHANGED_THEME, World, simulate
from ingest.ties import ties

QUIET = 14
TUNING = 40_000
"""Seeds for finding the setting of equal false alarms; far below those that are measured on."""
TARGET = 1.0
"""False digests a year."""

Key = tuple[Kind, int]
Alarms = Callable[[FloatArray, float], Iterator[int]]
"""Days on which a rule alarms on a series (NaN: no measurement), at a setting."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A rule, its textbook setting, and settings from the most to the least talkative."""

    name: str
    alarms: Alarms
    textbook: float
    settings: Sequence[float]
    package: str = ""


def naive_series(coverage: Coverage) -> dict[Key, FloatArray]:
    """Mean score and count of each dyad, share of each theme, a value a day."""
    found: dict[Key, FloatArray] = {}
    for at, dyad in enumerate(ties().dyads):
        table = coverage.dyads[dyad]
        count = table.votes.sum(axis=1)
        found[Kind.ATTENTION, at] = count
        found[Kind.STANCE, at] = np.where(count > 0, table.score.sum(axis=1) / np.maximum(count, 1), np.nan)
    assert coverage.themes is not None
    stories = coverage.themes.stories
    for at in range(coverage.themes.carrying.shape[1]):
        share = coverage.themes.carrying[:, at] / np.maximum(stories, 1)
        found[Kind.THEME, at] = np.where(stories > 0, share, np.nan)
    return found


def told(alarms: Iterator[int]) -> list[int]:
    """The alarms that are told: none before day 28, and a series falls silent for two weeks after each."""
    kept: list[int] = []
    for t in alarms:
        if t >= FIRST_ALERT_DAY and (not kept or t - kept[-1] >= QUIET):
            kept.append(t)
    return kept


def null_run(rival: Rival, setting: float, world: World, seed: int) -> float:
    """Days with an alarm in two years without a change."""
    series = naive_series(simulate(world, YEARS * 365, seed)).values()
    return float(len({t for values in series for t in told(rival.alarms(values, setting))}))


def effect_run(rival: Rival, setting: float, world: World, effect: Effect, run: int) -> Row:
    """Days from the change to the first alarm of its series."""
    series = naive_series(simulate(world, CHANGE_DAY + WATCHED + 1, SEED + 10_000 + run, effect.change))
    at = CHANGED_THEME if effect.kind is Kind.THEME else 0
    days = [t for t in told(rival.alarms(series[effect.kind, at], setting)) if t >= CHANGE_DAY]
    return {"delay": float(days[0] - CHANGE_DAY) if days else None}


def equal_setting(rival: Rival, counts: Callable[[float], float]) -> float | None:
    """The most talkative setting at which *counts* (false digests a year) stays within the target; None without one."""
    return next((setting for setting in rival.settings if counts(setting) <= TARGET), None)


RIVAL_EFFECTS = {
    name: EFFECTS[name] for name in ("stance +0.4", "stance +0.2", "attention x3", "attention x2", "theme x3")
}


def _spread(values: FloatArray, t: int, days: int, gap: int) -> float:
    """Standard deviations that day *t* lies off the *days* that end *gap* days before it; 0 where that is unknown."""
    window = values[max(0, t - gap - days) : max(0, t - gap)]
    window = window[~np.isnan(window)]
    if len(window) < min(7, days) or np.isnan(values[t]):
        return 0.0
    return float((values[t] - window.mean()) / max(window.std(ddof=1), 1e-9))


def _beyond(days: int, gap: int, values: FloatArray, setting: float) -> Iterator[int]:
    return (t for t in range(len(values)) if abs(_spread(values, t, days, gap)) > setting)


def _cusum(values: FloatArray, setting: float) -> Iterator[int]:
    up = down = 0.0
    for t in range(len(values)):
        z = min(6.0, max(-6.0, _spread(values, t, 56, 7)))
        up, down = max(0.0, up + z - 0.5), max(0.0, down - z - 0.5)
        if max(up, down) > setting:
            yield t
            up = down = 0.0


def _river(make: Callable[[float], Any], values: FloatArray, setting: float) -> Iterator[int]:
    detector = make(setting)
    for t, value in enumerate(values.tolist()):
        if not math.isnan(value):
            detector.update(value)
            if detector.drift_detected:
                yield t


def _adwin(delta: float) -> Any:
    from river.drift import ADWIN

    return ADWIN(delta=delta)  # type: ignore[no-untyped-call, unused-ignore]


def _kswin(alpha: float) -> Any:
    from river.drift import KSWIN

    return KSWIN(alpha=alpha, seed=1)


def _page_hinkley(threshold: float) -> Any:
    from river.drift import PageHinkley

    return PageHinkley(threshold=threshold)


def _pelt(values: FloatArray, setting: float) -> Iterator[int]:
    """A break in the last two weeks, on values scaled by their own window.

    With a linear kernel `KernelCPD` minimises the cost of `Pelt(model="l2", jump=1)`, with the same pruning, in C: the
    same breaks on all of 60 windows compared, 300 times as fast.
    """
    import ruptures

    for t in range(FIRST_ALERT_DAY, len(values)):
        window = values[max(0, t - 89) : t + 1]
        window = window[~np.isnan(window)]
        scaled = (window - window.mean()) / max(float(window.std()), 1e-9)
        breaks = ruptures.KernelCPD(kernel="linear", min_size=3).fit(scaled).predict(pen=setting)
        if any(len(window) - at <= QUIET for at in breaks[:-1]):
            yield t


def rivals() -> list[Rival]:
    """All of them; a rival whose package is missing is told by its `package`."""
    return [
        Rival("z-score", partial(_beyond, 30, 0), 3, (3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30)),
        Rival("EARS C2", partial(_beyond, 7, 2), 3, (3, 5, 7, 10, 14, 20, 30, 40, 60, 90)),
        Rival("CUSUM", _cusum, 5, (5, 8, 12, 16, 20, 25, 30, 40, 50, 60, 80)),
        Rival("Page-Hinkley", partial(_river, _page_hinkley), 50, (50, 70, 100, 150, 200, 300, 500, 1000), "river"),
        Rival("ADWIN", partial(_river, _adwin), 0.002, (0.3, 0.1, 0.03, 0.01, 0.002, 1e-3, 1e-4, 1e-6), "river"),
        Rival("KSWIN", partial(_river, _kswin), 0.005, (5e-3, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10), "river"),
        Rival("PELT", _pelt, 10, (10, 15, 20, 25, 30, 40, 50, 60), "ruptures"),
    ]
