"""Feeds that feedparser does not read: JSON Feed 1.0 and 1.1, and news sitemaps; given as feedparser gives its items.

A news sitemap is what many agencies keep where they gave up RSS (Google's extension of sitemaps.org 0.9).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from ingest.model import FeedProblem

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
        return _none("a sitemap index, which lists other sitemaps; take the address of the news sitemap in it")
    return _sitemap(body, max_items)


def _none(error: str) -> RawFeed:
    return RawFeed("", {}, [], FeedProblem.NOT_A_FEED, error)


def _json_feed(body: bytes, max_items: int) -> RawFeed:
    try:
        value = json.loads(body.removeprefix(_BOM))
    except (ValueError, RecursionError) as error:
        return _none(f"JSON that cannot be read: {error}"[:300])
    version = JSON_VERSION.match(value["version"]) if isinstance(value, dict) and _is_text(value, "version") else None
    if version is None:
        return _none("JSON, but no JSON Feed: it has no version of jsonfeed.org")
    items = value.get("items")
    if not isinstance(items, list):
        return _none("a JSON Feed without a list of items")
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


class _Doctype(Exception):
    pass


class _Enough(Exception):
    pass


class _SitemapReader:
    """Collects the url elements of a sitemap. A document type is refused: sitemaps have none, entity bombs do."""

    def __init__(self, max_items: int) -> None:
        self.items: list[dict[str, Any]] = []
        self._most = max_items + 1
        self._item: dict[str, Any] | None = None
        self._field = ""
        self._parts: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_about: Any) -> None:
        raise _Doctype

    def _start(self, name: str, _attributes: Mapping[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if local == "url":
            self._item = {}
        elif self._item is not None:
            # A picture's or a video's own title and address are not the article's.
            other = "image" in name or "video" in name
            self._field, self._parts = "" if other else _FIELDS.get(local, ""), []

    def _characters(self, text: str) -> None:
        if self._field:
            self._parts.append(text)

    def _end(self, name: str) -> None:
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
        reader.parser.Parse(body, True)
    except _Doctype:
        return _none("a sitemap with a document type, which none needs")
    except _Enough:
        pass
    except (expat.ExpatError, ValueError) as error:
        if not reader.items:
            return _none(f"a sitemap that cannot be read: {error}"[:300])
        broken = True
    # A plain sitemap lists every page of a site for ever; only news has a title.
    news = [item for item in reader.items if item.get("title")]
    if reader.items and not news:
        return _none("a sitemap without news: no address in it has a title")
    return RawFeed("sitemap-news", {}, news, truncated=broken)
