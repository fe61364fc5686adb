"""What the reader's figures in the README come from: quality on a labelled set, a keyword peer beside it, and speed.

    nice python -m bench.reading ../shared/data/labelled_dev.jsonl.gz --write classify/weights/quality.json

Quality is that of models trained without the items that they are tested on: in five folds (a date and near-copies stay
together), on later news (trained before July 2023, tested after), and on later news of outlets never seen in training.
A random split flatters; the last figure is the one to expect on a new feed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from classify.actors import Matcher
from classify.evaluate import Evaluation, evaluate_splits, score
from classify.labelled import (
    Labelled,
    digest,
    fold_numbers,
    load_labelled,
    split_by_time,
    split_by_time_and_archive,
)
from classify.lexicon import WORDS
from classify.linear import load_linear
from classify.model import DyadReading, Item, Read
from classify.parameters import FILE, WEIGHTS
from classify.text import make_document
from classify.train import prepare
from ingest.topic import Topic, load_topic
from store.settings import ROOT

FOLDS = 5
LATER = "2023-07-01"
COMMAND = "nice python -m bench.reading ../shared/data/labelled_dev.jsonl.gz --write classify/weights/quality.json"

_FOR = {"coop", "warm", "ease", "up"}
_AGAINST = {"fight", "scold", "wary", "limit", "down"}


class KeywordRule:
    """The peer: two names make a dyad, more words for than against make +1. What a keyword monitor does."""

    version = "keywords-1"

    def __init__(self, topic: Topic) -> None:
        self._matcher = Matcher(topic)

    def read(self, items: Sequence[Item]) -> list[Read]:
        """One reading per item, by the rule."""
        return [self._read(item) for item in items]

    def _read(self, item: Item) -> Read:
        document = make_document(item, self._matcher)
        balance = 0
        for token in document.tokens:
            groups = set(WORDS.get(token.word, ()))
            balance += bool(groups & _FOR) - bool(groups & _AGAINST)
        stance = (balance > 0) - (balance < 0)
        p = (float(stance < 0), float(stance == 0), float(stance > 0))
        dyads = {dyad: DyadReading(stance, p) for dyad in self._matcher.possible(document.strengths)}
        return Read(item.id, bool(dyads), float(bool(dyads)), self.version, dyads)


def gate(labelled: Sequence[Labelled], matcher: Matcher) -> dict[str, Any]:
    """How many labelled items and dyads the actor matcher lets through to the model."""
    relevant = [one for one in labelled if one.relevant]
    found = [set(matcher.dyads(f"{one.item.title}\n{one.item.text}")) for one in relevant]
    dyads = sum(len(one.dyads) for one in relevant)
    return {
        "relevant_items": len(relevant),
        "relevant_items_passed": sum(map(bool, found)),
        "dyads": dyads,
        "dyads_passed": sum(len(have & set(one.dyads)) for one, have in zip(relevant, found, strict=True)),
        "irrelevant_items_passed": sum(
            matcher.names_two(f"{one.item.title}\n{one.item.text}") for one in labelled if not one.relevant
        ),
    }


def quality(items: Path, topic: Topic) -> dict[str, Evaluation]:
    """Figures on the three splits, and the peer's on the last."""
    labelled = load_labelled(items)
    prepared = prepare(labelled, topic)
    number = fold_numbers(prepared.groups, FOLDS, 0)
    folds = [
        ([at for at, its in enumerate(number) if its != fold], [at for at, its in enumerate(number) if its == fold])
        for fold in range(FOLDS)
    ]
    later, elsewhere = split_by_time(labelled, LATER), split_by_time_and_archive(labelled, LATER)
    tested = [labelled[at] for at in elsewhere[1]]
    peer = KeywordRule(topic).read([one.item for one in tested])
    return {
        "five_folds_by_date": evaluate_splits(prepared, folds, topic),
        "later": evaluate_splits(prepared, [later], topic),
        "later_other_outlets": evaluate_splits(prepared, [elsewhere], topic),
        "keyword_rule_later_other_outlets": score(tested, peer, [read.dyads for read in peer]),
    }


def speed(items: Sequence[Item], topic: Topic) -> dict[str, float]:
    """Items per second of one core, by process time, and seconds until the first reading of a fresh process."""
    matcher, model = Matcher(topic), load_linear(topic)
    model.read(items[:200])
    titles = [item.title for item in items]
    script = (
        "from pathlib import Path; from ingest.topic import load_topic; from classify.model import Item, get_backend; "
        f"get_backend('linear', load_topic(Path({str(topic.folder)!r}))).read([Item('1', 'India and Russia sign')])"
    )
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
    first = time.perf_counter() - started
    return {
        "gate_titles_per_second": round(_rate(lambda: [matcher.names_two(title) for title in titles], len(titles))),
        "read_items_per_second": round(_rate(lambda: model.read(items), len(items))),
        "seconds_to_first_reading": round(first, 2),
    }


def _rate(work: Callable[[], object], count: int) -> float:
    started = time.process_time()
    work()
    return count / (time.process_time() - started)


def main() -> None:
    """Measure, print, and write the record when asked."""
    arguments = argparse.ArgumentParser(description="Measure the embedded reader on a labelled set.")
    arguments.add_argument("items", type=Path, help="labelled items, .jsonl or .jsonl.gz")
    arguments.add_argument("--write", type=Path, help="write the figures to this JSON file")
    given = arguments.parse_args()
    topic = load_topic(ROOT / "seeds")
    labelled = load_labelled(given.items)
    record: dict[str, Any] = {
        "command": COMMAND,
        "weights": hashlib.sha256((WEIGHTS / FILE).read_bytes()).hexdigest()[:16],
        "set": {"digest": digest(labelled), "items": len(labelled), "relevant": sum(one.relevant for one in labelled)},
        "later_from": LATER,
        "gate": gate(labelled, Matcher(topic)),
        "speed": speed([one.item for one in labelled], topic),
    }
    print(json.dumps(record, indent=2))
    for name, figures in quality(given.items, topic).items():
        print(f"\n{name}\n{figures}")
        record[name] = figures.as_record()
    if given.write:
        given.write.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
