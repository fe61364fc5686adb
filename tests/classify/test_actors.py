"""Who is in a text, told by cases that were once read wrongly."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from classify.actors import HINTS, IMPLIES, NAMES, Kind, Matcher
from classify.text import make_document
from classify.train_fused import load_lessons
from ingest.topic import Topic
from store.errors import SeedError


def named(matcher: Matcher, text: str) -> set[str]:
    return {mention.actor for mention in matcher.mentions(text) if mention.strength >= IMPLIES}


FOUND = [
    ("name and demonym", "India hosts Russian minister", {"IN", "RU"}),
    ("capitals stand for states", "New Delhi and Moscow agree, Beijing objects", {"IN", "RU", "CN"}),
    ("leaders stand for states", "Modi calls Putin before Xi's visit", {"IN", "RU", "CN"}),
    ("leaders of the past count, so that archives can be read", "Manmohan Singh meets Hu Jintao", {"IN", "CN"}),
    ("ministries count", "The Ministry of External Affairs replies to the Kremlin", {"IN", "RU"}),
    ("state firms count", "ONGC and Rosneft sign", {"IN", "RU"}),
    ("a possessive is no part of the name", "India’s trade with China’s firms", {"IN", "CN"}),
    ("hyphens are borders", "Russia-China-backed plan, anti-Indian mood", {"IN", "RU", "CN"}),
    ("dashes of any kind are borders", "India–Russia—China", {"IN", "RU", "CN"}),
    ("hashtags count", "#Lavrov meets #WangYi", {"RU", "CN"}),
    ("flags count", "🇷🇺🇮🇳 talks", {"RU", "IN"}),
    ("Hindi names", "भारत और रूस ने चीन से बात की", {"IN", "RU", "CN"}),
    ("Russian in every case", "Путиным, Индией и китайскими", {"RU", "IN", "CN"}),
    ("Chinese has no spaces", "中国和印度以及俄罗斯举行会议", {"CN", "IN", "RU"}),
    ("lower-cased feeds name states too", "foreign ministers of russia, india, china met today", {"RU", "IN", "CN"}),
    ("capitals throughout", "INDIA AND CHINA TALK", {"IN", "CN"}),
    ("Xi counts with its capital", "Xi lands in Moscow", {"CN", "RU"}),
    ("PLA is the army", "Indian Army and PLA officers meet", {"IN", "CN"}),
    ("the US is no pronoun", "US talks to India", {"US", "IN"}),
    ("verbs stay between names: China opens", "Russia and China open visa-free travel", {"RU", "CN"}),
    ("a dinner does not turn China into porcelain", "lavrov of russia, wang yi of china at the dinner", {"RU", "CN"}),
]
NOT_FOUND = [
    ("Indian Ocean is geography", "Tuna in the Indian Ocean"),
    ("Indiana is a state of the US", "Indiana and Indianapolis vote"),
    ("West Indies is cricket", "West Indies win, West Indian fans sing"),
    ("Indian-Americans are community news", "Indian-American and Chinese-American voters"),
    ("American Indian is another people", "American Indian reservation"),
    ("porcelain", "bone china and fine china for sale"),
    ("porcelain in lower case", "He put the china away"),
    ("porcelain in a lower-cased feed", "old china tea set, porcelain"),
    ("Chinatown", "Chinatown parade"),
    ("Russian roulette, dolls and salad", "Russian roulette, Russian dolls, Russian salad"),
    ("drinks and dishes", "Moscow mules and Peking duck"),
    ("airlines", "Air India and Air China flights"),
    ("outlets", "The Hindu, Times of India and The Moscow Times report"),
    ("a tennis tournament", "China Open final"),
    ("a team of eleven", "Playing XI named"),
    ("a tennis player", "Medvedev beats Alcaraz in the quarter-final"),
    ("another tennis player", "Novak Djokovic wins"),
    ("lower-case acronyms are words", "the lac resin, the pla plastic, ric the dog"),
    ("a part of a word", "indiarubber, chinaware, russianism"),
    ("Indonesia in Chinese holds India's name", "印度尼西亚"),
    ("the Indian Ocean in Chinese", "印度洋"),
    ("sugar mill in Hindi", "चीनी मिल"),
    ("a place in Idaho", "Moscow, Idaho"),
    ("an empty text", ""),
]


@pytest.mark.parametrize(("text", "actors"), [case[1:] for case in FOUND], ids=[case[0] for case in FOUND])
def test_finds(matcher: Matcher, text: str, actors: set[str]) -> None:
    assert named(matcher, text) == actors


@pytest.mark.parametrize("text", [case[1] for case in NOT_FOUND], ids=[case[0] for case in NOT_FOUND])
def test_is_not_misled_by(matcher: Matcher, text: str) -> None:
    assert named(matcher, text) & {"IN", "RU", "CN"} == set()


DYADS = [
    ("both named", "India and Russia sign", ["IN-RU"]),
    ("all three named", "Russia, India and China meet", ["IN-RU", "RU-CN", "IN-CN"]),
    ("named and implied", "India pays for S-400 systems", ["IN-RU"]),
    ("both implied", "Rupee and rouble: payments stuck", ["IN-RU"]),
    ("named and hinted: the war is Russia's", "India stays neutral on Ukraine", ["IN-RU"]),
    ("named and hinted: the sea is contested by China", "India sends warships to the South China Sea", ["IN-CN"]),
    ("a metonym is enough", "Galwan: what happened", ["IN-CN"]),
    ("LAC is enough", "Calm at the LAC, says army chief", ["IN-CN"]),
    ("a compound is enough", "Sino-Russian gas talks", ["RU-CN"]),
    ("a compound in Chinese is enough", "中俄元首会晤", ["RU-CN"]),
    ("a compound in Russian is enough", "российско-индийские отношения", ["IN-RU"]),
    ("the triangle is every dyad", "RIC format to be revived", ["IN-RU", "RU-CN", "IN-CN"]),
    ("two hints are not enough", "BRICS and SCO leaders gather", []),
    ("one side is not enough", "India votes", []),
    ("a third party does not make a dyad", "India and Japan sail together", []),
]


@pytest.mark.parametrize(("text", "dyads"), [case[1:] for case in DYADS], ids=[case[0] for case in DYADS])
def test_a_text_can_be_about_a_dyad(matcher: Matcher, text: str, dyads: list[str]) -> None:
    assert matcher.dyads(text) == dyads
    assert matcher.names_two(text) == bool(dyads)


def test_positions_are_those_of_the_text_whatever_its_letters_become_in_lower_case(matcher: Matcher) -> None:
    text = "İİİ — “India’s” görüşme: Xi"
    assert [text[mention.start : mention.end] for mention in matcher.mentions(text)] == ["India", "Xi"]


def test_the_longest_name_wins_and_spans_never_overlap(matcher: Matcher) -> None:
    text = "Xi Jinping at the Line of Actual Control with the People's Liberation Army in South China Sea talks"
    hits = matcher.hits(text)
    assert [text[hit.start : hit.end] for hit in hits] == [
        "Xi Jinping",
        "Line of Actual Control",
        "People's Liberation Army",
        "South China Sea",
    ]
    assert all(one.end <= other.start for one, other in pairwise(hits))


def test_strength_tells_naming_from_implying_from_hinting(matcher: Matcher) -> None:
    strengths = {(m.actor, m.strength) for m in matcher.mentions("India buys S-400s and S-400 parts; South China Sea")}
    assert strengths == {("IN", NAMES), ("RU", IMPLIES), ("CN", HINTS)}


def test_a_trap_is_reported_without_actors(matcher: Matcher) -> None:
    (hit,) = matcher.hits("Indian Ocean")
    assert hit.kind is Kind.TRAP
    assert hit.actors == ()


def topic_of(actors: dict[str, object]) -> Topic:
    return Topic(folder=Path("here"), actors=actors, dyads=("A-B",), themes=(), claims=())


GOOD: dict[str, object] = {
    "dyads": {"A-B": ["A", "B"]},
    "actors": {"A": {"names": ["aland"]}, "B": {"names": ["bland"]}},
}


def test_another_topic_needs_no_code() -> None:
    assert Matcher(topic_of(GOOD)).dyads("Aland and Bland sign") == ["A-B"]


WRONG: list[tuple[str, dict[str, object], str]] = [
    ("an unknown side", GOOD | {"dyads": {"A-B": ["A", "X"]}}, "must name two of the actors"),
    ("a word that YAML read as false", GOOD | {"traps": [False]}, "put it in quotes"),
    ("a group that is no list", GOOD | {"actors": {"A": {"names": "aland"}, "B": {}}}, "must be a list"),
    ("metonyms of no dyad", GOOD | {"metonyms": {"A-C": ["x"]}}, "no dyad"),
    ("a case rule for a word that nobody has", GOOD | {"case": {"as_written": ["Zland"]}}, "stands under no actor"),
    ("a case rule that does not exist", GOOD | {"case": {"upper": ["aland"]}}, "no rule"),
    ("an empty word", GOOD | {"traps": [" "]}, "empty word"),
]


@pytest.mark.parametrize(("actors", "says"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_file_is_refused_and_told_where(actors: dict[str, object], says: str) -> None:
    with pytest.raises(SeedError, match=says):
        Matcher(topic_of(actors))


@pytest.mark.parametrize(
    ("text", "dyads"),
    [
        ("俄媒：印度继续买油", ["IN-RU"]),  # the press writes Russia with one sign
        ("俄外长抵京 中方接待", ["RU-CN"]),
        ("印媒：中方撤出边境", ["IN-CN"]),
        ("埃塞俄比亚总理访华", []),  # Ethiopia
        ("俄亥俄州州长访问印度", []),  # Ohio
        ("白俄罗斯总统访华", []),  # Belarus
        ("其中俄罗斯表示支持", []),  # "among them Russia": its first sign is no China
        ("其中美国与印度分歧最大", []),
        ("中国对印尼出口增加", []),  # Indonesia
        ("中国海军在印太地区活动", []),  # the Indo-Pacific
        ("Дели и Москва подписали контракт", ["IN-RU"]),
        ("Россия: дели и властвуй", []),  # divide and rule
        ("Путин и Си встретились", ["RU-CN"]),
        ("Би-Би-Си о России", []),
        ("НОАК отвела войска от Галвана", ["IN-CN"]),
        ("रोसनेफ्ट और इंडियन ऑयल में करार", ["IN-RU"]),
    ],
)
def test_names_as_the_press_of_other_scripts_writes_them(matcher: Matcher, text: str, dyads: list[str]) -> None:
    assert sorted(matcher.dyads(text)) == dyads


@pytest.mark.parametrize(("language", "least"), [("zh", 0.95), ("hi", 0.95), ("ru", 0.9)])
def test_the_gate_lets_through_what_lessons_in_other_scripts_are_about(
    matcher: Matcher, language: str, least: float
) -> None:
    """What it leaves out no model reads."""
    told = [one for one in load_lessons() if one.item.lang == language]
    found = [dyad in matcher.possible(make_document(one.item, matcher).strengths) for one in told for dyad in one.dyads]
    assert sum(found) / len(found) >= least
