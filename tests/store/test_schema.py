"""The revisions are read off the names of files, without Alembic; Alembic must see the same ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from store import schema
from store.errors import StoreError
from store.schema import MIGRATIONS, newest_revision, revisions
from store.settings import ROOT


def test_alembic_finds_the_same_revisions_in_the_same_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert list(revisions()) == [script.revision for script in scripts.walk_revisions()][::-1]
    assert newest_revision() == scripts.get_current_head()


def test_an_installation_without_migrations_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", tmp_path)
    revisions.cache_clear()
    with pytest.raises(StoreError, match="no migrations"):
        newest_revision()
    revisions.cache_clear()


def test_a_start_on_a_database_of_this_version_does_without_alembic(migrated: Path) -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from store.db import Store; store = Store(sys.argv[1]); "
            "print(store.migrate(), 'alembic' in sys.modules); store.close()",
            f"sqlite:///{migrated}",
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert told.split() == [newest_revision(), "False"]
