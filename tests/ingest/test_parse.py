"""Bytes and headers in, entries out: the formats, the encodings and the lies."""

from __future__ import annotations

import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.model import DateQuality, FeedProblem, ParsedFeed
from ingest.parse import _ampersands_escaped, parse
from tests.ingest.helpers import NOW, feed, rss

FEED = feed(url="https://example.in/rss")


def read(body: bytes, content_type: str = "application/xml", max_items: int = 2_000, lang: str = "en") -> ParsedFeed:
    return parse(body, {"content-type": content_type}, replace(FEED, lang=lang), now=NOW, max_items=max_items)


def channel(items: str, head: str = "") -> bytes:
    return f'<rss version="2.0"><channel><title>T</title>{head}{items}</channel></rss>'.encode()


def item(inner: str) -> bytes:
    return channel(f"<item>{inner}</item>")


ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry>
<title type="html">India &amp;amp; Russia</title>
<id>tag:x,1</id><link rel="alternate" href="/a/1"/><updated>2026-11-20T18:30:00+05:30</updated>
<content type="html">&lt;p&gt;one&lt;/p&gt;&lt;p&gt;two&lt;/p&gt;</content></entry></feed>"""
RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>R</title></channel><item><title>India and China</title>
 <link>https://example.in/2</link><dc:date>2026-11-20T13:00:00Z</dc:date></item></rdf:RDF>"""


def test_rss_atom_and_rdf_give_the_same_kind_of_entry() -> None:
    (atom,) = read(ATOM).entries
    assert (atom.title, atom.text, atom.url, atom.guid) == (
        "India & Russia",
        "one two",
        "https://example.in/a/1",
        "tag:x,1",
    )
    assert atom.published_at is not None
    assert atom.published_at.isoformat() == "2026-11-20T13:00:00+00:00"
    (rdf,) = read(RDF).entries
    assert (rdf.title, rdf.url, rdf.published_at) == ("India and China", "https://example.in/2", atom.published_at)
    parsed = read(rss("India, Russia"))
    assert (parsed.format, parsed.title, parsed.error, parsed.problem) == ("rss20", "T", "", None)
    assert parsed.entries[0].lang == "en"


ENCODINGS = [
    ("windows-1251", "Россия и Китай подписали договор о поставках газа", True),
    ("windows-1251", "Россия и Китай подписали договор о поставках газа", False),
    ("koi8-r", "Россия и Китай подписали договор о поставках газа", True),
    ("gb18030", "中国和俄罗斯签署天然气供应协议，两国关系持续发展", True),
    ("gb18030", "中国和俄罗斯签署天然气供应协议，两国关系持续发展", False),
    ("utf-16", "भारत और रूस", True),
    ("utf-8", "भारत और रूस", False),
]


@pytest.mark.parametrize(("encoding", "title", "declared"), ENCODINGS)
def test_text_is_read_in_its_encoding_declared_or_not(encoding: str, title: str, declared: bool) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>' if declared else '<?xml version="1.0"?>'
    items = "".join(f"<item><title>{title}</title><link>https://x.in/{n}</link></item>" for n in range(8))
    body = f'{declaration}<rss version="2.0"><channel><title>T</title>{items}</channel></rss>'.encode(encoding)
    lang = {"Р": "ru", "中": "zh", "भ": "hi"}[title[0]]
    assert {entry.title for entry in read(body, lang=lang).entries} == {title}


def test_a_wrong_charset_header_does_not_spoil_a_right_declaration() -> None:
    body = b'<?xml version="1.0" encoding="utf-8"?>' + item("<title>Россия</title><link>https://x.in/1</link>")
    assert read(body, "text/xml; charset=us-ascii").entries[0].title == "Россия"


