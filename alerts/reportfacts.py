"""What the full report knows: the fields from which each of its sentences and pictures is made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from alerts import gather
from alerts.facts import DigestFacts, ShiftFact
from alerts.load import first_day
from alerts.notices import told_days
from alerts.notify import DigestKind, Reason
from alerts.shifts import stands
from alerts.state import WEEK, dyad_states
from alerts.themes import theme_names
from alerts.weeks import Span, ThemeWeek, Week, bloc_weeks, span_of, theme_weeks, tie_weeks
from store.models import Feed, FeedDay, Reading, Shift, Vote
from store.progress import Progress, silent
from store.settings import Settings

MONTHS = 24
"""How far back the pictures reach where nothing else is asked for."""
FEED_DAYS = 28


@dataclass(frozen=True, slots=True)
class Brought:
    """What a feed brought in the last 28 days."""

    seen: int
    on_topic: int


@dataclass(frozen=True, slots=True)
class Amounts:
    """What lies behind the series: over all days, read by the model that is in force."""

    first: dt.date | None
    readings: int
    relevant: int
    stories: int
    outlets: int


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """All that the report says. `digest` holds what a digest of that moment would know, and every shift on record.

    `models` names the model version that found each shift, by its number; `in_force` the shifts that still stand,
    `fresh` those found lately enough to be told.
    """

    digest: DigestFacts
    span: Span
    ties: Mapping[str, Sequence[Week]]
    blocs: Mapping[tuple[str, str], Sequence[Week]]
    themes: Mapping[str, Sequence[ThemeWeek]]
    models: Mapping[int, str]
    in_force: frozenset[int]
    fresh: frozenset[int]
    brought: Mapping[str, Brought]
    amounts: Amounts
    months: int


def gather_report(
    session: Session,
    settings: Settings,
    model: str,
    *,
    day: dt.date,
    now: dt.datetime,
    months: int = MONTHS,
    progress: Progress = silent,
) -> ReportFacts:
    """From the database to the facts of the report, as they stand on *day*, the last closed one. Only reads."""
    rate = settings.false_alarms_per_year
    span = span_of(session, model, day, months)
    start = day - dt.timedelta(days=WEEK - 1)
    progress(0, 4, "ties")
    ties = tie_weeks(session, model, span, false_alarms_per_year=rate)
    progress(1, 4, "press blocs and themes")
    blocs, themes = bloc_weeks(session, model, span), theme_weeks(session, model, span)
    progress(2, 4, "shifts")
    shifts, models = all_shifts(session, settings, day)
    stories, outlets = gather.week_counts(session, model, start, day)
    digest = DigestFacts(
        kind=DigestKind.MANUAL,
        reason=Reason.MANUAL,
        day=day,
        period_start=start,
        now=now,
        timezone=settings.timezone,
        model=model,
        false_alarms_per_year=rate,
        replay=settings.replay,
        public_url=settings.public_url,
        shifts=tuple(shifts),
        earlier=(),
        states=tuple(dyad_states(session, model, day, false_alarms_per_year=rate)),
        feeds=gather.gather_feeds(session, start, day, now),
        stories=stories,
        outlets=outlets,
        claims=gather.gather_claims(session, shifts),
        themes=theme_names(settings),
    )
    progress(3, 4, "feeds")
    facts = ReportFacts(
        digest=digest,
        span=span,
        ties=ties,
        blocs=blocs,
        themes=themes,
        models=models,
        fresh=frozenset(shift.id for shift in shifts if gather.is_fresh(shift, day)),
        in_force=frozenset(
            row.id for row in session.scalars(select(Shift)) if row.detected <= day and stands(row, day)
        ),
        brought=_brought(session, day),
        amounts=_amounts(session, model, day),
        months=months,
    )
    progress(4, 4, "")
    return facts


def all_shifts(session: Session, settings: Settings, day: dt.date) -> tuple[list[ShiftFact], dict[int, str]]:
    """Every shift on record up to *day*, the newest first, and the model version that found each.

    Of all versions: a shift that was told stays on record when a new model takes over.
    """
    models = dict(session.execute(select(Shift.id, Shift.model).where(Shift.detected <= day)).tuples().all())
    names, told = theme_names(settings), told_days(session, settings.zone)
    facts = [
        replace(fact, told_on=told.get(fact.id))
        for model in sorted(set(models.values()))
        for fact in gather.shift_facts(gather.shift_rows(session, model, day), names)
    ]
    return sorted(facts, key=lambda fact: (fact.detected, fact.id), reverse=True), models


def _brought(session: Session, day: dt.date) -> dict[str, Brought]:
    rows = session.execute(
        select(FeedDay.feed_key, func.sum(FeedDay.seen), func.sum(FeedDay.on_topic))
        .join(Feed, Feed.key == FeedDay.feed_key)
        .where(FeedDay.day > day - dt.timedelta(days=FEED_DAYS), FeedDay.day <= day)
        .group_by(FeedDay.feed_key)
    ).tuples()
    return {key: Brought(int(seen), int(on_topic)) for key, seen, on_topic in rows}


def _amounts(session: Session, model: str, day: dt.date) -> Amounts:
    readings = select(func.count()).select_from(Reading).where(Reading.model == model)
    stories, outlets = session.execute(
        select(func.count(distinct(Vote.story_id)), func.count(distinct(Vote.outlet))).where(
            Vote.model == model, Vote.day <= day
        )
    ).one()
    return Amounts(
        first=first_day(session, model),
        readings=session.scalar(readings) or 0,
        relevant=session.scalar(readings.where(Reading.relevant)) or 0,
        stories=int(stories),
        outlets=int(outlets),
    )
