"""Who is in a text: exact, fast, longest match over the names of ``seeds/actors.yaml``, in any script.

One automaton holds every name, metonym and trap, so a headline is scanned once, whatever the number of names.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import ahocorasick

from ingest.topic import Topic
from store.errors import SeedError

NAMES = 1.0
"""Strength of a word that names the state: its name, demonym, capital, leader, ministry, forces or state firm."""
IMPLIES = 0.6
"""Strength of a word that only points to the state: S-400, yuan, Ladakh."""
HINTS = 0.3
"""Strength of a word that makes the state possible beside the name of another: Ukraine for Russia, SCO for all."""

_STRENGTH = {"implies": IMPLIES, "hints": HINTS}
_ENOUGH = 1.2 - 1e-9  # named and hinted, or both implied; not implied and hinted
_LOWER_FEED = 0.01  # below this share of capitals a text comes from a feed that is lower-cased throughout
_TYPOGRAPHY = {"’": "'", "‘": "'", "ʼ": "'", "–": "-", "—": "-", "‑": "-", "‐": "-", "\u00a0": " ", "\t": " "}


class Kind(StrEnum):
    """What a matched span is."""

    ACTOR = "actor"
    METONYM = "metonym"
    TRAP = "trap"


@dataclass(frozen=True, slots=True)
class Mention:
    """An actor named at ``text[start:end]``; a metonym of a dyad gives a mention of each side."""

    actor: str
    start: int
    end: int
    strength: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A matched span with everything that it means. A trap has no actors.

    `group` is the group of ``actors.yaml`` that the name stands in: names, capital, leaders, implies …
    """

    start: int
    end: int
    kind: Kind
    actors: tuple[tuple[str, float], ...]
    dyads: tuple[str, ...]
    group: str


@dataclass(slots=True)
class _Entry:
    """A key of the automaton: what it means, and when it counts."""

    key: str
    kind: Kind
    actors: dict[str, float]
    dyads: set[str]
    group: str
    stem: bool = False
    spaced: bool = True
    as_written: str = ""
    never: str = ""
    capitalised: bool = False
    guards: tuple[str, ...] = ()

    def end_of(self, lower: str, start: int, end: int) -> int:
        """Where the word found at ``[start:end]`` ends, its inflection included; 0 when it is a part of another."""
        if not self.spaced:
            return end
        if start and _in_word(lower[start - 1]):
            return 0
        if self.stem:
            while end < len(lower) and _in_word(lower[end]):
                end += 1
            return end
        return 0 if end < len(lower) and _in_word(lower[end]) else end

    def counts(self, seen: _Seen, start: int, end: int) -> bool:
        """Whether the rules of case and the guards let it count there."""
        if self.as_written or self.never:
            written = seen.plain[start:end]
            if written == self.never or (self.as_written and written != self.as_written):
                return False
        if not (self.capitalised or self.guards):
            return True
        small = seen.plain[start].isalpha() and seen.plain[start] == seen.lower[start]
        if self.capitalised and small and not seen.is_lower_feed():
            return False
        look = small or not self.capitalised
        return not (look and any(word in seen.lower for word in self.guards))


@dataclass(slots=True)
class _Seen:
    """A text in plain typography, as written and in lower case; the rest is found out when asked for."""

    plain: str
    lower: str
    lower_feed: bool | None = None

    def is_lower_feed(self) -> bool:
        """Whether the text has next to no capitals, as whole feeds do."""
        if self.lower_feed is None:
            letters = sum(map(str.isalpha, self.plain))
            self.lower_feed = sum(map(str.isupper, self.plain)) < _LOWER_FEED * letters
        return self.lower_feed


