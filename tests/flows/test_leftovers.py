"""What a dead run leaves open is ended; what lives is left alone."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from prefect import flow, get_client, task
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.states import Completed, Crashed, Running

from flows.alert_operator import alert_operator
from flows.leftovers import settle
from tests.flows.inprocess import IN_PROCESS

pytestmark = IN_PROCESS


@flow(name="outer")
def outer() -> None:
    """Never run: its runs are made by hand, as a killed process leaves them."""


@flow(name="inner")
def inner() -> None:
    """As `outer`, in the same process."""


@task(name="step")
def step() -> None:
    """A step of either."""


async def running(client: PrefectClient, parent: UUID | None = None) -> FlowRun:
    made = await client.create_flow_run(inner if parent else outer, parent_task_run_id=parent)
    await client.set_flow_run_state(made.id, Running(), force=True)
    return made


async def at_work(client: PrefectClient, run: FlowRun, key: str) -> TaskRun:
    return await client.create_task_run(step, run.id, dynamic_key=key, state=Running())


async def states(client: PrefectClient, *tasks: TaskRun) -> list[str]:
    return [(await client.read_task_run(one.id)).state_name or "" for one in tasks]


async def test_tasks_and_inner_runs_of_a_crashed_run_are_ended_and_those_of_a_living_one_are_not() -> None:
    async with get_client() as client:
        await settle(client)  # what other tests left
        dead, alive = await running(client), await running(client)
        open_step, living_step = await at_work(client, dead, "0"), await at_work(client, alive, "0")
        done = await at_work(client, dead, "1")
        await client.set_task_run_state(done.id, Completed(), force=True)
        within, beside = await running(client, open_step.id), await running(client, living_step.id)
        deep = await at_work(client, within, "0")
        await client.set_flow_run_state(dead.id, Crashed(), force=True)

        # The server gives an inner run's state to the task run that it stands for.
        assert await settle(client) == 2
        assert await states(client, open_step, deep, done) == ["Crashed", "Crashed", "Completed"]
        assert (await client.read_flow_run(within.id)).state_name == "Crashed"
        assert await states(client, living_step) == ["Running"]
        assert (await client.read_flow_run(beside.id)).state_name == "Running"
        assert await settle(client) == 0
        # As the automation starts it at a crash.
        last = await at_work(client, dead, "2")
        await alert_operator()
        assert await states(client, last, living_step) == ["Crashed", "Running"]
        # A batch that died in a cluster leaves its run well; the last words of a run's tasks come after its own.
        for run in (beside, alive):
            await client.set_flow_run_state(run.id, Completed(), force=True)
        batch = await at_work(client, alive, "3")
        assert await settle(client) == 0
        await settle(client, dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
        assert await states(client, batch) == ["Crashed"]
