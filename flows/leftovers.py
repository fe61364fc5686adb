"""What a dead run leaves open: its task runs, and the flow runs that ran inside it.

Prefect marks the run itself as crashed (by its worker, by the missing heartbeat, or by the sweep at a start) and leaves
the rest as it stood; a page of runs would show them at work for ever. So would a run that went well show a batch whose
process, elsewhere in a cluster, was killed and whose work another one did.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed

UNFINISHED = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"]
ENDED = ["COMPLETED", "FAILED", "CANCELLED"]
ENDED_FOR = dt.timedelta(minutes=3)
"""The last words of a run's tasks are recorded after its own; by then they are."""
PAGE = 200
"""As many as Prefect's server gives at once; what is left waits for the next crash or start."""
CRASHED = FlowRunFilter.model_validate({"state": {"type": {"any_": ["CRASHED"]}}})
MESSAGE = "Its process is gone."


async def settle(client: PrefectClient, now: dt.datetime | None = None) -> int:
    """Mark as crashed all that is unfinished inside crashed flow runs, and task runs of those that ended otherwise a
    while before *now*; gives how many flow and task runs these were.

    A run that somebody retries is no longer crashed, and is left alone with all that it holds.
    """
    inner = await _inner_runs(client)
    for run in inner:
        await client.set_flow_run_state(run.id, Crashed(message=MESSAGE), force=True)
    settled = len(inner)
    before = (now or dt.datetime.now(dt.UTC)) - ENDED_FOR
    ended = FlowRunFilter.model_validate({"state": {"type": {"any_": ENDED}}, "end_time": {"before_": before}})
    for runs in (CRASHED, ended):
        tasks = await client.read_task_runs(
            flow_run_filter=runs,
            task_run_filter=TaskRunFilter.model_validate({"state": {"type": {"any_": UNFINISHED}}}),
            limit=PAGE,
        )
        for task in tasks:
            await client.set_task_run_state(task.id, Crashed(message=MESSAGE), force=True)
        settled += len(tasks)
    return settled


async def _inner_runs(client: PrefectClient) -> Sequence[FlowRun]:
    """Unfinished flow runs in the process of a crashed one: those without a deployment of their own."""
    found = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(
            {
                "state": {"type": {"any_": UNFINISHED}},
                "parent_task_run_id": {"is_null_": False},
                "deployment_id": {"is_null_": True},
            }
        ),
        limit=PAGE,
    )
    tasks: list[UUID] = [run.parent_task_run_id for run in found if run.parent_task_run_id]
    if not tasks:
        return []
    parents = await client.read_task_runs(
        flow_run_filter=CRASHED,
        task_run_filter=TaskRunFilter.model_validate({"id": {"any_": tasks}}),
        limit=PAGE,
    )
    dead = {task.id for task in parents}
    return [run for run in found if run.parent_task_run_id in dead]
