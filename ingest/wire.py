"""HTTP/1.1 by h11 over guarded sockets: one request at a time on a connection, which is then kept for the next.

httpx's transport did this before. Its pool looks through all connections for each request, takes half a dozen locks
and makes every message anew in three forms: for a feed in which nothing changed that cost twice what h11 and the
socket do, and most of the poll. Nothing of what it can beyond a GET is wanted here.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import h11
import httpcore
import httpx

KEPT_S = 4.0
"""How long a connection waits for the next request to its host: servers mostly close theirs after five seconds."""
_READ = 65_536
_LONGEST_HEAD = 100 * 1024
_BROKE_OFF = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)
_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(
    r"(https?)://((?:[a-z0-9-]+\.)*[a-z0-9-]+)(?::([0-9]{1,4}))?((?:/(?!\.)[\w!$&'()*+,;=:@~-]*(?:\.[\w~-]+)*)*)",
    re.ASCII,
)
Header = tuple[bytes, bytes]
_Origin = tuple[str, bytes, int]


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    """Reading the certificate store takes some 30 ms, which a replay of hundreds of polls would pay each time."""
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Reply:
    """The head of an answer; names of `headers` are in lower case, and what came several times is joined by commas."""

    def __init__(self, connection: _Connection, head: h11.Response) -> None:
        self.status = int(head.status_code)
        self.reason = head.reason.decode("ascii", "ignore")
        self.headers: dict[str, str] = {}
        for name, value in head.headers:
            key, text = name.decode("ascii"), _text(value)
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        self._connection = connection

    async def part(self) -> bytes | None:
        """The next of the body as it arrives, still compressed; None at its end, after which the connection is kept.

        Raises:
            httpcore.RemoteProtocolError, httpcore.ReadError: it breaks off.
        """
        event = await self._connection.event()
        return bytes(event.data) if isinstance(event, h11.Data) else None


class _Connection:
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self.kept_until = 0.0

    async def ask(self, target: bytes, headers: list[Header]) -> Reply:
        with _told_as(h11.LocalProtocolError, httpcore.LocalProtocolError):
            head = self._state.send(h11.Request(method=b"GET", target=target, headers=headers)) or b""
            head += self._state.send(h11.EndOfMessage()) or b""
        # A server may refuse and hang up before it has read everything; what it says then is still to be read.
        with suppress(httpcore.WriteError):
            await self._stream.write(head)
        while not isinstance(event := await self.event(), h11.Response):
            pass  # 103 Early Hints and the like
        return Reply(self, event)

    async def event(self) -> Any:
        """What h11 makes of the next bytes."""
        while True:
            with _told_as(h11.RemoteProtocolError, httpcore.RemoteProtocolError):
                event = self._state.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await self._stream.read(_READ)
            if not data and self._state.their_state is h11.SEND_RESPONSE:
                raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
            self._state.receive_data(data)

    def renewed(self) -> bool:
        """Make ready for the next request; whether that can be, for the last answer was read and left nothing over."""
        done = self._state.our_state is h11.DONE and self._state.their_state is h11.DONE
        if not done or self._state.trailing_data[0]:
            return False
        self._state.start_next_cycle()
        self.kept_until = time.monotonic() + KEPT_S
        return True

    def rests(self) -> bool:
        """Whether the server still waits for a request: something to read would be its farewell."""
        return time.monotonic() < self.kept_until and not self._stream.get_extra_info("is_readable")

    async def close(self) -> None:
        await self._stream.aclose()


class Wire:
    """Connections by *backend*, so many at a time, the kept ones included. To be used as a context, which closes them.

    A connection that is kept was checked by the backend when it was made. Where the server closed it meanwhile, the
    request is sent again over another; so nothing but GET may be sent through here.
    """

    def __init__(
        self,
        backend: httpcore.AsyncNetworkBackend,
        connections: int = 64,
        context: Callable[[], ssl.SSLContext] = _tls_context,
    ) -> None:
        self._backend = backend
        self._most = connections
        self._places = asyncio.Semaphore(connections)
        self._busy = 0
        self._context = context
        self._kept: OrderedDict[_Connection, _Origin] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._kept:
            await self._kept.popitem()[0].close()

    @asynccontextmanager
    async def get(self, url: str, headers: list[Header], connect_within: float | None) -> AsyncIterator[Reply]:
        """The answer to a GET of *url*, for the time of the block. *connect_within*: seconds; no other time is kept.

        Raises:
            httpx.InvalidURL: it is no address.
            AddressRefused, NameNotFound: it may not be connected to, or is nowhere.
            httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError: it was not answered.
        """
        origin, netloc, target = _parts(url)
        asked = [(b"Host", netloc), *headers]
        async with self._places:
            self._busy += 1
            connection = None
            try:
                while (connection := await self._waiting(origin)) is not None:
                    try:
                        reply = await connection.ask(target, asked)
                        break
                    except _BROKE_OFF:
                        await connection.close()
                else:
                    connection = await self._connected(origin, connect_within)
                    reply = await connection.ask(target, asked)
                yield reply
                if connection.renewed():
                    self._kept[connection] = origin
                    connection = None
            finally:
                self._busy -= 1
                if connection is not None:
                    await connection.close()

    async def _waiting(self, origin: _Origin) -> _Connection | None:
        """A connection to *origin* that was kept; closes those that waited too long, or that take up a place."""
        now = time.monotonic()
        while self._kept and next(iter(self._kept)).kept_until <= now:
            await self._kept.popitem(last=False)[0].close()
        for connection in [one for one, to in self._kept.items() if to == origin]:
            del self._kept[connection]
            if connection.rests():
                return connection
            await connection.close()
        while self._kept and len(self._kept) + self._busy > self._most:
            await self._kept.popitem(last=False)[0].close()
        return None

    async def _connected(self, origin: _Origin, within: float | None) -> _Connection:
        scheme, raw_host, port = origin
        host = raw_host.decode("ascii")
        stream = await self._backend.connect_tcp(host, port, timeout=within)
        if scheme == "https":
            stream = await stream.start_tls(self._context(), server_hostname=host, timeout=within)
        return _Connection(stream)


def _parts(url: str) -> tuple[_Origin, bytes, bytes]:
    """Origin, network location and target of *url*, as they go over the wire."""
    if plain := _PLAIN.fullmatch(url):  # httpx, which knows every other form, would give the same
        scheme, host, port, path = plain.groups()
        default = _PORTS[scheme]
        number = int(port or default)
        netloc = host if number == default else f"{host}:{number}"
        return (scheme, host.encode(), number), netloc.encode(), (path or "/").encode()
    where = httpx.URL(url)
    return (where.scheme, where.raw_host, where.port or _PORTS[where.scheme]), where.netloc, where.raw_path


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


@contextmanager
def _told_as(theirs: type[Exception], ours: type[Exception]) -> Iterator[None]:
    try:
        yield
    except theirs as error:
        raise ours(str(error)) from error
