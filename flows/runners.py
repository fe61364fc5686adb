"""Who reads a backlog: the task runner that the settings name, given batches as Prefect tasks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

from prefect import get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from classify.model import Item, Read
from classify.spread import Recipe, Spread, Submit, in_order, know, read_packed
from flows.clusters import CLUSTERS, Give
from flows.extras import require_extra
from flows.reporting import in_flow_run, logger
from flows.watch import Watch
from store.settings import Settings

AHEAD = 3
"""Batches per worker that are under way: one being read, one waiting at hand, one to even out the slow ones."""


@task(name="read a batch", task_run_name="batch {number}", cache_policy=NO_CACHE, persist_result=False)
def read_batch(recipe: Recipe, items: bytes, number: int) -> bytes:  # noqa: ARG001 - the number names the run
    """Read one packed batch, in a worker."""
    return read_packed(recipe, items)


def spread_of(watch: Watch) -> Spread | None:
    """How a backlog of stored articles is read; None outside of a flow run, whose tasks the batches would be.

    Raises:
        ConfigError: the runner's packages are not installed.
    """
    settings = watch.settings
    require_extra(settings)
    if not in_flow_run():
        return None
    return Spread(partial(_read, watch), settings.task_batch, settings.task_runner_from)


def workers_of(settings: Settings) -> int:
    """How many workers read at the same time on this machine."""
    return settings.task_workers or (os.cpu_count() or 1)


@contextmanager
def started(settings: Settings) -> Iterator[Give]:
    """Workers as *settings* name them, started; gives how a task is given to them.

    Raises:
        ConfigError: their packages are not installed, or no cluster of this release answers at the address.
    """
    require_extra(settings)
    workers = workers_of(settings)
    with _api_of_this_run(settings), _workers(settings, workers) as give:
        yield give


@contextmanager
def _api_of_this_run(settings: Settings) -> Iterator[None]:
    """Let workers of this machine tell the small server of this run of their tasks, or each would start its own."""
    at_an_address = settings.task_runner in CLUSTERS and settings.task_runner_address
    if PREFECT_API_URL.value() or at_an_address or settings.task_runner == "threads":
        yield
        return
    with get_client(sync_client=True) as client:
        api = str(client.api_url)
    with temporary_settings({PREFECT_API_URL: api}):
        yield


@contextmanager
def _workers(settings: Settings, workers: int) -> Iterator[Give]:
    if settings.task_runner in CLUSTERS:
        with CLUSTERS[settings.task_runner].workers(settings, workers) as give:
            yield give
        return
    runner: type[Any] = ThreadPoolTaskRunner if settings.task_runner == "threads" else ProcessPoolTaskRunner
    with runner(max_workers=workers) as here:
        yield here.submit


def lost_worker(settings: Settings) -> tuple[type[BaseException], ...]:
    """What tells, with the runner that *settings* name, that a worker died and not that a batch is wrong."""
    if settings.task_runner in CLUSTERS:
        return CLUSTERS[settings.task_runner].losses(settings)
    return (BrokenProcessPool,)


def _read(watch: Watch, batches: Iterable[Sequence[Item]]) -> Iterator[list[Read]]:
    settings = watch.settings
    recipe = Recipe(settings.model, str(settings.seeds_dir), watch.version)
    know(recipe, watch.model)
    numbers = count(1)

    @contextmanager
    def pool() -> Iterator[Submit]:
        at = settings.task_runner_address if settings.task_runner in CLUSTERS else ""
        who = f"the workers at {at}" if at else f"{workers_of(settings)} workers"
        logger().info("a backlog is read by %s: %s", who, settings.task_runner)
        with started(settings) as give:
            yield lambda items: give(read_batch, {"recipe": recipe, "items": items, "number": next(numbers)})

    return in_order(batches, pool, ahead=AHEAD * workers_of(settings), lost=lost_worker(settings))
