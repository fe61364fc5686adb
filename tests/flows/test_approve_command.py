"""The command `approve`, and where else what waits for a person is shown: the outbox and the doctor."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from sqlalchemy import select, update

from flows.approve import carry_out, form_words
from flows.doctor_mail import outbox
from flows.watch import open_watch
from store.db import Store
from store.errors import InputError
from store.models import Digest, Outbox
from store.people import Approval
from store.settings import Settings
from tests.alerts.test_outbox import queue
from tests.flows.commands import ricwatch


@pytest.fixture
def held(settings: Settings) -> Store:
    """Two mails of a digest that wait as approval 1, in the database of the settings."""
    store = Store(settings.database)
    store.migrate()
    queue(store, "a@example.org", "b@example.org")
    now = dt.datetime.now(dt.UTC)
    with store.session() as session:
        session.add(
            Approval(
                asked_at=now, due_at=now + dt.timedelta(hours=9), if_nobody="drop", subject="No shift *this* week",
                mails=2, why="2 mails at once", decision="", decided_by="", note="",
            )
        )  # fmt: skip
        session.execute(update(Digest).values(approval_id=1))
        session.execute(update(Outbox).values(state="held"))
    return store


def states(store: Store) -> set[str]:
    with store.session() as session:
        return set(session.scalars(select(Outbox.state)))


def said(folder: Path, *arguments: str) -> str:
    done = ricwatch(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def test_what_waits_is_shown_and_decided_once(held: Store, tmp_path: Path) -> None:
    told = said(tmp_path, "approve")
    assert "2 mails for approval 1 (“No shift *this* week”): 2 mails at once; dropped at" in told
    told = said(tmp_path, "approve", "1", "send", "--by", "Ann")
    assert "Approval 1: 2 mails go out, Ann decided so" in told
    assert "They leave with the next run of the digest" in told
    assert states(held) == {"pending"}
    assert said(tmp_path, "approve") == "No digest waits for approval."
    again = ricwatch("approve", "1", "drop", "--by", "Bo", cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr.startswith("ricwatch: approval 1 was decided already. Approval 1: 2 mails go out, Ann decided")
    assert again.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("1", "send"), 1, "say who decides"),
        (("2", "send", "--by", "Ann"), 1, "no approval with number 2"),
        (("1",), 2, "say what: send or drop"),
        (("1", "keep", "--by", "Ann"), 2, "keep"),
        (("1", "send", "--by", "Ann", "--note", "x" * 601), 1, "600 is the most"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    held: Store, tmp_path: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = ricwatch("approve", *arguments, cwd=tmp_path)
    assert done.returncode == status
    assert words in " ".join(done.stderr.split())
    assert states(held) == {"held"}


def test_the_outbox_names_the_approval_and_how_to_decide(held: Store, tmp_path: Path) -> None:
    assert states(held) == {"held"}
    told = said(tmp_path, "outbox")
    assert "approval 1" in told
    assert "2 wait for a person: ricwatch approve 1 send --by NAME, or drop" in told
    rows = json.loads(ricwatch("outbox", "--json", cwd=tmp_path).stdout)
    assert [(row["state"], row["approval"]) for row in rows] == [("held", 1)] * 2


def test_the_doctor_tells_of_it_and_finds_no_fault(held: Store, settings: Settings) -> None:
    assert states(held) == {"held"}
    found = outbox(settings)
    assert not found.serious
    assert "2 held; 2 mails for approval 1" in found.state
    assert "ricwatch approve NUMBER send --by NAME" in found.state


@pytest.mark.parametrize(
    ("decision", "note", "words"),
    [("send with note", "  ", "needs a note"), ("send", "wait", "there is a note, but the choice is send")],
)
def test_a_choice_and_a_note_that_do_not_fit_decide_nothing(held: Store, decision: str, note: str, words: str) -> None:
    with open_watch() as watch, pytest.raises(InputError, match=words):
        carry_out(watch, 1, decision, note, "Ann")
    assert states(held) == {"held"}


def test_the_form_says_what_happens_and_why_an_answer_was_not_taken(held: Store, settings: Settings) -> None:
    from alerts.approval import waiting

    with held.session() as session:
        (found,) = waiting(session)
    words = form_words(found, settings.zone, "say <who>")
    assert words.startswith("**Nothing was decided: say &lt;who&gt;.**")
    assert r"**No shift \*this\* week**" in words
    assert "they are **dropped**" in words
    assert "(Asia/Kolkata)" in words
