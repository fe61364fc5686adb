"""What the commands `feeds list` and `feeds check` ask for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from flows.reporting import progress
from flows.watch import open_watch
from ingest.health import FeedHealth, feed_health
from ingest.poll import CheckRow, check_feeds
from ingest.roster import load_roster, sync_roster
from store.errors import InputError
from store.settings import get_settings


def health() -> list[FeedHealth]:
    """The state of every feed, with the roster file brought in first."""
    with open_watch() as watch, watch.store.session() as session:
        sync_roster(session, watch.roster)
        return feed_health(session, now=dt.datetime.now(dt.UTC))


async def check(keys: Sequence[str]) -> list[CheckRow]:
    """Probe the feeds called *keys*, or every enabled one.

    Raises:
        InputError: the roster has no feed of that key.
    """
    settings = get_settings()
    roster = {feed.key: feed for feed in load_roster(settings.feeds_file)}
    unknown = [key for key in keys if key not in roster]
    if unknown:
        raise InputError(
            f"{settings.feeds_file} has no feed {unknown[0]!r}; `ricwatch feeds list --all` shows the keys"
        )
    chosen = [roster[key] for key in keys] if keys else [feed for feed in roster.values() if feed.enabled]
    with progress("Probing feeds") as report_progress:
        return await check_feeds(settings, chosen, now=dt.datetime.now(dt.UTC), progress=report_progress)
