"""How well near-copies and tellings of one event are joined, on 320 labelled pairs, beside title rules.

    python -m bench.stories ../shared/data/stream_2020.jsonl.gz ../shared/data/stream_2023h1.jsonl.gz

The pairs (`ingest/labels/story_pairs.jsonl`) hold ids and addresses, no texts: they are joined to the items of the
files. *Refitted* is the same with the logistic function fitted anew on nine tenths and tried on the last, ten times:
the figure to expect on new pairs.

Then copies are planted: of items of the files that name two of the states, each with what outlets do to a copy, and
with what makes another event of it. Told is how many are joined; of the first all should be, of the second none.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from classify.actors import Matcher
from classify.labelled import item_key
from ingest import likeness as measure
from ingest.clean import title_key
from ingest.jsonl import iter_jsonl
from ingest.stories import COPY_DAYS, SURE_ENOUGH, Print, likeness, make_print, similarity, told_apart
from ingest.topic import load_topic
from store.settings import ROOT

LABELS = Path(__file__).resolve().parent.parent / "ingest" / "labels" / "story_pairs.jsonl"
FOLDS = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """Two items with their label; `second` is the second reader's, where there is one."""

    one: Print
    two: Print
    titles: tuple[frozenset[str], frozenset[str]]
    texts: tuple[str, str]
    days: int
    same: bool
    hard: bool
    second: bool | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Pairwise precision, recall and F1 of "same"."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean."""
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.precision else 0.0

    def __str__(self) -> str:
        return f"precision {self.precision:.3f}  recall {self.recall:.3f}  F1 {self.f1:.3f}"


def load_pairs(texts: Sequence[Path], labels: Path = LABELS) -> list[Pair]:
    """The labelled pairs whose items are all in *texts*."""
    rows = [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines()]
    wanted = {side["id"] for row in rows for side in (row["one"], row["two"])}
    found: dict[str, tuple[str, str]] = {}
    for path in texts:
        for line in iter_jsonl(path):
            value = line.value or {}
            key = item_key(str(value.get("url") or ""), str(value.get("title") or ""))
            if key in wanted:
                found[key] = (str(value["title"]), str(value.get("text") or ""))
    return [
        _pair(row, found[row["one"]["id"]], found[row["two"]["id"]])
        for row in rows
        if row["one"]["id"] in found and row["two"]["id"] in found
    ]


def _pair(row: dict[str, object], one: tuple[str, str], two: tuple[str, str]) -> Pair:
    sides = [title_key(title) for title, _ in (one, two)]
    days = [dt.date.fromisoformat(str(row[side]["date"])) for side in ("one", "two")]  # type: ignore[index]
    second = row.get("second")
    return Pair(
        make_print(sides[0], one[1]),
        make_print(sides[1], two[1]),
        (frozenset(sides[0].split()), frozenset(sides[1].split())),
        (one[1], two[1]),
        abs((days[0] - days[1]).days),
        bool(row["same"]),
        bool(row["hard"]),
        None if second is None else bool(second),
    )


def ours(pair: Pair) -> bool:
    """As articles are put into stories."""
    return likeness(pair.one, pair.two, pair.days) > 0


def jaccard(pair: Pair, least: float = 0.55) -> bool:
    """Title words in common over title words in all."""
    one, two = pair.titles
    return len(one & two) / max(1, len(one | two)) >= least


def copies_only(pair: Pair) -> bool:
    """Our rule on titles alone."""
    return pair.days <= COPY_DAYS and similarity(pair.one.title, pair.two.title) > 0


def entry_dedupe() -> Callable[[Pair], bool] | None:
    """The test of the package reader's plugin on the two texts; None where the package is not installed."""
    try:
        from reader.plugins.entry_dedupe import is_duplicate_entry
    except ImportError:
        return None
    return lambda pair: bool(
        is_duplicate_entry(*(SimpleNamespace(summary=text, content=()) for text in pair.texts)),
    )


def figures(pairs: Sequence[Pair], joins: Callable[[Pair], bool]) -> Figures:
    """Of all pairs."""
    joined = [joins(pair) for pair in pairs]
    both = sum(one and pair.same for one, pair in zip(joined, pairs, strict=True))
    return Figures(both / max(1, sum(joined)), both / max(1, sum(pair.same for pair in pairs)))


def refitted(pairs: Sequence[Pair], seed: int = 0) -> Callable[[Pair], bool]:
    """Our rule, with the function for pairs with leads fitted on the other nine tenths."""
    from sklearn.linear_model import LogisticRegression

    fold = np.random.default_rng(seed).permutation(len(pairs)) % FOLDS
    answer: dict[int, bool] = {}
    for number in range(FOLDS):
        train = [pair for at, pair in enumerate(pairs) if fold[at] != number and _has_leads(pair)]
        model = LogisticRegression(C=10, max_iter=5_000)
        model.fit([_features(pair) for pair in train], [pair.same for pair in train])
        for at, pair in enumerate(pairs):
            if fold[at] != number:
                continue
            joins = ours(pair)
            if _has_leads(pair) and not copies_only(pair):
                sure = float(model.predict_proba([_features(pair)])[0, 1])
                joins = sure >= SURE_ENOUGH and not told_apart(pair.one.title, pair.two.title)
            answer[id(pair)] = joins
    return lambda pair: answer[id(pair)]