class Matcher:
    """Finds the actors of *topic* in a text.

    A name counts where it stands as a whole word (Chinese has no word boundaries and is exempt), as the rules under
    ``case`` and ``guards`` of ``actors.yaml`` allow, and where no longer name or trap covers it.

    Raises:
        SeedError: ``actors.yaml`` names an unknown actor or dyad, or a group is not a list of words.
    """

    def __init__(self, topic: Topic) -> None:
        self._where = topic.folder / "actors.yaml"
        actors = topic.actors
        self.sides: dict[str, tuple[str, str]] = {}
        known = self._section(actors, "actors")
        for dyad, sides in self._section(actors, "dyads").items():
            if not isinstance(sides, list) or len(sides) != 2 or not all(side in known for side in sides):
                raise SeedError(f"{self._where}: dyad {dyad} must name two of the actors, found {sides!r}")
            self.sides[str(dyad)] = (sides[0], sides[1])
        self.principals = frozenset(actors.get("principals") or (side for pair in self.sides.values() for side in pair))
        self._entries: dict[str, _Entry] = {}
        self._collect(actors)
        self._refine(actors)
        self._automaton: Any = ahocorasick.Automaton()
        for key, entry in self._entries.items():
            self._automaton.add_word(key, entry)
        self._automaton.make_automaton()

    def hits(self, text: str) -> list[Hit]:
        """Every span that counts, in order, without overlap."""
        return [_as_hit(start, end, entry) for start, end, entry in self._spans(text)]

    def mentions(self, text: str) -> list[Mention]:
        """Every mention of an actor, in order of appearance.

        >>> matcher = Matcher(example_topic())
        >>> [(m.actor, m.start, m.end) for m in matcher.mentions("India eyes Indian Ocean bases")]
        [('IN', 0, 5)]
        """
        return [
            Mention(actor, start, end, strength)
            for start, end, entry in self._spans(text)
            for actor, strength in entry.actors.items()
        ]

    def dyads(self, text: str) -> list[str]:
        """The dyads that *text* can be about: the strongest mentions of their two sides add up to 1.2."""
        strengths: dict[str, float] = {}
        for _, _, entry in self._spans(text):
            for actor, strength in entry.actors.items():
                strengths[actor] = max(strength, strengths.get(actor, 0.0))
        return self.possible(strengths)

    def possible(self, strengths: Mapping[str, float]) -> list[str]:
        """The dyads whose sides are strong enough, given the strongest mention of each actor."""
        return [
            dyad
            for dyad, (a, b) in self.sides.items()
            if a in strengths and b in strengths and strengths[a] + strengths[b] >= _ENOUGH
        ]

    def names_two(self, text: str) -> bool:
        """Whether *text* is worth storing: it can be about a dyad.

        Recall comes first here, since what is not stored is lost; precision is the business of the reading model.
        """
        return bool(self.dyads(text))

    def _spans(self, text: str) -> list[tuple[int, int, _Entry]]:
        plain = _plain(text)
        lower = plain.lower()
        if len(lower) != len(plain):  # "İ".lower() is two characters long; offsets must stay those of the text
            lower = "".join(low if len(low := char.lower()) == 1 else char for char in plain)
        seen = _Seen(plain, lower)
        found = [
            (start, end, entry)
            for last, entry in self._automaton.iter(lower)
            if (end := entry.end_of(lower, start := last + 1 - len(entry.key), last + 1))
            and entry.counts(seen, start, end)
        ]
        return _longest(found)

    def _collect(self, actors: Mapping[str, Any]) -> None:
        for code, actor in self._section(actors, "actors").items():
            for group, words in actor.items():
                if group == "name":
                    continue
                strength = _STRENGTH.get(group, NAMES)
                for word in self._words(words, f"actors.{code}.{group}"):
                    self._add(word, Kind.ACTOR, {code: strength}, (), group)
        for dyad, words in (actors.get("metonyms") or {}).items():
            if dyad not in self.sides:
                raise SeedError(f"{self._where}: metonyms of {dyad!r}, which is no dyad")
            sides = dict.fromkeys(self.sides[dyad], NAMES)
            for word in self._words(words, f"metonyms.{dyad}"):
                self._add(word, Kind.METONYM, sides, (dyad,), "metonyms")
        everyone = dict.fromkeys(sorted(self.principals), NAMES)
        for word in self._words(actors.get("triangle") or [], "triangle"):
            self._add(word, Kind.METONYM, everyone, tuple(self.sides), "triangle")
        for word in self._words(actors.get("traps") or [], "traps"):
            self._add(word, Kind.TRAP, {}, (), "traps")

    def _refine(self, actors: Mapping[str, Any]) -> None:
        """Put the rules of ``case`` and ``guards`` on the entries; a rule for a word that no actor has is an error."""
        case = actors.get("case") or {}
        for rule in case:
            if rule not in ("as_written", "never", "capitalised"):
                raise SeedError(f"{self._where}: case.{rule} is no rule; there are as_written, never, capitalised")
            for word in self._words(case[rule], f"case.{rule}"):
                entry = self._entry(word, f"case.{rule}")
                if rule == "capitalised":
                    entry.capitalised = True
                else:
                    setattr(entry, rule, word.rstrip("*"))
        for word, others in (actors.get("guards") or {}).items():
            entry = self._entry(word, "guards")
            entry.guards = tuple(other.lower() for other in self._words(others, f"guards.{word}"))

    def _entry(self, word: str, where: str) -> _Entry:
        entry = self._entries.get(_key(word))
        if entry is None:
            raise SeedError(f"{self._where}: {where} has {word!r}, which stands under no actor, metonym or trap")
        return entry

    def _add(self, word: str, kind: Kind, actors: dict[str, float], dyads: Iterable[str], group: str) -> None:
        key = _key(word)
        if not key:
            raise SeedError(f"{self._where}: an empty word in group {group!r}")
        entry = self._entries.get(key)
        if entry is None:
            entry = _Entry(key, kind, {}, set(), group, stem=word.endswith("*"), spaced=not _is_cjk(key[0]))
            self._entries[key] = entry
        for actor, strength in actors.items():
            entry.actors[actor] = max(strength, entry.actors.get(actor, 0.0))
        entry.dyads.update(dyads)
        if kind is Kind.METONYM:
            entry.kind, entry.group = kind, group

    def _section(self, actors: Mapping[str, Any], name: str) -> dict[str, Any]:
        section = actors.get(name)
        if not isinstance(section, dict):
            raise SeedError(f"{self._where}: expected a mapping under {name!r}")
        return section

    def _words(self, words: Any, where: str) -> Iterator[str]:
        if isinstance(words, dict):
            for lang, more in words.items():
                yield from self._words(more, f"{where}.{lang}")
            return
        if not isinstance(words, list):
            raise SeedError(f"{self._where}: {where} must be a list of words, found {words!r}")
        for word in words:
            if not isinstance(word, str):
                # YAML 1.1 reads no, on and yes as booleans: the Norway problem
                raise SeedError(f"{self._where}: {where} holds {word!r}, which is no word; put it in quotes")
            yield word


