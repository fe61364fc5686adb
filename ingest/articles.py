"""Entries become articles: identified, gated by topic, put into stories, counted; all in the caller's transaction."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ingest.clean import canonical_url, title_key, url_key
from ingest.model import Entry, OnTopic
from ingest.stories import StoryIndex
from store.models import Article, Feed, FeedDay, SeenItem, Story

_CHUNK = 500

SIGHT = dt.timedelta(days=7)
"""How old a note may grow that a feed still holds an item outside the topic."""


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """What became of the entries: each is new, known, or outside the topic (then counted, not stored)."""

    new: int = 0
    known: int = 0
    off_topic: int = 0

    def __add__(self, other: StoreCounts) -> StoreCounts:
        return StoreCounts(self.new + other.new, self.known + other.known, self.off_topic + other.off_topic)


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry with its identity: `key` by address (or by what stands in for it), `guid` where it can be relied on."""

    entry: Entry
    key: str
    guid: str | None
    day: dt.date


def store_entries(
    session: Session,
    feed: Feed,
    poll_id: int | None,
    entries: Sequence[Entry],
    *,
    now: dt.datetime,
    on_topic: OnTopic,
    stories: StoryIndex | None = None,
) -> StoreCounts:
    """Store what is new among *entries* of *feed*; the caller commits.

    An item is known by its canonical address, wherever it was seen, or by the feed's own identifier. One outside the
    topic is remembered by hash and counted once in `feed_day`. *stories* may be shared by several calls; it must be
    reset when the transaction is rolled back.

    Raises:
        IntegrityError: another process stored one of the items meanwhile; roll back and call again.
    """
    items = _identify(entries, now)
    repeats = len(entries) - len(items)
    stored = _stored(session, feed.key, items)
    remembered = _remembered(session, feed.key, items, now.date())
    seen: Counter[dt.date] = Counter()
    named: Counter[dt.date] = Counter()
    fresh: list[_Item] = []
    to_remember: dict[str, dt.date] = {}
    off_topic = 0
    for item in items:
        owner = stored.get(item.key) or (stored.get(item.guid) if item.guid else None)
        if owner == feed.key or item.key in remembered:
            continue
        seen[item.day] += 1
        if owner is not None:
            # Another feed brought this article first. It is no new article, but part of what this feed carried.
            named[item.day] += 1
            to_remember[item.key] = item.day
        elif on_topic(f"{item.entry.title}\n{item.entry.text}"):
            named[item.day] += 1
            fresh.append(item)
        else:
            off_topic += 1
            to_remember[item.key] = item.day
    if fresh:
        _add_articles(session, feed, fresh, poll_id=poll_id, now=now, stories=stories or StoryIndex())
    _remember(session, feed.key, to_remember, now.date())
    _count(session, feed.key, seen, named)
    known = repeats + len(items) - len(fresh) - off_topic
    return StoreCounts(new=len(fresh), known=known, off_topic=off_topic)


def _identify(entries: Sequence[Entry], now: dt.datetime) -> list[_Item]:
    """The entries with their keys, the first of those that share an address only."""
    # An identifier that stands on several addresses of one response identifies nothing (some feeds repeat one guid).
    addresses: dict[str, set[str]] = defaultdict(set)
    keyed: list[tuple[Entry, str]] = []
    for entry in entries:
        key = url_key(canonical_url(entry.url) or f"urn:item:{entry.guid or entry.title}")
        keyed.append((entry, key))
        if entry.guid:
            addresses[entry.guid].add(key)
    items: dict[str, _Item] = {}
    for entry, key in keyed:
        if key in items:
            continue
        guid = url_key(entry.guid) if entry.guid and len(addresses[entry.guid]) == 1 else None
        published = entry.published_at or now
        items[key] = _Item(entry, key, guid, min(published, now).astimezone(dt.UTC).date())
    return list(items.values())


def _stored(session: Session, feed_key: str, items: Sequence[_Item]) -> dict[str, str]:
    """Which addresses (of any feed) and guids (of this feed) have an article, and whose feed that is."""
    found: dict[str, str] = {}
    for keys in _chunks([item.key for item in items]):
        rows = session.execute(select(Article.url_key, Article.feed_key).where(Article.url_key.in_(keys)))
        found.update((row.url_key, row.feed_key) for row in rows)
    for keys in _chunks([item.guid for item in items if item.guid and item.key not in found]):
        rows = session.execute(select(Article.guid).where(Article.feed_key == feed_key, Article.guid.in_(keys)))
        found.update((row.guid, feed_key) for row in rows)
    return found


