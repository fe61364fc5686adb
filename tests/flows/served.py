"""A real installation for tests: `ricwatch serve` as a process of its own, spoken to over its HTTP API."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from store.private import private_folder
from store.settings import ROOT

READY_WITHIN = 240.0
RUN_WITHIN = 180.0
TRIES = 20
ANSWER_WITHIN = 150.0
"""Seconds. Two writers of Prefect's server may block each other in SQLite for its 60 seconds of patience."""
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Served:
    """A running installation."""

    base: str
    var: Path
    process: subprocess.Popen[str]
    client: httpx.Client = field(repr=False)
    _headers: dict[str, str] = field(default_factory=dict, repr=False)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST to the API, with the token that its protection against foreign pages asks for."""
        if not self._headers:
            name = uuid.uuid4().hex
            token = self.client.get("/csrf-token", params={"client": name}).raise_for_status().json()["token"]
            self._headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": name}
        # While its SQLite file is busy the server answers 503, "try again"; Prefect's own client does so too.
        tick = threading.Event()
        for _ in range(TRIES):
            answer = self.client.post(path, json=body or {}, headers=self._headers)
            if answer.status_code != 503:
                break
            tick.wait(1.0)
        return answer.raise_for_status().json()

    def deployments(self) -> dict[str, dict[str, Any]]:
        """All deployments by name."""
        return {row["name"]: row for row in self.post("/deployments/filter")}

    def start(self, name: str, **parameters: Any) -> str:
        """Create a run of the deployment *name*; gives the run's id."""
        deployment = self.deployments()[name]
        run = self.post(f"/deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def await_run(self, run_id: str) -> dict[str, Any]:
        """Wait until the run has ended; gives its last state."""
        end = time.monotonic() + RUN_WITHIN
        tick = threading.Event()
        while time.monotonic() < end:
            run: dict[str, Any] = self.client.get(f"/flow_runs/{run_id}").raise_for_status().json()
            if run["state_type"] in FINAL:
                state: dict[str, Any] = run["state"]
                return state
            tick.wait(0.5)
        raise AssertionError(f"run {run_id} did not end within {RUN_WITHIN:.0f} s; last state {run['state']}")

    def await_some(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Wait until a filter of the API finds something; gives what it found."""
        end = time.monotonic() + RUN_WITHIN
        tick = threading.Event()
        while time.monotonic() < end:
            rows: list[dict[str, Any]] = self.post(path, body)
            if rows:
                return rows
            tick.wait(0.5)
        raise AssertionError(f"{path} found nothing within {RUN_WITHIN:.0f} s")

    def artifacts(self, run_id: str) -> dict[str, str]:
        """The Markdown pages that a run left, by key."""
        rows = self.post("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}})
        return {row["key"]: row["data"] for row in rows}


def migrated(path: Path) -> Path:
    """Prefect's database without any content at *path*; its migrations take ten seconds and more, so they run once."""
    path.parent.mkdir(exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:  # the other workers of the session wait for the first one
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
            env |= {"PREFECT_HOME": str(path.parent / "home"), "DO_NOT_TRACK": "1"}
            upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
            subprocess.run(upgrade, cwd=ROOT, env=env, check=True, capture_output=True)
            with (
                closing(sqlite3.connect(path.parent / "home" / "prefect.db")) as made,
                closing(sqlite3.connect(path.with_suffix(".new"))) as copy,
            ):
                made.backup(copy)
            path.with_suffix(".new").rename(path)
    return path


def place(database: Path, var: Path) -> None:
    """Have the Prefect of *var* find a copy of *database*, the empty one of the fixture `prefect_database`."""
    shutil.copy(database, private_folder(private_folder(var) / "prefect") / "prefect.db")


@contextmanager
def serving(var: Path, database: Path, **variables: str) -> Iterator[Served]:
    """`ricwatch serve` on a free port, with settings from *variables*; stopped with Ctrl-C at the end.

    *database* is Prefect's empty one, of the fixture `prefect_database`.
    """
    place(database, var)
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RICWATCH_", "PREFECT_"))}
    env |= {"RICWATCH_VAR_DIR": str(var), "PYTHONUNBUFFERED": "1"}
    env |= {f"RICWATCH_{name.upper()}": value for name, value in variables.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "serve", "--port", str(port)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        _await_ready(process)
        base = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=f"{base}/api", timeout=ANSWER_WITHIN, trust_env=False) as client:
            yield Served(base, var, process, client)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.stdout:
            process.stdout.close()


def _await_ready(process: subprocess.Popen[str]) -> None:
    lines: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith("Ready:"):
                ready.set()
        ready.set()

    threading.Thread(target=listen, daemon=True).start()
    if not ready.wait(READY_WITHIN) or process.poll() is not None or not any(x.startswith("Ready:") for x in lines):
        raise AssertionError("ricwatch serve did not get ready:\n" + "".join(lines))
