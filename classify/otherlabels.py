"""Labels of pairs of any two states, without the texts: what the neural half learns beside the topic's own dyads.

A prompt names no sides, so "*A* rebukes *B*" teaches the same whoever rebukes (`classify.otherpairs`); and the press
writes of the quarrels of other states every day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from classify.labelled import NEITHER, JoinReport, item_key, label_records
from classify.model import Item
from classify.otherpairs import prompt_of, text_of
from classify.tune import OTHER_PAIR, Example
from ingest.topic import Topic
from store.errors import InputError

WEIGHT, HARD_WEIGHT = 0.7, 0.5
"""What such a label counts beside one of the topic's own; and, of that, one on which careful readers may differ."""


@dataclass(frozen=True, slots=True)
class PairLabel:
    """What a careful reader read of two states in an item: a stance, or None where the item does not concern the pair.

    `pair` holds two codes of ``states.txt``, in the order in which the item names them.
    """

    pair: tuple[str, str]
    stance: int | None
    hard: bool


@dataclass(frozen=True, slots=True)
class ReadPair:
    """An item with what was read of a pair in it."""

    item: Item
    label: PairLabel


def load_pair_labels(path: Path) -> dict[str, PairLabel]:
    """The labels of a ``.jsonl`` file by the id of their item (`classify.labelled.item_key`).

    Raises:
        InputError: the file cannot be read, or a record is malformed; labels are not guessed.
    """
    labels: dict[str, PairLabel] = {}
    for where, key, value in label_records(path):
        pair, stance = value.get("pair"), value.get("stance")
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
            raise InputError(f"{where}: 'pair' is a list of two states' codes; found {pair!r}")
        if "stance" not in value or stance not in (-1, 0, 1, None):
            raise InputError(f"{where}: a stance is -1, 0, 1, or null where the item does not concern the pair")
        labels[key] = PairLabel((pair[0], pair[1]), stance, bool(value.get("hard")))
    return labels


def join_pairs(labels: Path, news: Iterable[Item]) -> JoinReport[ReadPair]:
    """The records of *labels* with their items of *news*.

    Raises:
        InputError: the file is no such file, or a label is malformed.
    """
    wanted = load_pair_labels(labels)
    items = {key: item for item in news if (key := item_key(item.url, item.title)) in wanted}
    return JoinReport(
        tuple(ReadPair(items[key], label) for key, label in wanted.items() if key in items),
        tuple(key for key in wanted if key not in items),
    )


def pair_examples(read: Sequence[ReadPair], topic: Topic) -> list[Example]:
    """Each as a prompt, of as much text as the reader saw."""
    made = []
    for one in read:
        prompt = prompt_of(text_of(one.item), one.label.pair, topic)
        stance = NEITHER if one.label.stance is None else one.label.stance
        weight = WEIGHT * (HARD_WEIGHT if one.label.hard else 1.0)
        made.append(Example(-1, OTHER_PAIR, prompt, stance, (), weight))
    return made