def _has_leads(pair: Pair) -> bool:
    return pair.one.words.has_lead and pair.two.words.has_lead


def _features(pair: Pair) -> list[float]:
    return [*measure.cosines(pair.one.words, pair.two.words), pair.days / measure.WINDOW_DAYS]


@dataclass(frozen=True, slots=True)
class Text:
    """Headline and lead."""

    title: str
    lead: str


def _typo(text: Text) -> Text:
    """Two letters in the middle of the longest word change places, as a correction finds them."""
    word = max(text.title.split(), key=len)
    at = len(word) // 2
    return Text(text.title.replace(word, word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :], 1), text.lead)


def _other_number(text: Text) -> Text | None:
    """The same report with another figure in its headline."""
    found = re.search(r"\b[1-9]\d?\b", text.title)
    return Text(text.title[: found.start()] + str(int(found[0]) + 3) + text.title[found.end() :], "") if found else None


def _denied(text: Text) -> Text | None:
    """The headline with a negation, where a verb is easily found."""
    told = re.sub(r"\b(will|would|can|is|are|was|were|has|have)\b", r"\1 not", text.title, count=1)
    return Text(told, "") if told != text.title and not re.search(r"\b(not|no|never|n't)\b", text.title) else None


PLANTED: dict[str, Callable[[Text], Text | None]] = {
    "the same wire text": lambda text: text,
    "the outlet's name behind the headline": lambda text: Text(f"{text.title} - The Courier", text.lead),
    "a mark of an update before it": lambda text: Text(f"UPDATE 2-{text.title}", text.lead),
    "a live page": lambda text: Text(f"LIVE: {text.title}", text.lead),
    "a dateline before the lead": lambda text: Text(text.title, f"NEW DELHI (Agencies) - {text.lead}"),
    "half of the lead": lambda text: Text(text.title, text.lead[: len(text.lead) // 2]),
    "a letter corrected": _typo,
    "a headline of its own, the same lead": lambda text: Text(" ".join(text.lead.split()[:9]), text.lead),
}
OTHERS: dict[str, Callable[[Text], Text | None]] = {"another number": _other_number, "denied": _denied}


def planted(texts: Sequence[Path], most: int = 1_000) -> list[Text]:
    """Items of *texts* with headline and lead that name two of the states, the first of each headline."""
    matcher = Matcher(load_topic(ROOT / "seeds"))
    found: dict[str, Text] = {}
    for path in texts:
        for line in iter_jsonl(path):
            value = line.value or {}
            title, lead = str(value.get("title") or ""), str(value.get("text") or "")
            if len(title.split()) >= 5 and len(lead.split()) >= 12 and matcher.names_two(f"{title}\n{lead}"):
                found.setdefault(title_key(title), Text(title, lead))
    return sorted(found.values(), key=lambda text: hashlib.sha256(text.title.encode()).digest())[:most]


def joined(texts: Sequence[Text], how: Callable[[Text], Text | None]) -> tuple[int, int]:
    """How many copies made in one way are joined a day later, and how many were made."""
    made = [(text, copy) for text in texts if (copy := how(text)) is not None]
    prints = [tuple(make_print(title_key(one.title), one.lead) for one in both) for both in made]
    return sum(likeness(one, two, 1) > 0 for one, two in prints), len(made)


def kappa(pairs: Sequence[Pair]) -> float:
    """Cohen's, of the two readers."""
    twice = [(pair.same, pair.second) for pair in pairs if pair.second is not None]
    agreed = np.mean([one == two for one, two in twice])
    p, q = (float(np.mean([pair[at] for pair in twice])) for at in (0, 1))
    chance = p * q + (1 - p) * (1 - q)
    return float((agreed - chance) / (1 - chance))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path, help="items to take the texts from, .jsonl or .jsonl.gz")
    files = parser.parse_args().texts
    pairs = load_pairs(files)
    same = sum(pair.same for pair in pairs)
    print(f"{len(pairs)} pairs, {same} of one story; two readers agree with kappa {kappa(pairs):.2f}")
    rules = {
        "ours": ours,
        "ours, refitted": refitted(pairs),
        "ours, titles alone": copies_only,
        "title Jaccard 0.55": jaccard,
    }
    if dedupe := entry_dedupe():
        rules["reader's entry_dedupe"] = dedupe
    for name, rule in rules.items():
        print(f"{name:22} {figures(pairs, rule)}")
        print(f"{'  … not hard':22} {figures([pair for pair in pairs if not pair.hard], rule)}")
    texts = planted(files)
    for what, ways in (("copies", PLANTED), ("other events", OTHERS)):
        print(f"planted {what} of {len(texts)} items, joined:")
        for name, how in ways.items():
            told, made = joined(texts, how)
            print(f"  {name:40} {told:5} of {made:5}  {told / max(1, made):6.1%}")


if __name__ == "__main__":
    main()
