"""Databases that tests take copies of, which cost no time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.db import Store


@contextmanager
def copy_of(database: Path, path: Path) -> Iterator[Store]:
    """A copy, at *path*, of an SQLite *database* that nobody has open."""
    store = Store(f"sqlite:///{shutil.copy(database, path)}")
    try:
        yield store
    finally:
        store.close()
