"""Polling end to end against a real server, a real database, and one that dies in between."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from alerts.retention import tidy
from ingest.model import RosterFeed
from ingest.policy import INTERVAL, MOVES_NEEDED, Health
from ingest.poll import PollReport, PollRow, poll_feeds
from ingest.roster import sync_roster
from store.db import Store
from store.models import Article, Feed, Poll, SeenItem, Story
from store.settings import ROOT, Settings
from tests.ingest.helpers import NOW, about_two, feed, rss
from tests.ingest.server import Answer, Asked, FeedServer, free_port

HOUR = dt.timedelta(hours=1)


async def poll(
    store: Store, settings: Settings, *rows: RosterFeed, now: dt.datetime = NOW, force: bool = True
) -> PollReport:
    with store.session() as session:
        sync_roster(session, rows)
    return await poll_feeds(store, settings, now=now, on_topic=about_two, force=force)


async def poll_one(store: Store, settings: Settings, url: str, now: dt.datetime = NOW) -> PollRow:
    (row,) = (await poll(store, settings, feed("a", url=url), now=now)).rows
    return row


def state(store: Store, key: str = "a") -> Feed:
    with store.session() as session:
        return session.get_one(Feed, key)


def titles(store: Store) -> list[str]:
    with store.session() as session:
        return list(session.scalars(select(Article.title).order_by(Article.id)))


async def test_a_poll_stores_what_is_on_the_topic_and_a_second_adds_nothing_twice(
    server: FeedServer, store: Store, local: Settings
) -> None:
    url = server.set("/rss", Answer(rss("India meets China", "Cricket"), headers={"ETag": '"1"'}))
    row = await poll_one(store, local, url)
    assert (row.outcome, row.seen, row.new, row.known, row.off_topic, row.bad) == ("fetched", 2, 1, 0, 1, 0)
    assert row.health == Health.OK
    row = await poll_one(store, local, url, NOW + HOUR)
    assert (row.outcome, row.new, row.health) == ("same_body", 0, Health.UNMODIFIED)
    assert server.asked[1].headers["if-none-match"] == '"1"'
    server.set("/rss", Answer(rss("India meets China", "Cricket", "Russia calls India"), headers={"ETag": '"2"'}))
    row = await poll_one(store, local, url, NOW + 2 * HOUR)
    assert (row.outcome, row.seen, row.new, row.known) == ("fetched", 3, 1, 2)
    assert titles(store) == ["India meets China", "Russia calls India"]
    assert state(store).etag == '"2"'
    with store.session() as session:
        assert [p.outcome for p in session.query(Poll).order_by(Poll.id)] == ["fetched", "same_body", "fetched"]


async def test_a_304_adds_nothing_and_keeps_the_validators(server: FeedServer, store: Store, local: Settings) -> None:
    def answer(asked: Asked) -> Answer:
        known = asked.headers.get("if-none-match") == '"1"'
        return Answer(status=304) if known else Answer(rss("India meets China"), headers={"ETag": '"1"'})

    url = server.set("/rss", answer)
    await poll_one(store, local, url)
    row = await poll_one(store, local, url, NOW + HOUR)
    assert (row.outcome, row.http_status, row.answered) == ("not_modified", 304, True)
    assert state(store).etag == '"1"'
    assert state(store).last_success_at == NOW + HOUR


async def test_the_ttl_of_a_feed_holds_after_the_same_body_a_304_and_a_failure_until_a_body_takes_it_back(
    server: FeedServer, store: Store, local: Settings
) -> None:
    body = Answer(rss("India meets China", extra="<ttl>360</ttl>"), headers={"ETag": '"1"'})
    url = server.set("/rss", body)
    assert (await poll_one(store, local, url)).outcome == "fetched"
    for day, (answer, outcome) in enumerate(
        [(body, "same_body"), (Answer(status=304), "not_modified"), (Answer(status=500), "failed"), (body, "same_body")]
    ):
        server.set("/rss", answer)
        now = NOW + (day + 1) * 7 * HOUR
        assert (await poll_one(store, local, url, now)).outcome == outcome
        assert state(store).ttl_seconds == 21_600
        asked_again = state(store).next_poll_at
        assert asked_again is not None
        assert outcome == "failed" or asked_again >= now + 6 * HOUR
    server.set("/rss", Answer(rss("Russia calls India")))
    await poll_one(store, local, url, NOW + 40 * HOUR)
    assert state(store).ttl_seconds is None


async def test_once_a_day_and_after_a_failure_the_request_is_unconditional(
    server: FeedServer, store: Store, local: Settings
) -> None:
    good = Answer(rss("India meets China"), headers={"ETag": '"1"'})
    url = server.set("/rss", good)
    await poll_one(store, local, url)
    await poll_one(store, local, url, NOW + 25 * HOUR)
    assert "if-none-match" not in server.asked[-1].headers
    server.set("/rss", Answer(status=500))
    await poll_one(store, local, url, NOW + 26 * HOUR)
    server.set("/rss", good)
    row = await poll_one(store, local, url, NOW + 27 * HOUR)
    assert "if-none-match" not in server.asked[-1].headers
    assert (row.health, state(store).failures) == (Health.UNMODIFIED, 0)


async def test_a_feed_is_not_asked_before_its_time(server: FeedServer, store: Store, local: Settings) -> None:
    row = feed("a", url=server.set("/rss", Answer(status=503, headers={"Retry-After": "18000"})))
    await poll(store, local, row)
    report = await poll(store, local, row, now=NOW + 4 * HOUR, force=False)
    assert (report.due, report.not_due, len(server.asked)) == (0, 1, 1)
    assert (await poll(store, local, row, now=NOW + 6 * HOUR, force=False)).due == 1


async def test_a_gone_feed_is_parked_with_its_reason_and_kept(
    server: FeedServer, store: Store, local: Settings
) -> None:
    row = feed("a", url=server.set("/rss", Answer(status=410)))
    await poll(store, local, row)
    assert state(store).health == Health.GONE
    assert "410 Gone on 2026-11-25" in state(store).last_error
    assert (await poll(store, local, row, now=NOW + 48 * HOUR)).due == 0


async def test_a_web_page_instead_of_the_feed_is_named_and_its_validators_are_not_kept(
    server: FeedServer, store: Store, local: Settings
) -> None:
    page = b"<!doctype html><html><head><title>Maintenance</title></head></html>"
    url = server.set("/rss", Answer(rss("India meets China"), headers={"ETag": '"1"'}))
    await poll_one(store, local, url)
    server.set("/rss", Answer(page, headers={"ETag": '"page"'}))
    row = await poll_one(store, local, url, NOW + HOUR)
    assert (row.outcome, row.health) == ("failed", Health.HTML)
    assert "Maintenance" in row.reason
    assert state(store).etag is None
    assert state(store).last_success_at == NOW


async def test_half_a_feed_is_stored_and_asked_for_again_in_full(
    server: FeedServer, store: Store, local: Settings
) -> None:
    whole = rss("India meets China", "Russia calls India", "China calls Russia")
    url = server.set("/rss", Answer(whole[: whole.rindex(b"<item>") + 9], headers={"ETag": '"1"'}))
    assert (await poll_one(store, local, url)).new == 2
    server.set("/rss", Answer(whole, headers={"ETag": '"1"'}))
    assert (await poll_one(store, local, url, NOW + HOUR)).new == 1
    assert "if-none-match" not in server.asked[-1].headers


async def test_one_feeds_failure_never_loses_the_others(server: FeedServer, store: Store, local: Settings) -> None:
    report = await poll(
        store,
        local,
        feed("bad", url=server.set("/bad", Answer(b"\x00\x01"))),
        feed("down", url=f"http://127.0.0.1:{free_port()}/"),
        feed("good", url=server.set("/good", Answer(rss("India meets China")))),
        feed("off", enabled=False, status_note="x"),
    )
    assert [(row.key, row.outcome) for row in report.rows] == [
        ("bad", "failed"),
        ("down", "failed"),
        ("good", "fetched"),
    ]
    assert (report.due, report.answered, report.new, report.nothing_reached) == (3, 1, 1, False)
    assert titles(store) == ["India meets China"]


async def test_a_topic_gate_that_fails_on_one_feed_is_told_in_its_row(
    server: FeedServer, store: Store, local: Settings
) -> None:
    def gate(text: str) -> bool:
        if "poison" in text:
            raise ValueError("cannot read this")
        return about_two(text)

    with store.session() as session:
        sync_roster(
            session,
            [
                feed("a", url=server.set("/a", Answer(rss("India, China, poison"), headers={"ETag": '"1"'}))),
                feed("b", url=server.set("/b", Answer(rss("India meets China", host="https://b.in")))),
            ],
        )
    for hour, failures in enumerate((1, 2)):
        report = await poll_feeds(store, local, now=NOW + hour * HOUR, on_topic=gate, force=True)
        assert [(row.outcome, row.new) for row in report.rows] == [
            ("failed", 0),
            ("same_body" if hour else "fetched", 1 - hour),
        ]
        failed = state(store, "a")
        assert (failed.failures, failed.health, failed.polls) == (failures, Health.PARSE_ERROR, failures)
        assert failed.etag is None, "its items were not stored, so its validators must not be"
        assert failed.next_poll_at is not None
        assert failed.next_poll_at >= NOW + hour * HOUR + (1 + failures) * INTERVAL
    reason = "fault_of_ours: not stored: ValueError: cannot read this"
    assert report.rows[0].reason == failed.last_error == reason
    with store.session() as session:
        told = session.query(Poll).filter_by(feed_key="a").all()
    assert [(row.outcome, row.reason) for row in told] == [("failed", reason)] * 2


async def test_nothing_reached_is_told_when_every_feed_fails_before_any_response(store: Store, local: Settings) -> None:
    rows = [feed(key, url=f"http://127.0.0.1:{free_port()}/") for key in ("a", "b")]
    report = await poll(store, local, *rows, feed("c", url="http://nowhere.invalid/"))
    assert report.nothing_reached
    assert report.answered == 0
    assert {row.health for row in report.rows} == {Health.UNREACHABLE}


async def test_only_the_feeds_that_were_named_are_polled(server: FeedServer, store: Store, local: Settings) -> None:
    with store.session() as session:
        sync_roster(session, [feed(key, url=server.set(f"/{key}", Answer(rss("x")))) for key in "abc"])
    seen: list[tuple[int, int | None, str]] = []

    def progress(done: int, total: int | None = None, note: str = "") -> None:
        seen.append((done, total, note))

    report = await poll_feeds(store, local, now=NOW, on_topic=about_two, keys=["b"], progress=progress)
    assert [row.key for row in report.rows] == ["b"]
    assert seen == [(1, 1, "b")]


async def test_at_most_two_requests_run_at_one_host(server: FeedServer, store: Store, local: Settings) -> None:
    running = [0, 0]

    def answer(asked: Asked) -> Answer:
        running[0] += 1
        running[1] = max(running)
        server.stopping.wait(0.03)
        running[0] -= 1
        return Answer(rss("x", host=f"https://x.in{asked.path}"))

    rows = [feed(f"f{n}", url=server.set(f"/{n}", answer)) for n in range(8)]
    assert (await poll(store, local, *rows)).answered == 8
    assert running[1] == 2


async def test_two_feeds_with_the_same_article_store_it_once(server: FeedServer, store: Store, local: Settings) -> None:
    body = Answer(rss("India meets China"))
    report = await poll(store, local, feed("a", url=server.set("/a", body)), feed("b", url=server.set("/b", body)))
    assert sorted(row.new for row in report.rows) == [0, 1]
    with store.session() as session:
        assert session.query(Story).one().articles == 1


async def test_of_two_polls_at_once_one_asks_and_the_other_says_so(
    server: FeedServer, store: Store, local: Settings
) -> None:
    url = server.set("/rss", Answer(rss(*(f"India meets China, part {n}" for n in range(20)))))
    with store.session() as session:
        sync_roster(session, [feed("a", url=url)])
    other = Store(store.url)
    reports = await asyncio.gather(
        *(poll_feeds(own, local, now=NOW, on_topic=about_two, force=True) for own in (store, other))
    )
    other.close()
    assert sorted((report.due, report.elsewhere, report.new) for report in reports) == [(0, 1, 0), (1, 0, 20)]
    assert (len(server.asked), len(titles(store)), state(store).polls) == (1, 20, 1)


async def test_a_locked_database_is_waited_for_and_the_transaction_repeated(
    server: FeedServer, store: Store, local: Settings
) -> None:
    failures = ["INSERT INTO poll"]

    def fail_once(conn: object, cursor: object, statement: str, *rest: object) -> None:
        if failures and statement.startswith(failures[0]):
            failures.clear()
            raise OperationalError(statement, {}, Exception("database is locked"))

    url = server.set("/rss", Answer(rss("India meets China", "Cricket")))
    with store.session() as session:
        sync_roster(session, [feed("a", url=url)])
    event.listen(store.engine, "before_cursor_execute", fail_once)
    report = await poll_feeds(store, local, now=NOW, on_topic=about_two)
    assert not failures, "the failure was met"
    assert (report.rows[0].new, report.rows[0].off_topic, report.rows[0].stored) == (1, 1, True)
    with store.session() as session:
        assert session.query(Poll).count() == session.query(Article).count() == session.query(SeenItem).count() == 1


KILLED = """
    import asyncio, os, sys
    from sqlalchemy import event
    from ingest.poll import poll_feeds
    from store.db import Store
    from store.settings import Settings
    from tests.ingest.helpers import NOW, about_two
    store = Store(sys.argv[1])

    def die(conn, cursor, statement, *rest):
        if statement.startswith(sys.argv[2]):
            os._exit(9)

    event.listen(store.engine, sys.argv[3], die)
    asyncio.run(poll_feeds(store, Settings(_env_file=None, allow_private_addresses=True), now=NOW, on_topic=about_two))
