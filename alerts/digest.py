"""Compose the digests that are due, and put their mails into the outbox: all in one transaction, or nothing.

Readers for whom the same is to be said share a digest; each gets a mail of their own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts import approval, gather, life, notices
from alerts.addresses import parse_address, parse_recipients
from alerts.approval import told_words
from alerts.digestreport import DigestReport, Spared
from alerts.draft import Draft, render
from alerts.facts import DigestFacts
from alerts.mail import build_message
from alerts.model import DyadState
from alerts.narrativenews import mark_told
from alerts.notify import TELLING, Asked, Decision, DigestKind, Reason, decide
from alerts.outbox import MailState, enqueue
from alerts.press import gather_press
from alerts.readers import Reader
from alerts.scope import HELD_WORDS, Held, asked_for_all
from alerts.signing import Sign, make_signer
from alerts.silences import because
from alerts.state import dyad_states
from alerts.subscribers import default_reader, readers
from alerts.themes import theme_names, untrained
from alerts.verdicts import gather_record
from alerts.words import count
from store.db import Store
from store.models import Digest
from store.settings import Settings
from store.transact import in_transaction

WEEK = 7
ONE_AT_A_TIME = 7_214_206
"""Number of PostgreSQL's lock on composing; any would do that nothing else uses."""

_T = TypeVar("_T")
States = Callable[[Session, str, dt.date, float], Sequence[DyadState]]
"""Gives the state of the three dyads: session, model, day, false alarms a year."""


def run_digest(
    store: Store,
    settings: Settings,
    model: str,
    *,
    day: dt.date,
    now: dt.datetime,
    kind: Asked = "auto",
    recipients: Sequence[str] | None = None,
    dry_run: bool = False,
    states: States | None = None,
) -> DigestReport:
    """Decide who gets which digest, compose, and queue one mail per reader.

    *day* is the last day of data. A digest to some *recipients* and not to all readers is stored as one that someone
    asked for: it tells no shift for the others and does not stand for the weekly one. A *dry_run* writes the pages
    for looking at, and nothing else. *states* is where the dyads' states come from, for tests.

    Raises:
        ConfigError: an address is malformed, or mails cannot be signed; the message says which. Nothing was stored.
    """
    parse_address(settings.sender, "sender")
    sign = make_signer(settings)
    job = _Job(settings, model, day, now, kind, states or _states, sign)
    if dry_run:  # stores nothing, so it waits for no writer and holds none up
        with store.session() as session:
            return _run(session, job, recipients, dry_run=True)
    # One process at a time decides whom to tell what: a second one that decided beside it would tell the same readers
    # again. On SQLite the whole block writes, so nobody else does for the second that drawing takes.
    return in_transaction(
        store,
        lambda session: _run(session, job, recipients, dry_run=False),
        undo=lambda: None,
        what="composing the digests",
    )


def _run(session: Session, job: _Job, recipients: Sequence[str] | None, *, dry_run: bool) -> DigestReport:
    if not dry_run and session.get_bind().dialect.name == "postgresql":
        # SQLite's writers wait for each other by themselves.
        session.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
    people, everyone = _people(session, job.settings, recipients)
    board = gather.gather_board(session, job.settings, job.model, job.day, job.now)
    spared: list[Spared] = []
    groups: dict[_Group, list[gather.Desk]] = {}
    for at in gather.read_desks(session, board, people):
        decision = decide(job.asked, at.situation)
        if decision.kind is None:
            spared.append(Spared(at.situation.reader.address, decision.reason))
            if not dry_run:
                _keep_silence(session, at, decision, board)
            continue
        stored_as = decision.kind if everyone or decision.kind is DigestKind.TEST else DigestKind.MANUAL
        group = _group(at, stored_as, decision.reason, board)
        groups.setdefault(group, []).append(at)
    # All are drafted before the first is stored: how many mails there are decides whether a person is asked.
    drafts = [(group, desks, job.draft(session, board, group)) for group, desks in groups.items()]
    waits = None if dry_run else _approval(session, job, drafts)
    made = [
        job.issue(session, board, group, desks, draft, dry_run=dry_run, approval=waits)
        for group, desks, draft in drafts
    ]
    if not made:
        reason = spared[0].reason if spared else Reason.NOBODY
        return DigestReport(reason, spared=tuple(spared))
    first, *others = sorted(made, key=lambda report: -len(report.recipients))
    return replace(first, others=tuple(others), spared=tuple(spared), approval=waits)


def _approval(session: Session, job: _Job, drafts: Sequence[tuple[_Group, list[gather.Desk], Draft]]) -> int | None:
    """The number under which these digests wait for a person; None where they are small enough to go by themselves."""
    mails = sum(len(desks) for _group, desks, _draft in drafts)
    shifts = {shift.id for group, _desks, _draft in drafts if group.kind in TELLING for shift in group.told.news}
    why = approval.why_asked(job.settings, mails=mails, shifts=len(shifts))
    if not why:
        return None
    _group, _desks, largest = max(drafts, key=lambda one: len(one[1]))
    return approval.ask(session, job.settings, why, mails=mails, subject=largest.made.view.subject, now=job.now)


