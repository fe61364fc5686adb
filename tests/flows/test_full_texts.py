"""Full texts in the watch: fetched after the poll and before anything is read, told by the run and on its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from alerts.render import render_artifact
from flows.ingest_feeds import describe, poll
from flows.watch import Watch
from store.db import Store
from store.models import Article
from store.settings import Settings
from tests.ingest.helpers import NOW
from tests.ingest.server import Answer, FeedServer
from tests.ingest.webpages import LEAD, TITLE, page

ROSTER = """feeds:
- {{key: a, outlet: A, bloc: india, kind: newspaper, lang: en, url: "{base}/rss", timezone: UTC, enabled: true,
   status: ok, full_text: true}}
"""
FEED = (
    "<rss version='2.0'><channel><item><title>{}</title><link>{}/a</link><description>{}</description></item>"
    "</channel></rss>"
)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A feed with one article, and its page."""
    server = FeedServer()
    server.set("/rss", Answer(FEED.format(TITLE, server.base, LEAD).encode()))
    server.set("/a", Answer(page(), headers={"Content-Type": "text/html"}))
    yield server
    server.close()


@pytest.mark.parametrize("on", [True, False])
async def test_a_watch_reads_the_text_of_the_page_where_it_is_switched_on(
    on: bool, server: FeedServer, store: Store, settings: Settings
) -> None:
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    roster = settings.var_dir / "feeds.yaml"
    roster.write_text(ROSTER.format(base=server.base))
    settings = settings.model_copy(update={"roster": roster, "allow_private_addresses": True, "full_text": on})
    report = await poll(Watch(settings, store), NOW)
    told = describe(report)
    shown = render_artifact(settings, "polled", mark="", report=report, now=NOW)
    with store.session() as session:
        text = session.scalars(select(Article.text)).one()
    assert ("freight wagons" in text) is on
    assert told == "1 of 1 feeds answered, 1 new articles" + (", 1 full texts of 1 pages" if on else "")
    assert ("## Full texts" in shown) is on
    assert ("/a" in {asked.path for asked in server.asked}) is on
