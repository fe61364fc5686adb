"""Daily aggregates: what the detector sees. Votes per outlet where outlets are known, else plain counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from store.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


GRID = 2.0**-20
FINE_GRID = 2.0**-30


def on_grid(values: FloatArray, grid: float = GRID) -> FloatArray:
    """*values* as the nearest multiples of *grid*, a power of two.

    Sums of such numbers are exact as long as they stay below 2^53 steps of the grid. So they come out the same to the
    last bit in whatever order and over whatever stretch they are formed: over all of history or over the days that a
    saved state holds, by a library for matrices or by a database.

    >>> on_grid(np.array([0.1, 3.0])).tolist()
    [0.10000038146972656, 3.0]
    """
    return np.rint(values / grid) * grid


class VoteRow(NamedTuple):
    """The votes that one feed brought on one dyad and day: number, sum of scores, sum of their squares."""

    day: dt.date
    dyad: str
    feed: str
    outlet: str
    bloc: str
    votes: float
    score: float
    squares: float


class ThemeRow(NamedTuple):
    """Different stories of a day that carry a theme; the empty theme stands for all stories of the day."""

    day: dt.date
    theme: str
    stories: float


class FeedRow(NamedTuple):
    """What a feed brought on a day, on the topic or not."""

    day: dt.date
    feed: str
    outlet: str
    bloc: str
    seen: float


@dataclass(frozen=True, eq=False)
class DayTable:
    """One dyad, day by day. `votes` and `score` are (days, feeds), `squares` and `total` are (days,).

    `total` is the number of monitored items that a count is a share of; NaN on a day where it is unknown.
    `start` is the index of the first day on which this dyad was watched; below zero where the calendar begins later.
    """

    votes: FloatArray
    score: FloatArray
    squares: FloatArray
    total: FloatArray | None = None
    start: int = 0


@dataclass(frozen=True, eq=False)
class ThemeTable:
    """Themes day by day, over all dyads. `carrying` is (days, themes): stories that carry each of `names`.

    `stories` (days,) counts all stories, with or without a theme; each story counts once a day, whatever it says of
    how many dyads.
    """

    names: tuple[str, ...]
    carrying: FloatArray
    stories: FloatArray


@dataclass(frozen=True, eq=False)
class Coverage:
    """All dyads on one calendar that begins at `first`, with a column for each feed.

    `outlets` and `blocs` name the outlet and bloc of each column, `feeds` the feeds themselves (empty: one feed for
    each outlet). Tone is judged by outlet; attention by feed, since an outlet grows when a feed of its is added.
    `seen` (days, feeds) holds the items that each feed brought, on the topic or not: it tells a silent feed from a
    silent topic. None where that is unknown; then the votes of all dyads together stand for it. `themes` is None where
    nothing is known of themes. `earlier` days of history lie before `first`: they are over, and only what the detector
    made of them is known (`alerts.checkpoint`).

    Raises:
        InputError: a value is NaN, infinite or negative, shapes differ, or scores lie outside -1 to 1.
    """

    first: dt.date
    outlets: tuple[str, ...]
    blocs: tuple[str, ...]
    seen: FloatArray | None
    dyads: Mapping[str, DayTable]
    feeds: tuple[str, ...] = ()
    themes: ThemeTable | None = None
    earlier: int = 0

    def __post_init__(self) -> None:
        shape = (self.days, len(self.outlets))
        if len(self.blocs) != shape[1]:
            raise InputError(f"{shape[1]} outlets but {len(self.blocs)} blocs were given; give each outlet one")
        if self.feeds and len(self.feeds) != shape[1]:
            raise InputError(f"{shape[1]} columns but {len(self.feeds)} feeds were given; give each column one")
        if self.seen is not None:
            _check("items seen", self.seen, shape)
        for dyad, table in self.dyads.items():
            _check(f"votes on {dyad}", table.votes, shape)
            _check(f"squared scores on {dyad}", table.squares, shape[:1])
            _check(f"scores on {dyad}", table.score, shape, signed=True)
            if np.any(np.abs(table.score) > table.votes * (1 + 1e-9) + 1e-9):
                raise InputError(f"scores on {dyad}: a day's mean lies outside -1 to 1; scores are p(+1) - p(-1)")
            if table.total is not None:
                if table.total.shape != shape[:1]:
                    raise InputError(f"totals of {dyad}: {table.total.shape} instead of {shape[:1]}")
                if np.any(np.isinf(table.total)) or np.any(table.total < 0):
                    raise InputError(f"totals of {dyad}: a total is negative or infinite; leave unknown totals empty")

        if self.themes is not None:
            self._check_themes(self.themes)

    def _check_themes(self, themes: ThemeTable) -> None:
        _check("stories of all themes", themes.stories, (self.days,))
        _check("stories by theme", themes.carrying, (self.days, len(themes.names)))
        if np.any(themes.carrying > themes.stories[:, None]):
            day = int(np.argwhere(themes.carrying > themes.stories[:, None])[0][0])
            raise InputError(f"stories by theme: on day {day} a theme has more stories than the day; count each once")

    @property
    def knows_outlets(self) -> bool:
        """Whether votes are told apart by outlet, and with it by press bloc."""
        return self.outlets != ("",)

    @property
    def days(self) -> int:
        """Length of the calendar."""
        return max((len(table.votes) for table in self.dyads.values()), default=0)

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each column."""
        return self.feeds or self.outlets

    def date(self, index: int) -> dt.date:
        """The day at *index*."""
        return self.first + dt.timedelta(days=index)

    def index(self, day: dt.date) -> int:
        """The index of *day*; may lie outside the calendar."""
        return (day - self.first).days

    def activity(self) -> FloatArray:
        """What tells that a feed reports: items seen where known, else the votes on all dyads."""
        if self.seen is not None:
            return self.seen
        total = np.zeros((self.days, len(self.outlets)))
        for table in self.dyads.values():
            total += table.votes
        return total

    def prefix(self, days: int) -> Coverage:
        """The first *days* days, as they were known then."""
        cut = {
            dyad: DayTable(
                table.votes[:days],
                table.score[:days],
                table.squares[:days],
                None if table.total is None else table.total[:days],
                table.start,
            )
            for dyad, table in self.dyads.items()
            if table.start < days
        }
        seen = None if self.seen is None else self.seen[:days]
        themes = self.themes
        if themes is not None:
            # A theme that nobody had written of by then was not known then.
            met = np.flatnonzero(themes.carrying[:days].any(axis=0))
            names = tuple(themes.names[at] for at in met)
            themes = ThemeTable(names, themes.carrying[:days, met], themes.stories[:days])
        return Coverage(self.first, self.outlets, self.blocs, seen, cut, self.feeds, themes)


