"""A poll that is sent on to another host waits for its turn there, as if the feed had been there from the first."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from sqlalchemy import select

from ingest import poll
from ingest.check import check_feeds
from ingest.fetch import open_fetcher
from ingest.leases import Leases
from ingest.poll import PollReport, poll_feeds
from ingest.roster import sync_roster
from ingest.sharedhosts import SharedHosts
from store.db import Store
from store.models import Feed, HostTurn
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two, feed, rss
from tests.ingest.pollworker import near
from tests.ingest.server import Answer, Asked, FeedServer
from tests.ingest.test_hosts import Clock

TOO_OFTEN = Answer(status=429, headers={"Retry-After": "600"})


class Web:
    """Hosts that all lie at one local server. Addresses are told apart by their paths."""

    def __init__(self, server: FeedServer, store: Store, settings: Settings) -> None:
        self._server, self._store = server, store
        self._port = server.base.rpartition(":")[2]
        self.settings = settings.model_copy(update={"poll_concurrency": 1})
        self._keys: list[str] = []
        self.clock = Clock()
        self.began: list[tuple[str, float]] = []

    def at(self, host: str, path: str) -> str:
        return f"http://{host}:{self._port}/{path}"

    def answers(self, path: str, answer: Answer) -> None:
        def told(asked: Asked) -> Answer:
            self.began.append((asked.headers["host"].partition(":")[0], self.clock.now))
            return answer

        self._server.set(f"/{path}", told)

    def has(self, path: str, host: str = "there.test") -> str:
        self.answers(path, Answer(rss(f"India meets China in {path}")))
        return self.at(host, path)

    def sends_on(self, path: str, to: str) -> None:
        self.answers(path, Answer(status=302, headers={"Location": to}))

    async def poll(self, *urls: str) -> PollReport:
        """Poll feeds a, b, … at *urls*."""
        with self._store.session() as session:
            sync_roster(session, [feed("abcdefgh"[at], url=url) for at, url in enumerate(urls)])
        leases = Leases(self._store, "a worker", lambda: NOW)
        hosts = SharedHosts(2.0, leases, 4, clock=self.clock, sleep=self.clock.sleep)
        async with open_fetcher(self.settings, resolver=near) as fetcher:
            report = await poll_feeds(
                self._store, self.settings, now=NOW, on_topic=about_two, fetcher=fetcher, hosts=hosts
            )
        await hosts.end()
        return report


@pytest.fixture
def web(server: FeedServer, store: Store, local: Settings) -> Web:
    return Web(server, store, local)


async def test_requests_that_are_sent_on_to_one_host_are_as_far_apart_there_as_its_own(web: Web) -> None:
    own = web.has("own")
    for name in ("one", "two"):
        web.sends_on(name, web.has(f"{name}-moved"))
    report = await web.poll(own, web.at("one.test", "one"), web.at("two.test", "two"))
    assert [row.outcome for row in report.rows] == ["fetched"] * 3
    there = sorted(when for host, when in web.began if host == "there.test")
    assert len(there) == 3
    assert min(later - sooner for sooner, later in pairwise(there)) >= 2.0


async def test_a_redirect_within_a_host_waits_for_nothing(web: Web) -> None:
    web.sends_on("old", web.has("new", "one.test"))
    await web.poll(web.at("one.test", "old"))
    assert [when for _, when in web.began] == [0.0, 0.0]


async def test_hosts_that_send_each_other_on_leave_nobody_waiting(web: Web) -> None:
    """One slot, and at both hosts as many requests as a host may have: who waited and held would wait for ever."""
    urls = []
    for at in range(4):
        here, there = ("one.test", "two.test") if at % 2 else ("two.test", "one.test")
        web.sends_on(f"{at}", web.has(f"{at}-moved", there))
        urls.append(web.at(here, f"{at}"))
    report = await web.poll(*urls)
    assert (report.answered, report.elsewhere) == (4, 0)


async def test_the_host_that_said_too_often_is_left_alone_and_not_the_one_that_sent_there(
    web: Web, store: Store
) -> None:
    web.sends_on("a", web.at("there.test", "busy"))
    web.answers("busy", TOO_OFTEN)
    report = await web.poll(web.at("one.test", "a"), web.has("b", "one.test"), web.has("c"))
    assert [row.outcome for row in report.rows][:2] == ["failed", "fetched"]
    with store.session() as session:
        rests = dict(session.execute(select(HostTurn.host, HostTurn.rests_until)).tuples().all())
        put_off = session.scalars(select(Feed.next_poll_at).where(Feed.key == "c")).one()
    until = NOW + dt.timedelta(minutes=10)
    assert rests == {"one.test": None, "there.test": until}
    assert put_off is not None
    assert put_off >= until


async def test_a_host_that_is_left_alone_is_not_asked_by_way_of_another_either(web: Web, store: Store) -> None:
    with store.session() as session:
        session.add(HostTurn(host="there.test", leased_to="", rests_until=NOW + dt.timedelta(minutes=10)))
    web.sends_on("a", web.has("moved"))
    report = await web.poll(web.at("one.test", "a"))
    assert [(row.outcome, row.reason) for row in report.rows] == [
        ("postponed", "not asked before 2026-11-25 12:10 UTC: its host said that it is asked too often")
    ]
    assert {host for host, _ in web.began} == {"one.test"}


async def test_for_an_address_that_is_refused_no_turn_is_taken(web: Web, store: Store) -> None:
    web.sends_on("a", "ftp://there.test/feed")
    report = await web.poll(web.at("one.test", "a"))
    assert [row.outcome for row in report.rows] == ["refused"]
    with store.session() as session:
        assert session.scalars(select(HostTurn.host)).all() == ["one.test"]


async def test_a_probe_waits_for_its_turn_as_well(web: Web, store: Store) -> None:
    for name in ("one", "two"):
        web.sends_on(name, web.has(f"{name}-moved"))
    feeds = [feed(name, url=web.at(f"{name}.test", name)) for name in ("one", "two")]
    leases = Leases(store, "a probe", lambda: NOW)
    hosts = SharedHosts(2.0, leases, 4, clock=web.clock, sleep=web.clock.sleep)
    async with open_fetcher(web.settings, resolver=near) as fetcher:
        rows = await check_feeds(web.settings, feeds, now=NOW, hosts=hosts, fetcher=fetcher)
    await hosts.end()
    assert [row.status for row in rows] == ["ok", "ok"]
    sooner, later = sorted(when for host, when in web.began if host == "there.test")
    assert later - sooner >= 2.0


async def test_a_host_with_many_feeds_keeps_none_of_the_others_waiting(
    server: FeedServer, store: Store, local: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "SIDE_BY_SIDE", 2)
    web = Web(server, store, local)
    many = [web.has(path, "many.test") for path in ("a", "b", "c")]
    report = await web.poll(*many, web.has("d", "one.test"), web.has("e", "other.test"))
    assert [row.key for row in report.rows] == ["a", "b", "c", "d", "e"], "told in the roster's order all the same"
    assert [host for host, _ in web.began] == ["many.test", "one.test", "other.test", "many.test", "many.test"]
