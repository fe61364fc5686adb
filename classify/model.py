"""The interface that every backend implements, and the registry that finds one by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

from ingest.topic import Topic
from store.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Item:
    """What is read: a title and, where there is one, a lead. The other fields are carried, never needed."""

    id: str
    title: str
    text: str = ""
    source: str = ""
    date: str = ""
    url: str = ""
    lang: str = ""


@dataclass(frozen=True, slots=True)
class DyadReading:
    """The stance on one dyad: the likeliest value and the probabilities of -1, 0 and +1, which sum to one."""

    stance: int
    p: tuple[float, float, float]

    @property
    def score(self) -> float:
        """Soft stance p(+1) - p(-1), from -1 to 1."""
        return self.p[2] - self.p[0]


@dataclass(frozen=True, slots=True)
class ThemeReading:
    """A theme code of the codebook and its probability."""

    code: str
    p: float


@dataclass(frozen=True, slots=True)
class ClaimMatch:
    """The nearest seed claim; *relation* is ``supports``, ``undercuts`` or ``mentions``."""

    id: str
    similarity: float
    relation: str


@dataclass(frozen=True, slots=True)
class Read:
    """The reading of one item. `dyads` is empty exactly when the item is not relevant.

    `claim` is the nearest of `claims`, which are up to three, the nearest first.
    """

    id: str
    relevant: bool
    p_relevant: float
    model: str
    dyads: dict[str, DyadReading] = field(default_factory=dict)
    themes: tuple[ThemeReading, ...] = ()
    claim: ClaimMatch | None = None
    evidence: str | None = None
    claims: tuple[ClaimMatch, ...] = ()


class Backend(Protocol):
    """A classifier. `version` changes whenever any of its answers can change."""

    @property
    def version(self) -> str: ...

    def read(self, items: Sequence[Item]) -> list[Read]:
        """One reading per item, in order; the same answer whatever else is in the batch."""
        ...


_BACKENDS: dict[str, Callable[[Topic], Backend]] = {}
_VERSIONS: dict[str, Callable[[Topic], str]] = {}


def backend(
    name: str, version: Callable[[Topic], str] | None = None
) -> Callable[[Callable[[Topic], Backend]], Callable[[Topic], Backend]]:
    """Register a factory under *name*; *version* tells what the backend's version would be, without making it."""

    def register(factory: Callable[[Topic], Backend]) -> Callable[[Topic], Backend]:
        _BACKENDS[name] = factory
        if version is not None:
            _VERSIONS[name] = version
        return factory

    return register


def get_backend(name: str, topic: Topic) -> Backend:
    """The backend called *name*, made for *topic*.

    Raises:
        ConfigError: no backend has that name; the message lists those that exist.
    """
    return _factory(name)(topic)


def version_of(name: str, topic: Topic) -> str:
    """The `version` of the backend called *name* on *topic*; those that the project ships load no weights for it.

    Raises:
        ConfigError: no backend has that name, or its weights are missing.
    """
    factory = _factory(name)
    told = _VERSIONS.get(name)
    return told(topic) if told is not None else factory(topic).version


def _factory(name: str) -> Callable[[Topic], Backend]:
    # A module registers its backend when imported; only the one that is asked for is, so that the others cost no time.
    modules = {name: f"classify.{name}" for name in ("fused", "linear", "llm", "multilingual")}
    if name in modules:
        import_module(modules[name])
    try:
        return _BACKENDS[name]
    except KeyError:
        known = ", ".join(sorted({*modules, *_BACKENDS}))
        raise ConfigError(f"no classifier backend is called {name!r}; there are: {known}") from None


def read_all(model: Backend, items: Iterable[Item], batch: int = 500) -> Iterator[Read]:
    """Read any number of items in constant memory, in order."""
    held: list[Item] = []
    for item in items:
        held.append(item)
        if len(held) == batch:
            yield from model.read(held)
            held = []
    if held:
        yield from model.read(held)
