"""Where an item is: asked for by address, number or title, what became of it, and why.

Articles are kept for good. What was left out is remembered by hashes while its feed shows it (`ingest.articles`), so it
is found by its whole title or its address, not by a part. An item that left no trace at all may still be explained by
the polls of its host: a response that was not read, or items beyond the cap.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ingest.articles import LeftOut, title_hash
from ingest.clean import canonical_url, title_key, url_key, web_address
from ingest.hosts import host_of
from ingest.roster import IMPORT_KIND
from store.models import Article, ArticlePage, Feed, Poll, Reading, ReadingDyad, SeenItem, Story, StoryMerge

MOST = 10
"""Articles, and items left out, that are told of one question."""
SUSPECT_DAYS = 14
_LEAST_PART = 8


@dataclass(frozen=True, slots=True)
class PollTrace:
    """The poll that brought an item, or that may have lost it."""

    number: int
    at: dt.datetime
    outcome: str
    http_status: int | None
    reason: str
    seen: int
    bad: int
    left: int


@dataclass(frozen=True, slots=True)
class ReadingTrace:
    """What one model version read in the article: `dyads` with the likeliest stance and its probability."""

    model: str
    at: dt.datetime
    relevant: bool
    p_relevant: float
    theme: str
    dyads: tuple[tuple[str, int, float], ...]
    evidence: str


@dataclass(frozen=True, slots=True)
class MergeTrace:
    """A story that became a part of an article's, and the article that showed it."""

    gone: int
    gone_title: str
    article: int
    article_title: str
    likeness: float
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class PageTrace:
    """What came of fetching the article's page; `next_try_at` is None where that is settled."""

    outcome: str
    detail: str
    url: str
    chars: int
    tries: int
    at: dt.datetime
    next_try_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class ArticleTrace:
    """A stored article: whence, when, in which story, and its readings, the latest first."""

    id: int
    title: str
    url: str
    outlet: str
    feed: str
    imported: bool
    first_seen_at: dt.datetime
    day: dt.date
    published_raw: str
    date_quality: str
    poll: PollTrace | None
    story: int | None
    story_title: str
    story_articles: int
    story_outlets: int
    merges: tuple[MergeTrace, ...]
    readings: tuple[ReadingTrace, ...]
    also: tuple[LeftOutTrace, ...]
    """Other feeds that carried it later."""
    page: PageTrace | None = None


@dataclass(frozen=True, slots=True)
class LeftOutTrace:
    """An item that is no article of its feed, and why. `last_seen` is None for what was imported."""

    feed: str
    outlet: str
    reason: LeftOut
    day: dt.date
    last_seen: dt.date | None
    poll: PollTrace | None


@dataclass(frozen=True, slots=True)
class SuspectTrace:
    """A poll of a feed of the item's host that did not look at everything."""

    feed: str
    poll: PollTrace


@dataclass(frozen=True, slots=True)
class Trace:
    """All that is known. `suspects` are looked for only where nothing else is, and need an address."""

    articles: tuple[ArticleTrace, ...]
    left_out: tuple[LeftOutTrace, ...]
    suspects: tuple[SuspectTrace, ...] = ()


def trace(session: Session, what: str, *, now: dt.datetime) -> Trace:
    """What became of the item that *what* names: an address, the number of an article, or a title.

    A title is looked for as a whole, and in articles also as a part of eight letters or more.
    """
    asked = what.strip()
    if asked.isdecimal():
        return Trace(_articles(session, Article.id == int(asked)) if len(asked) < 19 else (), ())
    canonical = canonical_url(asked)
    if canonical is None:
        return _by_title(session, asked)
    key = url_key(canonical)
    articles = _articles(session, Article.url_key == key)
    if articles:
        return Trace(articles, ())
    left_out = _left_out(session, SeenItem.item_hash == key)
    return Trace((), left_out, () if left_out else _suspects(session, host_of(web_address(asked) or ""), now))


def _by_title(session: Session, title: str) -> Trace:
    key = title_key(title)
    if not key:
        return Trace((), ())
    articles = _articles(session, Article.title_key == key)
    if not articles and len(key) >= _LEAST_PART:
        articles = _articles(session, Article.title_key.contains(key, autoescape=True))
    return Trace(articles, _left_out(session, SeenItem.title_hash == title_hash(title)))


