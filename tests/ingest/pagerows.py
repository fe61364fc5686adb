"""Articles with what came of their pages."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from store.models import Article, ArticlePage


def add_page(session: Session, number: int, key: str, outcome: str, *, asked: dt.datetime) -> None:
    """Article *number* of the feed *key*, whose page was *asked* for with that *outcome*."""
    session.add(
        Article(
            id=number + 1,
            feed_key=key,
            outlet="A",
            bloc="india",
            lang="en",
            title="T",
            text="",
            url=f"https://a.in/{number}",
            url_key=str(number),
            title_key="t",
            published_at=asked,
            published_raw="",
            date_quality="given",
            first_seen_at=asked,
            day=asked.date(),
        )
    )
    session.flush()
    page = ArticlePage(article_id=number + 1, outcome=outcome, detail="", url="", chars=0, tries=1, asked_at=asked)
    session.add(page)
