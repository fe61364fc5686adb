"""What Prefect costs: a flow that does nothing, the monitor with nothing new, and the monitor's steps without Prefect.

    python -m bench.prefect_cost            # 5 rounds in turn
    python -m bench.prefect_cost --rounds 9

All on one Prefect server that runs already. Each is timed inside a process of its own, from the call of the flow to its
end; the first of each process loads weights and topic, so each is done twice and the second counts. Beside it stand the
flow that does nothing and the monitor as whole processes with one run in them, from the start of Python to its end:
`called`, where the process calls the flow, and `worker`, where it gets the number of a run of a deployment, as the
processes do that a worker starts. Calls are the requests that the flow's process
sends to the API; task runs and events go over a websocket, and their number is told beside it. Beside the seconds stand
the processor's, of the flow's process and of the server, since a machine that does other work stretches the former.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
from flows import seeds
from flows.monitor import monitor, watch_day
from flows.oversight import leave_numbers, oversee
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
    now = moment("")
    with open_watch() as watch:
        seeds.load(watch, now, None)
        await watch_day.fn(watch, now, True)
        oversee(watch, now)
        leave_numbers(watch, now)
work = {"bare flow": bare, "monitor": lambda: monitor(force=True), "steps alone": steps}[sys.argv[1]]
for _ in range(2):
    calls.clear()
    began, used = time.perf_counter(), time.process_time()
    asyncio.run(work())
    took, used = time.perf_counter() - began, time.process_time() - used
print(json.dumps({"seconds": took, "processor": used, "calls": dict(calls)}))
"""


BARE = """
from prefect import flow
@flow(name="bare")
async def bare():
    pass
"""
CALLED = {
    "bare flow": f"import asyncio{BARE}asyncio.run(bare())",
    "monitor": "import asyncio; from flows.monitor import monitor; asyncio.run(monitor(force=True))",
}


@dataclass(frozen=True)
class Whole:
    """What a whole process took: seconds, and its processor seconds."""

    seconds: float
    processor: float


def measure_whole(arguments: Sequence[str], env: dict[str, str]) -> Whole:
    """One process of Python with these arguments, and one run in it."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=env, cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Whole(time.perf_counter() - began, used)


def deploy_bare(running: Installation, folder: Path) -> str:
    """A deployment of the flow that does nothing, its file in *folder*; gives its number."""
    (folder / "bare.py").write_text(BARE)
    flow = running.post("/flows/", {"name": "bare"})["id"]
    there = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}
    deployed = {"name": "bare", "flow_id": flow, "entrypoint": "bare.py:bare", "pull_steps": [there]}
    return str(running.post("/deployments/", deployed)["id"])


def measure_worker(running: Installation, deployment: str, parameters: dict[str, object], env: dict[str, str]) -> Whole:
    """A run of *deployment* in a process such as a worker starts for it."""
    # Pending, as it is when a worker has taken it: the worker of this installation leaves it alone.
    asked = {"state": {"type": "PENDING"}, "parameters": parameters}
    run = running.post(f"/deployments/{deployment}/create_flow_run", asked)["id"]
    took = measure_whole(["-m", "prefect.engine"], env | {"PREFECT__FLOW_RUN_ID": run})
    state = running.run(run)["state"]
    if state["type"] != "COMPLETED" or state["name"] != "Completed":
        raise RuntimeError(f"the run did not do its work: {state['name']}: {state['message']}")
    return took


@dataclass(frozen=True)
class Taken:
    """What one run took: seconds, processor seconds of its process and of the server, and its calls of the API.

    The server's are those of both runs of the process, its first included, divided by two.
    """

    seconds: float
    processor: float
    server: float
    calls: dict[str, int]


def processor_of(pid: int) -> float:
    """Processor seconds that a process has used so far."""
    # After the name in brackets, which may hold spaces: the fields from the third on (proc(5)).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(kind: str, env: dict[str, str], server: int) -> Taken:
    """One process of a kind."""
    before = processor_of(server)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, kind], env=env, cwd=ROOT, check=True, capture_output=True, text=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return Taken(told["seconds"], told["processor"], (processor_of(server) - before) / 2, told["calls"])


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
    with tempfile.TemporaryDirectory() as name, ArchiveServer(archive) as press:
        folder = Path(name)
        press.as_of = dt.datetime.combine(archive.start + dt.timedelta(days=60), dt.time(12), dt.UTC)
        write_roster(folder / "feeds.yaml", press.roster())
        settings = {"roster": str(folder / "feeds.yaml"), "model": "linear", "allow_private_addresses": "true"}
        with installation(folder / "var", **settings, host_spacing="0") as running:
            home = os.environ.get("PREFECT_HOME", str(running.var / "prefect"))
            env = running.env | {"PREFECT_API_URL": running.api, "PREFECT_HOME": home, "DO_NOT_TRACK": "1"}
            env["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "ERROR"
            server = running.part("server")
            assert server is not None
            measure("monitor", env, server)  # brings what there is, so that nothing is new afterwards
            bare, monitor = deploy_bare(running, folder), running.deployment("monitor")
            taken: dict[str, list[Taken]] = {kind: [] for kind in KINDS}
            called: dict[str, list[Whole]] = {kind: [] for kind in CALLED}
            worker: dict[str, list[Whole]] = {kind: [] for kind in CALLED}
            for _ in range(rounds):
                for kind in KINDS:
                    taken[kind].append(measure(kind, env, server))
                for kind, code in CALLED.items():
                    called[kind].append(measure_whole(["-c", code], env))
                worker["bare flow"].append(measure_worker(running, bare, {}, env))
                worker["monitor"].append(measure_worker(running, monitor, {"force": True}, env))
            left = recorded(running)
    print(json.dumps({**told(taken), **told_whole("called", called), **told_whole("worker", worker), **left}, indent=1))


def told_whole(how: str, taken: dict[str, list[Whole]]) -> dict[str, object]:
    """The medians of whole processes started in one way, and how the monitor's compares."""
    medians = {
        name: {kind: round(statistics.median(getattr(one, name) for one in runs), 2) for kind, runs in taken.items()}
        for name in ("seconds", "processor")
    }
    return {
        f"{how}_median_seconds": medians["seconds"],
        f"{how}_median_processor_seconds": medians["processor"],
        f"{how}_monitor_over_bare": {name: round(of["monitor"] / of["bare flow"], 2) for name, of in medians.items()},
    }


def told(taken: dict[str, list[Taken]]) -> dict[str, object]:
    """The medians, and how the monitor compares with the flow that does nothing."""
    medians = {
        name: {kind: round(statistics.median(getattr(one, name) for one in runs), 3) for kind, runs in taken.items()}
        for name in ("seconds", "processor", "server")
    }
    spans = {kind: [round(edge(one.seconds for one in runs), 3) for edge in (min, max)] for kind, runs in taken.items()}
    return {
        "median_seconds": medians["seconds"],
        "range_seconds": spans,
        "median_processor_seconds": medians["processor"],
        "median_processor_seconds_of_server": medians["server"],
        "monitor_over_bare": round(medians["seconds"]["monitor"] / medians["seconds"]["bare flow"], 2),
        "monitor_over_steps": {
            name: round(of["monitor"] / of["steps alone"], 2) for name, of in medians.items() if name != "server"
        },
        "prefects_share_seconds": round(medians["seconds"]["monitor"] - medians["seconds"]["steps alone"], 3),
        "api_calls": {kind: sum(runs[-1].calls.values()) for kind, runs in taken.items()},
        "monitor_calls": taken["monitor"][-1].calls,
    }


if __name__ == "__main__":
    main()
