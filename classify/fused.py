"""The default backend: the linear and the neural reading of a pair, put together.

The linear half knows words, directed frames and the dyad; the neural half knows what words mean alike, and was measured
to be wrong about other items. Their log-probabilities are averaged (`classify.neural.Fusion`). Texts in other scripts
than the Latin are read by the linear half alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from classify.decide import PairScore, Reals, log_softmax, nothing, sigmoid, softmax, stance_reading
from classify.linear import LinearModel, PairLogits, linear_version, load_linear
from classify.model import Backend, Item, Read, backend
from classify.neural import FIRST_THEME, GATE_AT, STANCES, NeuralModel, load_neural, network_digest
from classify.passages import Scored, is_long, read_long
from classify.prompts import ROLES, is_latin, pair_prompt
from classify.text import Document, make_draft
from classify.trained import network_of
from ingest.topic import Topic

SURELY_NOT = 0.05
"""Probability, by the linear half, below which a pair is not worth the neural half's time: one pair in eight of later
news, and asking would change no figure of it in the third digit."""


_TOGETHER = 64  # items whose steps are done side by side


@dataclass(frozen=True, slots=True)
class _Half:
    """A document as the linear half reads it, with the prompts for the neural half, by dyad."""

    document: Document
    linear: dict[str, PairLogits]
    prompts: dict[str, str]


class FusedModel:
    """The default backend for a topic."""

    def __init__(self, topic: Topic, linear: LinearModel, neural: NeuralModel) -> None:
        self._linear = linear
        self._neural = neural
        order = {code: at for at, code in enumerate(neural.themes)}
        self._theme_columns = [order.get(code, -1) for code in linear.themes]
        known = np.asarray([at >= 0 for at in self._theme_columns])
        self._theme_share = np.where(known, neural.fusion.theme_share, 0.0)
        thresholds = [neural.fusion.thresholds[at] if at >= 0 else 0.5 for at in self._theme_columns]
        self._decider = linear.decider(topic, thresholds)
        self._version = _version(linear.version, neural.digest)

    @property
    def version(self) -> str:
        """``fused-`` and eight hex digits over both halves."""
        return self._version

    def read(self, items: Sequence[Item]) -> list[Read]:
        """One reading per item, in order; each item is read by itself."""
        starts = range(0, len(items), _TOGETHER)
        return [read for start in starts for _, read in self._all(items[start : start + _TOGETHER])]

    def score_pairs(self, item: Item) -> dict[str, PairScore]:
        """Every dyad that the item's names allow, whether or not it passes the gate: for measuring."""
        return self._one(item)[0]

    def _one(self, item: Item) -> Scored:
        return self._all([item])[0]

    def _all(self, items: Sequence[Item]) -> list[Scored]:
        # Step by step for all items: a network run between two steps of one item would empty the processor's caches.
        begun = [self._begin(item) for item in items]
        asked = [one for one in begun if isinstance(one, _Half)]
        answers = iter([self._neural.logits(list(one.prompts.values())) for one in asked])
        return [
            self._end(item, one, next(answers)) if isinstance(one, _Half) else one
            for item, one in zip(items, begun, strict=True)
        ]

    def _begin(self, item: Item) -> Scored | _Half:
        """What the linear half says and what to ask the neural one; or all there is to say, where it is not asked."""
        matcher = self._linear.matcher
        if is_long(item):
            return read_long(item, self._one, self._version)
        draft = make_draft(item, matcher)
        if not matcher.possible(draft.strengths):
            return {}, nothing(item.id, self._version)
        document = draft.document()
        if not is_latin(document.full):
            scores, read = self._linear.read_document(item.id, document)
            return scores, replace(read, model=self._version)
        linear = self._linear.pair_logits(document)
        asked = [dyad for dyad, own in linear.items() if sigmoid(own.gate) >= SURELY_NOT]
        prompts = {dyad: pair_prompt(document, matcher.sides[dyad], matcher.principals) for dyad in asked}
        return _Half(document, linear, prompts)

    def _end(self, item: Item, half: _Half, answers: Reals) -> Scored:
        rows = dict(zip(half.prompts, answers, strict=True))
        scores = {dyad: self._pooled(own, rows.get(dyad)) for dyad, own in half.linear.items()}

        def theme_p(dyads: Sequence[str]) -> Reals:
            return self._themes(half.document, [rows[dyad] for dyad in dyads if dyad in rows])

        return scores, self._decider.read(item.id, self._version, half.document, scores, theme_p)

    def _pooled(self, linear: PairLogits, row: Reals | None) -> PairScore:
        if row is None:
            return linear.score()
        fusion = self._neural.fusion
        stance = _pool(log_softmax(linear.stance), log_softmax(row[:STANCES]), fusion.stance_share)
        gate = _pool(np.asarray(linear.gate), row[GATE_AT], fusion.gate_share)
        p_concerns = float(sigmoid((gate + fusion.gate_bias) / fusion.gate_temperature))
        return PairScore(p_concerns, stance_reading(softmax(stance / fusion.stance_temperature)))

    def _themes(self, document: Document, rows: Sequence[Reals]) -> Reals:
        logits = self._linear.theme_logits(document)
        if rows:
            neural = np.append(np.mean([row[FIRST_THEME:] for row in rows], axis=0), 0.0)[self._theme_columns]
            logits = (1 - self._theme_share) * logits + self._theme_share * neural
        return sigmoid(logits / self._neural.fusion.theme_temperature)


def _pool(linear: Reals, neural: Reals, share: float) -> Reals:
    return np.asarray((1 - share) * linear + share * neural)


def load_fused(topic: Topic) -> FusedModel:
    """The default backend with the weights of the topic, or those that the project ships (`classify.trained`)."""
    return FusedModel(topic, load_linear(topic), load_neural(network_of(topic)))


def _version(linear: str, network: str) -> str:
    about = f"{linear} {network} {SURELY_NOT} {ROLES}"
    return f"fused-{hashlib.sha256(about.encode()).hexdigest()[:8]}"


def fused_version(topic: Topic) -> str:
    """What `FusedModel.version` is with the weights that `load_fused` takes."""
    return _version(linear_version(topic), network_digest(network_of(topic)))


@backend("fused", fused_version)
def _shipped(topic: Topic) -> Backend:
    return load_fused(topic)
