"""Narratives outside the seed themes: stories that fit no theme well, clustered as they come, and watched for staying.

What bursts is an event; what stays is a narrative. So the score of a cluster counts days, not stories: a day counts for
at most two of its outlets. Outliers that found a topic before it is one: Zve et al., arXiv 2603.18358. Everything here
is a function of its arguments; nothing looks ahead, and the order of the stories of a day does not matter.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

Rarity = Callable[[str], float]
"""How rare a word is in the press (idf, above 0); 0 for a word that tells nothing, such as the names of the states."""

MEMORY = 28
"""Days after which a story no longer belongs to its cluster, and a cluster without stories is forgotten."""
SCORED = 21
"""Days over which a score is summed."""
WINDOW = MEMORY + SCORED
"""Days of stories from which the clusters of a day are made: those that are scored, and a memory before them."""
MOST_OUTLETS = 2
"""Outlets of a day that count: one storm of a day must not look like a narrative."""
LEAST_BLOCS = 2
NEAR = 0.25
"""Cosine from which a story belongs to a cluster. Looked at on real headlines of 2020 and 2023, together with the words
that tell nothing: at 0.30 one matter broke into several clusters, and 0.20 brought no narrative that 0.25 lacks."""
SAME = 0.40
"""Cosine of two profiles from which they are one narrative, so that what was told is not told again."""
LEAST_WORDS = 3
TERMS = 6
SHOWN = 3

THRESHOLD = 25.5
"""Score from which a narrative is told: in the simulated press, with three small topics a day starting by chance,
background clusters pass it about once in three years (`python -m bench.narratives`)."""
FLOOR = 24.0
"""The least that a long and quiet history of a deployment can bring it to."""
YEARS = 3.0
"""Mean years between two false narratives."""
LEAST_HISTORY = 120
"""Days of scores before a deployment's own history says anything."""
LONG_HISTORY = 365
"""Days of scores from which it may also lower the threshold, to no less than `FLOOR`."""
BLOCK = 28

_UNIT = 1 << 14  # vectors are whole numbers, so that sums do not depend on the order in which they were made
_SHORTEST = 0.99 * _UNIT  # rounding makes some a little shorter


