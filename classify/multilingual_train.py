"""Training of the heads of backend `multilingual` on labelled items, with numpy alone; the encoder is left as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classify.actors import Matcher
from classify.calibration import Ints, Reals, binary_temperature, sigmoid, temperature, thresholds
from classify.heads import Head, Heads, fit_binary, fit_softmax
from classify.labelled import NEITHER, Labelled, digest, fold_numbers, groups
from classify.multilingual import (
    METHOD,
    PROBE,
    Encoder,
    MultilingualReader,
    encode,
    item_prompt,
    item_vectors,
    pair_prompt,
    pair_vectors,
)
from classify.text import make_document
from ingest.topic import Topic
from store.errors import InputError
from store.progress import Progress, silent

STANCE_C, GATE_C, THEME_C = 10.0, 10.0, 30.0
HARD_WEIGHT = 0.7
"""Weight of an item on which careful readers may differ."""
BALANCE = 0.5
"""Power of the balance between the stances of a dyad, and between a theme's items and the others."""
INNER_FOLDS = 3
_ENCODED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class HeadsReport:
    """What was trained on what, and where it lies."""

    items: int
    pairs: int
    model: str
    version: str
    path: Path

    def __str__(self) -> str:
        return (
            f"trained {self.version} on {self.items:,} items ({self.pairs:,} pairs) over {self.model}; in {self.path}"
        )


@dataclass(frozen=True, slots=True)
class _Vectors:
    """Pairs and relevant items as vectors, with their labels; `pair_item` and `item` are positions in the set."""

    pairs: Reals
    pair_item: Ints
    pair_cell: tuple[tuple[str, int], ...]
    items: Reals
    item: Ints
    themes: Reals
    hard: Reals


@dataclass(frozen=True, slots=True)
class _Fitted:
    stance: Head
    gate: Head
    theme: Head


