"""Which titles tell one event."""

from __future__ import annotations

import random
from itertools import combinations, count

import pytest

from ingest import stories
from ingest.articles import store_entries
from ingest.clean import title_key
from ingest.model import Entry
from ingest.roster import sync_roster
from ingest.stories import Print, StoryIndex, fingerprint, likeness, make_print, similarity
from store.db import Store
from store.models import Article, Feed, Story
from tests.ingest.helpers import NOW, entry, feed

ONE = [
    (
        "India, China agree to pull back troops at Pangong lake",
        "India and China agree to pull back troops at Pangong Lake",
    ),
    ("Russia delivers second S-400 squadron to India", "Russia delivers second S-400 squadron to India: officials"),
    (
        "Xi to visit Moscow next week for talks with Putin",
        "Xi to visit Moscow next week for talks with Putin, says Kremlin",
    ),
    ("India buys record Russian oil in May", "India buys record Russian oil in May despite pressure"),
    ("Китай и Россия подписали договор о газе", "Россия и Китай подписали договор о газе: Кремль"),
    ("भारत और रूस ने रक्षा समझौते पर हस्ताक्षर किए", "भारत, रूस ने रक्षा समझौते पर हस्ताक्षर किए"),
    ("中国和俄罗斯签署天然气供应协议", "中国、俄罗斯签署天然气供应协议"),
    ("Russian minister visits Delhi for trade talks", "Russian minister visit to Delhi for trade talks"),
]
TWO = [
    ("India, China hold 18th round of border talks", "India, China hold 19th round of border talks"),
    ("India and China hold eighteenth round of border talks", "India and China hold nineteenth round of border talks"),
    ("Modi meets Putin in Moscow", "Modi meets Xi in Moscow"),
    ("India accepts Chinese proposal on border patrols", "India rejects Chinese proposal on border patrols"),
    ("Russia, China trade up 10 percent in May", "Russia, China trade up 12 percent in June"),
    ("Russia to deliver S-400 to India this year", "Russia not to deliver S-400 to India this year"),
    ("India China news", "India China news today"),
    ("Russia Ukraine war day 200 what we know", "Russia Ukraine war day 201 what we know"),
    ("India to buy oil from Russia", "China to buy gas from Iran"),
    ("中国和俄罗斯签署天然气供应协议", "中国和印度举行边界问题会谈"),
]


@pytest.mark.parametrize(("one", "two"), ONE)
def test_near_copies_tell_one_event(one: str, two: str) -> None:
    assert similarity(fingerprint(title_key(one)), fingerprint(title_key(two))) > 0


@pytest.mark.parametrize(("one", "two"), TWO)
def test_similar_titles_of_two_events_stay_apart(one: str, two: str) -> None:
    assert similarity(fingerprint(title_key(one)), fingerprint(title_key(two))) == 0


@pytest.mark.parametrize(("one", "two"), ONE + TWO)
def test_likeness_does_not_depend_on_the_order(one: str, two: str) -> None:
    a, b = fingerprint(title_key(one)), fingerprint(title_key(two))
    assert similarity(a, b) == similarity(b, a)


TELLINGS = [
    (
        (
            "Modi lands in Moscow for summit with Putin",
            "The Indian prime minister is to discuss oil and arms in the Kremlin.",
        ),
        (
            "Putin hosts India's leader at the Kremlin",
            "Prime Minister Modi arrived in Moscow on Monday to discuss oil.",
        ),
        True,
    ),
    (
        (
            "Beijing bars Indian rice over pests",
            "Customs stopped all shipments of Indian rice after finding pests in a cargo.",
        ),
        (
            "India protests as China stops rice shipments",
            "New Delhi called the customs ban on its rice after pests were found unfair.",
        ),
        True,
    ),
    (
        (
            "Modi lands in Moscow for summit with Putin",
            "The Indian prime minister is to discuss oil and arms in the Kremlin.",
        ),
        ("Russian court fines Indian pharma importer", "A Moscow court found that labels of two medicines were wrong."),
        False,
    ),
    (
        (
            "India, China hold 18th round of border talks",
            "Corps commanders met at Chushul and agreed to keep in touch.",
        ),
        (
            "India, China hold 19th round of border talks",
            "Corps commanders met at Chushul and agreed to keep in touch.",
        ),
        False,
    ),
]


@pytest.mark.parametrize(("one", "two", "same"), TELLINGS)
def test_an_event_in_other_words_is_known_by_its_lead(one: tuple[str, str], two: tuple[str, str], same: bool) -> None:
    a, b = (make_print(title_key(title), lead) for title, lead in (one, two))
    assert (likeness(a, b, 0) > 0) is same
    assert likeness(a, b, 0) == likeness(b, a, 0)
    assert likeness(a, b, 7) == 0


