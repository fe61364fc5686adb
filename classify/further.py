"""A network that has learned already learns on, from more labels, without forgetting what it was not labelled on.

It also learns again what it says itself, before it begins, of unlabelled prompts (Li and Hoiem 2016, ECCV, section 3),
and what comes of it can be a mean of its weights before and after (Wortsman et al. 2022, CVPR, section 3).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from classify.lesson import Lesson, soft_targets, steps_of
from classify.tune import Example, Tuned, targets_of
from store.progress import Progress, counted, silent

EPOCHS, BATCH, RATE = 2, 32, 1e-4
KEPT, KEPT_WEIGHT = 6_000, 0.3
"""Of the unlabelled prompts, how many hold the network to what it knew, and what each counts beside a label."""
LEARNED = 0.5
"""The share of the weights after, of a network that knew the topic: it read later news best (docs/decisions/0005)."""


def learn_further(
    tuned: Tuned,
    chosen: Sequence[Example],
    unlabelled: Sequence[str] = (),
    *,
    share: float = 1.0,
    seed: int = 0,
    progress: Progress = silent,
) -> Tuned:
    """Teach *tuned* the labelled *chosen*, and what it says itself of the *unlabelled* prompts; gives it back.

    A prompt that was labelled is not held to what was said of it before. *share* is what the weights after count in the
    mean of both. Deterministic for a *seed* on one machine and number of threads.
    """
    import torch

    torch.manual_seed(seed)
    labelled = {one.prompt for one in chosen}
    left = [prompt for prompt in unlabelled if prompt not in labelled]
    kept = random.Random(seed).sample(left, min(KEPT, len(left)))  # noqa: S311 (no secret)
    targets = targets_of(chosen, tuned.themes) + soft_targets(tuned.logits(kept), KEPT_WEIGHT)
    prompts = [*(one.prompt for one in chosen), *kept]
    before = {name: weight.clone() for name, weight in tuned.network.state_dict().items()}
    lesson = Lesson(tuned.network, tuned.tokenizer, prompts, targets, seed=seed, batch=BATCH)
    lesson.learn(EPOCHS, RATE, counted(progress, steps_of(len(prompts), BATCH, EPOCHS), "steps of learning on"))
    after = tuned.network.state_dict()
    mixed = {name: torch.lerp(old, after[name], share) for name, old in before.items() if old.is_floating_point()}
    tuned.network.load_state_dict({**after, **mixed})
    return tuned
