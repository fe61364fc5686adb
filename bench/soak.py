"""Sixty simulated days with a hundred feeds, every step of the watch each day: memory and database, day by day.

    python -m bench.soak                       # 60 days, 100 feeds
    python -m bench.soak --days 10 --feeds 20 --runs-a-day 4

The steps run one after the other in this process, without Prefect (bench.growth measures its share): what grows here
is ours. The press is a local server with the bundled archive's outlets, each under several names; every copy tells each
of its items in words of its own, so that it is a story of its own. Figures go to bench/out/soak.json, the plot to
bench/out/soak.png.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import gc
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np

from bench.growth import sizes
from bench.installation import memory_of
from flows import classify_articles, detect_shifts, ingest_feeds
from flows.oversight import leave_numbers, oversee
from flows.replay import write_roster
from flows.send_digest import compose_and_deliver
from flows.watch import Watch
from ingest.archive import Archive, ArchiveServer, load_archive
from store.db import Store
from store.settings import ROOT, Settings

OUT = Path(__file__).parent / "out"
NUMBERS = ("north", "south", "east", "west", "upper", "lower", "inner", "outer", "first", "second")


def multiplied(archive: Archive, feeds: int) -> Archive:
    """The archive with so many outlets: copies of each in turn, whose titles say in which edition they stand."""
    outlets, items = {}, []
    keys = sorted(archive.outlets)
    for number in range(feeds):
        copy, original = divmod(number, len(keys))
        outlet = archive.outlets[keys[original]]
        key = f"{outlet.key}-{copy}" if copy else outlet.key
        outlets[key] = replace(outlet, key=key, name=f"{outlet.name} {copy}", dies_on=None, death=None)
        for item in archive.items:
            if item.outlet == outlet.key:
                place = f", {NUMBERS[copy % 10]} edition reports {number}" if copy else ""
                fresh = replace(item, id=f"{item.id}-{copy}", outlet=key, title=item.title + place, copy_of="")
                items.append(fresh)
    return replace(archive, outlets=outlets, items=tuple(sorted(items, key=lambda item: (item.published, item.id))))


async def run(watch: Watch, now: dt.datetime) -> int:
    """All that an hourly run does; gives the number of new articles."""
    polled = await ingest_feeds.poll(watch, now)
    classify_articles.read_pending(watch, now)
    detect_shifts.decide(watch, now)
    compose_and_deliver(watch, now)
    oversee(watch, now)
    leave_numbers(watch, now)
    return polled.new


def soak(folder: Path, days: int, feeds: int, runs: int, until: float) -> list[dict[str, float]]:
    """A row per day; ends early at *until* (monotonic seconds)."""
    archive = multiplied(load_archive(ROOT / "seeds" / "archive"), feeds)
    rows = []
    with ArchiveServer(archive) as press:
        write_roster(folder / "feeds.yaml", press.roster())
        settings = Settings(
            _env_file=None, var_dir=folder, roster=folder / "feeds.yaml", allow_private_addresses=True, host_spacing=0,
            model="linear", recipients=["reader@example.org"], operator="operator@example.org",
        )  # fmt: skip
        store = Store(settings.database)
        store.migrate()
        for day in range(days):
            if time.monotonic() > until:
                break
            began, new = time.perf_counter(), 0
            for number in range(runs):
                now = dt.datetime.combine(archive.start + dt.timedelta(days=150 + day), dt.time(7), dt.UTC)
                press.as_of = now + number * dt.timedelta(hours=24 / runs)
                # Each run opens the monitor anew, as a process of its own would.
                new += asyncio.run(run(Watch(settings, store), press.as_of))
            gc.collect()
            size = sum(used for _, used in sizes(folder / "ricwatch.db").values())
            seconds = (time.perf_counter() - began) / runs
            rows.append(
                {"day": day + 1, "rss": memory_of(os.getpid()), "database": size, "new": new, "seconds": seconds}
            )
            print(json.dumps(rows[-1]), flush=True)
        store.close()
    return rows


def plot(rows: list[dict[str, float]], target: Path) -> None:
    """Memory and database by day, and the seconds of a run."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 1, figsize=(8, 8), sharex=True, layout="constrained")
    days = [row["day"] for row in rows]
    for axis, name, unit, label in zip(
        axes, ("rss", "database", "seconds"), (1e6, 1e6, 1), ("memory, MB", "database, MB", "a run, s"), strict=True
    ):
        axis.plot(days, [row[name] / unit for row in rows], color="#1f4e79")
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("simulated day")
    figure.savefig(target, dpi=110)
    pyplot.close(figure)


def slope(rows: list[dict[str, float]], name: str) -> float:
    """Growth a day over the later half, by least squares: the first days fill caches."""
    later = rows[len(rows) // 2 :]
    return float(np.polyfit([row["day"] for row in later], [row[name] for row in later], 1)[0]) if later[1:] else 0.0


def main() -> None:
    """Run, plot, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--feeds", type=int, default=100)
    parser.add_argument("--runs-a-day", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so many; 0 does all days")
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes if asked.minutes else float("inf")
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        rows = soak(Path(name), asked.days, asked.feeds, asked.runs_a_day, until)
    plot(rows, OUT / "soak.png")
    told = {
        "days": len(rows),
        "feeds": asked.feeds,
        "articles": sum(row["new"] for row in rows),
        "rss_first_last_mb": [round(rows[0]["rss"] / 1e6), round(rows[-1]["rss"] / 1e6)],
        "rss_growth_kb_a_day": round(slope(rows, "rss") / 1e3),
        "database_last_mb": round(rows[-1]["database"] / 1e6, 1),
        "database_growth_kb_a_day": round(slope(rows, "database") / 1e3),
    }
    (OUT / "soak.json").write_text(json.dumps({**told, "rows": rows}, indent=1), encoding="utf-8")
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
