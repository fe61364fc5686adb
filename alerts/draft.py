"""A digest in all its forms: rendered, as a row of the database, as the parts of a mail, and as a page of its own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alerts import gather
from alerts.charts import coverage_chart, dyad_chart, score_limits
from alerts.digestreport import DigestReport
from alerts.facts import DigestFacts
from alerts.mail import MailParts, content_id
from alerts.model import Kind
from alerts.notify import DigestKind
from alerts.render import MAX_HTML, data_url, html_size, render_html, render_text
from alerts.shiftview import coverage_name
from alerts.together import told_findings
from alerts.trianglechart import triangle_chart
from alerts.view import LIMITS, TRIANGLE, DigestView, compose, onsets, ranked, shows_triangle
from alerts.words import dates_as
from store.errors import RicwatchError
from store.models import Digest
from store.settings import Settings
from store.wholefile import write_whole


@dataclass(frozen=True, slots=True)
class Rendered:
    """A digest in all its forms. `html` has its charts by reference, `page` stands alone."""

    view: DigestView
    html: str
    page: str
    text: str
    charts: Mapping[str, bytes]


def render(settings: Settings, facts: DigestFacts, key: str, drawn: dict[Hashable, bytes] | None = None) -> Rendered:
    """All forms of a digest. Where the HTML would be cut by Gmail, its tail is dropped and counted in words.

    *drawn* keeps charts from one digest of a run to the next.
    """
    charts = _draw(facts, {} if drawn is None else drawn)
    by_cid = {name: f"cid:{content_id(key, name)}" for name in charts}
    with dates_as(facts.dates):
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


def _draw(facts: DigestFacts, drawn: dict[Hashable, bytes]) -> dict[str, bytes]:
    """The charts by name; those that *drawn* holds already are taken from there."""
    scale, marks = score_limits(facts.states), onsets(facts)
    charts: dict[str, bytes] = {}
    for state in facts.states:
        if state.chart:
            onset, direction = marks.get(state.dyad, (None, ""))
            what: Hashable = (state.dyad, onset, direction, scale)
            if what not in drawn:
                drawn[what] = dyad_chart(state, onset, direction, scale)
            charts[state.dyad.lower()] = drawn[what]
    for shift in facts.shifts:
        points = next((state.chart for state in facts.states if state.dyad == shift.dyad), ())
        if shift.kind is Kind.ATTENTION and points:
            what = (shift.dyad, shift.onset, shift.before, shift.after)
            if what not in drawn:
                drawn[what] = coverage_chart(points, shift.before, shift.after, shift.onset)
            charts[coverage_name(shift.dyad)] = drawn[what]
    if shows_triangle(facts):
        if TRIANGLE not in drawn:
            drawn[TRIANGLE] = triangle_chart(facts.states)
        charts[TRIANGLE] = drawn[TRIANGLE]
    return charts


def thread(facts: DigestFacts) -> str:
    """The thread of a digest: that of the tie or theme which its subject names, so that a shift, what follows it and
    its end stand beneath one another; of its kind where it tells no shift, or where someone asked for it.
    """
    if facts.kind is not DigestKind.SHIFT or not facts.shifts:
        return str(facts.kind)
    first, *others = told_findings(replace(facts, shifts=ranked(facts.shifts)))[0]
    if others:
        return f"{facts.kind}.all-ties"
    return f"{facts.kind}.{first.dyad or first.theme_code or 'topic'}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A digest that is made and not stored yet."""

    facts: DigestFacts
    told: gather.Told
    sequence: int
    made: Rendered

    @property
    def key(self) -> str:
        return f"{self.facts.kind}-{self.facts.day}-{self.sequence}"

    def report(self, recipients: Sequence[str]) -> DigestReport:
        return DigestReport(
            reason=self.facts.reason,
            kind=self.facts.kind,
            subject=self.made.view.subject,
            recipients=tuple(recipients),
            shift_ids=tuple(shift.id for shift in self.facts.shifts),
            text=self.made.text,
            view=self.made.view,
            charts=self.made.charts,
        )

    def row(self, approval: int | None = None) -> Digest:
        return Digest(
            approval_id=approval,
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
            thread=thread(self.facts),
        )

    def write(self, folder: Path, mark: str = "") -> Path:
        """Write the page, whole or not at all: one that is open in a browser is never seen half written."""
        name = f"{self.facts.day}-{self.facts.kind}" + (f"-{self.sequence}" if self.sequence else "")
        path = folder / f"{name}{mark}.html"
        write_whole(path, self.made.page, folder=True)
        return path
