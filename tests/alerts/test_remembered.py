"""The detector's states in the database: what is gone on from, and what makes the days be gone through again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select, update

from alerts import packing, remembered
from alerts.checkpoint import Run, Sources, go_on
from alerts.detect import Asked, Known
from alerts.load import load_coverage
from alerts.model import Direction, Kind
from alerts.packing import from_bytes, to_bytes
from alerts.remembered import is_kept
from alerts.series import update_series
from alerts.shifts import DetectReport, detect_shifts
from store.changes import changes_so_far, days_changed
from store.db import Store
from store.models import DetectorCheckpoint, Feed, FeedDay, Poll, Shift
from store.settings import Settings
from tests.alerts.helpers_store import MINUS, MODEL, OUTLETS, PLUS, Item, add, day, feed_days, press

NOW = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)


def decide(store: Store, settings: Settings, index: int) -> DetectReport:
    update_series(store, MODEL, now=NOW)
    return detect_shifts(store, settings, MODEL, day=day(index), now=NOW)


def asked(settings: Settings) -> Asked:
    return Asked(settings.false_alarms_per_year)


def known(store: Store) -> list[Known]:
    with store.session() as session:
        shifts = session.scalars(select(Shift).order_by(Shift.detected, Shift.id)).all()
    return [
        Known(
            one.dyad,
            Kind(one.kind),
            Direction(one.direction),
            one.onset,
            one.detected,
            one.magnitude,
            one.theme,
            one.bloc,
        )
        for one in shifts
    ]


def gone_on(store: Store, settings: Settings, index: int) -> Run:
    with store.session() as session:
        run = remembered.run_to(session, MODEL, day(index), asked(settings), known(store))
    assert run is not None
    return run


def through_all(store: Store, settings: Settings, index: int) -> Run:
    with store.session() as session:
        coverage = load_coverage(session, MODEL, day(index))
    assert coverage is not None
    return go_on(coverage, asked(settings), known(store), stops=[day(index)])


def assert_same(store: Store, settings: Settings, index: int) -> Run:
    """The run that goes on from a state comes to what a run through all days comes to; gives the former."""
    mine, whole = gone_on(store, settings, index), through_all(store, settings, index)
    assert mine.detection.found == whole.detection.found
    if mine.checkpoints:
        ours, theirs = (to_bytes(replace(run.checkpoints[-1], sources=Sources())) for run in (mine, whole))
        assert ours == theirs
    assert mine.reporting.expected[-1] == whole.reporting.expected[-1]
    assert mine.coverage.earlier + mine.coverage.days == whole.coverage.days
    return mine


def stored_days(store: Store) -> list[int]:
    with store.session() as session:
        days = session.scalars(select(DetectorCheckpoint.day).order_by(DetectorCheckpoint.day)).all()
    return [(one - day(0)).days for one in days]


def test_either_database_gives_the_same_from_a_state_as_from_all_days(any_store: Store, settings: Settings) -> None:
    scores = [Item(day(index), f"{index} {n}", dyads=[("IN-CN", (0.1, 0.2, 0.7 - n / 97))], hour=n)
              for index in range(40) for n in range(3)]  # fmt: skip
    add(any_store, scores)
    feed_days(any_store, 40)
    for index in (36, 37):
        decide(any_store, settings, index)
    assert assert_same(any_store, settings, 38).first == 38
    decide(any_store, settings, 38)
    assert stored_days(any_store)[-3:] == [36, 37, 38]


@pytest.fixture
def watched(store: Store) -> Store:
    """Sixty days that were decided on day by day at the end."""
    add(store, press(64, mean=[0.1] * 64, per_outlet=1.5))
    feed_days(store, 64)
    return store


def test_the_next_day_reads_that_day_alone(watched: Store, settings: Settings) -> None:
    decide(watched, settings, 59)
    run = assert_same(watched, settings, 60)
    assert (run.first, run.coverage.days) == (60, 61)
    assert [checkpoint.day for checkpoint in run.checkpoints] == [day(60)]
    again = gone_on(watched, settings, 59)
    assert (again.first, again.detection.found, again.checkpoints) == (60, [], ())


def test_the_last_days_are_kept_and_some_before() -> None:
    newest = dt.date(2026, 11, 26)
    ages = [age for age in range(400) if is_kept(newest - dt.timedelta(days=age), newest)]
    assert ages[:3] == [0, 1, 2]
    assert 6 <= len(ages) <= 9
    assert max(ages) <= 84
    assert not is_kept(newest + dt.timedelta(days=1), newest)
    # What is kept on a day was kept on the day before, but for the day itself: nothing has to be made again.
    for later in range(1, 100):
        then, now = newest + dt.timedelta(days=later - 1), newest + dt.timedelta(days=later)
        held = {then - dt.timedelta(days=age) for age in range(100) if is_kept(then - dt.timedelta(days=age), then)}
        kept = {now - dt.timedelta(days=age) for age in range(100) if is_kept(now - dt.timedelta(days=age), now)}
        assert kept <= held | {now}


def test_a_late_article_goes_back_to_the_state_before_it(watched: Store, settings: Settings) -> None:
    for index in (58, 59, 60, 61):
        decide(watched, settings, index)
    assert stored_days(watched)[-3:] == [59, 60, 61]
    add(watched, [Item(day(60), "late", dyads=[("IN-CN", MINUS)])])
    update_series(watched, MODEL, now=NOW)
    assert stored_days(watched)[-1] == 59
    assert assert_same(watched, settings, 62).first == 60


def test_an_article_older_than_all_states_goes_through_all_days(watched: Store, settings: Settings) -> None:
    decide(watched, settings, 61)
    add(watched, [Item(day(1), "very late", dyads=[("IN-CN", MINUS)])])
    update_series(watched, MODEL, now=NOW)
    assert stored_days(watched) == []
    assert assert_same(watched, settings, 62).first == 0


def test_another_target_or_a_shift_that_another_told_goes_through_the_days_again(
    watched: Store, settings: Settings
) -> None:
    decide(watched, settings, 61)
    strict = settings.model_copy(update={"false_alarms_per_year": 0.5})
    assert assert_same(watched, strict, 62).first == 0
    assert gone_on(watched, settings, 62).first == 62
    with watched.session() as session:
        # As found by another model version.
        session.add(
            Shift(
                model="another", dyad="IN-CN", kind="stance", direction="divergence", onset=day(50), detected=day(55),
                magnitude=-0.3, low=-0.4, high=-0.2, before=0.1, after=-0.2, log_evidence=7.0, threshold=6.0, years=2.0,
                confidence="moderate", status="open", text="", evidence={}, found_at=NOW,
            )
        )  # fmt: skip
    run = assert_same(watched, settings, 62)
    assert run.first < 55


def _change_bloc(store: Store) -> None:
    with store.session() as session:
        session.execute(update(Feed).where(Feed.key == "alpha").values(bloc="west"))


def _first_poll(store: Store) -> None:
    with store.session() as session:
        at = dt.datetime.combine(day(30), dt.time(3), tzinfo=dt.UTC)
        session.add(Poll(feed_key="beta", started_at=at, outcome="fetched"))


@pytest.mark.parametrize("change", [_change_bloc, _first_poll], ids=["bloc", "first poll"])
def test_a_feed_that_is_another_one_by_now_goes_through_all_days(
    watched: Store, settings: Settings, change: Callable[[Store], None]
) -> None:
    decide(watched, settings, 61)
    change(watched)
    assert assert_same(watched, settings, 62).first == 0


def test_a_feed_whose_items_are_counted_only_now_is_counted_so_from_the_first_of_its_days(
    store: Store, settings: Settings
) -> None:
    # A feed of the roster that is new: its first answer brings stories of the days before, and no count of these days.
    add(store, press(64, mean=[0.1] * 64, per_outlet=1.5))
    feed_days(store, 64)
    decide(store, settings, 58)
    news = [Item(day(index), f"new {index}", "Zeta", "west", dyads=[("IN-CN", PLUS)]) for index in range(56, 62)]
    add(store, news)
    decide(store, settings, 59)
    with store.session() as session:
        at = dt.datetime.combine(day(60), dt.time(3), tzinfo=dt.UTC)
        session.add(Poll(feed_key="zeta", started_at=at, outcome="fetched"))
        session.add(FeedDay(feed_key="zeta", day=day(60), seen=30, on_topic=1))
        days_changed(session, day(60))
    run = assert_same(store, settings, 60)
    assert run.first <= 56
    decide(store, settings, 60)
    assert assert_same(store, settings, 61).first == 61


@pytest.mark.parametrize("data", [b"", b"nonsense", None], ids=["empty", "nonsense", "another version"])
def test_a_state_that_cannot_be_read_is_made_anew(
    watched: Store, settings: Settings, data: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(watched, settings, 61)
    if data is None:
        monkeypatch.setattr(packing, "method", lambda: "another")
    else:
        with watched.session() as session:
            session.execute(update(DetectorCheckpoint).values(data=data))
    assert assert_same(watched, settings, 62).first == 0
    decide(watched, settings, 62)
    with watched.session() as session:
        newest = session.scalars(select(DetectorCheckpoint).order_by(DetectorCheckpoint.day.desc())).first()
        assert newest is not None
        assert from_bytes(newest.data).day == day(62)


def test_a_state_is_not_kept_when_a_day_changed_while_it_was_made(watched: Store, settings: Settings) -> None:
    update_series(watched, MODEL, now=NOW)
    with watched.session() as session:
        changes = changes_so_far(session)
    run = gone_on(watched, settings, 61)
    with watched.session() as session:
        days_changed(session, day(61))
    assert not remembered.save(watched, MODEL, run, changes=changes, now=NOW)
    assert stored_days(watched) == []
    assert remembered.save(watched, MODEL, run, changes=changes + 1, now=NOW)
    assert stored_days(watched)[-1] == 61


def test_a_day_in_the_past_is_decided_on_as_it_was(watched: Store, settings: Settings) -> None:
    for index in (58, 61):
        decide(watched, settings, index)
    # The state of day 60 was made in passing, and says nothing of day 61.
    assert assert_same(watched, settings, 60).first == 61


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_in_a_year_each_day_comes_to_what_all_days_come_to(
    store: Store, settings: Settings, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    often = settings.model_copy(update={"false_alarms_per_year": 24.0})
    days = 290
    mean = np.repeat(rng.choice([-0.8, 0.0, 0.8], 12), 25).tolist()
    ratio = np.repeat(rng.choice([0.4, 1.0, 3.0], 6), 50).tolist()
    items = press(days, mean=mean, ratio=ratio, per_outlet=0.5, seed=seed)
    arrivals: dict[int, list[Item]] = {}
    for item in items:
        index = (item.day - day(0)).days
        late = int(rng.choice([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 5])) if rng.random() < 0.97 else 30
        arrivals.setdefault(max(30, index + late), []).append(item)
    joins = int(rng.integers(100, 200))
    backlog = [
        Item(day(index), f"zeta {index} {n}", "Zeta", "west", dyads=[("IN-CN", PLUS)])
        for index in range(joins - 6, days)
        for n in range(int(rng.poisson(0.6)))
    ]
    for item in backlog:
        arrivals.setdefault(max(joins, (item.day - day(0)).days), []).append(item)
    checked = resumed = 0
    for index in range(30, days):
        add(store, arrivals.get(index, []))
        with store.session() as session:
            for outlet, _ in OUTLETS if index > 30 else []:
                session.add(FeedDay(feed_key=outlet.lower(), day=day(index), seen=int(rng.poisson(9)), on_topic=1))
            if index == joins:
                at = dt.datetime.combine(day(joins), dt.time(3), tzinfo=dt.UTC)
                session.add(Poll(feed_key="zeta", started_at=at, outcome="fetched"))
            if index > joins:
                session.add(FeedDay(feed_key="zeta", day=day(index), seen=12, on_topic=1))
            days_changed(session, day(index))
        if index == 230:
            _change_bloc(store)
        if rng.random() < 0.2:
            continue  # nobody ran it on that day
        update_series(store, MODEL, now=NOW)
        if rng.random() < 0.12:
            checked += 1
            resumed += assert_same(store, often, index).first > 0
        detect_shifts(store, often, MODEL, day=day(index), now=NOW)
    assert checked >= 12
    assert resumed >= checked / 2
    with store.session() as session:
        assert len(session.scalars(select(Shift.id)).all()) >= 3
