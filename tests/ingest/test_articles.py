"""Entries become articles: identified, gated, counted, once each."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import event, func, select

from ingest.articles import Offer, StoreCounts, store_entries, store_offers
from ingest.model import Entry
from ingest.roster import sync_roster
from store.db import Store
from store.models import Article, DetectorCheckpoint, Feed, FeedDay, Poll, SeenItem
from tests.ingest.helpers import NOW, about_two, entry, feed


@pytest.fixture
def feeds(store: Store) -> Store:
    """Two feeds of one outlet."""
    with store.session() as session:
        sync_roster(session, [feed("a", outlet="A"), feed("b", outlet="A")])
    return store


def put(store: Store, *entries: Entry, key: str = "a", now: dt.datetime = NOW, poll: int | None = None) -> StoreCounts:
    """Store *entries*: of the poll of that number, which must exist if one of them is on the topic, or of an import."""
    with store.session() as session:
        return store_entries(session, session.get_one(Feed, key), poll, entries, now=now, on_topic=about_two)


def counted(store: Store, key: str = "a") -> tuple[int, int]:
    with store.session() as session:
        row = session.execute(
            select(func.sum(FeedDay.seen), func.sum(FeedDay.on_topic)).where(FeedDay.feed_key == key)
        ).one()
        return row[0] or 0, row[1] or 0


def test_each_item_is_new_once_and_known_ever_after(feeds: Store) -> None:
    items = [entry("India meets China", "https://x.in/1"), entry("Cricket", "https://x.in/2")]
    assert put(feeds, *items) == StoreCounts(new=1, known=0, off_topic=1)
    assert put(feeds, *items) == StoreCounts(new=0, known=2, off_topic=0)
    assert counted(feeds) == (2, 1), "the denominator counts each once"
    with feeds.session() as session:
        assert session.query(SeenItem).count() == 1
        assert session.query(Article).one().outlet == "A"


def test_other_spellings_of_an_address_are_the_same_item(feeds: Store) -> None:
    put(feeds, entry("India meets China", "https://x.in/1?utm_source=rss"))
    assert put(feeds, entry("India meets China again", "http://www.x.in/1#top")).known == 1


def test_an_item_keeps_its_identity_by_guid_when_its_address_changes(feeds: Store) -> None:
    put(feeds, entry("India meets China", "https://x.in/1", guid="g1"))
    assert put(feeds, entry("India meets China", "https://x.in/2", guid="g1")).known == 1
    assert put(feeds, entry("India meets Russia", "https://x.in/3", guid="g1"), key="b").new == 1, (
        "guids are a feed's own"
    )


def test_a_guid_that_stands_on_several_addresses_identifies_nothing(feeds: Store) -> None:
    items = [entry(f"India meets China, part {n}", f"https://x.in/{n}", guid="same") for n in range(3)]
    assert put(feeds, *items).new == 3
    assert put(feeds, *items).known == 3


def test_a_repeated_address_within_one_response_counts_once(feeds: Store) -> None:
    item = entry("India meets China", "https://x.in/1")
    assert put(feeds, item, item, item) == StoreCounts(new=1, known=2, off_topic=0)
    assert counted(feeds) == (1, 1)


def test_an_article_of_a_sister_feed_is_known_yet_counts_in_this_feeds_denominator_once(feeds: Store) -> None:
    item = entry("India meets China", "https://x.in/1")
    put(feeds, item)
    assert put(feeds, item, key="b") == StoreCounts(new=0, known=1, off_topic=0)
    assert put(feeds, item, key="b") == StoreCounts(new=0, known=1, off_topic=0)
    assert counted(feeds, "b") == (1, 1)


def test_an_item_without_address_is_known_by_its_guid(feeds: Store) -> None:
    item = Entry("India meets China", "", "", "g7", NOW, "", entry("x").date_quality)
    assert put(feeds, item).new == 1
    assert put(feeds, item).known == 1


def test_the_topic_is_looked_for_in_title_and_text(feeds: Store) -> None:
    assert put(feeds, entry("Border talks", "https://x.in/1", text="India and China met")).new == 1


def test_the_day_is_of_publication_or_of_first_sight_the_earlier(feeds: Store) -> None:
    put(feeds, entry("India, China: old", "https://x.in/1", days_ago=3))
    put(feeds, entry("India, Russia: ten minutes ahead", "https://x.in/2", days_ago=-0.5), now=NOW)
    with feeds.session() as session:
        assert [row.day for row in session.query(Article).order_by(Article.id)] == [
            dt.date(2026, 11, 22),
            dt.date(2026, 11, 25),
        ]


def test_the_number_of_look_ups_does_not_grow_with_the_items(feeds: Store) -> None:
    asked: list[str] = []

    @event.listens_for(feeds.engine, "before_cursor_execute")
    def hear(conn: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    def look_ups(count: int, start: int) -> int:
        asked.clear()
        names = (f"Cricket {n}" if n % 3 else f"India {n}, China" for n in range(count))
        put(feeds, *(entry(name, f"https://x.in/{start + n}") for n, name in enumerate(names)))
        return len(asked)

    few = look_ups(10, 0)
    assert look_ups(400, 10_000) <= few + 2, "two more, for the stories of the first call, and whether they still are"


def test_a_remembered_item_is_not_written_at_every_poll(feeds: Store) -> None:
    put(feeds, entry("Cricket", "https://x.in/1"), poll=1)
    written: list[str] = []

    @event.listens_for(feeds.engine, "before_cursor_execute")
    def hear(conn: object, cursor: object, statement: str, *rest: object) -> None:
        if not statement.startswith("SELECT") and "seen_item" in statement:
            written.append(statement)

    put(feeds, entry("Cricket", "https://x.in/1"), now=NOW + dt.timedelta(days=6), poll=2)
    assert written == []


def test_an_item_of_an_older_day_deletes_what_the_detector_remembers_of_it(feeds: Store) -> None:
    today = NOW.date()
    with feeds.session() as session:
        for back in (1, 2, 3):
            day = today - dt.timedelta(days=back)
            session.add(DetectorCheckpoint(model="m", day=day, data=b"state", made_at=NOW))
    put(feeds, entry("India meets China", "https://x.in/1"))
    assert states(feeds) == [3, 2, 1], "an item of today touches no day that is over"
    put(feeds, entry("Cricket", "https://x.in/2", days_ago=2))
    assert states(feeds) == [3], "it counts in the denominator, on the topic or not"


def states(store: Store) -> list[int]:
    with store.session() as session:
        days = session.scalars(select(DetectorCheckpoint.day).order_by(DetectorCheckpoint.day)).all()
    return [(NOW.date() - day).days for day in days]


KEPT: dict[type[Article | SeenItem | FeedDay], tuple[str, ...]] = {
    Article: ("feed_key", "url", "day", "title"),
    SeenItem: ("feed_key", "title_hash", "day", "reason", "last_seen"),
    FeedDay: ("feed_key", "day", "seen", "on_topic"),
}


def test_feeds_that_are_stored_together_end_as_if_one_came_after_the_other(any_store: Store) -> None:
    """Shared articles, a guid that both use, the same off-topic item, and items remembered for more than a week."""
    week = dt.timedelta(days=8)
    rounds = [
        {
            "a": [entry("India meets China", "https://x.in/1", guid="g"), entry("Cricket", "https://x.in/2")],
            "b": [
                entry("India meets China", "https://x.in/1"),
                entry("Russia meets China", "https://x.in/3", guid="g"),
            ],
            "c": [entry("Cricket", "https://x.in/2"), entry("India meets China again", "https://x.in/4")],
        },
        {
            "a": [entry("Cricket", "https://x.in/2"), entry("India meets China", "https://x.in/9", guid="g")],
            "b": [entry("Cricket", "https://x.in/2"), entry("India meets China again", "https://x.in/4")],
            "c": [entry("Chess", "https://x.in/5")],
        },
    ]
    names = ("-together", "-in-turn")
    roster = [feed(f"{key}{name}", url=f"https://{key}{name}.in/") for key in "abc" for name in names]
    seen: list[list[object]] = []
    for name in names:
        with any_store.session() as session:
            sync_roster(session, roster)
            session.flush()
            polls = {one.key: Poll(feed_key=one.key, started_at=NOW, outcome="fetched") for one in roster}
            session.add_all(polls.values())
            session.flush()
            told: list[object] = []
            for number, batch in enumerate(rounds):
                offers = [
                    # (each way has addresses of its own, since articles are known whoever brings them)
                    Offer(
                        session.get_one(Feed, f"{key}{name}"),
                        polls[f"{key}{name}"].id,
                        [replace(one, url=one.url.replace("x.in", f"x{name}.in")) for one in entries],
                    )
                    for key, entries in batch.items()
                ]
                groups = [offers] if name == names[0] else [[offer] for offer in offers]
                for group in groups:
                    told += store_offers(session, group, now=NOW + number * week, on_topic=about_two)
            for model, columns in KEPT.items():
                rows = session.scalars(select(model).where(model.feed_key.endswith(name)))
                told += sorted(" ".join(str(getattr(one, column)) for column in columns) for one in rows)
            seen.append(told)
    together, in_turn = (str(told).replace(name, "") for told, name in zip(seen, names, strict=True))
    assert together == in_turn
    assert StoreCounts(new=2, known=0, off_topic=0) not in seen[0], "b's first was a's already"