def _check(what: str, values: FloatArray, shape: tuple[int, ...], *, signed: bool = False) -> None:
    if values.shape != shape:
        raise InputError(f"{what}: a table of shape {values.shape} was given where {shape} is needed")
    if not np.all(np.isfinite(values)):
        day = int(np.argwhere(~np.isfinite(values))[0][0])
        raise InputError(f"{what}: the value of day {day} is not a number; leave a day without data at zero")
    if not signed and np.any(values < 0):
        day = int(np.argwhere(values < 0)[0][0])
        raise InputError(f"{what}: the value of day {day} is negative; counts start at zero")


def coverage_from_rows(
    votes: Iterable[VoteRow],
    feeds: Iterable[FeedRow],
    dyads: Sequence[str],
    until: dt.date,
    since: dt.date | None = None,
    *,
    themes: Iterable[ThemeRow] | None = None,
    counted: Collection[tuple[str, str]] | None = None,
) -> Coverage | None:
    """Votes and feed days from *since* (or the first of them) to *until* on one calendar; None when there is nothing.

    A feed that has votes but no feed days (it was removed from the roster) counts by its votes. Where the rows are the
    end of a longer history in which there were feed days, *counted* names the outlets and feeds that had some.
    """
    vote_rows = [row for row in votes if (since or row.day) <= row.day <= until]
    feed_rows = [row for row in feeds if (since or row.day) <= row.day <= until]
    if not vote_rows and not feed_rows and counted is None:
        return None
    first = since or min([row.day for row in vote_rows] + [feed.day for feed in feed_rows])
    days = (until - first).days + 1
    # The latest bloc counts: an outlet that moved to another bloc is judged by its own mean anyway.
    named = {(row.day, row.bloc, row.outlet, row.feed) for row in vote_rows}
    named |= {(feed.day, feed.bloc, feed.outlet, feed.feed) for feed in feed_rows}
    bloc_of = {(outlet, feed): bloc for _, bloc, outlet, feed in sorted(named)}
    columns = sorted(bloc_of)
    column = {key: index for index, key in enumerate(columns)}
    shape = (days, len(columns))
    tables = {dyad: DayTable(np.zeros(shape), np.zeros(shape), np.zeros(days)) for dyad in dyads}
    voted = np.zeros(shape)
    for row in vote_rows:
        table = tables.get(row.dyad)
        if table is None:
            continue
        at = (row.day - first).days, column[row.outlet, row.feed]
        table.votes[at] += row.votes
        table.score[at] += row.score
        table.squares[at[0]] += row.squares
        voted[at] += row.votes
    seen: FloatArray | None = None
    if feed_rows or counted is not None:
        seen = np.zeros(shape)
        for feed in feed_rows:
            seen[(feed.day - first).days, column[feed.outlet, feed.feed]] += feed.seen
        unknown = ~seen.any(axis=0) & np.array([key not in (counted or ()) for key in columns], dtype=np.bool_)
        seen[:, unknown] = voted[:, unknown]
    return Coverage(
        first=first,
        outlets=tuple(outlet for outlet, _ in columns),
        blocs=tuple(bloc_of[key] for key in columns),
        seen=seen,
        dyads=tables,
        feeds=tuple(feed for _, feed in columns),
        themes=None if themes is None else _theme_table(themes, first, days),
    )


