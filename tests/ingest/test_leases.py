"""Leases of feeds and hosts: one holder at a time, an end that comes by itself, and distance kept across holders."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import AbstractContextManager
from itertools import pairwise

import pytest
from sqlalchemy import select, update

from ingest.fetch import open_fetcher
from ingest.hosts import Claim
from ingest.leases import Answer, Busy, Leases, Missed, Taken, still_held
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from ingest.sharedhosts import SharedHosts, open_hosts
from store.db import Store
from store.holder import has_died, new_holder
from store.models import Article, Feed, HostTurn, Poll
from store.settings import ROOT, Settings
from store.steps import LEASE
from tests.ingest import server as feedserver
from tests.ingest.helpers import NOW, about_two, feed, rss
from tests.ingest.pollworker import near
from tests.ingest.server import FeedServer
from tests.ingest.test_hosts import Clock
from tests.processes import Process, address, hear, process, say

SECOND = dt.timedelta(seconds=1)
A, B = Claim("a", 0), Claim("b", 0)


class Moment:
    """The time that leases are reckoned by, moved by the test."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


def roster(store: Store, *keys: str) -> None:
    with store.session() as session:
        sync_roster(session, [feed(key) for key in keys])


def two(store: Store) -> tuple[Leases, Leases, Moment]:
    """Two workers that cannot see each other's processes."""
    moment = Moment()
    return Leases(store, "one", moment), Leases(store, "two", moment), moment


def kinds(answers: list[Answer]) -> list[type[Answer]]:
    return [type(answer) for answer in answers]


def left(holder: str, host: str, next_at: dt.datetime, rests_until: dt.datetime | None = None) -> dict[str, object]:
    return {"at": host, "me": holder, "next": next_at, "rests": rests_until}


def test_a_feed_and_a_host_have_one_holder_until_it_gives_them_back(any_store: Store) -> None:
    roster(any_store, "a", "b")
    one, two_, _ = two(any_store)
    assert kinds(one.take([("h.in", A)])) == [Taken]
    assert kinds(one.take([("h.in", B)])) == [Taken], "its own host is no hindrance"
    assert kinds(two_.take([("h.in", A), ("h.in", None), ("other.in", None)])) == [Busy, Busy, Taken]
    one.end()
    assert kinds(two_.take([("h.in", A), ("h.in", B)])) == [Taken, Taken]


def test_a_feed_whose_host_is_busy_is_not_held_meanwhile(any_store: Store) -> None:
    roster(any_store, "a", "b")
    one, two_, _ = two(any_store)
    one.take([("h.in", A)])
    assert kinds(two_.take([("h.in", B)])) == [Busy]
    assert kinds(one.take([("h.in", B)])) == [Taken]


def test_a_feed_that_was_polled_since_the_list_was_drawn_up_is_missed_and_left_free(any_store: Store) -> None:
    roster(any_store, "a")
    one, two_, _ = two(any_store)
    with any_store.session() as session:
        session.execute(update(Feed).values(polls=1))
    assert kinds(one.take([("h.in", A)])) == [Missed]
    assert kinds(two_.take([("h.in", Claim("a", 1))])) == [Taken]


def test_leases_of_a_killed_holder_are_taken_over_after_their_end_and_not_before(any_store: Store) -> None:
    roster(any_store, "a")
    one, two_, moment = two(any_store)
    one.take([("h.in", A)])
    moment.now += LEASE - SECOND
    assert kinds(two_.take([("h.in", A)])) == [Busy]
    moment.now += SECOND
    assert kinds(two_.take([("h.in", A)])) == [Taken]
    with any_store.session() as session:
        assert still_held(session, "one", ["a"], moment.now) == set(), "who woke up late stores nothing"
        assert still_held(session, "two", ["a"], moment.now) == {"a"}


def test_a_holder_that_lives_puts_the_end_off(any_store: Store) -> None:
    roster(any_store, "a")
    one, two_, moment = two(any_store)
    one.take([("h.in", A)])
    moment.now += LEASE - SECOND
    one.renew()
    moment.now += LEASE - SECOND
    assert kinds(two_.take([("h.in", A)])) == [Busy]


