"""Backend `multilingual`: vectors of a sentence-transformers model under logistic heads trained here; reads any script.

The encoder sees no names of the states whose ties are read: in each prompt the two sides stand as roles, so that every
pair shares what was learned of the others. Names are found by the matcher, which knows four scripts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from classify.actors import IMPLIES, NAMES, Kind, Matcher
from classify.calibration import Reals, sigmoid
from classify.claims import BOUNDS, ClaimFinder
from classify.decide import GATE, MOST_THEMES, PairScore
from classify.evidence import evidence_sentence
from classify.heads import Heads, load_heads, softmax
from classify.model import Backend, DyadReading, Item, Read, ThemeReading, backend
from classify.parameters import load_parameters
from classify.text import TEXT_CHARS, TITLE_CHARS, Document, make_document
from classify.trained import weights_of
from ingest.topic import Topic
from store.errors import ConfigError
from store.settings import Settings, get_settings

METHOD = 1
"""Raise it with every change of prompts, features or answers; heads of another number are refused."""
PROBE = "The two governments met and agreed to meet again."
AGAIN = "train them with: ricwatch train --backend multilingual LABELLED.jsonl.gz"
_ROLES = ("country A", "country B", "country C")
_NEAR = 1e-3


class Encoder(Protocol):
    """The part of ``sentence_transformers.SentenceTransformer`` that is used."""

    def encode(self, sentences: list[str], *, batch_size: int, show_progress_bar: bool) -> Any: ...


@dataclass(frozen=True, slots=True)
class PairPrompt:
    """A pair in a document: the whole text, the part where the two meet, and three measures of how they do."""

    whole: str
    scope: str
    dense: tuple[float, float, float]


class MultilingualReader:
    """The backend for a topic, from trained *heads* and a way to get the encoder, which is called when first needed.

    Raises:
        ConfigError: the heads were trained for other themes, dyads or another method.
    """

    def __init__(self, topic: Topic, heads: Heads, encoder: Callable[[], Encoder]) -> None:
        self._matcher = Matcher(topic)
        self._heads = heads
        self._make_encoder = encoder
        self._codes = tuple(theme.code for theme in topic.themes)
        about = {"method": METHOD, "themes": list(self._codes), "dyads": list(topic.dyads)}
        for name, value in about.items():
            if heads.about.get(name) != value:
                raise ConfigError(f"the heads were trained for {name} {heads.about.get(name)}, not {value}; {AGAIN}")
        self._dyads = topic.dyads
        self._claims = ClaimFinder(topic.claims, self._matcher, load_parameters(weights_of(topic)).item_words.idf_of)
        self._version = f"multilingual-{_fingerprint(topic, heads)}"

    @property
    def version(self) -> str:
        """``multilingual-`` and eight hex digits over heads, the name of the encoder, topic and method."""
        return self._version

    def read(self, items: Sequence[Item]) -> list[Read]:
        """One reading per item, in order; each is encoded by itself: padding to a batch moves the last digits."""
        return [self._read(item) for item in items]

    def score_pairs(self, item: Item) -> dict[str, PairScore]:
        """Every dyad that the item's names allow, whether or not it passes the gate."""
        return self._score_pairs(make_document(item, self._matcher))

    @cached_property
    def _encoder(self) -> Encoder:
        encoder = self._make_encoder()
        probe = encode(encoder, [PROBE])[0]
        if probe.shape != self._heads.probe.shape or float(np.abs(probe - self._heads.probe).max()) > _NEAR:
            raise ConfigError(
                f"the model {self._heads.about.get('model')} is not the one that the heads were trained on: it gives "
                f"other vectors. Set RICWATCH_MULTILINGUAL_MODEL, or {AGAIN}"
            )
        return encoder

    def _read(self, item: Item) -> Read:
        document = make_document(item, self._matcher)
        scores = self._score_pairs(document)
        p_relevant = max((score.p_concerns for score in scores.values()), default=0.0)
        dyads = {dyad: score.stance for dyad, score in scores.items() if score.p_concerns >= GATE}
        if not dyads:
            return Read(item.id, False, p_relevant, self._version)
        themes = self._themes(document, list(scores))
        main = max(dyads, key=lambda dyad: scores[dyad].p_concerns)
        evidence = evidence_sentence(document, self._matcher.sides[main], self._matcher.principals)
        claims = self._claims.find(document, dyads, themes)
        nearest = claims[0] if claims else None
        return Read(item.id, True, p_relevant, self._version, dyads, themes, nearest, evidence, claims)

    def _score_pairs(self, document: Document) -> dict[str, PairScore]:
        found: dict[str, PairScore] = {}
        for dyad in self._matcher.possible(document.strengths):
            prompt = pair_prompt(document, self._matcher.sides[dyad], self._matcher.principals)
            x = pair_vectors(self._encoder, [prompt])
            p = softmax(self._heads.stance.logits(x) / self._heads.temperatures[0])[0]
            gate = float(sigmoid(self._heads.gate.logits(x) / self._heads.temperatures[1])[0, 0])
            stance = DyadReading(int(p.argmax()) - 1, (float(p[0]), float(p[1]), float(p[2])))
            found[dyad] = PairScore(gate, stance)
        return found

    def _themes(self, document: Document, possible: Sequence[str]) -> tuple[ThemeReading, ...]:
        prompt = item_prompt(document, self._matcher.principals)
        x = item_vectors(self._encoder, [prompt], [possible], self._dyads)
        p = sigmoid(self._heads.theme.logits(x) / self._heads.temperatures[2])[0]
        order = sorted(range(len(p)), key=lambda at: (-p[at], at))
        # The likeliest is the main theme even below its threshold: every relevant item has one.
        chosen = [order[0], *(at for at in order[1:] if p[at] >= self._heads.theme_thresholds[at])]
        return tuple(ThemeReading(self._codes[at], float(p[at])) for at in chosen[:MOST_THEMES])


