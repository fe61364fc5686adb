"""The sites whose pages are wanted: each robots.txt is asked for once a day, and a site that says so is left alone."""

from __future__ import annotations

import asyncio
import datetime as dt

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ingest.fetch import Fetcher
from ingest.hosts import Hosts, host_of
from ingest.record import rest_host
from ingest.robots import ROBOTS, Rules, RulesKind, read_rules
from store.db import Store
from store.models import SiteRules
from store.transact import in_transaction

KEPT = dt.timedelta(hours=24)
"""RFC 9309 2.4: no longer than a day."""
KEPT_UNREACHABLE = dt.timedelta(minutes=30)
"""A site that was down is asked again at the next run."""
REST = dt.timedelta(hours=1)
"""After a 429 that names no time."""
_MOST_ORIGIN = 300


class Sites:
    """Shared by all pages of a run at *now*; *token* is the name by which sites know this program."""

    def __init__(self, store: Store, fetcher: Fetcher, hosts: Hosts, token: str, now: dt.datetime) -> None:
        self._store, self._fetcher, self._hosts = store, fetcher, hosts
        self._token, self._now = token, now
        self._known: dict[str, Rules] = {}
        self._rests: dict[str, dt.datetime] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    def load(self) -> None:
        """Take over what earlier runs were told and what still holds."""
        now = self._now
        fresh = or_(
            SiteRules.asked_at > now - KEPT_UNREACHABLE,
            (SiteRules.outcome != RulesKind.UNREACHABLE) & (SiteRules.asked_at > now - KEPT),
        )
        with self._store.session() as session:
            for row in session.scalars(select(SiteRules).where(or_(fresh, SiteRules.rests_until > now))):
                if row.rests_until is not None and row.rests_until > now:
                    self._rests[row.origin] = row.rests_until
                kept = KEPT_UNREACHABLE if row.outcome == RulesKind.UNREACHABLE else KEPT
                if row.token == self._token and row.asked_at > now - kept:
                    self._known[row.origin] = Rules(RulesKind(row.outcome), row.token, row.rules, row.detail)

    def resting(self, origin: str) -> dt.datetime | None:
        """Until when no page of *origin* is asked for, or None."""
        return self._rests.get(origin) or self._hosts.resting(host_of(origin), self._now)

    async def rules(self, origin: str) -> Rules:
        """What *origin* says of its pages, asked for at most once however many pages wait for it."""
        async with self._asking.setdefault(origin, asyncio.Lock()):
            if origin not in self._known:
                if len(origin) > _MOST_ORIGIN:
                    return Rules(RulesKind.UNREACHABLE, self._token, detail="the host's name is too long")
                async with self._hosts.turn(host_of(origin)) as turn:
                    await turn.begin()
                    outcome = await self._fetcher.fetch(f"{origin}/robots.txt", want=ROBOTS)
                rules = await asyncio.to_thread(read_rules, outcome, self._token)
                await asyncio.to_thread(self._keep, origin, rules)
                self._known[origin] = rules
            return self._known[origin]

    def _keep(self, origin: str, rules: Rules) -> None:
        def work(session: Session) -> None:
            row = session.get(SiteRules, origin) or SiteRules(origin=origin)
            row.outcome, row.detail = str(rules.kind), rules.detail[:300]
            row.rules, row.token, row.asked_at = rules.text, rules.token, self._now
            session.add(row)

        in_transaction(self._store, work, undo=lambda: None, what=f"robots.txt of {origin}")

    def rest(self, origin: str, wait: dt.timedelta | None) -> None:
        """Ask nothing more of *origin*, nor of the feeds of its host, until *wait* has passed: it said so."""
        until = self._now + (REST if wait is None else wait)
        self._rests[origin] = until
        self._hosts.rest(host_of(origin), until)

        def work(session: Session) -> None:
            row = session.get(SiteRules, origin)
            if row is not None:
                row.rests_until = until
            rest_host(session, host_of(origin), until)

        in_transaction(self._store, work, undo=lambda: None, what=f"rest of {origin}")
