"""The bundled archive over real HTTP on loopback, as it stood at a moment that the caller sets.

>>> archive = load_archive(Path("seeds/archive"))                       # doctest: +SKIP
>>> with ArchiveServer(archive) as server:                              # doctest: +SKIP
...     for day in server.days():
...         server.as_of = datetime.combine(day, time.max, tzinfo=UTC)
...         poll(server.roster())
"""

from __future__ import annotations

import datetime as dt
import hashlib
import sys
import threading
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from ingest.archive_items import Archive, ArchiveItem, Death, Expectation, Outlet, load_archive
from ingest.archive_xml import TYPES, render
from ingest.model import RosterFeed

__all__ = ["NEWEST", "Archive", "ArchiveItem", "ArchiveServer", "Death", "Expectation", "Outlet", "load_archive"]

NEWEST = 30
"""Items in a response, as many as a common newspaper feed carries."""


class ArchiveServer:
    """Serves ``/feeds/<key>.xml`` of *archive* while the block runs: what each outlet had published by `as_of`.

    It listens on 127.0.0.1 at a port that the system picks and logs nothing. Until `as_of` is set, the clock stands
    at the beginning of the first day, so every feed is empty.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._lock = threading.Lock()
        self._as_of = dt.datetime.combine(archive.start, dt.time.min, tzinfo=dt.UTC)
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> ArchiveServer:
        server = self

        class Handler(_Handler):
            source = server

        self._http = _Server(("127.0.0.1", 0), Handler)
        # A poll interval far below the default of half a second: tests and replays start many of these.
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._http.server_close()
        self._http = self._thread = None

    @property
    def url(self) -> str:
        """Base address, without a slash at the end.

        Raises:
            RuntimeError: the server does not run; use it in a ``with`` block.
        """
        if self._http is None:
            raise RuntimeError("the archive server does not run; use it in a with block")
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def as_of(self) -> dt.datetime:
        """The simulated moment, in UTC; it may be set at any time and from any thread."""
        with self._lock:
            return self._as_of

    @as_of.setter
    def as_of(self, moment: dt.datetime) -> None:
        if moment.tzinfo is None:
            raise ValueError(f"{moment!r} has no time zone; the simulated clock needs one")
        with self._lock:
            self._as_of = moment.astimezone(dt.UTC)

    def days(self) -> list[dt.date]:
        """Every UTC day of the archive, in order."""
        return self.archive.days()

    def feed_url(self, key: str) -> str:
        """Address of the feed of outlet *key* on this server."""
        return f"{self.url}/feeds/{key}.xml"

    def roster(self) -> list[RosterFeed]:
        """The outlets as a roster with addresses on this server; the dying ones too, as a reader could not know."""
        return [
            RosterFeed(
                key=outlet.key,
                outlet=outlet.name,
                bloc=outlet.bloc,
                kind=outlet.kind,
                lang=outlet.lang,
                url=self.feed_url(outlet.key),
                timezone=outlet.zone.key,
                enabled=True,
                status="ok",
                status_date=self.archive.start.isoformat(),
                status_note="invented outlet of the bundled archive",
            )
            for outlet in self.archive.outlets.values()
        ]


class _Server(ThreadingHTTPServer):
    """A server that does not print a trace when a reader breaks off, as a poller may at any time."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    source: ArchiveServer
    protocol_version = "HTTP/1.1"
    timeout = 30
    server_version = "archive"
    sys_version = ""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a replay answers some ten thousand polls."""

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        outlet = self._outlet()
        if outlet is None:
            self._plain(HTTPStatus.NOT_FOUND, "There is no such feed in the archive.\n", body)
            return
        as_of = self.source.as_of
        death = outlet.dead(as_of)
        if death is Death.GONE:
            self._plain(HTTPStatus.GONE, "This feed was closed for good.\n", body)
        elif death is Death.MISSING:
            self._plain(HTTPStatus.NOT_FOUND, "This feed is not here any more.\n", body)
        else:
            self._feed(outlet, self.source.archive.due(outlet.key, as_of)[:NEWEST], body)

    def _outlet(self) -> Outlet | None:
        path = self.path.partition("?")[0]
        key = path.removeprefix("/feeds/").removesuffix(".xml")
        outlet = self.source.archive.outlets.get(key)
        return outlet if path == f"/feeds/{key}.xml" else None

    def _plain(self, status: HTTPStatus, message: str, body: bool) -> None:
        content = message.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _feed(self, outlet: Outlet, items: list[ArchiveItem], body: bool) -> None:
        content = render(outlet, items)
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        modified = items[0].published.astimezone(dt.UTC) if items else None
        fresh = _unchanged(self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since"), etag, modified)
        self.send_response(HTTPStatus.NOT_MODIFIED if fresh else HTTPStatus.OK)
        self.send_header("ETag", etag)
        if modified:
            self.send_header("Last-Modified", format_datetime(modified, usegmt=True))
        if not fresh:
            self.send_header("Content-Type", TYPES[outlet.format])
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body and not fresh:
            self.wfile.write(content)


def _unchanged(match: str | None, since: str | None, etag: str, modified: dt.datetime | None) -> bool:
    """Whether a conditional request is answered with 304 (RFC 9110 section 13.2.2).

    If-None-Match decides alone where it is given, by weak comparison; a date that cannot be read is ignored
    (section 13.1.3).
    """
    if match is not None:
        tags = [tag.strip().removeprefix("W/") for tag in match.split(",")]
        return "*" in tags or etag in tags
    if since is None or modified is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        return False
    return modified <= (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))
