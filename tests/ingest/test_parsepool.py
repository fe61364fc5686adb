"""What feedparser must read is read in processes of its own: alike, and ended where it takes too long."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial

import psutil
import pytest

import ingest.check
import ingest.poll
from ingest.apart import NoProcess
from ingest.check import check_feeds
from ingest.model import FeedProblem, ParsedFeed
from ingest.parse import HARMLESS, MOST_TAGS, Response, Source, parse
from ingest.parsepool import FEW, MOST, ParsePool
from ingest.policy import Health
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from store.db import Store
from store.models import Feed
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two, feed, rss
from tests.ingest.server import Answer, FeedServer

SOURCE = Source("https://a.example/feed", "Asia/Kolkata", "en")
_ENTRY = (
    '<entry><title>Minister {n} of {who} visits</title><id>tag:{n}</id><link href="https://a.example/{n}"/>'
    "<updated>2026-11-27T10:00:00Z</updated><summary>A visit of three days, says the ministry.</summary></entry>"
)


def atom(entries: int, who: str = "state") -> bytes:
    """Atom, which feedparser reads; a thousand entries take some 200 kB."""
    told = "".join(_ENTRY.format(n=n, who=who) for n in range(entries))
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Visits</title>{told}</feed>'.encode()


LARGE = atom(350) + b"<entry><title>no date \xed\xa0\xbd</title><id>x</id></entry>"
ENDLESS = b'<feed xmlns="http://www.w3.org/2005/Atom">' + b"<entry>" * (MOST_TAGS - 100)
"""Within the bounds of markup, and a quarter of a minute of work."""
SHORT = 4.0
"""Seconds: many times what LARGE takes, and a fraction of what ENDLESS does."""
TOO_LONG = "it takes longer than 4 s, when it was to be read"


async def read(pool: ParsePool, body: bytes) -> ParsedFeed:
    return await pool.parse(Response(body, {"content-type": "application/atom+xml"}, SOURCE, NOW))


def with_pool(work: Callable[[ParsePool], Awaitable[None]], **how: float) -> None:
    async def run() -> None:
        async with ParsePool(**how) as pool:  # type: ignore[arg-type]
            await work(pool)
        assert children() == [], "none is left, dead or alive"

    asyncio.run(run())


def children() -> list[psutil.Process]:
    """The processes that read feeds, and whatever has ended and was not put away."""
    found = []
    for one in psutil.Process().children():
        if one.status() == psutil.STATUS_ZOMBIE or "ingest.parsepool" in one.cmdline():
            found.append(one)
    return found


async def at_work(process: psutil.Process) -> None:
    """Wait until *process* has worked for another second, more than its start takes."""
    before = process.cpu_times().user
    while process.cpu_times().user < before + 1:
        await asyncio.sleep(0)


def test_a_large_feed_is_read_elsewhere_and_alike() -> None:
    async def work(pool: ParsePool) -> None:
        assert len(LARGE) > HARMLESS
        told = await read(pool, LARGE)
        assert told == parse(LARGE, {"content-type": "application/atom+xml"}, SOURCE, now=NOW)
        assert len(told.entries) >= 350
        assert len(children()) == 1
        assert await read(pool, LARGE) == told
        assert len(children()) == 1, "one after the other is read by the same"
        assert (await read(pool, b"x" * 70_000)).problem is FeedProblem.NOT_A_FEED

    with_pool(work)


def test_only_many_small_feeds_are_worth_a_process() -> None:
    async def work(pool: ParsePool) -> None:
        for n in range(FEW):
            assert len((await read(pool, atom(2, str(n)))).entries) == 2
        assert children() == []
        told = await asyncio.gather(*(read(pool, atom(2, f"state {n}")) for n in range(12)))
        assert [one.entries[0].title for one in told] == [f"Minister 0 of state {n} visits" for n in range(12)]
        assert 1 <= len(children()) <= MOST

    with_pool(work)


def test_what_takes_too_long_is_refused_and_the_next_one_read() -> None:
    async def work(pool: ParsePool) -> None:
        told = await read(pool, ENDLESS)
        assert (told.problem, told.error) == (FeedProblem.NOT_A_FEED, TOO_LONG)
        assert len((await read(pool, LARGE)).entries) >= 350

    with_pool(work, longest_s=SHORT)


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
def test_a_process_that_ends_costs_the_feed_that_it_reads_and_no_other(how: signal.Signals) -> None:
    async def work(pool: ParsePool) -> None:
        await read(pool, LARGE)
        [idle] = children()
        idle.send_signal(how)
        assert len((await read(pool, LARGE)).entries) >= 350, "another one is started"

    with_pool(work)

    async def first(pool: ParsePool) -> None:
        reading = asyncio.create_task(read(pool, ENDLESS))
        while not children():
            await asyncio.sleep(0)
        [busy] = children()
        await at_work(busy)
        busy.send_signal(how)
        if how is signal.SIGKILL:  # by the machine or by a person
            with pytest.raises(NoProcess, match=r"ingest\.parsepool was killed"):
                await reading
        else:
            assert (await reading).error == "it ended its reader (signal 11), when it was to be read"
        assert len((await read(pool, LARGE)).entries) >= 350

    with_pool(first)


def test_a_fault_of_ours_is_raised_here_with_its_trace() -> None:
    async def work(pool: ParsePool) -> None:
        response = Response(LARGE, {}, SOURCE, NOW, max_items="many")  # type: ignore[arg-type]
        with pytest.raises(RuntimeError, match=r"^TypeError: ") as raised:
            await pool.parse(response)
        assert "ingest/parse.py" in raised.value.__notes__[0]
        assert len((await read(pool, LARGE)).entries) >= 350

    with_pool(work)


def test_a_process_that_does_not_start_is_no_feeds_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")

    async def work(pool: ParsePool) -> None:
        with pytest.raises(NoProcess, match=r"ingest\.parsepool does not start \(status 1\)"):
            await read(pool, LARGE)

    with_pool(work)


def test_a_poll_that_is_broken_off_waits_for_no_feed() -> None:
    async def work(pool: ParsePool) -> None:
        await read(pool, LARGE)
        reading = asyncio.create_task(read(pool, ENDLESS))
        await at_work(*children())
        reading.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert time.monotonic() - began < 5, "reading it takes a quarter of a minute"

    with_pool(work)


def test_the_process_finds_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RICWATCH_SMTP_PASSWORD", "secret")

    async def work(pool: ParsePool) -> None:
        await read(pool, LARGE)
        [one] = children()
        assert "RICWATCH_SMTP_PASSWORD" not in one.environ()
        assert one.environ()["PATH"] == os.environ["PATH"]

    with_pool(work)


async def test_slow_feeds_are_told_by_poll_and_probe_and_no_other_waits_for_them(
    server: FeedServer, store: Store, local: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = partial(ParsePool, longest_s=SHORT)
    monkeypatch.setattr(ingest.poll, "ParsePool", short)
    monkeypatch.setattr(ingest.check, "ParsePool", short)
    narrow = local.model_copy(update={"poll_concurrency": MOST})
    bodies = {f"endless-{n}": ENDLESS for n in range(MOST)} | {"plain": rss("India meets China"), "zlarge": LARGE}
    rows = [feed(key, url=server.set(f"/{key}", Answer(body))) for key, body in bodies.items()]
    with store.session() as session:
        sync_roster(session, rows)
    done: list[str] = []
    report = await poll_feeds(
        store, narrow, now=NOW, on_topic=about_two, progress=lambda done_, total=None, note="": done.append(note)
    )
    assert [(row.key, row.outcome, row.seen > 0) for row in report.rows] == [
        *((f"endless-{n}", "failed", False) for n in range(MOST)),
        ("plain", "fetched", True),
        ("zlarge", "fetched", True),
    ]
    assert done[0] == "plain", "it is asked and stored while the slow ones are read"
    with store.session() as session:
        bad = session.get_one(Feed, "endless-0")
        assert (bad.health, bad.failures) == (Health.PARSE_ERROR, 1)
        assert TOO_LONG in (bad.last_error or "")
    probed = await check_feeds(local, rows[1:], now=NOW)
    assert [row.items > 0 for row in probed] == [False, True, True]
    assert TOO_LONG in probed[0].answer
    assert children() == []


async def test_a_machine_that_starts_no_process_is_on_no_feeds_record(
    server: FeedServer, store: Store, local: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.poll._log, "disabled", True)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with store.session() as session:
        sync_roster(session, [feed("a", url=server.set("/a", Answer(LARGE)))])
    (row,) = (await poll_feeds(store, local, now=NOW, on_topic=about_two)).rows
    assert (row.outcome, row.stored) == ("failed", False)
    assert "does not start" in row.reason
    with store.session() as session:
        assert session.get_one(Feed, "a").failures == 0
