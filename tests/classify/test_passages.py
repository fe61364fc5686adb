"""Documents of many paragraphs."""

from __future__ import annotations

import pytest

from classify.decide import PairScore
from classify.model import Backend, DyadReading, Item
from classify.passages import LONG, MOST_PASSAGES, PASSAGE_CHARS, is_long, passages, pooled

WARM = "India and Russia signed an agreement on missile production, and both hailed their friendship. "
COOL = "Indian and Chinese soldiers clashed at the border, and New Delhi lodged a protest with Beijing. "
FILLER = "The weather was mild, the hall was full, and the visitors were offered tea and cake. "


def essay(*parts: str, title: str = "What remains of old friendships?") -> Item:
    return Item("1", title, "\n\n".join(part * 6 for part in parts))


def test_an_essay_is_read_beyond_its_beginning(embedded: Backend) -> None:
    item = essay(FILLER, FILLER, FILLER, FILLER, WARM, FILLER, WARM, FILLER, WARM, COOL, COOL, FILLER)
    assert is_long(item)
    (read,) = embedded.read([item])
    assert read.relevant
    assert {dyad: one.stance for dyad, one in read.dyads.items()} == {"IN-RU": 1, "IN-CN": -1}
    assert read.evidence
    assert read.evidence in item.text
    assert sum(read.dyads["IN-RU"].p) == pytest.approx(1)


def test_what_a_document_mentions_once_is_not_what_it_is_about(embedded: Backend) -> None:
    once = Item("1", "A town and its hall", FILLER * 30 + WARM + FILLER * 60)
    assert not embedded.read([once])[0].relevant


def test_a_title_does_not_speak_for_the_essay(embedded: Backend) -> None:
    parts = [WARM] * 12
    one, other = embedded.read([essay(*parts, title="India and Russia: trouble ahead"), essay(*parts, title="")])
    assert one.dyads == other.dyads


def test_passages_have_the_length_of_a_lead_and_leave_nothing_out_before_the_last() -> None:
    item = essay(WARM, COOL, FILLER, WARM)
    cut = passages(item)
    assert all(len(one.title) + len(one.text) <= PASSAGE_CHARS + 60 for one in cut)
    assert " ".join(f"{one.title} {one.text}".strip() for one in cut).split() == item.text.split()


@pytest.mark.parametrize("text", ["x" * 1_000_000, "word " * 200_000, "\n" * LONG * 2, "a. B" * 90_000, "条" * 90_000])
def test_a_book_is_cut(text: str, embedded: Backend) -> None:
    cut = passages(Item("1", "", text))
    assert len(cut) <= MOST_PASSAGES
    assert all(len(one.title) <= PASSAGE_CHARS for one in cut)
    (read,) = embedded.read([Item("1", "", text)])
    assert not read.relevant


def scores(*values: tuple[float, tuple[float, float, float]]) -> list[dict[str, PairScore]]:
    return [{"IN-RU": PairScore(p, DyadReading(0, stance))} for p, stance in values]


def test_passages_that_are_about_something_else_have_no_say() -> None:
    parts = scores((0.9, (0.1, 0.1, 0.8)), (0.2, (0.98, 0.01, 0.01)), (0.9, (0.1, 0.1, 0.8)))
    (one,) = pooled(parts).values()
    assert one.stance.stance == 1
    assert one.stance.p == pytest.approx((0.1, 0.1, 0.8))
    assert one.p_concerns == pytest.approx(0.9)


def test_a_tenth_of_the_passages_decides_on_the_tie() -> None:
    about, other = (0.9, (0.1, 0.1, 0.8)), (0.1, (0.3, 0.4, 0.3))
    assert pooled(scores(*[about] * 3, *[other] * 27))["IN-RU"].p_concerns == pytest.approx(0.9)
    assert pooled(scores(*[about] * 1, *[other] * 29))["IN-RU"].p_concerns < 0.5


def test_no_passages_no_scores() -> None:
    assert pooled([]) == {}