TITLE = "India, China agree to pull back troops at Pangong lake"


def stored(store: Store, entries: list[Entry]) -> list[tuple[str, int | None]]:
    """Store each entry in a call of its own, as polls do; gives titles with their story."""
    with store.session() as session:
        sync_roster(session, [feed("a")])
    for item in entries:
        with store.session() as session:
            store_entries(session, session.get_one(Feed, "a"), None, [item], now=NOW, on_topic=lambda text: True)
    with store.session() as session:
        return [(row.title, row.story_id) for row in session.query(Article).order_by(Article.id)]


def test_copies_within_a_week_are_one_story_and_later_ones_another(store: Store) -> None:
    rows = stored(
        store,
        [
            entry(TITLE, "https://a.in/1", days_ago=12, outlet="A"),
            entry(TITLE, "https://b.in/1", days_ago=9, outlet="B"),
            entry(TITLE, "https://b.in/2", days_ago=6, outlet="B"),
            entry(TITLE, "https://a.in/2", days_ago=4, outlet="A"),
        ],
    )
    assert [story for _, story in rows] == [1, 1, 1, 2]
    with store.session() as session:
        first, second = session.query(Story).order_by(Story.id)
        assert (first.articles, first.outlets, (first.last_day - first.day).days) == (3, 2, 6)
        assert (second.articles, second.outlets) == (1, 1)


def test_an_earlier_copy_that_comes_late_moves_the_storys_first_day(store: Store) -> None:
    rows = stored(store, [entry(TITLE, "https://a.in/1", days_ago=2), entry(TITLE, "https://b.in/1", days_ago=4)])
    assert rows[0][1] == rows[1][1]
    with store.session() as session:
        story = session.query(Story).one()
        assert (story.last_day - story.day).days == 2


def test_one_call_and_many_give_the_same_stories(store: Store, tmp_path_factory: pytest.TempPathFactory) -> None:
    entries = [entry(text, f"https://x.in/{n}") for n, text in enumerate(text for pair in ONE + TWO for text in pair)]
    one_by_one = [story for _, story in stored(store, entries)]
    other = Store(f"sqlite:///{tmp_path_factory.mktemp('other') / 'x.db'}")
    other.migrate()
    with other.session() as session:
        sync_roster(session, [feed("a")])
        row = session.get_one(Feed, "a")
        store_entries(session, row, None, entries, now=NOW, on_topic=lambda text: True)
    with other.session() as session:
        together = [row.story_id for row in session.query(Article).order_by(Article.id)]
    other.close()
    assert together == one_by_one


def test_a_copy_is_found_among_a_day_of_many_titles(store: Store) -> None:
    draw = random.Random(7)
    words = ["".join(draw.sample("abcdefghijklmnopqrstuvwxyz", 8)) for _ in range(9_000)]
    index = StoryIndex()
    day = NOW.date()
    with store.session() as session:
        index.load(session, [day])
    for _ in range(3_000):
        title = " ".join(["india", "china", "russia", *draw.sample(words, 6)])
        index.place(title, title_key(title), day, "A")
    copy = index.place(title, title_key(title), day, "B")
    assert copy == -3_000


def test_copies_of_one_text_are_compared_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    index = StoryIndex()
    day = NOW.date()
    with store.session() as session:
        index.load(session, [day])
    wire, lead = "India and Russia sign a pact on crude oil in Moscow", "The pact was signed on Monday, officials said."
    for number in range(40):
        assert index.place(wire, title_key(wire), day, f"Outlet {number}", lead) == -1
    asked = count()

    def counted(one: Print, two: Print, days: int) -> float:
        next(asked)
        return likeness(one, two, days)

    monkeypatch.setattr(stories, "likeness", counted)
    other = "India and Russia sign a pact on crude oil in Moscow after talks"
    assert index.place(other, title_key(other), day, "Outlet 41", lead) == -1
    assert next(asked) == 1


def test_the_cheap_look_at_two_titles_rules_out_nothing_that_the_close_one_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = random.Random(7)
    words = [
        "trade",
        "trades",
        "trading",
        "border",
        "borders",
        "india",
        "indias",
        "russia",
        "meets",
        "meeting",
        "talks",
        "18th",
        "19th",
        "two",
        "not",
        "conference",
        "conferences",
        "confirm",
        "confirms",
        "12月习近平",
        "习近平12",
        "俄罗斯外交",
    ]
    prints = [fingerprint(" ".join(draw.choices(words, k=draw.randint(3, 9)))) for _ in range(120)]
    pairs = list(combinations(prints, 2))
    quick = [similarity(one, two) for one, two in pairs]
    monkeypatch.setattr(stories, "_most_alike", lambda *_: 1.0)
    assert quick == [similarity(one, two) for one, two in pairs]
    assert sum(map(bool, quick)) > 20
