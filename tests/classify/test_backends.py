"""What every backend must do, whatever its method: the suite runs over all of `conftest.BACKENDS`.

Backend llm asks a stand-in endpoint that answers by a rule of words, backend multilingual has a stand-in encoder with
tiny weights: their part in the suite shows form and steadiness, not quality. Clear cases and look-alikes are therefore
for the embedded backends only.
"""

from __future__ import annotations

import math
import random
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

import pytest

from classify.model import Backend, Item, get_backend, read_all, version_of
from ingest.topic import Topic
from store.errors import ConfigError
from tests.classify.helpers import Make

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


def test_the_same_backend_made_twice_gives_the_same(reader: Backend, make: Make, topic: Topic) -> None:
    again = make(topic)
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


def test_a_hundred_thousand_items_need_no_more_memory_than_ten_thousand(embedded: Backend) -> None:
    def items() -> Iterator[Item]:
        for number in range(100_000):
            title = "India and Russia sign an oil accord" if number % 500 == 0 else f"Harvest {number} brought in"
            yield Item(str(number), title)

    stream = read_all(embedded, items())
    for _ in islice(stream, 10_000):
        pass
    tracemalloc.start()
    try:
        for _ in islice(stream, 5_000):
            pass
        _, early = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        read = sum(1 for _ in stream)
        _, late = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == 85_000
    assert late < early + 1_000_000


PLAIN = {"IN": ("India", "Indian"), "RU": ("Russia", "Russian"), "CN": ("China", "Chinese")}
OTHERS = {"IN": ("Borduria", "Bordurian"), "RU": ("Syldavia", "Syldavian"), "CN": ("Khemed", "Khemedi")}
STORIES = [
    ("{IN} and {RU} sign a long-term oil accord", "The deal was hailed in both capitals. Prices were not named."),
    ("{IN} slams {CN} over border clash", "{IN_} soldiers were hurt. {CN} halts the talks."),
    ("{RU_} and {CN_} warships on joint patrol", "{RU} hails the drill."),
    ("{CN} envoy to visit {IN} next week", ""),
    ("{RU} and {IN} agree on missile accord; {CN} and {IN} clash at the border", "{IN} bans {CN_} firms."),
    ("Harvest festival in {IN}", "Dancers from {RU} came."),
]


def small_topic(topic: Topic, names: Mapping[str, tuple[str, str]]) -> Topic:
    """The topic with two names a state and no claims: everything else about its texts is the same."""
    actors = {code: {"name": own[0], "names": [word.lower() for word in own]} for code, own in names.items()}
    dyads = {"IN-RU": ["IN", "RU"], "RU-CN": ["RU", "CN"], "IN-CN": ["IN", "CN"]}
    return replace(topic, actors={"principals": list(names), "dyads": dyads, "actors": actors}, claims=())


def told(names: Mapping[str, tuple[str, str]]) -> list[Item]:
    words = {code: own[0] for code, own in names.items()} | {f"{code}_": own[1] for code, own in names.items()}
    return [Item(str(at), title.format(**words), text.format(**words)) for at, (title, text) in enumerate(STORIES)]


def test_other_names_for_the_states_change_nothing(make: Make, topic: Topic) -> None:
    """The same stories of other states, in a topic that knows those: what is read is the tie, not whose it is."""
    usual = make(small_topic(topic, PLAIN)).read(told(PLAIN))
    renamed = make(small_topic(topic, OTHERS)).read(told(OTHERS))
    assert any(read.relevant for read in usual)
    for one, other in zip(usual, renamed, strict=True):
        assert (one.relevant, list(one.dyads)) == (other.relevant, list(other.dyads))
        assert one.p_relevant == pytest.approx(other.p_relevant, abs=1e-6)
        for dyad in one.dyads:
            assert one.dyads[dyad].p == pytest.approx(other.dyads[dyad].p, abs=1e-6)


