"""The daily look for narratives outside the seed themes: stored stories in, stored proposals out, each told once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from alerts.load import first_day
from alerts.narratives import MEMORY, SAME, WINDOW, Cluster, LooseStory, Rarity, alike, clusters_on, threshold
from alerts.shifts import model_change
from ingest.stories import fingerprint
from store.db import Store
from store.models import Article, Narrative, NarrativeDay, Reading, Vote

FITS = 0.6
"""Probability of its main theme from which a story fits the theme. Of relevant stories of 2020 and 2023, read by
weights that had not seen them, 8 % stay below it, and 88 % do when their own themes are taken from the list."""
LEAST_DAYS = 28
"""Days of history under which nothing is told, as with shifts."""
LOOK_BACK = 730


@dataclass(frozen=True, slots=True)
class NarrativesReport:
    """What stands on `day`: the clusters, the highest score first, what a score must reach, and what is told anew.

    `new` holds the number of each narrative found on this day, with its cluster. `told` are the clusters that belong
    to a narrative of before.
    """

    day: dt.date
    threshold: float
    clusters: tuple[Cluster, ...] = ()
    new: tuple[tuple[int, Cluster], ...] = ()
    told: tuple[Cluster, ...] = ()
    stories: int = 0


def find_narratives(store: Store, model: str, *, day: dt.date, now: dt.datetime, rarity: Rarity) -> NarrativesReport:
    """Look at the stories up to *day*, the last closed day, and store what is told; safe to run again at any time."""
    with store.session() as session:
        report = look(session, model, day, rarity)
    with store.writing() as session:
        _follow(session, report, day)
        if not _warm(session, model, day):
            return report
        # A new version reads the past again; what it finds there at once is a difference between two readers.
        taken_over = model_change(session, model)
        first_look = session.scalar(select(NarrativeDay.day).where(NarrativeDay.model == model).limit(1)) is None
        known = first_look and taken_over is not None
        new: list[tuple[int, Cluster]] = []
        for cluster in report.clusters:
            if cluster.score >= report.threshold and not _among(cluster, report.told) and not _told(cluster, new):
                row = _row(model, day, now, cluster, report.threshold)
                row.status = "known" if known else "open"
                session.add(row)
                session.flush()
                new.append((row.id, cluster))
        _remember(session, model, day, report, [cluster for _id, cluster in new])
        told = () if known else tuple(new)
        return NarrativesReport(day, report.threshold, report.clusters, told, report.told, report.stories)


def look(session: Session, model: str, day: dt.date, rarity: Rarity) -> NarrativesReport:
    """The clusters as they stand on *day*; stores nothing."""
    stories = loose_stories(session, model, day)
    clusters = clusters_on(stories, day, rarity)
    profiles = [dict(row.profile) for row in _alive(session, day)]
    told = [one for one in clusters if any(alike(profile, one.profile) >= SAME for profile in profiles)]
    return NarrativesReport(day, _threshold(session, model, day), tuple(clusters), (), tuple(told), len(stories))


def loose_stories(session: Session, model: str, day: dt.date) -> list[LooseStory]:
    """The stories of the `WINDOW` days up to *day* that fit no theme, each once, on the first day of its votes."""
    first = day - dt.timedelta(days=WINDOW - 1)
    rows = session.execute(
        select(
            Vote.day,
            Vote.story_id,
            Vote.outlet,
            Vote.bloc,
            Article.published_at,
            Article.url_key,
            Article.title,
            Article.title_key,
            Article.url,
            Article.lang,
            Reading.themes,
        )
        .join(Article, Article.id == Vote.article_id)
        .join(Reading, (Reading.article_id == Vote.article_id) & (Reading.model == Vote.model))
        .where(Vote.model == model, Vote.day >= first, Vote.day <= day)
    )
    stories: dict[int, LooseStory] = {}
    for row in sorted(rows, key=lambda row: (row.day, row.published_at, row.url_key)):
        if row.story_id not in stories:
            fits = fits_a_theme(row.themes)
            words = frozenset() if fits else fingerprint(row.title_key).words
            stories[row.story_id] = LooseStory(
                row.url_key, row.day, row.outlet, row.bloc, words, row.title, row.url, row.lang
            )
    return [story for story in stories.values() if story.words]


def fits_a_theme(themes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a reading's main theme is a likely one; it is the likeliest even where none is likely.

    >>> fits_a_theme([{"code": "trade", "p": 0.9}]), fits_a_theme([{"code": "trade", "p": 0.3}]), fits_a_theme([])
    (True, False, False)
    """
    return bool(themes) and float(themes[0]["p"]) >= FITS


