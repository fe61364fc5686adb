"""A shift as its templates lay it out: every string is finished here."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts import sentences as say
from alerts.facts import ClaimFact, ShiftContext, ShiftFact
from alerts.model import Direction, DyadState, Kind, StoryEvidence
from alerts.robustwords import robustness
from alerts.wording import dyad_name, share, signed
from alerts.words import bloc_name, count, day_short, day_words, lang_tag, language_name, plain, safe_url
from ingest.ties import ties

STANCES = {1: ("up", "↑ convergence"), 0: ("flat", "→ neutral"), -1: ("down", "↓ divergence")}


CHARTED = (Kind.STANCE, Kind.ATTENTION)
"""Kinds whose onset is marked in the chart of a tie: what a single press or a theme did does not show in it."""


PASSAGES = 2
"""Sentences shown under a claim."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a digest shows before it says "and N more"; tried from generous to meagre until the mail is small."""

    shifts: int = 6
    stories: int = 5
    feeds: int = 15
    title: int = 220
    sentence: int = 320
    link: int = 2_000
    """Characters of an address that still becomes a link; each & in it takes five bytes of HTML."""
    claims: int = 3
    blocs: int = 30


@dataclass(frozen=True, slots=True)
class StoryView:
    """A story as evidence. `tone` is up, flat or down; `url` is None where the address must not become a link."""

    title: str
    url: str | None
    lang: str
    tone: str
    stance: str
    meta: str
    sentence: str


