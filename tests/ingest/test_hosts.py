"""Turns at a host, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import datetime as dt

from ingest.hosts import AT_ONCE, Hosts, is_this_machine
from tests.ingest.helpers import NOW


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def hosts(spacing: float) -> tuple[Hosts, Clock]:
    clock = Clock()
    return Hosts(spacing, clock=clock, sleep=clock.sleep), clock


async def begin(turns: Hosts, clock: Clock, host: str) -> float:
    async with turns.turn(host):
        return clock.now


async def test_requests_at_one_host_begin_apart_and_other_hosts_do_not_wait() -> None:
    turns, clock = hosts(2.0)
    assert [await begin(turns, clock, "a.in") for _ in range(3)] == [0.0, 2.0, 4.0]
    assert await begin(turns, clock, "b.in") == 4.0
    clock.now = 60.0
    assert await begin(turns, clock, "a.in") == 60.0


async def test_this_machine_is_not_spaced() -> None:
    turns, clock = hosts(2.0)
    assert [await begin(turns, clock, "127.0.0.1") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert [is_this_machine(host) for host in ("::1", "localhost", "10.0.0.1", "example.in")] == [
        True,
        True,
        False,
        False,
    ]


async def test_no_more_than_two_hold_a_host() -> None:
    turns, _ = hosts(0.0)
    held = most = 0
    release = asyncio.Event()

    async def hold() -> None:
        nonlocal held, most
        async with turns.turn("a.in"):
            held += 1
            most = max(most, held)
            await release.wait()
            held -= 1

    tasks = [asyncio.create_task(hold()) for _ in range(5)]
    while held < AT_ONCE:
        await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*tasks)
    assert most == AT_ONCE


def test_a_host_that_asks_for_rest_gets_it_until_the_latest_moment() -> None:
    turns, _ = hosts(0.0)
    hour = dt.timedelta(hours=1)
    turns.rest("a.in", NOW + 2 * hour)
    turns.rest("a.in", NOW + hour)
    assert turns.resting("a.in", NOW) == NOW + 2 * hour
    assert turns.resting("a.in", NOW + 2 * hour) is None
    assert turns.resting("b.in", NOW) is None
