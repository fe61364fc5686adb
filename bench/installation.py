"""A whole installation for measurements: `ricwatch serve` as processes that can be looked at, killed and started again.

It looks for processes in /proc, so it runs on Linux only.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from store.settings import ROOT

READY_WITHIN = 240.0
ENDS_WITHIN = 60.0
"""Seconds within which `ricwatch serve` has to stop everything when a part is gone."""
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
UNDER_WAY = ("RUNNING", "PENDING", "CANCELLING")


class Installation:
    """`ricwatch serve` on *var*, on a port of its own, with settings from *variables* (named without prefix)."""

    def __init__(self, var: Path, **variables: str) -> None:
        self.var = var
        self.starts = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("RICWATCH_", "PREFECT_"))}
        self.env |= {"RICWATCH_VAR_DIR": str(var), "PYTHONUNBUFFERED": "1"}
        self.env |= {f"RICWATCH_{name.upper()}": value for name, value in variables.items()}
        self.said: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._client = httpx.Client(base_url=f"{self.api}", timeout=30.0, trust_env=False)
        self._headers: dict[str, str] = {}

    @property
    def api(self) -> str:
        """Where its server answers."""
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Start everything and wait until it is ready.

        Raises:
            RuntimeError: it did not get ready.
        """
        self.starts += 1
        self._headers = {}
        self.said.clear()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "serve", "--port", str(self.port)],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        ready = threading.Event()
        threading.Thread(target=self._listen, args=(self._process, ready), daemon=True).start()
        if not ready.wait(READY_WITHIN) or not any(line.startswith("Ready:") for line in self.said):
            raise RuntimeError("`ricwatch serve` did not get ready:\n" + "".join(self.said))

    def _listen(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.said.append(line)
                if line.startswith("Ready:"):
                    ready.set()
        ready.set()

    def stop(self) -> None:
        """Ctrl-C, and whatever is left of it after a minute is killed."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        if not self.ended():
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Stop, and let go of the connection."""
        self.stop()
        self._client.close()

    def ended(self, within: float = ENDS_WITHIN) -> bool:
        """Whether `ricwatch serve` ends by itself within so many seconds."""
        assert self._process is not None
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def part(self, name: str) -> int | None:
        """The process number of its server or worker."""
        assert self._process is not None
        words = {"server": "flows.server\0", "worker": "prefect\0worker\0start"}[name]
        return next((pid for pid in children(self._process.pid) if words in words_of(pid)), None)

    def flow_processes(self) -> list[int]:
        """The processes in which flows run at this moment: the worker starts no others."""
        worker = self.part("worker")
        return children(worker) if worker else []

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST to the API; a server whose database is busy answers 503 and is asked again."""
        if not self._headers:
            name = uuid.uuid4().hex
            token = self._client.get("/csrf-token", params={"client": name}).raise_for_status().json()["token"]
            self._headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": name}
        answers = (self._client.post(path, json=body or {}, headers=self._headers) for _ in range(20))
        answer = next(answers)
        while answer.status_code == 503:
            time.sleep(1)
            answer = next(answers)
        return answer.raise_for_status().json()

    def order(self, deployment: str, **parameters: Any) -> str:
        """Create a run of a deployment, as a person would; gives its id."""
        path = f"/deployments/{self.deployment(deployment)}/create_flow_run"
        return str(self.post(path, {"parameters": parameters})["id"])

    def deployment(self, name: str) -> str:
        """The id of a deployment."""
        (found,) = self.post("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return str(found["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """A run as the server knows it."""
        found: dict[str, Any] = self._client.get(f"/flow_runs/{run_id}").raise_for_status().json()
        return found

    def end_of(self, run_id: str, within: float = 300.0) -> dict[str, Any]:
        """The run when it has ended, or as it stands after so many seconds."""
        wait_for(lambda: self.run(run_id)["state_type"] in FINAL, within)
        return self.run(run_id)

    def open_runs(self) -> list[dict[str, Any]]:
        """Flow runs that are under way, or should have begun by now, and task runs that are under way."""
        body = {"flow_runs": {"state": {"type": {"any_": list(UNDER_WAY)}}}}
        due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"before_": f"{now()}"}}
        tasks = {"task_runs": body["flow_runs"]}
        return [
            *self.post("/flow_runs/filter", body),
            *self.post("/flow_runs/filter", {"flow_runs": due}),
            *self.post("/task_runs/filter", tasks),
        ]


@contextmanager
def installation(var: Path, **variables: str) -> Iterator[Installation]:
    """One that runs, for the length of the block."""
    one = Installation(var, **variables)
    try:
        one.start()
        yield one
    finally:
        one.close()


def now() -> dt.datetime:
    """The present moment."""
    return dt.datetime.now(dt.UTC)


def wait_for(holds: Callable[[], bool], within: float, every: float = 0.2) -> bool:
    """Whether *holds* comes true within so many seconds."""
    end = time.monotonic() + within
    while not (true := holds()) and time.monotonic() < end:
        time.sleep(every)
    return true


def children(pid: int) -> list[int]:
    """The processes that *pid* started and that live."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def words_of(pid: int) -> str:
    """Its command line, words parted by NUL; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def memory_of(pid: int) -> int:
    """Bytes of it that lie in memory (RSS); 0 when it is gone."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
