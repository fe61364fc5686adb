"""The series under watch: which there are in a coverage, and the baseline of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alerts.baseline import AttentionBaseline, Baseline, ShareBaseline, StanceBaseline
from alerts.model import Kind, SeriesKey
from alerts.reporting import Reporting, find_reporting
from alerts.votes import Coverage, DayTable, FloatArray


@dataclass(frozen=True, slots=True)
class Series:
    """A series on the calendar of its coverage: its detector's day 0 is day `start`.

    `table` holds what it is made of, on the whole calendar: a dyad's votes, those of one bloc with the others' columns
    at zero, or the stories that carry a theme, in a single column.
    """

    dyad: str
    kind: Kind
    start: int
    table: DayTable
    baseline: Baseline
    columns: tuple[str, ...]
    """Names of the baseline's columns: outlets for tone, feeds for attention, none for a theme."""
    theme: str = ""
    bloc: str = ""

    @property
    def key(self) -> SeriesKey:
        """What names it."""
        return self.dyad, self.kind, self.theme, self.bloc


@dataclass(frozen=True, slots=True)
class _Outlets:
    """The outlets of a coverage, sorted, with the bloc of each; `of` (columns, outlets) is 1 where one's column is."""

    names: tuple[str, ...]
    blocs: tuple[str, ...]
    of: FloatArray


def series_of(coverage: Coverage, reporting: Reporting | None = None) -> list[Series]:
    """All series of *coverage*, in an order that does not depend on how they were given."""
    reporting = reporting or find_reporting(coverage.activity(), items=coverage.seen is not None)
    outlets = _outlets(coverage)
    blocs = sorted({bloc for bloc in coverage.blocs if bloc}) if coverage.knows_outlets else []
    made: list[Series] = []
    for dyad in sorted(coverage.dyads):
        table = coverage.dyads[dyad]
        stance = _tone(dyad, table, outlets)
        if stance is None:
            continue
        made.append(stance)
        watched = _cut(reporting, table.start)
        weekday = coverage.date(table.start).weekday()
        total = None if table.total is None else table.total[table.start :]
        attention = AttentionBaseline(table.votes[table.start :], watched, weekday, total)
        made.append(Series(dyad, Kind.ATTENTION, table.start, table, attention, coverage.columns))
        # Of a single bloc there is nothing to tell apart.
        for bloc in blocs if len(blocs) > 1 else []:
            part = _tone(dyad, _of_bloc(coverage, table, bloc), outlets, bloc)
            if part is not None:
                made.append(part)
    return made + _theme_series(coverage)


def _outlets(coverage: Coverage) -> _Outlets:
    names = tuple(sorted(set(coverage.outlets)))
    bloc_of = dict(zip(coverage.outlets, coverage.blocs, strict=True))
    of = np.zeros((len(coverage.outlets), len(names)))
    of[np.arange(len(coverage.outlets)), [names.index(name) for name in coverage.outlets]] = 1.0
    return _Outlets(names, tuple(bloc_of[name] for name in names), of)


def _tone(dyad: str, table: DayTable, outlets: _Outlets, bloc: str = "") -> Series | None:
    """The stance series of a dyad, or of one bloc within it; None where nobody wrote."""
    spoken = np.flatnonzero(table.votes.any(axis=1))
    if not len(spoken):
        return None
    start = max(table.start, int(spoken[0]))
    here = [at for at, of in enumerate(outlets.blocs) if not bloc or of == bloc]
    names = sorted(set(outlets.blocs))
    index = np.array([names.index(outlets.blocs[at]) for at in here], dtype=np.intp)
    gather = outlets.of[:, here]
    baseline = StanceBaseline(table.votes[start:] @ gather, table.score[start:] @ gather, table.squares[start:], index)
    columns = tuple(outlets.names[at] for at in here)
    return Series(dyad, Kind.BLOC if bloc else Kind.STANCE, start, table, baseline, columns, bloc=bloc)


def _of_bloc(coverage: Coverage, table: DayTable, bloc: str) -> DayTable:
    """The votes of one bloc. Of the day's sum of squares it gets the part of its votes: squares hardly differ between
    blocs, and where they do, the spread of days that the baseline estimates makes up for it."""
    mine = np.array([one == bloc for one in coverage.blocs], dtype=np.float64)
    votes = table.votes * mine
    part = votes.sum(axis=1) / np.maximum(table.votes.sum(axis=1), 1e-12)
    return DayTable(votes, table.score * mine, table.squares * part, None, table.start)


def _theme_series(coverage: Coverage) -> list[Series]:
    themes = coverage.themes
    if themes is None:
        return []
    made: list[Series] = []
    for at in sorted(range(len(themes.names)), key=lambda column: themes.names[column]):
        carrying = themes.carrying[:, at]
        told = np.flatnonzero(carrying)
        if not len(told):
            continue
        # Like a tie, a theme is watched from its first story on: before that nobody knew that there was one.
        start = int(told[0])
        column = carrying[:, None]
        table = DayTable(column, np.zeros_like(column), np.zeros_like(carrying), None, start)
        share = ShareBaseline(carrying[start:], themes.stories[start:])
        made.append(Series("", Kind.THEME, start, table, share, (), theme=themes.names[at]))
    return made


def _cut(reporting: Reporting, start: int) -> Reporting:
    return Reporting(
        reporting.alive[start:],
        reporting.usable[start:],
        reporting.expected[start:],
        reporting.reported[start:],
        reporting.silent[start:],
    )
