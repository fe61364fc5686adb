"""A stand-in for a sentence-transformers model: the same `encode`, weights made from the words themselves.

It knows nothing of meaning: two texts are alike as far as they share words. So it trains in a second and shows that
prompts, heads and readings fit together, and nothing of how well a real model reads.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIZE = 96


class TinyEncoder:
    """Sums a fixed random vector for each word and each pair of neighbours; keeps count of the texts it was given."""

    def __init__(self, salt: str = "") -> None:
        self.salt = salt
        self.texts = 0

    def encode(
        self, sentences: Sequence[str], *, batch_size: int = 32, show_progress_bar: bool = False
    ) -> NDArray[np.float32]:
        self.texts += len(sentences)
        return np.stack([self._one(sentence) for sentence in sentences])

    def _one(self, sentence: str) -> NDArray[np.float32]:
        words = re.findall(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+", sentence.lower())[:200]
        pairs = [f"{first} {second}" for first, second in pairwise(words)]
        total = np.zeros(SIZE, dtype=np.float64)
        for word in [*words, *pairs]:
            total += _vector(self.salt + word)
        return total.astype(np.float32)


@lru_cache(maxsize=20_000)
def _vector(word: str) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=SIZE)
