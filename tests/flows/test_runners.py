"""A backlog read through Prefect's task runners leaves the rows of reading alone, whichever runner and whoever dies."""

from __future__ import annotations

import asyncio
import datetime as dt
import multiprocessing
import os
import signal
from typing import Any

import pytest
from prefect import flow
from sqlalchemy import func, select

from classify.batch import ClassifyReport, classify_pending, forget_since
from flows.classify_articles import re_read
from flows.runners import require_extra, spread_of
from flows.watch import open_watch
from ingest.archive_items import load_archive
from store.db import Store
from store.errors import ConfigError
from store.models import Reading, ReadingClaim, ReadingDyad
from store.settings import ROOT, get_settings
from tests.classify.helpers import add_articles
from tests.flows.inprocess import IN_PROCESS

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
LONG_AGO = dt.date(2000, 1, 1)
ARTICLES = 120

pytestmark = IN_PROCESS


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Unread articles in the database; gives the rows that reading them without workers leaves."""
    monkeypatch.setenv("RICWATCH_MODEL", "linear")
    get_settings.cache_clear()
    with open_watch() as watch:
        add_articles(watch.store, [one.title for one in load_archive(ROOT / "seeds" / "archive").items[:ARTICLES]])
        classify_pending(watch.store, watch.model, now=NOW)
        found = rows(watch.store)
        assert len(found) > ARTICLES
        assert forget_since(watch.store, watch.model.version, LONG_AGO) == ARTICLES
    return found


def rows(store: Store) -> list[tuple[Any, ...]]:
    """Everything that was read, in the order in which it was stored."""
    found: list[tuple[Any, ...]] = []
    with store.session() as session:
        for table in (Reading, ReadingDyad, ReadingClaim):
            read = session.execute(select(*table.__table__.columns)).all()
            found += [(table.__name__, *row) for row in read]
    return sorted(found, key=str)


def choose(monkeypatch: pytest.MonkeyPatch, runner: str, workers: int, batch: int) -> None:
    chosen = {"TASK_RUNNER": runner, "TASK_WORKERS": workers, "TASK_BATCH": batch, "TASK_RUNNER_FROM": 1}
    for name, value in chosen.items():
        monkeypatch.setenv(f"RICWATCH_{name}", str(value))
    get_settings.cache_clear()
    try:
        require_extra(get_settings())
    except ConfigError as missing:
        pytest.skip(str(missing))


@flow(name="backlog")
async def backlog(deadly: bool) -> ClassifyReport:
    """Read what waits; where *deadly*, a worker is killed after the first batch."""
    alive = deadly

    def told(done: int, total: int | None = None, note: str = "") -> None:
        nonlocal alive
        if alive:
            alive = False
            worker = next(one for one in multiprocessing.active_children() if one.pid)
            os.kill(worker.pid or 0, signal.SIGKILL)

    with open_watch() as watch:
        return classify_pending(watch.store, watch.model, now=NOW, spread=spread_of(watch), progress=told)


@pytest.mark.parametrize(
    ("runner", "workers", "batch", "deadly"),
    [
        ("threads", 2, 7, False),
        ("threads", 1, 50, False),
        ("processes", 2, 7, True),
        ("dask", 2, 7, True),
        ("ray", 2, 50, False),
    ],
)
def test_a_runner_leaves_the_rows_of_reading_alone(
    alone: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, runner: str, workers: int, batch: int, deadly: bool
) -> None:
    choose(monkeypatch, runner, workers, batch)
    report = asyncio.run(backlog(deadly))
    assert report.read == ARTICLES
    with open_watch() as watch:
        assert rows(watch.store) == alone


def test_reading_again_since_a_day_goes_through_the_runner(
    alone: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    choose(monkeypatch, "threads", 2, 50)
    again: Any = re_read
    asyncio.run(again(since=LONG_AGO, return_state=True))
    assert "a backlog is read by 2 workers: threads" in caplog.text
    with open_watch() as watch, watch.store.session() as session:
        assert session.scalar(select(func.count()).select_from(Reading)) == ARTICLES


def test_a_few_articles_start_no_workers(
    alone: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    choose(monkeypatch, "threads", 2, 50)
    monkeypatch.setenv("RICWATCH_TASK_RUNNER_FROM", str(ARTICLES + 1))
    get_settings.cache_clear()
    assert asyncio.run(backlog(False)).read == ARTICLES
    assert "workers" not in caplog.text


@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_a_missing_extra_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, runner: str) -> None:
    monkeypatch.setenv("RICWATCH_TASK_RUNNER", runner)
    get_settings.cache_clear()
    monkeypatch.setattr("flows.runners.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"pip install 'ricwatch\[{runner}\]'$"), open_watch() as watch:
        spread_of(watch)
