"""Stored articles are read once per model version, newest first, and nothing is lost when a run is broken off."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import func, select

from classify.batch import any_pending, classify_pending, forget_since, pending
from classify.model import Backend
from store.db import Store
from store.models import Article, Reading, ReadingDyad, SeriesState
from tests.classify.helpers import Echo, add_articles

NOW = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
TITLES = ["plus one", "other two", "minus three", "zero four", "plus five"]


def count(store: Store, model: str = "echo-1") -> int:
    with store.session() as session:
        return session.scalar(select(func.count()).where(Reading.model == model)) or 0


def test_what_is_stored_is_what_was_read(store: Store) -> None:
    add_articles(store, TITLES)
    report = classify_pending(store, Echo(), now=NOW)
    assert (report.read, report.relevant, report.model) == (5, 4, "echo-1")
    assert report.stances == {"IN-RU": {"minus": 1, "zero": 1, "plus": 2}}
    with store.session() as session:
        rows = session.execute(
            select(Article.title, Reading, ReadingDyad)
            .join(Reading, Reading.article_id == Article.id)
            .join(ReadingDyad, ReadingDyad.reading_id == Reading.id)
        ).all()
        assert {title: (dyad.dyad, dyad.stance) for title, _, dyad in rows} == {
            "plus one": ("IN-RU", 1),
            "minus three": ("IN-RU", -1),
            "zero four": ("IN-RU", 0),
            "plus five": ("IN-RU", 1),
        }
        for title, reading, dyad in rows:
            assert dyad.p_minus + dyad.p_zero + dyad.p_plus == pytest.approx(1.0)
            assert reading.themes == [{"code": "trade", "p": 0.6667}]
            assert reading.evidence == title
            assert reading.read_at == NOW


def test_the_newest_day_is_read_first(store: Store) -> None:
    add_articles(store, TITLES)
    model = Echo()
    assert classify_pending(store, model, now=NOW, batch=2, limit=3).read == 3
    assert model.titles == TITLES[:1:-1]


def test_a_second_run_reads_nothing_and_a_new_article_is_read_alone(store: Store) -> None:
    add_articles(store, TITLES)
    classify_pending(store, Echo(), now=NOW)
    assert classify_pending(store, Echo(fail_on="plus one"), now=NOW).read == 0
    with store.session() as session:
        assert not any_pending(session, "echo-1")
        assert any_pending(session, "echo-2")
    add_articles(store, ["plus six"], dt.date(2024, 7, 1))
    with store.session() as session:
        assert any_pending(session, "echo-1")
    model = Echo()
    assert classify_pending(store, model, now=NOW).read == 1
    assert model.titles == ["plus six"]


def test_a_new_version_reads_everything_again_beside_the_old(store: Store) -> None:
    add_articles(store, TITLES)
    classify_pending(store, Echo(), now=NOW)
    assert classify_pending(store, Echo("echo-2"), now=NOW).read == 5
    assert (count(store), count(store, "echo-2")) == (5, 5)


def test_a_run_that_breaks_off_keeps_its_batches_and_the_next_one_ends_the_work(store: Store) -> None:
    add_articles(store, TITLES)
    with pytest.raises(RuntimeError, match="plus one"):
        classify_pending(store, Echo(fail_on="plus one"), now=NOW, batch=2)
    assert count(store) == 4
    with store.session() as session:
        assert pending(session, "echo-1") == 1
    assert classify_pending(store, Echo(), now=NOW, batch=2).read == 1
    assert count(store) == 5


@pytest.mark.parametrize("batch", [1, 2, 3, 500])
def test_articles_of_one_day_are_all_read_whatever_the_batch(store: Store, batch: int) -> None:
    add_articles(store, TITLES, apart=False)
    assert classify_pending(store, Echo(), now=NOW, batch=batch).read == 5
    assert count(store) == 5


def test_progress_ends_at_the_total(store: Store) -> None:
    add_articles(store, TITLES)
    told: list[tuple[int, int | None]] = []
    classify_pending(
        store, Echo(), now=NOW, batch=2, progress=lambda done, total=None, note="": told.append((done, total))
    )
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_the_embedded_backend_fills_every_column(store: Store, reader: Backend) -> None:
    add_articles(store, ["India and Russia sign a long-term crude oil accord", "Mumbai Indians win"])
    report = classify_pending(store, reader, now=NOW)
    assert (report.read, report.relevant) == (2, 1)
    assert len(report.model) <= 60


def test_what_is_forgotten_is_read_again_and_nothing_before_it(store: Store) -> None:
    add_articles(store, TITLES)
    add_articles(store, ["plus six"], dt.date(2024, 7, 1))
    classify_pending(store, Echo(), now=NOW)
    with store.session() as session:
        kept = session.scalars(select(Reading.id).join(Article).where(Article.day < dt.date(2024, 7, 1))).all()
    assert forget_since(store, "echo-1", dt.date(2024, 7, 1)) == 1
    assert forget_since(store, "echo-1", dt.date(2024, 7, 1)) == 0
    assert forget_since(store, "another", dt.date(2000, 1, 1)) == 0
    again = Echo()
    assert classify_pending(store, again, now=NOW).read == 1
    assert again.titles == ["plus six"]
    with store.session() as session:
        assert set(kept) <= set(session.scalars(select(Reading.id)))


def test_what_is_read_anew_counts_as_new_although_its_number_was_in_use_before(store: Store) -> None:
    add_articles(store, TITLES)
    classify_pending(store, Echo(), now=NOW)
    with store.session() as session:
        newest = session.scalar(select(func.max(Reading.id))) or 0
        session.add(SeriesState(model="echo-1", last_reading_id=newest, updated_at=NOW))
    assert forget_since(store, "echo-1", dt.date(2000, 1, 1), batch=2) == 5
    classify_pending(store, Echo(), now=NOW)
    with store.session() as session:
        counted = session.scalars(select(SeriesState.last_reading_id)).one()
        assert session.scalar(select(func.count()).where(Reading.id > counted)) == 5