PAGE = b"<html><head><title>Paper</title></head><body>%s<p>" + b"Words of the day's news. " * 20 + b"</p></body></html>"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", FeedProblem.EMPTY_BODY),
        (b" \n\t", FeedProblem.EMPTY_BODY),
        (b"<!DOCTYPE html><html><head><title>Down for repair</title></head></html>", FeedProblem.HTML),
        (b"<!doctype HTML>\n<HTML><body>404</body></HTML>", FeedProblem.HTML),
        (
            b"<html><title>Just a moment...</title><script src='/cdn-cgi/challenge-platform/x'></script>",
            FeedProblem.CHALLENGE,
        ),
        (b"<html><body><form><div class='g-recaptcha'></div></form></body></html>", FeedProblem.CHALLENGE),
        (b"Please verify you are human (captcha)", FeedProblem.CHALLENGE),
        (b'{"error": "captcha required"}', FeedProblem.CHALLENGE),
        (b"<p>Checking your browser before you go on</p>", FeedProblem.CHALLENGE),
        (PAGE % b"<form action='/newsletter'><div class='g-recaptcha'></div></form>", FeedProblem.HTML),
        (PAGE % b"<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>", FeedProblem.HTML),
        (PAGE % b"<script>window._cf_chl_opt={}</script>", FeedProblem.CHALLENGE),
        (b"<?xml version='1.0'?><note>captcha</note>", FeedProblem.NOT_A_FEED),
        (b'{"error": "not found"}', FeedProblem.NOT_A_FEED),
        (b"\x89PNG\r\n\x1a\n\x00\x00", FeedProblem.NOT_A_FEED),
        (b"plain words", FeedProblem.NOT_A_FEED),
        (b"<?xml version='1.0'?><note><to>x</to></note>", FeedProblem.NOT_A_FEED),
    ],
)
def test_what_is_no_feed_is_named(body: bytes, problem: FeedProblem) -> None:
    parsed = read(body)
    assert parsed.problem == problem
    assert parsed.error
    assert parsed.entries == ()


def test_the_title_of_a_web_page_is_told() -> None:
    assert "Down for repair" in read(b"<html><head><title>Down for repair</title></head></html>").error


def test_a_challenge_announced_in_a_header_is_named_whatever_the_page_says() -> None:
    parsed = parse(b"<p>hello</p>", {"cf-mitigated": "challenge"}, FEED, now=NOW)
    assert parsed.problem == FeedProblem.CHALLENGE


def test_a_feed_that_quotes_html_is_still_a_feed() -> None:
    body = item(
        "<title>India, China</title><link>https://x.in/1</link><description><![CDATA[<html><body>x]]></description>"
    )
    assert len(read(body).entries) == 1


def test_a_truncated_feed_gives_what_came_and_says_that_it_breaks_off() -> None:
    whole = rss("India, Russia", "India, China", "Russia, China")
    parsed = read(whole[: whole.rindex(b"<item>") + 20])
    assert len(parsed.entries) >= 2
    assert parsed.truncated
    assert not read(whole).truncated


def test_small_faults_do_not_make_a_feed_truncated() -> None:
    body = item("<title>Q&A: R&D with Modi &amp; Xi</title><link>https://x.in/1?a=1&b=2</link>")
    (entry,) = read(body).entries
    assert (entry.title, entry.url) == ("Q&A: R&D with Modi & Xi", "https://x.in/1?a=1&b=2")
    assert not read(body).truncated


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("<![CDATA[Q&A &amp; R&D]]>", "Q&A & R&D"),
        ("A & B &#38; C &#x26; D", "A & B & C & D"),
        ("AT&T; Caf&eacute; & R&D", "AT&T; Café & R&D"),
    ],
)
def test_only_ampersands_that_begin_no_reference_are_mended(title: str, shown: str) -> None:
    body = item(f"<title>{title}</title><link>https://x.in/1</link><description>R&D</description>")
    (entry,) = read(body).entries
    assert (entry.title, entry.text) == (shown, "R&D")


def test_a_mended_feed_that_breaks_off_is_still_told_to() -> None:
    whole = channel("".join(f"<item><title>Q&A {n}</title><link>https://x.in/{n}</link></item>" for n in range(5)))
    parsed = read(whole[: whole.rindex(b"<item>") + 20])
    assert [entry.title for entry in parsed.entries[:4]] == [f"Q&A {n}" for n in range(4)]
    assert parsed.truncated


