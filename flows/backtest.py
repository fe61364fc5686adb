"""Flow `backtest`: a file of dated items through the same code, day by day, into a folder of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.backtest import Asked, BacktestReport, Tools, run_backtest
from alerts.events import read_events
from classify.actors import Matcher
from classify.model import get_backend
from flows import artifacts
from flows.forms import BY, calendar, param
from flows.plainly import plainly
from flows.reporting import progress, rename_run, requested
from flows.watch import moment
from ingest.roster import load_roster
from ingest.topic import load_topic
from store.days import parse_day
from store.db import Store
from store.errors import InputError
from store.settings import Settings, get_settings

MADE_HERE = (
    "backtest.db",
    "backtest.db-wal",
    "backtest.db-shm",
    "coverage.png",
    "figures.json",
    "report.html",
    "series.csv",
    "shifts.jsonl",
    "summary.md",
)
HISTORIES = 20
"""Permuted histories where nothing else is asked for: on a year of coverage, some seconds to a minute."""


def prepare_folder(folder: Path) -> None:
    """Make *folder*, or clear what an earlier back-test left in it.

    Raises:
        InputError: the folder holds other things; they are not ours to remove.
    """
    folder.mkdir(parents=True, exist_ok=True)
    strange = [path.name for path in folder.iterdir() if path.name not in {*MADE_HERE, "digests", "mail"}]
    if strange:
        raise InputError(
            f"{folder} holds {strange[0]!r}, which no back-test made; give the back-test a folder of its own"
        )
    for name in MADE_HERE:
        (folder / name).unlink(missing_ok=True)
    for name in ("digests", "mail"):
        shutil.rmtree(folder / name, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller asked for, as text where it came as text; empty means all days, and no events."""

    start: str = ""
    end: str = ""
    events: str = ""
    histories: int = HISTORIES
    seed: int = 1


def run(settings: Settings, items: Path, folder: Path, options: Options) -> BacktestReport:
    """The step behind the flow; its complaints are read below a form and in a terminal.

    Raises:
        InputError: a day, a file or the folder is none, or not one that can be used.
    """
    first, last = parse_day(options.start, "From"), parse_day(options.end, "To")
    if first and last and first > last:
        raise InputError(f"the first day, {first}, lies after the last day, {last}")
    if not items.is_file():
        raise InputError(f"{items} is no file; give a .jsonl or .jsonl.gz of items")
    events = read_events(Path(options.events)) if options.events.strip() else None
    asked = Asked(first, last, events, options.histories, options.seed)
    prepare_folder(folder)
    own = settings.model_copy(update={"var_dir": folder, "smtp_host": "", "database_url": ""})
    topic = load_topic(settings.seeds_dir)
    store = Store(f"sqlite:///{folder / 'backtest.db'}")
    try:
        store.migrate()
        tools = Tools(
            store, own, get_backend(settings.model, topic), Matcher(topic).names_two, load_roster(settings.feeds_file)
        )
        with (
            progress("Importing items") as importing,
            progress("Reading articles") as reading,
            progress("Permuting histories") as permuting,
        ):
            return run_backtest(
                tools,
                items,
                folder,
                asked,
                now=moment(""),
                progress=importing,
                reading=reading,
                permuting=permuting,
            )
    finally:
        store.close()


@flow(name="backtest", flow_run_name="back-test", log_prints=False)
@plainly
async def backtest(
    items: Annotated[
        str,
        param(
            "Items file", "A .jsonl or .jsonl.gz of dated items on the worker's machine, such as /data/2024.jsonl.gz."
        ),
    ],
    *,
    start: Annotated[str, calendar("From", "First day; leave empty for the file's first.")] = "",
    end: Annotated[str, calendar("To", "Last day; leave empty for the file's last.")] = "",
    output: Annotated[str, param("Folder", "Where the results go; leave empty for var/backtest.")] = "",
    events: Annotated[
        str, param("Events file", "A .yaml or .csv of dated events to hold the shifts against; empty for none.")
    ] = "",
    permutations: Annotated[
        int,
        param(
            "Permuted histories",
            "So many histories with shuffled stances show what chance alone would find; 0 for none.",
            ge=0,
            le=10_000,
        ),
    ] = HISTORIES,
    seed: Annotated[int, param("Seed", "The same seed gives the same permuted histories.", ge=0)] = 1,
    requested_by: Annotated[str, BY] = "",
) -> State[BacktestReport]:
    """What would the monitor have said? Report, series, shifts and digests, with nothing from the future."""
    requested(requested_by)
    if not items.strip():
        raise InputError("no items file is named; give a .jsonl or .jsonl.gz of dated items")
    settings = get_settings()
    folder = Path(output) if output else settings.var_dir / "backtest"
    report = run(settings, Path(items), folder, Options(start, end, events, permutations, seed))
    await artifacts.publish(settings, "backtest", "backtest", "What the back-test found", report=report)
    count = f"{len(report.shifts)} {'shift' if len(report.shifts) == 1 else 'shifts'}"
    await rename_run(f"back-test {Path(items).name}: {count}")
    message = f"{len(report.shifts)} shifts in {report.articles} articles; results in {report.folder}"
    return Completed(message=message, data=report)
