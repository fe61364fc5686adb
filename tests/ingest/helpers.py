"""Small makers of feeds, roster rows and entries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from email.utils import format_datetime
from html import escape

from ingest.model import DateQuality, Entry, RosterFeed

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)


def feed(key: str = "example", **changes: object) -> RosterFeed:
    """A roster row with everything in order, but for *changes*."""
    values: dict[str, object] = {
        "key": key,
        "outlet": f"Outlet {key}",
        "bloc": "india",
        "kind": "newspaper",
        "lang": "en",
        "url": f"https://{key}.example/rss",
        "timezone": "Asia/Kolkata",
        "enabled": True,
        "status": "ok",
    }
    return RosterFeed(**{**values, **changes})  # type: ignore[arg-type]


def entry(title: str, url: str = "", *, guid: str = "", days_ago: float = 0, text: str = "", outlet: str = "") -> Entry:
    """An entry as the parser gives it."""
    return Entry(
        title=title,
        text=text,
        url=url or f"https://example.in/{abs(hash(title))}",
        guid=guid,
        published_at=NOW - dt.timedelta(days=days_ago),
        published_raw="",
        date_quality=DateQuality.GIVEN,
        outlet=outlet,
    )


def rss(*titles: str, extra: str = "", host: str = "https://example.in", days_ago: float = 0) -> bytes:
    """An RSS feed with an item per title, an hour apart; *extra* is put into the channel as it stands."""
    items = "".join(
        f"<item><title>{escape(title)}</title><link>{host}/{number}</link>"
        f"<guid>{host}/{number}</guid><pubDate>{_date(days_ago, number)}</pubDate></item>"
        for number, title in enumerate(titles)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0">'
        f"<channel><title>T</title>{extra}{items}</channel></rss>"
    ).encode()


def _date(days_ago: float, number: int) -> str:
    return format_datetime(NOW - dt.timedelta(days=days_ago, hours=number))


def endless(block: bytes) -> Iterator[bytes]:
    """*block* for ever."""
    while True:
        yield block


def about_two(text: str) -> bool:
    """A stand-in for the topic gate: two of three names."""
    return sum(name in text for name in ("India", "Russia", "China")) >= 2
