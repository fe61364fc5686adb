"""What starts the deployment `alert-operator`: failed and late runs, a worker gone, silent feeds, a full disk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from alerts.operator import Cause
from flows.environment import POOL
from flows.oversight import EVENTS, RESOURCE

LATE_BY = timedelta(minutes=27)
"""After a run counts as late, which it does three minutes after its time (prefect.toml): queues run one at a time, so
that a run waits its turn for a while every day, and all is well."""
OURS = ResourceSpecification({"prefect.resource.id": "prefect.tag.ricwatch", "prefect.resource.role": "tag"})
"""Runs of the deployments that carry the tag; `alert-operator` does not, or its own failure would start it for ever."""
RUNS = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
ENDS = ("Pending", "Running", "Completed", "Failed", "Crashed", "Cancelled", "Cancelling")


def operator_automations(deployment: UUID) -> list[AutomationCore]:
    """All of them; *deployment* is the id of `alert-operator`."""

    def tell(cause: Cause, about: str, text: str) -> list[RunDeployment]:
        return [RunDeployment(deployment_id=deployment, parameters={"cause": str(cause), "about": about, "text": text})]

    return [
        AutomationCore(
            name="tell the operator: a run failed",
            description="A run of ricwatch failed or crashed.",
            trigger=EventTrigger(
                expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut"},
                match=RUNS,
                match_related=OURS,
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(0),
            ),
            actions=tell(
                Cause.RUN_FAILED,
                "{{ deployment.name }}",
                "The run {{ flow_run.name }} of {{ deployment.name }} ended as {{ flow_run.state.name }}: "
                "{{ flow_run.state.message }}",
            ),
        ),
        AutomationCore(
            name="tell the operator: a run is late",
            description="A run of ricwatch should have begun half an hour ago.",
            trigger=EventTrigger(
                after={"prefect.flow-run.Late"},
                expect={f"prefect.flow-run.{state}" for state in ENDS},
                match=RUNS,
                match_related=OURS,
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=LATE_BY,
            ),
            actions=tell(
                Cause.RUN_LATE,
                "{{ deployment.name }}",
                "A run of {{ deployment.name }} should have begun half an hour ago; is another one stuck?",
            ),
        ),
        AutomationCore(
            name="tell the operator: the worker is gone",
            description="No worker of the pool has given a sign of life. The mail leaves when one is back.",
            trigger=EventTrigger(
                expect={"prefect.work-pool.not-ready"},
                match=ResourceSpecification(
                    {"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": POOL}
                ),
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(0),
            ),
            actions=tell(Cause.WORKER_GONE, "", "No worker has given a sign of life, so nothing ran for a while."),
        ),
        *(
            AutomationCore(
                name=f"tell the operator: {cause}",
                description=f"The monitor emitted {event}.",
                trigger=EventTrigger(
                    expect={event},
                    match=ResourceSpecification({"prefect.resource.id": RESOURCE}),
                    posture=Posture.Reactive,
                    threshold=1,
                    within=timedelta(0),
                ),
                actions=tell(cause, "{{ event.payload.about }}", "{{ event.payload.text }}"),
            )
            for cause, event in EVENTS.items()
        ),
    ]


async def keep(client: PrefectClient, automations: Sequence[AutomationCore]) -> None:
    """Create or update each by its name and remove doubles: `prefect automation create` adds one on every start."""
    for wanted in automations:
        known = await client.read_automations_by_name(wanted.name)
        for extra in known[1:]:
            await client.delete_automation(extra.id)
        if known:
            await client.update_automation(known[0].id, wanted)
        else:
            await client.create_automation(wanted)
