"""Polling: the thin shell around `policy`, `fetch`, `parse` and `record`.

Feeds are fetched side by side and stored in turn, those that wait for the database together.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ingest.apart import NoProcess
from ingest.check import CheckRow, check_feeds
from ingest.fetch import Failed, FailedReason, Fetched, Fetcher, open_fetcher
from ingest.health import usual_gaps
from ingest.hosts import Claim, Resting, Way
from ingest.leases import still_held
from ingest.model import OnTopic
from ingest.pages import TextReport
from ingest.parse import Response
from ingest.parsepool import ParsePool
from ingest.policy import (
    FULL_EVERY,
    Due,
    FeedState,
    Health,
    Move,
    at_roster,
    conditional,
    due,
    judge,
    moved,
    rests_until,
)
from ingest.polled import Answer, PollRow, Standing, Task
from ingest.record import record
from ingest.roster import IMPORT_KIND
from ingest.sharedhosts import SharedHosts, open_hosts
from ingest.stories import StoryIndex
from store.db import Store
from store.errors import StoreError
from store.faults import concerns_all, in_words
from store.models import Feed, Poll
from store.progress import Progress, silent
from store.settings import Settings
from store.steps import LEASE
from store.transact import in_transaction

__all__ = ["CheckRow", "PollReport", "PollRow", "check_feeds", "poll_feeds"]

GATHER_S, GATHER_STEPS = 0.02, 10
"""Seconds for which answers are gathered before they are stored together, while others are still asked for."""
SIDE_BY_SIDE = 400
"""Feeds that wait for their host, are asked or are stored at the same time: each takes some 5 kB meanwhile."""
TOGETHER = 200
"""Answers that are stored together at most: it is one transaction, and other processes wait for it."""
_log = logging.getLogger("ricwatch.ingest")


@dataclass(frozen=True, slots=True)
class PollReport:
    """The outcome of a poll: a row per feed that was due, in the roster's order; `texts` is of the pages after it.

    `elsewhere` counts the feeds that were due as well, and which another worker polled meanwhile.
    """

    rows: tuple[PollRow, ...]
    not_due: int = 0
    elsewhere: int = 0
    texts: TextReport = field(default_factory=TextReport)

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
    hosts: SharedHosts | None = None,
) -> PollReport:
    """Poll the enabled feeds that are due at *now* (or those of *keys*); each is stored whole or not at all.

    A failure in one feed, of whatever kind, is recorded in its row and never touches another; only what the database or
    this machine did is on record nowhere, since it is no feed's. *force* polls feeds that
    are not due yet. *fetcher* replaces the one made from *settings*; *hosts* are shared with what else a run asks of
    them. A feed that another worker of the same store is polling is waited for, and polled only if that worker dies.

    Raises:
        StoreError: the database took nothing more; what was not stored is asked for again by the next poll.
    """
    tasks, not_due = await asyncio.to_thread(_due_tasks, store, now, keys, force)
    if not tasks:
        return PollReport((), not_due)
    async with (
        open_fetcher(settings) if fetcher is None else nullcontext(fetcher) as client,
        open_hosts(store, settings) if hosts is None else nullcontext(hosts) as shared,
        ParsePool() as parsers,
    ):
        run = _Run(store, settings, client, shared, parsers, now=now, on_topic=on_topic)
        rows: dict[str, PollRow | None] = {}
        coming = iter(_in_turn(tasks))

        async def one_by_one() -> None:
            for task in coming:
                rows[task.key] = await run.poll(task)
                progress(len(rows), len(tasks), task.key)

        await asyncio.gather(*(one_by_one() for _ in tasks[:SIDE_BY_SIDE]))
        if run.broken is not None:
            raise in_words(run.broken, store.url) or run.broken
    polled = tuple(row for task in tasks if (row := rows[task.key]) is not None)
    return PollReport(polled, not_due, len(rows) - len(polled))


def _in_turn(tasks: Sequence[Task]) -> list[Task]:
    """The first feed of each host, then the second of each, and so on.

    So those that wait together are of as many hosts as there are, and a host with hundreds of feeds keeps none waiting.
    """
    asked: Counter[str] = Counter()
    place: dict[str, int] = {}
    for task in tasks:
        host = task.host
        place[task.key] = asked[host]
        asked[host] += 1
    return sorted(tasks, key=lambda task: place[task.key])


def _due_tasks(store: Store, now: dt.datetime, keys: Sequence[str] | None, force: bool) -> tuple[list[Task], int]:
    tasks: list[Task] = []
    not_due = 0
    with store.session() as session:
        full = dict(
            session.execute(
                select(Poll.feed_key, func.max(Poll.started_at))
                # Older ones decide nothing, and years of them need not be read each hour.
                .where(Poll.started_at > now - FULL_EVERY, Poll.outcome.in_(("fetched", "same_body")))
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
                    Task(
                        feed.key,
                        feed.outlet,
                        feed.bloc,
                        feed.moved_to if move.settled else feed.url,
                        feed.timezone,
                        feed.lang,
                        ask,
                        Standing(
                            feed.etag,
                            feed.last_modified,
                            feed.body_sha256,
                            feed.last_success_at,
                            feed.last_new_at,
                            feed.health_since,
                            feed.last_error,
                        ),
                        replace(state, gap_hours=gaps.get(feed.key), ttl=feed.ttl_seconds),
                        move,
                        feed.polls,
                    )
                )
            elif answer != Due.DISABLED:
                not_due += 1
    return tasks, not_due


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another worker polled the feed: it was first, or took over from this one, whose lease had ended."""


