"""Dated items from files become articles: idempotent, and resumable after a crash at the line where it stopped."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import update
from sqlalchemy.orm import Session

from ingest.articles import StoreCounts, store_entries
from ingest.clean import TEXT_LIMIT, TITLE_LIMIT, plain_text, title_key, web_address
from ingest.dates import read_date
from ingest.jsonl import Line, iter_jsonl
from ingest.model import DateQuality, Entry, OnTopic, RosterFeed
from ingest.roster import IMPORT_KIND
from ingest.stories import StoryIndex
from ingest.ties import OTHER
from store.db import Store
from store.errors import InputError
from store.models import Feed, ImportFile
from store.progress import Progress, silent
from store.transact import in_transaction

UNNAMED = "unnamed source"

# "(RSS)", "(world)", "(opinion)": how a text was come by or which pages it stood on, not who printed it.
_SUFFIX = re.compile(r"(?:\s*\([^()]*\)|\s+RSS(?: feed)?)\s*$", re.IGNORECASE)
_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was skipped: file name, line number counted from 1, and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `lines` counts lines read now; those of an earlier run of the same file are not read again
    and stand in `lines_before`."""

    files: int
    lines: int
    new: int
    known: int
    off_topic: int
    bad: list[BadLine]
    lines_before: int = 0


class Outlets:
    """Guesses the press bloc of a source by its name, from the outlets of the roster."""

    def __init__(self, roster: Sequence[RosterFeed]) -> None:
        self._blocs: dict[str, str] = {}
        for feed in roster:
            self._blocs.setdefault(_plain_name(feed.outlet), feed.bloc)

    def bloc(self, outlet: str) -> str:
        """The bloc of *outlet*; other when the roster has no outlet of that name."""
        name = _plain_name(outlet)
        if name in self._blocs:
            return self._blocs[name]
        # "BBC" for BBC News, "CGTN World" for CGTN: accepted when all outlets that fit are of one bloc.
        fit = {
            bloc
            for known, bloc in self._blocs.items()
            if name and (known.startswith(f"{name} ") or name.startswith(f"{known} "))
        }
        return fit.pop() if len(fit) == 1 else OTHER


def _plain_name(name: str) -> str:
    return title_key(_SUFFIX.sub("", name)).removeprefix("the ")


def outlet_name(source: str) -> str:
    """The outlet that a source's name means.

    >>> outlet_name("BBC News (RSS)")
    'BBC News'
    """
    return _SUFFIX.sub("", plain_text(source, 120)).strip() or UNNAMED


def import_key(outlet: str) -> str:
    """The key of the pseudo-feed that stands for an imported outlet.

    >>> import_key("BBC News")
    'import-bbc-news'
    """
    ascii_name = unicodedata.normalize("NFKD", outlet).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")
    if len(slug) < 2:
        slug = hashlib.blake2b(outlet.encode(), digest_size=4).hexdigest()  # a name in another script
    return f"import-{slug}"[:80].rstrip("-")


def import_items(
    store: Store,
    paths: Sequence[Path],
    *,
    now: dt.datetime,
    on_topic: OnTopic,
    roster: Sequence[RosterFeed] = (),
    within: Callable[[dt.date], bool] | None = None,
    progress: Progress = silent,
    batch: int = 1_000,
) -> ImportReport:
    """Load the items of JSONL files (plain or gzip): ``{"id","title","text"?,"source"?,"date","url"?,"lang"?}``.

    Every *batch* of lines is one transaction with its place in the file, so a second call goes on where a first one
    was killed, and one after the end changes nothing. An item counts on its day of publication; where
    *within* is given, items of days that it refuses are passed over.

    Raises:
        InputError: a file does not exist or is not JSON lines; files before it are loaded.
    """
    store.widen()
    run = _Import(store, Outlets(roster), now, on_topic, within)
    for path in paths:
        run.load(path, progress, batch)
    counts = run.counts
    return ImportReport(
        len(paths), run.lines, counts.new, counts.known, counts.off_topic, run.bad, lines_before=run.lines_before
    )


