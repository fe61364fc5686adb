"""Flow `export`: the series, shifts, readings or stories as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.export import COLUMNS, Asked, Exported, What
from alerts.words import count
from flows import artifacts
from flows.exporting import build, describe
from flows.forms import ALL, BY, calendar, choose, codes, param
from flows.plainly import plainly
from flows.reporting import logger, rename_run, requested
from flows.watch import Watch, open_watch
from store.days import parse_day

CODES = codes()


@task(name="write export", task_run_name="export {asked.what}", cache_policy=NO_CACHE)
async def export_task(watch: Watch, asked: Asked) -> Exported:
    """Write, and leave the page *What was exported*."""
    done = build(watch, asked)
    logger().info(describe(done))
    await artifacts.publish(
        watch.settings,
        "export",
        "export",
        "What was exported, and where it lies",
        done=done,
        asked=asked,
        columns=COLUMNS[done.what],
    )
    return done


@flow(name="export", flow_run_name="export {what}", log_prints=False)
@plainly
async def export(
    what: Annotated[
        Literal["series", "shifts", "readings", "stories"],
        param("What", "series: daily counts. shifts: all found. readings: each article. stories: what is counted."),
    ] = "series",
    *,
    form: Annotated[Literal["csv", "jsonl"], param("Format", "csv: a table. jsonl: a JSON object a line.")] = "csv",
    start: Annotated[str, calendar("From", "First day; leave empty for all.")] = "",
    end: Annotated[str, calendar("To", "Last day; leave empty for the last closed one.")] = "",
    dyad: Annotated[str, choose("Tie", "One tie, or all.", CODES.dyads)] = ALL,
    output: Annotated[str, param("File", "Where it goes; leave empty for a file in var/exports.")] = "",
    requested_by: Annotated[str, BY] = "",
) -> State[Exported]:
    """Writes what the monitor holds as CSV or JSON Lines; the columns are explained in docs/formats.md."""
    requested(requested_by)
    with open_watch() as watch:
        path = Path(output) if output else watch.settings.var_dir / "exports" / f"{what}.{form}"
        asked = Asked(
            What(what),
            path,
            form,
            parse_day(start, "From"),
            parse_day(end, "To"),
            "" if dyad == ALL else dyad,
        )
        done = await export_task(watch, asked)
    await rename_run(f"export {what}: {count(done.rows, 'row')}")
    return Completed(message=describe(done), data=done)
