"""Feeds that feedparser does not read: JSON Feed 1.0 and 1.1, and news sitemaps; given as feedparser gives its items.

A news sitemap is what many agencies keep where they gave up RSS (Google's extension of sitemaps.org 0.9).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.model import FeedProblem
from ingest.plainxml import Refused, read_xml

JSON_VERSION = re.compile(r"https?://(?:www\.)?jsonfeed\.org/version/(1(?:\.\d)?)/?")
_BOM = b"\xef\xbb\xbf"
_HEAD = 4_096
_SITEMAP = re.compile(rb"<(?:[a-z0-9]+:)?(urlset|sitemapindex)[\s>]", re.IGNORECASE)
_FIELDS = {"loc": "link", "title": "title", "publication_date": "published", "lastmod": "updated"}


@dataclass(frozen=True, slots=True)
class RawFeed:
    """Items by feedparser's names; `problem` and `error` where it is none after all."""

    format: str
    about: Mapping[str, Any]
    items: list[dict[str, Any]]
    problem: FeedProblem | None = None
    error: str = ""
    truncated: bool = False


def read_other(body: bytes, max_items: int) -> RawFeed | None:
    """The body as JSON Feed or news sitemap; None where it looks like neither. At most *max_items* + 1 items."""
    head = body[:_HEAD].removeprefix(_BOM).lstrip()
    if head.startswith((b"{", b"[")):
        return _json_feed(body, max_items)
    found = _SITEMAP.search(head)
    if found is None or b"<rss" in head:
        return None
    if found.group(1).lower() == b"sitemapindex":
        return no_feed("a sitemap index, which lists other sitemaps; take the address of the news sitemap in it")
    return _sitemap(body, max_items)


def no_feed(error: str) -> RawFeed:
    """What is no feed, and why."""
    return RawFeed("", {}, [], FeedProblem.NOT_A_FEED, " ".join(error.split())[:300])


def _json_feed(body: bytes, max_items: int) -> RawFeed:
    try:
        value = json.loads(body.removeprefix(_BOM))
    except (ValueError, RecursionError) as error:
        return no_feed(f"JSON that cannot be read: {error}")
    version = JSON_VERSION.match(value["version"]) if isinstance(value, dict) and _is_text(value, "version") else None
    if version is None:
        return no_feed("JSON, but no JSON Feed: it has no version of jsonfeed.org")
    items = value.get("items")
    if not isinstance(items, list):
        return no_feed("a JSON Feed without a list of items")
    made = [_json_item(item) for item in items[: max_items + 1]]
    return RawFeed(f"json{version[1].replace('.', '')}", {"title": _text(value, "title")}, made)


def _json_item(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        return {}
    # The format wants a text for the id, and asks readers to accept a number.
    number = item.get("id")
    whole = str(number) if isinstance(number, int) and not isinstance(number, bool) else _text(item, "id")
    return {
        "title": _text(item, "title"),
        "link": _text(item, "url") or _text(item, "external_url"),
        "id": whole,
        "summary": _text(item, "summary") or _text(item, "content_text") or _text(item, "content_html"),
        "published": _text(item, "date_published"),
        "updated": _text(item, "date_modified"),
    }


def _is_text(value: Mapping[str, Any], name: str) -> bool:
    return isinstance(value.get(name), str)


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


class _Enough(Exception):
    pass


class _SitemapReader:
    """Collects the url elements of a sitemap."""

    def __init__(self, max_items: int) -> None:
        self.items: list[dict[str, Any]] = []
        self._most = max_items + 1
        self._item: dict[str, Any] | None = None
        self._field = ""
        self._parts: list[str] = []

    def start(self, name: str, _attributes: Mapping[str, str]) -> None:
        """An element begins."""
        local = name.rpartition(" ")[2]
        if local == "url":
            self._item = {}
        elif self._item is not None:
            # A picture's or a video's own title and address are not the article's.
            other = "image" in name or "video" in name
            self._field, self._parts = "" if other else _FIELDS.get(local, ""), []

    def characters(self, text: str) -> None:
        """A piece of an element's text."""
        if self._field:
            self._parts.append(text)

    def end(self, name: str) -> None:
        """An element ends."""
        local = name.rpartition(" ")[2]
        if self._item is None:
            return
        if local == "url":
            self.items.append(self._item)
            self._item = None
            if len(self.items) >= self._most:
                raise _Enough
        elif self._field:
            self._item.setdefault(self._field, "".join(self._parts).strip())
            self._field = ""


def _sitemap(body: bytes, max_items: int) -> RawFeed:
    reader = _SitemapReader(max_items)
    broken = False
    try:
        read_xml(body, reader.start, reader.end, reader.characters)
    except Refused as error:
        return no_feed(f"a sitemap that is not read: {error}")
    except _Enough:
        pass
    except ValueError as error:
        if not reader.items:
            return no_feed(f"a sitemap that cannot be read: {error}")
        broken = True
    # A plain sitemap lists every page of a site for ever; only news has a title.
    news = [item for item in reader.items if item.get("title")]
    if reader.items and not news:
        return no_feed("a sitemap without news: no address in it has a title")
    return RawFeed("sitemap-news", {}, news, truncated=broken)
