"""Digests above a size wait for a person; where nobody decides in time, the setting does.

    held ──send──▶ pending, with the note, signed          in one transaction: all mails of a decision, or none
      └────drop──▶ dropped, and what it told counts as kept back

The waiting is in the database, not in a process: whatever dies, the next run of a digest finds the time up.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from alerts import life
from alerts.note import LONGEST, Note, note_html, note_text, with_note
from alerts.outbox import MailState
from alerts.signing import make_signer
from alerts.words import count, plain
from store.db import Store
from store.errors import InputError
from store.models import Digest, Outbox
from store.people import Approval, ShiftEvent
from store.settings import Settings
from store.transact import in_transaction

NOBODY = "nobody"
"""Who decided where the time was up."""


class Verdict(StrEnum):
    """What a person may decide."""

    SEND = "send"
    DROP = "drop"


DONE = {Verdict.SEND: "sent", Verdict.DROP: "dropped"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Digests that wait: `mails` of them wait still, of unsubscribed readers none does."""

    number: int
    subject: str
    subjects: tuple[str, ...]
    readers: tuple[str, ...]
    why: str
    asked_at: dt.datetime
    due_at: dt.datetime
    if_nobody: Verdict

    @property
    def mails(self) -> int:
        """How many mails wait still."""
        return len(self.readers)

    @property
    def words(self) -> str:
        """In a sentence, without an address in it."""
        return (
            f"{count(self.mails, 'mail')} for approval {self.number} (“{self.subject}”): {self.why}; "
            f"{DONE[self.if_nobody]} at {self.due_at:%Y-%m-%d %H:%M} UTC if nobody decides"
        )


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody decides: the *note* goes out with the mails, or says why they do not."""

    verdict: Verdict
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of an approval, and of how many mails."""

    number: int
    verdict: Verdict
    mails: int
    by: str
    note: str
    subject: str

    @property
    def words(self) -> str:
        """In a sentence."""
        who = "nobody decided in time" if self.by == NOBODY else f"{self.by} decided so"
        what = "go out" if self.verdict is Verdict.SEND else "are dropped"
        what = what if self.mails != 1 else {"go out": "goes out", "are dropped": "is dropped"}[what]
        note = f", with a note: {self.note}" if self.note and self.verdict is Verdict.SEND else ""
        note = f": {self.note}" if self.note and self.verdict is Verdict.DROP else note
        return f"Approval {self.number}: {count(self.mails, 'mail')} {what}, {who}{note}"


def why_asked(settings: Settings, *, mails: int, shifts: int) -> str:
    """Why digests of that size wait for a person; empty where they need not."""
    if 0 < settings.approve_from_mails <= mails:
        return f"{count(mails, 'mail')} at once (RICWATCH_APPROVE_FROM_MAILS={settings.approve_from_mails})"
    if 0 < settings.approve_from_shifts <= shifts:
        return f"{count(shifts, 'shift')} at once (RICWATCH_APPROVE_FROM_SHIFTS={settings.approve_from_shifts})"
    return ""


def ask(session: Session, settings: Settings, why: str, *, mails: int, subject: str, now: dt.datetime) -> int:
    """Put down that a person is to decide; gives the number that the digests are to carry."""
    row = Approval(
        asked_at=now,
        due_at=now + dt.timedelta(hours=settings.approve_within),
        if_nobody=settings.approve_default,
        subject=subject,
        mails=mails,
        why=why,
        decision="",
        decided_by="",
        note="",
    )
    session.add(row)
    session.flush()
    return row.id


def told_words(number: int) -> str:
    """What the life of a shift says of a digest that waits."""
    return f"Its digest waits for a person (approval {number})."


def waiting(session: Session) -> list[Waiting]:
    """All that wait, the oldest first."""
    rows = session.scalars(select(Approval).where(Approval.decision == "").order_by(Approval.id)).all()
    return [_waiting(session, row) for row in rows]


def _waiting(session: Session, row: Approval) -> Waiting:
    readers = session.scalars(
        select(Outbox.recipient)
        .join(Digest, Digest.id == Outbox.digest_id)
        .where(Digest.approval_id == row.id, Outbox.state == MailState.HELD)
        .order_by(Outbox.id)
    )
    subjects = session.scalars(select(Digest.subject).where(Digest.approval_id == row.id).order_by(Digest.id))
    return Waiting(
        number=row.id,
        subject=row.subject,
        subjects=tuple(subjects),
        readers=tuple(readers),
        why=row.why,
        asked_at=row.asked_at,
        due_at=row.due_at,
        if_nobody=Verdict(row.if_nobody),
    )


def decided_since(session: Session, moment: dt.datetime) -> list[Decided]:
    """What was decided since *moment*, the oldest first."""
    rows = session.scalars(select(Approval).where(Approval.decided_at >= moment).order_by(Approval.id))
    return [_decided(row) for row in rows]


def text_of(session: Session, number: int) -> str:
    """The text of the digest with most readers among those that wait under that number."""
    found = session.execute(
        select(Digest.text)
        .join(Outbox, Outbox.digest_id == Digest.id)
        .where(Digest.approval_id == number)
        .group_by(Digest.id, Digest.text)
        .order_by(func.count().desc(), Digest.id)
        .limit(1)
    ).scalar()
    return found or ""


