"""A stretch of coverage and the days that follow it: cut out of a longer one, and joined together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from alerts.reporting import Reporting
from alerts.votes import Coverage, DayTable, FloatArray, ThemeTable
from store.errors import InputError

Column = tuple[str, str]
_Places = npt.NDArray[np.intp]


def columns_of(coverage: Coverage) -> list[Column]:
    """Outlet and feed of each column."""
    return list(zip(coverage.outlets, coverage.columns, strict=True))


def stretch(coverage: Coverage, first: int, last: int) -> Coverage:
    """The days first..last-1 of *coverage*; what began before them keeps its first day."""
    tables = {
        dyad: DayTable(
            table.votes[first:last],
            table.score[first:last] + 0.0,  # no negative zero: where nobody wrote there is a plain one
            table.squares[first:last],
            None if table.total is None else table.total[first:last],
            table.start - first,
        )
        for dyad, table in coverage.dyads.items()
        if table.start < last
    }
    themes = coverage.themes
    if themes is not None:
        themes = ThemeTable(themes.names, themes.carrying[first:last], themes.stories[first:last])
    return replace(
        coverage,
        first=coverage.date(first),
        seen=None if coverage.seen is None else coverage.seen[first:last],
        dyads=tables,
        themes=themes,
        earlier=coverage.earlier + first,
    )


def joined(before: Coverage, after: Coverage) -> Coverage:
    """*before* and the days *after* it on one calendar.

    Raises:
        InputError: what is known of the later days changes how the earlier ones are judged, so that these must be gone
            through again: an outlet is of another bloc, themes were not known, or items not counted before.
    """
    if after.first != before.date(before.days):
        raise InputError(f"days from {after.first} on do not follow those up to {before.date(before.days - 1)}")
    if any(table.total is not None for one in (before, after) for table in one.dyads.values()):
        raise InputError("counts with totals cannot be continued; go through all days")
    for what, known, now in (
        ("items of feeds", before.seen, after.seen),
        ("themes", before.themes, after.themes),
    ):
        if (known is None) != (now is None):
            raise InputError(f"{what} are known for one part of the days alone; go through all days")
    bloc_of = dict(zip(columns_of(before), before.blocs, strict=True))
    late = dict(zip(columns_of(after), after.blocs, strict=True))
    for key, bloc in late.items():
        if bloc_of.setdefault(key, bloc) != bloc:
            raise InputError(f"{key[0]} is now of bloc {bloc}, before of {bloc_of[key]}; go through all days")
    columns = sorted(bloc_of)
    blocs = tuple(bloc_of[key] for key in columns)
    mine, theirs = places(columns_of(before), columns), places(columns_of(after), columns)

    def both(early: FloatArray, new: FloatArray) -> FloatArray:
        return np.concatenate([widened(early, mine, len(columns)), widened(new, theirs, len(columns))])

    tables = {}
    for dyad in sorted({*before.dyads, *after.dyads}):
        early, new = _table(before, dyad), _table(after, dyad)
        start = early.start if dyad in before.dyads else before.days + new.start
        squares = np.concatenate([early.squares, new.squares])
        tables[dyad] = DayTable(both(early.votes, new.votes), both(early.score, new.score), squares, None, start)
    return Coverage(
        first=before.first,
        outlets=tuple(outlet for outlet, _ in columns),
        blocs=blocs,
        seen=None if before.seen is None or after.seen is None else both(before.seen, after.seen),
        dyads=tables,
        feeds=tuple(feed for _, feed in columns) if before.feeds or after.feeds else (),
        themes=_themes(before.themes, after.themes),
        earlier=before.earlier,
    )


def with_columns(reporting: Reporting, known: Sequence[Column], columns: Sequence[Column]) -> Reporting:
    """*reporting* on feeds *known*, with those of *columns* beside them that had brought nothing yet."""
    at, count = places(known, columns), len(columns)
    return replace(
        reporting,
        alive=widened(reporting.alive, at, count),
        run=widened(reporting.run, at, count),
        ever=widened(reporting.ever, at, count).astype(np.bool_),
    )


def places(known: Sequence[Column], columns: Sequence[Column]) -> _Places:
    """Where each of *known* is in *columns*."""
    at = {key: index for index, key in enumerate(columns)}
    return np.array([at[key] for key in known], dtype=np.intp)


def widened(values: npt.NDArray[np.float64 | np.bool_], at: _Places, count: int) -> FloatArray:
    """*values* (days, some columns) as (days, *count* columns), zero where there was no column."""
    wide = np.zeros((len(values), count))
    wide[:, at] = values
    return wide


def _table(coverage: Coverage, dyad: str) -> DayTable:
    """The dyad's days; nothing on any of them where it was not watched."""
    shape = coverage.days, len(coverage.outlets)
    return coverage.dyads.get(dyad) or DayTable(np.zeros(shape), np.zeros(shape), np.zeros(shape[0]))


def _themes(before: ThemeTable | None, after: ThemeTable | None) -> ThemeTable | None:
    if before is None or after is None:
        return None
    names = sorted({*before.names, *after.names})
    parts = []
    for one in (before, after):
        at = np.array([names.index(name) for name in one.names], dtype=np.intp)
        parts.append(widened(one.carrying, at, len(names)))
    return ThemeTable(tuple(names), np.concatenate(parts), np.concatenate([before.stories, after.stories]))
