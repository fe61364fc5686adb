"""Reading of a file of items into a file of readings, in constant memory; `docs/formats.md` describes both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from classify.model import Backend, DyadReading, Item, Read
from classify.outcome import Unread, Usage, batch_size, readings_or_raise, usage_of
from classify.spread import ReadBatches, cut, here
from ingest.jsonl import iter_jsonl
from store.errors import InputError
from store.progress import Progress, silent
from store.wholefile import whole_file

_BATCH = 500
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was skipped, counted from 1, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """How many items were read, which lines were skipped, and which items the backend could not read."""

    read: int
    bad: list[BadLine]
    unread: list[Unread] = field(default_factory=list)
    usage: Usage | None = None


def classify_file(
    model: Backend, source: Path, target: Path, *, read_by: ReadBatches | None = None, progress: Progress = silent
) -> FileReport:
    """Read every item of *source* (``.jsonl`` or ``.jsonl.gz``) and write one reading a line to *target*, in order.

    *read_by* says who reads; None is this process. *target* appears only when all is written; a run that is broken off
    leaves what was there before. An item that a backend cannot read has no line.

    Raises:
        InputError: *source* is no file of items, or *target* cannot be written.
        UnreadError: the backend could read none of the items.
    """
    bad: list[BadLine] = []
    unread: list[Unread] = []
    read = 0
    batches = cut(_items(source, bad), batch_size(model, _BATCH))
    with whole_file(target) as out:
        for reading in chain.from_iterable((read_by or here(model))(batches)):
            if isinstance(reading, Unread):
                unread.append(reading)
                continue
            out.write(json.dumps(as_record(reading), ensure_ascii=False, separators=(",", ":")) + "\n")
            read += 1
            if read % _BATCH == 0:
                progress(read, None, "items")
        if unread and not read:
            readings_or_raise(unread)
        if bad and not read:
            raise InputError(
                f"{source} holds no item: line {bad[0].line}: {bad[0].reason}. "
                "An item is a JSON object with 'id' and 'title'."
            )
    progress(read, read, "items")
    return FileReport(read, bad, unread, usage_of(model))


def item_of(value: dict[str, Any]) -> Item | str:
    """The item of a JSON object, or what is wrong with it. `id` and `title` are needed; null counts as absent.

    >>> item_of({"id": 7, "title": "India and Russia sign"}).id
    '7'
    >>> item_of({"id": "7"})
    "'title' is missing"
    """
    fields: dict[str, str] = {}
    for name in ("id", "title", "text", "source", "date", "url", "lang"):
        given = value.get(name)
        if given is None:
            given = ""
        elif name == "id" and isinstance(given, int) and not isinstance(given, bool):
            given = str(given)
        if not isinstance(given, str):
            return f"{name!r} is {type(given).__name__}, not a string"
        fields[name] = given
    for name in ("id", "title"):
        if not fields[name].strip():
            return f"{name!r} is empty" if value.get(name) is not None else f"{name!r} is missing"
    return Item(**fields)


def as_record(read: Read) -> dict[str, Any]:
    """A reading in the form of a line of READINGS.jsonl; probabilities to four digits, those of a stance sum to one."""
    claim = read.claim
    return {
        "id": read.id,
        "relevant": read.relevant,
        "p_relevant": round(read.p_relevant, _DIGITS),
        "dyads": {dyad: {"stance": one.stance, "p": _three(one)} for dyad, one in read.dyads.items()},
        "themes": [{"code": theme.code, "p": round(theme.p, _DIGITS)} for theme in read.themes],
        "claim": {"id": claim.id, "similarity": round(claim.similarity, _DIGITS), "relation": claim.relation}
        if claim
        else None,
        "evidence": read.evidence,
        "model": read.model,
    }


def _three(one: DyadReading) -> list[float]:
    minus, zero, plus = (round(p, _DIGITS) for p in one.p)
    # The rounding error goes to the largest, where it cannot change which is the largest or make one negative.
    rest = round(1.0 - minus - zero - plus, _DIGITS)
    values = [minus, zero, plus]
    at = max(range(3), key=lambda index: (one.p[index], index == one.stance + 1))
    values[at] = round(values[at] + rest, _DIGITS)
    return values


def _items(source: Path, bad: list[BadLine]) -> Iterator[Item]:
    for line in iter_jsonl(source):
        if line.value is None:
            bad.append(BadLine(line.number, line.reason))
            continue
        item = item_of(line.value)
        if isinstance(item, str):
            bad.append(BadLine(line.number, item))
        else:
            yield item
