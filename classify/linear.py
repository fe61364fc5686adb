"""The embedded backend: linear models on what `classify.features` sees, with numpy alone, offline, deterministic.

A gate says which dyads an item concerns, a three-way model the stance on each, one model per theme the themes. The
weights lie in ``classify/weights``; ``ricwatch train`` makes them anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classify.actors import Matcher
from classify.claims import NEAR_ENOUGH, SURE_ENOUGH, ClaimFinder
from classify.evidence import evidence_sentence
from classify.features import METHOD, PairFeatures, item_features, pair_features
from classify.lexicon import WORDS
from classify.model import Backend, ClaimMatch, DyadReading, Item, Read, ThemeReading, backend
from classify.parameters import WEIGHTS, Parameters, load_parameters
from classify.text import TEXT_CHARS, TITLE_CHARS, Document, make_document
from ingest.topic import Topic
from store.errors import ConfigError

DENSE_SCALE = 0.3
"""Dense features are logs of counts; at this scale the penalty of training weighs them like words."""
GATE = 0.5
"""Probability from which an item is taken to concern a dyad."""
MOST_THEMES = 3
ANSWERS = 1
"""Raise it with every change of how weights become an answer (themes, claim, evidence); `features.METHOD` is the like
for what the weights are multiplied with. Both are part of the version; a test pins readings lest one be forgotten."""


@dataclass(frozen=True, slots=True)
class PairScore:
    """What the models say of one pair: that the item concerns it, and the stance if so."""

    p_concerns: float
    stance: DyadReading


class LinearModel:
    """The embedded backend for a topic.

    Raises:
        ConfigError: the weights are missing or unfit, or know none of the topic's themes.
    """

    def __init__(self, topic: Topic, parameters: Parameters) -> None:
        self._parameters = parameters
        self._matcher = Matcher(topic)
        codes = {theme.code for theme in topic.themes}
        self._columns = [at for at, code in enumerate(parameters.themes) if code in codes]
        if not self._columns:
            raise ConfigError(
                f"the weights know the themes {', '.join(parameters.themes)}, of which {topic.folder / 'themes.yaml'} "
                "has none; train for this topic with: ricwatch train ITEMS.jsonl.gz"
            )
        self._claims = ClaimFinder(topic.claims, self._matcher, parameters.item_words.idf_of)
        self._version = f"linear-{_fingerprint(topic, parameters)}"

    @property
    def version(self) -> str:
        """``linear-`` and eight hex digits over weights, topic and method."""
        return self._version

    def read(self, items: Sequence[Item]) -> list[Read]:
        """One reading per item, in order; each item is read by itself."""
        return [self._read(item) for item in items]

    def score_pairs(self, item: Item) -> dict[str, PairScore]:
        """Every dyad that the item's names allow, whether or not it passes the gate: for measuring."""
        return self._score_pairs(make_document(item, self._matcher))

    def _read(self, item: Item) -> Read:
        document = make_document(item, self._matcher)
        scores = self._score_pairs(document)
        # The dyads of an item stand or fall together too often for 1 - prod(1 - p); the likeliest decides.
        p_relevant = max((score.p_concerns for score in scores.values()), default=0.0)
        dyads = {dyad: score.stance for dyad, score in scores.items() if score.p_concerns >= GATE}
        if not dyads:
            return Read(item.id, False, p_relevant, self._version)
        themes = self._themes(document)
        main = max(dyads, key=lambda dyad: scores[dyad].p_concerns)
        evidence = evidence_sentence(document, self._matcher.sides[main], self._matcher.principals)
        claim: ClaimMatch | None = self._claims.nearest(document, dyads, themes)
        return Read(item.id, True, p_relevant, self._version, dyads, themes, claim, evidence)

    def _score_pairs(self, document: Document) -> dict[str, PairScore]:
        return {
            dyad: self._score_pair(dyad, pair_features(document, self._matcher.sides[dyad], self._matcher.principals))
            for dyad in self._matcher.possible(document.strengths)
        }

    def _score_pair(self, dyad: str, features: PairFeatures) -> PairScore:
        own = self._parameters
        dense = np.asarray(features.dense, dtype=np.float32) * np.float32(DENSE_SCALE)
        logits = own.pair_words.score(features.words) + own.pair_chars.score(features.grams)
        logits = logits + dense @ own.pair_dense + own.pair_bias
        stance = logits[:3].astype(np.float64)
        prior = own.dyad_prior.get(dyad)
        if prior is not None:
            stance = stance + prior
        p = _softmax(stance / own.stance_temperature)
        gate = float(_sigmoid(np.float64(logits[3]) / own.gate_temperature))
        return PairScore(gate, DyadReading(int(p.argmax()) - 1, (float(p[0]), float(p[1]), float(p[2]))))

    def _themes(self, document: Document) -> tuple[ThemeReading, ...]:
        own = self._parameters
        features = item_features(document)
        logits = own.item_words.score(features.words) + own.item_chars.score(features.grams) + own.item_bias
        p = _sigmoid(logits.astype(np.float64) / own.theme_temperature)
        order = sorted(self._columns, key=lambda at: (-p[at], at))
        chosen = [at for at in order if p[at] >= own.theme_thresholds[at]]
        # The likeliest theme is the main one even where it is below its threshold: every relevant item has a theme.
        main = order[0]
        chosen = [main, *(at for at in chosen if at != main)][:MOST_THEMES]
        return tuple(ThemeReading(own.themes[at], float(p[at])) for at in chosen)


def load_linear(topic: Topic, weights: Path = WEIGHTS) -> LinearModel:
    """The embedded backend with the weights in the folder *weights*."""
    return LinearModel(topic, load_parameters(weights))


@backend("linear")
def _shipped(topic: Topic) -> Backend:
    return load_linear(topic)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max())
    total: NDArray[np.float64] = powers / powers.sum()
    return total


def _sigmoid(logits: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60))))


def _fingerprint(topic: Topic, parameters: Parameters) -> str:
    """Everything on which an answer hangs: weights, names, themes, claims, lexicon, and the method's own number."""
    digest = hashlib.sha256()
    for block in (parameters.pair_words, parameters.pair_chars, parameters.item_words, parameters.item_chars):
        digest.update("\n".join(block.vocabulary).encode())
        digest.update(block.idf.tobytes())
        digest.update(block.weights.tobytes())
    for array in (parameters.pair_dense, parameters.pair_bias, parameters.item_bias, parameters.theme_thresholds):
        digest.update(np.asarray(array, dtype=np.float32).tobytes())
    about = [
        [METHOD, ANSWERS, TITLE_CHARS, TEXT_CHARS, NEAR_ENOUGH, SURE_ENOUGH],
        DENSE_SCALE,
        GATE,
        {dyad: [float(v) for v in prior] for dyad, prior in parameters.dyad_prior.items()},
        [parameters.stance_temperature, parameters.gate_temperature, parameters.theme_temperature],
        list(parameters.themes),
        topic.actors,
        [theme.code for theme in topic.themes],
        [asdict(claim) for claim in topic.claims],
        sorted(WORDS.items()),
    ]
    digest.update(json.dumps(about, sort_keys=True, ensure_ascii=False, default=str).encode())
    return digest.hexdigest()[:8]
