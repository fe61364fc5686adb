"""Turns at hosts that all workers of a store keep: the turns of one process, each behind a lease of the host."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ingest.hosts import Claim, Hosts, Turn, is_this_machine
from ingest.leases import Answer, Busy, Leases, Taken
from ingest.policy import LONGEST
from store.db import Store
from store.faults import concerns_all
from store.settings import Settings
from store.steps import RENEW_S, store_clock

AGAIN_S = 1.0
"""Seconds after which a host or feed that another worker holds is looked at again."""
TIDY_S = 0.5
"""Seconds within which the others may have a host that is needed no more."""
AHEAD, AHEAD_ELSEWHERE = 96, 8
"""Feeds that are leased together with those whose turn has come: so many at a host where this worker is anyway, and
nobody else therefore, and so many in all at others. A transaction for each feed would cost as much as storing an
unchanged one does; what is leased too soon, another worker has to leave."""
MOST_WAIT_S = 120.0
"""Seconds between two requests at a host that neither a setting nor a site can ask for."""
_LONGEST_HOST = 255
_ELSEWHERE = "elsewhere"
_log = logging.getLogger("ricwatch.ingest")


@dataclass(slots=True)
class _Wish:
    """What a turn needs; `asked` once it has come, `answer` perhaps before."""

    host: str
    claim: Claim | None
    asked: bool = False
    answer: Answer | Exception | None = None


class SharedHosts(Hosts):
    """Turns that all workers of a store keep. *reach*: turns that one worker has at a time; the rest is for others."""

    def __init__(self, spacing: float, leases: Leases, reach: int, **timing: Any) -> None:
        super().__init__(spacing, **timing)
        self.leases = leases
        self._reach = asyncio.Semaphore(reach)
        self._lock = asyncio.Lock()
        self._line: dict[int, _Wish] = {}
        self._at: Counter[str] = Counter()
        self._left: set[str] = set()
        self._broken: Exception | None = None
        self._ending = asyncio.Event()

    @asynccontextmanager
    async def turn(self, host: str, delay: float = 0.0, claim: Claim | None = None) -> AsyncIterator[Turn]:
        shared = "" if is_this_machine(host) or len(host) > _LONGEST_HOST else host
        if not shared and claim is None:
            async with super().turn(host, delay) as turn:
                yield turn
            return
        wish = _Wish(shared, claim)
        self._line[id(wish)] = wish
        try:
            async with super().turn(host, delay) as turn, AsyncExitStack() as reached:
                await reached.enter_async_context(self._reach)
                while isinstance(answer := await self._ask(wish), Busy):
                    await reached.aclose()
                    await self._sleep(AGAIN_S)
                    await reached.enter_async_context(self._reach)
                if isinstance(answer, Taken):
                    await self._heed(host, answer)
                else:
                    turn.missed = True
                    await reached.aclose()
                yield turn
        finally:
            del self._line[id(wish)]
            if wish.host and isinstance(wish.answer, Taken):
                self._at[wish.host] -= 1
                if not self._at[wish.host]:
                    self._left.add(wish.host)

    async def _heed(self, host: str, told: Taken) -> None:
        """Keep the distance that another worker's last request asks for; not what a clock that was ahead has left."""
        now = self.leases.now()
        if told.rests_until is not None and told.rests_until - now <= LONGEST:
            self.rest(host, told.rests_until)
        if told.next_at is not None:
            wait = (told.next_at - now).total_seconds()
            if 0 < wait <= MOST_WAIT_S:
                self._next_at[host] = max(self._next_at.get(host, 0.0), self._clock() + wait)
                await self._sleep(wait)

    async def _ask(self, wish: _Wish) -> Answer:
        """What becomes of *wish*; who asks at the same moment shares the transaction."""
        wish.asked = True
        if wish.answer is None:
            await asyncio.sleep(0)
            async with self._lock:
                if wish.answer is None:
                    await self._settle(self._group())
        answer = wish.answer or Busy()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Busy):
            wish.asked, wish.answer = False, None
        return answer

    def _group(self) -> list[_Wish]:
        """Those who ask, and some whose turn comes next."""
        asking = [wish for wish in self._line.values() if wish.asked and wish.answer is None]
        here = {wish.host for wish in asking}
        ahead: list[_Wish] = []
        taken = Counter[str]()
        for wish in self._line.values():
            if wish.asked or wish.claim is None:
                continue
            place, room = (wish.host, AHEAD) if wish.host in here else (_ELSEWHERE, AHEAD_ELSEWHERE)
            if taken[place] < room:
                taken[place] += 1
                if wish.answer is None:
                    ahead.append(wish)
        return asking + ahead

    async def _settle(self, group: Sequence[_Wish]) -> None:
        again = self._left & {wish.host for wish in group}
        self._left -= again  # needed once more before it was given back
        leave = self._leaving()
        wishes = [(wish.host, wish.claim) for wish in group]
        try:
            answers = await asyncio.to_thread(self._take, wishes, leave)
        except Exception as error:
            if concerns_all(error):
                self._broken = error
            for wish in group:
                wish.answer = error if wish.asked else None
        else:
            self._left -= {row["at"] for row in leave}
            for wish, answer in zip(group, answers, strict=True):
                if wish.asked or not isinstance(answer, Busy):
                    wish.answer = answer
                if wish.host and isinstance(answer, Taken):
                    self._at[wish.host] += 1
        finally:
            self._left |= {host for host in again if not self._at[host]}

    def _take(self, wishes: Sequence[tuple[str, Claim | None]], leave: list[dict[str, Any]]) -> list[Answer]:
        if self._broken is not None:
            raise self._broken  # each would wait for the database anew
        return self.leases.take(wishes, leave)

    def _leaving(self) -> list[dict[str, Any]]:
        now, clock = self.leases.now(), self._clock()
        return [
            {
                "at": host,
                "me": self.leases.holder,
                "next": now + dt.timedelta(seconds=max(0.0, self._next_at.get(host, clock) - clock)),
                "rests": self._resting.get(host),
            }
            for host in sorted(self._left)
            if not self._at[host]
        ]

    async def keep(self) -> None:
        """Renew leases and give idle hosts back, until `end` is called."""
        renewed = self._clock()
        while not self._ending.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TIDY_S)
            late = self.leases.used and self._clock() - renewed >= RENEW_S
            async with self._lock:
                leave = self._leaving()
                if not late and not leave:
                    continue
                try:
                    await asyncio.to_thread(self.leases.renew if late else self.leases.leave, leave)
                except SQLAlchemyError as error:  # whoever polls meets it too, and tells it
                    _log.info("leases could not be renewed: %s", error)
                    continue
                self._left -= {row["at"] for row in leave}
                renewed = self._clock() if late else renewed

    async def end(self) -> None:
        """Give everything back; what cannot be given back ends by itself."""
        self._ending.set()
        if not self.leases.used:
            return
        async with self._lock:
            with suppress(SQLAlchemyError):
                await asyncio.to_thread(self.leases.end, self._leaving())


@asynccontextmanager
async def open_hosts(store: Store, settings: Settings, leases: Leases | None = None) -> AsyncIterator[SharedHosts]:
    """The hosts, shared with every other worker of *store*, for the time of the block."""
    if leases is None:
        clock = await asyncio.to_thread(store_clock, store)
        leases = Leases(store, now=clock, spacing=settings.host_spacing)
    hosts = SharedHosts(settings.host_spacing, leases, settings.poll_concurrency)
    keeper = asyncio.create_task(hosts.keep())
    try:
        yield hosts
    finally:
        await hosts.end()
        await keeper
