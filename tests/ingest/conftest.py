"""A scripted feed server, and settings that may reach it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.settings import Settings
from tests.ingest.server import FeedServer


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server on loopback for one test."""
    server = FeedServer()
    yield server
    server.close()


@pytest.fixture
def local(settings: Settings) -> Settings:
    """Settings with which loopback may be polled, and with limits that a test reaches soon."""
    return settings.model_copy(update={"allow_private_addresses": True, "fetch_timeout": 5.0})
