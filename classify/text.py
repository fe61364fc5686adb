"""An item as the models see it: sentences, clauses and tokens, with the actors found, every position kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from classify.actors import Hit, Kind, Matcher
from classify.model import Item

TITLE_CHARS = 400
TEXT_CHARS = 1_600
"""What is read of a title and of a text: a headline and some ten sentences. News says early what it is about, the
model was trained on headlines with leads, and a book in the text field must not stop the line."""

_CONTROL = dict.fromkeys((*range(32), *range(127, 160), 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF, 0xFFFD), " ")
# A sentence ends at . ! ? before a capital, digit, quote or other script, and at the full stops of Hindi and Chinese.
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[^\sa-z])|(?<=[।。！？])\s*")
_SHORT = "Mr|Mrs|Ms|Dr|Gen|Lt|Col|Sen|Rep|Gov|St|No|vs|Jr|Sr|Prof|Adm|Maj|Sgt|Inc|Ltd|Co"
_ABBREVIATION = re.compile(rf"(?:\b(?:[A-Z]|{_SHORT})|\.[A-Z])\.$")
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff](?:[\w\u0900-\u0963]|['’-](?=[^\W_]))*|[%?!,;:–—\"“”]")
_DIGITS = re.compile(r"\d")
_CLAUSE_MARKS = frozenset(",;:–—")
_CLAUSE_OPENERS = "while but as whereas although though amid despite after over because since и а но 但 लेकिन"
_CLAUSE_WORDS = frozenset(_CLAUSE_OPENERS.split())


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a mark, or a whole mention: then `hit` is set, and `word` is its text, lower-cased, without spaces."""

    word: str
    start: int
    end: int
    sentence: int
    clause: int
    hit: Hit | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """An item ready to be read. Positions are those of `full`, which keeps every character of what was given."""

    full: str
    title_end: int
    sentences: tuple[tuple[int, int], ...]
    tokens: tuple[Token, ...]
    hits: tuple[Hit, ...]
    strengths: dict[str, float]

    def in_title(self, token: Token) -> bool:
        """Whether *token* stands in the title."""
        return token.start < self.title_end


@dataclass(frozen=True, slots=True)
class Draft:
    """An item with its actors found but not yet cut into words: enough to tell whether it is worth that."""

    full: str
    plain: str
    title_end: int
    hits: tuple[Hit, ...]
    strengths: dict[str, float]

    def document(self) -> Document:
        """The same, with sentences, clauses and tokens."""
        sentences = _sentences(self.plain, self.title_end)
        tokens = _tokens(self.plain, sentences, self.hits)
        return Document(self.full, self.title_end, tuple(sentences), tuple(tokens), self.hits, self.strengths)


def make_draft(item: Item, matcher: Matcher) -> Draft:
    """Cut to length and find the actors. A text that begins by repeating the title loses that."""
    title = item.title[:TITLE_CHARS].strip()
    text = item.text[: TITLE_CHARS + TEXT_CHARS].strip()
    if title and text.startswith(title) and not text[len(title) : len(title) + 1].isalnum():
        text = text[len(title) :].lstrip(" .:–—-|\n")
    text = text[:TEXT_CHARS]
    full = f"{title}\n{text}" if text else title
    plain = full.translate(_CONTROL)
    # The title's end stays a line break: "… visit to Russia" and "Today …" must not become the channel.
    plain = f"{plain[: len(title)]}\n{plain[len(title) + 1 :]}" if text else plain
    hits = tuple(matcher.hits(plain))
    strengths: dict[str, float] = {}
    for hit in hits:
        for actor, strength in hit.actors:
            strengths[actor] = max(strength, strengths.get(actor, 0.0))
    return Draft(full, plain, len(title), hits, strengths)


def make_document(item: Item, matcher: Matcher) -> Document:
    """Cut, find the actors, split into sentences and clauses."""
    return make_draft(item, matcher).document()


def _sentences(plain: str, title_end: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = [(0, title_end)] if title_end else []
    start = title_end
    for mark in _SENTENCE_END.finditer(plain, title_end):
        if _ABBREVIATION.search(plain, start, mark.start()):
            continue
        spans.append((start, mark.start() + len(mark.group().rstrip())))
        start = mark.end()
    spans.append((start, len(plain)))
    trimmed = [_trim(plain, *span) for span in spans]
    return [span for span in trimmed if span[0] < span[1]]


def _trim(plain: str, start: int, end: int) -> tuple[int, int]:
    piece = plain[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _tokens(plain: str, sentences: Sequence[tuple[int, int]], hits: Sequence[Hit]) -> list[Token]:
    tokens: list[Token] = []
    clause = 0
    waiting = iter([*hits, None])
    hit = next(waiting)
    for index, (start, end) in enumerate(sentences):
        clause += 1
        at = start
        while at < end:
            gap_end = max(at, min(end, hit.start)) if hit else end
            for match in _WORD.finditer(plain, at, gap_end):
                word = match.group().lower()
                if word == "s" and plain[match.start() - 1] in "'’":
                    continue  # the genitive left over from "India's"
                if word in _CLAUSE_MARKS or word in _CLAUSE_WORDS:
                    clause += 1
                if word.endswith(("'s", "’s")):
                    word = word[:-2]
                tokens.append(Token(_DIGITS.sub("0", word), match.start(), match.end(), index, clause))
            at = gap_end
            if hit is None or hit.start >= end:
                break
            if hit.start >= at:
                word = plain[hit.start : hit.end].lower().replace(" ", "_")
                tokens.append(Token(word, hit.start, hit.end, index, clause, hit))
                at = hit.end
            hit = next(waiting)
    return tokens


def is_trap(token: Token) -> bool:
    """Whether *token* is a span whose names are no actors."""
    return token.hit is not None and token.hit.kind is Kind.TRAP
