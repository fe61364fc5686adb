"""What is read of a page, and what is not since the page says so."""

from __future__ import annotations

import pytest

from ingest.page import PageOutcome
from ingest.pagetext import decode, read_page, reservation
from tests.ingest.webpages import STORY, page

RUSSIAN = "Индия и Россия подписали договор о железной дороге, сообщили в министерстве. " * 3
CHINESE = "印度和俄罗斯签署铁路条约，双方官员说首批列车将运送粮食和机器零件到北方港口。" * 4


def test_the_article_is_read_and_what_stands_around_it_is_not() -> None:
    found = read_page(page(), {"content-type": "text/html"}, "ricwatch")
    assert found.refused is None
    assert "freight wagons, signals and the training of drivers" in found.text
    assert "Terms of use" not in found.text
    assert "World" not in found.text


@pytest.mark.parametrize(
    ("text", "encoding", "declared", "header"),
    [
        (RUSSIAN, "cp1251", '<meta charset="windows-1251">', "text/html"),
        (RUSSIAN, "cp1251", "", "text/html; charset=windows-1251"),
        (RUSSIAN, "koi8-r", '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "text/html"),
        (RUSSIAN, "cp1251", "", "text/html"),
        (RUSSIAN, "utf-8", '<meta charset="windows-1251">', "text/html; charset=windows-1251"),
        (RUSSIAN, "utf-16", "", "text/html"),
        (CHINESE, "gb18030", '<meta charset="gb2312">', "text/html"),
        (CHINESE, "gb18030", "", "text/html; charset=GBK"),
        (CHINESE, "gb18030", '<meta charset="no-such-thing">', "text/html; charset=hex"),
    ],
)
def test_a_page_is_read_in_its_encoding_however_it_is_declared(
    text: str, encoding: str, declared: str, header: str
) -> None:
    body = f"<html><head>{declared}<title>x</title></head><body><p>{text}</p></body></html>".encode(encoding)
    assert text in decode(body, header)


AGAINST = [
    ("noai for all", '<meta name="robots" content="noai, noimageai">', {}),
    ("noarchive for all", '<META NAME="Robots" CONTENT="index,NOARCHIVE">', {}),
    ("nosnippet for us by name", '<meta name="ricwatch" content="nosnippet">', {}),
    ("a snippet of nothing", '<meta name="robots" content="max-snippet: 0">', {}),
    ("a reservation in the page", '<meta name="tdm-reservation" content="1">', {}),
    ("a reservation in the header", "", {"tdm-reservation": "1"}),
    ("the header for all", "", {"x-robots-tag": "noindex, noarchive"}),
    ("the header for us by name", "", {"x-robots-tag": "ricwatch: noarchive"}),
    ("the header with a snippet of nothing", "", {"x-robots-tag": "max-snippet: 0"}),
]
NOT_AGAINST = [
    ("noindex, as nothing is put into an index", '<meta name="robots" content="noindex, nofollow">', {}),
    ("another crawler", '<meta name="googlebot" content="noarchive">', {"x-robots-tag": "googlebot: noarchive"}),
    ("a snippet of some length", '<meta name="robots" content="max-snippet:-1, max-image-preview:large">', {}),
    ("no reservation", '<meta name="tdm-reservation" content="0">', {"tdm-reservation": "0"}),
    ("words of an article", "", {}),
]


@pytest.mark.parametrize(("what", "head", "headers"), AGAINST, ids=[row[0] for row in AGAINST])
def test_a_page_that_speaks_against_keeping_or_reading_it_is_left(
    what: str, head: str, headers: dict[str, str]
) -> None:
    found = read_page(page(head=head), headers, "ricwatch")
    assert (found.text, found.refused) == ("", PageOutcome.RESERVED), what
    assert found.detail.startswith("the page says "), "and the word is told"


@pytest.mark.parametrize(("what", "head", "headers"), NOT_AGAINST, ids=[row[0] for row in NOT_AGAINST])
def test_what_speaks_of_something_else_does_not_keep_us_from_reading(
    what: str, head: str, headers: dict[str, str]
) -> None:
    body = page(STORY + '<p>He said "noarchive" and &lt;meta name="robots" content="noai"&gt;.</p>', head=head)
    assert reservation(body.decode(), headers, "ricwatch") == "", what
    assert read_page(body, headers, "ricwatch").text


@pytest.mark.parametrize("value", ["false", '"False"', '"https://schema.org/False"'])
def test_a_text_for_subscribers_is_left(value: str) -> None:
    told = f'<script type="application/ld+json">{{"@type":"NewsArticle","isAccessibleForFree": {value}}}</script>'
    assert read_page(page(head=told), {}, "ricwatch").refused is PageOutcome.PAYWALL
    assert read_page(page(head=told.replace(value, "true")), {}, "ricwatch").refused is None


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html><head><title>Just a moment...</title></head><body></body></html>", {}),
        (page(), {"cf-mitigated": "challenge"}),
    ],
)
def test_a_robot_check_is_named(body: bytes, headers: dict[str, str]) -> None:
    assert read_page(body, headers, "ricwatch").refused is PageOutcome.CHALLENGE


def test_comments_of_readers_are_no_part_of_the_article() -> None:
    comments = '<div class="comments" id="comments"><p>A reader says that China will never allow it at all.</p></div>'
    assert "never allow" not in read_page(page(after=comments), {}, "ricwatch").text