def _remembered(session: Session, feed_key: str, items: Sequence[_Item], today: dt.date) -> set[str]:
    found: dict[str, dt.date | None] = {}
    for keys in _chunks([item.key for item in items]):
        rows = session.execute(
            select(SeenItem.item_hash, SeenItem.last_seen).where(
                SeenItem.feed_key == feed_key, SeenItem.item_hash.in_(keys)
            )
        )
        found.update(rows.tuples().all())
    # Once a week and not at every poll: this says only that the feed still holds them.
    stale = [key for key, seen in found.items() if seen is None or today - seen >= SIGHT]
    for keys in _chunks(stale):
        session.execute(
            update(SeenItem)
            .where(SeenItem.feed_key == feed_key, SeenItem.item_hash.in_(keys))
            .values(last_seen=today)
            .execution_options(synchronize_session=False)
        )
    return set(found)


def _add_articles(
    session: Session,
    feed: Feed,
    items: Sequence[_Item],
    *,
    poll_id: int | None,
    now: dt.datetime,
    stories: StoryIndex,
) -> None:
    stories.load(session, {item.day for item in items})
    rows: list[dict[str, Any]] = []
    for item in items:
        entry = item.entry
        outlet = entry.outlet or feed.outlet
        key = title_key(entry.title)
        rows.append(
            {
                "feed_key": feed.key,
                "poll_id": poll_id,
                "outlet": outlet,
                "bloc": feed.bloc,
                "lang": entry.lang or feed.lang,
                "title": entry.title,
                "text": entry.text,
                "url": entry.url,
                "url_key": item.key,
                "guid": item.guid,
                "title_key": key,
                "published_at": entry.published_at or now,
                "published_raw": entry.published_raw,
                "date_quality": str(entry.date_quality),
                "first_seen_at": now,
                "day": item.day,
                "story_id": stories.place(entry.title, key, item.day, outlet, entry.text),
            }
        )
    new = stories.take_new()
    if new:
        made = session.scalars(
            insert(Story).returning(Story.id, sort_by_parameter_order=True), [values for _, values in new]
        ).all()
        numbers = {old: number for (old, _), number in zip(new, made, strict=True)}
        stories.number(numbers)
        for row in rows:
            row["story_id"] = numbers.get(row["story_id"], row["story_id"])
    session.execute(insert(Article), rows)
    if changed := stories.take_changed():
        _recount(session, changed)


def _recount(session: Session, stories: Sequence[int]) -> None:
    """Extent and reach of *stories*, from their articles: another process may have added some since they were read."""

    def over_articles(value: ColumnElement[Any]) -> ScalarSelect[Any]:
        return select(value).where(Article.story_id == Story.id).scalar_subquery()

    for start in range(0, len(stories), _CHUNK):
        session.execute(
            update(Story)
            .where(Story.id.in_(stories[start : start + _CHUNK]))
            .values(
                day=over_articles(func.min(Article.day)),
                last_day=over_articles(func.max(Article.day)),
                articles=over_articles(func.count()),
                outlets=over_articles(func.count(Article.outlet.distinct())),
            )
            .execution_options(synchronize_session=False)
        )


def _remember(session: Session, feed_key: str, items: dict[str, dt.date], today: dt.date) -> None:
    rows = [{"feed_key": feed_key, "item_hash": key, "day": day, "last_seen": today} for key, day in items.items()]
    if rows:
        session.execute(insert(SeenItem), rows)


def _count(session: Session, feed_key: str, seen: Counter[dt.date], named: Counter[dt.date]) -> None:
    """Add to `feed_day` in the database itself, so that two processes never overwrite each other's counts."""
    rows = [
        {"feed_key": feed_key, "day": day, "seen": count, "on_topic": named[day]} for day, count in sorted(seen.items())
    ]
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    # One row a statement: PostgreSQL refuses to touch a row twice in one, and days within a feed are few.
    statement = dialect.insert(FeedDay)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[FeedDay.feed_key, FeedDay.day],
            set_={
                "seen": FeedDay.seen + statement.excluded.seen,
                "on_topic": FeedDay.on_topic + statement.excluded.on_topic,
            },
        ),
        rows,
    )


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    held = list(dict.fromkeys(keys))
    for start in range(0, len(held), _CHUNK):
        yield held[start : start + _CHUNK]
