"""A backlog through Prefect and Dask: items per second, speed-up, overhead per batch, best batch, memory, cost.

    python -m bench.scale                                       # a sweep of batch sizes, then 1 and 2 workers
    python -m bench.scale --items 1000000 --sweep-items 20000   # as docs/scale.md tells
    python -m bench.scale --model fused --items 10000 --sweep-items 0
    python -m bench.scale --runner threads processes dask ray --items 20000 --sweep-items 0 --workers 2
    python -m bench.scale --runner dask ray --at-address --items 20000 --sweep-items 0 --workers 2

Items are made from the bundled archive by variation: one of its titles, numbered, with the lead of another item; one in
five names two of the watched states. They are stored unread in a database, of which every measurement takes a copy.
Then they are read and their readings stored, in a process of its own with a Prefect server of its own, as
`ricwatch classify` does: without workers (0) and through workers of the run, or of a cluster on loopback that stood
before it (--at-address). Processor seconds are those of the run and of all other processes but Prefect's server, looked
at four times a second, as is their memory (PSS: what they share is counted once); wall time is told beside them, since
whatever else the machine does lengthens that most. Results go to bench/out/scale.json.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import resource
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from itertools import product
from pathlib import Path
from typing import Any

import psutil
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
    own = resource.getrusage(resource.RUSAGE_SELF)
    # From the first batch on: the start of a cluster is told apart.
    (_, began), (first, since), (last, ended) = marks[0], marks[1], marks[-1]
    told = {
        "items": report.read,
        "on_a_dyad": report.relevant,
        "seconds": ended - began,
        "first_batch_s": since - began,
        "items_per_s": (last - first) / (ended - since) if last > first else report.read / (ended - began),
        "cpu_run_s": own.ru_utime + own.ru_stime,
        "peak_mb_run": own.ru_maxrss / 1024,
        "db_mb": (settings.var_dir / "ricwatch.db").stat().st_size / 2**20,
    }
    print(json.dumps(told))


class Others(threading.Thread):
    """Looks at the processes under this one, but the run itself and Prefect's server, until it is told to stop.

    `cpu_s` are their processor seconds since the first look, `peak_mb` the most that all of them held at one time,
    `largest_mb` the most of one, `count` the most that lived at one time.
    """

    def __init__(self, run: int) -> None:
        super().__init__(daemon=True)
        self.run_pid, self.ended = run, threading.Event()
        self.spent: dict[int, tuple[float, float]] = {}
        self.peak_mb = self.largest_mb = 0.0
        self.count = 0

    @property
    def cpu_s(self) -> float:
        return sum(last - first for first, last in self.spent.values())

    def run(self) -> None:
        first = True
        while not self.ended.wait(0.25):
            held = [mb for mb in map(self._look_at(first), psutil.Process().children(recursive=True)) if mb]
            self.count = max(self.count, len(held))
            self.peak_mb, self.largest_mb = max(self.peak_mb, sum(held)), max(self.largest_mb, *held, 0.0)
            first = False

    def _look_at(self, first: bool) -> Callable[[psutil.Process], float]:
        def look(one: psutil.Process) -> float:
            try:
                if one.pid == self.run_pid or any("prefect.server" in word for word in one.cmdline()):
                    return 0.0
                spent = sum(one.cpu_times()[:2])
                begun = self.spent.get(one.pid, (spent if first else 0.0, 0.0))[0]
                self.spent[one.pid] = (begun, spent)
                return float(one.memory_full_info().pss) / 2**20
            except psutil.Error:
                return 0.0

        return look


@contextmanager
def cluster(runner: str, workers: int) -> Iterator[dict[str, str]]:
    """A cluster of so many workers on loopback, in processes of its own; gives the environment that a run needs."""
    bin_ = [sys.executable, "-m"]
    port = free_port()
    with ExitStack() as held:
        environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}

        def start(*arguments: str) -> None:
            one = subprocess.Popen(
                [*bin_, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
            )
            held.callback(one.wait)
            held.callback(one.terminate)

        if runner == "ray":
            folder = held.enter_context(tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
            secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
            environment |= secret | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
            client = free_port()
            start(
                "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}", f"--num-cpus={workers}",
                f"--ray-client-server-port={client}", "--min-worker-port=0", "--max-worker-port=0",
                "--include-dashboard=false", f"--temp-dir={folder}",
            )  # fmt: skip
            await_port(client)
            yield {"RICWATCH_TASK_RUNNER_ADDRESS": f"ray://127.0.0.1:{client}", **secret}
            return
        address = f"tcp://127.0.0.1:{port}"
        start("dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0")
        await_port(port)
        for _ in range(workers):
            start("dask", "worker", address, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
        yield {"RICWATCH_TASK_RUNNER_ADDRESS": address}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def await_port(port: int) -> None:
    for _ in range(600):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listens on port {port} after a minute")


def measured(
    source: Path, model: str, runner: str, workers: int, batch: int, at: dict[str, str] | None = None
) -> dict[str, Any]:
    """One reading of a copy of *source*; *workers* 0 reads in the run itself, *at* is what a cluster needs."""
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
        } | (at or {})
        run = subprocess.Popen(
            [sys.executable, "-m", "bench.scale", "--work"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
        )  # fmt: skip
        others = Others(run.pid)
        others.start()
        said, wrong = run.communicate()
        others.ended.set()
        others.join()
    if run.returncode:
        raise RuntimeError(wrong[-3_000:])
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    told |= {"cpu_others_s": others.cpu_s, "peak_mb_others": others.peak_mb, "peak_mb_largest_other": others.largest_mb}
    told |= {"others": others.count, "at_address": bool(at)}
    told |= {"model": model, "runner": runner if workers else "none", "workers": workers, "batch": batch}
    told["core_hours_per_million"] = (told["cpu_run_s"] + told["cpu_others_s"]) / told["items"] * 1e6 / 3600
    told["load"] = os.getloadavg()[0]
    print(
        f"{model:7} {told['runner']:9} {workers} workers, batch {batch:6,}, {told['items']:9,} items: "
        f"{told['items_per_s']:7,.0f} items/s after {told['first_batch_s']:5.1f} s, {told['seconds']:7.1f} s in all; "
        f"processor {told['cpu_run_s']:.0f} + {told['cpu_others_s']:.0f} s, "
        f"{told['core_hours_per_million']:.2f} core-hours per million; "
        f"peak {told['peak_mb_run']:.0f} MB, {told['others']} others {told['peak_mb_others']:.0f} in all, "
        f"up to {told['peak_mb_largest_other']:.0f} each; load {told['load']:.1f}{'; at an address' if at else ''}",
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
    parser.add_argument("--runner", nargs="+", default=["dask"], help="task runners; the sweep takes the first")
    parser.add_argument("--at-address", action="store_true", help="a cluster on loopback that stands before the run")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work()
        return
    with tempfile.TemporaryDirectory() as folder:
        if given.sweep_items:
            fill(Path(folder) / "sweep.db", given.sweep_items)
            for batch in given.batches:
                _keep([measured(Path(folder) / "sweep.db", given.model, given.runner[0], 1, batch)])
        if given.items:
            fill(Path(folder) / "items.db", given.items)
            for runner, workers in product(given.runner, given.workers):
                place = cluster(runner, workers) if given.at_address and workers else nullcontext(None)
                with place as at:
                    _keep([measured(Path(folder) / "items.db", given.model, runner, workers, given.batch, at)])


if __name__ == "__main__":
    main()