def _theme_table(rows: Iterable[ThemeRow], first: dt.date, days: int) -> ThemeTable:
    within = [row for row in rows if 0 <= (row.day - first).days < days]
    names = tuple(sorted({row.theme for row in within if row.theme}))
    column = {name: at for at, name in enumerate(names)}
    carrying, stories = np.zeros((days, len(names))), np.zeros(days)
    for row in within:
        at = (row.day - first).days
        if row.theme:
            carrying[at, column[row.theme]] += row.stories
        else:
            stories[at] += row.stories
    return ThemeTable(names, carrying, stories)


class Counts(NamedTuple):
    """Hard counts of one dyad and day; `total` is None where it is unknown."""

    plus: float
    zero: float
    minus: float
    total: float | None = None


def coverage_from_counts(counts: Mapping[str, Mapping[dt.date, Counts]]) -> Coverage | None:
    """Counts without outlets on one calendar: every story is a vote of -1, 0 or +1 of one nameless outlet."""
    filled = {dyad: rows for dyad, rows in counts.items() if rows}
    if not filled:
        return None
    first = min(min(rows) for rows in filled.values())
    days = (max(max(rows) for rows in filled.values()) - first).days + 1
    tables = {}
    for dyad, rows in filled.items():
        votes, score, squares = np.zeros((days, 1)), np.zeros((days, 1)), np.zeros(days)
        total = np.full(days, np.nan)
        for day, row in rows.items():
            at = (day - first).days
            votes[at, 0] = row.plus + row.zero + row.minus
            score[at, 0] = row.plus - row.minus
            squares[at] = row.plus + row.minus
            total[at] = np.nan if row.total is None else row.total
        known = bool(np.any(np.isfinite(total)))
        tables[dyad] = DayTable(votes, score, squares, total if known else None, (min(rows) - first).days)
    return Coverage(first, ("",), ("",), None, tables)
