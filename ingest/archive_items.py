"""The bundled archive as data: invented outlets and the items that we wrote for them, checked on the way in."""

from __future__ import annotations

import datetime as dt
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from ingest.ties import ties
from ingest.yamlfile import SafeLoader, parse_yaml
from store.errors import SeedError
from store.zones import find_zone

KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
DYAD = re.compile(r"[A-Z]{2}-[A-Z]{2}\Z")
# XML 1.0 section 2.2: these characters cannot stand in a document, not even as references.
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class FeedFormat(StrEnum):
    """How a demo outlet publishes."""

    RSS = "rss"
    ATOM = "atom"


class Death(StrEnum):
    """What a poll of a dead feed meets: HTTP 410, HTTP 404, or the last items unchanged."""

    GONE = "gone"
    MISSING = "missing"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Outlet:
    """An invented outlet. `dies_on` is the first day on which its feed brings nothing new, `death` what is met then."""

    key: str
    name: str
    bloc: str
    kind: str
    lang: str
    zone: ZoneInfo
    format: FeedFormat
    dies_on: dt.date | None = None
    death: Death | None = None

    def dead(self, moment: dt.datetime) -> Death | None:
        """How the feed is dead at *moment* (by the outlet's own calendar); None while it lives."""
        if self.dies_on is None or moment.astimezone(self.zone).date() < self.dies_on:
            return None
        return self.death


@dataclass(frozen=True, slots=True)
class Expectation:
    """Our own label of an item, after the codebook; tests hold classifiers against it."""

    relevant: bool
    dyads: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    themes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveItem:
    """One item. `published` has the outlet's zone; `copy_of` is the id of the story that it repeats, empty if none."""

    id: str
    outlet: str
    published: dt.datetime
    title: str
    text: str
    lang: str
    copy_of: str
    expect: Expectation

    @property
    def link(self) -> str:
        """A stable address that is never fetched: `.example` is reserved (RFC 2606 section 2)."""
        return f"https://{self.outlet}.demo.example/{self.id}"

    @property
    def guid(self) -> str:
        """A tag URI (RFC 4151): the same in every run."""
        return f"tag:{self.outlet}.demo.example,{self.published:%Y-%m-%d}:{self.id}"


@dataclass(frozen=True, slots=True)
class Archive:
    """The whole archive. `items` are in order of publication."""

    folder: Path
    outlets: Mapping[str, Outlet]
    items: tuple[ArchiveItem, ...]

    @property
    def start(self) -> dt.date:
        """UTC day of the first item."""
        return self.items[0].published.astimezone(dt.UTC).date()

    @property
    def end(self) -> dt.date:
        """UTC day of the last item."""
        return self.items[-1].published.astimezone(dt.UTC).date()

    def days(self) -> list[dt.date]:
        """Every UTC day from `start` to `end`, with items or without: a replay steps through all of them."""
        return [self.start + dt.timedelta(days=step) for step in range((self.end - self.start).days + 1)]

    def due(self, outlet: str, as_of: dt.datetime) -> list[ArchiveItem]:
        """What *outlet* has published at or before *as_of*, newest first."""
        return [item for item in reversed(self.items) if item.outlet == outlet and item.published <= as_of]


def load_archive(folder: Path) -> Archive:
    """Read ``outlets.yaml`` and every ``items-*.yaml`` of *folder*.

    Raises:
        SeedError: a file is missing or malformed; the message names file, entry and reason.
    """
    path = folder / "outlets.yaml"
    outlets: dict[str, Outlet] = {}
    for number, row in _rows(path, "outlets"):
        outlet = _Entry(path, number, "key", row).outlet()
        if outlet.key in outlets:
            raise SeedError(f"{path}: entry {number} ({outlet.key}): the key is taken by an entry before it")
        outlets[outlet.key] = outlet
    items: dict[str, ArchiveItem] = {}
    places: dict[str, str] = {}
    for path in sorted(folder.glob("items-*.yaml")):
        for number, row in _rows(path, "items"):
            item = _Entry(path, number, "id", row).item(outlets)
            place = f"{path}: entry {number} ({item.id})"
            if item.id in items:
                raise SeedError(f"{place}: the id is taken; ids must be unique over all files ({places[item.id]})")
            items[item.id], places[item.id] = item, place
    if not items:
        raise SeedError(f"{folder}: no items; an archive needs at least one items-*.yaml")
    for item in items.values():
        _check_copy(item, items, places[item.id])
    ordered = sorted(items.values(), key=lambda item: (item.published, item.id))
    return Archive(folder=folder, outlets=MappingProxyType(outlets), items=tuple(ordered))


def _check_copy(item: ArchiveItem, items: Mapping[str, ArchiveItem], place: str) -> None:
    if not item.copy_of:
        return
    story = items.get(item.copy_of)
    if story is None:
        raise SeedError(f"{place}: copy_of names {item.copy_of!r}, which no file holds")
    if story.copy_of:
        raise SeedError(f"{place}: copy_of names {item.copy_of!r}, which is a copy itself; name the first story")
    if story.outlet == item.outlet:
        raise SeedError(f"{place}: a copy appears in another outlet than its story, not in {item.outlet!r} again")
    if not 0 <= (item.published.date() - story.published.date()).days <= 2:
        raise SeedError(f"{place}: a copy is dated on the day of its story or on the next two")


