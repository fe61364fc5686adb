"""Plain RSS read fast gives what feedparser gives; what is not plain is left to it."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats import RawFeed
from ingest.parse import Source, _by_feedparser, parse
from ingest.plainrss import MOST_TAGS, read_plain_rss
from tests.ingest.helpers import NOW, rss

SPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" '
    'xmlns:atom="http://www.w3.org/2005/Atom"'
)
UTF8 = {"content-type": "application/rss+xml; charset=utf-8"}
FIELDS = ("title", "summary", "link", "id", "published")
DATES = ("", "Wed, 25 Nov 2026 10:00:00 GMT", "2026-11-25", "soon")
ABOUT = ("title", "ttl", "sy_updateperiod", "sy_updatefrequency")


def document(items: str, head: str = "<title>T</title>", root: str = f'<rss version="2.0" {SPACES}>') -> bytes:
    return f"{root}<channel>{head}{items}</channel></rss>".encode()


def item(inner: str) -> bytes:
    return document(f"<item><title>t</title><link>https://x.in/1</link>{inner}</item>")


def shown(feed: RawFeed) -> tuple[Any, ...]:
    """All of a feed that parsing looks at, but for parsed dates and what a usable link makes needless."""
    items = [
        (*(dict.get(one, name) for name in FIELDS), [part["value"] for part in dict.get(one, "content") or ()])
        for one in feed.items
    ]
    about: Any = feed.about
    return feed.format, [dict.get(about, name) for name in ABOUT], items, feed.truncated


texts = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("<>&;\n\té—ш印"), max_size=40)
links = st.builds(
    "https://x.in/{}".format, st.text(st.sampled_from("abcdefgh123456789/?=&;%#._-~+ ü"), min_size=1, max_size=30)
)


@st.composite
def plain_items(draw: st.DrawFn) -> str:
    """An item with its parts in any order, escaped or as CDATA."""

    def written(text: str) -> str:
        return f"<![CDATA[{text.replace(']]>', '')}]]>" if draw(st.booleans()) else escape(text)

    parts = [f"<title>{written(draw(texts))}</title>", f"<link>{written(draw(links))}</link>"]
    optional = {
        "description": f"<description>{written(draw(texts))}</description>",
        "content": f"<content:encoded>{written(draw(texts))}</content:encoded>",
        "guid": f'<guid isPermaLink="{draw(st.sampled_from(["true", "false"]))}">{written(draw(texts))}</guid>',
        "id": f"<guid>{written(draw(links))}</guid>",
        "date": f"<pubDate>{draw(st.sampled_from(DATES))}</pubDate>",
        "creator": f"<dc:creator>{written(draw(texts))}</dc:creator>",
        "category": f'<category domain="d">{written(draw(texts))}</category>',
        "media": '<media:content url="https://x.in/a.jpg"><media:credit>Photo</media:credit></media:content>',
        "thumbnail": '<media:thumbnail url="https://x.in/b.jpg"/>',
        "enclosure": '<enclosure url="https://x.in/c.mp3" type="audio/mpeg" length="1"/>',
        "source": f'<source url="https://y.in/rss">{written(draw(texts))}</source>',
    }
    chosen = draw(st.sets(st.sampled_from(sorted(optional))))
    chosen -= {"id"} if "guid" in chosen else set()
    parts += [optional[name] for name in sorted(chosen)]
    return f"<item>{''.join(draw(st.permutations(parts)))}</item>"


@given(
    st.lists(plain_items(), min_size=1, max_size=3),
    st.sampled_from(
        [
            "<title>T</title>",
            "<title>A &amp; B</title><ttl> 60 </ttl><language>en</language>",
            "<image><title>I</title><url>https://x.in/i.png</url><link>https://x.in</link></image><title>T</title>"
            "<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>"
            '<atom:link rel="self" href="https://x.in/rss"/>',
        ]
    ),
)
def test_what_is_read_fast_is_what_feedparser_reads(items: list[str], head: str) -> None:
    body = document("".join(items), head)
    fast = read_plain_rss(body, UTF8)
    if fast is not None:
        assert shown(fast) == shown(_by_feedparser(body, UTF8))


def test_the_usual_feed_is_read_fast() -> None:
    body = rss("India meets China", "Россия и Индия", "印度与俄罗斯")
    fast = read_plain_rss(body, {"content-type": "text/xml"})
    assert fast is not None
    assert shown(fast) == shown(_by_feedparser(body, {"content-type": "text/xml"}))
    assert [entry.title for entry in parse(body, {}, Source(), now=NOW).entries][2] == "印度与俄罗斯"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(item("<title>two</title>"), id="a second title"),
        pytest.param(item("<description>a</description><description>b</description>"), id="a second description"),
        pytest.param(item("<description>a <b>b</b></description>"), id="markup that is not escaped"),
        pytest.param(item('<description type="xhtml">a</description>'), id="an attribute that changes the meaning"),
        pytest.param(item("<dc:date>2026-11-25</dc:date>"), id="a second kind of date"),
        pytest.param(item("<media:title>m</media:title>"), id="a title of a picture"),
        pytest.param(item("<image><link>https://x.in/i</link></image>"), id="a picture with an address"),
        pytest.param(item("<guid>https:///x.in/1</guid>"), id="an address that feedparser mends"),
        pytest.param(item("<description>Â«quoÃ©Â»</description>"), id="a text encoded twice"),
        pytest.param(item("<description>&#146;s</description>"), id="a sign of windows-1252"),
        pytest.param(document("<item><title>t</title></item>"), id="an item without an address"),
        pytest.param(document("<item><title>t</title><link/></item>"), id="an empty address"),
        pytest.param(document("<item/>", root='<rss version="0.91">'), id="an older version"),
        pytest.param(document("", root='<rss version="2.0" xml:base="https://x.in">'), id="a base address"),
        pytest.param(b"<!DOCTYPE rss [<!ENTITY a 'b'>]>" + item("<description>&a;</description>"), id="entities"),
        pytest.param(item("<description>a & b</description>"), id="not well-formed"),
        pytest.param(item("")[:-10], id="broken off"),
        pytest.param(b'<?xml version="1.0" encoding="windows-1251"?>' + item(""), id="another encoding"),
        pytest.param(b"<feed xmlns='http://www.w3.org/2005/Atom'/>", id="Atom"),
        pytest.param(document("<a/>" * MOST_TAGS), id="more elements than a tree should have"),
    ],
)
def test_what_is_not_plain_is_left_to_feedparser(body: bytes) -> None:
    assert read_plain_rss(body, UTF8) is None


def test_a_body_whose_encoding_nothing_tells_is_left_to_feedparser() -> None:
    body = item("<description>Москва</description>")
    assert read_plain_rss(body, {"content-type": "text/xml"}) is None
    assert read_plain_rss(body, {"content-type": "text/xml; charset=koi8-r"}) is None
    assert read_plain_rss(body, UTF8) is not None


def test_a_date_that_only_feedparser_reads_is_not_lost() -> None:
    body = item("<pubDate>2026-W48-3</pubDate>")
    (entry,) = parse(body, UTF8, Source(), now=NOW).entries
    (slow,) = _by_feedparser(body, UTF8).items
    assert (entry.published_at is None) == (slow.get("published_parsed") is None)


@pytest.mark.data
@pytest.mark.parametrize("archive", ["feedparser-tests.tar.gz", "other-readers-fixtures.tar.gz"])
@pytest.mark.parametrize("headers", [{}, {"content-type": "text/xml"}, UTF8])
def test_other_peoples_feeds_are_read_as_feedparser_reads_them(
    data: Path, archive: str, headers: dict[str, str]
) -> None:
    fast = 0
    with tarfile.open(data / "feeds" / archive) as files:
        for member in files:
            held = files.extractfile(member)
            body = held.read() if held and member.size < 3_000_000 else b""
            quick = read_plain_rss(body, headers)
            if quick is not None and quick.items:
                fast += 1
                assert shown(quick) == shown(_by_feedparser(body, headers)), member.name
    assert fast
