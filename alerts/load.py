"""Stored aggregates as the detector takes them. Only sums leave the database, never articles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.votes import GRID, Coverage, FeedRow, ThemeRow, VoteRow, coverage_from_rows
from ingest.ties import ties
from store.models import Article, Feed, FeedDay, Poll, ThemeDay, Vote


def first_day(session: Session, model: str) -> dt.date | None:
    """The first day with a vote of *model*: what is older was not read by it, and is no measurement."""
    return session.scalar(select(func.min(Vote.day)).where(Vote.model == model))


def load_coverage(
    session: Session, model: str, day: dt.date, *, since: dt.date | None = None, dyads: Sequence[str] | None = None
) -> Coverage | None:
    """Coverage as *model* read it up to and including *day*, of all ties or of *dyads*; None without a single vote.

    Feed days before the model's first vote are left out: on them its counts are not zero but unknown.
    """
    first = first_day(session, model)
    if first is None or first > day:
        return None
    start = first if since is None else max(first, since)
    rows = load_rows(session, model, start, day, first_polls(session))
    return coverage_from_rows(
        rows.votes, rows.feeds, ties().dyads if dyads is None else dyads, day, start, themes=rows.themes
    )


class Rows(NamedTuple):
    """What is stored of some days."""

    votes: list[VoteRow]
    feeds: list[FeedRow]
    themes: list[ThemeRow]


def load_rows(session: Session, model: str, first: dt.date, last: dt.date, polled: Mapping[str, dt.date]) -> Rows:
    """The days *first* to *last* as *model* read them; of a feed no day before that of its first poll in *polled*."""
    votes = session.execute(
        select(
            Vote.day,
            Vote.dyad,
            Article.feed_key,
            Vote.outlet,
            func.max(Vote.bloc),
            func.count(),
            _grid_sum(Vote.score),
            _grid_sum(Vote.score * Vote.score),
        )
        .join(Article, Article.id == Vote.article_id)
        .where(Vote.model == model, Vote.day >= first, Vote.day <= last)
        .group_by(Vote.day, Vote.dyad, Article.feed_key, Vote.outlet)
        .order_by(Vote.day, Vote.dyad, Article.feed_key, Vote.outlet)
    )
    feeds = session.execute(
        select(FeedDay.day, FeedDay.feed_key, Feed.outlet, Feed.bloc, FeedDay.seen)
        .join(Feed, Feed.key == FeedDay.feed_key)
        .where(FeedDay.day >= first, FeedDay.day <= last)
    )
    themes = session.execute(
        select(ThemeDay.day, ThemeDay.theme, ThemeDay.stories).where(
            ThemeDay.model == model, ThemeDay.day >= first, ThemeDay.day <= last
        )
    )
    return Rows(
        [VoteRow(*row) for row in votes],
        [FeedRow(*row) for row in feeds if row.day >= polled.get(row.feed_key, row.day)],
        [ThemeRow(*row) for row in themes],
    )


def _grid_sum(value: ColumnElement[float] | InstrumentedAttribute[float]) -> ColumnElement[float]:
    """The sum of the values on the grid of `alerts.votes`: the same to the last bit, in whatever order rows come."""
    return func.sum(func.round(value / GRID)) * GRID


def first_polls(session: Session, feeds: Collection[str] | None = None) -> dict[str, dt.date]:
    """The day of each feed's first poll, of *feeds* alone where they are given; imported feeds have none.

    What a feed's first answer brings of earlier days is only what it still held of them, so its attention is measured
    from that day on. Stance may use the earlier items: a mean does not need all of them.
    """
    first = select(func.min(Poll.id)).group_by(Poll.feed_key)
    if feeds is not None:
        first = first.where(Poll.feed_key.in_(feeds))
    rows = session.execute(select(Poll.feed_key, Poll.started_at).where(Poll.id.in_(first)))
    return {key: started.date() for key, started in rows}
