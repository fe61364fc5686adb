"""Composing against a database: each shift is told once, nothing is queued twice, and the mail reads back."""

from __future__ import annotations

import datetime as dt
import mailbox
from collections.abc import Sequence
from dataclasses import asdict, replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts import life
from alerts.digest import preview, run_digest
from alerts.digestreport import DigestReport
from alerts.gather import FRESH_DAYS
from alerts.model import DyadState
from alerts.notify import Asked, DigestKind, Reason
from alerts.outbox import MailState, deliver
from alerts.words import NBSP
from store.db import Store
from store.errors import ConfigError, InputError
from store.models import Article, Claim, Digest, Feed, FeedDay, Outbox, SeedDocument, Shift, Story, Vote
from store.settings import Settings
from tests.alerts.helpers_digest import evidence, states, steady_states

DAY = dt.date(2024, 10, 27)  # a Sunday; the digest is composed on Monday morning in Kolkata
NOW = dt.datetime(2024, 10, 28, 1, 0, tzinfo=dt.UTC)
MODEL = "linear-1a2b3c4d"
ONE = dt.timedelta(days=1)


def fake_states(session: Session, model: str, day: dt.date, rate: float) -> Sequence[DyadState]:
    found = session.scalar(select(func.count()).select_from(Shift).where(Shift.status == "open"))
    return states() if found else steady_states()


def add_shift(store: Store, detected: dt.date = DAY, **changes: object) -> int:
    fields: dict[str, object] = {
        "model": MODEL, "dyad": "IN-CN", "kind": "stance", "direction": "convergence",
        "onset": detected - 6 * ONE, "detected": detected, "magnitude": 0.73, "low": 0.55, "high": 0.9,
        "before": -0.41, "after": 0.32, "log_evidence": 9.4, "threshold": 6.1, "years": 3.0,
        "confidence": "very strong", "status": "open", "text": "…", "evidence": asdict(evidence()), "found_at": NOW,
    }  # fmt: skip
    with store.session() as session:
        row = Shift(**(fields | changes))
        session.add(row)
        session.flush()
        return row.id


def set_status(store: Store, number: int, status: str) -> None:
    with store.session() as session:
        session.get_one(Shift, number).status = status


@pytest.fixture
def filled(store: Store) -> Store:
    """Three feeds, one of them gone, a claim, and three stories in the week."""
    with store.session() as session:
        for key, health in (("good", "ok"), ("fine", "ok"), ("bad", "gone")):
            session.add(
                Feed(
                    key=key, outlet=f"Demo {key}", bloc="india", kind="newspaper", lang="en", url="", timezone="UTC",
                    enabled=True, status="ok", status_date="", status_note="", health=health,
                    health_since=NOW - 3 * ONE, last_success_at=NOW, last_error="410 Gone" if health == "gone" else "",
                )
            )  # fmt: skip
        document = SeedDocument(
            key="paper", title="Demo seed paper", publisher="Demo Institute", author="", published="2021-03",
            file_name="x.txt", sha256="0" * 64, dossier_sha256="0" * 64, precis="", original_status="absent",
            original_notes=[], loaded_at=NOW,
        )  # fmt: skip
        session.add(document)
        session.flush()
        session.add(
            Claim(
                id="border-blocks-thaw", document_key="paper", dyad="IN-CN", theme="border", stance=-1, text="A claim."
            )
        )
        session.add(FeedDay(feed_key="good", day=DAY, seen=40, on_topic=3))
        for number in range(3):
            session.add(Story(id=number + 1, day=DAY, last_day=DAY, title="t"))
            session.flush()
            session.add(
                Article(
                    id=number + 1, feed_key="good", outlet="Demo good", bloc="india", lang="en", title="t", text="",
                    url=f"https://demo.example/{number}", url_key=str(number), guid=None, title_key="t",
                    published_at=NOW, published_raw="", date_quality="given", first_seen_at=NOW, day=DAY,
                    story_id=number + 1,
                )
            )  # fmt: skip
            session.flush()
            for dyad in ("IN-CN", "IN-RU"):
                session.add(
                    Vote(
                        model=MODEL, day=DAY, dyad=dyad, story_id=number + 1, article_id=number + 1,
                        outlet="Demo good", bloc="india", score=0.5, stance=1, theme="border", themes=["border"],
                    )
                )  # fmt: skip
    return store


