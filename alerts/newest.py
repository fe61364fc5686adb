"""The newest articles, as rows for the page that a run leaves in the UI."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.models import Article


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """An article as a line of the page; the title and the address are other people's."""

    day: dt.date
    outlet: str
    bloc: str
    lang: str
    title: str
    url: str


def new_articles(session: Session, since: dt.datetime, limit: int = 100) -> list[ArticleRow]:
    """What was first seen at or after *since*, the newest first; for ``templates/artifacts/articles.md``."""
    rows = session.execute(
        select(Article.day, Article.outlet, Article.bloc, Article.lang, Article.title, Article.url)
        .where(Article.first_seen_at >= since)
        .order_by(Article.id.desc())
        .limit(limit)
    )
    return [ArticleRow(*row) for row in rows]
