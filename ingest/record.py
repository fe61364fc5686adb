"""Answers are put on record, several in one transaction: each with its items, its validators and its next poll.

A feed's validators say "I have this", so they are never committed without what they stand for: a crash between the two
would lose the items for good, as the next answer would be a 304. Several feeds share a transaction because one costs as
much as storing an unchanged feed does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from ingest.articles import Offer, StoreCounts, store_offers
from ingest.fetch import Failed, Fetched
from ingest.health import days_of_feeds, with_silence
from ingest.hosts import host_of
from ingest.model import OnTopic
from ingest.policy import HEALTHY, Health
from ingest.polled import Answer, PollRow, Task
from ingest.roster import IMPORT_KIND
from ingest.stories import StoryIndex
from store.models import Feed, Poll
from store.numbered import add_numbered

_POLL = cast(Table, Poll.__table__)
_FEED = cast(Table, Feed.__table__)
# Core statements made once: the unit of work of the ORM costs several times what the rows do.
_AMEND_POLL = update(_POLL).where(_POLL.c.id == bindparam("poll"))
# With the answer on record the feed's lease has done its work.
_MOVE_FEED = update(_FEED).where(_FEED.c.key == bindparam("feed")).values(polls=_FEED.c.polls + 1, leased_to="")


def record(
    session: Session,
    answered: Sequence[tuple[Task, Answer]],
    *,
    now: dt.datetime,
    on_topic: OnTopic,
    stories: StoryIndex,
) -> list[PollRow]:
    """Store what *answered* brought, and the polls themselves; the caller commits, all of it or nothing."""
    polls = [_poll(task, answer, now) for task, answer in answered]
    numbers = add_numbered(session, _POLL, polls)
    offers = {
        at: Offer(task, number, answer.parsed.entries)
        for at, ((task, answer), number) in enumerate(zip(answered, numbers, strict=True))
        if answer.parsed and answer.parsed.entries
    }
    stored = store_offers(session, list(offers.values()), now=now, on_topic=on_topic, stories=stories)
    found = dict(zip(offers, stored, strict=True))
    counts = [found.get(at, StoreCounts()) for at in range(len(answered))]
    counted = [
        {"poll": number, "new": count.new, "known": count.known, "off_topic": count.off_topic}
        for number, count in zip(numbers, counts, strict=True)
        if count != StoreCounts()
    ]
    if counted:
        session.execute(_AMEND_POLL, counted)
    days = days_of_feeds(session, [task.key for task, _ in answered])
    moves = [
        _moved(task, answer, count, with_silence(answer.verdict.health, days.get(task.key, []), now.date()), now)
        for (task, answer), count in zip(answered, counts, strict=True)
    ]
    session.execute(_MOVE_FEED, moves)
    # Whether a feed that answers has gone silent is known only now, by what its answer brought; it is rare.
    silent = [
        {"poll": number, "health": move["health"]}
        for number, poll, move in zip(numbers, polls, moves, strict=True)
        if move["health"] != poll["health"]
    ]
    if silent:
        session.execute(_AMEND_POLL, silent)
    for _, answer in answered:
        if answer.rests is not None:
            rest_host(session, *answer.rests)
    return [
        _row(task, answer, poll, count, Health(move["health"]))
        for (task, answer), poll, count, move in zip(answered, polls, counts, moves, strict=True)
    ]


def _poll(task: Task, answer: Answer, now: dt.datetime) -> dict[str, Any]:
    parsed = answer.parsed
    return {
        "feed_key": task.key,
        "started_at": now,
        "outcome": answer.verdict.outcome,
        "http_status": answer.outcome.status,
        "reason": answer.verdict.reason,
        "size": answer.size,
        "seconds": answer.seconds,
        "seen": len(parsed.entries) + parsed.bad + parsed.left if parsed else 0,
        "bad": parsed.bad if parsed else 0,
        "left": parsed.left if parsed else 0,
        "health": str(answer.verdict.health),
    }


def _moved(task: Task, answer: Answer, counts: StoreCounts, health: Health, now: dt.datetime) -> dict[str, Any]:
    """Validators, schedule and state of a feed, as the answer leaves them."""
    before, verdict = task.standing, answer.verdict
    etag, last_modified, body_sha256 = before.etag, before.last_modified, before.body_sha256
    if isinstance(answer.outcome, Fetched):
        etag = last_modified = body_sha256 = None
        if verdict.keep_validators:
            etag, last_modified = answer.outcome.etag, answer.outcome.last_modified
            body_sha256 = answer.outcome.sha256
    if answer.move != task.move and (answer.move.settled or not answer.move.to):
        etag = last_modified = body_sha256 = None  # they are of the other address
    before_health = task.state.health
    # Ok and unmodified are one condition: the feed has been well since the first of them.
    same = before_health == health or (before_health in HEALTHY and health in HEALTHY)
    return {
        "feed": task.key,
        "etag": etag,
        "last_modified": last_modified,
        "body_sha256": body_sha256,
        "last_success_at": now if verdict.success else before.last_success_at,
        "last_new_at": now if counts.new or counts.off_topic else before.last_new_at,
        "ttl_seconds": answer.parsed.ttl if answer.parsed and verdict.success else task.state.ttl,
        "moved_to": answer.move.to,
        "moved_seen": answer.move.seen,
        "failures": verdict.failures,
        "next_poll_at": verdict.next_poll_at,
        "last_error": "" if verdict.success else verdict.reason or before.last_error,
        "health": str(health),
        "health_since": before.health_since if same else now,
    }


def rest_host(session: Session, host: str, until: dt.datetime) -> None:
    """Put off every feed of *host*, as its 429 asks."""
    for other in session.scalars(select(Feed).where(Feed.kind != IMPORT_KIND, Feed.enabled)):
        if host in (host_of(other.url), host_of(other.moved_to)):
            other.next_poll_at = max(until, other.next_poll_at or until)
    session.flush()


def _row(task: Task, answer: Answer, poll: dict[str, Any], counts: StoreCounts, health: Health) -> PollRow:
    return PollRow(
        key=task.key,
        outlet=task.outlet,
        bloc=task.bloc,
        outcome=answer.verdict.outcome,
        health=health,
        http_status=poll["http_status"],
        reason=poll["reason"],
        seen=poll["seen"],
        new=counts.new,
        known=counts.known,
        off_topic=counts.off_topic,
        bad=poll["bad"],
        seconds=answer.seconds,
        network=isinstance(answer.outcome, Failed) and answer.outcome.network,
    )
