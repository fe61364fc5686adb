"""From probabilities to a reading: the one place where scores become answers, whichever model gave them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classify.actors import Matcher
from classify.claims import ClaimFinder
from classify.evidence import evidence_sentence
from classify.model import DyadReading, Read, ThemeReading
from classify.text import Document
from ingest.topic import Topic
from store.errors import ConfigError

GATE = 0.5
"""Probability from which an item is taken to concern a dyad."""
MOST_THEMES = 3
ANSWERS = 3
"""Raise it with every change of how scores become an answer (themes, claims, evidence); `features.METHOD` is the like
for what the weights are multiplied with. Both are part of the version; a test pins readings lest one be forgotten."""

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairScore:
    """What the models say of one pair: that the item concerns it, and the stance if so."""

    p_concerns: float
    stance: DyadReading


class Decider:
    """Turns the scores of a document into its reading.

    *themes* are the codes of the theme scores, position by position, *thresholds* the probabilities from which each is
    given; *rarity* is the idf of a word, for the claims.

    Raises:
        ConfigError: the topic has none of the themes.
    """

    def __init__(
        self,
        topic: Topic,
        matcher: Matcher,
        themes: Sequence[str],
        thresholds: Sequence[float],
        rarity: Callable[[str], float],
    ) -> None:
        self._matcher = matcher
        self._themes = tuple(themes)
        self._thresholds = tuple(thresholds)
        codes = {theme.code for theme in topic.themes}
        self._columns = [at for at, code in enumerate(themes) if code in codes]
        if not self._columns:
            raise ConfigError(
                f"the weights know the themes {', '.join(themes)}, of which {topic.folder / 'themes.yaml'} "
                "has none; train for this topic with: ricwatch train ITEMS.jsonl.gz"
            )
        self._claims = ClaimFinder(topic.claims, matcher, rarity)

    def read(
        self,
        item_id: str,
        version: str,
        document: Document,
        scores: Mapping[str, PairScore],
        theme_p: Callable[[Sequence[str]], Reals],
    ) -> Read:
        """The reading; *theme_p* is asked for the themes, given the dyads, only where the item concerns a dyad."""
        # The dyads of an item stand or fall together too often for 1 - prod(1 - p); the likeliest decides.
        p_relevant = max((score.p_concerns for score in scores.values()), default=0.0)
        dyads = {dyad: score.stance for dyad, score in scores.items() if score.p_concerns >= GATE}
        if not dyads:
            return Read(item_id, False, p_relevant, version)
        themes = self._chosen(theme_p(list(dyads)))
        main = max(dyads, key=lambda dyad: scores[dyad].p_concerns)
        evidence = evidence_sentence(document, self._matcher.sides[main], self._matcher.principals)
        claims = self._claims.find(document, dyads, themes)
        return Read(item_id, True, p_relevant, version, dyads, themes, claims[0] if claims else None, evidence, claims)

    def _chosen(self, p: Reals) -> tuple[ThemeReading, ...]:
        order = sorted(self._columns, key=lambda at: (-p[at], at))
        # The likeliest theme is the main one even where it is below its threshold: every relevant item has a theme.
        main = order[0]
        chosen = [main, *(at for at in order if at != main and p[at] >= self._thresholds[at])][:MOST_THEMES]
        return tuple(ThemeReading(self._themes[at], float(p[at])) for at in chosen)


def nothing(item_id: str, version: str) -> Read:
    """The reading of an item whose names allow no dyad."""
    return Read(item_id, False, 0.0, version)


def stance_reading(p: Reals) -> DyadReading:
    """The reading of three probabilities, of -1, 0 and +1."""
    return DyadReading(int(p.argmax()) - 1, (float(p[0]), float(p[1]), float(p[2])))


def softmax(logits: Reals) -> Reals:
    """Probabilities that sum to one."""
    powers = np.exp(logits - logits.max())
    total: Reals = powers / powers.sum()
    return total


def log_softmax(logits: Reals) -> Reals:
    """Log-probabilities of a vector, or of each row."""
    z = logits - logits.max(axis=-1, keepdims=True)
    out: Reals = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return out


def sigmoid(logits: Reals | np.float64 | float) -> Reals:
    """The logistic function, safe for any size of number."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60))))
