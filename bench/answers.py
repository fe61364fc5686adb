"""What a reader under measurement answers, from a model at hand or from a file of predictions made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classify.labelled import Labelled
from classify.model import DyadReading, Read, ThemeReading
from ingest.jsonl import iter_jsonl
from store.errors import InputError

CONCERNS = 0.5
"""Probability from which a dyad counts as read."""
THEME = 0.5
MOST_THEMES = 3
_Prediction = tuple[Read, dict[str, DyadReading], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Answers:
    """Readings; the stance of every dyad on which the reader has one; how likely each is concerned. Item by item."""

    reads: tuple[Read, ...]
    stances: tuple[dict[str, DyadReading], ...]
    p_concerns: tuple[dict[str, float], ...]


def of_reads(reads: Sequence[Read]) -> Answers:
    """Answers of a reader that has a stance only on the dyads that it reads."""
    concerns = tuple(dict.fromkeys(read.dyads, read.p_relevant) for read in reads)
    return Answers(tuple(reads), tuple(read.dyads for read in reads), concerns)


def stance_of(p: Sequence[float]) -> DyadReading:
    """The reading with these probabilities of -1, 0 and +1, scaled to sum to one."""
    total = sum(p)
    minus, zero, plus = (value / total for value in p)
    return DyadReading(max(range(3), key=lambda at: p[at]) - 1, (minus, zero, plus))


class Predictions:
    """Predictions from a file, a line an item, as docs/reading.md describes: for readers too costly to train here.

    A line may name its ``split``, since a held-out prediction belongs to one; a line without counts for every split, as
    that of a reader does which was never trained on the set.

    Raises:
        InputError: a line is malformed; the message names it.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._by_split: dict[str, dict[str, _Prediction]] = {}
        for line in iter_jsonl(path):
            where = f"{path}, line {line.number}"
            if line.value is None:
                raise InputError(f"{where}: {line.reason}")
            split, identity = str(line.value.get("split") or ""), str(line.value.get("id", ""))
            own = self._by_split.setdefault(split, {})
            if identity in own:
                raise InputError(f"{where}: a second prediction for {identity!r} in the split {split!r}")
            own[identity] = _prediction(name, identity, line.value, where)

    def answers(self, split: str, tested: Sequence[Labelled]) -> Answers | None:
        """The answers for *tested*, or None where the file has none for this split.

        Raises:
            InputError: it has some, but not all: half a split would be compared with a whole one.
        """
        own = self._by_split.get(split) or self._by_split.get("")
        if own is None:
            return None
        missing = [one.item.id for one in tested if one.item.id not in own]
        if missing:
            raise InputError(
                f"predictions {self.name!r} lack {len(missing):,} of {len(tested):,} items of the split {split!r}, "
                f"for example {missing[0]!r}"
            )
        held = [own[one.item.id] for one in tested]
        return Answers(*zip(*held, strict=True)) if held else Answers((), (), ())


def _prediction(name: str, identity: str, value: Mapping[str, Any], where: str) -> _Prediction:
    dyads, concerns = value.get("dyads"), value.get("p_concerns")
    if not identity or not isinstance(dyads, dict) or not isinstance(concerns, dict):
        raise InputError(f"{where}: a prediction needs 'id', 'dyads' and 'p_concerns' (mappings)")
    for dyad, p in dyads.items():
        if not isinstance(p, list) or len(p) != 3 or not all(_probability(one) for one in p) or sum(p) <= 0:
            raise InputError(f"{where}: {dyad} needs the probabilities of -1, 0 and +1, found {p!r}")
        if not _probability(concerns.get(dyad)):
            raise InputError(f"{where}: 'p_concerns' has no probability for {dyad}")
    stances = {dyad: stance_of(p) for dyad, p in dyads.items()}
    read = {dyad: stance for dyad, stance in stances.items() if concerns[dyad] >= CONCERNS}
    p_relevant = max((float(concerns[dyad]) for dyad in dyads), default=0.0)
    themes = _themes(value.get("themes") or {}, where) if read else ()
    return Read(identity, bool(read), p_relevant, name, read, themes), stances, {dyad: concerns[dyad] for dyad in dyads}


def _themes(value: Any, where: str) -> tuple[ThemeReading, ...]:
    """Either codes that the reader chose, the main one first, or probabilities: the likeliest and those from 0.5 on."""
    if isinstance(value, list) and all(isinstance(code, str) for code in value):
        return tuple(ThemeReading(code, 1.0) for code in value[:MOST_THEMES])
    if isinstance(value, dict) and all(_probability(p) for p in value.values()):
        order = sorted(value, key=lambda code: (-value[code], code))
        chosen = [code for at, code in enumerate(order) if at == 0 or value[code] >= THEME]
        return tuple(ThemeReading(code, float(value[code])) for code in chosen[:MOST_THEMES])
    raise InputError(f"{where}: 'themes' is a list of codes, or a mapping of codes to probabilities")


def _probability(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
