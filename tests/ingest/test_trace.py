"""Every item can be asked for: by address, number and title, whatever became of it."""

from __future__ import annotations

import datetime as dt

from ingest.articles import LeftOut
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from ingest.trace import Trace, trace
from store.db import Store
from store.models import Article, Reading, ReadingDyad
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two, feed, rss
from tests.ingest.server import Answer, FeedServer


async def polled(store: Store, local: Settings, now: dt.datetime = NOW, **urls: str) -> None:
    """Poll feeds by these keys at these addresses."""
    with store.session() as session:
        sync_roster(session, [feed(key, url=url) for key, url in urls.items()])
    await poll_feeds(store, local, now=now, on_topic=about_two, force=True)


def ask(store: Store, what: str, now: dt.datetime = NOW) -> Trace:
    with store.session() as session:
        return trace(session, what, now=now)


async def test_an_article_is_found_by_address_number_and_title_with_poll_story_and_reading(
    server: FeedServer, store: Store, local: Settings
) -> None:
    url = server.set("/rss", Answer(rss("India meets China", "Cricket")))
    await polled(store, local, a=url)
    with store.session() as session:
        (article,) = session.query(Article)
        reading = Reading(
            article_id=article.id, model="m-1", relevant=True, p_relevant=0.9, themes=[{"code": "border", "p": 0.8}],
            evidence="They met.", read_at=NOW,
        )  # fmt: skip
        session.add(reading)
        session.flush()
        session.add(ReadingDyad(reading_id=reading.id, dyad="IN-CN", stance=1, p_minus=0.1, p_zero=0.2, p_plus=0.7))
    for what in ("http://www.example.in/0?utm_source=rss", str(article.id), "India Meets CHINA!", "meets china"):
        (found,) = ask(store, what).articles
        assert (found.id, found.feed, found.imported, found.story_articles) == (article.id, "a", False, 1), what
        assert found.poll is not None
        assert (found.poll.outcome, found.poll.http_status, found.poll.seen) == ("fetched", 200, 2)
        (read,) = found.readings
        assert (read.model, read.theme, read.dyads) == ("m-1", "border", (("IN-CN", 1, 0.7),))


async def test_an_item_outside_the_topic_is_found_by_address_and_whole_title_with_its_reason(
    server: FeedServer, store: Store, local: Settings
) -> None:
    url = server.set("/rss", Answer(rss("India meets China", "Cricket: a long day")))
    await polled(store, local, a=url)
    for what in ("https://example.in/1", "cricket – a LONG day"):
        found = ask(store, what)
        assert found.articles == ()
        (item,) = found.left_out
        assert (item.feed, item.reason, item.last_seen) == ("a", LeftOut.OFF_TOPIC, NOW.date()), what
        assert item.poll is not None
        assert item.poll.seen == 2
    assert ask(store, "a long").left_out == ()


async def test_what_a_second_feed_carried_is_told_with_the_article(
    server: FeedServer, store: Store, local: Settings
) -> None:
    answer = Answer(rss("India meets China"))
    await polled(store, local, a=server.set("/a", answer))
    await polled(store, local, a=server.set("/a", answer), b=server.set("/b", answer))
    (found,) = ask(store, "https://example.in/0").articles
    assert found.feed == "a"
    assert [(other.feed, other.reason) for other in found.also] == [("b", LeftOut.ELSEWHERE)]


async def test_an_item_that_left_no_trace_is_looked_for_in_the_polls_of_its_host(
    server: FeedServer, store: Store, local: Settings
) -> None:
    capped = local.model_copy(update={"feed_max_items": 1})
    url = server.set("/rss", Answer(rss("India meets China", "Cricket")))
    await polled(store, capped, a=url)
    (suspect,) = ask(store, server.base + "/1").suspects
    assert (suspect.feed, suspect.poll.left) == ("a", 1)
    assert ask(store, server.base + "/1", NOW + dt.timedelta(days=30)).suspects == ()
    assert ask(store, "https://elsewhere.example/1") == Trace((), ())


def test_what_is_no_item_is_not_found_and_breaks_nothing(store: Store) -> None:
    for what in ("", " ", "99999999999999999999", "%_", "https://[::1", "javascript:alert(1)", "印度"):
        assert ask(store, what) == Trace((), ()), what
