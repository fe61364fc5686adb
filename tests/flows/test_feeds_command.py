"""The commands `feeds …`, as a user runs them."""

from __future__ import annotations

import re
from pathlib import Path
from unittest import mock

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from flows.cli import app
from ingest.roster import load_roster
from store.settings import get_settings
from tests.ingest.helpers import rss
from tests.ingest.server import Answer, FeedServer

ROW = {
    "key": "demo", "outlet": "Demo", "bloc": "india", "kind": "agency", "lang": "hi", "url": "https://x.in/rss",
    "timezone": "Asia/Kolkata", "enabled": True, "status": "ok",
}  # fmt: skip
OFF = ROW | {"key": "old", "outlet": "Old", "url": "https://old.in/rss", "enabled": False, "status_note": "sold"}


@pytest.fixture
def roster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "feeds.yaml"
    write(path, ROW, OFF)
    monkeypatch.setenv("RICWATCH_ROSTER", str(path))
    monkeypatch.setenv("RICWATCH_VAR_DIR", str(tmp_path / "var"))
    get_settings.cache_clear()
    return path


def write(path: Path, *rows: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump({"feeds": list(rows)}), encoding="utf-8")


def told(*arguments: str) -> str:
    # A width of its own: a console keeps the one that was in force when its module was loaded, by whichever test.
    with mock.patch("flows.tables._out", Console(width=250, height=50, highlight=False)):
        done = CliRunner().invoke(app, ["feeds", *arguments], standalone_mode=False)
    assert done.exception is None, done.exception
    return done.stdout


def test_an_export_holds_the_enabled_feeds_and_all_of_them_if_asked(roster: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.opml"
    assert "1 feeds written" in told("export", str(file))
    assert "old.in" not in file.read_text(encoding="utf-8")
    words = " ".join(told("export", str(file), "--all").split())
    assert "2 feeds written" in words
    assert "1 of them as comments" in words
    write(roster, ROW | {"key": "other", "url": "https://other.in/rss"})
    told("import", str(file))
    back = {one.key: one for one in load_roster(roster)}
    assert [(one.enabled, one.kind, one.timezone) for one in (back["demo"], back["old"])] == [
        (True, "agency", "Asia/Kolkata"),
        (False, "agency", "Asia/Kolkata"),
    ]


def test_an_import_names_what_it_leaves_out(roster: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.opml"
    file.write_text(
        '<opml><body><outline text="Mail" xmlUrl="mailto:x@y.in"/><outline text="N" xmlUrl="https://n.in/"/></body></opml>'
    )
    words = told("import", str(file))
    assert "left out: Mail: 'mailto:x@y.in' is not an http or https address" in words
    assert "1 added" in words
    assert len(load_roster(roster)) == 3


def test_a_check_asks_disabled_feeds_too_and_proposes_a_status_with_its_day(
    roster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FeedServer()
    try:
        alive, again = (server.set(path, Answer(rss("India, China"))) for path in ("/rss", "/again"))
        dead = server.set("/dead", Answer(status=404))
        write(roster, ROW | {"url": alive}, OFF | {"url": again}, OFF | {"key": "gone", "url": dead})
        monkeypatch.setenv("RICWATCH_ALLOW_PRIVATE_ADDRESSES", "true")
        monkeypatch.setenv("RICWATCH_HOST_SPACING", "0")
        get_settings.cache_clear()
        words = told("check")
    finally:
        server.close()
    row = {line.split("│")[1].strip(): line for line in words.splitlines() if line.count("│") > 2}
    assert re.search(r"│ (ok|stale) \d{4}-\d\d-\d\d ", row["old"])
    assert re.search(r"│ dead \d{4}-\d\d-\d\d ", row["gone"])
    assert "stays disabled" in row["gone"]
    assert "of 1 feeds are well" in words
    assert "of 2 disabled ones" in words
