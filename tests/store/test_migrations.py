"""From every schema that was ever released to the newest: the rows of before are there, whole, on either engine."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from alembic import command
from sqlalchemy import JSON, Column, DateTime, MetaData, Table, inspect, select
from sqlalchemy.types import Boolean, Date, Float, Integer, LargeBinary

from store.db import Store
from store.models import Base
from store.schema import newest_revision, revisions
from tests.store.test_db import move

NOON = dt.datetime(2025, 3, 4, 12, 0)  # noqa: DTZ001 (as the driver stores it, without the models' conversion)


def value(column: Column[Any], row: int) -> Any:
    """Something of the column's type that differs from row to row."""
    kind = column.type
    if column.foreign_keys:
        target = next(iter(column.foreign_keys)).column
        return value(target, row)
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, JSON):
        return []
    if isinstance(kind, DateTime):
        return NOON.replace(tzinfo=dt.UTC) if kind.timezone else NOON
    if isinstance(kind, Date):
        return NOON.date() + dt.timedelta(days=row)
    if isinstance(kind, Float):
        return 0.5
    if isinstance(kind, Integer):
        return row
    if isinstance(kind, LargeBinary):
        return b"\x00\xff"
    return f"v{row}"


def fill(store: Store) -> dict[str, int]:
    """Two rows in every table of the schema as it is; gives the tables."""
    metadata = MetaData()
    metadata.reflect(store.engine)
    tables = [table for table in metadata.sorted_tables if table.name != "alembic_version"]
    with store.engine.begin() as connection:
        for table in tables:
            for row in (1, 2):
                connection.execute(table.insert().values({c.name: value(c, row) for c in table.columns}))
    return {table.name: 2 for table in tables}


@pytest.mark.parametrize("released", revisions())
def test_rows_of_a_released_schema_come_whole_to_the_newest(released: str, any_store: Store) -> None:
    move(any_store, command.downgrade, released)
    tables = fill(any_store)
    before = contents(any_store, tables)
    assert any_store.migrate() == newest_revision()
    after = contents(any_store, tables)
    for name, rows in before.items():
        assert len(after[name]) == 2, name
        for old, new in zip(rows, after[name], strict=True):
            assert {key: new[key] for key in old} == old, name
    # And the models read every one of them.
    with any_store.session() as session:
        for mapper in Base.registry.mappers:
            session.scalars(select(mapper.class_)).all()


def contents(store: Store, tables: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
    """The rows of *tables* as the database holds them, by key."""
    known = set(inspect(store.engine).get_table_names())
    with store.engine.connect() as connection:
        return {
            name: [
                dict(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for name in tables
            if name in known
            for table in [Table(name, MetaData(), autoload_with=store.engine)]
        }
