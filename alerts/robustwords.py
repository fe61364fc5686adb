"""Whether a shift stands without the source that carries most of it, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from alerts.facts import ShiftFact
from alerts.wording import signed, times
from alerts.words import listed, plain


class _Source(NamedTuple):
    """A source that was left out: what it is, the change that remains, whether the shift would have been found."""

    name: str
    size: str
    fires: bool | None


def robustness(shift: ShiftFact) -> str:
    """Whether it would have been found without its top outlet, and without its top story."""
    evidence = shift.evidence
    if evidence.fragile:
        return f"Handle with care: it {fragile_words(evidence.fragile)}."
    top = f"its top outlet {plain(evidence.outlets[0].name, 60)}" if evidence.outlets else "its top outlet"
    sources = [
        _Source(name, _size(shift, left), fires)
        for name, left, fires in (
            (top, evidence.without_top_outlet, evidence.fires_without_top_outlet),
            ("its top story", evidence.without_top_story, evidence.fires_without_top_story),
        )
        if left is not None
    ]
    lines = [
        _found([source for source in sources if source.fires], whole=all(source.fires for source in sources)),
        _not_found([source for source in sources if source.fires is False]),
        _measured([source for source in sources if source.fires is None]),
    ]
    return " ".join(line for line in lines if line)


def _found(sources: Sequence[_Source], *, whole: bool) -> str:
    if not sources:
        return ""
    without = listed([f"without {source.name} ({source.size})" for source in sources])
    said = f"It would have been found on the same day {without}"
    return f"It does not rest on one source: {said[0].lower()}{said[1:]}." if whole else f"{said}."


def _not_found(sources: Sequence[_Source]) -> str:
    if not sources:
        return ""
    without = listed([f"without {source.name} ({source.size} would be left)" for source in sources])
    return f"By that day there would not have been enough evidence for an alarm {without}."


def _measured(sources: Sequence[_Source]) -> str:
    if not sources:
        return ""
    without = listed([f"without {source.name} ({source.size})" for source in sources])
    return f"What would be left of the change: {without}."


def fragile_words(fragile: str) -> str:
    """The detector's word of a fragile shift as the end of a sentence: *rests on one outlet*."""
    words = plain(fragile, 120).rstrip(".")
    return words if words.startswith("rests ") else f"rests on {words}"


def _size(shift: ShiftFact, value: float) -> str:
    return signed(value) if shift.kind.tone else times(value)
