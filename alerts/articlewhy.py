"""An article explained: what was read in it and how surely, which story it is told in, and how that story counts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.facts import evidence_from_json
from alerts.gather import shift_facts
from alerts.sentences import headline
from alerts.themes import theme_names
from alerts.words import count
from ingest.trace import ArticleTrace
from store.models import Article, Claim, Reading, ReadingClaim, ReadingDyad, Shift, Vote
from store.settings import Settings

MOST = 12
"""Other articles of the story that are listed."""


@dataclass(frozen=True, slots=True)
class DyadWhy:
    """What was read on a tie: the likeliest stance, and the probability of each."""

    dyad: str
    stance: int
    p_minus: float
    p_zero: float
    p_plus: float


@dataclass(frozen=True, slots=True)
class ReadWhy:
    """The reading that counts: themes by name with their probability, claims with what the article does to them."""

    model: str
    at: dt.datetime
    relevant: bool
    p_relevant: float
    dyads: tuple[DyadWhy, ...]
    themes: tuple[tuple[str, float], ...]
    claims: tuple[tuple[str, str, float], ...]
    evidence: str


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another article of the same story."""

    title: str
    url: str
    outlet: str
    day: dt.date


@dataclass(frozen=True, slots=True)
class Counted:
    """The vote of the article's story on a tie, on the article's day."""

    dyad: str
    stance: int
    score: float
    words: str


@dataclass(frozen=True, slots=True)
class ArticleWhy:
    """All that explains an article. `uncounted` says why it counts on no tie; empty where it does."""

    trace: ArticleTrace
    reading: ReadWhy | None
    siblings: tuple[Sibling, ...]
    counted: tuple[Counted, ...]
    uncounted: str
    shifts: tuple[tuple[int, str], ...]


def explain_article(session: Session, settings: Settings, model: str, trace: ArticleTrace) -> ArticleWhy:
    """Why the article of *trace* was read so by *model*, why it is in its story, and why it counts, or does not."""
    reading = _reading(session, settings, model, trace.id)
    counted = _counted(session, model, trace)
    return ArticleWhy(
        trace=trace,
        reading=reading,
        siblings=_siblings(session, trace),
        counted=counted,
        uncounted="" if counted else _uncounted(trace, reading),
        shifts=_shifts(session, settings, model, trace),
    )


def _reading(session: Session, settings: Settings, model: str, article: int) -> ReadWhy | None:
    row = session.scalar(select(Reading).where(Reading.article_id == article, Reading.model == model))
    if row is None:
        return None
    names = theme_names(settings)
    dyads = session.scalars(select(ReadingDyad).where(ReadingDyad.reading_id == row.id).order_by(ReadingDyad.dyad))
    claims = session.execute(
        select(Claim.text, ReadingClaim.relation, ReadingClaim.similarity)
        .join(Claim, Claim.id == ReadingClaim.claim_id)
        .where(ReadingClaim.reading_id == row.id)
        .order_by(ReadingClaim.similarity.desc())
    )
    return ReadWhy(
        model=row.model,
        at=row.read_at,
        relevant=row.relevant,
        p_relevant=row.p_relevant,
        dyads=tuple(DyadWhy(one.dyad, one.stance, one.p_minus, one.p_zero, one.p_plus) for one in dyads),
        themes=tuple((names.get(str(one["code"]), str(one["code"])), float(one["p"])) for one in row.themes),
        claims=tuple((text, relation, similarity) for text, relation, similarity in claims),
        evidence=row.evidence or "",
    )


def _siblings(session: Session, trace: ArticleTrace) -> tuple[Sibling, ...]:
    if trace.story is None:
        return ()
    rows = session.execute(
        select(Article.title, Article.url, Article.outlet, Article.day)
        .where(Article.story_id == trace.story, Article.id != trace.id)
        .order_by(Article.day, Article.id)
        .limit(MOST)
    )
    return tuple(Sibling(*row) for row in rows)


def _counted(session: Session, model: str, trace: ArticleTrace) -> tuple[Counted, ...]:
    if trace.story is None:
        return ()
    votes = session.scalars(
        select(Vote).where(Vote.model == model, Vote.story_id == trace.story, Vote.day == trace.day).order_by(Vote.dyad)
    )
    return tuple(Counted(vote.dyad, vote.stance, vote.score, _share(vote, trace)) for vote in votes)


def _share(vote: Vote, trace: ArticleTrace) -> str:
    shown = "this article is the one shown" if vote.article_id == trace.id else f"shown is the one of {vote.outlet}"
    if vote.copies == 1:
        return "one story, told in one article that day" if vote.article_id == trace.id else f"one story; {shown}"
    return f"one story, the mean of its {count(vote.copies, 'article')} that day; {shown}"


def _uncounted(trace: ArticleTrace, reading: ReadWhy | None) -> str:
    if reading is None:
        return "It waits to be read by the model in force."
    if not reading.relevant:
        return (
            "It concerns none of the ties, so it counts on none; it is among the articles that its outlet brought, "
            "against which amounts are measured."
        )
    if trace.story is None:
        return "It is in no story yet; the next watch puts it into one."
    return "The series have not been brought up to date since it was read; the next watch counts it."


def _shifts(session: Session, settings: Settings, model: str, trace: ArticleTrace) -> tuple[tuple[int, str], ...]:
    """The shifts of *model* that name the article, or one of its story, as evidence for or against."""
    rows = list(session.scalars(select(Shift).where(Shift.model == model).order_by(Shift.id)))
    told = {trace.id}
    if trace.story is not None:
        told.update(session.scalars(select(Article.id).where(Article.story_id == trace.story)))
    mine = set()
    for row in rows:
        evidence = evidence_from_json(row.evidence)
        shown = [*evidence.stories, *([evidence.counter] if evidence.counter else [])]
        if any(one.article_id in told for one in shown):
            mine.add(row.id)
    if not mine:
        return ()
    facts = shift_facts(rows, theme_names(settings))
    return tuple((fact.id, headline(fact)) for fact in facts if fact.id in mine)
