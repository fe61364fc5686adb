"""What decides, without clock or network: is a feed due, what does an outcome mean, and when is the next poll.

The rules are those of well-kept readers: linear back-off (mediacloud's rss-fetcher, which never gives a feed up), an
interval that respects what the feed and its caches ask for (miniflux), `Retry-After` in both forms (RFC 9110 10.2.3).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum

from ingest.fetch import Failed, FailedReason, Fetched, Gone, NotModified, Outcome, Refused, RefusedReason
from ingest.model import FeedProblem, ParsedFeed

# The monitor runs hourly: 45 minutes and up to 10 more leave every feed due again at the next run.
INTERVAL = dt.timedelta(minutes=45)
JITTER = dt.timedelta(minutes=10)
SHORTEST = dt.timedelta(minutes=10)
LONGEST = dt.timedelta(hours=24)
# A feed that is gone is still asked once a month: publishers have taken a 410 back.
PARKED = dt.timedelta(days=30)
# Some servers keep sending the same ETag for a changed feed: once a day the validators stay at home.
FULL_EVERY = dt.timedelta(hours=24)
# A permanent redirect to a maintenance page has destroyed rosters: only so many answers in a row, each of them a feed,
# make a move.
MOVES_NEEDED = 5
# A feed that has something new every few days need not be asked each hour.
MOST_BY_RATE = dt.timedelta(hours=6)
POLLS_A_GAP = 8


class Health(StrEnum):
    """The state of a feed in one word."""

    OK = "ok"
    UNMODIFIED = "unmodified"
    EMPTY = "empty"
    STALE = "stale"
    HTTP_ERROR = "http_error"
    PARSE_ERROR = "parse_error"
    HTML = "html_instead_of_feed"
    CHALLENGE = "challenge_page"
    WRONG_SCRIPT = "wrong_script"
    BLOCKED = "blocked"
    GONE = "gone"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


HEALTHY = frozenset({Health.OK, Health.UNMODIFIED})


class Due(StrEnum):
    """Whether a feed is polled now, and if not, why."""

    YES = "yes"
    DISABLED = "disabled"
    NOT_YET = "not_yet"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class FeedState:
    """What the decisions need to know of a feed.

    `last_full_at` is when it last sent a complete answer, `gap_hours` its usual time from item to item, `ttl` the
    seconds between polls that the last body asked for: an answer without a new one means it still.
    """

    enabled: bool = True
    health: Health = Health.UNKNOWN
    failures: int = 0
    next_poll_at: dt.datetime | None = None
    last_full_at: dt.datetime | None = None
    gap_hours: float | None = None
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Where permanent redirects lead, and how many answers in a row, each a feed, came from there."""

    to: str = ""
    seen: int = 0

    @property
    def settled(self) -> bool:
        """Whether the new address is asked at once."""
        return bool(self.to) and self.seen >= MOVES_NEEDED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an outcome means for the feed. `keep_validators` says that those of this answer may be sent next time."""

    outcome: str
    health: Health
    failures: int
    next_poll_at: dt.datetime
    reason: str = ""
    success: bool = False
    keep_validators: bool = False


def due(state: FeedState, now: dt.datetime, *, force: bool = False, named: bool = False) -> Due:
    """Whether to poll at *now*. *force* overrides the schedule; a parked feed must also have been *named*."""
    if not state.enabled:
        return Due.DISABLED
    if state.health == Health.GONE and not (force and named) and state.next_poll_at and now < state.next_poll_at:
        return Due.PARKED
    if force or state.next_poll_at is None or now >= state.next_poll_at:
        return Due.YES
    if state.health != Health.GONE and state.next_poll_at - now > LONGEST + JITTER:
        return Due.YES  # nobody is put off for so long: this machine's clock was ahead when that was written
    return Due.NOT_YET


def conditional(state: FeedState, now: dt.datetime) -> bool:
    """Whether the validators may be sent.

    Not after a failure: a 304 would leave the failure standing, and only a full answer can clear it. Not when the last
    full answer is a day old.
    """
    return state.failures == 0 and state.last_full_at is not None and now - state.last_full_at < FULL_EVERY


def judge(
    key: str, state: FeedState, outcome: Outcome, parsed: ParsedFeed | None, *, same_body: bool, now: dt.datetime
) -> Verdict:
    """What *outcome* means. *parsed* is given with a new body; *same_body* says that its bytes were seen before."""
    if isinstance(outcome, NotModified):
        # Nothing was seen, so nothing was learnt: an earlier verdict stands.
        health = Health.UNMODIFIED if state.health in (*HEALTHY, Health.UNKNOWN) else state.health
        return Verdict(
            "not_modified",
            health,
            state.failures,
            _next(key, state.failures, now, outcome.headers, ttl=state.ttl, usual=usual_interval(state.gap_hours)),
            success=state.failures == 0,
        )
    if isinstance(outcome, Gone):
        reason = f"410 Gone on {now:%Y-%m-%d}: asked again in {PARKED.days} days"
        return Verdict("gone", Health.GONE, state.failures + 1, now + PARKED, reason)
    failures = state.failures + 1
    if isinstance(outcome, Refused):
        health = Health.BLOCKED if outcome.reason == RefusedReason.ADDRESS else Health.HTTP_ERROR
        reason = f"{outcome.reason}: {outcome.detail}"
        return Verdict("refused", health, failures, _next(key, failures, now), reason)
    if isinstance(outcome, Failed):
        health = Health.PARSE_ERROR if outcome.reason == FailedReason.FAULT else Health.UNREACHABLE
        if outcome.status is not None:
            health = Health.BLOCKED if outcome.status in (401, 403, 451) else Health.HTTP_ERROR
        wait = retry_after(outcome.retry_after, now)  # RFC 9110 10.2.3 ties it to no status
        reason = f"{outcome.reason}: {outcome.detail}"
        return Verdict("failed", health, failures, _next(key, failures, now, wait=wait), reason)
    if same_body:
        health = Health.UNMODIFIED if state.health in (*HEALTHY, Health.UNKNOWN) or state.failures else state.health
        due_at = _next(key, 0, now, outcome.headers, ttl=state.ttl, usual=usual_interval(state.gap_hours))
        return Verdict("same_body", health, 0, due_at, success=True, keep_validators=True)
    return _judge_body(key, state, outcome, parsed, now)


_PROBLEMS = {
    FeedProblem.HTML: Health.HTML,
    FeedProblem.CHALLENGE: Health.CHALLENGE,
    FeedProblem.WRONG_SCRIPT: Health.WRONG_SCRIPT,
}


def moved(before: Move, outcome: Outcome, parsed: ParsedFeed | None, *, same_body: bool) -> Move:
    """What an answer says of where the feed lies. *before* is what the answers up to now said.

    An address that was settled on and then fails is given up: the roster's own is asked again.
    """
    if isinstance(outcome, NotModified):
        return before
    told = outcome.permanent_url if isinstance(outcome, Fetched) else None
    is_feed = same_body or (parsed is not None and parsed.problem is None and bool(parsed.entries))
    if before.settled:
        if isinstance(outcome, Fetched) and is_feed:
            return Move(told, 1) if told and told != before.to else before
        return Move()
    if not told or not is_feed:
        # What says nothing of a move, be it a failure or an answer from the old address, ends the row.
        return Move()
    return Move(told, before.seen + 1 if told == before.to else 1)


def at_roster(before: Move, outcome: Outcome) -> Outcome:
    """*outcome* as far as it concerns the feed: a 410 of the address it moved to says nothing of the roster's own.

    That one is asked again soon, as after any other failure there, instead of being parked for a month unasked.
    """
    if before.settled and isinstance(outcome, Gone):
        return Failed(FailedReason.HTTP, f"HTTP {outcome.status} Gone at {before.to}", outcome.status)
    return outcome


def usual_interval(gap_hours: float | None) -> dt.timedelta:
    """How often a feed that brings something new every *gap_hours* need be asked: eight times in that time.

    >>> [str(usual_interval(gap)) for gap in (None, 1.0, 24.0, 2400.0)]
    ['0:00:00', '0:07:30', '3:00:00', '6:00:00']
    """
    if gap_hours is None:
        return dt.timedelta(0)
    return min(dt.timedelta(hours=max(0.0, gap_hours)) / POLLS_A_GAP, MOST_BY_RATE)


def rests_until(outcome: Outcome, now: dt.datetime) -> dt.datetime | None:
    """Until when the whole host is left alone: only a 429 speaks for more than the address that was asked."""
    if not isinstance(outcome, Failed) or outcome.status != 429:
        return None
    return now + (retry_after(outcome.retry_after, now) or INTERVAL)


def _judge_body(key: str, state: FeedState, outcome: Fetched, parsed: ParsedFeed | None, now: dt.datetime) -> Verdict:
    if parsed is None or parsed.problem is not None:
        problem = parsed.problem if parsed else FeedProblem.NOT_A_FEED
        health = _PROBLEMS.get(problem or FeedProblem.NOT_A_FEED, Health.PARSE_ERROR)
        failures = state.failures + 1
        reason = f"{problem}: {parsed.error if parsed else 'not parsed'}"
        return Verdict("failed", health, failures, _next(key, failures, now), reason)
    reason = f"moved permanently to {outcome.permanent_url}" if outcome.permanent_url else ""
    if parsed.truncated:
        reason = "; ".join(filter(None, (reason, "the body breaks off before its end")))
    return Verdict(
        "fetched",
        Health.OK if parsed.entries else Health.EMPTY,
        0,
        _next(key, 0, now, outcome.headers, ttl=parsed.ttl, usual=usual_interval(state.gap_hours)),
        reason,
        success=True,
        # The validators of half a body would hide the other half until the next change.
        # An empty feed is small: without validators its next answer is read in full again.
        keep_validators=bool(parsed.entries) and not parsed.truncated,
    )


def _next(
    key: str,
    failures: int,
    now: dt.datetime,
    headers: Mapping[str, str] | None = None,
    *,
    ttl: int | None = None,
    wait: dt.timedelta | None = None,
    usual: dt.timedelta = dt.timedelta(0),
) -> dt.datetime:
    """Clamp of the longest that anyone asks for; linear in the failures, since feeds recover in hours, not in powers of
    two; jitter from the feed's name, so that runs are reproducible and hosts are not hit in step."""
    delay = max(INTERVAL, usual) * (1 + failures)
    for asked in (max_age(headers or {}, now), dt.timedelta(seconds=ttl) if ttl else None, wait):
        if asked is not None:
            delay = max(delay, min(asked, LONGEST))
    share = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) / 2**32
    return now + min(max(delay, SHORTEST), LONGEST) + JITTER * share


