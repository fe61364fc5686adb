"""One consistent copy of a database, always as an SQLite file, whatever engine it came from.

SQLite is copied by its backup interface inside a read transaction: in WAL mode that is one moment of the database, and
writers go on meanwhile. PostgreSQL is read table by table through the models in one REPEATABLE READ transaction. That
was chosen over pg_dump because pg_dump must be there, must not be older than the server, and gives a file that only
PostgreSQL can check; this way every backup is checked by the same few lines, and moves from either engine to the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Table, func, insert, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from store.db import Store
from store.errors import StoreError
from store.models import Base
from store.schema import newest_revision

ROWS = 1_000
"""Rows that are read and written at once."""


def is_sqlite(store: Store) -> bool:
    """Whether the database is an SQLite file rather than a PostgreSQL server."""
    return store.engine.dialect.name == "sqlite"


def file_of(store: Store) -> Path:
    """The file of an SQLite database.

    Raises:
        StoreError: it lies in memory only.
    """
    name = make_url(store.url).database
    if not name or name == ":memory:":
        raise StoreError("a database in memory has no file; set RICWATCH_DATABASE_URL to one that has")
    return Path(name)


def copy_to_file(store: Store, target: Path) -> dict[str, int]:
    """Write a consistent copy of *store* into the new SQLite file *target*; gives the rows per table at that moment.

    Raises:
        StoreError: the database cannot be read, or a PostgreSQL schema is not the one that this version knows.
    """
    try:
        return _copy_sqlite(store, target) if is_sqlite(store) else _copy_tables(store, target)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreError(f"cannot copy the database {store.safe_url}: {error}") from error


def _copy_sqlite(store: Store, target: Path) -> dict[str, int]:
    source = file_of(store)
    if not source.is_file():
        raise StoreError(f"there is no database at {source} yet; `ricwatch run` makes it")
    with (
        closing(sqlite3.connect(source, timeout=30, isolation_level=None)) as live,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        # The counts and the copy see one moment only because both happen inside this transaction.
        live.execute("BEGIN")
        counts = {name: _count(live, name) for name in tables_of(live)}
        live.backup(copy)
        live.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    return counts


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """The tables of an SQLite database, by name; SQLite's own are left out."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    )
    return sorted(name for (name,) in rows)


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])


def _copy_tables(store: Store, target: Path) -> dict[str, int]:
    found, newest = store.revision(), newest_revision()
    if found != newest:
        raise StoreError(
            f"the database {store.safe_url} has schema {found}, and this version copies {newest}; back it up with the "
            "version that made it, or run `ricwatch run`, which migrates it"
        )
    made = Store(f"sqlite:///{target}")
    try:
        made.migrate()
        with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as source, source.begin():
            source.execute(text("SET TRANSACTION READ ONLY"))
            with made.engine.begin() as sink:
                counts = {table.name: copy_table(source, sink, table) for table in Base.metadata.sorted_tables}
    finally:
        made.close()
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")
    return {**counts, "alembic_version": 1}


def copy_table(source: Connection, sink: Connection, table: Table) -> int:
    """Copy all rows of *table*, oldest key first; gives their number."""
    copied = 0
    # Column by column through the models: moments, JSON and bytes arrive on the other engine as what they are.
    rows = source.execution_options(yield_per=ROWS).execute(select(table).order_by(*table.primary_key.columns))
    for part in rows.mappings().partitions(ROWS):
        sink.execute(insert(table), [dict(row) for row in part])
        copied += len(part)
    return copied


def replace_rows(source: Store, target: Store) -> None:
    """Make the rows of *target*, a PostgreSQL database of the newest schema, those of *source*, in one transaction."""
    tables = Base.metadata.sorted_tables
    with source.engine.connect() as old, target.engine.begin() as new:
        for table in reversed(tables):
            new.execute(table.delete())
        for table in tables:
            copy_table(old, new, table)
        _set_sequences(new, tables)


def _set_sequences(connection: Connection, tables: Sequence[Table]) -> None:
    # Rows that come with their numbers leave the sequences where they were; the next new row would take a used one.
    for table in tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        if sequence is not None:
            top = connection.scalar(select(func.max(column)))
            connection.execute(select(func.setval(sequence, top or 1, top is not None)))


def rows_of(store: Store) -> int:
    """Rows in all tables of the models that exist; 0 for a database that holds nothing yet."""
    from sqlalchemy import inspect

    known = set(inspect(store.engine).get_table_names())
    with store.engine.connect() as connection:
        return sum(
            connection.scalar(select(func.count()).select_from(text(f'"{table.name}"'))) or 0
            for table in Base.metadata.sorted_tables
            if table.name in known
        )
