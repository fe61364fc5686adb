"""Readings become votes and counts."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from sqlalchemy import select, update

from alerts.series import Member, update_series, votes_of
from store.db import Store
from store.models import Article, SeriesDay, SeriesState, Story, StoryMerge, Vote
from tests.alerts.helpers_store import MINUS, MODEL, PLUS, ZERO, Item, add, day

NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)


def votes(store: Store) -> list[tuple[Any, ...]]:
    """All votes, told apart by what does not depend on the order of arrival."""
    with store.session() as session:
        rows = session.execute(
            select(Vote, Article.url_key)
            .join(Article, Article.id == Vote.article_id)
            .order_by(Vote.day, Article.url_key)
        )
        return [
            (v.day, v.dyad, url, v.outlet, v.bloc, v.score, v.stance, v.theme, tuple(v.themes), v.copies)
            for v, url in rows
        ]


def counts(store: Store) -> dict[tuple[dt.date, str, str, str], tuple[int, int, int, float]]:
    with store.session() as session:
        return {
            (r.day, r.dyad, r.bloc, r.theme): (r.plus, r.zero, r.minus, round(r.score, 9))
            for r in session.scalars(select(SeriesDay))
        }


def test_a_story_has_one_vote_a_day_named_by_its_earliest_article(store: Store) -> None:
    add(
        store,
        [
            Item(day(0), "deal", "Beta", "russia", 12, [("IN-RU", MINUS)], ["arms"]),
            Item(day(0), "deal", "Alpha", "india", 6, [("IN-RU", PLUS)], ["energy", "us"]),
            Item(day(1), "deal", "Gamma", "china", 3, [("IN-RU", PLUS)]),
        ],
    )
    report = update_series(store, MODEL, now=NOW)
    assert (report.readings, report.days, report.votes, report.first, report.last) == (3, 2, 2, day(0), day(1))
    first, second = votes(store)
    assert first[3:5] == ("Alpha", "india")
    assert first[5] == pytest.approx(0.0)
    assert first[7:] == ("energy", ("energy", "us"), 2)
    assert second[3] == "Gamma"
    assert second[5] == pytest.approx(0.8)


def test_counts_are_by_dyad_bloc_and_theme(store: Store) -> None:
    add(
        store,
        [
            Item(day(0), "a", "Alpha", "india", 1, [("IN-RU", PLUS), ("IN-CN", MINUS)], ["arms"]),
            Item(day(0), "b", "Beta", "russia", 2, [("IN-RU", ZERO)], ["trade"]),
            Item(day(0), "c", "Alpha", "india", 3, [("IN-RU", PLUS)], []),
            Item(day(0), "d", "Alpha", "india", 3, []),
        ],
    )
    update_series(store, MODEL, now=NOW)
    made = counts(store)
    assert made[day(0), "IN-RU", "", ""] == (2, 1, 0, 1.6)
    assert made[day(0), "IN-RU", "india", ""] == (2, 0, 0, 1.6)
    assert made[day(0), "IN-RU", "", "arms"] == (1, 0, 0, 0.8)
    assert made[day(0), "IN-RU", "india", "arms"] == (1, 0, 0, 0.8)
    assert made[day(0), "IN-CN", "", ""] == (0, 0, 1, -0.8)
    assert (day(0), "RU-CN", "", "") not in made


def items() -> list[Item]:
    rng = random.Random(5)
    made = []
    for number in range(60):
        outlet, bloc = rng.choice([("Alpha", "india"), ("Beta", "russia"), ("Gamma", "china")])
        made.append(
            Item(
                day(rng.randrange(4)),
                f"story {rng.randrange(25)}",
                outlet,
                bloc,
                rng.randrange(24),
                [(rng.choice(["IN-RU", "IN-CN"]), rng.choice([PLUS, ZERO, MINUS]))],
                [rng.choice(["arms", "trade"])],
                url=f"url {number}",
            )
        )
    return made


def test_the_order_of_arrival_does_not_matter(store: Store, tmp_path: Any) -> None:
    whole = items()
    add(store, whole)
    update_series(store, MODEL, now=NOW)
    other = Store(f"sqlite:///{tmp_path}/other.db")
    other.migrate()
    random.Random(1).shuffle(whole)
    for start in range(0, len(whole), 7):
        add(other, whole[start : start + 7])
        update_series(other, MODEL, now=NOW)
    assert votes(other) == votes(store)
    assert counts(other) == counts(store)
    other.close()


def test_a_second_update_does_nothing(store: Store) -> None:
    add(store, items())
    update_series(store, MODEL, now=NOW)
    before = votes(store)
    again = update_series(store, MODEL, now=NOW + dt.timedelta(hours=1))
    assert (again.readings, again.days, again.votes, again.first) == (0, 0, 0, None)
    assert votes(store) == before
    with store.session() as session:
        state = session.get(SeriesState, MODEL)
        assert state is not None
        assert state.updated_at == NOW


def test_only_touched_days_are_counted_again(store: Store) -> None:
    add(store, [Item(day(i), f"s{i}", dyads=[("IN-RU", PLUS)]) for i in range(5)])
    update_series(store, MODEL, now=NOW)
    add(store, [Item(day(3), "late", dyads=[("IN-RU", MINUS)])])
    report = update_series(store, MODEL, now=NOW)
    assert (report.days, report.first, report.votes) == (1, day(3), 2)
    assert len(votes(store)) == 6


def test_models_are_kept_apart(store: Store) -> None:
    add(store, [Item(day(0), "s", dyads=[("IN-RU", PLUS)])])
    add(store, [Item(day(0), "s", dyads=[("IN-RU", MINUS)])], model="test-2")
    update_series(store, MODEL, now=NOW)
    update_series(store, "test-2", now=NOW)
    assert sorted(row[5] for row in votes(store)) == pytest.approx([-0.8, 0.8])


def test_an_update_that_breaks_off_leaves_nothing_half_done(store: Store) -> None:
    add(store, items())

    def stop(done: int, total: int | None = None, note: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update_series(store, MODEL, now=NOW, progress=stop)
    assert votes(store) == []
    assert update_series(store, MODEL, now=NOW).readings == 60


def test_a_tie_of_probabilities_is_neutral() -> None:
    at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    even = [
        Member(day(0), "IN-RU", 1, i, at, f"u{i}", "Alpha", "india", (), p) for i, p in enumerate([PLUS, ZERO, MINUS])
    ]
    (vote,) = votes_of([*even, *even])
    assert (vote.stance, vote.copies) == (0, 6)
    assert vote.score == pytest.approx(0, abs=1e-12)


def test_a_merge_of_stories_counts_the_days_of_the_one_that_is_gone_again(store: Store) -> None:
    add(
        store,
        [
            Item(day(0), "pact", "Alpha", "india", 6, [("IN-RU", PLUS)]),
            Item(day(0), "reactors", "Beta", "russia", 9, [("IN-RU", PLUS)]),
            Item(day(1), "reactors", "Beta", "russia", 9, [("IN-RU", MINUS)]),
        ],
    )
    update_series(store, MODEL, now=NOW)
    assert len(votes(store)) == 3
    with store.session() as session:
        kept, gone = session.scalars(select(Story.id).order_by(Story.id))
        article = session.scalar(select(Article.id).order_by(Article.id.desc()))
        session.execute(update(Article).values(story_id=kept))
        session.add(
            StoryMerge(
                kept_id=kept,
                gone_id=gone,
                gone_title="reactors",
                article_id=article,
                likeness=0.8,
                first_day=day(0),
                last_day=day(1),
                merged_at=NOW,
            )
        )
    report = update_series(store, MODEL, now=NOW)
    assert (report.readings, report.days, report.votes) == (0, 2, 2)
    assert counts(store)[day(0), "IN-RU", "", ""][:3] == (1, 0, 0)
    assert update_series(store, MODEL, now=NOW).days == 0, "a merge is counted once"