_MAX_AGE = re.compile(r"\bmax-age\s*=\s*\"?(\d{1,10})")


def max_age(headers: Mapping[str, str], now: dt.datetime) -> dt.timedelta | None:
    """How long the answer says that it stays fresh (RFC 9111 4.2.1); None when it asks for no rest.

    Without a ``max-age`` it is the time from `Date`, or from *now* where there is none, until `Expires`.

    >>> max_age({"cache-control": "public, max-age=600"}, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    datetime.timedelta(seconds=600)
    """
    control = headers.get("cache-control", "").lower()
    if "no-cache" in control or "no-store" in control:
        return None
    found = _MAX_AGE.search(control)
    if found:
        return dt.timedelta(seconds=int(found[1]))
    expires = _moment(headers.get("expires", ""))
    if expires is None:  # also the "0" and "-1" that mean: at once (RFC 9111 5.3)
        return None
    # By the server's own clock, which may be wrong: the two dates are wrong by the same.
    return max(expires - (_moment(headers.get("date", "")) or now), dt.timedelta(0))


def retry_after(value: str | None, now: dt.datetime) -> dt.timedelta | None:
    """A `Retry-After` header as a wait, at most a day; None when there is none that can be read. Zero is valid.

    >>> retry_after("120", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    datetime.timedelta(seconds=120)
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]+", text):
        digits = text.lstrip("0") or "0"
        # More digits than these overflow, and more than some thousand are not even read; a day they are anyhow.
        return min(dt.timedelta(seconds=int(digits)), LONGEST) if len(digits) <= 10 else LONGEST
    moment = _moment(text)
    return min(max(moment - now, dt.timedelta(0)), LONGEST) if moment is not None else None


def _moment(text: str) -> dt.datetime | None:
    """An HTTP date (RFC 9110 5.6.7); None when it cannot be read."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):  # (the last for a year of twenty digits)
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
