"""Answers of a language model, kept so that none is paid for twice: one small SQLite file in the data folder.

It can be deleted at any time; then answers are paid for again. It holds answers and fingerprints, no texts, no keys.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from store.errors import StoreError

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, prompt TEXT NOT NULL, topic TEXT NOT NULL, text TEXT NOT NULL,
    answer TEXT, bad INTEGER NOT NULL DEFAULT 0
)
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an answer hangs on besides the text: endpoint and model, version of the prompt, fingerprint of the topic."""

    model: str
    prompt: str
    topic: str

    def key(self, text: str) -> str:
        """Names the answer to the question whose digest is *text*."""
        return hashlib.sha256("\n".join((self.model, self.prompt, self.topic, text)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """An earlier answer, or None, and how many bad ones came before."""

    answer: str | None
    bad: int


class Cache:
    """An opened cache file; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, identity: Identity) -> None:
        self._connection = connection
        self._identity = identity

    def get(self, text: str) -> Kept | None:
        """What is known of the question with the digest *text*."""
        row = self._connection.execute(
            "SELECT answer, bad FROM answers WHERE key = ?", (self._identity.key(text),)
        ).fetchone()
        return Kept(row[0], row[1]) if row else None

    def put(self, text: str, answer: str) -> None:
        """Keep an answer, at once: a run that is killed has not paid for nothing."""
        self._write(text, "answer = excluded.answer", answer, 0)

    def put_bad(self, text: str) -> None:
        """Count an answer that was of no use."""
        self._write(text, "bad = bad + 1", None, 1)

    def _write(self, text: str, change: str, answer: str | None, bad: int) -> None:
        own = self._identity
        self._connection.execute(
            "INSERT INTO answers (key, model, prompt, topic, text, answer, bad) VALUES (?, ?, ?, ?, ?, ?, ?) "
            f"ON CONFLICT (key) DO UPDATE SET {change}",
            (own.key(text), own.model, own.prompt, own.topic, text, answer, bad),
        )


@contextmanager
def open_cache(path: Path, identity: Identity) -> Iterator[Cache]:
    """The cache in the file *path*, which is made where it is absent.

    Raises:
        StoreError: the file cannot be opened or is no such file.
    """
    connection: sqlite3.Connection | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Answers are written by the thread that asks, while the one that opened the file waits for it.
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(_TABLES)
        yield Cache(connection, identity)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"the store of answers {path} cannot be used ({error}); it can be deleted, answers are then paid for again"
        ) from error
    finally:
        if connection is not None:
            connection.close()
