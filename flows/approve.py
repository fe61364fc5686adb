"""Flow `approve-digest`: asks a person about digests that wait for one, and does what they say.

The run is suspended, not paused: it holds no process and no place in a queue while it waits, so it outlives a restart,
and the hourly watch goes on. What waits is in the database (`alerts.approval`); a run that is lost is started anew.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from prefect import flow, get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput
from prefect.states import Completed
from pydantic import Field

from alerts.approval import (
    DONE,
    Decided,
    Verdict,
    Waiting,
    decide,
    decided_since,
    find,
    text_of,
    waiting,
    word_of,
)
from alerts.words import count, day_words
from flows import artifacts
from flows.forms import param
from flows.oversight import is_served
from flows.plainly import plainly
from flows.reporting import in_flow_run, logger, rename_run, requested
from flows.watch import Watch, moment, open_watch
from store.errors import ConfigError, InputError

DIGEST_HELD = "ricwatch.digest.held"
"""Event that starts the `approve-digest` deployment."""
DIGESTS_RESOURCE = "ricwatch.alerts.digests"
ASKED_AGAIN = 20
"""How often a run asks again after an answer that cannot be carried out."""
GRACE = dt.timedelta(days=7)
"""How long a run stays suspended after the time is up: the next digest run ends it, as decided, long before."""
LATELY = dt.timedelta(days=14)

Answered = Literal["send", "send with note", "drop"]


class Answer(RunInput):
    """The form of a suspended run."""

    decision: Answered = Field(
        title="What to do", description="send: as it stands. send with note: your note at its top. drop: never."
    )
    note: str = Field(
        "",
        title="Note",
        description="One paragraph of 600 characters at most. Sent, readers see it at the top; dropped, it says why.",
    )
    your_name: str = Field(
        title="Your name", description="Kept with what you decide; a note goes out under it.", min_length=1
    )


def carry_out(watch: Watch, number: int, decision: str, note: str, by: str) -> Decided:
    """The step behind flow and command.

    Raises:
        InputError: a note is missing, too long, or would be lost; nobody is named; or it was decided before.
    """
    if decision == "send with note" and not note.strip():
        raise InputError("send with note needs a note; write one, or choose send")
    if decision == "send" and note.strip():
        raise InputError("there is a note, but the choice is send; choose send with note, or empty the note")
    verdict = Verdict.DROP if decision == "drop" else Verdict.SEND
    return decide(watch.store, watch.settings, number, word_of(verdict, by, note), moment(""))


def form_words(found: Waiting, zone: ZoneInfo, problem: str = "") -> str:
    """What stands above the form of a suspended run, as Markdown; *problem* is why the last answer was not taken."""
    from alerts.render import md

    until = f"{day_words(found.due_at.astimezone(zone).date())}, {found.due_at.astimezone(zone):%H:%M} ({zone.key})"
    told = f"**Nothing was decided: {md(problem)}.**\n\n" if problem else ""
    return (
        f"{told}**{md(found.subject)}**\n\n"
        f"{md(count(found.mails, 'mail'))} {'waits' if found.mails == 1 else 'wait'}: {md(found.why)}. "
        f"If nobody decides until {until}, "
        f"{'it is' if found.mails == 1 else 'they are'} **{DONE[found.if_nobody]}**.\n\n"
        "The whole digest is under *Artifacts* of this run, as approval."
    )


@flow(name="approve-digest", flow_run_name="approve digest {approval}", log_prints=False)
@plainly
async def approve_digest(
    approval: Annotated[int, param("Approval", "Its number; 0 takes the oldest that waits.", ge=0)] = 0,
    decision: Annotated[
        Literal["ask", "send", "send with note", "drop"],
        param("What to do", "ask: show the digest, and wait for an answer. The others decide now."),
    ] = "ask",
    note: Annotated[
        str, param("Note", "At the top of the mails, or why they are dropped. 600 characters at most.")
    ] = "",
    requested_by: Annotated[str, param("Your name", "Needed to decide; a note goes out under it.")] = "",
) -> State[Decided] | State[None]:
    """Lets digests go that wait for a person, with a note or without, or drops them."""
    requested(requested_by)
    with open_watch() as watch:
        with watch.store.session() as session:
            found = find(session, approval)
        if isinstance(found, Decided):
            await rename_run(f"approve digest {found.number}: decided before")
            return Completed(message=f"decided before. {found.words}", data=found)
        if decision == "ask":
            if not is_served():
                raise ConfigError(f"asking needs ricwatch serve; decide with: ricwatch approve {found.number} send")
            if await _begin(watch, found, again=approval == 0):
                await rename_run(f"approve digest {found.number}: asked already")
                return Completed(message=f"another run asks about approval {found.number} already")
            done = await _ask(watch, found)
        else:
            done = carry_out(watch, found.number, decision, note, requested_by)
        logger().info(done.words)
        await artifacts.publish(watch.settings, "decided", "decided", "What was decided", done=done)
    await settle_runs({done.number: done.words}, send=done.verdict is Verdict.SEND, by=done.by)
    await rename_run(f"approve digest {done.number}: {DONE[done.verdict]} by {done.by}", by=done.by)
    return Completed(message=done.words, data=done)


async def _begin(watch: Watch, found: Waiting, *, again: bool) -> bool:
    """Show what waits, once; gives whether another run asks about it already."""
    mine = _this_run()
    if mine is None or mine.run_count > 1:  # it was suspended, and goes on
        return False
    async with get_client() as client:
        if any(run.id != mine.id and run.state_type == "PAUSED" for run in await asking(client, found.number)):
            return True
        if again:  # from now on it is known which one it asks about
            await client.update_flow_run(mine.id, parameters={**mine.parameters, "approval": found.number})
    with watch.store.session() as session:
        text = text_of(session, found.number)
    await artifacts.publish(
        watch.settings, "approval", "approval", "The digest that waits for you", found=found, text=text
    )
    logger().info("waits for you: press Resume in the menu at the top right of this run's page. %s", found.words)
    await rename_run(f"approve digest {found.number}: waits until {found.due_at:%Y-%m-%d %H:%M} UTC")
    return False


async def _ask(watch: Watch, found: Waiting) -> Decided:
    patience = max(found.due_at - moment(""), dt.timedelta(0)) + GRACE
    problem = ""
    for _ in range(ASKED_AGAIN):
        form = Answer.with_initial_data(description=form_words(found, watch.settings.zone, problem))
        # Each call suspends once; the process that goes on gets the answers of all that came before.
        answer = await asuspend_flow_run(wait_for_input=form, timeout=int(patience.total_seconds()))
        try:
            return carry_out(watch, found.number, answer.decision, answer.note, answer.your_name)
        except InputError as error:
            problem = str(error)
            logger().warning("nothing was decided: %s", problem)
    raise InputError(
        f"{ASKED_AGAIN} answers could not be carried out; decide with: ricwatch approve {found.number} send"
    )


def _this_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return context.flow_run if context else None


async def asking(client: PrefectClient, number: int | None = None) -> list[FlowRun]:
    """The runs that ask, or are about to; of one approval, or of all."""
    try:
        deployment = await client.read_deployment_by_name("approve-digest/approve-digest")
    except ObjectNotFound:
        return []
    runs = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(
            {
                "deployment_id": {"any_": [deployment.id]},
                "state": {"type": {"any_": ["PAUSED", "SCHEDULED", "PENDING", "RUNNING"]}},
            }
        ),
        limit=200,
    )
    return [
        run
        for run in runs
        if run.parameters.get("decision", "ask") == "ask" and number in (None, run.parameters.get("approval"))
    ]


async def settle_runs(decided: dict[int, str], *, send: bool, by: str = "") -> None:
    """End the runs that ask about what is *decided* (words by number).

    With *send* start the digest, which delivers, in the name of who decided so, *by*.
    """
    mine = _this_run()
    async with get_client() as client:
        for run in await asking(client):
            words = decided.get(int(run.parameters.get("approval") or 0))
            if words and run.state_type == "PAUSED" and (mine is None or run.id != mine.id):
                await client.set_flow_run_state(run.id, Completed(name="Decided", message=words), force=True)
        if send:
            try:
                digest = await client.read_deployment_by_name("digest/digest")
            except ObjectNotFound:
                return  # no server that keeps deployments: the mails leave with the next run
            await client.create_flow_run_from_deployment(digest.id, parameters={"requested_by": by})


async def tend(watch: Watch, now: dt.datetime) -> None:
    """See to it that somebody is asked about all that waits, and that nobody is asked about what is decided."""
    with watch.store.session() as session:
        open_ones, done = waiting(session), decided_since(session, now - LATELY)
    if not in_flow_run() or not (open_ones or done):
        return
    async with get_client() as client:
        asked = {run.parameters.get("approval") for run in await asking(client)}
    for one in open_ones:
        logger().info("waits for a person: %s", one.words)
        if one.number not in asked:
            emit_event(
                event=DIGEST_HELD,
                resource={"prefect.resource.id": DIGESTS_RESOURCE, "prefect.resource.name": "the digests"},
                payload={"approval": one.number},
            )
    await settle_runs({one.number: one.words for one in done if one.number in asked}, send=False)
