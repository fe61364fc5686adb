"""Engines, sessions and migrations. SQLite runs in WAL mode so that the UI can read while a flow writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from store.errors import StoreError
from store.faults import in_words
from store.private import private_file
from store.schema import newest_revision, revision_of, upgrade

BEGIN = "ricwatch_begin"
"""Execution option: how SQLite begins, where that is not DEFERRED."""
BUSY = 30.0
"""Seconds that a statement waits for another process that writes into the same SQLite file."""

CACHE_KIB = 4_096
WIDE_CACHE_KIB = 65_536
"""What SQLite keeps of the database in memory, in KiB: as a rule, and for who goes through all of it.

Items are known by hashes, which lie all over their index: with SQLite's own 2 MB an import into a large database would
read most of it again for every batch.
"""


def make_engine(url: str) -> Engine:
    """An engine for *url*; for SQLite the folder is made and WAL, foreign keys and a busy timeout are set."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY})
    file = Path(parsed.database) if parsed.database and parsed.database != ":memory:" else None

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # BEGIN is left to SQLAlchemy below: the driver's own late BEGIN lets two writers both read, then deadlock.
        connection.isolation_level = None
        if file is not None and file.is_file() and not file.stat().st_size:
            private_file(file)  # readers' addresses will be in it; SQLite gives its -wal and -shm the same rights
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={round(BUSY * 1000)}")
        cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(BEGIN, '')}".strip())

    return engine


def _wide(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA cache_size=-{WIDE_CACHE_KIB}").close()


class Store:
    """A database with its session factory; made once per process and passed down.

    >>> store = Store("sqlite://"); store.url
    'sqlite://'
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = make_engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        writing = self.engine.execution_options(**{BEGIN: "IMMEDIATE"})
        self._writing = sessionmaker(writing, expire_on_commit=False)

    def widen(self) -> None:
        """Let SQLite keep more in memory from the next session on: for imports, not for polls."""
        in_memory = self.engine.url.database in (None, "", ":memory:")  # and gone with its last connection
        if self.engine.dialect.name == "sqlite" and not in_memory and not event.contains(self.engine, "connect", _wide):
            event.listen(self.engine, "connect", _wide)
            self.engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that is committed at the end of the block and rolled back on an error.

        For who reads, or writes first of all. Who reads and then writes what follows from it takes `writing`.
        """
        with self._sessions() as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """The same for who reads before writing: on SQLite nobody else writes from the beginning of the block.

        A reader of SQLite who writes after somebody else wrote is refused at once, however long it would wait: what it
        read is old (https://sqlite.org/isolation.html). So it waits for its turn before it reads. Nothing that takes
        long belongs into the block.
        """
        with self._writing() as session, session.begin():
            yield session

    def migrate(self) -> str:
        """Bring the schema to the newest revision; gives that revision. Safe to call on every start."""
        try:
            if self.revision() == newest_revision():
                return newest_revision()  # no lock is asked for, behind which a long transaction may stand
            upgrade(self.engine)
        except SQLAlchemyError as error:
            told = in_words(error, self.url)
            raise told or StoreError(f"cannot migrate the database {self.safe_url}: {error}") from error
        return newest_revision()

    def revision(self) -> str | None:
        """The schema revision found in the database; None when it was never migrated."""
        try:
            with self.engine.connect() as connection:
                return revision_of(connection)
        except SQLAlchemyError as error:
            told = in_words(error, self.url)
            raise told or StoreError(f"cannot open the database {self.safe_url}: {error}") from error

    @property
    def safe_url(self) -> str:
        """The URL with its password hidden, for messages."""
        return make_url(self.url).render_as_string(hide_password=True)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
