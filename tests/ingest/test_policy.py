"""The polling policy as tables: each row's name is the rule."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import pytest

from ingest.fetch import Failed, FailedReason, Fetched, Gone, NotModified, Outcome, Refused, RefusedReason
from ingest.model import DateQuality, Entry, FeedProblem, ParsedFeed
from ingest.policy import (
    INTERVAL,
    JITTER,
    LONGEST,
    MOVES_NEEDED,
    PARKED,
    Due,
    FeedState,
    Health,
    Move,
    at_roster,
    conditional,
    due,
    judge,
    max_age,
    moved,
    rests_until,
    retry_after,
)
from tests.ingest.helpers import NOW

HOUR = dt.timedelta(hours=1)
ITEM = Entry("t", "", "https://x.in/1", "", NOW, "", DateQuality.GIVEN)
WITH_ITEMS = ParsedFeed("rss20", "t", (ITEM,), 0, 0)
EMPTY = ParsedFeed("rss20", "t", (), 0, 0)
HTML = ParsedFeed("", "", (), 0, 0, "a web page", FeedProblem.HTML)
CHALLENGE = ParsedFeed("", "", (), 0, 0, "a robot check", FeedProblem.CHALLENGE)
HALF = ParsedFeed("rss20", "t", (ITEM,), 0, 0, truncated=True)


def fetched(**headers: str) -> Fetched:
    return Fetched(200, "https://x.in/", {name.replace("_", "-"): value for name, value in headers.items()}, b"", "0")


class Rule(NamedTuple):
    """A rule: in this state, this answer means that health, so many failures, and whether validators are kept."""

    name: str
    state: FeedState
    outcome: Outcome
    parsed: ParsedFeed | None
    health: Health
    failures: int
    keep: bool


STATE = FeedState()
OK = FeedState(health=Health.OK)
STALE = FeedState(health=Health.STALE)
BAD = FeedState(health=Health.PARSE_ERROR, failures=3)
DOWN = FeedState(health=Health.UNREACHABLE, failures=2)

RULES = [
    Rule("a feed with items is ok", STATE, fetched(), WITH_ITEMS, Health.OK, 0, True),
    Rule("a feed without items is empty and read in full next time", STATE, fetched(), EMPTY, Health.EMPTY, 0, False),
    Rule("a full answer clears earlier failures", BAD, fetched(), WITH_ITEMS, Health.OK, 0, True),
    Rule("half a body is used, its validators are not", OK, fetched(), HALF, Health.OK, 0, False),
    Rule("a web page is named and its validators are dropped", OK, fetched(), HTML, Health.HTML, 1, False),
    Rule("a robot check is named", OK, fetched(), CHALLENGE, Health.CHALLENGE, 1, False),
    Rule("a 304 on a feed that was ok is unmodified", OK, NotModified(), None, Health.UNMODIFIED, 0, False),
    Rule("a 304 keeps a parse error", BAD, NotModified(), None, Health.PARSE_ERROR, 3, False),
    Rule("a 304 keeps a failure to reach", DOWN, NotModified(), None, Health.UNREACHABLE, 2, False),
    Rule("a 304 keeps a feed stale", STALE, NotModified(), None, Health.STALE, 0, False),
    Rule("410 is gone", OK, Gone(), None, Health.GONE, 1, False),
    Rule("404 is an http error", OK, Failed(FailedReason.HTTP, "", 404), None, Health.HTTP_ERROR, 1, False),
    Rule("403 is a block", OK, Failed(FailedReason.HTTP, "", 403), None, Health.BLOCKED, 1, False),
    Rule("451 is a block", OK, Failed(FailedReason.HTTP, "", 451), None, Health.BLOCKED, 1, False),
    Rule(
        "500 is an http error and counts on",
        DOWN,
        Failed(FailedReason.HTTP, "", 500),
        None,
        Health.HTTP_ERROR,
        3,
        False,
    ),
    Rule("no answer is unreachable", OK, Failed(FailedReason.TIMEOUT, ""), None, Health.UNREACHABLE, 1, False),
    Rule("a refused address is blocked", OK, Refused(RefusedReason.ADDRESS, ""), None, Health.BLOCKED, 1, False),
    Rule("a bomb is an http error", OK, Refused(RefusedReason.TOO_LARGE, ""), None, Health.HTTP_ERROR, 1, False),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_an_answer_means(rule: Rule) -> None:
    verdict = judge("k", rule.state, rule.outcome, rule.parsed, same_body=False, now=NOW)
    assert (verdict.health, verdict.failures, verdict.keep_validators) == (rule.health, rule.failures, rule.keep)


def test_the_same_body_again_is_unmodified_keeps_its_validators_and_clears_failures_to_reach() -> None:
    verdict = judge("k", DOWN, fetched(), None, same_body=True, now=NOW)
    assert (verdict.outcome, verdict.health, verdict.failures) == ("same_body", Health.UNMODIFIED, 0)
    assert verdict.keep_validators
    assert verdict.success


def test_a_permanent_move_is_named_in_the_reason() -> None:
    moved = Fetched(200, "https://new.in/", {}, b"", "0", permanent_url="https://new.in/")
    verdict = judge("k", OK, moved, WITH_ITEMS, same_body=False, now=NOW)
    assert verdict.reason == "moved permanently to https://new.in/"
    assert verdict.success


ASKS = FeedState(health=Health.OK, ttl=21_600)
DELAYS = [
    ("the usual interval when nobody asks for more", OK, fetched(), WITH_ITEMS, INTERVAL),
    ("max-age of the answer", OK, fetched(cache_control="max-age=7200"), WITH_ITEMS, 2 * HOUR),
    ("a short max-age does not shorten it", OK, fetched(cache_control="max-age=5"), WITH_ITEMS, INTERVAL),
    ("max-age is ignored beside no-cache", OK, fetched(cache_control="no-cache, max-age=9999"), WITH_ITEMS, INTERVAL),
    ("a year of max-age is a day", OK, fetched(cache_control="max-age=31536000"), WITH_ITEMS, LONGEST),
    ("ttl of the feed", OK, fetched(), ParsedFeed("rss20", "", (ITEM,), 0, 0, ttl=10_800), 3 * HOUR),
    ("ttl of the body that a 304 leaves standing", ASKS, NotModified(), None, 6 * HOUR),
    ("the new body asks for less than the last", ASKS, fetched(), WITH_ITEMS, INTERVAL),
    ("ttl shortens no wait after a failure", ASKS, Failed(FailedReason.TIMEOUT, ""), None, 2 * INTERVAL),
    ("Expires of the answer", OK, fetched(expires="Wed, 25 Nov 2026 14:00:00 GMT"), WITH_ITEMS, 2 * HOUR),
    ("Expires in a year is a day", OK, fetched(expires="Thu, 25 Nov 2027 12:00:00 GMT"), WITH_ITEMS, LONGEST),
    ("max-age of a 304", OK, NotModified({"cache-control": "max-age=7200"}), None, 2 * HOUR),
    ("twice the interval after one failure", OK, Failed(FailedReason.TIMEOUT, ""), None, 2 * INTERVAL),
    ("four times after the third", DOWN, Failed(FailedReason.TIMEOUT, ""), None, 4 * INTERVAL),
    ("never more than a day", FeedState(failures=500), Failed(FailedReason.TIMEOUT, ""), None, LONGEST),
    ("Retry-After of a 429", OK, Failed(FailedReason.HTTP, "", 429, "18000"), None, 5 * HOUR),
    ("Retry-After of a 503", OK, Failed(FailedReason.HTTP, "", 503, "18000"), None, 5 * HOUR),
    ("Retry-After of a 404", OK, Failed(FailedReason.HTTP, "", 404, "18000"), None, 5 * HOUR),
    ("Retry-After of a 500", OK, Failed(FailedReason.HTTP, "", 500, "18000"), None, 5 * HOUR),
    ("Retry-After of a 403 for a month is a day", OK, Failed(FailedReason.HTTP, "", 403, "2592000"), None, LONGEST),
    ("Retry-After of twenty digits is a day", OK, Failed(FailedReason.HTTP, "", 429, "9" * 20), None, LONGEST),
    ("Retry-After: 0 is valid and shortens nothing", OK, Failed(FailedReason.HTTP, "", 429, "0"), None, 2 * INTERVAL),
    ("Retry-After of a month is a day", OK, Failed(FailedReason.HTTP, "", 429, "2592000"), None, LONGEST),
]


@pytest.mark.parametrize(
    ("name", "state", "outcome", "parsed", "delay"), DELAYS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_when_the_next_poll_is(
    name: str, state: FeedState, outcome: Outcome, parsed: ParsedFeed | None, delay: dt.timedelta
) -> None:
    wait = judge("k", state, outcome, parsed, same_body=False, now=NOW).next_poll_at - NOW
    assert delay <= wait <= delay + JITTER, name


def test_the_same_body_asks_for_the_same_ttl() -> None:
    wait = judge("k", ASKS, fetched(), None, same_body=True, now=NOW).next_poll_at - NOW
    assert 6 * HOUR <= wait <= 6 * HOUR + JITTER


def test_a_feed_that_is_well_is_due_again_at_the_next_hourly_run() -> None:
    for key in map(str, range(200)):
        assert judge(key, OK, fetched(), WITH_ITEMS, same_body=False, now=NOW).next_poll_at < NOW + HOUR


def test_feeds_are_spread_and_each_keeps_its_place() -> None:
    moments = [judge(str(k), OK, fetched(), WITH_ITEMS, same_body=False, now=NOW).next_poll_at for k in range(50)]
    again = [judge(str(k), OK, fetched(), WITH_ITEMS, same_body=False, now=NOW).next_poll_at for k in range(50)]
    assert moments == again
    assert len(set(moments)) == 50


def test_a_gone_feed_is_parked_with_a_dated_reason() -> None:
    verdict = judge("k", OK, Gone(), None, same_body=False, now=NOW)
    assert verdict.next_poll_at == NOW + PARKED
    assert "410 Gone on 2026-11-25" in verdict.reason


LATER = NOW + HOUR
DUE = [
    ("one never polled is due", FeedState(), {}, Due.YES),
    ("one whose time has come is due", FeedState(next_poll_at=NOW), {}, Due.YES),
    ("one whose time has not come is not", FeedState(next_poll_at=LATER), {}, Due.NOT_YET),
    ("force polls it all the same", FeedState(next_poll_at=LATER), {"force": True}, Due.YES),
    ("a disabled one is never due", FeedState(enabled=False), {"force": True, "named": True}, Due.DISABLED),
    (
        "a parked one is not woken by force",
        FeedState(health=Health.GONE, next_poll_at=LATER),
        {"force": True},
        Due.PARKED,
    ),
    (
        "a parked one is woken by force and name",
        FeedState(health=Health.GONE, next_poll_at=LATER),
        {"force": True, "named": True},
        Due.YES,
    ),
    (
        "a parked one is asked again when its month is over",
        FeedState(health=Health.GONE, next_poll_at=NOW),
        {},
        Due.YES,
    ),
]


@pytest.mark.parametrize(("name", "state", "how", "answer"), DUE, ids=lambda v: v if isinstance(v, str) else "")
def test_which_feeds_are_due(name: str, state: FeedState, how: dict[str, bool], answer: Due) -> None:
    assert due(state, NOW, **how) == answer


@pytest.mark.parametrize(
    ("name", "state", "answer"),
    [
        ("validators are sent after a recent full answer", FeedState(last_full_at=NOW - HOUR), True),
        ("once a day they stay at home: some ETags are stuck", FeedState(last_full_at=NOW - 25 * HOUR), False),
        ("not after a failure: only a full answer clears it", FeedState(last_full_at=NOW - HOUR, failures=1), False),
        ("not before any full answer", FeedState(), False),
    ],
)
def test_when_a_request_is_conditional(name: str, state: FeedState, answer: bool) -> None:
    assert conditional(state, NOW) is answer, name


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Wed, 25 Nov 2026 13:00:00 GMT", 3600),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0),
        ("Wed, 25 Nov 2027 11:00:00 GMT", 86400),
        ("99999999999", 86400),
        ("9" * 5_000, 86400),
        ("0" * 20 + "120", 120),
        ("9999999999", 86400),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Wed, 99 Nov 2026 13:00:00 GMT", None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Fri, 31 Dec 9999 23:59:59 -1200", 86400),
        ("Wed, 25 Nov 2026 13:00:00 +99999999999999999999", None),
    ],
)
def test_retry_after_in_both_forms(value: str | None, seconds: int | None) -> None:
    assert retry_after(value, NOW) == (None if seconds is None else dt.timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("max-age=60", 60), ("public,MAX-AGE=60", 60), ("s-maxage=9", None), ("no-store, max-age=9", None)],
)
def test_max_age(header: str, seconds: int | None) -> None:
    assert max_age({"cache-control": header}, NOW) == (None if seconds is None else dt.timedelta(seconds=seconds))


TWO = "Wed, 25 Nov 2026 14:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"expires": TWO}, 7_200),
        ({"expires": TWO, "date": "Wed, 25 Nov 2026 13:30:00 GMT"}, 1_800),
        ({"expires": TWO, "date": "soon"}, 7_200),
        ({"expires": TWO, "cache-control": "public"}, 7_200),
        ({"expires": TWO, "cache-control": "max-age=60"}, 60),
        ({"expires": TWO, "cache-control": "no-cache"}, None),
        ({"expires": "Thu, 19 Nov 1981 08:52:00 GMT"}, 0),
        ({"expires": "0"}, None),
        ({"expires": "-1"}, None),
        ({"expires": "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"}, None),
    ],
)
def test_expires_is_read_where_there_is_no_max_age(headers: dict[str, str], seconds: int | None) -> None:
    assert max_age(headers, NOW) == (None if seconds is None else dt.timedelta(seconds=seconds))


NEW = "https://new.in/rss"


def from_new() -> Fetched:
    return Fetched(200, NEW, {}, b"", "0", permanent_url=NEW)


MOVES = [
    ("an answer from the old address says nothing", Move(), fetched(), WITH_ITEMS, Move()),
    ("the first permanent redirect is noted", Move(), from_new(), WITH_ITEMS, Move(NEW, 1)),
    ("the same again is counted", Move(NEW, 3), from_new(), WITH_ITEMS, Move(NEW, 4)),
    ("another target begins anew", Move("https://x.in/", 3), from_new(), WITH_ITEMS, Move(NEW, 1)),
    ("a web page at the new address ends the row", Move(NEW, 4), from_new(), HTML, Move()),
    ("a failure ends the row", Move(NEW, 4), Failed(FailedReason.HTTP, "", 500), None, Move()),
    ("a 304 says nothing", Move(NEW, 4), NotModified(), None, Move(NEW, 4)),
    ("the old address answering again ends the row", Move(NEW, 4), fetched(), WITH_ITEMS, Move()),
    ("a settled address that answers stays", Move(NEW, MOVES_NEEDED), fetched(), WITH_ITEMS, Move(NEW, MOVES_NEEDED)),
    ("a settled address that fails is given up", Move(NEW, MOVES_NEEDED), Failed(FailedReason.TLS, ""), None, Move()),
    ("a settled address that is a web page is given up", Move(NEW, MOVES_NEEDED), fetched(), HTML, Move()),
    (
        "a settled address that moves on begins a row of its own",
        Move("https://x.in/", MOVES_NEEDED),
        from_new(),
        WITH_ITEMS,
        Move(NEW, 1),
    ),
]


@pytest.mark.parametrize(
    ("before", "outcome", "parsed", "after"), [move[1:] for move in MOVES], ids=[m[0] for m in MOVES]
)
def test_where_a_feed_lies(before: Move, outcome: Outcome, parsed: ParsedFeed | None, after: Move) -> None:
    assert moved(before, outcome, parsed, same_body=False) == after


def test_a_410_parks_the_roster_address_only_where_that_was_asked() -> None:
    at_new = at_roster(Move(NEW, MOVES_NEEDED), Gone())
    assert isinstance(at_new, Failed)
    assert (at_new.status, at_new.detail) == (410, f"HTTP 410 Gone at {NEW}")
    assert at_roster(Move(NEW, MOVES_NEEDED - 1), Gone()) == Gone()
    assert at_roster(Move(NEW, MOVES_NEEDED), NotModified()) == NotModified()


def test_the_same_body_from_the_new_address_counts_too() -> None:
    assert moved(Move(NEW, MOVES_NEEDED - 1), from_new(), None, same_body=True).settled


def test_a_feed_that_rarely_brings_something_is_asked_rarely() -> None:
    def wait(gap: float | None) -> dt.timedelta:
        return judge("a", FeedState(gap_hours=gap), fetched(), WITH_ITEMS, same_body=False, now=NOW).next_poll_at - NOW

    assert wait(None) == wait(0.5) < dt.timedelta(hours=1)
    assert dt.timedelta(hours=3) <= wait(24.0) < dt.timedelta(hours=3.2)
    assert dt.timedelta(hours=6) <= wait(1000.0) < dt.timedelta(hours=6.2)


@pytest.mark.parametrize(
    ("outcome", "minutes"),
    [
        (Failed(FailedReason.HTTP, "", 429, "600"), 10),
        (Failed(FailedReason.HTTP, "", 429), 45),
        (Failed(FailedReason.HTTP, "", 503, "600"), None),
        (fetched(), None),
    ],
)
def test_only_a_429_speaks_for_the_whole_host(outcome: Outcome, minutes: int | None) -> None:
    assert rests_until(outcome, NOW) == (None if minutes is None else NOW + dt.timedelta(minutes=minutes))
