"""Training of the default backend: both halves on early news, their fusion on later news, then both on everything.

Or its network learns on from where it stands, with all else as it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify import tune
from classify.decide import log_softmax
from classify.distil import distil
from classify.export import export
from classify.further import LEARNED, learn_further
from classify.fusion import HeldOut, fit_fusion
from classify.labelled import Labelled, digest, load_labelled, split_by_time
from classify.linear import LinearModel
from classify.model import Item
from classify.network import base_folder
from classify.neural import FIRST_THEME, GATE_AT, STANCES, load_neural, network_digest
from classify.otherlabels import ReadPair, pair_examples
from classify.otherpairs import other_prompts, text_of
from classify.parameters import FILE, WEIGHTS
from classify.prompts import is_latin
from classify.recover import recovered
from classify.text import make_document
from classify.train import fit, prepare
from classify.trained import network_of, own_folder, weights_of
from ingest.jsonl import iter_jsonl
from ingest.topic import Topic
from store.errors import InputError
from store.progress import Progress, silent

HELD_FROM = "2023-07-01"
"""Day from which items are held out of the first training, so that the halves can be weighed against each other."""
LINEAR_LESSON_WEIGHT, NEURAL_LESSON_WEIGHT = 0.1, 0.7
"""What a lesson counts beside a real item. On later news, more costs the linear half, whose words are the outlets' own,
and gains the neural half, which has few pairs of some cells to learn from (docs/decisions/0004-fused-reader.md)."""
FOREIGN_LESSON_WEIGHT = 1.0
"""What a lesson in another script than the Latin counts: no real item was labelled in one."""
LESSONS = Path(__file__).resolve().parent / "lessons"
"""Items of our own, written for training: the rare cells, the border lines of the codebook, the look-alikes."""
_LEAST = 100
NEW_THRESHOLD = 0.5
"""Of a theme that came to the topic after its halves were weighed."""

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FusedReport:
    """What was trained on what, and where it lies."""

    items: int
    lessons: int
    held: int
    size: int
    path: Path

    def __str__(self) -> str:
        weighed = f"weighed on {self.held:,} items from {HELD_FROM}" if self.held else "weighed as before"
        return (
            f"trained on {self.items:,} items and {self.lessons:,} lessons; the halves {weighed}; "
            f"{self.size / 1e6:.1f} MB in {self.path}"
        )


def train_fused(
    labelled: Sequence[Labelled],
    lessons: Sequence[Labelled],
    topic: Topic,
    out: Path = WEIGHTS,
    *,
    news: Sequence[Item] = (),
    others: Sequence[ReadPair] = (),
    further: bool = False,
    seed: int = 0,
    progress: Progress = silent,
) -> FusedReport:
    """Train on *labelled* items and on *lessons* (written for training), write the weights into *out*.

    *news* are unlabelled items of the same kind, the more the better: with them the network learns by way of others
    (`classify.distil`), and it knows their words. For the figures on later news, only items before `HELD_FROM` count.
    *others* are what was read of any two other states in items of that news (`classify.otherlabels`).

    With *further*, the network that reads the topic now learns on (`classify.further`). What a topic's own network has
    seen cannot be held out any more: there the linear half and the weighing of the halves stay as they are.

    Raises:
        ConfigError: the extras ``train`` and ``tune`` are not installed, or the weights to learn on from are damaged.
        InputError: too few items are earlier or later than `HELD_FROM`.
    """
    base_folder()  # says what is missing before an hour of work
    start = network_of(topic) if further else None
    if start is not None and start == own_folder(topic):
        return _learn_on(labelled, lessons, topic, out, news=news, others=others, seed=seed, progress=progress)
    early, late = split_by_time(labelled, HELD_FROM)
    if min(len(early), len(late)) < _LEAST:
        raise InputError(f"both halves need at least {_LEAST} items before and from {HELD_FROM}")
    everything = [*labelled, *for_linear(lessons)]
    prepared = prepare(everything, topic, progress=progress)
    chosen = [*early, *range(len(labelled), len(everything))]
    linear = LinearModel(topic, fit(prepared, chosen, topic, seed=seed, progress=progress))
    before = [item for item in news if item.date < HELD_FROM]
    read = [one for one in others if one.item.date < HELD_FROM]
    own = [labelled[at] for at in early]
    first = tune_on(own, lessons, topic, news=before, others=read, start=start, seed=seed, progress=progress)
    fusion = fit_fusion(held_out(linear, first, [labelled[at] for at in late], topic))
    parameters = fit(prepared, range(len(everything)), topic, seed=seed, progress=progress)
    whole = tune_on(labelled, lessons, topic, news=news, others=others, start=start, seed=seed, progress=progress)
    words = (f"{item.title}\n{item.text}" for item in (*(one.item for one in everything), *news))
    taught = len(for_network(lessons))
    note = {"items": len(labelled), "lessons": taught, "set": digest(everything), "held": len(late), "seed": seed}
    if start is not None:
        note["from"] = network_digest(start)
    path = export(whole, words if start is None else None, fusion, out, note)
    parameters.save(out)
    return FusedReport(len(labelled), len(lessons), len(late), path.stat().st_size, path)


def _learn_on(
    labelled: Sequence[Labelled], lessons: Sequence[Labelled], topic: Topic, out: Path, *, seed: int, **given: Any
) -> FusedReport:
    """The topic's own network learns on; the linear half, and how the halves are weighed, stay as they are."""
    start = own_folder(topic)
    held = load_neural(start)
    whole = tune_on(labelled, lessons, topic, start=start, seed=seed, **given)
    thresholds = dict(zip(held.themes, held.fusion.thresholds, strict=True))
    own = tuple(thresholds.get(code, NEW_THRESHOLD) for code in whole.themes)
    note = {"items": len(labelled), "lessons": len(for_network(lessons)), "from": held.digest, "seed": seed}
    path = export(whole, None, replace(held.fusion, thresholds=own), out, note)
    linear = weights_of(topic) / FILE
    if linear.resolve() != (out / FILE).resolve():
        shutil.copyfile(linear, out / FILE)
    return FusedReport(len(labelled), len(lessons), 0, path.stat().st_size, path)


