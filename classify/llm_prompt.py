"""The question that a language model is asked about an item, and the strict reading of what it answers.

The article goes in as JSON strings in a message of its own, never as prose around which instructions stand; what comes
back is numbers and known codes only. So a hostile article can at worst move its own numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from classify.text import Document
from ingest.topic import Topic

CODEBOOK = Path(__file__).resolve().parent / "llm_codebook.md"
LONGEST_ANSWER = 20_000
"""Characters of an answer that are looked at; a good one has some 300."""
MOST_THEMES = 3
CONCERNED = 50
"""Percentage from which an item is taken to concern a pair."""
_ROUNDING = 5  # percentages that were rounded one by one need not add up to 100
_MESSAGE_TOKENS = 100  # what the endpoint's own frame around the messages may take
_SPACES = dict.fromkeys((*range(32), *range(127, 160), 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF), " ")
_TURNS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), " ")  # would show a text in another order
_HALVES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # half of an emoji cannot be sent as UTF-8
_CLEAN = _SPACES | _TURNS | _HALVES


@dataclass(frozen=True, slots=True)
class Judged:
    """What was answered of one pair, in whole percentages as they came."""

    concerns: int
    minus: int
    zero: int
    plus: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A valid answer: every asked pair, the themes with percentages, and the number of the evidence sentence or -1."""

    pairs: dict[str, Judged]
    themes: tuple[tuple[str, int], ...]
    evidence: int

    @property
    def relevant(self) -> bool:
        """Whether the item concerns one of the asked pairs."""
        return any(one.concerns >= CONCERNED for one in self.pairs.values())


