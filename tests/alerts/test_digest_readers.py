"""Several readers of one monitor: each is told what they asked for, when they asked for it, once."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.digest import preview, run_digest
from alerts.digestreport import DigestReport
from alerts.life import events
from alerts.model import DyadState
from alerts.notices import keep
from alerts.notify import Decision, DigestKind, Reason
from alerts.silences import end_silence, silence
from alerts.subscribers import default_reader, subscribe, unsubscribe
from store.db import Store
from store.models import Digest, Feed, Outbox, SeriesDay, Story, Vote
from store.people import Notice
from store.settings import Settings
from tests.alerts.test_digest import DAY, MODEL, NOW, ONE, add_shift, fake_states, filled, queued, run, set_status

__all__ = ["filled"]


def join(store: Store, settings: Settings, *readers: Mapping[str, object]) -> None:
    with store.session() as session:
        for fields in readers:
            subscribe(session, settings, fields, by="test", now=NOW)


def mails(store: Store) -> dict[str, list[EmailMessage]]:
    found: dict[str, list[EmailMessage]] = {}
    with store.session() as session:
        for row in session.scalars(select(Outbox).order_by(Outbox.id)):
            message = message_from_bytes(row.mime, policy=default)
            found.setdefault(row.recipient, []).append(message)
    return found


def reasons(report: DigestReport) -> dict[str, Reason]:
    return {one.address: one.reason for one in report.spared}


def kinds(report: DigestReport) -> dict[str, DigestKind | None]:
    return {address: one.kind for one in report.every for address in one.recipients}


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())


def test_each_reader_is_told_of_their_ties_and_nobody_of_what_cannot_be_attributed(
    filled: Store, settings: Settings
) -> None:
    join(
        filled,
        settings,
        {"address": "all@example.org"},
        {"address": "russia@example.org", "dyads": "IN-RU"},
        {"address": "china@example.org", "dyads": "IN-CN"},
    )
    run(filled, settings)  # the first digests, so that no other is due
    tie = add_shift(filled, detected=DAY + ONE)
    theme = add_shift(filled, detected=DAY + ONE, dyad="", kind="theme", theme="border", direction="rise", before=0.2,
                      after=0.4, magnitude=0.7, low=0.4, high=1.0)  # fmt: skip
    report = run(filled, settings, day=DAY + ONE, now=NOW + ONE)
    told = {one.recipients: set(one.shift_ids) for one in report.every}
    assert told == {("all@example.org",): {tie, theme}, ("china@example.org",): {tie}}
    assert reasons(report) == {"russia@example.org": Reason.OUT_OF_SCOPE}
    assert "India–Russia" not in text_of(mails(filled)["china@example.org"][-1]).partition("YOUR TIES")[2]


def test_readers_for_whom_the_same_is_said_share_a_digest(filled: Store, settings: Settings) -> None:
    join(filled, settings, *[{"address": f"reader-{n}@example.org"} for n in range(5)])
    add_shift(filled)
    report = run(filled, settings)
    assert (len(report.every), report.queued, queued(filled)) == (1, 5, 5)
    ids = {str(message["Message-ID"]) for (message,) in mails(filled).values()}
    assert len(ids) == 5


def test_a_weekly_reader_is_told_on_their_day_and_a_paused_one_when_the_pause_is_over(
    filled: Store, settings: Settings
) -> None:
    join(
        filled,
        settings,
        {"address": "now@example.org"},
        {"address": "weekly@example.org", "cadence": "weekly"},
        {"address": "away@example.org", "paused_until": "2024-11-01"},
    )
    run(filled, settings)
    number = add_shift(filled, detected=DAY + ONE)
    went: dict[str, list[tuple[dt.date, DigestKind | None, bool]]] = {}
    for later in range(1, 9):
        report = run(filled, settings, day=DAY + later * ONE, now=NOW + later * ONE)
        for one in report.every:
            for address in one.recipients:
                day = (NOW + later * ONE).date()
                went.setdefault(address, []).append((day, one.kind, number in one.shift_ids))
    november = dt.date(2024, 11, 1)
    assert went["now@example.org"] == [
        (dt.date(2024, 10, 29), DigestKind.SHIFT, True),
        (dt.date(2024, 11, 4), DigestKind.WEEKLY, False),
    ]
    assert went["weekly@example.org"] == [(dt.date(2024, 11, 4), DigestKind.WEEKLY, True)]
    assert went["away@example.org"][0] == (november, DigestKind.SHIFT, True)


def test_five_weeks_of_several_ties_for_one_reader(filled: Store, settings: Settings) -> None:
    join(filled, settings, {"address": "ann@example.org"})
    attention = {"kind": "attention", "direction": "rise", "magnitude": 0.83, "low": 0.5, "high": 1.1}
    found: dict[int, list[dict[str, object]]] = {
        1: [{"dyad": "IN-CN"}, {"dyad": "IN-RU", "log_evidence": 7.0}],
        2: [{"dyad": "RU-CN", **attention}],
        3: [{"dyad": "IN-RU", **attention}, {"dyad": "IN-CN", **attention}],
        30: [{"dyad": "IN-CN", "direction": "divergence", "magnitude": -0.7, "before": 0.32, "after": -0.38}],
    }
    stance = 0
    went: dict[int, list[str]] = {}
    for later in range(36):
        for fields in found.get(later, ()):
            number = add_shift(filled, detected=DAY + later * ONE, **fields)
            stance = stance or number
        if later == 30:
            set_status(filled, stance, "returned")
        for hour in (0, 6) if later < 5 else (0,):  # runs of a day, while more is found
            if (later, hour) == (1, 6):
                add_shift(filled, detected=DAY + ONE, dyad="RU-CN", log_evidence=6.5)
            report = run(filled, settings, day=DAY + later * ONE, now=NOW + later * ONE + dt.timedelta(hours=hour))
            if report.digest_id is not None:
                went.setdefault(later, []).append(report.subject)
    assert {day: len(mails) for day, mails in went.items()} == dict.fromkeys((0, 1, 2, 3, 7, 14, 21, 28, 30, 35), 1)
    threads = [str(message["References"]).partition("@")[0] for message in mails(filled)["ann@example.org"]]
    interim = {day: (subject, thread) for (day, (subject,)), thread in zip(went.items(), threads, strict=True)}
    assert interim[1] == (
        "[shift ↑2] India–China coverage turned convergent, +0.73; one more",
        "<digests.shift.in-cn",
    )
    assert interim[2][0] == "[shift ↑1 ▲1] Russia–China draws 2.3 times its usual coverage; one more"
    assert interim[3] == ("[shift ▲] All three ties draw more coverage at once, ×2.3", "<digests.shift.all-ties")
    for week in (7, 14, 21, 28):
        assert interim[week][0].startswith("No new shift this week")
        assert "still in force" in interim[week][0]
    back, thread = interim[30]
    assert (back, thread) == ("[back ↓] India–China coverage is back at its earlier level, −0.70", interim[1][1])
    assert "India–China coverage is back" not in interim[35][0]


def test_weak_evidence_is_told_to_who_asked_for_strong_once_it_is_confirmed(filled: Store, settings: Settings) -> None:
    join(filled, settings, {"address": "ann@example.org", "least": "strong"})
    run(filled, settings)
    number = add_shift(filled, detected=DAY + ONE, confidence="moderate")
    assert reasons(run(filled, settings, day=DAY + ONE, now=NOW + ONE)) == {"ann@example.org": Reason.TOO_WEAK}
    weekly = run(filled, settings, day=DAY + 7 * ONE, now=NOW + 7 * ONE)
    assert weekly.kind is DigestKind.WEEKLY
    assert "listed and not alerted: its evidence is weaker than asked for" in " ".join(weekly.text.split())
    set_status(filled, number, "confirmed")
    later = run(filled, settings, day=DAY + 15 * ONE, now=NOW + 15 * ONE)
    assert number in later.shift_ids


def test_a_silenced_shift_is_listed_with_its_cause_and_told_when_the_silence_ends(
    filled: Store, settings: Settings
) -> None:
    run(filled, settings)
    with filled.session() as session:
        made = silence(
            session, settings, until=(DAY + 9 * ONE), author="Ann", comment="summit in Delhi", dyad="IN-CN", now=NOW
        )
    number = add_shift(filled, detected=DAY + ONE)
    assert run(filled, settings, day=DAY + ONE, now=NOW + ONE).reason is Reason.SILENCED
    weekly = run(filled, settings, day=DAY + 7 * ONE, now=NOW + 7 * ONE)
    assert weekly.subject.startswith("No shift alerted this week; one is listed with its reason")
    said = "listed and not alerted: silenced until 5 November 2024 by Ann: summit in Delhi"
    assert said in " ".join(weekly.text.split())
    with filled.session() as session:
        end_silence(session, made.id, now=NOW + 8 * ONE, settings=settings)
    told = run(filled, settings, day=DAY + 8 * ONE, now=NOW + 8 * ONE)
    assert (told.kind, told.shift_ids) == (DigestKind.SHIFT, (number,))
    with filled.session() as session:
        assert [one.state for one in events(session, number)] == ["silenced", "told"]


def test_a_shift_that_depends_on_feeds_that_are_out_waits_for_them(filled: Store, settings: Settings) -> None:
    run(filled, settings)
    onset = DAY - 2 * ONE
    with filled.session() as session:
        session.add(Story(id=90, day=onset, last_day=onset, title="usual"))
        session.flush()
        for back in range(20, 60):  # three of four usual stories are of the outlet that fails
            for outlet, story in (("Demo bad", 1), ("Demo bad", 2), ("Demo bad", 3), ("Demo good", 90)):
                session.add(
                    Vote(
                        model=MODEL, day=onset - back * ONE, dyad="IN-CN", story_id=story, article_id=1,
                        outlet=outlet, bloc="india", score=0.1, stance=0, theme="border", themes=["border"],
                    )
                )  # fmt: skip
    number = add_shift(filled, detected=DAY + ONE, onset=onset)
    held = run(filled, settings, day=DAY + ONE, now=NOW + ONE)
    assert held.reason is Reason.FEED_OUTAGE
    with filled.session() as session:
        assert [one.why for one in events(session, number)] == ["Waits for 1 outlet that does not answer."]
        session.get_one(Feed, "bad").health = "ok"
    told = run(filled, settings, day=DAY + 2 * ONE, now=NOW + 2 * ONE)
    assert told.shift_ids == (number,)


def test_after_a_week_it_is_told_with_a_word_on_the_missing_feeds(filled: Store, settings: Settings) -> None:
    run(filled, settings)
    with filled.session() as session:
        for back in range(20, 60):
            session.add(
                Vote(
                    model=MODEL, day=DAY - back * ONE, dyad="IN-CN", story_id=1, article_id=1, outlet="Demo bad",
                    bloc="india", score=0.1, stance=0, theme="border", themes=["border"],
                )
            )  # fmt: skip
    add_shift(filled, detected=DAY + ONE, onset=DAY - 2 * ONE)
    told = [
        (later, run(filled, settings, day=DAY + later * ONE, now=NOW + later * ONE)) for later in (1, 2, 3, 4, 5, 8)
    ]
    assert [report.reason for _later, report in told[:5]] == [Reason.FEED_OUTAGE] * 5
    assert told[5][1].kind is DigestKind.SHIFT
    assert "Feeds are missing: Demo bad usually brings 100 % of the stories" in " ".join(
        told[5][1].text.split()
    ).replace("\u00a0", " ")


def test_text_only_and_a_style_of_dates_are_kept(filled: Store, settings: Settings) -> None:
    join(
        filled,
        settings,
        {"address": "plain@example.org", "html": "no", "dates": "iso"},
        {"address": "rich@example.org"},
    )
    add_shift(filled)
    run(filled, settings)
    sent = mails(filled)
    (plain,), (rich,) = sent["plain@example.org"], sent["rich@example.org"]
    assert plain.get_content_type() == "text/plain"
    assert rich.get_content_type() == "multipart/alternative"
    assert "since about 2024-10-21" in text_of(plain)
    assert "since about 21 October 2024" in text_of(rich)


def test_why_nobody_got_a_mail_is_on_record_once_for_each_change(filled: Store, settings: Settings) -> None:
    run(filled, settings)
    for hour in range(3):
        run(filled, settings, now=NOW + dt.timedelta(hours=hour))
    run(filled, settings, day=DAY + ONE, now=NOW + ONE)
    with filled.session() as session:
        rows = [(row.kind, row.reason) for row in session.scalars(select(Notice).order_by(Notice.id))]
    assert rows == [("weekly", "first"), ("", "already_this_week"), ("", "nothing_new")]


def test_two_digests_of_a_kind_for_one_day_cannot_be_on_record(filled: Store, settings: Settings) -> None:
    run(filled, settings)
    with filled.session() as session:
        digest = session.scalars(select(Digest)).one()
    reader = default_reader(settings, settings.recipients[0])
    decision = Decision(Reason.WEEKLY, DigestKind.WEEKLY)
    with pytest.raises(IntegrityError), filled.session() as session:
        keep(session, reader, decision, day=DAY, now=NOW, digest_id=digest.id)


def test_a_dry_run_keeps_no_record_of_anything(filled: Store, settings: Settings) -> None:
    add_shift(filled)
    run(filled, settings, dry_run=True)
    with filled.session() as session:
        assert session.scalars(select(Notice)).all() == []


def test_the_preview_of_a_reader_shows_what_that_reader_would_see(filled: Store, settings: Settings) -> None:
    join(filled, settings, {"address": "russia@example.org", "dyads": "IN-RU", "dates": "iso"})
    add_shift(filled)
    page = preview(filled, settings, MODEL, day=DAY, now=NOW, states=fake_states, address="russia@example.org")
    assert "turned convergent" not in page
    assert "2024-10-27" in page


def test_the_press_stands_side_by_side(filled: Store, settings: Settings) -> None:
    with filled.session() as session:
        for bloc, back, plus in (("india", 0, 8), ("india", 40, 30), ("china", 0, 2)):
            session.add(
                SeriesDay(
                    model=MODEL, day=DAY - back * ONE, dyad="IN-CN", bloc=bloc, theme="", plus=plus, score=plus / 2
                )
            )
    text = " ".join(run(filled, settings).text.split())
    assert "THE PRESS, SIDE BY SIDE" in text
    assert "India–China +0.50 (usual +0.50, 8 stories)" in text
    assert "Chinese press" in text
    assert "India–China – (2 stories)" in text, "two stories make no tone"


def test_who_joins_later_gets_a_first_digest_of_what_stands_and_others_nothing_again(
    filled: Store, settings: Settings
) -> None:
    join(filled, settings, {"address": "old@example.org"})
    number = add_shift(filled)
    run(filled, settings)
    join(filled, settings, {"address": "new@example.org"})
    report = run(filled, settings, day=DAY + 3 * ONE, now=NOW + 3 * ONE)
    assert (report.recipients, report.reason, report.shift_ids) == (("new@example.org",), Reason.FIRST, (number,))
    assert "This is your first digest" in " ".join(report.text.split())
    assert reasons(report) == {"old@example.org": Reason.NOTHING_NEW}


def test_looking_at_a_day_of_the_past_again_tells_nothing_twice(filled: Store, settings: Settings) -> None:
    run(filled, settings)
    number = add_shift(filled, detected=DAY + ONE)
    assert run(filled, settings, day=DAY + 3 * ONE, now=NOW + 3 * ONE).shift_ids == (number,)
    again = run(filled, settings, day=DAY + ONE, now=NOW + 4 * ONE)
    assert number not in again.shift_ids
    assert queued(filled) == 2


@pytest.mark.parametrize("how", ["themes", "silence", "weak"])
def test_a_shift_that_is_kept_from_a_reader_does_not_show_in_the_words_on_its_tie(
    filled: Store, settings: Settings, how: str
) -> None:
    limits = {"themes": "arctic"} if how == "themes" else {"least": "strong"} if how == "weak" else {}
    join(filled, settings, {"address": "ann@example.org", **limits})
    add_shift(filled, confidence="moderate")
    if how == "silence":
        with filled.session() as session:
            silence(session, settings, until=DAY + 5 * ONE, author="Bo", comment="summit", now=NOW)
    report = run(filled, settings)
    assert report.kind is DigestKind.WEEKLY
    assert "shifted" not in report.subject
    assert "stays at its new level" not in report.text
    assert report.view is not None
    assert [row.word for row in report.view.dyads if row.name == "India–China"] == ["a little up"]


def test_after_a_long_pause_what_is_in_force_is_told(filled: Store, settings: Settings) -> None:
    join(filled, settings, {"address": "ann@example.org"})
    run(filled, settings)
    join(filled, settings, {"address": "ann@example.org", "paused_until": (NOW + 40 * ONE).date().isoformat()})
    number = add_shift(filled, detected=DAY + 2 * ONE, status="confirmed")
    during = run(filled, settings, day=DAY + 30 * ONE, now=NOW + 30 * ONE)
    assert during.reason is Reason.PAUSED
    told = run(filled, settings, day=DAY + 40 * ONE, now=NOW + 40 * ONE)
    assert (told.kind, told.shift_ids) == (DigestKind.SHIFT, (number,))


def test_who_was_told_a_shift_is_told_of_its_end_whatever_carries_that(filled: Store, settings: Settings) -> None:
    join(filled, settings, {"address": "ann@example.org", "themes": "border", "least": "strong"})
    run(filled, settings)
    opened = add_shift(filled, detected=DAY + ONE)
    assert run(filled, settings, day=DAY + ONE, now=NOW + ONE).shift_ids == (opened,)
    set_status(filled, opened, "returned")
    back = add_shift(
        filled, detected=DAY + 9 * ONE, direction="divergence", magnitude=-0.7, before=0.3, after=-0.4,
        confidence="moderate", evidence={"themes": [{"name": "trade", "stories": 9, "share": 0.9}]},
    )  # fmt: skip
    report = run(filled, settings, day=DAY + 9 * ONE, now=NOW + 9 * ONE)
    assert (report.reason, report.shift_ids) == (Reason.SHIFT_RETURNED, (back,))


def test_without_any_reader_the_reason_says_so(filled: Store, settings: Settings) -> None:
    with filled.session() as session:
        subscribe(session, settings, {"address": "ann@example.org"}, by="test", now=NOW)
        unsubscribe(session, settings, "ann@example.org", by="test", now=NOW)
    add_shift(filled)
    report = run(filled, settings)
    assert (report.reason, report.kind) == (Reason.NOBODY, None)


def test_a_digest_by_hand_is_on_record_every_time(filled: Store, settings: Settings) -> None:
    for _ in range(2):
        run(filled, settings, kind="manual")
    with filled.session() as session:
        assert [row.kind for row in session.scalars(select(Notice))] == ["manual", "manual"]
    assert run(filled, settings).kind is DigestKind.WEEKLY, "and told nothing"


def test_pages_of_a_dry_run_are_one_for_each_digest(filled: Store, settings: Settings) -> None:
    join(filled, settings, {"address": "all@example.org"}, {"address": "russia@example.org", "dyads": "IN-RU"})
    add_shift(filled)
    report = run(filled, settings, dry_run=True)
    pages = [one.html_path.read_text(encoding="utf-8") for one in report.every if one.html_path]
    assert len(set(pages)) == len(report.every) == 2


def test_two_processes_that_compose_at_once_tell_each_reader_once(any_store: Store, settings: Settings) -> None:
    """The second asks to begin while the first decides, waits for it, and finds that everything was told."""
    join(any_store, settings, *[{"address": f"reader-{n}@example.org"} for n in range(3)])
    add_shift(any_store)
    deciding, second, calls = threading.Event(), threading.Event(), itertools.count()

    def asked(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        begins = "pg_advisory_xact_lock" in statement or statement.startswith("BEGIN IMMEDIATE")
        if begins and deciding.is_set():
            second.set()

    def slow(session: Session, model: str, day: dt.date, rate: float) -> Sequence[DyadState]:
        if next(calls) == 0:
            deciding.set()
            assert second.wait(60)
        return fake_states(session, model, day, rate)

    def compose(kind: Literal["auto", "weekly"]) -> DigestReport:
        return run_digest(any_store, settings, MODEL, day=DAY, now=NOW, kind=kind, states=slow)

    event.listen(any_store.engine, "before_cursor_execute", asked)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(compose, "auto")
        assert deciding.wait(60)
        for done in [first, pool.submit(compose, "weekly")]:
            done.result(timeout=120)
    with any_store.session() as session:
        told = [number for row in session.scalars(select(Notice)) for number in row.shift_ids]
    assert len(told) == 3