def for_linear(lessons: Sequence[Labelled]) -> list[Labelled]:
    """The lessons of the linear half: all, and those in other scripts than the Latin count as much as real items."""
    latin = for_network(lessons)
    foreign = [one for one in lessons if not _in_latin(one)]
    return [*weighted(latin, LINEAR_LESSON_WEIGHT), *weighted(foreign, FOREIGN_LESSON_WEIGHT)]


def for_network(lessons: Sequence[Labelled]) -> list[Labelled]:
    """The lessons of the neural half, which reads nothing in other scripts than the Latin (`classify.prompts`)."""
    return [one for one in lessons if _in_latin(one)]


def _in_latin(one: Labelled) -> bool:
    return is_latin(f"{one.item.title}\n{one.item.text}")


def weighted(lessons: Sequence[Labelled], weight: float) -> list[Labelled]:
    """The same items, each counting *weight* in training."""
    return [replace(one, weight=weight) for one in lessons]


def lessons_of(topic: Topic) -> list[Labelled]:
    """The lessons of *topic*: the shipped ones teach the shipped topic, another has its own in ``lessons``, or none."""
    return load_lessons(LESSONS if own_folder(topic) == WEIGHTS else topic.folder / "lessons")


def load_lessons(folder: Path = LESSONS) -> list[Labelled]:
    """The items of every file in *folder*, in the order of the files' names.

    Raises:
        InputError: a file is malformed.
    """
    return [one for path in sorted(folder.glob("*.jsonl")) for one in load_labelled(path)]


