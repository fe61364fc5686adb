"""The command `parse`, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from store.settings import ROOT

RSS = """<rss version="2.0"><channel><title>T</title><item><title>India, China &amp; Russia</title>
<link>/a?utm_source=x</link><guid>g1</guid><pubDate>Fri, 20 Nov 2026 18:30:00 IST</pubDate></item></channel></rss>"""


def parse(cwd: Path, *arguments: str) -> tuple[int, list[dict[str, object]], str]:
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "parse", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "RICWATCH_VAR_DIR": str(cwd / "var")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")], done.stderr


def test_a_line_for_each_file_in_their_order_and_no_database(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_text(RSS)
    (tmp_path / "page.html").write_text("<!doctype html><title>Down</title>")
    status, (one, page, missing), errors = parse(
        tmp_path, "one.xml", "page.html", "missing.xml", "--zone", "Asia/Kolkata", "--url", "https://example.in/rss"
    )
    assert (status, errors) == (0, "")
    assert one == {
        "file": "one.xml",
        "format": "rss20",
        "entries": [
            {
                "title": "India, China & Russia",
                "url": "https://example.in/a?utm_source=x",
                "id": "g1",
                "published": "2026-11-20T13:00:00+00:00",
                "date_quality": "zone_assumed",
            }
        ],
        "bad": 0,
        "left": 0,
        "error": "",
    }
    assert page["entries"] == missing["entries"] == []
    assert "html_instead_of_feed: a web page was sent instead of the feed: Down" in str(page["error"])
    assert "cannot be read: No such file" in str(missing["error"])
    assert not (tmp_path / "var").exists()


def test_no_feed_at_all_is_a_status(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x00\xff")
    assert parse(tmp_path, "x")[0] == 1


def test_a_zone_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    status, _, errors = parse(tmp_path, "x", "--zone", "Mars/Base")
    assert status == 2
    assert "Mars/Base" in errors


def test_the_lines_can_go_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_text(RSS)
    assert parse(tmp_path, "one.xml", "-o", "out.jsonl")[0] == 0
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))["format"] == "rss20"


def test_what_is_no_plain_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "one.xml").write_text(RSS)
    (tmp_path / "link.xml").symlink_to(tmp_path / "one.xml")
    (tmp_path / "loop.xml").symlink_to(tmp_path / "loop.xml")
    _, (pipe, folder, loop, link), _ = parse(tmp_path, "pipe", "folder", "loop.xml", "link.xml")
    assert pipe["error"] == "is no plain file"
    assert folder["error"] == "cannot be read: Is a directory"
    assert "cannot be read" in str(loop["error"])
    assert link["format"] == "rss20"
