"""One GET, hostile-proof: bounded in bytes, redirects and total time; a typed outcome in every case."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from ingest.address import (
    PRIVATE_NETWORKS,
    AddressRefused,
    GuardedTransport,
    IpNetwork,
    NameNotFound,
    Resolver,
    resolve,
)
from store.settings import Settings

_Told = TypeVar("_Told")
Onward = Callable[[str], Awaitable[None]]
MAX_REDIRECTS = 5
_CHUNK = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)


class RefusedReason(StrEnum):
    """Why we would not go on with an answer."""

    ADDRESS = "address_not_public"
    SCHEME = "not_http"
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    ENCODING = "unknown_encoding"


class FailedReason(StrEnum):
    """Why there was no usable answer."""

    NAME = "name_not_found"
    CONNECT = "cannot_connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    BROKEN = "broken_answer"
    HTTP = "http_error"
    FAULT = "fault_of_ours"


_NETWORK = frozenset({FailedReason.NAME, FailedReason.CONNECT, FailedReason.TLS, FailedReason.TIMEOUT})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete body, decompressed. `permanent_url` is set when every hop to it was a 301 or 308."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    sha256: str
    permanent_url: str | None = None

    @property
    def etag(self) -> str | None:
        """The ETag, as given; validators are opaque."""
        return self.headers.get("etag") or None

    @property
    def last_modified(self) -> str | None:
        """The Last-Modified header, as given."""
        return self.headers.get("last-modified") or None


@dataclass(frozen=True, slots=True)
class NotModified:
    """304: nothing changed since the validators that were sent."""

    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 304


@dataclass(frozen=True, slots=True)
class Gone:
    """410: the publisher says that it will not come back."""

    status: int = 410


@dataclass(frozen=True, slots=True)
class Refused:
    """We stopped: the answer, or where it led, is not acceptable."""

    reason: RefusedReason
    detail: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable answer. `retry_after` is the header of a response, unread."""

    reason: FailedReason
    detail: str
    status: int | None = None
    retry_after: str | None = None

    @property
    def network(self) -> bool:
        """Whether no response arrived at all: name, connection, TLS or time."""
        return self.reason in _NETWORK and self.status is None


Outcome = Fetched | NotModified | Gone | Refused | Failed


@dataclass(frozen=True, slots=True)
class Redirected:
    """The answer sends on to *url*, which was not asked; `permanent` for a 301 or 308."""

    url: str
    status: int
    permanent: bool


@dataclass(frozen=True, slots=True)
class Want:
    """What one kind of document asks for. A body beyond `max_bytes` is refused, or with `cut` read so far and no more.

    `max_bytes` is None for what the fetcher was made with.
    """

    accept: str = _ACCEPT
    max_bytes: int | None = None
    cut: bool = False


FEED = Want()


class _TooLarge(Exception):
    pass


class _Enough(Exception):
    pass


class _Encoding(Exception):
    pass


