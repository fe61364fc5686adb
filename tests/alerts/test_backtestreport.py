"""The report of a back-test: complete, escaped, drawn, and legible in a real browser."""

from __future__ import annotations

import datetime as dt
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from matplotlib.image import imread
from playwright.sync_api import Browser

from alerts.backtest import write_report
from alerts.backtestreport import Run, brief, figures, months_of
from alerts.events import Event, answers
from alerts.model import ChartPoint, Direction, Kind
from alerts.null import Null
from alerts.periodchart import WIDTH, Period, letter, period_chart
from ingest.ties import ties
from store.settings import Settings
from tests.alerts.helpers_browser import MEASURE, chromium
from tests.alerts.helpers_digest import evidence, shift, story

__all__ = ["chromium"]

FIRST, LAST = dt.date(2024, 1, 15), dt.date(2024, 12, 20)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e\"'&"
NULL = Null(20, 7, 300, 1, (1, 0) * 10, (0,) * 20, (0,) * 20, 0.25, 1 / 12)


def points(stories: int = 3) -> dict[str, list[ChartPoint]]:
    days = (LAST - FIRST).days + 1
    made = {}
    for place, dyad in enumerate(ties().dyads):
        made[dyad] = [
            ChartPoint(
                FIRST + dt.timedelta(days=at),
                0.5 * float(np.sin(at / 20 + place)) if stories else None,
                stories + at % 4 if stories else 0,
            )
            for at in range(days)
        ]
    return made


def run_of(title: str = "Patrols agreed", **changes: Any) -> Run:
    """A year with five alerts of all kinds and two dated events."""
    hostile = replace(
        evidence(), stories=[story(1, title=title, sentence=title, outlet=title, url="javascript:alert(1)")]
    )
    first = shift(evidence=hostile, status="confirmed")
    later = {"onset": dt.date(2024, 11, 1), "detected": dt.date(2024, 11, 9)}
    alerts = [
        shift(
            id=1,
            onset=dt.date(2024, 3, 1),
            detected=dt.date(2024, 3, 5),
            direction=Direction.DIVERGENCE,
            magnitude=-0.4,
        ),
        first,
        shift(id=8, kind=Kind.ATTENTION, direction=Direction.RISE, magnitude=0.9, low=0.5, high=1.3, **later),
        shift(id=9, kind=Kind.THEME, dyad="", theme=title, direction=Direction.FALL, magnitude=-1.1, **later),
        shift(id=10, kind=Kind.BLOC, bloc="russia", dyad="RU-CN", status="faded", **later),
    ]
    events = [
        Event(dt.date(2024, 10, 21), "IN-CN", Direction.CONVERGENCE, title),
        Event(dt.date(2024, 5, 1), "IN-RU", None, "Nothing came of it"),
        Event(dt.date(2024, 1, 16), "", Direction.RISE, "Before any alarm was possible"),
    ]
    made = Run(
        name=title,
        start=FIRST,
        end=LAST,
        made_at=dt.datetime(2024, 12, 21, 20, 0, tzinfo=dt.UTC),
        timezone="Asia/Kolkata",
        model="test-1",
        false_alarms_per_year=1.0,
        lines=5_000,
        articles=900,
        relevant=800,
        skipped=1,
        off_topic=4_000,
        points=points(),
        alerts=alerts,
        answers=answers(events, alerts, FIRST + dt.timedelta(days=28), LAST),
        null=NULL,
    )
    return replace(made, **changes)


def page_of(settings: Settings, run: Run, folder: Path) -> str:
    write_report(settings, run, folder)
    return (folder / "report.html").read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Elements that matter to someone who does not see the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.unscoped = self.scripts = self.handlers = 0
        self.alts: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.unscoped += tag == "th" and "scope" not in given
        self.scripts += tag == "script"
        self.handlers += any(name.startswith("on") for name in given)
        self.alts += [given.get("alt") or ""] if tag == "img" else []
        self.links += [given.get("href") or ""] if tag == "a" else []
        self.ids += [given["id"] or ""] if "id" in given else []


def test_the_report_holds_alerts_months_delays_null_and_settings(settings: Settings, tmp_path: Path) -> None:
    page = page_of(settings, run_of(), tmp_path)
    for part in (
        "15 January – 20 December 2024",
        "5 shifts in 341 days",
        "confirmed by the days after it",
        "faded",
        "Demo Herald",
        "Patrols agreed",
        "Speaks against it",
        "6 days",
        "not found",
        "outside the days watched",
        "Nov 2024",
        "0.61",
        "seed 7",
        "22 December 2024, 01:30 (Asia/Kolkata)",
        "1 a year over all series together",
    ):
        assert part in page, part


