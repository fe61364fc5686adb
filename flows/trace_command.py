"""The command `trace`: what became of an item, in plain words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from flows.exits import EXIT_FAILED

if TYPE_CHECKING:
    from ingest.trace import ArticleTrace, LeftOutTrace, PageTrace, PollTrace, ReadingTrace, SuspectTrace, Trace

_STANCES = {-1: "divergence", 0: "neither", 1: "convergence"}
DATES = {
    "given": "as the feed gave it",
    "zone_assumed": "in the feed's time zone, since the date names none",
    "missing": "by first sight, since the item has no date that can be read",
    "future": "by first sight, since its date lies ahead",
    "ancient": "by first sight, since its date lies before 2000",
}


def trace(
    what: Annotated[str, typer.Argument(help="An address, a title, or the number of an article.")],
) -> None:
    """Tell what became of an item: which feed and response brought it, why it was left out, its story, its readings.

    Exit status 1 when nothing is known of it.

    Examples:

    - `ricwatch trace https://www.thehindu.com/news/national/article69876543.ece`
    - `ricwatch trace "Modi meets Putin in Moscow"` – of a part of a title the articles only
    - `ricwatch trace 1234`
    """
    from flows import tables

    found = look_up(what)
    for line in lines(found, what):
        tables.say(line)
    if not (found.articles or found.left_out):
        raise typer.Exit(EXIT_FAILED)


def look_up(what: str) -> Trace:
    """All that the configured database knows of *what*."""
    from ingest.trace import trace as find
    from store.db import Store
    from store.settings import get_settings

    store = Store(get_settings().database)
    try:
        store.migrate()
        with store.session() as session:
            return find(session, what, now=dt.datetime.now(dt.UTC))
    finally:
        store.close()


def lines(found: Trace, what: str) -> Iterator[str]:
    """The answer, a statement a line."""
    for article in found.articles:
        yield from _article(article)
    for item in found.left_out:
        yield _left_out(item)
    if found.articles or found.left_out:
        return
    yield f"Nothing is known of {what!r}: no article, and no item that a feed showed and that was left out."
    if not found.suspects:
        yield "Either no feed of the roster carried it, or it was left out more than 90 days ago and is forgotten."
    for suspect in found.suspects:
        yield _suspect(suspect)


def _article(article: ArticleTrace) -> Iterator[str]:
    yield f"Article {article.id}: {article.title}"
    if article.url:
        yield f"  {article.url}"
    came = "imported from a file" if article.imported else f"brought by the feed {article.feed}"
    yield f"  Stored: {article.outlet}, {came}, first seen {_moment(article.first_seen_at)}"
    if article.poll:
        yield f"  Response: {_poll(article.poll)}"
    given = f" (it says {article.published_raw!r})" if article.published_raw else ""
    yield f"  Counts on {article.day}, {DATES.get(article.date_quality, article.date_quality)}{given}"
    if article.page:
        yield f"  Page: {_page(article.page)}"
    for other in article.also:
        yield f"  Carried as well by {other.outlet} ({other.feed}), counted there in what that feed brought"
    if article.story is None:
        yield "  Story: in none yet"
    else:
        first = " (it opened it)" if article.story_title == article.title else f": {article.story_title}"
        size = f"of {article.story_articles:,} articles by {article.story_outlets:,} outlets"
        yield f"  Story {article.story}, {size}{first}"
    for merge in article.merges:
        joined = f"article {merge.article} ({merge.article_title}) belongs to both, with likeness {merge.likeness:.2f}"
        yield f"    took in story {merge.gone} ({merge.gone_title}) on {_moment(merge.at)}: {joined}"
    if not article.readings:
        yield "  Reading: none yet"
    for reading in article.readings:
        yield f"  Reading: {_reading(reading)}"


def _page(page: PageTrace) -> str:
    told = f"asked {_moment(page.at)} ({page.outcome}, try {page.tries})"
    if page.outcome == "replaced":
        return f"{told}: its {page.chars:,} characters took the place of the lead"
    again = f"; again from {_moment(page.next_try_at)} while it is not read" if page.next_try_at else ""
    return f"{told}: the lead stands, since {page.detail or page.outcome}{again}"


def _reading(reading: ReadingTrace) -> str:
    told = f"{reading.model} on {_moment(reading.at)}"
    if not reading.relevant:
        return f"{told}: concerns none of the ties (probability {reading.p_relevant:.2f})"
    dyads = ", ".join(f"{dyad} {_STANCES[stance]} ({p:.2f})" for dyad, stance, p in reading.dyads)
    theme = f", theme {reading.theme}" if reading.theme else ""
    evidence = f", for “{reading.evidence}”" if reading.evidence else ""
    return f"{told}: {dyads or 'no tie'}{theme}{evidence}"


def _left_out(item: LeftOutTrace) -> str:
    from ingest.articles import LeftOut

    why = {
        LeftOut.OFF_TOPIC: "left out, since it does not name two of the actors; counted in what the feed brought",
        LeftOut.ELSEWHERE: "no article of this feed, since another had brought it; counted in what the feed brought",
    }[item.reason]
    came = f"; first in the response of {_poll(item.poll)}" if item.poll else ""
    last = f"; still shown about {item.last_seen}" if item.last_seen else "; imported"
    return f"{item.outlet} ({item.feed}), item of {item.day}: {why}{came}{last}"


def _suspect(suspect: SuspectTrace) -> str:
    poll = suspect.poll
    if poll.left:
        why = f"{poll.left:,} items beyond the cap were not looked at (RICWATCH_FEED_MAX_ITEMS)"
    elif poll.bad:
        why = f"{poll.bad:,} items had no usable title or address"
    else:
        why = poll.reason or "nothing of it could be used"
    return f"It may have been lost here: {suspect.feed}, {_poll(poll)}: {why}"


def _poll(poll: PollTrace) -> str:
    status = f", HTTP {poll.http_status}" if poll.http_status else ""
    return f"poll {poll.number} on {_moment(poll.at)} ({poll.outcome}{status}, {poll.seen:,} items)"


def _moment(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
