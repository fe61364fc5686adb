"""The topic that ships, and every backend made once for all tests of the shared suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from classify.actors import Matcher
from classify.heads import load_heads
from classify.labelled import load_labelled
from classify.linear import LinearModel, load_linear
from classify.llm import make_reader
from classify.model import Backend, get_backend
from classify.multilingual import MultilingualReader
from classify.multilingual_train import train_heads
from ingest.topic import Topic, load_topic
from store.settings import ROOT, Settings
from tests.classify.chat_server import ChatServer
from tests.classify.helpers import Make, synthetic
from tests.classify.tiny_encoder import TinyEncoder


def shipped(name: str) -> Callable[[pytest.FixtureRequest], Make]:
    """An embedded backend: it needs nothing but the topic."""
    return lambda _request: lambda topic: get_backend(name, topic)


def asking(request: pytest.FixtureRequest) -> Make:
    """Backend llm at the stand-in endpoint."""
    settings: Settings = request.getfixturevalue("llm_settings")
    return lambda topic: make_reader(topic, settings)


def encoding(request: pytest.FixtureRequest) -> Make:
    """Backend multilingual over the stand-in encoder, with heads trained on items of our own."""
    folder: Path = request.getfixturevalue("tiny_heads")
    return lambda topic: MultilingualReader(topic, load_heads(folder, "train"), TinyEncoder)


BACKENDS: dict[str, Callable[[pytest.FixtureRequest], Make]] = {
    "fused": shipped("fused"),
    "linear": shipped("linear"),
    "llm": asking,
    "multilingual": encoding,
}
"""Every backend that must pass the shared suite; a new one is added here."""
EMBEDDED = ["fused", "linear"]
"""Those that ship with their weights, and so must also read clear cases right."""


@pytest.fixture(scope="session")
def topic() -> Topic:
    return load_topic(ROOT / "seeds")


@pytest.fixture(scope="session")
def matcher(topic: Topic) -> Matcher:
    return Matcher(topic)


@pytest.fixture(scope="session")
def shared_chat() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def llm_settings(shared_chat: ChatServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        _env_file=None,
        var_dir=tmp_path_factory.mktemp("llm"),
        llm_base_url=shared_chat.base,
        llm_model="stand-in",
        llm_api_key=SecretStr("sk-of-the-suite"),
        llm_max_tokens=0,
    )


@pytest.fixture(scope="session")
def tiny_heads(topic: Topic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    train_heads(load_labelled(synthetic(folder / "items.jsonl")), topic, TinyEncoder(), "tiny", folder)
    return folder


@pytest.fixture(scope="session", params=list(BACKENDS))
def make(request: pytest.FixtureRequest) -> Make:
    """Makes one of the backends for any topic."""
    return BACKENDS[request.param](request)


@pytest.fixture(scope="session")
def reader(make: Make, topic: Topic) -> Backend:
    return make(topic)


@pytest.fixture(scope="session", params=EMBEDDED)
def embedded(request: pytest.FixtureRequest, topic: Topic) -> Backend:
    return get_backend(request.param, topic)


@pytest.fixture(scope="session")
def linear(topic: Topic) -> LinearModel:
    return load_linear(topic)
