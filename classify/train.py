"""Training of the embedded backend from a labelled set; the only module that needs scikit-learn (extra ``train``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classify.actors import Matcher
from classify.calibration import Ints, Reals, binary_temperature, sigmoid, temperature, thresholds
from classify.features import DENSE, ItemFeatures, PairFeatures, item_features, pair_features
from classify.labelled import NEITHER, Labelled, digest, fold_numbers, groups
from classify.linear import DENSE_SCALE, load_linear
from classify.model import Item
from classify.parameters import Block, Floats, Parameters, load_parameters
from classify.text import make_document
from ingest.topic import Topic
from store.errors import InputError
from store.progress import Progress, silent

__all__ = ["TrainReport", "fit", "prepare", "train"]

MIN_ITEMS = 3
"""A word in fewer training items is left out."""
STANCE_C, GATE_C, THEME_C = 3.0, 2.0, 4.0
THEME_BALANCE = 0.6
"""Power of the balance between a theme's items and the others; rare themes are never read without it."""
PASSAGE_WEIGHT = 3.0
"""Weight of a seed passage of ``themes.yaml``: few, but typical, and of no outlet's style."""
SECOND_THEME_WEIGHT = 0.7
"""Weight of an item for a theme that is not its main one."""
HARD_WEIGHT = 0.7
"""Weight of an item on which careful readers may differ."""
CELL_BALANCE = 0.5
"""Power of the balance between the stances of a dyad. Most India–China news of the years with labels is divergence; a
model that learns this share as such does not see a thaw, which is what a monitor is for."""
PRIOR_SCALE = 0.2
"""Scale of the indicator of the dyad: small, so that the penalty keeps the prior of a dyad weak, for the same reason.
At 1.0 the pooled macro-F1 on later years is higher by 0.01, and a third of the convergence of India and China lost."""
INNER_FOLDS = 3
_MAX_ITERATIONS = 500


