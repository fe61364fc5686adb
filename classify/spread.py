"""Reading in batches that others work on – threads, processes, other machines – put together again in order.

What crosses to a worker is a `Recipe` and bytes, what comes back is bytes: engines look for futures in every field of
what they are given, and a thousand articles have many fields. A worker loads the model once per process. A reading
depends on its item alone, so that nothing here can change one: which engine, how many workers and how large a batch
is a matter of time only.
"""

from __future__ import annotations

import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, cast

from classify.model import Backend, Item, Read, get_backend
from classify.outcome import MayFail, Unread, attempt
from ingest.topic import load_topic
from store.errors import ConfigError, RicwatchError

ATTEMPTS = 3
"""How often in a row workers may die before the run gives up: a batch that kills each of them would go on for ever."""

ReadBatches = Callable[[Iterable[Sequence[Item]]], Iterator[Sequence[Read | Unread]]]
"""Takes batches and gives what was read in each, in the same order; takes few of them in advance."""


class WorkerError(RicwatchError):
    """Workers died again and again."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a worker needs to load the backend *model* for the topic in the folder *seeds*.

    *version* is that of the one who asks: a worker that would read otherwise must not.
    """

    model: str
    seeds: str
    version: str


@dataclass(frozen=True, slots=True)
class Spread:
    """How stored articles are read by others: *batch* at a time, where at least *least* wait."""

    read: ReadBatches
    batch: int
    least: int


class Pending(Protocol):
    """A batch that a worker has; `result` waits for the packed readings."""

    def result(self) -> bytes: ...


Submit = Callable[[bytes], Pending]


def pack(items: Sequence[Item]) -> bytes:
    """A batch in the form in which it crosses to a worker."""
    return pickle.dumps(list(items), pickle.HIGHEST_PROTOCOL)


def unpack(readings: bytes) -> list[Read]:
    """The readings that a worker sent back."""
    return cast("list[Read]", pickle.loads(readings))  # noqa: S301 - made by `read_packed` of our own worker


def read_packed(recipe: Recipe, items: bytes) -> bytes:
    """What a worker does: read one packed batch, and pack the readings.

    Raises:
        ConfigError: this worker's code, weights or topic are not those of the one who asks.
    """
    model = _loaded(recipe)
    batch = cast("list[Item]", pickle.loads(items))  # noqa: S301 - made by `pack` of the run that asks
    return pickle.dumps(model.read(batch), pickle.HIGHEST_PROTOCOL)


_models: dict[Recipe, Backend] = {}
_loading = threading.Lock()


def know(recipe: Recipe, model: Backend) -> None:
    """Let workers in this very process, which are threads, use *model* instead of loading another."""
    _models[recipe] = model


def _loaded(recipe: Recipe) -> Backend:
    with _loading:
        if recipe not in _models:
            model = get_backend(recipe.model, load_topic(Path(recipe.seeds)))
            if model.version != recipe.version:
                raise ConfigError(
                    f"a worker reads by {model.version}, the run that asks it by {recipe.version}; "
                    "give every worker the same release, weights and seeds"
                )
            _models.clear()  # one model per process, whatever a long-lived worker was asked for before
            _models[recipe] = model
        return _models[recipe]


def here(model: Backend) -> ReadBatches:
    """Reading in this very process, one batch after the other; backends that may fail are read so."""
    return lambda batches: (attempt(model, batch) for batch in batches)


def divisible(model: Backend) -> bool:
    """Whether others may read for *model*. Not where a run has a budget: workers would each have one."""
    return not isinstance(model, MayFail)


def cut(items: Iterable[Item], batch: int) -> Iterator[list[Item]]:
    """Batches of *batch* items, the last one perhaps smaller.

    >>> [len(one) for one in cut([Item(str(n), "a title") for n in range(5)], 2)]
    [2, 2, 1]
    """
    waiting = iter(items)
    while held := list(islice(waiting, batch)):
        yield held


def in_order(
    batches: Iterable[Sequence[Item]],
    open_pool: Callable[[], AbstractContextManager[Submit]],
    *,
    ahead: int,
    lost: tuple[type[BaseException], ...],
) -> Iterator[list[Read]]:
    """Give each batch to a pool of workers and the readings back in the order of the batches.

    At most *ahead* batches are held: those which workers have and those whose turn has not come. Where an exception of
    the kinds *lost* tells that a worker died, all of these go to a new pool; what was given back is not read again.

    Raises:
        WorkerError: workers died `ATTEMPTS` times, and no batch was read in between.
    """
    source = iter(batches)
    held: deque[bytes] = deque()
    losses = 0
    while True:
        with open_pool() as submit:
            try:
                given = deque(submit(one) for one in held)
                while True:
                    for batch in islice(source, ahead - len(held)):
                        held.append(pack(batch))
                        given.append(submit(held[-1]))
                    if not given:
                        return
                    readings = given[0].result()
                    given.popleft()
                    held.popleft()
                    losses = 0
                    yield unpack(readings)
            except lost as error:
                losses += 1
                if losses == ATTEMPTS:
                    first = cast("list[Item]", pickle.loads(held[0]))[0]  # noqa: S301 - packed above
                    raise WorkerError(
                        f"workers died {ATTEMPTS} times over the batch that begins with item {first.id}: "
                        f"{type(error).__name__}. Is there memory for so many workers? What was read before is kept; "
                        "run it again with fewer, or smaller batches"
                    ) from error


def in_processes(recipe: Recipe, jobs: int) -> ReadBatches:
    """Reading by *jobs* processes of this machine, which end with it."""

    @contextmanager
    def pool() -> Iterator[Submit]:
        # spawn: a fork would copy locks that a thread of this process may hold.
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_undisturbed) as executor:
            try:
                yield lambda items: executor.submit(read_packed, recipe, items)
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                raise

    return lambda batches: in_order(batches, pool, ahead=2 * jobs, lost=(BrokenProcessPool,))


def _undisturbed() -> None:
    # Ctrl-C reaches the whole group; the parent ends its workers, whose traces would only bury its one line.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
