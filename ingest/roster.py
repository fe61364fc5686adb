"""The feed roster: ``feeds.yaml`` is read, checked and brought into the database."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.model import RosterFeed
from ingest.ties import ties
from ingest.yamlfile import parse_yaml
from store.errors import InputError, SeedError
from store.models import Feed
from store.zones import find_zone

KINDS = (
    "newspaper",
    "agency",
    "broadcaster",
    "state media",
    "government",
    "think tank",
    "journal",
    "magazine",
    "specialist",
    "aggregator",
)
"""What outlets are called in rosters, as the head of the file lists it; a roster may know more of them."""
IMPORT_KIND = "import"
GONE_FROM_ROSTER = "no longer in the roster"

_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LANG = (re.compile(r"[a-z]{2,3}"), "a language code such as en")
_ISO_DAY = (re.compile(r"\d{4}-\d{2}-\d{2}"), "a date such as 2026-03-25")
_FIELDS = ("outlet", "bloc", "kind", "lang", "url", "timezone", "status", "status_date", "status_note")


@dataclass(frozen=True, slots=True)
class RosterReport:
    """Keys of the feeds that a synchronisation added, changed, or disabled since the file no longer names them."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def named(roster: Sequence[RosterFeed], keys: Sequence[str]) -> list[RosterFeed]:
    """The feeds called *keys*, in that order.

    Raises:
        InputError: there is none of that key; it names the keys that look like it.
    """
    by_key = {feed.key: feed for feed in roster}
    for key in keys:
        if key not in by_key:
            like = difflib.get_close_matches(key, by_key, n=3)
            meant = f"did you mean {' or '.join(like)}? " if like else ""
            where = "the page polled-feeds and `ricwatch feeds list --all` show the keys"
            raise InputError(f"the roster has no feed {key!r}; {meant}{where}")
    return [by_key[key] for key in keys]


def load_roster(path: Path) -> list[RosterFeed]:
    """The feeds of *path*, in the file's order.

    Raises:
        SeedError: the file is missing or no YAML, or an entry is malformed; the message names entry and field.
    """
    try:
        return read_roster(path, path.read_bytes())
    except FileNotFoundError:
        raise SeedError(f"{path} is missing; the seed folder needs a feed roster") from None


def read_roster(path: Path, body: bytes) -> list[RosterFeed]:
    """The feeds of *body*, which stands in the file *path* or is about to.

    Raises:
        SeedError: as `load_roster`.
    """
    content = parse_yaml(path, body)
    rows = content.get("feeds") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise SeedError(f"{path}: expected a list under 'feeds'")
    feeds: list[RosterFeed] = []
    keys: set[str] = set()
    addresses: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        feed = _feed(path, number, row)
        if feed.key in keys:
            raise SeedError(f"{path}: entry {number}, key: {feed.key!r} is used twice; every feed needs its own key")
        twin = addresses.get(feed.url)
        if twin is not None and feed.enabled:
            raise SeedError(f"{path}: {feed.key}, url: {twin} already polls {feed.url}; disable one of them")
        keys.add(feed.key)
        if feed.enabled:
            addresses[feed.url] = feed.key
        feeds.append(feed)
    return feeds


def _feed(path: Path, number: int, row: Any) -> RosterFeed:
    if not isinstance(row, dict):
        raise SeedError(f"{path}: entry {number} is not a mapping of fields")
    key = row.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key) or len(key) > 80:
        raise SeedError(
            f"{path}: entry {number}, key: {key!r} is no short name; use lower-case words joined by hyphens"
        )
    if key.startswith("import-"):
        raise SeedError(f"{path}: {key}, key: names that begin with import- are kept for imported items")
    values = {name: _text(path, key, row, name) for name in _FIELDS}
    enabled = row.get("enabled")
    if not isinstance(enabled, bool):
        raise SeedError(f"{path}: {key}, enabled: expected true or false, found {enabled!r}")
    if not enabled and not values["status_note"]:
        raise SeedError(f"{path}: {key}, status_note: a disabled feed needs the reason")
    full_text = row.get("full_text", False)
    if not isinstance(full_text, bool):
        raise SeedError(f"{path}: {key}, full_text: expected true or false, found {full_text!r}")
    if unknown := sorted(set(row) - {"key", "enabled", "full_text", *_FIELDS}):
        raise SeedError(f"{path}: {key} has the unknown field {unknown[0]!r}; the fields are explained atop the file")
    return RosterFeed(
        key=key,
        outlet=values["outlet"],
        bloc=_bloc(path, key, values["bloc"]),
        kind=_kind(path, key, values["kind"]),
        lang=_matching(path, key, values, "lang", _LANG),
        url=_address(path, key, values["url"]),
        timezone=_zone(path, key, values["timezone"]),
        enabled=enabled,
        status=values["status"],
        status_date=_matching(path, key, values, "status_date", _ISO_DAY),
        status_note=values["status_note"],
        full_text=full_text,
    )


