"""Digests that wait for a person: held whole, released or dropped whole, decided once, and never lost."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path

import dkim
import pytest
from sqlalchemy import select

from alerts.approval import NOBODY, Decided, Verdict, Waiting, Word, decide, find, settle_overdue, waiting, why_asked
from alerts.approval import word_of as checked
from alerts.explain import explain_shift
from alerts.life import events
from alerts.note import LONGEST, PLACE, Note, with_note
from alerts.notices import told_days
from alerts.notify import DigestKind, Reason
from alerts.outbox import MailState, deliver
from alerts.subscribers import unsubscribe
from alerts.verdicts import gather_record
from store.db import Store
from store.errors import ConfigError, InputError
from store.models import Digest, Outbox
from store.people import Approval
from store.settings import Settings
from tests.alerts.test_digest import DAY, MODEL, NOW, ONE, add_shift, filled, run
from tests.alerts.test_digest_readers import join, mails, text_of
from tests.alerts.test_sending import key, signing

__all__ = ["filled", "key"]

HOUR = dt.timedelta(hours=1)
ANN = Word(Verdict.SEND, "Ann")
PEOPLE = ("a@example.org", "b@example.org", "c@example.org")


@pytest.fixture
def careful(settings: Settings) -> Settings:
    """Settings under which three mails at once wait for a person."""
    return settings.model_copy(update={"approve_from_mails": 3, "approve_within": 12})


@pytest.fixture
def held(filled: Store, careful: Settings) -> Store:
    """A shift, and its digest for three readers, one of whom reads text alone: it waits as approval 1."""
    join(filled, careful, *({"address": one, "html": one != PEOPLE[2]} for one in PEOPLE))
    add_shift(filled)
    assert run(filled, careful).approval == 1
    return filled


def states(store: Store) -> list[str]:
    with store.session() as session:
        return list(session.scalars(select(Outbox.state).order_by(Outbox.id)))


def headers(message: EmailMessage) -> dict[str, str]:
    """All but those that describe the body."""
    return {name: str(value) for name, value in message.items() if not name.lower().startswith(("content-", "mime-"))}


def html_of(message: EmailMessage) -> str:
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize(
    ("mails", "shifts", "asked", "why"),
    [
        (3, 0, {"approve_from_mails": 3}, "3 mails at once (RICWATCH_APPROVE_FROM_MAILS=3)"),
        (2, 9, {"approve_from_mails": 3}, ""),
        (1, 1, {"approve_from_shifts": 1}, "1 shift at once (RICWATCH_APPROVE_FROM_SHIFTS=1)"),
        (1, 0, {"approve_from_shifts": 1}, ""),
        (10_000, 99, {}, ""),
    ],
)
def test_only_the_size_that_a_setting_names_makes_digests_wait(
    settings: Settings, mails: int, shifts: int, asked: dict[str, int], why: str
) -> None:
    assert why_asked(settings.model_copy(update=asked), mails=mails, shifts=shifts) == why


def test_what_waits_leaves_with_no_delivery_and_is_shown(held: Store, careful: Settings) -> None:
    report = deliver(held, careful, now=NOW)
    assert (report.sent, report.waiting, report.unapproved) == (0, 0, 3)
    with held.session() as session:
        (one,) = waiting(session)
        assert (one.number, one.mails, one.readers) == (1, 3, PEOPLE)
        assert one.due_at == NOW + 12 * HOUR
        assert "3 mails for approval 1" in one.words
        assert "sent at 2024-10-28 13:00 UTC if nobody decides" in one.words
        assert not any(address in one.words for address in PEOPLE)


def test_hourly_runs_ask_once(held: Store, careful: Settings) -> None:
    again = run(held, careful, now=NOW + HOUR)
    assert (again.approval, again.reason) == (None, Reason.ALREADY_THIS_WEEK)
    assert states(held) == ["held"] * 3


def test_released_they_leave_once_and_the_shift_counts_as_told(held: Store, careful: Settings) -> None:
    done = decide(held, careful, 1, ANN, NOW + HOUR)
    assert done == Decided(1, Verdict.SEND, 3, "Ann", "", done.subject)
    assert done.words == "Approval 1: 3 mails go out, Ann decided so"
    assert deliver(held, careful, now=NOW + HOUR).sent == 3
    assert deliver(held, careful, now=NOW + HOUR).sent == 0
    with held.session() as session:
        assert [one.state for one in events(session, 1)] == ["held", "told"]
        assert len(explain_shift(session, careful, 1).told) == 3
        row = session.get_one(Approval, 1)
        assert (row.decision, row.decided_by, row.decided_at) == ("send", "Ann", NOW + HOUR)


def test_a_late_release_is_not_given_up_as_an_old_mail(held: Store, careful: Settings) -> None:
    decide(held, careful, 1, ANN, NOW + 6 * ONE)
    with held.session() as session:
        assert session.get_one(Outbox, 1).created_at == NOW + 6 * ONE


def test_the_note_stands_in_both_parts_and_is_escaped(held: Store, careful: Settings) -> None:
    before = mails(held)
    note = 'Read the <b>second</b> story & ignore "rumours" – важно'
    done = decide(held, careful, 1, Word(Verdict.SEND, "Ann <i>B</i>", note), NOW)
    assert done.words.endswith(f"with a note: {note}")
    for address, (mail,) in mails(held).items():
        (old,) = before[address]
        assert "A note from Ann <i>B</i>:" in text_of(mail)
        assert note in text_of(mail)
        assert text_of(mail).endswith(text_of(old))
        assert headers(mail) == headers(old)
        if address == PEOPLE[2]:
            assert mail.get_body(("html",)) is None
            continue
        html = html_of(mail)
        assert "Read the &lt;b&gt;second&lt;/b&gt; story &amp; ignore" in html
        assert "A note from Ann &lt;i&gt;B&lt;/i&gt;" in html
        assert PLACE in html_of(old)
        pictures = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "image"]
        assert pictures == [part.get_content() for part in old.walk() if part.get_content_maintype() == "image"]
        assert pictures
    with held.session() as session:
        digest = session.scalars(select(Digest)).one()
        assert "&lt;b&gt;second" in digest.html
        assert note in " ".join(digest.text.split())


def test_the_bytes_of_a_mail_without_a_note_are_those_that_were_composed(held: Store, careful: Settings) -> None:
    with held.session() as session:
        before = list(session.scalars(select(Outbox.mime).order_by(Outbox.id)))
    decide(held, careful, 1, ANN, NOW)
    with held.session() as session:
        assert list(session.scalars(select(Outbox.mime).order_by(Outbox.id))) == before


def test_a_template_without_a_place_refuses_the_note_and_nothing_is_decided(held: Store, careful: Settings) -> None:
    with held.session() as session:
        mail = session.get_one(Outbox, 2)
        mail.mime = mail.mime.replace(PLACE.encode(), b"")
    with pytest.raises(ConfigError, match="no place for a note"):
        decide(held, careful, 1, Word(Verdict.SEND, "Ann", "x"), NOW)
    assert states(held) == ["held"] * 3
    assert decide(held, careful, 1, ANN, NOW).mails == 3


def test_dropped_they_never_leave_and_the_shift_is_listed_and_not_asked_about_again(
    held: Store, careful: Settings
) -> None:
    done = decide(held, careful, 1, Word(Verdict.DROP, "Ann", "a rumour"), NOW)
    assert done.words == "Approval 1: 3 mails are dropped, Ann decided so: a rumour"
    assert deliver(held, careful, now=NOW).sent == 0
    assert states(held) == ["dropped"] * 3
    later = run(held, careful, day=DAY + ONE, now=NOW + ONE)
    assert (later.kind, later.reason) == (None, Reason.DROPPED)
    weekly = run(held, careful, day=DAY + 7 * ONE, now=NOW + 7 * ONE)
    assert weekly.kind is DigestKind.WEEKLY
    assert "listed and not alerted: a person decided not to send the digest" in " ".join(weekly.text.split())
    with held.session() as session:
        assert [one.state for one in events(session, 1)][:2] == ["held", "dropped"]
        assert told_days(session, careful.zone) == {}
        assert explain_shift(session, careful, 1).told == ()
        record = gather_record(session, MODEL, DAY)
        assert (record.told, record.digests) == (0, 0)


def test_when_the_time_is_up_what_the_setting_said_when_they_were_composed_is_done(
    held: Store, careful: Settings
) -> None:
    changed = careful.model_copy(update={"approve_default": "drop", "approve_within": 1})
    assert settle_overdue(held, changed, NOW + 11 * HOUR) == []
    (done,) = settle_overdue(held, changed, NOW + 12 * HOUR)
    assert (done.verdict, done.by, done.mails) == (Verdict.SEND, NOBODY, 3)
    assert "nobody decided in time" in done.words
    assert settle_overdue(held, changed, NOW + 13 * HOUR) == []
    assert deliver(held, careful, now=NOW + 13 * HOUR).sent == 3


def test_the_default_can_be_to_drop(filled: Store, careful: Settings) -> None:
    strict = careful.model_copy(update={"approve_from_mails": 1, "approve_default": "drop"})
    add_shift(filled)
    run(filled, strict)
    (done,) = settle_overdue(filled, strict, NOW + 12 * HOUR)
    assert done.words == "Approval 1: 1 mail is dropped, nobody decided in time"
    assert states(filled) == ["dropped"]


def test_the_first_decision_holds(held: Store, careful: Settings) -> None:
    decide(held, careful, 1, Word(Verdict.DROP, "Ann"), NOW)
    with pytest.raises(InputError, match=r"approval 1 was decided already. Approval 1: 3 mails are dropped, Ann"):
        decide(held, careful, 1, Word(Verdict.SEND, "Bo"), NOW)
    assert states(held) == ["dropped"] * 3


def test_of_many_who_decide_at_once_one_decides(any_store: Store, careful: Settings) -> None:
    join(any_store, careful, *({"address": one} for one in PEOPLE))
    assert run(any_store, careful, kind="weekly").approval == 1
    ready = threading.Barrier(4)

    def word(number: int) -> str:
        verdict = Verdict.SEND if number % 2 else Verdict.DROP
        ready.wait()
        try:
            return decide(any_store, careful, 1, Word(verdict, f"person {number}"), NOW).verdict
        except InputError:
            return ""

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(word, range(4)))
    (won,) = [one for one in said if one]
    assert set(states(any_store)) == {"pending" if won == "send" else "dropped"}


def test_who_unsubscribes_meanwhile_gets_nothing(held: Store, careful: Settings) -> None:
    with held.session() as session:
        unsubscribe(session, careful, PEOPLE[0], by="test", now=NOW)
        (one,) = waiting(session)
        assert one.readers == PEOPLE[1:]
    assert decide(held, careful, 1, ANN, NOW).mails == 2
    assert states(held) == [MailState.FAILED, MailState.PENDING, MailState.PENDING]


@pytest.mark.parametrize(
    ("by", "note", "words"),
    [
        ("", "", "say who decides"),
        (" \u202e ", "", "say who decides"),
        (NOBODY, "", "say who decides"),
        ("Ann", "x" * (LONGEST + 1), f"the note has {LONGEST + 1} characters; {LONGEST} is the most"),
    ],
)
def test_a_word_without_a_name_or_with_too_long_a_note_is_refused(by: str, note: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        checked(Verdict.SEND, by, note)


def test_a_name_cannot_break_out_of_its_line() -> None:
    assert checked(Verdict.SEND, "Ann\r\nBcc: x", "a\n\nb") == Word(Verdict.SEND, "Ann Bcc: x", "a b")


def test_an_approval_is_found_by_its_number_or_as_the_oldest(held: Store, careful: Settings) -> None:
    with held.session() as session:
        assert isinstance(find(session, 0), Waiting)
        with pytest.raises(InputError, match="no approval with number 2"):
            find(session, 2)
    decide(held, careful, 1, ANN, NOW)
    with held.session() as session:
        assert isinstance(find(session, 1), Decided)
        with pytest.raises(InputError, match="no digest waits for approval"):
            find(session, 0)


def test_a_test_to_oneself_and_a_dry_run_wait_for_nobody(filled: Store, careful: Settings) -> None:
    add_shift(filled)
    always = careful.model_copy(update={"approve_from_shifts": 1})
    assert run(filled, always, kind="test").approval is None
    assert run(filled, always, dry_run=True).approval is None
    assert run(filled, always).approval == 1


def test_what_waits_is_signed_when_it_goes_with_its_note(
    filled: Store, careful: Settings, key: tuple[Path, Callable[..., bytes]]
) -> None:
    file, dns = key
    signed = signing(careful, file).model_copy(update={"approve_from_mails": 1})
    add_shift(filled)
    assert run(filled, signed).approval == 1
    decide(filled, signed, 1, Word(Verdict.SEND, "Ann", "mind the range"), NOW)
    with filled.session() as session:
        (mime,) = session.scalars(select(Outbox.mime))
    assert mime.count(b"DKIM-Signature: ") == 1
    assert dkim.verify(mime, dnsfunc=dns)


def test_a_mail_with_a_note_keeps_what_it_does_not_touch(held: Store, settings: Settings) -> None:
    with held.session() as session:
        mime = session.get_one(Outbox, 1).mime
    once = with_note(mime, Note("x", "Ann"), settings.templates_dir)
    assert once.partition(b"\r\n\r\n")[0] == mime.partition(b"\r\n\r\n")[0]
    assert max(len(line) for line in once.split(b"\r\n")) <= 998
    assert b"\n" not in once.replace(b"\r\n", b"")
