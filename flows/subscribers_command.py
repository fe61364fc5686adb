"""The commands `subscribers list`, `add`, `end`, `pause`, `import` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from flows.environment import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alerts.readers import Reader

subscribers_app = typer.Typer(no_args_is_help=True, help="Who gets digests, of what, and when.")

MOST_BYTES = 5_000_000
Address = Annotated[str, typer.Argument(help="Mail address.")]
By = Annotated[str, typer.Option("--by", help="Who asks for it; kept with the subscription.")]


@subscribers_app.command("list")
def list_() -> None:
    """Show everyone who gets digests.

    Example: `ricwatch subscribers list`
    """
    prepare()
    from flows.readership import everyone
    from flows.watch import open_watch

    with open_watch() as watch:
        _show(everyone(watch))


@subscribers_app.command("add")
def add(
    address: Address,
    *,
    tie: Annotated[list[str] | None, typer.Option(help="Only this tie, by its code; can be given again.")] = None,
    theme: Annotated[
        list[str] | None, typer.Option(help="Only shifts that this theme carries; can be given again.")
    ] = None,
    cadence: Annotated[
        str | None, typer.Option(help="When a shift is told: at_once, daily, weekdays or weekly.")
    ] = None,
    hour: Annotated[int | None, typer.Option(help="Hour of the weekly digest and of daily cadences, 0 to 23.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of hours and days, such as Europe/Berlin.")] = None,
    weekly_day: Annotated[str | None, typer.Option(help="Day of the weekly digest, such as Monday.")] = None,
    least: Annotated[str | None, typer.Option(help="Least evidence: moderate, strong or 'very strong'.")] = None,
    mute_day: Annotated[list[str] | None, typer.Option(help="A day without a digest; can be given again.")] = None,
    mute_hours: Annotated[str | None, typer.Option(help="Hours without a digest, as 22-7.")] = None,
    dates: Annotated[str | None, typer.Option(help="How dates are written: en, en-US, iso, hi, ru or zh.")] = None,
    html: Annotated[bool | None, typer.Option("--html/--text", help="Mails with HTML, or of text alone.")] = None,
    by: By = "the command line",
) -> None:
    """Add a reader, or change what is given here of one who is there.

    Examples:

    - `ricwatch subscribers add ann@example.org` – everything, at once
    - `ricwatch subscribers add ann@example.org --tie IN-CN --cadence weekdays --hour 7 --timezone Europe/Berlin`
    - `ricwatch subscribers add ann@example.org --text --mute-hours 22-7` – changes these two
    - `ricwatch subscribers add ann@example.org --tie none --mute-hours none` – all ties again, and every hour
    """
    prepare()
    from flows import tables
    from flows.readership import change_subscription
    from flows.watch import open_watch

    start, _, end = (mute_hours or "").replace(" ", "").partition("-")
    if start == "none":
        end = start
    fields = {
        "address": address,
        "dyads": tie,
        "themes": theme,
        "cadence": cadence,
        "hour": hour,
        "timezone": timezone,
        "weekly_day": weekly_day,
        "least": least,
        "mute_days": mute_day,
        "mute_from": start,
        "mute_to": end,
        "dates": dates,
        "html": html,
    }
    with open_watch() as watch:
        tables.say(change_subscription(watch, fields, by=by).words)


@subscribers_app.command("end")
def end_(address: Address, by: By = "the command line") -> None:
    """Send a reader no more digests.

    Example: `ricwatch subscribers end ann@example.org`
    """
    prepare()
    from flows import tables
    from flows.readership import end_subscription
    from flows.watch import open_watch

    with open_watch() as watch:
        tables.say(end_subscription(watch, address, by=by).words)


@subscribers_app.command("pause")
def pause(
    address: Address,
    until: Annotated[str, typer.Option(help="First day with digests again; none ends a pause.")] = "",
) -> None:
    """Send a reader nothing until a day; what still holds then is told then.

    Example: `ricwatch subscribers pause ann@example.org --until 2026-12-10`
    """
    prepare()
    from flows import tables
    from flows.readership import pause_subscription
    from flows.watch import open_watch
    from store.days import parse_day

    with open_watch() as watch:
        tables.say(pause_subscription(watch, address, parse_day(until, "--until")).words)


@subscribers_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file; only the column address is needed.", resolve_path=True)],
    by: By = "the command line",
) -> None:
    """Add or change readers from a CSV file: all of its lines, or none where one is wrong.

    Example: `ricwatch subscribers import readers.csv`
    """
    prepare()
    from alerts.subscribers import import_csv
    from flows import tables
    from flows.watch import moment, open_watch
    from ingest.capped import read_capped
    from store.errors import InputError

    try:
        text = read_capped(file, file.parent, MOST_BYTES).decode("utf-8")
    except InputError as error:
        raise InputError(f"{file} {error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: byte {error.start} is no UTF-8; save it as CSV in UTF-8") from None
    with open_watch() as watch, watch.store.writing() as session:
        done = import_csv(session, watch.settings, text, by=by, now=moment(""))
    new = sum(fresh for _reader, fresh in done)
    tables.say(f"{new} readers added, {len(done) - new} changed")


@subscribers_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where the CSV goes.", resolve_path=True)],
) -> None:
    """Write everyone who gets digests as CSV, as `import` takes it.

    Example: `ricwatch subscribers export readers.csv`
    """
    prepare()
    from alerts.subscribers import export_csv
    from flows import tables
    from flows.watch import open_watch
    from store.wholefile import write_whole

    with open_watch() as watch, watch.store.session() as session:
        text = export_csv(session, watch.settings)
    write_whole(file, text)
    tables.say(f"{text.count(chr(10)) - 1} readers in {file}")


def _show(readers: Sequence[Reader]) -> None:
    from alerts.readers import describe
    from flows import tables

    table = Table("Reader", "What, and when", "Form")
    for reader in readers:
        table.add_row(Text(reader.address), Text(describe(reader)), "HTML" if reader.html else "text")
    tables.show(table)
