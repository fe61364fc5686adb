"""After downtime: of several late runs of one deployment only the newest does the work.

Prefect makes an hourly schedule's runs days ahead. A machine that was off for three days finds seventy of them due, and
each would poll every feed; the newest alone brings all that the others would have.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.states import Completed

from flows.reporting import rename_run

WAITING = ("SCHEDULED", "PENDING")


def successor(mine: FlowRun, others: Sequence[FlowRun], now: dt.datetime) -> FlowRun | None:
    """The newest scheduled run of the same deployment that is due already; None when *mine* is the one to do the work.

    A run that a person or an automation started is never passed over, and never takes a scheduled one's place.
    """
    if not mine.auto_scheduled or mine.expected_start_time is None:
        return None
    due = [
        run
        for run in others
        if run.id != mine.id
        and run.auto_scheduled
        and run.deployment_id == mine.deployment_id
        and run.expected_start_time is not None
        and mine.expected_start_time < run.expected_start_time <= now
    ]
    return max(due, key=lambda run: run.expected_start_time or now, default=None)


async def superseded() -> State[None] | None:
    """The state to end with at once where a later run of the schedule is due already; None where this one must work."""
    context = FlowRunContext.get()
    mine = context.flow_run if context else None
    if mine is None or mine.deployment_id is None or not mine.auto_scheduled:
        return None
    async with get_client() as client:
        others = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(
                {"deployment_id": {"any_": [mine.deployment_id]}, "state": {"type": {"any_": list(WAITING)}}}
            ),
            # Soonest first: the late ones stand before those of the days to come.
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=200,
        )
    later = successor(mine, others, dt.datetime.now(dt.UTC))
    if later is None:
        return None
    if context is not None and context.flow is not None:
        await rename_run(f"{context.flow.name}: superseded")
    return Completed(
        name="Superseded",
        message=f"superseded: the run that was due at {later.expected_start_time:%Y-%m-%d %H:%M} UTC does its work",
    )
