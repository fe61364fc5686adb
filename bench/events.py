"""Which dated events of 2017 to 2023 the detector finds in daily counts of coded events, and how soon.

    nice python -m bench.events dyad_daily_dev.csv

The file has a line per day and dyad: ``date, dyad, n_events, n_coop, n_conflict`` (others are not looked at); what is
cooperation counts as +1, conflict as -1, the rest as 0. Nothing was tuned to it. Its counts are events as a machine
coded them from the news of the world, no stories read by us: a test of the detector alone.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from alerts.detect import detect
from alerts.events import Event, answers, without_event
from alerts.model import Direction, Found
from alerts.votes import Counts, coverage_from_counts

DYADS = {"India-Russia": "IN-RU", "Russia-China": "RU-CN", "India-China": "IN-CN"}
TOGETHER, APART = Direction.CONVERGENCE, Direction.DIVERGENCE
EVENTS = (
    Event(dt.date(2017, 6, 16), "IN-CN", APART, "Doklam"),
    Event(dt.date(2017, 8, 28), "IN-CN", TOGETHER, "Doklam ends"),
    Event(dt.date(2018, 4, 27), "IN-CN", TOGETHER, "Wuhan summit"),
    Event(dt.date(2020, 6, 15), "IN-CN", APART, "Galwan"),
    Event(dt.date(2021, 2, 10), "IN-CN", TOGETHER, "Pangong disengagement"),
    Event(dt.date(2021, 12, 6), "IN-RU", TOGETHER, "Delhi summit"),
    Event(dt.date(2022, 2, 4), "RU-CN", TOGETHER, "no-limits statement"),
    Event(dt.date(2022, 2, 24), "RU-CN", None, "invasion of Ukraine"),
    Event(dt.date(2022, 12, 9), "IN-CN", APART, "Tawang"),
    Event(dt.date(2023, 3, 20), "RU-CN", TOGETHER, "Xi in Moscow"),
)


def read_counts(path: Path) -> dict[str, dict[dt.date, Counts]]:
    """Dyad → day → counts, of the lines that count events; a dyad of another name keeps it."""
    found: dict[str, dict[dt.date, Counts]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["n_events"]:
                every, plus, minus = (float(row[name]) for name in ("n_events", "n_coop", "n_conflict"))
                dyad = DYADS.get(row["dyad"], row["dyad"])
                day = dt.date.fromisoformat(row["date"])
                found.setdefault(dyad, {})[day] = Counts(plus, max(0.0, every - plus - minus), minus)
    return found


def told(events: Sequence[Event], alerts: Sequence[Found], first: dt.date, last: dt.date) -> Iterable[str]:
    """A line for each event, by the first alert of its tie within 60 days: of its direction, and of any kind."""
    exact = answers(events, alerts, first, last)
    loose = answers([Event(one.day, one.tie, None, one.label) for one in events], alerts, first, last)
    for event, by_direction, by_any in zip(events, exact, loose, strict=True):
        yield (f"{event.day}  {event.tie}  {event.label:<24}{_days(by_direction.delay):>12}{_days(by_any.delay):>16}")


def _days(delay: int | None) -> str:
    return "not found" if delay is None else f"{delay} days"


def summary(alerts: Sequence[Found], counts: Mapping[str, Mapping[dt.date, Counts]]) -> Iterable[str]:
    """What is counted and what is not: days, alerts a year, those near none of the events."""
    for dyad, days in counts.items():
        own = [one for one in alerts if one.dyad == dyad]
        mean = sum(one.plus + one.zero + one.minus for one in days.values()) / len(days)
        yield f"{dyad}: {len(days):,} days, {mean:.1f} events a day, {len(own)} alerts"
    years = len({day for days in counts.values() for day in days}) / 365.25
    stray = without_event(EVENTS, alerts)
    yield f"alerts a year: {len(alerts) / years:.1f}; near none of the events: {len(stray) / years:.1f}"


def main() -> None:
    """Detect, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=Path, help="daily counts, .csv")
    counts = read_counts(parser.parse_args().counts)
    coverage = coverage_from_counts(counts)
    if coverage is None:
        raise SystemExit("the file counts nothing")
    alerts = detect(coverage)
    days = sorted({day for own in counts.values() for day in own})
    held = [event for event in EVENTS if event.tie in counts]
    print(f"{'':36}{'direction':>12}{'any alert':>16}")
    print(*told(held, alerts, days[0], days[-1]), sep="\n")
    missing = sorted({event.tie for event in EVENTS} - counts.keys())
    if missing:
        print(f"no counts of {', '.join(missing)}")
    print(*summary(alerts, counts), sep="\n")


if __name__ == "__main__":
    main()
