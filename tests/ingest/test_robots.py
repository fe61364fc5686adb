"""robots.txt, rule by rule of RFC 9309; and a file that means ill."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from ingest.fetch import Failed, FailedReason, Fetched, Gone, NotModified, Outcome, Refused, RefusedReason
from ingest.robots import LONGEST_DELAY, Rules, RulesKind, origin_of, product_token, read_rules
from store.settings import Settings

SITE = "https://example.in"


def fetched(text: str | bytes) -> Fetched:
    body = text if isinstance(text, bytes) else text.encode()
    return Fetched(200, f"{SITE}/robots.txt", {}, body, "")


def rules(text: str | bytes) -> Rules:
    return read_rules(fetched(text), "ricwatch")


# ruff: noqa: E501 (a rule, a file and its answer stay on one line)
ALLOWED, REFUSED = True, False
TABLE = [
    ("2.2.1 a group of our own name is the only one that counts", "User-agent: *\nDisallow: /\n\nUser-agent: ricwatch\nAllow: /", "/a", ALLOWED),
    ("2.2.1 without one the group for all counts", "User-agent: other\nAllow: /\n\nUser-agent: *\nDisallow: /a", "/a", REFUSED),
    ("2.2.1 without either all is allowed", "User-agent: other\nDisallow: /", "/a", ALLOWED),
    ("2.2.1 the name is known in any case", "USER-AGENT: RicWatch\nDISALLOW: /a", "/a", REFUSED),
    ("2.2.1 two groups of one name are one", "User-agent: ricwatch\nDisallow: /a\n\nUser-agent: ricwatch\nDisallow: /b", "/a", REFUSED),
    ("2.2.1 a name that only begins as ours is another's", "User-agent: ric\nDisallow: /", "/a", ALLOWED),
    ("2.2.1 a name that ours begins is another's", "User-agent: ricwatcher\nDisallow: /", "/a", ALLOWED),
    ("2.2.1 a version after the name is overlooked", "User-agent: ricwatch/0.1\nDisallow: /", "/a", REFUSED),
    ("2.2.1 several names may share a group", "User-agent: other\nUser-agent: ricwatch\nDisallow: /a", "/a", REFUSED),
    ("2.2.1 the group after ours is not ours", "User-agent: ricwatch\nDisallow: /b\nUser-agent: other\nDisallow: /", "/a", ALLOWED),
    ("2.2.2 rules before any name speak to nobody", "Disallow: /\nUser-agent: other\nDisallow: /x", "/a", ALLOWED),
    ("2.2.2 the longest match decides, disallow", "User-agent: *\nAllow: /a\nDisallow: /a/b", "/a/b/c", REFUSED),
    ("2.2.2 the longest match decides, allow", "User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", ALLOWED),
    ("2.2.2 of two as long, allow", "User-agent: *\nDisallow: /a\nAllow: /a", "/a", ALLOWED),
    ("2.2.2 an empty disallow forbids nothing", "User-agent: *\nDisallow:", "/a", ALLOWED),
    ("2.2.2 paths are told apart by case", "User-agent: *\nDisallow: /A", "/a", ALLOWED),
    ("2.2.2 what is percent-encoded is the same as what is not", "User-agent: *\nDisallow: /%D0%B0", "/а", REFUSED),
    ("2.2.2 the query belongs to the path", "User-agent: *\nDisallow: /a?print", "/a?print=1", REFUSED),
    ("2.2.3 a star stands for anything", "User-agent: *\nDisallow: /*/print", "/a/b/print/1", REFUSED),
    ("2.2.3 a dollar ends the path", "User-agent: *\nDisallow: /*.pdf$", "/a.pdf", REFUSED),
    ("2.2.3 a dollar ends the path, and no more", "User-agent: *\nDisallow: /*.pdf$", "/a.pdf?x", ALLOWED),
    ("2.2.3 a hash begins a remark", "User-agent: * # all\nDisallow: /a # this", "/a", REFUSED),
    ("2.2.4 a sitemap between two names ends no group", "User-agent: *\nSitemap: /s.xml\nUser-agent: other\nDisallow: /a", "/a", REFUSED),
    ("2.2.4 an unknown record between a name and its rule ends no group", "User-agent: *\nNoindex: /x\nDisallow: /a", "/a", REFUSED),
    ("2.3 the file itself may always be fetched", "User-agent: *\nDisallow: /", "/robots.txt", ALLOWED),
    ("lines may end as on any machine", "User-agent: *\r\nDisallow: /b\rDisallow: /a", "/a", REFUSED),
    ("a byte order mark is no part of the first name", b"\xef\xbb\xbfUser-agent: *\nDisallow: /a", "/a", REFUSED),
    ("bytes that are no UTF-8 do not hide the other lines", b"# \xff\xfe\nUser-agent: *\nDisallow: /a", "/a", REFUSED),
    ("NULs are nothing", b"User-agent: *\0\nDisallow: /a\0", "/a", REFUSED),
    ("a web page in its place forbids nothing", "<html><body>Not found. Allow: cookies</body></html>", "/a", ALLOWED),
    ("a name without its colon is known", "User-agent *\nDisallow /a", "/a", REFUSED),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text", "path", "allowed"), TABLE, ids=[row[0] for row in TABLE])
def test_rules_are_read_as_rfc_9309_says(rule: str, text: str | bytes, path: str, allowed: bool) -> None:
    assert rules(text).allow(SITE + path) is allowed, rule


ANSWERS: list[tuple[str, Outcome, RulesKind]] = [
    ("2.3.1.1 a file is obeyed", fetched("User-agent: *\nDisallow: /"), RulesKind.RULES),
    (
        "2.3.1.2 more than five redirects are no file",
        Refused(RefusedReason.TOO_MANY_REDIRECTS, "more than 5"),
        RulesKind.NONE,
    ),
    ("2.3.1.3 a 404 is no file", Failed(FailedReason.HTTP, "HTTP 404", 404), RulesKind.NONE),
    ("2.3.1.3 a 403 is no file", Failed(FailedReason.HTTP, "HTTP 403", 403), RulesKind.NONE),
    ("2.3.1.3 a 410 is no file", Gone(), RulesKind.NONE),
    ("an answer without content is no file", Failed(FailedReason.HTTP, "HTTP 204", 204), RulesKind.NONE),
    ("a 429 says not now", Failed(FailedReason.HTTP, "HTTP 429", 429), RulesKind.UNREACHABLE),
    ("2.3.1.4 a 500 forbids all", Failed(FailedReason.HTTP, "HTTP 500", 500), RulesKind.UNREACHABLE),
    ("2.3.1.4 a 503 forbids all", Failed(FailedReason.HTTP, "HTTP 503", 503), RulesKind.UNREACHABLE),
    ("2.3.1.4 no answer forbids all", Failed(FailedReason.TIMEOUT, "no answer"), RulesKind.UNREACHABLE),
    ("2.3.1.4 half an answer forbids all", Failed(FailedReason.BROKEN, "damaged", 200), RulesKind.UNREACHABLE),
    ("a redirect into the house forbids all", Refused(RefusedReason.ADDRESS, "127.0.0.1"), RulesKind.UNREACHABLE),
    ("a 304 that nobody asked for forbids all", NotModified(), RulesKind.UNREACHABLE),
]


@pytest.mark.parametrize(("rule", "outcome", "kind"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_an_answer_in_place_of_the_file_means_what_rfc_9309_says(rule: str, outcome: Outcome, kind: RulesKind) -> None:
    found = read_rules(outcome, "ricwatch")
    assert found.kind is kind, rule
    assert found.allow(f"{SITE}/a") is (kind is RulesKind.NONE)
    assert (found.detail == "") is (kind is RulesKind.RULES), "what is no file is told in words"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("User-agent: *\nCrawl-delay: 7", 7.0),
        ("User-agent: *\nCrawl-delay: 2.5", 2.5),
        ("User-agent: *\nCrawl-delay: 86400", LONGEST_DELAY),
        ("User-agent: *\nCrawl-delay: -1", 0.0),
        ("User-agent: *\nCrawl-delay: nan", 0.0),
        ("User-agent: *\nCrawl-delay: soon", 0.0),
        ("User-agent: other\nCrawl-delay: 7", 0.0),
        ("User-agent: ricwatch\nCrawl-delay: 3\n\nUser-agent: *\nCrawl-delay: 9", 3.0),
    ],
)
def test_a_crawl_delay_is_kept_up_to_half_a_minute(text: str, seconds: float) -> None:
    assert rules(text).delay == seconds


def test_a_file_that_names_thousands_of_crawlers_above_thousands_of_rules_costs_little() -> None:
    names = "".join(f"User-agent: a{n}\n" for n in range(13_000))
    lines = "".join(f"Disallow: /*{n}*b\n" for n in range(13_000))
    text = f"{names}User-agent: *\n{lines}"
    assert len(text) < 500 * 1024
    tracemalloc.start()
    began = time.process_time()
    found = rules(text)
    assert found.allow(f"{SITE}/nothing")
    assert not found.allow(f"{SITE}/12999b")
    seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6, "each rule is kept once, not once for each name"
    assert seconds < 20, f"{seconds:.1f} s of processor, under the tracer"


def test_only_what_concerns_us_is_kept() -> None:
    found = rules("Sitemap: /s.xml\nUser-agent: other\nDisallow: /x\n\nUser-agent: *\nDisallow: /a\n")
    assert found.text == "user-agent: *\nDisallow: /a"


@pytest.mark.parametrize(
    ("user_agent", "token"),
    [
        (Settings.model_fields["user_agent"].default, "ricwatch"),
        ("desk-watch/2 (+mailto:desk@example.org)", "desk-watch"),
        ("Mozilla/5.0 (compatible; DeskWatch/2.0; +https://example.org)", "DeskWatch"),
        ("(nothing)", "nothing"),
        ("", "ricwatch"),
    ],
)
def test_the_name_looked_for_is_that_of_the_user_agent(user_agent: str, token: str) -> None:
    assert product_token(user_agent) == token


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://Example.in:80/a", "http://example.in"),
        ("https://example.in:8443/a", "https://example.in:8443"),
        ("http://user:pass@example.in/", "http://example.in"),
        ("https://[2001:db8::1]:443/a", "https://[2001:db8::1]"),
    ],
)
def test_a_file_speaks_for_one_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin
