"""Where each dyad stands on a day, against its usual level: the part of a digest that is there when nothing moved."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.baseline import StanceBaseline
from alerts.detect import FIRST_ALERT_DAY
from alerts.load import first_day, load_coverage
from alerts.model import ChartPoint, DyadState, Kind
from alerts.remeasure import follow_up
from alerts.reporting import GUARD, WINDOW
from alerts.shifts import stands
from alerts.sight import SIGHT, smallest_shifts
from alerts.votes import Coverage, FloatArray
from alerts.watched import Series, series_of
from ingest.ties import ties
from store.models import Shift, Vote

WEEK = 7


def dyad_states(
    session: Session, model: str, day: dt.date, *, false_alarms_per_year: float, chart_days: int = WINDOW
) -> list[DyadState]:
    """The state of the topic's dyads, always all of them, in the order of `ingest.ties.Ties.dyads`.

    `stories` counts those of the last 7 days, `baseline_stories` the usual number in a week.
    """
    start = day - dt.timedelta(days=max(WINDOW + GUARD, chart_days) + WINDOW)
    coverage = load_coverage(session, model, day, since=start)
    first = first_day(session, model)
    history = 0 if first is None or first > day else (day - first).days + 1
    # The tone of a single press, or a theme, says nothing of where the tie as a whole stands.
    shifts = session.scalars(
        select(Shift)
        .where(Shift.model == model, Shift.detected <= day, Shift.kind.in_((Kind.STANCE, Kind.ATTENTION)))
        .order_by(Shift.detected.desc(), Shift.id.desc())
    )
    latest: dict[str, Shift] = {}
    for shift in shifts:
        # Stance is the finding a reader looks for; attention is named where tone did not move.
        held = latest.get(shift.dyad)
        if stands(shift, day) and (held is None or (held.kind != Kind.STANCE and shift.kind == Kind.STANCE)):
            latest[shift.dyad] = shift
    every = [] if coverage is None else series_of(coverage)
    family = [item for item in every if item.kind is Kind.STANCE]
    counted = [item for item in every if item.kind is Kind.ATTENTION]
    tone_sight = {} if coverage is None else smallest_shifts(coverage, family, false_alarms_per_year)
    attention_sight = {} if coverage is None else smallest_shifts(coverage, counted, false_alarms_per_year)
    onsets = {dyad: shift.onset for dyad, shift in latest.items() if shift.kind == Kind.STANCE}
    changes = {} if coverage is None else recent_changes(coverage, family, onsets)
    return [
        _state(
            coverage,
            dyad,
            day,
            week=_week(session, model, dyad, day),
            history=history,
            shift=latest.get(dyad),
            smallest=(tone_sight.get(dyad), attention_sight.get(dyad)),
            change=changes.get(dyad),
            chart_days=chart_days,
        )
        for dyad in ties().dyads
    ]


def stance_series(coverage: Coverage) -> list[Series]:
    """The stance series of the dyads."""
    return [item for item in series_of(coverage) if item.kind is Kind.STANCE]


def recent_changes(
    coverage: Coverage, family: Sequence[Series], onsets: Mapping[str, dt.date]
) -> dict[str, tuple[float, float]]:
    """Per dyad, the change of the last 14 days against the usual level and its standard error, in score points.

    The usual level is the one before those days; where a shift is in force, the one before its onset in *onsets*, so
    that a tie that moved stays moved until readers are no longer told so.
    """
    made: dict[str, tuple[float, float]] = {}
    for item in family:
        days = item.baseline.days
        onset = days - SIGHT
        if item.dyad in onsets:
            onset = min(onset, coverage.index(onsets[item.dyad]) - item.start)
        measured = follow_up(item, onset, range(max(0, days - SIGHT), days)) if onset > 0 else None
        if measured is not None:
            made[item.dyad] = measured
    return made


def _state(
    coverage: Coverage | None,
    dyad: str,
    day: dt.date,
    *,
    week: tuple[int, int, int],
    history: int,
    shift: Shift | None,
    smallest: tuple[float | None, float | None],
    change: tuple[float, float] | None,
    chart_days: int,
) -> DyadState:
    count, score = _daily(coverage, dyad, day)
    plus, zero, minus = week
    stories = int(count[-WEEK:].sum())
    mean = float(score[-WEEK:].sum() / stories) if stories else None
    error = _week_error(coverage, dyad) if mean is not None else None
    low, high = -GUARD - WINDOW, -GUARD
    before = float(count[low:high].sum())
    days = min(max(0, len(count) - GUARD), WINDOW)
    # The calendar of a short history begins with the history, so its days are all days that were watched.
    known = history >= FIRST_ALERT_DAY and days >= WEEK
    return DyadState(
        dyad=dyad,
        day=day,
        plus=plus,
        zero=zero,
        minus=minus,
        score=mean,
        score_low=None if mean is None or error is None else max(-1.0, mean - 1.96 * error),
        score_high=None if mean is None or error is None else min(1.0, mean + 1.96 * error),
        baseline=float(score[low:high].sum() / before) if known and before else None,
        stories=stories,
        baseline_stories=before / days * WEEK if known else None,
        smallest_shift=smallest[0] if known else None,
        smallest_attention=smallest[1] if known else None,
        history_days=history,
        open_shift_id=None if shift is None else shift.id,
        chart=_chart(count, score, day, chart_days),
        change=None if change is None or not known else change[0],
        change_low=None if change is None or not known else change[0] - 1.96 * change[1],
        change_high=None if change is None or not known else change[0] + 1.96 * change[1],
        last_week=_mean(count[-2 * WEEK : -WEEK], score[-2 * WEEK : -WEEK]),
    )


def _mean(count: FloatArray, score: FloatArray) -> float | None:
    stories = float(count.sum())
    return float(score.sum()) / stories if stories else None


def _daily(coverage: Coverage | None, dyad: str, day: dt.date) -> tuple[FloatArray, FloatArray]:
    """Stories and score sums per day up to *day*."""
    if coverage is None or dyad not in coverage.dyads:
        return np.zeros(0), np.zeros(0)
    table, end = coverage.dyads[dyad], coverage.index(day) + 1
    return table.votes[:end].sum(axis=1), table.score[:end].sum(axis=1)


def _week(session: Session, model: str, dyad: str, day: dt.date) -> tuple[int, int, int]:
    rows = session.execute(
        select(Vote.stance, func.count())
        .where(Vote.model == model, Vote.dyad == dyad, Vote.day > day - dt.timedelta(days=WEEK), Vote.day <= day)
        .group_by(Vote.stance)
    )
    # .all() first: a result has keys(), and dict() would take it for a mapping.
    counts: dict[int, int] = dict(rows.tuples().all())
    return counts.get(1, 0), counts.get(0, 0), counts.get(-1, 0)


def _week_error(coverage: Coverage | None, dyad: str) -> float | None:
    """Standard error of the mean of the last 7 days: votes differ, and days have a tone of their own."""
    if coverage is None or dyad not in coverage.dyads:
        return None
    table = coverage.dyads[dyad]
    votes, score = table.votes[-WEEK:].sum(axis=1), table.score[-WEEK:].sum(axis=1)
    n, total, squares = float(votes.sum()), float(score.sum()), float(table.squares[-WEEK:].sum())
    # With few votes their own spread is a poor guess, so it is drawn to that of a usual day (0.4, worth 20 votes).
    variance = (max(0.0, squares - total * total / n) + 20 * 0.4) / (n - 1 + 20)
    days = float(np.sum((votes / n) ** 2))
    return math.sqrt(variance / n + StanceBaseline.prior_spread**2 * days)


def _chart(count: FloatArray, score: FloatArray, day: dt.date, days: int) -> tuple[ChartPoint, ...]:
    points = []
    for back in range(days - 1, -1, -1):
        end = len(count) - back
        stories = int(count[end - 1]) if end >= 1 else 0
        n = float(count[max(0, end - WEEK) : end].sum()) if end >= 1 else 0.0
        mean = float(score[max(0, end - WEEK) : end].sum()) / n if n else None
        points.append(ChartPoint(day - dt.timedelta(days=back), mean, stories))
    return tuple(points)
