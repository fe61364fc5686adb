"""The one boundary to the feed parser: bytes and headers in, cleaned entries out.

feedparser sits behind it with sanitising and relative links off: `ingest.clean` does both, and they cost half the time.
A feed that is plain RSS 2.0 is read by `ingest.plainrss`, which gives the same in a tenth of the time; what feedparser
does not read, JSON Feed and news sitemaps, by `ingest.formats`.
The HTTP is our own (`ingest.fetch`), so that a refusal is never mistaken for an empty feed.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urljoin

from ingest.clean import TEXT_LIMIT, TITLE_LIMIT, plain_text, web_address
from ingest.dates import read_date
from ingest.formats import RawFeed, no_feed, read_other
from ingest.model import DateQuality, Entry, FeedProblem, ParsedFeed
from ingest.plainrss import read_plain_rss
from ingest.script import wrong_script

_HEAD = 4_096
_HTML = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_FEED_ROOT = re.compile(rb"<(?:[a-z]+:)?(?:rss|feed|rdf)[\s>]", re.IGNORECASE)
_OPML = re.compile(rb"<opml[\s>]", re.IGNORECASE)
_FEED_END = re.compile(rb"</(?:[a-z]+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
_CHALLENGE = re.compile(
    rb"cf-chl|cf_chl_|challenge-platform/h/|<title[^>]*>\s*(?:just a moment|ddos-guard)|px-captcha|bobcmn|distil_r_"
    rb"|enable javascript and cookies to|checking your browser before",
    re.IGNORECASE,
)
_PERHAPS_CHALLENGE = re.compile(
    rb"captcha|cdn-cgi/challenge|challenge-platform|ddos-guard|_incapsula_|perimeterx|just a moment\.\.\.|robot check"
    rb"|checking your browser|enable javascript and cookies|(?:verify|confirm)(?: that)? you(?:'re| are)(?: a)? human",
    re.IGNORECASE,
)
"""What guards leave on ordinary pages as well: a newsletter form with a captcha, the script that watches visitors."""
_MOST_WORDS = 60
"""A page with more words than these has something to say besides asking who reads it."""
_SEARCHED = 65_536
_BARE_AMPERSAND = re.compile(
    rb"(<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))|&(?!#[0-9]+;|#[xX][0-9a-fA-F]+;|[A-Za-z][A-Za-z0-9]*;)", re.DOTALL
)
"""An & that begins no reference; where it is no fault, in CDATA sections and comments, the group matches instead."""
_PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_LONGEST_TTL = 86_400.0
_DATES = ("published", "updated", "created")
_RAW_LIMIT = 200

MOST_TAGS = 250_000
"""Of `<` in what feedparser is asked, which takes up to 80 µs for each. A feed of 2,000 items has some 60,000, one of
20,000 short items 240,000."""
MOST_MARKS = 1_500_000
"""Of references, equals signs and ends of lines, at which its parsers break a text up: up to 6 µs for each.
Real feeds have at most 7 in 100 bytes, which makes a million of the largest body that is fetched."""
MOST_ATTRIBUTES = 100
"""Of one tag, since the time for them grows with their square: 10,000 take 1.6 s, 200,000 more than four minutes."""
_FLOOD = "too much markup to be read in bounded time"
HARMLESS = 65_536
"""Bytes that cannot hold enough of anything to take more than a second or two."""
_MANY_ATTRIBUTES = re.compile(
    rb"""<[^\s<>!?/][^<>"']*+(?:"[^"<]*+"[^<>"']*+|'[^'<]*+'[^<>"']*+){%d}""" % (MOST_ATTRIBUTES + 1)
)


class FeedLike(Protocol):
    """What parsing needs to know of a feed; `RosterFeed` and `store.models.Feed` both fit."""

    @property
    def url(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def lang(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A feed that stands in no roster, such as a file or an address that was typed in."""

    url: str = ""
    timezone: str = "UTC"
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What is to be read: a body, its headers (names in lower case), and the feed that it came from.

    *now* judges future dates; at most *max_items* are read.
    """

    body: bytes
    headers: Mapping[str, str]
    feed: FeedLike
    now: dt.datetime
    max_items: int = 2_000


def parse(
    body: bytes, headers: Mapping[str, str], feed: FeedLike, *, now: dt.datetime, max_items: int = 2_000
) -> ParsedFeed:
    """The entries of *body*. Never raises for what is in it: what is no feed has `problem` and `error` set.

    See `Response` for what is passed.
    """
    response = Response(body, headers, feed, now, max_items)
    return parse_plain(response) or parse_any(response)


def parse_plain(response: Response) -> ParsedFeed | None:
    """What can be read without feedparser, within a second or two; None for the rest, which `parse_any` reads."""
    body, headers = response.body, response.headers
    if not body.strip():
        return ParsedFeed.refused(FeedProblem.EMPTY_BODY, "the answer has no content")
    if problem := _page_instead(body, headers):
        return problem
    if raw := read_plain_rss(body, headers):
        made = _entries(raw, response)
        if made and not any(map(_undated, made)):
            return _parsed(raw, made, response)
    return None if (raw := read_other(body, response.max_items)) is None else _read(raw, response)


def parse_any(response: Response) -> ParsedFeed:
    """By feedparser, whatever it is. May take half a minute over what is as large and odd as `MOST_TAGS` allow."""
    return _read(_by_feedparser(response.body, response.headers), response)


def _read(raw: RawFeed, response: Response) -> ParsedFeed:
    if raw.problem is not None:
        # Some guards ask in a line of plain text or JSON; a document of another kind may just speak of them.
        return (
            _no_robot() if _asks_for_a_human(response.body, xml=False) else ParsedFeed.refused(raw.problem, raw.error)
        )
    return _parsed(raw, _entries(raw, response), response)


def _entries(raw: RawFeed, response: Response) -> list[Entry | None]:
    return [_entry(item, response.feed, response.now) for item in raw.items[: response.max_items]]


def _parsed(raw: RawFeed, made: list[Entry | None], response: Response) -> ParsedFeed:
    entries = [entry for entry in made if entry is not None]
    if garbled := wrong_script([entry.title for entry in entries], response.feed.lang):
        return ParsedFeed.refused(FeedProblem.WRONG_SCRIPT, garbled)
    return ParsedFeed(
        format=raw.format,
        title=plain_text(_text(raw.about, "title"), TITLE_LIMIT),
        entries=tuple(entries),
        bad=len(made) - len(entries),
        left=max(0, len(raw.items) - response.max_items),
        ttl=_ttl(raw.about),
        truncated=raw.truncated,
    )


def _undated(entry: Entry | None) -> bool:
    """Whether there is a date that `ingest.dates` cannot read: feedparser knows more forms."""
    return entry is not None and bool(entry.published_raw) and entry.date_quality == DateQuality.MISSING


def _by_feedparser(body: bytes, headers: Mapping[str, str]) -> RawFeed:
    import feedparser  # where every feed is plain, or none has changed, a poll does without it

    shown = {name: headers[name] for name in ("content-type",) if name in headers}
    if flood := _flood(body, shown):
        return no_feed(flood)

    def read(document: bytes) -> Any:
        return feedparser.parse(
            io.BytesIO(document), response_headers=shown, sanitize_html=False, resolve_relative_uris=False
        )

    try:
        result = read(body)
        # Of a bare "Q&A: R&D" feedparser makes "Q&A;: R&D;": what is not well-formed is mended and read again.
        if result.get("bozo_exception") is not None and (mended := _ampersands_escaped(body)) != body:
            result = read(mended)
    except Exception as error:  # (feedparser has raised UnicodeError, AttributeError … on odd input)
        return no_feed(f"the parser gave up: {type(error).__name__}: {error}")
    items: list[Any] = result.get("entries") or []
    version = result.get("version") or ""
    trouble = result.get("bozo_exception")
    if not version and not items:
        return no_feed("no RSS, RDF, Atom or JSON Feed" + (f": {trouble}" if trouble else ""))
    truncated = trouble is not None and not _FEED_END.search(body[-_HEAD:])
    return RawFeed(version or "unknown", result.get("feed") or {}, items, truncated=truncated)


def _flood(body: bytes, headers: Mapping[str, str]) -> str:
    """Why feedparser would take too long over *body*; empty where it would not."""
    if len(body) <= HARMLESS:
        return ""
    from feedparser.encodings import convert_to_utf8

    try:
        # In its own reading of the encoding: in some, a tag does not begin with the byte that it begins with here.
        text: bytes = convert_to_utf8(headers, body, {})
    except Exception as error:  # (as below; codecs raise what they like)
        return f"the parser gave up: {type(error).__name__}: {error}"
    tags, marks = text.count(b"<"), sum(map(text.count, (b"&", b"=", b"\n", b"\r")))
    if tags > MOST_TAGS:
        return f"{_FLOOD}: {tags:,} tags, and at most {MOST_TAGS:,} are read"
    if marks > MOST_MARKS:
        return f"{_FLOOD}: {marks:,} references, equals signs and line ends, and at most {MOST_MARKS:,} are read"
    if _MANY_ATTRIBUTES.search(text):
        return f"{_FLOOD}: a tag of more than {MOST_ATTRIBUTES} attributes"
    return ""


def _ampersands_escaped(body: bytes) -> bytes:
    """*body* with ``&amp;`` for each bare ampersand; as it is where a byte 0x26 need not be one (UTF-16, ISO 2022)."""
    if b"\x00" in body or b"\x1b" in body:
        return body
    return _BARE_AMPERSAND.sub(lambda found: found[1] or b"&amp;", body)


def _no_robot() -> ParsedFeed:
    return ParsedFeed.refused(FeedProblem.CHALLENGE, "a robot check was sent instead of the feed")


def _asks_for_a_human(body: bytes, *, xml: bool) -> bool:
    """Whether *body* is a robot check: a sure sign of one, or a possible one and little else to read.

    Without *xml* a body that calls itself XML is none.
    """
    head = body[:_SEARCHED].replace(b"\x00", b"")
    if not xml and head.lstrip().startswith(b"<?xml"):
        return False
    if _CHALLENGE.search(head):
        return True
    if not _PERHAPS_CHALLENGE.search(head):
        return False
    return len(plain_text(head.decode("utf-8", "replace"), TEXT_LIMIT).split()) <= _MOST_WORDS


def _page_instead(body: bytes, headers: Mapping[str, str]) -> ParsedFeed | None:
    """An HTML page where a feed should be, and whether it is a robot check. Looked for before parsing, since feedparser
    makes "malformed XML" of it."""
    head = body[:_HEAD].replace(b"\x00", b"")  # UTF-16 pages too
    if _OPML.search(head):  # its <head> and <body> are not a web page's
        return ParsedFeed.refused(FeedProblem.NOT_A_FEED, "an OPML list of feeds, which `ricwatch feeds import` takes")
    if _FEED_ROOT.search(head) or not (_HTML.search(head) or headers.get("cf-mitigated")):
        return None
    if headers.get("cf-mitigated") or _asks_for_a_human(body, xml=True):
        return _no_robot()
    found = re.search(rb"<title[^>]*>(.*?)</title", body[:_SEARCHED], re.IGNORECASE | re.DOTALL)
    title = plain_text(found.group(1).decode("utf-8", "replace"), 80) if found else ""
    return ParsedFeed.refused(
        FeedProblem.HTML, f"a web page was sent instead of the feed{f': {title}' if title else ''}"
    )


def _entry(item: Any, feed: FeedLike, now: dt.datetime) -> Entry | None:
    title = plain_text(_text(item, "title"), TITLE_LIMIT)
    text = plain_text(_body(item), TEXT_LIMIT)
    guid = " ".join(_text(item, "id").split())[:2_048]
    url = _link(item, feed.url, guid)
    # Some agencies send flashes without a title: the first sentence of the text stands in.
    title = title or plain_text(text, 160)
    if not title or not (url or guid):
        return None
    published, raw, quality = _date(item, feed.timezone, now)
    return Entry(
        title=title,
        text=text if text != title else "",
        url=url,
        guid=guid,
        published_at=published,
        published_raw=raw,
        date_quality=quality,
        lang=feed.lang,
    )


def _text(item: Any, name: str) -> str:
    # dict.get, for FeedParserDict's own falls back from one date to another with a warning.
    value = dict.get(item, name)
    return value if isinstance(value, str) else ""


def _body(item: Any) -> str:
    summary = _text(item, "summary")
    if summary:
        return summary
    for part in dict.get(item, "content") or ():
        if value := _text(part, "value"):
            return value
    return ""


def _link(item: Any, base: str, guid: str) -> str:
    for candidate in (_text(item, "link"), *(_text(link, "href") for link in dict.get(item, "links") or ())):
        stripped = candidate.strip()
        if not stripped:
            continue
        try:
            absolute = stripped.startswith(("https://", "http://"))
            url = web_address(stripped if absolute else urljoin(base, stripped))
        except ValueError:
            continue
        if url:
            return url
    return web_address(guid) or ""


def _date(item: Any, zone: str, now: dt.datetime) -> tuple[dt.datetime | None, str, DateQuality]:
    """The first of published, updated and created that can be read; else why the first given one cannot."""
    first: tuple[dt.datetime | None, str, DateQuality] | None = None
    for name in _DATES:
        raw = " ".join(_text(item, name).split())[:_RAW_LIMIT]
        if not raw:
            continue
        moment, quality = read_date(raw, zone, now=now, fallback=dict.get(item, f"{name}_parsed"))
        if moment is not None:
            return moment, raw, quality
        first = first or (None, raw, quality)
    return first or (None, "", DateQuality.MISSING)


def _ttl(about: Any) -> int | None:
    """What the feed asks for between polls, in seconds: RSS `ttl` (minutes) or the syndication module's period.

    A day at most, for nobody is left alone longer, and a number of twenty digits fits no span of time.
    """
    try:
        if ttl := _text(about, "ttl"):
            return int(max(0.0, min(float(ttl) * 60, _LONGEST_TTL)))
        if period := _PERIODS.get(_text(about, "sy_updateperiod").strip().lower()):
            frequency = float(_text(about, "sy_updatefrequency") or 1)
            return int(min(period / frequency, _LONGEST_TTL)) if frequency > 0 else None
    except ValueError:
        return None
    return None
