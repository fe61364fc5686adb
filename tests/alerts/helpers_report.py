"""A real database in which the monitor watched, found a turn and told it: what reports and exports are made from."""

from __future__ import annotations

import atexit
import datetime as dt
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from alerts.digest import run_digest
from alerts.series import update_series
from alerts.shifts import detect_shifts
from store.db import Store
from store.settings import Settings
from tests.alerts.helpers_store import MODEL, add, day, feed_days, press

TURN, FOUND, DAYS = 90, 104, 150
LAST = day(DAYS - 1)
NOW = dt.datetime.combine(LAST + dt.timedelta(days=1), dt.time(7), dt.UTC)


def morning(index: int) -> dt.datetime:
    """The moment at which the day with that index has just been closed."""
    return dt.datetime.combine(day(index) + dt.timedelta(days=1), dt.time(7), dt.UTC)


def own_settings(folder: Path, **changes: object) -> Settings:
    """Settings that read nothing from the machine."""
    return Settings(_env_file=None, var_dir=folder, **changes)  # type: ignore[arg-type]


def turned(folder: Path) -> tuple[Store, Settings]:
    """India–China by five outlets: convergent until day 90, then divergent; decided on and told on day 104."""
    settings = own_settings(folder)
    shutil.copy(_made() / "ricwatch.db", folder / "ricwatch.db")
    return Store(settings.database), settings


@lru_cache(maxsize=1)
def _made() -> Path:
    """The folder of the database, made once for all tests."""
    folder = Path(tempfile.mkdtemp(prefix="ricwatch-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = own_settings(folder)
    store = Store(settings.database)
    store.migrate()
    add(store, press(DAYS, mean=[0.4] * TURN + [-0.5] * (DAYS - TURN), per_outlet=1.6))
    feed_days(store, DAYS)
    update_series(store, MODEL, now=NOW)
    detect_shifts(store, settings, MODEL, day=day(FOUND), now=morning(FOUND))
    run_digest(store, settings, MODEL, day=day(FOUND), now=morning(FOUND))
    store.close()  # the last connection takes what is in the journal into the file
    return folder
