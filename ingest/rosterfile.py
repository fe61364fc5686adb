"""Adding feeds to the roster file, and the roster as OPML: the file keeps its comments and its order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

import yaml

from ingest.clean import canonical_url
from ingest.model import RosterFeed
from ingest.plainxml import Refused, read_xml
from ingest.roster import IMPORT_KIND, address_fault, load_roster, named, read_roster
from ingest.ties import ties
from store.errors import InputError
from store.wholefile import write_whole
from store.zones import find_zone

_NOT_KEY = re.compile(r"[^a-z0-9]+")
MOST_BYTES = 5_000_000
_NEST = 50
_TOLD = 5
_OWN = "urn:ricwatch:roster"
"""Namespace of what OPML has no word for; OPML 2.0 lets an outline have attributes of another namespace."""
register_namespace("ricwatch", _OWN)


def new_key(name: str, taken: set[str]) -> str:
    """A key for a feed called *name* that is not in *taken*.

    >>> new_key("The Hindu – World", {"the-hindu-world"})
    'the-hindu-world-2'
    """
    base = _NOT_KEY.sub("-", name.lower()).strip("-")[:60].strip("-") or "feed"
    base = f"feed-{base}" if base.startswith("import-") else base
    key, number = base, 1
    while key in taken:
        number += 1
        key = f"{base}-{number}"
    return key


def add_to_roster(path: Path, feeds: Sequence[RosterFeed], *, dry_run: bool = False) -> list[RosterFeed]:
    """Append *feeds* to the roster *path*; those whose address it has already are left out. Gives what was added.

    The file is replaced as a whole once it reads as a roster; until then it stays as it was. A *dry_run* checks all the
    same, and leaves it so.

    Raises:
        SeedError: the file is no roster, or would be none with *feeds*.
    """
    known = {canonical_url(feed.url) for feed in load_roster(path)}
    added: list[RosterFeed] = []
    for feed in feeds:
        if canonical_url(feed.url) not in known:
            known.add(canonical_url(feed.url))
            added.append(feed)
    if not added:
        return []
    text = path.read_text(encoding="utf-8")
    first = next((line for line in text.splitlines() if _ENTRY.match(line)), "  - ")
    indent = " " * (len(first) - len(first.lstrip()))
    block = "".join(_entry(feed, indent) for feed in added)
    whole = f"{text}{'' if text.endswith(chr(10)) else chr(10)}{block}"
    if dry_run:
        read_roster(path, whole.encode())
    else:
        _replace(path, whole)
    return added


def switch_feed(path: Path, key: str, *, enabled: bool, note: str, day: str) -> RosterFeed:
    """Switch the feed *key* of the roster *path* on or off, with the reason and its day; gives it as it is then.

    Only the lines of this entry change; comments and all other entries stay as they are.

    Raises:
        InputError: there is no such feed, it is so already, or a feed is to be switched off without a reason.
        SeedError: the roster would not be one with the change, for instance as another feed polls that address.
    """
    feed = _named(path, key)
    if feed.enabled == enabled:
        raise InputError(f"{key} is switched {'on' if enabled else 'off'} already")
    note = " ".join(note.split())
    if not enabled and not note:
        raise InputError(f"say why {key} is switched off; whoever reads the roster next year will ask")
    return _rewrite(path, key, {"enabled": enabled, "status_date": day, "status_note": note or feed.status_note})


def switch_full_text(path: Path, key: str, *, on: bool) -> RosterFeed:
    """Switch the full texts of the feed *key* on or off, as `switch_feed` does with its polling.

    Raises:
        InputError: there is no such feed, or it is so already.
        SeedError: the roster would not be one with the change.
    """
    if _named(path, key).full_text == on:
        raise InputError(f"the full texts of {key} are switched {'on' if on else 'off'} already")
    return _rewrite(path, key, {"full_text": on})


def _named(path: Path, key: str) -> RosterFeed:
    (feed,) = named(load_roster(path), [key])
    return feed


def _rewrite(path: Path, key: str, values: Mapping[str, object]) -> RosterFeed:
    """Give the entry *key* other *values*, and leave every other line as it is."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    start = next((n for n, line in enumerate(lines) if _is_entry(line, key)), None)
    if start is None:
        raise InputError(f"{path}: the entry of {key} is not written in lines of its own; change it by hand")
    end = next((n for n in range(start + 1, len(lines)) if _ENTRY.match(lines[n])), len(lines))
    indent = " " * lines[start].index("key:")
    for name, value in values.items():
        at = next((n for n in range(start, end) if re.match(rf"{indent}{name}:(\s|$)", lines[n])), None)
        written = f"{indent}{name}: {json.dumps(value, ensure_ascii=False)}\n"
        if at is None:
            lines.insert(start + 1, written)
            end += 1
        else:
            # What an earlier note had on further lines goes with it.
            last = next((n for n in range(at + 1, end) if not re.match(rf"{indent}\s+\S", lines[n])), end)
            lines[at:last] = [written]
            end -= last - at - 1
    _replace(path, "".join(lines))
    return _named(path, key)


