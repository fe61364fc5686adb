"""Whether a shift stands without the source that carries most of it, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from alerts.facts import ShiftFact
from alerts.wording import signed, times
from alerts.words import plain


class _Source(NamedTuple):
    """A source that was left out: what it is, the change that remains, whether the shift would have been found."""

    short: str
    name: str
    size: str
    fires: bool | None


def robustness(shift: ShiftFact) -> str:
    """What remains without its top outlet and without its top story, and whether that would have been found as well."""
    evidence = shift.evidence
    if evidence.fragile:
        return f"Handle with care: it {fragile_words(evidence.fragile)}."
    top = f", {plain(evidence.outlets[0].name, 60)}," if evidence.outlets else ""
    sources = [
        _Source(short, name, _size(shift, left), fires)
        for short, name, left, fires in (
            ("that outlet", f"its top outlet{top}", evidence.without_top_outlet, evidence.fires_without_top_outlet),
            ("that story", "its top story", evidence.without_top_story, evidence.fires_without_top_story),
        )
        if left is not None
    ]
    if not sources:
        return ""
    first, *rest = sources
    parts = [f"without {first.name} the change would still be {first.size}"]
    parts += [f"without {one.name} {one.size}" for one in rest]
    return f"It does not rest on one source: {', '.join(parts)}.{_decided_again(sources)}"


def _decided_again(sources: Sequence[_Source]) -> str:
    """Whether there would have been an alarm; a shift that an older version stored was not decided again."""
    if any(source.fires is None for source in sources):
        return ""
    yes = [source.short for source in sources if source.fires]
    no = [source.short for source in sources if not source.fires]
    if not no:
        return f" It would have been found on the same day without {_either(yes)}."
    late = f" The evidence sufficed only just: without {_either(no)} it would not have, yet"
    return f"{late}; without {_either(yes)} it would have all the same." if yes else f"{late}."


def _either(names: Sequence[str]) -> str:
    return " or without ".join(names)


def fragile_words(fragile: str) -> str:
    """The detector's word of a fragile shift as the end of a sentence: *rests on one outlet*."""
    words = plain(fragile, 120).rstrip(".")
    return words if words.startswith("rests ") else f"rests on {words}"


def _size(shift: ShiftFact, value: float) -> str:
    return signed(value) if shift.kind.tone else times(value)
