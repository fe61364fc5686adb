"""Alembic's entry: runs the revisions on the engine that `store.db.Store.migrate` hands over."""

from __future__ import annotations

from alembic import context

import store.people  # noqa: F401  (its tables belong to the same metadata)
from store.models import Base

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
