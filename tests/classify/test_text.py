"""An item cut into sentences, clauses and tokens, with every position kept."""

from __future__ import annotations

import pytest

from classify.actors import Matcher
from classify.model import Item
from classify.text import TEXT_CHARS, TITLE_CHARS, make_document

SENTENCES = [
    ("a full stop before a capital", "A first. Then another.", ["A first.", "Then another."]),
    ("no cut after U.S.", "The U.S. Senate met. It voted.", ["The U.S. Senate met.", "It voted."]),
    ("no cut after a title", "Mr. Modi left. He waved.", ["Mr. Modi left.", "He waved."]),
    ("no cut after initials", "S. Jaishankar spoke. All listened.", ["S. Jaishankar spoke.", "All listened."]),
    ("no cut in a figure", "It rose 3.5 percent. Good.", ["It rose 3.5 percent.", "Good."]),
    ("a closing quote belongs to its sentence", '"Never." He left.', ['"Never."', "He left."]),
    ("Hindi", "भारत आया। रूस गया।", ["भारत आया।", "रूस गया।"]),
    ("Chinese needs no space", "中国来了。俄罗斯也来了。", ["中国来了。", "俄罗斯也来了。"]),
]


@pytest.mark.parametrize(("text", "parts"), [case[1:] for case in SENTENCES], ids=[case[0] for case in SENTENCES])
def test_sentences(matcher: Matcher, text: str, parts: list[str]) -> None:
    document = make_document(Item("1", "", text), matcher)
    assert [document.full[start:end] for start, end in document.sentences] == parts


def test_a_title_is_a_sentence_of_its_own_even_without_a_full_stop(matcher: Matcher) -> None:
    document = make_document(Item("1", "Visit to Russia", "Today in Moscow"), matcher)
    assert [document.full[start:end] for start, end in document.sentences] == ["Visit to Russia", "Today in Moscow"]
    assert "RU" in document.strengths


def test_a_text_that_repeats_the_title_is_read_once(matcher: Matcher) -> None:
    document = make_document(Item("1", "India protests", "India protests. (Agency) Delhi is angry."), matcher)
    assert document.full.count("India protests") == 1
    assert "Delhi is angry" in document.full


def test_tokens_keep_their_place(matcher: Matcher) -> None:
    document = make_document(Item("1", "India's  exports\tto China", "Up\x00 40% in 2024, though Xi's aides…"), matcher)
    for token in document.tokens:
        given = document.full[token.start : token.end].lower()
        assert token.hit is not None or token.word.replace("0", "") in given
    assert [token.word for token in document.tokens if token.hit is None][:3] == ["exports", "to", "up"]


def test_clauses_part_at_commas_and_conjunctions(matcher: Matcher) -> None:
    document = make_document(Item("1", "India agrees while China refuses, Russia waits"), matcher)
    by_word = {token.word: token.clause for token in document.tokens}
    assert by_word["agrees"] < by_word["refuses"] < by_word["waits"]


def test_a_book_is_read_only_as_far_as_a_lead_goes(matcher: Matcher) -> None:
    document = make_document(Item("1", "x" * 10_000, "India. " * 1_000_000), matcher)
    assert len(document.full) <= TITLE_CHARS + TEXT_CHARS + 1


@pytest.mark.parametrize("given", ["", " ", "\n\n", "\x00\x01", "...", "।", "\u200b"])
def test_nothing_is_no_trouble(matcher: Matcher, given: str) -> None:
    document = make_document(Item("1", given, given), matcher)
    assert document.hits == ()
