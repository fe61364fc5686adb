"""What came of the page of an article, and what decides it: pure, without clock, network or database.

A page can only add to an article. Whatever it is, the article stays with the title, address and lead that its feed
gave; its text is replaced where the page's is longer, is this article's, and was given to be read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ingest.clean import TEXT_LIMIT, plain_text, title_key
from ingest.fetch import Failed, FailedReason, Gone, NotModified, Outcome, Refused, Want
from ingest.policy import retry_after
from ingest.words import EMPTY, pieces, stem

MOST_TRIES = 4
"""Requests for one page, over all runs, while its article is not read."""
TRIES_A_RUN = 2
WAIT = dt.timedelta(minutes=45)
"""Until the next try, times the tries so far: the next hourly run for the first."""
SHARE_OF_TITLE, SHARE_OF_LEAD, LEAST_OF_LEAD = 0.5, 0.7, 8
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_BLOCKED = frozenset({401, 402, 403, 407, 451})


class PageOutcome(StrEnum):
    """Why an article has the text that it has."""

    REPLACED = "replaced"
    NOT_LONGER = "not_longer"
    OTHER_TEXT = "other_text"
    NO_TEXT = "no_text"
    READ_BEFORE = "read_before"
    ROBOTS = "robots"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    RESERVED = "reserved"
    PAYWALL = "paywall"
    NOT_HTML = "not_html"
    CHALLENGE = "challenge"
    BLOCKED = "blocked"
    GONE = "gone"
    REFUSED = "refused"
    HTTP_ERROR = "http_error"
    TOO_OFTEN = "too_often"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    TOO_SLOW = "too_slow"


@dataclass(frozen=True, slots=True)
class Told:
    """What a try came to. `again` says that another may end better, after `wait` where the site named one."""

    outcome: PageOutcome
    detail: str = ""
    status: int | None = None
    url: str = ""
    text: str = ""
    again: bool = False
    wait: dt.timedelta | None = None


def page_want(max_bytes: int) -> Want:
    """A page of at most *max_bytes*; a longer one is refused, since half a page may lack just the article."""
    return Want(accept="text/html, application/xhtml+xml;q=0.9, */*;q=0.1", max_bytes=max_bytes)


def no_page(outcome: Outcome, url: str, now: dt.datetime) -> Told:  # noqa: PLR0911 (a return for each way to fail)
    """What it means that a request for *url* brought no page."""
    if isinstance(outcome, Gone):
        return Told(PageOutcome.GONE, "HTTP 410", 410, url)
    if isinstance(outcome, NotModified):
        return Told(PageOutcome.HTTP_ERROR, "304 although nothing was asked conditionally", 304, url)
    if isinstance(outcome, Refused):
        return Told(PageOutcome.REFUSED, f"{outcome.reason}: {outcome.detail}", outcome.status, url)
    if not isinstance(outcome, Failed):
        raise TypeError(f"{outcome!r} is a page")
    detail, status = f"{outcome.reason}: {outcome.detail}", outcome.status
    if status == 429:
        return Told(PageOutcome.TOO_OFTEN, detail, status, url, again=True, wait=retry_after(outcome.retry_after, now))
    if status in (404, 410):
        return Told(PageOutcome.GONE, detail, status, url)
    if status in _BLOCKED:
        return Told(PageOutcome.BLOCKED, detail, status, url)
    if outcome.reason is FailedReason.HTTP:
        wait = retry_after(outcome.retry_after, now) if status == 503 else None
        return Told(PageOutcome.HTTP_ERROR, detail, status, url, again=status in _TEMPORARY, wait=wait)
    # A certificate or a name that does not hold will not hold a second later; the next run may ask again.
    return Told(PageOutcome.UNREACHABLE, detail, status, url, again=True)


def next_try(told: Told, tries: int, now: dt.datetime) -> dt.datetime | None:
    """When the page is tried again after *tries* in all; None where it is settled."""
    if not told.again or tries >= MOST_TRIES:
        return None
    return now + max(told.wait or dt.timedelta(0), WAIT * tries)


def at_once(told: Told) -> bool:
    """Whether a second try in the same run makes sense: what failed may pass, and nobody asked us to wait."""
    return told.again and told.wait is None and told.outcome in (PageOutcome.UNREACHABLE, PageOutcome.HTTP_ERROR)


def compare(title: str, lead: str, text: str, url: str) -> Told:
    """Whether *text*, found on the page at *url*, takes the place of *lead* in the article called *title*."""
    found = plain_text(text, TEXT_LIMIT)
    if not found:
        return Told(PageOutcome.NO_TEXT, "the page has no article text that could be told from the rest", 200, url)
    if not belongs(title, lead, found):
        detail = f"the page tells something else: {found[:100]}"
        return Told(PageOutcome.OTHER_TEXT, detail, 200, url)
    found = found.removeprefix(title).lstrip()  # the page's heading, which the article has already
    if len(found) <= len(lead):
        return Told(PageOutcome.NOT_LONGER, f"{len(found):,} characters, the feed gave {len(lead):,}", 200, url, found)
    return Told(PageOutcome.REPLACED, "", 200, url, found)


def belongs(title: str, lead: str, text: str) -> bool:
    """Whether *text* is of the article: it has half of the title's words, or most of a lead's.

    A page that asks for consent, a front page to which dead links lead, or a list of headlines does not.

    >>> belongs("Modi meets Putin in Moscow", "", "Prime Minister Modi met President Putin in Moscow on Monday.")
    True
    >>> belongs("Modi meets Putin in Moscow", "", "We and our 812 partners value your privacy.")
    False
    """
    have = _stems(text)
    of_title, of_lead = _stems(title), _stems(lead)
    if of_title and len(of_title & have) >= SHARE_OF_TITLE * len(of_title):
        return True
    return len(of_lead) >= LEAST_OF_LEAD and len(of_lead & have) >= SHARE_OF_LEAD * len(of_lead)


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer is a page: it says so, or says nothing and looks like one."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return True
    return kind in ("", "text/plain", "application/octet-stream") and b"<" in body[:512]


def _stems(text: str) -> set[str]:
    return {stem(piece) for token in title_key(text).split() if token not in EMPTY for piece in pieces(token)}
