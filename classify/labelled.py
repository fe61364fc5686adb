"""A labelled set: reading it, joining labels to their texts, and splitting it so that a figure is not flattered."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from classify.model import Item
from ingest.jsonl import iter_jsonl
from store.errors import InputError
from store.progress import Progress, silent

NEITHER = 9
"""In place of a stance, where an item does not concern a pair that its names allow."""
LEAD_CHARS = 260
"""What a reader sees of a text: a label says what is read in so much, so training sees no more of it."""
NEAR_DUPLICATE = 0.7
"""Share of common words (Jaccard) from which two titles are taken for the same news."""
_COMMON = 300  # a word in so many titles finds no duplicates, only work
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Labelled:
    """An item with what a careful reader read in it, in the form of the codebook's records."""

    item: Item
    dyads: dict[str, int]
    themes: tuple[str, ...]
    hard: bool
    note: str = ""
    weight: float = 1.0
    """How much it counts in training."""

    @property
    def relevant(self) -> bool:
        """Whether it concerns a dyad."""
        return bool(self.dyads)


def load_labelled(path: Path, weight: float = 1.0) -> list[Labelled]:
    """Read a ``.jsonl`` or ``.jsonl.gz`` file of label records joined to their texts; each counts *weight* in training.

    Raises:
        InputError: the file is no such file, or a record is malformed; labels are not guessed.
    """
    labelled = []
    for line in iter_jsonl(path):
        if line.value is None:
            raise InputError(f"{path}, line {line.number}: {line.reason}")
        one = _labelled(line.value, f"{path}, line {line.number}")
        labelled.append(one if weight == 1.0 else replace(one, weight=weight))
    if not labelled:
        raise InputError(f"{path} holds no labelled items")
    return labelled


def _labelled(value: dict[str, Any], where: str) -> Labelled:
    dyads, themes, title = value.get("dyads"), value.get("themes"), value.get("title")
    if not isinstance(title, str) or not isinstance(dyads, dict) or not isinstance(themes, list):
        raise InputError(f"{where}: a labelled item needs 'title', 'dyads' (a mapping) and 'themes' (a list)")
    if not all(stance in (-1, 0, 1) for stance in dyads.values()):
        raise InputError(f"{where}: a stance is -1, 0 or 1; found {dyads}")
    if bool(value.get("relevant", dyads)) != bool(dyads):
        raise InputError(f"{where}: an item is relevant exactly when it has dyads")
    item = Item(
        id=str(value.get("id", "")),
        title=title,
        text=str(value.get("text") or ""),
        source=str(value.get("source") or ""),
        date=str(value.get("date") or ""),
        url=str(value.get("url") or ""),
        lang=str(value.get("lang") or ""),
    )
    return Labelled(item, dyads, tuple(map(str, themes)), bool(value.get("hard")), str(value.get("note") or ""))


def item_key(url: str, title: str) -> str:
    """The id of an item that came without one: the first 12 hex digits of SHA-256 over address, newline and title.

    >>> item_key("https://a.example/1", "India and Russia sign")
    '4e1501281cfb'
    """
    return hashlib.sha256(f"{url}\n{title}".encode()).hexdigest()[:12]