def train_heads(
    labelled: Sequence[Labelled],
    topic: Topic,
    encoder: Encoder,
    model: str,
    out: Path,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> HeadsReport:
    """Train on *labelled* over the *encoder* that *model* names, and write ``heads.npz`` into *out*.

    Temperatures and thresholds come from inner folds that keep a date and near-copies together.

    Raises:
        InputError: the set is too small: a fold lacks stances, or items that concern nothing.
    """
    vectors = _vectors(labelled, topic, encoder, progress)
    fold = np.asarray(fold_numbers(groups(labelled), INNER_FOLDS, seed))
    held_out: list[tuple[Reals, Ints, Reals, Ints, Reals, Reals]] = []
    for number in range(INNER_FOLDS):
        progress(number, INNER_FOLDS + 1, "inner folds")
        fitted = _fit(vectors, fold[vectors.pair_item] != number, fold[vectors.item] != number)
        held_out.append(_held_out(vectors, fitted, fold[vectors.pair_item] == number, fold[vectors.item] == number))
    progress(INNER_FOLDS, INNER_FOLDS + 1, "all items")
    fitted = _fit(vectors, np.ones(len(vectors.pair_item), dtype=bool), np.ones(len(vectors.item), dtype=bool))
    stance_z, stance_y, gate_z, gate_y, theme_z, theme_y = (
        np.concatenate([fold_part[at] for fold_part in held_out]) for at in range(6)
    )
    theme_t = binary_temperature(theme_z.ravel(), theme_y.ravel())
    heads = Heads(
        fitted.stance,
        fitted.gate,
        fitted.theme,
        thresholds(sigmoid(theme_z / theme_t), theme_y.astype(np.int64)).astype(np.float64),
        (temperature(stance_z, stance_y.astype(np.int64)), binary_temperature(gate_z, gate_y), theme_t),
        encode(encoder, [PROBE])[0],
        {
            "method": METHOD,
            "model": model,
            "themes": [theme.code for theme in topic.themes],
            "dyads": list(topic.dyads),
            "items": len(labelled),
            "set": digest(labelled),
            "seed": seed,
        },
    )
    path = heads.save(out)
    version = MultilingualReader(topic, heads, lambda: encoder).version
    return HeadsReport(len(labelled), len(vectors.pair_item), model, version, path)


def _vectors(labelled: Sequence[Labelled], topic: Topic, encoder: Encoder, progress: Progress) -> _Vectors:
    matcher = Matcher(topic)
    codes = [theme.code for theme in topic.themes]
    prompts, pair_item, cells, themes, own_prompts, possible, own = [], [], [], [], [], [], []
    for at, one in enumerate(labelled):
        document = make_document(one.item, matcher)
        dyads = matcher.possible(document.strengths)
        for dyad in dyads:
            prompts.append(pair_prompt(document, matcher.sides[dyad], matcher.principals))
            pair_item.append(at)
            cells.append((dyad, one.dyads.get(dyad, NEITHER)))
        if one.relevant:
            own_prompts.append(item_prompt(document, matcher.principals))
            possible.append(dyads)
            own.append(at)
            themes.append([float(code in one.themes) for code in codes])
    if not prompts or not own:
        raise InputError(f"none of {len(labelled)} labelled items names a pair of the topic and concerns it")
    pairs = []
    for at in range(0, len(prompts), _ENCODED_AT_ONCE):
        progress(at, len(prompts), "pairs encoded")
        pairs.append(pair_vectors(encoder, prompts[at : at + _ENCODED_AT_ONCE]))
    items = []
    for at in range(0, len(own), _ENCODED_AT_ONCE):
        progress(at, len(own), "items encoded")
        chosen = slice(at, at + _ENCODED_AT_ONCE)
        items.append(item_vectors(encoder, own_prompts[chosen], possible[chosen], topic.dyads))
    return _Vectors(
        np.concatenate(pairs),
        np.asarray(pair_item, dtype=np.int64),
        tuple(cells),
        np.concatenate(items),
        np.asarray(own, dtype=np.int64),
        np.asarray(themes),
        np.asarray([HARD_WEIGHT if one.hard else 1.0 for one in labelled]),
    )


def _fit(vectors: _Vectors, pair_rows: Reals | Ints, item_rows: Reals | Ints) -> _Fitted:
    label = np.asarray([stance for _, stance in vectors.pair_cell])
    concerns = label != NEITHER
    rows = np.flatnonzero(pair_rows)
    told = rows[concerns[rows]]
    if len(set(label[told].tolist())) < 2 or len(told) == len(rows):
        raise InputError(
            f"{len(vectors.hard)} labelled items are too few to train on: each fold needs at least two stances, and "
            "items that name two actors but concern no dyad"
        )
    hard = vectors.hard[vectors.pair_item]
    cells = Counter(vectors.pair_cell[row] for row in told)
    balance = np.asarray([cells[vectors.pair_cell[row]] ** -BALANCE for row in told])
    stance_y = (label[told, None] == np.asarray([-1, 0, 1])).astype(np.float64)
    stance = fit_softmax(vectors.pairs[told], stance_y, hard[told] * balance / balance.mean(), STANCE_C)
    gate_y = concerns[rows, None].astype(np.float64)
    gate = fit_binary(vectors.pairs[rows], gate_y, hard[rows, None], GATE_C)
    themes = vectors.themes[np.flatnonzero(item_rows)]
    share = np.clip(themes.mean(axis=0), 1 / len(themes), 1 - 1 / len(themes))
    lift = np.where(themes == 1, ((1 - share) / share) ** BALANCE, 1.0)
    theme = fit_binary(vectors.items[np.flatnonzero(item_rows)], themes, lift, THEME_C)
    return _Fitted(stance, gate, theme)


def _held_out(
    vectors: _Vectors, fitted: _Fitted, pair_rows: Reals | Ints, item_rows: Reals | Ints
) -> tuple[Reals, Ints, Reals, Ints, Reals, Reals]:
    """Logits and truths of what a fold left out: stance, gate, themes."""
    rows = np.flatnonzero(pair_rows)
    label = np.asarray([vectors.pair_cell[row][1] for row in rows], dtype=np.int64)
    told = label != NEITHER
    x = vectors.pairs[rows]
    items = np.flatnonzero(item_rows)
    return (
        fitted.stance.logits(x[told]),
        label[told] + 1,
        fitted.gate.logits(x)[:, 0],
        told.astype(np.int64),
        fitted.theme.logits(vectors.items[items]),
        vectors.themes[items],
    )