class _Inflater:
    """Decompresses in bounded steps, so that 300 kB of gzip never becomes 300 MB of memory."""

    def __init__(self, encoding: str, limit: int, *, cut: bool = False) -> None:
        self._limit = limit
        self._cut = cut
        self._parts: list[bytes] = []
        self._size = 0
        self._raw = 0
        self._gzip = encoding in ("gzip", "x-gzip")
        self._deflate = encoding == "deflate"
        self._zlib: zlib._Decompress | None = None
        self._first = True
        if encoding and not (self._gzip or self._deflate or encoding == "identity"):
            raise _Encoding(f"Content-Encoding {encoding!r} was not offered")

    def feed(self, data: bytes) -> None:
        """Take *data* off the wire.

        Raises:
            _TooLarge: the body, as sent or decompressed, is larger than the limit.
            _Enough: the same where it is to be cut; `kept` is what the limit lets through.
            zlib.error: the compressed data is damaged.
        """
        self._raw += len(data)
        if self._raw > self._limit and not self._cut:
            raise _TooLarge
        if self._first and data:
            self._first = False
            self._zlib = self._decoder(data)
        if self._zlib is None:
            self._keep(data)
            return
        while data:
            self._keep(self._zlib.decompress(data, _CHUNK))
            data = self._zlib.unconsumed_tail
            if not data and self._zlib.eof and self._zlib.unused_data.startswith(b"\x1f\x8b"):
                data = self._zlib.unused_data  # RFC 1952 2.2: a gzip file may hold several members
                self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)
        if self._raw > self._limit:
            raise _Enough

    def _decoder(self, head: bytes) -> zlib._Decompress | None:
        # The magic decides, not the header: some servers say gzip and send plain text, or send a .gz file unlabelled.
        if head.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        if self._deflate:
            wrapped = len(head) > 1 and head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
            # RFC 9110 8.4.1.2: deflate means the zlib format, but some send the bare stream.
            return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        return None

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            if self._cut:
                self._parts.append(data[: len(data) - (self._size - self._limit)])
                raise _Enough
            self._parts.clear()
            raise _TooLarge
        if data:
            self._parts.append(data)

    @property
    def kept(self) -> bytes:
        """What came through so far."""
        return b"".join(self._parts)

    def finish(self) -> bytes:
        """The whole body.

        Raises:
            zlib.error: the compressed stream breaks off.
        """
        if self._zlib is not None:
            while rest := self._zlib.decompress(self._zlib.unconsumed_tail, _CHUNK):
                self._keep(rest)
            if not self._zlib.eof:
                raise zlib.error("compressed stream breaks off")
        return self.kept


