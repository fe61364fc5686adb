"""Backups: the database as one checked file with a manifest. Making, checking, listing and thinning out.

A backup is a ZIP with ``database.sqlite`` and ``manifest.json``: rows per table, schema revision, SHA-256, the seeds
folder's fingerprint, and the settings in force without secrets. It is opened again and checked before it gets its name,
and before anything is restored from it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from store.db import Store
from store.errors import InputError, StoreError
from store.settings import Settings
from store.snapshot import copy_to_file, is_sqlite, tables_of

FORMAT = 1
DATABASE = "database.sqlite"
MANIFEST = "manifest.json"
MANIFEST_BYTES = 1_000_000
"""Most that is read of a manifest: a file from elsewhere is untrusted until it is checked."""
NAME = re.compile(r"ricwatch-\d{8}T\d{6}Z(-\d+)?\.zip")
"""What a backup is called; nothing else in the folder is ever thinned out."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `rows` are those of each table; `bytes` is the size of the database file."""

    format: int
    program: str
    made_at: str
    engine: str
    schema: str
    rows: dict[str, int]
    bytes: int
    sha256: str
    seeds: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that was written and checked, and the older ones that were removed."""

    path: Path
    manifest: Manifest
    size: int
    removed: tuple[Path, ...] = ()

    @property
    def summary(self) -> str:
        """One line for the state message."""
        rows = sum(self.manifest.rows.values())
        gone = f", {len(self.removed)} older removed" if self.removed else ""
        return f"{self.path.name}: {rows:,} rows, {self.size / 1e6:.1f} MB, checked{gone}"


def fingerprint(folder: Path) -> str:
    """SHA-256 over names and contents of all files below *folder*, hidden ones left out: two topics never share it."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        if any(part.startswith(".") or part == "__pycache__" for part in name.parts):
            continue
        whole.update(f"{name.as_posix()}\0{_sha256(path)}\n".encode())
    return whole.hexdigest()


def open_settings(settings: Settings) -> dict[str, Any]:
    """The settings as plain values; secrets are left out, and passwords inside addresses are hidden."""
    shown: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            continue
        if isinstance(value, str) and "://" in value:
            value = re.sub(r"(?<=://)[^/@\s]*@", "***@", value)
        shown[name] = str(value) if isinstance(value, Path) else value
    return shown