def example_topic() -> Topic:
    """A topic small enough to be read in a test: two actors, one dyad, one trap."""
    from pathlib import Path

    actors = {
        "dyads": {"IN-RU": ["IN", "RU"]},
        "actors": {"IN": {"names": ["india", "indian"]}, "RU": {"names": ["russia", "russian"]}},
        "traps": ["indian ocean"],
    }
    return Topic(folder=Path("example"), actors=actors, dyads=("IN-RU",), themes=(), claims=())


def _as_hit(start: int, end: int, entry: _Entry) -> Hit:
    return Hit(start, end, entry.kind, tuple(entry.actors.items()), tuple(sorted(entry.dyads)), entry.group)


def _plain(text: str) -> str:
    """*text* in plain typography; a replacement each, which is many times faster than `str.translate` beyond ASCII."""
    if text.isascii():
        return text.replace("\t", " ")
    for fancy, plain in _TYPOGRAPHY.items():
        text = text.replace(fancy, plain)
    return text


def _key(word: str) -> str:
    return _plain(word).lower().rstrip("*").strip()


def _is_cjk(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff"


def _in_word(char: str) -> bool:
    # Devanagari vowel signs are marks, not letters: without them "भारत" would be found in "भारती".
    if char.isascii():
        return char.isalnum() or char == "_"
    return (char.isalnum() and not _is_cjk(char)) or unicodedata.category(char)[0] == "M"


def _longest(found: list[tuple[int, int, _Entry]]) -> list[tuple[int, int, _Entry]]:
    """Of overlapping spans the one that starts first, of those the longest."""
    if len(found) < 2:
        return found
    found.sort(key=lambda span: (span[0], -span[1]))
    kept: list[tuple[int, int, _Entry]] = []
    free = 0
    for span in found:
        if span[0] >= free:
            kept.append(span)
            free = span[1]
    return kept
