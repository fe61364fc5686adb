"""Restoring a backup: checked and migrated in a copy first; the database in force then changes in one transaction."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from store.backup import Manifest, fingerprint, unpacked
from store.db import Store
from store.errors import StoreError
from store.schema import newest_revision, revisions
from store.settings import Settings
from store.snapshot import file_of, is_sqlite, replace_rows, rows_of

BUSY_TRIES = 20
BUSY_PAUSE = 0.25
"""Tries, and seconds between two, to get a database that somebody is writing to: a writer of ours holds it for less."""


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored. `aside` is where a database lies that could not be read and was moved out of the way."""

    path: Path
    manifest: Manifest
    schema: str
    same_seeds: bool
    aside: Path | None = None

    @property
    def summary(self) -> str:
        """What happened, one sentence each."""
        parts = [f"{self.path.name} of {self.manifest.made_at}: {sum(self.manifest.rows.values()):,} rows restored"]
        if self.schema != self.manifest.schema:
            parts.append(f"schema {self.manifest.schema} migrated to {self.schema}")
        if not self.same_seeds:
            parts.append(
                "the seeds folder is not the one of the backup: run `ricwatch seeds`, and expect other readings"
            )
        if self.aside:
            parts.append(f"the unreadable database was kept as {self.aside}")
        return "; ".join(parts)


def restore(settings: Settings, path: Path, *, now: dt.datetime, force: bool = False) -> RestoreReport:
    """Put the backup *path* in the place of the database of *settings*.

    Raises:
        InputError: the backup is not whole; nothing was touched.
        StoreError: the database holds something or is in use and *force* was not given, a writer holds it, or the
            backup is of a newer version; nothing was touched.
    """
    with unpacked(path) as (copy, manifest):
        if manifest.schema not in revisions():
            raise StoreError(
                f"{path} has schema {manifest.schema}, which is newer than this version's {newest_revision()}; update "
                "ricwatch first"
            )
        source = Store(f"sqlite:///{copy}")
        try:
            schema = source.migrate()
            target = Store(settings.database)
            try:
                aside = _make_room(target, now, force=force)
                if is_sqlite(target):
                    source.close()
                    target.close()
                    _overwrite(copy, file_of(target))
                else:
                    target.migrate()
                    replace_rows(source, target)
            except SQLAlchemyError as error:
                raise StoreError(f"cannot restore into {target.safe_url}: {error}") from error
            finally:
                target.close()
        finally:
            source.close()
    return RestoreReport(path, manifest, schema, fingerprint(settings.seeds_dir) == manifest.seeds, aside)


def _make_room(target: Store, now: dt.datetime, *, force: bool) -> Path | None:
    """Refuse what needs *force*; gives where an unreadable file was moved to."""
    try:
        rows = rows_of(target)
    except SQLAlchemyError as error:
        if not is_sqlite(target) or not _damaged(error):
            raise StoreError(f"cannot look into the database {target.safe_url}: {error}") from error
        if not force:
            raise StoreError(
                f"{target.safe_url} is no readable database; --force moves it aside and restores in its place"
            ) from error
        target.close()
        return _move_aside(file_of(target), now)
    if rows and not force:
        raise StoreError(
            f"{target.safe_url} holds {rows:,} rows; back it up, then run it again with --force to replace them"
        )
    if not force and in_use(target):
        raise StoreError(
            f"{target.safe_url} is open in another process; stop `ricwatch serve` first, or replace it all the same "
            "with --force"
        )
    return None


def in_use(store: Store) -> bool:
    """Whether another process has the database open."""
    if not is_sqlite(store):
        with store.engine.connect() as connection:
            others = connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            )
        return bool(others)
    path = file_of(store)
    store.close()  # our own connection would be in the way of the question
    if not path.exists():
        return False
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        # Every connection in WAL mode holds a shared lock for as long as it is open, and exclusive mode wants it alone.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
        connection.execute("ROLLBACK")
    return False


def _overwrite(copy: Path, target: Path) -> None:
    # Through SQLite and not by renaming files: it is one transaction, and a process that has the file open goes on with
    # the new contents instead of writing into a file that no longer has a name.
    tries = 0

    def no_further_than(status: int, _left: int, _pages: int) -> None:
        nonlocal tries
        tries += status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        if tries >= BUSY_TRIES:  # left alone, Python tries for as long as somebody holds the lock
            raise sqlite3.OperationalError("the database is locked")

    try:
        with (
            closing(sqlite3.connect(copy, isolation_level=None)) as source,
            closing(sqlite3.connect(target, timeout=0, isolation_level=None)) as sink,
        ):
            # The log holds pages of the database of before; both must say how they keep it, or the copy is refused.
            source.execute("PRAGMA journal_mode=WAL")
            source.backup(sink, pages=-1, progress=no_further_than, sleep=BUSY_PAUSE)
    except sqlite3.Error as error:
        raise StoreError(
            f"cannot write {target}: {error}; another process is writing – stop `ricwatch serve` and try again"
        ) from error


def _damaged(error: SQLAlchemyError) -> bool:
    told = str(error)
    return any(words in told for words in ("not a database", "malformed", "disk image"))


def _move_aside(path: Path, now: dt.datetime) -> Path:
    aside = path.with_name(f"{path.name}.unreadable-{now:%Y%m%dT%H%M%SZ}")
    path.rename(aside)
    for log in (f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(log).unlink(missing_ok=True)
    return aside
