"""Writing the series, shifts, readings or stories to a file: the step behind flow and command."""

from __future__ import annotations

from alerts.export import Asked, Exported
from alerts.export import export as write_export
from alerts.words import count
from flows.reporting import progress
from flows.watch import Watch, closed_day, moment


def describe(done: Exported) -> str:
    """One line for the state message, the log and the terminal."""
    return f"{count(done.rows, 'row')} of {done.what} in {done.path}"


def build(watch: Watch, asked: Asked) -> Exported:
    """Write the file, with its progress."""
    with progress(f"Exporting {asked.what}") as report_progress:
        return write_export(
            watch.store,
            watch.settings,
            watch.version,
            asked,
            day=closed_day(moment("")),
            progress=report_progress,
        )