def run(
    store: Store,
    settings: Settings,
    *,
    day: dt.date = DAY,
    now: dt.datetime = NOW,
    kind: Asked = "auto",
    recipients: Sequence[str] | None = None,
    dry_run: bool = False,
) -> DigestReport:
    return run_digest(
        store, settings, MODEL, day=day, now=now, kind=kind, recipients=recipients, dry_run=dry_run, states=fake_states
    )


def queued(store: Store) -> int:
    with store.session() as session:
        return session.scalar(select(func.count()).select_from(Outbox)) or 0


def test_a_shift_is_told_once(filled: Store, settings: Settings) -> None:
    number = add_shift(filled)
    first = run(filled, settings)
    assert (first.reason, first.kind, first.queued) == (Reason.FIRST, DigestKind.SHIFT, 1)
    assert first.subject == "[shift ↑] India–China coverage turned convergent, +0.73"
    assert first.shift_ids == (number,)
    for later in range(1, 7):  # until the next Monday
        again = run(filled, settings, day=DAY + later * ONE, now=NOW + later * ONE)
        assert (again.reason, again.digest_id, again.queued) == (Reason.NOTHING_NEW, None, 0)
    assert queued(filled) == 1


def test_hourly_runs_on_the_same_day_queue_one_digest(filled: Store, settings: Settings) -> None:
    reasons = [run(filled, settings, now=NOW + dt.timedelta(hours=hour)).reason for hour in range(6)]
    assert reasons == [Reason.FIRST] + [Reason.ALREADY_THIS_WEEK] * 5
    assert queued(filled) == 1


def test_the_weekly_digest_goes_when_nothing_moved_and_says_so(filled: Store, settings: Settings) -> None:
    run(filled, settings)
    report = run(filled, settings, day=DAY + 7 * ONE, now=NOW + 7 * ONE)
    assert (report.reason, report.kind) == (Reason.WEEKLY, DigestKind.WEEKLY)
    assert report.subject == "No shift this week: all three ties steady (0 stories, 2 of 3 feeds healthy)"
    assert "The smallest lasting change" in report.text


def test_the_weekly_digest_reminds_of_a_shift_in_force(filled: Store, settings: Settings) -> None:
    add_shift(filled)
    run(filled, settings)
    report = run(filled, settings, day=DAY + 7 * ONE, now=NOW + 7 * ONE)
    assert report.kind == DigestKind.WEEKLY
    assert report.subject.startswith("No new shift this week; still in force: India–China")
    assert "told on 28 October 2024); still in force" in " ".join(report.text.split())


def test_a_second_shift_of_the_same_day_waits_for_the_next(filled: Store, settings: Settings) -> None:
    add_shift(filled)
    run(filled, settings)
    second = add_shift(filled, dyad="RU-CN")
    assert run(filled, settings).reason == Reason.ALREADY_TODAY
    report = run(filled, settings, day=DAY + ONE, now=NOW + ONE)
    assert (report.reason, report.shift_ids) == (Reason.SHIFT_OPENED, (second,))


def test_a_shift_found_long_ago_is_no_news(filled: Store, settings: Settings) -> None:
    add_shift(filled, detected=DAY - FRESH_DAYS * ONE)
    report = run(filled, settings)
    assert report.kind == DigestKind.WEEKLY
    assert "Other shifts" in report.html_path.read_text(encoding="utf-8") if report.html_path else False


def test_a_shift_of_the_future_is_not_seen(filled: Store, settings: Settings) -> None:
    add_shift(filled, detected=DAY + ONE)
    assert run(filled, settings).kind == DigestKind.WEEKLY


def test_a_shift_of_another_model_is_not_told(filled: Store, settings: Settings) -> None:
    add_shift(filled, model="linear-older")
    assert run(filled, settings).kind == DigestKind.WEEKLY


def test_back_to_the_earlier_level_is_told_once(filled: Store, settings: Settings) -> None:
    opened = add_shift(filled)
    run(filled, settings)
    set_status(filled, opened, "returned")
    back = add_shift(
        filled, detected=DAY + 3 * ONE, direction="divergence", magnitude=-0.7, before=0.32, after=-0.38, status="open"
    )
    report = run(filled, settings, day=DAY + 3 * ONE, now=NOW + 3 * ONE)
    assert (report.reason, report.shift_ids) == (Reason.SHIFT_RETURNED, (back,))
    assert report.subject == "[back ↓] India–China coverage is back at its earlier level, −0.70"
    assert run(filled, settings, day=DAY + 4 * ONE, now=NOW + 4 * ONE).digest_id is None


