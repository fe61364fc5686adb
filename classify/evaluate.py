"""How well a backend reads: figures against a labelled set, by cross-validation and on later news of other outlets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from classify.labelled import Labelled, Split, fold_numbers, load_labelled
from classify.linear import LinearModel, PairScore
from classify.model import Backend, DyadReading, Item, Read
from ingest.topic import Topic
from store.progress import Progress, silent

STANCES = (-1, 0, 1)
_NEITHER = 9
_BINS = 10


@runtime_checkable
class ScoresPairs(Protocol):
    """A backend that tells the stance also of pairs that it does not take for concerned."""

    def score_pairs(self, item: Item) -> dict[str, PairScore]: ...


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one backend on one labelled set.

    `stance` is the macro-F1 over -1, 0, +1 on the dyads that the readers named; a dyad whose names the backend does
    not find counts as 0. `four_way` is the macro-F1 over the same three when the backend must find the dyads too, so
    that a missed or invented dyad is an error. `ece` is the expected calibration error of the stance in ten bins
    (Guo et al. 2017, eq. 3). `confusion` has gold stances as rows, read ones as columns.
    """

    items: int
    relevant: int
    relevance: float
    dyads: float
    stance: float
    stance_not_hard: float
    stance_accuracy: float
    four_way: float
    themes: float
    main_theme: float
    ece: float
    ece_relevance: float
    stance_by_dyad: dict[str, float] = field(default_factory=dict)
    theme_f1: dict[str, float] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=list)
    confusion_by_dyad: dict[str, list[list[int]]] = field(default_factory=dict)

    def as_record(self) -> dict[str, Any]:
        """The figures, rounded, for a JSON file."""
        return {key: _rounded(value) for key, value in asdict(self).items()}

    def __str__(self) -> str:
        rows = "\n".join(
            f"  gold {stance:+d}: " + " ".join(f"{n:5d}" for n in row)
            for stance, row in zip(STANCES, self.confusion, strict=True)
        )
        by_dyad = ", ".join(f"{dyad} {value:.3f}" for dyad, value in self.stance_by_dyad.items())
        return (
            f"{self.items:,} items, {self.relevant:,} relevant\n"
            f"relevance F1 {self.relevance:.3f}, dyads F1 {self.dyads:.3f}\n"
            f"stance macro-F1 {self.stance:.3f} (not hard {self.stance_not_hard:.3f}; {by_dyad}), "
            f"accuracy {self.stance_accuracy:.3f}, four-way {self.four_way:.3f}\n"
            f"themes macro-F1 {self.themes:.3f}, main theme right {self.main_theme:.3f}\n"
            f"calibration error: stance {self.ece:.3f}, relevance {self.ece_relevance:.3f}\n"
            f"stance, read as       -1     0    +1\n{rows}"
        )


def evaluate(labelled: Path, backend: Backend) -> Evaluation:
    """Figures of *backend* on a labelled file that it was not trained on."""
    items = load_labelled(labelled)
    return score(items, *_read(items, backend))


def cross_validate(
    items: Path, topic: Topic, folds: int = 5, *, seed: int = 0, progress: Progress = silent
) -> Evaluation:
    """Figures of the embedded backend, trained anew for each fold; folds keep a date and near-copies together."""
    from classify.train import prepare

    prepared = prepare(load_labelled(items), topic)
    number = fold_numbers(prepared.groups, folds, seed)
    splits = [
        ([at for at, its in enumerate(number) if its != fold], [at for at, its in enumerate(number) if its == fold])
        for fold in range(folds)
    ]
    return evaluate_splits(prepared, splits, topic, seed=seed, progress=progress)


def evaluate_splits(
    prepared: Any, splits: Sequence[Split], topic: Topic, *, seed: int = 0, progress: Progress = silent
) -> Evaluation:
    """Train on the first part of each split, read the second; one set of figures over all second parts.

    *prepared* is a `classify.train.Prepared`.
    """
    from classify.train import fit

    tested: list[Labelled] = []
    reads: list[Read] = []
    stances: list[dict[str, DyadReading]] = []
    for done, (own, held) in enumerate(splits):
        progress(done, len(splits), "folds")
        model = LinearModel(topic, fit(prepared, own, topic, seed=seed))
        part = [prepared.labelled[at] for at in held]
        part_reads, part_stances = _read(part, model)
        tested += part
        reads += part_reads
        stances += part_stances
    return score(tested, reads, stances)


