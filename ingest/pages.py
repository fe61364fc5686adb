"""Full texts: the pages of new articles are fetched, once each, where feed and setting ask for it.

Articles have passed the topic gate by then, and have not been read: a text never changes under a reading. What a page
does, it does to itself: the article stays as the feed gave it, and `article_page` says why.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, field, replace

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from ingest.clean import TEXT_LIMIT
from ingest.fetch import MAX_REDIRECTS, Fetched, Fetcher, Redirected, bad_target, open_fetcher
from ingest.hosts import Hosts, host_of
from ingest.page import (
    TRIES_A_RUN,
    PageOutcome,
    Told,
    at_once,
    compare,
    is_html,
    next_try,
    no_page,
    page_want,
)
from ingest.pageworker import PageReader, require_extra
from ingest.robots import RulesKind, origin_of, product_token
from ingest.roster import IMPORT_KIND
from ingest.sharedhosts import open_hosts
from ingest.sites import Sites
from store.db import Store
from store.errors import ConfigError
from store.models import Article, ArticlePage, Feed, Reading
from store.progress import Progress, silent
from store.settings import Settings
from store.transact import in_transaction

LATEST = 20_000
"""Articles, the newest, among which those without a page are looked for: weeks of them, and no search through years."""
SIGHT = dt.timedelta(days=2)
"""How long after its first sight the page of an unread article is still of use."""
_log = logging.getLogger("ricwatch.ingest")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An article whose page is to be fetched."""

    article: int
    outlet: str
    title: str
    text: str
    url: str
    tries: int = 0


@dataclass(frozen=True, slots=True)
class PageRow:
    """What came of one page; `chars` is the length of the text that was found there."""

    article: int
    outlet: str
    title: str
    outcome: PageOutcome
    detail: str
    chars: int


@dataclass(frozen=True, slots=True)
class TextReport:
    """The pages of a run. `left` counts those whose turn did not come, `problem` says why none was asked for."""

    rows: tuple[PageRow, ...] = ()
    left: int = 0
    problem: str = ""

    @property
    def replaced(self) -> int:
        """Articles that have the page's text now."""
        return sum(row.outcome is PageOutcome.REPLACED for row in self.rows)

    @property
    def counts(self) -> list[tuple[PageOutcome, int]]:
        """How often each outcome, the most frequent first."""
        return Counter(row.outcome for row in self.rows).most_common()

    @property
    def summary(self) -> str:
        """A few words; empty where no page was wanted."""
        if self.problem:
            return "no full texts"
        asked = len(self.rows) + self.left
        return f"{self.replaced} full texts of {asked} pages" if asked else ""


async def fetch_texts(
    store: Store,
    settings: Settings,
    *,
    now: dt.datetime,
    hosts: Hosts | None = None,
    progress: Progress = silent,
    fetcher: Fetcher | None = None,
    reader: PageReader | None = None,
) -> TextReport:
    """Fetch the pages of the articles that were stored and not read, and keep the texts that are more than their leads.

    No request is made unless `settings.full_text` is on and a feed asks for it; a replay never asks. A page never
    raises, and never touches an article but to give it a longer text. *hosts* are those of the poll before, so that
    both together keep their distance at a host; *fetcher* and *reader* replace those made from *settings*.
    """
    if not settings.full_text or settings.replay:
        return TextReport()
    wanted = await asyncio.to_thread(_wanted, store, now, settings.full_text_per_run)
    if not wanted:
        return TextReport()
    try:
        require_extra()
    except ConfigError as error:
        return TextReport(problem=str(error))
    token = product_token(settings.user_agent)
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(open_fetcher(settings) if fetcher is None else nullcontext(fetcher))
        pages = await opened.enter_async_context(PageReader(token) if reader is None else nullcontext(reader))
        shared = hosts
        if shared is None:
            shared = await opened.enter_async_context(open_hosts(store, settings))
        sites = Sites(store, client, shared, token, now)
        await asyncio.to_thread(sites.load)
        run = _Run(store, settings, client, pages, shared, sites, now)
        rows = await run.all(wanted, progress)
    done = tuple(row for row in rows if row is not None)
    return TextReport(done, left=len(rows) - len(done))


def _wanted(store: Store, now: dt.datetime, limit: int) -> list[Wanted]:
    """The articles whose page is due, the newest first."""
    with store.session() as session:
        if session.scalar(select(Feed.key).where(Feed.full_text).limit(1)) is None:
            return []
        newest = session.scalar(select(func.max(Article.id))) or 0
        read = select(Reading.id).where(Reading.article_id == Article.id).exists()
        rows = session.execute(
            select(Article, ArticlePage.tries)
            .join(Feed, Feed.key == Article.feed_key)
            .outerjoin(ArticlePage, ArticlePage.article_id == Article.id)
            .where(
                Article.id > newest - LATEST,
                Feed.full_text,
                Feed.kind != IMPORT_KIND,
                Article.url != "",
                Article.first_seen_at > now - SIGHT,
                or_(ArticlePage.article_id.is_(None), ArticlePage.next_try_at <= now),
                ~read,
            )
            .order_by(Article.id.desc())
            .limit(limit)
        ).all()
    return [
        Wanted(article.id, article.outlet, article.title, article.text, article.url, tries or 0)
        for article, tries in rows
        if not _full(article.text)
    ]


def _full(text: str) -> bool:
    """Whether the feed gave as much as is kept: a page cannot add to it."""
    return len(text) > TEXT_LIMIT // 2 and text.endswith("…")