def preview(
    store: Store,
    settings: Settings,
    model: str,
    *,
    day: dt.date,
    now: dt.datetime,
    kind: Asked = "manual",
    states: States | None = None,
    address: str = "",
) -> str:
    """The digest as it stands, as a page that stands alone. Stores and sends nothing.

    With an *address* it is the digest of that reader: their ties, themes, strength and dates.
    """
    job = _Job(settings, model, day, now, kind, states or _states)
    with store.session() as session:
        reader = default_reader(settings)
        if address:
            reader = _people(session, settings, [address])[0][0]
        board = gather.gather_board(session, settings, model, day, now)
        (at,) = gather.read_desks(session, board, [reader])
        decision = decide(kind, at.situation)
        # Where none is due the page says that someone asked for it, not why nobody else gets one.
        reason = decision.reason if decision.kind else Reason.MANUAL
        return job.draft(session, board, _group(at, decision.kind or DigestKind.MANUAL, reason, board)).made.page


@dataclass(frozen=True, slots=True)
class _Group:
    """What makes a digest the same for several readers: decision, what is told, and how it is said."""

    kind: DigestKind
    reason: Reason
    told: gather.Told
    narratives: tuple[int, ...]
    dyads: tuple[str, ...]
    timezone: str
    dates: str

    def __hash__(self) -> int:
        # Facts hold lists, so they cannot be hashed; what they are of can.
        ids = (tuple(s.id for s in self.told.news), tuple(s.id for s in self.told.earlier))
        return hash((self.kind, self.reason, ids, self.narratives, self.dyads, self.timezone, self.dates))


def _group(at: gather.Desk, kind: DigestKind, reason: Reason, board: gather.Board) -> _Group:
    reader = at.situation.reader
    every = board.narratives if asked_for_all(reader) else ()
    return _Group(
        kind=kind,
        reason=reason,
        told=gather.choose(at, kind, board.day, board.in_force),
        narratives=tuple(one.id for one in (at.narratives if kind in TELLING else every)),
        dyads=reader.dyads,
        timezone=reader.timezone,
        dates=reader.dates,
    )


def _people(session: Session, settings: Settings, recipients: Sequence[str] | None) -> tuple[list[Reader], bool]:
    """Who is to be written to, and whether that is everybody who gets digests."""
    all_readers = readers(session, settings)
    if not recipients:
        return all_readers, True
    known = {reader.key: reader for reader in all_readers}
    named = [
        # Who asks for a digest now wants it now.
        replace(known.get(one.addr_spec.lower(), default_reader(settings, one.addr_spec)), paused_until=None)
        for one in parse_recipients(recipients)
    ]
    return named, {reader.key for reader in named} >= set(known)


def _keep_silence(session: Session, at: gather.Desk, decision: Decision, board: gather.Board) -> None:
    held = at.sifted.held
    if notices.keep(session, at.situation.reader, decision, day=board.day, now=board.now, held=held):
        for news, reason in held:
            _note_held(session, news.id, reason, board)


def _note_held(session: Session, shift_id: int, reason: Held, board: gather.Board) -> None:
    if reason in (Held.SILENCED, Held.FEED_OUTAGE):  # what one reader did not ask for is no event in a shift's life
        state = "silenced" if reason is Held.SILENCED else "held"
        words = held_words(shift_id, reason, board)
        life.note(session, shift_id, state, f"{words[0].upper()}{words[1:]}.", day=board.day, now=board.now)


def held_words(shift_id: int, reason: Held, board: gather.Board) -> str:
    """Why a shift is listed and not alerted."""
    if reason is Held.SILENCED:
        news = board.news(shift_id)
        cause = next((silence for silence in board.silences if silence.covers(news)), None)
        return because(cause) if cause else HELD_WORDS[reason]
    if reason is Held.FEED_OUTAGE:
        outage = board.outages[shift_id]
        verb = "does" if len(outage.outlets) == 1 else "do"
        return f"waits for {count(len(outage.outlets), 'outlet')} that {verb} not answer"
    return HELD_WORDS[reason]


@dataclass(slots=True)
class _Once:
    """What the digests of one try share, worked out when it is first asked for."""

    known: dict[Hashable, Any] = field(default_factory=dict)
    charts: dict[Hashable, bytes] = field(default_factory=dict)
    sequences: dict[DigestKind, int] = field(default_factory=dict)

    def get(self, key: Hashable, work: Callable[[], _T]) -> _T:
        """What *work* gives, or gave before under this *key*."""
        if key not in self.known:
            self.known[key] = work()
        value: _T = self.known[key]
        return value


