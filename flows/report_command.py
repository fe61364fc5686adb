"""The commands `report` and `export`: what readers can take away besides the mail."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.environment import prepare


class What(StrEnum):
    """What can be exported; the names are those of `alerts.export.What`, which is not loaded to show a help."""

    SERIES = "series"
    SHIFTS = "shifts"
    READINGS = "readings"
    STORIES = "stories"


def known_tie(code: str) -> str:
    """*code*, if it is empty or a tie of the topic in force; a usage error otherwise."""
    from ingest.ties import ties

    known = ties().dyads
    if code and code not in known:
        raise typer.BadParameter(f"there is no tie {code!r}; write one of {', '.join(known)}")
    return code


class Form(StrEnum):
    """How the records lie in the file."""

    CSV = "csv"
    JSONL = "jsonl"


def report(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="HTML file; none takes var/report/index.html.", resolve_path=True),
    ] = None,
    feed_file: Annotated[
        Path | None, typer.Option(help="Atom feed of shifts; none puts shifts.atom beside it.", resolve_path=True)
    ] = None,
    months: Annotated[int, typer.Option(min=1, max=240, help="How far back the pictures reach.")] = 24,
    as_of: Annotated[str, typer.Option(help="A day such as 2025-03-04, as if just closed; none means now.")] = "",
) -> None:
    """Write what was found as one page that stands alone, and the shifts as a feed for feed readers.

    The page shows each tie over the months, by press bloc and theme, every shift with its evidence, the feeds, and how
    all of it is computed. It needs no network and no script (docs/report.md).

    Examples:

    - `ricwatch report` – into var/report
    - `ricwatch report -o report.html --months 12`
    - `ricwatch report -o report.html --feed-file shifts.atom --as-of 2025-03-04`
    """
    prepare()
    from flows import tables
    from flows.reportpage import build, describe
    from flows.watch import moment, open_watch

    with open_watch() as watch:
        done = build(watch, moment(as_of), str(output or ""), str(feed_file or ""), months)
    line = describe(done)
    tables.say(line[0].upper() + line[1:])


def export(
    what: Annotated[What, typer.Argument(help="What goes into the file.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .csv or .jsonl file.", resolve_path=True)],
    start: Annotated[str, typer.Option("--from", help="First day, for example 2025-01-01.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day, for example 2025-03-31.")] = "",
    dyad: Annotated[str, typer.Option(help="One tie, by its code; none takes all.", callback=known_tie)] = "",
    form: Annotated[Form | None, typer.Option("--format", help="Of a file whose ending does not tell it.")] = None,
) -> None:
    """Write what is stored for other programs, as CSV or JSON Lines (columns: docs/formats.md).

    series: daily counts, which `ricwatch detect` reads again. shifts: every shift found. readings: each article as it
    was read. stories: what the series count, a row for each story, day and tie.

    Examples:

    - `ricwatch export series -o series.csv`
    - `ricwatch export shifts -o shifts.jsonl`
    - `ricwatch export readings -o readings.csv --from 2025-01-01 --to 2025-03-31 --dyad IN-CN`
    - `ricwatch export stories -o stories.txt --format csv`
    """
    prepare()
    from alerts.export import Asked
    from alerts.export import What as Known
    from flows import tables
    from flows.exporting import build, describe
    from flows.watch import open_watch
    from store.days import parse_day

    asked = Asked(
        Known(what.value),
        output,
        form.value if form else "",
        parse_day(start, "--from"),
        parse_day(end, "--to"),
        dyad,
    )
    with open_watch() as watch:
        done = build(watch, asked)
    line = describe(done)
    tables.say(line[0].upper() + line[1:])
