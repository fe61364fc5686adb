"""What a page means for its article: decided by values alone."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clean import TEXT_LIMIT
from ingest.fetch import Failed, FailedReason, Gone, NotModified, Outcome, Refused, RefusedReason
from ingest.page import MOST_TRIES, WAIT, PageOutcome, Told, at_once, belongs, compare, is_html, next_try, no_page
from tests.ingest.helpers import NOW
from tests.ingest.webpages import LEAD, STORY, TITLE

URL = "https://example.in/a"
DAY = dt.timedelta(days=1)

FAILURES: list[tuple[str, Outcome, PageOutcome, bool]] = [
    ("404 is gone for good", Failed(FailedReason.HTTP, "HTTP 404", 404), PageOutcome.GONE, False),
    ("410 is gone for good", Gone(), PageOutcome.GONE, False),
    ("401 wants a subscription", Failed(FailedReason.HTTP, "HTTP 401", 401), PageOutcome.BLOCKED, False),
    ("402 wants money", Failed(FailedReason.HTTP, "HTTP 402", 402), PageOutcome.BLOCKED, False),
    ("403 does not want us", Failed(FailedReason.HTTP, "HTTP 403", 403), PageOutcome.BLOCKED, False),
    ("451 may not be read here", Failed(FailedReason.HTTP, "HTTP 451", 451), PageOutcome.BLOCKED, False),
    ("418 is an error", Failed(FailedReason.HTTP, "HTTP 418", 418), PageOutcome.HTTP_ERROR, False),
    ("500 may pass", Failed(FailedReason.HTTP, "HTTP 500", 500), PageOutcome.HTTP_ERROR, True),
    ("503 may pass", Failed(FailedReason.HTTP, "HTTP 503", 503), PageOutcome.HTTP_ERROR, True),
    ("429 asks for patience", Failed(FailedReason.HTTP, "HTTP 429", 429), PageOutcome.TOO_OFTEN, True),
    ("304 that nobody asked for", NotModified(), PageOutcome.HTTP_ERROR, False),
    ("no name", Failed(FailedReason.NAME, "no such host"), PageOutcome.UNREACHABLE, True),
    ("no time", Failed(FailedReason.TIMEOUT, "30 s"), PageOutcome.UNREACHABLE, True),
    ("half an answer", Failed(FailedReason.BROKEN, "damaged", 200), PageOutcome.UNREACHABLE, True),
    ("an address of the house", Refused(RefusedReason.ADDRESS, "127.0.0.1"), PageOutcome.REFUSED, False),
    ("too large", Refused(RefusedReason.TOO_LARGE, "2 MB", 200), PageOutcome.REFUSED, False),
]


@pytest.mark.parametrize(("what", "outcome", "meaning", "again"), FAILURES, ids=[row[0] for row in FAILURES])
def test_what_brought_no_page_is_named_and_tried_again_where_that_may_help(
    what: str, outcome: Outcome, meaning: PageOutcome, again: bool
) -> None:
    told = no_page(outcome, URL, NOW)
    assert (told.outcome, told.again, told.text) == (meaning, again, ""), what
    assert told.detail
    assert (next_try(told, 1, NOW) is not None) is again


def test_the_wait_grows_with_the_tries_follows_the_site_and_ends() -> None:
    told = Told(PageOutcome.HTTP_ERROR, again=True)
    assert [next_try(told, tries, NOW) for tries in (1, 2, 3)] == [NOW + WAIT * n for n in (1, 2, 3)]
    assert next_try(told, MOST_TRIES, NOW) is None
    busy = no_page(Failed(FailedReason.HTTP, "HTTP 429", 429, "7200"), URL, NOW)
    assert next_try(busy, 1, NOW) == NOW + dt.timedelta(hours=2)
    forever = no_page(Failed(FailedReason.HTTP, "HTTP 503", 503, "99999999"), URL, NOW)
    assert next_try(forever, 1, NOW) == NOW + DAY


def test_a_second_try_at_once_is_for_what_may_pass_and_where_nobody_asked_us_to_wait() -> None:
    assert at_once(no_page(Failed(FailedReason.TIMEOUT, "x"), URL, NOW))
    assert at_once(no_page(Failed(FailedReason.HTTP, "HTTP 502", 502), URL, NOW))
    assert not at_once(no_page(Failed(FailedReason.HTTP, "HTTP 503", 503, "60"), URL, NOW))
    assert not at_once(no_page(Failed(FailedReason.HTTP, "HTTP 429", 429), URL, NOW))
    assert not at_once(Told(PageOutcome.ROBOTS_UNREACHABLE, again=True))


@pytest.mark.parametrize(
    ("what", "title", "lead", "text", "mine"),
    [
        ("the title's words in other forms", TITLE, "", STORY, True),
        ("a title in other words, but the lead", "A corridor opens", STORY[:300], STORY, True),
        ("a consent wall", TITLE, LEAD, "We value your privacy. We and our partners store cookies.", False),
        ("a front page of other things", TITLE, LEAD, "Cricket: a win in Perth. Weather: rain in the south.", False),
        ("Russian", "Индия и Россия подписали договор", "", "Договор подписали Индия и Россия в Дели.", True),
        ("Chinese", "印度和俄罗斯签署铁路条约", "", "印度和俄罗斯周一签署了铁路条约。", True),
        ("Chinese of something else", "印度和俄罗斯签署铁路条约", "", "今天天气很好，我们去公园。", False),
        ("a title without words", "!!!", "", "Anything at all.", False),
    ],
)
def test_a_text_belongs_to_the_article_whose_words_it_has(
    what: str, title: str, lead: str, text: str, mine: bool
) -> None:
    assert belongs(title, lead, text) is mine, what


def test_a_text_takes_the_place_of_the_lead_only_where_it_is_longer() -> None:
    assert compare(TITLE, LEAD, STORY, URL).outcome is PageOutcome.REPLACED
    assert compare(TITLE, STORY * 2, STORY, URL).outcome is PageOutcome.NOT_LONGER
    assert compare(TITLE, LEAD, "", URL).outcome is PageOutcome.NO_TEXT
    assert compare(TITLE, LEAD, "We value your privacy. " * 20, URL).outcome is PageOutcome.OTHER_TEXT


def test_a_text_is_cleaned_and_cut_like_one_of_a_feed() -> None:
    told = compare(TITLE, LEAD, f"{TITLE}\0\u202e <script>alert(1)</script> &amp; {'treaty ' * 2_000}", URL)
    assert told.outcome is PageOutcome.REPLACED
    assert len(told.text) <= TEXT_LIMIT
    assert not any(mark in told.text for mark in ("\0", "\u202e", "<script"))
    assert told.text.endswith("…")


@given(st.text(max_size=300), st.text(max_size=2_000), st.text(max_size=5_000))
def test_whatever_a_page_says_the_text_only_ever_grows(title: str, lead: str, text: str) -> None:
    told = compare(title, lead, text, URL)
    if told.outcome is PageOutcome.REPLACED:
        assert len(lead) < len(told.text) <= TEXT_LIMIT
        assert belongs(title, lead, told.text)


@pytest.mark.parametrize(
    ("kind", "body", "html"),
    [
        ("text/html; charset=utf-8", b"", True),
        ("Application/XHTML+XML", b"", True),
        ("", b"<!doctype html>", True),
        ("text/plain", b"plain words", False),
        ("application/pdf", b"%PDF-1.7 <x>", False),
        ("image/svg+xml", b"<svg/>", False),
        ("application/rss+xml", b"<rss/>", False),
    ],
)
def test_only_a_web_page_is_taken_apart(kind: str, body: bytes, html: bool) -> None:
    assert is_html({"content-type": kind} if kind else {}, body) is html