@dataclass(slots=True)
class _Waiter:
    """An answer that waits to be stored; `told` is what became of it."""

    task: Task
    answer: Answer
    told: PollRow | Elsewhere | Exception | None = None


class _Run:
    """One poll: what all its feeds share."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        fetcher: Fetcher,
        hosts: SharedHosts,
        parsers: ParsePool,
        *,
        now: dt.datetime,
        on_topic: OnTopic,
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._parsers = parsers
        self._now = now
        self._on_topic = on_topic
        self._max_items = settings.feed_max_items
        self._slots = asyncio.Semaphore(settings.poll_concurrency)
        self._room = asyncio.Semaphore(settings.poll_concurrency * 2)
        self._hosts = hosts
        self._writer = asyncio.Lock()
        self._waiting: list[_Waiter] = []
        self._asking = 0
        self._stories = StoryIndex()
        self.broken: Exception | None = None

    async def poll(self, task: Task) -> PollRow | None:
        """Ask one feed and store what it brought; None where another worker did."""
        async with Way(self._hosts, self._now, self._hold) as way:
            try:
                turn = await way.to(task.host, Claim(task.key, task.polls))
                if turn.missed:
                    return None
                answer = await self._ask(task, way)
                await way.asking.aclose()
                if answer.parsed is None:
                    await way.kept.aclose()  # what brought nothing takes no room
                told = await self._store_in_turn(task, answer)
                return told if isinstance(told, PollRow) else None
            except Resting as resting:
                return _postponed(task, resting.until)
            except Exception as error:  # one feed must never lose the others
                if self.broken is None and concerns_all(error):
                    self.broken = error
                if error is not self.broken:  # that one is told once, for all
                    _log.exception("polling %s failed", task.key)
                lost = _lost(task, error, way.seconds)
                return lost if self.broken is not None or _of_machine(error) else await self._own_up(task, lost, way)

    async def _own_up(self, task: Task, lost: PollRow, way: Way) -> PollRow:
        """Put on record that the monitor stumbled over the feed, so that failures, waits and health tell of it.

        *lost* is told instead where that fails too, or where the feed is no longer leased to this worker.
        """
        try:
            await way.asking.aclose()
            await way.kept.aclose()
            outcome = Failed(FailedReason.FAULT, lost.reason)
            verdict = judge(task.key, task.state, outcome, None, same_body=False, now=self._now)
            move = moved(task.move, outcome, None, same_body=False)
            told = await self._store_in_turn(task, Answer(outcome, 0, None, verdict, move, way.seconds))
        except Exception:
            if self.broken is None:
                _log.exception("that polling %s failed could not be stored", task.key)
            return lost
        return told if isinstance(told, PollRow) else lost

    async def _hold(self, way: Way) -> None:
        """Room until the answer is stored, which bounds how many lie in memory, and a slot while the feed is asked.

        There is more room than there are slots, so that some feeds are asked while others are stored.
        """
        await way.kept.enter_async_context(self._room)
        await way.asking.enter_async_context(self._slots)
        self._asking += 1
        way.asking.callback(self._asked)
        if self.broken is not None:
            raise self.broken

    def _asked(self) -> None:
        self._asking -= 1

    async def _ask(self, task: Task, way: Way) -> Answer:
        before = task.standing
        etag, last_modified = (before.etag, before.last_modified) if task.conditional else (None, None)
        outcome = await self._fetcher.fetch(task.url, etag=etag, last_modified=last_modified, onward=way.onward)
        same = isinstance(outcome, Fetched) and outcome.sha256 == before.body_sha256
        parsed, size = None, 0
        if isinstance(outcome, Fetched):
            size = len(outcome.body)
            if not same:
                response = Response(outcome.body, outcome.headers, task, self._now, self._max_items)
                parsed = await self._parsers.plain(response)
                if parsed is None:
                    await way.asking.aclose()  # others can be asked while it is read
                    parsed = await self._parsers.any(response)
            outcome = replace(outcome, body=b"")
        outcome = at_roster(task.move, outcome)
        verdict = judge(task.key, task.state, outcome, parsed, same_body=same, now=self._now)
        rests = None
        if until := rests_until(outcome, self._now):
            rests = (way.host, until)
            self._hosts.rest(*rests)
        move = moved(task.move, outcome, parsed, same_body=same)
        return Answer(outcome, size, parsed, verdict, move, way.seconds, rests)

    async def _store_in_turn(self, task: Task, answer: Answer) -> PollRow | Elsewhere:
        """Wait for the database; who gets it stores for all who wait, and lets some more come first."""
        waiter = _Waiter(task, answer)
        self._waiting.append(waiter)
        async with self._writer:
            if waiter.told is None:
                for _ in range(GATHER_STEPS):
                    if not self._asking:
                        break
                    await asyncio.sleep(GATHER_S / GATHER_STEPS)
                group, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
                rows = await asyncio.to_thread(self._commit, [(one.task, one.answer) for one in group])
                for one, row in zip(group, rows, strict=True):
                    one.told = row
        if not isinstance(waiter.told, PollRow | Elsewhere):
            raise waiter.told or RuntimeError(f"{task.key} was left out of its group")
        return waiter.told

    def _commit(self, group: Sequence[tuple[Task, Answer]]) -> list[PollRow | Elsewhere | Exception]:
        """A row for each of *group*, or why it could not be stored; where one fails, each is stored by itself.

        Where the database itself is at fault, the rest is not tried: each feed would wait for the lock anew.
        """
        if self.broken is not None:
            return [self.broken] * len(group)
        try:
            return list(
                in_transaction(
                    self._store,
                    lambda session: self._record(session, group),
                    undo=self._stories.reset,
                    what=", ".join(task.key for task, _ in group),
                )
            )
        except Exception as error:
            if concerns_all(error):
                self.broken = error
            if self.broken is not None or len(group) == 1:
                return [error] * len(group)
        return [row for one in group for row in self._commit([one])]

    def _record(self, session: Session, group: Sequence[tuple[Task, Answer]]) -> list[PollRow | Elsewhere]:
        """Store those of *group* whose feeds are still leased to this worker."""
        leases = self._hosts.leases
        held = still_held(session, leases.holder, [task.key for task, _ in group], leases.now() + LEASE)
        ours = [(task, answer) for task, answer in group if task.key in held]
        rows = iter(
            record(session, ours, now=self._now, on_topic=self._on_topic, stories=self._stories) if ours else ()
        )
        return [next(rows) if task.key in held else Elsewhere() for task, _ in group]


def _postponed(task: Task, until: dt.datetime) -> PollRow:
    """A feed that was due and not asked, since its host asks to be left alone; its row was put off with the others."""
    reason = f"not asked before {until:%Y-%m-%d %H:%M} UTC: its host said that it is asked too often"
    return _nothing(task, "postponed", reason, 0.0)


def _of_machine(error: Exception) -> bool:
    """Whether *error* is of the database, the disk or the memory, and hence no feed's: no feed is to wait for it."""
    return isinstance(error, SQLAlchemyError | StoreError | MemoryError | NoProcess) or in_words(error) is not None


def _lost(task: Task, error: Exception, seconds: float) -> PollRow:
    told = f"not stored: {type(error).__name__}: {error}".splitlines()[0][:300]
    # What a database refuses in a text, such as half of a surrogate pair, may be what the error speaks of.
    reason = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in told)
    return _nothing(task, "failed", reason, seconds)


def _nothing(task: Task, outcome: str, reason: str, seconds: float) -> PollRow:
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
