"""The shifts as an Atom feed (RFC 4287) for a feed reader: an entry each, updated when its status changes.

The file is built as a tree and never put together from strings; the content of an entry is a small page from a template
that escapes, and is escaped once more as text of the tree.
"""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts import sentences as say
from alerts.facts import DigestFacts, ShiftFact
from alerts.life import changed_at
from alerts.render import render_page
from alerts.shiftview import Limits, shift_view
from alerts.words import day_words, listed, plain, safe_url
from ingest.ties import ties
from store.models import Shift
from store.settings import Settings
from store.wholefile import whole_file

FEED_NAME = "shifts.atom"
MOST = 100
"""Entries, the newest: readers keep what they have seen."""
NAMESPACE = "http://www.w3.org/2005/Atom"
STATUS = {
    "open": "open: not measured again yet",
    "confirmed": "confirmed by the days after it",
    "faded": "faded: the days after it do not bear it out",
    "returned": "went back to its earlier level later",
}
# XML 1.0, production [2]: what is outside cannot be written at all, not even as a reference.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A shift as the feed tells it: who found it, when, and when its status last changed."""

    shift: ShiftFact
    model: str
    theme_code: str
    found_at: dt.datetime
    updated_at: dt.datetime


def gather_entries(session: Session, shifts: Sequence[ShiftFact], models: Mapping[int, str]) -> list[Entry]:
    """The entries of the newest *shifts*, in their order."""
    newest = shifts[:MOST]
    rows = session.execute(
        select(Shift.id, Shift.theme, Shift.found_at).where(Shift.id.in_([one.id for one in newest]))
    ).tuples()
    by_id, changed = {one.id: one for one in newest}, changed_at(session)
    made = {
        number: Entry(by_id[number], models[number], theme, found_at, changed.get(number, found_at))
        for number, theme, found_at in rows
    }
    return [made[one.id] for one in newest]


def entry_id(entry: Entry, authority: str, replay: bool = False) -> str:
    """A tag: URI (RFC 4151) from what names the shift, so that it stays the same in a database that was made anew.

    The year in it is the one in which the form of these names was chosen; it does not change with the shift.
    """
    shift = entry.shift
    names = (
        "replay" if replay else "",
        "shift",
        shift.detected.isoformat(),
        shift.dyad or entry.theme_code,
        str(shift.kind),
        shift.bloc,
        entry.model,
    )
    return f"tag:{authority},2026:{'/'.join(quote(plain(name, 200), safe='') for name in names if name)}"


def feed_tree(settings: Settings, entries: Sequence[Entry], digest: DigestFacts) -> ET.Element:
    """The feed as a tree; *digest* gives the names of themes and claims, and the day that it stands for."""
    ET.register_namespace("", NAMESPACE)
    feed = ET.Element(f"{{{NAMESPACE}}}feed")
    mark = f"{settings.mark}: " if settings.mark else ""
    kind = "replay/shifts" if settings.replay else "shifts"
    _add(feed, "id", f"tag:{settings.feed_authority},2026:{kind}")
    _add(feed, "title", f"{mark}ricwatch: shifts of coverage on {listed(list(ties().actors.values()))}")
    _add(feed, "subtitle", "Each shift of coverage that was found; an entry is updated when its status changes.")
    # An empty feed must carry a moment too: that of the last day it knows.
    newest = max((one.updated_at for one in entries), default=dt.datetime.combine(digest.day, dt.time(), dt.UTC))
    _add(feed, "updated", newest.isoformat())
    author = _add(feed, "author")
    _add(author, "name", "ricwatch")
    _add(feed, "generator", "ricwatch")
    page, own = _addresses(settings)
    if own:
        _add(feed, "link", rel="self", type="application/atom+xml", href=own)
    if page:
        _add(feed, "link", rel="alternate", type="text/html", href=page)
    for entry in entries:
        _entry(feed, settings, entry, digest, page)
    return feed


def _entry(feed: ET.Element, settings: Settings, entry: Entry, digest: DigestFacts, page: str) -> None:
    shift = entry.shift
    view = shift_view(shift, digest.context, Limits())
    mark = f"{settings.mark}: " if settings.mark else ""
    made = _add(feed, "entry")
    _add(made, "id", entry_id(entry, settings.feed_authority, settings.replay))
    _add(made, "title", f"{mark}{say.headline(shift)} ({say.figure(shift)}), since about {day_words(shift.onset)}")
    _add(made, "published", entry.found_at.isoformat())
    _add(made, "updated", entry.updated_at.isoformat())
    for scheme, term in (("tie", shift.dyad), ("kind", str(shift.kind)), ("status", shift.status)):
        if term:
            _add(made, "category", term=plain(term, 60), scheme=f"tag:{settings.feed_authority},2026:{scheme}")
    if page:
        _add(made, "link", rel="alternate", type="text/html", href=f"{page}#shift-{shift.id}")
    _add(made, "summary", f"{view.lead} {view.chance} Status: {STATUS.get(shift.status, shift.status)}.", type="text")
    html = render_page(
        settings.templates_dir,
        "feedentry",
        s=view,
        mark=settings.mark,
        status=STATUS.get(shift.status, shift.status),
        found=day_words(shift.detected),
        onset=day_words(shift.onset),
        model=plain(entry.model, 60),
    )
    _add(made, "content", html, type="html")


def _addresses(settings: Settings) -> tuple[str, str]:
    """Where the page and the feed are published, if that is known."""
    base = safe_url(settings.report_url.rstrip("/") + "/") if settings.report_url else None
    return (f"{base}index.html", f"{base}{FEED_NAME}") if base else ("", "")


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    clean = {key: _NO_XML.sub("", value) for key, value in attributes.items()}
    made = ET.SubElement(parent, f"{{{NAMESPACE}}}{name}", clean)
    if text:
        made.text = _NO_XML.sub("", text)
    return made


def write_feed(settings: Settings, path: Path, entries: Sequence[Entry], digest: DigestFacts) -> None:
    """Write the feed, whole or not at all."""
    tree = feed_tree(settings, entries, digest)
    ET.indent(tree)
    with whole_file(path, folder=True) as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(tree, encoding="unicode") + "\n")