EXCHANGED = {"IN": PLAIN["IN"], "RU": PLAIN["CN"], "CN": PLAIN["RU"]}
"""Russia and China change places in every story, so IN-RU and IN-CN do, and RU-CN stays."""


def test_stories_of_the_other_pair_give_the_reading_of_the_other_pair(make: Make, topic: Topic) -> None:
    model = make(small_topic(topic, PLAIN))
    swap = {"IN-RU": "IN-CN", "IN-CN": "IN-RU", "RU-CN": "RU-CN"}
    for one, other in zip(model.read(told(PLAIN)), model.read(told(EXCHANGED)), strict=True):
        assert one.relevant == other.relevant
        assert {swap[dyad] for dyad in one.dyads} == set(other.dyads)
        for dyad, reading in one.dyads.items():
            swapped = other.dyads[swap[dyad]]
            if model.version.startswith(KNOW_THE_PAIR):
                assert reading.stance * swapped.stance >= 0 or min(max(reading.p), max(swapped.p)) < 0.7
            else:
                assert reading.p == pytest.approx(swapped.p, abs=1e-6)


KNOW_THE_PAIR = ("fused", "linear")
"""Backends with a learned prior of each pair: how it was mostly written about. It may make them unsure, it may not make
them sure of the opposite."""


@pytest.mark.parametrize("more", ["The weather was mild.", "A museum opens on Sunday. Tickets are sold at the door."])
def test_a_sentence_about_something_else_changes_little(make: Make, topic: Topic, more: str) -> None:
    model = make(small_topic(topic, PLAIN))
    items = told(PLAIN)
    longer = [replace(item, text=f"{item.text} {more}".strip()) for item in items]
    changes = []
    for one, other in zip(model.read(items), model.read(longer), strict=True):
        # What is at the edge of the gate, or read with doubt, may fall on the other side; what is sure has to stay.
        if not 0.3 < one.p_relevant < 0.7:
            assert one.relevant == other.relevant
            assert one.p_relevant == pytest.approx(other.p_relevant, abs=0.2)
            assert bool(one.dyads.keys() & other.dyads.keys()) == bool(one.dyads)
        for dyad in one.dyads.keys() & other.dyads.keys():
            changes.append(abs(one.dyads[dyad].score - other.dyads[dyad].score))
            if max(one.dyads[dyad].p) >= 0.8:
                assert changes[-1] <= 0.25
    assert not changes or sum(changes) / len(changes) <= 0.1


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
def test_clear_cases_are_read_right(embedded: Backend, dyad: str, stance: int, title: str) -> None:
    (read,) = embedded.read([Item("1", title)])
    assert {name: one.stance for name, one in read.dyads.items()} == {dyad: stance}


def test_two_dyads_in_one_item_may_differ(embedded: Backend) -> None:
    title = "India and Russia sign a defence pact; Indian and Chinese troops clash at the border"
    (read,) = embedded.read([Item("1", title)])
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
def test_look_alikes_are_left_out(embedded: Backend, title: str) -> None:
    (read,) = embedded.read([Item("1", title)])
    assert not read.relevant


@pytest.mark.parametrize("refuse", [get_backend, version_of])
def test_an_unknown_backend_is_refused_by_name(topic: Topic, refuse: Callable[[str, Topic], object]) -> None:
    with pytest.raises(ConfigError, match="there are: fused, linear, llm, multilingual"):
        refuse("oracle", topic)


@pytest.mark.parametrize("name", ["fused", "linear"])
def test_the_version_is_told_without_loading_the_weights(
    topic: Topic, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = replace(topic, claims=topic.claims[1:])
    expected = [get_backend(name, one).version for one in (topic, fewer)]
    assert len(set(expected)) == 2
    for module in ("linear", "fused"):
        monkeypatch.delattr(f"classify.{module}.load_{module}")
    assert [version_of(name, one) for one in (topic, fewer)] == expected
