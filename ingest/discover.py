"""The feeds of a site: what a page links as its feed, and where feeds usually lie."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from ingest.clean import canonical_url, web_address
from ingest.fetch import Fetched, Fetcher
from ingest.model import ParsedFeed
from ingest.parse import Response, Source
from ingest.parsepool import ParsePool
from store.errors import InputError

_TYPES = frozenset(
    {
        "application/rss+xml", "application/atom+xml", "application/feed+json", "application/json",
        "text/xml", "application/xml",
    }
)  # fmt: skip
"""The last two are what older sites call their RSS; whether such a link is a feed, its body tells."""
_USUAL = ("/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml", "/feed.json")
_MOST_LINKS = 10
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)  # example.in:8080 begins with none


@dataclass(frozen=True, slots=True)
class FoundFeed:
    """A feed that answers, with its title."""

    url: str
    title: str
    parsed: ParsedFeed


class _Links(HTMLParser):
    """Addresses of ``<link rel="alternate" type="…rss…">``, and the page's ``<base href>``."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a link's address."""
        given = {name: value or "" for name, value in attrs}
        kind = given.get("type", "").split(";")[0].strip().lower()
        if (
            tag == "link"
            and "alternate" in given.get("rel", "").lower().split()
            and kind in _TYPES
            and given.get("href")
        ):
            self.found.append(given["href"])
        elif tag == "base" and self.base is None and "href" in given:
            self.base = given["href"]  # the first counts (HTML 4.2.3)


def linked_feeds(page: str, base: str) -> list[str]:
    """The feeds that a web page at *base* names in its head, as addresses; a ``<base href>`` of the web is honoured.

    >>> linked_feeds('<link rel="alternate" type="application/rss+xml" href="/rss">', "https://example.in/a")
    ['https://example.in/rss']
    """
    reader = _Links()
    with suppress(AssertionError):  # html.parser's answer to <![foo[…]]>; what stood before it is kept
        reader.feed(page)
    base = _address(base, reader.base or "") or base
    addresses = []
    for link in reader.found:
        url = _address(base, link)
        if url and url not in addresses:
            addresses.append(url)
    return addresses[:_MOST_LINKS]


def _address(base: str, link: str) -> str | None:
    try:
        return web_address(urljoin(base, link.strip()))
    except ValueError:
        return None


async def find_feeds(fetcher: Fetcher, url: str, now: dt.datetime) -> list[FoundFeed]:
    """The feed at *url*, or those of the site there: linked by the page, else at the usual places.

    Raises:
        InputError: *url* is no web address, does not answer, or no feed was found; the message says which.
    """
    address = web_address(url if _SCHEME.match(url) else f"https://{url}")
    if address is None:
        raise InputError(f"{url!r} is no web address")
    outcome = await fetcher.fetch(address)
    if not isinstance(outcome, Fetched):
        raise InputError(f"{address} does not answer: {getattr(outcome, 'detail', None) or 'it is gone'}")
    async with ParsePool() as parsers:
        if here := await _as_feed(parsers, outcome, now):
            return [here]
        links = linked_feeds(outcome.body.decode("utf-8", "replace"), outcome.url)
        site = urlsplit(outcome.url)
        tried = links or [f"{site.scheme}://{site.netloc}{path}" for path in _USUAL]
        found: dict[str, FoundFeed] = {}
        for link in tried:
            answer = await fetcher.fetch(link)
            if isinstance(answer, Fetched) and (feed := await _as_feed(parsers, answer, now)):
                found.setdefault(canonical_url(feed.url) or feed.url, feed)
    if not found:
        where = "links no feed that answers" if links else "names no feed, and none lies at the usual places"
        raise InputError(f"{address} {where}; look on the site for its RSS page, and give the feed's own address")
    return list(found.values())


async def _as_feed(parsers: ParsePool, answer: Fetched, now: dt.datetime) -> FoundFeed | None:
    parsed = await parsers.parse(Response(answer.body, answer.headers, Source(answer.url), now))
    return None if parsed.problem else FoundFeed(answer.url, parsed.title, parsed)
