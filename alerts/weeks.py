"""Stored counts by the week, for looking back over years: ties, press blocs, themes, and what was usual then."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.detect import FIRST_ALERT_DAY
from alerts.load import first_day, load_coverage
from alerts.reporting import GUARD, WINDOW
from alerts.sight import SIGHT, day_sight, threshold_of, visible
from alerts.state import WEEK, stance_series
from alerts.votes import FloatArray
from ingest.ties import ties
from store.models import SeriesDay, ThemeDay

BEFORE = WINDOW + GUARD
"""Days before a week's end that its usual level is made of, with the gap to it."""


@dataclass(frozen=True, slots=True)
class Week:
    """The seven days up to `last`: independent stories, and their mean soft stance (None without a story).

    `usual` is the mean stance of the 84 days that end 14 days before `last`, `half` the smallest lasting change that
    the 14 days up to `last` would have shown (None: none at all), `usual_stories` the usual number in a week; all None
    where there is no usual level yet.
    """

    last: dt.date
    stories: int
    score: float | None
    usual: float | None = None
    half: float | None = None
    usual_stories: float | None = None


@dataclass(frozen=True, slots=True)
class ThemeWeek:
    """The seven days up to `last`: stories on the three ties, and those of them that carry the theme."""

    last: dt.date
    carrying: int
    stories: int


@dataclass(frozen=True, slots=True)
class Span:
    """Whole weeks of seven days, the last of which ends on `last`."""

    last: dt.date
    weeks: int

    @property
    def first(self) -> dt.date:
        """The first day of the first week."""
        return self.last - dt.timedelta(days=WEEK * self.weeks - 1)

    @property
    def days(self) -> int:
        """All days."""
        return WEEK * self.weeks

    @property
    def ends(self) -> list[dt.date]:
        """The last day of each week."""
        return [self.last - dt.timedelta(days=WEEK * back) for back in range(self.weeks - 1, -1, -1)]


