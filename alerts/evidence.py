"""Who and what carries a shift: exact parts of the change, the stories behind it, and whether it stands without them.

For stance, the change is the mean over the stories since the onset of (score − what that outlet usually writes), so
each outlet, bloc, theme and story has an exact part in it. For attention, a part is the stories that came beyond the
expected number.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.family import FAMILY
from alerts.model import Evidence, Found, Kind, Part, StoryEvidence
from store.models import Article, Reading, Vote

MOST_STORIES = 5
LEAST_STORIES = 3
MOST_PARTS = 6


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote since the onset, with what tells it from others."""

    story_id: int
    article_id: int
    day: dt.date
    feed: str
    outlet: str
    bloc: str
    theme: str
    score: float
    stance: int
    copies: int


@dataclass(frozen=True, slots=True)
class Usual:
    """What was usual before the onset.

    `offsets`: an outlet's mean stance minus the mean of all. `plain`: mean score of all votes, whoever wrote them.
    `feeds` and `themes`: stories expected since the onset, had nothing changed; a feed outside the matched panel is
    absent and takes no part in a change of attention. `outlet_of` and `bloc_of` name a feed's outlet and bloc.
    """

    level: float
    offsets: Mapping[str, float] = field(default_factory=dict)
    plain: float | None = None
    feeds: Mapping[str, float] = field(default_factory=dict)
    outlet_of: Mapping[str, str] = field(default_factory=dict)
    bloc_of: Mapping[str, str] = field(default_factory=dict)
    themes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The votes that are shown, with their contributions, before their texts are looked up."""

    stories: tuple[tuple[Cast, float], ...]
    counter: tuple[Cast, float] | None
    top_story: int | None = None
    """The story that carries most of the change, shown or not."""


def weigh(found: Found, votes: Sequence[Cast], usual: Usual) -> tuple[Evidence, Chosen]:
    """Parts, robustness and the stories to show; the texts are still empty."""
    votes = sorted(votes, key=lambda vote: (vote.day, vote.outlet, vote.story_id))
    if found.kind.tone:
        return _weigh_stance(found, votes, usual)
    evidence, chosen = _weigh_attention(found, votes, usual)
    # All its stories carry the theme; which others they carry beside it is no part of the change.
    return (replace(evidence, themes=[]) if found.kind is Kind.THEME else evidence), chosen


def _weigh_stance(found: Found, votes: Sequence[Cast], usual: Usual) -> tuple[Evidence, Chosen]:
    sign, zone = found.direction.sign, FAMILY[Kind.STANCE].zone
    if not votes:
        return Evidence(), Chosen((), None)
    moved = [vote.score - usual.offsets.get(vote.outlet, 0.0) - usual.level for vote in votes]
    total, n = sum(moved), len(votes)

    def parts(key: Callable[[Cast], str]) -> list[Part]:
        stories: Counter[str] = Counter()
        change: dict[str, float] = defaultdict(float)
        for vote, part in zip(votes, moved, strict=True):
            stories[key(vote)] += 1
            change[key(vote)] += part
        return _parts(stories, change, total)

    def without(key: Callable[[Cast], object], left_out: object) -> float | None:
        rest = [part for vote, part in zip(votes, moved, strict=True) if key(vote) != left_out]
        return sum(rest) / len(rest) if rest else None

    outlets = parts(lambda vote: vote.outlet)
    by_story: dict[int, float] = defaultdict(float)
    for vote, part in zip(votes, moved, strict=True):
        by_story[vote.story_id] += part
    top_story = max(by_story, key=lambda story: (sign * by_story[story], -story))
    without_outlet = without(lambda vote: vote.outlet, outlets[0].name)
    without_story = without(lambda vote: vote.story_id, top_story)
    outlet_moves = _means(votes, moved, lambda vote: vote.outlet)
    bloc_moves = _means(votes, moved, lambda vote: vote.bloc)
    plain = sum(vote.score for vote in votes) / n
    evidence = Evidence(
        outlets=outlets[:MOST_PARTS],
        blocs=parts(lambda vote: vote.bloc)[:MOST_PARTS],
        themes=parts(lambda vote: vote.theme)[:MOST_PARTS],
        story_count=len(by_story),
        outlet_count=len(outlet_moves),
        without_top_outlet=without_outlet,
        without_top_story=without_story,
        fragile=_fragile(sign, zone, outlets[0].name, without_outlet, without_story),
        tone=total / n,
        mix=None if usual.plain is None else plain - usual.plain - total / n,
        outlets_moved=sum(sign * move > zone for move in outlet_moves.values()),
        blocs_moved=sum(sign * move > zone for move in bloc_moves.values()),
    )
    ranked = sorted(
        zip(votes, moved, strict=True),
        key=lambda pair: (-(pair[0].stance * sign > 0), -sign * pair[1], -pair[0].copies, pair[0].story_id),
    )
    carrying = [(vote, part / n) for vote, part in ranked if sign * part > 0 and vote.stance * sign >= 0]
    against = [(vote, part / n) for vote, part in reversed(ranked) if sign * part < 0 and vote.stance * sign < 0]
    return evidence, Chosen(_pick(carrying), against[0] if against else None, top_story)


def _weigh_attention(found: Found, votes: Sequence[Cast], usual: Usual) -> tuple[Evidence, Chosen]:
    sign, zone = found.direction.sign, FAMILY[Kind.ATTENTION].zone
    panel = [vote for vote in votes if vote.feed in usual.feeds] if usual.feeds else list(votes)
    came = Counter(vote.outlet for vote in panel)
    due: dict[str, float] = defaultdict(float)
    extra: dict[str, float] = defaultdict(float)
    blocs: dict[str, float] = defaultdict(float)
    for vote in panel:
        extra[vote.outlet] += 1
        blocs[vote.bloc] += 1
    for feed, count in usual.feeds.items():
        outlet = usual.outlet_of.get(feed, feed)
        due[outlet] += count
        extra[outlet] -= count
        blocs[usual.bloc_of.get(feed, "")] -= count
    total = sum(extra.values())
    themes = Counter(vote.theme for vote in panel)
    theme_extra = {theme: themes[theme] - usual.themes.get(theme, 0.0) for theme in {*themes, *usual.themes}}
    expected = sum(usual.feeds.values())

    def without(stories: float, expectation: float) -> float | None:
        left, usually = len(panel) - stories, expected - expectation
        return math.log((left + 0.5) / (usually + 0.5)) if usually > 0 or left > 0 else None

    outlets = _parts(came, extra, total)
    top = outlets[0].name if outlets else ""
    without_outlet = without(came[top], due[top]) if outlets and len(extra) > 1 else None
    by_story = Counter(vote.story_id for vote in panel)
    top_story = min(by_story, key=lambda story: (-by_story[story], story), default=None)
    without_story = None if top_story is None else without(by_story[top_story], 0.0)
    evidence = Evidence(
        outlets=outlets[:MOST_PARTS],
        blocs=_parts(Counter(vote.bloc for vote in panel), blocs, total)[:MOST_PARTS],
        themes=_parts(themes, theme_extra, sum(theme_extra.values()))[:MOST_PARTS],
        story_count=len({vote.story_id for vote in votes}),
        outlet_count=len({vote.outlet for vote in votes}),
        without_top_outlet=without_outlet,
        without_top_story=without_story,
        fragile=_fragile(sign, zone, top, without_outlet, without_story),
        outlets_moved=sum(_rate_moved(sign, zone, came[name], due[name]) for name in extra),
        blocs_moved=sum(sign * part > 0 for part in blocs.values()),
    )
    ranked = sorted(votes, key=lambda vote: (-vote.copies, vote.day, vote.story_id))
    share = 1 / max(1, len(votes))
    return evidence, Chosen(_pick([(vote, share) for vote in ranked]), None, top_story)


def _rate_moved(sign: int, zone: float, came: float, due: float) -> bool:
    return sign * math.log((came + 0.5) / (due + 0.5)) > zone


def _means(votes: Sequence[Cast], moved: Sequence[float], key: Callable[[Cast], str]) -> dict[str, float]:
    sums: dict[str, list[float]] = defaultdict(list)
    for vote, part in zip(votes, moved, strict=True):
        sums[key(vote)].append(part)
    return {name: sum(parts) / len(parts) for name, parts in sums.items()}


def _parts(stories: Mapping[str, int], change: Mapping[str, float], total: float) -> list[Part]:
    """Parts of a change, the largest first; a part that went against it has a negative share."""
    shares = {name: part / total if total else 0.0 for name, part in change.items() if name}
    made = [Part(name, stories.get(name, 0), share) for name, share in shares.items()]
    return sorted(made, key=lambda part: (-part.share, -part.stories, part.name))


def _fragile(sign: int, zone: float, outlet: str, without_outlet: float | None, without_story: float | None) -> str:
    """Why a shift stands on thin ground; empty when it would have been one without its strongest story and outlet."""
    if without_story is None or sign * without_story < zone:
        return "rests on one story"
    if without_outlet is None or sign * without_outlet < zone:
        return f"rests on one outlet ({outlet})" if outlet else "rests on one outlet"
    return ""


def _pick(ranked: Sequence[tuple[Cast, float]]) -> tuple[tuple[Cast, float], ...]:
    """Up to five, one per story and outlet; where few outlets write, further stories of theirs up to three."""
    chosen: list[tuple[Cast, float]] = []
    outlets: set[str] = set()
    stories: set[int] = set()
    for fill in (False, True):
        limit = LEAST_STORIES if fill else MOST_STORIES
        for vote, part in ranked:
            if len(chosen) >= limit:
                break
            if vote.story_id in stories or (vote.outlet in outlets and not fill):
                continue
            chosen.append((vote, part))
            outlets.add(vote.outlet)
            stories.add(vote.story_id)
    return tuple(chosen)


def votes_since(
    session: Session, model: str, dyad: str, onset: dt.date, until: dt.date, *, bloc: str = ""
) -> list[Cast]:
    """The votes on *dyad* from *onset* to *until*; of one press *bloc* alone, where it is named."""
    rows = session.execute(
        select(
            Vote.story_id,
            Vote.article_id,
            Vote.day,
            Article.feed_key,
            Vote.outlet,
            Vote.bloc,
            Vote.theme,
            Vote.score,
            Vote.stance,
            Vote.copies,
        )
        .join(Article, Article.id == Vote.article_id)
        .where(Vote.model == model, Vote.dyad == dyad, Vote.day >= onset, Vote.day <= until)
        .where(*([Vote.bloc == bloc] if bloc else []))
        .order_by(Vote.day, Vote.story_id)
    )
    return [Cast(*row) for row in rows]


def with_texts(session: Session, model: str, evidence: Evidence, chosen: Chosen) -> Evidence:
    """Look up titles, links, evidence sentences and claims of the stories that are shown."""
    shown = [*chosen.stories, *([chosen.counter] if chosen.counter else [])]
    ids = [vote.article_id for vote, _ in shown]
    rows = session.execute(
        select(Article, Reading)
        .outerjoin(Reading, (Reading.article_id == Article.id) & (Reading.model == model))
        .where(Article.id.in_(ids))
    )
    texts = {article.id: (article, reading) for article, reading in rows}

    def told(vote: Cast, part: float) -> StoryEvidence:
        article, reading = texts[vote.article_id]
        return StoryEvidence(
            story_id=vote.story_id,
            article_id=vote.article_id,
            title=article.title,
            url=article.url,
            outlet=vote.outlet,
            bloc=vote.bloc,
            lang=article.lang,
            day=vote.day.isoformat(),
            stance=vote.stance,
            score=round(vote.score, 4),
            theme=vote.theme,
            copies=vote.copies,
            sentence=(reading.evidence if reading else None) or "",
            claim_id=reading.claim_id if reading else None,
            claim_relation=reading.claim_relation if reading else None,
            contribution=round(part, 5),
        )

    stories = [told(vote, part) for vote, part in chosen.stories]
    counter = told(*chosen.counter) if chosen.counter else None
    fields = {name: getattr(evidence, name) for name in Evidence.__dataclass_fields__}
    return Evidence(**(fields | {"stories": stories, "counter": counter}))
