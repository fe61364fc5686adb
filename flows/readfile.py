"""Reading a file of items; needs neither database nor server."""

from __future__ import annotations

from pathlib import Path

from classify.jsonl import FileReport, classify_file
from classify.model import get_backend
from classify.spread import Recipe, divisible, in_processes
from flows.reporting import progress
from ingest.topic import load_topic
from store.errors import ConfigError
from store.settings import get_settings


def read_file(source: Path, target: Path, jobs: int = 1) -> FileReport:
    """Read a file of items, by *jobs* processes.

    Raises:
        ConfigError: several processes for a backend that counts what a run may use.
    """
    settings = get_settings()
    model = get_backend(settings.model, load_topic(settings.seeds_dir))
    if jobs > 1 and not divisible(model):
        raise ConfigError(
            f"the backend {settings.model} keeps a budget for the run, which processes cannot share; leave --jobs out"
        )
    recipe = Recipe(settings.model, str(settings.seeds_dir), model.version)
    read_by = in_processes(recipe, jobs) if jobs > 1 else None
    with progress("Reading items") as report_progress:
        return classify_file(model, source, target, read_by=read_by, progress=report_progress)