def test_what_a_process_of_this_machine_held_is_free_as_soon_as_it_is_dead(any_store: Store) -> None:
    roster(any_store, "a")
    told = "from store.holder import new_holder; print(new_holder())"
    made = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    dead = made.stdout.strip()
    assert has_died(dead)
    # The number may have gone to another process, which started later.
    mine = new_holder().split(" ")
    assert has_died(" ".join([*mine[:3], "1", mine[4]]))
    assert not has_died(" ".join([mine[0], dead.split(" ")[1], "another-machine", *mine[3:]]))
    Leases(any_store, dead, Moment()).take([("h.in", A)])
    heir = Leases(any_store, now=Moment(), spacing=2.0)
    assert kinds(heir.take([("h.in", A)])) == [Busy]
    assert heir.take([("h.in", A)]) == [Taken(NOW + 2 * SECOND)], "nobody knows when the dead one asked last"


def test_a_host_is_left_with_the_moment_from_which_the_next_may_ask(any_store: Store) -> None:
    one, two_, _ = two(any_store)
    one.take([("h.in", None)])
    one.leave([left("one", "h.in", NOW + 2 * SECOND, NOW + LEASE)])
    assert two_.take([("h.in", None)]) == [Taken(NOW + 2 * SECOND, NOW + LEASE)]
    one.leave([left("one", "h.in", NOW)])
    with any_store.session() as session:
        (row,) = session.scalars(select(HostTurn))
    assert (row.leased_to, row.next_at) == ("two", NOW + 2 * SECOND), "what is not one's own cannot be left"


async def test_another_worker_waits_for_the_distance_and_heeds_what_a_host_asked_of_the_first(store: Store) -> None:
    clock, moment = Clock(), Moment()

    class Both(Clock):
        async def sleep(self, seconds: float) -> None:
            await clock.sleep(seconds)
            moment.now += dt.timedelta(seconds=seconds)

    one, two_ = (
        SharedHosts(2.0, Leases(store, name, moment), 4, clock=clock, sleep=Both().sleep) for name in ("one", "two")
    )
    async with one.turn("h.in") as turn:
        await turn.begin()
        one.rest("h.in", NOW + LEASE)
    await one.end()
    async with two_.turn("h.in") as turn:
        await turn.begin()
        assert clock.now == 2.0
        assert two_.resting("h.in", NOW) == NOW + LEASE
    async with two_.turn("free.in") as turn:
        await turn.begin()
        assert clock.now == 2.0
    await two_.end()


async def test_what_was_written_while_the_clock_was_two_days_ahead_holds_nobody_up(store: Store) -> None:
    roster(store, "a")
    one, two_, moment = two(store)
    moment.now += dt.timedelta(days=2)
    one.take([("h.in", A), ("left.in", None)])
    one.leave([left("one", "left.in", moment.now + SECOND, moment.now + LEASE)])
    moment.now = NOW
    assert kinds(two_.take([("h.in", A)])) == [Taken]
    clock = Clock()
    second = SharedHosts(2.0, two_, 4, clock=clock, sleep=clock.sleep)
    async with second.turn("left.in") as turn:
        await turn.begin()
    assert clock.now == 0.0
    assert second.resting("left.in", NOW) is None


async def test_while_another_worker_is_at_a_host_it_is_waited_for(store: Store) -> None:
    """The first gives the host back when it ends; the second looks again each second."""
    moment, looks = Moment(), 0
    first = Leases(store, "one", moment)
    first.take([("h.in", None)])

    async def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            first.end()

    clock = Clock()
    second = SharedHosts(2.0, Leases(store, "two", moment), 4, clock=clock, sleep=sleep)
    async with second.turn("h.in"):
        assert looks == 3
    await second.end()


async def test_a_worker_that_lost_its_lease_before_it_could_store_drops_the_answer(
    server: FeedServer, store: Store, local: Settings
) -> None:
    def answer(asked: feedserver.Asked) -> feedserver.Answer:
        with store.session() as session:
            session.execute(update(Feed).values(leased_to="elsewhere 1 - - 0"))
        return feedserver.Answer(rss("India meets China"))

    with store.session() as session:
        sync_roster(session, [feed("a", url=server.set("/a", answer))])
    report = await poll_feeds(store, local, now=NOW, on_topic=about_two)
    assert (report.due, report.elsewhere) == (0, 1)
    with store.session() as session:
        assert session.scalars(select(Poll)).all() == []
        assert session.scalars(select(Feed.leased_to)).all() == ["elsewhere 1 - - 0"]


