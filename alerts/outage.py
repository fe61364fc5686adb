"""Feeds that are out, and the shifts that wait because much of what they are measured on is missing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.facts import FeedFact, FeedState, Outage
from alerts.model import Kind
from alerts.reporting import GUARD, WINDOW
from store.models import Feed, Shift, Vote

LATEST = 3
"""An outage that began so many days after a shift was found had no part in it."""
EARLIEST = 14
"""One that began so long before the onset is no outage any more: the panel of feeds is without it."""
HOLDS_COUNTS = 0.3
HOLDS_TONE = 0.5
"""Share of a tie's usual stories that must be missing for a shift to wait. Tone is measured within each outlet, so it
takes more to upset it than amounts."""
TAINTS = 0.1
"""Share from which on a digest says so."""
WAITS = 7
"""Days for which a shift waits at most."""


def holds(outage: Outage, kind: str, waited: int) -> bool:
    """Whether a shift of *kind*, found *waited* days ago, is held back because of *outage*."""
    enough = HOLDS_TONE if Kind(kind).tone else HOLDS_COUNTS
    return outage.share >= enough and waited < WAITS


def outages(session: Session, model: str, shifts: Sequence[Shift], feeds: Sequence[FeedFact]) -> dict[int, Outage]:
    """Per shift the outage that touches it, if one does."""
    out = [feed for feed in feeds if feed.state in (FeedState.FAILING, FeedState.STALE) and feed.since is not None]
    if not out or not shifts:
        return {}
    alive = _outlets(session) - Counter(feed.outlet for feed in out)
    made: dict[int, Outage] = {}
    for shift in shifts:
        names = {
            feed.outlet
            for feed in out
            if feed.since is not None
            and shift.onset - dt.timedelta(days=EARLIEST) <= feed.since <= shift.detected + dt.timedelta(days=LATEST)
            and not alive[feed.outlet]  # an outlet with another feed that answers still speaks
        }
        if not names:
            continue
        usual = _usual(session, model, shift)
        total = sum(usual.values())
        missing = sum(usual.get(name, 0) for name in names)
        if total and missing / total >= TAINTS:
            most = sorted((name for name in names if usual.get(name)), key=lambda name: (-usual[name], name))
            made[shift.id] = Outage(missing / total, tuple(most))
    return made


def _outlets(session: Session) -> Counter[str]:
    return Counter(session.scalars(select(Feed.outlet).where(Feed.enabled)))


def _usual(session: Session, model: str, shift: Shift) -> Mapping[str, int]:
    """Stories per outlet in the days that the shift was measured against."""
    end = shift.onset - dt.timedelta(days=GUARD)
    chosen = select(Vote.outlet, func.count()).where(
        Vote.model == model, Vote.day >= end - dt.timedelta(days=WINDOW), Vote.day < end
    )
    if shift.dyad:
        chosen = chosen.where(Vote.dyad == shift.dyad)
    if shift.bloc:
        chosen = chosen.where(Vote.bloc == shift.bloc)
    return dict(session.execute(chosen.group_by(Vote.outlet)).tuples().all())
