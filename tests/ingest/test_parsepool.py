"""What feedparser must read is read in processes of its own: alike, and stopped where it takes too long."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

import ingest.check
import ingest.poll
from ingest.check import check_feeds
from ingest.model import FeedProblem, ParsedFeed
from ingest.parse import MOST_TAGS, Source, parse
from ingest.parsepool import FEW, MOST, SMALL, ParsePool
from ingest.policy import Health
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from store.db import Store
from store.models import Feed
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two, feed, rss
from tests.ingest.server import Answer, FeedServer

_ENTRY = (
    '<entry><title>Minister {n} of {who} visits</title><id>tag:{n}</id><link href="https://a.example/{n}"/>'
    "<updated>2026-11-27T10:00:00Z</updated><summary>A visit of three days, says the ministry.</summary></entry>"
)


def atom(entries: int, who: str = "state") -> bytes:
    """Atom, which feedparser reads; a thousand entries take some 200 kB."""
    told = "".join(_ENTRY.format(n=n, who=who) for n in range(entries))
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Visits</title>{told}</feed>'.encode()


LARGE = atom(350)
ENDLESS = b'<feed xmlns="http://www.w3.org/2005/Atom">' + b"<entry>" * (MOST_TAGS - 100)
"""Within the bounds of markup, and minutes of work for a machine that is slow."""


async def read(pool: ParsePool, body: bytes) -> ParsedFeed:
    return await pool.parse(body, {}, Source("https://a.example/feed"), now=NOW)


def with_pool(work: Callable[[ParsePool], Awaitable[None]], **how: float) -> None:
    async def run() -> None:
        async with ParsePool(**how) as pool:  # type: ignore[arg-type]
            await work(pool)

    asyncio.run(run())


def processes() -> list[int]:
    """The processes of this one that read feeds."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as words, open(f"/proc/{name}/stat") as state:
                    parent = int(state.read().rpartition(")")[2].split()[1])
                    if parent == os.getpid() and b"ingest.parsepool" in words.read():
                        found.append(int(name))
            except OSError:
                continue  # it has ended
    return found


async def at_work(process: int) -> None:
    """Wait until *process* has worked for another tenth of a second."""

    def ticks() -> int:
        with open(f"/proc/{process}/stat") as state:
            return int(state.read().rpartition(")")[2].split()[11])

    before = ticks()
    while ticks() < before + 10:
        await asyncio.sleep(0)


pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="it looks at processes in /proc")


def test_a_large_feed_is_read_elsewhere_and_alike() -> None:
    async def work(pool: ParsePool) -> None:
        assert len(LARGE) > SMALL
        told = await read(pool, LARGE)
        assert told == parse(LARGE, {}, Source("https://a.example/feed"), now=NOW)
        assert len(told.entries) == 350
        assert len(processes()) == 1
        assert await read(pool, LARGE) == told
        assert len(processes()) == 1, "one after the other is read by the same"

    with_pool(work)
    assert processes() == []


def test_only_many_small_feeds_are_worth_a_process() -> None:
    async def work(pool: ParsePool) -> None:
        for n in range(FEW):
            assert len((await read(pool, atom(2, str(n)))).entries) == 2
        assert processes() == []
        told = await asyncio.gather(*(read(pool, atom(2, f"state {n}")) for n in range(12)))
        assert [one.entries[0].title for one in told] == [f"Minister 0 of state {n} visits" for n in range(12)]
        assert 1 <= len(processes()) <= MOST

    with_pool(work)


def test_what_takes_too_long_is_refused_and_the_next_one_read() -> None:
    async def work(pool: ParsePool) -> None:
        told = await read(pool, ENDLESS)
        assert told.problem is FeedProblem.NOT_A_FEED
        assert told.error == "it takes longer than 2.5 s to read"
        assert len((await read(pool, LARGE)).entries) == 350

    with_pool(work, longest_s=2.5)


def test_a_process_that_is_killed_costs_the_feed_that_it_reads_and_no_other() -> None:
    async def work(pool: ParsePool) -> None:
        await read(pool, LARGE)
        [idle] = processes()
        os.kill(idle, signal.SIGKILL)
        assert len((await read(pool, LARGE)).entries) == 350, "another one is started"
        [busy] = processes()
        reading = asyncio.create_task(read(pool, ENDLESS))
        await at_work(busy)
        os.kill(busy, signal.SIGKILL)
        told = await reading
        assert told.error == "the process that read it ended with signal 9"
        assert len((await read(pool, LARGE)).entries) == 350

    with_pool(work)


def test_a_poll_that_is_broken_off_waits_for_no_feed() -> None:
    async def work(pool: ParsePool) -> None:
        await read(pool, LARGE)
        reading = asyncio.create_task(read(pool, ENDLESS))
        await at_work(*processes())
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    with_pool(work)  # ends when its threads have ended
    assert processes() == []


async def test_a_feed_that_takes_too_long_is_told_by_poll_and_probe_and_no_other_waits(
    server: FeedServer, store: Store, local: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = partial(ParsePool, longest_s=2.5)
    monkeypatch.setattr(ingest.poll, "ParsePool", short)
    monkeypatch.setattr(ingest.check, "ParsePool", short)
    bodies = {"endless": ENDLESS, "large": LARGE, "plain": rss("India meets China")}
    rows = [feed(key, url=server.set(f"/{key}", Answer(body))) for key, body in bodies.items()]
    with store.session() as session:
        sync_roster(session, rows)
    report = await poll_feeds(store, local, now=NOW, on_topic=about_two)
    assert [(row.key, row.outcome, row.seen) for row in report.rows] == [
        ("endless", "failed", 0),
        ("large", "fetched", 350),
        ("plain", "fetched", 1),
    ]
    with store.session() as session:
        bad = session.get_one(Feed, "endless")
        assert (bad.health, bad.failures) == (Health.PARSE_ERROR, 1)
        assert "it takes longer than 2.5 s to read" in (bad.last_error or "")
    probed = await check_feeds(local, rows, now=NOW)
    assert [row.items for row in probed] == [0, 350, 1]
    assert "it takes longer than 2.5 s to read" in probed[0].answer
    assert processes() == []
