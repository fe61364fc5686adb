"""A family of series: the effects that its detectors bet on, and the step by which their evidence grows.

Shiryaev-Roberts e-detectors (Shin, Ramdas & Rinaldo, "E-detectors", arXiv 2203.03532) over a grid of effect sizes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from alerts.model import Kind
from alerts.votes import FloatArray


@dataclass(frozen=True, slots=True)
class Family:
    """What the detectors of one kind share: effects and zone in score points or logarithms of ratios."""

    zone: float
    effects: tuple[float, ...]
    clip: float


_TONE = Family(0.05, (0.10, 0.15, 0.25, 0.40), 2.5)
_RATE = Family(math.log(1.2), tuple(math.log(x) for x in (1.35, 1.6, 2.0, 3.0)), 2.0)
FAMILY = {Kind.STANCE: _TONE, Kind.BLOC: _TONE, Kind.ATTENTION: _RATE, Kind.THEME: _RATE}

MEMORY = 80
"""Days after which a possible start counts for a third. Without it S grows by one on every day that says nothing, and a
tie of which nobody writes "fell" after e^threshold days: from 0.01 to 0.00 stories a day, in some seven months."""
FORGET = 1 - 1 / MEMORY

_SIGNS = np.array([1.0, -1.0])


@lru_cache(maxsize=64)
def _grid(family: Family, ndim: int) -> tuple[FloatArray, FloatArray]:
    """The effects of *family*, (effects, …), and the two directions, (2, 1, …), for arrays of *ndim* dimensions."""
    tail = (1,) * ndim
    return np.reshape(family.effects, (-1, *tail)), np.reshape(_SIGNS, (2, 1, *tail))


def step_factors(
    surprise: FloatArray | float, gain: FloatArray | float, zone: FloatArray | float, family: Family
) -> FloatArray:
    """The factors exp(a v - b) of a Shiryaev-Roberts step, for either direction and every effect: (2, effects, …).

    With a = k (effect - zone) and b = k² (effect² - zone²) / 2 the factor's mean is at most 1 wherever the level moved
    by no more than the zone; a is capped at 2 so that no single day decides. … is the shape of *surprise*, *gain* (k)
    and *zone*.
    """
    effects, signs = _grid(family, np.ndim(surprise))
    effects = np.maximum(effects, 1.3 * zone)
    v = np.minimum(np.maximum(surprise, -family.clip), family.clip)  # `np.clip` takes as long as all else here
    a = gain * (effects - zone)
    b = gain * gain * (effects**2 - zone * zone) / 2
    capped = np.minimum(a, 2.0)
    b = b * (capped / np.maximum(a, 1e-12)) ** 2
    factors: FloatArray = np.exp(signs * (capped * v) - b)
    return factors


@lru_cache(maxsize=100_000)
def day_factors(surprise: float, gain: float, zone: float, family: Family) -> FloatArray:
    """`step_factors` of one day, remembered: a replay goes through the same days each day. Not to be written to."""
    factors = step_factors(surprise, gain, zone, family)
    factors.setflags(write=False)
    return factors


def grown(sums: FloatArray, factors: FloatArray) -> FloatArray:
    """One Shiryaev-Roberts step, S <- (1 + f S) x factor."""
    # Evidence beyond e^690 says nothing more, and must not overflow.
    moved: FloatArray = np.minimum((1 + FORGET * sums) * factors, 1e300)
    return moved
