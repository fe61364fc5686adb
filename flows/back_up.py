"""Flow `back-up`: one checked file of the database, and the older ones thinned out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import artifacts
from flows.forms import BY, param
from flows.late import superseded
from flows.plainly import plainly
from flows.reporting import logger, rename_run, requested
from flows.watch import Watch, moment, open_watch
from store.backup import BackupReport, make_backup


@task(name="back up", task_run_name="back up the database", cache_policy=NO_CACHE)
async def back_up_task(watch: Watch, folder: Path, keep: int, now: dt.datetime) -> BackupReport:
    """Back up and leave the page *The backup*."""
    report = make_backup(watch.store, watch.settings, folder, now=now, keep=keep)
    logger().info(report.summary)
    made = report.manifest
    await artifacts.publish(
        watch.settings,
        "operation",
        "backup",
        "The backup, checked",
        title="The backup",
        summary=report.summary,
        rows=[
            ("file", report.path),
            ("made", made.made_at),
            ("from", f"{made.engine}, schema {made.schema}"),
            ("SHA-256 of the database in it", made.sha256),
            ("seeds folder", made.seeds),
            *((f"removed, of the {keep} to keep", path.name) for path in report.removed),
            *((f"rows of {table}", f"{rows:,}") for table, rows in sorted(made.rows.items())),
        ],
    )
    return report


@flow(name="back-up", flow_run_name="back up", log_prints=False)
@plainly
async def back_up(
    folder: Annotated[
        str, param("Folder", "On the worker's machine; empty takes RICWATCH_BACKUP_DIR, or backups under var/.")
    ] = "",
    keep: Annotated[
        int, param("Keep", "So many of the newest stay there; -1 takes RICWATCH_BACKUPS_KEPT, 0 keeps all.", ge=-1)
    ] = -1,
    requested_by: Annotated[str, BY] = "",
) -> State[BackupReport] | State[None]:
    """Copies the database while the watch goes on, checks the copy, and removes the oldest ones."""
    if passed := await superseded():
        return passed
    requested(requested_by)
    with open_watch() as watch:
        settings = watch.settings
        where = Path(folder).expanduser().absolute() if folder.strip() else settings.backups_folder
        report = await back_up_task(watch, where, settings.backups_kept if keep < 0 else keep, moment(""))
    await rename_run(f"back up: {report.size / 1e6:.1f} MB, checked")
    return Completed(message=report.summary, data=report)
