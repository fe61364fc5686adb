"""From the database to the facts of a digest. Only reads; decides nothing but which shifts are told in which place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.facts import ClaimFact, FeedFact, FeedsFact, FeedState, Outage, ShiftFact, evidence_from_json
from alerts.life import changed_at
from alerts.model import Direction, Kind, SeriesKey
from alerts.narrativenews import NarrativeFact, lately
from alerts.notices import Past, past_of
from alerts.notify import TELLING, DigestKind, Situation
from alerts.outage import holds, outages
from alerts.readers import Reader
from alerts.scope import Held, News, Quiet, Sifted, asked_for_all, concerns, sift
from alerts.shifts import STANDING, series_key, stands
from alerts.silences import in_force
from alerts.themes import theme_names
from ingest.health import FeedHealth, feed_health
from ingest.policy import HEALTHY, Health
from ingest.roster import IMPORT_KIND
from store.models import Claim, Feed, FeedDay, SeedDocument, Shift, Vote
from store.settings import Settings

FRESH_DAYS = 28
"""A shift found longer ago than this is history and no news: after a backfill the past is described, not alerted."""


@dataclass(frozen=True, slots=True)
class Told:
    """The shifts of a digest: `news` in full, `earlier` in a line each, `ids` of all that it tells first.

    `held` are those of `earlier` that are listed and not alerted, with the reason.
    """

    news: tuple[ShiftFact, ...]
    earlier: tuple[ShiftFact, ...]
    ids: tuple[tuple[int, str], ...]
    held: tuple[tuple[int, Held], ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """What all readers' decisions rest on: the shifts of the model, newest first, narratives, silences, outages."""

    shifts: tuple[ShiftFact, ...]
    narratives: tuple[NarrativeFact, ...]
    silences: tuple[Quiet, ...]
    outages: Mapping[int, Outage]
    feeds: FeedsFact
    in_force: frozenset[int]
    undone: Mapping[int, int]
    """By the id of a shift that is a return, the one that it takes back."""
    changed: Mapping[int, dt.datetime]
    """When the status of a shift last changed."""
    day: dt.date
    now: dt.datetime

    def news(self, shift_id: int) -> News:
        """A shift as the decision sees it."""
        return _news(next(shift for shift in self.shifts if shift.id == shift_id), self)


@dataclass(frozen=True, slots=True)
class Desk:
    """What one reader's decision rests on, and the shifts as they concern this reader."""

    situation: Situation
    shifts: tuple[ShiftFact, ...]
    narratives: tuple[NarrativeFact, ...]
    sifted: Sifted
    fresh: frozenset[int]
    """Shifts that were found lately enough to be told this reader."""
    faded: frozenset[int] = frozenset()
    """Shifts that this reader was told, and that faded since their last digest."""


def gather_board(session: Session, settings: Settings, model: str, day: dt.date, now: dt.datetime) -> Board:
    """Everything that is the same for all readers; *day* is the last day of data."""
    rows = shift_rows(session, model, day)
    feeds = gather_feeds(session, day - dt.timedelta(days=6), day, now)
    news = [row for row in rows if (day - row.detected).days < FRESH_DAYS and row.status in STANDING]
    return Board(
        shifts=tuple(shift_facts(rows, theme_names(settings))),
        narratives=lately(session, day),
        silences=tuple(in_force(session, now.astimezone(settings.zone).date())),
        outages=outages(session, model, news, feeds.feeds),
        feeds=feeds,
        in_force=frozenset(row.id for row in rows if stands(row, day)),
        undone=returns(rows),
        changed=changed_at(session),
        day=day,
        now=now,
    )


def desk(board: Board, reader: Reader, past: Past) -> Desk:
    """The board as *reader* sees it, who was told what *past* says."""
    every = [replace(shift, told_on=past.told.get(shift.id)) for shift in board.shifts]
    news = {
        shift.id: replace(
            _news(shift, board),
            follows=board.undone.get(shift.id) in past.told,
            dropped=shift.id in past.dropped,
        )
        for shift in every
    }
    shifts = tuple(shift for shift in every if concerns(news[shift.id], reader))
    late = back_from_pause(reader, board.now)
    fresh_ids = frozenset(
        shift.id for shift in every if is_fresh(shift, board.day) or (late and shift.id in board.in_force)
    )
    untold = [news[shift.id] for shift in every if is_news(shift, fresh_ids)]
    sifted = sift(untold, reader, board.silences)
    fresh = tuple(one for one in board.narratives if one.id not in past.narratives and asked_for_all(reader))
    return Desk(
        Situation(
            reader=reader,
            now=board.now,
            day=board.day,
            untold=sifted.told,
            held=sifted.held,
            last_full=past.last_full,
            sent=past.sent,
            narratives=len(fresh),
        ),
        shifts,
        fresh,
        sifted,
        fresh_ids,
        frozenset(shift.id for shift in shifts if has_faded(shift, past.read_at, board.changed.get(shift.id))),
    )


