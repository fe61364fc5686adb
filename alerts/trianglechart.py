"""The triangle as one picture: three actors as corners, the ties between them with their stance and its change.

`triangle_view` gives the shapes and labels, which a web page draws as SVG; `triangle_chart` draws the same as PNG, for
mails. A tie's colour tells where its coverage leans, its strength and the arrow whether that left its usual level
(`alerts.triangle.moved`); the label says both in figures, so that nothing is told by colour alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from alerts import triangle
from alerts.model import DyadState
from alerts.palette import CHART
from alerts.sentences import leaning
from alerts.wording import dyad_name, signed
from alerts.words import listed
from ingest.ties import ties

WIDTH, HEIGHT = 360, 300
"""Size in CSS pixels, as wide as the narrowest phone shows; the PNG has twice as many."""
PLACES = ((40, 250), (180, 38), (320, 250))
"""Of the corners, in the order of the topic's states: left, top, right."""
RADIUS = 33
LABEL = (134, 60)
"""Width and height of a tie's label."""
_SCALE, _DPI = 2, 200
_PX = 72 / 100
"""Points in a CSS pixel: at 200 dots an inch a picture of twice the size has 100 CSS pixels an inch."""
_WEEK = 7
TONES = {1: "up", 0: "flat", -1: "down"}
ARROWS = {1: "↑", 0: "→", -1: "↓"}
LEGEND = "Blue: converging, orange: diverging, grey: neither. Thick, with ↑ or ↓: clearly off its usual level."


@dataclass(frozen=True, slots=True)
class Corner:
    """An actor, at `x` and `y` in CSS pixels."""

    name: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Side:
    """A tie from `start` to `end`: `tone` is up, flat or down, `moved` -1, 0 or 1, and its label in three lines.

    `measured` is False where too little is known of its change, which then shows as a dashed line.
    """

    dyad: str
    start: tuple[int, int]
    end: tuple[int, int]
    tone: str
    moved: int
    measured: bool
    lines: tuple[str, str, str]

    @property
    def middle(self) -> tuple[float, float]:
        """Where its label is centred."""
        return (self.start[0] + self.end[0]) / 2, (self.start[1] + self.end[1]) / 2


@dataclass(frozen=True, slots=True)
class TriangleView:
    """The whole picture, and the sentence that stands for it."""

    corners: tuple[Corner, ...]
    sides: tuple[Side, ...]
    alt: str
    legend: str = LEGEND


def fortnight(state: DyadState) -> float | None:
    """Mean stance of the 14 days up to the state's day, from its chart; None without a story in them."""
    halves = []
    for back in (0, _WEEK):
        points = state.chart[max(0, len(state.chart) - back - _WEEK) : len(state.chart) - back]
        if points and points[-1].score is not None:
            halves.append((points[-1].score, sum(point.stories for point in points)))
    stories = sum(number for _score, number in halves)
    return sum(score * number for score, number in halves) / stories if stories else None


def triangle_view(states: Sequence[DyadState]) -> TriangleView:
    """The picture of *states*; a tie of which nothing is known is drawn and says so."""
    corners = tuple(Corner(ties().actors[code], *at) for code, at in _corners().items())
    return TriangleView(corners, tuple(_side(state) for state in states), triangle_alt(states))


def triangle_alt(states: Sequence[DyadState]) -> str:
    """The figures of the picture in words, for those who do not see it."""
    said = []
    for state in states:
        stance, change = fortnight(state), _change(state)
        level = "no story" if stance is None else f"average stance {signed(stance)}"
        word = {1: "closer than usual", -1: "cooler than usual", 0: "no clear change"}[triangle.moved(state)]
        told = f"change {change}, {word}" if change else "change not measured"
        said.append(f"{dyad_name(state.dyad)}: {level}, {told}")
    return f"The triangle of {listed(list(ties().actors.values()))} in the last two weeks. {'. '.join(said)}."


def _corners() -> dict[str, tuple[int, int]]:
    return dict(zip(ties().actors, PLACES, strict=True))


def _change(state: DyadState) -> str:
    if state.change is None or state.change_low is None or state.change_high is None:
        return ""
    return f"{signed(state.change)} (95 % range {signed(state.change_low)} to {signed(state.change_high)})"


def _side(state: DyadState) -> Side:
    corners = _corners()
    first, second = ties().sides[state.dyad]
    stance, moved = fortnight(state), triangle.moved(state)
    change = "change unknown" if state.change is None else f"change {signed(state.change)} {ARROWS[moved]}"
    return Side(
        dyad=state.dyad,
        start=corners[first],
        end=corners[second],
        tone=TONES[leaning(stance)],
        moved=moved,
        measured=state.change is not None,
        lines=(dyad_name(state.dyad), "no story" if stance is None else f"stance {signed(stance)}", change),
    )


def triangle_chart(states: Sequence[DyadState]) -> bytes:
    """The picture as PNG on an opaque card, twice as large as `WIDTH` by `HEIGHT`; `triangle_alt` is its alt text.

    The same input gives the same bytes.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle, FancyBboxPatch

    view = triangle_view(states)
    with rc_context({"font.family": "DejaVu Sans", "axes.unicode_minus": True}):
        # A mail program that inverts colours leaves images alone, so the card brings its own ground.
        figure = Figure(figsize=(WIDTH * _SCALE / _DPI, HEIGHT * _SCALE / _DPI), dpi=_DPI, facecolor=CHART["card"])
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1), facecolor=CHART["card"])
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(HEIGHT, 0)
        axes.axis("off")
        for side in view.sides:
            style = "-" if side.measured else (0, (3.0, 2.0))
            width = (9 if side.moved else 4) * _PX
            xs, ys = zip(side.start, side.end, strict=True)
            axes.plot(xs, ys, color=CHART[side.tone], linewidth=width, linestyle=style, zorder=1)
        for corner in view.corners:
            axes.add_patch(Circle((corner.x, corner.y), RADIUS, facecolor=CHART["ink"], linewidth=0, zorder=2))
            axes.text(
                corner.x,
                corner.y,
                corner.name,
                color=CHART["card"],
                fontsize=15 * _PX,
                fontweight="bold",
                ha="center",
                va="center",
                zorder=3,
            )
        for side in view.sides:
            (x, y), (wide, tall) = side.middle, LABEL
            axes.add_patch(
                FancyBboxPatch(
                    (x - wide / 2, y - tall / 2),
                    wide,
                    tall,
                    boxstyle="round,pad=0,rounding_size=6",
                    facecolor="#ffffff",
                    edgecolor=CHART[side.tone],
                    linewidth=1.5 * _PX,
                    zorder=4,
                )
            )
            for row, line in enumerate(side.lines):
                axes.text(
                    x,
                    y - 18 + 18 * row,
                    line,
                    color=CHART[side.tone] if row else CHART["ink"],
                    fontsize=14 * _PX,
                    fontweight="bold" if row == 0 or (row == 2 and side.moved) else "normal",
                    ha="center",
                    va="center_baseline",
                    zorder=5,
                )
        out = io.BytesIO()
        # The program's name and version would make the bytes change with every upgrade of the library.
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
