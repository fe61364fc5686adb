"""The flows `report` and `export` in-process, on a real Prefect server, over a store in which a turn was told."""

from __future__ import annotations

import asyncio
import csv
import json
from typing import Any

import feedparser
import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import Artifact, State

from classify.model import get_backend
from flows.export import export
from flows.report import report
from ingest.topic import load_topic
from store.db import Store
from store.models import Reading, SeriesDay, SeriesState, Shift, ThemeDay, Vote
from store.settings import ROOT, Settings, get_settings
from tests.alerts.helpers_report import LAST, turned
from tests.flows.inprocess import IN_PROCESS

pytestmark = [*IN_PROCESS, pytest.mark.usefixtures("watched")]


@pytest.fixture
def watched(settings: Settings) -> None:
    """The database in force: what the helper's model read counts as read by the configured one."""
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    store, _settings = turned(settings.var_dir)
    version = get_backend(settings.model, load_topic(ROOT / "seeds")).version
    rename(store, version)
    store.close()


def rename(store: Store, version: str) -> None:
    """Give all that was read and found another model's name."""
    with store.session() as session:
        for table in (Reading, Vote, SeriesDay, SeriesState, Shift, ThemeDay):
            session.query(table).update({"model": version})


def run(flow: Any, **parameters: Any) -> State[Any]:
    """Run a flow; gives its final state."""
    state: State[Any] = asyncio.run(flow(**parameters, return_state=True))
    return state


def pages(state: State[Any]) -> dict[str, Artifact]:
    """What a run left in the UI, by key."""

    async def read() -> dict[str, Artifact]:
        async with get_client() as client:
            rows = await client.read_artifacts(
                artifact_filter=ArtifactFilter.model_validate(
                    {"flow_run_id": {"any_": [state.state_details.flow_run_id]}}
                )
            )
            return {str(row.key): row for row in rows}

    return asyncio.run(read())


def test_report_writes_page_and_feed_and_says_where_they_lie(settings: Settings) -> None:
    state = run(report, as_of=f"{LAST}")
    assert state.is_completed()
    assert "1 shift" in str(state.message)
    folder = settings.var_dir / "report"
    assert "India–China coverage turned divergent" in (folder / "index.html").read_text(encoding="utf-8")
    assert len(feedparser.parse(str(folder / "shifts.atom")).entries) == 1
    left = pages(state)
    assert set(left) == {"report"}
    page = str(left["report"].data)
    for part in (str(folder / "index.html"), str(folder / "shifts.atom"), "India–China", "1 shift on record", "open"):
        assert part in page, part


def test_a_published_report_leaves_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RICWATCH_REPORT_URL", "https://press.example/report/")
    get_settings.cache_clear()
    left = pages(run(report, as_of=f"{LAST}"))
    assert set(left) == {"report", "report-page"}
    assert left["report-page"].type == "markdown"
    assert "https://press.example/report/index.html" in str(left["report-page"].data)


def test_an_address_that_is_no_link_stays_out_of_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RICWATCH_REPORT_URL", "javascript:alert(1)")
    get_settings.cache_clear()
    left = pages(run(report, as_of=f"{LAST}"))
    assert set(left) == {"report"}
    assert "javascript" not in str(left["report"].data)


def test_a_report_of_a_few_months_goes_where_it_was_asked_to(settings: Settings) -> None:
    target = settings.var_dir / "elsewhere" / "page.html"
    state = run(report, as_of=f"{LAST}", months=2, output=str(target))
    assert "9 weeks" in target.read_text(encoding="utf-8")
    assert str(target) in str(state.message)
    assert not (settings.var_dir / "report").exists()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_export_writes_a_file_and_says_what_is_in_it(settings: Settings, form: str) -> None:
    state = run(export, what="stories", form=form, start="2024-01-05", end="2024-01-06", dyad="IN-CN")
    path = settings.var_dir / "exports" / f"stories.{form}"
    text = path.read_text(encoding="utf-8")
    rows = (
        list(csv.DictReader(text.splitlines())) if form == "csv" else [json.loads(line) for line in text.splitlines()]
    )
    assert {row["date"] for row in rows} == {"2024-01-05", "2024-01-06"}
    assert f"{len(rows)} rows of stories in {path}" in str(state.message)
    page = str(pages(state)["export"].data)
    for part in (str(path), "5 January 2024", "6 January 2024", "India–China", "copies"):
        assert part in page, part


def test_a_wrong_day_fails_the_run_and_is_named(settings: Settings) -> None:
    state = run(export, start="soon")
    assert state.is_failed()
    assert "From 'soon' is no day" in str(state.message)
    assert not (settings.var_dir / "exports").exists()