def has_faded(shift: ShiftFact, read_at: dt.datetime | None, changed: dt.datetime | None) -> bool:
    """Whether *shift* was told, and the reader, who last read of things at *read_at*, does not know that it faded."""
    known = shift.told_on is None or shift.status != "faded"
    return not known and read_at is not None and changed is not None and changed > read_at


def back_from_pause(reader: Reader, now: dt.datetime) -> bool:
    """Whether a pause of *reader* ended lately: what was found long ago, in the pause, may still be news to them."""
    until = reader.paused_until
    return until is not None and 0 <= (reader.local(now).date() - until).days < FRESH_DAYS


def read_desks(session: Session, board: Board, readers: Sequence[Reader]) -> list[Desk]:
    """The desk of each of *readers*, in their order."""
    pasts = past_of(session, readers, board.day)
    return [desk(board, reader, pasts[reader.key]) for reader in readers]


def _news(shift: ShiftFact, board: Board) -> News:
    evidence = shift.evidence
    themes = [(part.name, part.share) for part in evidence.themes]
    outage = board.outages.get(shift.id)
    return News(
        id=shift.id,
        dyad=shift.dyad,
        kind=str(shift.kind),
        themes=((shift.theme_code, 1.0),) if shift.kind is Kind.THEME else tuple(themes),
        bloc=shift.bloc,
        confidence=shift.confidence,
        status=shift.status,
        returned=shift.returned,
        outage=outage is not None and holds(outage, str(shift.kind), (board.day - shift.detected).days),
    )


def is_news(shift: ShiftFact, fresh: frozenset[int]) -> bool:
    """Whether *shift* is to be told: not told before, found lately (in *fresh*), and not over already.

    A shift that came and went between two digests is listed in the next one and wakes nobody.
    """
    return shift.told_on is None and shift.id in fresh and shift.status in STANDING


def is_fresh(shift: ShiftFact, day: dt.date) -> bool:
    """Whether *shift* was found lately: what is older is described, not alerted."""
    return (day - shift.detected).days < FRESH_DAYS


def choose(at: Desk, kind: DigestKind, day: dt.date, in_force: frozenset[int]) -> Told:
    """Which shifts a digest of *kind* tells a reader, and how.

    A digest that someone asked for tells the recent ones in full, told or not, and marks none as told. What is held
    is listed, with its reason, unless it is none of the reader's business. So is, once, what was told and has faded; a
    return to the earlier level is told and not listed again, for it is nothing that holds.
    """
    shifts = at.shifts
    held = {news.id: reason for news, reason in at.sifted.held if reason is not Held.OUT_OF_SCOPE}
    if kind in TELLING:
        news = [shift for shift in shifts if is_news(shift, at.fresh) and shift.id not in held]
    else:
        news = [s for s in shifts if is_fresh(s, day) and s.status in STANDING and s.id not in held]
    shown = {shift.id for shift in news}
    gone = [s for s in shifts if s.told_on is None and is_fresh(s, day) and s.status not in STANDING]
    back = {shift.id for shift in shifts if shift.returned and shift.told_on is not None}
    listed = {shift.id for shift in gone} | (in_force - shown - back) | set(held) | at.faded
    earlier = [shift for shift in shifts if shift.id in listed]
    ids = [(shift.id, shift.dyad) for shift in (*news, *gone)] if kind in TELLING else []
    return Told(tuple(news), tuple(earlier), tuple(ids), tuple(held.items()))


def shift_rows(session: Session, model: str, day: dt.date) -> list[Shift]:
    """The shifts that *model* found up to *day*, the oldest first."""
    chosen = select(Shift).where(Shift.model == model, Shift.detected <= day)
    return list(session.scalars(chosen.order_by(Shift.detected, Shift.id)))


def shift_facts(rows: Sequence[Shift], themes: Mapping[str, str]) -> list[ShiftFact]:
    """The shifts of *rows*, the newest first; *themes* are the names of the themes by code."""
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
            theme=themes.get(row.theme, row.theme),
            theme_code=row.theme,
            bloc=row.bloc,
        )
        for row in rows
    ]
    return facts[::-1]


def returns(rows: Sequence[Shift]) -> dict[int, int]:
    """By the id of each shift that undid the one before it, that one's: the detector marks it as returned."""
    series: dict[SeriesKey, list[Shift]] = {}
    for row in rows:
        series.setdefault(series_key(row), []).append(row)
    return {
        later.id: earlier.id
        for line in series.values()
        for earlier, later in pairwise(line)
        if earlier.status == "returned"
    }


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


def week_counts(
    session: Session, model: str, start: dt.date, day: dt.date, dyads: Sequence[str] = ()
) -> tuple[int, int]:
    """Stories and outlets of the week over *dyads*, or all of them, each once."""
    chosen = select(func.count(Vote.story_id.distinct()), func.count(Vote.outlet.distinct())).where(
        Vote.model == model, Vote.day >= start, Vote.day <= day
    )
    stories, outlets = session.execute(chosen.where(Vote.dyad.in_(dyads)) if dyads else chosen).one()
    return int(stories), int(outlets)
