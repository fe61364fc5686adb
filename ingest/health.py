"""How each feed is: the verdict of its last poll, and whether it has gone silent. The detector conditions on this.

A feed that answers 200 and brings nothing new is the most dangerous failure there is: it looks well and tells nothing.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.orm import Session

from ingest.policy import HEALTHY, Health
from ingest.roster import IMPORT_KIND
from store.models import Feed, FeedDay, Poll

GAPS = 4
"""A feed is stale after so many times its usual gap between days with items."""

SHORTEST_SILENCE = dt.timedelta(days=3)
LONGEST_SILENCE = dt.timedelta(days=60)
UNKNOWN_SILENCE = dt.timedelta(days=21)
"""The limit while a feed has shown fewer than `_ENOUGH_DAYS` days with items, so that its usual gap is not known."""

RATE_DAYS = dt.timedelta(days=28)
_ENOUGH_DAYS = 5
_LOOK_BACK = 30


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """The state of a feed. `usual_gap` is its median gap in days between days with items, None while unknown."""

    key: str
    outlet: str
    bloc: str
    lang: str
    kind: str
    enabled: bool
    health: Health
    health_since: dt.datetime | None
    last_success_at: dt.datetime | None
    last_new_at: dt.datetime | None
    newest_day: dt.date | None
    usual_gap: float | None
    failures: int
    note: str

    @property
    def well(self) -> bool:
        """Whether its silence or its news can be taken at face value."""
        return self.enabled and self.health in HEALTHY


def usual_gap(days: Sequence[dt.date]) -> float | None:
    """Median gap in days between *days* (ascending, each once); None when there are too few to tell.

    >>> usual_gap([dt.date(2026, 1, day) for day in (1, 2, 3, 5, 6, 8)])
    1.0
    """
    if len(days) < _ENOUGH_DAYS:
        return None
    return float(statistics.median((later - earlier).days for earlier, later in pairwise(days)))


def silence_limit(gap: float | None) -> dt.timedelta:
    """How long a feed with that usual gap may be silent."""
    if gap is None:
        return UNKNOWN_SILENCE
    return min(max(dt.timedelta(days=GAPS * gap), SHORTEST_SILENCE), LONGEST_SILENCE)


def with_silence(health: Health, days: Sequence[dt.date], today: dt.date) -> Health:
    """*health*, or stale where the feed looks well and the newest of its *days* with items is too long ago.

    A stale feed whose items are fresh again is well again.
    """
    if health not in (*HEALTHY, Health.STALE) or not days:
        return health
    if today - days[-1] > silence_limit(usual_gap(days)):
        return Health.STALE
    return Health.OK if health == Health.STALE else health


def days_of_feeds(session: Session, keys: Sequence[str] | None = None) -> dict[str, list[dt.date]]:
    """The last days on which each feed (of *keys*, where given) had items, ascending."""
    rows = session.execute(_LAST_DAYS) if keys is None else session.execute(_LAST_DAYS_OF, {"keys": list(keys)})
    days: dict[str, list[dt.date]] = {}
    for key, day in rows:
        days.setdefault(key, []).append(day)
    return days


def _last_days(*conditions: ColumnElement[bool]) -> Select[tuple[str, dt.date]]:
    place = func.row_number().over(partition_by=FeedDay.feed_key, order_by=FeedDay.day.desc()).label("place")
    ranked = select(FeedDay.feed_key, FeedDay.day, place).where(FeedDay.seen > 0, *conditions).subquery()
    return select(ranked.c.feed_key, ranked.c.day).where(ranked.c.place <= _LOOK_BACK).order_by(ranked.c.day)


_LAST_DAYS = _last_days()
_LAST_DAYS_OF = _last_days(FeedDay.feed_key.in_(bindparam("keys", expanding=True)))


def usual_gaps(session: Session, today: dt.date) -> dict[str, float]:
    """Mean hours from item to item of each feed in the last four weeks; feeds known for less than two are left out."""
    rows = session.execute(
        select(FeedDay.feed_key, func.sum(FeedDay.seen), func.min(FeedDay.day))
        .where(FeedDay.day > today - RATE_DAYS, FeedDay.day <= today, FeedDay.seen > 0)
        .group_by(FeedDay.feed_key)
    )
    hours = RATE_DAYS / dt.timedelta(hours=1)
    return {key: hours / items for key, items, first in rows if first <= today - RATE_DAYS / 2}


def feed_health(session: Session, *, now: dt.datetime) -> list[FeedHealth]:
    """The state of every feed of the roster at *now*, by bloc and key; imports are no feeds.

    Silence is judged at *now*, not at the last poll: a monitor that was off for a month must not call its feeds well.
    """
    days = days_of_feeds(session)
    rows: list[FeedHealth] = []
    for feed in session.scalars(select(Feed).where(Feed.kind != IMPORT_KIND).order_by(Feed.bloc, Feed.key)):
        own = days.get(feed.key, [])
        health = with_silence(Health(feed.health), own, now.date())
        rows.append(
            FeedHealth(
                key=feed.key,
                outlet=feed.outlet,
                bloc=feed.bloc,
                lang=feed.lang,
                kind=feed.kind,
                enabled=feed.enabled,
                health=health,
                health_since=feed.health_since,
                last_success_at=feed.last_success_at,
                last_new_at=feed.last_new_at,
                newest_day=own[-1] if own else None,
                usual_gap=usual_gap(own),
                failures=feed.failures,
                note=_note(feed, health, own),
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which a feed was in one state: its first and last poll, how many there were, and why, in the words of
    the first."""

    health: Health
    first: dt.datetime
    last: dt.datetime
    polls: int
    reason: str


def history(session: Session, key: str) -> list[Spell]:
    """The states of a feed, the newest first, as far back as its polls are kept; ok and unmodified are one state."""
    spells: list[Spell] = []
    rows = session.execute(
        select(Poll.started_at, Poll.health, Poll.reason)
        .where(Poll.feed_key == key, Poll.health != "")
        .order_by(Poll.started_at, Poll.id)
    )
    for at, stored, reason in rows:
        health = Health.OK if stored in HEALTHY else Health(stored)
        if spells and spells[-1].health == health:
            spells[-1] = replace(spells[-1], last=at, polls=spells[-1].polls + 1)
        else:
            spells.append(Spell(health, at, at, 1, reason))
    return spells[::-1]


def _note(feed: Feed, health: Health, days: Sequence[dt.date]) -> str:
    if not feed.enabled:
        return f"{feed.status}: {feed.status_note}" if feed.status_note else feed.status
    if health == Health.STALE:
        return f"answers, but its newest item is of {days[-1]}"
    if health == Health.UNKNOWN:
        return "not polled yet"
    return feed.last_error if health not in HEALTHY else feed.status_note
