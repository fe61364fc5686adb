"""Labelling by hand: the records, the file they are kept in, and which items would teach most."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from classify.actors import Matcher
from classify.labelled import LEAD_CHARS, item_key
from classify.lexicon import WORDS
from classify.model import Backend, Item, Read, read_all
from ingest.jsonl import iter_jsonl
from store.errors import InputError
from store.progress import Progress, silent

FIRST = "first"
"""Name of the reader whose labels training takes."""
MOST_THEMES = 3
"""So many themes are labelled at most, the main one first (codebook, section 4)."""

DIVERGENCE = frozenset({"fight", "scold", "wary", "limit", "down"})
"""Groups of the lexicon whose words point to divergence, the direction in which labels are short."""
DIVERGENCE_BONUS = 0.25
"""What such words add to an item's uncertainty, which is at most one; two of them give all of it."""
POOL = 20
"""So many candidates for each item that is asked for are compared for diversity."""
_RECORD = b'{"id": '
_TAIL = 65_536  # a record with a long note stays far below this
_READER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Label:
    """What a reader read in an item."""

    dyads: Mapping[str, int] = field(default_factory=dict)
    themes: tuple[str, ...] = ()
    hard: bool = False
    note: str = ""

    @property
    def relevant(self) -> bool:
        """Whether the item concerns a dyad."""
        return bool(self.dyads)


@dataclass(frozen=True, slots=True)
class Skipped:
    """The reader passed the item over; it comes again last."""


@dataclass(frozen=True, slots=True)
class Retracted:
    """The reader took the last word on the item back."""


Decision = Label | Skipped | Retracted


def as_record(item: Item, decision: Decision, reader: str, now: dt.datetime) -> dict[str, Any]:
    """A line of a label file: which item, by id, date, source and address, never by its text, and what was decided."""
    record: dict[str, Any] = {"id": item.id, "date": item.date, "source": item.source, "url": item.url}
    match decision:
        case Label():
            record |= {
                "relevant": decision.relevant,
                "dyads": dict(decision.dyads),
                "themes": list(decision.themes),
                "hard": decision.hard,
                "note": decision.note,
            }
        case Skipped():
            record["skipped"] = True
        case Retracted():
            record["retracted"] = True
    return record | {"reader": reader, "at": now.isoformat(timespec="seconds")}


def labels_beside(items: Path) -> Path:
    """Where the first reader's labels of *items* lie unless another file is named.

    >>> labels_beside(Path("news.jsonl.gz")).name
    'news.labels.jsonl'
    """
    return items.with_name(f"{re.sub(r'[.]jsonl([.]gz)?$', '', items.name)}.labels.jsonl")


def labels_of(labels: Path, reader: str) -> Path:
    """Where another reader's labels lie: beside the first's, under the reader's name.

    Raises:
        InputError: the name is none that can stand in a file name.

    >>> labels_of(Path("news.labels.jsonl"), "ann").name
    'news.labels.ann.jsonl'
    """
    if reader == FIRST:
        return labels
    if not _READER.fullmatch(reader):
        raise InputError(f"{reader!r} is no name for a reader; take up to 40 letters, digits, hyphens or underscores")
    return labels.with_name(f"{labels.name.removesuffix('.jsonl')}.{reader}.jsonl")


def readers_of(labels: Path) -> dict[str, Path]:
    """Every reader whose labels lie beside those of the first, and the first, where their files exist."""
    stem = labels.name.removesuffix(".jsonl")
    found = {FIRST: labels} if labels.exists() else {}
    for path in sorted(labels.parent.glob("*.jsonl")):
        name = path.name.removesuffix(".jsonl")
        if name.startswith(f"{stem}.") and _READER.fullmatch(reader := name[len(stem) + 1 :]):
            found[reader] = path
    return found


class LabelFile:
    """An append-only file of one reader's decisions; every decision is on the disk before `append` returns.

    A last record that a crash tore is cut off when the file is opened, so that the file is always one of whole lines.

    Raises:
        InputError: the file cannot be written, or holds something else.
    """

    def __init__(self, path: Path, reader: str) -> None:
        self.path = path
        self.reader = reader
        self.decisions: dict[str, Label | Skipped] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as stream:
                _mend(stream)
        except OSError as error:
            raise InputError(
                f"labels cannot be written to {path}: {error.strerror or error}; name another file with --output"
            ) from None
        self.decisions = load_decisions(path)

    def append(self, item: Item, decision: Decision, now: dt.datetime) -> None:
        """Write *decision* on *item* down, for good."""
        line = json.dumps(as_record(item, decision, self.reader, now), ensure_ascii=False) + "\n"
        with self.path.open("ab") as stream:
            stream.write(line.encode())
            stream.flush()
            os.fsync(stream.fileno())
        _decide(self.decisions, item.id, decision)


def load_decisions(path: Path) -> dict[str, Label | Skipped]:
    """The last word on each item by id, in the order in which the items were decided.

    Raises:
        InputError: the file is no such file, or a line of it is no decision.
    """
    decisions: dict[str, Label | Skipped] = {}
    for line in iter_jsonl(path):
        value, where = line.value, f"{path}, line {line.number}"
        if value is None:
            raise InputError(f"{where}: {line.reason}")
        _decide(decisions, str(value.get("id")), _decision(value, where))
    return decisions


def labels_in(decisions: Mapping[str, Label | Skipped]) -> dict[str, Label]:
    """The labels among *decisions*."""
    return {key: decision for key, decision in decisions.items() if isinstance(decision, Label)}


def _decide(decisions: dict[str, Label | Skipped], key: str, decision: Decision) -> None:
    if isinstance(decision, Retracted):
        decisions.pop(key, None)
    else:
        decisions[key] = decision


