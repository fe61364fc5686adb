"""The bench of dated events: counts as they are read, and what is told of an event."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from alerts.detect import detect
from alerts.votes import Counts, coverage_from_counts
from bench.events import EVENTS, read_counts, summary, told

TAWANG = next(event for event in EVENTS if event.label == "Tawang")
FIRST = TAWANG.day - dt.timedelta(days=200)


def test_counts_are_read_by_dyad_and_day_and_other_series_left_out(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(
        "date,dyad,series,n_events,n_coop,n_conflict\n"
        "2020-01-01,India-China,a,10,4,3\n"
        "2020-01-01,India-China,b,,,\n"
        "2020-01-02,Elsewhere,a,1,1,0\n",
        encoding="utf-8",
    )
    assert read_counts(path) == {
        "IN-CN": {dt.date(2020, 1, 1): Counts(4, 3, 3)},
        "Elsewhere": {dt.date(2020, 1, 2): Counts(1, 0, 0)},
    }


def test_a_turn_after_an_event_is_its_answer() -> None:
    days = {FIRST + dt.timedelta(days=at): Counts(12, 10, 2) for at in range(200)}
    days |= {TAWANG.day + dt.timedelta(days=at): Counts(2, 10, 12) for at in range(40)}
    counts = {"IN-CN": days}
    coverage = coverage_from_counts(counts)
    assert coverage is not None
    found = detect(coverage)
    last = max(days)
    (line,) = told([TAWANG], found, FIRST, last)
    by_direction = line.split("Tawang")[1].split()
    assert int(by_direction[0]) <= 7
    assert next(iter(told([EVENTS[0]], found, FIRST, last))).count("not found") == 2
    lines = list(summary(found, counts))
    assert lines[0].startswith("IN-CN: 240 days, 24.0 events a day")
    assert lines[1].endswith("near none of the events: 0.0")
