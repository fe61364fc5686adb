"""What readers say of a shift, and the record that comes of it."""

from __future__ import annotations

import datetime as dt

import pytest

from alerts import life
from alerts.explain import disputed_items, explain_shift, list_shifts
from alerts.verdicts import Record, gather_record, judge, record_words
from store.db import Store
from store.errors import ConfigError, InputError
from store.models import Digest
from store.settings import Settings
from tests.alerts.test_digest import DAY, MODEL, NOW, ONE, add_shift, filled, run, set_status

__all__ = ["filled"]


def say(store: Store, number: int, verdict: str, by: str, comment: str = "") -> None:
    with store.session() as session:
        judge(session, number, verdict, by=by, comment=comment, now=NOW)


def record(store: Store) -> Record:
    with store.session() as session:
        return gather_record(session, MODEL, DAY + 30 * ONE)


def test_the_record_counts_what_was_told_and_what_became_of_it(filled: Store, settings: Settings) -> None:
    numbers = [add_shift(filled, dyad=dyad) for dyad in ("IN-CN", "RU-CN", "IN-RU")]
    unseen = add_shift(filled, detected=DAY + 60 * ONE)
    run(filled, settings)
    set_status(filled, numbers[0], "confirmed")
    set_status(filled, numbers[1], "faded")
    for by in ("Ann", "Bo"):
        say(filled, numbers[0], "right", by)
    say(filled, numbers[1], "known", "Ann")
    say(filled, numbers[1], "wrong", "Bo")
    say(filled, unseen, "wrong", "Ann")
    made = record(filled)
    assert (made.digests, made.told, made.confirmed, made.faded, made.open) == (1, 3, 1, 1, 1)
    assert (made.right, made.wrong, made.known) == (1, 1, 0), "where readers differ evenly, wrong counts"
    assert record_words(made) == (
        "3 shifts told since 28 October 2024: one confirmed by later days, one faded and one not measured again yet. "
        "Readers judged one right and one wrong."
    )


def test_the_next_digest_prints_the_record(filled: Store, settings: Settings) -> None:
    number = add_shift(filled)
    first = run(filled, settings)
    assert "Record" not in first.text
    say(filled, number, "wrong", "Ann")
    text = " ".join(run(filled, settings, day=DAY + 7 * ONE, now=NOW + 7 * ONE).text.split())
    assert "1 shift told since 28 October 2024: one not measured again yet. Readers judged one wrong." in text


def test_a_later_word_of_the_same_person_replaces_the_earlier_one(filled: Store, settings: Settings) -> None:
    number = add_shift(filled)
    run(filled, settings)
    say(filled, number, "wrong", "Ann")
    say(filled, number, "right", "Ann", "I looked again")
    assert (record(filled).right, record(filled).wrong) == (1, 0)


@pytest.mark.parametrize(
    ("number", "verdict", "by", "words"),
    [
        (999, "right", "Ann", "no shift with number 999"),
        (1, "maybe", "Ann", "'maybe' is no verdict; it is one of right, wrong, known"),
        (1, "right", "\r\n", "say who judges"),
    ],
)
def test_what_cannot_be_said_is_refused(filled: Store, number: int, verdict: str, by: str, words: str) -> None:
    add_shift(filled)
    with pytest.raises(ConfigError, match=words):
        say(filled, number, verdict, by)


def test_a_shift_is_explained_with_its_life_its_readers_and_their_words(filled: Store, settings: Settings) -> None:
    number = add_shift(filled)
    run(filled, settings)
    say(filled, number, "right", "Ann", "<b>yes</b>")
    with filled.session() as session:
        told = explain_shift(session, settings, number)
        rows = list_shifts(session, settings, MODEL, DAY)
    assert [one.state for one in told.life] == ["told", "judged"]
    assert [address for address, _at in told.told] == [settings.recipients[0]]
    assert told.judgements == (("Ann", "right", "<b>yes</b>"),)
    assert told.view.headline == "India–China coverage turned convergent"
    assert [(row.id, row.verdicts) for row in rows] == [(number, "Ann: right")]
    with filled.session() as session, pytest.raises(InputError, match="no shift with number 77"):
        explain_shift(session, settings, 77)


def test_the_articles_of_shifts_judged_wrong_come_out_as_items_to_label(filled: Store, settings: Settings) -> None:
    wrong, right = add_shift(filled), add_shift(filled, dyad="IN-RU")
    say(filled, right, "right", "Ann")
    with filled.session() as session:
        assert disputed_items(session) == []
    say(filled, wrong, "wrong", "Ann")
    with filled.session() as session:
        items = disputed_items(session)
    # Of the six stories of the evidence, the database of this test holds the articles of three.
    assert [item["id"] for item in items] == ["article-1", "article-2", "article-3"]
    assert items[0]["url"] == "https://demo.example/0"
    assert items[0]["source"] == "Demo good"


def test_the_same_state_is_not_written_twice_in_a_row(filled: Store) -> None:
    number = add_shift(filled)
    with filled.session() as session:
        for hour in range(3):
            life.note(session, number, "held", "It waits.", day=DAY, now=NOW + dt.timedelta(hours=hour))
        life.note(session, number, "told", "Told.", day=DAY, now=NOW + ONE)
        assert [one.state for one in life.events(session, number)] == ["held", "told"]


def test_before_the_first_digest_there_is_no_record(filled: Store) -> None:
    assert record_words(record(filled)) == ""
    with filled.session() as session:
        assert session.query(Digest).count() == 0
