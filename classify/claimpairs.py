"""Headlines judged against the claims: how well the nearest claims and their relations are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from classify.model import ClaimMatch, DyadReading, Item, ThemeReading
from ingest.jsonl import iter_jsonl
from store.errors import InputError
from store.settings import ROOT

PAIRS = ROOT / "classify" / "examples" / "claims" / "pairs.jsonl"
RELATIONS = frozenset({"supports", "undercuts", "mentions"})
_SURE = {-1: (0.88, 0.08, 0.04), 0: (0.08, 0.84, 0.08), 1: (0.04, 0.08, 0.88)}
_MAIN, _FURTHER = 0.8, 0.6


class Use(StrEnum):
    """What a pair is for: words and weights were made with the one kind known; the other is reported.

    The thresholds were chosen with the figures of both in view.
    """

    SET = "set"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Pair:
    """An item with the claims that it bears on, each with the relation; none where no claim of ours fits.

    `dyads` and `themes` are its labels, so that the claims can be measured apart from the reading.
    """

    item: Item
    dyads: Mapping[str, int]
    themes: tuple[str, ...]
    fitting: Mapping[str, str]
    use: Use

    def as_labelled(self) -> tuple[dict[str, DyadReading], tuple[ThemeReading, ...]]:
        """The reading of a reader who is sure and right."""
        themes = (ThemeReading(code, _FURTHER if at else _MAIN) for at, code in enumerate(self.themes))
        return {dyad: DyadReading(stance, _SURE[stance]) for dyad, stance in self.dyads.items()}, tuple(themes)


@dataclass(frozen=True, slots=True)
class ClaimFigures:
    """Shares from 0 to 1, None where nothing was counted.

    `apt`: of the nearest claims given, those that fit. `found`: of the items that a claim fits, those whose nearest
    claim does; `among`: those with a fitting one among up to three. `abstained` and `silent`: precision and recall of
    giving none. `relation`: of the fitting nearest claims, those with the right relation.
    """

    items: int
    given: int
    apt: float | None
    found: float | None
    among: float | None
    abstained: float | None
    silent: float | None
    relation: float | None


def load_pairs(path: Path = PAIRS) -> list[Pair]:
    """The judged items of *path*.

    Raises:
        InputError: a line is malformed; it is named.
    """
    pairs = []
    for line in iter_jsonl(path):
        if line.value is None:
            raise InputError(f"{path}, line {line.number}: {line.reason}")
        try:
            pairs.append(_pair(line.value))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}, line {line.number}: {type(error).__name__}: {error}") from None
    return pairs


def measure(pairs: Iterable[Pair], find: Callable[[Pair], Sequence[ClaimMatch]]) -> ClaimFigures:
    """Compare what *find* gives, the nearest first, with what was judged."""
    items = given = fit = apt = among = right = silent = rightly_silent = 0
    for pair in pairs:
        items += 1
        fit += bool(pair.fitting)
        found = find(pair)
        if not found:
            silent += 1
            rightly_silent += not pair.fitting
            continue
        given += 1
        among += any(one.id in pair.fitting for one in found)
        if found[0].id in pair.fitting:
            apt += 1
            right += pair.fitting[found[0].id] == found[0].relation
    return ClaimFigures(
        items,
        given,
        _share(apt, given),
        _share(apt, fit),
        _share(among, fit),
        _share(rightly_silent, silent),
        _share(rightly_silent, items - fit),
        _share(right, apt),
    )


def _pair(value: Mapping[str, Any]) -> Pair:
    fitting = {value["claim"]: value["relation"], **value["also"]} if value["claim"] else {}
    if not RELATIONS.issuperset(fitting.values()):
        raise ValueError(f"a relation is one of {', '.join(sorted(RELATIONS))}")
    return Pair(
        Item(value["id"], value["title"], value["text"]),
        value["dyads"],
        tuple(value["themes"]),
        fitting,
        Use(value["use"]),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
