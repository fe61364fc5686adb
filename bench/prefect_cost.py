"""What Prefect costs: a flow that does nothing, the monitor with nothing new, and the monitor's steps without Prefect.

    python -m bench.prefect_cost            # 5 rounds in turn
    python -m bench.prefect_cost --rounds 9

All on one Prefect server that runs already. Each is timed inside a process of its own, from the call of the flow to its
end: starting Python, importing and the worker's polling are the same for all and left out. The first of each process
loads weights and topic, so each is done twice and the second counts. Calls are the requests that the flow's process
sends to the API; task runs and events go over a websocket, and their number is told beside it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.installation import Installation, installation
from flows.replay import write_roster
from ingest.archive import ArchiveServer, load_archive
from store.settings import ROOT

KINDS = ("bare flow", "monitor", "steps alone")
MEASURED = """
import asyncio, json, logging, sys, time
from collections import Counter
import httpx
from prefect import flow
from flows.monitor import monitor, watch_day
from flows.watch import moment, open_watch
calls, sent = Counter(), httpx.AsyncClient.send
async def counted(self, request, **more):
    if "/api/" in request.url.path:
        calls[request.method + " " + "/".join(p for p in request.url.path.split("/")[2:] if len(p) < 30)] += 1
    return await sent(self, request, **more)
httpx.AsyncClient.send = counted
@flow(name="bare")
async def bare():
    pass
async def steps():
    with open_watch() as watch:
        await watch_day.fn(watch, moment(""), True)
work = {"bare flow": bare, "monitor": lambda: monitor(force=True), "steps alone": steps}[sys.argv[1]]
for _ in range(2):
    calls.clear()
    began = time.perf_counter()
    asyncio.run(work())
    took = time.perf_counter() - began
print(json.dumps({"seconds": took, "calls": dict(calls)}))
"""


def measure(kind: str, env: dict[str, str]) -> tuple[float, dict[str, int]]:
    """Seconds and API calls of one."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, kind], env=env, cwd=ROOT, check=True, capture_output=True, text=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return float(told["seconds"]), dict(told["calls"])


def recorded(running: Installation) -> dict[str, int]:
    """How many task runs and pages the newest run of the monitor left."""
    done = {"state": {"type": {"any_": ["COMPLETED"]}}}
    asked = {"flows": {"name": {"any_": ["monitor"]}}, "flow_runs": done, "sort": "END_TIME_DESC", "limit": 1}
    (run,) = running.post("/flow_runs/filter", asked)
    of = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    pages = running.post("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    return {"task_runs": running.post("/task_runs/count", of), "artifacts": len(pages)}


def main() -> None:
    """Measure in turn and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    archive = load_archive(ROOT / "seeds" / "archive")
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    calls: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as name, ArchiveServer(archive) as press:
        folder = Path(name)
        press.as_of = dt.datetime.combine(archive.start + dt.timedelta(days=60), dt.time(12), dt.UTC)
        write_roster(folder / "feeds.yaml", press.roster())
        settings = {"roster": str(folder / "feeds.yaml"), "model": "linear", "allow_private_addresses": "true"}
        with installation(folder / "var", **settings, host_spacing="0") as running:
            home = os.environ.get("PREFECT_HOME", str(running.var / "prefect"))
            env = running.env | {"PREFECT_API_URL": running.api, "PREFECT_HOME": home, "DO_NOT_TRACK": "1"}
            env["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "ERROR"
            measure("monitor", env)  # brings what there is, so that nothing is new afterwards
            for _ in range(rounds):
                for kind in KINDS:
                    took, calls[kind] = measure(kind, env)
                    seconds[kind].append(took)
            left = recorded(running)
    medians = {kind: round(statistics.median(took), 3) for kind, took in seconds.items()}
    print(
        json.dumps(
            {
                "median_seconds": medians,
                "range_seconds": {kind: [round(min(took), 3), round(max(took), 3)] for kind, took in seconds.items()},
                "monitor_over_bare": round(medians["monitor"] / medians["bare flow"], 2),
                "prefects_share_seconds": round(medians["monitor"] - medians["steps alone"], 3),
                "api_calls": {kind: sum(made.values()) for kind, made in calls.items()},
                "monitor_calls": calls["monitor"],
                **left,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
