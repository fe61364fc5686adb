"""Shapes of plots: within their box, broken off in gaps, marks that do not cover each other."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from itertools import pairwise

import pytest

from alerts.model import Direction
from alerts.plots import MarkedDay, marks, month_ticks, score_scale, share_line, tone_plot, volume_plot
from alerts.weeks import Span, Week

LAST = dt.date(2025, 3, 30)
LIMITS = (-1.1, 1.1)


def weeks(scores: Sequence[float | None], usual: float | None = 0.1, half: float | None = 0.2) -> list[Week]:
    ends = Span(LAST, len(scores)).ends
    return [Week(end, 3, score, usual, half, 2.0) for end, score in zip(ends, scores, strict=True)]


def numbers(path: str) -> list[float]:
    return [float(one) for one in re.findall(r"-?\d+\.?\d*", path.replace("h0", ""))]


def shift(number: int, found: dt.date, **changes: object) -> MarkedDay:
    given: dict[str, object] = {"direction": Direction.DIVERGENCE, "told": True, "status": "open", "title": "t"}
    onset = found - dt.timedelta(days=9)
    return MarkedDay(id=number, onset=onset, found=found, **{**given, **changes})  # type: ignore[arg-type]


def test_every_point_lies_in_the_box() -> None:
    plot = tone_plot(weeks([-1.0, 0.0, 1.0, 0.4]), Span(LAST, 4), LIMITS)
    for path in (plot.line, plot.band, plot.usual):
        assert numbers(path)
        assert all(0 <= number <= 100 for number in numbers(path))
    up, down = numbers(plot.line)[5], numbers(plot.line)[1]
    assert up < 50 < down
    assert plot.zero == 50.0
    assert plot.value is not None
    assert plot.value.text == "+0.40"


def test_the_line_breaks_off_in_a_week_without_stories_and_a_lone_week_is_a_dot() -> None:
    plot = tone_plot(weeks([0.1, 0.2, None, 0.3, None, 0.4, 0.5]), Span(LAST, 7), LIMITS)
    assert plot.line.count("M") == 2
    assert plot.dots.count("M") == 1
    assert plot.dots.endswith("h0")
    assert "nan" not in plot.line + plot.dots
    empty = tone_plot(weeks([None, None]), Span(LAST, 2), LIMITS)
    assert (empty.line, empty.dots, empty.value) == ("", "", None)


def test_where_no_change_could_have_been_seen_the_band_is_the_whole_scale() -> None:
    blind = numbers(tone_plot(weeks([0.1, 0.1], half=None), Span(LAST, 2), LIMITS).band)
    seen = numbers(tone_plot(weeks([0.1, 0.1], half=0.2), Span(LAST, 2), LIMITS).band)
    assert max(blind[1::2]) - min(blind[1::2]) > 90
    assert max(seen[1::2]) - min(seen[1::2]) == pytest.approx(100 * 0.4 / 2.2, abs=0.2)
    assert tone_plot(weeks([0.1], usual=None), Span(LAST, 1), LIMITS).band == ""


def test_bars_reach_the_top_and_empty_weeks_have_none() -> None:
    given = [Week(end, stories, None) for end, stories in zip(Span(LAST, 3).ends, (0, 5, 1_200), strict=True)]
    plot = volume_plot(given, Span(LAST, 3))
    assert plot.bars.count("M") == 2
    assert "V0.0" in plot.bars
    assert plot.top == "1,200"
    assert volume_plot([Week(LAST, 0, None)], Span(LAST, 1)).bars == ""


def test_marks_that_stand_close_go_below_each_other_and_say_what_became_of_them() -> None:
    span = Span(LAST, 52)
    close = [shift(1, LAST), shift(2, LAST - dt.timedelta(days=3), status="faded"), shift(3, span.first, told=False)]
    made = {mark.id: mark for mark in marks(close, span)}
    assert made[1].row != made[2].row
    assert made[3].row == 0
    assert (made[2].text, made[1].text, made[3].told) == ("2×", "1", False)
    assert made[3].onset == 0.0
    assert marks([shift(4, span.first - dt.timedelta(days=1))], span) == ()


@pytest.mark.parametrize("number", [1, 3, 9, 30, 60, 104, 200, 500])
def test_ticks_have_room_and_name_a_year(number: int) -> None:
    ticks = month_ticks(Span(LAST, number))
    assert 1 <= len(ticks) <= 14
    assert any(re.search(r"\d{4}", tick.text) for tick in ticks)
    assert all(0 <= tick.at <= 94 for tick in ticks)
    wide = [tick.at for tick in ticks if not tick.minor]
    assert all(later - earlier >= 9 for earlier, later in pairwise(wide))


def test_marks_have_room_on_a_phone() -> None:
    span = Span(LAST, 100)
    weekly = [shift(number, LAST - dt.timedelta(weeks=7 * number)) for number in range(12)]
    for row in range(3):
        places = [mark.found for mark in marks(weekly, span) if mark.row == row]
        assert all(later - earlier >= 12 for earlier, later in pairwise(places))


def test_scales_and_small_lines_take_what_there_is() -> None:
    low, high = score_scale([weeks([0.9, None]), weeks([-0.3])])
    assert low <= -0.3 < 0.9 <= high
    assert high - low >= 1.0
    assert numbers(share_line([0.0, 0.5, None, 0.2], 0.5))[:4] == [12.5, 96.0, 37.5, 4.0]
    assert share_line([], 0.0) == ""
