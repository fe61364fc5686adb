"""The numbers for a machine: what a parser of Prometheus reads is what is in the database."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, update

from alerts.metrics import gather, quantile, text_of, write
from store.backup import make_backup
from store.db import Store
from store.models import Article, Digest, Feed, Outbox, Poll, Reading
from store.settings import Settings
from tests.alerts.helpers_store import MODEL, Item, add, day
from tests.alerts.test_outbox import queue

NOW = dt.datetime.combine(day(10), dt.time(12), dt.UTC)


def samples(store: Store, settings: Settings) -> dict[str, float]:
    """Each sample by its name and its labels' values."""
    return parsed(text_of(gather(store, settings, MODEL, now=NOW)))


def parsed(text: str) -> dict[str, float]:
    return {
        " ".join([sample.name.removeprefix("ricwatch_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def watched(store: Store) -> Store:
    """Ten articles, published at nine on ten days and read two hours later; one waits; three mails."""
    add(store, [Item(day(n), f"s{n}", dyads=[("IN-CN", (0.1, 0.1, 0.8))]) for n in range(10)])
    add(store, [Item(day(10), "unread")], read=False)
    queue(store, "a@example.org", "b@example.org", "c@example.org")
    with store.session() as session:
        feed = session.scalars(select(Feed)).one()
        feed.health, feed.last_success_at = "ok", NOW - dt.timedelta(minutes=5)
        poll = Poll(feed_key=feed.key, started_at=NOW, outcome="fetched")
        session.add(poll)
        session.flush()
        session.execute(update(Article).values(poll_id=poll.id))
        for reading in session.scalars(select(Reading)):
            reading.read_at += dt.timedelta(hours=2)
        session.execute(update(Digest).values(day=day(8), composed_at=NOW))
        one, two, _ = session.scalars(select(Outbox).order_by(Outbox.id))
        one.state, one.sent_at = "sent", dt.datetime.combine(day(9), dt.time(9), dt.UTC)
        two.state = "unknown"
    return store


def test_the_numbers_are_those_of_the_database(watched: Store, settings: Settings) -> None:
    found = samples(watched, settings)
    assert found["feeds ok"] == 1
    assert found["feeds blocked"] == 0, "a state at zero is told, or its alert would never clear"
    assert found["polls_last_day fetched"] == 1
    assert (found["articles"], found["unread_articles"]) == (11, 1)
    assert (found["outbox_mails sent"], found["outbox_mails unknown"], found["outbox_mails pending"]) == (1, 1, 1)
    assert (found["digests_last_year weekly"], found["false_alarms_per_year_target"]) == (1, 1)
    assert found["last_success_timestamp_seconds feed"] == (NOW - dt.timedelta(minutes=5)).timestamp()
    assert "last_success_timestamp_seconds backup" not in found


def test_lags_run_from_publication_to_the_reading_and_to_the_first_mail_that_could_tell(
    watched: Store, settings: Settings
) -> None:
    found = samples(watched, settings)
    assert found["lag_seconds 0.5 reading"] == found["lag_seconds 0.95 reading"] == 2 * 3600
    # The digest of day 8 left at nine on day 9: one to nine days after its articles, five in the middle.
    assert found["lag_seconds 0.5 mail"] == 5 * 86_400
    assert found["lag_seconds 0.95 mail"] == 9 * 86_400


def test_imports_and_undated_articles_have_no_lag(watched: Store, settings: Settings) -> None:
    with watched.session() as session:
        session.execute(update(Article).values(poll_id=None))
    assert not [name for name in samples(watched, settings) if name.startswith("lag_seconds")]


def test_an_empty_database_has_numbers_too(store: Store, settings: Settings) -> None:
    found = samples(store, settings)
    assert (found["articles"], found["unread_articles"]) == (0, 0)
    assert not [name for name in found if name.startswith("last_success")]


def test_the_file_is_replaced_as_a_whole_and_a_backup_is_noticed(
    watched: Store, settings: Settings, tmp_path: Path
) -> None:
    make_backup(watched, settings, settings.backups_folder, now=NOW)
    for _ in range(2):
        write(gather(watched, settings, MODEL, now=NOW), settings.metrics_file)
    found = parsed(settings.metrics_file.read_text())
    assert found["last_success_timestamp_seconds backup"] > 0
    assert [path.name for path in settings.var_dir.iterdir() if "metrics" in path.name] == ["metrics.prom"]


def test_a_quantile_is_a_value_that_was_measured() -> None:
    assert quantile([7.0], 0.95) == 7
    assert quantile([float(n) for n in range(1, 101)], 0.95) == 95