@dataclass(frozen=True, slots=True)
class _Job:
    """What stays the same while the digests of a run are made."""

    settings: Settings
    model: str
    day: dt.date
    now: dt.datetime
    asked: Asked
    states: States
    sign: Sign | None = None
    _once: _Once = field(default_factory=_Once)

    def issue(
        self,
        session: Session,
        board: gather.Board,
        group: _Group,
        desks: Sequence[gather.Desk],
        draft: Draft,
        *,
        dry_run: bool,
        approval: int | None,
    ) -> DigestReport:
        """Store the digest of *group*, and queue it for the readers of *desks*, held where it waits for *approval*."""
        people = [at.situation.reader for at in desks]
        report = draft.report([reader.address for reader in people])
        folder = self.settings.var_dir / "digests"
        if dry_run:
            return replace(report, html_path=draft.write(folder, "-dry-run"), dry_run=True)
        digest = draft.row(approval)
        session.add(digest)
        session.flush()
        if group.kind in TELLING:
            mark_told(session, draft.facts.narratives, digest.id)
            for shift in group.told.news:
                state, words = "told", f"Told in the digest {draft.key}."
                if approval:
                    state, words = "held", told_words(approval)
                life.note(session, shift.id, state, words, day=self.day, now=self.now)
            for number, reason in group.told.held:
                _note_held(session, number, reason, board)
        for at in desks:
            notices.keep(
                session,
                at.situation.reader,
                Decision(group.reason, group.kind),
                day=self.day,
                now=self.now,
                digest_id=digest.id,
                shift_ids=[number for number, _dyad in group.told.ids],
                narrative_ids=group.narratives,
                held=at.sifted.held,
            )
        letters = self._letters(draft, people)
        # What waits for a person is signed when it goes: a note may come into it.
        mails = (
            enqueue(session, digest, letters, state=MailState.HELD)
            if approval
            else enqueue(session, digest, letters, self.sign)
        )
        # Before the commit: a digest on record whose page could not be written is worse than a stray page.
        return replace(report, digest_id=digest.id, queued=len(mails), html_path=draft.write(folder))

    def _letters(self, draft: Draft, people: Sequence[Reader]) -> Iterator[EmailMessage]:
        """One after the other: a thousand mails with their charts are not held at once."""
        parts, sender = draft.parts(), parse_address(self.settings.sender, "sender")
        plain = replace(parts, html="", charts={})
        for reader in people:
            yield build_message(
                parts if reader.html else plain,
                parse_address(reader.address),
                sender,
                now=self.now,
                unsubscribe_url=self.settings.unsubscribe_url,
            )

    def draft(self, session: Session, board: gather.Board, group: _Group) -> Draft:
        """Gather and render."""
        facts = self._facts(session, board, group)
        sequence = self._next_sequence(session, group.kind)
        made = render(self.settings, facts, f"{group.kind}-{self.day}-{sequence}", self._once.charts)
        return Draft(facts, group.told, sequence, made)

    def _next_sequence(self, session: Session, kind: DigestKind) -> int:
        """The next free number of this kind and day; numbers given to drafts of this run are taken too."""
        last = self._once.sequences.get(kind)
        if last is None:
            last = session.scalar(select(func.max(Digest.sequence)).where(Digest.kind == kind, Digest.day == self.day))
        self._once.sequences[kind] = 0 if last is None else last + 1
        return self._once.sequences[kind]

    def _facts(self, session: Session, board: gather.Board, group: _Group) -> DigestFacts:
        settings, start = self.settings, self.day - dt.timedelta(days=WEEK - 1)
        told = group.told
        once, model, day = self._once, self.model, self.day
        every = once.get("states", lambda: self.states(session, model, day, settings.false_alarms_per_year))
        moved = [shift.id for shift in (*told.news, *told.earlier) if not shift.returned]
        seen = set(moved) - {number for number, _reason in told.held}
        states = [
            # A shift that is kept from a reader must not show in the words on its tie either; nor is a tie shifted
            # that is back where it was.
            state if state.open_shift_id in seen else replace(state, open_shift_id=None)
            for state in every
            if not group.dyads or state.dyad in group.dyads
        ]
        dyads = [state.dyad for state in states]
        stories, outlets = once.get(
            ("week", group.dyads), lambda: gather.week_counts(session, model, start, day, group.dyads)
        )
        held = {number: held_words(number, reason, board) for number, reason in told.held}
        return DigestFacts(
            kind=group.kind,
            reason=group.reason,
            day=self.day,
            period_start=start,
            now=self.now,
            timezone=group.timezone,
            model=self.model,
            false_alarms_per_year=settings.false_alarms_per_year,
            replay=settings.replay,
            public_url=settings.public_url,
            report_url=settings.report_url,
            shifts=told.news,
            earlier=told.earlier,
            states=tuple(states),
            feeds=board.feeds,
            stories=stories,
            outlets=outlets,
            claims=gather.gather_claims(session, told.news),
            themes=once.get("themes", lambda: theme_names(settings)),
            narratives=tuple(one for one in board.narratives if one.id in group.narratives),
            held=held,
            outages={shift.id: board.outages[shift.id] for shift in told.news if shift.id in board.outages},
            record=once.get("record", lambda: gather_record(session, model, day)),
            press=once.get(("press", group.dyads), lambda: gather_press(session, model, day, dyads)),
            dates=group.dates,
            untrained=once.get("untrained", lambda: untrained(settings)),
        )


def _states(session: Session, model: str, day: dt.date, rate: float) -> Sequence[DyadState]:
    return dyad_states(session, model, day, false_alarms_per_year=rate)