def test_whatever_comes_from_outside_stays_text(settings: Settings, tmp_path: Path) -> None:
    page = page_of(settings, run_of(HOSTILE), tmp_path)
    outline = Outline(page)
    assert (outline.scripts, outline.handlers, len(outline.alts)) == (0, 0, 1)
    assert all(link.startswith(("#", "https://", "http://", "digests/")) for link in outline.links)
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_the_page_is_one_file_that_a_screen_reader_can_walk(settings: Settings, tmp_path: Path) -> None:
    outline = Outline(page_of(settings, run_of(), tmp_path))
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(outline.headings, outline.headings[1:], strict=False))
    assert outline.unscoped == 0
    assert all("Alerts: 1: " in alt for alt in outline.alts)
    assert len(outline.ids) == len(set(outline.ids))
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)


def test_a_quiet_run_says_so(settings: Settings, tmp_path: Path) -> None:
    quiet = run_of(alerts=(), answers=None, null=None, points=points(0))
    page = page_of(settings, quiet, tmp_path)
    assert "No shift in 341 days" in page
    assert "Coverage is thin" in page
    assert "Left out: no permuted histories" in page
    assert "Dated events" not in page


def test_every_month_is_listed_also_one_without_a_shift() -> None:
    rows = months_of(run_of())
    assert [row["month"] for row in rows] == [f"2024-{month:02}" for month in range(1, 13)]
    assert [row["shifts"] for row in rows] == [0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 3, 0]
    assert rows[10]["alert_days"] == 1
    assert sum(row["stories"] for row in rows) == sum(run_of().stories.values())


def test_the_figures_say_what_the_report_says() -> None:
    given = figures(run_of())
    assert given["shifts"] == 5
    assert [one["delay"] for one in given["events"]] == [6, None, None]
    assert given["shifts_without_event"] == [1]
    assert given["chance"]["tone_per_year"]["rate"] == pytest.approx(10 / (20 * 300 / 365.25))
    assert figures(run_of(answers=None, null=None))["chance"] is None
    assert any("1 of 2 dated events" in line for line in brief(run_of()))


def period(**changes: Any) -> Period:
    run = run_of()
    made = Period(FIRST, LAST, run.points, run.alerts, [one.event for one in run.answers or ()])
    return replace(made, **changes)


def test_the_chart_is_drawn_and_not_blank(settings: Settings, tmp_path: Path) -> None:
    page_of(settings, run_of(), tmp_path)
    png = (tmp_path / "coverage.png").read_bytes()
    image = np.asarray(imread(io.BytesIO(png), format="png"))
    assert image.shape[:2] == (2 * period().height, 2 * WIDTH)
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 50
    assert image.std() > 0.03
    assert png == period_chart(period())


def test_alerts_onsets_and_events_show_in_it() -> None:
    drawn = period_chart(period())
    assert drawn != period_chart(period(alerts=period().alerts[:-1]))
    assert drawn != period_chart(period(events=()))
    moved = [replace(period().alerts[0], onset=dt.date(2024, 2, 1)), *period().alerts[1:]]
    assert drawn != period_chart(period(alerts=moved))


@pytest.mark.parametrize("days", [1, 20, 800, 3000])
def test_short_and_long_periods_are_drawn(days: int) -> None:
    last = FIRST + dt.timedelta(days=days - 1)
    empty = {dyad: [ChartPoint(FIRST + dt.timedelta(days=at), None, 0) for at in range(days)] for dyad in ties().dyads}
    assert period_chart(Period(FIRST, last, empty, (), ())).startswith(b"\x89PNG")


def test_events_are_lettered() -> None:
    assert [letter(at) for at in (0, 25, 26, 52)] == ["A", "Z", "A2", "A3"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_every_text_is_legible_and_nothing_overflows(
    chromium: Browser,
    settings: Settings,
    tmp_path: Path,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    page_of(settings, run_of(HOSTILE * 3), tmp_path)
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto((tmp_path / "report.html").as_uri())
    found: dict[str, Any] = page.evaluate(MEASURE)
    page.close()
    assert found == {"low": [], "small": [], "width": width, "broken": 0}
    assert said == []
