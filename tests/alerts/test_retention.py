"""Forgetting: what may go goes in small batches, and no number moves."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from alerts import retention
from alerts.outbox import MailState
from alerts.retention import TidyReport, tidy
from alerts.series import update_series
from alerts.shifts import detect_shifts
from ingest.articles import store_entries
from ingest.roster import sync_roster
from store.db import Store
from store.deeds import keep_deed
from store.models import (
    Article,
    Digest,
    Feed,
    FeedDay,
    Outbox,
    Poll,
    Reading,
    ReadingDyad,
    SeenItem,
    SeriesDay,
    Shift,
    ThemeDay,
    Vote,
)
from store.people import Deed
from store.settings import Settings
from tests.alerts.helpers_store import MODEL, add, day, feed_days, press
from tests.alerts.test_outbox import queue
from tests.ingest.helpers import entry, feed
from tests.store.test_db import FEED

NOW = dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)
HARSH = {f"keep_{what}_days": 1 for what in ("texts", "readings", "polls", "seen", "mails")}
"""Everything older than a day may go: what does not move a number then never does."""
LEFT_OUT = {"id", "evidence"}
"""A shift's evidence quotes a sentence of each story; of texts that are gone there is none to quote."""
MEAN = [0.1] * 120 + [-0.7] * 50


@pytest.fixture
def harsh(settings: Settings) -> Settings:
    return settings.model_copy(update=HARSH)


def gone(report: TidyReport) -> dict[str, int]:
    return {row.what: row.rows for row in report.rows}


def scalar(store: Store, query: str) -> int:
    with store.session() as session:
        return int(session.execute(text(query)).scalar_one())


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """The same 130 days in two databases: feeds that began to be polled on day 20, read by two models."""
    kept, tidied = (Store(f"sqlite:///{tmp_path / name}.db") for name in ("kept", "tidied"))
    kept.migrate()
    fill(kept, 130)
    kept.close()
    shutil.copy(tmp_path / "kept.db", tmp_path / "tidied.db")
    yield kept, tidied
    kept.close()
    tidied.close()


def fill(store: Store, days: int) -> None:
    """Press that will turn on day 120."""
    early = [item for item in press(170, mean=MEAN) if item.day < day(days)]
    add(store, early)
    add(store, [item for item in early if item.day < day(10)], "older-1")
    feed_days(store, days)
    with store.session() as session:
        session.execute(update(Article).values(text="Some text"))
        for one in session.scalars(select(Feed)):
            for index in range(20, days):
                at = dt.datetime.combine(day(index), dt.time(3), tzinfo=dt.UTC)
                session.add(Poll(feed_key=one.key, started_at=at, outcome="fetched"))
    update_series(store, MODEL, now=NOW)


@pytest.fixture
def filled(store: Store) -> Store:
    fill(store, 30)
    return store


def test_the_detector_gives_the_same_answers_after_the_harshest_tidying(
    pair: tuple[Store, Store], harsh: Settings
) -> None:
    _kept, tidied = pair
    at = dt.datetime.combine(day(130), dt.time(6), tzinfo=dt.UTC)
    forgot = gone(tidy(tidied, harsh, MODEL, now=at))
    assert forgot["article texts"] > 2_000
    assert forgot["readings of earlier models"] > 150
    assert forgot["polls"] == 5 * (110 - 2), "a feed's first and newest poll stay"
    answers = []
    for store in pair:
        # What comes later: new days, and late articles of days whose texts are gone.
        later = [item for item in press(170, mean=MEAN) if item.day >= day(130)]
        late = [item for item in press(60, mean=[0.9] * 60, seed=9) if item.day == day(50)]
        add(store, [*later, *late])
        feed_days(store, 170, first=130)
        update_series(store, MODEL, now=NOW)
        found = [detect_shifts(store, harsh, MODEL, day=day(index), now=NOW).new for index in range(120, 170, 3)]
        with store.session() as session:
            tables = [
                session.execute(
                    select(*(c for c in table.__table__.columns if c.name not in LEFT_OUT)).order_by(text("1, 2, 3, 4"))
                )
                .tuples()
                .all()
                for table in (Vote, SeriesDay, ThemeDay, FeedDay, Shift)
            ]
        answers.append((found, tables))
    assert answers[0] == answers[1]
    assert any(one.direction == "divergence" for step in answers[1][0] for _, one in step)


def test_a_dry_run_counts_and_changes_nothing(filled: Store, harsh: Settings) -> None:
    at = dt.datetime.combine(day(30), dt.time(6), tzinfo=dt.UTC)
    counted = tidy(filled, harsh, MODEL, now=at, dry_run=True)
    assert "dry run: would forget" in counted.summary
    assert scalar(filled, "SELECT count(*) FROM article WHERE text = ''") == 0
    assert gone(tidy(filled, harsh, MODEL, now=at)) == gone(counted)
    assert set(gone(tidy(filled, harsh, MODEL, now=at)).values()) == {0}


def test_zero_keeps_for_ever(filled: Store, settings: Settings) -> None:
    for_ever = settings.model_copy(update=dict.fromkeys(HARSH, 0))
    assert set(gone(tidy(filled, for_ever, MODEL, now=NOW)).values()) == {0}


