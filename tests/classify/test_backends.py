"""What every backend must do, whatever its method: the suite runs over all of `conftest.BACKENDS`."""

from __future__ import annotations

import math
import random

import pytest

from classify.model import Backend, Item, get_backend, read_all
from ingest.topic import Topic
from store.errors import ConfigError

ITEMS = [
    Item(
        "plain", "India and Russia sign a long-term oil accord", "The deal was sealed in Moscow. Prices were not named."
    ),
    Item("three", "Russia, India and China foreign ministers meet", "They agreed to hold the talks every year."),
    Item("off", "Mumbai Indians win again", "A late six decided the match."),
    Item("empty", ""),
    Item("blank", "  \n", "\t"),
    Item("controls", "India\x00 and\x07 China\x1b hold talks\x9f", "\ufeff\u200bBorder \u202etalks\u2028 went on."),
    Item("half emoji", "China \ud83d and Russia agree"),
    Item("huge title", "India and China clash " * 5_000),
    Item("huge word", "India " + "x" * 200_000 + " China"),
    Item("huge text", "Xi meets Putin", "They praised the partnership of China and Russia. " * 40_000),
    Item("hindi", "भारत और रूस ने समझौते पर हस्ताक्षर किए"),
    Item("russian", "Китай и Россия подписали соглашение о сотрудничестве"),
    Item("chinese", "中俄签署能源合作协议"),
    Item("arabic", "الهند وروسيا توقعان اتفاقا", "🇮🇳🇷🇺"),
    Item("markup", "<script>alert('India')</script> & China", "{{ 7 * 7 }} %s Russia"),
    Item("marks", "!?!?... — “” ‘’ 印度 … 俄罗斯 。。。"),
]


def test_one_reading_per_item_in_order(reader: Backend) -> None:
    assert [read.id for read in reader.read(ITEMS)] == [item.id for item in ITEMS]
    assert reader.read([]) == []


def test_readings_have_the_promised_form(reader: Backend, topic: Topic) -> None:
    codes = {theme.code for theme in topic.themes}
    claims = {claim.id: claim for claim in topic.claims}
    for item, read in zip(ITEMS, reader.read(ITEMS), strict=True):
        assert read.model == reader.version
        assert 0.0 <= read.p_relevant <= 1.0
        assert read.relevant == bool(read.dyads)
        assert set(read.dyads) <= set(topic.dyads)
        for one in read.dyads.values():
            assert math.isclose(sum(one.p), 1.0, abs_tol=1e-9)
            assert min(one.p) >= 0.0
            assert one.p[one.stance + 1] == max(one.p)
        assert len(read.themes) <= 3
        assert bool(read.themes) == read.relevant
        assert {theme.code for theme in read.themes} <= codes
        assert len({theme.code for theme in read.themes}) == len(read.themes)
        assert all(0.0 <= theme.p <= 1.0 for theme in read.themes)
        if read.evidence is not None:
            assert read.evidence.strip()
            assert read.evidence in item.title or read.evidence in item.text
        if read.claim is not None:
            assert claims[read.claim.id].dyad in read.dyads
            assert 0.0 < read.claim.similarity <= 1.0
            assert read.claim.relation in {"supports", "undercuts", "mentions"}


def test_what_is_not_relevant_has_no_dyads_themes_claim_or_evidence(reader: Backend) -> None:
    (read,) = reader.read([Item("1", "Mumbai Indians win again")])
    assert (read.relevant, read.dyads, read.themes, read.claim, read.evidence) == (False, {}, (), None, None)


def test_an_answer_does_not_hang_on_the_batch(reader: Backend) -> None:
    alone = [reader.read([item])[0] for item in ITEMS]
    shuffled = list(ITEMS)
    random.Random(1).shuffle(shuffled)
    assert reader.read(ITEMS) == alone
    assert sorted(reader.read(shuffled), key=lambda read: read.id) == sorted(alone, key=lambda read: read.id)


