"""How the linear half reads Hindi, Russian and Chinese by writers whom training never saw.

    nice python -m bench.writers ../shared/data/labelled_dev.jsonl.gz

Each writer of lessons in another script is left out in turn, with all that they wrote; what is trained on the labelled
set and on everybody else's lessons reads them. So the figures are of a new hand, not of new items by a known one, and
they tell whether probabilities that English items calibrated can be believed elsewhere. Needs the extra train; some
minutes a writer.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from classify.evaluate import Evaluation, Measured, measure_splits, score
from classify.labelled import Labelled, Split, load_labelled
from classify.prompts import is_latin
from classify.train import prepare
from classify.train_fused import for_linear, load_lessons
from ingest.topic import load_topic
from store.settings import ROOT

COLUMNS = ("items", "relevance", "dyads", "stance", "four_way", "themes", "ece", "ece_relevance")


def writer_of(one: Labelled) -> str:
    """Who wrote a lesson in another script, by its number: language and hand; empty for all else.

    >>> from classify.model import Item
    >>> writer_of(Labelled(Item("lru-a-012", "Москва и Пекин подписали договор", ""), {}, (), hard=False))
    'ru-a'
    """
    found = re.fullmatch(r"l([a-z]{2}-[a-z])-\d+", one.item.id)
    return found[1] if found and not is_latin(f"{one.item.title}\n{one.item.text}") else ""


def parts_of(everything: Sequence[Labelled]) -> dict[str, Split]:
    """For each writer: the positions of all that others wrote, and of their own."""
    writers = [writer_of(one) for one in everything]
    return {
        name: (
            [at for at, own in enumerate(writers) if own != name],
            [at for at, own in enumerate(writers) if own == name],
        )
        for name in sorted(set(writers) - {""})
    }


def line(name: str, figures: Evaluation) -> str:
    """One row of the table."""
    return f"{name:6}" + "".join(f"{getattr(figures, column):>15.3f}" for column in COLUMNS)


def main() -> None:
    """Measure and print; then all writers together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labelled", type=Path, help="the labelled set to train on, beside the lessons")
    labelled = load_labelled(parser.parse_args().labelled)
    topic = load_topic(ROOT / "seeds")
    everything = [*labelled, *for_linear(load_lessons())]
    prepared = prepare(everything, topic)
    parts = parts_of(everything)
    print(f"{'writer':6}" + "".join(f"{column:>15}" for column in COLUMNS), flush=True)
    every: list[Measured] = []
    for name, part in parts.items():
        every.append(measure_splits(prepared, [part], topic))
        print(line(name, every[-1].figures), flush=True)
    together = score(
        [row for one in every for row in one.labelled],
        [row for one in every for row in one.reads],
        [row for one in every for row in one.stances],
    )
    print(line("all", together))


if __name__ == "__main__":
    main()
