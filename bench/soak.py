"""Sixty simulated days with a hundred feeds, every step of the watch each day: memory and database, day by day.

    python -m bench.soak                       # 60 days, 100 feeds
    python -m bench.soak --days 10 --feeds 20 --runs-a-day 4
    python -m bench.soak --served              # with a real Prefect server and worker: see bench/served_soak.py

The steps run one after the other in this process, without Prefect: what grows here is ours. With `--served` they run as
the deployments of a real installation, whose server keeps and forgets runs, pages and events. The press is a local
server with the bundled archive's outlets, each under several names; every copy tells each of its items in words of its
own, so that it is a story of its own. Figures go to bench/out/soak.json (soak-served.json), the plot to bench/out as a
.png of that name.
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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from bench import served_soak
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


def soak(archive: Archive, folder: Path, days: int, runs: int, until: float) -> list[dict[str, Any]]:
    """A row per day; ends early at *until* (monotonic seconds)."""
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


PANELS: Mapping[str, tuple[Mapping[str, str], float]] = {
    "memory, MB": ({"rss": "flow process", "server": "Prefect server", "worker": "Prefect worker"}, 1e6),
    "databases, MB": ({"database": "ours", "prefect": "Prefect's"}, 1e6),
    "a run, s": ({"seconds": ""}, 1),
}
"""Title of each panel of the plot: the columns in it with their names, and the unit."""


def plot(rows: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Memory and databases by day, and the seconds of a run."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(PANELS), 1, figsize=(8, 8), sharex=True, layout="constrained")
    days = [row["day"] for row in rows]
    for axis, (title, (columns, unit)) in zip(axes, PANELS.items(), strict=True):
        shown = [name for name in columns if name in rows[0]]
        for name in shown:
            axis.plot(days, [row[name] / unit for row in rows], label=columns[name])
        if shown[1:]:
            axis.legend(frameon=False)
        axis.set_ylabel(title)
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("simulated day")
    figure.savefig(target, dpi=110)
    pyplot.close(figure)


def slope(rows: Sequence[Mapping[str, Any]], name: str) -> float:
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
    parser.add_argument("--served", action="store_true", help="as deployments of a real installation")
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes if asked.minutes else float("inf")
    OUT.mkdir(exist_ok=True)
    archive = multiplied(load_archive(ROOT / "seeds" / "archive"), asked.feeds)
    with tempfile.TemporaryDirectory() as name:
        run_days = served_soak.soak if asked.served else soak
        rows = run_days(archive, Path(name), asked.days, asked.runs_a_day, until)
    target = OUT / ("soak-served" if asked.served else "soak")
    plot(rows, target.with_suffix(".png"))
    told = {
        "days": len(rows),
        "feeds": asked.feeds,
        "runs_a_day": asked.runs_a_day,
        "articles": sum(row["new"] for row in rows),
        "rss_first_last_mb": [round(rows[0]["rss"] / 1e6), round(rows[-1]["rss"] / 1e6)],
        "database_last_mb": round(rows[-1]["database"] / 1e6, 1),
        "growth_kb_a_day": {
            name: round(slope(rows, name) / 1e3)
            for name in ("rss", "server", "worker", "database", "prefect")
            if name in rows[0]
        },
    }
    if asked.served:
        told |= served_soak.figures(rows)
    target.with_suffix(".json").write_text(json.dumps({**told, "rows": rows}, indent=1), encoding="utf-8")
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
