"""An article that belongs to two stories makes them one: the older lives on, and what showed it is kept."""

from __future__ import annotations

import pytest
from sqlalchemy import event, func, select

from ingest.articles import store_entries
from ingest.roster import sync_roster
from ingest.stories import StoryIndex
from ingest.trace import trace
from store.db import Store
from store.models import Article, Feed, Story, StoryMerge
from tests.ingest.helpers import NOW, about_two, entry, feed

# Two tellings too far from each other to be put together by themselves, and one that is near to both.
ONE = (
    "India and Russia sign pact on nuclear reactors at Kudankulam",
    "The two sides agreed in Moscow that Rosatom builds reactors five and six at the Tamil Nadu plant.",
)
TWO = (
    "Rosatom to build two more Kudankulam units under India pact with Russia",
    "Tamil Nadu gets two units more; engineers begin next spring, officials of the energy department said.",
)
BOTH = (
    "India and Russia sign pact: Rosatom to build two more reactors at Kudankulam",
    "Rosatom builds two units more at the Tamil Nadu plant, the two sides agreed in Moscow, officials said.",
)


DAYS = {ONE: 3, TWO: 0, BOTH: 1}
"""Days ago: three days apart they are less likely one event, and the third was told in between."""


def put(store: Store, *told: tuple[str, str], first: int = 0, index: StoryIndex | None = None) -> None:
    with store.session() as session:
        if session.get(Feed, "a") is None:
            sync_roster(session, [feed("a")])
            session.flush()
        entries = [
            entry(one[0], f"https://x.in/{first + n}", text=one[1], outlet=f"O{first + n}", days_ago=DAYS.get(one, 0))
            for n, one in enumerate(told)
        ]
        store_entries(session, session.get_one(Feed, "a"), None, entries, now=NOW, on_topic=about_two, stories=index)


def test_the_two_tellings_are_two_stories_until_a_third_joins_them(store: Store) -> None:
    put(store, ONE, TWO)
    with store.session() as session:
        assert session.scalars(select(Article.story_id).order_by(Article.id)).all() == [1, 2]
    put(store, BOTH, first=2)
    with store.session() as session:
        assert session.scalars(select(Article.story_id).order_by(Article.id)).all() == [1, 1, 1]
        kept, gone = session.scalars(select(Story).order_by(Story.id))
        assert (kept.articles, kept.outlets, kept.merged_into) == (3, 3, None)
        assert (gone.articles, gone.outlets, gone.merged_into) == (0, 0, 1)
        (merge,) = session.scalars(select(StoryMerge))
        assert (merge.kept_id, merge.gone_id, merge.gone_title, merge.article_id) == (1, 2, TWO[0], 3)
        assert 0.5 < merge.likeness <= 1
        assert (merge.first_day, merge.last_day, merge.merged_at) == (NOW.date(), NOW.date(), NOW)
        (found,) = trace(session, "https://x.in/1", now=NOW).articles
        assert [(one.gone, one.gone_title, one.article_title) for one in found.merges] == [(2, TWO[0], BOTH[0])]


@pytest.mark.parametrize("shared", [True, False])
def test_stories_are_the_same_whether_told_at_once_or_one_by_one(store: Store, shared: bool) -> None:
    index = StoryIndex() if shared else None
    for number, told in enumerate((ONE, TWO, BOTH)):
        put(store, told, first=number, index=index)
    with store.session() as session:
        assert set(session.scalars(select(Article.story_id))) == {1}


def test_what_is_told_at_once_is_evidence_as_well(store: Store) -> None:
    index = StoryIndex()
    put(store, ONE, TWO, BOTH, index=index)
    put(store, (BOTH[0] + ", officials say", BOTH[1]), first=3, index=index)
    with store.session() as session:
        assert set(session.scalars(select(Article.story_id))) == {1}
        kept, gone = session.scalars(select(Story).order_by(Story.id))
        assert (kept.articles, kept.outlets, kept.merged_into) == (4, 4, None)
        assert (gone.title, gone.articles, gone.outlets, gone.merged_into) == (TWO[0], 0, 0, 1)
        (merge,) = session.scalars(select(StoryMerge))
        assert (merge.kept_id, merge.gone_id, merge.gone_title, merge.article_id) == (1, 2, TWO[0], 3)


def test_a_later_article_joins_the_story_that_lives_on(store: Store) -> None:
    put(store, ONE, TWO)
    other = StoryIndex()
    with store.session() as session:
        other.load(session, [NOW.date()])
    put(store, BOTH, first=2)
    copy = (TWO[0] + ", officials say", TWO[1])
    put(store, copy, first=3, index=other)  # as another process that read the stories before they were merged
    with store.session() as session:
        assert session.scalars(select(Article.story_id).order_by(Article.id)).all() == [1, 1, 1, 1]
        assert session.scalar(select(Story.articles).where(Story.id == 1)) == 4


def test_a_merge_that_is_rolled_back_is_forgotten(store: Store) -> None:
    put(store, ONE, TWO)
    index = StoryIndex()

    @event.listens_for(store.engine, "before_cursor_execute")
    def die(conn: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("INSERT INTO story_merge"):
            raise RuntimeError("the machine goes down")

    with pytest.raises(RuntimeError, match="goes down"):
        put(store, BOTH, first=2, index=index)
    event.remove(store.engine, "before_cursor_execute", die)
    index.reset()
    put(store, BOTH, first=2, index=index)
    with store.session() as session:
        assert set(session.scalars(select(Article.story_id))) == {1}
        assert session.scalar(select(func.count()).select_from(StoryMerge)) == 1


def test_two_rounds_of_talks_are_never_joined_by_an_article_on_both(store: Store) -> None:
    put(
        store,
        ("India and China hold 18th round of border talks", "Commanders met for the 18th round in Ladakh."),
        ("India and China hold 19th round of border talks", "Commanders met for the 19th round in Ladakh."),
        ("India and China hold round of border talks", "Commanders met for the round in Ladakh."),
    )  # fmt: skip
    with store.session() as session:
        first, second, _ = session.scalars(select(Article.story_id).order_by(Article.id))
        assert first != second
