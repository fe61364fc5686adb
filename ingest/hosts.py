"""Turns at a host: how many requests run there at once, how far apart they begin, and when it is left alone."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

AT_ONCE = 2
"""Requests that may run at one host at the same time."""


class Hosts:
    """Shared by all requests of a run. *spacing* is the least number of seconds between two that begin at one host.

    A host of this machine is not spaced: there is nobody to be polite to.
    """

    def __init__(
        self,
        spacing: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._spacing = spacing
        self._clock, self._sleep = clock, sleep
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._free_at: dict[str, float] = {}
        self._resting: dict[str, dt.datetime] = {}

    @asynccontextmanager
    async def turn(self, host: str, delay: float = 0.0) -> AsyncIterator[None]:
        """Wait for a turn at *host* and hold it. *delay*: the seconds that it asks for until the next."""
        async with self._slots[host]:
            now = self._clock()
            begin = max(now, self._free_at.get(host, now))
            self._free_at[host] = begin + max(delay, 0.0 if is_this_machine(host) else self._spacing)
            if begin > now:
                await self._sleep(begin - now)
            yield

    def rest(self, host: str, until: dt.datetime) -> None:
        """Ask nothing more of *host* before *until*: it said that it is asked too often."""
        self._resting[host] = max(until, self._resting.get(host, until))

    def resting(self, host: str, now: dt.datetime) -> dt.datetime | None:
        """Until when *host* is left alone, or None."""
        until = self._resting.get(host)
        return until if until is not None and now < until else None


def host_of(url: str) -> str:
    """The host that an address names; empty where it names none."""
    return urlsplit(url).hostname or ""


def is_this_machine(host: str) -> bool:
    """Whether *host* is a name or address of this machine.

    >>> is_this_machine("127.0.0.1"), is_this_machine("example.in")
    (True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