@dataclass(frozen=True, slots=True)
class Prepared:
    """A labelled set with its features, made once for all folds."""

    labelled: tuple[Labelled, ...]
    groups: tuple[int, ...]
    pair_item: Ints
    pair_dyad: tuple[str, ...]
    pair_label: Ints
    pairs: tuple[PairFeatures, ...]
    items: tuple[ItemFeatures, ...]
    passages: tuple[tuple[str, ItemFeatures], ...]
    """Seed passages and descriptions of the themes: code and features."""


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What was trained on what, and where it lies."""

    items: int
    relevant: int
    pairs: int
    words: int
    size: int
    digest: str
    version: str
    path: Path

    def __str__(self) -> str:
        return (
            f"trained {self.version} on {self.items:,} items ({self.relevant:,} relevant, {self.pairs:,} pairs, set "
            f"{self.digest}); {self.words:,} features, {self.size / 1e6:.1f} MB in {self.path}"
        )


def train(
    labelled: Sequence[Labelled], topic: Topic, out: Path, *, seed: int = 0, progress: Progress = silent
) -> TrainReport:
    """Train on *labelled* items and write the weights into the folder *out*. Deterministic for a *seed*.

    Raises:
        InputError: the set is too small.
    """
    prepared = prepare(labelled, topic, progress=progress)
    parameters = fit(prepared, range(len(labelled)), topic, seed=seed, progress=progress)
    path = parameters.save(out)
    kept = load_parameters(out)
    words = sum(len(b.vocabulary) for b in (kept.pair_words, kept.pair_chars, kept.item_words, kept.item_chars))
    return TrainReport(
        items=len(labelled),
        relevant=sum(one.relevant for one in labelled),
        pairs=len(prepared.pairs),
        words=words,
        size=path.stat().st_size,
        digest=digest(labelled),
        version=load_linear(topic, out).version,
        path=path,
    )


def prepare(labelled: Sequence[Labelled], topic: Topic, *, progress: Progress = silent) -> Prepared:
    """Features of every item and of every pair that its names allow."""
    matcher = Matcher(topic)
    pair_item, pair_dyad, pair_label, pairs, items = [], [], [], [], []
    for at, one in enumerate(labelled):
        document = make_document(one.item, matcher)
        items.append(item_features(document))
        for dyad in matcher.possible(document.strengths):
            pair_item.append(at)
            pair_dyad.append(dyad)
            pair_label.append(one.dyads.get(dyad, NEITHER))
            pairs.append(pair_features(document, matcher.sides[dyad], matcher.principals))
        if at % 500 == 0:
            progress(at, len(labelled), "features")
    return Prepared(
        tuple(labelled),
        tuple(groups(labelled)),
        np.asarray(pair_item, dtype=np.int64),
        tuple(pair_dyad),
        np.asarray(pair_label, dtype=np.int64),
        tuple(pairs),
        tuple(items),
        tuple(
            (theme.code, item_features(make_document(_passage(passage), matcher)))
            for theme in topic.themes
            for passage in (*theme.passages, theme.description)
        ),
    )


def _passage(passage: str) -> Item:
    """A passage is a headline with its lead; the headline ends at the first full stop."""
    title, _, text = passage.partition(". ")
    return Item("", title, text)


def fit(
    prepared: Prepared, chosen: Iterable[int], topic: Topic, *, seed: int = 0, progress: Progress = silent
) -> Parameters:
    """Parameters from the items at the positions *chosen*; temperatures and thresholds from inner grouped folds."""
    inside = sorted(set(chosen))
    themes = tuple(theme.code for theme in topic.themes)
    fold = fold_numbers([prepared.groups[at] for at in inside], INNER_FOLDS, seed)
    stance_logits, stance_true, gate_logits, gate_true, theme_logits, theme_true = [], [], [], [], [], []
    for number in range(INNER_FOLDS):
        progress(number, INNER_FOLDS + 1, "inner folds")
        own = [at for at, its in zip(inside, fold, strict=True) if its != number]
        held = [at for at, its in zip(inside, fold, strict=True) if its == number]
        raw = _fit(prepared, own, topic.dyads, themes)
        at_pairs, logits = _pair_logits(prepared, held, raw)
        labels = prepared.pair_label[at_pairs]
        stance_logits.append(logits[labels != NEITHER, :3])
        stance_true.append(labels[labels != NEITHER] + 1)
        gate_logits.append(logits[:, 3])
        gate_true.append(labels != NEITHER)
        relevant = [at for at in held if prepared.labelled[at].relevant]
        theme_logits.append(_item_logits(prepared, relevant, raw))
        theme_true.append(_theme_matrix(prepared, relevant, themes))
    progress(INNER_FOLDS, INNER_FOLDS + 1, "all items")
    raw = _fit(prepared, inside, topic.dyads, themes)
    theme_z, theme_y = np.concatenate(theme_logits), np.concatenate(theme_true)
    theme_t = binary_temperature(theme_z.ravel(), theme_y.ravel())
    return replace(
        raw,
        stance_temperature=temperature(np.concatenate(stance_logits), np.concatenate(stance_true)),
        gate_temperature=binary_temperature(np.concatenate(gate_logits), np.concatenate(gate_true)),
        theme_temperature=theme_t,
        theme_thresholds=thresholds(sigmoid(theme_z / theme_t), theme_y),
        note={
            "items": len(inside),
            "set": digest([prepared.labelled[at] for at in inside]),
            "seed": seed,
            "source": "classify.train",
        },
    )


def _fit(prepared: Prepared, inside: Sequence[int], dyads: Sequence[str], themes: tuple[str, ...]) -> Parameters:
    from scipy import sparse  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression

    mask = np.zeros(len(prepared.labelled), dtype=bool)
    mask[list(inside)] = True
    rows = np.flatnonzero(mask[prepared.pair_item])
    labels = prepared.pair_label[rows]
    words = [prepared.pairs[row].words for row in rows]
    grams = [prepared.pairs[row].grams for row in rows]
    pair_words, pair_chars = _vocabulary(words), _vocabulary(grams)
    dense = np.asarray([prepared.pairs[row].dense for row in rows]) * DENSE_SCALE
    dyad = np.asarray([[float(prepared.pair_dyad[row] == code) for code in dyads] for row in rows]) * PRIOR_SCALE
    base = [_matrix(pair_words, words), _matrix(pair_chars, grams), sparse.csr_matrix(dense)]
    own = [prepared.labelled[at] for at in prepared.pair_item[rows]]
    weight = np.asarray([one.weight * (HARD_WEIGHT if one.hard else 1.0) for one in own])

    concerns = labels != NEITHER
    if len(set(labels[concerns].tolist())) < 2 or concerns.all():
        raise InputError(
            f"{len(inside)} labelled items are too few to train on: each fold needs at least two stances, and items "
            "that name two actors but concern no dyad"
        )
    with_prior = sparse.hstack([*base, sparse.csr_matrix(dyad)]).tocsr()[concerns]
    balance = cell_balance([prepared.pair_dyad[row] for row in rows[concerns]], labels[concerns])
    stance = LogisticRegression(C=STANCE_C, max_iter=_MAX_ITERATIONS)
    stance.fit(with_prior, labels[concerns], weight[concerns] * balance)
    gate = LogisticRegression(C=GATE_C, max_iter=_MAX_ITERATIONS)
    gate.fit(sparse.hstack(base).tocsr(), concerns.astype(int), weight)

    cut = np.cumsum([len(pair_words[0]), len(pair_chars[0]), len(DENSE)])
    columns = np.vstack([_three_rows(stance)[:, : cut[2]], gate.coef_]).T.astype(np.float32)
    prior = _three_rows(stance)[:, cut[2] :] * PRIOR_SCALE

    relevant = [at for at in inside if prepared.labelled[at].relevant]
    features = [*(prepared.items[at] for at in relevant), *(features for _, features in prepared.passages)]
    item_names, item_grams = [one.words for one in features], [one.grams for one in features]
    main = [*(prepared.labelled[at].themes[:1] for at in relevant), *((code,) for code, _ in prepared.passages)]
    all_themes = np.vstack(
        [
            _theme_matrix(prepared, relevant, themes),
            np.asarray([[int(code == own) for code in themes] for own, _ in prepared.passages]).reshape(
                -1, len(themes)
            ),
        ]
    )
    item_weight = [prepared.labelled[at].weight for at in relevant]
    theme_weight = np.append(item_weight, np.full(len(prepared.passages), PASSAGE_WEIGHT))
    item_words, item_chars = _vocabulary(item_names), _vocabulary(item_grams)
    x = sparse.hstack([_matrix(item_words, item_names), _matrix(item_chars, item_grams)]).tocsr()
    theme_columns, theme_bias = _fit_themes(x, all_themes, main, theme_weight, themes)
    first = len(item_words[0])
    return Parameters(
        pair_words=Block(pair_words[0], pair_words[1], columns[: cut[0]]),
        pair_chars=Block(pair_chars[0], pair_chars[1], columns[cut[0] : cut[1]]),
        pair_dense=columns[cut[1] : cut[2]],
        pair_bias=np.append(_three_biases(stance), gate.intercept_).astype(np.float32),
        dyad_prior={code: prior[:, at].astype(np.float32) for at, code in enumerate(dyads)},
        item_words=Block(item_words[0], item_words[1], theme_columns[:first]),
        item_chars=Block(item_chars[0], item_chars[1], theme_columns[first:]),
        item_bias=theme_bias,
        themes=themes,
        theme_thresholds=np.full(len(themes), 0.5, dtype=np.float32),
        stance_temperature=1.0,
        gate_temperature=1.0,
        theme_temperature=1.0,
        note={},
    )


def _three_rows(model: Any) -> Reals:
    """One row per stance -1, 0, +1, also where training lacked one: then it is never the likeliest."""
    rows = np.zeros((3, model.coef_.shape[1]))
    if len(model.classes_) == 2:
        low, high = (int(label) + 1 for label in model.classes_)
        rows[low], rows[high] = -model.coef_[0] / 2, model.coef_[0] / 2
        return rows
    for row, label in zip(model.coef_, model.classes_, strict=True):
        rows[int(label) + 1] = row
    return rows


def _three_biases(model: Any) -> Reals:
    biases = np.full(3, -10.0)
    if len(model.classes_) == 2:
        low, high = (int(label) + 1 for label in model.classes_)
        biases[low], biases[high] = -model.intercept_[0] / 2, model.intercept_[0] / 2
        return biases
    for bias, label in zip(model.intercept_, model.classes_, strict=True):
        biases[int(label) + 1] = bias
    return biases


def _fit_themes(
    x: Any, y: Ints, main: Sequence[tuple[str, ...]], weight: Reals, themes: tuple[str, ...]
) -> tuple[Floats, Floats]:
    from sklearn.linear_model import LogisticRegression

    columns = np.zeros((x.shape[1], len(themes)), dtype=np.float32)
    bias = np.full(len(themes), -10.0, dtype=np.float32)
    for at, code in enumerate(themes):
        has = y[:, at] == 1
        if has.any() and not has.all():
            share = float(weight[has].sum() / weight.sum())
            lift = ((1 - share) / share) ** THEME_BALANCE
            second = np.asarray([SECOND_THEME_WEIGHT if code not in first else 1.0 for first in main])
            own = weight * np.where(has, lift * second, 1.0)
            model = LogisticRegression(C=THEME_C, solver="liblinear", random_state=0).fit(x, y[:, at], own)
            columns[:, at], bias[at] = model.coef_[0], model.intercept_[0]
    return columns, bias


def _vocabulary(names: Sequence[Iterable[str]]) -> tuple[tuple[str, ...], Floats]:
    count: Counter[str] = Counter()
    for one in names:
        count.update(set(one))
    least = min(MIN_ITEMS, max(1, len(names) // 50))
    kept = tuple(sorted(name for name, n in count.items() if n >= least and "\n" not in name))
    idf = np.asarray([np.log((1 + len(names)) / (1 + count[name])) + 1 for name in kept], dtype=np.float32)
    return kept, idf


def _matrix(vocabulary: tuple[tuple[str, ...], Floats], names: Sequence[Iterable[str]]) -> Any:
    from scipy import sparse

    kept, idf = vocabulary
    index = {name: at for at, name in enumerate(kept)}
    rows: list[int] = [0]
    columns: list[int] = []
    values: list[float] = []
    for one in names:
        ids = sorted({at for name in one if (at := index.get(name)) is not None})
        row = idf[ids].astype(np.float64)
        columns.extend(ids)
        values.extend(row / np.sqrt(np.square(row).sum()) if ids else [])
        rows.append(len(columns))
    return sparse.csr_matrix((values, columns, rows), shape=(len(names), len(kept)))


def cell_balance(dyads: Sequence[str], labels: Ints) -> Reals:
    """Weights that even out the stances within each dyad, halfway; their mean is one."""
    cells = Counter(zip(dyads, labels.tolist(), strict=True))
    totals = Counter(dyads)
    weight = np.asarray(
        [
            (totals[dyad] / 3 / cells[dyad, label]) ** CELL_BALANCE
            for dyad, label in zip(dyads, labels.tolist(), strict=True)
        ]
    )
    mean: Reals = weight / weight.mean()
    return mean


def _theme_matrix(prepared: Prepared, positions: Sequence[int], themes: tuple[str, ...]) -> Ints:
    matrix = np.zeros((len(positions), len(themes)), dtype=np.int64)
    column = {code: at for at, code in enumerate(themes)}
    for row, at in enumerate(positions):
        for code in prepared.labelled[at].themes:
            if code in column:
                matrix[row, column[code]] = 1
    return matrix


def _pair_logits(prepared: Prepared, held: Sequence[int], raw: Parameters) -> tuple[Ints, Reals]:
    mask = np.zeros(len(prepared.labelled), dtype=bool)
    mask[list(held)] = True
    rows = np.flatnonzero(mask[prepared.pair_item])
    logits = np.zeros((len(rows), 4))
    for at, row in enumerate(rows):
        pair = prepared.pairs[row]
        logits[at] = raw.pair_words.score(pair.words) + raw.pair_chars.score(pair.grams) + raw.pair_bias
        logits[at] += np.asarray(pair.dense) * DENSE_SCALE @ raw.pair_dense
        logits[at, :3] += raw.dyad_prior[prepared.pair_dyad[row]]
    return rows, logits


def _item_logits(prepared: Prepared, positions: Sequence[int], raw: Parameters) -> Reals:
    items = [prepared.items[at] for at in positions]
    logits = [raw.item_words.score(item.words) + raw.item_chars.score(item.grams) for item in items]
    return np.asarray(logits, dtype=np.float64).reshape(len(positions), len(raw.themes)) + raw.item_bias
