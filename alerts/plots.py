"""Weekly series as pictures in a web page: shapes in percent of a box that stretches, and labels that keep their size.

A picture with its text inside is either too small on a phone or too coarse on a wide screen. Here the shapes are an
inline SVG stretched to the box, the text is HTML laid over it at the same percentages, and colours come from the page,
so that dark mode, print and large letters need nothing of their own. Every string is finished here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from alerts.charts import limits_around, tick_text
from alerts.model import Direction
from alerts.weeks import Span, Week
from alerts.words import MONTHS

BADGE_ROOM = 13.0
"""Percent of a plot's width that a mark needs beside another on a phone; closer ones go below each other."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A label at `at` percent; a `minor` one is left out where there is little room."""

    at: float
    text: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A shift in a plot, from its onset to the day it was found: places in percent, colour, and what its badge says."""

    id: int
    onset: float
    found: float
    tone: str
    told: bool
    text: str
    title: str
    row: int = 0


@dataclass(frozen=True, slots=True)
class Tone:
    """A plot of stance: paths for an SVG of 100 by 100, the zero line, labels at its sides, and marks.

    `dots` are weeks that stand alone: a line has no length there.
    """

    line: str
    dots: str
    band: str
    usual: str
    zero: float
    ticks: tuple[Tick, ...]
    value: Tick | None
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Volume:
    """A plot of amounts: bars as one path, the usual amount as a line, and what the top of the box counts."""

    bars: str
    usual: str
    top: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class MarkedDay:
    """What is needed of a shift to mark it."""

    id: int
    onset: dt.date
    found: dt.date
    direction: Direction
    told: bool
    status: str
    title: str


FATE_SIGNS = {"faded": "×", "returned": "↩", "confirmed": "✓"}
"""Behind a mark's number; an open shift has none."""


def tone_plot(weeks: Sequence[Week], span: Span, limits: tuple[float, float], shifts: Sequence[MarkedDay] = ()) -> Tone:
    """Weekly mean stance against its usual level, the band around it, and the marks of *shifts*."""

    def y(score: float) -> float:
        low, high = limits
        return 100 * (1 - (min(max(score, low), high) - low) / (high - low))

    placed = [(x, week) for x, week in zip(_places(span), weeks, strict=True)]
    scores = [(x, None if week.score is None else y(week.score)) for x, week in placed]
    last = weeks[-1].score if weeks else None
    return Tone(
        line=_lines(scores, alone=False),
        dots=_lines(scores, alone=True),
        band=_areas([(x, *((None, None) if (edge := _band(week)) is None else map(y, edge))) for x, week in placed]),
        usual=_lines([(x, None if week.usual is None else y(week.usual)) for x, week in placed]),
        zero=round(y(0.0), 2),
        ticks=tuple(
            Tick(round(y(tick), 2), tick_text(tick, 1))
            for tick in (-1, -0.5, 0, 0.5, 1)
            if limits[0] <= tick <= limits[1]
        ),
        value=None if last is None else Tick(round(y(last), 2), tick_text(last)),
        marks=marks(shifts, span),
    )


def volume_plot(weeks: Sequence[Week], span: Span, shifts: Sequence[MarkedDay] = (), top: int | None = None) -> Volume:
    """Stories a week as bars; the highest reaches the top, or *top* does."""
    highest = max([top or max((week.stories for week in weeks), default=0), 1])
    wide = 100 / max(1, len(weeks))

    def y(stories: float) -> float:
        return 100 * (1 - min(1.0, stories / highest))

    bars = "".join(
        f"M{x - wide * 0.4:.2f} 100V{y(week.stories):.1f}H{x + wide * 0.4:.2f}V100Z"
        for x, week in zip(_places(span), weeks, strict=True)
        if week.stories
    )
    usual = [
        (x, None if week.usual_stories is None else y(week.usual_stories))
        for x, week in zip(_places(span), weeks, strict=True)
    ]
    return Volume(bars=bars, usual=_lines(usual), top=f"{highest:,}", marks=marks(shifts, span))


def share_line(shares: Sequence[float | None], top: float) -> str:
    """A small line of shares from 0 to *top*, as a path for an SVG of 100 by 100."""
    step = 100 / max(1, len(shares))
    return _lines(
        [
            (step * (at + 0.5), None if share is None else 96 - 92 * share / top if top else 96.0)
            for at, share in enumerate(shares)
        ]
    )


