"""Probing feeds without storing anything: what `ricwatch feeds check` shows."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from ingest.fetch import Failed, Fetched, Fetcher, Gone, NotModified, Outcome, Refused, bad_target, open_fetcher
from ingest.health import UNKNOWN_SILENCE, silence_limit, usual_gap
from ingest.hosts import Hosts, Resting, Way, host_of
from ingest.model import FeedProblem, ParsedFeed, RosterFeed
from ingest.pagehealth import what_full_texts_lack
from ingest.parse import Response
from ingest.parsepool import ParsePool
from ingest.policy import rests_until
from ingest.robots import ROBOTS, RulesKind, origin_of, product_token, read_rules
from store.progress import Progress, silent
from store.settings import Settings


@dataclass(frozen=True, slots=True)
class CheckRow:
    """What a probe found. `status` is what the roster should say and `day` since when (ISO, empty where the roster does
    not say), `advice` what to do about it; `enabled` tells whether the feed is polled."""

    key: str
    outlet: str
    url: str
    status: str
    answer: str
    items: int
    newest: dt.date | None
    advice: str
    day: str = ""
    enabled: bool = True

    @property
    def well(self) -> bool:
        """Whether it can be polled."""
        return self.status == "ok"


@dataclass(frozen=True, slots=True)
class CheckSum:
    """The probes in numbers: `well` of `asked` feeds that count, and `revived` of `off` disabled ones beside them.

    Those that are polled count. A disabled feed that fails is no news, so it counts only where nothing else was asked.
    """

    well: int
    asked: int
    revived: int
    off: int

    @property
    def words(self) -> str:
        """For one line.

        >>> CheckSum(3, 4, 1, 2).words
        '3 of 4 feeds are well; 1 of 2 disabled ones works again'
        """
        again = "work" if self.revived > 1 else "works"
        beside = f"; {self.revived or 'none'} of {self.off} disabled ones {again} again" if self.off else ""
        return f"{self.well} of {self.asked} feeds are well{beside}"


def summed(rows: Sequence[CheckRow]) -> CheckSum:
    """The numbers of *rows*."""
    off = [row for row in rows if not row.enabled]
    counted = [row for row in rows if row.enabled] or off
    beside = off if counted is not off else []
    return CheckSum(sum(row.well for row in counted), len(counted), sum(row.well for row in beside), len(beside))


async def check_feeds(
    settings: Settings,
    feeds: Sequence[RosterFeed],
    *,
    now: dt.datetime,
    progress: Progress = silent,
    hosts: Hosts | None = None,
    fetcher: Fetcher | None = None,
) -> list[CheckRow]:
    """Ask every one of *feeds*, enabled or not, once and without validators; a row for each, in their order.

    *hosts* are those that polls share (`open_hosts`): a probe keeps its distance to them, waits while another worker is
    at the host, and leaves a host alone that asked for it. *fetcher* replaces the one made from *settings*.
    """
    async with open_fetcher(settings) if fetcher is None else nullcontext(fetcher) as client, ParsePool() as parsers:
        run = _Run(settings, client, hosts or Hosts(settings.host_spacing), parsers, now)
        done = 0

        async def one(feed: RosterFeed) -> CheckRow:
            nonlocal done
            row = await run.probe(feed)
            done += 1
            progress(done, len(feeds), feed.key)
            return row

        return list(await asyncio.gather(*(one(feed) for feed in feeds)))


class _Run:
    """One round of probes: what all of them share."""

    def __init__(
        self, settings: Settings, fetcher: Fetcher, hosts: Hosts, parsers: ParsePool, now: dt.datetime
    ) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._parsers = parsers
        self._hosts = hosts
        self._now = now
        self._slots = asyncio.Semaphore(settings.poll_concurrency)

    async def probe(self, feed: RosterFeed) -> CheckRow:
        async with Way(self._hosts, self._now, self._hold) as way:
            try:
                await way.to(host_of(feed.url))
                outcome = await self._fetcher.fetch(feed.url, onward=way.onward)
            except Resting as resting:
                return _resting(feed, resting.until)
            if until := rests_until(outcome, self._now):
                self._hosts.rest(way.host, until)
            parsed = None
            if isinstance(outcome, Fetched):
                await way.asking.aclose()  # others can be asked while it is read
                parsed = await self._parsers.parse(
                    Response(outcome.body, outcome.headers, feed, self._now, self._settings.feed_max_items)
                )
        row = assess(feed, outcome, parsed, self._now.date())
        if feed.full_text and parsed is not None and row.items:
            page = next((entry.url for entry in parsed.entries if entry.url), "")
            note = await _of_pages(self._settings, self._fetcher, self._hosts, page)
            row = replace(row, advice="; ".join(filter(None, (row.advice, note))))
        return row

    async def _hold(self, way: Way) -> None:
        await way.asking.enter_async_context(self._slots)


async def _of_pages(settings: Settings, fetcher: Fetcher, hosts: Hosts, page: str) -> str:
    """What stands between a feed and the full text of the article at *page*; empty where nothing does."""
    if lacking := what_full_texts_lack(settings):
        return f"full texts: {lacking}"
    if not page or bad_target(page):
        return "full texts: its items have no addresses"
    origin = origin_of(page)
    async with hosts.turn(host_of(page)) as turn:
        await turn.begin()
        rules = read_rules(await fetcher.fetch(f"{origin}/robots.txt", want=ROBOTS), product_token(settings.user_agent))
    if rules.allow(page):
        return ""
    if rules.kind is RulesKind.UNREACHABLE:
        return f"full texts: the robots.txt of {origin} cannot be had ({rules.detail}), so no page is asked for"
    return f"full texts: the robots.txt of {origin} forbids {page[:200]}; switch them off with `feeds full-text`"


def _resting(feed: RosterFeed, until: dt.datetime) -> CheckRow:
    """A feed of which nothing new is known: what the roster says of it stays."""
    return CheckRow(
        key=feed.key,
        outlet=feed.outlet,
        url=feed.url,
        status=feed.status,
        answer="not asked: its host said that it is asked too often",
        items=0,
        newest=None,
        advice=f"check it again after {until:%Y-%m-%d %H:%M} UTC",
        day=feed.status_date,
        enabled=feed.enabled,
    )


def assess(feed: RosterFeed, outcome: Outcome, parsed: ParsedFeed | None, today: dt.date) -> CheckRow:
    """The row for what a probe of *feed* brought on the day *today*."""
    days = sorted({entry.published_at.date() for entry in parsed.entries if entry.published_at}) if parsed else []
    items = len(parsed.entries) if parsed else 0
    status, answer = _status(outcome, parsed, days, today)
    return CheckRow(
        key=feed.key,
        outlet=feed.outlet,
        url=feed.url,
        status=status,
        answer=answer,
        items=items,
        newest=days[-1] if days else None,
        advice=_advice(feed, outcome, status),
        day=today.isoformat(),
        enabled=feed.enabled,
    )


def _status(  # noqa: PLR0911 (a return for each thing that can be found)
    outcome: Outcome, parsed: ParsedFeed | None, days: Sequence[dt.date], today: dt.date
) -> tuple[str, str]:
    if isinstance(outcome, Gone):
        return "dead", "410 Gone"
    if isinstance(outcome, NotModified):
        return "conflicting", "304 although nothing was asked conditionally"
    if isinstance(outcome, Refused):
        return "blocked", f"{outcome.reason}: {outcome.detail}"
    if isinstance(outcome, Failed):
        if outcome.network:
            return "unreachable", f"{outcome.reason}: {outcome.detail}"
        return ("dead" if outcome.status == 404 else "blocked"), outcome.detail
    if parsed is None or parsed.problem is not None:
        blocked = parsed is not None and parsed.problem == FeedProblem.CHALLENGE
        return ("blocked" if blocked else "dead"), parsed.error if parsed else "not parsed"
    if not parsed.entries:
        return "empty", f"{parsed.format}, no items"
    if days and today - days[-1] > max(silence_limit(usual_gap(days)), UNKNOWN_SILENCE):
        return "stale", f"{parsed.format}, nothing since {days[-1]}"
    return "ok", f"{parsed.format}, {len(parsed.entries)} items"


def _advice(feed: RosterFeed, outcome: Outcome, status: str) -> str:
    notes: list[str] = []
    if status == "unreachable":
        notes.append("check the network first; other feeds tell whether it is the host")
    elif status == "ok" and not feed.enabled:
        notes.append("works again: may be enabled")
    elif status != "ok" and feed.enabled:
        notes.append(f"disable it as {status} if a second probe tells the same")
    elif status != "ok":
        notes.append("stays disabled")
    if isinstance(outcome, Fetched) and outcome.permanent_url:
        notes.append(f"moved permanently to {outcome.permanent_url}")
    return "; ".join(notes)
