"""Flow `tidy` and the command: forget what the settings allow, every night."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.retention import TidyReport
from alerts.retention import tidy as forget
from flows import artifacts
from flows.forms import BY, param
from flows.late import superseded
from flows.plainly import plainly
from flows.reporting import logger, progress, rename_run, requested
from flows.watch import Watch, moment, open_watch


@task(name="tidy", task_run_name="tidy the database", cache_policy=NO_CACHE)
async def tidy_task(watch: Watch, now: dt.datetime, dry_run: bool) -> TidyReport:
    """Tidy and leave the page *What was forgotten*."""
    with progress("Tidying") as report_progress:
        report = forget(watch.store, watch.settings, watch.version, now=now, dry_run=dry_run, progress=report_progress)
    logger().info(report.summary)
    await artifacts.publish(
        watch.settings,
        "operation",
        "tidy",
        "What was forgotten",
        title="What was forgotten" if not dry_run else "What would be forgotten",
        summary=report.summary,
        rows=[
            (row.what, f"{row.rows:,} (older than {row.days} days)" if row.days else "kept for ever")
            for row in report.rows
        ],
    )
    return report


@flow(name="tidy", flow_run_name="tidy", log_prints=False)
@plainly
async def tidy(
    dry_run: Annotated[bool, param("Dry run", "Only count what would be forgotten.")] = False,
    requested_by: Annotated[str, BY] = "",
) -> State[TidyReport] | State[None]:
    """Forgets texts, readings of earlier models, polls, mails' bytes and log files older than the settings say."""
    if passed := await superseded():
        return passed
    requested(requested_by)
    with open_watch() as watch:
        report = await tidy_task(watch, moment(""), dry_run)
    await rename_run(f"tidy: {report.summary}")
    return Completed(message=report.summary, data=report)
