"""Batches that others read come back in order and unchanged, whatever dies, and few of them are held at a time."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select

from classify import spread
from classify.batch import classify_pending
from classify.jsonl import classify_file
from classify.model import Item, Read, get_backend
from classify.outcome import Unread, Usage
from classify.spread import Recipe, Spread, WorkerError, cut, in_order, in_processes, know, read_packed
from ingest.archive_items import load_archive
from ingest.topic import Topic
from store.db import Store
from store.errors import ConfigError
from store.models import Reading
from store.settings import ROOT
from tests.classify.helpers import Echo, add_articles

NOW = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
RECIPE = Recipe("echo", "", "echo-1")
ITEMS = [Item(str(number), f"plus {number}") for number in range(10)]


@pytest.fixture(autouse=True)
def _echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "_models", {})
    know(RECIPE, Echo())


@dataclass
class Workers:
    """A pool that reads at once; the submissions whose number is in *deadly* kill their worker."""

    deadly: set[int] = field(default_factory=set)
    pools: int = 0
    given: int = 0

    @contextmanager
    def open(self) -> Iterator[Callable[[bytes], Done]]:
        self.pools += 1
        yield self.submit

    def submit(self, items: bytes) -> Done:
        self.given += 1
        return Done(items, self.given in self.deadly)


@dataclass
class Done:
    items: bytes
    dead: bool

    def result(self) -> bytes:
        if self.dead:
            raise BrokenProcessPool
        return read_packed(RECIPE, self.items)


def read(workers: Workers, batch: int, ahead: int = 3) -> list[Read]:
    batches = in_order(cut(ITEMS, batch), workers.open, ahead=ahead, lost=(BrokenProcessPool,))
    return [one for readings in batches for one in readings]


@pytest.mark.parametrize("batch", [1, 3, 10, 500])
def test_the_readings_are_those_of_one_process_in_order(batch: int) -> None:
    assert read(Workers(), batch) == Echo().read(ITEMS)


@pytest.mark.parametrize("deadly", [{1}, {2}, {3, 4}, {10}, {1, 4, 9}])
def test_what_a_dead_worker_had_is_read_by_another_and_given_once(deadly: set[int]) -> None:
    workers = Workers(deadly)
    assert read(workers, 1) == Echo().read(ITEMS)
    assert workers.pools > 1


def test_a_batch_that_kills_every_worker_ends_the_run_and_is_named() -> None:
    workers = Workers(deadly=set(range(3, 100)))
    with pytest.raises(WorkerError, match="begins with item 4: BrokenProcessPool"):
        read(workers, 2)
    assert workers.pools == spread.ATTEMPTS


def test_no_more_batches_are_taken_than_are_under_way() -> None:
    taken = 0

    def batches() -> Iterator[list[Item]]:
        nonlocal taken
        for batch in cut(ITEMS, 1):
            taken += 1
            yield batch

    readings = in_order(batches(), Workers().open, ahead=3, lost=())
    next(readings)
    assert taken == 3
    next(readings)
    assert taken == 4


def test_a_worker_of_another_release_reads_nothing(topic: Topic) -> None:
    with pytest.raises(ConfigError, match="give every worker the same release"):
        read_packed(Recipe("linear", str(ROOT / "seeds"), "linear-older"), spread.pack(ITEMS))


def test_stored_articles_are_spread_only_where_enough_of_them_wait(store: Store) -> None:
    add_articles(store, [f"plus {number}" for number in range(5)])
    asked: list[int] = []

    def reading(batches: object) -> Iterator[Sequence[Read | Unread]]:
        for batch in batches:  # type: ignore[attr-defined]
            asked.append(len(batch))
            yield Echo("echo-2").read(batch)

    assert classify_pending(store, Echo(), now=NOW, limit=4, spread=Spread(reading, 2, 5)).read == 4
    assert asked == []
    assert classify_pending(store, Echo("echo-2"), now=NOW, spread=Spread(reading, 2, 5)).read == 5
    assert asked == [2, 2, 1]


class Frugal(Echo):
    """A backend with a budget."""

    batch = 2
    usage = Usage()

    def attempt(self, items: Sequence[Item]) -> list[Read | Unread]:
        return list(self.read(items))


def test_a_backend_with_a_budget_is_never_spread(store: Store) -> None:
    add_articles(store, ["plus 1", "plus 2", "plus 3"])

    def nobody(batches: object) -> Iterator[Sequence[Read | Unread]]:
        raise AssertionError("spread")

    assert classify_pending(store, Frugal(), now=NOW, spread=Spread(nobody, 2, 1)).read == 3


def archive_lines(path: Path, count: int) -> Path:
    """So many items of the bundled archive."""
    import json

    items = load_archive(ROOT / "seeds" / "archive").items[:count]
    path.write_text("".join(json.dumps({"id": one.id, "title": one.title, "text": one.text}) + "\n" for one in items))
    return path


def test_processes_write_the_file_that_one_process_writes_even_when_one_is_killed(
    tmp_path: Path, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = archive_lines(tmp_path / "items.jsonl", 400)
    model = get_backend("linear", topic)
    classify_file(model, source, tmp_path / "alone.jsonl")
    monkeypatch.setattr("classify.jsonl._BATCH", 40)
    read_by = in_processes(Recipe("linear", str(ROOT / "seeds"), model.version), 2)

    def killing(batches: object) -> Iterator[Sequence[Read | Unread]]:
        for number, readings in enumerate(read_by(batches)):  # type: ignore[arg-type]
            if number == 2:
                import multiprocessing

                os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
            yield readings

    report = classify_file(model, source, tmp_path / "together.jsonl", read_by=killing)
    assert report.read == 400
    assert (tmp_path / "together.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()


def test_a_run_that_ends_for_want_of_workers_keeps_what_was_read(store: Store) -> None:
    add_articles(store, [f"plus {number}" for number in range(6)])
    workers = Workers(deadly=set(range(2, 100)))
    reading = Spread(lambda batches: in_order(batches, workers.open, ahead=1, lost=(BrokenProcessPool,)), 2, 1)
    with pytest.raises(WorkerError):
        classify_pending(store, Echo(), now=NOW, spread=reading)
    with store.session() as session:
        assert session.scalar(select(func.count()).select_from(Reading)) == 2
    assert classify_pending(store, Echo(), now=NOW).read == 4
