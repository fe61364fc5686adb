"""Dask and Ray: how a run reaches their workers, on this machine or at an address, and what it says where it cannot.

A cluster is asked before it is given anything. One that has no workers would let the run wait without end, and a Dask
worker without ricwatch does not refuse a batch: it ends over it, and so does the next one.
"""

from __future__ import annotations

import concurrent.futures
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pkgutil import resolve_name
from typing import Any

import httpx
from prefect import Task
from prefect.settings import PREFECT_API_URL

from classify.spread import Pending, WorkerError
from store.errors import ConfigError
from store.settings import Settings

ANSWER_S = 30.0
"""Seconds in which a scheduler has to answer, and a first worker to be there."""
ALONE_S = 60.0
"""Seconds between two looks whether a batch that takes long has anybody left who could read it."""

RELEASE = version("ricwatch")
WHICH = (resolve_name, f"{__name__}:RELEASE")
"""What asks a worker for its release: a function of Python's own crosses as a name, which everybody there knows."""

Give = Callable[[Task[..., bytes], dict[str, Any]], Pending]
"""Gives a task with its parameters to a worker."""


@contextmanager
def dask_workers(settings: Settings, workers: int) -> Iterator[Give]:
    """*workers* Dask workers on this machine, or those whose scheduler is at the address.

    Raises:
        ConfigError: no scheduler answers, it has no workers, or something there is of another release.
    """
    from prefect_dask.task_runners import DaskTaskRunner

    address = settings.task_runner_address
    if not address:
        # One thread each: Python reads on one core per process. No pages of its own: nobody asked for an open port.
        local: dict[str, Any] = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
        # The scheduler opens one all the same; a free one, or a second run would warn that 8787 is taken.
        local["scheduler_kwargs"] = {"dashboard_address": "127.0.0.1:0"}
        with DaskTaskRunner(cluster_kwargs=local) as runner:
            runner.client.wait_for_workers(workers)
            yield runner.submit
        return
    with ExitStack() as held:
        try:
            runner = held.enter_context(DaskTaskRunner(address=address, client_kwargs={"timeout": ANSWER_S}))
            client = runner.client
        except (OSError, ValueError) as error:
            raise _unreachable("a Dask scheduler", address, error) from error
        try:
            client.wait_for_workers(1, timeout=ANSWER_S)
        except TimeoutError as error:
            raise ConfigError(_no_workers(address)) from error
        found: dict[str, object] = client.run(*WHICH, on_error="return")
        try:
            found["the scheduler"] = client.run_on_scheduler(*WHICH)
        except (ImportError, AttributeError) as error:
            found["the scheduler"] = error
        _same_release(f"the Dask cluster at {address}", found)
        if api := PREFECT_API_URL.value():
            _all_reach(f"the Dask cluster at {address}", api, client.run(reach, api))
        yield lambda work, given: Watched(runner.submit(work, given), runner)


@dataclass(frozen=True, slots=True)
class Watched:
    """A batch that workers of a Dask scheduler have, and that is not waited for when none of them is left."""

    batch: Any
    runner: Any

    def result(self) -> bytes:
        """The packed readings.

        Raises:
            WorkerError: the cluster has had no workers for a while.
        """
        alone = False
        while True:
            try:
                readings: bytes = self.batch.result(timeout=ALONE_S)
            except TimeoutError:
                nobody = not self.runner.client.scheduler_info()["workers"]
                if nobody and alone:
                    raise WorkerError(f"{_no_workers(self.runner.address)}. What was read before is kept") from None
                alone = nobody
            else:
                return readings


