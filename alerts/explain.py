"""A shift explained: how it is told, how it came into each of its states, who was told, and what they said of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts import gather, life
from alerts import sentences as say
from alerts.facts import ShiftContext, ShiftFact, evidence_from_json
from alerts.notices import went_out
from alerts.shiftview import Limits, ShiftView, shift_view
from alerts.themes import theme_names
from alerts.verdicts import Said
from store.errors import InputError
from store.models import Article, Digest, Shift
from store.people import Judgement, Notice
from store.settings import Settings

EXPLAINED = Limits(stories=20)


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """A shift in one line."""

    id: int
    detected: dt.date
    onset: dt.date
    headline: str
    figure: str
    confidence: str
    status: str
    verdicts: str


@dataclass(frozen=True, slots=True)
class Lived:
    """One state in the life of a shift."""

    state: str
    day: dt.date
    at: dt.datetime
    why: str


@dataclass(frozen=True, slots=True)
class Explained:
    """All that is known of a shift. `told` holds the addresses that were told, with the moment."""

    row: ShiftRow
    view: ShiftView
    evidence: str
    life: tuple[Lived, ...]
    told: tuple[tuple[str, dt.datetime], ...]
    judgements: tuple[tuple[str, str, str], ...]


def list_shifts(session: Session, settings: Settings, model: str, day: dt.date) -> list[ShiftRow]:
    """The shifts of *model* up to *day*, the newest first."""
    rows = gather.shift_rows(session, model, day)
    facts = gather.shift_facts(rows, theme_names(settings))
    said = _said(session, [fact.id for fact in facts])
    return [_row(fact, said.get(fact.id, [])) for fact in facts]


def explain_shift(session: Session, settings: Settings, number: int) -> Explained:
    """Everything about the shift with that number.

    Raises:
        InputError: there is none.
    """
    shift = session.get(Shift, number)
    if shift is None:
        raise InputError(f"there is no shift with number {number}; digests print it, `ricwatch shifts` lists them")
    themes = theme_names(settings)
    facts = gather.shift_facts(gather.shift_rows(session, shift.model, shift.detected), themes)
    fact = next(one for one in facts if one.id == number)
    told = session.execute(
        select(Notice.address, Notice.at, Notice.shift_ids)
        .join(Digest, Digest.id == Notice.digest_id)
        .where(went_out())
        .order_by(Notice.at)
    )
    said = _said(session, [number]).get(number, [])
    return Explained(
        row=_row(fact, said),
        view=shift_view(fact, ShiftContext(themes, gather.gather_claims(session, [fact])), EXPLAINED),
        evidence=(
            f"Evidence {fact.log_evidence:.2f} against a threshold of {fact.threshold:.2f} (natural logarithms of the "
            "Shiryaev–Roberts mean; docs/method.md)"
        ),
        life=tuple(Lived(one.state, one.day, one.at, one.why) for one in life.events(session, number)),
        told=tuple((address, at) for address, at, ids in told if number in ids),
        judgements=tuple((one.judge, one.verdict, one.comment) for one in said),
    )


def _said(session: Session, numbers: Sequence[int]) -> dict[int, list[Judgement]]:
    said: dict[int, list[Judgement]] = {}
    for one in session.scalars(
        select(Judgement).where(Judgement.shift_id.in_(numbers)).order_by(Judgement.judged_at, Judgement.judge)
    ):
        said.setdefault(one.shift_id, []).append(one)
    return said


def _row(fact: ShiftFact, said: Sequence[Judgement]) -> ShiftRow:
    return ShiftRow(
        id=fact.id,
        detected=fact.detected,
        onset=fact.onset,
        headline=say.headline(fact),
        figure=say.figure(fact),
        confidence=fact.confidence,
        status=fact.status,
        verdicts=", ".join(f"{one.judge}: {one.verdict}" for one in said),
    )


def disputed_items(session: Session) -> list[dict[str, str]]:
    """The articles that carried shifts which readers judged wrong, as items that `ricwatch label` takes.

    The strongest stories of each such shift and the one against it, each article once: if the reading went wrong, it
    went wrong there.
    """
    numbers = {one.shift_id for one in session.scalars(select(Judgement).where(Judgement.verdict == Said.WRONG))}
    wanted: list[int] = []
    for shift in session.scalars(select(Shift).where(Shift.id.in_(numbers)).order_by(Shift.id)):
        evidence = evidence_from_json(shift.evidence)
        stories = [*evidence.stories, *([evidence.counter] if evidence.counter else [])]
        wanted += [story.article_id for story in stories]
    rows = {row.id: row for row in session.scalars(select(Article).where(Article.id.in_(wanted)))}
    return [
        {
            "id": f"article-{row.id}",
            "title": row.title,
            "text": row.text,
            "source": row.outlet,
            "date": row.published_at.isoformat(),
            "url": row.url,
            "lang": row.lang,
        }
        for number in dict.fromkeys(wanted)
        if (row := rows.get(number)) is not None
    ]
