"""The view of a digest: what its templates lay out. Every string is finished here; a template adds form and no fact."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from itertools import pairwise
from zoneinfo import ZoneInfo

from alerts import narrativenews, quietwords, triangle
from alerts import sentences as say
from alerts.facts import COLD_DAYS, DigestFacts, FeedState, ShiftFact
from alerts.model import DyadState, Kind
from alerts.notify import REASON_WORDS, DigestKind, Reason
from alerts.press import PressCell
from alerts.shiftview import CHARTED, ChartView, Limits, Row, ShiftView, and_more, chart_view, shift_view
from alerts.together import told_findings
from alerts.trianglechart import LEGEND, triangle_alt
from alerts.verdicts import record_words
from alerts.wording import dyad_name, signed
from alerts.words import (
    bloc_name,
    count,
    day_words,
    plain,
    safe_url,
    span_words,
)
from ingest.ties import ties

TRIANGLE = "triangle"
"""The name of its picture among the charts."""
BASELINE_TEXT = "the 84 days that end 14 days before"


LIMITS = (
    Limits(),
    Limits(shifts=5, stories=4, feeds=10),
    Limits(shifts=4, stories=3, feeds=6, title=160, sentence=220),
    Limits(shifts=3, stories=1, feeds=3, title=120, sentence=140),
    Limits(shifts=1, stories=1, feeds=1, title=80, sentence=80),
    Limits(shifts=1, stories=1, feeds=1, title=80, sentence=80, link=200, claims=1, blocs=3),
)


@dataclass(frozen=True, slots=True)
class PressView:
    """A press bloc beside the others: per tie its tone this week, the usual one, and the stories, as text."""

    bloc: str
    cells: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class DyadView:
    """A row of the steady table. Widths are whole percentages that sum to 100, or all 0 without stories."""

    name: str
    tone: str
    word: str
    score: str
    range: str
    baseline: str
    change: str
    week: str
    stories: str
    usual_stories: str
    plus: int
    zero: int
    minus: int
    widths: tuple[int, int, int]
    chart: ChartView | None


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed that needs a word."""

    outlet: str
    state: str
    note: str


@dataclass(frozen=True, slots=True)
class DigestView:
    """A whole digest, in the order in which it is read."""

    subject: str
    preheader: str
    title: str
    kicker: str
    banner: str
    deck: str
    doubt: str
    cold: str
    quiet: str
    smallest: str
    shifts: tuple[ShiftView, ...]
    more_shifts: str
    narratives: tuple[narrativenews.NarrativeView, ...]
    more_narratives: str
    advice: str
    earlier: tuple[str, ...]
    more_earlier: str
    dyads: tuple[DyadView, ...]
    table_note: str
    chart_note: str
    pattern: str
    triangle: str
    picture: ChartView | None
    picture_note: str
    has_usual: bool
    ties: tuple[str, ...]
    press: tuple[PressView, ...]
    more_press: str
    feeds_line: str
    feeds: tuple[FeedView, ...]
    more_feeds: str
    method: tuple[Row, ...]
    why: str
    unsubscribe: str
    link: str | None
    report: str | None


