"""JSON Feed and news sitemaps, and what looks like them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats import read_other
from ingest.model import FeedProblem, ParsedFeed
from ingest.parse import parse
from tests.ingest.helpers import NOW, feed

FEED = feed(url="https://example.in/feed.json")
VERSION = "https://jsonfeed.org/version/1.1"
NEWS = (
    '<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    ' xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
    ' xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">{}</urlset>'
)


def read(body: bytes, max_items: int = 2_000) -> ParsedFeed:
    return parse(body, {}, FEED, now=NOW, max_items=max_items)


def json_feed(*items: object, **changes: object) -> bytes:
    return json.dumps({"version": VERSION, "title": "T", "items": list(items), **changes}).encode()


def news(loc: str, title: str, date: str = "2026-11-20T18:30:00+05:30") -> str:
    return (
        f"<url><loc>{loc}</loc><image:image><image:loc>https://x.in/p.jpg</image:loc>"
        "<image:title>A picture</image:title></image:image><news:news><news:publication><news:name>N</news:name>"
        f"</news:publication><news:publication_date>{date}</news:publication_date><news:title>{title}</news:title>"
        "</news:news></url>"
    )


def test_a_json_feed_is_read_like_any_other() -> None:
    parsed = read(
        json_feed(
            {
                "id": "1",
                "url": "/a",
                "title": "India &amp; China",
                "content_html": "<p>one<script>x</script></p>",
                "date_published": "2026-11-20T18:30:00+05:30",
            },
            {"id": 2, "external_url": "https://b.in/2", "content_text": "India, Russia talk"},
        )
    )
    assert (parsed.format, parsed.title, parsed.error, parsed.bad) == ("json11", "T", "", 0)
    first, second = parsed.entries
    assert (first.title, first.text, first.url, first.guid) == ("India & China", "one", "https://example.in/a", "1")
    assert first.published_at is not None
    assert first.published_at.isoformat() == "2026-11-20T13:00:00+00:00"
    assert (second.title, second.url, second.guid) == ("India, Russia talk", "https://b.in/2", "2")


def test_values_of_the_wrong_type_are_as_if_missing() -> None:
    parsed = read(
        json_feed(
            {"id": ["x"], "url": 7, "title": {"a": 1}},
            "text",
            None,
            {"id": True, "url": "https://b.in/2", "title": "India, China", "date_published": 1_700_000_000},
            title=[],
        )
    )
    assert (parsed.title, parsed.bad, [entry.title for entry in parsed.entries]) == ("", 3, ["India, China"])
    assert parsed.entries[0].guid == ""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": "not found"}', "no version of jsonfeed.org"),
        (b"[1, 2]", "no version of jsonfeed.org"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": {}}', "without a list of items"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [', "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (NEWS.format("<url><loc>https://x.in/1</loc></url>").encode(), "without news"),
        (NEWS.replace("urlset", "sitemapindex").format("").encode(), "a sitemap index"),
        (b'<!DOCTYPE u [<!ENTITY a "b">]>' + NEWS.format("")[38:].encode(), "document type"),
        (b"<urlset><", "cannot be read"),
    ],
)
def test_what_is_neither_is_named(body: bytes, reason: str) -> None:
    parsed = read(body)
    assert parsed.problem == FeedProblem.NOT_A_FEED
    assert reason in parsed.error


def test_a_news_sitemap_gives_titles_dates_and_the_pages_own_addresses() -> None:
    body = NEWS.format(news("https://x.in/1?a=1&amp;b=2", "India &amp; China sign") + news("https://x.in/2", "Russia"))
    parsed = read(body.encode())
    assert (parsed.format, len(parsed.entries), parsed.truncated) == ("sitemap-news", 2, False)
    entry = parsed.entries[0]
    assert (entry.title, entry.url) == ("India & China sign", "https://x.in/1?a=1&b=2")
    assert entry.published_at is not None
    assert entry.published_at.isoformat() == "2026-11-20T13:00:00+00:00"


def test_half_a_sitemap_gives_its_half_and_a_long_one_its_first_items() -> None:
    body = NEWS.format("".join(news(f"https://x.in/{n}", f"Item {n}") for n in range(9))).encode()
    half = read(body[: len(body) // 2])
    assert half.truncated
    assert 3 <= len(half.entries) <= 5
    short = read(body, max_items=4)
    assert (len(short.entries), short.left) == (4, 1)


def test_an_rss_feed_that_speaks_of_sitemaps_is_an_rss_feed() -> None:
    body = b"<rss version='2.0'><channel><item><title>About urlset</title><link>https://x.in/1</link></item></channel></rss>"
    assert read_other(body, 10) is None
    assert replace(read(body).entries[0], published_raw="").title == "About urlset"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_no_json_raises(value: object) -> None:
    assert isinstance(read(json.dumps(value).encode()), ParsedFeed)
    assert isinstance(read(json_feed(value, items=[value])), ParsedFeed)
    assert isinstance(
        read(json_feed(dict.fromkeys(("id", "url", "title", "summary", "date_published"), value))), ParsedFeed
    )


@given(st.binary(max_size=300))
def test_no_sitemap_raises(body: bytes) -> None:
    assert isinstance(read(b"<urlset><url><loc>https://x.in/1</loc>" + body), ParsedFeed)
