"""How well a backend reads: figures against a labelled set, by cross-validation and on later news of other outlets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from classify.actors import Matcher
from classify.decide import PairScore
from classify.labelled import NEITHER, Labelled, Split, fold_numbers, load_labelled
from classify.linear import LinearModel
from classify.model import Backend, DyadReading, Item, Read
from ingest.topic import Topic
from store.progress import Progress, silent

STANCES = (-1, 0, 1)
_BINS = 10
_BATCH = 100
SLICE = ("items", "relevance", "dyads", "stance", "stance_accuracy", "four_way", "themes", "main_theme", "ece")
"""The figures that are told of a part of a set: one language, one group of outlets."""


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
    (Guo et al. 2017, eq. 3). `confusion` has gold stances as rows, read ones as columns; `confusion_four_way` has a
    last row and column for dyads that the readers, or the backend, did not name. `by_language` and `by_group` (of
    outlets) hold the figures named in `SLICE`, where a set has more than one of them.
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
    relevance_precision: float = 0.0
    relevance_recall: float = 0.0
    dyads_precision: float = 0.0
    dyads_recall: float = 0.0
    pairs: int = 0
    stance_by_dyad: dict[str, float] = field(default_factory=dict)
    four_way_by_dyad: dict[str, float] = field(default_factory=dict)
    dyads_by_dyad: dict[str, float] = field(default_factory=dict)
    theme_f1: dict[str, float] = field(default_factory=dict)
    theme_items: dict[str, int] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=list)
    confusion_four_way: list[list[int]] = field(default_factory=list)
    confusion_by_dyad: dict[str, list[list[int]]] = field(default_factory=dict)
    by_language: dict[str, dict[str, float]] = field(default_factory=dict)
    by_group: dict[str, dict[str, float]] = field(default_factory=dict)

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
            f"relevance F1 {self.relevance:.3f} (P {self.relevance_precision:.3f}, R {self.relevance_recall:.3f}), "
            f"dyads F1 {self.dyads:.3f} (P {self.dyads_precision:.3f}, R {self.dyads_recall:.3f})\n"
            f"stance macro-F1 {self.stance:.3f} (not hard {self.stance_not_hard:.3f}; {by_dyad}), "
            f"accuracy {self.stance_accuracy:.3f}, four-way {self.four_way:.3f}\n"
            f"themes macro-F1 {self.themes:.3f}, main theme right {self.main_theme:.3f}\n"
            f"calibration error: stance {self.ece:.3f}, relevance {self.ece_relevance:.3f}\n"
            f"stance, read as       -1     0    +1\n{rows}"
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """A labelled set with the readings of a backend, position by position, and the figures.

    `stances` and `p_concerns` hold every dyad that the names of an item allow, also those not taken for concerned;
    for a backend that does not tell them, those that it read.
    """

    labelled: tuple[Labelled, ...]
    reads: tuple[Read, ...]
    stances: tuple[dict[str, DyadReading], ...]
    p_concerns: tuple[dict[str, float], ...]
    figures: Evaluation


def evaluate(labelled: Path, backend: Backend) -> Evaluation:
    """Figures of *backend* on a labelled file that it was not trained on."""
    return measure(load_labelled(labelled), backend).figures


def measure(
    labelled: Sequence[Labelled],
    backend: Backend,
    *,
    group_of: Callable[[str], str] | None = None,
    progress: Progress = silent,
) -> Measured:
    """Let *backend* read the items of *labelled*; *group_of* names the group of an outlet."""
    reads: list[Read] = []
    stances: list[dict[str, DyadReading]] = []
    p_concerns: list[dict[str, float]] = []
    for first in range(0, len(labelled), _BATCH):
        part = labelled[first : first + _BATCH]
        part_reads, part_stances, part_concerns = _read(part, backend)
        reads += part_reads
        stances += part_stances
        p_concerns += part_concerns
        progress(len(reads), len(labelled), "items")
    figures = score(labelled, reads, stances, group_of=group_of)
    return Measured(tuple(labelled), tuple(reads), tuple(stances), tuple(p_concerns), figures)


@dataclass(frozen=True, slots=True)
class Gate:
    """How many labelled items and dyads the actor matcher lets through to the model."""

    relevant_items: int
    relevant_items_passed: int
    dyads: int
    dyads_passed: int
    irrelevant_items: int
    irrelevant_items_passed: int

    @property
    def item_recall(self) -> float:
        """Part of the relevant items that can be read at all."""
        return self.relevant_items_passed / max(1, self.relevant_items)

    @property
    def dyad_recall(self) -> float:
        """Part of the labelled dyads that can be read at all."""
        return self.dyads_passed / max(1, self.dyads)


def gate(labelled: Sequence[Labelled], matcher: Matcher) -> Gate:
    """Count what passes the gate; what it loses, no model can find again."""
    found = [set(matcher.dyads(f"{one.item.title}\n{one.item.text}")) for one in labelled]
    relevant = [(one, have) for one, have in zip(labelled, found, strict=True) if one.relevant]
    others = [have for one, have in zip(labelled, found, strict=True) if not one.relevant]
    return Gate(
        relevant_items=len(relevant),
        relevant_items_passed=sum(bool(have) for _, have in relevant),
        dyads=sum(len(one.dyads) for one, _ in relevant),
        dyads_passed=sum(len(have & set(one.dyads)) for one, have in relevant),
        irrelevant_items=len(others),
        irrelevant_items_passed=sum(map(bool, others)),
    )


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
    prepared: Any,
    splits: Sequence[Split],
    topic: Topic,
    *,
    seed: int = 0,
    group_of: Callable[[str], str] | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Train on the first part of each split, read the second; one set of figures over all second parts.

    *prepared* is a `classify.train.Prepared`.
    """
    return measure_splits(prepared, splits, topic, seed=seed, group_of=group_of, progress=progress).figures


