"""A pair in a text as the neural model reads it: the two actors become roles, third parties keep their names.

A document about any two actors turns into the same words, so the dyads share their evidence, a triangle of other states
needs no training, and renaming the actors of a text consistently changes nothing. Marking the two arguments of a
relation in the text, and reading the model at the marks, follows Baldini Soares et al. 2019 (ACL, section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterator

from classify.actors import IMPLIES, Hit, Kind
from classify.text import Document

FIRST, SECOND, THIRD, PAIR, ALL = ROLES = tuple(f"[unused{number}]" for number in range(1, 6))
"""The pair's two sides in order of appearance, another principal, a word that means the pair ("LAC"), one that means
every principal ("RIC"). Five tokens that the vocabulary of BERT reserves and never trained."""
PROMPT_CHARS = 600
"""What of a document goes into a prompt: more than the model's window of tokens holds."""
_LATIN_END = 0x250
_OFFICES = {"leaders": "leader", "ministries": "ministry", "forces": "forces", "firms": "company"}


def is_latin(text: str) -> bool:
    """Whether most letters of what goes into a prompt are Latin: the encoder's vocabulary is English.

    Measured on our examples: in Hindi, Russian and Chinese the neural half only takes away from the linear one.
    """
    letters = [ord(character) < _LATIN_END for character in text[:PROMPT_CHARS] if character.isalpha()]
    return 2 * sum(letters) >= len(letters)


def pair_prompt(document: Document, sides: tuple[str, str], principals: frozenset[str]) -> str:
    """The document's first characters with the mentions of *sides* (two actors) replaced by their roles."""
    out: list[str] = []
    at = 0
    for start, end, role in _replacements(document, sides, principals):
        if start >= PROMPT_CHARS:
            break
        out += (document.full[at:start], f" {role} ")
        at = end
    out.append(document.full[at : max(at, PROMPT_CHARS)])
    return "".join(out)


def _replacements(
    document: Document, sides: tuple[str, str], principals: frozenset[str]
) -> Iterator[tuple[int, int, str]]:
    named = [hit for hit in document.hits if _names(hit)]
    order: list[str] = []
    for hit in named:
        order += [side for side in _actors(hit) if side in sides and side not in order and hit.kind is Kind.ACTOR]
    # A side that no word names has to be seen somewhere: its role is put before the first word that implies it.
    implied: dict[Hit, str] = {}
    for hit in document.hits:
        for side in _actors(hit):
            if side in sides and side not in order and hit.kind is Kind.ACTOR and hit.group == "implies":
                order.append(side)
                implied[hit] = side
    roles = dict(zip(order, (FIRST, SECOND), strict=False))
    for hit in document.hits:
        if hit in implied:
            yield hit.start, hit.start, roles[implied[hit]]
        elif hit in named and (role := _role(hit, sides, principals, roles)):
            # Words that no other pair would use (Galwan, Gazprom) say what it is about: they stay behind the role.
            end = hit.start if hit.kind is Kind.METONYM or hit.group == "firms" else hit.end
            yield hit.start, end, role


def _role(hit: Hit, sides: tuple[str, str], principals: frozenset[str], roles: dict[str, str]) -> str | None:
    actors = _actors(hit)
    if hit.kind is Kind.METONYM:
        if not set(sides) <= set(actors):
            return THIRD
        return ALL if len(actors) > len(sides) else PAIR
    role = next((roles[side] for side in actors if side in roles), None)
    if role is None and principals.intersection(actors):
        role = THIRD
    if role is None:
        return None
    office = _OFFICES.get(hit.group)
    return f"{role} {office}" if office else role


def _names(hit: Hit) -> bool:
    return hit.kind is Kind.METONYM or (hit.kind is Kind.ACTOR and hit.group not in ("implies", "hints"))


def _actors(hit: Hit) -> list[str]:
    return [actor for actor, strength in hit.actors if strength >= IMPLIES]
