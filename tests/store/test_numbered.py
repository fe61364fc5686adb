"""Numbers of rows that are added together."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, select

from store.db import Store
from store.models import Story
from store.numbered import add_numbered
from tests.store.test_db import NOON

STORIES = cast(Table, Story.__table__)


def test_each_row_gets_its_own_number_however_many_there_are(any_store: Store) -> None:
    day = NOON.date()
    titles = [f"{n * 7919 % 3001}" for n in range(3_000)]  # more than one statement takes
    rows = [{"day": day, "last_day": day, "title": title, "articles": 1, "outlets": 1} for title in titles]
    with any_store.session() as session:
        assert add_numbered(session, STORIES, []) == []
        first = add_numbered(session, STORIES, rows[:5])
        numbers = [*first, *add_numbered(session, STORIES, rows[5:])]
        stored = dict(session.execute(select(Story.id, Story.title)).tuples().all())
    assert [stored[number] for number in numbers] == titles
