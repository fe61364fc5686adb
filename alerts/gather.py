"""From the database to the facts of a digest. Only reads; decides nothing but which shifts are told in which place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.facts import ClaimFact, FeedFact, FeedsFact, FeedState, ShiftFact, evidence_from_json
from alerts.model import Direction, Kind, SeriesKey
from alerts.narrativenews import untold
from alerts.notify import TELLING, DigestKind, Situation, Untold
from alerts.shifts import STANDING, series_key, stands
from alerts.themes import theme_names
from ingest.health import FeedHealth, feed_health
from ingest.policy import HEALTHY, Health
from ingest.roster import IMPORT_KIND
from store.models import Claim, Digest, Feed, FeedDay, SeedDocument, Shift, Vote
from store.settings import Settings

FRESH_DAYS = 28
"""A shift found longer ago than this is history and no news: after a backfill the past is described, not alerted."""


@dataclass(frozen=True, slots=True)
class Told:
    """The shifts of a digest: `news` in full, `earlier` in a line each, `ids` of all that it tells first."""

    news: tuple[ShiftFact, ...]
    earlier: tuple[ShiftFact, ...]
    ids: tuple[tuple[int, str], ...]


def told_days(session: Session, zone: ZoneInfo) -> dict[int, dt.date]:
    """The readers' day on which each shift was told."""
    days: dict[int, dt.date] = {}
    rows = session.execute(
        select(Digest.shift_ids, Digest.composed_at).where(Digest.kind.in_(TELLING)).order_by(Digest.composed_at)
    )
    for shifts, moment in rows:
        for shift in shifts:
            days.setdefault(int(shift["id"]), moment.astimezone(zone).date())
    return days


def find_situation(
    session: Session, settings: Settings, model: str, day: dt.date, now: dt.datetime
) -> tuple[Situation, list[ShiftFact]]:
    """What the decision rests on, and every shift up to *day* of this model, the newest first."""
    shifts = shift_facts(session, model, day, settings.zone, theme_names(settings))
    sent = session.execute(
        select(Digest.kind, Digest.day, Digest.composed_at).where(Digest.kind.in_(TELLING), Digest.day <= day)
    ).all()
    return (
        Situation(
            today=now.astimezone(settings.zone).date(),
            day=day,
            weekly_day=settings.weekly_day,
            untold=tuple(Untold(s.id, s.dyad, s.returned) for s in shifts if is_news(s, day)),
            last_full=max((row.composed_at.astimezone(settings.zone).date() for row in sent), default=None),
            sent=frozenset((DigestKind(row.kind), row.day) for row in sent),
            narratives=len(untold(session, day)),
        ),
        shifts,
    )


def is_news(shift: ShiftFact, day: dt.date) -> bool:
    """Whether *shift* is to be told: not told before, found lately, and not over already.

    A shift that came and went between two digests is listed in the next one and wakes nobody.
    """
    return shift.told_on is None and _fresh(shift, day) and shift.status in STANDING


def _fresh(shift: ShiftFact, day: dt.date) -> bool:
    return (day - shift.detected).days < FRESH_DAYS


def choose(shifts: Sequence[ShiftFact], kind: DigestKind, day: dt.date, in_force: frozenset[int]) -> Told:
    """Which shifts a digest of *kind* tells, and how.

    A digest that someone asked for tells the recent ones in full, told or not, and marks none as told.
    """
    if kind in TELLING:
        news = [shift for shift in shifts if is_news(shift, day)]
    else:
        news = [shift for shift in shifts if _fresh(shift, day) and shift.status in STANDING]
    shown = {shift.id for shift in news}
    gone = [s for s in shifts if s.told_on is None and _fresh(s, day) and s.status not in STANDING]
    listed = {shift.id for shift in gone} | (in_force - shown)
    earlier = [shift for shift in shifts if shift.id in listed]
    ids = [(shift.id, shift.dyad) for shift in (*news, *gone)] if kind in TELLING else []
    return Told(tuple(news), tuple(earlier), tuple(ids))