class _Import:
    """One import: what its files share, and what has been counted so far."""

    def __init__(
        self,
        store: Store,
        outlets: Outlets,
        now: dt.datetime,
        on_topic: OnTopic,
        within: Callable[[dt.date], bool] | None,
    ) -> None:
        self._within = within
        self._store = store
        self._outlets = outlets
        self._now = now
        self._on_topic = on_topic
        self._stories = StoryIndex()
        self.counts = StoreCounts()
        self.bad: list[BadLine] = []
        self.lines = 0
        self.lines_before = 0

    def load(self, path: Path, progress: Progress, batch: int) -> None:
        """Load one file from the line on where an earlier import of it stopped."""
        sha256, total = _measure(path)
        done, finished = self._begin(sha256, path)
        self.lines_before += done
        if finished:
            progress(done, done, f"{path.name}: already imported")
            return
        for group in _batches(iter_jsonl(path), done, batch):
            entries: list[tuple[str, Entry]] = []
            for line in group:
                item = _entry(line, self._now)
                if isinstance(item, str):
                    self.bad.append(BadLine(path.name, line.number, item))
                elif self._within is None or self._within(_day(item[1], self._now)):
                    entries.append(item)
            done = group[-1].number
            self.counts += self._commit(sha256, done, entries)
            self.lines += len(group)
            progress(done, max(total, done), path.name)
        self._commit(sha256, done, (), finished=True)

    def _begin(self, sha256: str, path: Path) -> tuple[int, bool]:
        """Lines stored by earlier imports of the same bytes, and whether that was all of them."""

        def work(session: Session) -> tuple[int, bool]:
            row = session.get(ImportFile, sha256)
            if row is None:
                row = ImportFile(sha256=sha256, name=path.name, lines=0, finished=False, updated_at=self._now)
                session.add(row)
                session.flush()
            return row.lines, row.finished

        return in_transaction(self._store, work, undo=self._stories.reset, what=path.name)

    def _commit(
        self, sha256: str, line: int, entries: Sequence[tuple[str, Entry]], *, finished: bool = False
    ) -> StoreCounts:
        """A batch and the place that it brings the file to, in one transaction."""

        def work(session: Session) -> StoreCounts:
            # Written first: SQLite then waits for its turn, instead of failing when a reader becomes a writer.
            session.execute(
                update(ImportFile)
                .where(ImportFile.sha256 == sha256)
                .values(lines=line, finished=finished, updated_at=self._now)
            )
            by_outlet: dict[str, list[Entry]] = {}
            for outlet, entry in entries:
                by_outlet.setdefault(outlet, []).append(entry)
            counts = StoreCounts()
            for outlet, own in by_outlet.items():
                feed = _pseudo_feed(session, outlet, own[0].lang or "en", self._outlets)
                counts += store_entries(
                    session, feed, None, own, now=self._now, on_topic=self._on_topic, stories=self._stories
                )
            return counts

        return in_transaction(self._store, work, undo=self._stories.reset, what=f"line {line}")


def _day(entry: Entry, now: dt.datetime) -> dt.date:
    return (entry.published_at or now).astimezone(dt.UTC).date()


def _measure(path: Path) -> tuple[str, int]:
    """SHA-256 of the file, and its number of lines for the progress bar (those before a break, if it is damaged)."""
    digest = hashlib.sha256()
    lines = 0
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
            stream.seek(0)
            packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            source = cast(io.BufferedIOBase, gzip.GzipFile(fileobj=stream)) if packed else stream
            try:
                while block := source.read(1 << 20):
                    lines += block.count(b"\n")
            except (EOFError, gzip.BadGzipFile, zlib.error):
                return digest.hexdigest(), lines
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    return digest.hexdigest(), lines


def _batches(lines: Iterator[Line], skip: int, size: int) -> Iterator[list[Line]]:
    held: list[Line] = []
    for line in lines:
        if line.number <= skip:
            continue
        held.append(line)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


_FIELDS = ("id", "title", "text", "source", "date", "url", "lang")


def _fields(value: dict[str, Any]) -> dict[str, str] | str:
    """The fields of an item as text, or what is wrong with them."""
    fields: dict[str, str] = {}
    for name in _FIELDS:
        given = value.get(name)
        if isinstance(given, (int, float)) and not isinstance(given, bool) and name in ("id", "date"):
            given = str(given)
        if given is not None and not isinstance(given, str):
            return f"{name!r} is not text but {type(given).__name__}"
        fields[name] = given or ""
    return fields


def _entry(line: Line, now: dt.datetime) -> tuple[str, Entry] | str:
    """The outlet and the entry of a line, or why there is none."""
    fields = line.reason if line.value is None else _fields(line.value)
    if isinstance(fields, str):
        return fields
    title = plain_text(fields["title"], TITLE_LIMIT)
    if not title:
        return "no title"
    published, quality = read_date(fields["date"], _ZONE, now=now)
    if published is None:
        return _WRONG_DATE[quality].format(fields["date"][:40]) if fields["date"].strip() else "no date"
    outlet = outlet_name(fields["source"])
    url = web_address(fields["url"]) or ""
    # Without an address, the item's own id, or else what it says, is its identity.
    identity = fields["id"].strip() or ("" if url else f"{outlet}|{published:%Y-%m-%d}|{title_key(title)}")
    return outlet, Entry(
        title=title,
        text=plain_text(fields["text"], TEXT_LIMIT),
        url=url,
        guid=identity[:2_048],
        published_at=published,
        published_raw=fields["date"][:200],
        date_quality=quality,
        lang=fields["lang"][:10].lower(),
        outlet=outlet,
    )


_WRONG_DATE = {
    DateQuality.FUTURE: "the date {!r} lies in the future",
    DateQuality.ANCIENT: "the date {!r} lies before the year 2000",
    DateQuality.MISSING: "the date {!r} cannot be read",
}


def _pseudo_feed(session: Session, outlet: str, lang: str, outlets: Outlets) -> Feed:
    key = import_key(outlet)
    feed = session.get(Feed, key)
    if feed is None:
        feed = Feed(
            key=key,
            outlet=outlet,
            bloc=outlets.bloc(outlet),
            kind=IMPORT_KIND,
            lang=lang,
            url="",
            timezone=_ZONE,
            enabled=False,
            status=IMPORT_KIND,
            status_date="",
            status_note="Imported items; nothing is polled.",
        )
        session.add(feed)
        session.flush()
    return feed
