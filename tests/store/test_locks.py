"""The process that holds SQLite's right to write is named, on systems that tell."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from store import db, locks
from store.db import Store
from store.faults import in_words
from store.locks import writer

HOLD = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[3], isolation_level=None); c.execute(sys.argv[4]); "
    "c.execute('SELECT * FROM feed').fetchall(); print('held', flush=True); sys.stdin.read()"
)
tells = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="this system does not tell who holds a lock")


@contextmanager
def held(database: Path, begin: str, script: str = "hold.py") -> Iterator[int]:
    """Another process in the midst of a transaction; its number."""
    (database.parent / script).write_text(HOLD)
    command = [sys.executable, script, "--password", "hidden", str(database), begin]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=database.parent
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.close()


@tells
def test_who_writes_is_named_without_what_it_was_given(store: Store, tmp_path: Path) -> None:
    database = tmp_path / "test.db"
    assert store.revision()
    with held(database, "BEGIN IMMEDIATE") as number:
        said = writer(str(database))
    assert re.fullmatch(rf"process {number} \(python\S* hold\.py\)", said)


@tells
def test_a_long_command_is_cut(store: Store, tmp_path: Path) -> None:
    database = tmp_path / "test.db"
    assert store.revision()
    with held(database, "BEGIN IMMEDIATE", f"{'long' * 30}.py") as number:
        said = writer(str(database))
    assert re.fullmatch(rf"process {number} \(python\S* (long)+\w*…\)", said)
    assert len(said) < 110


@tells
def test_who_only_reads_is_not_named(store: Store, tmp_path: Path) -> None:
    database = tmp_path / "test.db"
    assert store.revision()
    with held(database, "BEGIN"):
        assert writer(str(database)) == ""


@tells
def test_the_error_of_a_locked_database_names_it(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BUSY", 0.1)
    database = tmp_path / "test.db"
    assert store.revision()
    impatient = Store(f"sqlite:///{database}")
    with held(database, "BEGIN IMMEDIATE") as number:
        with pytest.raises(OperationalError) as error, impatient.session() as session:
            session.execute(text("UPDATE feed SET polls = 1"))
        said = str(in_words(error.value, impatient.url))
    impatient.close()
    assert f"the database {database}: process {number} (" in said


@pytest.mark.parametrize("content", ["", "nonsense\n", "1: POSIX  ADVISORY  WRITE many fe:00:1 120 120\n"])
def test_a_system_that_tells_otherwise_names_nobody(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (tmp_path / "locks").write_text(content)
    monkeypatch.setattr(locks, "PROC", tmp_path)
    with store.session() as session:
        session.execute(text("UPDATE feed SET polls = 1"))
        assert writer(str(tmp_path / "test.db")) == ""


def test_a_database_that_is_not_there_has_no_writer(tmp_path: Path) -> None:
    assert writer(str(tmp_path / "none.db")) == ""
