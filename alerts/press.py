"""The press blocs side by side: the tone of each towards each tie this week, beside its usual one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from alerts.reporting import GUARD, WINDOW
from alerts.weeks import Span, Week, bloc_weeks, recent

USUAL_WEEKS, GAP_WEEKS = WINDOW // 7, GUARD // 7
"""The usual tone is that of so many weeks, and ends so many before the day, as everywhere."""
LEAST_STORIES = 5
"""Below that a week's mean is a handful of stories, and is not shown as a tone."""
LEAST_USUAL = 20


@dataclass(frozen=True, slots=True)
class PressCell:
    """One bloc and tie: mean stance of the week and the usual one (-1 to 1; None with too few stories), and stories."""

    bloc: str
    dyad: str
    score: float | None
    usual: float | None
    stories: int


def gather_press(session: Session, model: str, day: dt.date, dyads: Sequence[str]) -> tuple[PressCell, ...]:
    """A cell for each bloc that wrote of one of *dyads* in the week up to *day*, blocs by name, ties as given."""
    weeks = bloc_weeks(session, model, Span(day, USUAL_WEEKS + GAP_WEEKS))
    blocs = sorted({bloc for (dyad, bloc), row in weeks.items() if dyad in dyads and row[-1].stories})
    return tuple(_cell(bloc, dyad, weeks.get((dyad, bloc), [])) for bloc in blocs for dyad in dyads)


def _cell(bloc: str, dyad: str, weeks: Sequence[Week]) -> PressCell:
    score, stories = recent(weeks, 1)
    usual, before = recent(weeks, USUAL_WEEKS, skip=GAP_WEEKS)
    return PressCell(
        bloc,
        dyad,
        score if stories >= LEAST_STORIES else None,
        usual if before >= LEAST_USUAL else None,
        stories,
    )
