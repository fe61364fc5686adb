"""Thresholds from a deployment's own history: higher where its coverage is rougher than that of the shipped ladder.

A stationary block bootstrap (Politis & Romano, J. Am. Stat. Assoc. 89, 1994): the residuals that a family has seen are
drawn anew in blocks of two weeks on average, the same days for all its series, and the detectors run over them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alerts import thresholds
from alerts.family import FAMILY, grown, step_factors
from alerts.model import Kind
from alerts.votes import BoolArray, FloatArray

COLD_DAYS = 120
"""Days of history before `COLD_RAISE` is lifted."""
LEAST_DAYS = 75
"""Days with a measurement before history says more than the ladder does."""
LOOK_BACK = 730
LATEST = 30
"""Of these, the last ones are left out, as they are of a baseline: a shift that is under way must not raise the
threshold that it has to pass. What was told and lasts is left out; what was not told yet can only go by its date."""
EVERY = 30
"""Days between two looks at the history."""
BLOCK = 14
PATHS = 60
LEAST_PATHS = 30
"""A family of many series needs fewer paths: each has more alarms in it."""
PATH_DAYS = 365
REFERENCE_DAYS = 240.0
"""Run length that the paths are long enough to measure; other lengths follow the ladder's slope."""
COLD_RAISE = 2.0
"""Added while there is too little history: nobody knows yet how rough this coverage is, and the roughest alarms most in
its first months."""
SLOPE = 2.0
"""Blocks break slow drift, the more of it there is, so what they give is too low: how far the bootstrap lies from the
ladder is doubled."""
MARGIN = {Kind.STANCE: 0.40, Kind.BLOC: 0.40, Kind.ATTENTION: 0.85, Kind.THEME: 1.00}
"""Added to that. Dense coverage with outlets then lies 0.5 to 0.9 below the ladder of tone and attention, which holds
the shortest run lengths of dense and sparse coverage, with outlets and without."""
MOST_LOWERED = 1.2
USUAL = {Kind.STANCE: -0.65, Kind.BLOC: 0.10, Kind.ATTENTION: -0.70, Kind.THEME: -0.20}
"""How far above the ladder the threshold from the own history lies in usual coverage (dense and sparse, without what
the harsh world adds)."""
OWN_DAYS = 240.0
SHARED_DAYS = 30.0
"""How many days of history it takes until a family's own says as much as that of all families, and until that says as
much as what is usual. What four months say of rare alarms is mostly chance: between presses of one world the height
differs by a standard deviation of about 1, and from family to family by chance alone, while worlds differ by 1.5 to 2
in all families alike. So each is drawn to what all say, as a level of few days is (James & Stein, Proc. 4th Berkeley
Symp. 1, 1961; toward the mean of the group as in Efron & Morris, J. Am. Stat. Assoc. 70, 1975)."""


REMEMBER = 512
_REMEMBERED: dict[tuple[Kind, float, int, bytes], float] = {}


@dataclass(frozen=True, eq=False)
class Past:
    """What one series has seen: whitened residuals (NaN without a measurement), sensitivities and zones per day."""

    surprise: FloatArray
    sensitivity: FloatArray
    zone: FloatArray


def roughness(beyond: Mapping[Kind, float]) -> float:
    """How much rougher than usual coverage is, by the mean of what its families say; 0 while none says anything.

    *beyond* has for each `own_threshold` less the ladder's, -inf while that is unknown.

    >>> round(roughness({Kind.STANCE: 0.35, Kind.THEME: 1.2, Kind.BLOC: -math.inf}), 2)
    1.2
    """
    known = [value - USUAL[kind] for kind, value in beyond.items() if value > -math.inf]
    return math.fsum(known) / len(known) if known else 0.0


def own_raise(kind: Kind, beyond: float, days: int, rough: float) -> float:
    """What is added to the ladder's threshold, below zero where the coverage is calm.

    *beyond* is `own_threshold` less the ladder's (-inf while that is unknown), *days* the history so far and *rough*
    the `roughness` of the coverage in all families. The numbers were chosen on simulated presses (seeds 900,000 on) so
    that the base world comes near the target of one false digest a year (docs/method.md).

    >>> own_raise(Kind.STANCE, -math.inf, 60, 0.0), round(own_raise(Kind.STANCE, -math.inf, 200, 0.0), 2)
    (2.0, -0.9)
    >>> round(own_raise(Kind.STANCE, 0.7, 150, 0.0), 2), round(own_raise(Kind.STANCE, 0.7, 150, 1.5), 2)
    (0.0, 1.6)
    """
    if days < COLD_DAYS:
        return COLD_RAISE
    seen = min(days, LOOK_BACK) - LATEST
    expected = USUAL[kind] + seen / (seen + SHARED_DAYS) * rough
    if beyond > -math.inf:
        expected += seen / (seen + OWN_DAYS) * (beyond - expected)
    return max(-MOST_LOWERED, SLOPE * expected + MARGIN[kind])


