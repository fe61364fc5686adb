"""The triangle as one picture: sharp, the same bytes every time, and told in words."""

from __future__ import annotations

import io
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from alerts.model import DyadState
from alerts.palette import CHART
from alerts.trianglechart import HEIGHT, LABEL, RADIUS, WIDTH, fortnight, triangle_alt, triangle_chart, triangle_view
from tests.alerts.helpers_digest import chart, states


def given(**changes: object) -> tuple[DyadState, ...]:
    """India–Russia not measured, Russia–China unclear, India–China closer beyond doubt; with changes of the last."""
    first, second, third = states()
    second = replace(second, change=0.04, change_low=-0.1, change_high=0.18)
    third = replace(third, chart=chart(0.5), change=0.7, change_low=0.5, change_high=0.9)
    return first, second, replace(third, **changes)  # type: ignore[arg-type]


def pixels(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(imread(io.BytesIO(png), format="png"))


def near(image: np.ndarray[tuple[int, ...], np.dtype[np.float32]], colour: str) -> int:
    """Pixels of that colour."""
    wanted = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return int((np.abs(image[..., :3] - wanted).max(axis=2) < 0.01).sum())


def test_it_is_a_png_of_twice_the_shown_size_on_an_opaque_card() -> None:
    png = triangle_chart(given())
    image = pixels(png)
    assert image.shape[:2] == (2 * HEIGHT, 2 * WIDTH)
    assert image.shape[2] == 3 or image[..., 3].min() == 1.0
    assert len(png) < 60_000


def test_the_same_states_give_the_same_bytes_whatever_the_readers_matplotlib_settings() -> None:
    before = triangle_chart(given())
    with mpl.rc_context({"font.family": "serif", "font.size": 30}):
        assert triangle_chart(given()) == before


def test_the_colour_tells_the_stance_and_the_strength_the_change() -> None:
    moved, still = pixels(triangle_chart(given())), pixels(triangle_chart(given(change_low=-0.1)))
    assert near(moved, CHART["up"]) > near(still, CHART["up"]) + 1_000
    assert near(moved, CHART["down"]) == 0
    assert near(pixels(triangle_chart(given(chart=chart(-0.5)))), CHART["down"]) > 1_000


def test_the_alt_text_states_every_figure_with_its_range() -> None:
    alt = triangle_alt(given())
    assert "India–Russia: average stance +0.21, change not measured." in alt
    assert "Russia–China: average stance +0.35, change +0.04 (95 % range −0.10 to +0.18), no clear change." in alt
    assert "change +0.70 (95 % range +0.50 to +0.90), closer than usual." in alt
    assert "cooler than usual" in triangle_alt(given(change=-0.7, change_low=-0.9, change_high=-0.5))


def test_labels_and_corners_lie_within_the_picture_and_apart() -> None:
    view = triangle_view(given())
    for corner in view.corners:
        assert RADIUS <= corner.x <= WIDTH - RADIUS
        assert RADIUS <= corner.y <= HEIGHT - RADIUS
    boxes = [(x - LABEL[0] / 2, x + LABEL[0] / 2, y) for x, y in (side.middle for side in view.sides)]
    assert all(left >= 0 and right <= WIDTH for left, right, _y in boxes)
    upper = sorted(box for box in boxes if box[2] < HEIGHT / 2)
    assert upper[0][1] < upper[1][0]


def test_a_fortnight_weighs_its_two_weeks_by_their_stories() -> None:
    points = chart(0.0)
    points = tuple(replace(point, score=0.5, stories=1) for point in points[:-7]) + tuple(
        replace(point, score=-0.5, stories=3) for point in points[-7:]
    )
    assert fortnight(given(chart=points)[2]) == pytest.approx((7 * 0.5 - 21 * 0.5) / 28)
    assert fortnight(given(chart=())[2]) is None
    assert fortnight(given(chart=tuple(replace(point, score=None, stories=0) for point in points))[2]) is None


def test_a_tie_without_a_story_is_drawn_and_says_so() -> None:
    empty = given(chart=(), change=None, change_low=None, change_high=None)
    assert "India–China: no story, change not measured." in triangle_alt(empty)
    assert triangle_view(empty).sides[2].lines == ("India–China", "no story", "change unknown")
    assert pixels(triangle_chart(empty)).shape[:2] == (2 * HEIGHT, 2 * WIDTH)
