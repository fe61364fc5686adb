"""The sentence that carries a reading, word for word."""

from __future__ import annotations

from classify.actors import IMPLIES
from classify.features import POLAR
from classify.lexicon import WORDS
from classify.text import Document, Token

_LONGEST = 600  # a text without full stops is one "sentence"; what is shown beside a story stays readable

_BOTH, _ONE, _STRAY, _POLAR_WORD, _NOT_TITLE = 2.0, 0.8, -0.8, 0.6, 0.3
_POLAR_WORDS = 2


def evidence_sentence(document: Document, sides: tuple[str, str], principals: frozenset[str]) -> str | None:
    """The sentence of title or text that says most about the tie between *sides*; None when there is no text.

    A rule rather than the model: on 38 marked pairs of the study it found the marked sentence in 92 %, the model's own
    score in 79 %. Naming both sides counts most, then words of cooperation or conflict; a sentence of the text is
    preferred to the title, which the reader sees anyway.
    """
    by_sentence: dict[int, list[Token]] = {}
    for token in document.tokens:
        by_sentence.setdefault(token.sentence, []).append(token)
    best, best_score = None, float("-inf")
    for index, span in enumerate(document.sentences):
        score = _score(by_sentence.get(index, []), sides, principals)
        if span[0] >= document.title_end:
            score += _NOT_TITLE
        if score > best_score:
            best, best_score = span, score
    if best is None:
        return None
    sentence = document.full[best[0] : best[1]]
    return sentence if len(sentence) <= _LONGEST else sentence[:_LONGEST].rsplit(" ", 1)[0]


def _score(tokens: list[Token], sides: tuple[str, str], principals: frozenset[str]) -> float:
    named: set[str] = set()
    polar = 0
    for token in tokens:
        if token.hit is not None:
            named.update(actor for actor, strength in token.hit.actors if strength >= IMPLIES)
        else:
            polar += any(group in POLAR for group in WORDS.get(token.word, ()))
    found = len(named.intersection(sides))
    score = _BOTH if found == 2 else _ONE if found == 1 else 0.0
    if found < 2 and named & (principals - set(sides)):
        score += _STRAY
    return score + _POLAR_WORD * min(polar, _POLAR_WORDS)
