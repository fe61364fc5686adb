"""Narratives in the database: found on the day that they reach the threshold, told in one digest, known again later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict

import pytest
from sqlalchemy import select

from alerts.digest import run_digest
from alerts.digestreport import DigestReport
from alerts.narrativenews import lately
from alerts.narratives import FLOOR, LEAST_WORDS, MEMORY, THRESHOLD, WINDOW
from alerts.notify import DigestKind, Reason
from alerts.proposals import FITS, LEAST_DAYS, NarrativesReport, find_narratives, look, loose_stories
from alerts.series import update_series
from store.db import Store
from store.models import Digest, Narrative, NarrativeDay, Reading
from store.settings import Settings
from tests.alerts.helpers_digest import steady_states
from tests.alerts.helpers_store import MODEL, OUTLETS, ZERO, Item, add, day

BEGINS = 30
NOTED = BEGINS + 12
"""Two outlets of two blocs a day reach 26 on the thirteenth day."""


def even(_word: str) -> float:
    return 5.0


def at(number: int) -> dt.datetime:
    return dt.datetime.combine(day(number + 1), dt.time(7), tzinfo=dt.UTC)


def item(number: int, words: str, outlet: int = 0) -> Item:
    name, bloc = OUTLETS[outlet]
    return Item(day(number), words, name, bloc, dyads=[("IN-CN", ZERO), ("IN-RU", ZERO)])


def vaccine(number: int, outlet: int) -> Item:
    return item(number, f"vaccine trial doses x{number}o{outlet}", outlet)


def quiet(days: Sequence[int]) -> list[Item]:
    return [item(number, f"a{number} b{number} c{number} d{number}") for number in days]


def fill(store: Store, items: Sequence[Item], *, p: float = 0.3, model: str = MODEL) -> None:
    """Store *items* with a main theme of probability *p*, and bring the votes up to date."""
    add(store, items, model)
    with store.session() as session:
        for reading in session.scalars(select(Reading).where(Reading.model == model, Reading.p_relevant == 0.9)):
            reading.themes = [{"code": "trade", "p": p}]
            reading.p_relevant = 0.95
    update_series(store, model, now=at(200))


@pytest.fixture
def filled(store: Store) -> Store:
    """A quiet press, in which a narrative begins on day `BEGINS` and stays for 20 days."""
    fill(store, quiet(range(BEGINS + 60)))
    fill(store, [vaccine(number, outlet) for number in range(BEGINS, BEGINS + 20) for outlet in (0, 1)])
    return store


def find(store: Store, number: int, model: str = MODEL) -> NarrativesReport:
    return find_narratives(store, model, day=day(number), now=at(number), rarity=even)


def digest(store: Store, settings: Settings, number: int, kind: str = "auto") -> DigestReport:
    return run_digest(
        store, settings, MODEL, day=day(number), now=at(number), kind=kind,  # type: ignore[arg-type]
        states=lambda *_: steady_states(),
    )  # fmt: skip


def test_it_is_found_on_the_day_on_which_it_reaches_the_threshold_and_only_once(filled: Store) -> None:
    found = {number: find(filled, number).new for number in range(BEGINS, BEGINS + 22)}
    assert [number for number, new in found.items() if new] == [NOTED]
    assert find(filled, NOTED).new == ()
    ((_id, cluster),) = found[NOTED]
    with filled.session() as session:
        row = session.scalars(select(Narrative)).one()
    assert (row.first, row.found, row.score, row.threshold) == (day(BEGINS), day(NOTED), 26.0, THRESHOLD)
    assert set(row.terms) == {"vaccine", "trial", "doses"} == set(cluster.terms)
    assert (row.days, row.stories, row.outlets, row.blocs) == (13, 26, 2, ["india", "russia"])
    assert [story["url"] for story in row.shown] == [story.url for story in cluster.shown]
    assert row.last == day(BEGINS + 19)  # it was followed to its end


def test_stories_that_fit_a_theme_are_no_narrative(store: Store) -> None:
    fill(store, quiet(range(LEAST_DAYS)))
    fill(store, [vaccine(number, outlet) for number in range(40) for outlet in (0, 1)], p=FITS)
    with store.session() as session:
        assert {one.words for one in loose_stories(session, MODEL, day(39))} == {
            frozenset(one.story.split()) for one in quiet(range(LEAST_DAYS))
        }
    assert find(store, 39).new == ()


def test_a_story_has_one_vote_however_many_ties_outlets_and_days_it_has(store: Store) -> None:
    one = "vaccine trial doses again"
    fill(store, [item(0, one, outlet) for outlet in range(4)] + [item(1, one, 2)])
    with store.session() as session:
        (story,) = loose_stories(session, MODEL, day(1))
        assert (story.day, story.outlet) == (day(0), "Alpha")
        assert loose_stories(session, MODEL, day(WINDOW)) != [] == loose_stories(session, MODEL, day(WINDOW + 1))
    assert len(story.words) >= LEAST_WORDS


def test_nothing_is_told_in_the_first_four_weeks(store: Store) -> None:
    fill(store, [vaccine(number, outlet) for number in range(40) for outlet in (0, 1)])
    found = [number for number in range(40) if find(store, number).new]
    assert found == [LEAST_DAYS - 1]


def test_after_the_memory_it_is_told_again_and_not_before(filled: Store) -> None:
    for number in range(NOTED, BEGINS + 22):
        find(filled, number)
    ends = BEGINS + 19
    back = ends + MEMORY + 3
    fill(filled, [vaccine(number, outlet) for number in range(back, back + 14) for outlet in (0, 1)])
    assert [number for number in range(ends + 1, back + 14) if find(filled, number).new] == [back + 12]
    with filled.session() as session:
        assert len(session.scalars(select(Narrative)).all()) == 2


def test_a_pause_shorter_than_the_memory_is_no_new_narrative(filled: Store) -> None:
    for number in range(NOTED, BEGINS + 22):
        find(filled, number)
    back = BEGINS + 19 + MEMORY - 3
    fill(filled, [vaccine(number, outlet) for number in range(back, back + 20) for outlet in (0, 1)])
    assert not any(find(filled, number).new for number in range(BEGINS + 20, back + 20))


def test_what_a_new_model_version_finds_at_once_is_no_news_and_what_comes_later_is(filled: Store) -> None:
    find(filled, NOTED - 5)
    second = "test-2"
    everything = quiet(range(BEGINS + 60)) + [
        vaccine(number, outlet) for number in range(BEGINS, BEGINS + 20) for outlet in (0, 1)
    ]
    fill(filled, everything, model=second)
    assert find(filled, NOTED + 3, second).new == ()
    with filled.session() as session:
        assert [(row.status, row.model) for row in session.scalars(select(Narrative))] == [("known", second)]
        assert lately(session, day(NOTED + 3)) == ()
    later = BEGINS + 25
    words = "wheat export ban"
    fill(filled, [item(n, f"{words} y{n}o{o}", o) for n in range(later, later + 14) for o in (0, 1)], model=second)
    assert [n for n in range(later, later + 14) if find(filled, n, second).new] == [later + 12]


def test_the_days_of_a_narrative_are_no_background(filled: Store) -> None:
    for number in range(BEGINS - 2, NOTED + 1):
        find(filled, number)
    with filled.session() as session:
        tops = {row.day: row.top for row in session.scalars(select(NarrativeDay))}
    assert sorted(tops) == [day(BEGINS - 2), day(BEGINS - 1), day(NOTED)]
    assert max(tops.values()) == 0.0


def test_the_threshold_follows_the_history_up_to_seven_weeks_ago(filled: Store) -> None:
    with filled.session() as session:
        for number in range(400):
            session.add(NarrativeDay(model=MODEL, day=day(number), top=20.0 + number % 7 if number < 351 else 40.0))
            session.add(NarrativeDay(model="other", day=day(number), top=40.0))
        calm = look(session, MODEL, day(399), even).threshold
        assert calm == 26.0  # every block of four weeks had the same height
        assert look(session, MODEL, day(405), even).threshold > calm
        assert look(session, MODEL, day(100), even).threshold == THRESHOLD
    assert FLOOR < THRESHOLD


def test_a_narrative_opens_a_digest_that_tells_it_once(filled: Store, settings: Settings) -> None:
    digest(filled, settings, NOTED - 1)  # the first digest, so that none is due
    find(filled, NOTED)
    sent = digest(filled, settings, NOTED)
    assert (sent.reason, sent.kind) == (Reason.NARRATIVE_FOUND, DigestKind.SHIFT)
    assert sent.subject.startswith("[new] A narrative outside the seed themes: ")
    assert "vaccine" in sent.subject
    for part in ("26 independent stories from 2 outlets", "docs/seeds.md", "vaccine trial doses x"):
        assert part in " ".join(sent.text.split())
    assert sent.view is not None
    assert len(sent.view.narratives[0].stories) == 3
    with filled.session() as session:
        assert session.scalars(select(Narrative.digest_id)).one() == sent.digest_id
        stored = session.get_one(Digest, sent.digest_id)
        assert stored.facts["narratives"][0]["terms"]
        for story in sent.view.narratives[0].stories:
            assert f'href="{story.url}"' in stored.html
    assert digest(filled, settings, NOTED + 1).kind is None


def test_a_digest_on_request_shows_it_and_tells_it_to_nobody(filled: Store, settings: Settings) -> None:
    find(filled, NOTED)
    shown = digest(filled, settings, NOTED, "manual")
    assert "26 independent stories" in shown.text
    assert digest(filled, settings, NOTED).kind is DigestKind.SHIFT
    assert "26 independent stories" in digest(filled, settings, NOTED, "manual").text, "told or not"
    with filled.session() as session:
        assert len(lately(session, day(NOTED))) == 1
        assert lately(session, day(NOTED - 1)) == ()
        assert lately(session, day(NOTED + MEMORY)) == ()


def test_an_address_that_must_not_become_a_link_does_not(filled: Store, settings: Settings) -> None:
    find(filled, NOTED)
    with filled.session() as session:
        row = session.scalars(select(Narrative)).one()
        row.shown = [dict(row.shown[0], url="javascript:alert(1)", title="<b>bold</b>\r\nBcc: x@example.org")]
        row.terms = ["<i>a</i>\r\nBcc:", *row.terms]
    made = digest(filled, settings, NOTED, "manual")
    assert made.view is not None
    assert made.view.narratives[0].stories[0].url is None
    with filled.session() as session:
        html = session.get_one(Digest, made.digest_id).html
    assert "javascript:" not in html
    assert "<b>bold" not in html
    assert "<i>a" not in html
    assert "\n" not in made.subject


def test_the_report_of_a_day_is_made_of_values(filled: Store) -> None:
    with filled.session() as session:
        one = look(session, MODEL, day(NOTED), even)
        two = look(session, MODEL, day(NOTED), even)
    assert asdict(one) == asdict(two)
    assert one.stories == 26 + WINDOW - (WINDOW - NOTED - 1)
