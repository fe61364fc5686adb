"""INSERT … ON CONFLICT: alike in SQLite and PostgreSQL, but SQLAlchemy keeps it with each of the two."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(dialect: str, table: Table | type[Any]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT into *table* that can say what happens ON CONFLICT, for a database of that *dialect* (its name)."""
    statement: postgresql.Insert | sqlite.Insert = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    return statement
