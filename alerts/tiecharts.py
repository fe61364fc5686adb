"""The ties' charts of twelve weeks for the pages of runs: one scale for all, the onset of the shift in force marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from alerts.charts import dyad_chart, score_limits
from alerts.model import DyadState
from alerts.shiftview import chart_view
from store.models import Shift


@dataclass(frozen=True, slots=True)
class TieChart:
    """A chart as PNG, and its numbers in words."""

    words: str
    png: bytes = field(repr=False)


def tie_charts(session: Session, states: Sequence[DyadState]) -> list[TieChart]:
    """A chart for each of *states* that was told of in its twelve weeks, in their order."""
    scale = score_limits(states)
    charts: list[TieChart] = []
    for state in states:
        view = chart_view(state)
        if view is None or not any(point.stories for point in state.chart):
            continue
        shift = session.get(Shift, state.open_shift_id) if state.open_shift_id else None
        onset, direction = (shift.onset, shift.direction) if shift else (None, "")
        charts.append(TieChart(view.alt, dyad_chart(state, onset, direction, scale)))
    return charts
