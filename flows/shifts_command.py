"""The commands `shifts`, `judge`, `judged` and `silence`: what was found, what you make of it, a known cause."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from flows.environment import prepare

if TYPE_CHECKING:
    from alerts.explain import Explained

silence_app = typer.Typer(no_args_is_help=True, help="Known causes: listed in digests, waking nobody, until a day.")


class Verdict(StrEnum):
    """What a reader may say of a shift."""

    RIGHT = "right"
    WRONG = "wrong"
    KNOWN = "known"


def shifts(
    number: Annotated[int, typer.Argument(help="One shift by its number: everything about it.")] = 0,
) -> None:
    """Show the shifts that were found, or one of them in full: why, what carries it, its life, who was told.

    Examples:

    - `ricwatch shifts`
    - `ricwatch shifts 7`
    """
    prepare()
    from flows import judging, tables
    from flows.watch import open_watch

    with open_watch() as watch:
        if number:
            for line in lines_of(judging.explain(watch, number)):
                tables.say(line)
            return
        rows = judging.shifts(watch)
    table = Table("Number", "Found", "Since about", "Shift", "Size", "Evidence", "State", "Readers")
    for row in rows:
        table.add_row(
            str(row.id),
            row.detected.isoformat(),
            row.onset.isoformat(),
            Text(row.headline),
            row.figure,
            row.confidence,
            row.status,
            Text(row.verdicts),
        )
    tables.show(table)
    tables.say(f"{len(rows)} {'shift' if len(rows) == 1 else 'shifts'}; ricwatch shifts NUMBER tells one in full")


def lines_of(told: Explained) -> list[str]:
    """A shift in full, as plain lines."""
    view, row = told.view, told.row
    lines = [f"Shift {row.id}: {view.headline}, {view.figure} ({view.range})", ""]
    lines += [part for part in (view.lead, view.chance, view.breadth, view.press, view.robustness) if part]
    lines += [told.evidence + ".", "", "Its life"]
    lines += [f"  {one.at:%Y-%m-%d %H:%M} UTC  {one.state}: {one.why}" for one in told.life]
    lines += ["", "Who carries it"]
    lines += [f"  {carrier.label}: {carrier.value}" for carrier in view.carriers]
    for story in view.stories:
        lines += [f"  {story.stance}  {story.title}", f"    {story.meta}  {story.url or ''}"]
    if view.counter:
        lines += ["Speaks against it", f"  {view.counter.stance}  {view.counter.title}", f"    {view.counter.meta}"]
    lines += [f"{claim.relation} the claim “{claim.text}” ({claim.source})" for claim in view.claims]
    lines += ["", "Told to"]
    lines += [f"  {address}, {at:%Y-%m-%d %H:%M} UTC" for address, at in told.told] or ["  nobody"]
    lines += [f"  {judge}: {verdict} {comment}".rstrip() for judge, verdict, comment in told.judgements]
    return lines


def judge(
    number: Annotated[int, typer.Argument(help="Number of the shift, as the digest prints it.", min=1)],
    verdict: Annotated[Verdict, typer.Argument(help="right, wrong, or known: true, and no news.")],
    *,
    by: Annotated[str, typer.Option("--by", help="Your name; one word counts per person.")],
    comment: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Say whether a shift was one. The record in the next digest counts it.

    Example: `ricwatch judge 7 wrong --by Ann --comment "satire read as news"`
    """
    prepare()
    from flows import judging, tables
    from flows.watch import open_watch

    with open_watch() as watch:
        tables.say(judging.judge(watch, number, verdict.value, by=by, comment=comment))


def judged(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the items go, .jsonl.", resolve_path=True)],
) -> None:
    """Write the articles that carried shifts judged wrong, for `ricwatch label`: labels made so teach the reader.

    Example: `ricwatch judged -o wrong.jsonl`, then `ricwatch label wrong.jsonl` (docs/readers.md has the rest)
    """
    prepare()
    from alerts.explain import disputed_items
    from flows import tables
    from flows.watch import open_watch
    from store.wholefile import write_whole

    with open_watch() as watch, watch.store.session() as session:
        items = disputed_items(session)
    write_whole(output, "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items))
    tables.say(f"{len(items)} {'item' if len(items) == 1 else 'items'} in {output}")


@silence_app.command("add")
def silence_add(
    *,
    until: Annotated[str, typer.Option(help="Last day, for example 2026-11-30.")],
    comment: Annotated[str, typer.Option(help="The known cause; digests quote it.")],
    by: Annotated[str, typer.Option("--by", help="Your name; digests name it.")],
    tie: Annotated[str, typer.Option(help="Only this tie, by its code.")] = "",
    kind: Annotated[str, typer.Option(help="Only stance, attention, theme or bloc.")] = "",
    theme: Annotated[str, typer.Option(help="Only shifts that this theme carries.")] = "",
    press: Annotated[str, typer.Option(help="Only shifts of this press alone, by its code in press.yaml.")] = "",
) -> None:
    """List what has a known cause without alerting anybody, until a day.

    Example: `ricwatch silence add --until 2026-11-30 --tie IN-CN --by Ann --comment "summit in Delhi"`
    """
    prepare()
    from flows import judging, tables
    from flows.watch import open_watch
    from store.days import parse_day

    day = parse_day(until, "--until")
    if day is None:
        raise typer.BadParameter("say until when: a silence ends by itself", param_hint="--until")
    with open_watch() as watch:
        words = judging.add_silence(
            watch, until=day, author=by, comment=comment, dyad=tie, kind=kind, theme=theme, bloc=press
        )
        tables.say(words)


@silence_app.command("end")
def silence_end(number: Annotated[int, typer.Argument(help="Number of the silence.", min=1)]) -> None:
    """End a silence before its day; what it kept quiet is told if it still holds.

    Example: `ricwatch silence end 3`
    """
    prepare()
    from flows import judging, tables
    from flows.watch import open_watch

    with open_watch() as watch:
        tables.say(judging.end_silence(watch, number))


@silence_app.command("list")
def silence_list() -> None:
    """Show the silences in force.

    Example: `ricwatch silence list`
    """
    prepare()
    from alerts.silences import because, what
    from flows import judging, tables
    from flows.watch import open_watch

    with open_watch() as watch:
        held = judging.silences_now(watch)
    for one in held:
        tables.say(f"{one.id}  {what(one)}: {because(one)}")
    if not held:
        tables.say("No silence is in force.")
