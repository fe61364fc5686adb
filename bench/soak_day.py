"""The flow process of `python -m bench.soak --served`: reads simulated moments and runs the deployments due then.

Each line on standard input is a JSON object with the moment and the names of deployments. Their runs are created at the
server, as its schedules would, and done here, so that they can be given another time than the present; all else, from
tasks and pages to events and heartbeats, is as the worker's own runs have it. Each line of the answer tells the states
they ended in, the new articles, and the seconds; the last one, after the end of input, the memory at its highest.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import resource
import sys
import time
from typing import Any

from prefect import Flow, get_client
from prefect.flow_engine import run_flow_async
from prefect.states import Pending

from flows import back_up, monitor, report, tidy
from flows.monitor import MonitorReport

MODULES = {"monitor": monitor, "back-up": back_up, "tidy": tidy, "report": report}
FLOWS: dict[str, Flow[Any, Any]] = {
    "monitor": monitor.monitor,
    "back-up": back_up.back_up,
    "tidy": tidy.tidy,
    "report": report.report,
}


async def run(name: str) -> tuple[str, int]:
    """One run of a deployment: the state that it ended in, and the new articles that it brought."""
    async with get_client() as client:
        deployment = await client.read_deployment_by_name(f"{name}/{name}")
        # Pending, as a worker has it that has taken it; a scheduled one would be taken by the real worker.
        made = await client.create_flow_run_from_deployment(deployment.id, state=Pending())
    state = await run_flow_async(FLOWS[name], flow_run=made, parameters=made.parameters, return_type="state")
    assert state is not None
    done = await state.aresult(raise_on_failure=False) if name == "monitor" else None
    told = "completed" if state.is_completed() else f"{state.name}: {state.message}"
    return told, done.new_articles if isinstance(done, MonitorReport) else 0


def main() -> None:
    """Answer line by line."""
    for line in sys.stdin:
        asked = json.loads(line)
        now = dt.datetime.fromisoformat(asked["now"])
        for module in MODULES.values():
            setattr(module, "moment", lambda _as_of, now=now: now)  # noqa: B010 (a module's name, not an attribute)
        began, states, new = time.perf_counter(), {}, 0
        for name in asked["deployments"]:
            states[name], brought = asyncio.run(run(name))
            new += brought
        print(json.dumps({"states": states, "new": new, "seconds": time.perf_counter() - began}), flush=True)
    print(json.dumps({"rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)


if __name__ == "__main__":
    main()
