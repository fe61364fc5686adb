"""How a running step tells how far it is: a bar where a person watches a terminal, log lines elsewhere.

Commands use it too, so Prefect is loaded by those alone that run flows: it takes longer than most commands.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from alerts.words import plain
from store.errors import RicwatchError
from store.progress import Progress

if TYPE_CHECKING:
    from prefect.context import FlowRunContext

LINE_EVERY = 5.0
"""Seconds between two log lines of one step."""
PAGE_AFTER = 30.0
"""Seconds from which on a step of a flow run has a bar on the run's page: what is shorter ends before one looks."""

console = Console(stderr=True)


def in_flow_run() -> bool:
    """Whether the caller is inside a Prefect flow run, rather than a flow's plain function."""
    return _run() is not None


def _run() -> FlowRunContext | None:
    if "prefect" not in sys.modules:
        return None  # who runs a flow has loaded it
    from prefect.context import FlowRunContext

    return FlowRunContext.get()


def logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    """The run's logger inside a flow run, the program's own outside."""
    if "prefect" in sys.modules:
        from prefect import get_run_logger
        from prefect.exceptions import MissingContextError

        with suppress(MissingContextError):
            return get_run_logger()
    return logging.getLogger("ricwatch")


def requested(by: str) -> None:
    """Keep who asked for the run: in its log, and on record from its beginning, should it never come to an end."""
    if by.strip():
        logger().info("requested by %s", plain(by, 200))
        _keep("began; nothing is known of its end", by)


async def rename_run(name: str, *, by: str = "") -> None:
    """Let the run's name say what it did, and keep that where a person asked for it; nothing outside a flow run.

    Who asked is the form's *Asked by*, unless *by* names somebody else.
    """
    context = _run()
    if context is None or context.flow_run is None:
        return
    import httpx
    from prefect import get_client
    from prefect.exceptions import PrefectException

    name = plain(name, 120)
    _keep(name, by)
    try:
        async with get_client() as client:
            await client.update_flow_run(context.flow_run.id, name=name)
    except (httpx.HTTPError, PrefectException) as error:
        # The work is done; a run under its plain name is better than a failed one.
        logger().info("the run keeps its name: %s", error)


def _keep(outcome: str, by: str) -> None:
    """Put down what a named person's run came to: Prefect forgets its runs after some weeks."""
    context = _run()
    if context is None or context.flow_run is None or context.flow is None:
        return
    from sqlalchemy.exc import SQLAlchemyError

    from flows.echo import rows_changed
    from flows.watch import open_watch  # and with it the reader, of which most who import this have no need
    from store.deeds import keep_deed

    asked = dict(context.parameters or {})
    named = asked.pop("requested_by", "")
    who = plain(by or str(named or ""), 120)
    if not who:
        return
    try:
        with open_watch() as watch, watch.store.writing() as session:
            keep_deed(
                session,
                at=dt.datetime.now(dt.UTC),
                who=who,
                flow=context.flow.name,
                run=str(context.flow_run.id),
                asked=rows_changed(asked, context.flow.parameters.properties),
                outcome=outcome,
            )
    except (RicwatchError, SQLAlchemyError, OSError) as error:
        # What was done is done, or was refused; that it is not on record must not change how the run ends.
        why = str(error).splitlines()[0] if isinstance(error, RicwatchError) else type(error).__name__
        logger().warning("that %s asked for this run is not on record: %s", who, why.partition(". ")[0])


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A `Progress` for one step, shown under *label*."""
    if sys.stderr.isatty():
        with _bar(label) as report:
            yield report
    else:
        yield _lines(label)


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Bars(*columns, console=console, transient=False) as bars:
        task = bars.add_task(label, total=None, note="")

        def report(done: int, total: int | None = None, note: str = "") -> None:
            bars.update(task, completed=done, total=total, note=note[:40])

        yield report


def _lines(label: str) -> Progress:
    log = logger()
    began = last = time.monotonic()
    page = _PageBar(label) if in_flow_run() else None

    def report(done: int, total: int | None = None, note: str = "") -> None:
        nonlocal last
        if total == 0:
            return  # the step says by itself that it had nothing to do
        finished = total is not None and done >= total
        # What it is at is of interest while it lasts; at the end it would be a feed or a file picked by chance.
        note = "" if finished else note
        if finished or time.monotonic() - last >= LINE_EVERY:
            last = time.monotonic()
            of = f" of {total:,}" if total is not None else ""
            words = f"{label}: {done:,}{of}{f' ({note})' if note else ''}"
            log.info("%s", words)
            if page is not None and total and last - began >= PAGE_AFTER:
                page.show(100 * done / total, words)

    return report


class _PageBar:
    """The bar of one step on its run's page."""

    def __init__(self, label: str) -> None:
        self._key = "progress-" + re.sub("[^a-z0-9]+", "-", label.lower()).strip("-")
        self._made: UUID | None = None

    def show(self, percent: float, words: str) -> None:
        """Make the bar, or move it; *percent* from 0 to 100."""
        import httpx
        from prefect.artifacts import create_progress_artifact, update_progress_artifact
        from prefect.exceptions import PrefectException

        told = plain(words, 200)
        try:
            # Steps run in threads, and some in the loop of the run itself, where nothing here could be awaited.
            if self._made is None:
                made = create_progress_artifact(percent, key=self._key, description=told, _sync=True)  # type: ignore[call-arg]
                self._made = made if isinstance(made, UUID) else None
            else:
                update_progress_artifact(self._made, percent, description=told, _sync=True)  # type: ignore[call-arg]
        except (httpx.HTTPError, PrefectException) as error:
            logger().info("the bar on the page stays where it is: %s", error)