def shift_facts(
    session: Session, model: str, day: dt.date, zone: ZoneInfo, themes: Mapping[str, str]
) -> list[ShiftFact]:
    """The shifts that *model* found up to *day*, the newest first; *themes* are the names of the themes by code."""
    rows = list(
        session.scalars(
            select(Shift).where(Shift.model == model, Shift.detected <= day).order_by(Shift.detected, Shift.id)
        )
    )
    told = told_days(session, zone)
    back = returns(rows)
    facts = [
        ShiftFact(
            id=row.id,
            dyad=row.dyad,
            kind=Kind(row.kind),
            direction=Direction(row.direction),
            onset=row.onset,
            detected=row.detected,
            magnitude=row.magnitude,
            low=row.low,
            high=row.high,
            before=row.before,
            after=row.after,
            log_evidence=row.log_evidence,
            threshold=row.threshold,
            years=row.years,
            confidence=row.confidence,
            status=row.status,
            text=row.text,
            evidence=evidence_from_json(row.evidence),
            returned=row.id in back,
            told_on=told.get(row.id),
            theme=themes.get(row.theme, row.theme),
            bloc=row.bloc,
        )
        for row in rows
    ]
    return facts[::-1]


def returns(rows: Sequence[Shift]) -> frozenset[int]:
    """The shifts that undid the one before them: the detector marks that one as returned."""
    series: dict[SeriesKey, list[Shift]] = {}
    for row in rows:
        series.setdefault(series_key(row), []).append(row)
    return frozenset(
        later.id for line in series.values() for earlier, later in pairwise(line) if earlier.status == "returned"
    )


def ids_in_force(session: Session, model: str, day: dt.date) -> frozenset[int]:
    """The shifts that a reader should still hold against the usual level on *day*."""
    rows = session.scalars(select(Shift).where(Shift.model == model, Shift.detected <= day))
    return frozenset(shift.id for shift in rows if stands(shift, day))


def gather_feeds(session: Session, start: dt.date, day: dt.date, now: dt.datetime) -> FeedsFact:
    """The enabled feeds, and what they and the imports brought from *start* to *day*."""
    brought = {True: (0, 0), False: (0, 0)}
    for kind, seen, on_topic in session.execute(
        select(Feed.kind, func.sum(FeedDay.seen), func.sum(FeedDay.on_topic))
        .join(Feed, Feed.key == FeedDay.feed_key)
        .where(FeedDay.day >= start, FeedDay.day <= day)
        .group_by(Feed.kind)
    ):
        before = brought[kind == IMPORT_KIND]
        brought[kind == IMPORT_KIND] = (before[0] + int(seen), before[1] + int(on_topic))
    imported = brought[True][0]
    feeds = [_feed(feed) for feed in feed_health(session, now=now) if feed.enabled]
    if all(feed.state is FeedState.UNPOLLED for feed in feeds) and imported:
        feeds = []  # a database of imports: its roster was loaded and never polled, which is no failure
    return FeedsFact(tuple(feeds), *brought[False], imported=imported)


def _feed(feed: FeedHealth) -> FeedFact:
    if feed.health in HEALTHY:
        state = FeedState.ANSWERED
    elif feed.health in (Health.STALE, Health.EMPTY):
        state = FeedState.STALE
    elif feed.health == Health.UNKNOWN:
        state = FeedState.UNPOLLED
    else:
        state = FeedState.FAILING
    stale = feed.health == Health.STALE
    since = feed.newest_day if stale else feed.health_since.date() if feed.health_since else None
    return FeedFact(
        key=feed.key,
        outlet=feed.outlet,
        bloc=feed.bloc,
        state=state,
        health=str(feed.health),
        since=since,
        last_success=feed.last_success_at.date() if feed.last_success_at else None,
        error=feed.note if state is FeedState.FAILING else "",
    )


def gather_claims(session: Session, shifts: Sequence[ShiftFact]) -> dict[str, ClaimFact]:
    """The claims that the stories of *shifts* touch, with the documents that argue them."""
    ids = {story.claim_id for shift in shifts for story in shift.evidence.stories if story.claim_id}
    rows = session.execute(
        select(Claim, SeedDocument)
        .join(SeedDocument, SeedDocument.key == Claim.document_key)
        .where(Claim.id.in_(sorted(ids)))
    )
    return {
        claim.id: ClaimFact(
            claim.id,
            claim.dyad,
            claim.stance,
            claim.text,
            document.title,
            document.publisher,
            document.published,
        )
        for claim, document in rows
    }


def week_counts(session: Session, model: str, start: dt.date, day: dt.date) -> tuple[int, int]:
    """Stories and outlets of the week over all dyads, each once."""
    stories, outlets = session.execute(
        select(func.count(Vote.story_id.distinct()), func.count(Vote.outlet.distinct())).where(
            Vote.model == model, Vote.day >= start, Vote.day <= day
        )
    ).one()
    return int(stories), int(outlets)
