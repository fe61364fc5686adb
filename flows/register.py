"""All that a Prefect server must know of ricwatch: pool, deployments, queue limits, automations. Repeatable.

One process does all of it. Prefect's own commands take part as they are, but most of what each of them does is to load
Prefect and the flows; here that is done once, and while the server is still starting.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module

import yaml
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from flows.automations import keep, operator_automations
from flows.environment import POOL
from flows.leftovers import settle
from store.settings import ROOT

QUEUES = {"default": 1, "long": 1, "operator": 1, "approval": 1}
"""Runs of one queue never overlap: whoever writes the series has the database to itself, a long back-test in the second
queue does not hold up the hourly watch, and word to the operator and a person's decision wait for neither."""

SILENT_FOR = 90
"""Seconds without a heartbeat after which a run counts as dead."""

DEAD_RUNS = AutomationCore(
    name="crash runs that died",
    description="Marks a run as crashed when its heartbeats stop: its process or the machine is gone.",
    trigger=EventTrigger(
        after={"prefect.flow-run.heartbeat"},
        expect={
            "prefect.flow-run.heartbeat",
            "prefect.flow-run.Completed",
            "prefect.flow-run.Failed",
            "prefect.flow-run.Cancelled",
            "prefect.flow-run.Crashed",
            "prefect.flow-run.Paused",
            "prefect.flow-run.Suspended",
        },
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=SILENT_FOR),
    ),
    actions=[
        ChangeFlowRunState(
            state=StateType.CRASHED, name="Crashed", message=f"No heartbeat for {SILENT_FOR} s: the process is gone."
        )
    ],
)


async def sweep(client: PrefectClient) -> int:
    """Mark what is still pending or running as crashed: no worker is alive yet, so it died with the last one.

    A run that died while pending sends no heartbeat and would hold its concurrency slot for ever. The runs of other
    pools are left alone: their workers, on other hosts, may well be alive.
    """
    runs = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(
            {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}, "deployment_id": {"is_null_": False}}
        ),
        limit=200,
    )
    ours = [run for run in runs if run.work_pool_name in (None, POOL)]
    for run in ours:
        await client.set_flow_run_state(run.id, Crashed(message="Left over from before the restart."), force=True)
    return len(ours)


async def _queues(client: PrefectClient) -> None:
    for name, limit in QUEUES.items():
        try:
            queue = await client.read_work_queue_by_name(name, work_pool_name=POOL)
        except ObjectNotFound:
            queue = await client.create_work_queue(name, work_pool_name=POOL)
        await client.update_work_queue(queue.id, concurrency_limit=limit)


async def _automations(client: PrefectClient) -> list[AutomationCore]:
    try:
        alert = await client.read_deployment_by_name("alert-operator/alert-operator")
    except ObjectNotFound:  # somebody deployed only a part of prefect.yaml
        return [DEAD_RUNS]
    return [DEAD_RUNS, *operator_automations(alert.id)]


async def register(*, sweeping: bool = True) -> int:
    """Do all of it; gives the number of left-over runs that were swept. Where a worker may live, nothing is swept."""
    async with get_client() as client:
        swept = await sweep(client) if sweeping else 0
        await settle(client)
        await _queues(client)
        await keep(client, await _automations(client))
    return swept


def load() -> None:
    """Load what the commands below need, the modules of the flows among it."""
    described = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    for row in described["deployments"]:
        import_module(row["entrypoint"].rpartition(".")[0])
    import_module("prefect.cli.deploy")
    import_module("prefect.cli.work_pool")


def prefect_command(*words: str) -> None:
    """Prefect's command line, in this process.

    Raises:
        SystemExit: the command failed, and has said why.
    """
    from prefect.cli import app

    sys.argv = ["prefect", "--no-prompt", *words]
    try:
        app()
    except SystemExit as end:
        if end.code:
            raise


def main(arguments: Sequence[str] | None = None) -> None:
    """Register all with the server of ``PREFECT_API_URL``; `ricwatch serve` and `ricwatch setup` call it."""
    parser = argparse.ArgumentParser(prog="flows.register", description=__doc__)
    parser.add_argument("--no-sweep", action="store_true", help="a worker may be alive: leave its runs alone")
    parser.add_argument("--when-told", action="store_true", help="load all, then wait for a line of input")
    parser.add_argument("--template", default="", help="a file that says how runs of the pool begin")
    given = parser.parse_args(arguments)
    if given.when_told:
        load()
        if not sys.stdin.readline():
            return  # whoever started this gave up
    template = ["--base-job-template", given.template] if given.template else []
    prefect_command("work-pool", "create", POOL, "--type", "process", "--overwrite", *template)
    prefect_command("deploy", "--all")
    asyncio.run(register(sweeping=not given.no_sweep))


if __name__ == "__main__":
    main()
