"""Turns at hosts, and feeds to poll, across all workers that share a store.

    feed    leased to one worker from before its request until its answer is stored, in that same transaction
    host    leased to one worker while that has requests there; it leaves behind from when the next may ask

A lease is a row with its holder and its end. The holder puts the end off while it lives; of one that died the lease
ends by itself, or at once where its death can be seen from here. Who comes second waits, and then finds the feed
polled: a feed counts its polls, and the count is compared when the lease is taken.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Column, Table, Update, bindparam, or_, select, update
from sqlalchemy.orm import Session

from ingest.hosts import Claim
from store.db import Store
from store.holder import has_died, new_holder
from store.models import Feed, HostTurn
from store.steps import LEASE, Clock, over
from store.transact import in_transaction
from store.upsert import upsert

_FEED, _HOST = cast(Table, Feed.__table__), cast(Table, HostTurn.__table__)
_LEAVE_HOST = (
    update(_HOST)
    .where(_HOST.c.host == bindparam("at"), _HOST.c.leased_to == bindparam("me"))
    .values(leased_to="", next_at=bindparam("next"), rests_until=bindparam("rests"))
)
_STILL_HELD = (
    update(_FEED)
    .where(_FEED.c.key.in_(bindparam("keys", expanding=True)), _FEED.c.leased_to == bindparam("me"))
    .values(leased_until=bindparam("until"))
    .returning(_FEED.c.key)
)
_log = logging.getLogger("ricwatch.ingest")


@dataclass(frozen=True, slots=True)
class Taken:
    """It is ours. The host may be asked from `next_at` on, and asked to be left alone until `rests_until`."""

    next_at: dt.datetime | None = None
    rests_until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker holds it."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Another worker polled the feed since the list of due feeds was drawn up."""


Answer = Taken | Busy | Missed


