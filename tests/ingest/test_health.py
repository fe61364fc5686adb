"""Silence: a feed that answers and tells nothing is not well."""

from __future__ import annotations

import datetime as dt

import pytest

from ingest.articles import store_entries
from ingest.health import (
    LONGEST_SILENCE,
    SHORTEST_SILENCE,
    feed_health,
    history,
    silence_limit,
    usual_gap,
    with_silence,
)
from ingest.policy import Health
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from store.db import Store
from store.models import Feed, Poll
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two, entry, feed, rss
from tests.ingest.server import Answer, FeedServer

TODAY = NOW.date()


def days(*ago: int) -> list[dt.date]:
    return [TODAY - dt.timedelta(days=number) for number in sorted(ago, reverse=True)]


DAILY = tuple(range(20))
WEEKLY = tuple(range(0, 70, 7))

CASES = [
    ("a daily feed with items of today is ok", Health.OK, days(*DAILY), Health.OK),
    ("a daily feed may be silent over a long weekend", Health.OK, days(*(d + 4 for d in DAILY)), Health.OK),
    ("a daily feed silent for five days is stale", Health.UNMODIFIED, days(*(d + 5 for d in DAILY)), Health.STALE),
    ("a weekly feed silent for four weeks is not yet", Health.OK, days(*(d + 28 for d in WEEKLY)), Health.OK),
    ("a weekly feed silent for five weeks is stale", Health.OK, days(*(d + 35 for d in WEEKLY)), Health.STALE),
    ("a feed frozen for years is stale at its first poll", Health.OK, days(*(d + 3_000 for d in DAILY)), Health.STALE),
    ("one old item alone is enough", Health.OK, days(3_000), Health.STALE),
    ("a stale feed with fresh items is ok again", Health.STALE, days(*DAILY), Health.OK),
    ("a feed that never had items is judged by its answer", Health.OK, [], Health.OK),
    ("an error is an error, silent or not", Health.HTTP_ERROR, days(3_000), Health.HTTP_ERROR),
    ("an empty feed is empty", Health.EMPTY, days(3_000), Health.EMPTY),
]


@pytest.mark.parametrize(("name", "before", "seen", "after"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_silence(name: str, before: Health, seen: list[dt.date], after: Health) -> None:
    assert with_silence(before, seen, TODAY) == after


def test_the_usual_gap_needs_five_days_and_the_limit_is_bounded() -> None:
    assert usual_gap(days(1, 2, 3, 4)) is None
    assert usual_gap(days(1, 2, 3, 4, 10)) == 1
    assert silence_limit(0.1) == SHORTEST_SILENCE
    assert silence_limit(300) == LONGEST_SILENCE


def test_health_is_judged_at_the_moment_that_is_asked_for(store: Store) -> None:
    with store.session() as session:
        sync_roster(session, [feed("a"), feed("b"), feed("c", enabled=False, status="dead", status_note="404")])
        row = session.get_one(Feed, "a")
        row.health, row.health_since = "ok", NOW
        items = [entry(f"India, China {n}", days_ago=n) for n in range(8)]
        store_entries(session, row, None, items, now=NOW, on_topic=about_two)
    with store.session() as session:
        now = {row.key: row for row in feed_health(session, now=NOW)}
        later = {row.key: row for row in feed_health(session, now=NOW + dt.timedelta(days=30))}
    assert (now["a"].health, now["a"].well, now["a"].usual_gap) == (Health.OK, True, 1.0)
    assert (later["a"].health, later["a"].well) == (Health.STALE, False)
    assert "2026-11-25" in later["a"].note
    assert (now["b"].health, now["b"].note) == (Health.UNKNOWN, "not polled yet")
    assert (now["c"].enabled, now["c"].note) == (False, "dead: 404")


async def test_a_zombie_is_stale_at_its_first_poll_and_health_since_moves_only_with_the_state(
    server: FeedServer, store: Store, local: Settings
) -> None:
    old = rss("India meets China", "Cricket", days_ago=900)
    with store.session() as session:
        sync_roster(session, [feed("a", url=server.set("/rss", Answer(old)))])
    for hours in (0, 1, 2):
        report = await poll_feeds(store, local, now=NOW + dt.timedelta(hours=hours), on_topic=about_two, force=True)
        assert report.rows[0].health == Health.STALE
    with store.session() as session:
        assert session.get_one(Feed, "a").health_since == NOW
    server.set("/rss", Answer(rss("Russia calls India", host="https://new.in")))
    later = NOW + dt.timedelta(hours=3)
    await poll_feeds(store, local, now=later, on_topic=about_two, force=True)
    with store.session() as session:
        row = session.get_one(Feed, "a")
        assert (row.health, row.health_since, row.last_new_at) == ("ok", later, later)


async def test_a_feed_has_a_history_of_its_states(server: FeedServer, store: Store, local: Settings) -> None:
    fresh, broken = Answer(rss("Russia calls India")), Answer(b"", status=500)
    url = server.set("/rss", fresh)
    with store.session() as session:
        sync_roster(session, [feed("a", url=url), feed("b", url=server.set("/b", broken))])
        session.add(Poll(feed_key="a", started_at=NOW - dt.timedelta(days=1), outcome="fetched"))  # of an older release
    answers = [fresh, fresh, broken, broken, Answer(rss("Cricket", days_ago=900)), fresh]
    for hours, answer in enumerate(answers):
        server.set("/rss", answer)
        await poll_feeds(store, local, now=NOW + dt.timedelta(hours=hours), on_topic=about_two, keys=["a"], force=True)
    with store.session() as session:
        spells = history(session, "a")
        assert history(session, "b") == []
    hour = [NOW + dt.timedelta(hours=number) for number in range(6)]
    assert [(spell.health, spell.first, spell.last, spell.polls) for spell in spells] == [
        (Health.OK, hour[4], hour[5], 2),
        (Health.HTTP_ERROR, hour[2], hour[3], 2),
        (Health.OK, hour[0], hour[1], 2),
    ]
    assert "500" in spells[1].reason


async def test_the_history_knows_when_a_feed_that_answers_went_silent(
    server: FeedServer, store: Store, local: Settings
) -> None:
    with store.session() as session:
        sync_roster(session, [feed("a", url=server.set("/rss", Answer(rss("India meets China"))))])
    later = NOW + dt.timedelta(days=40)
    for now in (NOW, later):
        await poll_feeds(store, local, now=now, on_topic=about_two, force=True)
    with store.session() as session:
        assert [(spell.health, spell.first) for spell in history(session, "a")] == [
            (Health.STALE, later),
            (Health.OK, NOW),
        ]
