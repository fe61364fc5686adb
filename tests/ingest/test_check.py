"""Probing feeds proposes statuses and stores nothing."""

from __future__ import annotations

import pytest

from ingest.poll import check_feeds
from store.settings import Settings
from tests.ingest.helpers import NOW, feed, rss
from tests.ingest.server import Answer, FeedServer, free_port


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
