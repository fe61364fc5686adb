"""Everything that a step needs, opened once: settings, database, topic, actors, classifier, and the simulated clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy.exc import DBAPIError

from classify.actors import Matcher
from classify.model import Backend, get_backend, version_of
from classify.parameters import Block, load_parameters
from classify.rarity import word_rarity
from classify.trained import remark, weights_of
from ingest.model import RosterFeed
from ingest.roster import load_roster
from ingest.topic import Topic, load_topic
from store.db import Store
from store.errors import InputError
from store.faults import in_words
from store.private import private_folder
from store.settings import Settings, get_settings
from store.steps import one_at_a_time


@dataclass
class Watch:
    """One opened monitor. Topic and classifier are loaded when first asked for: polling needs no weights."""

    settings: Settings
    store: Store = field(repr=False)

    @cached_property
    def topic(self) -> Topic:
        return load_topic(self.settings.seeds_dir)

    @cached_property
    def matcher(self) -> Matcher:
        return Matcher(self.topic)

    @cached_property
    def model(self) -> Backend:
        return get_backend(self.settings.model, self.topic)

    @cached_property
    def version(self) -> str:
        """What `model.version` is, without loading the model: most runs have nothing to read."""
        return version_of(self.settings.model, self.topic)

    @cached_property
    def untrained(self) -> str:
        """That the reader was not trained on the topic, in words for people; empty where it was."""
        return remark(self.topic, self.settings.model)

    @cached_property
    def rarity(self) -> Callable[[str], float]:
        """How much a word of a title tells; of the words that the weights know, whichever model reads."""
        return word_rarity(self._idf, self.matcher)

    def _idf(self, word: str) -> float:
        return self._words.idf_of(word)

    @cached_property
    def _words(self) -> Block:
        """Loaded when a word is looked up: where no story stands outside the themes, none is."""
        return load_parameters(weights_of(self.topic)).item_words

    def turn_to(self, step: str) -> AbstractContextManager[None]:
        """The turn to do *step*, which one process at a time may; a replay has its database to itself."""
        return nullcontext() if self.settings.replay else one_at_a_time(self.store, step)

    @cached_property
    def roster(self) -> list[RosterFeed]:
        return load_roster(self.settings.feeds_file)


@contextmanager
def open_watch(settings: Settings | None = None) -> Iterator[Watch]:
    """The monitor on a migrated database; connections are given back at the end of the block.

    Raises:
        StoreError: database or disk failed in the block; it names the cause and what to do.
    """
    settings = settings or get_settings()
    try:
        private_folder(settings.var_dir)
        store = Store(settings.database)
        try:
            store.migrate()
            yield Watch(settings, store)
        finally:
            store.close()
    except (DBAPIError, OSError) as error:
        # Here and not in each step: a run's page and the operator's mail show the last line of whatever came up.
        told = in_words(error, settings.database)
        if told is None:
            raise
        raise told from error


def moment(as_of: str) -> dt.datetime:
    """The moment that a run counts as now: *as_of* where given (an ISO date or date and time, UTC assumed), else now.

    A date alone means that this day has just been closed. What is to come is refused: a mistyped year would open
    shifts, age them at once, and let mails leave in the future, behind which a broken mail server would go unnoticed.

    >>> moment("2025-03-04").isoformat()
    '2025-03-05T06:00:00+00:00'

    Raises:
        InputError: *as_of* is no ISO date, or not over yet.
    """
    now, text = dt.datetime.now(dt.UTC), as_of.strip()
    if not text:
        return now
    try:
        asked = _end_of(dt.date.fromisoformat(text)) if len(text) == 10 else dt.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{as_of!r} is no date; write 2025-03-04 or 2025-03-04T06:30") from None
    asked = asked if asked.tzinfo else asked.replace(tzinfo=dt.UTC)
    if asked > now:
        last = closed_day(now)
        raise InputError(
            f"{text} is not over yet; the last day that can be asked for is {last} (days close at 06:00 UTC)"
        )
    return asked


def _end_of(day: dt.date) -> dt.datetime:
    """When *day* is closed; no calendar goes beyond the last day of all, which counts as its end."""
    if day == dt.date.max:
        return dt.datetime.max.replace(tzinfo=dt.UTC)
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(6), dt.UTC)


def closed_day(now: dt.datetime) -> dt.date:
    """The last day that counts: a UTC day is closed at 06:00 of the next one, when its late items are in.

    >>> closed_day(dt.datetime(2025, 3, 5, 5, 0, tzinfo=dt.UTC)).isoformat()
    '2025-03-03'
    >>> closed_day(dt.datetime(2025, 3, 5, 6, 0, tzinfo=dt.UTC)).isoformat()
    '2025-03-04'
    """
    return (now.astimezone(dt.UTC) - dt.timedelta(hours=30)).date()
