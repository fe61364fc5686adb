"""The neural half by way of others: an encoder that knows the press, teachers, and a small network that learns of them.

1. The encoder learns to fill gaps in unlabelled news of the same kind (Gururangan et al. 2020, ACL, section 3).
2. Several networks, half of them on that encoder, are fine-tuned on the labels, each from another seed.
3. A smaller network learns from the labels and from what the others say, on average, of any two states in that news
   (Hinton, Vinyals and Dean 2015, section 2): since a pair prompt names no sides, a text on two other states teaches
   as well as one on the pair, and there are twenty times as many.

On later news this took the stance of the neural half from 0.750 to 0.782 and made it half again as fast
(docs/decisions/0005-distilled-reader.md). Seven minutes on a graphics card, many hours on two cores (not tried).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.lesson import Lesson, set_rates, soft_targets, steps_of
from classify.network import base_folder, base_tokenizer, batches, device, encode, make_network, padded, short_products
from classify.prompts import ROLES
from classify.tune import EPOCHS, LAYERS, NARROW_EPOCHS, NARROW_RATE, RATE, WIDTH, Example, Tuned, targets_of
from store.progress import Progress, counted, silent

TEACHERS = 8
"""Half of them on the adapted encoder, half on the one it was made from: they are wrong about other prompts."""
TEACHER_BATCH = 32
SOFT_WEIGHT = 0.5
"""What a prompt that only the teachers have read counts beside a labelled one."""
BATCH, STUDENT_RATE = 64, 1.5e-4
GAP_EPOCHS, GAP_BATCH, GAP_RATE = 4, 128, 2e-4
_GAPS = 0.2
_MASKED, _KEPT_TO = 0.8, 0.9  # of the gaps: shown as a gap, shown as they are; the others as any word

Reals = NDArray[np.float64]


def distil(
    chosen: Sequence[Example],
    themes: tuple[str, ...],
    news: Sequence[str],
    unlabelled: Sequence[str],
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Tuned:
    """A small network from labelled *chosen*, texts of *news* and *unlabelled* prompts (`classify.otherpairs`).

    Raises:
        ConfigError: the extra ``tune`` is not installed.
    """
    tokenizer = base_tokenizer(base_folder())
    prompts = [one.prompt for one in chosen]
    encoder = adapt([*news, *unlabelled, *prompts], tokenizer, seed=seed, progress=progress)
    labels = targets_of(chosen, themes)
    starts = [*repeat(None, TEACHERS // 2), *repeat(encoder, TEACHERS - TEACHERS // 2)]
    said: list[Reals] = []
    for number, start in enumerate(starts, seed):
        teacher = _untaught(themes, tokenizer, number, encoder=start)
        lesson = Lesson(teacher.network, tokenizer, prompts, labels, seed=number, batch=TEACHER_BATCH)
        steps = steps_of(len(prompts), TEACHER_BATCH, EPOCHS)
        lesson.learn(EPOCHS, RATE, counted(progress, steps, "steps of a teacher"))
        said.append(teacher.logits(unlabelled))
    small = _untaught(themes, tokenizer, seed, encoder=encoder, layers=LAYERS)
    everything = [*prompts, *unlabelled]
    targets = labels + soft_targets(np.mean(said, axis=0), SOFT_WEIGHT)
    lesson = Lesson(small.network, tokenizer, everything, targets, seed=seed, batch=BATCH)
    step = counted(progress, steps_of(len(everything), BATCH, EPOCHS + NARROW_EPOCHS), "steps of the small network")
    lesson.learn(EPOCHS, STUDENT_RATE, step)
    lesson.narrow(WIDTH)
    lesson.learn(NARROW_EPOCHS, NARROW_RATE, step)
    return small


def adapt(texts: Sequence[str], tokenizer: Any, *, seed: int = 0, progress: Progress = silent) -> Any:
    """The weights of the encoder after it has learned to fill gaps in *texts*.

    A fifth of the word pieces are gaps (Devlin et al. 2019, NAACL, section 3.1); the answer is scored by the encoder's
    own vectors of words.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    encoder = make_network(base_folder(), tokenizer, 1).bert
    vocabulary, size = encoder.config.vocab_size, encoder.config.hidden_size
    head = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.LayerNorm(size)).to(device())
    bias = nn.Parameter(torch.zeros(vocabulary, device=device()))
    learned = [*encoder.parameters(), *head.parameters(), bias]
    optimizer = torch.optim.AdamW([{"params": learned, "base": GAP_RATE, "lr": 0.0}], weight_decay=0.01)
    pieces = encode(tokenizer, texts)
    never = torch.tensor(sorted({*tokenizer.all_special_ids, *tokenizer.convert_tokens_to_ids(list(ROLES))})).to(
        device()
    )
    steps = steps_of(len(pieces), GAP_BATCH, GAP_EPOCHS)
    report = counted(progress, steps, "steps of filling gaps")
    encoder.train()
    for step, batch in enumerate(_rounds([len(one) for one in pieces], GAP_BATCH, GAP_EPOCHS, seed)):
        true, mask = padded([pieces[at] for at in batch])
        gap = (torch.rand(true.shape, device=device()) < _GAPS) & ~torch.isin(true, never)
        shown, kind = true.clone(), torch.rand(true.shape, device=device())
        shown[gap & (kind < _MASKED)] = tokenizer.mask_token_id
        other = gap & (kind >= _KEPT_TO)
        shown[other] = torch.randint(vocabulary, (int(other.sum()),), device=device())
        set_rates(optimizer, step / steps)
        with short_products():
            states = encoder(shown, attention_mask=mask).last_hidden_state[gap]
            scores = head(states) @ encoder.embeddings.word_embeddings.weight.T + bias
        loss = nn.functional.cross_entropy(scores.float(), true[gap])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        report()
    return {name: weight.cpu() for name, weight in encoder.state_dict().items()}


def _untaught(themes: tuple[str, ...], tokenizer: Any, seed: int, **how: Any) -> Tuned:
    import torch

    torch.manual_seed(seed)
    return Tuned(make_network(base_folder(), tokenizer, len(themes), **how), tokenizer, themes)


def _rounds(lengths: Sequence[int], size: int, epochs: int, seed: int) -> Iterator[list[int]]:
    shuffler = random.Random(seed)  # noqa: S311 (no secret)
    for _ in range(epochs):
        yield from batches(lengths, size, shuffler)
