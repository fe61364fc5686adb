"""The command `approve`: what waits for a person, and their decision."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from flows.environment import prepare


class Choice(StrEnum):
    """What a person may decide."""

    SEND = "send"
    DROP = "drop"


def approve(
    number: Annotated[int, typer.Argument(min=0, help="Number of the approval; 0 or none shows what waits.")] = 0,
    decision: Annotated[Choice | None, typer.Argument(help="send or drop.")] = None,
    *,
    by: Annotated[str, typer.Option("--by", help="Your name; needed to decide, and kept.")] = "",
    note: Annotated[str, typer.Option(help="Stands at the top of the mails; or why they are dropped.")] = "",
) -> None:
    """Show the digests that wait for a person, or decide about them: send, with a note or without, or drop.

    Digests of the size that RICWATCH_APPROVE_FROM_MAILS or RICWATCH_APPROVE_FROM_SHIFTS names wait so. The first
    decision holds; where nobody decides in time, RICWATCH_APPROVE_DEFAULT does.

    Examples:

    - `ricwatch approve` – what waits
    - `ricwatch approve 3 send --by Ann --note "The range is wide: one outlet."`
    - `ricwatch approve 3 drop --by Ann --note "a rumour, withdrawn at noon"`
    """
    if number and decision is None:
        raise typer.BadParameter("say what: send or drop", param_hint="decision")
    served = prepare() if number else None
    from alerts.approval import Verdict, waiting
    from flows import tables
    from flows.watch import open_watch

    with open_watch() as watch:
        if not number:
            with watch.store.session() as session:
                found = waiting(session)
            for one in found:
                tables.say(one.words)
            tables.say("ricwatch approve NUMBER send --by NAME" if found else "No digest waits for approval.")
            return
        from flows.approve import carry_out, settle_runs

        chosen = "send with note" if decision is Choice.SEND and note else str(decision)
        done = carry_out(watch, number, chosen, note, by)
    tables.say(done.words)
    if served:
        asyncio.run(settle_runs({done.number: done.words}, send=done.verdict is Verdict.SEND, by=done.by))
    if done.verdict is Verdict.SEND:
        tables.say("They leave now" if served else "They leave with the next run of the digest (at once: ricwatch run)")
