"""RSS 2.0 that is written plainly, read fast: what nine in ten news feeds are. Anything else is left to feedparser.

feedparser takes ten times as long, since it is ready for everything; so it stays the judge. A document is read here
only where nothing in it can be taken in two ways: well-formed, UTF-8, no document type, no element but those below,
none of them twice in an item, no markup in a text, no base address. tests/ingest/test_plainrss.py holds that both
give the same for such documents, over feedparser's own test files too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

from ingest.formats import RawFeed

MOST_BYTES = 2_000_000
MOST_TAGS = 60_000
"""Beyond these the tree would take much memory, and feedparser, which makes none, is asked."""

_CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
_DC = "{http://purl.org/dc/elements/1.1/}"
_MEDIA = "{http://search.yahoo.com/mrss/}"
_SY = "{http://purl.org/rss/1.0/modules/syndication/}"
_WORDPRESS = "{com-wordpress:feed-additions:1}"
_FIELDS = {"title": "title", "link": "link", "description": "summary", "pubDate": "published", _CONTENT: "content"}
_BARE = frozenset(_FIELDS)
"""With an attribute, their text may mean something else."""
_IDLE_IN_ITEM = frozenset(
    {
        "author", "category", "comments", "enclosure", "source", f"{_DC}creator", f"{_DC}subject",
        f"{_MEDIA}content", f"{_MEDIA}thumbnail", f"{_MEDIA}credit", f"{_MEDIA}keywords", f"{_WORDPRESS}post-id",
        "{http://purl.org/rss/1.0/modules/slash/}comments", "{http://wellformedweb.org/CommentAPI/}commentRss",
    }
)  # fmt: skip
"""Without bearing on title, text, address, identifier and date, whatever they say."""
_IDLE_IN_CHANNEL = frozenset(
    {
        "link", "description", "language", "copyright", "managingEditor", "webMaster", "pubDate", "lastBuildDate",
        "category", "generator", "docs", "cloud", "rating", "{http://www.w3.org/2005/Atom}link", f"{_WORDPRESS}site",
    }
)  # fmt: skip
_IN_MEDIA = frozenset({f"{_MEDIA}thumbnail", f"{_MEDIA}credit"})
_IN_IMAGE = frozenset({"title", "url", "link", "width", "height", "description"})
_ABOUT = {
    "title": "title", "ttl": "ttl", f"{_SY}updatePeriod": "sy_updateperiod",
    f"{_SY}updateFrequency": "sy_updatefrequency",
}  # fmt: skip
_DECLARED = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
_CONTROLS = re.compile("[\x80-\x9f]")
_REFERENCE = re.compile("&([A-Za-z0-9_]+);")


class _NotPlain(Exception):
    pass


def read_plain_rss(body: bytes, headers: Mapping[str, str]) -> RawFeed | None:
    """The items of *body* as feedparser would give them; None where feedparser must say.

    Of feedparser's fields only those that `ingest.parse` asks for are there; dates are not parsed.
    """
    if len(body) > MOST_BYTES or b"<!DOCTYPE" in body or not _is_utf8(body, headers) or body.count(b"<") > MOST_TAGS:
        return None
    try:
        return _feed(fromstring(body))  # noqa: S314 (no document type, hence no entities; bounded in size)
    except (ParseError, ValueError, _NotPlain):
        return None


def _is_utf8(body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether nothing speaks for another encoding, and something for this one."""
    declared = _DECLARED.search(body[:200])
    sent = _CHARSET.search(headers.get("content-type", ""))
    named = [found.lower() for found in (declared and declared[1].decode(), sent and sent[1]) if found]
    return all(name == "utf-8" for name in named) and (bool(named) or body.isascii())


def _feed(root: Element) -> RawFeed:
    channels = list(root)
    if root.tag != "rss" or len(channels) != 1 or channels[0].tag != "channel" or channels[0].attrib:
        raise _NotPlain
    if not root.attrib.get("version", "").startswith("2.") or len(root.attrib) > 1:
        raise _NotPlain
    about: dict[str, str] = {}
    items: list[dict[str, Any]] = []
    for child in channels[0]:
        if child.tag == "item":
            items.append(_item(child))
        elif name := _ABOUT.get(child.tag):
            if name in about or child.attrib:
                raise _NotPlain
            about[name] = _text(child)
        elif child.tag == "image":
            _need(all(part.tag in _IN_IMAGE and not len(part) for part in child))
        else:
            _need(child.tag in _IDLE_IN_CHANNEL and not len(child))
    return RawFeed("rss20", about, items)


def _item(element: Element) -> dict[str, Any]:
    _need(not element.attrib)
    item: dict[str, Any] = {}
    for child in element:
        name = "id" if child.tag == "guid" else _FIELDS.get(child.tag)
        if name is None:
            _need(child.tag in _IDLE_IN_ITEM)
            _need(not len(child) or (child.tag == f"{_MEDIA}content" and _idle(child)))
            continue
        _need(name not in item and not (child.attrib and child.tag in _BARE))
        item[name] = _text(child)
    # Without an address of its own, feedparser takes one from elsewhere.
    link = item.get("link", "")
    _need(bool(link) and ":///" not in link and ":///" not in item.get("id", ""))
    if "&" in link:
        item["link"] = _REFERENCE.sub(r"&\g<1>", link.replace("&amp;", "&"))
    if "content" in item:
        item.setdefault("summary", item["content"])
        item["content"] = [{"value": item["content"]}]
    return item


def _idle(media: Element) -> bool:
    return all(part.tag in _IN_MEDIA and not len(part) for part in media)


def _text(element: Element) -> str:
    _need(not len(element))
    text = (element.text or "").strip()
    if not text.isascii():
        # feedparser mends texts that were encoded twice, and signs of windows-1252 under their numbers there.
        _need(not _CONTROLS.search(text) and not _twice_encoded(text))
    return text


def _twice_encoded(text: str) -> bool:
    try:
        text.encode("latin-1").decode("utf-8")
    except ValueError:
        return False
    return True


def _need(plain: bool) -> None:
    if not plain:
        raise _NotPlain
