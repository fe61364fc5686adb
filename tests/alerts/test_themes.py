"""Shares of themes: what moved of what is written about, and what only looks like it."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from alerts.baseline import ShareBaseline
from alerts.detect import Known, detect
from alerts.model import Direction, Found, Kind
from alerts.series import StoryVote, themes_of, update_series
from alerts.shifts import detect_shifts
from alerts.votes import Coverage, DayTable, ThemeRow, ThemeTable, VoteRow, coverage_from_rows
from bench.worlds import BASE, CHANGED_THEME, THEMES, Change, simulate
from store.db import Store
from store.errors import InputError
from store.models import Shift, ThemeDay
from store.settings import Settings
from tests.alerts.helpers_coverage import day, press, step
from tests.alerts.helpers_store import MODEL, OUTLETS, Item, add, feed_days
from tests.alerts.helpers_store import day as stored_day

NAMES = ("arms", "border", "energy", "trade")
NOW = dt.datetime(2024, 12, 1, tzinfo=dt.UTC)


def themed(days: int, trade: list[float], *, ratio: list[float] | None = None, seed: int = 1) -> Coverage:
    """Coverage of 30 stories a day that does not change but in what part of it is on trade."""
    rng = np.random.default_rng(seed)
    coverage = press(days, stories=30, ratio=1.0 if ratio is None else ratio, seed=seed)
    stories = coverage.dyads["IN-CN"].votes.sum(axis=1)
    shares = np.column_stack([np.full(days, 0.3), np.full(days, 0.2), np.full(days, 0.02), trade])
    carrying = rng.binomial(stories[:, None].astype(int), shares).astype(float)
    return replace(coverage, themes=ThemeTable(NAMES, carrying, stories))


def of_themes(found: list[Found]) -> list[Found]:
    return [one for one in found if one.kind is Kind.THEME]


@pytest.mark.parametrize(
    ("after", "direction"), [(0.35, Direction.RISE), (0.02, Direction.FALL)], ids=["more", "hardly any"]
)
def test_a_changed_share_is_found_once_with_its_theme_and_its_levels(after: float, direction: Direction) -> None:
    (one,) = detect(themed(200, step(200, 120, 0.12, after)))
    assert (one.kind, one.theme, one.dyad, one.bloc, one.direction) == (Kind.THEME, "trade", "", "", direction)
    assert abs((one.onset - day(120)).days) <= 3
    assert 0 <= (one.detected - day(120)).days <= 21
    assert one.before == pytest.approx(0.12, abs=0.03)
    assert one.low < math.log(after / 0.12) < one.high
    assert one.outlets is None
    assert "“trade”" in one.text
    assert "12\u00a0%" in one.text or "11\u00a0%" in one.text or "13\u00a0%" in one.text


def test_a_busy_time_is_no_change_of_what_is_written_about() -> None:
    found = detect(themed(200, [0.12] * 200, ratio=step(200, 120, 1.0, 4.0)))
    assert {one.kind for one in found} == {Kind.ATTENTION}


def test_a_return_of_a_share_is_told_as_one() -> None:
    first, back = of_themes(detect(themed(260, [0.1] * 110 + [0.4] * 70 + [0.1] * 80)))
    assert (first.returned, back.returned) == (False, True)


def test_a_told_theme_is_not_told_again_and_does_not_silence_another() -> None:
    coverage = themed(200, step(200, 120, 0.12, 0.35))
    (one,) = detect(coverage)
    told = Known(one.dyad, one.kind, one.direction, one.onset, one.detected, one.magnitude, one.theme)
    assert detect(coverage, known=[told]) == []
    assert detect(coverage, known=[replace(told, theme="arms")]) == [one]


@pytest.mark.parametrize("seed", range(3))
def test_on_a_prefix_the_alarms_of_all_families_are_the_same(seed: int) -> None:
    coverage = simulate(BASE, 260, 60 + seed, Change(start=110, theme=4.0, stance=0.5, bloc="russia"))
    whole = detect(coverage)
    assert {one.theme for one in whole} >= {THEMES[CHANGED_THEME]}
    for days in (70, 116, 121, 150, 200):
        assert detect(coverage.prefix(days)) == [one for one in whole if (one.detected - coverage.first).days < days]


def test_where_themes_are_not_known_their_part_of_the_budget_goes_to_the_others() -> None:
    coverage = press(mean=step(200, 120, 0.1, 0.5), seed=3)
    stories = coverage.dyads["IN-CN"].votes.sum(axis=1)
    known = replace(coverage, themes=ThemeTable((), np.zeros((200, 0)), stories))
    (without,), (beside,) = detect(coverage), detect(known)
    assert without.threshold < beside.threshold


def test_a_share_does_not_depend_on_how_much_is_written() -> None:
    rng = np.random.default_rng(1)
    stories = rng.poisson(40, 120).astype(float)
    carrying = np.round(stories * 0.2)
    usual = ShareBaseline(carrying, stories).outlook(110, 10, 96)
    doubled = stories.copy()
    doubled[110] *= 2
    carrying[110] = round(doubled[110] * 0.2)
    busy = ShareBaseline(carrying, doubled).outlook(110, 10, 96)
    assert usual is not None
    assert busy is not None
    assert usual.level == busy.level == pytest.approx(0.2, abs=0.02)
    assert abs(busy.residual - usual.residual) < 0.05


def test_a_day_without_any_story_is_no_measurement_of_a_share() -> None:
    stories = np.array([30.0] * 40)
    stories[20] = 0
    baseline = ShareBaseline(stories * 0.1, stories)
    assert not baseline.usable(20)
    assert baseline.usable(21)


@pytest.mark.parametrize(
    ("carrying", "message"),
    [(31.0, "more stories than the day"), (-1.0, "negative"), (math.nan, "not a number")],
    ids=["more than all", "negative", "nan"],
)
def test_counts_of_themes_that_cannot_be_are_refused(carrying: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Coverage(
            day(0),
            ("",),
            ("",),
            None,
            {"A": DayTable(np.ones((9, 1)), np.zeros((9, 1)), np.zeros(9))},
            themes=ThemeTable(("trade",), np.full((9, 1), carrying), np.full(9, 30.0)),
        )


def vote(story: int, dyad: str, *themes: str, on: int = 0) -> StoryVote:
    return StoryVote(day(on), dyad, story, story, "Alpha", "india", 0.5, 1, (themes or ("",))[0], themes, 1)


def test_a_story_that_speaks_of_two_ties_counts_once_and_carries_the_themes_of_both() -> None:
    counts = themes_of(
        [vote(1, "IN-CN", "border"), vote(1, "IN-RU", "border", "arms"), vote(2, "IN-CN"), vote(1, "RU-CN")]
    )
    assert counts == {(day(0), ""): 2, (day(0), "border"): 1, (day(0), "arms"): 1}


@given(
    st.lists(
        st.builds(
            lambda story, dyad, themes, on: vote(story, dyad, *themes, on=on),
            st.integers(1, 6),
            st.sampled_from(["IN-CN", "IN-RU"]),
            st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
            st.integers(0, 2),
        ),
        max_size=30,
    ),
    st.randoms(),
)
def test_counts_of_themes_hold_for_any_votes_in_any_order(votes: list[StoryVote], random: object) -> None:
    counts = themes_of(votes)
    shuffled = votes[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert themes_of(shuffled) == counts
    for (when, _theme), stories in counts.items():
        assert 1 <= stories <= counts[when, ""] <= 6
    rows = [ThemeRow(when, theme, stories) for (when, theme), stories in counts.items()]
    seen = [VoteRow(day(0), "IN-CN", "f", "o", "b", 1, 0, 0)]
    coverage = coverage_from_rows(seen, [], ["IN-CN"], day(2), day(0), themes=rows)
    assert coverage is not None
    assert coverage.themes is not None
    assert coverage.themes.stories.sum() == sum(n for (_, theme), n in counts.items() if not theme)
    assert coverage.themes.carrying.sum() == sum(n for (_, theme), n in counts.items() if theme)


@pytest.fixture
def turned(store: Store) -> Store:
    """Coverage of which trade takes half instead of a tenth from day 120 on, most of all in the Indian press."""
    rng = np.random.default_rng(3)
    items = []
    for index in range(150):
        for outlet, bloc in OUTLETS:
            for number in range(int(rng.poisson(5))):
                share = 0.1 if index < 120 else 0.8 if bloc == "india" else 0.4
                theme = "trade" if rng.random() < share else ("border", "order")[int(rng.integers(2))]
                p = (0.1, 0.8, 0.1)
                # A third of the stories speak of two ties, and count once nevertheless.
                ties = [("IN-CN", p), ("IN-RU", p)] if number % 3 == 0 else [("IN-CN", p)]
                items.append(Item(stored_day(index), f"{index}-{outlet}-{number}", outlet, bloc, 9, ties, [theme]))
    add(store, items)
    feed_days(store, 150)
    return store


def test_a_shift_of_a_theme_is_stored_named_and_carried_by_its_stories(turned: Store, settings: Settings) -> None:
    update_series(turned, MODEL, now=NOW)
    report = detect_shifts(turned, settings, MODEL, day=stored_day(131), now=NOW)
    found = {one.theme: (number, one) for number, one in report.new}
    number, trade = found["trade"]
    assert trade.direction is Direction.RISE
    assert "“Trade" in trade.text
    with turned.session() as session:
        shift = session.get(Shift, number)
        assert shift is not None
        assert (shift.dyad, shift.kind, shift.theme, shift.bloc) == ("", "theme", "trade", "")
        evidence = shift.evidence
        counted = session.scalar(select(ThemeDay.stories).where(ThemeDay.day == stored_day(130), ThemeDay.theme == ""))
    assert all(story["theme"] == "trade" for story in evidence["stories"])
    assert evidence["outlets"][0]["name"] == "Alpha"
    assert evidence["blocs"][0]["name"] == "india"
    assert evidence["story_count"] == trade.stories
    assert evidence["themes"] == []
    assert evidence["fragile"] == ""
    # Found on the first day on which there was enough: without the outlet that wrote most of it there was not.
    assert (evidence["fires_without_top_outlet"], evidence["fires_without_top_story"]) == (False, True)
    assert counted is not None
    assert 10 <= counted <= 45
    again = detect_shifts(turned, settings, MODEL, day=stored_day(131), now=NOW)
    assert again.new == []
    later = detect_shifts(turned, settings, MODEL, day=stored_day(149), now=NOW)
    assert (number, "confirmed") in later.changed
