"""How long the full report takes and how large it gets, and what an export takes: two years of an invented press.

    nice python -m bench.report --votes 100000 -o /tmp/bench-report

Stories of invented outlets with three turns of tone, a burst of coverage and a theme that grows go straight into the
tables, are counted and judged by the monitor's own steps, and told in digests on the way. The figures are processor
time, so that what else the machine does hardly counts; the memory is the most that the process ever held.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from alerts.digest import run_digest
from alerts.export import Asked, What, export
from alerts.report import write_report
from alerts.series import update_series
from alerts.shifts import detect_shifts
from ingest.ties import ties
from store.db import Store
from store.models import Article, Feed, FeedDay, Reading, ReadingDyad, Story
from store.settings import Settings

MODEL = "bench-1"
FIRST = dt.date(2023, 1, 1)
OUTLETS = 40
BLOCS = ("india", "russia", "china", "west", "other")
THEMES = ("trade", "energy", "arms", "border", "forums", "order", "technology", "finance")


def fill(store: Store, votes: int, days: int, seed: int = 1) -> None:
    """About *votes* stories of one article each over *days* days, with their readings."""
    rng = np.random.default_rng(seed)
    with store.session() as session:
        session.execute(insert(Feed), [_feed(at) for at in range(OUTLETS)])
    number = 0
    rates = rng.gamma(1.5, 1.0, OUTLETS)
    rates *= votes / days / rates.sum()
    for index in range(days):
        rows: dict[type[Any], list[dict[str, Any]]] = {kind: [] for kind in (Story, Article, Reading, ReadingDyad)}
        day = FIRST + dt.timedelta(days=index)
        busy = 3.0 if 400 <= index < 420 else 1.0
        for outlet, n in enumerate(rng.poisson(rates)):
            for _ in range(n):
                dyad = int(rng.choice(3, p=(0.3, 0.4, 0.3)))
                for _copy in range(1 + (dyad == 0 and rng.random() < (busy - 1) / busy)):
                    number += 1
                    _story(rows, rng, number, day=day, index=index, outlet=outlet, dyad=dyad)
        seen = [
            {"feed_key": f"bench-{at}", "day": day, "seen": int(rng.poisson(60)), "on_topic": int(rng.poisson(4))}
            for at in range(OUTLETS)
        ]
        with store.session() as session:
            for kind, made in rows.items():
                if made:
                    session.execute(insert(kind), made)
            session.execute(insert(FeedDay), seen)


def _feed(at: int) -> dict[str, Any]:
    return {
        "key": f"bench-{at}",
        "outlet": f"Bench Outlet {at}",
        "bloc": BLOCS[at % 5],
        "kind": "newspaper",
        "lang": "en",
        "url": f"https://bench-{at}.example/feed",
        "timezone": "UTC",
        "enabled": True,
        "status": "ok",
        "status_date": "",
        "status_note": "",
        "health": "gone" if at == 7 else "ok",
    }


def _level(index: int, dyad: int, bloc: str) -> float:
    if dyad == 2:
        return -0.3 if index < 300 else 0.1 if index < 520 else -0.3
    if dyad == 1:
        return 0.35 + (0.4 if bloc == "russia" and index >= 600 else 0.0)
    return 0.2 if index < 660 else -0.05


def _story(
    rows: dict[type[Any], list[dict[str, Any]]],
    rng: np.random.Generator,
    number: int,
    *,
    day: dt.date,
    index: int,
    outlet: int,
    dyad: int,
) -> None:
    bloc = BLOCS[outlet % 5]
    p = np.array([0.1, 0.15, 0.1])
    p[2 if rng.random() < (1 + _level(index, dyad, bloc)) / 2 else 0] += 0.65
    theme = THEMES[1 if index >= 450 and rng.random() < 0.15 else int(rng.integers(len(THEMES)))]
    at = dt.datetime.combine(day, dt.time(int(rng.integers(24))), dt.UTC)
    title = f"Bench story {number} on {ties().dyads[dyad]}: the parties meet again and say what they said before"
    rows[Story].append({"id": number, "day": day, "last_day": day, "title": title})
    rows[Article].append(
        {
            "id": number,
            "feed_key": f"bench-{outlet}",
            "outlet": f"Bench Outlet {outlet}",
            "bloc": bloc,
            "lang": "en",
            "title": title,
            "text": "",
            "url": f"https://bench-{outlet}.example/{number}",
            "url_key": str(number),
            "title_key": str(number),
            "published_at": at,
            "published_raw": "",
            "date_quality": "given",
            "first_seen_at": at,
            "day": day,
            "story_id": number,
        }
    )
    rows[Reading].append(
        {
            "id": number,
            "article_id": number,
            "model": MODEL,
            "relevant": True,
            "p_relevant": 0.95,
            "themes": [{"code": theme, "p": 0.8}],
            "evidence": f"A sentence of the bench that carries reading {number}, long enough to be like a real one.",
            "read_at": at,
        }
    )
    rows[ReadingDyad].append(
        {
            "reading_id": number,
            "dyad": ties().dyads[dyad],
            "stance": int(np.argmax(p)) - 1,
            "p_minus": p[0],
            "p_zero": p[1],
            "p_plus": p[2],
        }
    )


def tell(store: Store, settings: Settings, days: int) -> None:
    """Count all, and decide and send once a month, so that most shifts are told and some come too late to be."""
    now = dt.datetime.combine(FIRST + dt.timedelta(days=days), dt.time(7), dt.UTC)
    update_series(store, MODEL, now=now)
    for index in [*range(29, days - 1, 30), days - 1]:
        day = FIRST + dt.timedelta(days=index)
        moment = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(7), dt.UTC)
        detect_shifts(store, settings, MODEL, day=day, now=moment)
        if index < 640:
            run_digest(store, settings, MODEL, day=day, now=moment)


def measure(store: Store, settings: Settings, folder: Path, days: int) -> Iterator[str]:
    """A line for the report and one for each export."""
    day = FIRST + dt.timedelta(days=days - 1)
    now = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(7), dt.UTC)
    for attempt in ("first", "again"):
        began = time.process_time()
        done = write_report(store, settings, MODEL, folder / "index.html", day=day, now=now)
        spent = time.process_time() - began
        yield f"report, {attempt:<8} {spent:6.2f} s  {done.size / 1e6:5.2f} MB, {done.shifts} shifts"
    # Each in a process of its own: what a process held once, it never gives back.
    for what in What:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            yield alone.submit(_export, folder, what, day).result()


def _export(folder: Path, what: What, day: dt.date) -> str:
    settings = Settings(_env_file=None, var_dir=folder)
    store = Store(settings.database)
    held, began = _held(), time.process_time()
    written = export(store, settings, MODEL, Asked(what, folder / f"{what}.csv"), day=day)
    spent, size = time.process_time() - began, written.path.stat().st_size / 1e6
    store.close()
    memory = f"memory from {held:.0f} to {_held():.0f} MB"
    return f"export {what:<10} {spent:6.2f} s  {written.rows:,} rows, {size:.1f} MB; {memory}"


def _held() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Fill, decide, measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--votes", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("-o", "--output", type=Path, default=None, help="folder that is kept, and measured again")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as thrown:
        folder: Path = asked.output or Path(thrown)
        settings = Settings(_env_file=None, var_dir=folder)
        store = Store(settings.database)
        store.migrate()
        if not (folder / "index.html").exists():
            fill(store, asked.votes, asked.days)
            tell(store, settings, asked.days)
        for line in measure(store, settings, folder, asked.days):
            print(line, flush=True)
        store.close()


if __name__ == "__main__":
    main()
