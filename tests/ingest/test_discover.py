"""Finding the feed of a site, on a real server."""

from __future__ import annotations

import pytest

from ingest.discover import find_feeds, linked_feeds
from ingest.fetch import Refused, open_fetcher
from store.errors import InputError
from store.settings import Settings
from tests.ingest.helpers import NOW, rss
from tests.ingest.server import Answer, FeedServer

PAGE = """<!doctype html><html><head><title>Paper</title>
<link rel="stylesheet" href="/x.css">
<link rel="ALTERNATE nofollow" type="application/rss+xml; charset=utf-8" href="/rss">
<link rel=alternate type=application/atom+xml href=dead>
<link rel="alternate" type="application/rss+xml" href="javascript:x">
<link rel="alternate" hreflang="hi" href="/hi"></head></html>"""


async def find(settings: Settings, url: str) -> list[tuple[str, str]]:
    async with open_fetcher(settings) as fetcher:
        return [(found.url, found.title) for found in await find_feeds(fetcher, url, NOW)]


async def test_a_feed_is_its_own_feed(server: FeedServer, local: Settings) -> None:
    url = server.set("/rss", Answer(rss("India, China")))
    assert await find(local, url) == [(url, "T")]


async def test_a_page_names_its_feeds_and_those_that_answer_are_found(server: FeedServer, local: Settings) -> None:
    feed = server.set("/rss", Answer(rss("India, China")))
    page = server.set("/", Answer(PAGE.encode()))
    assert linked_feeds(PAGE, page) == [feed, f"{page}dead"]
    assert await find(local, page) == [(feed, "T")]


def test_a_declaration_that_the_reader_cannot_take_costs_only_what_follows_it() -> None:
    link = '<link rel="alternate" type="application/rss+xml" href="{}">'
    page = f"{link.format('/before')}<![foo[ x ]]>{link.format('/after')}"
    assert linked_feeds(page, "https://example.in/")[0] == "https://example.in/before"
    assert linked_feeds("<![foo[ x ]]>", "https://example.in/") == []


@pytest.mark.parametrize(
    ("base", "found"),
    [
        ("https://feeds.example.org/in/", "https://feeds.example.org/in/rss"),
        ("/in/", "https://example.in/in/rss"),
        ("", "https://example.in/a/rss"),
        ("ftp://example.org/", "https://example.in/a/rss"),
        ("https://[half", "https://example.in/a/rss"),
    ],
)
def test_links_are_read_against_the_base_that_the_page_names_if_it_is_of_the_web(base: str, found: str) -> None:
    page = f'<base href="{base}"><base href="/second/"><link rel="alternate" type="application/rss+xml" href="rss">'
    assert linked_feeds(page, "https://example.in/a/b") == [found]


@pytest.mark.parametrize("kind", ["text/xml", "application/xml"])
def test_feeds_under_the_general_names_of_xml_are_links_too(kind: str) -> None:
    page = f'<link rel="alternate" type="{kind}" href="/rss">'
    assert linked_feeds(page, "https://example.in/") == ["https://example.in/rss"]


async def test_a_base_does_not_lead_past_the_guard_of_addresses(server: FeedServer, local: Settings) -> None:
    server.set("/rss", Answer(rss("India, China")))
    base = server.base.replace("127.0.0.1", "127.0.0.2")
    page = f'<base href="{base}/"><link rel="alternate" type="text/xml" href="rss">'
    guarded = local.model_copy(update={"allow_private_addresses": False})
    async with open_fetcher(guarded) as fetcher:
        (link,) = linked_feeds(page, server.base)
        outcome = await fetcher.fetch(link)
    assert isinstance(outcome, Refused)


async def test_where_a_page_names_none_the_usual_places_are_tried(server: FeedServer, local: Settings) -> None:
    feed = server.set("/atom.xml", Answer(rss("India, China")))
    page = server.set("/news", Answer(b"<html><title>x</title></html>"))
    assert await find(local, page) == [(feed, "T")]


async def test_what_cannot_be_found_is_told(server: FeedServer, local: Settings) -> None:
    page = server.set("/", Answer(b"<html><title>x</title></html>"))
    with pytest.raises(InputError, match="none lies at the usual places"):
        await find(local, page)
    with pytest.raises(InputError, match="HTTP 404"):
        await find(local, f"{page}nothing")
    with pytest.raises(InputError, match="no web address"):
        await find(local, "mailto:x@y.in")
    server.set("/", Answer(PAGE.encode()))
    with pytest.raises(InputError, match="links no feed that answers"):
        await find(local, page)
