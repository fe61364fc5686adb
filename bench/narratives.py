"""Narratives outside the seed themes: false alarms and delays on a simulated press, and the clustering on real streams.

    python -m bench.narratives                           # the simulated press, four minutes on one core
    python -m bench.narratives --quick                   # the same, smaller
    python -m bench.narratives STREAM.jsonl.gz …         # items that name a state through the clustering, day by day
    python -m bench.narratives --what loose STREAM …     # what a deployment would take: on a tie, and in no theme
    python -m bench.narratives --labels LABELS --weights FOLDER STREAM …    # how many labelled items fit no theme

The simulation knows no text: stories come with the number of their matter, and one in five is put elsewhere. Three
small matters a day begin by chance; how long each is told of, and how much, is heavy-tailed. Seeds start at 70,000.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from alerts.narratives import (
    MEMORY,
    SAME,
    SCORED,
    THRESHOLD,
    Clusters,
    LooseStory,
    alike,
    clusters_on,
    score_of,
    threshold,
)
from alerts.proposals import FITS, fits_a_theme
from classify.actors import NAMES, Matcher
from classify.decide import sigmoid
from classify.labelled import join_labels
from classify.linear import load_linear
from classify.model import Item
from classify.parameters import WEIGHTS, load_parameters
from classify.rarity import word_rarity
from classify.text import make_document
from ingest.clean import title_key
from ingest.jsonl import iter_jsonl
from ingest.stories import fingerprint
from ingest.topic import Topic, load_topic
from store.settings import get_settings

SEED = 70_000
FIRST = dt.date(2024, 1, 1)
BLOCS = ("india", "russia", "china", "west")
OUT = Path(__file__).parent / "out"
BEGINS = 50
WATCHED = 70
MISPLACED = 0.2
MATTERS_A_DAY = 3.0
WARM_UP = 30
OUTLETS = 40


@dataclass(frozen=True, slots=True)
class Event:
    """A story of the simulated press: day, matter (0 is the narrative), outlet."""

    day: int
    matter: int
    outlet: int


def press(seed: int, days: int, rate: float = 0.0, *, whole: bool = True) -> list[Event]:
    """A press of small matters; with *rate*, from day `BEGINS` on a narrative of so many stories a day.

    A narrative that is kept *whole* loses none of its stories to other clusters; otherwise it loses one in five.

    Matters begin as a Poisson process. Each is told of for a Pareto number of days (exponent 1.5, at least 1, at most
    60) by a Pareto number of stories (exponent 1.2, at most 60) spread over them with an exponential decline. A story
    comes from one of 40 outlets by Zipf's law, an outlet from one of four blocs. A narrative rises for a week.
    """
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, OUTLETS + 1)
    weights /= weights.sum()
    events: list[tuple[int, int]] = []
    matter = 0
    for start in range(-60, days):
        for _ in range(rng.poisson(MATTERS_A_DAY)):
            matter += 1
            length = min(60.0, rng.pareto(1.5) + 1)
            stories = int(min(60.0, rng.pareto(1.2) + 1))
            when = start + np.floor(rng.exponential(length / 2, stories)).astype(int)
            events += [(int(day), matter) for day in when if 0 <= day < days]
    if rate:
        for day in range(BEGINS, days):
            events += [(day, 0)] * int(rng.poisson(rate * min(1.0, (day - BEGINS + 1) / 7)))
    placed = []
    by_day: dict[int, list[int]] = defaultdict(list)
    for day, number in events:
        by_day[day].append(number)
    for day in sorted(by_day):
        # A misplaced story goes to a matter that is told of in these days, or stands alone.
        nearby = sorted({other for back in range(7) for other in by_day.get(day - back, [])})
        for number in by_day[day]:
            shown = number
            if rng.random() < MISPLACED and not (whole and number == 0):
                matter += 1
                shown = int(nearby[int(rng.integers(len(nearby)))]) if rng.random() < 0.5 else matter
            placed.append(Event(day, shown, int(rng.choice(OUTLETS, p=weights))))
    return placed


def scores(events: Iterable[Event], days: int) -> tuple[np.ndarray, np.ndarray]:
    """Per day the highest score of the small matters, and the score of the narrative; by the product's own rule."""
    matters: dict[int, list[LooseStory]] = defaultdict(list)
    for number, event in enumerate(events):
        date = FIRST + dt.timedelta(days=event.day)
        bloc = BLOCS[event.outlet % len(BLOCS)]
        matters[event.matter].append(LooseStory(str(number), date, str(event.outlet), bloc, frozenset()))
    background, narrative = np.zeros(days), np.zeros(days)
    for number, stories in matters.items():
        if number and len(stories) < 8:
            continue
        ordinals = sorted({(story.day - FIRST).days for story in stories})
        for day in range(ordinals[0], min(days, ordinals[-1] + SCORED)):
            value = score_of(stories, FIRST + dt.timedelta(days=day))
            if number:
                background[day] = max(background[day], value)
            else:
                narrative[day] = value
    return background, narrative


