"""A worker in a process of its own: polls the roster of a store once, when told to, and tells what it did.

    python -m tests.ingest.pollworker DATABASE SPACING

Every name that ends in .test lies on this machine, so that the hosts are spaced as others are.
"""

from __future__ import annotations

import asyncio
import json
import sys

from ingest.fetch import open_fetcher
from ingest.poll import PollReport, poll_feeds
from store.db import Store
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two


async def near(host: str, port: int) -> list[str]:
    """Where a host of the test lies."""
    return ["127.0.0.1"] if host.endswith(".test") else []


async def poll(store: Store, settings: Settings) -> PollReport:
    """One poll of every feed."""
    async with open_fetcher(settings, resolver=near) as fetcher:
        return await poll_feeds(store, settings, now=NOW, on_topic=about_two, fetcher=fetcher)


def main() -> None:
    """Say that everything is loaded, wait for a line, poll."""
    store = Store(sys.argv[1])
    settings = Settings(_env_file=None, allow_private_addresses=True, host_spacing=float(sys.argv[2]))
    print("ready", flush=True)
    sys.stdin.readline()
    report = asyncio.run(poll(store, settings))
    print(json.dumps({"polled": [row.key for row in report.rows if row.answered], "elsewhere": report.elsewhere}))
    store.close()


if __name__ == "__main__":
    main()