def test_what_came_and_went_between_two_digests_is_listed_and_wakes_nobody(filled: Store, settings: Settings) -> None:
    number = add_shift(filled, status="faded")
    report = run(filled, settings)
    assert report.kind == DigestKind.WEEKLY
    assert "faded since" in report.text
    with filled.session() as session:
        assert [row["id"] for row in session.scalars(select(Digest.shift_ids)).one()] == [number]
    later = run(filled, settings, day=DAY + 7 * ONE, now=NOW + 7 * ONE)
    assert "faded since" not in later.text


def test_who_was_told_a_shift_learns_once_that_it_faded(filled: Store, settings: Settings) -> None:
    number = add_shift(filled)
    run(filled, settings)
    assert "faded since" not in run(filled, settings, day=DAY + 7 * ONE, now=NOW + 7 * ONE).text
    set_status(filled, number, "faded")
    with filled.session() as session:
        life.note(session, number, "faded", "The days after bear it out not.", day=DAY + 8 * ONE, now=NOW + 8 * ONE)
    assert run(filled, settings, day=DAY + 8 * ONE, now=NOW + 8 * ONE).digest_id is None, "no mail of its own"
    weekly = run(filled, settings, day=DAY + 14 * ONE, now=NOW + 14 * ONE)
    assert "faded since it was told: India–China coverage turned convergent" in weekly.subject
    assert "told on 28 October 2024); faded since" in " ".join(weekly.text.split())
    assert "faded since" not in run(filled, settings, day=DAY + 21 * ONE, now=NOW + 21 * ONE).text


def test_a_tie_that_is_back_is_not_called_shifted_nor_its_return_in_force(filled: Store, settings: Settings) -> None:
    opened = add_shift(filled)
    run(filled, settings)
    set_status(filled, opened, "returned")
    back = add_shift(
        filled, detected=DAY + 3 * ONE, direction="divergence", magnitude=-0.7, before=0.32, after=-0.38, status="open"
    )
    open_now = [replace(state, open_shift_id=back if state.dyad == "IN-CN" else None) for state in steady_states()]
    for later in (3, 7):
        report = run_digest(
            filled, settings, MODEL, day=DAY + later * ONE, now=NOW + later * ONE, states=lambda *_: open_now
        )
        assert report.view is not None
        assert [row.word for row in report.view.dyads] == ["steady"] * 3
    assert report.subject.startswith("No shift this week")
    assert "back at its earlier level" not in report.text


def test_by_hand_or_as_a_test_nothing_is_marked_as_told(filled: Store, settings: Settings) -> None:
    number = add_shift(filled)
    assert run(filled, settings, kind="manual").shift_ids == (number,)
    test = run(filled, settings, kind="test")
    assert test.subject.startswith("[test] [shift ↑]")
    assert run(filled, settings).reason == Reason.FIRST


def test_digests_by_hand_are_numbered(filled: Store, settings: Settings) -> None:
    paths = [run(filled, settings, kind="manual").html_path for _ in range(3)]
    names = ["2024-10-27-manual.html", "2024-10-27-manual-1.html", "2024-10-27-manual-2.html"]
    assert [path.name for path in paths if path] == names
    assert queued(filled) == 3


def test_to_other_recipients_it_tells_nothing_for_the_readers(filled: Store, settings: Settings) -> None:
    add_shift(filled)
    report = run(filled, settings, recipients=["me@example.org"])
    assert (report.reason, report.kind, report.recipients) == (
        Reason.FIRST,
        DigestKind.MANUAL,
        ("me@example.org",),
    )
    assert run(filled, settings).kind == DigestKind.SHIFT


def test_every_reader_gets_a_mail_of_their_own(filled: Store, settings: Settings) -> None:
    several = settings.model_copy(update={"recipients": ["a@example.org", "B <b@example.org>", "A@example.org"]})
    assert run(filled, several).queued == 2
    with filled.session() as session:
        mails = session.scalars(select(Outbox)).all()
        assert {mail.recipient for mail in mails} == {"a@example.org", "b@example.org"}
        assert len({mail.message_id for mail in mails}) == 2
        assert {mail.state for mail in mails} == {MailState.PENDING}


def test_a_bad_address_is_named_and_nothing_is_stored(filled: Store, settings: Settings) -> None:
    with pytest.raises(ConfigError, match="not an address"):
        run(filled, settings, recipients=["not an address"])
    assert queued(filled) == 0
    assert not (settings.var_dir / "digests").exists()


