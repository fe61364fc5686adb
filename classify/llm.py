"""Backend `llm`: any OpenAI-compatible chat endpoint reads the pairs that an item names; never required.

The matcher still decides which pairs can be meant, so most items of a feed cost nothing. With RICWATCH_LLM_UNSURE_BELOW
the embedded reader goes first and only pairs of which it is unsure are asked about. What is answered is checked
strictly; an item without a valid answer stays unread (`classify.outcome`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import httpx

from classify.actors import Matcher
from classify.claims import BOUNDS, ClaimFinder
from classify.decide import GATE, PairScore
from classify.llm_cache import Cache, Identity, open_cache
from classify.llm_client import ChatClient, Meter, NoReply, Prices, chat_address, run_apart
from classify.llm_prompt import Answer, Judged, Prompt, Question, canonical
from classify.model import Backend, DyadReading, Item, Read, ThemeReading, backend, get_backend
from classify.outcome import Unread, Usage, Why, readings_or_raise
from classify.parameters import load_parameters
from classify.text import TEXT_CHARS, TITLE_CHARS, Document, make_document
from classify.trained import weights_of
from ingest.topic import Topic
from store.errors import ConfigError
from store.settings import Settings, get_settings

ANSWERS = 1
"""Raise it with every change of how an answer becomes a reading; it is part of the version."""
BATCH = 100
"""Items at a time: what is read is stored after each batch."""
GIVE_UP = 3
"""Bad answers for one text, a run apart, after which it is not asked about any more."""
STOP_AFTER = 8
"""Failures of the endpoint in a row after which the run asks no more."""
_LONGEST = 600
_FAILURES = frozenset({Why.BUSY, Why.TIMEOUT, Why.UNREACHABLE, Why.REFUSED})


@runtime_checkable
class First(Protocol):
    """An embedded reader that tells how sure it is of each pair."""

    @property
    def version(self) -> str: ...

    def read(self, items: Sequence[Item]) -> list[Read]: ...

    def score_pairs(self, item: Item) -> dict[str, PairScore]: ...


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done for one item: the question, if any, and what the embedded reader is sure of."""

    item: Item
    document: Document
    question: Question | None
    sure: Mapping[str, PairScore]


