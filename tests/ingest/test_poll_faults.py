"""What the monitor itself stumbles over is on record as the feed's failure; what database and disk do is not."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from ingest import poll
from ingest.address import PRIVATE_NETWORKS, GuardedTransport, resolve
from ingest.fetch import Fetcher, Outcome
from ingest.policy import Health
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from store.db import Store
from store.models import Feed
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two, feed, rss
from tests.ingest.server import Answer, Asked, FeedServer
from tests.ingest.test_poll import poll_one, state


async def test_a_fault_in_asking_a_feed_is_on_record_too_whatever_signs_it_speaks_of(
    server: FeedServer, store: Store, local: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll._log, "disabled", True)  # half a pair in a test's report ends the run of all tests

    class Stumbling(Fetcher):
        async def fetch(self, url: str, **how: Any) -> Outcome:
            if url.endswith("/bad"):
                raise ValueError("half \udcff a pair\x00\nand more")
            return await super().fetch(url, **how)

    rows = [feed(key, url=server.set(f"/{key}", Answer(rss("India meets China")))) for key in ("bad", "good")]
    with store.session() as session:
        sync_roster(session, rows)
    async with GuardedTransport(PRIVATE_NETWORKS, 2, resolve) as transport:
        fetcher = Stumbling(transport, user_agent="t", max_bytes=100_000, timeout=5.0)
        report = await poll_feeds(store, local, now=NOW, on_topic=about_two, fetcher=fetcher)
    assert [(row.outcome, row.stored) for row in report.rows] == [("failed", True), ("fetched", True)]
    assert not report.rows[0].network, "the network did nothing wrong"
    assert state(store, "bad").last_error == "fault_of_ours: not stored: ValueError: half \ufffd a pair\ufffd"
    assert state(store, "bad").failures == 1


@pytest.mark.parametrize(
    "fault", [IntegrityError("INSERT", {}, Exception("unique")), OSError(errno.ENOSPC, "no space")]
)
async def test_what_database_or_disk_did_is_no_fault_of_the_feed(
    fault: Exception, server: FeedServer, store: Store, local: Settings
) -> None:
    def gate(text: str) -> bool:
        raise fault

    with store.session() as session:
        sync_roster(session, [feed("a", url=server.set("/a", Answer(rss("India meets China"))))])
    (row,) = (await poll_feeds(store, local, now=NOW, on_topic=gate)).rows
    assert (row.outcome, row.stored) == ("failed", False)
    assert (state(store).failures, state(store).health, state(store).polls) == (0, Health.UNKNOWN, 0)


async def test_a_fault_after_the_lease_was_lost_leaves_the_row_to_who_took_over(
    server: FeedServer, store: Store, local: Settings
) -> None:
    def answer(asked: Asked) -> Answer:
        with store.session() as session:
            session.get_one(Feed, "a").leased_to = "another worker"
        return Answer(rss("India meets China"))

    class Stumbling(Fetcher):
        async def fetch(self, url: str, **how: Any) -> Outcome:
            await super().fetch(url, **how)
            raise ValueError("too late")

    with store.session() as session:
        sync_roster(session, [feed("a", url=server.set("/a", answer))])
    async with GuardedTransport(PRIVATE_NETWORKS, 2, resolve) as transport:
        fetcher = Stumbling(transport, user_agent="t", max_bytes=100_000, timeout=5.0)
        (row,) = (await poll_feeds(store, local, now=NOW, on_topic=about_two, fetcher=fetcher)).rows
    assert (row.stored, row.reason) == (False, "not stored: ValueError: too late")
    assert (state(store).leased_to, state(store).failures, state(store).polls) == ("another worker", 0, 0)


async def test_a_failure_that_cannot_be_put_on_record_either_is_told_in_the_row(
    server: FeedServer, store: Store, local: Settings
) -> None:
    @event.listens_for(store.engine, "before_cursor_execute")
    def refuse(conn: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("INSERT INTO poll"):
            raise RuntimeError("no polls today")

    row = await poll_one(store, local, server.set("/rss", Answer(rss("India meets China"))))
    event.remove(store.engine, "before_cursor_execute", refuse)
    assert (row.outcome, row.stored, row.reason) == ("failed", False, "not stored: RuntimeError: no polls today")