def span_of(session: Session, model: str, day: dt.date, months: int) -> Span:
    """The weeks of the last *months* up to *day*, or as many as *model* has read; at least one."""
    wanted = max(1, round(months * 365.25 / 12 / WEEK))
    start = first_day(session, model)
    have = 1 if start is None or start > day else -(-((day - start).days + 1) // WEEK)
    return Span(day, min(wanted, have))


def tie_weeks(session: Session, model: str, span: Span, *, false_alarms_per_year: float) -> dict[str, list[Week]]:
    """The weeks of each tie, with its usual level and what around it could not be told from chance."""
    stories, score = _daily(session, model, span)
    halves = _halves(session, model, span, false_alarms_per_year)
    start = first_day(session, model)
    made: dict[str, list[Week]] = {}
    for dyad in ties().dyads:
        n, total = _sums(stories, (dyad, ""), span), _sums(score, (dyad, ""), span)
        made[dyad] = []
        for end in span.ends:
            at = (end - span.first).days + BEFORE
            history = 0 if start is None else (end - start).days + 1
            days = min(max(0, history - GUARD), WINDOW)
            known = history >= FIRST_ALERT_DAY and days >= WEEK
            usual = slice(at - BEFORE + 1, at - GUARD + 1)
            before = float(n[usual].sum())
            half = halves.get(dyad, {}).get(end)
            made[dyad].append(
                replace(
                    _week(end, n, total, at),
                    usual=float(total[usual].sum()) / before if known and before else None,
                    half=half if known else None,
                    usual_stories=before / days * WEEK if known else None,
                )
            )
    return made


def bloc_weeks(session: Session, model: str, span: Span) -> dict[tuple[str, str], list[Week]]:
    """The weeks of each tie in each press bloc that wrote of it in the span, by (tie, bloc)."""
    stories, score = _daily(session, model, span)
    made: dict[tuple[str, str], list[Week]] = {}
    for key in sorted(key for key in stories if key[1]):
        n, total = _sums(stories, key, span), _sums(score, key, span)
        if n[BEFORE:].any():
            made[key] = [_week(end, n, total, (end - span.first).days + BEFORE) for end in span.ends]
    return made


def theme_weeks(session: Session, model: str, span: Span) -> dict[str, list[ThemeWeek]]:
    """The weeks of each theme that a story of the span carries, by its code."""
    rows = session.execute(
        select(ThemeDay.day, ThemeDay.theme, ThemeDay.stories).where(
            ThemeDay.model == model, ThemeDay.day >= span.first, ThemeDay.day <= span.last
        )
    ).tuples()
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * span.weeks)
    for day, theme, stories in rows:
        counts[theme][(day - span.first).days // WEEK] += stories
    every = counts.pop("", [0] * span.weeks)
    return {
        theme: [ThemeWeek(end, *both) for end, *both in zip(span.ends, carrying, every, strict=True)]
        for theme, carrying in sorted(counts.items())
    }


def _week(end: dt.date, n: FloatArray, total: FloatArray, at: int) -> Week:
    days = slice(at - WEEK + 1, at + 1)
    stories = float(n[days].sum())
    return Week(end, round(stories), float(total[days].sum()) / stories if stories else None)


Daily = Mapping[tuple[str, str], Mapping[dt.date, float]]


def _daily(session: Session, model: str, span: Span) -> tuple[Daily, Daily]:
    """Stories and sums of soft stance by (tie, bloc) and day; the empty bloc means all."""
    rows = session.execute(
        select(
            SeriesDay.dyad,
            SeriesDay.bloc,
            SeriesDay.day,
            SeriesDay.plus + SeriesDay.zero + SeriesDay.minus,
            SeriesDay.score,
        ).where(
            SeriesDay.model == model,
            SeriesDay.theme == "",
            SeriesDay.day >= span.first - dt.timedelta(days=BEFORE),
            SeriesDay.day <= span.last,
        )
    ).tuples()
    stories: dict[tuple[str, str], dict[dt.date, float]] = defaultdict(dict)
    score: dict[tuple[str, str], dict[dt.date, float]] = defaultdict(dict)
    for dyad, bloc, day, n, total in rows:
        stories[dyad, bloc][day], score[dyad, bloc][day] = n, total
    return stories, score


def _sums(daily: Daily, key: tuple[str, str], span: Span) -> FloatArray:
    """Days of the span and the `BEFORE` days ahead of it, 0 where nothing is stored."""
    first = span.first - dt.timedelta(days=BEFORE)
    values = np.zeros(span.days + BEFORE)
    for day, value in daily.get(key, {}).items():
        values[(day - first).days] = value
    return values


def _halves(session: Session, model: str, span: Span, false_alarms_per_year: float) -> dict[str, dict[dt.date, float]]:
    """Per tie and week, what `alerts.sight.smallest_shifts` would have given on its last day."""
    since = span.first - dt.timedelta(days=BEFORE + WINDOW)
    coverage = load_coverage(session, model, span.last, since=since)
    if coverage is None:
        return {}
    family = stance_series(coverage)
    needed = threshold_of(coverage, family, false_alarms_per_year) if family else 0.0
    made: dict[str, dict[dt.date, float]] = {}
    for item in family:
        seen = np.array([day_sight(item, t) for t in range(item.baseline.days)])
        sizes = made.setdefault(item.dyad, {})
        for end in span.ends:
            t = (end - coverage.first).days - item.start
            size = visible(float(seen[max(0, t - SIGHT + 1) : t + 1].sum()), needed) if t >= 0 else None
            if size is not None:
                sizes[end] = size
    return made


def recent(weeks: Sequence[Week], number: int, skip: int = 0) -> tuple[float | None, int]:
    """Mean stance and stories of *number* weeks up to the last one but *skip*.

    >>> recent([Week(dt.date(2024, 1, 7), 1, 0.5), Week(dt.date(2024, 1, 14), 3, 0.1)], 2)
    (0.2, 4)
    """
    part = list(weeks)[max(0, len(weeks) - skip - number) : len(weeks) - skip]
    stories = sum(week.stories for week in part)
    total = sum((week.score or 0.0) * week.stories for week in part)
    return (total / stories if stories else None), stories
