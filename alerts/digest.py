"""Compose the digest that is due, and put its mails into the outbox: both in one transaction, or neither."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.headerregistry import Address
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts import gather
from alerts.addresses import parse_address, parse_recipients
from alerts.charts import dyad_chart, score_limits
from alerts.facts import DigestFacts, ShiftFact
from alerts.mail import MailParts, build_message, content_id
from alerts.model import DyadState
from alerts.narrativenews import mark_told, narratives_of
from alerts.notify import REASON_WORDS, TELLING, Asked, DigestKind, Reason, decide
from alerts.outbox import enqueue
from alerts.render import MAX_HTML, data_url, html_size, render_html, render_text
from alerts.state import dyad_states
from alerts.themes import theme_names
from alerts.view import LIMITS, DigestView, compose, onsets
from store.db import Store
from store.errors import RicwatchError
from store.models import Digest
from store.settings import Settings

WEEK = 7

States = Callable[[Session, str, dt.date, float], Sequence[DyadState]]
"""Gives the state of the three dyads: session, model, day, false alarms a year."""


@dataclass(frozen=True, slots=True)
class DigestReport:
    """What was composed. `digest_id` is None where nothing was stored: none was due, or it was a dry run."""

    reason: Reason
    kind: DigestKind | None = None
    digest_id: int | None = None
    subject: str = ""
    queued: int = 0
    html_path: Path | None = None
    recipients: tuple[str, ...] = ()
    shift_ids: tuple[int, ...] = ()
    dry_run: bool = False
    text: str = field(default="", repr=False)
    view: DigestView | None = field(default=None, repr=False)
    charts: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def pictures(self) -> tuple[tuple[str, bytes], ...]:
        """The charts with the sentence that stands for each where it cannot be seen."""
        if self.view is None:
            return ()
        shown = [shift.chart for shift in self.view.shifts] + [dyad.chart for dyad in self.view.dyads]
        alts = {chart.name: chart.alt for chart in reversed(shown) if chart}
        return tuple((alts[name], png) for name, png in self.charts.items() if name in alts)

    @property
    def words(self) -> str:
        """Why it went out, or why none did, as a sentence."""
        return REASON_WORDS[self.reason]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A digest in all its forms. `html` has its charts by reference, `page` stands alone."""

    view: DigestView
    html: str
    page: str
    text: str
    charts: Mapping[str, bytes]


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
    """Decide which digest goes out, compose it, and queue one mail per reader.

    *day* is the last day of data. A digest to other *recipients* than the readers of the settings is stored as one
    that someone asked for: it tells no shift for the others and does not stand for the weekly one. A *dry_run* writes
    the page for looking at, and nothing else. *states* is where the dyads' states come from, for tests.

    Raises:
        ConfigError: an address is malformed; the message names it. Nothing was stored then.
    """
    readers = parse_recipients(settings.recipients)
    chosen = parse_recipients(recipients) if recipients else readers
    sender = parse_address(settings.sender, "sender")
    everyone = {reader.addr_spec for reader in chosen} >= {reader.addr_spec for reader in readers}
    job = _Job(settings, model, day, now, states or _states)
    for attempt in (1, 2):
        try:
            with store.session() as session:
                situation, shifts = gather.find_situation(session, settings, model, day, now)
                decision = decide(kind, situation)
                if decision.kind is None:
                    return DigestReport(decision.reason)
                stored_as = decision.kind if everyone or decision.kind is DigestKind.TEST else DigestKind.MANUAL
                draft = job.draft(session, decision.reason, stored_as, shifts)
                report = draft.report(chosen)
                if dry_run:
                    path = draft.write(settings.var_dir / "digests", "-dry-run")
                    return replace(report, html_path=path, dry_run=True)
                digest = draft.row()
                session.add(digest)
                session.flush()
                if stored_as in TELLING:
                    mark_told(session, draft.facts.narratives, digest.id)
                parts = draft.parts()
                mails = enqueue(session, digest, [build_message(parts, to, sender, now=now) for to in chosen])
                # Before the commit: a digest on record whose page could not be written is worse than a stray page.
                path = draft.write(settings.var_dir / "digests")
                return replace(report, digest_id=digest.id, queued=len(mails), html_path=path)
        except IntegrityError:
            # Another process stored the same digest in between; deciding again finds it.
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def preview(
    store: Store,
    settings: Settings,
    model: str,
    *,
    day: dt.date,
    now: dt.datetime,
    kind: Asked = "manual",
    states: States | None = None,
) -> str:
    """The digest as it stands, as a page that stands alone. Stores and sends nothing."""
    job = _Job(settings, model, day, now, states or _states)
    with store.session() as session:
        situation, shifts = gather.find_situation(session, settings, model, day, now)
        decision = decide(kind, situation)
        # Where none is due the page says that someone asked for it, not why nobody else gets one.
        reason = decision.reason if decision.kind else Reason.MANUAL
        return job.draft(session, reason, decision.kind or DigestKind.MANUAL, shifts).made.page


