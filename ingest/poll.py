"""Polling: the thin shell around `policy`, `fetch`, `parse` and `articles`.

Feeds are fetched side by side and stored one after the other. What a feed brought and the validators that say "I have
this" are committed together: a crash between the two would lose the items for good, as the next answer would be a 304.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.articles import StoreCounts, store_entries
from ingest.check import CheckRow, check_feeds
from ingest.fetch import Failed, Fetched, Fetcher, Outcome, open_fetcher
from ingest.health import days_with_items, usual_gaps, with_silence
from ingest.hosts import Hosts, host_of
from ingest.model import OnTopic, ParsedFeed
from ingest.parse import parse
from ingest.policy import (
    HEALTHY,
    Due,
    FeedState,
    Health,
    Move,
    Verdict,
    conditional,
    due,
    judge,
    moved,
    rests_until,
)
from ingest.roster import IMPORT_KIND, forget_validators
from ingest.stories import StoryIndex
from ingest.transact import in_transaction
from store.db import Store
from store.models import Feed, Poll
from store.progress import Progress, silent
from store.settings import Settings

__all__ = ["CheckRow", "PollReport", "PollRow", "check_feeds", "poll_feeds"]

_log = logging.getLogger("ricwatch.ingest")


@dataclass(frozen=True, slots=True)
class PollRow:
    """What the poll of one feed gave. `network`: no response arrived at all; `stored`: it is on record."""

    key: str
    outlet: str
    bloc: str
    outcome: str
    health: Health
    http_status: int | None
    reason: str
    seen: int
    new: int
    known: int
    off_topic: int
    bad: int
    seconds: float
    network: bool
    stored: bool = True

    @property
    def answered(self) -> bool:
        """Whether it sent a feed, changed or not."""
        return self.outcome in ("fetched", "same_body", "not_modified")


@dataclass(frozen=True, slots=True)
class PollReport:
    """The outcome of a poll: a row per feed that was due, in the roster's order."""

    rows: tuple[PollRow, ...]
    not_due: int = 0

    @property
    def due(self) -> int:
        """Feeds that were polled."""
        return len(self.rows)

    @property
    def answered(self) -> int:
        """Feeds that sent a feed, changed or not."""
        return sum(row.answered for row in self.rows)

    @property
    def new(self) -> int:
        """New articles."""
        return sum(row.new for row in self.rows)

    @property
    def off_topic(self) -> int:
        """New items outside the topic."""
        return sum(row.off_topic for row in self.rows)

    @property
    def nothing_reached(self) -> bool:
        """Whether every polled feed failed before any response: the network is at fault, not the feeds."""
        return bool(self.rows) and all(row.network for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Task:
    """A feed as it stood when the poll began: plain values, for the fetch runs outside any session."""

    key: str
    outlet: str
    bloc: str
    url: str
    timezone: str
    lang: str
    etag: str | None
    last_modified: str | None
    body_sha256: str | None
    state: FeedState
    move: Move

    @property
    def host(self) -> str:
        """The host that is asked first."""
        return host_of(self.url)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back for a task, and what it means."""

    outcome: Outcome
    parsed: ParsedFeed | None
    verdict: Verdict
    move: Move
    seconds: float
    rests_until: dt.datetime | None = None


async def poll_feeds(
    store: Store,
    settings: Settings,
    *,
    now: dt.datetime,
    on_topic: OnTopic,
    keys: Sequence[str] | None = None,
    force: bool = False,
    progress: Progress = silent,
    fetcher: Fetcher | None = None,
) -> PollReport:
    """Poll the enabled feeds that are due at *now* (or those of *keys*), each in a transaction of its own.

    A failure in one feed, of whatever kind, is recorded in its row and never touches another. *force* polls feeds that
    are not due yet. *fetcher* replaces the one made from *settings*.
    """
    tasks, not_due = await asyncio.to_thread(_due_tasks, store, now, keys, force)
    if not tasks:
        return PollReport((), not_due)
    async with open_fetcher(settings) if fetcher is None else nullcontext(fetcher) as client:
        run = _Run(store, settings, client, now=now, on_topic=on_topic)
        done = 0

        async def one(task: _Task) -> PollRow:
            nonlocal done
            row = await run.poll(task)
            done += 1
            progress(done, len(tasks), task.key)
            return row

        rows = await asyncio.gather(*(one(task) for task in tasks))
    return PollReport(tuple(rows), not_due)


def _due_tasks(store: Store, now: dt.datetime, keys: Sequence[str] | None, force: bool) -> tuple[list[_Task], int]:
    tasks: list[_Task] = []
    not_due = 0
    with store.session() as session:
        full = dict(
            session.execute(
                select(Poll.feed_key, func.max(Poll.started_at))
                .where(Poll.outcome.in_(("fetched", "same_body")))
                .group_by(Poll.feed_key)
            )
            .tuples()
            .all()
        )
        gaps = usual_gaps(session, now.date())
        query = select(Feed).where(Feed.kind != IMPORT_KIND).order_by(Feed.key)
        if keys is not None:
            query = query.where(Feed.key.in_(keys))
        for feed in session.scalars(query):
            state = FeedState(feed.enabled, Health(feed.health), feed.failures, feed.next_poll_at, full.get(feed.key))
            answer = due(state, now, force=force, named=keys is not None)
            if answer == Due.YES:
                ask = conditional(state, now)
                move = Move(feed.moved_to, feed.moved_seen)
                tasks.append(
                    _Task(
                        feed.key,
                        feed.outlet,
                        feed.bloc,
                        feed.moved_to if move.settled else feed.url,
                        feed.timezone,
                        feed.lang,
                        feed.etag if ask else None,
                        feed.last_modified if ask else None,
                        feed.body_sha256,
                        replace(state, gap_hours=gaps.get(feed.key)),
                        move,
                    )
                )
            elif answer != Due.DISABLED:
                not_due += 1
    return tasks, not_due


class _Run:
    """One poll: what all its feeds share."""

    def __init__(
        self, store: Store, settings: Settings, fetcher: Fetcher, *, now: dt.datetime, on_topic: OnTopic
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._now = now
        self._on_topic = on_topic
        self._max_items = settings.feed_max_items
        self._slots = asyncio.Semaphore(settings.poll_concurrency)
        self._hosts = Hosts(settings.host_spacing)
        self._writer = asyncio.Lock()
        self._stories = StoryIndex()

    async def poll(self, task: _Task) -> PollRow:
        """Ask one feed and store what it brought."""
        # The host first: a slot is not held by a feed that waits for its turn at a busy host.
        async with self._hosts.turn(task.host), self._slots:
            started = time.perf_counter()
            if until := self._hosts.resting(task.host, self._now):
                return _postponed(task, until)
            try:
                return await self._poll(task, started)
            except Exception as error:  # one feed must never lose the others
                _log.exception("polling %s failed", task.key)
                return _lost(task, error, time.perf_counter() - started)

    async def _poll(self, task: _Task, started: float) -> PollRow:
        outcome = await self._fetcher.fetch(task.url, etag=task.etag, last_modified=task.last_modified)
        same = isinstance(outcome, Fetched) and outcome.sha256 == task.body_sha256
        parsed = None
        if isinstance(outcome, Fetched) and not same:
            parsed = await asyncio.to_thread(
                parse, outcome.body, outcome.headers, task, now=self._now, max_items=self._max_items
            )
        verdict = judge(task.key, task.state, outcome, parsed, same_body=same, now=self._now)
        until = rests_until(outcome, self._now)
        if until is not None:
            self._hosts.rest(task.host, until)
        move = moved(task.move, outcome, parsed, same_body=same)
        answer = _Answer(outcome, parsed, verdict, move, time.perf_counter() - started, until)
        async with self._writer:
            return await asyncio.to_thread(self._commit, task, answer)

    def _commit(self, task: _Task, answer: _Answer) -> PollRow:
        return in_transaction(
            self._store,
            lambda session: self._record(session, task, answer),
            undo=self._stories.reset,
            what=task.key,
        )

    def _record(self, session: Session, task: _Task, answer: _Answer) -> PollRow:
        """One transaction: the poll, its items, the validators and the next poll."""
        outcome, parsed, verdict = answer.outcome, answer.parsed, answer.verdict
        entries = parsed.entries if parsed else ()
        poll = Poll(
            feed_key=task.key,
            started_at=self._now,
            outcome=verdict.outcome,
            http_status=outcome.status,
            reason=verdict.reason,
            size=len(outcome.body) if isinstance(outcome, Fetched) else 0,
            seconds=answer.seconds,
            seen=len(entries) + (parsed.bad + parsed.left if parsed else 0),
            bad=parsed.bad if parsed else 0,
        )
        # The first statement writes: SQLite then waits for its turn, instead of failing when a reader becomes a writer.
        session.add(poll)
        session.flush()
        feed = session.get_one(Feed, task.key)
        counts = StoreCounts()
        if entries:
            counts = store_entries(
                session, feed, poll.id, entries, now=self._now, on_topic=self._on_topic, stories=self._stories
            )
        poll.new, poll.known, poll.off_topic = counts.new, counts.known, counts.off_topic
        health = _update(session, feed, answer, counts, self._now)
        if answer.rests_until is not None:
            _rest_host(session, task.host, answer.rests_until)
        session.flush()
        return PollRow(
            key=task.key,
            outlet=task.outlet,
            bloc=task.bloc,
            outcome=verdict.outcome,
            health=health,
            http_status=poll.http_status,
            reason=poll.reason,
            seen=poll.seen,
            new=poll.new,
            known=poll.known,
            off_topic=poll.off_topic,
            bad=poll.bad,
            seconds=answer.seconds,
            network=isinstance(outcome, Failed) and outcome.network,
        )


def _update(session: Session, feed: Feed, answer: _Answer, counts: StoreCounts, now: dt.datetime) -> Health:
    """Bring validators, schedule and state of *feed* to what the answer means."""
    verdict = answer.verdict
    if isinstance(answer.outcome, Fetched):
        if verdict.keep_validators:
            feed.etag, feed.last_modified = answer.outcome.etag, answer.outcome.last_modified
            feed.body_sha256 = answer.outcome.sha256
        else:
            forget_validators(feed)
    if verdict.success:
        feed.last_success_at = now
    if counts.new or counts.off_topic:
        feed.last_new_at = now
    if (feed.moved_to, feed.moved_seen) != (answer.move.to, answer.move.seen):
        feed.moved_to, feed.moved_seen = answer.move.to, answer.move.seen
        if answer.move.settled or not answer.move.to:
            forget_validators(feed)  # they are of the other address
    feed.failures = verdict.failures
    feed.next_poll_at = verdict.next_poll_at
    feed.last_error = "" if verdict.success else verdict.reason or feed.last_error
    health = with_silence(verdict.health, days_with_items(session, feed.key), now.date())
    if feed.health != health:
        # Ok and unmodified are one condition: the feed has been well since the first of them.
        if not (feed.health in HEALTHY and health in HEALTHY):
            feed.health_since = now
        feed.health = str(health)
    return health


def _rest_host(session: Session, host: str, until: dt.datetime) -> None:
    """Put off every feed of *host*, as its 429 asks."""
    for other in session.scalars(select(Feed).where(Feed.kind != IMPORT_KIND, Feed.enabled)):
        if host in (host_of(other.url), host_of(other.moved_to)):
            other.next_poll_at = max(until, other.next_poll_at or until)


def _postponed(task: _Task, until: dt.datetime) -> PollRow:
    """A feed that was due and not asked, since its host asks to be left alone; its row was put off with the others."""
    reason = f"not asked before {until:%Y-%m-%d %H:%M} UTC: its host said that it is asked too often"
    return _nothing(task, "postponed", reason, 0.0)


def _lost(task: _Task, error: Exception, seconds: float) -> PollRow:
    return _nothing(task, "failed", f"not stored: {type(error).__name__}: {error}".splitlines()[0][:300], seconds)


def _nothing(task: _Task, outcome: str, reason: str, seconds: float) -> PollRow:
    """A row of which nothing is on record."""
    return PollRow(
        key=task.key,
        outlet=task.outlet,
        bloc=task.bloc,
        outcome=outcome,
        health=task.state.health,
        http_status=None,
        reason=reason,
        seen=0,
        new=0,
        known=0,
        off_topic=0,
        bad=0,
        seconds=seconds,
        network=False,
        stored=False,
    )
