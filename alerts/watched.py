"""The series under watch: which there are in a coverage, and the baseline of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from alerts.baseline import AttentionBaseline, Baseline, ShareBaseline, StanceBaseline
from alerts.model import Kind, SeriesKey
from alerts.reporting import Reporting, find_reporting
from alerts.votes import Coverage, DayTable, FloatArray, on_grid


@dataclass(frozen=True, slots=True)
class Series:
    """A series on the calendar of its coverage: its detector's day 0 is day `start`, which may lie before the calendar.

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


def series_of(
    coverage: Coverage, reporting: Reporting | None = None, begun: Mapping[SeriesKey, int] | None = None
) -> list[Series]:
    """All series of *coverage*, in an order that does not depend on how they were given.

    Where the coverage is the end of a longer one, *begun* names the series that had begun before it and their first
    days, which lie before its calendar. The attention to a tie is watched from its `start` on, whether anybody writes
    or not; everything else from its first story on.
    """
    begun = begun or {}
    reporting = reporting or find_reporting(coverage.activity(), items=coverage.seen is not None)
    outlets = _outlets(coverage)
    several = _several_blocs_since(coverage, reporting)
    blocs = sorted({bloc for bloc in coverage.blocs if bloc}) if several is not None else []
    made: list[Series] = []
    for dyad in sorted(coverage.dyads):
        table = coverage.dyads[dyad]
        stance = _tone(dyad, table, outlets, begun.get((dyad, Kind.STANCE, "", "")))
        if stance is not None:
            made.append(stance)
        made.append(_attention(coverage, dyad, table, reporting))
        for bloc in blocs:
            start = begun.get((dyad, Kind.BLOC, "", bloc))
            mine = replace(_of_bloc(coverage, table, bloc), start=max(table.start, several or 0))
            part = _tone(dyad, mine, outlets, start, bloc)
            if part is not None:
                made.append(part)
    return made + _theme_series(coverage, begun)


def _outlets(coverage: Coverage) -> _Outlets:
    names = tuple(sorted(set(coverage.outlets)))
    bloc_of = dict(zip(coverage.outlets, coverage.blocs, strict=True))
    of = np.zeros((len(coverage.outlets), len(names)))
    of[np.arange(len(coverage.outlets)), [names.index(name) for name in coverage.outlets]] = 1.0
    return _Outlets(names, tuple(bloc_of[name] for name in names), of)


def _several_blocs_since(coverage: Coverage, reporting: Reporting) -> int | None:
    """The day by which feeds of two blocs had brought something: of a single bloc there is nothing to tell apart."""
    if not coverage.knows_outlets:
        return None
    firsts = []
    for bloc in {bloc for bloc in coverage.blocs if bloc}:
        mine = [at for at, of in enumerate(coverage.blocs) if of == bloc]
        brought = np.flatnonzero(reporting.ever[:, mine].any(axis=1))
        firsts += brought[:1].tolist()
    return sorted(firsts)[1] if len(firsts) > 1 else None


def _attention(coverage: Coverage, dyad: str, table: DayTable, reporting: Reporting) -> Series:
    here = max(0, table.start)
    total = None if table.total is None else table.total[here:]
    baseline = AttentionBaseline(
        table.votes[here:],
        reporting.between(here, reporting.days),
        coverage.date(here).weekday(),
        total,
        here - table.start,
    )
    return Series(dyad, Kind.ATTENTION, table.start, table, baseline, coverage.columns)


def _tone(dyad: str, table: DayTable, outlets: _Outlets, start: int | None, bloc: str = "") -> Series | None:
    """The stance series of a dyad, or of one bloc within it; None where nobody wrote."""
    if start is None:
        since = max(0, table.start)
        spoken = np.flatnonzero(table.votes[since:].any(axis=1))
        if not len(spoken):
            return None
        start = since + int(spoken[0])
    first = max(0, start)
    here = [at for at, of in enumerate(outlets.blocs) if not bloc or of == bloc]
    names = sorted(set(outlets.blocs))
    index = np.array([names.index(outlets.blocs[at]) for at in here], dtype=np.intp)
    gather = outlets.of[:, here]
    baseline = StanceBaseline(
        on_grid(table.votes[first:]) @ gather,
        on_grid(table.score[first:]) @ gather,
        table.squares[first:],
        index,
        first - start,
    )
    columns = tuple(outlets.names[at] for at in here)
    return Series(dyad, Kind.BLOC if bloc else Kind.STANCE, start, table, baseline, columns, bloc=bloc)


def _of_bloc(coverage: Coverage, table: DayTable, bloc: str) -> DayTable:
    """The votes of one bloc. Of the day's sum of squares it gets the part of its votes: squares hardly differ between
    blocs, and where they do, the spread of days that the baseline estimates makes up for it."""
    mine = np.array([one == bloc for one in coverage.blocs], dtype=np.float64)
    every = on_grid(table.votes)
    votes = every * mine
    part = votes.sum(axis=1) / np.maximum(every.sum(axis=1), 1e-12)
    return DayTable(votes, table.score * mine, table.squares * part, None, table.start)


def _theme_series(coverage: Coverage, begun: Mapping[SeriesKey, int]) -> list[Series]:
    themes = coverage.themes
    if themes is None:
        return []
    made: list[Series] = []
    for at in sorted(range(len(themes.names)), key=lambda column: themes.names[column]):
        carrying = themes.carrying[:, at]
        told = np.flatnonzero(carrying)
        earlier = begun.get(("", Kind.THEME, themes.names[at], ""))
        if earlier is None and not len(told):
            continue
        # A theme is watched from its first story on: before that nobody knew that there was one.
        start = int(told[0]) if earlier is None else earlier
        first = max(0, start)
        column = carrying[:, None]
        table = DayTable(column, np.zeros_like(column), np.zeros_like(carrying), None, start)
        share = ShareBaseline(carrying[first:], themes.stories[first:], first - start)
        made.append(Series("", Kind.THEME, start, table, share, (), theme=themes.names[at]))
    return made
