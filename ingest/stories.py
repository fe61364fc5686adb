"""Near-copies become one story, the unit that is counted: a wire text in forty papers is one vote and not forty.

Titles are compared within three days. Candidates come from an index by token (the rarest tokens of a title first), and
each is then verified. What separates two events with similar titles is looked at before what unites them: other
numbers ("18th round", "19th round"), another name or verb in the same place ("meets Putin", "meets Xi").
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from rapidfuzz import fuzz
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.models import Article, Story

WINDOW_DAYS = 3
"""A story spans at most this many days from its first article to its last."""

_MEMORY_DAYS = 40
_RAREST = 5
_MOST_CANDIDATES = 400
_MIN_TOKENS = 3
_JACCARD_ONE_SIDED = 0.6
_JACCARD_TWO_SIDED = 0.75

# Words that carry no event: grammar, and what desks put around a headline.
_EMPTY = frozenset(
    """
    a an the of in on at to for by with from as and or but is are was were be been has have had it its his her their
    this that amid after over into than about update updates updated live watch video photos exclusive breaking news
    report reports reported reportedly says said say told tells sources source official officials analysis explained
    explainer opinion here what why how will would he she they you your we our s
    в на и с по о об из за для от до что как это его её их при к у а но или же бы
    के का की में से को ने है हैं और पर यह कि तो ही भी पे एक
    """.split()  # noqa: SIM905 (a list of so many strings is harder to read)
)
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th|й|го|я|е|ой|ый)?")
_NUMBER_WORDS = {
    word: str(number)
    for number, words in enumerate(
        (
            "first one один первый पहला", "second two два второй दूसरा", "third three три третий तीसरा",
            "fourth four четыре четвертый", "fifth five пять пятый", "sixth six шесть шестой", "seventh seven семь",
            "eighth eight восемь", "ninth nine девять", "tenth ten десять", "eleventh eleven", "twelfth twelve",
            "thirteenth thirteen", "fourteenth fourteen", "fifteenth fifteen", "sixteenth sixteen",
            "seventeenth seventeen", "eighteenth eighteen", "nineteenth nineteen", "twentieth twenty",
        ),
        start=1,
    )
    for word in words.split()
}  # fmt: skip
# One of these on one side only turns the sense round.
_TURNS = frozenset(
    """
    not no never denies deny denied rejects reject rejected refuses refuse without fails failed halts halted halt
    cancels cancelled cancel postpones postponed resumes resumed resume ends ended end не нет отказ отказался отверг नहीं
    """.split()  # noqa: SIM905
)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A title as its words and its numbers."""

    key: str
    words: frozenset[str]
    numbers: frozenset[str]

    @property
    def tokens(self) -> frozenset[str]:
        """Words and numbers together."""
        return self.words | self.numbers


@lru_cache(maxsize=20_000)
def fingerprint(key: str) -> Fingerprint:
    """The fingerprint of a `title_key`.

    >>> sorted(fingerprint("india and china hold 18th round of talks").numbers)
    ['18']
    """
    words: set[str] = set()
    numbers: set[str] = set()
    for token in key.split():
        if found := _ORDINAL.fullmatch(token):
            numbers.add(found[1].lstrip("0") or "0")
        elif token in _NUMBER_WORDS:
            numbers.add(_NUMBER_WORDS[token])
        elif _CJK.search(token):
            # Chinese and Japanese write no spaces: pairs of characters stand for words.
            words.update(token[at : at + 2] for at in range(max(1, len(token) - 1)))
            numbers.update(re.findall(r"\d+", token))
        elif token not in _EMPTY:
            words.add(token)
    return Fingerprint(key, frozenset(words), frozenset(numbers))


def similarity(one: Fingerprint, two: Fingerprint) -> float:
    """How surely two titles tell one event: 0 when they do not, else up to 1.

    >>> a = fingerprint("india and china hold 18th round of border talks")
    >>> similarity(a, fingerprint("india china hold 19th round of border talks"))
    0.0
    >>> similarity(a, fingerprint("india china hold 18th round of border talks in ladakh")) > 0.8
    True
    """
    if one.key == two.key:
        return 1.0 if len(one.tokens) >= _MIN_TOKENS else 0.0
    if len(one.words) < _MIN_TOKENS or len(two.words) < _MIN_TOKENS:
        return 0.0
    if one.numbers - two.numbers and two.numbers - one.numbers:
        return 0.0
    mine, yours = _unpaired(one.words - two.words, two.words - one.words)
    if (mine | yours) & _TURNS:
        return 0.0
    extra = len(mine) + len(yours) + len(one.numbers ^ two.numbers)
    common = len(one.tokens | two.tokens) - extra
    jaccard = common / (common + extra)
    if not mine or not yours:
        return jaccard if jaccard >= _JACCARD_ONE_SIDED else 0.0
    # Something was put in the place of something else. In a short title that is another event.
    return jaccard if jaccard >= _JACCARD_TWO_SIDED and min(len(mine), len(yours)) * 5 <= common else 0.0


def _unpaired(mine: frozenset[str], yours: frozenset[str]) -> tuple[set[str], set[str]]:
    """The words of each side that are no other form of a word of the other (visit, visits; Россия, России)."""
    left, right = set(mine), set(yours)
    for word in sorted(mine):
        if len(word) < 4 or word.isdigit():
            continue
        for other in sorted(right):
            if len(other) >= 4 and word[:3] == other[:3] and fuzz.ratio(word, other) >= 75:
                left.discard(word)
                right.discard(other)
                break
    return left, right


@dataclass(slots=True)
class _Told:
    """A story in memory. `fresh` while it has no row yet."""

    id: int
    day: dt.date
    last_day: dt.date
    title: str
    articles: int
    outlets: set[str]
    fresh: bool = False
    changed: bool = False