def _read(items: Sequence[Labelled], backend: Backend) -> tuple[list[Read], list[dict[str, DyadReading]]]:
    reads = backend.read([one.item for one in items])
    if isinstance(backend, ScoresPairs):
        return reads, [{d: s.stance for d, s in backend.score_pairs(one.item).items()} for one in items]
    return reads, [read.dyads for read in reads]


def score(labelled: Sequence[Labelled], reads: Sequence[Read], stances: Sequence[dict[str, DyadReading]]) -> Evaluation:
    """Figures from labels, readings and the stances of all possible dyads, position by position."""
    unknown = DyadReading(0, (0.0, 1.0, 0.0))
    gold_pairs: list[tuple[str, int, DyadReading, bool]] = []
    four: list[tuple[int, int]] = []
    for one, read, stance in zip(labelled, reads, stances, strict=True):
        for dyad, true in one.dyads.items():
            gold_pairs.append((dyad, true, stance.get(dyad, unknown), one.hard))
        for dyad in sorted(set(one.dyads) | set(read.dyads)):
            found = read.dyads[dyad].stance if dyad in read.dyads else _NEITHER
            four.append((one.dyads.get(dyad, _NEITHER), found))
    pairs = [(true, reading.stance) for _, true, reading, _ in gold_pairs]
    sure = [(true, reading.stance) for _, true, reading, hard in gold_pairs if not hard]
    names = sorted({dyad for dyad, *_ in gold_pairs})
    by_dyad = {name: [(t, r.stance) for dyad, t, r, _ in gold_pairs if dyad == name] for name in names}
    found = sum(_NEITHER not in pair for pair in four)
    theme_f1 = _theme_f1(labelled, reads)
    with_theme = [(one.themes[0], read.themes[0].code) for one, read in zip(labelled, reads, strict=True)
                  if one.themes and read.themes]  # fmt: skip
    return Evaluation(
        items=len(labelled),
        relevant=sum(one.relevant for one in labelled),
        relevance=_f1([(one.relevant, read.relevant) for one, read in zip(labelled, reads, strict=True)], True),
        dyads=2 * found / max(1, sum((true != _NEITHER) + (guess != _NEITHER) for true, guess in four)),
        stance=_macro_f1(pairs),
        stance_not_hard=_macro_f1(sure),
        stance_accuracy=sum(true == guess for true, guess in pairs) / max(1, len(pairs)),
        four_way=_macro_f1(four),
        themes=sum(theme_f1.values()) / max(1, len(theme_f1)),
        main_theme=sum(true == guess for true, guess in with_theme) / max(1, len(with_theme)),
        ece=_ece([(max(reading.p), reading.stance == true) for _, true, reading, _ in gold_pairs]),
        ece_relevance=_ece(
            [
                (max(read.p_relevant, 1 - read.p_relevant), read.relevant == one.relevant)
                for one, read in zip(labelled, reads, strict=True)
            ]
        ),
        stance_by_dyad={name: _macro_f1(own) for name, own in by_dyad.items()},
        theme_f1=theme_f1,
        confusion=_confusion(pairs),
        confusion_by_dyad={name: _confusion(own) for name, own in by_dyad.items()},
    )


def _f1(pairs: Sequence[tuple[object, object]], label: object) -> float:
    hits = sum(true == label and guess == label for true, guess in pairs)
    return 2 * hits / max(1, sum((true == label) + (guess == label) for true, guess in pairs))


def _macro_f1(pairs: Sequence[tuple[int, int]]) -> float:
    present = [stance for stance in STANCES if any(true == stance for true, _ in pairs)]
    return sum(_f1(pairs, stance) for stance in present) / max(1, len(present))


def _theme_f1(labelled: Sequence[Labelled], reads: Sequence[Read]) -> dict[str, float]:
    """F1 per theme over items that are relevant and were found so."""
    both = [(one, read) for one, read in zip(labelled, reads, strict=True) if one.relevant and read.relevant]
    codes = sorted({code for one, _ in both for code in one.themes})
    return {
        code: _f1([(code in one.themes, code in {theme.code for theme in read.themes}) for one, read in both], True)
        for code in codes
    }


def _ece(sure: Sequence[tuple[float, bool]]) -> float:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in sure:
        bins.setdefault(min(int(confidence * _BINS), _BINS - 1), []).append((confidence, right))
    gaps = (abs(sum(c for c, _ in held) - sum(right for _, right in held)) for held in bins.values())
    return sum(gaps) / max(1, len(sure))


def _confusion(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    return [[sum(t == true and g == guess for t, g in pairs) for guess in STANCES] for true in STANCES]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value