"""


@pytest.mark.parametrize(
    ("statement", "when"),
    [
        ("INSERT INTO article", "after_cursor_execute"),
        ("INSERT INTO seen_item", "after_cursor_execute"),
        ("UPDATE feed", "before_cursor_execute"),
        ("UPDATE feed", "after_cursor_execute"),
    ],
)
async def test_killed_between_entries_and_validators_nothing_is_lost_and_nothing_stands_twice(
    statement: str, when: str, server: FeedServer, store: Store, local: Settings
) -> None:
    def answer(asked: Asked) -> Answer:
        known = asked.headers.get("if-none-match") == '"1"'
        return Answer(status=304) if known else Answer(rss("India meets China", "Cricket"), headers={"ETag": '"1"'})

    url = server.set("/rss", answer)
    with store.session() as session:
        sync_roster(session, [feed("a", url=url)])
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), store.url, statement, when],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(Path(ROOT))},
        timeout=60,
        check=False,
    )
    assert killed.returncode == 9
    assert titles(store) == []
    assert state(store).etag is None
    row = await poll_one(store, local, url)
    assert (row.outcome, row.new, row.off_topic) == ("fetched", 1, 1)


async def moved_for_good(server: FeedServer, store: Store, local: Settings) -> tuple[str, str]:
    """A feed that was sent on often enough: its address in the roster, and the one that it moved to."""
    new = server.set("/new", Answer(rss("India meets China")))
    old = server.set("/rss", Answer(status=301, headers={"Location": new}))
    for hour in range(MOVES_NEEDED):
        await poll_one(store, local, old, NOW + hour * HOUR)
    return old, new


async def test_a_permanent_move_is_followed_after_five_answers_and_given_up_when_it_fails(
    server: FeedServer, store: Store, local: Settings
) -> None:
    old, new = await moved_for_good(server, store, local)
    assert (state(store).moved_to, state(store).moved_seen, state(store).url) == (new, MOVES_NEEDED, old)
    before = len(server.asked)
    row = await poll_one(store, local, old, NOW + 10 * HOUR)
    assert [asked.path for asked in server.asked[before:]] == ["/new"]
    assert row.answered
    server.set("/new", Answer(status=404))
    await poll_one(store, local, old, NOW + 11 * HOUR)
    server.set("/rss", Answer(rss("India meets China", "Russia calls India")))
    assert (await poll_one(store, local, old, NOW + 12 * HOUR)).new == 1
    assert (state(store).moved_to, state(store).moved_seen) == ("", 0)


async def test_a_feed_whose_new_address_is_gone_is_asked_at_its_own_again(
    server: FeedServer, store: Store, local: Settings
) -> None:
    old, _ = await moved_for_good(server, store, local)
    server.set("/new", Answer(status=410))
    row = await poll_one(store, local, old, NOW + 10 * HOUR)
    assert (row.outcome, row.http_status, row.health) == ("failed", 410, Health.HTTP_ERROR)
    assert (state(store).moved_to, state(store).moved_seen, state(store).failures) == ("", 0, 1)
    server.set("/rss", Answer(rss("India meets China", "Russia calls India")))
    report = await poll(store, local, feed("a", url=old), now=NOW + 12 * HOUR, force=False)
    assert [(row.outcome, row.new) for row in report.rows] == [("fetched", 1)]


async def test_a_new_address_in_the_roster_ends_a_move(server: FeedServer, store: Store, local: Settings) -> None:
    new = server.set("/new", Answer(rss("India meets China")))
    await poll_one(store, local, server.set("/rss", Answer(status=308, headers={"Location": new})))
    assert state(store).moved_seen == 1
    await poll_one(store, local, server.set("/third", Answer(rss("Russia calls India"))), NOW + HOUR)
    assert (state(store).moved_to, state(store).moved_seen) == ("", 0)


async def test_too_many_requests_puts_off_every_feed_of_that_host(
    server: FeedServer, store: Store, local: Settings
) -> None:
    busy = server.set("/a", Answer(status=429, headers={"Retry-After": "7200"}))
    rows = [feed("a", url=busy), *(feed(f"b{n}", url=server.set(f"/b{n}", Answer(rss("x")))) for n in range(3))]
    local = local.model_copy(update={"poll_concurrency": 1})
    report = await poll(store, local, *rows)
    assert [row.outcome for row in report.rows] == ["failed", "postponed", "postponed", "postponed"]
    assert "asked too often" in report.rows[1].reason
    assert len(server.asked) == 1
    assert (await poll(store, local, *rows, now=NOW + HOUR, force=False)).due == 0
    assert (await poll(store, local, *rows, now=NOW + 3 * HOUR, force=False)).due == 4


async def test_polls_that_brought_nothing_are_forgotten_after_400_days_but_for_the_first_and_the_newest(
    server: FeedServer, store: Store, local: Settings
) -> None:
    url = server.set("/rss", Answer(rss("India meets China"), headers={"ETag": '"1"'}))
    for hour in range(3):
        await poll_one(store, local, url, NOW + hour * HOUR)
    server.set("/rss", Answer(rss("India meets China", "Russia calls India")))
    await poll_one(store, local, url, NOW + 3 * HOUR)
    await poll_one(store, local, url, NOW + dt.timedelta(days=401))
    tidy(store, local, "any", now=NOW + dt.timedelta(days=401))
    with store.session() as session:
        left = [(row.started_at - NOW, row.new) for row in session.query(Poll).order_by(Poll.id)]
    assert left == [(0 * HOUR, 1), (3 * HOUR, 1), (dt.timedelta(days=401), 0)]


async def test_a_group_in_which_one_feed_cannot_be_stored_stores_the_others(
    server: FeedServer, store: Store, local: Settings
) -> None:
    bodies = [rss(f"India meets China, part {n}", host=f"https://x{n}.in") for n in range(8)]
    rows = [feed(f"f{n}", url=server.set(f"/{n}", Answer(body))) for n, body in enumerate(bodies)]

    @event.listens_for(store.engine, "before_cursor_execute")
    def refuse(conn: object, cursor: object, statement: str, parameters: object, *rest: object) -> None:
        if statement.startswith("INSERT INTO article") and "part 3" in str(parameters):
            raise RuntimeError("the disk is full")

    report = await poll(store, local, *rows)
    event.remove(store.engine, "before_cursor_execute", refuse)
    assert [row.key for row in report.rows if row.outcome == "failed"] == ["f3"]
    assert "the disk is full" in state(store, "f3").last_error
    assert len(titles(store)) == 7
    assert state(store, "f3").body_sha256 is None
    with store.session() as session:
        assert session.query(Story).count() >= 1
        assert session.query(Poll).filter_by(outcome="fetched").count() == 7
        assert session.query(Poll).filter_by(outcome="failed").count() == 1


async def test_unchanged_feeds_share_transactions(server: FeedServer, store: Store, local: Settings) -> None:
    rows = [feed(f"f{n}", url=server.set(f"/{n}", Answer(status=304))) for n in range(200)]
    committed = 0

    @event.listens_for(store.engine, "commit")
    def count(conn: object) -> None:
        nonlocal committed
        committed += 1

    report = await poll(store, local, *rows)
    assert report.answered == 200
    assert committed < 150, "answers that come together are stored together"