@contextmanager
def ray_workers(settings: Settings, workers: int) -> Iterator[Give]:
    """*workers* Ray workers on this machine, or those of the cluster at the address.

    Raises:
        ConfigError: no cluster answers, it has no processors to give, or something there is of another release.
    """
    address = settings.task_runner_address
    with ExitStack() as held:
        kwargs: dict[str, Any] = {"logging_level": "warning", "log_to_driver": False}
        if not address:
            folder = held.enter_context(tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
            # `local`, or it would join whatever cluster happens to run on this machine.
            kwargs |= {"address": "local", "num_cpus": workers, "include_dashboard": False, "_temp_dir": folder}
        _keep_quiet(settings)
        from prefect_ray import RayTaskRunner

        try:
            _knock(address)
            runner = held.enter_context(RayTaskRunner(address=address or None, init_kwargs=kwargs))
        except (OSError, RuntimeError, ValueError) as error:
            if not address:
                raise ConfigError(f"Ray does not start on this machine: {_first_line(error)}") from error
            token = "" if "RAY_AUTH_TOKEN" in os.environ else " (has it a token that RAY_AUTH_TOKEN should name?)"
            raise _unreachable("a Ray cluster", address, f"{_first_line(error)}{token}") from error
        if address:
            _same_release(f"the Ray cluster at {address}", _on_each_node(address, *WHICH))
            if api := PREFECT_API_URL.value():
                _all_reach(f"the Ray cluster at {address}", api, _on_each_node(address, reach, api))
        yield runner.submit


def _keep_quiet(settings: Settings) -> None:
    """Let Ray tell its makers nothing, and one of this machine listen to this run alone. Before Ray is imported."""
    wanted = {"RAY_USAGE_STATS_ENABLED": "0"}
    if not settings.task_runner_address:
        # Its switch for systems without clusters: everything listens on loopback instead of on all addresses.
        wanted["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # On loopback other users reach it too. A password of this run, instead of one that is left in the home folder.
        wanted |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def _knock(address: str) -> None:
    """Raise an OSError at once where nothing listens: Ray itself tries for minutes, and then ends the process."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()


def _on_each_node(address: str, asked: Callable[[str], object], given: str) -> dict[str, object]:
    """What a function gives on each node that has processors to give, or the error that it raises there."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [one["NodeID"] for one in ray.nodes() if one["Alive"] and one["Resources"].get("CPU", 0) >= 1]
    if not nodes:
        raise ConfigError(
            f"the Ray cluster at {address} (RICWATCH_TASK_RUNNER_ADDRESS) has no processors to give; "
            "start a node with some: ray start --address …"
        )
    found: dict[str, object] = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        answer = ray.remote(asked).options(num_cpus=0, scheduling_strategy=there).remote(given)
        try:
            found[f"node {node[:8]}"] = ray.get(answer, timeout=ANSWER_S)
        except ray.exceptions.RayError as error:
            found[f"node {node[:8]}"] = error
    return found


def dask_losses(_settings: Settings) -> tuple[type[BaseException], ...]:
    """What Dask raises where a worker is gone; it has tried again itself before."""
    from distributed import CancelledError, KilledWorker

    return KilledWorker, CancelledError, concurrent.futures.CancelledError


def ray_losses(settings: Settings) -> tuple[type[BaseException], ...]:
    """What Ray raises where a worker, its node or what it had made is gone; it has tried again itself before."""
    _keep_quiet(settings)
    from ray import exceptions as told

    return (
        told.WorkerCrashedError,
        told.NodeDiedError,
        told.OutOfMemoryError,
        told.ObjectLostError,
        told.LocalRayletDiedError,
        ConnectionError,
    )


def _same_release(cluster: str, found: Mapping[str, object]) -> None:
    for who, theirs in found.items():
        if theirs != RELEASE:
            has = f"ricwatch {theirs}" if isinstance(theirs, str) else f"no such ricwatch ({_first_line(theirs)})"
            raise ConfigError(
                f"{cluster}: {who} has {has}, this run {RELEASE}; install the same release there, or set another "
                "RICWATCH_TASK_RUNNER_ADDRESS"
            )


def reach(api: str) -> str:
    """Asked of a worker: why Prefect's API does not answer there; empty where it does."""
    try:
        httpx.get(f"{api}/health", timeout=ANSWER_S / 3, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        return _first_line(error)
    return ""


def _all_reach(cluster: str, api: str, found: Mapping[str, object]) -> None:
    """A worker tells Prefect of its batches, and cannot read where it does not get through."""
    for who, wrong in found.items():
        if wrong:
            raise ConfigError(
                f"{cluster}: {who} does not reach Prefect's API at {api} ({_first_line(wrong)}); let "
                "`ricwatch serve --host` listen where it does (docs/scale.md), or set RICWATCH_TASK_RUNNER=processes"
            )


def _no_workers(address: str) -> str:
    return (
        f"the Dask scheduler at {address} (RICWATCH_TASK_RUNNER_ADDRESS) has no workers; "
        f"start some: dask worker {address} --nthreads 1"
    )


def _unreachable(what: str, address: str, error: object) -> ConfigError:
    return ConfigError(
        f"{what} does not answer at {address}: {_first_line(error)}; start it, correct RICWATCH_TASK_RUNNER_ADDRESS, "
        "or set RICWATCH_TASK_RUNNER=threads"
    )


def _first_line(error: object) -> str:
    """What an error says first and, where that ends in a colon, what it says last."""
    lines = [one.strip() for one in str(error).splitlines() if one.strip()] or [type(error).__name__]
    return f"{lines[0]} {lines[-1]}" if lines[0].endswith(":") else lines[0]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What needs an extra, and may be at an address: how its workers are reached, and what tells that one died."""

    workers: Callable[[Settings, int], AbstractContextManager[Give]]
    losses: Callable[[Settings], tuple[type[BaseException], ...]]


CLUSTERS = {"dask": Cluster(dask_workers, dask_losses), "ray": Cluster(ray_workers, ray_losses)}