def _decision(value: Mapping[str, Any], where: str) -> Decision:
    if value.get("retracted"):
        return Retracted()
    if value.get("skipped"):
        return Skipped()
    dyads, themes = value.get("dyads"), value.get("themes")
    if not isinstance(dyads, dict) or not isinstance(themes, list):
        raise InputError(f"{where}: a label needs 'dyads' (a mapping) and 'themes' (a list); is this a label file?")
    if not all(stance in (-1, 0, 1) for stance in dyads.values()):
        raise InputError(f"{where}: a stance is -1, 0 or 1; found {dyads}")
    return Label(dyads, tuple(map(str, themes)), bool(value.get("hard")), str(value.get("note") or ""))


def _mend(stream: BinaryIO) -> None:
    """Cut a torn last record off, or end a whole last line that lacks its line break."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    last = stream.read().rpartition(b"\n")[2]
    if not last:
        return
    try:
        json.loads(last)
    except ValueError:
        # Only a piece of a record of ours: what a person pointed at by mistake is left as it is, and refused.
        if last.startswith(_RECORD) or _RECORD.startswith(last):
            stream.truncate(size - len(last))
    else:
        stream.write(b"\n")


def load_items(path: Path) -> tuple[list[Item], int]:
    """The items of *path* as a reader sees them, texts cut, and how many lines were left out.

    An item without an id gets the key of its address and title. Left out are lines without a title, and repetitions of
    an id.

    Raises:
        InputError: the file is no such file, or holds no item.
    """
    items: dict[str, Item] = {}
    lines = 0
    for line in iter_jsonl(path):
        lines += 1
        value = line.value or {}
        title, url = value.get("title"), str(value.get("url") or "")
        if not isinstance(title, str) or not title.strip():
            continue
        key = str(value["id"]) if value.get("id") not in (None, "") else item_key(url, title)
        text, source, date = (str(value.get(name) or "") for name in ("text", "source", "date"))
        items.setdefault(key, Item(key, title, text[:LEAD_CHARS], source, date, url))
    if not items:
        raise InputError(f"{path} holds no item; an item is a JSON object with a 'title'")
    return list(items.values()), lines - len(items)


def remaining(items: Sequence[Item], decisions: Mapping[str, Label | Skipped]) -> list[Item]:
    """What is left to label: the undecided items in their order, then those that were skipped."""
    fresh = [item for item in items if item.id not in decisions]
    return fresh + [item for item in items if isinstance(decisions.get(item.id), Skipped)]


def every(labels: Iterable[str], step: int) -> list[str]:
    """Every *step*-th id, from the first on: the sample that a second reader reads."""
    return [key for at, key in enumerate(labels) if at % step == 0]


def uncertainty(read: Read) -> float:
    """How unsure a reading is, 0 to 1: the larger entropy of the gate (in bits) and of a dyad's stance (base 3)."""
    gate = _entropy((read.p_relevant, 1.0 - read.p_relevant), 2)
    return max([gate, *(_entropy(one.p, 3) for one in read.dyads.values())])


def divergence(item: Item) -> float:
    """Share of the bonus that an item's words earn: none, half with one word of divergence, all with two."""
    words = [word for word in _words(item) if not DIVERGENCE.isdisjoint(WORDS.get(word, ()))]
    return min(len(words), 2) / 2


def suggest(
    items: Sequence[Item],
    known: Sequence[Item],
    matcher: Matcher,
    model: Backend,
    number: int,
    *,
    progress: Progress = silent,
) -> list[Item]:
    """The *number* of *items* whose label would teach *model* most, the most telling first; *known* are labelled.

    Only items whose names allow a dyad are candidates. Each is worth the uncertainty of its reading and a bonus for
    words of divergence. From the best of them one after the other is chosen by its worth times its distance (Jaccard,
    over the words) to the nearest that is known or was chosen before: ten versions of one story are asked once.
    """
    candidates = [item for item in items if matcher.names_two(f"{item.title}\n{item.text}")]
    worth: list[float] = []
    for item, read in zip(candidates, read_all(model, candidates), strict=True):
        worth.append(uncertainty(read) + DIVERGENCE_BONUS * divergence(item))
        if len(worth) % 500 == 0:
            progress(len(worth), len(candidates), "items read")
    progress(len(worth), len(candidates), "items read")
    order = sorted(range(len(candidates)), key=lambda at: (-worth[at], at))[: POOL * number]
    chosen = diverse(
        [worth[at] for at in order],
        [_words(candidates[at]) for at in order],
        number,
        [_words(item) for item in known],
    )
    return [candidates[order[at]] for at in chosen]


def diverse(
    worth: Sequence[float], words: Sequence[frozenset[str]], number: int, known: Sequence[frozenset[str]] = ()
) -> list[int]:
    """Positions of *number* items, chosen greedily by worth times distance to the nearest known or chosen one.

    >>> sets = [frozenset({"a", "b"}), frozenset({"a", "b"}), frozenset({"c"})]
    >>> diverse([0.9, 0.8, 0.5], sets, 2)
    [0, 2]
    """
    distance = [1.0 - max((_jaccard(own, other) for other in known), default=0.0) for own in words]
    left = set(range(len(worth)))
    chosen: list[int] = []
    while left and len(chosen) < number:
        best = max(left, key=lambda at: (worth[at] * distance[at], -at))
        left.remove(best)
        chosen.append(best)
        for at in left:
            distance[at] = min(distance[at], 1.0 - _jaccard(words[at], words[best]))
    return chosen


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def _entropy(p: Iterable[float], base: int) -> float:
    return -sum(share * math.log(share, base) for share in p if share > 0)


def _words(item: Item) -> frozenset[str]:
    return frozenset(_WORD.findall(f"{item.title}\n{item.text}".lower()))
