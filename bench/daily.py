"""How long a day's decision takes on a database of years, from the stored state and through all days.

    python -m bench.daily                           # two years of 1,000 stories a day: a minute, 300 MB
    python -m bench.daily --years 10 --keep FOLDER  # keeps the database, and uses it again
    python -m bench.daily --years 10 --in-memory    # no database: ten years decided on in one run

The press is drawn at random and does not change; nothing of it is read or grouped into stories, only what the detector
sees is stored. Seconds are those of the processor, so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, func, select, update

from alerts.detect import detect
from alerts.shifts import detect_shifts
from alerts.votes import FloatArray
from bench.worlds import BASE, THEMES, simulate
from ingest.ties import ties
from store.db import Store
from store.models import DetectorCheckpoint, Feed
from store.settings import get_settings

MODEL = "bench-1"
FIRST = dt.date(2016, 1, 1)
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
FEEDS = 40
BLOCS = ("india", "russia", "china", "west")
DAYS_AT_ONCE = 30


def fill(store: Store, days: int, stories: int) -> None:
    """Store *days* of *stories* a day: each an article of one feed on one tie or two, with its votes and counts."""
    with store.session() as session:
        for at in range(FEEDS):
            session.add(
                Feed(
                    key=f"feed{at}", outlet=f"outlet {at}", bloc=BLOCS[at % 4], kind="newspaper", lang="en", url="",
                    timezone="UTC", enabled=True, status="ok", status_date="", status_note="",
                )
            )  # fmt: skip
    rng = np.random.default_rng(1)
    for first in range(0, days, DAYS_AT_ONCE):
        with store.engine.begin() as connection:
            for day in range(first, min(days, first + DAYS_AT_ONCE)):
                _fill_day(connection, FIRST + dt.timedelta(days=day), day * 10 * stories, stories, rng)


def _fill_day(connection: Connection, day: dt.date, number: int, stories: int, rng: np.random.Generator) -> None:
    count = int(rng.poisson(stories * (0.6 if day.weekday() > 4 else 1.0)))
    feeds = rng.choice(FEEDS, count, p=_falling(FEEDS)).tolist()
    chosen = rng.integers(0, 3, count).tolist()
    on_two = (rng.random(count) < 0.15).tolist()
    scores = np.clip(rng.choice([-0.8, 0.0, 0.8], count, p=[0.3, 0.3, 0.4]) + rng.normal(0, 0.1, count), -1, 1)
    themes = [THEMES[at] for at in rng.choice(len(THEMES), count, p=_falling(len(THEMES)))]
    on, at = day.isoformat(), f"{day.isoformat()} 09:00:00"
    told: list[tuple[Any, ...]] = []
    votes: list[tuple[Any, ...]] = []
    for index, (feed, score, theme) in enumerate(zip(feeds, scores.tolist(), themes, strict=True)):
        story = number + index
        told.append((story, on, feed, at))
        for tie in {chosen[index], (chosen[index] + on_two[index]) % 3}:
            votes.append((on, ties().dyads[tie], story, feed, score, round(score), theme))
    carried = Counter(themes) | Counter({"": count})
    dated: list[tuple[Any, ...]] = [row[:2] for row in told]
    seen = rng.poisson(60, FEEDS).tolist()
    _insert(connection, "story", "id, day, last_day, title, articles, outlets", "?1, ?2, ?2, 'a story', 1, 1", dated)
    _insert(
        connection,
        "article",
        "id, feed_key, outlet, bloc, lang, title, text, url, url_key, title_key, published_at, published_raw, "
        "date_quality, first_seen_at, day, story_id",
        f"?1, 'feed' || ?3, 'outlet ' || ?3, {_bloc('?3')}, 'en', 'a title', '', 'https://example.org/' || ?1, ?1, "
        "'title', ?4, '', 'given', ?4, ?2, ?1",
        told,
    )
    _insert(
        connection,
        "vote",
        "model, day, dyad, story_id, article_id, outlet, bloc, score, stance, theme, themes, copies",
        f"'{MODEL}', ?1, ?2, ?3, ?3, 'outlet ' || ?4, {_bloc('?4')}, ?5, ?6, ?7, '[\"' || ?7 || '\"]', 1",
        votes,
    )
    _insert(connection, "theme_day", "model, day, theme, stories", f"'{MODEL}', ?1, ?2, ?3",
            [(on, theme, number) for theme, number in carried.items()])  # fmt: skip
    _insert(connection, "feed_day", "feed_key, day, seen, on_topic", "'feed' || ?1, ?2, ?3, 5",
            [(feed, on, number) for feed, number in enumerate(seen)])  # fmt: skip


def _falling(count: int) -> FloatArray:
    weight = 1 / (1.0 + np.arange(count))
    part: FloatArray = weight / weight.sum()
    return part


def _bloc(feed: str) -> str:
    cases = " ".join(f"when {at} then '{bloc}'" for at, bloc in enumerate(BLOCS))
    return f"case {feed} % 4 {cases} end"


def _insert(connection: Connection, table: str, columns: str, values: str, rows: list[tuple[Any, ...]]) -> None:
    # The driver's own statement: of millions of rows, most of the time would go into anything between.
    connection.exec_driver_sql(f"insert into {table} ({columns}) values ({values})", rows)


def measure(store: Store, days: int) -> None:
    """Decide on the last days one after another, then on the last again through all days."""
    settings = get_settings()
    last = FIRST + dt.timedelta(days=days - 1)

    def decide(day: dt.date, how: str) -> None:
        began, walked = time.process_time(), time.perf_counter()
        report = detect_shifts(store, settings, MODEL, day=day, now=NOW)
        spent, took = time.process_time() - began, time.perf_counter() - walked
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{day} {how}: {spent:.3f} s ({took:.3f} s by the clock), {len(report.new)} new, peak {peak} MB so far")

    _forget(store, last - dt.timedelta(days=10))
    if _states(store) is None:
        decide(last - dt.timedelta(days=11), "through all days")
    for back in range(10, 0, -1):
        decide(last - dt.timedelta(days=back), "from the state")
    # A late article of the day before yesterday.
    _forget(store, last - dt.timedelta(days=2))
    decide(last, "from the state of three days before")
    print(f"largest state {_states(store)} bytes")
    with store.session() as session:
        total = session.scalar(select(func.sum(func.length(DetectorCheckpoint.data))))
        print(f"all states together {total} bytes")
        session.execute(update(DetectorCheckpoint).values(data=b""))
    decide(last, "through all days")


def _forget(store: Store, since: dt.date) -> None:
    with store.session() as session:
        session.execute(delete(DetectorCheckpoint).where(DetectorCheckpoint.day >= since))


def _states(store: Store) -> int | None:
    with store.session() as session:
        largest: int | None = session.scalar(select(func.max(func.length(DetectorCheckpoint.data))))
        return largest


def in_memory(years: int) -> None:
    """All series of a simulated press, day by day in one run."""
    coverage = simulate(BASE, years * 365, 19)
    began = time.process_time()
    found = detect(coverage)
    print(f"{years} years in one run: {time.process_time() - began:.1f} s, {len(found)} shifts")


def main() -> None:
    """Make the database (or take the one that is kept), and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=2)
    parser.add_argument("--stories", type=int, default=1000, help="stories a day")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the database there, and use it again")
    parser.add_argument("--in-memory", action="store_true", help="no database: the detector alone")
    given = parser.parse_args()
    if given.in_memory:
        in_memory(given.years)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(given.keep or folder) / f"{given.years} years of {given.stories}.db"
        known = path.exists()
        store = Store(f"sqlite:///{path}")
        store.migrate()
        if not known:
            fill(store, given.years * 365, given.stories)
        measure(store, given.years * 365)
        store.close()


if __name__ == "__main__":
    main()