def _threshold(session: Session, model: str, day: dt.date) -> float:
    # What is growing now must not raise its own bar, so the last weeks are left out.
    rows = session.scalars(
        select(NarrativeDay.top)
        .where(
            NarrativeDay.model == model,
            NarrativeDay.day <= day - dt.timedelta(days=WINDOW),
            NarrativeDay.day > day - dt.timedelta(days=LOOK_BACK),
        )
        .order_by(NarrativeDay.day)
    )
    return threshold(list(rows))


def _warm(session: Session, model: str, day: dt.date) -> bool:
    first = first_day(session, model)
    return first is not None and (day - first).days + 1 >= LEAST_DAYS


def _alive(session: Session, day: dt.date) -> list[Narrative]:
    """What was told and had a story within the memory, by whichever model."""
    rows = session.scalars(
        select(Narrative)
        .where(Narrative.found <= day, Narrative.last > day - dt.timedelta(days=MEMORY))
        .order_by(Narrative.id)
    )
    return list(rows)


def _follow(session: Session, report: NarrativesReport, day: dt.date) -> None:
    """Keep each narrative that was told up with the cluster that goes on with it: words change over months."""
    for row in _alive(session, day):
        profile = dict(row.profile)
        nearest = max(report.told, key=lambda one: alike(profile, one.profile), default=None)
        if nearest is not None and nearest.last > row.last and alike(profile, nearest.profile) >= SAME:
            row.last, row.profile = nearest.last, dict(nearest.profile)


def _among(cluster: Cluster, clusters: Sequence[Cluster]) -> bool:
    return any(cluster is one for one in clusters)


def _told(cluster: Cluster, new: Sequence[tuple[int, Cluster]]) -> bool:
    return any(alike(other.profile, cluster.profile) >= SAME for _id, other in new)


def _remember(session: Session, model: str, day: dt.date, report: NarrativesReport, new: Sequence[Cluster]) -> None:
    """Keep the day's highest score of the background; what was told is none, nor are the days on which it grew."""
    since = min([day, *(cluster.first for cluster in new)])
    session.execute(
        delete(NarrativeDay).where(NarrativeDay.model == model, NarrativeDay.day >= since, NarrativeDay.day <= day)
    )
    background = [
        one.score for one in report.clusters if not _among(one, report.told) and not _told(one, list(enumerate(new)))
    ]
    session.add(NarrativeDay(model=model, day=day, top=max(background, default=0.0)))


def _row(model: str, day: dt.date, now: dt.datetime, cluster: Cluster, needed: float) -> Narrative:
    return Narrative(
        model=model,
        first=cluster.first,
        found=day,
        last=cluster.last,
        score=cluster.score,
        threshold=needed,
        terms=list(cluster.terms),
        profile=dict(cluster.profile),
        days=cluster.days,
        stories=len(cluster.stories),
        outlets=cluster.outlets,
        blocs=list(cluster.blocs),
        shown=[
            {
                "title": story.title,
                "url": story.url,
                "outlet": story.outlet,
                "bloc": story.bloc,
                "lang": story.lang,
                "day": story.day.isoformat(),
            }
            for story in cluster.shown
        ],
        status="open",
        found_at=now,
    )
