"""What the flow `classify` says of its run."""

from __future__ import annotations

import datetime as dt

import pytest

from classify.batch import ClassifyReport
from classify.outcome import UnreadCount, Usage, Why
from flows.classify_articles import describe, read_pending
from flows.watch import Watch
from store.db import Store
from store.settings import Settings

USED = Usage(requests=3, tokens_in=1_800, tokens_out=120, cost=0.0042)
REFUSED = UnreadCount(Why.REFUSED, 2, "HTTP 401")


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (ClassifyReport(0, 0, {}, 0.1, "m-1"), "nothing new to read"),
        (ClassifyReport(5, 2, {}, 0.1, "m-1"), "5 articles read, 2 of them on a tie (m-1)"),
        (
            ClassifyReport(5, 2, {}, 0.1, "m-1", (REFUSED,), USED),
            "5 articles read, 2 of them on a tie (m-1); 2 not read (refused: HTTP 401); 3 requests, 1,800 tokens in "
            "and 120 out, cost 0.0042; 0 answers from the cache, 0 items needed none",
        ),
        (
            ClassifyReport(0, 0, {}, 0.1, "m-1", (REFUSED,), Usage()),
            "nothing was read; 2 not read (refused: HTTP 401); 0 requests, 0 tokens in and 0 out; 0 answers from the "
            "cache, 0 items needed none",
        ),
    ],
)
def test_the_state_says_what_was_read_what_stayed_unread_and_what_it_cost(report: ClassifyReport, said: str) -> None:
    assert describe(report) == said


def test_where_nothing_waits_the_model_is_not_loaded(settings: Settings, store: Store) -> None:
    watch = Watch(settings, store)
    report = read_pending(watch, dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC))
    assert report == ClassifyReport(0, 0, {}, 0.0, watch.model.version)
    fresh = Watch(settings, store)
    read_pending(fresh, dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC))
    assert "model" not in vars(fresh)
