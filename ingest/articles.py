"""Entries become articles: identified, gated by topic, put into stories, counted; all in the caller's transaction.

What does not become one is remembered by hash with its reason, for as long as its feed shows it and a while more
(`alerts.retention`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import Any, Protocol, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    ScalarSelect,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from ingest.clean import canonical_url, title_key, url_key
from ingest.model import Entry, OnTopic
from ingest.stories import Merge, StoryIndex
from store.changes import days_changed
from store.models import Article, FeedDay, SeenItem, Story, StoryMerge
from store.numbered import add_numbered
from store.upsert import upsert

_CHUNK = 500
_ARTICLE, _SEEN, _STORY, _FEED_DAY = (cast(Table, model.__table__) for model in (Article, SeenItem, Story, FeedDay))
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
_FEEDS: BindParameter[Any] = bindparam("feeds", expanding=True)
# Core statements made once: making them anew for each feed costs more than asking them does.
_BY_ADDRESS = select(_ARTICLE.c.url_key, _ARTICLE.c.feed_key).where(_ARTICLE.c.url_key.in_(_KEYS))
_BY_GUID = select(_ARTICLE.c.feed_key, _ARTICLE.c.guid).where(
    _ARTICLE.c.feed_key.in_(_FEEDS), _ARTICLE.c.guid.in_(_KEYS)
)
_BY_MEMORY = select(_SEEN.c.feed_key, _SEEN.c.item_hash, _SEEN.c.last_seen).where(
    _SEEN.c.feed_key.in_(_FEEDS), _SEEN.c.item_hash.in_(_KEYS)
)
_SEEN_AGAIN = update(_SEEN).where(_SEEN.c.feed_key == bindparam("feed"), _SEEN.c.item_hash == bindparam("item"))
_MERGED = select(_STORY.c.id, _STORY.c.merged_into).where(_STORY.c.id.in_(_KEYS), _STORY.c.merged_into.is_not(None))
_ADD_ARTICLES, _ADD_SEEN = insert(_ARTICLE), insert(_SEEN)


REFRESH_AFTER = dt.timedelta(days=7)
"""A remembered item that its feed still shows is written again so often, and not at every poll."""


class LeftOut(StrEnum):
    """Why an item is no article of its feed."""

    OFF_TOPIC = "off_topic"
    ELSEWHERE = "elsewhere"


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


class FeedLike(Protocol):
    """What storing needs to know of a feed; `store.models.Feed` and `ingest.polled.Task` both fit."""

    @property
    def key(self) -> str: ...
    @property
    def outlet(self) -> str: ...
    @property
    def bloc(self) -> str: ...
    @property
    def lang(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Offer:
    """What *feed* brought by a poll, or by an import (`poll_id` is None)."""

    feed: FeedLike
    poll_id: int | None
    entries: Sequence[Entry]


def store_entries(
    session: Session,
    feed: FeedLike,
    poll_id: int | None,
    entries: Sequence[Entry],
    *,
    now: dt.datetime,
    on_topic: OnTopic,
    stories: StoryIndex | None = None,
) -> StoreCounts:
    """`store_offers` for one feed."""
    return store_offers(session, [Offer(feed, poll_id, entries)], now=now, on_topic=on_topic, stories=stories)[0]


def store_offers(
    session: Session,
    offers: Sequence[Offer],
    *,
    now: dt.datetime,
    on_topic: OnTopic,
    stories: StoryIndex | None = None,
) -> list[StoreCounts]:
    """Store what is new among *offers*, each of another feed, one after the other; the caller commits.

    An item is known by its canonical address, wherever it was seen, or by the feed's own identifier. One outside the
    topic is remembered by hash and counted once in `feed_day`. *stories* may be shared by several calls; it must be
    reset when the transaction is rolled back.

    Raises:
        IntegrityError: another process stored one of the items meanwhile; roll back and call again.
    """
    # What is known is asked for all together, and everything is written all together: a statement costs more than its
    # rows do. Stories build on each other in memory, feed by feed.
    found = [_identify(offer.entries, now) for offer in offers]
    known = _known(session, offers, found)
    stories = stories or StoryIndex()
    rows = _Rows()
    counts: list[StoreCounts] = []
    brought: list[tuple[Offer, list[_Item]]] = []
    for offer, items in zip(offers, found, strict=True):
        fresh, off_topic = rows.sort(offer, items, known, on_topic, now)
        if fresh:
            brought.append((offer, fresh))
            known.owners.update((item.key, offer.feed.key) for item in fresh)
        counts.append(StoreCounts(len(fresh), len(offer.entries) - len(fresh) - off_topic, off_topic))
    if brought:
        _add_articles(session, brought, now=now, stories=stories)
    rows.write(session)
    return counts


@dataclass(slots=True)
class _Rows:
    """What several feeds leave behind beside their articles."""

    memories: list[dict[str, Any]] = field(default_factory=list)
    shown_again: list[dict[str, Any]] = field(default_factory=list)
    days: list[dict[str, Any]] = field(default_factory=list)

    def sort(
        self, offer: Offer, items: Sequence[_Item], known: _Known, on_topic: OnTopic, now: dt.datetime
    ) -> tuple[list[_Item], int]:
        """Those of *items* that become articles, and how many are new and outside the topic."""
        feed_key = offer.feed.key
        # What was imported stays known for good: the same file, or one that overlaps it, may come after years.
        today = None if offer.poll_id is None else now.astimezone(dt.UTC).date()
        seen: Counter[dt.date] = Counter()
        named: Counter[dt.date] = Counter()
        fresh: list[_Item] = []
        off_topic = 0
        for item in items:
            owner = known.owner(feed_key, item)
            if remembered := (feed_key, item.key) in known.left_out:
                last = known.left_out[feed_key, item.key]
                if today is not None and last is not None and today - last > REFRESH_AFTER:
                    self.shown_again.append({"feed": feed_key, "item": item.key, "last_seen": today})
            if owner == feed_key or remembered:
                continue
            seen[item.day] += 1
            if owner is not None:
                # Another feed brought this article first. It is no new article, but part of what this feed carried.
                named[item.day] += 1
                self.memories.append(_memory(offer, item, LeftOut.ELSEWHERE, today))
            elif on_topic(f"{item.entry.title}\n{item.entry.text}"):
                named[item.day] += 1
                fresh.append(item)
            else:
                off_topic += 1
                self.memories.append(_memory(offer, item, LeftOut.OFF_TOPIC, today))
        self.days += [
            {"feed_key": feed_key, "day": day, "seen": count, "on_topic": named[day]}
            for day, count in sorted(seen.items())
        ]
        return fresh, off_topic

    def write(self, session: Session) -> None:
        """Into the database, each kind at once."""
        if self.memories:
            session.execute(_ADD_SEEN, self.memories)
        if self.shown_again:
            session.execute(_SEEN_AGAIN, self.shown_again)
        _count(session, self.days)


def title_hash(title: str) -> str:
    """The hash under which the words of a title are remembered: 64 bits in hex; empty for a title without words."""
    key = title_key(title)
    return url_key(key)[:16] if key else ""


def _identify(entries: Sequence[Entry], now: dt.datetime) -> list[_Item]:
    """The entries with their keys, the first of those that share an address only."""
    # An identifier that stands on several addresses of one response identifies nothing (some feeds repeat one guid).
    addresses: dict[str, set[str]] = defaultdict(set)
    keyed: list[tuple[Entry, str, str]] = []
    for entry in entries:
        address = canonical_url(entry.url) or f"urn:item:{entry.guid or entry.title}"
        key = url_key(address)
        keyed.append((entry, address, key))
        if entry.guid:
            addresses[entry.guid].add(key)
    items: dict[str, _Item] = {}
    for entry, address, key in keyed:
        if key in items:
            continue
        guid = None
        if entry.guid and len(addresses[entry.guid]) == 1:
            guid = key if entry.guid == address else url_key(entry.guid)  # many identify an item by its address
        published = entry.published_at or now
        items[key] = _Item(entry, key, guid, min(published, now).astimezone(dt.UTC).date())
    return list(items.values())


@dataclass(frozen=True, slots=True)
class _Known:
    """Of the items at hand: the feed of each stored address, what is stored by identifier, and what was left out.

    `guids` and `left_out` are by feed; the latter tells when each was last seen, None for imports.
    """

    owners: dict[str, str]
    guids: set[tuple[str, str]]
    left_out: dict[tuple[str, str], dt.date | None]

    def owner(self, feed_key: str, item: _Item) -> str | None:
        """The feed that has *item*, which *feed_key* brings."""
        owner = self.owners.get(item.key)
        return feed_key if owner is None and item.guid and (feed_key, item.guid) in self.guids else owner


def _known(session: Session, offers: Sequence[Offer], found: Sequence[Sequence[_Item]]) -> _Known:
    known = _Known({}, set(), {})
    by_feed = {offer.feed.key: items for offer, items in zip(offers, found, strict=True)}
    for feeds, keys in _chunks({feed: [item.key for item in items] for feed, items in by_feed.items()}):
        rows = session.execute(_BY_ADDRESS, {"keys": keys})
        known.owners.update((row.url_key, row.feed_key) for row in rows)
        memories = session.execute(_BY_MEMORY, {"feeds": feeds, "keys": keys})
        known.left_out.update(((row.feed_key, row.item_hash), row.last_seen) for row in memories)
    new = {
        feed: [item.guid for item in items if item.guid and item.key not in known.owners]
        for feed, items in by_feed.items()
    }
    for feeds, guids in _chunks(new):
        known.guids.update(session.execute(_BY_GUID, {"feeds": feeds, "keys": guids}).tuples())
    return known


def _add_articles(
    session: Session, brought: Sequence[tuple[Offer, Sequence[_Item]]], *, now: dt.datetime, stories: StoryIndex
) -> None:
    # For all of them at once: a day that is read later would lack those that are placed and not written yet.
    stories.load(session, {item.day for _, items in brought for item in items})
    rows: list[dict[str, Any]] = []
    merges: list[tuple[Merge, str]] = []
    for offer, items in brought:
        for item in items:
            rows.append(_placed(offer, item, stories, now))
            merges += [(merge, item.key) for merge in stories.take_merges()]
    into = {merge.gone: merge.kept for merge, _ in merges} | _merged_elsewhere(session, rows)
    for row in rows:
        row["story_id"] = _now(row["story_id"], into)
    numbers: dict[int, int] = {}
    if new := stories.take_new():
        made = add_numbered(session, _STORY, [values for _, values in new])
        numbers = {old: number for (old, _), number in zip(new, made, strict=True)}
        stories.number(numbers)
        for row in rows:
            row["story_id"] = numbers.get(row["story_id"], row["story_id"])
    session.execute(_ADD_ARTICLES, rows)
    for merge, key in merges:
        kept, gone = (numbers.get(story, story) for story in (merge.kept, merge.gone))
        _merge(session, replace(merge, kept=kept, gone=gone), key, now)
    if changed := sorted({_now(story, into) for story in stories.take_changed()}):
        _recount(session, changed)


def _placed(offer: Offer, item: _Item, stories: StoryIndex, now: dt.datetime) -> dict[str, Any]:
    """The row of an article that was put into its story."""
    feed, entry = offer.feed, item.entry
    outlet = entry.outlet or feed.outlet
    key = title_key(entry.title)
    return {
        "feed_key": feed.key,
        "poll_id": offer.poll_id,
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


def _now(story: int, into: Mapping[int, int]) -> int:
    """The story that *story* is a part of after the merges *into*."""
    while story in into:
        story = into[story]
    return story


def _merged_elsewhere(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Stories of *rows* that another process merged into others since they were read."""
    found: dict[int, int] = {}
    known = sorted({row["story_id"] for row in rows if row["story_id"] > 0})
    for start in range(0, len(known), _CHUNK):
        merged = session.execute(_MERGED, {"keys": known[start : start + _CHUNK]})
        found.update((row.id, row.merged_into) for row in merged)
    return found


