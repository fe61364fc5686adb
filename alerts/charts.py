"""Small charts of twelve weeks, drawn for a mail at twice their size: a tie's stance, and how much is told of it."""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alerts.model import ChartPoint, DyadState
from alerts.palette import CHART
from alerts.wording import amount
from alerts.words import MINUS, MONTHS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 500, 200
"""Size in a mail, in CSS pixels; the PNG has twice as many, so that it stays sharp on a phone."""
_SCALE = 2
_DPI = 200
_FONT = 11.8
USUAL_SWING = 0.1
"""Half width of the band, in score points, where the detector cannot yet say what it could have seen."""


def dyad_chart(
    state: DyadState,
    onset: dt.date | None = None,
    direction: str = "",
    limits: tuple[float, float] | None = None,
) -> bytes:
    """The chart of *state* as PNG: 7-day mean stance, the usual level as a band, stories a day, *onset* marked.

    The band is the baseline plus and minus the smallest lasting change that two weeks would have shown: a line that
    stays inside it is no news. The same input gives the same bytes.
    """
    import numpy as np

    points = state.chart
    with _figure() as figure:
        axes = figure.add_axes((0.11, 0.36, 0.74, 0.6), facecolor=CHART["card"])
        strip = figure.add_axes((0.11, 0.16, 0.74, 0.15), facecolor=CHART["card"], sharex=axes)
        x = np.arange(len(points), dtype=float)
        scores = np.array([np.nan if p.score is None else p.score for p in points], dtype=float)
        low, high = limits or score_limits([state])
        strip.bar(x, [p.stories for p in points], width=0.8, color=CHART["bars"], linewidth=0)
        strip.set_ylim(0, max([p.stories for p in points] + [1]) * 1.05)

        axes.axhline(0, color=CHART["zero"], linewidth=0.7, dashes=(3, 3))
        if state.baseline is not None:
            half = state.smallest_shift or USUAL_SWING
            axes.axhspan(state.baseline - half, state.baseline + half, color=CHART["band"], alpha=0.55, linewidth=0)
            axes.axhline(state.baseline, color=CHART["soft"], linewidth=0.8)
        axes.plot(x, scores, color=CHART["line"], linewidth=2.0, solid_capstyle="round")
        if len(points) and not np.isnan(scores[-1]):
            axes.plot(x[-1:], scores[-1:], "o", color=CHART["line"], markersize=5)
            _name_end(axes, x[-1], scores[-1], tick_text(scores[-1]))
        axes.set_xlim(-0.8, max(len(points) - 0.2, 1))
        axes.set_ylim(low, high)
        if onset is not None and points:
            _mark_onset(axes, points, onset, CHART.get(_tone(direction), CHART["flat"]), low + 0.75 * (high - low))
        ticks = [tick for tick in (-1, -0.5, 0, 0.5, 1) if low <= tick <= high]
        axes.set_yticks(ticks, [tick_text(tick, 1) for tick in ticks])
        strip.set_yticks([])
        _name_months(strip, points)
        axes.tick_params(labelbottom=False)
        return _png(figure)


def coverage_chart(points: Sequence[ChartPoint], before: float, after: float, onset: dt.date) -> bytes:
    """Stories a day as PNG, with the level *before* the *onset* and the one *after* it (stories a day).

    The same input gives the same bytes.
    """
    with _figure() as figure:
        axes = figure.add_axes((0.11, 0.16, 0.74, 0.8), facecolor=CHART["card"])
        stories = [point.stories for point in points]
        axes.bar(range(len(points)), stories, width=0.8, color=CHART["bars"], linewidth=0)
        top = max([*stories, 1])
        moved = min(max((onset - points[0].day).days, 0), len(points) - 1) if points else 0
        axes.plot([-0.5, moved - 0.5], [before, before], color=CHART["soft"], linewidth=2.0)
        axes.plot([moved - 0.5, len(points) - 0.5], [after, after], color=CHART["line"], linewidth=2.4)
        _name_end(axes, len(points) - 0.5, after, amount(after))
        _mark_onset(axes, points, onset, CHART["flat"])
        axes.set_xlim(-0.8, max(len(points) - 0.2, 1))
        axes.set_ylim(0, top * 1.25)
        axes.set_yticks([0, top], ["0", f"{top:,}"])
        _name_months(axes, points)
        return _png(figure)


