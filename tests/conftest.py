"""Fixtures for every room: settings that never read the machine's environment, and a migrated database per test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.db import Store
from store.settings import ROOT, Settings, get_settings

DATA = ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the development data are skipped, and say so, where that data is not beside the checkout."""
    if DATA.is_dir():
        return
    skip = pytest.mark.skip(reason="the development data (../shared/data) is not beside this checkout")
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(skip)


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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A migrated SQLite database."""
    store = Store(f"sqlite:///{tmp_path / 'test.db'}")
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def data() -> Path:
    """The development data; only for tests marked `data`."""
    return DATA
