"""Weekly series from a real store: they say what the digest says, reach back as far as asked, and break off in gaps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from alerts.series import update_series
from alerts.state import dyad_states
from alerts.weeks import Span, Week, bloc_weeks, recent, span_of, theme_weeks, tie_weeks
from ingest.ties import ties
from store.db import Store
from tests.alerts.helpers_report import DAYS, LAST, NOW, TURN, turned
from tests.alerts.helpers_store import MINUS, MODEL, PLUS, Item, add, day


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    store, _settings = turned(tmp_path_factory.mktemp("weeks"))
    with store.session() as session:
        yield session
    store.close()


def test_the_last_week_says_what_the_digest_says(session: Session) -> None:
    weeks = tie_weeks(session, MODEL, span_of(session, MODEL, LAST, 24), false_alarms_per_year=1.0)
    for state in dyad_states(session, MODEL, LAST, false_alarms_per_year=1.0):
        last = weeks[state.dyad][-1]
        assert (last.last, last.stories) == (LAST, state.stories)
        assert last.score == pytest.approx(state.score)
        assert last.usual == pytest.approx(state.baseline)
        assert last.half == pytest.approx(state.smallest_shift)
        assert last.usual_stories == pytest.approx(state.baseline_stories)


def test_the_band_of_a_week_of_the_past_is_what_was_known_then(session: Session) -> None:
    weeks = tie_weeks(session, MODEL, span_of(session, MODEL, LAST, 24), false_alarms_per_year=1.0)["IN-CN"]
    then = weeks[-8]
    state = next(s for s in dyad_states(session, MODEL, then.last, false_alarms_per_year=1.0) if s.dyad == "IN-CN")
    assert (then.usual, then.usual_stories) == pytest.approx((state.baseline, state.baseline_stories))
    assert then.half == pytest.approx(state.smallest_shift)


def test_the_turn_shows_and_the_first_weeks_have_no_usual_level(session: Session) -> None:
    weeks = tie_weeks(session, MODEL, span_of(session, MODEL, LAST, 24), false_alarms_per_year=1.0)["IN-CN"]
    before = [week.score or 0 for week in weeks if week.last < day(TURN)]
    since = [week.score or 0 for week in weeks if week.last >= day(TURN + 7)]
    assert min(before) > max(since)
    assert [week.usual for week in weeks[:3]] == [None] * 3
    assert weeks[-1].usual is not None


def test_a_span_is_whole_weeks_and_no_longer_than_history(session: Session) -> None:
    whole = span_of(session, MODEL, LAST, 24)
    assert (whole.last, whole.weeks) == (LAST, -(-DAYS // 7))
    assert span_of(session, MODEL, LAST, 2).weeks == 9
    assert len(whole.ends) == whole.weeks
    assert (whole.ends[0] - whole.first).days == 6
    assert span_of(session, "another model", LAST, 24).weeks == 1


def test_press_blocs_and_themes_sum_to_the_whole(session: Session) -> None:
    span = span_of(session, MODEL, LAST, 24)
    ties, blocs = tie_weeks(session, MODEL, span, false_alarms_per_year=1.0), bloc_weeks(session, MODEL, span)
    assert {tie for tie, _bloc in blocs} == {"IN-CN"}
    for at in range(span.weeks):
        assert sum(weeks[at].stories for weeks in blocs.values()) == ties["IN-CN"][at].stories
    themes = theme_weeks(session, MODEL, span)
    assert set(themes) == {"border", "trade", "order"}
    assert sum(weeks[-1].carrying for weeks in themes.values()) == ties["IN-CN"][-1].stories
    assert {weeks[-1].stories for weeks in themes.values()} == {ties["IN-CN"][-1].stories}


def test_a_week_without_a_story_has_no_mean(store: Store) -> None:
    add(store, [Item(day(0), "a", dyads=[("IN-RU", PLUS)]), Item(day(15), "b", dyads=[("IN-RU", MINUS)])])
    update_series(store, MODEL, now=NOW)
    with store.session() as session:
        weeks = tie_weeks(session, MODEL, Span(day(20), 3), false_alarms_per_year=1.0)
        assert [week.stories for week in weeks["IN-RU"]] == [1, 0, 1]
        assert weeks["IN-RU"][1].score is None
        assert [week.stories for week in weeks["RU-CN"]] == [0, 0, 0]


def test_a_store_without_a_vote_gives_empty_weeks(store: Store) -> None:
    with store.session() as session:
        span = span_of(session, MODEL, LAST, 24)
        weeks = tie_weeks(session, MODEL, span, false_alarms_per_year=1.0)
        assert {dyad: [week.stories for week in weeks[dyad]] for dyad in ties().dyads} == {
            dyad: [0] for dyad in ties().dyads
        }
        assert (bloc_weeks(session, MODEL, span), theme_weeks(session, MODEL, span)) == ({}, {})


def test_recent_weeks_are_weighed_by_their_stories() -> None:
    weeks = [
        Week(dt.date(2024, 1, 7 * n), stories, score) for n, stories, score in ((1, 2, 1.0), (2, 0, None), (3, 8, 0))
    ]
    assert recent(weeks, 3) == pytest.approx((0.2, 10))
    assert recent(weeks, 1, 1) == (None, 0)
    assert recent(weeks, 4, 2) == (1.0, 2)
