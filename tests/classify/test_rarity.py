"""How much a word tells: rare words much, common words and the names of the states nothing, in any script."""

from __future__ import annotations

import pytest

from classify.actors import Matcher
from classify.rarity import COMMON, word_rarity
from ingest.topic import load_topic
from store.settings import ROOT

MATCHER = Matcher(load_topic(ROOT / "seeds"))
IDF = {"w:new": COMMON, "w:talks": COMMON + 0.1}


def rarity(word: str) -> float:
    return word_rarity(lambda name: IDF.get(name, 8.0), MATCHER)(word)


@pytest.mark.parametrize(
    "word", ["india", "indias", "russian", "kremlin", "xi", "modis", "россия", "индии", "चीन", "中国"]
)
def test_the_names_of_the_states_tell_nothing(word: str) -> None:
    assert rarity(word) == 0.0


@pytest.mark.parametrize("word", ["vaccine", "вакцина", "टीका", "疫苗", "taiwan", "s400"])
def test_other_words_tell_as_much_as_they_are_rare(word: str) -> None:
    assert rarity(word) == 8.0


def test_common_words_numbers_and_letters_tell_nothing() -> None:
    assert rarity("talks") > COMMON
    assert [rarity(word) for word in ("new", "2024", "u")] == [0.0] * 3
