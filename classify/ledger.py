"""The claim ledger: what the press holds for and against each seed claim, month by month, with passages."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.models import Article, Reading, ReadingClaim

PASSAGES = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One article that bears on one claim, as one model read it."""

    claim: str
    relation: str
    similarity: float
    day: dt.date
    story: int
    published_at: dt.datetime
    url_key: str
    outlet: str
    title: str
    passage: str
    url: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Stories for, against, and on the matter of a claim without taking a side."""

    supports: int = 0
    undercuts: int = 0
    mentions: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """What one story said on one day: title, the sentence that carries the reading, and where to find it."""

    day: dt.date
    relation: str
    outlet: str
    title: str
    text: str
    url: str
    similarity: float
    copies: int


@dataclass(frozen=True, slots=True)
class Account:
    """A claim's page in the ledger. `months` (as 2024-05) are those with an entry, oldest first."""

    claim: str
    total: Tally
    months: Mapping[str, Tally]
    passages: tuple[Passage, ...]


def accounts(entries: Iterable[Entry], passages: int = PASSAGES) -> dict[str, Account]:
    """The page of each claim that *entries* name, with its newest *passages*: those that take a side first of a day.

    A story counts once for each day and claim, as it does in the series: with what most of its articles say, and where
    they are equally divided as a mention.
    """
    stories: dict[tuple[str, dt.date, int], list[Entry]] = defaultdict(list)
    for entry in entries:
        stories[entry.claim, entry.day, entry.story].append(entry)
    by_claim: dict[str, list[Passage]] = defaultdict(list)
    for (claim, _, _), articles in sorted(stories.items()):
        by_claim[claim].append(_passage(articles))
    return {claim: _account(claim, said, passages) for claim, said in by_claim.items()}


def load_entries(
    session: Session,
    model: str,
    since: dt.date | None = None,
    until: dt.date | None = None,
    claim: str | None = None,
) -> list[Entry]:
    """What *model* read from *since* to *until*, both included. Articles that are in no story yet are left out."""
    query = (
        select(
            ReadingClaim.claim_id,
            ReadingClaim.relation,
            ReadingClaim.similarity,
            Article.day,
            Article.story_id,
            Article.published_at,
            Article.url_key,
            Article.outlet,
            Article.title,
            Reading.evidence,
            Article.url,
        )
        .join(Reading, Reading.id == ReadingClaim.reading_id)
        .join(Article, Article.id == Reading.article_id)
        .where(Reading.model == model, Article.story_id.is_not(None))
    )
    if since is not None:
        query = query.where(Article.day >= since)
    if until is not None:
        query = query.where(Article.day <= until)
    if claim is not None:
        query = query.where(ReadingClaim.claim_id == claim)
    return [
        Entry(name, relation, similarity, day, story or 0, published_at, url_key, outlet, title, evidence or "", url)
        for (
            name,
            relation,
            similarity,
            day,
            story,
            published_at,
            url_key,
            outlet,
            title,
            evidence,
            url,
        ) in session.execute(query)
    ]


def _passage(articles: list[Entry]) -> Passage:
    """The earliest article that says what the story says (by moment, then by address, as in `alerts.series`)."""
    votes = Counter(article.relation for article in articles).most_common()
    even = len(votes) > 1 and votes[0][1] == votes[1][1]
    relation = "mentions" if even else votes[0][0]
    ordered = sorted(
        articles, key=lambda article: (article.relation != relation, article.published_at, article.url_key)
    )
    first = ordered[0]
    return Passage(
        first.day, relation, first.outlet, first.title, first.passage, first.url, first.similarity, len(articles)
    )


def _account(claim: str, said: list[Passage], passages: int) -> Account:
    months: dict[str, list[Passage]] = defaultdict(list)
    for one in said:
        months[f"{one.day:%Y-%m}"].append(one)
    newest = sorted(
        said, key=lambda one: (-one.day.toordinal(), one.relation == "mentions", -one.similarity, one.title)
    )
    by_month = {month: _tally(months[month]) for month in sorted(months)}
    return Account(claim, _tally(said), by_month, tuple(newest[:passages]))


def _tally(said: Iterable[Passage]) -> Tally:
    counts = Counter(one.relation for one in said)
    return Tally(counts["supports"], counts["undercuts"], counts["mentions"])
