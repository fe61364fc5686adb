"""The newest readings, as rows for the page that a run leaves in the UI."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.models import Article, Reading, ReadingDyad


def recent_readings(session: Session, model: str, limit: int = 50) -> list[dict[str, Any]]:
    """The last *limit* relevant readings of *model*, newest first.

    Each row has ``day, outlet, bloc, lang, title, url, dyads`` (code → stance), ``themes`` (codes), ``evidence``,
    ``claim`` (id or None) and ``relation``.
    """
    readings = session.execute(
        select(Reading, Article)
        .join(Article, Article.id == Reading.article_id)
        .where(Reading.model == model, Reading.relevant)
        .order_by(Reading.id.desc())
        .limit(limit)
    ).all()
    stances: dict[int, dict[str, int]] = {}
    ids = [reading.id for reading, _article in readings]
    for row in session.scalars(select(ReadingDyad).where(ReadingDyad.reading_id.in_(ids)).order_by(ReadingDyad.dyad)):
        stances.setdefault(row.reading_id, {})[row.dyad] = row.stance
    return [
        {
            "day": article.day,
            "outlet": article.outlet,
            "bloc": article.bloc,
            "lang": article.lang,
            "title": article.title,
            "url": article.url,
            "dyads": stances.get(reading.id, {}),
            "themes": [theme["code"] for theme in reading.themes],
            "evidence": reading.evidence or "",
            "claim": reading.claim_id,
            "relation": reading.claim_relation,
        }
        for reading, article in readings
    ]
