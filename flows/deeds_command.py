"""The command `deeds`: what people asked for under their name, and what came of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from store.people import Deed

DAYS_BACK = 90
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def deeds(
    *,
    since: Annotated[str, typer.Option(help=f"From this day on; without it the last {DAYS_BACK} days.")] = "",
    by: Annotated[str, typer.Option("--by", help="Only what this person asked for.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Tell what people asked for under their name (the field *Asked by* of each form), and what came of it.

    It stays on record after Prefect has forgotten the runs. What a schedule started is not in it.

    Examples:

    - `ricwatch deeds`
    - `ricwatch deeds --by Ann --since 2026-11-01`
    """
    from alerts.words import day_words
    from flows import tables
    from store.days import parse_day
    from store.settings import get_settings

    settings = get_settings()
    first = parse_day(since, "--since")
    now = dt.datetime.now(dt.UTC)
    moment = dt.datetime.combine(first, dt.time(), settings.zone) if first else now - dt.timedelta(days=DAYS_BACK)
    moment = max(moment, EARLIEST)
    rows = look_up(moment, by)
    for row in rows:
        if as_json:
            typer.echo(json.dumps(record(row), ensure_ascii=False))
        else:
            tables.say(line(row, settings.zone))
    if not rows and not as_json:
        tables.say(f"Nobody asked for anything since {day_words(moment.date())}{f' as {by}' if by else ''}.")


def look_up(moment: dt.datetime, who: str) -> Sequence[Deed]:
    """The deeds of the configured database since *moment*."""
    from flows.watch import open_watch
    from store.deeds import deeds_since

    with open_watch() as watch, watch.store.session() as session:
        return deeds_since(session, moment, who=who)


def record(row: Deed) -> dict[str, Any]:
    """A deed for a machine: the moment in UTC."""
    return {
        "at": row.at.isoformat(timespec="seconds"),
        "by": row.who,
        "flow": row.flow,
        "run": row.run,
        "asked": {one["field"]: one["value"] for one in row.asked},
        "outcome": row.outcome,
    }


def line(row: Deed, zone: ZoneInfo) -> str:
    """A deed in a line: when, who, what came of it, and the fields of the form that were changed."""
    filled = "; ".join(f"{one['field']}: {one['value']}" for one in row.asked)
    return f"{row.at.astimezone(zone):%Y-%m-%d %H:%M}  {row.who}  {row.outcome}{f'  ({filled})' if filled else ''}"
