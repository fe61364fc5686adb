"""Probing feeds proposes statuses and stores nothing."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

from ingest.check import summed
from ingest.fetch import open_fetcher
from ingest.leases import Leases
from ingest.poll import check_feeds, poll_feeds
from ingest.roster import sync_roster
from ingest.sharedhosts import AGAIN_S, SharedHosts
from store.db import Store
from store.models import HostTurn
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two, feed, rss
from tests.ingest.pollworker import near
from tests.ingest.server import Answer, FeedServer, free_port
from tests.ingest.test_hosts import Clock
from tests.ingest.test_leases import left


async def test_every_kind_of_answer_gets_a_status_and_an_advice(server: FeedServer, local: Settings) -> None:
    set_ = server.set
    set_("/new", Answer(rss("x")))
    rows = await check_feeds(
        local,
        [
            feed("ok", url=set_("/ok", Answer(rss("x", "y")))),
            feed("revived", url=set_("/revived", Answer(rss("x"))), enabled=False, status_note="dead"),
            feed("moved", url=set_("/moved", Answer(status=301, headers={"Location": "/new"}))),
            feed("stale", url=set_("/stale", Answer(rss("x", days_ago=400)))),
            feed("empty", url=set_("/empty", Answer(rss()))),
            feed("page", url=set_("/page", Answer(b"<html><title>Hi</title></html>"))),
            feed("robot", url=set_("/robot", Answer(b"<html>captcha</html>"))),
            feed("missing", url=set_("/missing", Answer(status=404))),
            feed("forbidden", url=set_("/forbidden", Answer(status=403))),
            feed("gone", url=set_("/gone", Answer(status=410))),
            feed("down", url=f"http://127.0.0.1:{free_port()}/"),
        ],
        now=NOW,
    )
    assert {row.key: row.status for row in rows} == {
        "ok": "ok",
        "revived": "ok",
        "moved": "ok",
        "stale": "stale",
        "empty": "empty",
        "page": "dead",
        "robot": "blocked",
        "missing": "dead",
        "forbidden": "blocked",
        "gone": "dead",
        "down": "unreachable",
    }
    by_key = {row.key: row for row in rows}
    assert (by_key["ok"].items, by_key["ok"].newest, by_key["ok"].well, by_key["ok"].advice) == (
        2,
        NOW.date(),
        True,
        "",
    )
    assert "may be enabled" in by_key["revived"].advice
    assert {row.day for row in rows} == {NOW.date().isoformat()}
    assert summed(rows).words == "2 of 10 feeds are well; 1 of 1 disabled ones works again"
    assert summed([by_key["revived"]]).words == "1 of 1 feeds are well"
    assert f"{server.base}/new" in by_key["moved"].advice
    assert "disable it as dead" in by_key["missing"].advice


@pytest.mark.parametrize(
    ("answer", "on", "told"),
    [
        (Answer(b"User-agent: *\nDisallow: /private"), True, ""),
        (Answer(status=404), True, ""),
        (Answer(b"User-agent: *\nDisallow: /"), True, "forbids"),
        (Answer(status=503), True, "cannot be had"),
        (Answer(b"User-agent: *\nDisallow: /"), False, "RICWATCH_FULL_TEXT=true"),
    ],
)
async def test_a_feed_that_asks_for_full_texts_is_told_what_stands_in_their_way(
    answer: Answer, on: bool, told: str, server: FeedServer, local: Settings
) -> None:
    url = server.set("/rss", Answer(rss("x", host=server.base)))
    server.set("/robots.txt", answer)
    asking, silent = feed("asking", url=url, full_text=True), feed("silent", url=url)
    settings = local.model_copy(update={"full_text": on})
    rows = {row.key: row for row in await check_feeds(settings, [asking, silent], now=NOW)}
    assert rows["silent"].advice == ""
    assert told in rows["asking"].advice
    assert bool(told) is bool(rows["asking"].advice)
    assert rows["asking"].well
    assert [asked.path for asked in server.asked].count("/robots.txt") == int(on)


async def test_a_probe_and_a_poll_share_the_turns_at_a_host(server: FeedServer, store: Store, local: Settings) -> None:
    """The poll has its hands on the host when the probe comes: the feed is asked by one of them at a time."""
    settings = local.model_copy(update={"host_spacing": 2.0})
    port = server.base.rpartition(":")[2]
    looks = 0
    server.set("/a", Answer(rss("India meets China")))
    one = feed("a", url=f"http://h.test:{port}/a")
    poller = Leases(store, "another worker", lambda: NOW)
    poller.take([("h.test", None)])
    clock = Clock()

    async def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            assert server.asked == [], "while another worker is at the host, nothing is asked of it"
            poller.end([left("another worker", "h.test", NOW + dt.timedelta(seconds=2))])
        await clock.sleep(seconds)

    hosts = SharedHosts(2.0, Leases(store, "the probe", lambda: NOW), 4, clock=clock, sleep=sleep)
    async with open_fetcher(settings, resolver=near) as fetcher:
        (row,) = await check_feeds(settings, [one], now=NOW, hosts=hosts, fetcher=fetcher)
        began = clock.now
        await hosts.end()
    assert (row.status, len(server.asked)) == ("ok", 1)
    assert began == 2 * AGAIN_S + AGAIN_S + 2.0, "the distance that the other left behind is kept as well"
    with store.session() as session:
        (turn,) = session.scalars(select(HostTurn))
    assert (turn.leased_to, turn.next_at) == ("", NOW + dt.timedelta(seconds=2)), (
        "and the next worker keeps the probe's"
    )


async def test_a_host_that_is_asked_too_often_is_left_alone_by_probes_and_by_polls_after_them(
    server: FeedServer, store: Store, local: Settings
) -> None:
    settings = local.model_copy(update={"host_spacing": 0.0})
    port = server.base.rpartition(":")[2]
    server.set("/a", Answer(status=429, headers={"Retry-After": "600"}))
    server.set("/b", Answer(rss("x")))
    feeds = [feed(key, url=f"http://h.test:{port}/{key}") for key in "ab"]
    async with open_fetcher(settings, resolver=near) as fetcher:
        first = SharedHosts(0.0, Leases(store, "one", lambda: NOW), 4)
        rows = [
            row for each in feeds for row in await check_feeds(settings, [each], now=NOW, hosts=first, fetcher=fetcher)
        ]
        await first.end()
        assert [(row.status, row.advice) for row in rows][1] == ("ok", "check it again after 2026-11-25 12:10 UTC")
        assert [asked.path for asked in server.asked] == ["/a"]
        second = SharedHosts(0.0, Leases(store, "two", lambda: NOW), 4)
        with store.session() as session:
            sync_roster(session, feeds)
        report = await poll_feeds(store, settings, now=NOW, on_topic=about_two, fetcher=fetcher, hosts=second)
        await second.end()
    assert [row.outcome for row in report.rows] == ["postponed", "postponed"]