def find(session: Session, number: int) -> Waiting | Decided:
    """The approval of that number, as it stands; 0 is the oldest that waits.

    Raises:
        InputError: there is none.
    """
    if number == 0:
        open_ones = waiting(session)
        if not open_ones:
            raise InputError("no digest waits for approval")
        return open_ones[0]
    row = session.get(Approval, number)
    if row is None:
        raise InputError(f"there is no approval with number {number}; ricwatch approve shows what waits")
    return _decided(row) if row.decision else _waiting(session, row)


def _decided(row: Approval) -> Decided:
    return Decided(row.id, Verdict(row.decision), row.mails, row.decided_by, row.note, row.subject)


def word_of(verdict: Verdict, by: str, note: str) -> Word:
    """A person's word, name and note on one line each.

    Raises:
        InputError: nobody decides, or the note is longer than fits.
    """
    name, text = plain(by, 120), plain(note, 100_000)
    if not name or name == NOBODY:
        raise InputError("say who decides: it is kept, and a note goes out under that name")
    if len(text) > LONGEST:
        raise InputError(f"the note has {len(text)} characters; {LONGEST} is the most that a mail takes")
    return Word(verdict, name, text)


def decide(store: Store, settings: Settings, number: int, word: Word, now: dt.datetime) -> Decided:
    """Let the mails of an approval go, with the note at their top, or drop them. The first decision holds.

    Raises:
        InputError: it was decided before, or there is none of that number.
        ConfigError: the mails have no place for a note, or cannot be signed. Nothing was decided.
    """

    def work(session: Session) -> Decided:
        # Compare and set: of two people, or a person and the clock, the first one decides.
        won = session.execute(
            update(Approval)
            .where(Approval.id == number, Approval.decision == "")
            .values(decision=str(word.verdict), decided_at=now, decided_by=word.by, note=word.note)
            .returning(Approval.subject)
        ).first()
        if won is None:
            before = find(session, number)
            raise InputError(f"approval {number} was decided already. {before.words}")
        digests = session.scalars(select(Digest).where(Digest.approval_id == number).order_by(Digest.id)).all()
        carry_out = _release if word.verdict is Verdict.SEND else _drop
        mails = carry_out(session, settings, [digest.id for digest in digests], word, now)
        _record(session, settings, digests, word, now)
        return Decided(number, word.verdict, mails, word.by, word.note, str(won.subject))

    return in_transaction(store, work, undo=lambda: None, what=f"deciding approval {number}")


def settle_overdue(store: Store, settings: Settings, now: dt.datetime) -> list[Decided]:
    """Do as was set when they were composed with all whose time is up."""
    with store.session() as session:
        due = session.execute(
            select(Approval.id, Approval.if_nobody)
            .where(Approval.decision == "", Approval.due_at <= now)
            .order_by(Approval.id)
        ).all()
    done = []
    for number, if_nobody in due:
        try:
            done.append(decide(store, settings, number, Word(Verdict(if_nobody), NOBODY), now))
        except InputError:  # a person was faster
            continue
    return done


def _release(session: Session, settings: Settings, digests: Sequence[int], word: Word, now: dt.datetime) -> int:
    sign, note = make_signer(settings), _note(word)
    held = session.scalars(
        select(Outbox.id).where(Outbox.digest_id.in_(digests), Outbox.state == MailState.HELD).order_by(Outbox.id)
    ).all()
    for one in held:
        mail = session.get_one(Outbox, one)
        mime = with_note(mail.mime, note, settings.templates_dir) if note else mail.mime
        mail.mime = sign(mime) if sign else mime
        # It is queued from now on: it would else be given up five days after it was composed.
        mail.state, mail.created_at = MailState.PENDING, now
        session.flush()
        session.expire(mail, ["mime"])
    return len(held)


def _drop(session: Session, settings: Settings, digests: Sequence[int], word: Word, now: dt.datetime) -> int:
    del settings, now
    why = f"dropped, as {word.by} decided" if word.by != NOBODY else "dropped, since nobody decided in time"
    done = session.scalars(
        update(Outbox)
        .where(Outbox.digest_id.in_(digests), Outbox.state == MailState.HELD)
        .values(state=MailState.DROPPED, last_text=f"{why}: {word.note}" if word.note else why)
        .returning(Outbox.id)
    )
    return len(done.all())


def _note(word: Word) -> Note | None:
    return Note(word.note, word.by) if word.note and word.verdict is Verdict.SEND else None


def _record(session: Session, settings: Settings, digests: Sequence[Digest], word: Word, now: dt.datetime) -> None:
    """Let the digests say what was mailed, and the lives of their shifts what became of it."""
    last = select(func.max(ShiftEvent.id)).group_by(ShiftEvent.shift_id)
    held = {told_words(digest.approval_id) for digest in digests if digest.approval_id}
    shifts = set(session.scalars(select(ShiftEvent.shift_id).where(ShiftEvent.id.in_(last), ShiftEvent.why.in_(held))))
    note = _note(word)
    for digest in digests:
        if note:
            digest.html = note_html(digest.html, note, settings.templates_dir)
            digest.text = note_text(digest.text, note, settings.templates_dir)
        key = f"{digest.kind}-{digest.day}-{digest.sequence}"
        state, words = "dropped", f"Not told: {word.by} dropped the digest {key}."
        if word.verdict is Verdict.SEND:
            state, words = "told", f"Told in the digest {key}."
        for shift in sorted(shifts & {int(one["id"]) for one in digest.shift_ids}):
            life.note(session, shift, state, words, day=digest.day, now=now)
