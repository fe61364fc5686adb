"""A simulated press: coverage of three dyads that does not change, or changes by a known amount on a known day.

Written at the level of stories. Nuisances, all of which real coverage has: weekly and yearly seasons, over-dispersed,
autocorrelated volume, slow drift of volume and stance, bursts with a stance of their own, press blocs and outlets with
their own bias, a drifting mix of blocs, near-copies that were not recognised, outages and deaths of feeds, whole and
partial days that are missing.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace

import numpy as np

from alerts.votes import Coverage, DayTable, FloatArray, ThemeTable
from ingest.ties import ties

FIRST = dt.date(2018, 1, 1)
OUTLETS = 40
BLOCS = ("india", "russia", "china", "west")
BIAS = np.array([0.0, 0.25, 0.15, -0.15])
STORIES = np.array([22.0, 30.0, 18.0])
STANCE = np.array([0.15, 0.20, -0.10])
WEEKDAY = np.array([1.05, 1.10, 1.10, 1.08, 1.00, 0.60, 0.55])
THEMES = tuple(f"theme {number:02d}" for number in range(15))
THEME_WEIGHT = (1.0 + np.arange(len(THEMES))) ** -0.75
CHANGED_THEME = 3
"""The theme whose share a `Change` moves: some 8 % of the main themes."""
CONFIDENCE = 0.8
"""Mean of Beta(8, 2): how sure the simulated classifier is of a direction. Effects are on the observed score."""


@dataclass(frozen=True, slots=True)
class World:
    """Settings of a press; the defaults are the base world, about 25 independent stories per dyad and day."""

    scale: float = 1.0
    gamma_shape: float = 12.0
    volume_sd: float = 0.20
    volume_rho: float = 0.5
    drift_sd: float = 0.10
    stance_drift_sd: float = 0.03
    day_sd: float = 0.06
    burst_every: float = 30.0
    burst_most: float = 2.5
    burst_stance: float = 0.20
    copied: float = 0.35
    copies_alpha: float = 1.4
    recall: float = 0.88
    mix_sd: float = 0.35
    outlet_sd: float = 0.08
    outage_every: float = 180.0
    missing: float = 0.010
    partial: float = 0.010
    seen_known: bool = True
    theme_drift_sd: float = 0.15
    theme_day_sd: float = 0.20


BASE = World()
SPARSE = World(scale=0.2)
THIN = World(scale=0.02)
HARSH = World(
    gamma_shape=5, volume_sd=0.30, volume_rho=0.6, drift_sd=0.18, stance_drift_sd=0.05, day_sd=0.08, burst_every=15,
    burst_most=3.0, burst_stance=0.3, copied=0.5, copies_alpha=1.15, recall=0.75, mix_sd=0.5, outage_every=120,
    missing=0.02, theme_drift_sd=0.22, theme_day_sd=0.30,
)  # fmt: skip
WORLDS = {"base": BASE, "sparse": SPARSE, "thin": THIN, "harsh": HARSH}


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the first dyad from day `start` on, or to the feeds; the default is nothing."""

    start: int = 1 << 30
    stance: float = 0.0
    volume: float = 1.0
    length: int = 1 << 30
    deaths: int = 0
    """So many of the largest feeds die without a word."""
    births: int = 0
    """So many new feeds begin, at four times the usual weight."""
    storm: int = 0
    """Copies of one story, all of divergence, on that day."""
    theme: float = 1.0
    """Factor on the odds of one theme."""
    bloc: str = ""
    """Only this bloc's stance changes, where one is named."""


