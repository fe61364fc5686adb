"""Answers as they come over the wire, and what becomes of their connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from ingest.address import PRIVATE_NETWORKS, GuardedBackend
from ingest.wire import Wire, _parts
from tests.ingest.test_address import text


@asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that gives *answer* to every request; its address, and requests per connection."""
    asked: list[int] = []
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        here = len(asked)
        asked.append(0)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                asked[here] += 1
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
        await asyncio.gather(*running)


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", [2], id="of a stated length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", [2], id="chunked"
        ),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            [2],
            id="after a hint",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", [1, 1], id="the last one"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
            [1, 1],
            id="what follows unasked is no answer to the next request",
        ),
    ],
)
async def test_an_answer_is_read_to_its_end_and_its_connection_kept_where_it_can_be(
    answer: bytes, connections: list[int]
) -> None:
    async with saying(answer) as (base, asked), Wire(GuardedBackend(PRIVATE_NETWORKS)) as wire:
        assert [await text(wire, f"{base}/{n}") for n in range(2)] == ["ok", "ok"]
        assert asked == connections


async def test_an_answer_that_was_not_read_leaves_no_connection() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
    async with saying(answer) as (base, asked), Wire(GuardedBackend(PRIVATE_NETWORKS)) as wire:
        for _ in range(2):
            async with wire.get(base, [], 5.0) as reply:
                assert reply.status == 200
        assert asked == [1, 1]


async def test_kept_connections_give_way_where_places_run_out() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with (
        saying(answer) as (one, at_one),
        saying(answer) as (two, at_two),
        Wire(GuardedBackend(PRIVATE_NETWORKS), connections=1) as wire,
    ):
        for base in (one, two, one, one):
            assert await text(wire, base) == "ok"
        assert (at_one, at_two) == ([1, 2], [1])


async def test_headers_are_found_in_lower_case_and_those_that_come_twice_are_joined() -> None:
    answer = b"HTTP/1.1 200 Fine\r\nX-A: 1\r\nx-a: 2\r\nTitle: \xd0\xa2\xff\r\nContent-Length: 0\r\n\r\n"
    async with (
        saying(answer) as (base, _),
        Wire(GuardedBackend(PRIVATE_NETWORKS)) as wire,
        wire.get(base, [], 5.0) as reply,
    ):
        told = reply.reason, reply.headers
        assert await reply.part() is None
    assert told == ("Fine", {"x-a": "1, 2", "title": "Ð¢ÿ", "content-length": "0"})


@pytest.mark.parametrize(
    "url",
    [
        "http://a.in",
        "https://a.in:443/",
        "http://a.in:8080/feed.xml",
        "https://a.in/a//b/",
        "https://a.in/a/../b",
        "https://a.in/./b",
        "https://a.in/a?b=c&d=%20#e",
        "https://a.in/a%2Fb c",
        "https://новости.рф/лента",
        "http://name:word@a.in/",
        "http://[::1]:80/x",
        "http://A.in/X",
    ],
)
def test_an_address_goes_over_the_wire_as_httpx_would_send_it(url: str) -> None:
    where = httpx.URL(url)
    port = where.port or {"http": 80, "https": 443}[where.scheme]
    assert _parts(url) == ((where.scheme, where.raw_host, port), where.netloc, where.raw_path)
