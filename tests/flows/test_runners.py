"""A backlog read through Prefect's task runners leaves the rows of reading alone, whichever runner and whoever dies."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

import psutil
import pytest
from distributed import LocalCluster
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import func, select

from classify.batch import ClassifyReport, classify_pending, forget_since
from classify.spread import WorkerError
from flows import clusters
from flows.classify_articles import re_read
from flows.clusters import CLUSTERS
from flows.extras import NEED_PACKAGES, require_extra
from flows.runners import spread_of, started
from flows.watch import open_watch
from ingest.archive_items import load_archive
from store.db import Store
from store.errors import ConfigError
from store.models import Reading, ReadingClaim, ReadingDyad
from store.settings import ROOT, get_settings
from tests.classify.helpers import add_articles
from tests.flows.inprocess import IN_PROCESS
from tests.ingest.server import free_port
from tests.processes import hear, process, say

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
LONG_AGO = dt.date(2000, 1, 1)
ARTICLES = 120

pytestmark = IN_PROCESS


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Unread articles in the database; gives the rows that reading them without workers leaves."""
    monkeypatch.setenv("RICWATCH_MODEL", "linear")
    get_settings.cache_clear()
    with open_watch() as watch:
        add_articles(watch.store, [one.title for one in load_archive(ROOT / "seeds" / "archive").items[:ARTICLES]])
        classify_pending(watch.store, watch.model, now=NOW)
        found = rows(watch.store)
        assert len(found) > ARTICLES
        assert forget_since(watch.store, watch.model.version, LONG_AGO) == ARTICLES
    return found


def rows(store: Store) -> list[tuple[Any, ...]]:
    """Everything that was read, in the order in which it was stored."""
    found: list[tuple[Any, ...]] = []
    with store.session() as session:
        for table in (Reading, ReadingDyad, ReadingClaim):
            read = session.execute(select(*table.__table__.columns)).all()
            found += [(table.__name__, *row) for row in read]
    return sorted(found, key=str)


def choose(monkeypatch: pytest.MonkeyPatch, runner: str, workers: int, batch: int, address: str = "") -> None:
    chosen = {
        "TASK_RUNNER": runner,
        "TASK_RUNNER_ADDRESS": address,
        "TASK_WORKERS": workers,
        "TASK_BATCH": batch,
        "TASK_RUNNER_FROM": 1,
    }
    for name, value in chosen.items():
        monkeypatch.setenv(f"RICWATCH_{name}", str(value))
    get_settings.cache_clear()
    try:
        require_extra(get_settings())
    except ConfigError as missing:
        pytest.skip(str(missing))


def workers_here() -> Iterator[int]:
    """Processes that read: those of pools and of Dask, which Python started, and those of Ray, which its raylet did."""
    yield from (one.pid for one in multiprocessing.active_children() if one.pid)
    for one in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if one.cmdline()[:1] in (["ray::IDLE"], ["ray::read a batch"]) or "dask" in one.cmdline():
                yield one.pid


@pytest.fixture(scope="module")
def dask_at() -> Iterator[str]:
    """The address of a scheduler with two workers, each in a process of its own; one of them stays to the end."""
    with process("-m", "tests.flows.dask_cluster") as cluster:
        address = hear(cluster)
        with process("-m", "dask", "worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard"):
            assert hear(cluster) == "both are here"
            yield address
        say(cluster)


def refused(said: str) -> None:
    """The workers that the settings name cannot be had, as *said*."""
    with pytest.raises(ConfigError, match=said), started(get_settings()):
        pass


@flow(name="backlog")
async def backlog(deadly: bool) -> ClassifyReport:
    """Read what waits; where *deadly*, a worker is killed after the first batch."""
    alive = deadly

    def told(done: int, total: int | None = None, note: str = "") -> None:
        nonlocal alive
        if alive:
            alive = False
            os.kill(next(workers_here()), signal.SIGKILL)

    with open_watch() as watch:
        return classify_pending(watch.store, watch.model, now=NOW, spread=spread_of(watch), progress=told)


@pytest.mark.parametrize(
    ("runner", "workers", "batch", "deadly"),
    [
        ("threads", 2, 7, False),
        ("threads", 1, 50, False),
        ("processes", 2, 7, True),
        ("dask", 2, 7, True),
        ("ray", 2, 7, True),
    ],
)
def test_a_runner_leaves_the_rows_of_reading_alone(
    alone: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, runner: str, workers: int, batch: int, deadly: bool
) -> None:
    choose(monkeypatch, runner, workers, batch)
    report = asyncio.run(backlog(deadly))
    assert report.read == ARTICLES
    with open_watch() as watch:
        assert rows(watch.store) == alone


def test_a_cluster_at_an_address_leaves_the_rows_of_reading_alone(
    alone: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, dask_at: str
) -> None:
    choose(monkeypatch, "dask", 2, 7, dask_at)
    assert asyncio.run(backlog(True)).read == ARTICLES
    with open_watch() as watch:
        assert rows(watch.store) == alone