async def test_nothing_is_held_after_a_poll(server: FeedServer, store: Store, local: Settings) -> None:
    settings = local.model_copy(update={"host_spacing": 0.0})
    port = server.base.rpartition(":")[2]
    server.set("/a", feedserver.Answer(rss("India meets China")))
    rows = [feed(f"f{n}", url=f"http://h{n % 2}.test:{port}/a") for n in range(6)]
    with store.session() as session:
        sync_roster(session, rows)
    async with open_fetcher(settings, resolver=near) as fetcher, open_hosts(store, settings) as hosts:
        report = await poll_feeds(store, settings, now=NOW, on_topic=about_two, fetcher=fetcher, hosts=hosts)
        with store.session() as session:
            assert set(session.scalars(select(Feed.leased_to))) == {""}, "a feed is free once its answer is stored"
    assert (report.answered, report.elsewhere) == (6, 0)
    with store.session() as session:
        assert dict(session.execute(select(HostTurn.host, HostTurn.leased_to)).tuples().all()) == {
            "h0.test": "",
            "h1.test": "",
        }


def worker(store: Store, spacing: float) -> AbstractContextManager[Process]:
    """A worker that has loaded everything and waits for its word."""
    return process("-m", "tests.ingest.pollworker", address(store), str(spacing))


def test_two_workers_share_a_roster_and_ask_every_feed_once_and_every_host_in_turn(
    server: FeedServer, any_store: Store
) -> None:
    hosts, each, spacing = 4, 2, 1.0
    port = server.base.rpartition(":")[2]
    began: dict[str, list[float]] = defaultdict(list)

    def answer(asked: feedserver.Asked) -> feedserver.Answer:
        began[asked.headers["host"]].append(time.monotonic())
        return feedserver.Answer(rss(f"India meets China in {asked.path}", host=f"https://x{asked.path[1:]}.in"))

    rows = [feed(f"f{n}", url=f"http://h{n % hosts}.test:{port}/{n}") for n in range(hosts * each)]
    for n in range(len(rows)):
        server.set(f"/{n}", answer)
    with any_store.session() as session:
        sync_roster(session, rows)
    with worker(any_store, spacing) as one, worker(any_store, spacing) as two_:
        for word in ("ready", "due"):
            assert (hear(one), hear(two_)) == (word, word)
            say(one)
            say(two_)
        told = [json.loads(hear(one)), json.loads(hear(two_))]
    assert sorted(key for report in told for key in report["polled"]) == sorted(row.key for row in rows)
    assert [len(report["polled"]) + report["elsewhere"] for report in told] == [len(rows), len(rows)]
    assert sorted(asked.path for asked in server.asked) == sorted(f"/{n}" for n in range(len(rows)))
    gaps = [later - sooner for times in began.values() for sooner, later in pairwise(times)]
    # As the server saw it. On a busy machine a request arrives some time after it began, but never with the next one.
    assert min(gaps) > spacing / 2
    with any_store.session() as session:
        assert len(session.scalars(select(Article)).all()) == len(session.scalars(select(Poll)).all()) == len(rows)
        assert set(session.scalars(select(Feed.polls))) == {1}
        assert set(session.scalars(select(Feed.leased_to))) == {""}


def test_what_a_killed_worker_left_undone_the_next_one_does(server: FeedServer, any_store: Store) -> None:
    port = server.base.rpartition(":")[2]
    killed: list[Process] = []

    def answer(asked: feedserver.Asked) -> feedserver.Answer:
        if killed:
            killed.pop().kill()
        return feedserver.Answer(rss(f"India meets China in {asked.path}", host=f"https://x{asked.path[1:]}.in"))

    rows = [feed(f"f{n}", url=f"http://h{n % 2}.test:{port}/{n}") for n in range(6)]
    for n in range(len(rows)):
        server.set(f"/{n}", answer)
    with any_store.session() as session:
        sync_roster(session, rows)
    with worker(any_store, 0.0) as one, worker(any_store, 0.0) as two_:
        assert (hear(one), hear(two_)) == ("ready", "ready")
        killed.append(one)
        say(one)
        assert hear(one) == "due"
        say(one)
        assert one.wait() < 0
        with any_store.session() as session:
            assert any(session.scalars(select(Feed.leased_to))), "it died holding leases"
        say(two_)
        assert hear(two_) == "due"
        say(two_)
        told = json.loads(hear(two_))
    assert len(told["polled"]) + told["elsewhere"] == len(rows)
    with any_store.session() as session:
        assert len(session.scalars(select(Article)).all()) == len(session.scalars(select(Poll)).all()) == len(rows)
        assert set(session.scalars(select(Feed.polls))) == {1}


@pytest.mark.parametrize("text", ["", "node 12", "node twelve x y z", "node 0 x 1 z"])
def test_of_a_name_that_tells_nothing_nobody_says_that_it_died(text: str) -> None:
    assert not has_died(text)