@dataclass(frozen=True, slots=True)
class PassageView:
    """The sentence of a story that bears on a claim, and whose it is."""

    text: str
    lang: str
    outlet: str


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A claim of a seed document, what the stories shown do to it, and by which of their sentences."""

    relation: str
    text: str
    source: str
    passages: tuple[PassageView, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A label and its value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ChartView:
    """A chart by its name within the digest; the renderer turns the name into a CID or a data: address."""

    name: str
    alt: str


@dataclass(frozen=True, slots=True)
class ShiftView:
    """A shift told in full."""

    tone: str
    arrow: str
    direction: str
    headline: str
    together: str
    figure: str
    unit: str
    range: str
    before: str
    after: str
    lead: str
    chance: str
    caution: str
    breadth: str
    press: str
    robustness: str
    taint: str
    verdict: str
    fragile: bool
    chart: ChartView | None
    carriers: tuple[Row, ...]
    stories: tuple[StoryView, ...]
    more_stories: str
    counter: StoryView | None
    claims: tuple[ClaimView, ...]


def and_more(number: int, one: str, many: str, names: list[str] | None = None) -> str:
    """That *number* things are left out, with the first of their *names*; empty where none is."""
    if number <= 0:
        return ""
    said = f"and {number:,} more {one if number == 1 else many}"
    return f"{said}: {'; '.join(names[:6])}" if names else said


def shift_view(
    shift: ShiftFact, context: ShiftContext, limits: Limits, group: Sequence[ShiftFact] | None = None
) -> ShiftView:
    """One shift told in full.

    *group* holds the shifts of all ties where they moved at once, this one first.
    """
    alike = group or (shift,)
    tone = {Direction.CONVERGENCE: "up", Direction.DIVERGENCE: "down"}.get(shift.direction, "flat")
    evidence = shift.evidence
    shown = evidence.stories[: limits.stories]
    left = evidence.story_count - len(shown)
    level = signed if shift.kind.tone else share if shift.kind is Kind.THEME else say.per_day
    state = next((s for s in context.states if s.dyad == shift.dyad and shift.kind in CHARTED), None)
    return ShiftView(
        tone=tone,
        arrow=say.ARROWS[shift.direction],
        direction=str(shift.direction),
        headline=say.group_headline(alike),
        together=say.together(alike),
        figure=say.figure(shift),
        unit=say.unit(shift) + (f" of {dyad_name(shift.dyad)}" if len(alike) > 1 else ""),
        range=f"95 % range {say.size_range(shift)}",
        before=level(shift.before),
        after=level(shift.after),
        lead=say.lead(shift),
        chance=say.chance(shift),
        caution=say.first_size(shift),
        breadth=say.breadth(shift),
        press=say.by_press(shift),
        robustness=robustness(shift),
        taint=say.taint(context.outages.get(shift.id)),
        verdict=say.ask_verdict(shift) if shift.id else "",
        fragile=bool(evidence.fragile),
        chart=chart_view(state, shift) if state else None,
        carriers=tuple(Row(*row) for row in say.carriers(evidence, dict(context.themes), ties().blocs)),
        stories=tuple(_story(story, context.themes, limits) for story in shown),
        more_stories=and_more(left, "story", "stories") if shown else "",
        counter=_story(evidence.counter, context.themes, limits) if evidence.counter else None,
        claims=_claims(shift, context.claims, limits),
    )


def _story(story: StoryEvidence, themes: Mapping[str, str], limits: Limits) -> StoryView:
    tone, stance = STANCES[story.stance]
    copies = f"and {count(story.copies - 1, 'further article')}" if story.copies > 1 else ""
    lang = "" if story.lang in ("", "en") else f"in {language_name(story.lang)}"
    parts = (
        plain(story.outlet, 80),
        bloc_name(story.bloc),
        plain(lang, 24),
        day_short(dt.date.fromisoformat(story.day)),
        plain(themes.get(story.theme, story.theme), 60),
        copies,
    )
    return StoryView(
        title=plain(story.title, limits.title) or "(without a title)",
        url=safe_url(story.url) if len(story.url) <= limits.link else None,
        lang=lang_tag(story.lang),
        tone=tone,
        stance=stance,
        meta=" · ".join(part for part in parts if part),
        # Of many items only the title speaks of the tie; it stands above and need not be quoted below.
        sentence="" if story.sentence.strip() == story.title.strip() else plain(story.sentence, limits.sentence),
    )


def _claims(shift: ShiftFact, claims: Mapping[str, ClaimFact], limits: Limits) -> tuple[ClaimView, ...]:
    """Claims that at least one story of the evidence supports or undercuts, the most often first."""
    told = Counter(
        (story.claim_id, story.claim_relation)
        for story in shift.evidence.stories
        if story.claim_id in claims and story.claim_relation in ("supports", "undercuts")
    )
    views = []
    for (claim_id, relation), number in told.most_common(limits.claims):
        claim = claims[claim_id or ""]
        source = ", ".join(plain(part, 120) for part in (claim.document, claim.publisher, claim.published) if part)
        bearing = [s for s in shift.evidence.stories if (s.claim_id, s.claim_relation) == (claim_id, relation)]
        views.append(
            ClaimView(
                relation=f"{count(number, 'story', 'stories')} {'support' if number > 1 else 'supports'}"
                if relation == "supports"
                else f"{count(number, 'story', 'stories')} {'undercut' if number > 1 else 'undercuts'}",
                text=plain(claim.text, 300),
                source=source,
                passages=tuple(
                    PassageView(plain(s.sentence or s.title, limits.sentence), lang_tag(s.lang), plain(s.outlet, 80))
                    for s in bearing[:PASSAGES]
                ),
            )
        )
    return tuple(views)


def coverage_name(dyad: str) -> str:
    """The name of the chart of how much is told of a tie."""
    return f"{dyad.lower()}-stories"


def chart_view(state: DyadState, shift: ShiftFact | None = None) -> ChartView | None:
    """The chart of a tie with its words, which also tell of *shift* where it is marked; None without a series."""
    if not state.chart:
        return None
    name = dyad_name(state.dyad)
    if shift and shift.kind is Kind.ATTENTION:
        return ChartView(
            name=coverage_name(state.dyad),
            alt=f"{name}, {len(state.chart) // 7} weeks of stories a day: {say.per_day(shift.before)} before about "
            f"{day_words(shift.onset)}, {say.per_day(shift.after)} since.",
        )
    score = "no story this week" if state.score is None else f"{signed(state.score)} this week"
    usual = "no baseline yet" if state.baseline is None else f"usual level {signed(state.baseline)}"
    since = f", moved around {day_words(shift.onset)}" if shift else ""
    return ChartView(
        name=state.dyad.lower(),
        alt=f"{name}, {len(state.chart) // 7} weeks of average stance: {score}, {usual}{since}.",
    )
