"""Flow `import-archive`: load dated items from files as articles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import artifacts
from flows.forms import BY, param
from flows.plainly import plainly
from flows.reporting import logger, progress, rename_run, requested
from flows.watch import Watch, moment, open_watch
from ingest.importer import ImportReport, import_items
from ingest.roster import sync_roster


def describe(report: ImportReport) -> str:
    """One line for the state message and the log."""
    return (
        f"{report.lines} lines: {report.new} new articles, {report.known} known, "
        f"{report.off_topic} outside the topic, {len(report.bad)} skipped"
    )


def load(watch: Watch, files: Sequence[Path], now: dt.datetime) -> ImportReport:
    """The step behind the flow."""
    with watch.store.writing() as session:
        sync_roster(session, watch.roster)
    with progress("Importing items") as report_progress:
        return import_items(
            watch.store,
            files,
            now=now,
            on_topic=watch.matcher.names_two,
            roster=watch.roster,
            progress=report_progress,
        )


@task(name="import files", task_run_name="import files", cache_policy=NO_CACHE)
async def import_task(watch: Watch, files: Sequence[Path], now: dt.datetime) -> ImportReport:
    """Import and leave the page *What was imported*."""
    report = load(watch, files, now)
    logger().info(describe(report))
    await artifacts.publish(
        watch.settings, "imported", "imported", "What was imported and what was skipped", report=report, now=now
    )
    return report


@flow(name="import-archive", flow_run_name="import archive", log_prints=False)
@plainly
async def import_archive(
    files: Annotated[
        list[str], param("Files", "Of .jsonl or .jsonl.gz, on the worker's machine, such as /data/2024.jsonl.gz.")
    ],
    requested_by: Annotated[str, BY] = "",
) -> State[ImportReport]:
    """Loads dated items as articles. Idempotent, and goes on where an interrupted import stopped."""
    requested(requested_by)
    with open_watch() as watch:
        report = await import_task(watch, [Path(name) for name in files], moment(""))
    what = Path(files[0]).name if len(files) == 1 else f"{len(files)} files"
    await rename_run(f"import {what}: {report.new} new articles")
    return Completed(message=describe(report), data=report)