def first_passage(values: np.ndarray, height: float) -> int | None:
    """The first day with at least *height*; None without one."""
    hit = values >= height
    return int(hit.argmax()) if hit.any() else None


def simulate(null_runs: int, found_runs: int) -> dict[str, object]:
    """Print and give what the rule does on the simulated press."""
    days = 760
    tops = [scores(press(SEED + run, days), days)[0][WARM_UP:] for run in range(null_runs)]
    result: dict[str, object] = {}
    for height in (24.0, THRESHOLD):
        alarms = sum(_alarms(top, height) for top in tops)
        rate = alarms / (null_runs * (days - WARM_UP) / 365.25)
        result[f"false a year at {height}"] = round(rate, 3)
        print(f"false narratives a year at {height}: {rate:.2f} ({alarms} in {null_runs * 2} years)")
    own = [threshold(top[:365].tolist()) for top in tops]
    alarms = sum(_alarms(top[365 + 49 :], height) for top, height in zip(tops, own, strict=True))
    years = null_runs * (days - WARM_UP - 365 - 49) / 365.25
    result["own"] = {"median threshold": float(np.median(own)), "false a year": round(alarms / years, 3)}
    print(f"own threshold after a year: median {np.median(own):.1f} ({min(own):.1f} to {max(own):.1f}), "
          f"then {alarms / years:.2f} false a year")  # fmt: skip
    days = BEGINS + WATCHED
    for whole, words in ((True, "brought together"), (False, "of which one in five is put elsewhere")):
        for rate in (1.0, 2.0, 3.0, 4.0):
            delays = []
            for run in range(found_runs):
                values = scores(press(SEED + 10_000 + run, days, rate, whole=whole), days)[1][BEGINS:]
                delays.append(first_passage(values, THRESHOLD))
            known = [WATCHED + 1 if delay is None else delay + 1 for delay in delays]
            within = sum(delay <= 30 for delay in known) / found_runs
            median = float(np.median(known))
            result[f"{rate:g} a day, {words}"] = {"median days": median, "within 30": within}
            print(f"{rate:g} stories a day, {words}: median {median:.0f} days, within 30 days {within:.0%}")
    return result


def _alarms(top: np.ndarray, height: float) -> int:
    """Narratives told: passages from below, with a memory's silence after each."""
    told, until = 0, -1
    for day in np.flatnonzero(top >= height):
        if day > until:
            told += 1
        until = max(until, int(day) + 28)
    return told


class What(StrEnum):
    """Which items of a stream are clustered."""

    NAMED = "named"
    LOOSE = "loose"
    ALL = "all"


def read_stream(path: Path, keep: Callable[[Item], bool]) -> Iterator[LooseStory]:
    """The items of *path* that *keep* takes, as stories that fit no theme; each outlet is a bloc of its own."""
    for line in iter_jsonl(path):
        value = line.value
        if value is None:
            continue
        item = Item(str(line.number), str(value["title"]), str(value.get("text") or ""))
        if keep(item):
            yield LooseStory(
                key=str(value.get("url") or line.number),
                day=dt.date.fromisoformat(str(value["date"])[:10]),
                outlet=str(value["source"]),
                bloc=str(value["source"]),
                words=fingerprint(title_key(item.title)).words,
            )


def keeper(what: What, topic: Topic, weights: Path) -> Callable[[Item], bool]:
    """Which items are clustered: all, those whose title names a state of the topic, or what a deployment would take."""
    matcher = Matcher(topic)
    if what is What.LOOSE:
        model = load_linear(topic, weights)

        def loose(item: Item) -> bool:
            (read,) = model.read([item])
            return read.relevant and not fits_a_theme([asdict(theme) for theme in read.themes])

        return loose
    if what is What.NAMED:
        return lambda item: any(
            mention.actor in matcher.principals and mention.strength >= NAMES
            for mention in matcher.mentions(item.title)
        )
    return lambda _item: True


