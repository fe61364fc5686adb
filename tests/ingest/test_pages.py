"""Full texts end to end: a real server, a real database, a real process that takes pages apart."""

from __future__ import annotations

import asyncio
import datetime as dt
import tracemalloc

import pytest
from sqlalchemy import select

from flows.trace_command import lines
from ingest.hosts import Hosts
from ingest.page import MOST_TRIES, PageOutcome
from ingest.pages import TextReport, fetch_texts
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from ingest.trace import trace
from store.db import Store
from store.models import Article, ArticlePage, Feed, Reading, SiteRules
from store.settings import Settings
from tests.ingest.helpers import NOW, about_two, feed
from tests.ingest.server import Answer, Asked, FeedServer, free_port, gzipped
from tests.ingest.webpages import LEAD, TITLE, page

HOUR = dt.timedelta(hours=1)
HTML = {"Content-Type": "text/html"}
PAGE = Answer(page(), headers=HTML)


@pytest.fixture
def texts(local: Settings) -> Settings:
    """Settings with full texts switched on."""
    return local.model_copy(update={"full_text": True, "user_agent": "deskwatch/2 (desk@example.org)"})


def items(*urls: str) -> bytes:
    rows = "".join(
        f"<item><title>{TITLE}</title><link>{url}</link><guid>{url}</guid><description>{LEAD}</description></item>"
        for url in urls
    )
    return f'<rss version="2.0"><channel><title>T</title>{rows}</channel></rss>'.encode()


async def stored(server: FeedServer, store: Store, settings: Settings, *urls: str, full_text: bool = True) -> None:
    """Articles at *urls*, as a poll stores them."""
    row = feed("a", url=server.set("/rss", Answer(items(*urls))), full_text=full_text)
    with store.session() as session:
        sync_roster(session, [row])
    report = await poll_feeds(store, settings, now=NOW, on_topic=about_two, force=True)
    assert report.new == len(urls)


def pages(store: Store) -> list[ArticlePage]:
    with store.session() as session:
        return list(session.scalars(select(ArticlePage).order_by(ArticlePage.article_id)))


def articles(store: Store) -> list[Article]:
    with store.session() as session:
        return list(session.scalars(select(Article).order_by(Article.id)))


def paths(server: FeedServer) -> list[str]:
    return [asked.path for asked in server.asked if asked.path != "/rss"]


async def one(store: Store, settings: Settings, now: dt.datetime = NOW) -> ArticlePage:
    await fetch_texts(store, settings, now=now)
    (row,) = pages(store)
    return row


async def test_an_article_gets_the_text_of_its_page_and_robots_txt_is_asked_first_by_our_name(
    server: FeedServer, any_store: Store, texts: Settings
) -> None:
    await stored(server, any_store, texts, server.set("/a", PAGE))
    row = await one(any_store, texts)
    assert (row.outcome, row.http_status, row.tries, row.next_try_at) == ("replaced", 200, 1, None)
    (article,) = articles(any_store)
    assert "freight wagons" in article.text
    assert len(article.text) == row.chars
    assert paths(server) == ["/robots.txt", "/a"]
    assert {asked.headers["user-agent"] for asked in server.asked} == {"deskwatch/2 (desk@example.org)"}
    assert (await fetch_texts(any_store, texts, now=NOW + HOUR)) == TextReport(), "and is not asked for again"
    with any_store.session() as session:
        found = trace(session, "1", now=NOW)
    assert any("took the place of the lead" in line for line in lines(found, "1"))


async def test_the_trace_says_why_the_lead_stands(server: FeedServer, store: Store, texts: Settings) -> None:
    await stored(server, store, texts, server.set("/a", Answer(status=503)))
    await one(store, texts)
    with store.session() as session:
        (line,) = [line for line in lines(trace(session, "1", now=NOW), "1") if "Page:" in line]
    assert "http_error: HTTP 503" in line
    assert "while it is not read" in line


@pytest.mark.parametrize("off", ["setting", "feed", "replay"])
async def test_off_no_request_is_made_at_all(off: str, server: FeedServer, store: Store, texts: Settings) -> None:
    assert Settings.model_fields["full_text"].default is False
    changes = {"setting": {"full_text": False}, "feed": {}, "replay": {"replay": True}}[off]
    await stored(server, store, texts, server.set("/a", PAGE), full_text=off != "feed")
    await fetch_texts(store, texts.model_copy(update=changes), now=NOW)
    assert paths(server) == []
    assert pages(store) == []


