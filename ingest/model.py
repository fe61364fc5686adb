"""What passes between the modules of this room: a roster in, entries of a response, articles out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

OnTopic = Callable[[str], bool]
"""Tells whether a text names at least two of the topic's actors; `classify.actors.Matcher.names_two` is the real one.
It is handed in, because this room comes before the one that knows the actors."""


class DateQuality(StrEnum):
    """How far a publication date can be trusted; the last three count by first sight."""

    GIVEN = "given"
    ZONE_ASSUMED = "zone_assumed"
    MISSING = "missing"
    FUTURE = "future"
    ANCIENT = "ancient"


class FeedProblem(StrEnum):
    """Why a body is not a feed that can be read."""

    EMPTY_BODY = "empty_body"
    HTML = "html_instead_of_feed"
    CHALLENGE = "challenge_page"
    NOT_A_FEED = "not_a_feed"
    WRONG_SCRIPT = "wrong_script"


@dataclass(frozen=True, slots=True)
class RosterFeed:
    """A row of ``seeds/feeds.yaml``, or of an archive's own roster."""

    key: str
    outlet: str
    bloc: str
    kind: str
    lang: str
    url: str
    timezone: str
    enabled: bool
    status: str
    status_date: str = ""
    status_note: str = ""
    full_text: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a response or of an imported file, cleaned: plain text, http(s) address, date in UTC."""

    title: str
    text: str
    url: str
    guid: str
    published_at: dt.datetime | None
    published_raw: str
    date_quality: DateQuality
    lang: str = ""
    outlet: str = ""


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A response as entries. `error` is empty when it was a feed, however odd.

    `format` is feedparser's name (``rss20``, ``atom10`` …), ``json11`` or ``sitemap-news``; `bad` counts items without
    a usable title or address, `left` the items beyond the cap. `ttl` is what the feed asks for between polls, in
    seconds, a day at most. A `truncated` body breaks off before its end: its entries are used, its validators are not.
    """

    format: str
    title: str
    entries: tuple[Entry, ...]
    bad: int
    left: int
    error: str = ""
    problem: FeedProblem | None = None
    ttl: int | None = None
    truncated: bool = False

    @classmethod
    def refused(cls, problem: FeedProblem, error: str) -> Self:
        """A body that is no feed, and why in words."""
        return cls(format="", title="", entries=(), bad=0, left=0, error=error, problem=problem)