def _rows(path: Path, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        content = parse_yaml(path, path.read_bytes(), _Strict)
    except FileNotFoundError:
        raise SeedError(f"{path} is missing; an archive needs it") from None
    rows = content.get(key) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise SeedError(f"{path}: expected a list under {key!r}")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise SeedError(f"{path}: entry {number}: expected a mapping, found {row!r}")
        yield number, row


class _Strict(SafeLoader):  # type: ignore[misc, valid-type]  # either of two classes with one interface
    """A safe loader that refuses a key given twice, which YAML forbids and PyYAML lets pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        twice = [key for key, times in Counter(str(key.value) for key, _ in node.value).items() if times > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"key {twice[0]!r} is given twice", node.start_mark)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


class _Entry:
    """One record of a file, with what an error message needs."""

    def __init__(self, path: Path, number: int, name: str, row: dict[str, Any]) -> None:
        self.row = row
        self.place = f"{path}: entry {number} ({row.get(name, 'without ' + name)})"

    def fail(self, reason: str) -> SeedError:
        return SeedError(f"{self.place}: {reason}")

    def only(self, *names: str) -> None:
        unknown = sorted(set(self.row) - set(names))
        if unknown:
            raise self.fail(f"unknown field {unknown[0]!r}; there are {', '.join(names)}")

    def text(self, name: str) -> str:
        value = self.row.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.fail(f"needs {name!r}, a text; found {value!r}")
        if NOT_XML.search(value):
            raise self.fail(f"{name!r} holds a control character, which no feed can carry")
        return value.strip()

    def bloc(self) -> str:
        value, known = self.row.get("bloc"), ties().blocs
        if value not in known:
            raise self.fail(f"'bloc' is {value!r}; use one of {', '.join(known)}")
        return str(value)

    def choice(self, name: str, kind: type[StrEnum], row: Mapping[str, Any] | None = None) -> Any:
        value = (self.row if row is None else row).get(name)
        try:
            return kind(str(value))
        except ValueError:
            raise self.fail(f"{name!r} is {value!r}; use one of {', '.join(kind)}") from None

    def key(self, name: str) -> str:
        value = self.text(name)
        if not KEY.match(value):
            raise self.fail(f"{name!r} is {value!r}; use small letters, digits and single hyphens")
        return value

    def outlet(self) -> Outlet:
        self.only("key", "outlet", "bloc", "kind", "lang", "timezone", "format", "dies")
        try:
            zone = find_zone(self.text("timezone"))
        except ValueError as error:
            raise self.fail(str(error)) from None
        dies = self.row.get("dies")
        if dies is not None and not (isinstance(dies, dict) and type(dies.get("day")) is dt.date):
            raise self.fail(f"'dies' is {dies!r}; give a day under 'day' and a word under 'how'")
        return Outlet(
            key=self.key("key"),
            name=self.text("outlet"),
            bloc=self.bloc(),
            kind=self.text("kind"),
            lang=self.text("lang"),
            zone=zone,
            format=self.choice("format", FeedFormat),
            dies_on=dies["day"] if dies else None,
            death=self.choice("how", Death, dies) if dies else None,
        )

    def item(self, outlets: Mapping[str, Outlet]) -> ArchiveItem:
        self.only("id", "date", "outlet", "title", "text", "lang", "copy_of", "expect")
        key = self.text("outlet")
        if key not in outlets:
            raise self.fail(f"'outlet' is {key!r}, which outlets.yaml lacks")
        outlet = outlets[key]
        name = self.key("id")
        published = self.published(name, outlet)
        if outlet.dies_on and published.date() >= outlet.dies_on:
            raise self.fail(f"{key} is dead from {outlet.dies_on} on; date it earlier or give it to another outlet")
        return ArchiveItem(
            id=name,
            outlet=key,
            published=published,
            title=self.text("title"),
            text=self.text("text"),
            lang=self.text("lang") if "lang" in self.row else outlet.lang,
            copy_of=self.text("copy_of") if "copy_of" in self.row else "",
            expect=self.expectation(),
        )

    def published(self, name: str, outlet: Outlet) -> dt.datetime:
        """The given moment; for a bare day, a minute between 9:00 and 17:59 by the outlet's clock, drawn from the id.

        In these hours the local and the UTC day are the same in every zone from New York to Shanghai.
        """
        value = self.row.get("date")
        if isinstance(value, dt.datetime):
            return (value if value.tzinfo else value.replace(tzinfo=outlet.zone)).astimezone(outlet.zone)
        if isinstance(value, dt.date):
            minute = zlib.crc32(name.encode()) % (9 * 60)
            return dt.datetime.combine(value, dt.time(9 + minute // 60, minute % 60), tzinfo=outlet.zone)
        raise self.fail(f"'date' is {value!r}; use an ISO day, or a day and a time")

    def expectation(self) -> Expectation:
        row = self.row.get("expect")
        if not isinstance(row, dict) or not isinstance(row.get("relevant"), bool):
            raise self.fail("needs 'expect' with 'relevant', true or false")
        dyads, themes = row.get("dyads", {}), row.get("themes", [])
        if not isinstance(dyads, dict) or not all(isinstance(code, str) and DYAD.match(code) for code in dyads):
            raise self.fail(f"'expect.dyads' is {dyads!r}; use a mapping of ties to stances")
        for code, stance in dyads.items():
            if isinstance(stance, bool) or stance not in (-1, 0, 1):
                raise self.fail(f"the stance expected of {code} is {stance!r}; use -1, 0 or 1")
        if not isinstance(themes, list) or not all(isinstance(code, str) for code in themes) or len(themes) > 3:
            raise self.fail(f"'expect.themes' is {themes!r}; use a list of one to three theme codes")
        if row["relevant"] != bool(dyads) or row["relevant"] != bool(themes):
            raise self.fail("an item that is relevant has dyads and themes, one that is not has neither")
        return Expectation(relevant=row["relevant"], dyads=MappingProxyType(dict(dyads)), themes=tuple(themes))