_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class JoinReport(Generic[_Read]):
    """Labels that found their texts, in the order of the labels, and the ids of those that did not."""

    labelled: tuple[_Read, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        total = len(self.labelled) + len(self.missing)
        lost = f"; without text: {', '.join(self.missing[:5])}" if self.missing else ""
        more = f" and {len(self.missing) - 5:,} more" if len(self.missing) > 5 else ""
        return f"{len(self.labelled):,} of {total:,} labels joined to their texts{lost}{more}"


def join_labels(labels: Path, texts: Sequence[Path], *, progress: Progress = silent) -> JoinReport[Labelled]:
    """Join the records of *labels* to the items of *texts* (both ``.jsonl`` or ``.jsonl.gz``), each text cut to 260.

    An item is found by the key of its address and title, or by an id of its own where date, source and address do not
    contradict. Of a label file as ``ricwatch label`` writes it, the last word on an item counts. Memory holds the
    labels and their items, never a whole file of texts.

    Raises:
        InputError: a file is no such file, or a label is malformed.
    """
    wanted = load_labels(labels)
    found: dict[str, Item] = {}
    lines = 0
    for path in texts:
        for line in iter_jsonl(path):
            lines += 1
            if lines % 5_000 == 0:
                progress(lines, None, f"{len(found):,} of {len(wanted):,} labels found")
            if line.value is None or len(found) == len(wanted):
                continue
            label = _label_of(line.value, wanted)
            if label and label.item.id not in found:
                text = str(line.value.get("text") or "")[:LEAD_CHARS]
                found[label.item.id] = replace(label.item, title=line.value["title"], text=text)
    return JoinReport(
        tuple(replace(label, item=found[key]) for key, label in wanted.items() if key in found),
        tuple(key for key in wanted if key not in found),
    )


def load_labels(path: Path) -> dict[str, Labelled]:
    """Labels without texts by id, in the order in which they were first given; the last word on an item counts.

    Records marked ``skipped`` or ``retracted`` take an item's label back.

    Raises:
        InputError: the file is no such file, or a record is malformed; labels are not guessed.
    """
    labels: dict[str, Labelled] = {}
    for where, key, value in label_records(path):
        if value.get("skipped") or value.get("retracted"):
            labels.pop(key, None)
            continue
        label = _labelled({**value, "title": ""}, where)
        labels[key] = replace(label, item=replace(label.item, text="", url=str(value.get("url") or "")))
    return labels


def label_records(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every record of a file of labels without texts: where it stands, the id of its item, and what it says.

    Raises:
        InputError: the file is no such file, or a line is no record of an item.
    """
    for line in iter_jsonl(path):
        where = f"{path}, line {line.number}"
        if line.value is None:
            raise InputError(f"{where}: {line.reason}")
        key = line.value.get("id")
        if not isinstance(key, str) or not key:
            raise InputError(f"{where}: a label needs the 'id' of its item")
        yield where, key, line.value


def _label_of(value: dict[str, Any], wanted: dict[str, Labelled]) -> Labelled | None:
    title, url, own = value.get("title"), str(value.get("url") or ""), value.get("id")
    if not isinstance(title, str):
        return None
    label = wanted.get(str(own)) if own is not None else None
    if label and all(
        str(value.get(name) or kept) == kept
        for name, kept in (("date", label.item.date), ("source", label.item.source), ("url", label.item.url))
        if kept
    ):
        return label
    return wanted.get(item_key(url, title))


def digest(labelled: Sequence[Labelled]) -> str:
    """Sixteen hex digits that name a labelled set: its items and labels, in any order."""
    lines = sorted(f"{one.item.id}\t{one.item.title}\t{sorted(one.dyads.items())}\t{one.themes}" for one in labelled)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def groups(labelled: Sequence[Labelled]) -> list[int]:
    """A group number per item: items of one date, and items with nearly the same title, share a group.

    A story that is in training under one outlet's name must not be in the test under another's.
    """
    parent = list(range(len(labelled)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    by_date: dict[str, int] = {}
    titles = [frozenset(_WORD.findall(one.item.title.lower())) for one in labelled]
    by_word: dict[str, list[int]] = {}
    for at, one in enumerate(labelled):
        if one.item.date:
            parent[root(at)] = root(by_date.setdefault(one.item.date, at))
        shared: Counter[int] = Counter()
        for word in titles[at]:
            holders = by_word.setdefault(word, [])
            if len(holders) < _COMMON:
                shared.update(holders)
                holders.append(at)
        for other, count in sorted(shared.items()):
            if count >= NEAR_DUPLICATE * len(titles[at] | titles[other]):
                parent[root(at)] = root(other)
    return [root(at) for at in range(len(labelled))]


def fold_numbers(group: Sequence[int], folds: int, seed: int) -> list[int]:
    """A fold number per item, whole groups together, groups dealt at random."""
    names = sorted(set(group))
    random.Random(seed).shuffle(names)  # noqa: S311 (no secret)
    fold = {name: at % folds for at, name in enumerate(names)}
    return [fold[name] for name in group]


Split = tuple[list[int], list[int]]
"""Positions to train on, positions to test on."""


def split_by(labelled: Sequence[Labelled], test: Callable[[Labelled], bool]) -> Split:
    """Two lists of positions: those that *test* leaves and those that it takes."""
    train: list[int] = []
    held: list[int] = []
    for at, one in enumerate(labelled):
        (held if test(one) else train).append(at)
    return train, held


def split_by_time(labelled: Sequence[Labelled], day: str) -> Split:
    """Train before *day* (ISO date), test from it on."""
    return split_by(labelled, lambda one: one.item.date >= day)


def split_by_time_and_archive(labelled: Sequence[Labelled], day: str) -> Split:
    """Train before *day*, test from it on, only on sources that training never saw: later news of other outlets."""
    known = {one.item.source for one in labelled if one.item.date < day}
    train, held = split_by_time(labelled, day)
    return train, [at for at in held if labelled[at].item.source not in known]
