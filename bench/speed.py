"""Speed of the gate and of a reader: items per second of one core, and the wait for the first reading."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice

from classify.actors import Matcher
from classify.model import Item, get_backend
from ingest.topic import Topic
from store.settings import ROOT

_WARM_UP = 200


def speed(items: Sequence[Item], topic: Topic, backend: str) -> dict[str, float]:
    """Items per second by process time, and seconds until the first reading of a fresh process.

    ``read_passed`` counts only items that pass the gate: those are what costs. ``read_mixed`` is the mix of a general
    feed: one item in five passes.
    """
    matcher, model = Matcher(topic), get_backend(backend, topic)
    model.read(items[:_WARM_UP])
    titles = [item.title for item in items]
    passed = [item for item in items if matcher.names_two(f"{item.title}\n{item.text}")]
    others = [item for item in items if not matcher.names_two(f"{item.title}\n{item.text}")]
    mixed = [*passed, *islice(cycle(others), 4 * len(passed))] if others else passed
    script = (
        "from pathlib import Path; from ingest.topic import load_topic; from classify.model import Item, get_backend; "
        f"get_backend({backend!r}, load_topic(Path({str(topic.folder)!r}))).read([Item('1', 'India and Russia sign')])"
    )
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
    first = time.perf_counter() - started
    return {
        "gate_titles_per_second": round(_rate(lambda: [matcher.names_two(title) for title in titles], len(titles))),
        "read_items_per_second": round(_rate(lambda: model.read(items), len(items))),
        "read_passed_per_second": round(_rate(lambda: model.read(passed), len(passed))),
        "read_mixed_per_second": round(_rate(lambda: model.read(mixed), len(mixed))),
        "seconds_to_first_reading": round(first, 2),
    }


def _rate(work: Callable[[], object], count: int) -> float:
    started = time.process_time()
    work()
    return count / max(time.process_time() - started, 1e-9)
