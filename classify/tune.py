"""Fine-tuning of the neural half from labelled items; needs the extra ``tune``.

Without more, a network of four narrow layers learns from the labels alone. With unlabelled news of the same kind it
learns more, by way of others (`classify.distil`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.actors import Matcher
from classify.labelled import NEITHER, Labelled
from classify.lesson import Lesson, Targets, steps_of
from classify.network import base_folder, base_tokenizer, encode, make_network, padded
from classify.neural import FIRST_THEME, STANCES
from classify.prompts import pair_prompt
from classify.text import make_document
from classify.train import HARD_WEIGHT, cell_balance
from ingest.topic import Topic
from store.progress import Progress, counted, silent

EPOCHS, BATCH, RATE = 5, 32, 1e-4
LAYERS, WIDTH = 4, 768
"""Of the encoder's six layers, and of the 1,536 units between the two products of each, those kept."""
NARROW_EPOCHS, NARROW_RATE = 3, 8e-5
"""What the network learns after it was narrowed."""
STANCE_SMOOTHING, GATE_SMOOTHING = 0.08, 0.04
OTHER_PAIR = "other"
"""In place of the dyad of an example on two other states, of which only gate and stance were labelled."""
_READ_TOGETHER = 64

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """A pair prompt with its label: a stance, or `NEITHER` where the item does not concern the pair.

    `item` is its position, -1 where it is on two other states.
    """

    item: int
    dyad: str
    prompt: str
    label: int
    themes: tuple[str, ...]
    weight: float


def examples(labelled: Sequence[Labelled], topic: Topic) -> list[Example]:
    """Every pair that the names of every item allow."""
    matcher = Matcher(topic)
    made = []
    for at, one in enumerate(labelled):
        document = make_document(one.item, matcher)
        weight = one.weight * (HARD_WEIGHT if one.hard else 1.0)
        for dyad in matcher.possible(document.strengths):
            prompt = pair_prompt(document, matcher.sides[dyad], matcher.principals)
            made.append(Example(at, dyad, prompt, one.dyads.get(dyad, NEITHER), one.themes, weight))
    return made


def targets_of(chosen: Sequence[Example], themes: Sequence[str]) -> Targets:
    """The labels as targets, smoothed; the rarer a stance is on its dyad, the more it counts."""
    told = np.asarray([one.label != NEITHER for one in chosen])
    weight = np.asarray([one.weight for one in chosen])
    stance = np.full((len(chosen), STANCES), STANCE_SMOOTHING / STANCES)
    column = {code: at for at, code in enumerate(themes)}
    theme = np.zeros((len(chosen), len(themes)))
    for row, one in enumerate(chosen):
        if one.label != NEITHER:
            stance[row, one.label + 1] += 1 - STANCE_SMOOTHING
        theme[row, [column[code] for code in one.themes]] = 1.0
    balance = np.zeros(len(chosen))
    own = [one for one in chosen if one.label != NEITHER]
    balance[told] = cell_balance([one.dyad for one in own], np.asarray([one.label for one in own], dtype=np.int64))
    return Targets(
        gate=told * (1 - GATE_SMOOTHING) + GATE_SMOOTHING / 2,
        weight=weight,
        stance=stance,
        stance_weight=weight * balance,
        theme=theme,
        theme_weight=weight * (told & np.asarray([one.dyad != OTHER_PAIR for one in chosen])),
    )


@dataclass
class Tuned:
    """A fine-tuned network with its tokenizer (of transformers)."""

    network: Any
    tokenizer: Any
    themes: tuple[str, ...]

    def logits(self, prompts: Sequence[str]) -> Reals:
        """A row per prompt, as `classify.neural.NeuralModel.logits`, before any rounding to integers."""
        import torch

        ids = encode(self.tokenizer, prompts)
        rows = np.zeros((len(prompts), FIRST_THEME + len(self.themes)))
        order = sorted(range(len(prompts)), key=lambda at: len(ids[at]))
        with torch.no_grad():
            for start in range(0, len(order), _READ_TOGETHER):
                batch = order[start : start + _READ_TOGETHER]
                rows[batch] = self.network(*padded([ids[at] for at in batch])).cpu().numpy()
        return rows


def tune(
    chosen: Sequence[Example],
    themes: tuple[str, ...],
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Tuned:
    """Fine-tune on *chosen*. Deterministic for a *seed* on one machine and number of threads.

    Raises:
        ConfigError: the extra ``tune`` is not installed.
    """
    import torch

    folder = base_folder()
    torch.manual_seed(seed)
    tokenizer = base_tokenizer(folder)
    network = make_network(folder, tokenizer, len(themes), layers=LAYERS)
    prompts, targets = [one.prompt for one in chosen], targets_of(chosen, themes)
    lesson = Lesson(network, tokenizer, prompts, targets, seed=seed, batch=BATCH)
    step = counted(progress, steps_of(len(chosen), BATCH, EPOCHS + NARROW_EPOCHS), "steps")
    lesson.learn(EPOCHS, RATE, step)
    lesson.narrow(WIDTH)
    lesson.learn(NARROW_EPOCHS, NARROW_RATE, step)
    return Tuned(network, tokenizer, themes)
