"""Flows `judge-shift`, `silence`, `end-silence` and `explain-shift`."""

from __future__ import annotations

from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts import silences
from alerts.explain import ShiftRow
from flows import artifacts
from flows.forms import ALL, BY, calendar, choose, codes, param
from flows.judging import add_silence, end_silence, explain, judge, silences_now
from flows.plainly import plainly
from flows.reporting import logger, rename_run, requested
from flows.watch import Watch, open_watch
from store.days import need_day
from store.errors import InputError

CODES = codes()


@flow(name="judge-shift", flow_run_name="judge shift {number}", log_prints=False)
@plainly
async def judge_shift(
    number: Annotated[
        int, param("Number of the shift", "It stands below the shift in the digest, and in an export of shifts.", ge=1)
    ],
    verdict: Annotated[
        Literal["right", "wrong", "known"],
        param("Your verdict", "right: a real change, and news. known: real, but no news. wrong: no change."),
    ],
    requested_by: Annotated[str, param("Your name", "One word counts per person; a later one replaces it.")],
    comment: Annotated[
        str, param("Why", "For those who improve the reading: what was read wrongly, for example.")
    ] = "",
) -> State[str]:
    """Keeps what a reader says of a shift; the record in the next digest counts it."""
    requested(requested_by)
    with open_watch() as watch:
        words = judge(watch, number, verdict, by=requested_by, comment=comment)
        logger().info(words)
        await _page(watch, number)
    await rename_run(f"judge shift {number}: {verdict}")
    return Completed(message=words, data=words)


@flow(name="silence", flow_run_name="silence until {until}", log_prints=False)
@plainly
async def silence(
    until: Annotated[str, calendar("Until", "Last day, in the readers' time zone; it then ends by itself.")],
    comment: Annotated[str, param("Known cause", "Such as: summit of the week. Digests quote it.")],
    requested_by: Annotated[str, param("Your name", "Digests say who asked for the silence.")],
    dyad: Annotated[str, choose("Tie", "Only shifts of this tie.", CODES.dyads)] = ALL,
    kind: Annotated[
        Literal["all", "stance", "attention", "theme", "bloc"],
        param("Kind of shift", "stance: tone. attention: amount. theme: share of all stories. bloc: one press alone."),
    ] = ALL,
    theme: Annotated[str, choose("Theme", "Only shifts that this theme carries.", CODES.themes)] = ALL,
    press: Annotated[str, choose("Press", "Only shifts of this press alone.", CODES.blocs)] = ALL,
) -> State[str]:
    """Lists what has a known cause in digests without alerting anybody, until a day."""
    requested(requested_by)
    last = need_day(until, "Until")
    with open_watch() as watch:
        scope = {"dyad": dyad, "kind": kind, "theme": theme, "bloc": press}
        chosen = {name: value for name, value in scope.items() if value != ALL}
        words = add_silence(watch, until=last, author=requested_by, comment=comment, **chosen)
        logger().info(words)
        rows = await _silences_page(watch, words)
        await rename_run(f"silence {rows[-1][1]} until {last}" if rows else f"silence until {last}")
    return Completed(message=words, data=words)


@flow(name="end-silence", flow_run_name="end silence {number}", log_prints=False)
@plainly
async def end_silence_flow(
    number: Annotated[int, param("Number of the silence", "The page silences of an earlier run shows it.", ge=0)] = 0,
    requested_by: Annotated[str, BY] = "",
) -> State[str]:
    """Ends a silence before its day; what it kept quiet is told if it still holds."""
    requested(requested_by)
    if number == 0:
        # What the form opens with: a quick run must end nobody's silence.
        raise InputError(
            "say which silence by its number; the page silences of the run that made it, and `ricwatch silence list`, "
            "show it"
        )
    with open_watch() as watch:
        words = end_silence(watch, number)
        logger().info(words)
        await _silences_page(watch, words)
    await rename_run(f"end silence {number}: {words.partition(': ')[2].partition('.')[0]}")
    return Completed(message=words, data=words)


async def _silences_page(watch: Watch, words: str) -> list[tuple[int, str, str]]:
    rows = [(one.id, silences.what(one), silences.because(one)) for one in silences_now(watch)]
    await artifacts.publish(watch.settings, "silences", "silences", "Silences in force", words=words, rows=rows)
    return rows


@flow(name="explain-shift", flow_run_name="explain shift {number}", log_prints=False)
@plainly
async def explain_shift_flow(
    number: Annotated[
        int, param("Number of the shift", "It stands below the shift in the digest, and in an export of shifts.", ge=1)
    ],
) -> State[str]:
    """Shows why a shift was found, what carries it, how it came into its state, and who was told. Changes nothing."""
    with open_watch() as watch:
        row = await _page(watch, number)
    await rename_run(f"explain shift {number}: {row.headline}")
    message = f"shift {number}: {row.headline}, {row.figure}; {row.status}"
    return Completed(message=message, data=message)


async def _page(watch: Watch, number: int) -> ShiftRow:
    told = explain(watch, number)
    await artifacts.publish(watch.settings, "shift", "shift", f"Shift {number}, explained", x=told)
    return told.row
