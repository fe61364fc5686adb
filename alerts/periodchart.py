"""One picture of a whole period: stance and stories of each tie, with every alert, its onset, and dated events."""

from __future__ import annotations

import datetime as dt
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.charts import limits_around, tick_text
from alerts.events import Event
from alerts.facts import ShiftFact
from alerts.model import ChartPoint, Direction, Kind
from alerts.palette import CHART
from alerts.wording import dyad_name
from alerts.words import MONTHS
from ingest.ties import ties
from store.models import SeriesDay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 960
"""Width in a page, in CSS pixels; the PNG has twice as many."""
PANEL, LANE, FOOT = 212, 46, 88
_SCALE, _DPI = 2, 200
_WINDOW = 7
_LEFT, _RIGHT = 62, 18
_LEGEND = (
    "Line: mean stance of 7 days, +1 all convergence, −1 all divergence.  Bars: stories a day.",
    "Dashed: estimated onset.  Solid, with the alert's number: the day it was found.  ◆ with a letter: dated event.",
)


@dataclass(frozen=True, slots=True)
class Period:
    """What is drawn: the days, the points of each tie, the alerts in the order of their numbers, and the events."""

    first: dt.date
    last: dt.date
    points: Mapping[str, Sequence[ChartPoint]]
    alerts: Sequence[ShiftFact]
    events: Sequence[Event] = ()

    @property
    def days(self) -> int:
        """Length of the period."""
        return (self.last - self.first).days + 1

    @property
    def themes(self) -> bool:
        """Whether an alert is of no tie, and needs a lane of its own."""
        return any(alert.kind is Kind.THEME for alert in self.alerts)

    @property
    def height(self) -> int:
        """Height in a page, in CSS pixels."""
        return PANEL * len(self.points) + (LANE if self.themes else 0) + FOOT


def period_points(session: Session, model: str, first: dt.date, last: dt.date) -> dict[str, list[ChartPoint]]:
    """Stance (mean of the 7 days up to each day) and stories of each tie, for every day of the period."""
    rows = session.execute(
        select(SeriesDay.dyad, SeriesDay.day, SeriesDay.score, SeriesDay.plus + SeriesDay.zero + SeriesDay.minus).where(
            SeriesDay.model == model, SeriesDay.bloc == "", SeriesDay.theme == "", SeriesDay.day <= last
        )
    ).tuples()
    days: dict[str, dict[dt.date, tuple[float, int]]] = defaultdict(dict)
    for dyad, day, score, stories in rows:
        days[dyad][day] = (score, stories)
    points: dict[str, list[ChartPoint]] = {}
    for dyad in ties().dyads:
        points[dyad] = []
        for at in range((last - first).days + 1):
            day = first + dt.timedelta(days=at)
            week = [days[dyad].get(day - dt.timedelta(days=back), (0.0, 0)) for back in range(_WINDOW)]
            stories = sum(count for _score, count in week)
            mean = sum(score for score, _count in week) / stories if stories else None
            points[dyad].append(ChartPoint(day, mean, week[0][1]))
    return points