def test_a_dry_run_stores_nothing_and_leaves_a_page(filled: Store, settings: Settings) -> None:
    add_shift(filled)
    report = run(filled, settings, dry_run=True)
    assert (report.digest_id, report.queued, report.dry_run) == (None, 0, True)
    assert report.html_path is not None
    assert report.html_path.name == "2024-10-27-shift-dry-run.html"
    assert queued(filled) == 0
    assert run(filled, settings).reason == Reason.FIRST


def test_a_preview_leaves_nothing_at_all(filled: Store, settings: Settings) -> None:
    add_shift(filled)
    page = preview(filled, settings, MODEL, day=DAY, now=NOW, states=fake_states)
    assert "India–China coverage turned convergent" in page
    assert "data:image/png;base64," in page
    assert queued(filled) == 0
    assert not settings.var_dir.exists() or not list(settings.var_dir.rglob("*.html"))


def test_a_page_that_cannot_be_written_leaves_no_digest_behind(filled: Store, settings: Settings) -> None:
    settings.var_dir.mkdir(parents=True)
    (settings.var_dir / "digests").write_text("in the way", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot write .*2024-10-27-weekly\.html"):
        run(filled, settings)
    with filled.session() as session:
        assert session.scalar(select(func.count()).select_from(Digest)) == 0
    assert queued(filled) == 0


def test_the_mail_in_the_maildir_is_the_digest(filled: Store, settings: Settings) -> None:
    add_shift(filled)
    report = run(filled, settings)
    delivered = deliver(filled, settings, now=NOW)
    assert [row.subject for row in delivered.rows] == [report.subject]
    mail = message_from_bytes(Path(delivered.rows[0].where).read_bytes(), policy=default)
    assert mail["Subject"] == report.subject
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == report.text
    content = html.get_content()
    cids = [part["Content-ID"].strip("<>") for part in mail.walk() if part["Content-ID"]]
    assert len(cids) == 4  # three ties and their triangle
    assert all(f'src="cid:{cid}"' in content for cid in cids)
    assert "2 stories undercut the claim “A claim.”" in content
    assert "Demo seed paper, Demo Institute, 2021-03" in content
    assert "2 of 3 feeds answered, no answer from one. In the week they brought 40 items" in content
    assert run(filled, settings, now=NOW + dt.timedelta(hours=1)).digest_id is None
    assert deliver(filled, settings, now=NOW).rows == ()
    assert len(mailbox.Maildir(settings.var_dir / "mail")) == 1


def test_stories_are_counted_once_however_many_ties_they_touch(filled: Store, settings: Settings) -> None:
    assert "3 stories from 1 outlet in the week." in run(filled, settings).text


def test_imports_alone_are_not_called_a_failure_of_feeds(filled: Store, settings: Settings) -> None:
    with filled.session() as session:
        for feed in session.scalars(select(Feed)):
            feed.kind, feed.health = ("import", "unknown") if feed.key == "good" else ("newspaper", "unknown")
    assert "The articles came from imported files; no feed is polled." in run(filled, settings).text


def test_the_facts_are_kept_beside_the_digest(filled: Store, settings: Settings) -> None:
    number = add_shift(filled)
    report = run(filled, settings)
    with filled.session() as session:
        digest = session.get_one(Digest, report.digest_id)
        assert digest.facts["shifts"][0]["id"] == number
        assert digest.facts["stories"] == 3
        assert digest.shift_ids == [{"id": number, "dyad": "IN-CN"}]
        assert digest.reason == "first"
        assert digest.html.count('src="cid:') == 4
        assert digest.period_start == DAY - 6 * ONE


def test_a_replay_is_marked_everywhere(filled: Store, settings: Settings) -> None:
    report = run(filled, settings.model_copy(update={"replay": True}))
    assert report.subject.startswith("REPLAY: ")
    assert "*** REPLAY" in report.text
    with filled.session() as session:
        assert session.scalars(select(Outbox.message_id)).one().startswith("<replay.")


def test_a_broken_theme_file_costs_names_not_the_digest(filled: Store, settings: Settings, tmp_path: Path) -> None:
    add_shift(filled)
    report = run(filled, settings.model_copy(update={"seeds_dir": tmp_path / "nowhere"}))
    assert f"border{NBSP}(62{NBSP}%)" in report.text


def test_evidence_stored_by_an_older_version_still_reads(filled: Store, settings: Settings) -> None:
    old = asdict(replace(evidence(), stories=[], counter=None))
    add_shift(filled, evidence={name: old[name] for name in ("story_count", "outlet_count")})
    assert "74 independent stories from 23 outlets" in " ".join(run(filled, settings).text.split())
