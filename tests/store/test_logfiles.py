"""Log files of a server that runs for years stay small."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest

from store import logfiles
from store.logfiles import trim

DAY = dt.date(2026, 11, 28)
WRITER = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfiles, "LARGE", 20)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_large_log_is_put_aside_while_its_process_writes_on(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with (
        log.open("ab") as sink,
        subprocess.Popen(
            [sys.executable, "-u", "-c", WRITER], stdin=subprocess.PIPE, stdout=sink, text=True
        ) as process,
    ):
        assert process.stdin is not None
        for half in ("a line before it was put aside\n", "a line after\n"):
            process.stdin.write(half)
            process.stdin.flush()
            while not log.read_text(encoding="utf-8").endswith(half):
                assert process.poll() is None
            trim(tmp_path, day=DAY, keep_days=30)
        process.stdin.close()
    assert (tmp_path / "worker.log.2026-11-28").read_text(encoding="utf-8") == "a line before it was put aside\n"
    assert log.read_text(encoding="utf-8") == "a line after\n"


def test_a_second_piece_of_a_day_is_added_to_the_first(tmp_path: Path) -> None:
    for text in ("one" * 10, "two" * 10):
        (tmp_path / "server.log").write_text(text, encoding="utf-8")
        trim(tmp_path, day=DAY, keep_days=30)
    assert (tmp_path / "server.log.2026-11-28").read_text(encoding="utf-8") == "one" * 10 + "two" * 10
    assert (tmp_path / "server.log").read_text(encoding="utf-8") == ""
    assert (tmp_path / "server.log.2026-11-28").stat().st_mode & 0o077 == 0


def test_old_pieces_go_and_other_files_stay(tmp_path: Path) -> None:
    stay = ["notes.log.2026-02-30", "server.log", "server.log.2026-10-29", "server.log.gz"]
    for name in [*stay, "server.log.2026-10-28"]:
        (tmp_path / name).write_text("small", encoding="utf-8")
    (tmp_path / "somebodys.log.2020-01-01").mkdir()
    assert trim(tmp_path, day=DAY, keep_days=30) == 1
    assert names(tmp_path) == [*stay, "somebodys.log.2020-01-01"]


@pytest.mark.parametrize(("keep", "dry", "gone"), [(30, True, 1), (0, False, 0)])
def test_a_dry_run_only_counts_and_zero_keeps_all(tmp_path: Path, keep: int, dry: bool, gone: int) -> None:
    for name in ("worker.log", "worker.log.2025-01-01"):
        (tmp_path / name).write_text("x" * 30, encoding="utf-8")
    assert trim(tmp_path, day=DAY, keep_days=keep, dry_run=dry) == gone
    assert names(tmp_path) == ["worker.log", "worker.log.2025-01-01"]


def test_a_folder_that_is_not_there_has_no_logs(tmp_path: Path) -> None:
    assert trim(tmp_path / "logs", day=DAY, keep_days=30) == 0