def test_the_defaults_touch_nothing_that_the_detector_looks_back_to(settings: Settings) -> None:
    from alerts.history import LOOK_BACK
    from alerts.reporting import GUARD, WINDOW

    # A new model reads everything again, and from titles alone it would read the far end of that differently.
    assert settings.keep_texts_days >= LOOK_BACK + WINDOW + GUARD


def test_readings_in_force_stay_and_those_of_an_earlier_model_go_with_their_parts(
    filled: Store, harsh: Settings
) -> None:
    with filled.session() as session:
        before = session.scalar(select(func.count()).where(Reading.model == MODEL))
    tidy(filled, harsh, MODEL, now=NOW)
    with filled.session() as session:
        assert session.scalar(select(func.count()).where(Reading.model == MODEL)) == before
        assert session.scalar(select(func.count()).where(Reading.model == "older-1")) == 0
        assert session.scalar(select(func.count()).select_from(ReadingDyad)) == before
        assert session.scalars(select(Article.title)).first()


def test_others_write_between_two_batches(filled: Store, harsh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 100)
    written = []

    def write(done: int, total: int | None = None, note: str = "") -> None:
        with filled.engine.connect() as other:
            other.exec_driver_sql("PRAGMA busy_timeout=0")
            other.exec_driver_sql("UPDATE feed SET failures = failures + 1")
            other.commit()
        written.append(done)

    tidy(filled, harsh, MODEL, now=NOW, progress=write)
    assert len(written) > 10


ITEMS = [entry("Cricket", "https://x.in/1"), entry("Weather", "https://x.in/2")]


def poll(store: Store, at: dt.datetime, *entries: object) -> None:
    with store.session() as session:
        one = session.get_one(Feed, "a")
        counts = store_entries(session, one, 1, entries, now=at, on_topic=lambda _: False)  # type: ignore[arg-type]
        if counts.off_topic:
            one.last_new_at = at


def seen(store: Store) -> tuple[int, int]:
    """Items remembered, and items counted."""
    with store.session() as session:
        return (
            session.scalar(select(func.count()).select_from(SeenItem)) or 0,
            session.scalar(select(func.sum(FeedDay.seen))) or 0,
        )


def test_an_item_that_a_feed_still_holds_is_never_counted_anew(store: Store, settings: Settings) -> None:
    with store.session() as session:
        sync_roster(session, [feed("a", outlet="A")])
    poll(store, NOW, *ITEMS)
    # Silent for two years: whether it still holds them is not known until it is read anew.
    later = NOW + dt.timedelta(days=730)
    assert gone(tidy(store, settings, MODEL, now=later))["items outside the topic"] == 0
    poll(store, later, *ITEMS, entry("Chess", "https://x.in/3"))
    assert seen(store) == (3, 3)
    assert gone(tidy(store, settings, MODEL, now=later))["items outside the topic"] == 0
    # It goes on with one of the old ones; the others left it.
    for weeks in range(1, 20):
        poll(store, later + dt.timedelta(weeks=weeks), ITEMS[0], entry(f"Golf {weeks}", f"https://x.in/g{weeks}"))
    end = later + dt.timedelta(weeks=19)
    assert gone(tidy(store, settings, MODEL, now=end))["items outside the topic"] > 2
    remembered, counted = seen(store)
    poll(store, end, ITEMS[0], entry("Golf 19", "https://x.in/g19"))
    assert seen(store) == (remembered, counted)


def test_an_import_can_be_repeated_after_any_time(store: Store, harsh: Settings) -> None:
    with store.session() as session:
        session.add(Feed(**FEED, last_new_at=NOW))
        session.flush()
        session.add(SeenItem(feed_key="demo", item_hash="x", day=day(0), last_seen=day(0)))
    assert gone(tidy(store, harsh, MODEL, now=NOW + dt.timedelta(days=900)))["items outside the topic"] == 0


def test_the_bytes_of_delivered_mails_go_and_those_of_unknown_fate_stay(store: Store, harsh: Settings) -> None:
    numbers = queue(store, "a@example.org", "b@example.org", "c@example.org", "d@example.org")
    with store.session() as session:
        for number, state in zip(numbers, ("sent", "failed", "unknown", "pending"), strict=True):
            session.get_one(Outbox, number).state = MailState(state)
    tidy(store, harsh, MODEL, now=NOW)
    with store.session() as session:
        left = dict(session.execute(select(Outbox.state, func.length(Outbox.mime))).tuples().all())
        assert (left["sent"], left["failed"]) == (0, 0)
        assert min(left["unknown"], left["pending"]) > 100
        assert session.scalars(select(Digest.subject)).all() == ["No shift this week"]


def test_deeds_are_forgotten_after_their_days(store: Store, harsh: Settings) -> None:
    with store.session() as session:
        for age in (harsh.keep_deeds_days, harsh.keep_deeds_days + 1):
            at = NOW - dt.timedelta(days=age)
            keep_deed(session, at=at, who="Ann", flow="tidy", run=f"{age}", asked=(), outcome="tidy")
    assert gone(tidy(store, harsh, MODEL, now=NOW))["deeds"] == 1
    with store.session() as session:
        assert session.scalars(select(Deed.run)).all() == [f"{harsh.keep_deeds_days}"]
