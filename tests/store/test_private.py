"""What is made for its owner alone, and what is left as somebody set it."""

from __future__ import annotations

import stat
from pathlib import Path

from sqlalchemy import text

from store.db import Store
from store.private import lets_others_in, others_read, private_folder


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_its_owners_and_one_that_was_opened_stays_open(tmp_path: Path) -> None:
    assert rights(private_folder(tmp_path / "a" / "var")) == 0o700
    opened = tmp_path / "opened"
    opened.mkdir()
    opened.chmod(0o711)
    assert rights(private_folder(opened)) == 0o711
    assert lets_others_in(opened)
    assert not others_read(opened)
    assert not others_read(tmp_path / "not there")


def test_a_new_database_and_its_journal_are_their_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    store = Store(f"sqlite:///{file}")
    with store.engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        assert {rights(path) for path in tmp_path.glob("new.db*")} == {0o600}
        assert (tmp_path / "new.db-wal").exists()
    store.close()
    file.chmod(0o640)
    again = Store(f"sqlite:///{file}")
    with again.engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))
    again.close()
    assert rights(file) == 0o640, "a group that somebody let in stays in"