def make_backup(store: Store, settings: Settings, folder: Path, *, now: dt.datetime, keep: int = 0) -> BackupReport:
    """Write a backup of *store* into *folder*, check it, and leave only the newest *keep* there (0 keeps all).

    Raises:
        StoreError: the database cannot be read, or the folder not written.
        InputError: the finished file does not hold what it should.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _free_name(folder, now)
        draft = path.with_suffix(".partial")
        try:
            with tempfile.TemporaryDirectory(prefix=".ricwatch-", dir=folder) as scratch:
                copy = Path(scratch) / DATABASE
                rows = copy_to_file(store, copy)
                manifest = Manifest(
                    format=FORMAT,
                    program=version("ricwatch"),
                    made_at=now.astimezone(dt.UTC).isoformat(timespec="seconds"),
                    engine="sqlite" if is_sqlite(store) else "postgresql",
                    schema=_revision(copy),
                    rows=rows,
                    bytes=copy.stat().st_size,
                    sha256=_sha256(copy),
                    seeds=fingerprint(settings.seeds_dir),
                    settings=open_settings(settings),
                )
                _pack(draft, copy, manifest)
            with unpacked(draft):
                pass
            draft.replace(path)
            _sync(folder)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write a backup into {folder}: {error.strerror or error}") from error
    return BackupReport(path, manifest, path.stat().st_size, tuple(thin_out(folder, keep) if keep else ()))


def backups(folder: Path) -> list[Path]:
    """The backups in *folder*, oldest first."""
    return sorted(path for path in folder.glob("ricwatch-*.zip") if NAME.fullmatch(path.name))


def thin_out(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest *keep* backups of *folder*; gives those that are gone."""
    old = backups(folder)[:-keep] if keep > 0 else []
    for path in old:
        path.unlink()
    return old


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[Path, Manifest]]:
    """The database file of a backup, checked against its manifest, and the manifest; the file is gone after the block.

    Raises:
        InputError: it is no backup, or not whole; the message says what does not agree.
    """
    with tempfile.TemporaryDirectory(prefix="ricwatch-") as scratch:
        copy = Path(scratch) / DATABASE
        try:
            with zipfile.ZipFile(path) as archive:
                manifest = _manifest(archive, path)
                _unpack(archive, copy, manifest.bytes, path)
        except FileNotFoundError:
            raise InputError(f"there is no file {path}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
            raise InputError(f"{path} is not a whole backup ({error}); use another one") from error
        check(copy, manifest, path)
        yield copy, manifest


def _unpack(archive: zipfile.ZipFile, target: Path, size: int, name: Path) -> None:
    with archive.open(DATABASE) as packed, target.open("wb") as out:
        while block := packed.read(1 << 20):
            size -= len(block)
            if size < 0:  # a small file can unpack to any size
                raise InputError(f"{name}: {DATABASE} is larger than the manifest says; use another backup")
            out.write(block)


def check(database: Path, manifest: Manifest, name: Path) -> None:
    """Raise InputError where *database* is not what *manifest* says; *name* is the file named in the message."""
    if _sha256(database) != manifest.sha256:
        raise InputError(f"{name}: the checksum does not agree, its bytes were changed; use another backup")
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            verdict = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
            if verdict != ["ok"]:
                raise InputError(f"{name}: the database is damaged ({'; '.join(verdict)}); use another backup")
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
            if broken is not None:
                raise InputError(f"{name}: a row of {broken[0]} names one of {broken[2]} that is not there")
            found = {t: connection.execute(f'SELECT count(*) FROM "{t}"').fetchone()[0] for t in tables_of(connection)}
    except sqlite3.Error as error:
        raise InputError(f"{name}: the database does not open ({error}); use another backup") from error
    wrong = [table for table in {*found, *manifest.rows} if found.get(table) != manifest.rows.get(table)]
    if wrong:
        table = min(wrong)
        raise InputError(
            f"{name}: {table} has {found.get(table)} rows instead of {manifest.rows.get(table)}; use another backup"
        )
    if _revision(database) != manifest.schema:
        raise InputError(f"{name}: the schema is {_revision(database)}, and the manifest says {manifest.schema}")


def _manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    with archive.open(MANIFEST) as packed:
        raw = packed.read(MANIFEST_BYTES)
    try:
        manifest = Manifest(**json.loads(raw))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: its manifest cannot be read ({error}); is it from a newer version?") from error
    if manifest.format != FORMAT:
        raise InputError(f"{path} is of format {manifest.format}, and this version reads {FORMAT}; update ricwatch")
    return manifest


def _pack(target: Path, database: Path, manifest: Manifest) -> None:
    with target.open("wb") as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            archive.write(database, DATABASE)
            archive.writestr(MANIFEST, json.dumps(asdict(manifest), ensure_ascii=False, indent=1, default=str))
        out.flush()
        os.fsync(out.fileno())
    target.chmod(0o600)  # readers' addresses are in it


def _revision(database: Path) -> str:
    # Not through the store: that would turn the file into one with a log beside it.
    try:
        with closing(sqlite3.connect(database)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        raise StoreError(f"the database was never migrated ({error}); `ricwatch run` does it") from error
    return str(row[0]) if row else ""


def _free_name(folder: Path, now: dt.datetime) -> Path:
    stem = f"ricwatch-{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"
    path, number = folder / f"{stem}.zip", 1
    while path.exists():
        path, number = folder / f"{stem}-{number}.zip", number + 1
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    # The rename itself reaches the disk only with its folder.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