def letter(number: int) -> str:
    """The mark of an event: A to Z, then A2 and so on.

    >>> letter(0), letter(25), letter(26)
    ('A', 'Z', 'A2')
    """
    return chr(ord("A") + number % 26) + (str(number // 26 + 1) if number >= 26 else "")


def period_chart(period: Period) -> bytes:
    """The picture as PNG; the same input gives the same bytes."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = period.height
    style = {"font.family": "DejaVu Sans", "font.size": 10.5, "axes.unicode_minus": True}
    with rc_context(style):  # type: ignore[arg-type]  # matplotlib types its keys as literals
        size = (WIDTH * _SCALE / _DPI, height * _SCALE / _DPI)
        figure = Figure(figsize=size, dpi=_DPI, facecolor=CHART["card"])
        FigureCanvasAgg(figure)

        def box(top: int, tall: int) -> Axes:
            left, wide = _LEFT / WIDTH, (WIDTH - _LEFT - _RIGHT) / WIDTH
            made = figure.add_axes((left, 1 - (top + tall) / height, wide, tall / height), facecolor=CHART["card"])
            made.set_xlim(-0.5, max(period.days - 0.5, 1))
            for side in made.spines.values():
                side.set_visible(False)
            made.tick_params(length=0, labelcolor=CHART["ink"], pad=3, labelbottom=False)
            return made

        def title(text: str, top: int) -> None:
            at = (12 / WIDTH, 1 - (top + 16) / height)
            figure.text(*at, text, color=CHART["ink"], fontsize=11.5, fontweight="bold", va="center")

        scores = [point.score for points in period.points.values() for point in points if point.score is not None]
        limits = limits_around([0.0, *scores])
        top = 0
        last: Axes | None = None
        for dyad in period.points:
            tone, volume = box(top + 56, PANEL - 118), box(top + PANEL - 48, 36)
            _panel(tone, volume, period, dyad, limits)
            title(dyad_name(dyad), top)
            top, last = top + PANEL, volume
        if period.themes:
            last = box(top + 24, LANE - 24)
            _lane(last, period)
            title("Themes, all ties", top)
            top += LANE
        if last is not None:
            ticks = _month_ticks(period)
            last.set_xticks([at for at, _name in ticks], [name for _at, name in ticks], ha="left")
            last.tick_params(labelbottom=True, pad=4)
        for row, line in enumerate(_LEGEND):
            figure.text(12 / WIDTH, (30 - 18 * row) / height, line, color=CHART["ink"], fontsize=9.2, va="center")
        out = io.BytesIO()
        # The program's name and version would make the bytes change with every upgrade of the library.
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _panel(tone: Axes, volume: Axes, period: Period, dyad: str, limits: tuple[float, float]) -> None:
    import numpy as np

    points = period.points[dyad]
    x = np.arange(len(points), dtype=float)
    scores = np.array([np.nan if point.score is None else point.score for point in points], dtype=float)
    stories = np.array([point.stories for point in points], dtype=float)
    tone.axhline(0, color=CHART["zero"], linewidth=0.7, dashes=(3, 3))
    tone.plot(x, scores, color=CHART["line"], linewidth=1.4, solid_capstyle="round", solid_joinstyle="round")
    tone.set_ylim(*limits)
    ticks = [tick for tick in (-1, -0.5, 0, 0.5, 1) if limits[0] <= tick <= limits[1]]
    tone.set_yticks(ticks, [tick_text(tick, 1) for tick in ticks])
    # Steps, not bars: over years a bar is narrower than a pixel, and some would vanish.
    volume.fill_between(x, stories, step="mid", color=CHART["bars"], linewidth=0)
    most = float(stories.max(initial=1))
    volume.set_ylim(0, most * 1.08)
    volume.set_yticks([most], [f"{most:.0f}"])
    if not stories.any():
        middle = (0.5, sum(limits) / 2)
        tone.annotate(
            "no story in this period", middle, xycoords=("axes fraction", "data"), ha="center", color=CHART["ink"]
        )
    mine = [(number, alert) for number, alert in enumerate(period.alerts, 1) if alert.dyad == dyad]
    _alerts(tone, period, [one for one in mine if one[1].kind.tone])
    _alerts(volume, period, [one for one in mine if one[1].kind is Kind.ATTENTION])
    _events(tone, period, dyad)


def _colour(direction: Direction) -> str:
    return CHART[{Direction.CONVERGENCE: "up", Direction.DIVERGENCE: "down"}.get(direction, "flat")]


def _alerts(axes: Axes, period: Period, alerts: Sequence[tuple[int, ShiftFact]]) -> None:
    rows = _rows([_at(period, one.detected) for _number, one in alerts], period)
    for (number, alert), row in zip(alerts, rows, strict=True):
        onset, found, colour = _at(period, alert.onset), _at(period, alert.detected), _colour(alert.direction)
        axes.axvspan(onset, found, color=colour, alpha=0.13, linewidth=0)
        axes.axvline(onset, color=colour, linewidth=1.1, dashes=(2.5, 1.8))
        axes.axvline(found, color=colour, linewidth=1.5)
        _badge(axes, found, row, str(number), colour)


def _badge(axes: Axes, at: float, row: int, text: str, colour: str) -> None:
    axes.annotate(
        text,
        (at, 1),
        (0, -2 - 11 * row),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        va="center",
        color="#ffffff",
        fontsize=8.5,
        fontweight="bold",
        bbox={"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": CHART["card"], "linewidth": 0.8},
        annotation_clip=False,
        zorder=5,
    )


def _rows(at: Sequence[float], period: Period) -> list[int]:
    """Marks that stand close go below each other."""
    room, rows = period.days * 0.022, list[int]()
    ends: list[float] = []
    for x in at:
        row = next((number for number, end in enumerate(ends) if x - end >= room), len(ends))
        ends[row : row + 1] = [x]
        rows.append(row)
    return rows


def _events(axes: Axes, period: Period, dyad: str) -> None:
    for number, event in enumerate(period.events):
        if event.tie not in ("", dyad) or not period.first <= event.day <= period.last:
            continue
        at = _at(period, event.day)
        axes.axvline(at, color=CHART["soft"], linewidth=0.8, dashes=(1, 1.6))
        axes.annotate(
            f"◆ {letter(number)}",
            (at, 1),
            (-3.5, 9),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="left",
            va="center",
            color=CHART["ink"],
            fontsize=8.5,
            annotation_clip=False,
        )


def _lane(axes: Axes, period: Period) -> None:
    themes = [(number, one) for number, one in enumerate(period.alerts, 1) if one.kind is Kind.THEME]
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    rows = _rows([_at(period, one.detected) for _number, one in themes], period)
    for (number, alert), row in zip(themes, rows, strict=True):
        onset, found = _at(period, alert.onset), _at(period, alert.detected)
        axes.plot([onset, found], [1, 1], color=CHART["flat"], linewidth=1.2, dashes=(2.5, 1.8), clip_on=False)
        _badge(axes, found, row, str(number), CHART["flat"])


def _at(period: Period, day: dt.date) -> float:
    return float((day - period.first).days)


def _month_ticks(period: Period) -> list[tuple[float, str]]:
    """Month names where there is room for them; every third, or every year, in a long period."""
    step = 1 if period.days < 430 else 3 if period.days < 1300 else 12
    ticks: list[tuple[float, str]] = []
    for at in range(period.days):
        day = period.first + dt.timedelta(days=at)
        if day.day == 1 and (day.month - 1) % step == 0:
            name = MONTHS[day.month - 1][:3]
            ticks.append((float(at), f"{name}\n{day.year}" if day.month == 1 or not ticks else name))
    return ticks or [(0.0, f"{period.first.day} {MONTHS[period.first.month - 1][:3]} {period.first.year}")]