def simulate(world: World, days: int, seed: int, change: Change | None = None) -> Coverage:
    """Coverage of *days* days; the same seed gives the same press, shifted or not."""
    change = change or Change()
    rng = np.random.default_rng(seed)
    bloc = np.arange(OUTLETS) % len(BLOCS)
    weight, alive, heard = _outlets(world, days, rng, bloc, change)
    arrived = np.where(rng.random(days) < world.missing, 0.0, np.where(rng.random(days) < world.partial, 0.3, 1.0))
    day_weight = weight * alive
    capacity = day_weight.sum(axis=1)
    now = np.arange(days)
    fraction = ((now >= change.start) & (now < change.start + change.length)).astype(float)

    intensity, burst, burst_stance, burst_began = _intensity(world, days, rng)
    intensity *= (capacity * arrived)[:, None]
    intensity[:, 0] *= change.volume**fraction
    stance = (
        STANCE
        + _drift(rng, days, 3, world.stance_drift_sd, math.exp(-1 / 90))
        + _drift(rng, days, 3, world.day_sd, 0.5)
    )
    everywhere = fraction if not change.bloc else np.zeros(days)
    stance[:, 0] += change.stance / CONFIDENCE * everywhere

    plain, eventful = rng.poisson(intensity), rng.poisson(intensity * burst)
    cell = np.concatenate([np.repeat(np.arange(days * 3), part.ravel()) for part in (plain, eventful)])
    event = np.arange(len(cell)) >= plain.sum()
    t, d = cell // 3, cell % 3
    cumulative = np.cumsum(day_weight, axis=1)
    outlet = _draw(rng, cumulative, t)
    own = rng.normal(0, world.outlet_sd, OUTLETS)
    mean = stance[t, d] + BIAS[bloc[outlet]] + own[outlet] + np.where(event, burst_stance[t, d], 0.0)
    if change.bloc:
        turned = (d == 0) & (bloc[outlet] == BLOCS.index(change.bloc))
        mean = mean + np.where(turned, change.stance / CONFIDENCE * fraction[t], 0.0)
    label = _labels(rng, np.clip(mean, -0.85, 0.85))

    copies = np.where(
        rng.random(len(t)) < world.copied,
        np.minimum(80, (1 - rng.random(len(t))) ** (-1 / world.copies_alpha)).astype(np.int64),
        0,
    )
    missed = np.repeat(np.arange(len(t)), rng.binomial(copies, 1 - world.recall))
    # Drawn apart, so that the press of a seed is the same with themes as without.
    odds = change.theme**fraction
    began = np.where(event, burst_began[t, d], -1)
    topics = _themes(world, np.random.default_rng([seed, len(THEMES)]), odds, t, began)
    if change.storm:
        at = min(change.start, days - 1)
        extra = rng.binomial(change.storm, 1 - world.recall) + 1
        t, d, label = (
            np.append(t, [at] * extra),
            np.append(d, [0] * extra),
            np.append(label, [-1.0] * extra),
        )
        topics = np.concatenate([topics, np.repeat([[CHANGED_THEME, -1]], extra, axis=0)])
        outlet = np.append(outlet, _draw(rng, cumulative, np.full(extra, at)))
    lag = rng.choice(3, size=len(missed), p=[0.70, 0.25, 0.05])
    late = np.minimum(days - 1, t[missed] + lag)
    t, d = np.append(t, late), np.append(d, d[missed])
    outlet, label = np.append(outlet, _draw(rng, cumulative, late)), np.append(label, label[missed])
    table = _theme_table(days, t, np.concatenate([topics, topics[missed]]))
    score = np.where(label != 0, label * rng.beta(8, 2, len(t)), 0.1 * rng.normal(size=len(t)))
    seen = heard * arrived[:, None] if world.seen_known else None
    return replace(_coverage(days, bloc, t, d, outlet, score, seen, rng), themes=table)


def _themes(world: World, rng: np.random.Generator, odds: FloatArray, t: np.ndarray, began: np.ndarray) -> np.ndarray:
    """Up to two themes of each story (stories, 2), -1 where there is none. *odds* (days,) moves one theme.

    Two of five stories have a second theme, and two of five stories of a burst share the burst's, in all dyads. *began*
    is the first day of the burst that a story belongs to, or -1.
    """
    days, many = len(odds), len(THEMES)
    wander = _drift(rng, days, many, world.theme_drift_sd, math.exp(-1 / 60))
    weight = THEME_WEIGHT * np.exp(wander + rng.normal(0, world.theme_day_sd, (days, many)))
    weight[:, CHANGED_THEME] *= odds
    cumulative = np.cumsum(weight, axis=1)

    def drawn() -> np.ndarray:
        at = rng.random(len(t)) * cumulative[t, -1]
        which: np.ndarray = np.minimum(many - 1, (cumulative[t] <= at[:, None]).sum(axis=1))
        return which

    of_burst = rng.integers(many, size=days)[began]
    main = np.where((began >= 0) & (rng.random(len(t)) < 0.4), of_burst, drawn())
    second = np.where(rng.random(len(t)) < 0.4, drawn(), -1)
    return np.column_stack([main, np.where(second == main, -1, second)])


def _theme_table(days: int, t: np.ndarray, topics: np.ndarray) -> ThemeTable:
    many = len(THEMES)
    carrying = np.zeros(days * many)
    for column in topics.T:
        has = column >= 0
        carrying += np.bincount(t[has] * many + column[has], minlength=days * many)
    return ThemeTable(THEMES, carrying.reshape(days, many), np.bincount(t, minlength=days).astype(float))


