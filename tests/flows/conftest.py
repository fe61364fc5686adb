"""Prefect's test harness, once for all flows: a server of its own on a throw-away database."""

from __future__ import annotations

import datetime as dt
import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from flows.environment import one_authority
from flows.replay import write_roster
from ingest.archive import Archive, ArchiveServer, load_archive
from store.settings import ROOT, Settings, get_settings
from tests.flows.served import migrated


@pytest.fixture(scope="session")
def prefect_server(prefect_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A real server for in-process flow runs."""
    from prefect.settings import PREFECT_API_SSL_CERT_FILE, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    os.environ.setdefault("DO_NOT_TRACK", "1")
    folder = tmp_path_factory.mktemp("harness")
    shutil.copy(prefect_database, folder / "prefect-test.db")
    (authority,) = one_authority("http://127.0.0.1", folder).values()
    with (
        mock.patch("prefect.testing.utilities.mkdtemp", return_value=str(folder)),
        temporary_settings({PREFECT_API_SSL_CERT_FILE: authority}),
        prefect_test_harness(server_startup_timeout=180),
    ):
        yield


@pytest.fixture(scope="session")
def prefect_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prefect's database as a first start makes it, once for all installations and all workers of the session."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent
    return migrated(folder / "prefect-database" / "prefect.db")


@pytest.fixture(scope="module")
def collected() -> Iterator[None]:
    """What Prefect left to the collector is collected after its module, not in the middle of another room's test."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def archive() -> Archive:
    """The bundled archive, which nobody can change."""
    return load_archive(ROOT / "seeds" / "archive")


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch, settings: Settings, archive: Archive) -> Iterator[ArchiveServer]:
    """The bundled archive over local HTTP, set to a day of its third month, as the roster in force."""
    with ArchiveServer(archive) as server:
        server.as_of = dt.datetime.combine(archive.start + dt.timedelta(days=70), dt.time(12), dt.UTC)
        roster = settings.var_dir / "feeds.yaml"
        write_roster(roster, server.roster())
        monkeypatch.setenv("RICWATCH_ROSTER", str(roster))
        monkeypatch.setenv("RICWATCH_ALLOW_PRIVATE_ADDRESSES", "true")
        get_settings.cache_clear()
        yield server
