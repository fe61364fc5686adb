"""Connections for httpcore, straight on asyncio's sockets: to an address, never to a name.

httpcore's own way, over anyio, costs a third of a request in which nothing changed, and resolves names by itself.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore


async def connect(
    address: str, port: int, *, timeout: float | None, options: Iterable[tuple[Any, ...]] = ()
) -> httpcore.AsyncNetworkStream:
    """A TCP connection to the IP *address* within *timeout* seconds.

    Raises:
        httpcore.ConnectError, httpcore.ConnectTimeout: there is none.
    """
    end = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        end.setblocking(False)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in options:
            end.setsockopt(*option)
        with _told_as(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(end, (address, port))
    except BaseException:
        end.close()
        raise
    return _Plain(end)


class _Plain(httpcore.AsyncNetworkStream):
    """A bare socket: nothing is read ahead, so a fast sender fills no memory."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _told_as(httpcore.ReadTimeout, httpcore.ReadError):
            told = asyncio.get_running_loop().sock_recv(self._end, max_bytes)
            return await (told if timeout is None else asyncio.wait_for(told, timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer:
            with _told_as(httpcore.WriteTimeout, httpcore.WriteError):
                done = asyncio.get_running_loop().sock_sendall(self._end, buffer)
                await (done if timeout is None else asyncio.wait_for(done, timeout))

    async def aclose(self) -> None:
        self._end.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Go on encrypted; this stream is not to be used after."""
        try:
            with _told_as(httpcore.ConnectTimeout, httpcore.ConnectError):
                async with asyncio.timeout(timeout):
                    reader, writer = await asyncio.open_connection(
                        sock=self._end, ssl=ssl_context, server_hostname=server_hostname or ""
                    )
        except BaseException:
            self._end.close()
            raise
        return _Encrypted(reader, writer)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # asked of a connection that rests: something, or its end, has come unasked
            poll = select.poll()
            poll.register(self._end, select.POLLIN)
            return bool(poll.poll(0))
        return None


class _Encrypted(httpcore.AsyncNetworkStream):
    """TLS by asyncio's streams, which read 64 KiB ahead."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _told_as(httpcore.ReadTimeout, httpcore.ReadError):
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer:
            with _told_as(httpcore.WriteTimeout, httpcore.WriteError):
                async with asyncio.timeout(timeout):
                    self._writer.write(buffer)
                    await self._writer.drain()

    async def aclose(self) -> None:
        # Without the farewell of TLS, for which a server that is gone would be waited for.
        self._writer.transport.abort()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._reader.at_eof() or self._writer.transport.is_closing()
        return self._writer.get_extra_info("ssl_object") if info == "ssl_object" else None


@contextmanager
def _told_as(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """httpcore's own errors for those of sockets and TLS."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except (OSError, ssl.SSLError) as error:
        raise broken(str(error)) from error
