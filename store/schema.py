"""Which schema a database has and which this version of the program expects; Alembic takes it from one to the other.

A database at the newest revision is the rule: each start asks, and none but an upgrade needs Alembic, which takes as
long to import as a poll of a hundred unchanged feeds. So the revisions are read off the names of their files here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from store.errors import StoreError

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
VERSION_TABLE = "alembic_version"


@cache
def revisions() -> tuple[str, ...]:
    """All revisions that this version of the program knows, the oldest first: the numbers that their files begin with.

    Raises StoreError where there are none.
    """
    found = tuple(sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py")))
    if not found:
        raise StoreError("this installation holds no migrations; install it again")
    return found


def newest_revision() -> str:
    """The revision that this version of the program expects."""
    return revisions()[-1]


def revision_of(connection: Connection) -> str | None:
    """The revision of the database behind *connection*; None when it was never migrated."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return found


def upgrade(engine: Engine) -> None:
    """Run the migrations that *engine*'s database lacks, in one transaction."""
    from alembic import command  # here, since hardly any start needs it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    command.upgrade(config, "head")
