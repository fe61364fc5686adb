"""The topic that ships, and the embedded backend made once for all tests."""

from __future__ import annotations

import pytest

from classify.actors import Matcher
from classify.linear import LinearModel, load_linear
from classify.model import Backend, get_backend
from ingest.topic import Topic, load_topic
from store.settings import ROOT

BACKENDS = ["linear"]
"""Every backend that must pass the shared suite; a new one is added here."""


@pytest.fixture(scope="session")
def topic() -> Topic:
    return load_topic(ROOT / "seeds")


@pytest.fixture(scope="session")
def matcher(topic: Topic) -> Matcher:
    return Matcher(topic)


@pytest.fixture(scope="session", params=BACKENDS)
def reader(request: pytest.FixtureRequest, topic: Topic) -> Backend:
    return get_backend(request.param, topic)


@pytest.fixture(scope="session")
def linear(topic: Topic) -> LinearModel:
    return load_linear(topic)
