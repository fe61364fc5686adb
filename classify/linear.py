"""The linear backend: linear models on what `classify.features` sees, with numpy alone, offline, deterministic.

A gate says which dyads an item concerns, a three-way model the stance on each, one model per theme the themes. The
weights lie in ``classify/weights``; ``ricwatch train`` makes them anew. The default backend (`classify.fused`) adds a
small neural model to this one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from classify.actors import Matcher
from classify.claims import BOUNDS
from classify.decide import ANSWERS, GATE, Decider, PairScore, Reals, nothing, sigmoid, softmax, stance_reading
from classify.features import METHOD, item_features, pair_features
from classify.lexicon import WORDS
from classify.model import Backend, Item, Read, backend
from classify.parameters import Parameters, file_digest, load_parameters
from classify.passages import Scored, is_long, read_long
from classify.text import TEXT_CHARS, TITLE_CHARS, Document, make_draft
from classify.trained import weights_of
from ingest.topic import Topic

DENSE_SCALE = 0.3
"""Dense features are logs of counts; at this scale the penalty of training weighs them like words."""


@dataclass(frozen=True, slots=True)
class PairLogits:
    """Calibrated logits of one pair: stance -1, 0, +1, and that the item concerns it."""

    stance: Reals
    gate: float

    def score(self) -> PairScore:
        """The same as probabilities."""
        return PairScore(float(sigmoid(self.gate)), stance_reading(softmax(self.stance)))


class LinearModel:
    """The linear backend for a topic; *digest* is that of the file that *parameters* came from, where they did.

    Raises:
        ConfigError: the weights are missing or unfit, or know none of the topic's themes.
    """

    def __init__(self, topic: Topic, parameters: Parameters, digest: str = "") -> None:
        self._parameters = parameters
        self.matcher = Matcher(topic)
        self._decider = self.decider(topic, parameters.theme_thresholds.tolist())
        self._version = _version(topic, digest or parameters.digest())

    @property
    def version(self) -> str:
        """``linear-`` and eight hex digits over weights, topic and method."""
        return self._version

    @property
    def themes(self) -> tuple[str, ...]:
        """The codes of `theme_logits`, in order."""
        return self._parameters.themes

    def decider(self, topic: Topic, thresholds: Sequence[float]) -> Decider:
        """What turns scores over this model's themes into readings."""
        rarity = self._parameters.item_words.idf_of
        return Decider(topic, self.matcher, self._parameters.themes, thresholds, rarity)

    def read(self, items: Sequence[Item]) -> list[Read]:
        """One reading per item, in order; each item is read by itself."""
        return [self._scored(item)[1] for item in items]

    def score_pairs(self, item: Item) -> dict[str, PairScore]:
        """Every dyad that the item's names allow, whether or not it passes the gate: for measuring."""
        return self._scored(item)[0]

    def pair_logits(self, document: Document) -> dict[str, PairLogits]:
        """The logits of every dyad that the document's names allow."""
        return {dyad: self._logits_of(dyad, document) for dyad in self.matcher.possible(document.strengths)}

    def theme_logits(self, document: Document) -> Reals:
        """One calibrated logit per theme, in the order of `themes`."""
        own = self._parameters
        features = item_features(document)
        logits = own.item_words.score(features.words) + own.item_chars.score(features.grams) + own.item_bias
        return logits.astype(np.float64) / own.theme_temperature

    def read_document(self, item_id: str, document: Document) -> Scored:
        """The score of every possible dyad of one document, and its reading."""
        scores = {dyad: own.score() for dyad, own in self.pair_logits(document).items()}
        return scores, self._decider.read(
            item_id, self._version, document, scores, lambda _: sigmoid(self.theme_logits(document))
        )

    def _scored(self, item: Item) -> Scored:
        if is_long(item):
            return read_long(item, self._scored, self._version)
        draft = make_draft(item, self.matcher)
        if not self.matcher.possible(draft.strengths):
            return {}, nothing(item.id, self._version)
        return self.read_document(item.id, draft.document())

    def _logits_of(self, dyad: str, document: Document) -> PairLogits:
        own = self._parameters
        features = pair_features(document, self.matcher.sides[dyad], self.matcher.principals)
        dense = np.asarray(features.dense, dtype=np.float32) * np.float32(DENSE_SCALE)
        logits = own.pair_words.score(features.words) + own.pair_chars.score(features.grams)
        logits = logits + dense @ own.pair_dense + own.pair_bias
        stance = logits[:3].astype(np.float64)
        prior = own.dyad_prior.get(dyad)
        if prior is not None:
            stance = stance + prior
        return PairLogits(stance / own.stance_temperature, float(logits[3]) / own.gate_temperature)


def load_linear(topic: Topic, weights: Path | None = None) -> LinearModel:
    """The embedded backend with the weights in the folder *weights*, or with those that are the topic's."""
    folder = weights or weights_of(topic)
    return LinearModel(topic, load_parameters(folder), file_digest(folder))


def linear_version(topic: Topic) -> str:
    """What `LinearModel.version` is with the weights that are the topic's."""
    return _version(topic, file_digest(weights_of(topic)))


@backend("linear", linear_version)
def _shipped(topic: Topic) -> Backend:
    return load_linear(topic)


def _version(topic: Topic, weights: str) -> str:
    """Of everything on which an answer hangs: weights, names, themes, claims, lexicon, and the method's own number."""
    about = [
        weights,
        [METHOD, ANSWERS, TITLE_CHARS, TEXT_CHARS, *BOUNDS],
        DENSE_SCALE,
        GATE,
        topic.actors,
        [theme.code for theme in topic.themes],
        [asdict(claim) for claim in topic.claims],
        sorted(WORDS.items()),
    ]
    told = json.dumps(about, sort_keys=True, ensure_ascii=False, default=str)
    return f"linear-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
