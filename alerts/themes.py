"""What carries a change in a theme's share: the stories that carry the theme, against what their outlets usually do."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.evidence import Cast, Usual
from alerts.model import Found
from alerts.remeasure import BEFORE_ONSET
from alerts.reporting import WINDOW
from classify.trained import remark
from ingest.topic import load_topic
from store.errors import ConfigError, SeedError
from store.models import Vote
from store.settings import Settings

OUTLET_PRIOR = 20.0
"""An outlet's usual share is drawn to that of all outlets with the weight of so many stories."""


@dataclass(frozen=True, slots=True)
class _Story:
    cast: Cast
    carries: bool


def theme_names(settings: Settings) -> dict[str, str]:
    """Names of the themes; a broken seed file is the business of `ingest-seeds`, a reader then sees the codes."""
    try:
        return {theme.code: theme.name for theme in load_topic(settings.seeds_dir).themes}
    except SeedError:
        return {}


def untrained(settings: Settings) -> str:
    """That the reader of the settings was not trained on their topic; empty where it was, or where nobody can tell."""
    try:
        return remark(load_topic(settings.seeds_dir), settings.model)
    except (SeedError, ConfigError):
        return ""


def theme_votes(session: Session, model: str, found: Found) -> tuple[list[Cast], Usual]:
    """The stories since the onset that carry the theme, once a day each, and how many were expected of each outlet.

    The outlet stands in the place of the feed: a share does not depend on how many feeds an outlet has.
    """
    high = found.onset - dt.timedelta(days=BEFORE_ONSET)
    earlier = _stories(session, model, found.theme, high - dt.timedelta(days=WINDOW), high - dt.timedelta(days=1))
    since = _stories(session, model, found.theme, found.onset, found.detected)
    usual, carried = (
        Counter(one.cast.outlet for one in earlier),
        Counter(one.cast.outlet for one in earlier if one.carries),
    )
    share = sum(carried.values()) / max(1, sum(usual.values()))
    expected = {
        outlet: stories * (carried[outlet] + OUTLET_PRIOR * share) / (usual[outlet] + OUTLET_PRIOR)
        for outlet, stories in Counter(one.cast.outlet for one in since).items()
    }
    bloc_of = {one.cast.outlet: one.cast.bloc for one in since}
    return [one.cast for one in since if one.carries], Usual(level=found.before, feeds=expected, bloc_of=bloc_of)


def stories_of(session: Session, model: str, theme: str, days: tuple[dt.date, dt.date]) -> list[tuple[Cast, bool]]:
    """All stories on the *days* first to last, once a day each, and whether each carries the theme."""
    return [(one.cast, one.carries) for one in _stories(session, model, theme, *days)]


def _stories(session: Session, model: str, theme: str, first: dt.date, last: dt.date) -> list[_Story]:
    rows = session.execute(
        select(
            Vote.day,
            Vote.story_id,
            Vote.article_id,
            Vote.outlet,
            Vote.bloc,
            Vote.theme,
            Vote.themes,
            Vote.score,
            Vote.stance,
            Vote.copies,
        )
        .where(Vote.model == model, Vote.day >= first, Vote.day <= last)
        .order_by(Vote.day, Vote.story_id, Vote.dyad)
    )
    made: dict[tuple[dt.date, int], _Story] = {}
    for row in rows:
        carries = theme in row.themes
        held = made.get((row.day, row.story_id))
        # A story that speaks of two ties has two votes; the one that carries the theme stands for it.
        if held is None or (carries and not held.carries):
            cast = Cast(
                story_id=row.story_id,
                article_id=row.article_id,
                day=row.day,
                feed=row.outlet,
                outlet=row.outlet,
                bloc=row.bloc,
                theme=row.theme,
                score=row.score,
                stance=row.stance,
                copies=row.copies,
            )
            made[row.day, row.story_id] = _Story(cast, carries)
    return list(made.values())
