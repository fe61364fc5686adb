"""What the commands `feeds …`, and the flows that look after the roster, ask for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flows.reporting import progress
from flows.watch import open_watch
from ingest.discover import find_feeds
from ingest.fetch import open_fetcher
from ingest.health import FeedHealth, Spell, feed_health
from ingest.health import history as feed_history
from ingest.model import RosterFeed
from ingest.pagehealth import PageHealth, page_health, what_full_texts_lack
from ingest.poll import CheckRow, check_feeds
from ingest.roster import load_roster, named, sync_roster
from ingest.rosterfile import add_to_roster, as_opml, from_opml, new_key, switch_feed, switch_full_text
from ingest.sharedhosts import open_hosts
from ingest.ties import known_bloc
from store.errors import InputError
from store.settings import get_settings
from store.zones import find_zone


def health() -> list[FeedHealth]:
    """The state of every feed, with the roster file brought in first."""
    now = dt.datetime.now(dt.UTC)
    with open_watch() as watch:
        with watch.store.writing() as session:
            sync_roster(session, watch.roster)
        with watch.store.session() as session:
            pages = page_health(session, now=now)
            rows = feed_health(session, now=now)
        lacking = what_full_texts_lack(watch.settings)
    return [
        replace(row, note="; ".join(filter(None, (row.note, _of_pages(pages[row.key], lacking)))))
        if row.key in pages
        else row
        for row in rows
    ]


def history(key: str) -> list[Spell]:
    """The states of a feed, the newest first.

    Raises:
        InputError: the roster has no feed of that key.
    """
    with open_watch() as watch, watch.store.session() as session:
        named(watch.roster, [key])
        return feed_history(session, key)


def _of_pages(health: PageHealth, lacking: str) -> str:
    return f"full texts: {lacking}" if lacking else health.words


async def check(keys: Sequence[str]) -> list[CheckRow]:
    """Probe the feeds called *keys*, or every one of the roster, at the pace that polls keep at their hosts.

    Disabled feeds are asked as well: whether one of them works again can be seen nowhere else.

    Raises:
        InputError: the roster has no feed of that key.
        StoreError: the database, in which workers agree on that pace, cannot be used.
    """
    settings = get_settings()
    roster = load_roster(settings.feeds_file)
    chosen = named(roster, keys) if keys else roster
    with open_watch(settings) as watch, progress("Probing feeds") as report_progress:
        async with open_hosts(watch.store, settings) as hosts:
            now = dt.datetime.now(dt.UTC)
            return await check_feeds(settings, chosen, now=now, progress=report_progress, hosts=hosts)


async def add(
    url: str,
    *,
    bloc: str,
    outlet: str,
    lang: str,
    timezone: str,
    kind: str,
    dry_run: bool,
    full_text: bool = False,
) -> list[str]:
    """Find the feeds at *url* and add them to the roster file; gives the lines to print.

    A dry run refuses all that the real one would.

    Raises:
        InputError: no feed was found, or the zone does not exist.
        SeedError: the roster would not be one with them.
    """
    _known_zone(timezone)
    known_bloc(bloc)
    settings = get_settings()
    now = dt.datetime.now(dt.UTC)
    taken = {feed.key for feed in load_roster(settings.feeds_file)}
    async with open_fetcher(settings) as fetcher:
        found = await find_feeds(fetcher, url, now)
    rows: list[RosterFeed] = []
    lines: list[str] = []
    for one in found:
        name = outlet or one.title or one.url
        key = new_key(name, taken)
        taken.add(key)
        rows.append(
            RosterFeed(
                key, name[:200], bloc, kind, lang, one.url, timezone, True, "ok", now.date().isoformat(), "", full_text
            )
        )
        lines.append(f"{key}: {one.url} ({one.parsed.format}, {len(one.parsed.entries)} items)")
    added = {row.key for row in add_to_roster(settings.feeds_file, rows, dry_run=dry_run)}
    told = [line for line, row in zip(lines, rows, strict=True) if row.key in added]
    if dry_run:
        known = f"; {len(rows) - len(added)} of {len(rows)} in the roster already" if len(added) < len(rows) else ""
        return [*told, f"Nothing was added: this was a dry run{known}."]
    return [*told, _summary(len(added), len(rows), settings.feeds_file)]


def switch(key: str, *, enabled: bool, note: str) -> str:
    """Switch a feed of the roster file on or off; gives the line to print.

    Raises:
        InputError: there is no such feed, it is so already, or the reason is missing.
        SeedError: the roster would not be one with the change.
    """
    settings = get_settings()
    day = dt.datetime.now(settings.zone).date().isoformat()
    feed = switch_feed(settings.feeds_file, key, enabled=enabled, note=note, day=day)
    state = "is polled again" if enabled else "is not polled any more"
    return f"{feed.key} ({feed.outlet}) {state}: {feed.status_note}"


def full_text(keys: Sequence[str], *, on: bool) -> list[str]:
    """Switch the full texts of the feeds called *keys* on or off in the roster file; gives the lines to print.

    Raises:
        InputError: there is no such feed, or it is so already.
        SeedError: the roster would not be one with the change.
    """
    settings = get_settings()
    feeds = [switch_full_text(settings.feeds_file, key, on=on) for key in keys]
    state = "the pages of its articles are read from the next poll on" if on else "its pages are not fetched any more"
    lines = [f"{feed.key} ({feed.outlet}): {state}" for feed in feeds]
    if on:
        lacking = what_full_texts_lack(settings)
        lines.append(lacking or "A change of method for these feeds: see Full texts in docs/feeds.md.")
    return lines


def import_opml(file: Path, *, bloc: str, lang: str, timezone: str) -> list[str]:
    """Add the feeds of an OPML *file* to the roster file; gives the lines to print.

    Raises:
        InputError: the file is no OPML or lists no feed that can be taken, or the zone does not exist.
        SeedError: the roster would not be one with them.
    """
    _known_zone(timezone)
    roster = get_settings().feeds_file
    taken = {feed.key for feed in load_roster(roster)}
    day = dt.datetime.now(dt.UTC).date().isoformat()
    listed = from_opml(file, bloc=bloc, lang=lang, timezone=timezone, day=day, taken=taken)
    added = add_to_roster(roster, listed.feeds)
    lines = [f"left out: {one}" for one in listed.left]
    lines.append(_summary(len(added), len(listed.feeds), roster))
    if added:
        lines.append("They were not probed; `ricwatch feeds check` tells which of them work.")
    return lines


def export_opml(file: Path, *, all_feeds: bool = False) -> str:
    """Write the enabled feeds of the roster, or all of them, to *file*; gives the line to print.

    Raises:
        InputError: the file cannot be written.
    """
    feeds = [feed for feed in load_roster(get_settings().feeds_file) if all_feeds or feed.enabled]
    try:
        file.write_bytes(as_opml(feeds))
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror or error}") from None
    off = sum(not feed.enabled for feed in feeds)
    return f"{len(feeds)} feeds written to {file}" + (f", {off} of them as comments: they are disabled" if off else "")


def _known_zone(name: str) -> None:
    try:
        find_zone(name)
    except ValueError as error:
        raise InputError(str(error)) from None


def _summary(added: int, listed: int, roster: Path) -> str:
    known = f"; {listed - added} were in it already" if added < listed else ""
    return f"{added} added to {roster}{known}"
