"""Near-copies become one story, the unit that is counted: a wire text in forty papers is one vote and not forty.

Articles are compared within a week. Candidates come from an index by stem (those with which an article shares the most
of its rarest), and each is then verified: near-copies by their titles, tellings in other words by titles and leads
(`ingest.likeness`). What separates two events with similar titles is looked at before what unites them: other numbers
("18th round", "19th round"), another name or verb in the same place ("meets Putin", "meets Xi").
"""

from __future__ import annotations

import datetime as dt
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from sys import intern
from typing import Any

from rapidfuzz import fuzz
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from ingest.likeness import FARTHEST, LEAD_CHARS, WINDOW_DAYS, Words, may_be_even, probability, words_of
from ingest.words import CJK, EMPTY, pieces
from store.models import Article, Story

COPY_DAYS = 3
"""Titles alone are trusted for so many days: "what we know" comes again each week."""
SURE_ENOUGH = 0.5  # `may_be_even` asks the same, and FARTHEST is made for it
"""Probability from which two articles tell one event."""
OPENER_LIKE = 0.4
"""The same for an article and the first one of the story, and for the first ones of two; days left out of it."""
MERGE_SURE = 0.7
"""An article joins two stories into one where it belongs to each as surely as this, and their first ones are alike."""
_MEMORY_DAYS = 40
_RAREST = 10
_MOST_CANDIDATES = 60
_READ = 500
"""Articles that are read from the database at a time."""
_MANY = 1 << 40
"""More than a day has articles: a count times this, less a position, sorts by count and then by position."""
_WINDOW = dt.timedelta(days=WINDOW_DAYS)
_MIN_TOKENS = 3
_JACCARD_ONE_SIDED = 0.6
_JACCARD_TWO_SIDED = 0.75
_ALIKE = 0.5
_SHARED_HEADS = 0.5
"""Near-copies share more of their words' first letters than this; a look at these is cheap."""
_LEAST_SHARED = 3
"""Stems that two articles must share to be compared at all."""

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
_NO_NUMBERS: frozenset[str] = frozenset()
"""One for all titles: most have none, and each empty set of its own takes as much as a title."""
# One of these on one side only turns the sense round.
_TURNS = frozenset(
    """
    not no never denies deny denied rejects reject rejected refuses refuse without fails failed halts halted halt
    cancels cancelled cancel postpones postponed resumes resumed resume ends ended end не нет отказ отказался отверг नहीं
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A title as its words and its numbers."""

    key: str
    words: frozenset[str]
    numbers: frozenset[str]
    heads: tuple[str, ...]
    """The first three letters of the words, each once: forms of one word share them."""

    @property
    def tokens(self) -> frozenset[str]:
        """Words and numbers together."""
        return self.words | self.numbers


@lru_cache(maxsize=4_096)
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
        elif CJK.search(token):
            words.update(pieces(token))
            numbers.update(re.findall(r"\d+", token))
        elif token not in EMPTY:
            words.add(token)
    # One string for each word, however many titles have it: a week of an index holds tens of thousands of titles.
    heads = tuple({intern(word[:3]) for word in words})
    return Fingerprint(key, frozenset(set(map(intern, words))), frozenset(numbers) if numbers else _NO_NUMBERS, heads)


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
    shared = len(set(one.heads).intersection(two.heads))
    if (
        min(len(one.words), len(two.words)) < _MIN_TOKENS
        or shared < _SHARED_HEADS * max(len(one.heads), len(two.heads))
        or _most_alike(one, two, shared) < _JACCARD_ONE_SIDED
    ):
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


def _most_alike(one: Fingerprint, two: Fingerprint, shared: int) -> float:
    """What the Jaccard index can be at most: a cheap look before words are compared with one another.

    *shared*: the heads that both have. Forms of one word share their head, so a title has no more words in common with
    the other, plainly or as another form, than it has under those heads; two forms count on both sides.
    """
    both = shared + min(len(one.words) - len(one.heads), len(two.words) - len(two.heads))
    extra = len(one.words) + len(two.words) - 2 * both
    if one.numbers or two.numbers:
        extra += len(one.numbers ^ two.numbers)
        union = len(one.tokens | two.tokens)
    else:
        union = len(one.words | two.words)
    return (union - extra) / union


def told_apart(one: Fingerprint, two: Fingerprint) -> bool:
    """Whether two titles are alike but for what makes them two events: a number, a turn, one other name or verb.

    Leads cannot outvote it: those of two rounds of talks, or of a yes and a no, say mostly the same.

    >>> told_apart(fingerprint("modi meets putin in moscow"), fingerprint("modi meets xi in moscow"))
    True
    """
    if one.key == two.key or similarity(one, two):
        return False
    mine, yours = _unpaired(one.words - two.words, two.words - one.words)
    extra = len(mine) + len(yours) + len(one.numbers ^ two.numbers)
    common = len(one.tokens | two.tokens) - extra
    if common / (common + extra) < _ALIKE:
        return False
    other_numbers = bool(one.numbers - two.numbers and two.numbers - one.numbers)
    return other_numbers or bool((mine | yours) & _TURNS) or len(mine) == len(yours) == 1


def _unpaired(mine: frozenset[str], yours: frozenset[str]) -> tuple[set[str], set[str]]:
    """The words of each side that are no other form of a word of the other (visit, visits; Россия, России)."""
    left, right = set(mine), set(yours)
    by_head: dict[str, list[str]] = {}
    for other in yours:
        if len(other) >= 4:
            by_head.setdefault(other[:3], []).append(other)
    for word in sorted([word for word in mine if word[:3] in by_head and len(word) >= 4 and not word.isdigit()]):
        for other in sorted(by_head[word[:3]]):
            if fuzz.ratio(word, other) >= 75:
                left.discard(word)
                right.discard(other)
                by_head[word[:3]].remove(other)
                break
    return left, right


@dataclass(frozen=True, slots=True)
class Print:
    """What an article is known again by: its title, and the words of title and lead."""

    title: Fingerprint
    words: Words


def make_print(key: str, text: str) -> Print:
    """The print of an article with the `title_key` *key* and the text *text*; copies have one print together."""
    return _print(key, text[:LEAD_CHARS])


@lru_cache(maxsize=4_096)
def _print(key: str, lead: str) -> Print:
    return Print(fingerprint(key), words_of(key, lead))


def likeness(one: Print, two: Print, days: int) -> float:
    """How surely two articles published *days* apart tell one event: 0 when they do not, else up to 1."""
    shared = one.words.whole.keys() & two.words.whole.keys()
    if len(shared) < _LEAST_SHARED and one.title.key != two.title.key:
        return 0.0
    copies = similarity(one.title, two.title) if days <= COPY_DAYS else 0.0
    if copies == 1.0 or days > WINDOW_DAYS or not may_be_even(one.words, two.words, shared, days):
        return copies
    sure = probability(one.words, two.words, days)
    if sure < SURE_ENOUGH or told_apart(one.title, two.title):
        return copies
    return max(copies, sure)


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
    opener: Print | None = None
    """Its first article: what joins the story later must be like that one too."""
    opener_id: int = 0
    """Number of that article; 0 while it has none."""
    into: _Told | None = None
    """The story that it became a part of."""

    @property
    def root(self) -> _Told:
        """The story that it is now."""
        story = self
        while story.into is not None:
            story = story.into
        return story


@dataclass(frozen=True, slots=True)
class Merge:
    """Two stories that an article showed to be one: the older lives on, the other is `gone`. Negative: no row yet.

    `likeness` is how surely the article belongs to the one of which it is less sure.
    """

    kept: int
    gone: int
    gone_title: str
    likeness: float


@dataclass(slots=True)
class _Day:
    prints: list[tuple[Print, _Told]] = field(default_factory=list)
    by_token: dict[str, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("I")))