def _merge(session: Session, merge: Merge, key: str, now: dt.datetime) -> None:
    """Put what *merge* says into the rows: its articles move, the story that is gone stays as a sign post."""
    article = session.execute(select(_ARTICLE.c.id).where(_ARTICLE.c.url_key == key)).scalar_one()
    gone = session.execute(select(_STORY.c.day, _STORY.c.last_day).where(_STORY.c.id == merge.gone)).one()
    session.execute(update(_ARTICLE).where(_ARTICLE.c.story_id == merge.gone).values(story_id=merge.kept))
    session.execute(
        update(_STORY).where(_STORY.c.id == merge.gone).values(merged_into=merge.kept, articles=0, outlets=0)
    )
    session.execute(
        insert(StoryMerge),
        {
            "kept_id": merge.kept,
            "gone_id": merge.gone,
            "gone_title": merge.gone_title,
            "article_id": article,
            "likeness": merge.likeness,
            "first_day": gone.day,
            "last_day": gone.last_day,
            "merged_at": now,
        },
    )


def _recount(session: Session, stories: Sequence[int]) -> None:
    """Extent and reach of *stories*, from their articles: another process may have added some since they were read."""
    for start in range(0, len(stories), _CHUNK):
        session.execute(_FROM_ARTICLES, {"keys": stories[start : start + _CHUNK]})


def _over_articles(value: ColumnElement[Any]) -> ScalarSelect[Any]:
    return select(value).where(_ARTICLE.c.story_id == _STORY.c.id).scalar_subquery()


_FROM_ARTICLES = (
    update(_STORY)
    .where(_STORY.c.id.in_(_KEYS))
    .values(
        day=_over_articles(func.min(_ARTICLE.c.day)),
        last_day=_over_articles(func.max(_ARTICLE.c.day)),
        articles=_over_articles(func.count()),
        outlets=_over_articles(func.count(_ARTICLE.c.outlet.distinct())),
    )
)


def _memory(offer: Offer, item: _Item, reason: LeftOut, today: dt.date | None) -> dict[str, Any]:
    """The row by which an item that is no article is known again."""
    return {
        "feed_key": offer.feed.key,
        "item_hash": item.key,
        "day": item.day,
        "reason": str(reason),
        "poll_id": offer.poll_id,
        "title_hash": title_hash(item.entry.title),
        "last_seen": today,
    }


def _count(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Add to `feed_day` in the database itself, so that two processes never overwrite each other's counts."""
    if rows:
        session.execute(_add_counts(session.get_bind().dialect.name), rows)
        days_changed(session, min(row["day"] for row in rows))


@cache
def _add_counts(dialect: str) -> Executable:
    # One row a statement: PostgreSQL refuses to touch a row twice in one, and days within a feed are few.
    statement = upsert(dialect, _FEED_DAY)
    adding: Executable = statement.on_conflict_do_update(
        index_elements=[_FEED_DAY.c.feed_key, _FEED_DAY.c.day],
        set_={
            "seen": _FEED_DAY.c.seen + statement.excluded.seen,
            "on_topic": _FEED_DAY.c.on_topic + statement.excluded.on_topic,
        },
    )
    return adding


def _chunks(keys: Mapping[str, Sequence[str]]) -> Iterator[tuple[list[str], list[str]]]:
    """Feeds with their keys, so many keys at a time; a feed that has more of them comes several times, by itself."""
    feeds: list[str] = []
    held: dict[str, None] = {}
    for feed, own in keys.items():
        if feeds and len(held) + len(own) > _CHUNK:
            yield feeds, list(held)
            feeds, held = [], {}
        for start in range(0, len(own), _CHUNK):
            if feeds == [feed]:
                yield feeds, list(held)
                held = {}
            feeds = feeds if feed in feeds else [*feeds, feed]
            held.update(dict.fromkeys(own[start : start + _CHUNK]))
    if held:
        yield feeds, list(held)
