"""The soak with a real Prefect server: memory of server, worker and flow process, and both databases, day by day.

`python -m bench.soak --served` runs it. A whole `ricwatch serve`, its schedules off: the runs of a day are made
by a flow process of their own each day (`bench.soak_day`), at simulated moments. The clock cannot be moved under a
running server, so after each day all ended runs and all events in its database are made a day older; what its retention
removes, at the settings' defaults, it removes by itself, looking every 20 seconds instead of every hour.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.growth import sizes
from bench.installation import Installation, memory_of
from flows.replay import write_roster
from ingest.archive import Archive, ArchiveServer
from store.settings import ROOT

NIGHTLY = ("back-up", "tidy", "report")
"""Deployments that run once a day, after the last `monitor`."""
VACUUM_EVERY = "20"
OLDER = {
    "flow_run": ("start_time", "end_time", "expected_start_time", "state_timestamp"),
    "events": ("occurred",),
    "event_resources": ("occurred",),
}
"""Times in Prefect's database by which it finds what is to be forgotten, and those that tell of the same run."""


def make_older(database: Path) -> None:
    """A day passes for what has ended."""
    with closing(sqlite3.connect(database, timeout=120)) as connection, connection:
        for table, columns in OLDER.items():
            set_to = ", ".join(f"{name} = strftime('%Y-%m-%d %H:%M:%f000', {name}, '-1 day')" for name in columns)
            ended = " WHERE state_type IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')"
            connection.execute(f"UPDATE {table} SET {set_to}{ended if table == 'flow_run' else ''}")


def rows_of(database: Path) -> dict[str, int]:
    """How many runs, task runs, logs, pages and events Prefect keeps."""
    with closing(sqlite3.connect(database, timeout=120)) as connection:
        tables = ("flow_run", "task_run", "log", "artifact", "events")
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


class Day:
    """A flow process."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.soak_day"],
            env=env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, now: dt.datetime, deployments: Sequence[str]) -> dict[str, Any]:
        """Have the deployments run, at *now*.

        Raises:
            RuntimeError: the process ended.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"now": now.isoformat(), "deployments": list(deployments)}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> int:
        """Let it end; gives its memory at the highest, in bytes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        highest = int(self._answer()["rss"])
        self._process.wait()
        return highest

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the flow process ended with {self._process.wait()}")
        told: dict[str, Any] = json.loads(line)
        return told


def one_day(
    running: Installation, env: dict[str, str], press: ArchiveServer, moments: Sequence[dt.datetime]
) -> dict[str, Any]:
    """All runs of a day; its row but for the number of the day."""
    began, seconds, new = time.perf_counter(), [], 0
    failed: list[str] = []
    process = Day(env)
    for now in moments:
        press.as_of = now
        told = process.run(now, ["monitor"])
        new += told["new"]
        seconds.append(told["seconds"])
        failed += [state for state in told["states"].values() if state != "completed"]
    nightly = process.run(moments[-1], NIGHTLY)
    failed += [f"{name} {state}" for name, state in nightly["states"].items() if state != "completed"]
    parts = {name: memory_of(running.part(name) or 0) for name in ("server", "worker")}
    prefects = Path(env["PREFECT_HOME"]) / "prefect.db"
    return {
        "rss": process.end(),
        **parts,
        "database": sum(used for _, used in sizes(running.var / "ricwatch.db").values()),
        "prefect": sum(used for _, used in sizes(prefects).values()),
        "rows": rows_of(prefects),
        "new": new,
        "seconds": sum(seconds) / len(seconds),
        "day_seconds": time.perf_counter() - began,
        "failed": failed,
    }


def soak(archive: Archive, folder: Path, days: int, runs: int, until: float) -> list[dict[str, Any]]:
    """A row per day; ends early at *until* (monotonic seconds)."""
    rows: list[dict[str, Any]] = []
    var = folder / "var"
    with ArchiveServer(archive) as press:
        write_roster(folder / "feeds.yaml", press.roster())
        readers = '["reader@example.org"]'
        settings = {"roster": str(folder / "feeds.yaml"), "allow_private_addresses": "true", "model": "linear"}
        with closing(
            Installation(var, **settings, host_spacing="0", recipients=readers, operator="operator@example.org")
        ) as running:
            running.env["PREFECT_HOME"] = str(var / "prefect")
            running.env["PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS"] = VACUUM_EVERY
            running.env["PREFECT_SERVER_SERVICES_DB_VACUUM_ORPHAN_CLEANUP_LOOP_SECONDS"] = VACUUM_EVERY
            running.start()
            for deployment in running.post("/deployments/filter"):
                running.post(f"/deployments/{deployment['id']}/pause_deployment")
            env = running.env | {"PREFECT_API_URL": running.api, "DO_NOT_TRACK": "1"}
            env["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
            for day in range(days):
                if time.monotonic() > until:
                    break
                morning = dt.datetime.combine(archive.start + dt.timedelta(days=150 + day), dt.time(7), dt.UTC)
                moments = [morning + number * dt.timedelta(hours=24 / runs) for number in range(runs)]
                rows.append({"day": day + 1, **one_day(running, env, press, moments)})
                print(json.dumps(rows[-1]), flush=True)
                make_older(var / "prefect" / "prefect.db")
    return rows


def highest(rows: Sequence[dict[str, Any]], name: str) -> float:
    """The largest of a column, in MB."""
    return round(float(max(row[name] for row in rows)) / 1e6, 1)


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """First, last and highest of what grows."""
    told: dict[str, Any] = {
        f"{name}_first_last_highest_mb": [
            round(rows[0][name] / 1e6, 1),
            round(rows[-1][name] / 1e6, 1),
            highest(rows, name),
        ]
        for name in ("server", "worker", "rss", "database", "prefect")
    }
    return told | {"failed": [one for row in rows for one in row["failed"]], "kept_rows": rows[-1]["rows"]}
