"""Turns at a host: how many requests run there at once, how far apart they begin, and when it is left alone.

Here the turns of one process; `ingest.leases` keeps them across all processes that share a store.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from urllib.parse import urlsplit

AT_ONCE = 2
"""Requests that may run at one host at the same time."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A feed that is to be polled, and how many polls it had when that was decided."""

    feed: str
    polls: int


@dataclass(slots=True)
class Turn:
    """A turn at a host, which came at `came`, on the clock of `hosts`.

    `missed` says that there is nothing left to do: another worker polled the feed meanwhile.
    """

    hosts: Hosts
    host: str
    delay: float
    came: float
    missed: bool = False

    async def begin(self) -> None:
        """To be called right before the request: between turn and request a slot may have let both wait for long."""
        await self.hosts.begin(self)


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
        self._next_at: dict[str, float] = {}
        self._resting: dict[str, dt.datetime] = {}

    @asynccontextmanager
    async def turn(self, host: str, delay: float = 0.0, claim: Claim | None = None) -> AsyncIterator[Turn]:
        """Wait for a turn at *host* and hold it. *delay*: the seconds that it asks for until the next.

        With a *claim* the turn is for polling that feed, and nobody else gets one for it meanwhile.
        """
        del claim  # one process draws up one list, and asks each of its feeds once
        async with self._slots[host]:
            now = self._clock()
            begin = max(now, self._free_at.get(host, now))
            delay = max(delay, 0.0 if is_this_machine(host) else self._spacing)
            self._free_at[host] = begin + delay
            if begin > now:
                await self._sleep(begin - now)
            yield Turn(self, host, delay, begin)

    async def begin(self, turn: Turn) -> None:
        """Wait until the last request at the host of *turn* is far enough back, and count the coming one."""
        now = max(self._clock(), turn.came)
        at = max(now, self._next_at.get(turn.host, now))
        self._next_at[turn.host] = at + turn.delay
        self._free_at[turn.host] = max(self._free_at[turn.host], at + turn.delay)
        if at > now:
            await self._sleep(at - now)

    def rest(self, host: str, until: dt.datetime) -> None:
        """Ask nothing more of *host* before *until*: it said that it is asked too often."""
        self._resting[host] = max(until, self._resting.get(host, until))

    def resting(self, host: str, now: dt.datetime) -> dt.datetime | None:
        """Until when *host* is left alone, or None."""
        until = self._resting.get(host)
        return until if until is not None and now < until else None


class Resting(Exception):
    """A host is left alone until `until`: it said that it is asked too often."""

    def __init__(self, until: dt.datetime) -> None:
        super().__init__(f"not asked before {until:%Y-%m-%d %H:%M} UTC")
        self.until = until


class Way:
    """The way of one request from host to host, as it is sent on: a turn at each, one at a time.

    *hold* takes what asking needs besides the turn, once that has come: into `asking`, what is given back when the
    answer is there, into `kept`, what is held for longer. Who waits for a host holds nothing, or redirects in a ring
    could leave everyone waiting.
    """

    def __init__(self, hosts: Hosts, now: dt.datetime, hold: Callable[[Way], Awaitable[None]]) -> None:
        self.host = ""
        self.asking, self.kept = AsyncExitStack(), AsyncExitStack()
        self._hosts, self._now, self._hold = hosts, now, hold
        self._started, self._waited = time.perf_counter(), 0.0

    async def __aenter__(self) -> Way:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._let_go()

    async def _let_go(self) -> None:
        try:
            await self.asking.aclose()
        finally:
            await self.kept.aclose()

    async def to(self, host: str, claim: Claim | None = None) -> Turn:
        """Wait until *host* may be asked; a turn that was missed has nothing to ask.

        Raises:
            Resting: *host* is left alone.
        """
        began = time.perf_counter()
        try:
            await self._let_go()
            self.host = host
            turn = await self.asking.enter_async_context(self._hosts.turn(host, claim=claim))
            if not turn.missed:
                await self._hold(self)
                if until := self._hosts.resting(host, self._now):
                    raise Resting(until)
                await turn.begin()
            return turn
        finally:
            self._waited += time.perf_counter() - began

    async def onward(self, url: str) -> None:
        """Before following a redirect to *url*: at another host it waits for a turn there."""
        if (host := host_of(url)) != self.host:
            await self.to(host)

    @property
    def seconds(self) -> float:
        """How long it took so far, without waiting for turns."""
        return time.perf_counter() - self._started - self._waited


def host_of(url: str) -> str:
    """The host that an address names; empty where it names none."""
    return urlsplit(url).hostname or ""


@lru_cache(maxsize=4_096)
def is_this_machine(host: str) -> bool:
    """Whether *host* is a name or address of this machine.

    >>> is_this_machine("127.0.0.1"), is_this_machine("example.in")
    (True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
