"""Report, feed and exports on PostgreSQL: the same rows as on SQLite, streamed from the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from alerts.export import Asked, What, export
from alerts.report import write_report
from alerts.series import update_series
from alerts.shifts import detect_shifts
from store.db import Store
from store.models import Base
from store.settings import Settings
from tests.alerts.helpers_report import NOW
from tests.alerts.helpers_store import MODEL, add, day, feed_days, press

LAST = day(69)


def test_report_and_exports_are_made(any_store: Store, settings: Settings, tmp_path: Path) -> None:
    add(any_store, press(70, mean=[0.8] * 50 + [-0.9] * 20, per_outlet=1.0))
    feed_days(any_store, 70)
    update_series(any_store, MODEL, now=NOW)
    assert detect_shifts(any_store, settings, MODEL, day=LAST, now=NOW).new
    done = write_report(any_store, settings, MODEL, tmp_path / "page.html", day=LAST, now=NOW)
    assert done.shifts >= 1
    assert "India–China coverage turned divergent" in done.path.read_text(encoding="utf-8")
    assert done.feed.read_text(encoding="utf-8").count("<entry>") == done.shifts
    for what in What:
        asked = Asked(what, tmp_path / f"{what}.csv", first=day(0), dyad="IN-CN")
        assert export(any_store, settings, MODEL, asked, day=LAST).rows > 0


@pytest.mark.postgres
def test_both_databases_give_the_same_files(
    postgres_url: str, store: Store, settings: Settings, tmp_path: Path
) -> None:
    other = Store(postgres_url)
    other.migrate()
    try:
        for one in (store, other):
            add(one, press(10, mean=[0.2] * 10))
            feed_days(one, 10)
            update_series(one, MODEL, now=NOW)
        for what in (What.SERIES, What.READINGS, What.STORIES):
            files = [tmp_path / f"{what}-{at}.csv" for at in (0, 1)]
            for one, file in zip((store, other), files, strict=True):
                assert export(one, settings, MODEL, Asked(what, file), day=LAST).rows > 10
            assert files[0].read_text() == files[1].read_text()
    finally:
        Base.metadata.drop_all(other.engine)
        with other.engine.begin() as connection:
            connection.execute(text("DROP TABLE alembic_version"))
        other.close()
