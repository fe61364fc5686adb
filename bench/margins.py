"""How far one reader is ahead of another on the same items, with the range that chance in the items leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.answers import Answers
from classify.evaluate import STANCES
from classify.labelled import Labelled

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Margin:
    """Difference of two stance macro-F1, with its 95 % range over items drawn anew (paired bootstrap)."""

    difference: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.difference:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def stance_margin(labelled: Sequence[Labelled], one: Answers, other: Answers, *, seed: int = 0) -> Margin:
    """How much higher the pooled stance macro-F1 of *one* is than that of *other*; a missed dyad counts as 0."""
    item, gold, first, second = [], [], [], []
    for at, (own, mine, theirs) in enumerate(zip(labelled, one.stances, other.stances, strict=True)):
        for dyad, stance in own.dyads.items():
            item.append(at)
            gold.append(stance + 1)
            first.append(mine[dyad].stance + 1 if dyad in mine else 1)
            second.append(theirs[dyad].stance + 1 if dyad in theirs else 1)
    cells = [np.asarray(gold, dtype=np.int64) * 3 + np.asarray(read, dtype=np.int64) for read in (first, second)]
    at_item = np.asarray(item, dtype=np.int64)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        weight = np.bincount(rng.integers(0, len(labelled), len(labelled)), minlength=len(labelled))[at_item]
        drawn.append(_macro_f1(cells[0], weight) - _macro_f1(cells[1], weight))
    whole = np.ones(len(item))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Margin(_macro_f1(cells[0], whole) - _macro_f1(cells[1], whole), float(low), float(high))


def _macro_f1(cell: np.ndarray, weight: np.ndarray) -> float:
    table = np.bincount(cell, weights=weight, minlength=9).reshape(len(STANCES), len(STANCES))
    present = table.sum(axis=1) > 0
    both = table.sum(axis=0) + table.sum(axis=1)
    f1 = 2 * np.diag(table)[present] / both[present]
    return float(f1.mean()) if len(f1) else 0.0