def _articles(session: Session, condition: ColumnElement[bool]) -> tuple[ArticleTrace, ...]:
    rows = session.execute(
        select(Article, Feed, Story, Poll)
        .join(Feed, Feed.key == Article.feed_key)
        .outerjoin(Story, Story.id == Article.story_id)
        .outerjoin(Poll, Poll.id == Article.poll_id)
        .where(condition)
        .order_by(Article.id.desc())
        .limit(MOST)
    ).all()
    return tuple(
        ArticleTrace(
            id=article.id,
            title=article.title,
            url=article.url,
            outlet=article.outlet,
            feed=feed.key,
            imported=feed.kind == IMPORT_KIND,
            first_seen_at=article.first_seen_at,
            day=article.day,
            published_raw=article.published_raw,
            date_quality=article.date_quality,
            poll=_poll(poll),
            story=story.id if story else None,
            story_title=story.title if story else "",
            story_articles=story.articles if story else 0,
            story_outlets=story.outlets if story else 0,
            merges=_merges(session, story.id) if story else (),
            readings=_readings(session, article.id),
            also=_left_out(session, SeenItem.item_hash == article.url_key),
            page=_page(session.get(ArticlePage, article.id)),
        )
        for article, feed, story, poll in rows
    )


def _merges(session: Session, story: int) -> tuple[MergeTrace, ...]:
    """Those by which *story* grew, and those by which the stories grew that it took in."""
    found: list[MergeTrace] = []
    asked = [story]
    while asked:
        rows = session.execute(
            select(StoryMerge, Article.title)
            .join(Article, Article.id == StoryMerge.article_id)
            .where(StoryMerge.kept_id == asked.pop())
            .order_by(StoryMerge.id)
        ).all()
        for row, title in rows:
            found.append(MergeTrace(row.gone_id, row.gone_title, row.article_id, title, row.likeness, row.merged_at))
            asked.append(row.gone_id)
    return tuple(found)


def _readings(session: Session, article: int) -> tuple[ReadingTrace, ...]:
    readings = session.scalars(select(Reading).where(Reading.article_id == article).order_by(Reading.id.desc())).all()
    dyads: dict[int, list[tuple[str, int, float]]] = {reading.id: [] for reading in readings}
    for row in session.scalars(select(ReadingDyad).where(ReadingDyad.reading_id.in_(dyads)).order_by(ReadingDyad.dyad)):
        p = {-1: row.p_minus, 0: row.p_zero, 1: row.p_plus}[row.stance]
        dyads[row.reading_id].append((row.dyad, row.stance, p))
    return tuple(
        ReadingTrace(
            model=reading.model,
            at=reading.read_at,
            relevant=reading.relevant,
            p_relevant=reading.p_relevant,
            theme=str(reading.themes[0].get("code", "")) if reading.themes else "",
            dyads=tuple(dyads[reading.id]),
            evidence=reading.evidence or "",
        )
        for reading in readings
    )


def _left_out(session: Session, condition: ColumnElement[bool]) -> tuple[LeftOutTrace, ...]:
    rows = session.execute(
        select(SeenItem, Feed, Poll)
        .join(Feed, Feed.key == SeenItem.feed_key)
        .outerjoin(Poll, Poll.id == SeenItem.poll_id)
        .where(condition)
        .order_by(SeenItem.day.desc(), SeenItem.feed_key)
        .limit(MOST)
    ).all()
    return tuple(
        LeftOutTrace(feed.key, feed.outlet, LeftOut(item.reason), item.day, item.last_seen, _poll(poll))
        for item, feed, poll in rows
    )


def _suspects(session: Session, host: str, now: dt.datetime) -> tuple[SuspectTrace, ...]:
    """The latest poll of each feed of *host* that could have lost an item in the last fortnight."""
    feeds = _feeds_of(session.execute(select(Feed.key, Feed.url).where(Feed.kind != IMPORT_KIND)).tuples().all(), host)
    latest = (
        select(func.max(Poll.id))
        .where(
            Poll.feed_key.in_(feeds),
            Poll.started_at > now - dt.timedelta(days=SUSPECT_DAYS),
            (Poll.left > 0) | (Poll.bad > 0) | Poll.outcome.in_(("failed", "refused", "gone")),
        )
        .group_by(Poll.feed_key)
    )
    rows = session.scalars(select(Poll).where(Poll.id.in_(latest)).order_by(Poll.feed_key).limit(MOST))
    return tuple(SuspectTrace(poll.feed_key, told) for poll in rows if (told := _poll(poll)))


def _feeds_of(feeds: Sequence[tuple[str, str]], host: str) -> list[str]:
    """Those on *host*, or on a host of the same site: feeds. and www. are said of one."""
    site = ".".join(host.split(".")[-3:]).removeprefix("www.")
    return [key for key, url in feeds if site and (own := host_of(url)) and (own == site or own.endswith(f".{site}"))]


def _page(page: ArticlePage | None) -> PageTrace | None:
    if page is None:
        return None
    return PageTrace(page.outcome, page.detail, page.url, page.chars, page.tries, page.asked_at, page.next_try_at)


def _poll(poll: Poll | None) -> PollTrace | None:
    if poll is None:
        return None
    return PollTrace(
        poll.id, poll.started_at, poll.outcome, poll.http_status, poll.reason, poll.seen, poll.bad, poll.left
    )