@contextmanager
def _figure() -> Iterator[Figure]:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {"font.family": "DejaVu Sans", "font.size": _FONT, "axes.unicode_minus": True}
    with rc_context(style):  # type: ignore[arg-type]  # matplotlib types its keys as literals
        # A Figure of its own, not pyplot: nothing is registered globally, so nothing has to be closed.
        figure = Figure(figsize=(WIDTH * _SCALE / _DPI, HEIGHT * _SCALE / _DPI), dpi=_DPI, facecolor=CHART["card"])
        FigureCanvasAgg(figure)
        yield figure


def _png(figure: Figure) -> bytes:
    for axes in figure.axes:
        axes.tick_params(length=0, labelcolor=CHART["ink"], pad=3)
        for side in axes.spines.values():
            side.set_visible(False)
    out = io.BytesIO()
    # The program's name and version would make the bytes change with every upgrade of the library.
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _name_end(axes: Axes, x: float, y: float, words: str) -> None:
    axes.annotate(
        words,
        (x, y),
        (6, 0),
        textcoords="offset points",
        va="center",
        color=CHART["line"],
        fontweight="bold",
        annotation_clip=False,
    )


def _name_months(axes: Axes, points: Sequence[ChartPoint]) -> None:
    months = _months(points)
    axes.set_xticks([at for at, _ in months], [name for _, name in months], ha="left")


def _tone(direction: str) -> str:
    return {"convergence": "up", "divergence": "down"}.get(direction, "flat")


def tick_text(value: float, digits: int = 2) -> str:
    """A score beside an axis."""
    return f"{value:+.{digits}f}".replace("-", MINUS) if round(value, digits) else "0"


def score_limits(states: Sequence[DyadState]) -> tuple[float, float]:
    """One scale for all charts of a digest, so that they compare: zero and at least one point of score in sight."""
    seen = [0.0]
    for state in states:
        seen += [point.score for point in state.chart if point.score is not None]
        seen += [state.baseline] if state.baseline is not None else []
    return limits_around(seen)


def limits_around(seen: Sequence[float]) -> tuple[float, float]:
    """A scale that shows all of *seen*, and at least one point of score."""
    low, high = min(seen) - 0.1, max(seen) + 0.1
    short = 1.0 - (high - low)
    if short > 0:
        low, high = low - short / 2, high + short / 2
    return max(low, -1.1), min(high, 1.1)


def _months(points: Sequence[ChartPoint]) -> list[tuple[float, str]]:
    """Where each month begins; the first one is named only where its name has room."""
    firsts = [(float(i), MONTHS[p.day.month - 1][:3]) for i, p in enumerate(points) if p.day.day == 1]
    if points and (not firsts or firsts[0][0] > 12):
        firsts.insert(0, (0.0, MONTHS[points[0].day.month - 1][:3]))
    return [first for first in firsts if first[0] <= len(points) - 5]


def _mark_onset(
    axes: Axes, points: Sequence[ChartPoint], onset: dt.date, colour: str, crowded: float = math.inf
) -> None:
    """The onset as a line with its day, at its foot where the curve beside it passes above *crowded*, else on top."""
    at = (onset - points[0].day).days if points else -1
    if not 0 <= at < len(points):
        return
    axes.axvline(at, color=colour, linewidth=1.5, dashes=(2.5, 1.8))
    left = at > len(points) * 0.75
    width = len(points) // 4
    beside = points[max(at - width, 0) : at] if left else points[at : at + width]
    foot = any(point.score is not None and point.score > crowded for point in beside)
    axes.annotate(
        f"since {onset.day} {MONTHS[onset.month - 1][:3]}",
        (at, 0 if foot else 1),
        (-5 if left else 5, 3 if foot else -3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if left else "left",
        va="bottom" if foot else "top",
        color=colour,
        fontweight="bold",
    )