_ENTRY = re.compile(r"\s*-\s")


def _is_entry(line: str, key: str) -> bool:
    return re.match(rf"""\s*-\s+key:\s*["']?{re.escape(key)}["']?\s*(#.*)?$""", line) is not None


def _replace(path: Path, text: str) -> None:
    """Put *text* in the place of the roster *path* if it reads as one; else the file stays as it was."""
    read_roster(path, text.encode())  # before it is written, so that a complaint names the roster and no draft of it
    write_whole(path, text)


def _entry(feed: RosterFeed, indent: str) -> str:
    values = asdict(feed)
    if not feed.full_text:
        del values["full_text"]  # the usual case goes without saying
    body = yaml.safe_dump([values], sort_keys=False, allow_unicode=True, width=10_000)
    return "".join(f"{indent}{line}\n" for line in body.splitlines())


def as_opml(feeds: Sequence[RosterFeed]) -> bytes:
    """*feeds* as OPML 2.0, an outline for each press bloc; `from_opml` reads back all but status and full texts.

    A disabled feed is an outline that is commented out (``isComment``), with the reason.
    """
    root = Element("opml", version="2.0")
    head = SubElement(root, "head")
    SubElement(head, "title").text = "Feeds of ricwatch"
    body = SubElement(root, "body")
    for bloc in ties().blocs:
        own = [feed for feed in feeds if feed.bloc == bloc]
        if own:
            folder = SubElement(body, "outline", text=bloc)
            for feed in own:
                names = {"text": feed.outlet, "title": feed.key, "xmlUrl": feed.url, "language": feed.lang}
                more = {"bloc": feed.bloc, "kind": feed.kind, "timezone": feed.timezone}
                off = {} if feed.enabled else {"isComment": "true", f"{{{_OWN}}}note": feed.status_note}
                SubElement(
                    folder,
                    "outline",
                    {"type": "rss", **names, **{f"{{{_OWN}}}{name}": value for name, value in more.items()}, **off},
                )
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


@dataclass(frozen=True, slots=True)
class OpmlFeeds:
    """The feeds of an OPML file as roster entries, and for each outline that was left out its name and the reason."""

    feeds: list[RosterFeed]
    left: list[str]


