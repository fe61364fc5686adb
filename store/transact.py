"""A transaction that is repeated when another process was first."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from store.db import Store

TRIES = 4
_T = TypeVar("_T")
_log = logging.getLogger("ricwatch.store")


def in_transaction(store: Store, work: Callable[[Session], _T], *, undo: Callable[[], None], what: str) -> _T:
    """What *work* gives, committed. *undo* puts what *work* changed in memory back whenever it was rolled back.

    Two processes may store the same item at the same moment, or wait for the same database: the later one is repeated
    and then finds the item known. *what* names the work in the log.

    Raises:
        IntegrityError, OperationalError: the last of four tries failed too.
    """
    for attempt in range(1, TRIES):
        try:
            with store.writing() as session:
                return work(session)
        except (IntegrityError, OperationalError) as error:
            undo()
            _log.info("%s: %s; trying again", what, type(error.orig).__name__)
            time.sleep(random.uniform(0.02, 0.2) * attempt)  # noqa: S311 (no secret: the processes fall out of step)
        except BaseException:
            undo()
            raise
    try:
        with store.writing() as session:
            return work(session)
    except BaseException:
        undo()
        raise
