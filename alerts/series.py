"""Readings come in; votes and daily counts go out. Only days that new readings, or merges of stories,
touched are counted again."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from store.changes import days_changed
from store.db import Store
from store.models import Article, Reading, ReadingDyad, SeriesDay, SeriesState, StoryMerge, ThemeDay, Vote
from store.progress import Progress, silent

DAYS_AT_ONCE = 31
STANCES = (-1, 0, 1)


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """What an update did: readings taken in, days counted again, votes now on these days.

    `first` and `last` bound the days; None when there was nothing new. `loose` counts readings of articles that are in
    no story yet: they are counted when a later reading touches their day.
    """

    readings: int
    days: int
    votes: int
    first: dt.date | None
    last: dt.date | None
    loose: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """An article of a story that one model read, with its probabilities for one dyad."""

    day: dt.date
    dyad: str
    story_id: int
    article_id: int
    published_at: dt.datetime
    url_key: str
    outlet: str
    bloc: str
    themes: tuple[str, ...]
    p: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class StoryVote:
    """One story's vote on one dyad and day."""

    day: dt.date
    dyad: str
    story_id: int
    article_id: int
    outlet: str
    bloc: str
    score: float
    stance: int
    theme: str
    themes: tuple[str, ...]
    copies: int


def votes_of(members: Iterable[Member]) -> list[StoryVote]:
    """One vote per story, dyad and day, whatever the order of *members*.

    The earliest article names outlet and theme (by moment, then by its address, since running numbers depend on the
    order of arrival); the score is the mean over all members.
    """
    groups: dict[tuple[dt.date, str, int], list[Member]] = defaultdict(list)
    for member in members:
        groups[member.day, member.dyad, member.story_id].append(member)
    votes = []
    for (day, dyad, story_id), group in sorted(groups.items()):
        group.sort(key=lambda member: (member.published_at, member.url_key))
        earliest = group[0]
        p = [sum(member.p[i] for member in group) / len(group) for i in range(3)]
        votes.append(
            StoryVote(
                day=day,
                dyad=dyad,
                story_id=story_id,
                article_id=earliest.article_id,
                outlet=earliest.outlet,
                bloc=earliest.bloc,
                score=min(1.0, max(-1.0, p[2] - p[0])),
                # On a tie the neutral stance is the careful answer.
                stance=max(STANCES, key=lambda stance: (p[stance + 1], stance == 0)),
                theme=earliest.themes[0] if earliest.themes else "",
                themes=earliest.themes,
                copies=len(group),
            )
        )
    return votes


def counts_of(votes: Iterable[StoryVote]) -> dict[tuple[dt.date, str, str, str], tuple[int, int, int, float]]:
    """Counts (plus, zero, minus, score sum) by day, dyad, bloc and main theme; an empty bloc or theme means all."""
    counts: dict[tuple[dt.date, str, str, str], tuple[int, int, int, float]] = {}
    for vote in votes:
        cells = [("", ""), (vote.bloc, ""), ("", vote.theme), (vote.bloc, vote.theme)]
        # A vote without bloc or theme belongs to "all" once, not twice.
        for bloc, theme in dict.fromkeys(cells):
            key = (vote.day, vote.dyad, bloc, theme)
            plus, zero, minus, score = counts.get(key, (0, 0, 0, 0.0))
            counts[key] = (
                plus + (vote.stance > 0),
                zero + (vote.stance == 0),
                minus + (vote.stance < 0),
                score + vote.score,
            )
    return counts


def themes_of(votes: Iterable[StoryVote]) -> dict[tuple[dt.date, str], int]:
    """Different stories by day and theme; the empty theme means all stories.

    A story that says something of two dyads has two votes and counts once here; it carries the themes of both.
    """
    stories: dict[tuple[dt.date, str], set[int]] = defaultdict(set)
    for vote in votes:
        for theme in ("", *vote.themes):
            stories[vote.day, theme].add(vote.story_id)
    return {key: len(ids) for key, ids in sorted(stories.items())}