def compose(facts: DigestFacts, limits: Limits = LIMITS[0]) -> DigestView:
    """The view of *facts*; what *limits* leaves out is counted in words."""
    shifts = ranked(facts.shifts)
    cold = quietwords.cold(facts.states) if say.is_cold(facts.states) else ""
    unwell = facts.feeds.of(FeedState.FAILING, FeedState.STALE, FeedState.UNPOLLED)
    lead = facts_with(facts, shifts)
    groups = told_findings(lead)
    shown = groups[: limits.shifts]

    # What was kept from the reader, and what ended untold, comes before what they know of already.
    def known(shift: ShiftFact) -> bool:
        return shift.told_on is not None and shift.status != "faded"

    others = sorted(facts.earlier, key=lambda shift: (shift.id not in facts.held, known(shift)))
    told = {group[0].dyad for group in shown if group[0].kind is Kind.STANCE}
    return DigestView(
        subject=say.subject(lead),
        preheader=_preheader(lead),
        title=_title(lead),
        kicker=_kicker(facts),
        banner=_banner(facts),
        deck=_deck(lead),
        doubt=say.feeds_doubt(facts),
        cold=cold,
        quiet="" if shifts or cold else quietwords.quiet(facts),
        smallest="" if shifts or cold else quietwords.smallest(facts.states),
        shifts=tuple(shift_view(group[0], facts.context, limits, group) for group in shown),
        more_shifts=and_more(
            len(groups) - len(shown), "shift", "shifts", [say.group_headline(group) for group in groups[len(shown) :]]
        ),
        narratives=tuple(narrativenews.view(one, limits.title) for one in facts.narratives[: limits.shifts]),
        more_narratives=and_more(len(facts.narratives) - limits.shifts, "narrative", "narratives"),
        advice=narrativenews.ADVICE if facts.narratives else "",
        earlier=tuple(
            say.earlier_line(shift, plain(facts.held.get(shift.id, ""), 300)) for shift in others[: limits.shifts]
        ),
        more_earlier=and_more(len(others) - limits.shifts, "shift", "shifts"),
        dyads=tuple(_dyad(state, chart=state.dyad not in told) for state in facts.states),
        table_note=(
            "Average stance runs from −1 (all divergence) to +1 (all convergence); a story counts once, however often "
            f"it is told. Usual: {BASELINE_TEXT}."
        ),
        chart_note=(
            "In the charts: the line is the mean stance of the 7 days up to each day, the band the usual level and "
            "what around it could not be told from chance, the bars below the stories of each day."
        ),
        pattern="" if cold or len(facts.states) < len(ties().dyads) else triangle.sentence(facts.states),
        triangle=say.triangle(facts.states),
        picture=ChartView(TRIANGLE, triangle_alt(facts.states)) if shows_triangle(facts) else None,
        picture_note=f"The last two weeks, against the usual level. {LEGEND}",
        has_usual=any(state.baseline is not None for state in facts.states),
        ties=tuple(dyad_name(state.dyad) for state in facts.states),
        press=_press(facts)[: limits.blocs],
        more_press=and_more(len(_press(facts)) - limits.blocs, "press", "presses"),
        feeds_line=say.feeds_line(facts),
        feeds=tuple(
            FeedView(plain(feed.outlet, 80), str(feed.state), say.feed_note(feed)) for feed in unwell[: limits.feeds]
        ),
        more_feeds=and_more(len(unwell) - limits.feeds, "feed", "feeds"),
        method=tuple(_method(facts)),
        why=f"Why this mail: {REASON_WORDS[facts.reason]}",
        unsubscribe="To stop these mails, answer with the word unsubscribe.",
        link=safe_url(facts.public_url),
        report=safe_url(facts.report_url),
    )


def shows_triangle(facts: DigestFacts) -> bool:
    """Whether there is a triangle to show: all three ties, each with stories, and history behind them."""
    whole = (
        ties().is_triangle
        and len(facts.states) == len(ties().dyads)
        and all(state.chart and state.score is not None for state in facts.states)
    )
    return whole and not say.is_cold(facts.states)


def ranked(shifts: tuple[ShiftFact, ...]) -> tuple[ShiftFact, ...]:
    """The strongest evidence first, with what else moved on the same tie; then presses that moved alone, and last what
    rests on one outlet or story.
    """

    def rank(shift: ShiftFact) -> tuple[bool, bool, float, int]:
        return bool(shift.evidence.fragile), shift.kind is Kind.BLOC, shift.threshold - shift.log_evidence, shift.id

    best: dict[tuple[bool, bool, str], tuple[bool, bool, float, int]] = {}
    for shift in sorted(shifts, key=rank):
        best.setdefault((*rank(shift)[:2], shift.dyad), rank(shift))
    return tuple(sorted(shifts, key=lambda shift: (best[*rank(shift)[:2], shift.dyad], rank(shift))))


def facts_with(facts: DigestFacts, shifts: tuple[ShiftFact, ...]) -> DigestFacts:
    """*facts* with its shifts in another order."""
    return replace(facts, shifts=shifts)


def onsets(facts: DigestFacts) -> dict[str, tuple[dt.date, str]]:
    """Per dyad the onset and direction to mark in its chart: of its newest stance shift."""
    marks: dict[str, tuple[dt.date, str]] = {}
    charted = [s for s in (*facts.earlier, *facts.shifts) if s.kind in CHARTED and s.id not in facts.held]
    for shift in sorted(charted, key=lambda s: (s.kind is Kind.STANCE, s.detected)):
        marks[shift.dyad] = (shift.onset, str(shift.direction))
    return marks


def _title(facts: DigestFacts) -> str:
    if facts.shifts:
        first, *rest = told_findings(facts)
        return say.group_headline(first) + (f", and {count(len(rest), 'more shift')}" if rest else "")
    return say.finding(facts).split(" (")[0]


def _preheader(facts: DigestFacts) -> str:
    if facts.shifts:
        return f"{say.lead(facts.shifts[0])} {say.chance(facts.shifts[0])}"
    if facts.narratives:
        return narrativenews.lead(facts.narratives[0])
    start = quietwords.cold(facts.states) if say.is_cold(facts.states) else say.triangle(facts.states)
    return f"{start} {say.feeds_line(facts)}".strip()


