"""Flow `ingest-seeds`: load the dossiers and claims, and check them against the originals where these are at hand."""

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
from flows.plainly import plainly
from flows.reporting import logger, progress, rename_run, requested
from flows.watch import Watch, moment, open_watch
from ingest.seeds import SeedReport, ingest_seeds


def load(watch: Watch, now: dt.datetime, originals: Path | None) -> SeedReport:
    """The step behind the flow."""
    with watch.turn_to("load seeds"), progress("Loading seeds") as report_progress:
        return ingest_seeds(
            watch.store,
            watch.topic,
            watch.settings.seeds_dir / "corpus",
            originals or watch.settings.originals_dir,
            now=now,
            progress=report_progress,
        )


@task(name="load seeds", task_run_name="load seed documents", cache_policy=NO_CACHE)
async def seeds_task(watch: Watch, now: dt.datetime, originals: Path | None = None) -> SeedReport:
    """Load and leave the page *The seed documents*."""
    report = load(watch, now, originals)
    logger().info(report.summary)
    await artifacts.publish(
        watch.settings, "seeds", "seed-documents", "The seed documents and their state", report=report, now=now
    )
    return report


@flow(name="ingest-seeds", flow_run_name="ingest seeds", log_prints=False)
@plainly
async def ingest_seeds_flow(
    originals: Annotated[
        str,
        param("Folder with the originals", "On the worker's machine; leave empty to load the dossiers alone."),
    ] = "",
    requested_by: Annotated[str, BY] = "",
) -> State[SeedReport]:
    """Loads the five dossiers and their claims; checks each precis against its original where that one is found."""
    requested(requested_by)
    with open_watch() as watch:
        report = await seeds_task(watch, moment(""), Path(originals) if originals else None)
    await rename_run(report.summary)
    return Completed(message=report.summary, data=report)
