"""Labels of pairs of any two states, without the texts: what the neural half learns beside the topic's own dyads.

A prompt names no sides, so "*A* rebukes *B*" teaches the same whoever rebukes (`classify.otherpairs`); and the press
writes of the quarrels of other states every day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from classify.labelled import item_key
from classify.model import Item
from classify.otherpairs import TEXT_CHARS, prompt_of
from classify.tune import NEITHER, OTHER_PAIR, Example
from ingest.jsonl import iter_jsonl
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


def load_pair_labels(path: Path) -> dict[str, PairLabel]:
    """The labels of a ``.jsonl`` file by the id of their item (`classify.labelled.item_key`).

    Raises:
        InputError: the file cannot be read, holds none, or a record is malformed; labels are not guessed.
    """
    labels: dict[str, PairLabel] = {}
    for line in iter_jsonl(path):
        where = f"{path}, line {line.number}"
        if line.value is None:
            raise InputError(f"{where}: {line.reason}")
        key, pair, stance = (line.value.get(name) for name in ("id", "pair", "stance"))
        if not isinstance(key, str) or not key:
            raise InputError(f"{where}: a label needs the 'id' of its item")
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
            raise InputError(f"{where}: 'pair' is a list of two states' codes; found {pair!r}")
        if "stance" not in line.value or stance not in (-1, 0, 1, None):
            raise InputError(f"{where}: a stance is -1, 0, 1, or null where the item does not concern the pair")
        labels[key] = PairLabel((pair[0], pair[1]), stance, bool(line.value.get("hard")))
    if not labels:
        raise InputError(f"{path} holds no labels of pairs")
    return labels


def pair_examples(labels: Mapping[str, PairLabel], news: Sequence[Item], topic: Topic) -> list[Example]:
    """Those of *labels* whose item is among *news*, each as a prompt; in the order of the news."""
    made = []
    for item in news:
        if label := labels.get(item_key(item.url, item.title)):
            prompt = prompt_of(f"{item.title}\n{item.text}"[:TEXT_CHARS], label.pair, topic)
            stance = NEITHER if label.stance is None else label.stance
            weight = WEIGHT * (HARD_WEIGHT if label.hard else 1.0)
            made.append(Example(-1, OTHER_PAIR, prompt, stance, (), weight))
    return made
