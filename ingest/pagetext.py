"""The text of an article out of a page, and what the page says of its use; runs in a process of its own.

trafilatura finds the text. What publishers write for machines is read before it:

- `noai`, `noarchive`, `nosnippet` and `max-snippet:0`, as a meta element or in X-Robots-Tag, for all or for this
  program by name; and a TDM reservation (W3C TDMRep: `tdm-reservation: 1`). We keep a copy, a program reads it, and
  digests quote a sentence of it, so each of these speaks to us. `noindex` and `nofollow` do not: nothing is put into a
  search index, and no link is followed.
- `isAccessibleForFree: false` (schema.org): what stands there is a teaser, or a text that was meant for subscribers.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from ingest.page import PageOutcome

HEAD_CHARS = 200_000
"""Of a page, in which its meta elements are looked for."""
MOST_TEXT = 40_000
"""Characters of text that are handed on; an article keeps a tenth."""
_WORDS = frozenset({"noai", "noarchive", "nosnippet"})
_PAYWALL = re.compile(r'"isAccessibleForFree"\s*:\s*"?(?:https?://schema\.org/)?false', re.IGNORECASE)
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_:.-]{2,30})""", re.IGNORECASE)
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_:.-]{2,30})""", re.IGNORECASE)
# Pages that say gb2312 use its supersets, as the WHATWG encoding standard knows.
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252"}
_CHALLENGE = re.compile(
    r"cf-chl|cdn-cgi/challenge|challenge-platform|<title>just a moment|ddos-guard|_incapsula_|px-captcha|bobcmn",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page, or why it has none: `refused` says which, `detail` in words."""

    text: str = ""
    refused: PageOutcome | None = None
    detail: str = ""


def read_page(body: bytes, headers: Mapping[str, str], token: str) -> PageText:
    """The text of the page *body*; *token* is the name by which pages know this program."""
    page = decode(body, headers.get("content-type", ""))
    if headers.get("cf-mitigated") or _CHALLENGE.search(page[:HEAD_CHARS]):
        return PageText(refused=PageOutcome.CHALLENGE, detail="a robot check was sent instead of the page")
    if word := reservation(page, headers, token):
        return PageText(refused=PageOutcome.RESERVED, detail=f"the page says {word}")
    if _PAYWALL.search(page):
        return PageText(refused=PageOutcome.PAYWALL, detail="the page says isAccessibleForFree: false")
    return PageText(_extract(page))


def _extract(page: str) -> str:
    import trafilatura

    # fast: without its fallbacks, which add half again to the time and what other parts of a page say to the text.
    found = trafilatura.extract(page, fast=True, include_comments=False, include_tables=False, with_metadata=False)
    return (found or "")[:MOST_TEXT]


def decode(body: bytes, content_type: str) -> str:
    """*body* as text: by its byte order mark, as UTF-8, by what the header or the page says, or by its letters."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if body.startswith(mark):
            return body.decode(name, "replace").removeprefix("\ufeff")
    try:
        # Hardly a text of another encoding is valid UTF-8 by chance, while declarations are often wrong.
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    in_page = _META_CHARSET.search(body[:4_096])
    in_header = _HEADER_CHARSET.search(content_type)
    for name in ((in_header[1] if in_header else ""), (in_page[1].decode("ascii") if in_page else "")):
        wide = _SUPERSETS.get(name.lower(), name)
        try:
            if wide and wide.lower() not in ("utf-8", "utf8"):
                return body.decode(wide, "replace")
        except LookupError:
            continue
    import chardet

    guessed = chardet.detect(body[:20_000])["encoding"] or "utf-8"
    try:
        return body.decode(_SUPERSETS.get(guessed.lower(), guessed), "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def reservation(page: str, headers: Mapping[str, str], token: str) -> str:
    """What the page or its headers say against keeping or reading it by machine; empty where nothing does."""
    if headers.get("tdm-reservation", "").strip() == "1":
        return "tdm-reservation: 1"
    for piece in headers.get("x-robots-tag", "").split(","):
        # `name: noarchive` speaks to that crawler, and `max-snippet: 0` is no name.
        name, colon, rest = piece.strip().partition(":")
        named = bool(colon) and name.strip().lower() not in ("max-snippet", "unavailable_after", "max-image-preview")
        if not named:
            rest = piece
        elif name.strip().lower() != token.lower():
            continue
        if word := _against(rest):
            return f"{word} in X-Robots-Tag"
    for name, content in _meta(page[:HEAD_CHARS]):
        if name == "tdm-reservation" and content.strip() == "1":
            return "tdm-reservation: 1"
        if name in ("robots", token.lower()):
            for piece in content.split(","):
                if word := _against(piece):
                    return f"{word} in its meta element {name}"
    return ""


def _against(piece: str) -> str:
    word = "".join(piece.lower().split())
    return word if word in _WORDS or word == "max-snippet:0" else ""


class _MetaReader(HTMLParser):
    """Collects meta elements; a body may not hold any that count."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            given = {name: value or "" for name, value in attrs}
            self.found.append((given.get("name", "").strip().lower(), given.get("content", "")))


def _meta(head: str) -> Iterator[tuple[str, str]]:
    reader = _MetaReader()
    end = re.search(r"</head\s*>|<body[\s>]", head, re.IGNORECASE)
    # What the parser of the standard library does not take apart says nothing.
    with contextlib.suppress(AssertionError, ValueError):
        reader.feed(head[: end.start()] if end else head)
    yield from reader.found
