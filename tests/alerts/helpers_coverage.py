"""Small coverages for the detector's tests, drawn with a fixed seed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from alerts.votes import Counts, Coverage, DayTable, coverage_from_counts

FIRST = dt.date(2022, 1, 1)
BLOCS = ("india", "russia", "china", "west")


def day(index: int) -> dt.date:
    """The day with that index."""
    return FIRST + dt.timedelta(days=index)


def press(
    days: int = 200,
    *,
    stories: float = 25.0,
    mean: float | Sequence[float] = 0.1,
    ratio: float | Sequence[float] = 1.0,
    outlets: int = 12,
    dyads: Sequence[str] = ("IN-CN",),
    seed: int = 1,
) -> Coverage:
    """Votes of -1 and +1 with a daily mean and a daily ratio of the usual volume; every feed is seen every day."""
    rng = np.random.default_rng(seed)
    means, ratios = np.broadcast_to(mean, days), np.broadcast_to(ratio, days)
    tables = {}
    for dyad in dyads:
        votes = rng.poisson(stories / outlets * ratios[:, None], (days, outlets))
        score = (2 * rng.binomial(votes, (1 + means[:, None]) / 2) - votes).astype(float)
        tables[dyad] = DayTable(votes.astype(float), score, votes.sum(axis=1).astype(float))
    seen = np.full((days, outlets), 30.0)
    names = tuple(f"outlet {i:02d}" for i in range(outlets))
    return Coverage(FIRST, names, tuple(BLOCS[i % 4] for i in range(outlets)), seen, tables)


def step(days: int, at: int, before: float, after: float) -> list[float]:
    """A level that changes once."""
    return [before] * at + [after] * (days - at)


def counted(
    rows: Sequence[tuple[float, float, float]], dyad: str = "A-B", totals: Sequence[float] | None = None
) -> Coverage:
    """Plain counts from the first day on."""
    table = {
        day(i): Counts(plus, zero, minus, None if totals is None else totals[i])
        for i, (plus, zero, minus) in enumerate(rows)
    }
    made = coverage_from_counts({dyad: table})
    assert made is not None
    return made
