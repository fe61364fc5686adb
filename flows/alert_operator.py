"""Flow `alert-operator`: one plain mail to whoever keeps the monitor running. Started by automations."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, get_client
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.operator import Cause, Word, cause_of, deliver_words, say
from flows import artifacts
from flows.forms import param, pick
from flows.leftovers import settle
from flows.plainly import plainly
from flows.reporting import logger, rename_run
from flows.watch import moment, open_watch


@flow(name="alert-operator", flow_run_name="alert operator: {cause}", log_prints=False)
@plainly
async def alert_operator(
    cause: Annotated[str, pick("Cause", "docs/operate.md says of each what to do.", tuple(Cause))] = "run failed",
    about: Annotated[str, param("About", "A deployment, a press bloc, a folder; may be empty.")] = "",
    text: Annotated[str, param("Text", "What happened, in words.")] = "A test, started by hand.",
) -> State[str]:
    """Queues the mail unless its cause was told today, hands over what waits, and ends what a dead run left open."""
    now = moment("")
    with open_watch() as watch:
        said = say(watch.store, watch.settings, Word(cause_of(cause), about, text), now=now)
        sent, problem = deliver_words(watch.store, watch.settings, now=now)
    told = f"{said}; {sent} sent" + (f"; {problem}" if problem else "")
    logger().info("%s: %s", cause, told)
    # This run starts at every crash; Prefect has no action that ends a dead run's task runs.
    async with get_client() as client:
        if ended := await settle(client):
            logger().info("%d task runs of dead runs marked as crashed", ended)
    await artifacts.publish(
        watch.settings,
        "operation",
        "operator",
        "Word to the operator",
        title="Word to the operator",
        summary=text,
        rows=[("cause", cause), ("about", about or "–"), ("mail", told)],
    )
    await rename_run(f"alert operator: {cause}{f' – {about}' if about else ''} ({said})")
    return Completed(message=told, data=told)
