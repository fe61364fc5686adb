"""Rows that get a running number, several at once: each with the number that the database gave it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert


def add_numbered(session: Session, table: Table, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Insert *rows*, all with the same columns, into *table* with its column `id`; gives the numbers in their order."""
    if not rows:
        return []
    in_order = session.get_bind().dialect.name != "sqlite"
    numbers = list(session.scalars(_adding(table, in_order), list(rows)))
    # SQLite has no statement that promises an order, so SQLAlchemy would send one for each row. But it numbers the
    # rows of an insert upwards in their order (https://www.sqlite.org/autoinc.html), so the smallest is the first's.
    return numbers if in_order else sorted(numbers)


@cache
def _adding(table: Table, in_order: bool) -> ReturningInsert[tuple[int]]:
    return insert(table).returning(table.c.id, sort_by_parameter_order=in_order)