def load_news(path: Path) -> list[Item]:
    """The items of a file that carry a title; nothing else of a line is asked for, since none is labelled.

    Raises:
        InputError: the file cannot be read, or no line of it has a title.
    """
    values = [line.value for line in iter_jsonl(path) if line.value]
    found = [
        Item(
            "", title, str(value.get("text") or ""), date=str(value.get("date") or ""), url=str(value.get("url") or "")
        )
        for value in values
        if isinstance(title := value.get("title"), str) and title.strip()
    ]
    if not found:
        raise InputError(f"{path}: no line has a title; one JSON object a line is expected, with title, text and date")
    return found


def tune_on(
    labelled: Sequence[Labelled],
    lessons: Sequence[Labelled],
    topic: Topic,
    *,
    news: Sequence[Item] = (),
    others: Sequence[ReadPair] = (),
    start: Path | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> tune.Tuned:
    """The neural half, from *labelled* items and *lessons*; from *news* and *others* where there are any.

    With *start*, the network in that folder learns on.
    """
    pairs = examples_for_network(labelled, lessons, topic) + pair_examples(others, topic)
    themes = tuple(theme.code for theme in topic.themes)
    texts = [text_of(item) for item in news]
    unlabelled = other_prompts(texts, topic, seed)
    if start is not None:
        share = share_learned(start, topic)
        return learn_further(recovered(start, themes), pairs, unlabelled, share=share, seed=seed, progress=progress)
    if not news:
        return tune.tune(pairs, themes, seed=seed, progress=progress)
    return distil(pairs, themes, texts, unlabelled, seed=seed, progress=progress)


def share_learned(start: Path, topic: Topic) -> float:
    """The share of what a network learned on from *start*, in its mean with that one; all of a topic that is new.

    Of another topic, or of a theme that is new, it knew nothing: a mean would undo half of what it learned.
    """
    known = start == own_folder(topic) and {theme.code for theme in topic.themes} <= set(load_neural(start).themes)
    return LEARNED if known else 1.0


def examples_for_network(labelled: Sequence[Labelled], lessons: Sequence[Labelled], topic: Topic) -> list[tune.Example]:
    """What the neural half learns from *labelled* items, and less heavily from *lessons*."""
    return tune.examples([*labelled, *weighted(for_network(lessons), NEURAL_LESSON_WEIGHT)], topic)


def held_out(linear: LinearModel, tuned: tune.Tuned, items: Sequence[Labelled], topic: Topic) -> HeldOut:
    """What both halves say of *items*, in the form that the fusion is fitted on."""
    pairs = tune.examples(items, topic)
    rows = tuned.logits([pair.prompt for pair in pairs])
    documents = [make_document(one.item, linear.matcher) for one in items]
    logits = [linear.pair_logits(document) for document in documents]
    own = [logits[pair.item][pair.dyad] for pair in pairs]
    by_item: dict[int, list[Reals]] = {}
    for pair, row in zip(pairs, rows, strict=True):
        if pair.label in (-1, 0, 1):
            by_item.setdefault(pair.item, []).append(row[FIRST_THEME:])
    order = [tuned.themes.index(code) for code in linear.themes]
    relevant = sorted(by_item)
    theme = np.asarray([[int(code in items[at].themes) for code in linear.themes] for at in relevant])
    return HeldOut(
        linear_stance=log_softmax(np.asarray([one.stance for one in own])),
        neural_stance=log_softmax(rows[:, :STANCES]),
        stance=np.asarray([pair.label + 1 if pair.label in (-1, 0, 1) else -1 for pair in pairs]),
        linear_gate=np.asarray([one.gate for one in own]),
        neural_gate=rows[:, GATE_AT],
        linear_theme=np.asarray([linear.theme_logits(documents[at]) for at in relevant]),
        neural_theme=np.asarray([np.mean(by_item[at], axis=0) for at in relevant])[:, order],
        theme=theme,
    )
