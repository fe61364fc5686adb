"""Which addresses may be connected to, decided on the very address that the socket then uses.

A check before the connection can be fooled by a name that resolves differently a moment later (DNS rebinding), so the
guard sits below the HTTP client: it resolves a name, refuses what is not public, and connects to the address that it
checked. `Host` and the TLS server name stay those of the URL, and every redirect hop passes through here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from ingest.sockets import connect

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Awaitable[list[str]]]

PRIVATE_NETWORKS: tuple[IpNetwork, ...] = tuple(
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
"""What `RICWATCH_ALLOW_PRIVATE_ADDRESSES` opens; not link-local addresses: nothing but cloud metadata lies there."""

# Public by number, yet served by the host machine: Azure's platform address; fd00:ec2::254 is AWS's, within fc00::/7.
_METADATA = frozenset(ipaddress.ip_address(text) for text in ("168.63.129.16", "100.100.100.200", "fd00:ec2::254"))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
_SIIT = ipaddress.ip_network("::ffff:0:0:0/96")
"""What translators without state call an IPv4 address (RFC 2765 2.1)."""
_COMPATIBLE = ipaddress.ip_network("::/96")

_CONNECT_TRY_S = 8.0
_connected: ContextVar[list[str]] = ContextVar("_connected")
"""The hosts to which the request that is under way had a connection made."""


class AddressRefused(Exception):
    """A host that lies on no address which may be connected to."""


class NameNotFound(Exception):
    """A host name that the resolver does not know, or could not ask for."""


def embedded(address: IpAddress) -> IpAddress:
    """The IPv4 address inside a mapped, compatible, 6to4, Teredo, NAT64 or SIIT address; any other is given back.

    >>> embedded(ipaddress.ip_address("::ffff:169.254.169.254"))
    IPv4Address('169.254.169.254')
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _SIIT or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def may_connect(address: IpAddress, allowed: Iterable[IpNetwork] = ()) -> bool:
    """Whether a feed may lie on *address*: it is public, or inside one of the *allowed* networks.

    >>> may_connect(ipaddress.ip_address("93.184.215.14"))
    True
    >>> may_connect(ipaddress.ip_address("169.254.169.254"), PRIVATE_NETWORKS)
    False
    """
    inner = embedded(address)
    if inner in _METADATA or inner.is_link_local or inner.is_multicast or inner.is_unspecified:
        return False
    if any(inner.version == network.version and inner in network for network in allowed):
        return True
    if isinstance(inner, ipaddress.IPv6Address) and (inner.is_site_local or inner in _NAT64_LOCAL):
        return False
    return inner.is_global


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of *host*, by the system's resolver, in its order of preference.

    Raises:
        NameNotFound: no address was found.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameNotFound(f"{host}: {getattr(error, 'strerror', None) or error}") from error
    return list(dict.fromkeys(str(row[4][0]) for row in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that `may_connect` allows; sits under httpx's connection pool."""

    def __init__(self, allowed: Sequence[IpNetwork] = (), resolver: Resolver = resolve) -> None:
        self._allowed = tuple(allowed)
        self._resolver = resolver

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 (httpcore's signature)
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of *host* that is allowed and answers."""
        _connected.get([]).append(host)
        try:
            addresses = [str(ipaddress.ip_address(host))]
        except ValueError:
            addresses = await self._resolver(host, port)
        fit = [text for text in addresses if may_connect(ipaddress.ip_address(text.partition("%")[0]), self._allowed)]
        if not fit:
            raise AddressRefused(f"{host} lies on {', '.join(addresses) or 'no address'}, which is not public")
        for text in fit[:-1]:
            try:
                limit = _CONNECT_TRY_S if timeout is None else min(timeout, _CONNECT_TRY_S)
                return await connect(text, port, timeout=limit, options=socket_options or ())
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # a host often has an IPv6 address that its network does not route
        return await connect(fit[-1], port, timeout=timeout, options=socket_options or ())

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 (httpcore's signature)
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Never: a feed does not lie on a local socket."""
        raise AddressRefused(f"{path} is a local socket")

    async def sleep(self, seconds: float) -> None:
        """Wait; the pool calls it between its own tries."""
        await asyncio.sleep(seconds)


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    """Reading the certificate store takes some 30 ms, which a replay of hundreds of polls would pay each time."""
    return httpx.create_ssl_context()


KEPT_S = 4.0
"""How long a connection waits for the next request to its host: servers mostly close theirs after five seconds."""
_BROKE_OFF = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class _Pool(httpcore.AsyncConnectionPool):
    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        if origin.scheme == b"https":
            self._ssl_context = _tls_context()  # read when it is first needed
        return super().create_connection(origin)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over a pool whose sockets pass through `GuardedBackend`.

    A connection is kept for the next feed of the same host, and was checked when it was made. Where the server closed
    it meanwhile, the request is sent again over another; so nothing but GET may be sent through here.
    """

    def __init__(self, allowed: Sequence[IpNetwork] = (), connections: int = 64, resolver: Resolver = resolve) -> None:
        super().__init__(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # trusts nobody, for its pool is not used
        # httpx offers no way to hand in a network backend. Should a release name its pool otherwise, the guard would
        # be gone without a sound; so this fails instead, and tests/ingest/test_address.py tries a refused address.
        if not hasattr(self, "_pool"):
            raise RuntimeError("this httpx keeps its connection pool elsewhere; the address guard cannot be installed")
        self._pool = _Pool(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEPT_S,
            network_backend=GuardedBackend(allowed, resolver),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*; again where a kept connection broke off before any answer (RFC 9112 9.3.1)."""
        connected = _connected.set([])
        try:
            return await self._sent(request)
        finally:
            _connected.reset(connected)

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        while True:
            try:
                return await super().handle_async_request(request)
            except _BROKE_OFF:
                if _connected.get():
                    raise  # the server's doing: each try takes one kept connection, and the last makes its own
