"""The small charts: sharp, the same bytes every time, nothing left behind."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import _pylab_helpers
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from alerts.charts import HEIGHT, WIDTH, coverage_chart, dyad_chart, score_limits
from alerts.model import ChartPoint
from alerts.palette import CHART
from tests.alerts.helpers_digest import DAY, chart, states

MOVED = states()[2]
ONSET = dt.date(2024, 10, 21)


def pixels(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(imread(io.BytesIO(png), format="png"))


def test_it_is_a_png_of_twice_the_shown_size_on_an_opaque_card() -> None:
    png = dyad_chart(MOVED, ONSET, "convergence")
    image = pixels(png)
    assert image.shape[:2] == (2 * HEIGHT, 2 * WIDTH)
    assert image.shape[2] == 3 or image[..., 3].min() == 1.0
    assert len(png) < 60_000


def test_the_same_state_gives_the_same_bytes() -> None:
    assert dyad_chart(MOVED, ONSET, "convergence") == dyad_chart(MOVED, ONSET, "convergence")


def test_the_bytes_do_not_depend_on_the_readers_matplotlib_settings() -> None:
    before = dyad_chart(MOVED)
    with mpl.rc_context({"font.family": "serif", "font.size": 30}):
        assert dyad_chart(MOVED) == before


def test_the_onset_and_its_direction_show() -> None:
    plain, up, down = dyad_chart(MOVED), dyad_chart(MOVED, ONSET, "convergence"), dyad_chart(MOVED, ONSET, "divergence")
    assert len({plain, up, down}) == 3


def test_the_onsets_day_stands_where_the_curve_is_not() -> None:
    since = [point.day for point in MOVED.chart].index(ONSET)

    def height(before: float) -> float:
        """Mean height of what bears the onset's colour, from 0 at the foot to 1, of a curve that turns round there."""
        points = tuple(replace(p, score=before if at < since else -before) for at, p in enumerate(MOVED.chart))
        state = replace(MOVED, chart=points, baseline=None, smallest_shift=None)
        image = pixels(dyad_chart(state, ONSET, "divergence", (-1.1, 1.1)))[..., :3]
        rows, _ = np.nonzero(np.abs(image - np.array(to_rgb(CHART["down"]))).max(axis=2) < 0.05)
        return float(1 - rows.mean() / image.shape[0])

    assert height(-1.0) > height(1.0) + 0.2


def test_an_onset_before_the_chart_leaves_it_as_it_is() -> None:
    assert dyad_chart(MOVED, dt.date(2020, 1, 1), "convergence") == dyad_chart(MOVED)


def test_no_figure_is_left_open() -> None:
    dyad_chart(MOVED)
    assert _pylab_helpers.Gcf.get_all_fig_managers() == []


@pytest.mark.parametrize(
    "points",
    [
        pytest.param((), id="no day at all"),
        pytest.param((ChartPoint(DAY, None, 0),), id="one day without a story"),
        pytest.param((ChartPoint(DAY, 0.4, 3),), id="one day"),
        pytest.param(tuple(replace(p, score=None, stories=0) for p in chart(0.0)), id="twelve empty weeks"),
        pytest.param(chart(1.0), id="as convergent as can be"),
    ],
)
def test_thin_and_extreme_series_are_drawn(points: tuple[ChartPoint, ...]) -> None:
    for baseline in (None, 0.2):
        state = replace(MOVED, chart=points, baseline=baseline, smallest_shift=None)
        assert pixels(dyad_chart(state, ONSET, "divergence")).shape[:2] == (2 * HEIGHT, 2 * WIDTH)


def test_all_charts_of_a_digest_share_a_scale_that_shows_zero_and_a_whole_point() -> None:
    low, high = score_limits(states())
    assert low < 0 < high
    assert high - low >= 1.0
    assert all(low < p.score < high for state in states() for p in state.chart if p.score is not None)


def test_a_chart_of_coverage_shows_the_level_before_and_the_level_since() -> None:
    made = coverage_chart(MOVED.chart, 2.0, 6.0, ONSET)
    assert made == coverage_chart(MOVED.chart, 2.0, 6.0, ONSET)
    assert pixels(made).shape[:2] == (2 * HEIGHT, 2 * WIDTH)
    assert len({made, coverage_chart(MOVED.chart, 3.0, 6.0, ONSET), coverage_chart(MOVED.chart, 2.0, 5.0, ONSET)}) == 3


def test_a_chart_of_coverage_bears_an_onset_outside_it_and_days_without_a_story() -> None:
    none = [replace(point, stories=0) for point in MOVED.chart]
    for points, onset in (
        (none, ONSET),
        (MOVED.chart, dt.date(2020, 1, 1)),
        (MOVED.chart, dt.date(2030, 1, 1)),
        ((), ONSET),
    ):
        assert pixels(coverage_chart(points, 0.0, 0.0, onset)).shape[:2] == (2 * HEIGHT, 2 * WIDTH)