@dataclass(frozen=True, slots=True)
class Question:
    """One request: the body to post, its identity for the cache, and how many tokens it may use at most."""

    body: dict[str, Any]
    text: str
    pairs: tuple[str, ...]
    sentences: int
    tokens_in: int
    tokens_out: int

    @property
    def digest(self) -> str:
        """Names what is asked about which text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Prompt:
    """The questions about a *topic*. `version` changes with every word of the codebook and the form of the answer;
    `topic` with the states, pairs and themes that it names."""

    def __init__(self, topic: Topic, model: str, answer_tokens: int) -> None:
        self._model = model
        self._answer_tokens = answer_tokens
        self._codes = tuple(theme.code for theme in topic.themes)
        frame = _codebook()
        parts = _about(topic)
        self._system = frame
        for name, text in parts.items():
            self._system = self._system.replace("{" + name + "}", text)
        form = json.dumps(_schema(("?",), ("?",)), sort_keys=True)
        self.version = f"{_number(frame)}.{_hex(frame + form)}"
        self.topic = _hex(json.dumps(parts, sort_keys=True))

    def ask(self, document: Document, pairs: Sequence[str]) -> Question:
        """The question which of *pairs* the document concerns and how."""
        sentences = [document.full[start:end].translate(_CLEAN) for start, end in document.sentences]
        numbered = [{"n": at, "text": sentence} for at, sentence in enumerate(sentences)]
        text = json.dumps({"pairs": list(pairs), "sentences": numbered}, ensure_ascii=False)
        schema = _schema(pairs, self._codes)
        body = {
            "model": self._model,
            "temperature": 0,
            "max_tokens": self._answer_tokens,
            "messages": [{"role": "system", "content": self._system}, {"role": "user", "content": text}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "reading", "strict": True, "schema": schema},
            },
        }
        return Question(body, text, tuple(pairs), len(sentences), self._most_tokens(schema, text), self._answer_tokens)

    def _most_tokens(self, schema: Mapping[str, Any], text: str) -> int:
        """An estimate from above: English has some four characters a token, Hindi in some tokenizers one."""
        fixed = len(self._system) + len(json.dumps(schema))
        return fixed // 3 + len(text.encode()) // 2 + _MESSAGE_TOKENS

    def validate(self, content: str, question: Question) -> Answer | str:
        """The answer in *content*, or in one line what is wrong with it."""
        return validate(content, question.pairs, self._codes, question.sentences)


def validate(content: str, pairs: Sequence[str], codes: Iterable[str], sentences: int) -> Answer | str:
    """Read an answer strictly: nothing is guessed, mended or filled in.

    >>> validate('{"pairs": [], "themes": [], "evidence": -1}', ["IN-RU"], ["trade"], 1)
    'a pair is missing, given twice or was not asked about'
    """
    if len(content) > LONGEST_ANSWER:
        return f"the answer has {len(content):,} characters"
    try:
        form = _Form.model_validate_json(content)
    except ValidationError as error:
        # Only the kind of the first error is told: the rest of it may be a quotation.
        return f"the answer is not of the asked form ({error.errors(include_url=False)[0]['type']})"
    except ValueError:
        return "the answer is no text"
    wrong = next(_contradictions(form, pairs, frozenset(codes), sentences), None)
    if wrong is not None:
        return wrong
    judged = {one.dyad: Judged(one.concerns, one.minus, one.zero, one.plus) for one in form.pairs}
    themes = tuple((one.code, one.p) for one in form.themes)
    return Answer({dyad: judged[dyad] for dyad in pairs}, themes, form.evidence)


_Percent = Annotated[int, Field(ge=0, le=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Pair(_Strict):
    dyad: str
    concerns: _Percent
    minus: _Percent
    zero: _Percent
    plus: _Percent


class _Theme(_Strict):
    code: str
    p: _Percent


class _Form(_Strict):
    pairs: list[_Pair]
    themes: list[_Theme]
    evidence: int


def _contradictions(form: _Form, pairs: Sequence[str], codes: frozenset[str], sentences: int) -> Iterator[str]:
    """What the form alone does not rule out."""
    if sorted(one.dyad for one in form.pairs) != sorted(pairs):
        yield "a pair is missing, given twice or was not asked about"
    for one in form.pairs:
        if abs(one.minus + one.zero + one.plus - 100) > _ROUNDING:
            yield "the directions of a pair do not add up to 100"
        if one.minus == one.plus > one.zero:
            yield "a pair is told to go both ways alike"
    given = [one.code for one in form.themes]
    if len(given) > MOST_THEMES or len(set(given)) < len(given) or not codes.issuperset(given):
        yield f"themes are not at most {MOST_THEMES} different ones of the topic"
    if not -1 <= form.evidence < sentences:
        yield f"evidence is none of the {sentences} sentences"
    if any(one.concerns >= CONCERNED for one in form.pairs) and (not given or form.evidence < 0):
        yield "a pair is concerned, but theme or evidence are missing"


def canonical(answer: Answer) -> str:
    """The answer as JSON of the asked form: what the cache keeps."""
    pairs = [
        {"dyad": dyad, "concerns": one.concerns, "minus": one.minus, "zero": one.zero, "plus": one.plus}
        for dyad, one in answer.pairs.items()
    ]
    themes = [{"code": code, "p": p} for code, p in answer.themes]
    return json.dumps({"pairs": pairs, "themes": themes, "evidence": answer.evidence})


def _schema(pairs: Sequence[str], codes: Sequence[str]) -> dict[str, Any]:
    """The form of the answer, in the part of JSON Schema that strict modes of endpoints know: no ranges, no lengths."""
    percent = {"type": "integer"}
    pair = {
        "dyad": {"type": "string", "enum": list(pairs)},
        "concerns": percent,
        "minus": percent,
        "zero": percent,
        "plus": percent,
    }
    theme = {"code": {"type": "string", "enum": list(codes)}, "p": percent}
    return _object(
        {
            "pairs": {"type": "array", "items": _object(pair)},
            "themes": {"type": "array", "items": _object(theme)},
            "evidence": {"type": "integer"},
        }
    )


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


@lru_cache(maxsize=1)
def _codebook() -> str:
    return CODEBOOK.read_text(encoding="utf-8")


def _about(topic: Topic) -> dict[str, str]:
    """The topic's part of the prompt: only names and descriptions that its seed folder holds."""
    actors: Mapping[str, Any] = topic.actors["actors"]
    name = {code: str(actor.get("name", code)) for code, actor in actors.items()}
    sides: Mapping[str, Sequence[str]] = topic.actors["dyads"]
    used = dict.fromkeys(side for dyad in topic.dyads for side in sides[dyad])
    return {
        "actors": "\n".join(f"- {code}: {name[code]}" for code in used),
        "pairs": "\n".join(f"- {dyad}: {name[sides[dyad][0]]} and {name[sides[dyad][1]]}" for dyad in topic.dyads),
        "themes": "\n".join(f"- {theme.code}: {theme.name}. {theme.description}" for theme in topic.themes),
    }


def _number(frame: str) -> str:
    return frame.removeprefix("<!-- version ").split(" ", 1)[0]


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
