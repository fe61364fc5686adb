"""What the model looks at: roles instead of names, who does it to whom, and what is denied."""

from __future__ import annotations

import hashlib

import pytest

from classify.actors import Matcher
from classify.features import DENSE, METHOD, PairFeatures, item_features, pair_features
from classify.lexicon import GROUPS, WORDS
from classify.model import Item
from classify.text import make_document


def look(matcher: Matcher, dyad: str, title: str, text: str = "") -> PairFeatures:
    document = make_document(Item("1", title, text), matcher)
    return pair_features(document, matcher.sides[dyad], matcher.principals)


def on(features: PairFeatures, prefix: str = "") -> set[str]:
    return {name for name, value in zip(DENSE, features.dense, strict=True) if value and name.startswith(prefix)}


TEMPLATES = [
    ("{a} and {b} sign a gas accord", "It helps, said {a}'s envoy. {c} was silent."),
    ("{a} rejects {c}'s claim that it will leave {b}", ""),
    ("{c} urges {a} to cut imports from {b}", "{b} did not reply."),
]
PAIRS = {
    "IN-RU": ("India", "Russia", "China"),
    "RU-CN": ("Russia", "China", "India"),
    "IN-CN": ("India", "China", "Russia"),
}


@pytest.mark.parametrize(("title", "text"), TEMPLATES)
def test_a_pair_is_read_the_same_whichever_pair_it_is(matcher: Matcher, title: str, text: str) -> None:
    seen = set()
    for dyad, (a, b, c) in PAIRS.items():
        for one, other in ((a, b), (b, a)):
            names = {"a": one, "b": other, "c": c}
            seen.add(look(matcher, dyad, title.format(**names), text.format(**names)))
    assert len(seen) == 1


def test_swapping_two_dyads_in_a_text_swaps_what_is_seen(matcher: Matcher) -> None:
    one = "India signs with Russia but rebukes China"
    other = "India signs with China but rebukes Russia"
    assert look(matcher, "IN-RU", one) == look(matcher, "IN-CN", other)
    assert look(matcher, "IN-RU", one) != look(matcher, "IN-CN", one)


FRAMES = [
    ("inside the pair", "India slams Russia", "frame:scold:SS"),
    ("from the pair at a third party", "India slams Washington, says envoy of Russia", "frame:scold:ST"),
    ("from a third party at the pair", "US slams India, says envoy of Russia", "frame:scold:TS"),
    ("among others", "US slams Japan. India and Russia look on", "frame:scold:TT"),
]


@pytest.mark.parametrize(("text", "frame"), [case[1:] for case in FRAMES], ids=[case[0] for case in FRAMES])
def test_a_frame_says_who_does_it_to_whom(matcher: Matcher, text: str, frame: str) -> None:
    assert on(look(matcher, "IN-RU", text), "frame:scold") == {frame}


NEGATED = [
    ("not", "India will not halt imports of Russian oil", "not:all:down"),
    ("a denial reaches over a claim", "India rejects Trump's claim that it agreed to halt Russian oil", "not:all:down"),
]


@pytest.mark.parametrize(("text", "name"), [case[1:] for case in NEGATED], ids=[case[0] for case in NEGATED])
def test_negation_turns_a_word(matcher: Matcher, text: str, name: str) -> None:
    seen = on(look(matcher, "IN-RU", text))
    assert name in seen
    assert name.removeprefix("not:") not in seen


def test_negation_does_not_reach_the_next_sentence(matcher: Matcher) -> None:
    seen = on(look(matcher, "IN-RU", "India denies it.", "Halt of Russian oil flows"))
    assert "all:down" in seen


def test_where_the_sides_stand(matcher: Matcher) -> None:
    together = on(look(matcher, "IN-RU", "India and Russia sign"))
    assert {"is:both_in_title", "is:same_clause", "is:joined_and", "is:adjacent"} <= together
    apart = on(look(matcher, "IN-RU", "India votes", "The day ended. In other news, Russia was cold."))
    assert {"is:one_in_title"} <= apart
    assert not {"is:same_sentence", "is:same_clause", "is:adjacent"} & apart


def test_names_are_kept_for_themes_and_dropped_for_stance(matcher: Matcher) -> None:
    document = make_document(Item("1", "India and Russia sign"), matcher)
    assert "w:india" in item_features(document).words
    assert "w:india" not in pair_features(document, ("IN", "RU"), matcher.principals).words


def test_every_word_of_the_lexicon_is_in_a_group() -> None:
    assert all(set(groups) <= set(GROUPS) for groups in WORDS.values())
    assert WORDS["halted"] == ("down",)
    assert "coop" in WORDS["bought"]


def test_features_change_only_with_the_number_of_the_method(matcher: Matcher) -> None:
    """When this fails you changed what features mean: raise METHOD, train again, and put the new digest here."""
    digest = hashlib.sha256(repr((DENSE, sorted(WORDS.items()))).encode())
    for title, text in TEMPLATES:
        names = dict(zip("abc", PAIRS["IN-CN"], strict=True))
        document = make_document(Item("1", title.format(**names), text.format(**names)), matcher)
        features = pair_features(document, ("IN", "CN"), matcher.principals)
        rounded = tuple(round(value, 6) for value in features.dense)
        digest.update(repr((features.words, rounded, item_features(document))).encode())
    assert (METHOD, digest.hexdigest()[:12]) == (1, "16452275cbd8")
