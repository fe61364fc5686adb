"""Numbers and days as people write them; outside text made safe to show."""

from __future__ import annotations

import datetime as dt
import doctest
from types import ModuleType

import pytest

from alerts import addresses, notify, render, transport, view, words
from alerts.words import lang_tag, plain, safe_url, span_words


@pytest.mark.parametrize("module", [addresses, notify, render, transport, view, words], ids=lambda m: m.__name__)
def test_examples_of_the_docstrings_run(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("http://example.org", "http://example.org/"),
        ("HTTPS://Example.ORG/Ä?q=ü#x", "https://example.org/%C3%84?q=%C3%BC#x"),
        ("https://пример.рф/", "https://xn--e1afmkfd.xn--p1ai/"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("https://[::1]/a", "https://[::1]/a"),
        ('https://example.org/"><script>', "https://example.org/%22%3E%3Cscript%3E"),
        ("https://example.org/a)b]c", "https://example.org/a%29b%5Dc"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,<script>", None),
        ("vbscript:x", None),
        ("ftp://example.org/", None),
        ("mailto:a@example.org", None),
        ("//example.org/a", None),
        ("/a", None),
        ("https://", None),
        ("https:example.org", None),
        ("https://good.example@evil.example/", None),
        ("https://good.example\\@evil.example/", None),
        ("https://exa mple.org/", None),
        ("https://example.org:99999/", None),
        ("https://[::1/", None),
        ("https://example.org/" + "a" * 2000, None),
        ("https://example.org/\r\nSubject: x", None),
        ("", None),
    ],
)
def test_only_http_addresses_become_links(url: str, expected: str | None) -> None:
    assert safe_url(url) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\r\ntwo\tthree", "one two three"),
        ("nul\x00bell\x07", "nul bell"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("क्\u200dष", "क्\u200dष"),
        ("a\u2028b", "a b"),
        ("lone \ud800 surrogate", "lone surrogate"),
    ],
)
def test_outside_text_is_one_harmless_line(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_long_text_is_cut_at_a_word_and_says_so() -> None:
    cut = plain("word " * 100, 42)
    assert len(cut) <= 42
    assert cut.endswith("word…")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-10-21", "2024-10-27", "21–27 October 2024"),
        ("2024-09-30", "2024-10-06", "30 September – 6 October 2024"),
        ("2024-12-30", "2025-01-05", "30 December 2024 – 5 January 2025"),
        ("2024-10-21", "2024-10-21", "21 October 2024"),
    ],
)
def test_a_range_of_days_says_each_part_once(start: str, end: str, expected: str) -> None:
    assert span_words(dt.date.fromisoformat(start), dt.date.fromisoformat(end)) == expected


@pytest.mark.parametrize("code", ["", "x", 'en" onload="a', "en>", "a" * 40])
def test_what_is_no_language_tag_becomes_none(code: str) -> None:
    assert lang_tag(code) == ""
