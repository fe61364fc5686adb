"""The daily decision on a database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts import remembered
from alerts.checkpoint import Run
from alerts.life import changed_at, events
from alerts.model import Direction, Kind
from alerts.series import update_series
from alerts.shifts import DetectReport, detect_shifts
from alerts.state import dyad_states
from store.db import Store
from store.models import Feed, FeedDay, Poll, Reading, Shift, StepLease
from store.settings import Settings
from tests.alerts.helpers_store import MODEL, OUTLETS, Item, add, day, feed_days, press
from tests.databases import copy_of

NOW = dt.datetime(2024, 12, 1, tzinfo=dt.UTC)


def decide(store: Store, settings: Settings, index: int, model: str = MODEL) -> DetectReport:
    update_series(store, model, now=NOW)
    return detect_shifts(store, settings, model, day=day(index), now=NOW)


@pytest.fixture(scope="module")
def turned(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with coverage that turns divergent on day 120; tests take copies."""
    path = tmp_path_factory.mktemp("turned") / "turned.db"
    with copy_of(migrated, path) as store:
        add(store, press(170, mean=[0.1] * 120 + [-0.7] * 50))
        feed_days(store, 170)
    return path


@pytest.fixture
def shifted(turned: Path, tmp_path: Path) -> Iterator[Store]:
    """Coverage that turns divergent on day 120."""
    with copy_of(turned, tmp_path / "shifted.db") as store:
        yield store


def test_a_shift_is_stored_with_its_evidence(shifted: Store, settings: Settings) -> None:
    report = decide(shifted, settings, 140)
    ((shift_id, found),) = report.new
    assert (found.dyad, found.kind, found.direction) == ("IN-CN", Kind.STANCE, Direction.DIVERGENCE)
    assert abs((found.onset - day(120)).days) <= 2
    assert report.open == [shift_id]
    with shifted.session() as session:
        shift = session.get(Shift, shift_id)
        assert shift is not None
        assert shift.text == found.text
        assert shift.found_at == NOW
        evidence = shift.evidence
    assert 3 <= len(evidence["stories"]) <= 5
    assert len({story["outlet"] for story in evidence["stories"]}) == len(evidence["stories"])
    assert all(story["stance"] == -1 and story["contribution"] < 0 for story in evidence["stories"])
    assert evidence["stories"][0]["sentence"].startswith("What ")
    assert evidence["counter"]["stance"] == 1
    assert evidence["outlet_count"] == 5
    assert sum(part["share"] for part in evidence["blocs"]) == pytest.approx(1)
    assert evidence["without_top_outlet"] < -0.4
    assert evidence["fragile"] == ""
    # All five outlets turned: there was enough that day without a fifth of the votes.
    assert (evidence["fires_without_top_outlet"], evidence["fires_without_top_story"]) == (True, True)


def test_running_again_changes_nothing(shifted: Store, settings: Settings) -> None:
    first = decide(shifted, settings, 145)
    assert len(first.new) == 1
    again = decide(shifted, settings, 145)
    assert (again.new, again.changed) == ([], [])
    assert again.open == first.open


def test_day_by_day_finds_what_one_run_finds(shifted: Store, settings: Settings) -> None:
    update_series(shifted, MODEL, now=NOW)
    found = []
    for index in range(110, 170):
        report = detect_shifts(shifted, settings, MODEL, day=day(index), now=NOW)
        assert all(one.detected == day(index) for _, one in report.new)
        found += report.new
    assert len(found) == 1
    with shifted.session() as session:
        assert session.scalar(select(func.count()).select_from(Shift)) == 1
        assert session.scalars(select(Shift.status)).one() == "confirmed"