@dataclass(slots=True)
class _Day:
    prints: list[tuple[Fingerprint, int]] = field(default_factory=list)
    by_token: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


class StoryIndex:
    """The recent stories in memory, read from the database day by day as they are needed.

    One index may serve a whole poll or import; after a rolled-back transaction it must be `reset`.
    """

    def __init__(self) -> None:
        self._days: dict[dt.date, _Day] = {}
        self._stories: dict[int, _Told] = {}
        self._next = -1

    def reset(self) -> None:
        """Forget everything; the next `load` reads it again."""
        self._days.clear()
        self._stories.clear()

    def load(self, session: Session, days: Iterable[dt.date]) -> None:
        """Have the stories around *days* at hand; drops days that are far from all of them."""
        window = range(-WINDOW_DAYS, WINDOW_DAYS + 1)
        wanted = {day + dt.timedelta(days=offset) for day in days for offset in window}
        missing = sorted(wanted - self._days.keys())
        if len(self._days) + len(missing) > max(_MEMORY_DAYS, len(wanted)):
            for day in self._days.keys() - wanted:
                del self._days[day]
            alive = {story for day in self._days.values() for _, story in day.prints}
            self._stories = {key: story for key, story in self._stories.items() if key in alive}
        for day in missing:
            self._days[day] = _Day()
        for start in range(0, len(missing), 200):
            self._read(session, missing[start : start + 200])

    def _read(self, session: Session, days: list[dt.date]) -> None:
        rows = session.execute(
            select(Article.title_key, Article.day, Article.story_id, Article.outlet)
            .where(Article.day.in_(days), Article.story_id.is_not(None))
            .order_by(Article.id)
        ).all()
        unknown = sorted({row.story_id for row in rows} - self._stories.keys())
        for start in range(0, len(unknown), 500):
            for story in session.execute(
                select(Story.id, Story.day, Story.last_day, Story.title, Story.articles).where(
                    Story.id.in_(unknown[start : start + 500])
                )
            ):
                self._stories[story.id] = _Told(story.id, story.day, story.last_day, story.title, story.articles, set())
        for row in rows:
            self._remember(fingerprint(row.title_key), row.day, row.story_id)
            self._stories[row.story_id].outlets.add(row.outlet)

    def _remember(self, mark: Fingerprint, day: dt.date, story: int) -> None:
        held = self._days[day]
        position = len(held.prints)
        held.prints.append((mark, story))
        for token in mark.tokens:
            held.by_token[token].append(position)

    def place(self, title: str, key: str, day: dt.date, outlet: str) -> int:
        """Put an article into the story it belongs to, or a new one; gives the story's number, negative while new.

        The best match wins; among equals the oldest story. `load` must have been called for *day*.
        """
        mark = fingerprint(key)
        best, number = 0.0, 0
        for candidate, story_id in self._candidates(mark, day):
            story = self._stories[story_id]
            if max(story.last_day, day) - min(story.day, day) > dt.timedelta(days=WINDOW_DAYS):
                continue
            likeness = similarity(mark, candidate)
            if likeness > best or (likeness == best > 0 and _age(story_id) < _age(number)):
                best, number = likeness, story_id
        if best:
            story = self._stories[number]
            story.articles += 1
            story.day, story.last_day = min(story.day, day), max(story.last_day, day)
            story.changed = True
        else:
            number, self._next = self._next, self._next - 1
            story = self._stories[number] = _Told(number, day, day, title, 1, set(), fresh=True)
        story.outlets.add(outlet)
        self._remember(mark, day, number)
        return number

    def _candidates(self, mark: Fingerprint, day: dt.date) -> Iterable[tuple[Fingerprint, int]]:
        found: list[tuple[Fingerprint, int]] = []
        for offset in range(-WINDOW_DAYS, WINDOW_DAYS + 1):
            held = self._days.get(day + dt.timedelta(days=offset))
            if held is None or not held.prints:
                continue
            present = sorted((len(held.by_token[token]), token) for token in mark.tokens if token in held.by_token)
            positions = {position for _, token in present[:_RAREST] for position in held.by_token[token]}
            found.extend(held.prints[position] for position in sorted(positions)[:_MOST_CANDIDATES])
        return found

    def take_new(self) -> list[tuple[int, dict[str, object]]]:
        """The stories without a row: their present number and the row's values, in order of appearance."""
        fresh = sorted((story for story in self._stories.values() if story.fresh), key=lambda story: -story.id)
        return [
            (
                story.id,
                {
                    "day": story.day,
                    "last_day": story.last_day,
                    "title": story.title,
                    "articles": story.articles,
                    "outlets": len(story.outlets),
                },
            )
            for story in fresh
        ]

    def take_changed(self) -> list[int]:
        """The stories with a row that grew since the last time."""
        grown = [story for story in self._stories.values() if story.changed and not story.fresh]
        for story in grown:
            story.changed = False
        return sorted(story.id for story in grown)

    def number(self, ids: dict[int, int]) -> None:
        """Give new stories the numbers of their rows."""
        for old, new in ids.items():
            story = self._stories.pop(old)
            story.id, story.fresh, story.changed = new, False, False
            self._stories[new] = story
        for day in {
            self._stories[new].day + dt.timedelta(days=n) for new in ids.values() for n in range(WINDOW_DAYS + 1)
        }:
            held = self._days.get(day)
            if held is not None:
                held.prints = [(mark, ids.get(story, story)) for mark, story in held.prints]


def _age(number: int) -> float:
    """Sorts stories by age: rows first by their number, then those without a row in order of appearance."""
    return number if number > 0 else 1e12 - number
