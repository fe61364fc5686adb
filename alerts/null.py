"""The empirical null of a back-test: the same days with their stances dealt out anew, in blocks of two weeks.

Stories stay on their days, with their feeds, so volume and attention are as they were. What is permuted is the order
of the stances: the calendar is cut into blocks of 14 days, the blocks are put in a random order (the same for all
ties), and the stances, read off in that order, are handed to the stories in theirs. What a story says then has
nothing to do with when it was written, beyond two weeks; what the detector finds in such a history is false. The pieces
of a true shift are still in it, scattered over the period, so the null errs towards too many.

Beside it, the stances are shuffled story by story, which leaves nothing but chance. Many finds in blocks and hardly
any in shuffled stories mean that coverage moves slowly or truly shifted, not that the thresholds are too low.

A first tone is left out: it compares with no usual tone, so the order of the stances says nothing against it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts import thresholds
from alerts.detect import FIRST_ALERT_DAY, detect
from alerts.load import load_coverage
from alerts.model import Kind
from alerts.votes import Coverage, DayTable, FloatArray
from store.models import Article, Vote
from store.progress import Progress, silent

BLOCK = 14
LEAST_BLOCKS = 4
"""Fewer blocks have hardly another order."""


class Range(NamedTuple):
    """A rate with its 95 % range."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Null:
    """What was found in `histories` permuted histories of `days` watched days each.

    `tone` and `splits` hold, per history, the shifts of a tie's tone and those of a single press; `shuffled` the shifts
    of tone when stances are shuffled story by story; `observed` those in the true order. `asked` and `asked_splits` are
    the false alarms a year that the settings allow these two families. First tones are nowhere counted.
    """

    histories: int
    seed: int
    days: int
    observed: int
    tone: tuple[int, ...]
    splits: tuple[int, ...]
    shuffled: tuple[int, ...]
    asked: float
    asked_splits: float

    @property
    def years(self) -> float:
        """Years of permuted coverage that were watched."""
        return self.histories * self.days / 365.25

    def rate(self, found: Sequence[int]) -> Range:
        """False shifts a year."""
        low, high = poisson_range(sum(found))
        return Range(sum(found) / self.years, low / self.years, high / self.years)

    @property
    def at_least(self) -> int:
        """Histories with as many shifts of tone as the true order has, or more."""
        return sum(one >= self.observed for one in self.tone)


@dataclass(frozen=True, eq=False)
class _Tie:
    """The votes of a tie in the order of their days: where each counts, and what it says."""

    day: npt.NDArray[np.intp]
    column: npt.NDArray[np.intp]
    score: FloatArray


def empirical_null(
    session: Session,
    model: str,
    end: dt.date,
    *,
    histories: int,
    seed: int,
    false_alarms_per_year: float,
    progress: Progress = silent,
) -> Null | None:
    """Detect in *histories* permuted histories up to *end*; None where none was asked for or the period is too short.

    The same seed gives the same histories.
    """
    coverage = load_coverage(session, model, end)
    if histories < 1 or coverage is None or coverage.days < LEAST_BLOCKS * BLOCK:
        return None
    ties = _ties(session, model, coverage)
    rng = np.random.default_rng(seed)
    tone, splits, shuffled = [], [], []
    progress(0, histories)
    observed, _ = _tones(coverage, false_alarms_per_year)
    for number in range(histories):
        turns, alone = _tones(permuted(coverage, ties, rng), false_alarms_per_year)
        tone.append(turns)
        splits.append(alone)
        loose = {dyad: replace(tie, score=rng.permutation(tie.score)) for dyad, tie in ties.items()}
        shuffled.append(_tones(permuted(coverage, loose, rng), false_alarms_per_year)[0])
        progress(number + 1, histories)
    parts = thresholds.parts(themes=coverage.themes is not None, blocs=coverage.knows_outlets)
    return Null(
        histories=histories,
        seed=seed,
        days=coverage.days - FIRST_ALERT_DAY,
        observed=observed,
        tone=tuple(tone),
        splits=tuple(splits),
        shuffled=tuple(shuffled),
        asked=false_alarms_per_year * parts[Kind.STANCE],
        asked_splits=false_alarms_per_year * parts.get(Kind.BLOC, 0.0),
    )


def _tones(coverage: Coverage, rate: float) -> tuple[int, int]:
    found = detect(coverage, false_alarms_per_year=rate, first_tone=False)
    return sum(one.kind is Kind.STANCE for one in found), sum(one.kind is Kind.BLOC for one in found)


def _ties(session: Session, model: str, coverage: Coverage) -> dict[str, _Tie]:
    column = {key: at for at, key in enumerate(zip(coverage.outlets, coverage.columns, strict=True))}
    rows = session.execute(
        select(Vote.dyad, Vote.day, Vote.outlet, Article.feed_key, Vote.score)
        .join(Article, Article.id == Vote.article_id)
        .where(Vote.model == model, Vote.day >= coverage.first, Vote.day <= coverage.date(coverage.days - 1))
        .order_by(Vote.dyad, Vote.day, Vote.story_id)
    ).all()
    ties = {}
    for dyad in coverage.dyads:
        mine = [row for row in rows if row.dyad == dyad]
        ties[dyad] = _Tie(
            np.array([coverage.index(row.day) for row in mine], dtype=np.intp),
            np.array([column[row.outlet, row.feed_key] for row in mine], dtype=np.intp),
            np.array([row.score for row in mine], dtype=np.float64),
        )
    return ties


def permuted(coverage: Coverage, ties: dict[str, _Tie], rng: np.random.Generator) -> Coverage:
    """*coverage* with the stances of its votes in another order of blocks; every count stays where it is."""
    blocks = -(-coverage.days // BLOCK)
    rank = rng.permutation(blocks)
    tables = {}
    for dyad, table in coverage.dyads.items():
        tie = ties[dyad]
        dealt = tie.score[np.argsort(rank[tie.day // BLOCK], kind="stable")]
        score, squares = np.zeros_like(table.score), np.zeros_like(table.squares)
        np.add.at(score, (tie.day, tie.column), dealt)
        np.add.at(squares, tie.day, dealt * dealt)
        tables[dyad] = DayTable(table.votes, score, squares, table.total, table.start)
    return replace(coverage, dyads=tables)


def poisson_range(count: int) -> tuple[float, float]:
    """The exact 95 % range of the mean of a Poisson count (Garwood, Biometrika 28, 1936).

    >>> low, high = poisson_range(3)
    >>> round(low, 2), round(high, 2)
    (0.62, 8.77)
    >>> round(poisson_range(0)[1], 2)
    3.69
    """

    def up_to(limit: int, mean: float) -> float:
        return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(limit + 1))

    def solve(limit: int, wanted: float) -> float:
        low, high = 1e-9, limit + 10 * math.sqrt(limit + 1) + 10
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if up_to(limit, middle) > wanted else (low, middle)
        return high

    return (solve(count - 1, 0.975) if count else 0.0), solve(count, 0.025)