def test_late_articles_do_not_tell_a_shift_twice(shifted: Store, settings: Settings) -> None:
    ((_, found),) = decide(shifted, settings, 132).new
    late = [
        Item(day(index), f"late {index} {n}", outlet, bloc, 5, [("IN-CN", (0.9, 0.05, 0.05))])
        for index in range(114, 130)
        for n, (outlet, bloc) in enumerate(OUTLETS)
    ]
    add(shifted, late)
    for index in (132, 133, 150, 169):
        report = decide(shifted, settings, index)
        assert [one for _, one in report.new if one.kind is Kind.STANCE] == []
    with shifted.session() as session:
        kept = session.scalars(select(Shift).where(Shift.kind == "stance")).one()
        assert (kept.onset, kept.detected) == (found.onset, found.detected)


def test_a_shift_that_does_not_last_fades(store: Store, settings: Settings) -> None:
    add(store, press(160, mean=[0.1] * 120 + [-0.9] * 7 + [0.1] * 33, seed=2))
    feed_days(store, 160)
    ((shift_id, found),) = decide(store, settings, 127).new
    due = max((found.onset - day(0)).days + 14, (found.detected - day(0)).days + 7)
    assert decide(store, settings, due - 1).changed == []
    assert decide(store, settings, due).changed == [(shift_id, "faded")]
    assert decide(store, settings, due + 1).changed == []


def test_a_return_closes_the_shift_it_undoes(store: Store, settings: Settings) -> None:
    add(store, press(230, mean=[0.0] * 110 + [-0.8] * 60 + [0.0] * 60, per_outlet=8, seed=3))
    feed_days(store, 230)
    report = decide(store, settings, 229)
    (first, one), (_, back) = report.new
    assert (one.returned, back.returned) == (False, True)
    with store.session() as session:
        gone = session.get(Shift, first)
        assert gone is not None
        assert gone.status == "returned"
        assert [one.state for one in events(session, first)] == ["found", "returned"]
        assert changed_at(session)[first] == events(session, first)[-1].at
    assert first not in report.open


def test_another_model_is_no_news(shifted: Store, settings: Settings) -> None:
    decide(shifted, settings, 145)
    # The new version sees another past: a shift on day 60 that the old one did not. It read it on day 150.
    moment = dt.datetime.combine(day(150), dt.time(7), tzinfo=dt.UTC)
    add(shifted, press(170, mean=[0.9] * 60 + [-0.2] * 60 + [-0.9] * 50), model="test-2")
    with shifted.session() as session:
        for reading in session.scalars(select(Reading).where(Reading.model == "test-2")):
            reading.read_at = moment
    report = decide(shifted, settings, 169, "test-2")
    assert [one for _, one in report.new if one.detected < day(150)] == []


def test_attention_names_who_wrote_more(store: Store, settings: Settings) -> None:
    add(store, press(150, mean=[0.1] * 150, ratio=[1.0] * 120 + [4.0] * 30, seed=4))
    feed_days(store, 150)
    ((shift_id, found),) = [pair for pair in decide(store, settings, 149).new if pair[1].kind is Kind.ATTENTION]
    assert found.direction is Direction.RISE
    with store.session() as session:
        shift = session.get(Shift, shift_id)
        assert shift is not None
        evidence = shift.evidence
    assert sum(part["share"] for part in evidence["outlets"]) == pytest.approx(1)
    assert sum(part["share"] for part in evidence["themes"]) == pytest.approx(1)
    assert evidence["outlets_moved"] == 5
    assert evidence["without_top_outlet"] == pytest.approx(found.magnitude, abs=0.5)
    assert (evidence["fires_without_top_outlet"], evidence["fires_without_top_story"]) == (True, True)


def test_what_a_first_poll_still_finds_of_the_past_is_no_rise(store: Store, settings: Settings) -> None:
    # The feeds still held one item in twenty of the time before they were first polled, on day 90.
    add(store, press(150, mean=[0.1] * 150, ratio=[0.05] * 90 + [1.0] * 60, seed=5))
    feed_days(store, 150, first=90)
    feed_days(store, 90, seen=2)
    with store.session() as session:
        for feed in session.scalars(select(Feed)):
            at = dt.datetime.combine(day(90), dt.time(3), tzinfo=dt.UTC)
            session.add(Poll(feed_key=feed.key, started_at=at, outcome="fetched"))
    assert [one for _, one in decide(store, settings, 149).new if one.kind is Kind.ATTENTION] == []