@pytest.mark.parametrize("encoding", ["utf-16", "iso-2022-jp"])
def test_bytes_that_only_look_like_ampersands_are_left(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?><rss><b>一方</b> & '.encode(encoding)
    assert _ampersands_escaped(body) == body


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "mailto:x@y.in"])
def test_a_link_that_is_no_web_address_is_dropped(link: str) -> None:
    (entry,) = read(item(f"<title>India, China</title><guid isPermaLink='false'>7</guid><link>{link}</link>")).entries
    assert (entry.url, entry.guid) == ("", "7")
    assert read(item(f"<title>India, China</title><link>{link}</link>")).bad == 1


def test_a_relative_link_is_resolved_against_the_feed() -> None:
    assert read(item("<title>t</title><link>/a?b=1</link>")).entries[0].url == "https://example.in/a?b=1"


def test_a_permalink_guid_stands_in_for_a_missing_link() -> None:
    assert read(item("<title>t</title><guid>https://example.in/9</guid>")).entries[0].url == "https://example.in/9"


def test_line_breaks_and_controls_in_a_title_become_spaces() -> None:
    (entry,) = read(item("<title>Deal&#13;&#10;Bcc: x@y.in &#x202e;</title><link>https://x.in/1</link>")).entries
    assert entry.title == "Deal Bcc: x@y.in"


def test_scripts_and_markup_never_reach_title_or_text() -> None:
    (entry,) = read(
        item(
            "<title>&lt;b&gt;India&lt;/b&gt;, China&lt;script&gt;x&lt;/script&gt;</title><link>https://x.in/1</link>"
            "<description>&lt;img src=x onerror=y&gt;one&lt;br&gt;two</description>"
        )
    ).entries
    assert (entry.title, entry.text) == ("India, China", "one two")


def test_items_without_title_and_address_are_counted_as_bad() -> None:
    body = channel("<item></item><item><title>x</title></item><item><title>y</title><link>https://x.in/1</link></item>")
    parsed = read(body)
    assert (len(parsed.entries), parsed.bad) == (1, 2)


def test_a_flash_without_a_title_takes_its_text() -> None:
    assert read(item("<description>India, China talk</description><link>https://x.in/1</link>")).entries[0].title


def test_items_beyond_the_cap_are_left_and_counted() -> None:
    parsed = read(rss(*map(str, range(30))), max_items=10)
    assert (len(parsed.entries), parsed.left) == (10, 20)


def syndication(period: str, frequency: str = "") -> str:
    space = 'xmlns:x="http://purl.org/rss/1.0/modules/syndication/"'
    often = f"<x:updateFrequency {space}>{frequency}</x:updateFrequency>" if frequency else ""
    return f"<x:updatePeriod {space}>{period}</x:updatePeriod>{often}"


@pytest.mark.parametrize(
    ("head", "ttl"),
    [
        ("<ttl>60</ttl>", 3_600),
        ("<ttl>soon</ttl>", None),
        ("", None),
        (syndication("daily"), 86_400),
        (syndication("monthly"), 86_400),
        (syndication("daily", "4"), 21_600),
        (syndication("hourly", "1e-300"), 86_400),
        (syndication("hourly", "1e-320"), 86_400),
        (syndication("hourly", "nan"), None),
        ("<ttl>99999999999999999</ttl>", 86_400),
        ("<ttl>1e13</ttl>", 86_400),
        ("<ttl>1e999</ttl>", 86_400),
        ("<ttl>-1e13</ttl>", 0),
        ("<ttl>-1e999</ttl>", 0),
        ("<ttl>nan</ttl>", 0),
    ],
)
def test_what_a_feed_asks_for_between_polls(head: str, ttl: int | None) -> None:
    assert read(channel("<item><title>t</title><link>https://x.in/1</link></item>", head)).ttl == ttl


@pytest.mark.parametrize(
    ("date", "quality"),
    [
        ("Fri, 20 Nov 2026 18:30:00 IST", DateQuality.ZONE_ASSUMED),
        ("Fri, 20 Nov 2026 18:30:00 +0530", DateQuality.GIVEN),
        ("Fri, 20 Nov 2099 18:30:00 +0530", DateQuality.FUTURE),
        ("", DateQuality.MISSING),
    ],
)
def test_the_raw_date_is_kept_and_its_quality_told(date: str, quality: DateQuality) -> None:
    (entry,) = read(item(f"<title>t</title><link>https://x.in/1</link><pubDate>{date}</pubDate>")).entries
    assert (entry.published_raw, entry.date_quality) == (date, quality)
    if quality in (DateQuality.GIVEN, DateQuality.ZONE_ASSUMED):
        assert entry.published_at is not None
        assert f"{entry.published_at:%H:%M}" == "13:00"


