"""A backlog through Prefect and Dask: items per second, speed-up, overhead per batch, best batch, memory, cost.

    python -m bench.scale                                       # a sweep of batch sizes, then 1 and 2 workers
    python -m bench.scale --items 1000000 --sweep-items 20000   # as docs/scale.md tells
    python -m bench.scale --model fused --items 10000 --sweep-items 0

Items are made from the bundled archive by variation: one of its titles, numbered, with the lead of another item; one in
five names two of the watched states. They are stored unread in a database, of which every measurement takes a copy.
Then they are read and their readings stored, in a process of its own with a Prefect server of its own, as
`ricwatch classify` does: without workers (0) and through Dask workers. Processor seconds are those of the run and of
its workers; wall time is told beside them, since whatever else the machine does lengthens that most. Results go to
bench/out/scale.json.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from store.settings import ROOT

OUT = Path(__file__).parent / "out" / "scale.json"
NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
A_DAY = 3_000
NEVER = 1_000_000_000


def rows_of(count: int) -> Iterator[dict[str, object]]:
    """So many unread articles, one in five of which names two of the watched states."""
    from classify.actors import Matcher
    from ingest.archive_items import load_archive
    from ingest.topic import load_topic

    matcher = Matcher(load_topic(ROOT / "seeds"))
    items = load_archive(ROOT / "seeds" / "archive").items
    named = [one for one in items if matcher.names_two(f"{one.title} {one.text}")]
    others = [one for one in items if not matcher.names_two(f"{one.title} {one.text}")]
    for number in range(count):
        pool = others if number % 5 else named
        # Steps that share no divisor with the pool's size pair every title with every lead in turn.
        title = f"{pool[number // 5 % len(pool)].title}, part {number}"
        when = NOW - dt.timedelta(days=1 + number // A_DAY, minutes=number % 600)
        yield {
            "feed_key": "scale", "outlet": "Scale", "bloc": "other", "lang": "en", "title": title,
            "text": pool[(number // 5 * 7 + number // 5 // len(pool)) % len(pool)].text,
            "url": f"https://scale.example/{number}", "url_key": f"scale.example/{number}", "title_key": title.lower(),
            "published_at": when, "published_raw": "", "date_quality": "given", "first_seen_at": when,
            "day": when.date(),
        }  # fmt: skip


def fill(path: Path, count: int) -> None:
    """A database of so many unread articles."""
    from store.db import Store
    from store.models import Article, Feed

    store = Store(f"sqlite:///{path}")
    store.migrate()
    with store.session() as session:
        session.add(
            Feed(
                key="scale", outlet="Scale", bloc="other", kind="import", lang="en", url="", timezone="UTC",
                enabled=False, status="import", status_date="", status_note="", failures=0, health="unknown",
                last_error="",
            )
        )  # fmt: skip
    held: list[dict[str, object]] = []
    for row in rows_of(count):
        held.append(row)
        if len(held) == 10_000:
            _insert(store, Article, held)
            held = []
    if held:
        _insert(store, Article, held)
    store.close()


def _insert(store: Any, table: Any, rows: list[dict[str, object]]) -> None:
    with store.session() as session:
        session.execute(insert(table), rows)


def work() -> None:
    """Read what waits, as the settings in the environment say; the child process of a measurement."""
    from flows.environment import prepare
    from store.settings import get_settings

    prepare()
    from prefect import flow

    from classify.batch import ClassifyReport, classify_pending
    from flows.runners import spread_of
    from flows.watch import open_watch

    marks: list[tuple[int, float]] = []

    def told_of(done: int, total: int | None = None, note: str = "") -> None:  # noqa: ARG001 - as `Progress` has it
        marks.append((done, time.perf_counter()))

    @flow(name="scale")
    async def backlog() -> ClassifyReport:
        with open_watch() as watch:
            assert watch.model.version
            marks.append((0, time.perf_counter()))
            return classify_pending(watch.store, watch.model, now=NOW, spread=spread_of(watch), progress=told_of)

    report = asyncio.run(backlog())
    settings = get_settings()
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    # From the first batch on: the start of a cluster is told apart.
    (_, began), (first, since), (last, ended) = marks[0], marks[1], marks[-1]
    told = {
        "items": report.read,
        "on_a_dyad": report.relevant,
        "seconds": ended - began,
        "first_batch_s": since - began,
        "items_per_s": (last - first) / (ended - since) if last > first else report.read / (ended - began),
        "cpu_run_s": own.ru_utime + own.ru_stime,
        "cpu_others_s": workers.ru_utime + workers.ru_stime,
        "peak_mb_run": own.ru_maxrss / 1024,
        "peak_mb_largest_other": workers.ru_maxrss / 1024,
        "db_mb": (settings.var_dir / "ricwatch.db").stat().st_size / 2**20,
    }
    print(json.dumps(told))


def measured(source: Path, model: str, runner: str, workers: int, batch: int) -> dict[str, Any]:
    """One reading of a copy of *source*; *workers* 0 reads in the run itself."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(source, Path(folder) / "ricwatch.db")
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("RICWATCH_", "PREFECT_"))
        }
        environment |= {
            "RICWATCH_VAR_DIR": folder,
            "RICWATCH_MODEL": model,
            "RICWATCH_TASK_RUNNER": runner,
            "RICWATCH_TASK_WORKERS": str(workers),
            "RICWATCH_TASK_BATCH": str(batch),
            "RICWATCH_TASK_RUNNER_FROM": "1" if workers else str(NEVER),
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        }
        done = subprocess.run(
            [sys.executable, "-m", "bench.scale", "--work"],
            check=False, capture_output=True, text=True, cwd=ROOT, env=environment,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-3_000:])
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    told |= {"model": model, "runner": runner if workers else "none", "workers": workers, "batch": batch}
    told["core_hours_per_million"] = (told["cpu_run_s"] + told["cpu_others_s"]) / told["items"] * 1e6 / 3600
    told["load"] = os.getloadavg()[0]
    print(
        f"{model:7} {told['runner']:9} {workers} workers, batch {batch:6,}, {told['items']:9,} items: "
        f"{told['items_per_s']:7,.0f} items/s after {told['first_batch_s']:5.1f} s, {told['seconds']:7.1f} s in all; "
        f"processor {told['cpu_run_s']:.0f} + {told['cpu_others_s']:.0f} s, "
        f"{told['core_hours_per_million']:.2f} core-hours per million; "
        f"peak {told['peak_mb_run']:.0f} MB, others up to {told['peak_mb_largest_other']:.0f}; load {told['load']:.1f}",
        flush=True,
    )
    return told


def _keep(results: list[dict[str, Any]]) -> None:
    OUT.parent.mkdir(exist_ok=True)
    held = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else []
    OUT.write_text(json.dumps(held + results, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000, help="how many for each number of workers; 0: none")
    parser.add_argument("--sweep-items", type=int, default=20_000, help="how many for each batch size; 0: no sweep")
    parser.add_argument("--batches", type=int, nargs="+", default=[100, 500, 2_000, 5_000], help="sizes of the sweep")
    parser.add_argument("--batch", type=int, default=1_000, help="size of the others")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="0 is the run alone")
    parser.add_argument("--model", default="linear", help="backend")
    parser.add_argument("--runner", default="dask", help="task runner")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work()
        return
    with tempfile.TemporaryDirectory() as folder:
        if given.sweep_items:
            fill(Path(folder) / "sweep.db", given.sweep_items)
            for batch in given.batches:
                _keep([measured(Path(folder) / "sweep.db", given.model, given.runner, 1, batch)])
        if given.items:
            fill(Path(folder) / "items.db", given.items)
            for workers in given.workers:
                _keep([measured(Path(folder) / "items.db", given.model, given.runner, workers, given.batch)])


if __name__ == "__main__":
    main()