def measure_splits(
    prepared: Any,
    splits: Sequence[Split],
    topic: Topic,
    *,
    seed: int = 0,
    group_of: Callable[[str], str] | None = None,
    progress: Progress = silent,
) -> Measured:
    """The readings behind `evaluate_splits`, in the order of the second parts."""
    from classify.train import fit

    tested: list[Labelled] = []
    reads: list[Read] = []
    stances: list[dict[str, DyadReading]] = []
    p_concerns: list[dict[str, float]] = []
    for done, (own, held) in enumerate(splits):
        progress(done, len(splits), "folds")
        model = LinearModel(topic, fit(prepared, own, topic, seed=seed))
        part = [prepared.labelled[at] for at in held]
        part_reads, part_stances, part_concerns = _read(part, model)
        tested += part
        reads += part_reads
        stances += part_stances
        p_concerns += part_concerns
    figures = score(tested, reads, stances, group_of=group_of)
    return Measured(tuple(tested), tuple(reads), tuple(stances), tuple(p_concerns), figures)


def _read(
    items: Sequence[Labelled], backend: Backend
) -> tuple[list[Read], list[dict[str, DyadReading]], list[dict[str, float]]]:
    reads = backend.read([one.item for one in items])
    if isinstance(backend, ScoresPairs):
        scores = [backend.score_pairs(one.item) for one in items]
        return (
            reads,
            [{dyad: pair.stance for dyad, pair in own.items()} for own in scores],
            [{dyad: pair.p_concerns for dyad, pair in own.items()} for own in scores],
        )
    # Such a backend tells one probability for the item; what it left out, it held less likely than not.
    concerned = [dict.fromkeys(read.dyads, read.p_relevant) for read in reads]
    return reads, [read.dyads for read in reads], concerned


def score(
    labelled: Sequence[Labelled],
    reads: Sequence[Read],
    stances: Sequence[dict[str, DyadReading]],
    *,
    group_of: Callable[[str], str] | None = None,
) -> Evaluation:
    """Figures from labels, readings and the stances of all possible dyads, position by position.

    With *group_of*, also the figures of each group of outlets.
    """

    def sliced(keys: list[str]) -> dict[str, dict[str, float]]:
        parts: dict[str, dict[str, float]] = {}
        for key in sorted(set(keys)) if len(set(keys)) > 1 else ():
            at = [index for index, own in enumerate(keys) if own == key]
            whole = _score([labelled[i] for i in at], [reads[i] for i in at], [stances[i] for i in at])
            parts[key or "unknown"] = {name: getattr(whole, name) for name in SLICE}
        return parts

    groups = [group_of(one.item.source) if group_of and one.item.source else "" for one in labelled]
    languages = [one.item.lang for one in labelled]
    return replace(_score(labelled, reads, stances), by_language=sliced(languages), by_group=sliced(groups))


