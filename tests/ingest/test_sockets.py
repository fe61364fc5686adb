"""Connections on bare sockets, plain and encrypted, with servers that answer, hang up, or say nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingest.address import PRIVATE_NETWORKS, GuardedBackend
from ingest.fetch import Failed, FailedReason, open_fetcher
from ingest.sockets import connect
from store.settings import Settings
from tests.ingest.server import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BODY = b"x" * 300_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of ``feeds.example`` that only this test trusts, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "feeds.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("feeds.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "feeds.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@asynccontextmanager
async def serving(serve: Serve, certificate: Path | None = None) -> AsyncIterator[int]:
    """A server on loopback; gives its port and waits for what it began."""
    running: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await serve(reader, writer)
        writer.transport.abort()

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*running)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The same body to each request, until the client goes."""
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
        await writer.drain()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
async def test_a_connection_carries_whole_bodies_and_is_kept(certificate: Path, encrypted: bool) -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    context = ssl.create_default_context(cafile=str(certificate))
    async with serving(answer, certificate if encrypted else None) as port:
        backend = GuardedBackend(PRIVATE_NETWORKS, resolver)
        async with httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend) as pool:
            url = f"{'https' if encrypted else 'http'}://feeds.example:{port}/"
            for _ in range(3):
                assert (await pool.request("GET", url)).content == BODY
            assert [repr(one).partition("Request Count: ")[2][:1] for one in pool.connections] == ["3"]


async def test_a_certificate_that_nobody_vouches_for_is_told_as_such(certificate: Path, local: Settings) -> None:
    async with serving(answer, certificate) as port, open_fetcher(local) as fetcher:
        outcome = await fetcher.fetch(f"https://127.0.0.1:{port}/")
    assert isinstance(outcome, Failed)
    assert outcome.reason is FailedReason.TLS
    assert "certificate" in outcome.detail


async def test_silence_and_hanging_up_are_httpx_s_own_errors() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        # With nothing left to send and no time to linger, closing resets the connection.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with serving(hang_up) as port:
        stream = await connect("127.0.0.1", port, timeout=5)
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(1, timeout=0)
        assert not stream.get_extra_info("is_readable")
        await stream.write(b"x", timeout=5)
        with pytest.raises(httpcore.ReadError):
            await stream.read(1, timeout=5)
        await stream.aclose()
    with pytest.raises(httpcore.ConnectError):
        await connect("127.0.0.1", free_port(), timeout=5)
