"""The charts that a run's pages show."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from alerts.series import update_series
from alerts.shifts import detect_shifts
from alerts.state import dyad_states
from alerts.tiecharts import tie_charts
from store.db import Store
from store.settings import Settings
from tests.alerts.helpers_store import MODEL, add, day, feed_days, press

NOW = dt.datetime(2024, 12, 1, tzinfo=dt.UTC)


def test_a_tie_with_stories_has_a_chart_that_marks_its_shift(store: Store, settings: Settings) -> None:
    add(store, press(145, mean=[0.1] * 120 + [-0.7] * 25))
    feed_days(store, 145)
    update_series(store, MODEL, now=NOW)
    report = detect_shifts(store, settings, MODEL, day=day(140), now=NOW)
    assert report.open
    with store.session() as session:
        states = dyad_states(session, MODEL, day(140), false_alarms_per_year=1.0)
        (chart,) = tie_charts(session, states)
        (unmarked,) = tie_charts(session, [replace(state, open_shift_id=None) for state in states])
    assert chart.words.startswith("India–China, 12 weeks of average stance: −0.")
    assert chart.png.startswith(b"\x89PNG")
    assert unmarked.png != chart.png


def test_a_day_is_fresh_until_nothing_of_it_is_new(store: Store, settings: Settings) -> None:
    add(store, press(60, mean=[0.1] * 60))
    feed_days(store, 60)
    update_series(store, MODEL, now=NOW)
    fresh = [detect_shifts(store, settings, MODEL, day=day(index), now=NOW).fresh for index in (50, 50, 51, 51)]
    assert fresh == [True, False, True, False]
