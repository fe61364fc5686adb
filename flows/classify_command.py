"""The command `classify`: read what is stored, or a file of items by one process or several."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.environment import prepare


def classify(
    items: Annotated[
        Path | None, typer.Argument(help="Items, .jsonl or .jsonl.gz; none reads what is stored.", resolve_path=True)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the result goes.", resolve_path=True)
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Processes that read a file.")] = 1,
) -> None:
    """Read articles: dyads, stance, themes, nearest claim, evidence sentence.

    Examples:

    - `ricwatch classify` – what is stored and not read yet
    - `ricwatch classify items.jsonl -o readings.jsonl` – a file (formats: docs/formats.md)
    - `ricwatch classify items.jsonl.gz -o readings.jsonl --jobs 4` – a large one; the same readings in the same order

    A backlog of stored articles is read by workers as RICWATCH_TASK_RUNNER says (docs/scale.md).
    """
    prepare()
    from flows import tables

    if items is None:
        if jobs > 1:
            raise typer.BadParameter(
                "it is for a file; RICWATCH_TASK_RUNNER=processes and RICWATCH_TASK_WORKERS are for what is stored",
                param_hint="--jobs",
            )
        if output is not None:
            raise typer.BadParameter("it is for a file of items, which must be named too", param_hint="--output")
        from flows.classify_articles import classify as classify_flow

        stored: Any = classify_flow
        tables.say(asyncio.run(stored(return_state=True)).message)
        return
    if output is None:
        raise typer.BadParameter("say where the readings go: -o readings.jsonl", param_hint="--output")
    from flows.readfile import read_file

    done = read_file(items, output, jobs)
    tables.bad_lines(items.name, [(bad.line, bad.reason) for bad in done.bad])
    tables.unread(done.unread, done.usage)
    tables.say(f"{done.read:,} items read, {len(done.bad):,} lines skipped; readings in {output}")