def from_opml(path: Path, *, bloc: str, lang: str, timezone: str, day: str, taken: set[str]) -> OpmlFeeds:
    """The feeds of an OPML file as roster entries, not probed yet.

    An outline's own bloc, kind and timezone count, as `as_opml` writes them, if there are such; then a folder that is
    called as a press bloc, and an outline's `language`; *bloc*, *lang* and *timezone* stand in. What is commented out
    there is a disabled feed here.
    One outline whose address cannot be polled does not cost the others: it is left out and named.

    Raises:
        InputError: the file cannot be read, is no OPML, or lists no feed that can be taken.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(body) > MOST_BYTES:
        raise InputError(f"{path} is larger than {MOST_BYTES:,} bytes")
    reader = _OpmlReader()
    try:
        read_xml(body, reader.start, reader.end)
    except ValueError as error:
        raise InputError(f"{path} is no OPML: {error}") from None
    if not reader.is_opml:
        raise InputError(f"{path} is no OPML: its root is not <opml>")
    found: list[RosterFeed] = []
    left: list[str] = []
    keys = set(taken)
    blocs = ties().blocs
    for names, folders, off in reader.outlines:
        url = _polled(names["xmlUrl"].strip())
        name = " ".join((names.get("text") or names.get("title") or "").split())[:200]
        if fault := address_fault(url) if url else "its xmlUrl is empty":
            left.append(f"{name or 'an outline without a name'}: {fault}")
            continue
        outlet = name or url[:200]
        key = new_key(names.get("title") or outlet, keys)
        keys.add(key)
        named = next((folder for folder in (_own(names, "bloc"), *reversed(folders)) if folder in blocs), bloc)
        kind = _own(names, "kind")
        own = names.get("language", "").partition("-")[0].lower()
        source = f"Taken from {path.name}."
        note = f"{(_own(names, 'note') or 'Switched off there').rstrip('.')}. {source}" if off else source
        found.append(
            RosterFeed(
                key=key,
                outlet=outlet,
                bloc=named,
                kind=kind if 0 < len(kind) <= 40 and kind != IMPORT_KIND else "newspaper",
                lang=own if re.fullmatch("[a-z]{2,3}", own) else lang,
                url=url,
                timezone=_zone(_own(names, "timezone")) or timezone,
                enabled=not off,
                status="unverified",
                status_date=day,
                status_note=note,
            )
        )
    if not found:
        why = "; ".join(left[:_TOLD]) or "no outline has an xmlUrl"
        raise InputError(f"{path} lists no feed that can be taken: {why}")
    # Of two outlines of one address the first is added: one that is polled goes before one that is not.
    return OpmlFeeds(sorted(found, key=lambda feed: not feed.enabled), left)


def _own(names: Mapping[str, str], name: str) -> str:
    """What an outline says under *name* in our namespace, or plainly, as readers that drop namespaces give it back."""
    return " ".join((names.get(f"{_OWN} {name}") or names.get(name) or "").split())


def _zone(name: str) -> str:
    try:
        return find_zone(name).key
    except ValueError:
        return ""


def _polled(address: str) -> str:
    """*address*, read as one of the web where it has the scheme by which browsers once handed feeds to readers.

    >>> _polled("feed://example.in/rss"), _polled("feed:https://example.in/rss")
    ('http://example.in/rss', 'https://example.in/rss')
    """
    if address[:7].lower() == "feed://":
        return f"http://{address[7:]}"
    return address[5:] if re.match("feed:https?://", address, re.IGNORECASE) else address


class _OpmlReader:
    """Collects outlines with an address, each with the names of its folders and whether it is commented out; names of
    elements count without their namespace, since some exporters write a default one."""

    def __init__(self) -> None:
        self.is_opml = False
        self.outlines: list[tuple[dict[str, str], list[str], bool]] = []
        self._folders: list[str] = []
        self._off: list[bool] = []
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if self._depth > _NEST:
            raise Refused(f"outlines are nested more than {_NEST} deep")
        local = _local(name)
        if self._depth == 1:
            self.is_opml = local == "opml"
        if local == "outline":
            # A comment's outlines are comments too (OPML 2.0, "Common attributes").
            off = attributes.get("isComment", "").strip().lower() == "true" or (bool(self._off) and self._off[-1])
            address = attributes.get("xmlUrl", attributes.get("xmlurl"))
            # Some exporters write an empty xmlUrl on folders; one of type rss is meant as a feed.
            if address or (address is not None and attributes.get("type", "").lower() == "rss"):
                self.outlines.append(({**attributes, "xmlUrl": address}, list(self._folders), off))
            self._folders.append((attributes.get("text") or "").strip().lower())
            self._off.append(off)

    def end(self, name: str) -> None:
        """An element ends."""
        self._depth -= 1
        if _local(name) == "outline":
            self._folders.pop()
            self._off.pop()


def _local(name: str) -> str:
    return name.rpartition(" ")[2].lower()