def _outlets(
    world: World, days: int, rng: np.random.Generator, bloc: np.ndarray, change: Change
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights (days, outlets), 1 where an outlet is up, and the items a day that its feed brings when it is."""
    size = np.array([1.0 / (1 + outlet // 4) ** 0.8 for outlet in range(OUTLETS)])
    mix = np.exp(_drift(rng, days, len(BLOCS), world.mix_sd, math.exp(-1 / 45)))
    weight = size * mix[:, bloc]
    # A bloc that writes more takes its part from the others: the mix moves, the volume does not.
    weight /= weight.sum(axis=1, keepdims=True)
    alive = np.ones((days, OUTLETS))
    for outlet in range(OUTLETS):
        for start in np.flatnonzero(rng.random(days) < 1 / world.outage_every):
            alive[start : start + 1 + rng.geometric(0.2), outlet] = 0
        for start in np.flatnonzero(rng.random(days) < 1 / 1500):
            alive[start : start + 30, outlet] = 0
    heard = np.tile(60 * size / size.max() + 2, (days, 1))
    if change.deaths:
        alive[change.start :, : change.deaths] = 0
    if change.births:
        alive[: change.start, -change.births :] = 0
        weight[change.start :, -change.births :] *= 4
    return weight, alive, heard * alive


def _intensity(
    world: World, days: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray, np.ndarray]:
    """Stories expected, and of the burst of a day its height, stance and first day (-1: none); all (days, dyads)."""
    now = np.arange(days)
    season = WEEKDAY[now % 7] * (1 + 0.07 * np.sin(2 * np.pi * now / 365 + rng.random() * 2 * np.pi))
    wander = _drift(rng, days, 3, world.volume_sd, world.volume_rho) + _drift(
        rng, days, 3, world.drift_sd, math.exp(-1 / 90)
    )
    daily = rng.gamma(world.gamma_shape, 1 / world.gamma_shape, (days, 3))
    burst, stance, began = np.zeros((days, 3)), np.zeros((days, 3)), np.full((days, 3), -1)
    for d in range(3):
        for start in np.flatnonzero(rng.random(days) < 1 / world.burst_every):
            height = 0.5 + rng.random() * (world.burst_most - 0.5)
            others = range(3) if rng.random() < 0.3 else (d,)
            for other in others:
                tail = np.arange(min(8, days - int(start)))
                rise = height * (1.0 if other == d else 0.7) * 0.5**tail
                span = slice(start, start + len(tail))
                higher = rise > burst[span, other]
                burst[span, other] = np.where(higher, rise, burst[span, other])
                stance[span, other] = np.where(higher, rng.normal(0, world.burst_stance), stance[span, other])
                began[span, other] = np.where(higher, start, began[span, other])
    return STORIES * world.scale * season[:, None] * np.exp(wander) * daily, burst, stance, began


def _drift(rng: np.random.Generator, days: int, width: int, sd: float, rho: float) -> FloatArray:
    """Stationary AR(1) paths."""
    path = np.empty((days, width))
    path[0] = rng.normal(0, sd, width)
    for t in range(1, days):
        path[t] = rho * path[t - 1] + math.sqrt(1 - rho * rho) * sd * rng.normal(size=width)
    return path


def _draw(rng: np.random.Generator, cumulative: FloatArray, t: np.ndarray) -> np.ndarray:
    """An outlet for each story, by the weights of its day."""
    target = rng.random(len(t)) * cumulative[t, -1]
    drawn: np.ndarray = np.minimum(OUTLETS - 1, (cumulative[t] <= target[:, None]).sum(axis=1))
    return drawn


def _labels(rng: np.random.Generator, mean: FloatArray) -> FloatArray:
    zero = 0.4 * (1 - np.abs(mean))
    plus = zero + (1 - zero + mean) / 2
    r = rng.random(len(mean))
    return np.where(r < zero, 0.0, np.where(r < plus, 1.0, -1.0))


def _coverage(
    days: int, bloc: np.ndarray, t: np.ndarray, d: np.ndarray, outlet: np.ndarray, score: FloatArray,
    heard: FloatArray | None, rng: np.random.Generator,
) -> Coverage:  # fmt: skip
    shape = (days, 3, OUTLETS)
    flat = (t * 3 + d) * OUTLETS + outlet
    votes = np.bincount(flat, minlength=math.prod(shape)).reshape(shape).astype(float)
    total = np.bincount(flat, weights=score, minlength=math.prod(shape)).reshape(shape).astype(float)
    squares = np.bincount(t * 3 + d, weights=score**2, minlength=days * 3).reshape(days, 3).astype(float)
    seen = None
    if heard is not None:
        # An item that votes was seen as well.
        seen = rng.poisson(heard).astype(float) + votes.sum(axis=1)
    tables = {dyad: DayTable(votes[:, i], total[:, i], squares[:, i]) for i, dyad in enumerate(ties().dyads)}
    names = tuple(f"outlet {i:02d}" for i in range(OUTLETS))
    return Coverage(FIRST, names, tuple(BLOCS[b] for b in bloc), seen, tables)


def without_outlets(coverage: Coverage) -> Coverage:
    """The same coverage as plain daily numbers, as a file of counts would hold it."""
    tables = {
        dyad: DayTable(table.votes.sum(axis=1, keepdims=True), table.score.sum(axis=1, keepdims=True), table.squares)
        for dyad, table in coverage.dyads.items()
    }
    return replace(coverage, outlets=("",), blocs=("",), seen=None, dyads=tables)