def test_the_same_backend_made_twice_gives_the_same(reader: Backend, topic: Topic) -> None:
    again = get_backend(reader.version.split("-")[0], topic)
    assert again.version == reader.version
    assert again.read(ITEMS) == reader.read(ITEMS)


def test_source_date_and_address_change_nothing(reader: Backend) -> None:
    bare = Item("1", "India and Russia sign a long-term oil accord")
    full = Item("1", bare.title, source="RT", date="2020-06-16", url="https://example.org/china", lang="ru")
    assert reader.read([bare]) == reader.read([full])


def test_any_number_of_items_is_read_as_a_stream(reader: Backend) -> None:
    taken = 0

    def items() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield Item(str(taken), "India votes")

    stream = read_all(reader, items(), batch=10)  # type: ignore[arg-type]
    assert [next(stream).id for _ in range(25)] == [str(number) for number in range(1, 26)]
    assert taken == 30


CLEAR = [
    ("IN-RU", 1, "India and Russia sign a long-term crude oil accord"),
    ("IN-RU", 1, "Russia to supply more air defence systems to India as ties deepen"),
    ("IN-RU", 1, "India defies US pressure and keeps buying Russian oil"),
    ("IN-RU", 0, "Modi to visit Moscow next month"),
    ("IN-RU", -1, "India cuts Russian oil imports sharply to comply with sanctions"),
    ("IN-RU", -1, "Indian anger as Russia delays delivery of warships"),
    ("RU-CN", 1, "Xi and Putin hail their partnership and sign energy deals"),
    ("RU-CN", 1, "Russian and Chinese warships sail on a joint patrol"),
    ("RU-CN", 0, "Wang Yi to visit Moscow on Tuesday"),
    ("RU-CN", -1, "Moscow wary of China's growing influence in Central Asia"),
    ("IN-CN", 1, "India and China agree to resume direct flights as ties thaw"),
    ("IN-CN", 0, "Jaishankar to meet Wang Yi in Beijing next week"),
    ("IN-CN", -1, "Indian and Chinese soldiers clash at the Line of Actual Control"),
    ("IN-CN", -1, "India bans Chinese apps over security concerns"),
    ("IN-RU", 1, "भारत और रूस ने समझौते पर हस्ताक्षर किए"),
    ("RU-CN", 1, "Китай и Россия подписали соглашение о сотрудничестве"),
    ("RU-CN", 1, "中俄签署能源合作协议"),
]


@pytest.mark.parametrize(("dyad", "stance", "title"), CLEAR)
def test_clear_cases_are_read_right(reader: Backend, dyad: str, stance: int, title: str) -> None:
    (read,) = reader.read([Item("1", title)])
    assert {name: one.stance for name, one in read.dyads.items()} == {dyad: stance}


def test_two_dyads_in_one_item_may_differ(reader: Backend) -> None:
    title = "India and Russia sign a defence pact; Indian and Chinese troops clash at the border"
    (read,) = reader.read([Item("1", title)])
    assert read.dyads["IN-RU"].score > read.dyads["IN-CN"].score


TRAPS = [
    "Indian Ocean tuna catch falls as Russian trawlers stay away",
    "Indiana beats a student team from Moscow State in chess",
    "West Indies beat India by six wickets",
    "Bone china and Russian dolls at auction",
    "Indian-American chef opens a Chinese restaurant in Moscow, Idaho",
    "Mumbai Indians sign Chinese sponsor",
    "India beat China in the hockey final",
    "Stocks in China and India rise, rouble steady",
    "Earthquake felt in India and China",
    "Air India flight makes emergency landing in Russia",
]


@pytest.mark.parametrize("title", TRAPS)
def test_look_alikes_are_left_out(reader: Backend, title: str) -> None:
    (read,) = reader.read([Item("1", title)])
    assert not read.relevant


def test_an_unknown_backend_is_refused_by_name(topic: Topic) -> None:
    with pytest.raises(ConfigError, match="there are: linear"):
        get_backend("oracle", topic)