class StoryIndex:
    """The recent stories in memory, read from the database day by day as they are needed.

    One index may serve a whole poll or import; after a rolled-back transaction it must be `reset`.
    """

    def __init__(self) -> None:
        self._days: dict[dt.date, _Day] = {}
        self._stories: dict[int, _Told] = {}
        self._next = -1
        self._touched: dict[int, _Told] = {}
        """Those that got an article since `take_changed` was last called."""
        self._merges: list[Merge] = []
        self._gone: list[_Told] = []
        """New ones that became part of another before they had a row; it is evidence of that."""

    def reset(self) -> None:
        """Forget everything; the next `load` reads it again."""
        self._days.clear()
        self._stories.clear()
        self._touched.clear()
        self._merges.clear()
        self._gone.clear()

    def load(self, session: Session, days: Iterable[dt.date]) -> None:
        """Have the stories around *days* at hand; drops days that are far from all of them."""
        window = range(-WINDOW_DAYS, WINDOW_DAYS + 1)
        wanted = {day + dt.timedelta(days=offset) for day in days for offset in window}
        missing = sorted(wanted - self._days.keys())
        if len(self._days) + len(missing) > max(_MEMORY_DAYS, len(wanted)):
            for day in self._days.keys() - wanted:
                del self._days[day]
            alive = {story.root.id for day in self._days.values() for _, story in day.prints}
            self._stories = {key: story for key, story in self._stories.items() if key in alive}
        for day in missing:
            self._days[day] = _Day()
        for start in range(0, len(missing), 200):
            self._read(session, missing[start : start + 200])

    def _read(self, session: Session, days: list[dt.date]) -> None:
        rows = session.execute(
            select(
                Article.id,
                Article.title_key,
                func.substr(Article.text, 1, LEAD_CHARS).label("lead"),
                Article.day,
                Article.story_id,
                Article.outlet,
            )
            .where(Article.day.in_(days), Article.story_id.is_not(None))
            .order_by(Article.day, Article.id)  # as their index lies: nothing is sorted
            .execution_options(yield_per=_READ)  # without it all of them would lie in memory first
        )
        for part in rows.partitions():
            self._take_in(session, part)

    def _take_in(self, session: Session, rows: Sequence[Row[Any]]) -> None:
        unknown = sorted({row.story_id for row in rows} - self._stories.keys())
        if unknown:
            for story in session.execute(
                select(Story.id, Story.day, Story.last_day, Story.title, Story.articles).where(Story.id.in_(unknown))
            ):
                self._stories[story.id] = _Told(story.id, story.day, story.last_day, story.title, story.articles, set())
        for row in rows:
            mark, told = make_print(row.title_key, row.lead), self._stories[row.story_id]
            self._remember(mark, row.day, told)
            told.outlets.add(row.outlet)
            if told.opener is None or row.id < told.opener_id:
                told.opener, told.opener_id = mark, row.id

    def _remember(self, mark: Print, day: dt.date, story: _Told) -> None:
        held = self._days[day]
        position = len(held.prints)
        held.prints.append((mark, story))
        for token in mark.words.whole:
            held.by_token[token].append(position)

    def place(self, title: str, key: str, day: dt.date, outlet: str, text: str = "") -> int:
        """Put an article into the story it belongs to, or a new one; gives the story's number, negative while new.

        The best match wins; among equals the oldest story. `load` must have been called for *day*.
        """
        mark = make_print(key, text)
        found: dict[int, float] = {}
        compared: dict[tuple[int, int], float] = {}
        could_stand: dict[int, bool] = {}
        for candidate, told, days in self._candidates(mark, day):
            asked = (id(candidate), days)  # each text once, however many papers print it
            if asked not in compared:
                compared[asked] = likeness(mark, candidate, days)
            if not (alike := compared[asked]):
                continue
            story = told.root
            if story.id not in could_stand:
                span = max(story.last_day, day) - min(story.day, day)
                could_stand[story.id] = span <= _WINDOW and _like_opener(story, mark)
            if could_stand[story.id]:
                found[story.id] = max(alike, found.get(story.id, 0.0))
        # Of equals the oldest.
        ranked = sorted(found, key=lambda number: (-found[number], _age(number)))
        chosen = self._joined(ranked, found, day) if ranked else None
        if chosen is not None:
            chosen.articles += 1
            chosen.day, chosen.last_day = min(chosen.day, day), max(chosen.last_day, day)
            chosen.changed = True
        else:
            number, self._next = self._next, self._next - 1
            chosen = self._stories[number] = _Told(number, day, day, title, 1, set(), fresh=True, opener=mark)
        chosen.outlets.add(outlet)
        self._touched[chosen.id] = chosen
        self._remember(mark, day, chosen)
        return chosen.id

    def _joined(self, ranked: list[int], found: dict[int, float], day: dt.date) -> _Told:
        """The story of an article that belongs to those of *ranked*, the surest first; it may make several one."""
        story = self._stories[ranked[0]]
        for number in ranked[1:] if found[ranked[0]] >= MERGE_SURE else ():
            other = self._stories[number]
            span = max(story.last_day, other.last_day, day) - min(story.day, other.day, day)
            if found[number] < MERGE_SURE or span > _WINDOW or not _openers_alike(story, other):
                continue
            kept, gone = sorted((story, other), key=lambda one: _age(one.id))
            kept.articles += gone.articles
            kept.outlets |= gone.outlets
            kept.day, kept.last_day = min(kept.day, gone.day), max(kept.last_day, gone.last_day)
            gone.into = kept
            del self._stories[gone.id]
            self._touched.pop(gone.id, None)
            if gone.fresh:
                gone.articles = 0
                gone.outlets.clear()
                self._gone.append(gone)
            self._merges.append(Merge(kept.id, gone.id, gone.title, found[number]))
            story = kept
        return story

    def take_merges(self) -> list[Merge]:
        """The merges since the last time, in their order."""
        merges, self._merges = self._merges, []
        return merges

    def _candidates(self, mark: Print, day: dt.date) -> Iterable[tuple[Print, _Told, int]]:
        """The articles of the week that share the most of the rarest stems, with their story and the days between."""
        found: list[tuple[Print, _Told, int]] = []
        for offset in range(-FARTHEST, FARTHEST + 1):
            held = self._days.get(day + dt.timedelta(days=offset))
            if held is None or not held.prints:
                continue
            by_token = held.by_token
            present = sorted([(len(by_token[token]), token) for token in mark.words.whole.keys() & by_token.keys()])
            shared = Counter(chain.from_iterable([by_token[token] for _, token in present[:_RAREST]]))
            nearest: Iterable[int] = shared
            if len(shared) > _MOST_CANDIDATES:
                ranked = sorted([position - count * _MANY for position, count in shared.items()])
                nearest = [place % _MANY for place in ranked[:_MOST_CANDIDATES]]
            found.extend((*held.prints[position], abs(offset)) for position in sorted(nearest))
        return found

    def take_new(self) -> list[tuple[int, dict[str, object]]]:
        """The stories without a row: their present number and the row's values, in order of appearance.

        Among them those that are part of another already, without an article.
        """
        living = [story for story in self._touched.values() if story.fresh]
        fresh = sorted(living + self._gone, key=lambda story: -story.id)
        self._gone.clear()
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
        grown = [story for story in self._touched.values() if story.changed and not story.fresh]
        for story in grown:
            story.changed = False
        self._touched.clear()
        return sorted(story.id for story in grown)

    def number(self, ids: dict[int, int]) -> None:
        """Give new stories the numbers of their rows."""
        for old, new in ids.items():
            if (story := self._stories.pop(old, None)) is not None:
                story.id, story.fresh, story.changed = new, False, False
                self._stories[new] = story


def _like_opener(story: _Told, mark: Print) -> bool:
    """Whether an article is like the first of a story.

    Without this a summit's tellings would chain, each to the last, into one story of everything said there.
    """
    opener = story.opener
    if opener is None or similarity(opener.title, mark.title) > 0:
        return True
    return probability(opener.words, mark.words, 0) >= OPENER_LIKE


def _openers_alike(one: _Told, two: _Told) -> bool:
    """Whether the first articles of two stories could stand in one: a chain of tellings must not tie two events."""
    if one.opener is None or two.opener is None or told_apart(one.opener.title, two.opener.title):
        return False
    return _like_opener(one, two.opener)


def _age(number: int) -> float:
    """Sorts stories by age: rows first by their number, then those without a row in order of appearance."""
    return number if number > 0 else 1e12 - number
