"""Plain text, and the keys by which addresses and titles are known again."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clean import canonical_url, plain_text, title_key, url_key, web_address


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<p>one</p><p>two</p>", "one two"),
        ("one<br/>two", "one two"),
        ("h<a href='x'>i</a>j", "hij"),
        ("<script>alert(1)</script>safe<style>p{}</style>", "safe"),
        ("<svg><title>x</title></svg>text", "text"),
        ("AT&amp;T &lt;b&gt; &#8377;5", "AT&T <b> ₹5"),
        ("R&D at 5 < 6 > 4", "R&D at 5 < 6 > 4"),
        ("a\x00b\x07c\x1b[31m", "abc[31m"),
        ("Deal\r\nBcc: all@example.in", "Deal Bcc: all@example.in"),
        ("\u202eevil\u202c \ufeffmark\u200b", "evil mark"),
        ("क्\u200dष", "क्\u200dष"),
        ("half \ud83d pair", "half pair"),
        ("  spread \n\t out\u00a0wide ", "spread out wide"),
        ("<!-- hidden -->shown", "shown"),
        ("", ""),
    ],
)
def test_html_becomes_one_line_of_plain_text(raw: str, text: str) -> None:
    assert plain_text(raw) == text


def test_a_long_text_is_cut_at_a_word_and_marked() -> None:
    text = plain_text("word " * 1_000, 50)
    assert len(text) <= 50
    assert text.endswith("word…")


def test_a_title_of_five_megabytes_costs_next_to_nothing() -> None:
    assert len(plain_text("<b>x</b> " * 600_000, 500)) <= 500


@given(st.text(max_size=300))
def test_plain_text_never_holds_markup_controls_or_lone_surrogates(raw: str) -> None:
    text = plain_text(f"<p>{raw}</p>")
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in text)
    assert "  " not in text
    assert text.encode("utf-8").decode("utf-8") == text


SAME = [
    ("http://example.in/a", "https://example.in/a"),
    ("https://www.example.in/a", "https://example.in/a"),
    ("https://amp.example.in/a", "https://example.in/a"),
    ("HTTPS://EXAMPLE.IN/a", "https://example.in/a"),
    ("https://example.in:443/a", "https://example.in/a"),
    ("http://example.in:80/a", "https://example.in/a"),
    ("https://example.in", "https://example.in/"),
    ("https://example.in/a#comments", "https://example.in/a"),
    ("https://example.in/a?utm_source=rss&utm_medium=x", "https://example.in/a"),
    ("https://example.in/a?fbclid=1&id=2&at_medium=RSS&at_campaign=K", "https://example.in/a?id=2"),
    ("https://example.in/a?b=2&a=1", "https://example.in/a?a=1&b=2"),
    ("https://example.in/x/../a/./", "https://example.in/a/"),
    ("https://example.in/%61%2f", "https://example.in/a%2F"),
    ("https://indianexpress.com/article/x-1/lite/", "https://indianexpress.com/article/x-1/"),
    ("https://пример.рф/ш", "https://xn--e1afmkfd.xn--p1ai/%D1%88"),
    (" https://example.in/a\n", "https://example.in/a"),
    ("http://example.in:443/a", "https://example.in/a"),
    ("https://example.in:80/a", "https://example.in/a"),
    ("https://example.in/a?%75tm_source=rss", "https://example.in/a"),
    ("https://example.in/a?utm_source=rss?utm_medium=feed;utm_term=", "https://example.in/a"),
    ("https://example.in/a?utm_content=cGFja2Vk==", "https://example.in/a"),
    ("https://example.in/a?pk_campaign=rss&pk_kwd=x&mtm_cid=1&hsa_acc=2", "https://example.in/a"),
    ("https://example.in/a#xtor=RSS-1/2", "https://example.in/a"),
    ("https://example.in/a#/", "https://example.in/a"),
    ("https://example.in/x/%2e%2E/a", "https://example.in/a"),
    ("https://example.in。/a", "https://example.in/a"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_spellings_of_one_page_share_a_key(one: str, two: str) -> None:
    assert canonical_url(one) == canonical_url(two)
    assert canonical_url(two) == two


DIFFERENT = [
    ("https://pib.gov.in/p.aspx?PRID=1&reg=3", "https://pib.gov.in/p.aspx?PRID=2&reg=3"),
    ("https://pib.gov.in/p.aspx?PRID=1", "https://pib.gov.in/p.aspx"),
    ("https://mea.gov.in/d.htm?dtl/38000/Joint", "https://mea.gov.in/d.htm?dtl/38001/Joint"),
    ("https://example.in/a?id=1", "https://example.in/a?id=2"),
    ("https://example.in/a", "https://example.in/A"),
    ("https://example.in/a", "https://example.com/a"),
    ("https://example.in:8080/a", "https://example.in/a"),
    ("https://example.in/a%2Fb", "https://example.in/a/b"),
    ("https://example.in/#!/story/1", "https://example.in/#!/story/2"),
    ("https://example.in/a?x=1%262", "https://example.in/a?x=1&2"),
    ("https://pib.gov.in/p.aspx?utm_source=rss;PRID=1", "https://pib.gov.in/p.aspx?utm_source=rss;PRID=2"),
    ("https://pib.gov.in/p.aspx?utm_source=rss?PRID=1", "https://pib.gov.in/p.aspx?utm_source=rss?PRID=2"),
    ("https://pib.gov.in/p.aspx?utm_source=PRID=1", "https://pib.gov.in/p.aspx?utm_source=PRID=2"),
    ("https://example.in/?pk_id=12", "https://example.in/?pk_id=13"),
    ("https://example.in/?hsa_id=12", "https://example.in/?hsa_id=13"),
    ("https://example.in/?stm_id=12", "https://example.in/?stm_id=13"),
    ("https://example.in/#/news/12", "https://example.in/#/news/13"),
    ("https://example.in/app#news/12", "https://example.in/app#news/13"),
]


@pytest.mark.parametrize(("one", "two"), DIFFERENT)
def test_different_pages_keep_different_keys(one: str, two: str) -> None:
    assert canonical_url(one) != canonical_url(two)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "ftp://x.in/", "mailto:a@b.in", "/relative", "", "https://", "http://[x/",
     "https://x.in:99999/", "https://x.in/" + "a" * 3_000],
)  # fmt: skip
def test_what_is_no_web_address_has_no_key(url: str) -> None:
    assert canonical_url(url) is None
    assert web_address(url) is None


_WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)
_HOSTS = st.sampled_from(
    ["example.in", "www.example.in", "amp.www.example.in", "indianexpress.com", "пример.рф", "[::1]", "www.-é。."]
)
_PORTS = st.sampled_from(["", ":", ":80", ":443", ":0443", ":8080"])
_STEPS = st.sampled_from(["a", "%61", "..", "%2e%2E", ".", "%2F", "lite", "%6cite", "amp", "ш", ""])
_NAMES = st.sampled_from(
    ["utm_source", "%75tm_source", "UTM%5Fid", "pk_id", "pk_kwd", "PRID", "ref", "%72ef", "?", "ш"]
)
_PAIRS = st.builds(
    "{}{}{}".format, _NAMES, st.sampled_from(["=", "==", ""]), st.sampled_from(["rss", "%72ss", "1", ""])
)
_JOINTS = st.sampled_from(["&", ";", "?", "&amp;", "%26", "%3B", "%3F"])
_QUERIES = st.lists(st.builds("{}{}".format, _PAIRS, _JOINTS), max_size=4).map("".join)
_FRAGMENTS = st.builds(
    "{}{}".format, st.sampled_from(["", "!", "/", "%2F", "%21", "news/", "%6e/", "ш/", "x=/"]), _WORDS
)
_ADDRESSES = st.builds(
    "{}://{}{}/{}?{}#{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    _HOSTS,
    _PORTS,
    _WORDS | st.lists(_STEPS, max_size=4).map("/".join),
    _WORDS | _QUERIES,
    _WORDS | _FRAGMENTS,
)


@given(_ADDRESSES)
def test_canonical_form_is_a_fixed_point(url: str) -> None:
    once = canonical_url(url)
    if once is not None:
        assert canonical_url(once) == once


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.sampled_from(["", "utm_source=rss&", "utm_source=rss;", "utm_source=rss?", "%75tm_id=;", "pk_kwd=a?"]),
    st.sampled_from(["&reg=3", "&utm_source=x", ";utm_source=x", "&lang=1", ""]),
)
def test_two_release_numbers_are_never_merged(one: int, two: int, before: str, rest: str) -> None:
    base = f"https://www.pib.gov.in/PressReleasePage.aspx?{before}PRID="
    same = canonical_url(f"{base}{one}{rest}") == canonical_url(f"{base}{two}{rest}")
    assert same == (one == two)


def test_a_key_is_128_bits_in_hex() -> None:
    assert len(url_key("https://example.in/")) == 32
    assert url_key("a") != url_key("b")


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("India’s  S-400 “deal”", "indias s 400 deal"),
        ("भारत-रूस संबंध", "भारत रूस संबंध"),
        ("Путин: «Да»", "путин да"),
        ("ﬁve ５ Ⅳ", "five 5 iv"),
        ("!!!", ""),
    ],
)
def test_title_key_is_the_words_alone(title: str, key: str) -> None:
    assert title_key(title) == key
