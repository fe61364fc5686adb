"""A narrative as a digest tells it: what it is about, how widely it is told, three stories, and what to do with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.narratives import MEMORY, SCORED, YEARS
from alerts.words import bloc_name, count, day_short, day_words, lang_tag, language_name, listed, plain, safe_url
from store.models import Narrative

TITLE_TERMS = 3
ADVICE = (
    "If it is one matter, and yours, add it as a theme: docs/seeds.md says how. It is told once; it comes again only "
    f"after {MEMORY} days of silence."
)


@dataclass(frozen=True, slots=True)
class ShownStory:
    """One of the stories shown; title and address are other people's."""

    title: str
    url: str
    outlet: str
    bloc: str
    lang: str
    day: str


@dataclass(frozen=True, slots=True)
class NarrativeFact:
    """A row of `store.models.Narrative`. Units as there."""

    id: int
    first: dt.date
    found: dt.date
    last: dt.date
    score: float
    threshold: float
    terms: tuple[str, ...]
    days: int
    stories: int
    outlets: int
    blocs: tuple[str, ...]
    shown: tuple[ShownStory, ...]


@dataclass(frozen=True, slots=True)
class NarrativeStoryView:
    """A story of a narrative. `url` is None where the address must not become a link."""

    title: str
    url: str | None
    lang: str
    meta: str


@dataclass(frozen=True, slots=True)
class NarrativeView:
    """A narrative told in full."""

    headline: str
    lead: str
    chance: str
    stories: tuple[NarrativeStoryView, ...]


def lately(session: Session, day: dt.date) -> tuple[NarrativeFact, ...]:
    """What was found lately and is not silent since, the highest score first."""
    since = day - dt.timedelta(days=MEMORY)
    rows = session.scalars(
        select(Narrative)
        .where(Narrative.status == "open", Narrative.found <= day, Narrative.found > since, Narrative.last > since)
        .order_by(Narrative.score.desc(), Narrative.id)
    )
    return tuple(_fact(row) for row in rows)


def mark_told(session: Session, narratives: Sequence[NarrativeFact], digest_id: int) -> None:
    """Keep which digest told them first."""
    for row in session.scalars(select(Narrative).where(Narrative.id.in_([one.id for one in narratives]))):
        row.digest_id = row.digest_id or digest_id


def _fact(row: Narrative) -> NarrativeFact:
    return NarrativeFact(
        id=row.id,
        first=row.first,
        found=row.found,
        last=row.last,
        score=row.score,
        threshold=row.threshold,
        terms=tuple(row.terms),
        days=row.days,
        stories=row.stories,
        outlets=row.outlets,
        blocs=tuple(row.blocs),
        shown=tuple(ShownStory(*(str(story[name]) for name in ShownStory.__dataclass_fields__)) for story in row.shown),
    )


def about(terms: Sequence[str], most: int = TITLE_TERMS) -> str:
    """The words of a narrative on one line; they are other people's."""
    return ", ".join(plain(term, 30) for term in terms[:most]) or "(without words)"


def headline(terms: Sequence[str]) -> str:
    """What a narrative is about, in half a line."""
    return f"A narrative outside the seed themes: {about(terms)}"


def lead(narrative: NarrativeFact) -> str:
    """How much of it there is, from whom, over which days."""
    stories = count(narrative.stories, "independent story", "independent stories")
    blocs = listed([bloc_name(bloc) for bloc in narrative.blocs])
    return (
        f"{stories} from {count(narrative.outlets, 'outlet')} ({blocs}) on {count(narrative.days, 'day')} "
        f"between {day_words(narrative.first)} and {day_words(narrative.last)} concern a tie and fit none of the seed "
        f"themes well. Their words: {about(narrative.terms, 6)}."
    )


def chance(narrative: NarrativeFact) -> str:
    """What was asked of it, and how rarely chance brings as much."""
    return (
        f"It stayed: {narrative.score:g} points over {SCORED} days, where {narrative.threshold:.1f} are asked for (a "
        "day gives a point for each of at most two outlets). Matters that come and go reach that about once in "
        f"{YEARS:.0f} years."
    )


def view(narrative: NarrativeFact, longest: int) -> NarrativeView:
    """A narrative as its templates lay it out, titles cut to *longest* characters."""
    return NarrativeView(
        headline=headline(narrative.terms),
        lead=lead(narrative),
        chance=chance(narrative),
        stories=tuple(_story(story, longest) for story in narrative.shown),
    )


def _story(story: ShownStory, longest: int) -> NarrativeStoryView:
    lang = "" if story.lang in ("", "en") else f"in {language_name(story.lang)}"
    parts = (
        plain(story.outlet, 80),
        bloc_name(story.bloc),
        plain(lang, 24),
        day_short(dt.date.fromisoformat(story.day)),
    )
    return NarrativeStoryView(
        title=plain(story.title, longest) or "(without a title)",
        url=safe_url(story.url),
        lang=lang_tag(story.lang),
        meta=" · ".join(part for part in parts if part),
    )
