"""The press blocs side by side: the tone of each towards each tie this week, beside its usual one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.reporting import GUARD, WINDOW
from store.models import SeriesDay

WEEK = 7
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
    week = _sums(session, model, day - dt.timedelta(days=WEEK), day)
    usual = _sums(session, model, day - dt.timedelta(days=GUARD + WINDOW), day - dt.timedelta(days=GUARD))
    blocs = sorted({bloc for bloc, dyad in week if dyad in dyads})
    return tuple(
        PressCell(
            bloc,
            dyad,
            _mean(week.get((bloc, dyad)), LEAST_STORIES),
            _mean(usual.get((bloc, dyad)), LEAST_USUAL),
            week.get((bloc, dyad), (0, 0.0))[0],
        )
        for bloc in blocs
        for dyad in dyads
    )


def _sums(session: Session, model: str, after: dt.date, until: dt.date) -> dict[tuple[str, str], tuple[int, float]]:
    rows = session.execute(
        select(
            SeriesDay.bloc,
            SeriesDay.dyad,
            func.sum(SeriesDay.plus + SeriesDay.zero + SeriesDay.minus),
            func.sum(SeriesDay.score),
        )
        .where(
            SeriesDay.model == model,
            SeriesDay.theme == "",
            SeriesDay.bloc != "",
            SeriesDay.day > after,
            SeriesDay.day <= until,
        )
        .group_by(SeriesDay.bloc, SeriesDay.dyad)
    )
    return {(bloc, dyad): (int(stories), float(score)) for bloc, dyad, stories, score in rows}


def _mean(sums: tuple[int, float] | None, least: int) -> float | None:
    return None if sums is None or sums[0] < least else sums[1] / sums[0]