def test_entities_that_multiply_or_name_files_expand_to_nothing() -> None:
    bomb = b"""<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>
    <rss version="2.0"><channel><item><title>India &b; &c;</title><link>https://x.in/1</link></item></channel></rss>"""
    for entry in read(bomb).entries:
        assert "root:" not in entry.title + entry.text
        assert len(entry.title) <= 500


_ATTRIBUTES = "".join(f' a{number}=""' for number in range(20_000))


@pytest.mark.parametrize(
    ("flood", "told"),
    [
        pytest.param("<item>" * 300_000, "300,", id="items that never end"),
        pytest.param('<item a="' * 300_000, "300,", id="attributes that never end"),
        pytest.param("<a>" * 300_000, "300,", id="unknown elements"),
        pytest.param("<item><title>" + "&amp;" * 1_600_000, "references", id="references"),
        pytest.param("<item><title>" + "\n" * 1_600_000, "line ends", id="empty lines"),
        pytest.param(f"<item{_ATTRIBUTES}/>", "attributes", id="attributes of one tag"),
        pytest.param(f"<item b='>'{_ATTRIBUTES}/>", "attributes", id="attributes behind a quoted end of the tag"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp037"])
def test_a_flood_of_markup_is_refused_before_it_takes_minutes(flood: str, told: str, encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?><rss version="2.0"><channel>{flood}'.encode(encoding)
    started = time.process_time()
    parsed = read(body)
    assert parsed.problem == FeedProblem.NOT_A_FEED
    assert "too much markup" in parsed.error
    assert told in parsed.error
    assert time.process_time() - started < 2, "seconds of processor time"


def test_a_feed_of_twenty_thousand_items_is_read_up_to_the_cap() -> None:
    items = "".join(
        f"<item><title>India, Russia {number}</title><link>https://x.in/{number}</link><guid>{number}</guid>"
        "<pubDate>Fri, 20 Nov 2026 18:30:00 GMT</pubDate><description>Both met.</description></item>"
        for number in range(20_000)
    )
    parsed = read(channel(items))
    assert (parsed.error, len(parsed.entries), parsed.left) == ("", 2_000, 18_000)


def test_a_feed_with_attributes_and_escaped_markup_is_no_flood() -> None:
    text = "&lt;p class=&quot;x&quot; id='y'&gt;word&lt;/p&gt;\n" * 500
    media = '<x:media url="https://x.in/1.jpg?a=1" width="1" height="2" type=\'image/jpeg\' note="a > b"/>' * 20
    inner = f"<title>India, China</title><link>https://x.in/1</link>{media}<description>{text}</description>"
    assert len(read(channel(f"<item>{inner}</item>" * 20)).entries) == 20


@given(st.binary(max_size=400))
def test_no_bytes_raise(body: bytes) -> None:
    parsed = read(b"<rss version='2.0'><channel><item><title>" + body)
    assert isinstance(parsed, ParsedFeed)
    assert isinstance(read(body), ParsedFeed)


@pytest.mark.data
def test_no_sample_feed_of_other_readers_crashes_and_every_rejection_is_named(data: Path) -> None:
    read_files = 0
    for archive in sorted((data / "feeds").glob("*.tar.gz")):
        with tarfile.open(archive) as files:
            for member in files:
                stream = files.extractfile(member) if member.isfile() else None
                if stream is None:
                    continue
                parsed = parse(stream.read(), {}, replace(FEED, lang=""), now=NOW)
                read_files += 1
                assert parsed.format or (parsed.problem and parsed.error), member.name
                for entry in parsed.entries:
                    assert entry.title, member.name
                    assert not entry.url or entry.url.lower().startswith(("http://", "https://")), member.name
    assert read_files > 2_000
