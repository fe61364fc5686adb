"""The commands `report` and `export` as a person runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import feedparser
import pytest

from classify.model import get_backend
from ingest.topic import load_topic
from store.settings import ROOT, Settings
from tests.alerts.helpers_report import LAST, turned
from tests.flows.commands import ricwatch
from tests.flows.test_report_flows import rename


@pytest.fixture
def stored(settings: Settings) -> None:
    """The database of `helpers_report`, as read by the configured model."""
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    store, _settings = turned(settings.var_dir)
    rename(store, get_backend(settings.model, load_topic(ROOT / "seeds")).version)
    store.close()


@pytest.mark.usefixtures("stored")
def test_report_writes_the_page_and_the_feed_where_they_are_asked_for(tmp_path: Path) -> None:
    done = ricwatch(
        *("report", "-o", "out/page.html", "--feed-file", "feed.xml", "--months", "3", "--as-of", f"{LAST}"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "1 shift" in done.stdout
    assert re.search(r"page\.html \(\d+ kB\)", done.stdout)
    assert "13 weeks" in (tmp_path / "out" / "page.html").read_text(encoding="utf-8")
    assert len(feedparser.parse(str(tmp_path / "feed.xml")).entries) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["page.html"]


@pytest.mark.usefixtures("stored")
def test_what_export_writes_detect_reads(tmp_path: Path) -> None:
    done = ricwatch("export", "series", "-o", "series.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "450 rows of series" in done.stdout
    done = ricwatch("detect", "series.csv", "-o", "shifts.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 lines skipped" in done.stdout
    found = [json.loads(line) for line in (tmp_path / "shifts.jsonl").read_text("utf-8").splitlines()]
    assert [(one["dyad"], one["direction"]) for one in found if one["kind"] == "stance"] == [("IN-CN", "divergence")]


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("export", "series", "-o", "out.xlsx"), 1, "say which with --format"),
        (("export", "series", "-o", "out.csv", "--from", "soon"), 1, "--from 'soon' is no day"),
        (("export", "series", "-o", "out.csv", "--from", "2024-02-01", "--to", "2024-01-01"), 1, "lies after"),
        (("export", "series", "-o", "taken/out.csv"), 1, "cannot write"),
        (("export", "series", "-o", "out.csv", "--dyad", "US-CN"), 2, "IN-RU"),
        (("export", "everything", "-o", "out.csv"), 2, "series"),
        (("export", "series"), 2, "--output"),
        (("report", "-o", "taken/page.html"), 1, "cannot write"),
        (("report", "--as-of", "soon"), 1, "'soon' is no date"),
        (("report", "--months", "0"), 2, "--months"),
    ],
)
def test_an_error_is_one_clear_line_and_a_status(
    arguments: tuple[str, ...], status: int, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file and no folder")
    done = ricwatch(*arguments, cwd=tmp_path, COLUMNS="200")
    assert done.returncode == status, done.stdout + done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out.*"))
