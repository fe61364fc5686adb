"""Items of the archive as RSS 2.0 or Atom 1.0. The same items give the same bytes: no build date, no port, no clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from email.utils import format_datetime
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from ingest.archive_items import ArchiveItem, FeedFormat, Outlet

ATOM = "http://www.w3.org/2005/Atom"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
TYPES = {FeedFormat.RSS: "application/rss+xml; charset=utf-8", FeedFormat.ATOM: "application/atom+xml; charset=utf-8"}

register_namespace("", ATOM)


def render(outlet: Outlet, items: Sequence[ArchiveItem]) -> bytes:
    """The feed document of *outlet* with *items*, newest first, in the outlet's format."""
    return _rss(outlet, items) if outlet.format is FeedFormat.RSS else _atom(outlet, items)


def _add(parent: Element, tag: str, text: str = "", **attributes: str) -> Element:
    child = SubElement(parent, tag, attributes)
    child.text = text or None
    return child


def _home(outlet: Outlet) -> str:
    return f"https://{outlet.key}.demo.example/"


def _about(outlet: Outlet) -> str:
    return f"{outlet.name}: an invented outlet of the bundled archive."


def _rss(outlet: Outlet, items: Sequence[ArchiveItem]) -> bytes:
    root = Element("rss", version="2.0")
    channel = _add(root, "channel")
    _add(channel, "title", outlet.name)
    _add(channel, "link", _home(outlet))
    _add(channel, "description", _about(outlet))
    _add(channel, "language", outlet.lang)
    for item in items:
        entry = _add(channel, "item")
        _add(entry, "title", item.title)
        _add(entry, "link", item.link)
        _add(entry, "description", item.text)
        _add(entry, "guid", item.guid, isPermaLink="false")
        _add(entry, "pubDate", format_datetime(item.published))
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _atom(outlet: Outlet, items: Sequence[ArchiveItem]) -> bytes:
    root = Element(f"{{{ATOM}}}feed", {XML_LANG: outlet.lang})
    _add(root, f"{{{ATOM}}}id", _home(outlet))
    _add(root, f"{{{ATOM}}}title", outlet.name)
    _add(root, f"{{{ATOM}}}subtitle", _about(outlet))
    _add(root, f"{{{ATOM}}}link", rel="alternate", href=_home(outlet))
    # RFC 4287 section 4.1.1: a feed has exactly one updated, also while it is empty.
    updated = items[0].published if items else dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    _add(root, f"{{{ATOM}}}updated", updated.isoformat())
    author = _add(root, f"{{{ATOM}}}author")
    _add(author, f"{{{ATOM}}}name", outlet.name)
    for item in items:
        entry = _add(root, f"{{{ATOM}}}entry")
        _add(entry, f"{{{ATOM}}}id", item.guid)
        _add(entry, f"{{{ATOM}}}title", item.title)
        _add(entry, f"{{{ATOM}}}link", rel="alternate", href=item.link)
        _add(entry, f"{{{ATOM}}}summary", item.text, type="text")
        _add(entry, f"{{{ATOM}}}published", item.published.isoformat())
        _add(entry, f"{{{ATOM}}}updated", item.published.isoformat())
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
