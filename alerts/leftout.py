"""Whether a shift would have been found without one source: the detector goes through its days again without it.

That a change keeps its size without an outlet does not say that it would have been told: fewer stories are weaker
evidence. So the series is made anew without the votes in question (all of an outlet's, before the onset as well; a
story's since the onset), and the evidence of the day of the alarm is compared with that of the whole series. Both go
through the same days, so that what earlier days would add, which may not be held any more, cancels out.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from alerts.baseline import SEASON
from alerts.evidence import Cast
from alerts.family import FAMILY
from alerts.firsttone import tone_evidence
from alerts.model import Found
from alerts.monitor import FIRST_ALERT_DAY, SETTLE, SeriesMonitor, begun
from alerts.reporting import GUARD, WINDOW, Reporting
from alerts.votes import Coverage, FloatArray, ThemeTable, on_grid
from alerts.watched import Series, series_of

MEASURABLE = GUARD + max(SEASON, WINDOW + GUARD + WINDOW)
"""Days before a day that must be held for it to be measured as it was."""
ASTRAY = 1.0
"""Where going through the days again misses the evidence of the alarm by more, something else happened in them (another
alarm that was not told), and nobody can tell what would have come without a source."""


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes of a tie, day by day: their number and scores (days, feeds), and squared scores (days,)."""

    votes: FloatArray
    score: FloatArray
    squares: FloatArray

    def left_out(self, coverage: Coverage, item: Series) -> Coverage:
        """What *coverage* holds of the series *item* without them."""
        table = coverage.dyads[item.dyad]
        votes = np.maximum(0.0, table.votes - self.votes)
        left = replace(
            table,
            votes=votes,
            # A sum that the database rounded may differ from ours in its last digit.
            score=np.clip(table.score - self.score, -votes, votes),
            squares=np.maximum(0.0, table.squares - self.squares),
        )
        return replace(coverage, dyads={item.dyad: left}, themes=None)


@dataclass(frozen=True, slots=True)
class Stories:
    """Stories, day by day: those that carry a theme, and all, each of shape (days,)."""

    carrying: FloatArray
    all: FloatArray

    def left_out(self, coverage: Coverage, item: Series) -> Coverage:
        """What *coverage* holds of the theme of *item* without them."""
        themes = coverage.themes
        if themes is None:
            raise ValueError(f"no themes are held, and {item.key} is the series of one")
        stories = np.maximum(0.0, themes.stories - self.all)
        carrying = np.clip(themes.carrying[:, themes.names.index(item.theme)] - self.carrying, 0.0, stories)
        return replace(coverage, themes=ThemeTable((item.theme,), carrying[:, None], stories))


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a shift was found: the coverage, which feeds reported, and the series.

    `onset` and `detected` are those of the shift that was told of this series before, `level` is the one before it, in
    the unit of `Found.before`; None where there was none.
    """

    coverage: Coverage
    reporting: Reporting
    item: Series
    onset: dt.date | None = None
    detected: dt.date | None = None
    level: float | None = None

    def without(self, gone: Votes | Stories, columns: FloatArray | None = None) -> Scene | None:
        """The same without *gone*, and without the feeds that *columns* marks; None where nothing is left."""
        item, reporting = self.item, self.reporting
        coverage = gone.left_out(self.coverage, item)
        if columns is not None:
            here = columns == 0
            reporting = replace(reporting, alive=reporting.alive * here, ever=reporting.ever & here)
        made = {one.key: one for one in series_of(coverage, reporting, {item.key: item.start})}
        return replace(self, coverage=coverage, reporting=reporting, item=made[item.key]) if item.key in made else None

    def evidence(self, found: Found) -> float:
        """ln of the evidence at the end of the day on which *found* was found, from the days that are held."""
        item, day = self.item, self.coverage.index(found.detected)
        start = item.table.start if found.first_tone else item.start
        held_from = 0 if start >= 0 else MEASURABLE
        if found.first_tone:
            span = max(start, held_from), day
            return tone_evidence(self.coverage, item.dyad, self.reporting.usable, found.direction.sign, span)
        anchor = 0 if self.onset is None else max(0, self.coverage.index(self.onset) - start)
        fresh = 0 if self.detected is None else self.coverage.index(self.detected) + 1 - start
        mute = FIRST_ALERT_DAY if self.onset is None else anchor + SETTLE
        first = max(fresh, held_from - start)
        old = self.level if self.level is None or item.kind.tone else math.log(self.level)
        monitor = SeriesMonitor(item.baseline, item.kind, state=begun(item.kind, first, anchor, mute, old))
        for t in range(first, day - start + 1):
            monitor.step(t, math.inf)
        return monitor.evidence


def of_outlet(scene: Scene, outlet: str) -> tuple[Votes, FloatArray]:
    """All votes of *outlet* in a series of tone or attention, and its feeds, marked with 1."""
    columns = np.array([name == outlet for name in scene.coverage.outlets], dtype=np.float64)
    table = scene.coverage.dyads[scene.item.dyad]
    votes = table.votes * columns
    # Squares are known of the day alone; an outlet has the part of its votes in them.
    part = votes.sum(axis=1) / np.maximum(table.votes.sum(axis=1), 1e-12)
    return Votes(votes, table.score * columns, on_grid(table.squares * part)), columns


def of_casts(scene: Scene, casts: Iterable[Cast]) -> Votes:
    """These single votes of a series of tone or attention."""
    coverage = scene.coverage
    shape = coverage.dyads[scene.item.dyad].votes.shape
    gone = Votes(np.zeros(shape), np.zeros(shape), np.zeros(shape[0]))
    column = {key: at for at, key in enumerate(zip(coverage.outlets, coverage.columns, strict=True))}
    for cast in casts:
        day = coverage.index(cast.day)
        at = day, column[cast.outlet, cast.feed]
        score, square = on_grid(np.array([cast.score, cast.score**2])).tolist()
        gone.votes[at] += 1
        gone.score[at] += score
        gone.squares[day] += square
    return gone


def of_stories(scene: Scene, stories: Iterable[tuple[dt.date, bool]]) -> Stories:
    """Stories in the series of a theme: the day of each, and whether it carries the theme."""
    days = scene.coverage.days
    gone = Stories(np.zeros(days), np.zeros(days))
    for date, carries in stories:
        day = scene.coverage.index(date)
        gone.carrying[day] += carries
        gone.all[day] += 1
    return gone


def fires_without(
    scene: Scene, found: Found, size: float | None, gone: Votes | Stories, columns: FloatArray | None = None
) -> bool | None:
    """Whether *found* would have been found by the same day without *gone*; None where nobody can tell.

    *size* is the change that is left without them. Of an outlet that never wrote, *columns* marks the feeds.
    """
    if size is None or found.direction.sign * size < FAMILY[found.kind].zone:
        return False
    whole = scene.evidence(found)
    if abs(whole - found.log_evidence) > ASTRAY:
        return None
    left = scene.without(gone, columns)
    return left is not None and found.log_evidence - (whole - left.evidence(found)) >= found.threshold
