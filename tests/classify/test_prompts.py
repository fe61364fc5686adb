"""What the network sees of a pair in a text."""

from __future__ import annotations

import pytest

from classify.actors import Matcher
from classify.model import Item
from classify.prompts import ALL, FIRST, PAIR, PROMPT_CHARS, SECOND, THIRD, is_latin, pair_prompt
from classify.text import make_document


def prompt(matcher: Matcher, dyad: str, title: str, text: str = "") -> str:
    document = make_document(Item("1", title, text), matcher)
    return " ".join(pair_prompt(document, matcher.sides[dyad], matcher.principals).split())


def test_the_sides_become_roles_in_order_of_appearance(matcher: Matcher) -> None:
    assert prompt(matcher, "IN-RU", "Russia sells India oil") == f"{FIRST} sells {SECOND} oil"
    assert prompt(matcher, "IN-RU", "India buys Russian oil") == f"{FIRST} buys {SECOND} oil"


@pytest.mark.parametrize(
    ("dyad", "one", "other"), [("IN-RU", "India", "Russia"), ("RU-CN", "China", "Russia"), ("IN-CN", "India", "China")]
)
def test_every_pair_reads_the_same(matcher: Matcher, dyad: str, one: str, other: str) -> None:
    assert prompt(matcher, dyad, f"{one} warns {other}") == f"{FIRST} warns {SECOND}"


def test_another_principal_is_a_third_and_other_states_keep_their_names(matcher: Matcher) -> None:
    told = prompt(matcher, "IN-RU", "India and Russia ignore China and Japan")
    assert told == f"{FIRST} and {SECOND} ignore {THIRD} and Japan"


def test_offices_are_told_with_their_side(matcher: Matcher) -> None:
    assert prompt(matcher, "IN-RU", "Modi calls Putin") == f"{FIRST} leader calls {SECOND} leader"


def test_a_word_for_the_pair_or_for_all_keeps_its_words(matcher: Matcher) -> None:
    assert PAIR in prompt(matcher, "IN-CN", "Quiet at the Line of Actual Control")
    assert ALL in prompt(matcher, "IN-CN", "RIC foreign ministers meet: India hosts China")


def test_a_prompt_is_no_longer_than_the_window(matcher: Matcher) -> None:
    assert len(prompt(matcher, "IN-RU", "India and Russia", "talk on and on " * 300)) <= PROMPT_CHARS + 60


@pytest.mark.parametrize(
    ("title", "latin"),
    [("India votes", True), ("Китай и Россия: BRICS", False), ("中俄签署", False), ("2024: 1 – 2", True), ("", True)],
)
def test_the_script_is_told(title: str, latin: bool) -> None:
    assert is_latin(title) is latin
