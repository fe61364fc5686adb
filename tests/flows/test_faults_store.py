"""Database and disk fail under the monitor: what its operator reads, and that the next run has lost nothing."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import store.db
from flows.exits import EXIT_FAILED
from flows.monitor import monitor
from ingest.archive import ArchiveServer
from store.models import Article, Poll, Reading
from store.settings import ROOT, Settings, get_settings
from tests.flows.inprocess import IN_PROCESS
from tests.flows.test_flows import count, run

pytestmark = IN_PROCESS
HOLD = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1],isolation_level=None); c.execute('BEGIN IMMEDIATE'); "
HOLD += "print('held',flush=True); sys.stdin.read()"
AGAIN = "Nothing was stored by halves, and the next run goes on from here."


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process holds the right to write, for the length of the block."""
    command = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.stdin.close()
            process.wait()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 MB of its own; only the superuser may mount one."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser can mount a small disk to fill")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    made = subprocess.run(command, capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def ricwatch(*words: str, var: Path) -> subprocess.CompletedProcess[str]:
    """A command as a person starts it."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RICWATCH_", "PREFECT_"))}
    env |= {"RICWATCH_VAR_DIR": str(var), "RICWATCH_MODEL": "linear"}
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def fill(ballast: Path) -> None:
    """Write until the disk takes nothing more."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"RICWATCH_{name.upper()}", value)
    get_settings.cache_clear()
    return get_settings()


def test_a_locked_database_fails_the_run_in_words_and_the_next_run_has_everything(
    monkeypatch: pytest.MonkeyPatch, feeds: ArchiveServer, settings: Settings
) -> None:
    use(monkeypatch, model="linear", host_spacing="0")
    monkeypatch.setattr(store.db, "BUSY", 0.2)
    database = settings.var_dir / "ricwatch.db"
    feeds.as_of = feeds.as_of.replace(month=1, day=2)
    assert run(monitor, force=True).is_completed()
    before = count(Article), count(Poll)
    feeds.as_of = feeds.as_of.replace(month=3)
    with locked(database):
        failed = run(monitor, force=True)
    assert failed.is_failed()
    said = str(failed.message)
    # Which one, the system tells on Linux.
    holder = r"(another process|process \d+ \(python\S*\))"
    assert re.search(rf"the database {database}: {holder} kept it locked for too long", said)
    assert f"`fuser {database}` names it" in said
    assert said.endswith(AGAIN)
    assert (count(Article), count(Poll)) == before
    assert run(monitor, force=True).is_completed()
    assert count(Article) > before[0]
    assert count(Reading) == count(Article)


def test_a_full_disk_fails_the_run_in_words_and_with_room_again_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, feeds: ArchiveServer, small: Path
) -> None:
    settings = use(monkeypatch, model="linear", host_spacing="0", var_dir=str(small))
    feeds.as_of = feeds.as_of.replace(month=1, day=2)
    assert run(monitor, force=True, send=False).is_completed()
    feeds.as_of = feeds.as_of.replace(month=3)
    fill(small / "ballast")
    failed = run(monitor, force=True)
    assert failed.is_failed()
    assert "the disk is full. Make room" in str(failed.message)
    assert str(failed.message).endswith(AGAIN)
    (small / "ballast").unlink()
    assert run(monitor, force=True).is_completed()
    assert count(Reading) == count(Article) > 0
    database = settings.database.removeprefix("sqlite:///")
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_folder_on_a_read_only_disk_is_refused_in_one_line(small: Path) -> None:
    assert ricwatch("metrics", var=small).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    for command in (["tidy"], ["run"]):
        done = ricwatch(*command, var=small)
        assert done.returncode == EXIT_FAILED
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("ricwatch: ")
        assert str(small) in line
        assert "read-only" in line
        assert "Traceback" not in done.stderr
    fresh = ricwatch("tidy", var=small / "not" / "there")
    assert fresh.returncode == EXIT_FAILED
    assert "the disk is mounted read-only. Mount it for writing" in fresh.stderr
