"""How the full texts of each feed fare: what came of the pages of a week, for whoever looks after the roster."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.page import PageOutcome
from ingest.pageworker import require_extra
from store.errors import ConfigError
from store.models import Article, ArticlePage, Feed
from store.settings import Settings

LATELY = dt.timedelta(days=7)
ENOUGH = 5
"""Pages of which none gave a text: fewer may be chance."""
_GOOD = (PageOutcome.REPLACED, PageOutcome.NOT_LONGER, PageOutcome.READ_BEFORE)
"""With these a page was read, whether or not its text was more than the feed's."""


@dataclass(frozen=True, slots=True)
class PageHealth:
    """Pages of a feed asked for in the last week, by what came of them."""

    counts: Mapping[PageOutcome, int]

    @property
    def asked(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def fruitless(self) -> bool:
        """Whether it has been asked for in vain, and often enough to say so."""
        return self.asked >= ENOUGH and not any(self.counts.get(outcome) for outcome in _GOOD)

    @property
    def words(self) -> str:
        """Such as `full texts: 3 of 9 pages this week, else mostly paywall`."""
        if not self.asked:
            return "full texts: no page this week"
        failed = [(count, outcome) for outcome, count in self.counts.items() if outcome is not PageOutcome.REPLACED]
        mostly = f", else mostly {max(failed)[1]}" if failed else ""
        return f"full texts: {self.counts.get(PageOutcome.REPLACED, 0)} of {self.asked} pages this week{mostly}"


def page_health(session: Session, *, now: dt.datetime) -> dict[str, PageHealth]:
    """Of each enabled feed whose full texts are switched on."""
    found: dict[str, Counter[PageOutcome]] = {
        key: Counter() for key in session.scalars(select(Feed.key).where(Feed.full_text, Feed.enabled))
    }
    rows = session.execute(
        select(Article.feed_key, ArticlePage.outcome, func.count())
        .join(ArticlePage, ArticlePage.article_id == Article.id)
        .where(ArticlePage.asked_at > now - LATELY, Article.feed_key.in_(list(found)))
        .group_by(Article.feed_key, ArticlePage.outcome)
    )
    for key, outcome, count in rows:
        found[key][PageOutcome(outcome)] += count
    return {key: PageHealth(counts) for key, counts in found.items()}


def what_full_texts_lack(settings: Settings) -> str:
    """Why no page would be fetched whatever the roster says, and what to do; empty where nothing is in the way."""
    if not settings.full_text:
        return "set RICWATCH_FULL_TEXT=true; until then no page is fetched"
    try:
        require_extra()
    except ConfigError as error:
        return str(error)
    return ""
