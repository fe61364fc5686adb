"""Which addresses may be connected to."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from ingest.address import PRIVATE_NETWORKS, AddressRefused, GuardedTransport, NameNotFound, may_connect, resolve
from ingest.fetch import NotModified, open_fetcher
from store.settings import Settings
from tests.ingest.server import Answer, FeedServer


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.0.1", "any of the loopback network"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "shared by a carrier"),
        ("100.100.100.200", "metadata of a cloud"),
        ("168.63.129.16", "a platform address that is public by number"),
        ("169.254.169.254", "metadata of most clouds"),
        ("0.0.0.0", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("239.1.1.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("192.0.2.1", "documentation"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("fe80::1", "link-local"),
        ("fc00::1", "unique local"),
        ("fd00:ec2::254", "metadata"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("::ffff:127.0.0.1", "loopback, mapped"),
        ("::ffff:169.254.169.254", "metadata, mapped"),
        ("::127.0.0.1", "loopback, compatible form"),
        ("64:ff9b::7f00:1", "loopback behind NAT64"),
        ("::ffff:0:127.0.0.1", "loopback in SIIT"),
        ("::ffff:0:169.254.169.254", "metadata in SIIT"),
        ("64:ff9b:1::1", "a local translation prefix"),
        ("2002:7f00:1::", "loopback in 6to4"),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "loopback in Teredo"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str, what: str) -> None:
    assert not may_connect(ipaddress.ip_address(address)), what


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"]
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert may_connect(ipaddress.ip_address(address))


def test_allowing_private_networks_opens_loopback_but_never_metadata_or_multicast() -> None:
    def allowed(text: str) -> bool:
        return may_connect(ipaddress.ip_address(text), PRIVATE_NETWORKS)

    assert allowed("127.0.0.1")
    assert allowed("::1")
    assert allowed("192.168.0.7")
    assert not any(map(allowed, ("169.254.169.254", "fd00:ec2::254", "224.0.0.1", "0.0.0.0", "fe80::1")))


async def test_the_guard_is_in_the_transport_and_refuses_before_connecting(server: FeedServer) -> None:
    url = server.set("/feed", Answer(b"x"))
    async with httpx.AsyncClient(transport=GuardedTransport(), trust_env=False) as client:
        with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
            await client.get(url)
    assert server.asked == []


async def test_a_name_is_connected_to_at_the_address_that_was_checked_and_keeps_its_host_header(
    server: FeedServer,
) -> None:
    port = server.base.rsplit(":", 1)[1]
    server.set("/feed", Answer(b"found"))
    asked: list[str] = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.1", "127.0.0.1"]  # the first is not allowed here and must be passed over

    transport = GuardedTransport([ipaddress.ip_network("127.0.0.1/32")], resolver=resolver)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        response = await client.get(f"http://news.example:{port}/feed")
    assert response.text == "found"
    assert asked == ["news.example"], "resolved once: no second answer could differ from the one checked"
    assert server.asked[0].headers["host"] == f"news.example:{port}"


async def test_a_name_whose_answer_changes_to_a_private_address_is_refused(server: FeedServer) -> None:
    port = server.base.rsplit(":", 1)[1]
    server.set("/feed", Answer(b"found"))
    answers = [["127.0.0.1"], ["192.168.0.1"]]

    async def resolver(host: str, port: int) -> list[str]:
        return answers.pop(0)

    transport = GuardedTransport([ipaddress.ip_network("127.0.0.1/32")], resolver=resolver)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        await client.get(f"http://news.example:{port}/feed")
        with pytest.raises(AddressRefused, match=r"192\.168\.0\.1"):
            await client.get(f"http://news.example:{port}/feed")


@asynccontextmanager
async def keeping(answers: int, head: bytes = b"200 OK\r\nContent-Length: 2") -> AsyncIterator[tuple[str, list[int]]]:
    """A server that gives so many answers on a connection and hangs up at the next request; requests per connection."""
    asked: list[int] = []
    ended: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here = len(asked)
        asked.append(0)
        ended.append(asyncio.Event())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                asked[here] += 1
                if asked[here] > answers:
                    break
                writer.write(b"HTTP/1.1 " + head + b"\r\n\r\n" + (b"" if head.startswith(b"304") else b"ok"))
                await writer.drain()
        writer.close()
        ended[here].set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", asked
        for one in ended:
            await one.wait()


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        pytest.param(9, [3], id="it is kept for the next request to its host"),
        pytest.param(1, [2, 2, 1], id="one that the server closed meanwhile is made anew and the request sent again"),
    ],
)
async def test_a_connection_that_was_checked_serves_several_requests(answers: int, asked: list[int]) -> None:
    async with (
        keeping(answers) as (url, seen),
        httpx.AsyncClient(transport=GuardedTransport(PRIVATE_NETWORKS)) as client,
    ):
        assert [(await client.get(url)).text for _ in range(3)] == ["ok"] * 3
        assert seen == asked


async def test_an_unchanged_feed_leaves_its_connection_to_the_next_of_its_host(local: Settings) -> None:
    async with keeping(9, b"304 Not Modified\r\nETag: a") as (url, seen), open_fetcher(local) as fetcher:
        assert {type(await fetcher.fetch(url, etag="a")) for _ in range(3)} == {NotModified}
        assert seen == [3]


async def test_a_new_connection_that_breaks_off_is_not_tried_again() -> None:
    async with keeping(0) as (url, seen), httpx.AsyncClient(transport=GuardedTransport(PRIVATE_NETWORKS)) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url)
        assert seen == [1]


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "localhost"])
async def test_other_spellings_of_loopback_resolve_to_it_and_are_refused(host: str) -> None:
    async with httpx.AsyncClient(transport=GuardedTransport(), trust_env=False) as client:
        with pytest.raises((AddressRefused, NameNotFound)):
            await client.get(f"http://{host}:9/feed")


async def test_a_name_that_no_one_knows_is_told() -> None:
    with pytest.raises(NameNotFound, match=r"nowhere\.invalid"):
        await resolve("nowhere.invalid", 80)