class Fetcher:
    """Sends the requests of one poll over one guarded transport. Made by `open_fetcher`.

    Over the transport, not a client: what a client adds (a jar that would carry one site's cookies to the next poll,
    redirects without our checks, authentication) is not wanted here, and costs half as much as the request.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, *, user_agent: str, max_bytes: int, timeout: float) -> None:
        self._transport = transport
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate", "Connection": "keep-alive"}
        # What bounds the whole request bounds each of its reads and writes.
        self._limits = httpx.Timeout(None, connect=min(timeout, 10.0)).as_dict()
        self._max_bytes = max_bytes
        self._timeout = timeout

    async def fetch(
        self,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        want: Want = FEED,
        onward: Onward | None = None,
    ) -> Outcome:
        """GET *url*, following up to five redirects; conditional where validators are given.

        Never raises for what the network or the server does: that is the outcome. *onward* is awaited before each
        redirect is followed, outside the time that the request may take.
        """
        headers = {}
        if etag:
            headers["If-None-Match"] = etag
        if last_modified:
            headers["If-Modified-Since"] = last_modified
        return await self._follow(url, headers, want, onward)

    async def hop(self, url: str, want: Want) -> Outcome | Redirected:
        """GET *url* and follow no redirect: for the caller who has something to ask before each."""
        return await self._bounded(self._hop(url, {}, want), self._timeout)

    async def _bounded(  # noqa: PLR0911 (a return for each way in which a request can end)
        self, asking: Awaitable[_Told], seconds: float
    ) -> _Told | Refused | Failed:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(seconds):
                return await asking
        except TimeoutError:
            return Failed(FailedReason.TIMEOUT, f"no complete answer within {self._timeout:g} s")
        except httpx.TimeoutException:
            return Failed(FailedReason.TIMEOUT, f"no answer for {time.perf_counter() - started:.0f} s")
        except AddressRefused as error:
            return Refused(RefusedReason.ADDRESS, str(error))
        except NameNotFound as error:
            return Failed(FailedReason.NAME, str(error))
        except httpx.ConnectError as error:
            reason = FailedReason.TLS if _is_tls(error) else FailedReason.CONNECT
            return Failed(reason, str(error) or "connection refused")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            return Failed(
                FailedReason.BROKEN, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            )

    async def _follow(self, url: str, headers: dict[str, str], want: Want, onward: Onward | None) -> Outcome:
        permanent, left = True, self._timeout
        for hop in range(MAX_REDIRECTS + 1):
            if hop and onward is not None:
                if refused := bad_target(url):
                    return refused
                await onward(url)
            started = time.perf_counter()
            told = await self._bounded(self._hop(url, headers, want), left)
            left -= time.perf_counter() - started
            if not isinstance(told, Redirected):
                if isinstance(told, Fetched) and hop and permanent:
                    return replace(told, permanent_url=url)
                return told
            permanent = permanent and told.permanent
            url = told.url
        return Refused(
            RefusedReason.TOO_MANY_REDIRECTS, f"more than {MAX_REDIRECTS} redirects, the last to {url[:200]}"
        )

    async def _hop(self, url: str, headers: dict[str, str], want: Want) -> Outcome | Redirected:
        if refused := bad_target(url):
            return refused
        request = httpx.Request(
            "GET",
            url,
            headers={**self._headers, "Accept": want.accept, **headers},
            extensions={"timeout": self._limits},
        )
        async with aclosing(await self._transport.handle_async_request(request)) as response:
            target = response.headers.get("location") if response.status_code in _REDIRECTS else None
            if not target:
                return await self._read(response, url, want)
            try:
                onward = urljoin(url, target.strip())
            except ValueError:
                return Refused(RefusedReason.SCHEME, f"redirect to {target[:200]!r}", response.status_code)
            return Redirected(onward, response.status_code, response.status_code in _PERMANENT)

    async def _read(self, response: httpx.Response, url: str, want: Want) -> Outcome:
        status = response.status_code
        if status == 304:
            # It has no body; but only a message that was read to its end leaves its connection to the next.
            async for _ in response.aiter_raw():
                pass
            return NotModified(_headers(response))
        if status == 410:
            return Gone()
        if status != 200:
            words = f"HTTP {status} {response.reason_phrase}".strip()
            return Failed(FailedReason.HTTP, words, status, response.headers.get("retry-after"))
        problem: Outcome
        limit = self._max_bytes if want.max_bytes is None else want.max_bytes
        try:
            body = await _body(response, limit, cut=want.cut)
        except _TooLarge:
            problem = Refused(RefusedReason.TOO_LARGE, f"body is larger than {limit:,} bytes", status)
        except _Encoding as error:
            problem = Refused(RefusedReason.ENCODING, str(error), status)
        except zlib.error as error:
            problem = Failed(FailedReason.BROKEN, f"damaged compression: {error}", status)
        except httpx.RemoteProtocolError as error:
            problem = Failed(FailedReason.BROKEN, str(error), status)
        else:
            return Fetched(status, url, _headers(response), body, hashlib.sha256(body).hexdigest())
        return problem


async def _body(response: httpx.Response, limit: int, *, cut: bool) -> bytes:
    inflater = _Inflater(response.headers.get("content-encoding", "").strip().lower(), limit, cut=cut)
    try:
        async for data in response.aiter_raw(_CHUNK):
            inflater.feed(data)
        return inflater.finish()
    except _Enough:
        return inflater.kept


@asynccontextmanager
async def open_fetcher(
    settings: Settings, *, allowed: Sequence[IpNetwork] | None = None, resolver: Resolver = resolve
) -> AsyncIterator[Fetcher]:
    """A `Fetcher` with the limits of *settings*; *allowed* overrides which private networks may be reached."""
    # httpcore logs each step at DEBUG; the outcome of every poll is in the database already.
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    if allowed is None:
        allowed = PRIVATE_NETWORKS if settings.allow_private_addresses else ()
    async with GuardedTransport(allowed, settings.poll_concurrency * 2, resolver) as transport:
        yield Fetcher(
            transport,
            user_agent=settings.user_agent,
            max_bytes=settings.fetch_max_bytes,
            timeout=settings.fetch_timeout,
        )


def bad_target(url: str) -> Refused | None:
    """Why *url* is not even tried; None for an http or https address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        return Refused(RefusedReason.SCHEME, f"{url[:200]!r} is malformed: {error}")
    if parts.scheme not in ("http", "https") or not host:
        return Refused(RefusedReason.SCHEME, f"{url[:200]!r} is not an http or https address")
    return None


def _headers(response: httpx.Response) -> dict[str, str]:
    """By lower-case name, several of one name joined. From the raw ones: httpx guesses the encoding of all for each."""
    found: dict[str, str] = {}
    for raw, value in response.headers.raw:
        name, text = raw.decode("ascii").lower(), _text(value)
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or "SSL" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