def render(settings: Settings, facts: DigestFacts, key: str) -> Rendered:
    """All forms of a digest. Where the HTML would be cut by Gmail, its tail is dropped and counted in words."""
    scale, marks = score_limits(facts.states), onsets(facts)
    charts: dict[str, bytes] = {}
    for state in facts.states:
        if state.chart:
            onset, direction = marks.get(state.dyad, (None, ""))
            charts[state.dyad.lower()] = dyad_chart(state, onset, direction, scale)
    by_cid = {name: f"cid:{content_id(key, name)}" for name in charts}
    for allowed in LIMITS:
        view = compose(facts, allowed)
        html = render_html(settings.templates_dir, view, by_cid)
        if html_size(html) < MAX_HTML:
            page = render_html(settings.templates_dir, view, {name: data_url(png) for name, png in charts.items()})
            return Rendered(view, html, page, render_text(settings.templates_dir, view), charts)
    raise RicwatchError(
        f"the digest {key} has {html_size(html):,} bytes of HTML even with one story; {MAX_HTML:,} is the most that "
        "mail programs show. Look for a template that grew."
    )


@dataclass(frozen=True, slots=True)
class _Job:
    """What stays the same while one digest is made."""

    settings: Settings
    model: str
    day: dt.date
    now: dt.datetime
    states: States

    def draft(self, session: Session, reason: Reason, kind: DigestKind, shifts: Sequence[ShiftFact]) -> _Draft:
        """Choose, gather and render."""
        told = gather.choose(shifts, kind, self.day, gather.ids_in_force(session, self.model, self.day))
        facts = self._facts(session, reason, kind, told)
        sequence = _next_sequence(session, kind, self.day)
        return _Draft(facts, told, sequence, render(self.settings, facts, f"{kind}-{self.day}-{sequence}"))

    def _facts(self, session: Session, reason: Reason, kind: DigestKind, told: gather.Told) -> DigestFacts:
        settings, start = self.settings, self.day - dt.timedelta(days=WEEK - 1)
        stories, outlets = gather.week_counts(session, self.model, start, self.day)
        return DigestFacts(
            kind=kind,
            reason=reason,
            day=self.day,
            period_start=start,
            now=self.now,
            timezone=settings.timezone,
            model=self.model,
            false_alarms_per_year=settings.false_alarms_per_year,
            replay=settings.replay,
            public_url=settings.public_url,
            shifts=told.news,
            earlier=told.earlier,
            states=tuple(self.states(session, self.model, self.day, settings.false_alarms_per_year)),
            feeds=gather.gather_feeds(session, start, self.day, self.now),
            stories=stories,
            outlets=outlets,
            claims=gather.gather_claims(session, told.news),
            themes=theme_names(settings),
            narratives=narratives_of(session, kind, self.day),
        )


@dataclass(frozen=True, slots=True)
class _Draft:
    """A digest that is made and not stored yet."""

    facts: DigestFacts
    told: gather.Told
    sequence: int
    made: Rendered

    @property
    def key(self) -> str:
        return f"{self.facts.kind}-{self.facts.day}-{self.sequence}"

    def report(self, recipients: Sequence[Address]) -> DigestReport:
        return DigestReport(
            reason=self.facts.reason,
            kind=self.facts.kind,
            subject=self.made.view.subject,
            recipients=tuple(recipient.addr_spec for recipient in recipients),
            shift_ids=tuple(shift.id for shift in self.facts.shifts),
            text=self.made.text,
            view=self.made.view,
            charts=self.made.charts,
        )

    def row(self) -> Digest:
        return Digest(
            kind=self.facts.kind,
            sequence=self.sequence,
            reason=self.facts.reason,
            day=self.facts.day,
            period_start=self.facts.period_start,
            subject=self.made.view.subject,
            html=self.made.html,
            text=self.made.text,
            facts=self.facts.as_json(),
            shift_ids=[{"id": number, "dyad": dyad} for number, dyad in self.told.ids],
            model=self.facts.model,
            composed_at=self.facts.now,
        )

    def parts(self) -> MailParts:
        return MailParts(
            key=self.key,
            kind=str(self.facts.kind),
            reason=str(self.facts.reason),
            subject=self.made.view.subject,
            text=self.made.text,
            html=self.made.html,
            charts={content_id(self.key, name): png for name, png in self.made.charts.items()},
            replay=self.facts.replay,
        )

    def write(self, folder: Path, mark: str = "") -> Path:
        """Write the page, whole or not at all: one that is open in a browser is never seen half written."""
        name = f"{self.facts.day}-{self.facts.kind}" + (f"-{self.sequence}" if self.sequence else "")
        path = folder / f"{name}{mark}.html"
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{path.name}.{os.getpid()}"
        draft.write_text(self.made.page, encoding="utf-8")
        draft.replace(path)
        return path


def _states(session: Session, model: str, day: dt.date, rate: float) -> Sequence[DyadState]:
    return dyad_states(session, model, day, false_alarms_per_year=rate)


def _next_sequence(session: Session, kind: DigestKind, day: dt.date) -> int:
    last = session.scalar(select(func.max(Digest.sequence)).where(Digest.kind == kind, Digest.day == day))
    return 0 if last is None else last + 1
