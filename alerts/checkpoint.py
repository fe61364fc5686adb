"""The detector's state at the end of a day, from which later days go on without those before.

The rule above all others: whatever days a run begins anew from a checkpoint, what it finds and where it stands is the
same, to the last bit, as if it had gone through all days at once. What a checkpoint cannot vouch for, it refuses.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from alerts.baseline import SEASON
from alerts.detect import Asked, Detection, DetectorState, Known, detect_on
from alerts.monitor import ONSET_REACH
from alerts.remeasure import BEFORE_ONSET, LEAST_DAYS_AFTER_DETECTION
from alerts.reporting import GUARD, WINDOW, Reporting, find_reporting
from alerts.votes import Coverage
from alerts.window import Column, columns_of, joined, stretch, with_columns

REACH = ONSET_REACH + LEAST_DAYS_AFTER_DETECTION + BEFORE_ONSET + max(SEASON, WINDOW + GUARD + WINDOW)
"""Days that a day may be measured against. The furthest are those of a follow-up, of a shift found a week ago with an
onset 60 days before that: the 84 days before the onset, and the 98 before each of these, by which an outlet was judged;
or the season before it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A feed as it was when its days were counted; `polled` is the day of its first poll, None while there was none."""

    outlet: str
    bloc: str
    polled: dt.date | None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the days of a window come from: the feeds that have days (by key), and the columns that had items on one.

    `counted` is None where there was no feed day at all.
    """

    feeds: dict[str, Source] = field(default_factory=dict)
    counted: frozenset[Column] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """All that the days after `day` need: the last `REACH` days up to it, and where the detector stood.

    `known` are the shifts that had been told when these days were gone through.
    """

    day: dt.date
    asked: Asked
    known: tuple[Known, ...]
    window: Coverage
    reporting: Reporting
    state: DetectorState
    sources: Sources = field(default_factory=Sources)

    def holds_for(self, asked: Asked, known: Sequence[Known]) -> bool:
        """Whether a run that is asked for this, with the shifts *known* by now, would have come to the same state."""
        if asked != self.asked or any(one not in known for one in self.known):
            return False
        given = set(self.known)
        fresh = [one for one in known if one not in given]
        early = any(one.detected <= self.day and one.key not in self.state.watches for one in fresh)
        return not early and self.state.went_as_with(known)

    def with_days(self, later: Coverage) -> Coverage:
        """The window, and the days *later* that follow it.

        Raises:
            InputError: these days must be gone through together with all before (see `alerts.window.joined`).
        """
        return joined(self.window, later)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a run over the days of `coverage` from index `first` on found, and the checkpoints that were asked for."""

    coverage: Coverage
    reporting: Reporting
    detection: Detection
    first: int
    checkpoints: tuple[Checkpoint, ...]


def go_on(
    coverage: Coverage,
    asked: Asked,
    known: Sequence[Known],
    *,
    after: Checkpoint | None = None,
    stops: Collection[dt.date] = (),
    sources: Sources | None = None,
) -> Run:
    """Go through the days of *coverage*; with *after*, through those that follow it (see `Checkpoint.with_days`).

    *stops* are the days whose checkpoints are wanted; those that are not gone through are passed over.
    """
    judged, first = None, 0
    if after is not None:
        first = after.window.days
        judged = with_columns(after.reporting, columns_of(after.window), columns_of(coverage))
    reporting = find_reporting(
        coverage.activity(), items=coverage.seen is not None, judged=judged, skipped=coverage.earlier
    )
    wanted = sorted(at for at in {coverage.index(day) for day in stops} if first <= at < coverage.days)
    state = None if after is None else after.state
    detection = detect_on(coverage, asked, known, reporting, first=first, after=state, stops=wanted)
    made = []
    for at in wanted:
        low = max(0, at + 1 - REACH)
        made.append(
            Checkpoint(
                day=coverage.date(at),
                asked=asked,
                known=tuple(known),
                window=stretch(coverage, low, at + 1),
                reporting=reporting.between(low, at + 1),
                state=detection.states[at],
                sources=sources or Sources(),
            )
        )
    return Run(coverage, reporting, detection, first, tuple(made))