def own_threshold(kind: Kind, pasts: Sequence[Past], wanted_days: float, seed: int) -> float:
    """Log evidence at which this family, on days like those of *pasts*, would alarm every *wanted_days* by chance.

    The pasts have one length: that of their common calendar, or the last `LOOK_BACK` days of it. -inf while there is
    too little of it.
    """
    surprise = np.stack([past.surprise for past in pasts])
    gain = np.stack([past.sensitivity for past in pasts])
    zone = np.stack([past.zone for past in pasts])
    measured = ~np.isnan(surprise)
    if measured.sum(axis=1).max(initial=0) < LEAST_DAYS:
        return -math.inf
    # The same past is looked at again on every later day of a run over many days, such as a replay.
    key = (kind, wanted_days, seed, _fingerprint(surprise, gain, zone))
    if key not in _REMEMBERED:
        if len(_REMEMBERED) >= REMEMBER:
            _REMEMBERED.clear()
        _REMEMBERED[key] = _bootstrap(kind, (surprise, gain, zone, measured), wanted_days, seed)
    return _REMEMBERED[key]


def _fingerprint(*arrays: FloatArray) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _bootstrap(
    kind: Kind, past: tuple[FloatArray, FloatArray, FloatArray, BoolArray], wanted_days: float, seed: int
) -> float:
    surprise, gain, zone, measured = past
    surprise = np.where(measured, surprise, 0.0)
    paths = max(LEAST_PATHS, min(PATHS, 3 * PATHS // len(surprise)))
    days = _blocks(surprise.shape[1], paths, np.random.default_rng(seed))
    family = FAMILY[kind]
    # A day grows the evidence alike wherever it is drawn, so its factors are worked out once: (effects, days, series).
    factors = step_factors(surprise, gain, zone, family)
    factors = np.ascontiguousarray(factors.reshape(-1, *surprise.shape).swapaxes(1, 2))
    counts = np.ascontiguousarray(measured.T)
    sums = np.zeros((len(factors), paths, len(surprise)))
    highest = np.zeros((PATH_DAYS, paths))
    for step, at in enumerate(days):
        np.copyto(sums, grown(sums, factors[:, at]), where=counts[at])
        highest[step] = sums.sum(axis=0).max(axis=1) / len(sums)
    reference = _height_for(np.maximum.accumulate(np.log(np.maximum(highest, 1e-300)), axis=0))
    shift = thresholds.threshold_for(kind, wanted_days) - thresholds.threshold_for(kind, REFERENCE_DAYS)
    return reference + shift


def _blocks(length: int, paths: int, rng: np.random.Generator) -> np.ndarray:
    """Indices (days, paths): runs of geometric length from the past, which is taken as a ring."""
    fresh: BoolArray = rng.random((PATH_DAYS, paths)) < 1 / BLOCK
    fresh[0] = True
    drawn = rng.integers(length, size=(PATH_DAYS, paths))
    step = np.arange(PATH_DAYS)[:, None]
    since = np.maximum.accumulate(np.where(fresh, step, 0), axis=0)  # the step at which the block began
    days: np.ndarray = (np.take_along_axis(drawn, since, axis=0) + step - since) % length
    return days


def _height_for(running_max: FloatArray) -> float:
    """The height that paths pass once in `REFERENCE_DAYS` days, given their running maxima (days, paths)."""
    low, high = float(running_max[0].min()), float(running_max[-1].max()) + 1e-9
    for _ in range(40):
        middle = (low + high) / 2
        below = running_max < middle
        hits = int(np.count_nonzero(~below[-1]))
        run_length = float(np.count_nonzero(below)) / max(0.5, hits)
        low, high = (middle, high) if run_length < REFERENCE_DAYS else (low, middle)
    return high
