"""Stored aggregates as the detector takes them. Only sums leave the database, never articles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.model import DYADS
from alerts.votes import Coverage, FeedRow, VoteRow, coverage_from_rows
from store.models import Feed, FeedDay, Vote


def first_day(session: Session, model: str) -> dt.date | None:
    """The first day with a vote of *model*: what is older was not read by it, and is no measurement."""
    return session.scalar(select(func.min(Vote.day)).where(Vote.model == model))


def load_coverage(
    session: Session, model: str, day: dt.date, *, since: dt.date | None = None, dyads: Sequence[str] = DYADS
) -> Coverage | None:
    """Coverage as *model* read it up to and including *day*; None without a single vote.

    Feed days before the model's first vote are left out: on them its counts are not zero but unknown.
    """
    first = first_day(session, model)
    if first is None or first > day:
        return None
    start = first if since is None else max(first, since)
    votes = session.execute(
        select(
            Vote.day,
            Vote.dyad,
            Vote.outlet,
            func.max(Vote.bloc),
            func.count(),
            func.sum(Vote.score),
            func.sum(Vote.score * Vote.score),
        )
        .where(Vote.model == model, Vote.day >= start, Vote.day <= day)
        .group_by(Vote.day, Vote.dyad, Vote.outlet)
        .order_by(Vote.day, Vote.dyad, Vote.outlet)
    )
    feeds = session.execute(
        select(FeedDay.day, Feed.outlet, func.max(Feed.bloc), func.sum(FeedDay.seen))
        .join(Feed, Feed.key == FeedDay.feed_key)
        .where(FeedDay.day >= start, FeedDay.day <= day)
        .group_by(FeedDay.day, Feed.outlet)
    )
    return coverage_from_rows(
        [VoteRow(day, dyad, outlet, bloc, n, score, squares) for day, dyad, outlet, bloc, n, score, squares in votes],
        [FeedRow(day, outlet, bloc, seen) for day, outlet, bloc, seen in feeds],
        dyads,
        day,
        start,
    )
