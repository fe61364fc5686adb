"""How far two readers agree: Cohen's kappa on relevance, dyads and stance, the main theme, and where they differ."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from classify.labelling import Label

SHOWN = 20
"""Items on which readers differ that are listed by id."""
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement beyond chance (Cohen 1960, eq. 1) over *n* decisions, with its standard error (eq. 7).

    `value` is None where it has no meaning: no decisions, or both readers gave one and the same answer throughout.
    The error takes the decisions for independent, which the dyads of one item are not quite.
    """

    n: int
    observed: float
    value: float | None
    error: float

    def __str__(self) -> str:
        if not self.n:
            return "no decisions"
        if self.value is None:
            return f"always the same answer (n = {self.n:,}): kappa has no meaning"
        return f"kappa {self.value:.2f} ± {1.96 * self.error:.2f} (n = {self.n:,}, agree on {self.observed:.0%})"


def cohens_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> Kappa:
    """Kappa of two readers' answers, pair by pair.

    >>> cohens_kappa([(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15).value
    0.4
    """
    n = len(pairs)
    if not n:
        return Kappa(0, 0.0, None, 0.0)
    observed = sum(one == other for one, other in pairs) / n
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(count * second[answer] for answer, count in first.items()) / n**2
    if chance == 1.0:
        return Kappa(n, observed, None, 0.0)
    error = math.sqrt(observed * (1 - observed) / n) / (1 - chance)
    return Kappa(n, observed, round((observed - chance) / (1 - chance), 12), error)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two readers compared on the items that both labelled.

    `dyads` asks of every item and dyad whether the item concerns it; `stance` compares the stances where both say that
    it does. `main_theme` is the share of items, relevant to both, with the same main theme. `cells` counts, by dyad,
    the answers on which they differ; `differing` lists the ids of items on which they differ in any of these.
    """

    first: str
    second: str
    items: int
    relevance: Kappa
    dyads: Kappa
    stance: Kappa
    main_theme: float | None
    themed: int
    cells: dict[tuple[str, str, str], int]
    differing: tuple[str, ...]

    def figures(self) -> str:
        """The figures alone, without where the readers differ."""
        if not self.items:
            return f"{self.first} and {self.second} have no item in common"
        theme = f"same in {self.main_theme:.0%}" if self.main_theme is not None else "no relevant items"
        return (
            f"{self.first} and {self.second}, {self.items:,} items in common\n"
            f"  relevance   {self.relevance}\n"
            f"  dyads       {self.dyads}\n"
            f"  stance      {self.stance}\n"
            f"  main theme  {theme} (n = {self.themed:,})"
        )

    def __str__(self) -> str:
        lines = [self.figures()]
        if self.cells:
            lines.append(f"  differences, dyad: {self.first} / {self.second}")
            ordered = sorted(self.cells.items(), key=lambda cell: (-cell[1], cell[0]))
            lines += [f"    {dyad}: {one} / {other}  {count}×" for (dyad, one, other), count in ordered]
        if self.differing:
            more = f" and {len(self.differing) - SHOWN:,} more" if len(self.differing) > SHOWN else ""
            lines.append(f"  items to talk about: {', '.join(self.differing[:SHOWN])}{more}")
        return "\n".join(lines)


def agreement(
    first: Mapping[str, Label], second: Mapping[str, Label], dyads: Sequence[str], names: tuple[str, str]
) -> Agreement:
    """Compare two readers' labels by item id; *dyads* are those of the topic."""
    common = [(key, first[key], second[key]) for key in first if key in second]
    concerns = [(d in one.dyads, d in other.dyads) for _, one, other in common for d in dyads]
    stances = [
        (one.dyads[d], other.dyads[d]) for _, one, other in common for d in dyads if d in one.dyads and d in other.dyads
    ]
    themes = [_main(one) == _main(other) for _, one, other in common if one.relevant and other.relevant]
    cells = Counter(
        (d, _answer(one, d), _answer(other, d))
        for _, one, other in common
        for d in dyads
        if one.dyads.get(d) != other.dyads.get(d)
    )
    return Agreement(
        *names,
        items=len(common),
        relevance=cohens_kappa([(one.relevant, other.relevant) for _, one, other in common]),
        dyads=cohens_kappa(concerns),
        stance=cohens_kappa(stances),
        main_theme=sum(themes) / len(themes) if themes else None,
        themed=len(themes),
        cells=dict(cells),
        differing=tuple(
            key for key, one, other in common if dict(one.dyads) != dict(other.dyads) or _main(one) != _main(other)
        ),
    )


def _main(label: Label) -> str:
    return label.themes[0] if label.themes else ""


def _answer(label: Label, dyad: str) -> str:
    stance = label.dyads.get(dyad)
    return _NONE if stance is None else f"{stance:+d}" if stance else "0"