async def test_what_robots_txt_forbids_is_not_asked_for_and_the_file_is_kept_for_a_day(
    server: FeedServer, store: Store, texts: Settings
) -> None:
    server.set("/robots.txt", Answer(b"User-agent: deskwatch\nDisallow: /private"))
    await stored(server, store, texts, server.set("/private/a", PAGE), server.set("/a", PAGE))
    await fetch_texts(store, texts, now=NOW)
    assert sorted(row.outcome for row in pages(store)) == ["replaced", "robots"]
    assert sorted(paths(server)) == ["/a", "/robots.txt"]
    for later, asked in ((HOUR, 1), (25 * HOUR, 2)):
        with store.session() as session:
            session.query(ArticlePage).delete()
            session.query(Article).update({"first_seen_at": NOW + later})
        await fetch_texts(store, texts, now=NOW + later)
        assert paths(server).count("/robots.txt") == asked


async def test_a_site_whose_robots_txt_fails_is_not_asked_for_pages_and_tried_again(
    server: FeedServer, store: Store, texts: Settings
) -> None:
    server.set("/robots.txt", Answer(status=503))
    await stored(server, store, texts, server.set("/a", PAGE))
    row = await one(store, texts)
    assert row.outcome == "robots_unreachable"
    assert paths(server) == ["/robots.txt"]
    server.set("/robots.txt", Answer(status=404))
    assert (await one(store, texts, NOW + HOUR)).outcome == "replaced"


async def test_a_robots_txt_beyond_its_limit_is_obeyed_as_far_as_it_is_read(
    server: FeedServer, store: Store, texts: Settings
) -> None:
    rules = b"User-agent: *\nDisallow: /a\n" + b"# padding\n" * 60_000 + b"Allow: /a\n"
    server.set("/robots.txt", gzipped(rules))
    await stored(server, store, texts, server.set("/a", PAGE))
    assert (await one(store, texts)).outcome == "robots"


async def test_each_hop_is_asked_about_and_one_into_the_house_is_refused(
    server: FeedServer, store: Store, texts: Settings
) -> None:
    def onward(path: str, to: str) -> str:
        return server.set(path, Answer(status=302, headers={"Location": to}))

    server.set("/robots.txt", Answer(b"User-agent: *\nDisallow: /private"))
    server.set("/private", PAGE)
    server.set("/b", PAGE)
    await stored(
        server,
        store,
        texts,
        onward("/1", "/private"),
        onward("/2", "http://169.254.169.254/latest/meta-data"),
        onward("/3", "file:///etc/passwd"),
        onward("/4", "/4"),
        onward("/5", "/b"),
    )
    await fetch_texts(store, texts, now=NOW)
    found = [row.outcome for row in pages(store)]
    # The metadata address has no robots.txt that could be asked for: it is not even connected to.
    assert found == ["robots", "robots_unreachable", "refused", "refused", "replaced"]
    assert "/private" not in paths(server)
    with store.session() as session:
        told = session.get_one(SiteRules, "http://169.254.169.254")
    assert "not public" in told.detail
    assert pages(store)[3].detail.startswith("more than 5 redirects")


# ruff: noqa: E501 (a page and what may come of it stay on one line)
HOSTILE: dict[str, tuple[Answer, set[str]]] = {
    "a bomb": (gzipped(b"<p>" + b" " * 30_000_000), {"refused"}),
    "an endless body": (Answer(chunks=lambda: iter(lambda: b"<div>" * 5_000, None), headers=HTML), {"refused"}),
    "50,000 nested elements": (Answer(b"<html><body>" + b"<div>" * 50_000 + b"x", headers=HTML), {"no_text", "failed", "other_text"}),
    "200,000 attributes": (Answer(b"<html><p " + b"a=1 " * 200_000 + b">x", headers=HTML), {"no_text", "failed", "other_text"}),
    "an unclosed remark": (Answer(b"<html><!--" + b"<!--" * 100_000, headers=HTML), {"no_text", "failed"}),
    "NULs": (Answer(b"\0" * 10_000, headers=HTML), {"no_text", "failed"}),
    "noise": (Answer(bytes(range(256)) * 400, headers=HTML), {"no_text", "failed", "other_text"}),
    "an empty body": (Answer(b"", headers=HTML), {"no_text", "failed"}),
    "a PDF": (Answer(b"%PDF-1.7", headers={"Content-Type": "application/pdf"}), {"not_html"}),
    "half a gzip": (Answer(gzipped(page()).body[:90], headers={**HTML, "Content-Encoding": "gzip"}), {"unreachable"}),
    "a closed connection": (Answer(b"<html>", headers=HTML, length=900), {"unreachable"}),
    "another article": (
        Answer(page("<p>Cricket was played in Perth all day, and rain came late.</p>" * 9, title="Cricket"), headers=HTML),
        {"other_text"},
    ),
    "a teaser shorter than the lead": (Answer(b"<html><body><p>India.</p></body></html>", headers=HTML), {"no_text", "other_text", "not_longer"}),
    "no entry": (Answer(status=403), {"blocked"}),
    "not there": (Answer(status=404), {"gone"}),
    "an external entity": (
        Answer(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><html><body><p>&e;</p></body></html>', headers=HTML),
        {"no_text", "other_text", "failed"},
    ),
}  # fmt: skip


async def test_no_page_loses_an_article_or_keeps_another_from_its_text(
    server: FeedServer, store: Store, texts: Settings
) -> None:
    urls = [server.set(f"/{number}", answer) for number, (answer, _) in enumerate(HOSTILE.values())]
    urls += [f"http://127.0.0.1:{free_port()}/down", server.set("/good", PAGE)]
    await stored(server, store, texts, *urls)
    before = [(article.id, article.title, article.url) for article in articles(store)]
    tracemalloc.start()
    report = await fetch_texts(store, texts, now=NOW)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(article.id, article.title, article.url) for article in articles(store)] == before
    assert [article.text for article in articles(store)[:-1]] == [LEAD] * (len(urls) - 1)
    found = [row.outcome for row in pages(store)]
    for (what, (_, expected)), outcome in zip(HOSTILE.items(), found, strict=False):
        assert outcome in expected, what
    assert found[-2:] == ["robots_unreachable", "replaced"]
    assert (len(report.rows), report.left, report.replaced) == (len(urls), 0, 1)
    assert peak < 40e6


