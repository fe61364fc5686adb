"""A database with a known press: feeds, stories, articles and their readings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select

from store.db import Store
from store.models import Article, Feed, FeedDay, Reading, ReadingDyad, Story

MODEL = "test-1"
FIRST = dt.date(2024, 1, 1)
OUTLETS = (("Alpha", "india"), ("Beta", "russia"), ("Gamma", "china"), ("Delta", "west"), ("Epsilon", "other"))


def day(index: int) -> dt.date:
    """The day with that index."""
    return FIRST + dt.timedelta(days=index)


@dataclass(frozen=True)
class Item:
    """An article as the tests state it; `story` is a name of their own."""

    day: dt.date
    story: str
    outlet: str = "Alpha"
    bloc: str = "india"
    hour: int = 9
    dyads: Sequence[tuple[str, tuple[float, float, float]]] = ()
    themes: Sequence[str] = ("trade",)
    url: str = ""

    @property
    def url_key(self) -> str:
        """What tells the article from others."""
        return self.url or f"{self.story} {self.outlet} {self.day} {self.hour}"

    @property
    def at(self) -> dt.datetime:
        """When it was published, and seen."""
        return dt.datetime.combine(self.day, dt.time(self.hour), tzinfo=dt.UTC)


PLUS, ZERO, MINUS = (0.05, 0.10, 0.85), (0.10, 0.80, 0.10), (0.85, 0.10, 0.05)


def add(store: Store, items: Sequence[Item], model: str = MODEL, *, read: bool = True) -> None:
    """Store *items* in the order given, with a reading of each."""
    few = len(items) < 500  # a test that adds day by day would read its whole past each day
    with store.session() as session:
        feeds = {feed.outlet: feed for feed in session.scalars(select(Feed))}
        titles = {item.story for item in items}
        told = select(Story).where(Story.title.in_(titles)) if few else select(Story)
        stories = {story.title: story for story in session.scalars(told)}
        for item in items:
            if item.outlet not in feeds:
                feeds[item.outlet] = _feed(item)
                session.add(feeds[item.outlet])
            if item.story not in stories:
                stories[item.story] = Story(day=item.day, last_day=item.day, title=item.story)
                session.add(stories[item.story])
        session.flush()
        # All of a kind at once: a flush for each item takes most of a test's time.
        keys = {item.url_key for item in items}
        stored = select(Article).where(Article.url_key.in_(keys)) if few else select(Article)
        articles = {article.url_key: article for article in session.scalars(stored)}
        for item in items:
            if item.url_key not in articles:
                articles[item.url_key] = _article(item, feeds[item.outlet], stories[item.story])
                session.add(articles[item.url_key])
        session.flush()
        if not read:
            return
        readings = [_reading(item, articles[item.url_key], model) for item in items]
        session.add_all(readings)
        session.flush()
        for item, reading in zip(items, readings, strict=True):
            for dyad, (minus, zero, plus) in item.dyads:
                stance = (-1, 0, 1)[int(np.argmax((minus, zero, plus)))]
                session.add(
                    ReadingDyad(
                        reading_id=reading.id, dyad=dyad, stance=stance, p_minus=minus, p_zero=zero, p_plus=plus
                    )
                )


def _feed(item: Item) -> Feed:
    return Feed(
        key=item.outlet.lower(),
        outlet=item.outlet,
        bloc=item.bloc,
        kind="newspaper",
        lang="en",
        url="",
        timezone="UTC",
        enabled=True,
        status="ok",
        status_date="",
        status_note="",
    )


def _article(item: Item, feed: Feed, story: Story) -> Article:
    return Article(
        feed_key=feed.key,
        outlet=item.outlet,
        bloc=item.bloc,
        lang="en",
        title=f"{item.story} in {item.outlet}",
        text="",
        url=f"https://example.org/{item.url_key}",
        url_key=item.url_key,
        title_key=item.story,
        published_at=item.at,
        published_raw="",
        date_quality="given",
        first_seen_at=item.at,
        day=item.day,
        story_id=story.id,
    )


def _reading(item: Item, article: Article, model: str) -> Reading:
    return Reading(
        article_id=article.id,
        model=model,
        relevant=bool(item.dyads),
        p_relevant=0.9,
        themes=[{"code": code, "p": 0.8} for code in item.themes],
        claim_id="a-claim",
        claim_similarity=0.7,
        claim_relation="supports",
        evidence=f"What {item.outlet} says of {item.story}.",
        read_at=item.at,
    )


def press(
    days: int, *, mean: Sequence[float], ratio: Sequence[float] | None = None, per_outlet: float = 4.0, seed: int = 1
) -> list[Item]:
    """Stories on India and China by five outlets, with a daily mean stance."""
    rng = np.random.default_rng(seed)
    items = []
    for index in range(days):
        for outlet, bloc in OUTLETS:
            for number in range(rng.poisson(per_outlet * (ratio[index] if ratio else 1.0))):
                p = PLUS if rng.random() < (1 + mean[index]) / 2 else MINUS
                items.append(
                    Item(
                        day(index),
                        f"{index}-{outlet}-{number}",
                        outlet,
                        bloc,
                        int(rng.integers(24)),
                        [("IN-CN", p)],
                        [("border", "trade", "order")[int(rng.integers(3))]],
                    )
                )
    return items


def feed_days(store: Store, days: int, seen: int = 40, *, first: int = 0) -> None:
    """Every outlet's feed brought *seen* items a day."""
    with store.session() as session:
        for feed in session.scalars(select(Feed)):
            for index in range(first, days):
                session.add(FeedDay(feed_key=feed.key, day=day(index), seen=seen, on_topic=4))