def stream(path: Path, what: What, weights: Path) -> None:
    """Print what would have been told of *path*, day by day with nothing from the future; each narrative once."""
    topic = load_topic(get_settings().seeds_dir)
    rarity = word_rarity(load_parameters(weights).item_words.idf_of, Matcher(topic))
    stories = list(read_stream(path, keeper(what, topic, weights)))
    clusters = Clusters(rarity)
    alive: list[tuple[Mapping[str, float], dt.date]] = []
    told: list[str] = []
    highest = 0.0
    for day in clusters.walk(stories):
        standing = clusters.standing(day)
        highest = max([highest, *(one.score for one in standing[:1])])
        alive = [(profile, last) for profile, last in alive if (day - last).days < MEMORY]
        for at, (profile, last) in enumerate(alive):
            nearest = max(standing, key=lambda one: alike(profile, one.profile), default=None)
            if nearest is not None and nearest.last > last and alike(profile, nearest.profile) >= SAME:
                alive[at] = (nearest.profile, nearest.last)
        for one in standing:
            if one.score >= THRESHOLD and not any(alike(profile, one.profile) >= SAME for profile, _last in alive):
                alive.append((one.profile, one.last))
                told.append(f"{day} (since {one.first}, {len(one.stories)} stories): {', '.join(one.terms)}")
    days = (max(story.day for story in stories) - min(story.day for story in stories)).days + 1
    print(
        f"{path.name}, {what}: {len(stories):,} stories in {days} days, {len(told)} narratives told, "
        f"{len(told) / days * 365.25:.1f} a year, highest score {highest:g}"
    )
    for line in told:
        print(f"  {line}")


def fits(labels: Path, texts: Sequence[Path], weights: Path) -> None:
    """Print how many relevant stories are loose at several bounds, as they are, and without their own themes.

    The second is a stand-in for a matter outside the seed themes: of an item's probabilities those of its labelled
    themes are left out. It says something only of weights that have not seen the labels.
    """
    model = load_linear(load_topic(get_settings().seeds_dir), weights)
    as_is, without = [], []
    for one in join_labels(labels, texts).labelled:
        if one.relevant:
            p = sigmoid(model.theme_logits(make_document(one.item, model.matcher)))
            as_is.append(float(p.max()))
            without.append(max(float(x) for code, x in zip(model.themes, p, strict=True) if code not in one.themes))
    print(f"{len(as_is)} relevant items of {labels.name}")
    for bound in (0.3, 0.5, FITS, 0.7, 0.8):
        loose = [sum(x < bound for x in values) / len(values) for values in (as_is, without)]
        print(f"main theme below {bound}: {loose[0]:.0%} of them; without their own themes {loose[1]:.0%}")


def speed(a_day: int) -> float:
    """Seconds for the clusters of one day from *a_day* loose stories a day, words by Zipf's law."""
    rng = np.random.default_rng(1)
    ranks = np.minimum(rng.zipf(1.3, size=(49 * a_day, 9)), 20_000)
    stories = [
        LooseStory(str(at), FIRST + dt.timedelta(days=at // a_day), f"o{at % 40}", BLOCS[at % 4],
                   frozenset(f"w{rank}" for rank in row))
        for at, row in enumerate(ranks.tolist())
    ]  # fmt: skip
    rarity = _by_rank
    began = time.perf_counter()
    clusters_on(stories, FIRST + dt.timedelta(days=48), rarity)
    return time.perf_counter() - began


def _by_rank(word: str) -> float:
    found = 1.5 + 0.8 * float(np.log(int(word[1:])))
    return found if found > 3 else 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures; those of the simulation also go to ``bench/out/narratives.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("streams", nargs="*", type=Path, help="dated items; none runs the simulation")
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    parser.add_argument("--what", choices=list(What), default=What.NAMED, help="which items of a stream")
    parser.add_argument("--labels", type=Path, help="labels of the streams' items: how many fit no theme")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the linear weights")
    chosen = parser.parse_args(arguments)
    if chosen.labels:
        fits(chosen.labels, chosen.streams, chosen.weights)
    for path in chosen.streams:
        stream(path, What(chosen.what), chosen.weights)
    if not chosen.streams:
        result = simulate(10, 40) if chosen.quick else simulate(60, 300)
        for a_day in (150, 1_000):
            result[f"seconds at {a_day} loose stories a day"] = round(speed(a_day), 2)
            print(f"{a_day:,} loose stories a day for 49 days: {result[f'seconds at {a_day} loose stories a day']} s")
        OUT.mkdir(exist_ok=True)
        (OUT / "narratives.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
