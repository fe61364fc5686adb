"""Floors under the reader's figures, pinned in ``floors.json`` to the digest of the set that they were measured on.

A floor only rises by itself. Lowering one is an edit of the file by hand, with a line in CHANGELOG.md that says why.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from classify.labelled import Labelled, digest
from store.errors import InputError

FLOORS = Path(__file__).parent / "floors.json"
SLACK = 0.02
"""How far below what was measured a new floor is set: other processors round the neural reader a little differently."""
MOST_SLACK = 0.03
"""The same for a part of a set, where one item weighs more; a test complains of floors that lie lower still."""

AT_LEAST = (
    "relevance", "dyads", "stance", "stance_not_hard", "four_way", "themes", "main_theme", "gate.items", "gate.dyads",
    "stance_by_dyad.*", "by_language.*.dyads", "by_language.*.stance",
)  # fmt: skip
"""Figures that get a floor: names in the record of an evaluation, ``*`` for each of a kind."""
AT_MOST = ("ece", "ece_relevance")
"""Figures that get a ceiling."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a backend reached on a set, and what it may not fall below.

    `split` is empty where the shipped weights read the whole set; else it names how `bench.reading` split the set to
    train and test. `content` is a digest of the texts, which `digest` (ids, titles, labels) does not cover.
    """

    name: str
    digest: str
    content: str
    items: int
    backend: str
    split: str
    model: str
    figures: dict[str, float]
    floors: dict[str, float]
    ceilings: dict[str, float]


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure beside its floor, or its ceiling."""

    name: str
    figure: float
    bound: float
    at_least: bool

    @property
    def kept(self) -> bool:
        """Whether the figure is on the right side. A figure that is missing (NaN) is not."""
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound

    def __str__(self) -> str:
        word = "at least" if self.at_least else "at most"
        return f"{self.name} {self.figure:.3f}, {word} {self.bound:.3f}" + ("" if self.kept else ": BROKEN")


def content_digest(labelled: Sequence[Labelled]) -> str:
    """Sixteen hex digits over everything that makes a set easier or harder: texts, labels and hard marks."""
    lines = sorted(
        json.dumps([one.item.id, one.item.title, one.item.text, sorted(one.dyads.items()), one.themes, one.hard])
        for one in labelled
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def load_floors(path: Path = FLOORS) -> list[Pinned]:
    """Everything that is pinned; nothing where the file is absent.

    Raises:
        InputError: the file is not what `save_floors` writes.
    """
    if not path.is_file():
        return []
    try:
        return [Pinned(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["sets"]]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is not a file of floors: {error}") from None


def save_floors(pins: Iterable[Pinned], path: Path = FLOORS) -> None:
    """Write *pins*, in a fixed order, so that a change of one shows as a change of one.

    Raises:
        InputError: the file cannot be written.
    """
    ordered = sorted(pins, key=lambda pin: (pin.name, pin.backend, pin.split))
    about = "A floor is never lowered without a line in CHANGELOG.md. `ricwatch evaluate SET --record` raises floors."
    text = json.dumps({"about": about, "sets": [asdict(pin) for pin in ordered]}, indent=2, ensure_ascii=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None


def find(pins: Iterable[Pinned], set_digest: str, backend: str, split: str = "") -> Pinned | None:
    """What is pinned for this set, backend and split."""
    return next((pin for pin in pins if (pin.digest, pin.backend, pin.split) == (set_digest, backend, split)), None)


def bounds(pinned: Pinned, record: Mapping[str, Any]) -> list[Bound]:
    """Each floor and ceiling of *pinned* beside the figure of *record*, an `Evaluation.as_record`."""
    return [
        *(Bound(name, figure_of(record, name), floor, True) for name, floor in pinned.floors.items()),
        *(Bound(name, figure_of(record, name), ceiling, False) for name, ceiling in pinned.ceilings.items()),
    ]


def renewed(
    pins: Sequence[Pinned],
    labelled: Sequence[Labelled],
    record: Mapping[str, Any],
    *,
    name: str,
    backend: str,
    model: str,
    split: str = "",
) -> list[Pinned]:
    """*pins* with the figures of *record* under *name*, and floors that rose with them.

    Floors of an earlier version of the same set are kept: new items are no way to lower one.

    Raises:
        InputError: a floor that is pinned would have to be lowered.
    """
    own = digest(labelled)
    known = next((pin for pin in pins if pin.digest == own), None)
    name = known.name if known else name
    old = next((pin for pin in pins if (pin.name, pin.backend, pin.split) == (name, backend, split)), None)
    figures = {figure: figure_of(record, figure) for figure in (*_named(record, AT_LEAST), *_named(record, AT_MOST))}
    floors = {figure: round(figures[figure] - _slack(figure), 4) for figure in _named(record, AT_LEAST)}
    ceilings = {figure: round(figures[figure] + _slack(figure), 4) for figure in _named(record, AT_MOST)}
    if old:
        broken = [str(bound) for bound in bounds(old, record) if not bound.kept]
        if broken:
            raise InputError(
                f"not recorded, because floors of {name!r} would have to be lowered: {'; '.join(broken)}. If that is "
                "meant, lower them in floors.json by hand, say why in CHANGELOG.md, and record again"
            )
        floors = {figure: max(floor, old.floors.get(figure, floor)) for figure, floor in floors.items()}
        ceilings = {figure: min(most, old.ceilings.get(figure, most)) for figure, most in ceilings.items()}
    new = Pinned(
        name, own, content_digest(labelled), len(labelled), backend, split, model, figures, floors, ceilings
    )  # fmt: skip
    return [*(pin for pin in pins if pin is not old), new]


def figure_of(record: Mapping[str, Any], name: str) -> float:
    """The figure at a dotted *name*, such as ``by_language.hi.stance``; NaN where there is none."""
    value: Any = record
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else math.nan


def _slack(name: str) -> float:
    return MOST_SLACK if name.startswith(("by_language.", "stance_by_dyad.")) else SLACK


def _named(record: Mapping[str, Any], patterns: Iterable[str]) -> list[str]:
    names: list[str] = []
    for pattern in patterns:
        found = [""]
        for part in pattern.split("."):
            found = [
                f"{base}.{key}" if base else key
                for base in found
                for key in (_keys(record, base) if part == "*" else [part])
            ]
        names += [name for name in found if not math.isnan(figure_of(record, name))]
    return names


def _keys(record: Mapping[str, Any], base: str) -> list[str]:
    value: Any = record
    for key in filter(None, base.split(".")):
        value = value.get(key, {}) if isinstance(value, Mapping) else {}
    return sorted(value) if isinstance(value, Mapping) else []
