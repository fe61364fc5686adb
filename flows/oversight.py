"""What the hourly monitor notices about itself: silent press blocs, a filling disk, and that nothing was delivered."""

from __future__ import annotations

import datetime as dt
import shutil
from collections import defaultdict
from collections.abc import Sequence

from prefect.context import FlowRunContext
from prefect.events import emit_event
from sqlalchemy.orm import Session

from alerts import metrics
from alerts.operator import Cause, Said, Word, deliver_words, say, silence
from flows.reporting import in_flow_run, logger
from flows.watch import Watch
from ingest.health import FeedHealth, feed_health
from ingest.policy import Health
from store.errors import RicwatchError
from store.settings import Settings

EVENTS = {Cause.FEEDS_SILENT: "ricwatch.feeds.silent", Cause.DISK_FULL: "ricwatch.disk.full"}
"""Events that the monitor emits; flows/automations.py has the operator told."""
RESOURCE = "ricwatch.watch"
ENOUGH_FEEDS = 2
"""A bloc that is watched through a single feed is no family; that feed's own state is in the digest."""


def silent_blocs(feeds: Sequence[FeedHealth]) -> dict[str, str]:
    """Press blocs of which not one enabled feed is well, each with what to say of it; `all feeds` when none is."""
    families: dict[str, list[FeedHealth]] = defaultdict(list)
    for feed in feeds:
        if feed.enabled and feed.health is not Health.UNKNOWN:
            families[feed.bloc].append(feed)
    watched = {bloc: family for bloc, family in families.items() if len(family) >= ENOUGH_FEEDS}
    silent = {bloc: _of(family) for bloc, family in watched.items() if not any(feed.well for feed in family)}
    if len(silent) == len(watched) > 1:
        return {"all feeds": _of([feed for family in watched.values() for feed in family])}
    return silent


def _of(family: Sequence[FeedHealth]) -> str:
    states: dict[str, int] = defaultdict(int)
    for feed in family:
        states[str(feed.health)] += 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    since = max((feed.last_new_at for feed in family if feed.last_new_at), default=None)
    newest = f"; the last new item came {since:%Y-%m-%d %H:%M} UTC" if since else ""
    return f"none of {len(family)} feeds is well ({told}){newest}"


def troubles(session: Session, settings: Settings, now: dt.datetime) -> list[Word]:
    """All that is to be said now."""
    words = [
        Word(Cause.FEEDS_SILENT, bloc, f"Of {'the press bloc ' if bloc != 'all feeds' else ''}{bloc}, {told}.")
        for bloc, told in silent_blocs(feed_health(session, now=now)).items()
    ]
    free = shutil.disk_usage(settings.var_dir).free // 1_000_000
    if free < settings.disk_free_mb:
        words.append(Word(Cause.DISK_FULL, str(settings.var_dir), f"{free:,} MB are left at {settings.var_dir}."))
    if told := silence(session, settings, now):
        text = f"For {settings.silence_days} days {told}. A weekly mail is due even when nothing moved."
        words.append(Word(Cause.NOTHING_DELIVERED, "", text))
    return words


def oversee(watch: Watch, now: dt.datetime) -> tuple[Word, ...]:
    """Emit what has an event, tell the rest at once, and hand over what waits for the operator.

    A run without a deployment belongs to no server that keeps automations (cron, a terminal): it tells all by itself.
    """
    with watch.store.session() as session:
        found = troubles(session, watch.settings, now)
    served = is_served()
    try:
        for word in found:
            event = EVENTS.get(word.cause)
            if event and in_flow_run():
                emit_event(
                    event=event,
                    resource={"prefect.resource.id": RESOURCE, "prefect.resource.name": "the watch"},
                    payload={"cause": str(word.cause), "about": word.about, "text": word.text},
                )
            if (not event or not served) and say(watch.store, watch.settings, word, now=now) is not Said.TOLD_TODAY:
                logger().warning("%s: %s", word.cause, word.text)
        sent, problem = deliver_words(watch.store, watch.settings, now=now)
    except RicwatchError as error:
        # The watch itself went well; that its operator cannot be told must not make it fail.
        logger().warning("the operator could not be told: %s", error)
        return tuple(found)
    if problem:
        logger().warning("the operator could not be told: %s", problem)
    elif sent:
        logger().info("%s told to the operator", "1 thing" if sent == 1 else f"{sent} things")
    return tuple(found)


def leave_numbers(watch: Watch, now: dt.datetime) -> None:
    """Write the metrics file; a disk that does not take it is no reason for the watch to fail."""
    try:
        numbers = metrics.gather(watch.store, watch.settings, watch.version, now=now)
        metrics.write(numbers, watch.settings.metrics_file)
    except OSError as error:
        logger().warning("the metrics were not written: %s", error)


def is_served() -> bool:
    """Whether this run comes from a deployment."""
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.deployment_id is not None
