"""One run of learning: a network, prompts and what they should be read as; and the narrowing of a network.

Layers near the words learn more slowly (Howard and Ruder 2018, section 3.2), and a quarter of the leads is left out in
each round, since many feeds carry headlines only. Targets are probabilities, so that a network learns from labels and
from what other networks say (Hinton, Vinyals and Dean 2015, section 2) in one and the same way.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.decide import sigmoid
from classify.network import batches, device, encode, padded, short_products
from classify.neural import FIRST_THEME, GATE_AT, STANCES

HEAD_RATE = 10.0
"""Times the rate, for the layers that answer: they begin at random, unless a network learns on."""
LAYER_DECAY = 0.85
WARM_UP = 0.1
LEADS_DROPPED = 0.25
THEME_WEIGHT = 0.25
_WEIGHED = 48  # batches from which it is told which units matter

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Targets:
    """What n prompts should be read as, with what each part of it counts.

    `gate` (n,), `stance` (n, 3) and `theme` (n, k) are probabilities; `weight`, `stance_weight` and `theme_weight`
    (n,) are zero where a prompt has nothing to say of that part.
    """

    gate: Reals
    weight: Reals
    stance: Reals
    stance_weight: Reals
    theme: Reals
    theme_weight: Reals

    def __add__(self, other: Targets) -> Targets:
        """The targets of both, one after the other."""
        return Targets(
            *(np.concatenate([getattr(self, part.name), getattr(other, part.name)]) for part in fields(Targets))
        )


def soft_targets(logits: Reals, weight: float) -> Targets:
    """What networks said (rows of `Tuned.logits`) as targets, each row counting *weight* times its gate."""
    powers = np.exp(logits[:, :STANCES] - logits[:, :STANCES].max(axis=1, keepdims=True))
    gate = sigmoid(logits[:, GATE_AT])
    told = weight * gate
    return Targets(
        gate,
        np.full(len(logits), weight),
        powers / powers.sum(axis=1, keepdims=True),
        told,
        sigmoid(logits[:, FIRST_THEME:]),
        told,
    )


class Lesson:
    """A network and what it learns from, as tensors."""

    def __init__(
        self, network: Any, tokenizer: Any, prompts: Sequence[str], targets: Targets, *, seed: int, batch: int
    ) -> None:
        import torch

        self.network = network
        self._batch = batch
        self._shuffler = random.Random(seed)  # noqa: S311 (no secret)
        self._full = encode(tokenizer, prompts)
        self._titles = encode(tokenizer, [prompt.split("\n")[0] for prompt in prompts])
        self._targets = {
            part.name: torch.tensor(getattr(targets, part.name), dtype=torch.float32, device=device())
            for part in fields(Targets)
        }

    def learn(self, epochs: int, rate: float, report: Callable[[], None]) -> None:
        """So many rounds; the rate rises over the first tenth of the steps and then falls to nothing."""
        import torch

        self.network.train()
        optimizer = torch.optim.AdamW(_layers(self.network, rate), weight_decay=0.01)
        steps, step = steps_of(len(self._full), self._batch, epochs), 0
        for _ in range(epochs):
            for texts, batch in self._round():
                set_rates(optimizer, step / steps)
                loss = self._loss(texts, batch)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
                optimizer.step()
                step += 1
                report()
        self.network.eval()

    def narrow(self, width: int) -> None:
        """Keep the *width* units of each layer on which the loss hangs most.

        A unit's weight is the sum of |activation times gradient|, what the loss would change to first order without it
        (Molchanov et al. 2017, ICLR, section 2.2).
        """
        import torch

        layers = list(self.network.bert.encoder.layer)
        matter = [torch.zeros(layer.intermediate.dense.out_features, device=device()) for layer in layers]
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
        for batch in batches([len(text) for text in texts], self._batch, self._shuffler):
            yield [texts[at] for at in batch], batch

    def _loss(self, texts: Sequence[Sequence[int]], batch: list[int]) -> Any:
        from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

        with short_products():
            out = self.network(*padded(texts))
        out = out.float()
        own = {name: target[batch] for name, target in self._targets.items()}
        gate = binary_cross_entropy_with_logits(out[:, GATE_AT], own["gate"], reduction="none")
        stance = -(own["stance"] * log_softmax(out[:, :STANCES], -1)).sum(-1)
        theme = binary_cross_entropy_with_logits(out[:, FIRST_THEME:], own["theme"], reduction="none").sum(1)
        told = (stance * own["stance_weight"]).sum() + THEME_WEIGHT * (theme * own["theme_weight"]).sum()
        return (gate * own["weight"]).mean() + told / len(batch)


def steps_of(prompts: int, batch: int, epochs: int) -> int:
    """How many steps so many rounds take."""
    return math.ceil(prompts / batch) * epochs


def set_rates(optimizer: Any, done: float) -> None:
    """Up over the first tenth of the steps, then down to nothing."""
    share = done / WARM_UP if done <= WARM_UP else (1 - done) / (1 - WARM_UP)
    for group in optimizer.param_groups:
        group["lr"] = group["base"] * share


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