def test_too_few_feeds_for_three_days_is_degraded(shifted: Store, settings: Settings) -> None:
    with shifted.session() as session:
        for row in session.scalars(select(FeedDay).where(FeedDay.day > day(100), FeedDay.day <= day(104))):
            row.seen = 0
    healthy = decide(shifted, settings, 100)
    assert (healthy.degraded, healthy.usable, healthy.outlets_reporting, healthy.silent) == (False, True, 5, [])
    first = decide(shifted, settings, 101)
    assert (first.degraded, first.usable) == (False, False)
    third = decide(shifted, settings, 103)
    assert (third.degraded, third.outlets_reporting) == (True, 0)
    assert third.silent == sorted(name.lower() for name, _ in OUTLETS)


def test_no_reading_at_all_is_an_empty_report(store: Store, settings: Settings) -> None:
    report = decide(store, settings, 10)
    assert (report.new, report.open, report.history_days) == ([], [], 0)


def test_state_always_tells_of_three_dyads(shifted: Store, settings: Settings) -> None:
    report = decide(shifted, settings, 150)
    with shifted.session() as session:
        states = dyad_states(session, MODEL, day(150), false_alarms_per_year=1.0, chart_days=84)
        none = dyad_states(session, "no such model", day(150), false_alarms_per_year=1.0)
    assert [state.dyad for state in states] == ["IN-RU", "RU-CN", "IN-CN"]
    moved = states[2]
    assert moved.score is not None
    assert moved.baseline is not None
    assert moved.score_low is not None
    assert moved.score_high is not None
    assert moved.score_low < moved.score < moved.score_high
    assert moved.score == pytest.approx(-0.56, abs=0.15)
    assert moved.baseline > moved.score_high
    assert moved.plus + moved.zero + moved.minus == moved.stories
    assert moved.baseline_stories == pytest.approx(140, rel=0.1)
    assert moved.open_shift_id == report.open[0]
    assert moved.history_days == 151
    assert moved.smallest_shift is not None
    assert 0.1 < moved.smallest_shift < 0.5
    assert moved.smallest_attention is not None
    assert 0.2 < moved.smallest_attention < 1.0
    assert [point.day for point in moved.chart] == [day(150 - back) for back in range(83, -1, -1)]
    quiet = states[0]
    assert (quiet.stories, quiet.score, quiet.baseline, quiet.smallest_shift) == (0, None, None, None)
    assert len(quiet.chart) == 84
    assert all((state.history_days, state.score, state.baseline) == (0, None, None) for state in none)
    assert all(len(state.chart) == 84 for state in none)


def test_state_of_a_young_history_claims_no_baseline(shifted: Store, settings: Settings) -> None:
    decide(shifted, settings, 20)
    with shifted.session() as session:
        states = dyad_states(session, MODEL, day(20), false_alarms_per_year=1.0)
    assert (states[2].history_days, states[2].baseline, states[2].smallest_shift) == (21, None, None)
    assert states[2].stories > 0


def test_who_writes_while_it_reads_does_not_lose_the_shift(
    shifted: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes between its reading and its writing, as whoever renews a lease does."""
    reading = remembered.run_to

    def interrupted(session: Session, *rest: Any) -> Run | None:
        run = reading(session, *rest)
        other = Store(shifted.url)
        with closing(other), other.session() as apart:
            apart.add(StepLease(name="another step"))
        return run

    monkeypatch.setattr(remembered, "run_to", interrupted)
    assert len(decide(shifted, settings, 140).new) == 1
