"""What the topic in force calls its ties, states and presses. Every room asks here; none has names of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

from ingest.topic import Topic, load_topic
from store.errors import InputError, SeedError
from store.settings import get_settings

OTHER = "other"
"""The press of everybody else; every topic has it."""


@dataclass(frozen=True, slots=True)
class Ties:
    """The names of a topic, each mapping in the order in which pages show it.

    `sides` gives the two states of a tie, `names` what a reader calls it ("India–Russia" in the shipped topic),
    `actors` the states that take part in a tie, `blocs` the presses.
    """

    dyads: tuple[str, ...]
    sides: Mapping[str, tuple[str, str]]
    names: Mapping[str, str]
    actors: Mapping[str, str]
    blocs: Mapping[str, str]

    @property
    def is_triangle(self) -> bool:
        """Whether the ties are those of three states, each with each: only then is there a triangle to speak of."""
        pairs = {frozenset(pair) for pair in self.sides.values()}
        return len(self.dyads) == 3 and pairs == {frozenset(pair) for pair in combinations(self.actors, 2)}

    def tie(self, one: str, other: str) -> str:
        """The code of the tie between two states.

        Raises:
            KeyError: the topic has no such tie.
        """
        for dyad, sides in self.sides.items():
            if set(sides) == {one, other}:
                return dyad
        raise KeyError(f"{one}, {other}")


def ties() -> Ties:
    """The names of the topic that the settings point to. A process watches one topic.

    Raises:
        SeedError: the seed folder cannot be read.
    """
    return _of_folder(get_settings().seeds_dir)


@lru_cache(maxsize=4)
def _of_folder(folder: Path) -> Ties:
    return ties_of(load_topic(folder))


def ties_of(topic: Topic) -> Ties:
    """The names of *topic*; a state without a name is called by its code.

    Raises:
        SeedError: a dyad does not name two actors.
    """
    sides: dict[str, tuple[str, str]] = {}
    for dyad, pair in topic.actors["dyads"].items():
        if not isinstance(pair, list) or len(pair) != 2:
            raise SeedError(f"{topic.folder / 'actors.yaml'}: dyad {dyad} must name two of the actors, found {pair!r}")
        sides[str(dyad)] = (str(pair[0]), str(pair[1]))
    listed = topic.actors.get("principals") or [side for pair in sides.values() for side in pair]
    actors = {code: _name(topic, code) for code in dict.fromkeys(map(str, listed))}
    names = {dyad: f"{_name(topic, one)}–{_name(topic, other)}" for dyad, (one, other) in sides.items()}
    frozen = MappingProxyType
    return Ties(topic.dyads, frozen(sides), frozen(names), frozen(actors), frozen(dict(topic.blocs)))


def _name(topic: Topic, code: str) -> str:
    actor = (topic.actors.get("actors") or {}).get(code)
    return str(actor.get("name") or code) if isinstance(actor, dict) else code


def known_bloc(code: str) -> str:
    """*code*, if the topic has such a press.

    Raises:
        InputError: it has not; the message lists those that there are.
    """
    blocs = ties().blocs
    if code not in blocs:
        raise InputError(f"press bloc {code!r} is none of {', '.join(blocs)} (press.yaml among the seeds)")
    return code