def _text(path: Path, key: str, row: dict[str, Any], name: str) -> str:
    # An unquoted ISO date is a date to YAML; both spellings are fine.
    value: Any = row.get(name, "" if name.startswith("status_") else None)
    text = value.isoformat() if isinstance(value, dt.date) else value
    if not isinstance(text, str) or (not text.strip() and not name.startswith("status_")):
        raise SeedError(f"{path}: {key}, {name}: expected text, found {value!r}")
    return text.strip()


def _matching(path: Path, key: str, values: dict[str, str], name: str, form: tuple[re.Pattern[str], str]) -> str:
    pattern, wanted = form
    if values[name] and not pattern.fullmatch(values[name]):
        raise SeedError(f"{path}: {key}, {name}: {values[name]!r} is not {wanted}")
    return values[name]


def _bloc(path: Path, key: str, value: str) -> str:
    known = ties().blocs
    if value not in known:
        raise SeedError(f"{path}: {key}, bloc: {value!r} is none of {', '.join(known)}")
    return value


def _kind(path: Path, key: str, value: str) -> str:
    if value == IMPORT_KIND:
        raise SeedError(f"{path}: {key}, kind: {IMPORT_KIND!r} is kept for imported items")
    return value


def _address(path: Path, key: str, value: str) -> str:
    if fault := address_fault(value):
        raise SeedError(f"{path}: {key}, url: {fault}")
    return value


def address_fault(value: str) -> str:
    """Why *value* cannot be polled, in words; empty where it can.

    >>> address_fault("ftp://example.in/rss")
    "'ftp://example.in/rss' is not an http or https address"
    """
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        return f"{value!r} is malformed: {error}"
    if parts.scheme not in ("http", "https") or not host:
        return f"{value!r} is not an http or https address"
    if parts.username or parts.password:
        return "holds a user name or password, which would be printed in every report"
    return ""


def _zone(path: Path, key: str, value: str) -> str:
    try:
        find_zone(value)
    except ValueError as error:
        raise SeedError(f"{path}: {key}, timezone: {error}") from None
    return value


def sync_roster(session: Session, feeds: Sequence[RosterFeed]) -> RosterReport:
    """Bring *feeds* into the table `feed`.

    Validators, schedule and health stay, unless the address changed: they belong to the address. A feed that the
    roster no longer names is disabled with a note and kept, since its articles hang on it. Imports are left alone.
    """
    known = {feed.key: feed for feed in session.scalars(select(Feed).where(Feed.kind != IMPORT_KIND))}
    added: list[str] = []
    changed: list[str] = []
    for item in feeds:
        values = {
            "outlet": item.outlet,
            "bloc": item.bloc,
            "kind": item.kind,
            "lang": item.lang,
            "url": item.url,
            "timezone": item.timezone,
            "enabled": item.enabled,
            "status": item.status,
            "status_date": item.status_date,
            "status_note": item.status_note,
            "full_text": item.full_text,
        }
        row = known.pop(item.key, None)
        if row is None:
            session.add(Feed(key=item.key, **values))
            added.append(item.key)
            continue
        if all(getattr(row, name) == value for name, value in values.items()):
            continue
        if row.url != item.url:
            forget_validators(row)
            row.next_poll_at = None
            row.moved_to, row.moved_seen = "", 0
            row.ttl_seconds = None
        for name, value in values.items():
            setattr(row, name, value)
        changed.append(item.key)
    removed: list[str] = []
    for row in known.values():
        if row.enabled or row.status_note != GONE_FROM_ROSTER:
            row.enabled = False
            row.status_note = GONE_FROM_ROSTER
            removed.append(row.key)
    session.flush()
    return RosterReport(tuple(added), tuple(changed), tuple(sorted(removed)))


def forget_validators(feed: Feed) -> None:
    """Make the next request for *feed* unconditional."""
    feed.etag = None
    feed.last_modified = None
    feed.body_sha256 = None