@dataclass(slots=True)
class Leases:
    """The leases of one holder in *store*. *now* gives the moment that ends are reckoned from.

    *spacing*: seconds for which the hosts of a worker that died are left alone.
    """

    store: Store
    holder: str = field(default_factory=new_holder)
    now: Clock = lambda: dt.datetime.now(dt.UTC)
    spacing: float = 0.0
    used: bool = False
    _known: set[str] | None = None

    def take(self, wishes: Sequence[tuple[str, Claim | None]], leave: Iterable[dict[str, Any]] = ()) -> list[Answer]:
        """An answer for each wish: a host ("" where none is needed) and a feed. First gives back the hosts *leave*."""
        given = list(leave)
        self.used = True
        return in_transaction(
            self.store, lambda session: self._take(session, wishes, given), undo=self._forget, what="taking leases"
        )

    def _forget(self) -> None:
        self._known = set()  # who adds a host that is there already adds nothing

    def _take(
        self, session: Session, wishes: Sequence[tuple[str, Claim | None]], leave: list[dict[str, Any]]
    ) -> list[Answer]:
        if self._known is None:
            self._known = set(session.scalars(select(_HOST.c.host)))
        if leave:
            session.execute(_LEAVE_HOST, leave)
        now = self.now()
        until = now + LEASE
        keys = sorted({claim.feed for _, claim in wishes if claim is not None})
        polls = self._take_feeds(session, keys, now, until) if keys else {}
        answers: list[Answer | None] = [None] * len(wishes)
        hosts: set[str] = set()
        idle: set[str] = set()
        for number, (host, claim) in enumerate(wishes):
            if claim is not None and claim.feed not in polls:
                answers[number] = Busy()
            elif claim is not None and claim.polls != polls[claim.feed]:
                answers[number] = Missed()
                idle.add(claim.feed)
            elif host:
                hosts.add(host)
            else:
                answers[number] = Taken()
        turns = self._take_hosts(session, sorted(hosts), now, until) if hosts else {}
        for number, (host, claim) in enumerate(wishes):
            if answers[number] is None:
                answers[number] = turns.get(host, Busy())
                if claim is not None and host not in turns:
                    idle.add(claim.feed)
        if idle:
            session.execute(
                update(_FEED)
                .where(_FEED.c.key.in_(sorted(idle)), _FEED.c.leased_to == self.holder)
                .values(leased_to="")
            )
        told = [answer or Busy() for answer in answers]
        if any(isinstance(answer, Busy) for answer in told):
            self._free_of_dead(session, keys, sorted({host for host, _ in wishes}))
        return told

    def _lease_free(
        self, table: Table, name: Column[str], names: list[str], now: dt.datetime, until: dt.datetime
    ) -> Update:
        """The statement that leases to this holder those of *names* that are free or its own."""
        # SKIP LOCKED: whoever stores an answer holds the feed's row for as long as that takes. SQLite, which has one
        # writer at a time, leaves these words out, and the update takes its lock.
        free = (
            select(name)
            .where(name.in_(names), or_(table.c.leased_to.in_(("", self.holder)), over(table.c.leased_until, now)))
            .with_for_update(skip_locked=True)
        )
        return update(table).where(name.in_(free)).values(leased_to=self.holder, leased_until=until)

    def _take_feeds(self, session: Session, keys: list[str], now: dt.datetime, until: dt.datetime) -> dict[str, int]:
        taken = self._lease_free(_FEED, _FEED.c.key, keys, now, until)
        return dict(session.execute(taken.returning(_FEED.c.key, _FEED.c.polls)).tuples().all())

    def _take_hosts(self, session: Session, hosts: list[str], now: dt.datetime, until: dt.datetime) -> dict[str, Taken]:
        known = self._known or set()
        if new := [host for host in hosts if host not in known]:
            session.execute(
                upsert(session.get_bind().dialect.name, _HOST).on_conflict_do_nothing(),
                [{"host": host} for host in new],
            )
            self._known = known | set(new)
        taken = self._lease_free(_HOST, _HOST.c.host, hosts, now, until)
        rows = session.execute(taken.returning(_HOST.c.host, _HOST.c.next_at, _HOST.c.rests_until))
        return {host: Taken(next_at, rests_until) for host, next_at, rests_until in rows.tuples()}

    def _free_of_dead(self, session: Session, keys: list[str], hosts: list[str]) -> None:
        """End the leases of holders that died on this machine: the next try finds them free."""
        holders = set(session.scalars(select(_FEED.c.leased_to).where(_FEED.c.key.in_(keys))))
        holders |= set(session.scalars(select(_HOST.c.leased_to).where(_HOST.c.host.in_(hosts))))
        for holder in sorted(holders - {"", self.holder}):
            if has_died(holder):
                _log.info("the worker %s died; what it held is free again", " ".join(holder.split(" ")[:2]))
                # When it last asked its hosts died with it.
                ended = {"leased_to": "", "next_at": self.now() + dt.timedelta(seconds=self.spacing)}
                session.execute(update(_HOST).where(_HOST.c.leased_to == holder).values(ended))
                self._drop(session, holder)

    def _drop(self, session: Session, holder: str) -> None:
        session.execute(update(_FEED).where(_FEED.c.leased_to == holder).values(leased_to=""))
        session.execute(update(_HOST).where(_HOST.c.leased_to == holder).values(leased_to=""))

    def leave(self, hosts: Iterable[dict[str, Any]]) -> None:
        """Give *hosts* back."""
        given = list(hosts)
        in_transaction(
            self.store, lambda session: session.execute(_LEAVE_HOST, given), undo=lambda: None, what="leaving hosts"
        )

    def renew(self, leave: Iterable[dict[str, Any]] = ()) -> None:
        """Put the end of every lease off, and give back the hosts *leave*."""
        given = list(leave)

        def work(session: Session) -> None:
            if given:
                session.execute(_LEAVE_HOST, given)
            until = self.now() + LEASE
            for table in (_FEED, _HOST):
                session.execute(update(table).where(table.c.leased_to == self.holder).values(leased_until=until))

        in_transaction(self.store, work, undo=lambda: None, what="renewing leases")

    def end(self, leave: Iterable[dict[str, Any]] = ()) -> None:
        """Give everything back."""
        given = list(leave)

        def work(session: Session) -> None:
            if given:
                session.execute(_LEAVE_HOST, given)
            self._drop(session, self.holder)

        in_transaction(self.store, work, undo=lambda: None, what="giving leases back")


def still_held(session: Session, holder: str, keys: Sequence[str], until: dt.datetime) -> set[str]:
    """Those of the feeds *keys* that *holder* still holds, from now on until the transaction has ended.

    A worker that slept through the end of its leases must not overwrite what the next one stored.
    """
    return set(session.scalars(_STILL_HELD, {"keys": list(keys), "me": holder, "until": until}))