def pair_prompt(document: Document, sides: tuple[str, str], principals: frozenset[str]) -> PairPrompt:
    """The text with the side named first as country A, the other as country B, other principals as country C."""
    order = [actor for actor in _named(document) if actor in sides]
    first, second = [*order, *(side for side in sides if side not in order)]
    roles = dict.fromkeys(principals, _ROLES[2]) | {first: _ROLES[0], second: _ROLES[1]}
    spans, together = _scope(document, frozenset(sides))
    whole = _masked(document, 0, len(document.full), roles)
    scope = " … ".join(_masked(document, start, end, roles) for start, end in spans)
    weaker = min(document.strengths.get(side, 0.0) for side in sides)
    in_title = {
        actor for token in document.tokens if token.hit and document.in_title(token) for actor, _ in token.hit.actors
    }
    return PairPrompt(whole, scope or whole, (weaker, float(together), float(in_title.issuperset(sides))))


def item_prompt(document: Document, principals: frozenset[str]) -> str:
    """The text with the principals as countries, in the order in which they are named."""
    order = [actor for actor in _named(document) if actor in principals]
    roles = {actor: _ROLES[min(at, len(_ROLES) - 1)] for at, actor in enumerate(order)}
    return _masked(document, 0, len(document.full), roles)


def pair_vectors(encoder: Encoder, prompts: Sequence[PairPrompt]) -> Reals:
    """One row per prompt: the vectors of the whole and of the scope, and the measures."""
    texts = [text for prompt in prompts for text in (prompt.whole, prompt.scope)]
    vectors = encode(encoder, texts)
    return np.hstack([vectors[0::2], vectors[1::2], np.asarray([prompt.dense for prompt in prompts])])


def item_vectors(
    encoder: Encoder, prompts: Sequence[str], possible: Sequence[Sequence[str]], dyads: Sequence[str]
) -> Reals:
    """One row per prompt: its vector, and which dyads are named: some themes belong to one."""
    named = np.asarray([[float(dyad in own) for dyad in dyads] for own in possible])
    return np.hstack([encode(encoder, prompts), named])


def encode(encoder: Encoder, texts: Sequence[str]) -> Reals:
    """Unit vectors, one row per text, each encoded by itself. Equal texts are encoded once."""
    distinct = list(dict.fromkeys(texts))
    vectors = np.asarray(encoder.encode(distinct, batch_size=1, show_progress_bar=False), dtype=np.float64)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    at = {text: row for row, text in enumerate(distinct)}
    return vectors[[at[text] for text in texts]]


