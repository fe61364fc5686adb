"""Alembic's entry: runs the revisions on the engine that `store.db.Store.migrate` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import func, select

import store.people  # noqa: F401  (its tables belong to the same metadata)
from store.db import BEGIN
from store.models import Base

SCHEMA_LOCK = 7_221_201
"""A number of our own: PostgreSQL's advisory locks are named by numbers."""
engine = context.config.attributes["engine"]
# All in one transaction, also in SQLite, where Alembic would take one for each revision: of two processes that start at
# once the second waits, and then finds the newest schema.
with engine.connect().execution_options(**{BEGIN: "IMMEDIATE"}) as connection, connection.begin():
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(SCHEMA_LOCK)))
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