def _kicker(facts: DigestFacts) -> str:
    names = {
        DigestKind.SHIFT: "Shift",
        DigestKind.WEEKLY: "Weekly digest",
        DigestKind.MANUAL: "Digest on request",
        DigestKind.TEST: "Test digest",
    }
    name = "New narrative" if facts.reason is Reason.NARRATIVE_FOUND else names[facts.kind]
    return f"{name} · {span_words(facts.period_start, facts.day)}"


def _banner(facts: DigestFacts) -> str:
    if not facts.replay:
        return ""
    return (
        "REPLAY: the bundled archive of invented demo outlets, run with a simulated clock. "
        f"In it, today is {day_words(facts.now.astimezone(ZoneInfo(facts.timezone)).date())}. Nothing here is news."
    )


def _deck(facts: DigestFacts) -> str:
    base = f"{count(facts.stories, 'story', 'stories')} from {count(facts.outlets, 'outlet')} in the week."
    groups = told_findings(facts)
    if len(groups) > 1:
        told = "; ".join(say.sized_headline(group) for group in groups[:6])
        return f"{told}. {base}"
    return base


def _dyad(state: DyadState, *, chart: bool) -> DyadView:
    total = state.plus + state.zero + state.minus
    change = None if state.score is None or state.baseline is None else state.score - state.baseline
    word = say.state_word(state)
    moved = word == "shifted" or say.strays(state)
    low, high = state.score_low, state.score_high
    return DyadView(
        name=dyad_name(state.dyad),
        tone=("up" if change > 0 else "down") if moved and change else "flat",
        word=word,
        score="–" if state.score is None else signed(state.score),
        range="" if low is None or high is None else f"{signed(low)} to {signed(high)}",
        baseline="–" if state.baseline is None else signed(state.baseline),
        change="–" if change is None else signed(change),
        week="" if state.score is None or state.last_week is None else signed(state.score - state.last_week),
        stories=f"{state.stories:,}",
        usual_stories="–" if state.baseline_stories is None else f"{state.baseline_stories:,.0f}",
        plus=state.plus,
        zero=state.zero,
        minus=state.minus,
        widths=widths((state.plus, state.zero, state.minus)) if total else (0, 0, 0),
        chart=chart_view(state) if chart else None,
    )


def _press(facts: DigestFacts) -> tuple[PressView, ...]:
    cells: dict[str, list[PressCell]] = {}
    for cell in facts.press:
        cells.setdefault(cell.bloc, []).append(cell)
    names = {bloc: bloc_name(bloc) for bloc in cells}
    return tuple(
        PressView(names[bloc][:1].upper() + names[bloc][1:], tuple(_tone(cell) for cell in row))
        for bloc, row in cells.items()
    )


def _tone(cell: PressCell) -> tuple[str, str, str]:
    usual = "" if cell.usual is None else f"usual {signed(cell.usual)}"
    score = "–" if cell.score is None else signed(cell.score)
    return score, usual, count(cell.stories, "story", "stories")


def widths(counts: tuple[int, int, int]) -> tuple[int, int, int]:
    """Whole percentages of *counts* that sum to 100.

    >>> widths((1, 1, 1))
    (33, 34, 33)
    """
    total, run, edges = sum(counts), 0, [0]
    for number in counts:
        run += number
        edges.append(round(100 * run / total))
    first, second, third = (b - a for a, b in pairwise(edges))
    return first, second, third


def _method(facts: DigestFacts) -> list[Row]:
    local = facts.now.astimezone(ZoneInfo(facts.timezone))
    rate = facts.false_alarms_per_year
    rows = [
        Row("Days", f"{span_words(facts.period_start, facts.day)}, calendar days in UTC"),
        Row("Compared with", f"{BASELINE_TEXT}; each outlet with its own usual tone, so a changed mix moves nothing"),
        Row(
            "Chance findings",
            f"thresholds are set for about {rate:g} false {'digest' if rate == 1 else 'digests'} a year "
            f"over all series together; under {COLD_DAYS} days of history nothing is called",
        ),
        Row("Read by", f"model {plain(facts.model, 60)}" + (f". {facts.untrained}" if facts.untrained else "")),
        *([Row("Record", record)] if (record := record_words(facts.record)) else []),
        Row("Composed", f"{day_words(local.date())}, {local:%H:%M} ({facts.timezone})"),
    ]
    if facts.shifts:
        first = facts.shifts[0]
        rows.insert(
            3, Row("Evidence", f"{first.log_evidence:.1f}, threshold {first.threshold:.1f} (natural logarithms)")
        )
    return rows