class _NotNow(Exception):
    """The site asks to be left alone."""


@dataclass(slots=True)
class _Run:
    """What all pages of a run share."""

    store: Store
    settings: Settings
    fetcher: Fetcher
    reader: PageReader
    hosts: Hosts
    sites: Sites
    now: dt.datetime
    _writer: asyncio.Lock = field(default_factory=asyncio.Lock)
    _slots: asyncio.Semaphore = field(init=False)

    async def all(self, wanted: Sequence[Wanted], progress: Progress) -> list[PageRow | None]:
        """A row for each of *wanted*; None for one whose turn did not come."""
        self._slots = asyncio.Semaphore(self.settings.poll_concurrency)
        deadline = asyncio.get_running_loop().time() + self.settings.full_text_seconds
        done = 0

        async def one(page: Wanted) -> PageRow | None:
            nonlocal done
            row = await self._page(page, deadline)
            done += 1
            progress(done, len(wanted), page.outlet)
            return row

        return list(await asyncio.gather(*(one(page) for page in wanted)))

    async def _page(self, page: Wanted, deadline: float) -> PageRow | None:
        tries = page.tries
        try:
            async with asyncio.timeout_at(deadline):
                for _ in range(TRIES_A_RUN):
                    tries += 1
                    told = await self._once(page)
                    if not at_once(told):
                        break
        except (TimeoutError, _NotNow):
            return None
        except Exception as error:  # one page must never lose the others
            _log.exception("the page %s failed", page.url)
            told = Told(PageOutcome.FAILED, f"{type(error).__name__}: {error}"[:300], url=page.url)
        try:
            async with self._writer:
                return await asyncio.to_thread(self._keep, page, told, tries)
        except Exception:
            _log.exception("what came of the page %s could not be stored", page.url)
            return None

    async def _once(self, page: Wanted) -> Told:
        url = page.url
        for _ in range(MAX_REDIRECTS + 1):
            if refused := bad_target(url):
                return no_page(refused, url[:2_048], self.now)
            origin = origin_of(url)
            if self.sites.resting(origin):
                raise _NotNow
            rules = await self.sites.rules(origin)
            # Each hop is asked about: a permitted address may lead to one that is not.
            if not rules.allow(url):
                down = rules.kind is RulesKind.UNREACHABLE
                outcome = PageOutcome.ROBOTS_UNREACHABLE if down else PageOutcome.ROBOTS
                return Told(outcome, rules.detail or "robots.txt does not allow it", url=url, again=down)
            told = await self._hop(page, url, origin, rules.delay)
            if isinstance(told, Told):
                return told
            url = told.url
        return Told(PageOutcome.REFUSED, f"more than {MAX_REDIRECTS} redirects, the last to {url[:200]}", url=page.url)

    async def _hop(self, page: Wanted, url: str, origin: str, delay: float) -> Told | Redirected:
        async with AsyncExitStack() as until_read:
            async with self.hosts.turn(host_of(url), delay) as turn:
                # Held until the page is taken apart, for that bounds how many lie in memory. Who holds a slot never
                # waits for a host, or redirects in a ring could leave everyone waiting.
                await until_read.enter_async_context(self._slots)
                if self.sites.resting(origin):
                    raise _NotNow
                await turn.begin()
                answer = await self.fetcher.hop(url, page_want(self.settings.page_max_bytes))
            if isinstance(answer, Redirected):
                return answer
            if not isinstance(answer, Fetched):
                told = no_page(answer, url, self.now)
                if told.outcome is PageOutcome.TOO_OFTEN:
                    await asyncio.to_thread(self.sites.rest, origin, told.wait)
                return told
            if not is_html(answer.headers, answer.body):
                kind = answer.headers.get("content-type", "")[:100]
                return Told(PageOutcome.NOT_HTML, f"no web page but {kind or 'something else'}", 200, url)
            found = await self.reader.read(answer.body, answer.headers)
        if found.refused is not None:
            return Told(found.refused, found.detail, 200, url)
        return compare(page.title, page.text, found.text, url)

    def _keep(self, page: Wanted, told: Told, tries: int) -> PageRow:
        return in_transaction(
            self.store,
            lambda session: _record(session, page, told, tries, self.now),
            undo=lambda: None,
            what=f"page of article {page.article}",
        )


def _record(session: Session, page: Wanted, told: Told, tries: int, now: dt.datetime) -> PageRow:
    """Put what came of *page* on record, and its text into the article if that is still as it was and unread."""
    if told.outcome is PageOutcome.REPLACED:
        read = select(Reading.id).where(Reading.article_id == page.article).exists()
        changed = session.execute(
            update(Article)
            .where(Article.id == page.article, Article.text == page.text, ~read)
            .values(text=told.text)
            .returning(Article.id)
        ).all()
        if not changed:
            told = replace(told, outcome=PageOutcome.READ_BEFORE, detail="another run read or changed it meanwhile")
    row = session.get(ArticlePage, page.article) or ArticlePage(article_id=page.article)
    row.outcome, row.detail, row.http_status = str(told.outcome), told.detail[:300].replace("\0", ""), told.status
    row.url, row.chars, row.tries = told.url[:2_048], len(told.text), tries
    row.asked_at, row.next_try_at = now, next_try(told, tries, now)
    session.add(row)
    return PageRow(page.article, page.outlet, page.title, told.outcome, row.detail, row.chars)
