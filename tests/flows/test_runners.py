"""A backlog read through Prefect's task runners gives the rows of reading alone, whichever runner and whoever dies."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from sqlalchemy import select

from classify.batch import ClassifyReport, classify_pending
from classify.model import get_backend
from flows.classify_articles import classify, read_pending
from flows.runners import require_extra, spread_of, task_runner
from flows.watch import open_watch
from ingest.archive_items import load_archive
from ingest.topic import load_topic
from store.db import Store
from store.errors import ConfigError
from store.models import Article, Feed, Reading, ReadingClaim, ReadingDyad
from store.settings import ROOT, Settings, get_settings

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
ARTICLES = 120

dask = pytest.param("dask", 2, 25, marks=pytest.mark.filterwarnings("ignore::ResourceWarning"))


def fill(store: Store) -> None:
    """Items of the bundled archive as unread articles."""
    with store.session() as session:
        feed = Feed(key="demo", title="Demo", url="http://demo.example/rss", outlet="demo", bloc="other", kind="wire")
        session.add(feed)
        session.flush()
        for number, item in enumerate(load_archive(ROOT / "seeds" / "archive").items[:ARTICLES]):
            session.add(
                Article(
                    feed_id=feed.id,
                    outlet="demo",
                    key=f"k{number}",
                    url=item.link,
                    title=item.title,
                    text=item.text,
                    lang=item.lang,
                    day=item.published.date(),
                    published_at=item.published,
                    first_seen_at=item.published,
                )
            )


def rows(store: Store) -> list[tuple[Any, ...]]:
    """Everything that was read, in the order in which it was stored."""
    tables = (Reading, ReadingDyad, ReadingClaim)
    with store.session() as session:
        found = [session.execute(select(*table.__table__.columns).order_by(*table.__table__.primary_key)) for table in tables]
        return [tuple(row) for one in found for row in one.all()]
