"""Lines of JSON from a file that anyone may have made: good lines as mappings, bad ones with number and reason.

One line is held at a time, so a file of any size is read in constant memory.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from store.errors import InputError

MAX_LINE_BYTES = 2_000_000
"""Longest line that is read; a news item with its full text stays far below it."""

PROBE_LINES = 20
"""A file whose first so many non-empty lines are all bad is taken for something else and refused."""

_SNIP = 60


@dataclass(frozen=True, slots=True)
class Line:
    """A non-empty line, counted from 1: either a `value`, or None and the `reason` why not."""

    number: int
    value: dict[str, Any] | None
    reason: str = ""


def iter_jsonl(path: Path) -> Iterator[Line]:
    """Every non-empty line of *path*, in order; gzip is recognised by content, not by name.

    Nothing is opened before the first line is asked for.

    Raises:
        InputError: on the first line when the file is missing, a folder, unreadable, or not JSON lines at all (its
            first 20 non-empty lines, or all lines of a shorter file, are bad). An empty file is one without lines.
    """
    held: list[Line] = []
    accepted = False
    with _open(path) as stream:
        for line in _lines(stream):
            if accepted:
                yield line
                continue
            held.append(line)
            if line.value is not None:
                accepted = True
                yield from held
                held.clear()
            elif len(held) == PROBE_LINES:
                break
    if held:
        how_many = f"its first {len(held)} lines are all bad" if len(held) == PROBE_LINES else "no line of it is good"
        raise InputError(
            f"{path} is not a file of JSON lines: {how_many}; line {held[0].number}: {held[0].reason}. "
            "Give a .jsonl or .jsonl.gz file with one JSON object a line."
        )


def _open(path: Path) -> IO[bytes]:
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a .jsonl or .jsonl.gz file in it")
    try:
        with path.open("rb") as probe:
            packed = probe.read(2) == b"\x1f\x8b"
        return cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def _lines(stream: IO[bytes]) -> Iterator[Line]:
    number = 0
    while True:
        number += 1
        try:
            raw = stream.readline(MAX_LINE_BYTES + 1)
            too_long = len(raw) > MAX_LINE_BYTES
            rest = raw
            while too_long and rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE_BYTES)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            # A download that broke off: what came before it is good, so it is kept and the break is reported.
            yield Line(number, None, f"the compressed file breaks off here ({error})")
            return
        if not raw:
            return
        if too_long:
            yield Line(number, None, f"longer than {MAX_LINE_BYTES:,} bytes")
        elif raw.strip():
            yield _parse(number, raw)


def _parse(number: int, raw: bytes) -> Line:
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        value = json.loads(text, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        return Line(number, None, f"not UTF-8 (byte {raw[error.start]:#04x} at {error.start})")
    except RecursionError:
        return Line(number, None, "nested too deeply")
    except ValueError as error:
        return Line(number, None, f"not JSON: {error}")
    if not isinstance(value, dict):
        shown = text if len(text) <= _SNIP else text[:_SNIP] + "…"
        return Line(number, None, f"not a JSON object but {shown}")
    return Line(number, _encodable(value) if "\\u" in text else value)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _encodable(value: Any) -> Any:
    """Half a surrogate pair, left by a cut in the middle of an emoji, can be neither stored nor written: replaced."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value