def score_scale(series: Sequence[Sequence[Week]]) -> tuple[float, float]:
    """One scale for plots that are to be compared: zero and at least one point of score in sight."""
    seen = [week.score for weeks in series for week in weeks if week.score is not None]
    seen += [week.usual for weeks in series for week in weeks if week.usual is not None]
    return limits_around([0.0, *seen])


def month_ticks(span: Span) -> tuple[Tick, ...]:
    """Where months begin, as many as have room; a January is named by its year."""
    months = span.days / 30.44
    step = 1 if months <= 7 else 2 if months <= 14 else 3 if months <= 40 else 6 if months <= 80 else 12
    firsts = [
        (at, day)
        for at in range(span.days)
        if (day := span.first + dt.timedelta(days=at)).day == 1 and (day.month - 1) % step == 0
    ]
    # What stays where there is little room are the Januaries, which carry the year.
    odd = next((number % 2 for number, (_at, day) in enumerate(firsts) if day.month == 1), 0)
    ticks = []
    for number, (at, day) in enumerate(firsts):
        x = round(100 * at / span.days, 2)
        if x <= 94:
            name = MONTHS[day.month - 1][:3]
            year = f" {day.year}" if number == 0 and not any(later.month == 1 for _at, later in firsts) else ""
            ticks.append(Tick(x, str(day.year) if day.month == 1 else f"{name}{year}", minor=number % 2 != odd))
    first = span.first
    return tuple(ticks) or (Tick(0.0, f"{first.day} {MONTHS[first.month - 1][:3]} {first.year}"),)


def marks(shifts: Sequence[MarkedDay], span: Span) -> tuple[Mark, ...]:
    """The shifts that were found within the span, the earliest first, in rows where they stand close."""
    made: list[Mark] = []
    ends: list[float] = []
    for one in sorted(shifts, key=lambda one: (one.found, one.id)):
        if not span.first <= one.found <= span.last:
            continue
        found = _percent(one.found, span)
        row = next((row for row, end in enumerate(ends) if found - end >= BADGE_ROOM), len(ends))
        ends[row : row + 1] = [found]
        tone = {Direction.CONVERGENCE: "up", Direction.DIVERGENCE: "down"}.get(one.direction, "flat")
        text = f"{one.id}{FATE_SIGNS.get(one.status, '')}"
        onset = max(0.0, _percent(one.onset, span))
        made.append(Mark(one.id, onset, found, tone, one.told, text, one.title, row))
    return tuple(made)


def _percent(day: dt.date, span: Span) -> float:
    return round(100 * ((day - span.first).days + 0.5) / span.days, 2)


def _places(span: Span) -> list[float]:
    """The middle of each week, in percent."""
    return [100 * (at + 0.5) / span.weeks for at in range(span.weeks)]


def _band(week: Week) -> tuple[float, float] | None:
    """The edges of the band around the usual level; the whole scale where no change at all could have been seen."""
    if week.usual is None:
        return None
    return (week.usual + week.half, week.usual - week.half) if week.half is not None else (1.0, -1.0)


def _lines(points: Sequence[tuple[float, float | None]], alone: bool | None = None) -> str:
    """A path that breaks off where nothing is known; a lone point is a stroke of no length, which a round cap shows.

    *alone* asks for the lone points only, or for all but these.
    """
    parts = []
    for known, run in groupby(points, key=lambda point: point[1] is not None):
        if not known:
            continue
        places = [f"{x:.2f} {y:.1f}" for x, y in run]
        if alone is not None and alone != (len(places) == 1):
            continue
        parts.append(f"M{places[0]}" + ("h0" if len(places) == 1 else "L" + " ".join(places[1:])))
    return "".join(parts)


def _areas(points: Sequence[tuple[float, float | None, float | None]]) -> str:
    parts = []
    for known, run in groupby(points, key=lambda point: point[1] is not None):
        if not known:
            continue
        places = list(run)
        there = [f"{x:.2f} {high:.1f}" for x, high, _low in places]
        back = [f"{x:.2f} {low:.1f}" for x, _high, low in reversed(places)]
        parts.append(f"M{there[0]}L{' '.join([*there[1:], *back])}Z")
    return "".join(parts)