class LlmReader:
    """Reads by asking. Usage, budget and the stop after failures are per object: make one for each run.

    Raises:
        ConfigError: endpoint or model are not set, or the embedded reader that goes first tells no probabilities.
    """

    batch = BATCH

    def __init__(
        self,
        topic: Topic,
        settings: Settings,
        *,
        first: First | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._matcher = Matcher(topic)
        self._prompt = Prompt(topic, settings.llm_model, settings.llm_answer_tokens)
        self._meter = Meter(
            settings.llm_max_tokens, settings.llm_max_cost, Prices(settings.llm_price_in, settings.llm_price_out)
        )
        self._client = ChatClient(settings, self._meter, sleep=sleep)
        self._concurrency = settings.llm_concurrency
        endpoint = f"{settings.llm_model} {chat_address(settings)}"
        self._identity = Identity(endpoint, self._prompt.version, self._prompt.topic)
        self._cache: Path = settings.var_dir / "llm-answers.db"
        self._unsure = settings.llm_unsure_below
        self._first = first
        self._claims = ClaimFinder(topic.claims, self._matcher, load_parameters(weights_of(topic)).item_words.idf_of)
        self._version = f"llm-{self._fingerprint(topic)}"
        self._cached = self._spared = self._failed = 0
        self._stopped: NoReply | None = None

    @property
    def version(self) -> str:
        """``llm-`` and eight hex digits over endpoint, model, prompt, topic and, in a cascade, the first reader."""
        return self._version

    @property
    def usage(self) -> Usage:
        """What was used since the object was made."""
        return self._meter.usage(cached=self._cached, spared=self._spared)

    def read(self, items: Sequence[Item]) -> list[Read]:
        """One reading per item, in order.

        Raises:
            UnreadError: an item got no valid answer; `attempt` goes on without it.
        """
        return readings_or_raise(
            [one for at in range(0, len(items), BATCH) for one in self.attempt(items[at : at + BATCH])]
        )

    def attempt(self, items: Sequence[Item]) -> list[Read | Unread]:
        """A reading for each item, or why it stays unread. Equal texts are asked about once."""
        plans = [self._plan(item) for item in items]
        questions = {plan.question.digest: plan.question for plan in plans if plan.question is not None}
        answers = self._answers(questions)
        outcomes: list[Read | Unread] = []
        for plan in plans:
            if plan.question is None:
                self._spared += 1
                outcomes.append(self._spared_read(plan))
                continue
            answer = answers[plan.question.digest]
            if isinstance(answer, Answer):
                outcomes.append(self._reading(plan, answer))
            else:
                outcomes.append(Unread(plan.item.id, answer.why, answer.detail))
        return outcomes

    def _plan(self, item: Item) -> _Plan:
        document = make_document(item, self._matcher)
        pairs = self._matcher.possible(document.strengths)
        sure: dict[str, PairScore] = {}
        if pairs and self._first is not None:
            scores = self._first.score_pairs(item)
            sure = {dyad: score for dyad, score in scores.items() if is_sure(score, self._unsure)}
        asked = [dyad for dyad in pairs if dyad not in sure]
        return _Plan(item, document, self._prompt.ask(document, asked) if asked else None, sure)

    def _answers(self, questions: Mapping[str, Question]) -> dict[str, Answer | NoReply]:
        if not questions:
            return {}
        found: dict[str, Answer | NoReply] = {}
        with open_cache(self._cache, self._identity) as cache:
            for digest, question in questions.items():
                kept = cache.get(digest)
                if kept is None:
                    continue
                answer = self._prompt.validate(kept.answer, question) if kept.answer else ""
                if isinstance(answer, Answer):
                    found[digest] = answer
                    self._cached += 1
                elif kept.bad >= GIVE_UP:
                    found[digest] = NoReply(Why.GIVEN_UP, f"{kept.bad} bad answers")
            open_questions = [question for digest, question in questions.items() if digest not in found]
            if open_questions:
                replies = run_apart(self._ask_all(open_questions, cache))
                found.update(zip((question.digest for question in open_questions), replies, strict=True))
        return found

    async def _ask_all(self, questions: Sequence[Question], cache: Cache) -> list[Answer | NoReply]:
        side_by_side = asyncio.Semaphore(self._concurrency)
        async with self._client.open() as client:

            async def one(question: Question) -> Answer | NoReply:
                async with side_by_side:
                    return await self._ask(client, question, cache)

            return list(await asyncio.gather(*map(one, questions)))

    async def _ask(self, client: httpx.AsyncClient, question: Question, cache: Cache) -> Answer | NoReply:
        if self._stopped is not None:
            return self._stopped
        reply = await self._client.ask(client, question)
        if isinstance(reply, NoReply):
            self._failed += reply.why in _FAILURES
            if reply.for_all or self._failed >= STOP_AFTER:
                self._stopped = reply
            if reply.why is Why.BAD_ANSWER:
                cache.put_bad(question.digest)
            return reply
        self._failed = 0
        answer = self._prompt.validate(reply.content, question)
        if isinstance(answer, str):
            cache.put_bad(question.digest)
            return NoReply(Why.BAD_ANSWER, answer)
        cache.put(question.digest, canonical(answer))
        return answer

    def _spared_read(self, plan: _Plan) -> Read:
        if plan.sure and self._first is not None:
            return replace(self._first.read([plan.item])[0], model=self._version)
        return Read(plan.item.id, False, 0.0, self._version)

    def _reading(self, plan: _Plan, answer: Answer) -> Read:
        """Asked pairs as they were answered, the others as the embedded reader is sure of them."""
        readings: dict[str, tuple[float, DyadReading]] = {
            dyad: (score.p_concerns, score.stance) for dyad, score in plan.sure.items()
        }
        readings |= {dyad: (one.concerns / 100, direction(one)) for dyad, one in answer.pairs.items()}
        dyads = {
            dyad: readings[dyad][1] for dyad in self._matcher.sides if dyad in readings and readings[dyad][0] >= GATE
        }
        p_relevant = max(p for p, _ in readings.values())
        if not dyads:
            return Read(plan.item.id, False, p_relevant, self._version)
        if not answer.relevant and self._first is not None:
            own = self._first.read([plan.item])[0]
            themes, evidence = own.themes, own.evidence
        else:
            themes = tuple(ThemeReading(code, p / 100) for code, p in answer.themes)
            start, end = plan.document.sentences[answer.evidence]
            evidence = shortened(plan.document.full[start:end])
        claims = self._claims.find(plan.document, dyads, themes)
        nearest = claims[0] if claims else None
        return Read(plan.item.id, True, p_relevant, self._version, dyads, themes, nearest, evidence, claims)

    def _fingerprint(self, topic: Topic) -> str:
        about = [
            asdict(self._identity),
            [ANSWERS, TITLE_CHARS, TEXT_CHARS, *BOUNDS, GATE],
            topic.actors,
            [asdict(claim) for claim in topic.claims],
            [self._unsure, self._first.version] if self._first else [],
        ]
        text = json.dumps(about, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def is_sure(score: PairScore, least: float) -> bool:
    """Whether the embedded reader knows of a pair that it is not concerned, or that it is and how, with *least*.

    >>> is_sure(PairScore(0.02, DyadReading(1, (0.3, 0.3, 0.4))), 0.8)
    True
    >>> is_sure(PairScore(0.97, DyadReading(1, (0.3, 0.3, 0.4))), 0.8)
    False
    """
    if score.p_concerns < GATE:
        return 1 - score.p_concerns >= least
    return score.p_concerns >= least and max(score.stance.p) >= least


def direction(judged: Judged) -> DyadReading:
    """Percentages as probabilities that sum to one. Of two that are alike the neutral one counts.

    >>> direction(Judged(90, 0, 50, 50)).stance
    0
    """
    total = judged.minus + judged.zero + judged.plus
    p = (judged.minus / total, judged.zero / total, judged.plus / total)
    return DyadReading(max((0, -1, 1), key=lambda stance: p[stance + 1]), p)


def shortened(sentence: str) -> str:
    """A sentence that can be shown: a text without full stops is one sentence."""
    return sentence if len(sentence) <= _LONGEST else sentence[:_LONGEST].rsplit(" ", 1)[0]


def make_reader(topic: Topic, settings: Settings) -> LlmReader:
    """The reader that *settings* ask for.

    Raises:
        ConfigError: endpoint or model are not set, or RICWATCH_LLM_FIRST names no reader that tells probabilities.
    """
    if not settings.llm_unsure_below:
        return LlmReader(topic, settings)
    if settings.llm_first == "llm":
        raise ConfigError("RICWATCH_LLM_FIRST must name another reader than llm itself")
    first = get_backend(settings.llm_first, topic)
    if not isinstance(first, First):
        raise ConfigError(f"RICWATCH_LLM_FIRST={settings.llm_first} does not tell how sure it is; use linear")
    return LlmReader(topic, settings, first=first)


@backend("llm")
def _configured(topic: Topic) -> Backend:
    return make_reader(topic, get_settings())
