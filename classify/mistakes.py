"""Where a reading differs from the label, by kind, the most confident first: what to look at to read better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from classify.evaluate import Measured
from classify.labelled import Labelled
from classify.model import DyadReading, Read


class Kind(StrEnum):
    """What went wrong; in the order in which it matters to a digest."""

    OPPOSITE = "opposite sign"
    DIRECTION_MISSED = "direction missed"
    DIRECTION_INVENTED = "direction invented"
    MISSED_DYAD = "missed dyad"
    INVENTED_DYAD = "invented dyad"
    WRONG_MAIN_THEME = "wrong main theme"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One difference between label and reading.

    `gold` and `read` are stances, or themes, or None where a dyad was not named. `confidence` is the probability that
    the reader gave to what it answered. `possible` is False where the names of the item do not allow the dyad, so that
    no model was asked.
    """

    kind: Kind
    labelled: Labelled
    dyad: str
    gold: int | str | None
    read: int | str | None
    confidence: float
    p: tuple[float, float, float] | None
    p_concerns: float | None
    evidence: str | None
    possible: bool = True


def find_mistakes(measured: Measured) -> list[Mistake]:
    """Every mistake: kinds in their order, within a kind the most confident first."""
    order = list(Kind)
    found = [
        mistake
        for one, read, stances, concerns in zip(
            measured.labelled, measured.reads, measured.stances, measured.p_concerns, strict=True
        )
        for mistake in _of_item(one, read, stances, concerns)
    ]
    return sorted(found, key=lambda m: (order.index(m.kind), -m.confidence, m.labelled.item.id, m.dyad))


def _of_item(
    one: Labelled, read: Read, stances: dict[str, DyadReading], concerns: dict[str, float]
) -> Iterator[Mistake]:
    for dyad in sorted(set(one.dyads) | set(read.dyads)):
        gold = one.dyads.get(dyad)
        reading = read.dyads.get(dyad)
        p_concerns = concerns.get(dyad)
        if reading is None:
            other = stances.get(dyad)
            # A backend that tells no probability for a dyad it left out tells at least the item's.
            sure = 1 - (p_concerns if p_concerns is not None else 0.0 if read.relevant else read.p_relevant)
            p = other.p if other else None
            yield Mistake(
                Kind.MISSED_DYAD, one, dyad, gold, None, sure, p, p_concerns, read.evidence, possible=other is not None
            )
        elif gold is None:
            sure = p_concerns if p_concerns is not None else read.p_relevant
            yield Mistake(
                Kind.INVENTED_DYAD, one, dyad, None, reading.stance, sure, reading.p, p_concerns, read.evidence
            )
        elif gold != reading.stance:
            kind = (
                Kind.DIRECTION_INVENTED
                if gold == 0
                else Kind.DIRECTION_MISSED
                if reading.stance == 0
                else Kind.OPPOSITE
            )
            yield Mistake(
                kind, one, dyad, gold, reading.stance, max(reading.p), reading.p, p_concerns, read.evidence
            )  # fmt: skip
    if one.themes and read.themes and one.themes[0] != read.themes[0].code:
        main = read.themes[0]
        yield Mistake(
            Kind.WRONG_MAIN_THEME, one, "", one.themes[0], main.code, main.p, None, None, read.evidence
        )  # fmt: skip