@pytest.mark.parametrize(
    ("patched", "said"),
    [
        ({"RELEASE": "0.0.1"}, r"has ricwatch .*, this run 0\.0\.1; install the same release there"),
        ({"WHICH": (resolve_name, "no_such:RELEASE")}, r"has no such ricwatch \(No module named 'no_such'\), this run"),
    ],
)
def test_a_cluster_of_another_release_is_told_before_it_is_given_anything(
    monkeypatch: pytest.MonkeyPatch, dask_at: str, patched: dict[str, Any], said: str
) -> None:
    choose(monkeypatch, "dask", 2, 7, dask_at)
    for name, value in patched.items():
        monkeypatch.setattr(clusters, name, value)
    refused(rf"^the Dask cluster at {dask_at}: .*{said}")


def test_a_cluster_that_does_not_reach_prefect_is_told_before_it_is_given_anything(
    monkeypatch: pytest.MonkeyPatch, dask_at: str
) -> None:
    choose(monkeypatch, "dask", 2, 7, dask_at)
    elsewhere = f"http://127.0.0.1:{free_port()}/api"
    with temporary_settings({PREFECT_API_URL: elsewhere}):
        refused(f"^the Dask cluster at .* does not reach Prefect's API at {elsewhere} .*--host")


def test_a_scheduler_that_is_not_there_or_has_no_workers_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "ANSWER_S", 0.3)
    gone = f"tcp://127.0.0.1:{free_port()}"
    choose(monkeypatch, "dask", 2, 7, gone)
    refused(f"does not answer at {gone}: .*RICWATCH_TASK_RUNNER_ADDRESS")
    nobody = {"n_workers": 0, "processes": False, "protocol": "tcp://", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**nobody) as empty:  # type: ignore[no-untyped-call]
        choose(monkeypatch, "dask", 2, 7, empty.scheduler_address)
        refused(r"\(RICWATCH_TASK_RUNNER_ADDRESS\) has no workers")


@dataclass
class Waiting:
    """A batch that takes long, and a scheduler whose workers come and go from one look to the next."""

    workers: list[dict[str, object]]
    address: str = "tcp://dask.example:8786"

    @property
    def client(self) -> Waiting:
        return self

    def scheduler_info(self) -> dict[str, object]:
        return {"workers": self.workers.pop(0)}

    def result(self, timeout: float) -> bytes:
        if self.workers:
            raise TimeoutError
        return b"read"


def test_a_batch_is_waited_for_while_a_worker_is_there_or_comes_back() -> None:
    cluster = Waiting([{"one": 1}, {}, {"one": 1}, {}])
    assert clusters.Watched(cluster, cluster).result() == b"read"


def test_a_batch_that_nobody_is_left_to_read_is_not_waited_for() -> None:
    cluster = Waiting([{"one": 1}, {}, {}, {"one": 1}])
    with pytest.raises(WorkerError, match=r"dask\.example:8786 .* has no workers; start some: dask worker tcp://dask"):
        clusters.Watched(cluster, cluster).result()


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_ray_cluster_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    gone = f"{scheme}127.0.0.1:{free_port()}"
    choose(monkeypatch, "ray", 2, 7, gone)
    refused(f"does not answer at {gone}: .*refused; start it, correct RICWATCH_TASK_RUN")


@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_workers_of_this_machine_listen_on_loopback_alone(monkeypatch: pytest.MonkeyPatch, runner: str) -> None:
    choose(monkeypatch, runner, 1, 7)
    with started(get_settings()):
        ours = {os.getpid()} | {one.pid for one in psutil.Process().children(recursive=True)}
        heard = {one.laddr.ip for one in psutil.net_connections("tcp") if one.pid in ours and one.status == "LISTEN"}
    assert heard <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_reading_again_since_a_day_goes_through_the_runner(
    alone: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    choose(monkeypatch, "threads", 2, 50)
    again: Any = re_read
    asyncio.run(again(since=LONG_AGO.isoformat(), return_state=True))
    assert "a backlog is read by 2 workers: threads" in caplog.text
    with open_watch() as watch, watch.store.session() as session:
        assert session.scalar(select(func.count()).select_from(Reading)) == ARTICLES


def test_a_few_articles_start_no_workers(
    alone: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    choose(monkeypatch, "threads", 2, 50)
    monkeypatch.setenv("RICWATCH_TASK_RUNNER_FROM", str(ARTICLES + 1))
    get_settings.cache_clear()
    assert asyncio.run(backlog(False)).read == ARTICLES
    assert "workers" not in caplog.text


@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_a_missing_extra_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, runner: str) -> None:
    assert set(CLUSTERS) == NEED_PACKAGES
    monkeypatch.setenv("RICWATCH_TASK_RUNNER", runner)
    get_settings.cache_clear()
    monkeypatch.setattr("flows.extras.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"pip install 'ricwatch\[{runner}\]'$"), open_watch() as watch:
        spread_of(watch)
