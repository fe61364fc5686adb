"""A labelled set of our own for tests of training, and articles for tests of batches."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from classify.model import Backend, DyadReading, Item, Read, ThemeReading
from ingest.topic import Topic
from store.db import Store
from store.models import Article, Feed

Make = Callable[[Topic], Backend]
"""Makes one of the backends for a topic."""

PAIRS = {"IN-RU": ("India", "Russia"), "RU-CN": ("Russia", "China"), "IN-CN": ("India", "China")}
PHRASES = {
    1: ["{a} and {b} sign a {thing} accord", "{a} hails growing {thing} ties with {b}", "{a} and {b} agree on {thing}"],
    0: [
        "{a} envoy to visit {b} for {thing} talks",
        "{a} and {b} to discuss {thing} next week",
        "{a} meets {b} on {thing}",
    ],
    -1: ["{a} slams {b} over {thing}", "{a} halts {thing} deal with {b}", "{a} and {b} clash over {thing}"],
}
THINGS = {"energy": "oil", "arms": "missile", "trade": "tariff"}
OFF_TOPIC = [
    "{a} beats {b} in the {thing} cup final",
    "{a} and {b} {thing} shares rise",
    "{thing} film of {a} shown in {b}",
]


def synthetic(path: Path) -> Path:
    """Write 180 labelled items of our own wording, three a day."""
    records = []
    for (dyad, (a, b)), (theme, thing) in product(PAIRS.items(), THINGS.items()):
        for first, second in ((a, b), (b, a)):
            for stance, phrases in PHRASES.items():
                for phrase in phrases:
                    records.append((phrase.format(a=first, b=second, thing=thing), {dyad: stance}, [theme]))
            records.extend((phrase.format(a=first, b=second, thing=thing), {}, []) for phrase in OFF_TOPIC[:1])
    start = dt.date(2024, 1, 1)
    lines = [
        json.dumps(
            {
                "id": str(at),
                # Words of its own keep an item from being a near-copy of the others, which would share its fold.
                "title": f"{title} k{at}a k{at}b k{at}c k{at}d",
                "text": "",
                "relevant": bool(dyads),
                "dyads": dyads,
                "themes": themes,
                "date": (start + dt.timedelta(days=at // 3)).isoformat(),
                "source": "demo",
            }
        )
        for at, (title, dyads, themes) in enumerate(records)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class Echo:
    """A backend that reads "plus", "zero" or "minus" from the title and takes anything else for irrelevant."""

    version = "echo-1"

    def __init__(self, version: str = "echo-1", fail_on: str = "") -> None:
        self.version = version
        self.fail_on = fail_on
        self.titles: list[str] = []

    def read(self, items: Sequence[Item]) -> list[Read]:
        return [self._read(item) for item in items]

    def _read(self, item: Item) -> Read:
        if self.fail_on and item.title == self.fail_on:
            raise RuntimeError(f"cannot read {item.title}")
        self.titles.append(item.title)
        stance = {"minus": -1, "zero": 0, "plus": 1}.get(item.title.split()[0])
        if stance is None:
            return Read(item.id, False, 0.1, self.version)
        p = [0.1, 0.1, 0.1]
        p[stance + 1] = 0.8
        return Read(
            item.id,
            True,
            0.9,
            self.version,
            {"IN-RU": DyadReading(stance, (p[0], p[1], p[2]))},
            (ThemeReading("trade", 0.66666),),
            None,
            item.title,
        )


def add_articles(
    store: Store, titles: Sequence[str], day: dt.date = dt.date(2024, 5, 1), *, apart: bool = True
) -> None:
    """Store articles, each a day later than the one before unless not *apart*."""
    with store.session() as session:
        if session.get(Feed, "demo") is None:
            session.add(
                Feed(
                    key="demo", outlet="Demo", bloc="other", kind="import", lang="en", url="", timezone="UTC",
                    enabled=False, status="import", status_date="", status_note="", failures=0,
                    health="unknown", last_error="",
                )
            )  # fmt: skip
            session.flush()
        for at, title in enumerate(titles):
            when = dt.datetime.combine(day + dt.timedelta(days=at if apart else 0), dt.time(8), dt.UTC)
            session.add(
                Article(
                    feed_key="demo", outlet="Demo", bloc="other", lang="en", title=title, text="", url="https://a.example",
                    url_key=f"{title}-{day}-{at}", title_key=title, published_at=when, published_raw="",
                    date_quality="given", first_seen_at=when, day=when.date(),
                )
            )  # fmt: skip