def _named(document: Document) -> list[str]:
    """The actors that are named, in order of appearance."""
    return list(dict.fromkeys(actor for hit in document.hits for actor, power in hit.actors if power >= NAMES))


def _masked(document: Document, start: int, end: int, roles: Mapping[str, str]) -> str:
    parts: list[str] = []
    at = start
    for hit in document.hits:
        if hit.start < at or hit.end > end or hit.kind is Kind.TRAP:
            continue
        stands_for = dict.fromkeys(roles[actor] for actor, power in hit.actors if power >= NAMES and actor in roles)
        if stands_for:
            parts += [document.full[at : hit.start], " and ".join(stands_for)]
            at = hit.end
    text = "".join([*parts, document.full[at:end]])
    # Half of an emoji and control characters are no text for a tokenizer.
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _scope(document: Document, sides: frozenset[str]) -> tuple[list[tuple[int, int]], bool]:
    """Where the two meet, and whether they do: clauses that name both, else sentences that do, else what names one."""
    clauses: dict[int, tuple[int, int, int]] = {}
    named: dict[int, set[str]] = {}
    in_sentence: dict[int, set[str]] = {}
    for token in document.tokens:
        if token.clause not in clauses and token.hit is None and not token.word[0].isalnum():
            continue  # the mark that parts it from the clause before
        _, start, _ = clauses.get(token.clause, (0, token.start, 0))
        clauses[token.clause] = token.sentence, start, token.end
        if token.hit is not None:
            own = {actor for actor, power in token.hit.actors if power >= IMPLIES} & sides
            named.setdefault(token.clause, set()).update(own)
            in_sentence.setdefault(token.sentence, set()).update(own)
    both = [(start, end) for clause, (_, start, end) in clauses.items() if named.get(clause, set()) == sides]
    if both:
        return both, True
    sentences = [document.sentences[at] for at, own in in_sentence.items() if own == sides]
    if sentences:
        return sentences, True
    return [(start, end) for clause, (_, start, end) in clauses.items() if named.get(clause)], False


def heads_folder(settings: Settings) -> Path:
    """Where training leaves the heads and reading finds them."""
    return settings.var_dir / "multilingual"


def load_encoder(name: str) -> Encoder:
    """The sentence-transformers model *name* of the hub (fetched once, then from the hub's own store), or a folder.

    Raises:
        ConfigError: the extra is not installed, or the model cannot be loaded.
    """
    try:
        library = import_module("sentence_transformers")
    except ImportError:
        raise ConfigError(
            "the backend multilingual needs sentence-transformers; install it with: "
            "pip install 'ricwatch[multilingual]'"
        ) from None
    try:
        encoder: Encoder = library.SentenceTransformer(name, device="cpu")
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise ConfigError(
            f"the model {name} cannot be loaded ({first[0][:200]}); set RICWATCH_MULTILINGUAL_MODEL to a model of the "
            "hub, or to the folder of one"
        ) from None
    return encoder


def load_multilingual(topic: Topic, settings: Settings) -> MultilingualReader:
    """The reader that *settings* ask for.

    Raises:
        ConfigError: no heads were trained, for this model and topic.
    """
    name = settings.multilingual_model
    heads = load_heads(heads_folder(settings), AGAIN)
    if heads.about.get("model") != name:
        raise ConfigError(f"the heads were trained on the model {heads.about.get('model')}, not on {name}; {AGAIN}")
    return MultilingualReader(topic, heads, lambda: load_encoder(name))


@backend("multilingual")
def _configured(topic: Topic) -> Backend:
    return load_multilingual(topic, get_settings())


def _fingerprint(topic: Topic, heads: Heads) -> str:
    about = [
        heads.digest(),
        [METHOD, TITLE_CHARS, TEXT_CHARS, *BOUNDS, GATE, MOST_THEMES],
        topic.actors,
        [asdict(claim) for claim in topic.claims],
    ]
    text = json.dumps(about, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