@dataclass(frozen=True, slots=True)
class LooseStory:
    """A story that fits no theme well, with the one vote that it has: its earliest article's outlet, bloc and day.

    `words` are those of its title, each once.
    """

    key: str
    day: dt.date
    outlet: str
    bloc: str
    words: frozenset[str]
    title: str = ""
    url: str = ""
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as it stands on a day: `score` as in `score_of`, the rest over its stories of the last 21 days.

    `stories` are in order of days; `profile` gives its words with their part (cosine weights, the largest first), of
    which the first are its `terms`. `first` is the first of its days within the window.
    """

    score: float
    terms: tuple[str, ...]
    first: dt.date
    last: dt.date
    days: int
    outlets: int
    blocs: tuple[str, ...]
    stories: tuple[LooseStory, ...]
    profile: Mapping[str, float] = field(repr=False)

    @property
    def shown(self) -> tuple[LooseStory, ...]:
        """Up to three stories that tell it best: nearest to its words, of different outlets where it has them."""
        norm = math.sqrt(sum(part * part for part in self.profile.values())) or 1.0

        def nearness(story: LooseStory) -> float:
            return sum(self.profile.get(word, 0.0) for word in sorted(story.words)) / norm / math.sqrt(len(story.words))

        ranked = sorted(self.stories, key=lambda story: (-round(nearness(story), 9), story.day, _name(story)))
        firsts = list({story.outlet: story for story in reversed(ranked)}.values())[::-1]
        rest = [story for story in ranked if story not in firsts]
        chosen = [*sorted(firsts, key=ranked.index), *rest][:SHOWN]
        return tuple(sorted(chosen, key=lambda story: (story.day, _name(story))))


def clusters_on(stories: Iterable[LooseStory], day: dt.date, rarity: Rarity) -> list[Cluster]:
    """The clusters on *day*, the highest score first, made from the stories of the `WINDOW` days up to it.

    Clusters of a single story are left out.
    """
    first = day - dt.timedelta(days=WINDOW - 1)
    clusters = Clusters(rarity)
    for _day in clusters.walk(story for story in stories if first <= story.day <= day):
        pass
    return clusters.standing(day)


def score_of(stories: Iterable[LooseStory], day: dt.date) -> float:
    """Persistence: over the 21 days up to *day* the sum of min(outlets of the day, 2); half of it from a single bloc.

    One bloc alone so reaches 21 at most, which is below every threshold.
    """
    outlets: dict[dt.date, set[str]] = defaultdict(set)
    blocs = set()
    for story in stories:
        if 0 <= (day - story.day).days < SCORED:
            outlets[story.day].add(story.outlet)
            blocs.add(story.bloc)
    total = sum(min(len(names), MOST_OUTLETS) for names in outlets.values())
    return float(total) if len(blocs) >= LEAST_BLOCS else total / 2


def threshold(tops: Sequence[float]) -> float:
    """Score from which a narrative is told, given *tops*: per day of the past the highest score of the background.

    The value that such a background passes once in three years: Gumbel's law for the maxima of blocks of four weeks,
    fitted by their moments (Gumbel, *Statistics of Extremes*, 1958, ch. 6). History of under a year only raises it.
    """
    if len(tops) < LEAST_HISTORY:
        return THRESHOLD
    maxima = [max(tops[at : at + BLOCK]) for at in range(len(tops) % BLOCK, len(tops), BLOCK)]
    mean = sum(maxima) / len(maxima)
    spread = math.sqrt(6 * sum((one - mean) ** 2 for one in maxima) / (len(maxima) - 1)) / math.pi
    blocks = YEARS * 365.25 / BLOCK
    own = mean - 0.5772 * spread - spread * math.log(-math.log(1 - 1 / blocks))
    return max(FLOOR if len(tops) >= LONG_HISTORY else THRESHOLD, own)


def alike(one: Mapping[str, float], two: Mapping[str, float]) -> float:
    """Cosine of two profiles, 0 to 1.

    >>> alike({"vaccine": 0.8, "trial": 0.6}, {"vaccine": 1.0})
    0.8
    """
    product = sum(part * two[word] for word, part in sorted(one.items()) if word in two)
    norms = math.sqrt(sum(x * x for x in one.values()) * sum(x * x for x in two.values()))
    return product / norms if norms else 0.0


@dataclass(slots=True)
class _Held:
    """A cluster at work: its stories with their vectors, and the sum of these (words to whole numbers)."""

    born: tuple[dt.date, tuple[str, ...]]
    members: list[tuple[LooseStory, dict[str, int]]]
    total: Counter[str]
    square: int = 0


class Clusters:
    """Online clusters of stories by the words of their titles: single pass, cosine to the mean of the last 28 days.

    All stories of a day are first held against the clusters of before; those that fit none found new ones, in the
    order of their words, so that neither order nor outlets matter. A title that comes back word for word within the
    memory is a copy, or a rubric such as "the week in pictures", and counts once.
    """

    def __init__(self, rarity: Rarity) -> None:
        self._rarity = rarity
        self._rarities: dict[str, float] = {}
        self._held: dict[int, _Held] = {}
        self._index: dict[str, dict[int, int]] = {}
        self._seen: dict[frozenset[str], dt.date] = {}
        self._number = 0

    def walk(self, stories: Iterable[LooseStory]) -> Iterator[dt.date]:
        """Take *stories* day by day; gives each day once its stories are in."""
        for day, found in groupby(sorted(stories, key=lambda story: story.day), key=lambda story: story.day):
            self.take(day, list(found))
            yield day

    def take(self, day: dt.date, stories: Sequence[LooseStory]) -> None:
        """Take the stories of *day*, which comes after every day taken before."""
        self._forget(day)
        fresh = []
        # Of stories told word for word alike the outlet that comes first stands for all: any rule does that is fixed.
        for words, same in groupby(sorted(stories, key=_name), key=lambda story: story.words):
            story = next(same)
            vector = self._vector(words)
            if len(vector) >= LEAST_WORDS and words not in self._seen:
                self._seen[words] = day
                fresh.append((story, vector))
        placed = [self._nearest(vector, self._index) for _story, vector in fresh]
        waiting = []
        for (story, vector), number in zip(fresh, placed, strict=True):
            if number is None:
                waiting.append((story, vector))
            else:
                self._add(number, story, vector, self._index)
        today: dict[str, dict[int, int]] = {}
        for story, vector in waiting:
            number = self._nearest(vector, today)
            if number is None:
                number = self._number
                self._held[number] = _Held((day, _name(story)), [], Counter())
                self._number += 1
            self._add(number, story, vector, today)
        for word, postings in today.items():
            self._index.setdefault(word, {}).update(postings)

    def standing(self, day: dt.date) -> list[Cluster]:
        """The clusters of two stories or more within the scored days, the highest score first."""
        self._forget(day)
        found = []
        for held in self._held.values():
            stories = [story for story, _ in held.members if (day - story.day).days < SCORED]
            if len(stories) < 2:
                continue
            found.append((-score_of(stories, day), held.born, self._cluster(held, stories, day)))
        return [cluster for _score, _born, cluster in sorted(found, key=lambda one: one[:2])]

    def _cluster(self, held: _Held, stories: list[LooseStory], day: dt.date) -> Cluster:
        ranked = sorted(held.total.items(), key=lambda item: (-item[1], item[0]))
        norm = math.sqrt(held.square)
        common = Counter(word for story in stories for word in story.words)
        shared = [word for word, _ in ranked if common[word] > 1]
        stories = sorted(stories, key=lambda story: (story.day, _name(story)))
        return Cluster(
            score=score_of(stories, day),
            terms=tuple((shared or [word for word, _ in ranked])[:TERMS]),
            first=stories[0].day,
            last=stories[-1].day,
            days=len({story.day for story in stories}),
            outlets=len({story.outlet for story in stories}),
            blocs=tuple(sorted({story.bloc for story in stories})),
            stories=tuple(stories),
            profile={word: round(part / norm, 4) for word, part in ranked[:24]},
        )

    def _vector(self, words: frozenset[str]) -> dict[str, int]:
        """The words, the rarest first, with their parts of a vector of length one, in whole numbers."""
        rarities = []
        for word in sorted(words):
            if word not in self._rarities:
                self._rarities[word] = self._rarity(word)
            if self._rarities[word] > 0:
                rarities.append((-self._rarities[word], word))
        norm = math.sqrt(sum(rarity * rarity for rarity, _ in rarities)) or 1.0
        return {word: round(-rarity / norm * _UNIT) for rarity, word in sorted(rarities)}

    def _nearest(self, vector: Mapping[str, int], index: Mapping[str, Mapping[int, int]]) -> int | None:
        """The nearest cluster of *index* that is near enough; of equals the oldest.

        Only clusters that share one of the rarest words are looked at. That loses none: the words left out are so
        common that together they cannot reach `NEAR` (prefix filtering, Bayardo, Ma & Srikant, WWW 2007).
        """
        allowance = (NEAR * _UNIT) ** 2
        tail = sum(part * part for part in vector.values())
        products: dict[int, int] = {}
        known = products.get
        for word, part in vector.items():
            postings = index.get(word)
            if postings:
                if tail >= allowance:
                    for number, total in postings.items():
                        products[number] = known(number, 0) + part * total
                else:
                    for number in products.keys() & postings.keys():
                        products[number] += part * postings[number]
            tail -= part * part
        least = NEAR * _UNIT
        near = [
            (product / math.sqrt(self._held[number].square), -number)
            for number, product in products.items()
            # No sum of vectors is shorter than one of them; the first test is the cheap one.
            if product >= least * _SHORTEST and product >= least * math.sqrt(self._held[number].square)
        ]
        return -max(near)[1] if near else None

    def _add(self, number: int, story: LooseStory, vector: Mapping[str, int], index: dict[str, dict[int, int]]) -> None:
        held = self._held[number]
        held.members.append((story, dict(vector)))
        for word, part in vector.items():
            before = held.total[word]
            held.total[word] = before + part
            held.square += part * (2 * before + part)
            index.setdefault(word, {})[number] = before + part

    def _forget(self, day: dt.date) -> None:
        """Let go of what lies further back than the memory."""
        oldest = day - dt.timedelta(days=MEMORY - 1)
        self._seen = {words: seen for words, seen in self._seen.items() if seen >= oldest}
        for number in list(self._held):
            held = self._held[number]
            if held.members[0][0].day >= oldest:
                continue
            for story, vector in held.members:
                if story.day < oldest:
                    self._take_away(number, vector)
            held.members = [member for member in held.members if member[0].day >= oldest]
            if not held.members:
                del self._held[number]

    def _take_away(self, number: int, vector: Mapping[str, int]) -> None:
        held = self._held[number]
        for word, part in vector.items():
            after = held.total[word] - part
            held.square -= part * (2 * after + part)
            if after:
                held.total[word] = self._index[word][number] = after
            else:
                del held.total[word], self._index[word][number]


def _name(story: LooseStory) -> tuple[str, ...]:
    """Sorts stories by their words, and by what does not depend on the order of arrival where these are equal."""
    return (*sorted(story.words), "\x00", story.key)