def _score(
    labelled: Sequence[Labelled], reads: Sequence[Read], stances: Sequence[dict[str, DyadReading]]
) -> Evaluation:
    unknown = DyadReading(0, (0.0, 1.0, 0.0))
    gold_pairs: list[tuple[str, int, DyadReading, bool]] = []
    four_of: list[tuple[str, int, int]] = []
    for one, read, stance in zip(labelled, reads, stances, strict=True):
        for dyad, true in one.dyads.items():
            gold_pairs.append((dyad, true, stance.get(dyad, unknown), one.hard))
        for dyad in sorted(set(one.dyads) | set(read.dyads)):
            found = read.dyads[dyad].stance if dyad in read.dyads else NEITHER
            four_of.append((dyad, one.dyads.get(dyad, NEITHER), found))
    pairs = [(true, reading.stance) for _, true, reading, _ in gold_pairs]
    sure = [(true, reading.stance) for _, true, reading, hard in gold_pairs if not hard]
    names = sorted({dyad for dyad, *_ in gold_pairs})
    by_dyad = {name: [(t, r.stance) for dyad, t, r, _ in gold_pairs if dyad == name] for name in names}
    four = [(true, guess) for _, true, guess in four_of]
    four_by_dyad = {name: [(t, g) for dyad, t, g in four_of if dyad == name] for name in names}
    relevance = [(one.relevant, read.relevant) for one, read in zip(labelled, reads, strict=True)]
    exist = [(true != NEITHER, guess != NEITHER) for true, guess in four]
    theme_f1 = _theme_f1(labelled, reads)
    with_theme = [(one.themes[0], read.themes[0].code) for one, read in zip(labelled, reads, strict=True)
                  if one.themes and read.themes]  # fmt: skip
    return Evaluation(
        items=len(labelled),
        relevant=sum(one.relevant for one in labelled),
        relevance=_f1(relevance, True),
        dyads=_f1(exist, True),
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
        relevance_precision=_part(relevance, of=1),
        relevance_recall=_part(relevance, of=0),
        dyads_precision=_part(exist, of=1),
        dyads_recall=_part(exist, of=0),
        pairs=len(pairs),
        stance_by_dyad={name: _macro_f1(own) for name, own in by_dyad.items()},
        four_way_by_dyad={name: _macro_f1(own) for name, own in four_by_dyad.items()},
        dyads_by_dyad={
            name: _f1([(true != NEITHER, guess != NEITHER) for true, guess in own], True)
            for name, own in four_by_dyad.items()
        },
        theme_f1=theme_f1,
        theme_items=dict(sorted(Counter(code for one in labelled for code in one.themes).items())),
        confusion=_confusion(pairs),
        confusion_four_way=_confusion(four, (*STANCES, NEITHER)),
        confusion_by_dyad={name: _confusion(own) for name, own in by_dyad.items()},
    )


def _f1(pairs: Sequence[tuple[object, object]], label: object) -> float:
    hits = sum(true == label and guess == label for true, guess in pairs)
    return 2 * hits / max(1, sum((true == label) + (guess == label) for true, guess in pairs))


def _part(pairs: Sequence[tuple[bool, bool]], *, of: int) -> float:
    """Share of pairs that are (True, True) among those whose side *of* is: recall of side 0, precision of side 1."""
    return sum(true and guess for true, guess in pairs) / max(1, sum(pair[of] for pair in pairs))


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


def _confusion(pairs: Sequence[tuple[int, int]], stances: Sequence[int] = STANCES) -> list[list[int]]:
    count = Counter(pairs)
    return [[count[true, guess] for guess in stances] for true in stances]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value
