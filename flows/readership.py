"""Who gets digests, of what, and when: the steps behind flows and commands."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from alerts import subscribers
from alerts.readers import Reader, describe
from flows.watch import Watch, moment


@dataclass(frozen=True, slots=True)
class PeopleReport:
    """What was changed in a sentence, and everyone who gets digests now."""

    words: str
    readers: tuple[Reader, ...]


def change_subscription(watch: Watch, fields: dict[str, Any], *, by: str, whole: bool = False) -> PeopleReport:
    """Add or change, or replace the *whole* subscription."""
    with watch.store.writing() as session:
        reader, new = subscribers.subscribe(session, watch.settings, fields, by=by, now=moment(""), whole=whole)
        words = f"{reader.address} {'is subscribed' if new else 'is changed'}. {describe(reader)}"
        return PeopleReport(words, tuple(subscribers.readers(session, watch.settings)))


def end_subscription(watch: Watch, address: str, *, by: str) -> PeopleReport:
    """End."""
    with watch.store.writing() as session:
        subscribers.unsubscribe(session, watch.settings, address, by=by, now=moment(""))
        return PeopleReport(f"{address} gets no more digests.", tuple(subscribers.readers(session, watch.settings)))


def pause_subscription(watch: Watch, address: str, until: dt.date | None) -> PeopleReport:
    """Pause, or go on."""
    with watch.store.writing() as session:
        reader = subscribers.pause(session, watch.settings, address, until, now=moment(""))
        held = reader.paused_until
        words = f"{address} gets no digest before {held}" if held else f"{address} gets digests again"
        return PeopleReport(f"{words}. {describe(reader)}", tuple(subscribers.readers(session, watch.settings)))


def everyone(watch: Watch) -> tuple[Reader, ...]:
    """Everyone who gets digests."""
    with watch.store.session() as session:
        return tuple(subscribers.readers(session, watch.settings))
