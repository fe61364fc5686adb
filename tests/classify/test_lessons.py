"""The items of our own that the default reader learns from: well-formed, and none that it is examined on."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict

import pytest

from classify.actors import Matcher
from classify.labelled import Labelled, load_labelled
from classify.neural import ABOUT
from classify.parameters import WEIGHTS, load_parameters
from classify.train_fused import LESSONS, for_linear, for_network, load_lessons, weighted
from classify.tune import examples
from ingest.topic import Topic
from store.settings import ROOT

_WORD = re.compile(r"[\u4e00-\u9fff]+|(?:[^\W\u4e00-\u9fff]|[\u0900-\u0963])+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
NEAR = 0.6
"""Share of common words in titles from which two items tell the same."""
COMMON = 400


@pytest.fixture(scope="module")
def lessons() -> list[Labelled]:
    return load_lessons()


@pytest.fixture(scope="module")
def evaluation() -> list[Labelled]:
    return [one for path in sorted((ROOT / "classify" / "examples").glob("*.jsonl")) for one in load_labelled(path)]


def test_every_lesson_keeps_to_the_codebook(lessons: list[Labelled], topic: Topic) -> None:
    codes = {theme.code for theme in topic.themes}
    for one in lessons:
        assert set(one.dyads) <= set(topic.dyads), one.item.id
        assert set(one.themes) <= codes, one.item.id
        assert bool(one.themes) == bool(one.dyads), one.item.id
        assert len(one.themes) <= 3, one.item.id
    assert [key for key, n in Counter(one.item.id for one in lessons).items() if n > 1] == []


def test_every_cell_is_taught(lessons: list[Labelled], topic: Topic) -> None:
    cells = Counter((dyad, stance) for one in lessons for dyad, stance in one.dyads.items())
    assert set(cells) == {(dyad, stance) for dyad in topic.dyads for stance in (-1, 0, 1)}
    assert min(cells.values()) >= 300


def test_nothing_that_is_taught_is_asked_in_the_examination(
    lessons: list[Labelled], evaluation: list[Labelled]
) -> None:
    taught = {one.item.id: words(one.item.title) for one in lessons}
    holders: dict[str, list[str]] = defaultdict(list)
    for key, title in taught.items():
        for word in title:
            holders[word].append(key)
    near = []
    for asked in evaluation:
        own = words(asked.item.title)
        # Titles that are alike share more than the words that every title has.
        candidates = {key for word in own if len(holders[word]) < COMMON for key in holders[word]}
        near += [(asked.item.id, key) for key in candidates if alike(own, taught[key]) >= NEAR]
    assert near == []


def words(title: str) -> frozenset[str]:
    """The words, of Hindi with their vowel signs; of Chinese, which writes none apart, each two characters together."""
    found = _WORD.findall(title.lower())
    pairs = {run[at : at + 2] for run in found if _CHINESE.match(run) for at in range(len(run) - 1)}
    return frozenset(word for word in found if not _CHINESE.match(word)) | pairs


def alike(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def test_the_examples_are_in_four_languages_and_no_lesson_counts_as_much_as_a_label(
    lessons: list[Labelled], evaluation: list[Labelled]
) -> None:
    languages = Counter(one.item.lang or "en" for one in evaluation)
    assert languages["en"] >= 1_000
    assert sum(languages[lang] for lang in ("hi", "ru", "zh")) >= 200
    assert {one.weight for one in weighted(lessons[:5], 0.1)} == {0.1}


def test_pairs_for_training_carry_labels_and_weights(topic: Topic, matcher: Matcher) -> None:
    path = next(iter(sorted(LESSONS.glob("*.jsonl"))))
    lessons = load_labelled(path, 0.5)
    pairs = examples(lessons, topic)
    assert {pair.weight for pair in pairs} <= {0.5, 0.35}
    for pair in pairs:
        one = lessons[pair.item]
        assert pair.label == one.dyads.get(pair.dyad, 9)
        assert pair.dyad in matcher.sides


def test_the_weights_were_made_of_these_lessons(lessons: list[Labelled]) -> None:
    note = json.loads((WEIGHTS / ABOUT).read_text(encoding="utf-8"))["note"]
    assert note["lessons"] == len(for_network(lessons))
    assert load_parameters(WEIGHTS).note["items"] == note["items"] + len(lessons)


def test_lessons_in_other_scripts_teach_the_linear_half_as_much_as_labels(lessons: list[Labelled]) -> None:
    languages = Counter(one.item.lang or "en" for one in lessons)
    assert set(languages) == {"en", "hi", "ru", "zh"}
    assert min(languages.values()) >= 280
    weights = {one.item.id: one.weight for one in for_linear(lessons)}
    assert len(weights) == len(lessons)
    for one in lessons:
        assert weights[one.item.id] == (0.1 if one.item.lang == "en" else 1.0), one.item.id
    assert {one.item.lang for one in for_network(lessons)} == {"en"}
