"""Pair prompts on any two states, from unlabelled news: what the small network learns its teachers' readings on.

The states are found by a plain list of English words (``states.txt``), not by the careful matcher of the topic: a wrong
mention now and then costs nothing here, where the teachers say what the text says.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

from classify.model import Item
from classify.prompts import FIRST, SECOND, THIRD
from ingest.topic import Topic

STATES = Path(__file__).resolve().parent / "states.txt"
TEXT_CHARS = 430
"""Of a prompt: what the encoder's window holds of most texts."""
OF_ONE_TEXT = 2
OF_ONE_PAIR = 2_500
"""So many prompts at most on the same two states: one war must not be most of what is learned."""
_HEADLINE = 140
_ALIKE = 120  # characters by which two prompts are told apart


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    state: str
    leads: bool


def text_of(item: Item) -> str:
    """Title, line break and as much of the text as a prompt holds."""
    return f"{item.title}\n{item.text}"[:TEXT_CHARS]


def other_prompts(texts: Iterable[str], topic: Topic, seed: int = 0) -> list[str]:
    """Up to two prompts of each text (of `text_of`) that names two states which are no dyad of *topic*.

    Pairs named near the beginning come first; the topic's other principals become the role of the third.
    """
    shuffler = random.Random(seed)  # noqa: S311 (no secret)
    sides, principals = _sides(topic), _principals(topic)
    made = [one for text in texts for one in _of_text(text, sides, principals, shuffler)]
    shuffler.shuffle(made)
    kept: dict[str, str] = {}
    count: dict[frozenset[str], int] = {}
    for pair, prompt in made:
        if prompt[:_ALIKE] not in kept and count.get(pair, 0) < OF_ONE_PAIR:
            kept[prompt[:_ALIKE]] = prompt
            count[pair] = count.get(pair, 0) + 1
    return list(kept.values())


def _sides(topic: Topic) -> set[frozenset[str]]:
    return {frozenset(pair) for pair in topic.actors["dyads"].values()}


def _principals(topic: Topic) -> frozenset[str]:
    return frozenset().union(*_sides(topic))


def _of_text(
    text: str, sides: set[frozenset[str]], principals: frozenset[str], shuffler: random.Random
) -> Iterator[tuple[frozenset[str], str]]:
    found = list(_find(text))
    early = {one.state for one in found if one.start < _HEADLINE}
    pairs = [
        pair for pair in combinations(dict.fromkeys(one.state for one in found), 2) if frozenset(pair) not in sides
    ]
    shuffler.shuffle(pairs)
    pairs.sort(key=lambda pair: -len(early.intersection(pair)))
    for pair in pairs[:OF_ONE_TEXT]:
        yield frozenset(pair), _prompt(text, pair, found, principals)[:TEXT_CHARS]


def prompt_of(text: str, pair: Sequence[str], topic: Topic) -> str:
    """The prompt of *text* (of `text_of`) on the states *pair*, by their codes, the first of them first."""
    return _prompt(text, pair, list(_find(text)), _principals(topic))[:TEXT_CHARS]


def _prompt(text: str, pair: Sequence[str], found: Sequence[_Found], principals: frozenset[str]) -> str:
    roles = dict(zip(pair, (FIRST, SECOND), strict=True))
    out: list[str] = []
    at = 0
    for one in found:
        role = roles.get(one.state) or (THIRD if one.state in principals else None)
        if role is not None:
            out += (text[at : one.start], f" {role} leader " if one.leads else f" {role} ")
            at = one.end
    return "".join((*out, text[at:]))


def _find(text: str) -> Iterator[_Found]:
    pattern, states, leaders = _lexicon()
    for match in pattern.finditer(text):
        word = match.group()
        # "us" is a pronoun, "turkey" a bird: names are written with a capital.
        if word == "US" or (word[0].isupper() and word.lower() != "us"):
            yield _Found(match.start(), match.end(), states[word.lower()], word.lower() in leaders)


@cache
def _lexicon() -> tuple[re.Pattern[str], dict[str, str], frozenset[str]]:
    states: dict[str, str] = {}
    leaders = set()
    for line in STATES.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        code, *words = line.split("|")
        for word in words:
            states[word.rstrip("*")] = code
            if word.endswith("*"):
                leaders.add(word.rstrip("*"))
    words = sorted(map(re.escape, states), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?!\w)", re.IGNORECASE), states, frozenset(leaders)