def update_series(store: Store, model: str, *, now: dt.datetime, progress: Progress = silent) -> SeriesReport:
    """Bring votes and counts of *model* up to its newest reading, in one transaction; a second call does nothing."""
    with store.writing() as session:
        state = session.get(SeriesState, model)
        if state is None:
            state = SeriesState(model=model, last_reading_id=0, updated_at=now)
            session.add(state)
        newest = session.scalar(select(func.max(Reading.id)).where(Reading.model == model)) or 0
        merged = session.scalar(select(func.max(StoryMerge.id))) or 0
        if newest <= state.last_reading_id and merged <= state.last_merge_id:
            return SeriesReport(0, 0, 0, None, None)
        fresh = (Reading.model == model, Reading.id > state.last_reading_id, Reading.id <= newest)
        article = Reading.article_id == Article.id
        readings = session.scalar(select(func.count()).select_from(Reading).where(*fresh)) or 0
        loose = session.scalar(
            select(func.count()).select_from(Reading).join(Article, article).where(*fresh, Article.story_id.is_(None))
        )
        query = select(Article.day).join(Reading, article).where(*fresh).distinct().order_by(Article.day)
        days = sorted({*session.scalars(query), *_days_of_merges(session, model, state.last_merge_id)})
        written = 0
        for start in range(0, len(days), DAYS_AT_ONCE):
            part = days[start : start + DAYS_AT_ONCE]
            written += _recount(session, model, part)
            progress(start + len(part), len(days), f"series up to {part[-1].isoformat()}")
        days_changed(session, days[0], model)
        state.last_reading_id = newest
        state.last_merge_id = merged
        state.updated_at = now
    first, last = (days[0], days[-1]) if days else (None, None)
    return SeriesReport(readings, len(days), written, first, last, loose or 0)


def _days_of_merges(session: Session, model: str, after: int) -> set[dt.date]:
    """Days on which stories voted that have since become parts of others."""
    gone = StoryMerge.gone_id == Vote.story_id
    return set(
        session.scalars(
            select(Vote.day).join(StoryMerge, gone).where(Vote.model == model, StoryMerge.id > after).distinct()
        )
    )


def _recount(session: Session, model: str, days: Sequence[dt.date]) -> int:
    """Replace votes and counts of *days*; gives the number of votes."""
    votes = votes_of(_members(session, model, days))
    session.execute(delete(Vote).where(Vote.model == model, Vote.day.in_(days)))
    session.execute(delete(SeriesDay).where(SeriesDay.model == model, SeriesDay.day.in_(days)))
    session.execute(delete(ThemeDay).where(ThemeDay.model == model, ThemeDay.day.in_(days)))
    if votes:
        session.execute(
            insert(Vote),
            [
                {
                    "model": model,
                    "day": vote.day,
                    "dyad": vote.dyad,
                    "story_id": vote.story_id,
                    "article_id": vote.article_id,
                    "outlet": vote.outlet,
                    "bloc": vote.bloc,
                    "score": vote.score,
                    "stance": vote.stance,
                    "theme": vote.theme,
                    "themes": list(vote.themes),
                    "copies": vote.copies,
                }
                for vote in votes
            ],
        )
        rows = [
            {
                "model": model,
                "day": day,
                "dyad": dyad,
                "bloc": bloc,
                "theme": theme,
                "plus": plus,
                "zero": zero,
                "minus": minus,
                "score": score,
            }
            for (day, dyad, bloc, theme), (plus, zero, minus, score) in counts_of(votes).items()
        ]
        session.execute(insert(SeriesDay), rows)
        themes = [
            {"model": model, "day": day, "theme": theme, "stories": stories}
            for (day, theme), stories in themes_of(votes).items()
        ]
        session.execute(insert(ThemeDay), themes)
    return len(votes)


def _members(session: Session, model: str, days: Sequence[dt.date]) -> list[Member]:
    rows = session.execute(
        select(
            Article.day,
            ReadingDyad.dyad,
            Article.story_id,
            Article.id,
            Article.published_at,
            Article.url_key,
            Article.outlet,
            Article.bloc,
            Reading.themes,
            ReadingDyad.p_minus,
            ReadingDyad.p_zero,
            ReadingDyad.p_plus,
        )
        .join(Reading, Reading.article_id == Article.id)
        .join(ReadingDyad, ReadingDyad.reading_id == Reading.id)
        .where(Reading.model == model, Article.day.in_(days), Article.story_id.is_not(None))
    )
    return [
        Member(
            day=day,
            dyad=dyad,
            story_id=story_id or 0,
            article_id=article_id,
            published_at=published_at,
            url_key=url_key,
            outlet=outlet,
            bloc=bloc,
            themes=tuple(str(theme["code"]) for theme in themes or ()),
            p=(p_minus, p_zero, p_plus),
        )
        for (
            day,
            dyad,
            story_id,
            article_id,
            published_at,
            url_key,
            outlet,
            bloc,
            themes,
            p_minus,
            p_zero,
            p_plus,
        ) in rows
    ]
