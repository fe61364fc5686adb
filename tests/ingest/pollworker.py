"""A worker in a process of its own: polls the roster of a store once, when told to, and tells what it did.

    python -m tests.ingest.pollworker DATABASE SPACING

It waits for a line twice: before it begins, and when it knows what is due, so that a test can hold two workers there
that both want the same feeds.

Every name that ends in .test lies on this machine, so that the hosts are spaced as others are.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from collections.abc import Sequence

from ingest import poll as polling
from ingest.fetch import open_fetcher
from ingest.poll import PollReport, poll_feeds
from ingest.polled import Task
from store.db import Store
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two


async def near(host: str, port: int) -> list[str]:
    """Where a host of the test lies."""
    return ["127.0.0.1"] if host.endswith(".test") else []


def hold(word: str) -> None:
    """Say *word* and wait for a line."""
    print(word, flush=True)
    sys.stdin.readline()


async def poll(store: Store, settings: Settings) -> PollReport:
    """One poll of every feed."""
    async with open_fetcher(settings, resolver=near) as fetcher:
        return await poll_feeds(store, settings, now=NOW, on_topic=about_two, fetcher=fetcher)


def main() -> None:
    """Say that everything is loaded, wait for a line, poll."""
    store = Store(sys.argv[1])
    settings = Settings(_env_file=None, allow_private_addresses=True, host_spacing=float(sys.argv[2]))
    due_tasks = polling._due_tasks

    def known(store: Store, now: dt.datetime, keys: Sequence[str] | None, force: bool) -> tuple[list[Task], int]:
        found = due_tasks(store, now, keys, force)
        hold("due")
        return found

    polling._due_tasks = known
    hold("ready")
    report = asyncio.run(poll(store, settings))
    print(json.dumps({"polled": [row.key for row in report.rows if row.answered], "elsewhere": report.elsewhere}))
    store.close()


if __name__ == "__main__":
    main()
