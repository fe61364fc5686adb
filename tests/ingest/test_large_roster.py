"""A roster of ten thousand feeds is taken up and polled at the price of what is due. `bench.roster` measures it."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import event, func, select, update

from ingest.poll import PollReport, poll_feeds
from ingest.roster import sync_roster
from store.db import Store
from store.models import Feed
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two, feed, rss
from tests.ingest.server import Answer, FeedServer

FEEDS = 10_000
DUE = [f"f{n}" for n in range(0, FEEDS, 1_500)]


async def test_of_ten_thousand_feeds_only_the_due_ones_cost_anything(
    server: FeedServer, store: Store, local: Settings
) -> None:
    for key in DUE:
        server.set(f"/{key}", Answer(rss("India meets China", "Cricket", host=f"https://{key}.example")))
    server.set(f"/{DUE[0]}", Answer(status=500))
    base = server.set("/", Answer(status=404))
    rows = [feed(f"f{n}", url=f"{base}f{n}", outlet=f"Outlet {n % 500}") for n in range(FEEDS)]
    said: list[str] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def hear(conn: object, cursor: object, statement: str, *rest: object) -> None:
        said.append(statement)

    def take_up(some: int) -> int:
        said.clear()
        with store.session() as session:
            sync_roster(session, rows[:some])
        return len(said)

    async def poll(now: dt.datetime) -> tuple[PollReport, int]:
        said.clear()
        return await poll_feeds(store, local, now=now, on_topic=about_two), len(said)

    due = [row for row in rows if row.key in DUE]
    with store.session() as session:
        sync_roster(session, due)
    few, statements = await poll(NOW)
    assert (few.due, few.not_due, few.answered, few.new) == (7, 0, 6, 6)

    take_up(10)
    of_ten = take_up(10)
    take_up(FEEDS)
    assert take_up(FEEDS) <= of_ten + 2, "a roster that is known is compared in few statements"
    tomorrow = NOW + dt.timedelta(days=1)
    with store.session() as session:
        later = tomorrow + dt.timedelta(hours=1)
        session.execute(update(Feed).where(Feed.key.not_in(DUE)).values(next_poll_at=later))
    many, of_many = await poll(tomorrow)
    assert (many.due, many.not_due, many.answered, many.new) == (7, FEEDS - 7, 6, 0)
    assert of_many <= statements + 10
    assert {asked.path.strip("/") for asked in server.asked} == set(DUE)
    with store.session() as session:
        assert session.scalar(select(func.count()).where(Feed.enabled)) == FEEDS