async def test_what_failed_is_tried_twice_in_a_run_and_four_times_in_all_while_the_article_is_unread(
    server: FeedServer, store: Store, texts: Settings
) -> None:
    await stored(server, store, texts, server.set("/a", Answer(status=502)))
    row = await one(store, texts)
    assert (row.outcome, row.tries) == ("http_error", 2)
    await one(store, texts, NOW + dt.timedelta(minutes=5))
    assert paths(server).count("/a") == 2, "not before its time"
    row = await one(store, texts, NOW + 3 * HOUR)
    assert (row.tries, row.next_try_at) == (MOST_TRIES, None)
    await one(store, texts, NOW + 9 * HOUR)
    assert paths(server).count("/a") == MOST_TRIES


async def test_a_site_that_is_asked_too_often_is_left_alone_with_all_its_pages_and_feeds(
    server: FeedServer, store: Store, texts: Settings
) -> None:
    busy = Answer(status=429, headers={"Retry-After": "7200"})
    settings = texts.model_copy(update={"poll_concurrency": 1})
    await stored(server, store, settings, server.set("/a", busy), server.set("/b", PAGE))
    server.set("/b", busy)
    report = await fetch_texts(store, settings, now=NOW)
    assert ([row.outcome for row in report.rows], report.left) == ([PageOutcome.TOO_OFTEN], 1)
    with store.session() as session:
        next_poll = session.get_one(Feed, "a").next_poll_at
        assert next_poll is not None
        assert next_poll >= NOW + 2 * HOUR
    asked = len(server.asked)
    assert (await fetch_texts(store, settings, now=NOW + HOUR)).left == 1
    assert len(server.asked) == asked, "nor by the next run"


async def test_a_text_never_changes_under_a_reading(server: FeedServer, store: Store, texts: Settings) -> None:
    def read(article: int) -> None:
        with store.session() as session:
            session.add(
                Reading(
                    article_id=article, model="m", relevant=False, p_relevant=0.1, themes=[], evidence="", read_at=NOW
                )
            )

    def late(_asked: Asked) -> Answer:
        read(1)
        return PAGE

    await stored(server, store, texts, server.set("/a", late), server.set("/b", PAGE))
    read(2)
    row = await one(store, texts)
    assert (row.article_id, row.outcome) == (1, "read_before"), "one was read meanwhile, the other before"
    assert [article.text for article in articles(store)] == [LEAD, LEAD]
    assert "/b" not in paths(server)


async def test_a_crawl_delay_is_kept_between_the_pages_of_a_site(
    server: FeedServer, store: Store, texts: Settings
) -> None:
    server.set("/robots.txt", Answer(b"User-agent: *\nCrawl-delay: 7"))
    await stored(server, store, texts, *(server.set(f"/{n}", PAGE) for n in range(3)))
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    await fetch_texts(store, texts, now=NOW, hosts=Hosts(0.0, clock=lambda: 0.0, sleep=sleep))
    assert waits == [7.0, 14.0]


async def test_pages_whose_turn_does_not_come_in_time_are_left_for_the_next_run(
    server: FeedServer, store: Store, texts: Settings
) -> None:
    await stored(server, store, texts, server.set("/a", PAGE))

    async def never(_seconds: float) -> None:
        await asyncio.Event().wait()

    hosts = Hosts(0.0, clock=lambda: 0.0, sleep=never)
    async with hosts.turn("127.0.0.1", 9.0):
        pass
    report = await fetch_texts(store, texts.model_copy(update={"full_text_seconds": 0.2}), now=NOW, hosts=hosts)
    assert (report.rows, report.left) == ((), 1)
    assert (await one(store, texts)).outcome == "replaced"
