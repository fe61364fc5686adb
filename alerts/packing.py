"""A checkpoint as bytes and back. Nothing in them is ever run; bytes that are damaged or foreign are refused.

A mark, a checksum of all that follows, then three parts, each with its length: a JSON record, numbers that compress
well (counts, and scores on the grid of `alerts.votes`), and numbers that do not.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import struct
import sys
import zlib
from collections.abc import Sequence
from dataclasses import astuple
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from alerts.checkpoint import Checkpoint, Source, Sources
from alerts.detect import Asked, DetectorState, Known
from alerts.firsttone import ToneState
from alerts.model import Direction, Kind, SeriesKey
from alerts.monitor import OUTLOOK, Alarm, MonitorState
from alerts.reporting import Reporting
from alerts.votes import GRID, Coverage, DayTable, ThemeTable
from alerts.watch import Match, Told, WatchState
from store.errors import InputError

MARK = b"ricwatch detector state 1\n"
MOST_BYTES = 200_000_000
"""No state is larger when it is unpacked: 252 days of 10,000 feeds."""
_PARTS = struct.Struct("<III")
_CHECKSUM = 16
_DTYPES = {"count": "<u2", "grid": "<i4", "flag": "?", "single": "<f4", "float": "<f8"}
_PLAIN = ("single", "float")
_METHOD = (
    "baseline", "blocs", "checkpoint", "detect", "family", "firsttone", "history", "monitor", "packing", "remeasure",
    "reporting", "size", "thresholds", "votes", "watch", "watched", "window",
)  # fmt: skip
"""Modules that a state depends on. A changed line in one of them, and every state is made anew."""

AnyArray = npt.NDArray[Any]


@lru_cache(maxsize=1)
def method() -> str:
    """A fingerprint of the code that makes and reads states, and of what its numbers rest on."""
    digest = hashlib.blake2b(f"{sys.version_info[:2]} {np.__version__}".encode(), digest_size=16)
    for name in _METHOD:
        digest.update(files("alerts").joinpath(f"{name}.py").read_bytes())
    return digest.hexdigest()


class _Arrays:
    """Arrays on their way into bytes; `add` gives what finds one again."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._plain: list[bytes] = []

    def add(self, values: AnyArray, kind: str = "float") -> list[Any]:
        """Keep *values*; as "count", "grid" or "single" where that loses nothing."""
        if kind == "count" and not _fits(values, 1.0, "<u2"):
            kind = "grid"
        if kind == "grid" and not _fits(values, GRID, "<i4"):
            kind = "float"
        if kind == "single" and not np.array_equal(values.astype("<f4"), values, equal_nan=True):
            kind = "float"
        steps = np.rint(values / GRID) if kind == "grid" else values
        into = self._plain if kind in _PLAIN else self._packed
        into.append(np.ascontiguousarray(steps, dtype=_DTYPES[kind]).tobytes())
        return [kind, *values.shape]

    def parts(self) -> tuple[bytes, bytes]:
        """What compresses well, compressed, and the rest."""
        return zlib.compress(b"".join(self._packed), 1), b"".join(self._plain)


def _fits(values: AnyArray, step: float, dtype: str) -> bool:
    limits = np.iinfo(dtype)
    scaled = values / step
    return bool(np.all(np.rint(scaled) == scaled)) and (
        not scaled.size or (limits.min <= scaled.min() and scaled.max() <= limits.max)
    )


class _Stored:
    """Arrays on their way back, in the order in which they were added."""

    def __init__(self, packed: bytes, plain: bytes) -> None:
        unpacker = zlib.decompressobj()
        held = unpacker.decompress(packed, MOST_BYTES)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise ValueError("its arrays are too large or cut off")
        self._left = {"packed": memoryview(held), "plain": memoryview(plain)}

    def take(self, about: Sequence[Any]) -> AnyArray:
        kind, *shape = about
        part = "plain" if kind in _PLAIN else "packed"
        dtype = np.dtype(_DTYPES[kind])
        size = math.prod(shape) * dtype.itemsize
        data, self._left[part] = self._left[part][:size], self._left[part][size:]
        values = np.frombuffer(data, dtype=dtype).reshape(shape)
        if kind == "flag":
            return values.copy()
        return values.astype(np.float64) * GRID if kind == "grid" else values.astype(np.float64)

    def check_empty(self) -> None:
        if any(len(rest) for rest in self._left.values()):
            raise ValueError("it holds more than its record tells")


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """*checkpoint* as bytes; the same checkpoint always gives the same ones."""
    arrays = _Arrays()
    record = {
        "method": method(),
        "day": checkpoint.day.isoformat(),
        "asked": list(checkpoint.asked),
        "known": [_known(one) for one in checkpoint.known],
        "window": _window(checkpoint.window, arrays),
        "reporting": _reporting(checkpoint.reporting, arrays),
        "watches": [[list(key), _watch(one, arrays)] for key, one in sorted(checkpoint.state.watches.items())],
        "own": dict(sorted(checkpoint.state.own.items())),
        "told": [_known(one) for one in checkpoint.state.told],
        "tones": {dyad: astuple(tone) for dyad, tone in sorted(checkpoint.state.tones.items())},
        "feeds": {key: _source(one) for key, one in sorted(checkpoint.sources.feeds.items())},
        "counted": None if checkpoint.sources.counted is None else sorted(checkpoint.sources.counted),
    }
    text = json.dumps(record, separators=(",", ":")).encode()
    parts = text, *arrays.parts()
    body = _PARTS.pack(*(len(part) for part in parts)) + b"".join(parts)
    return MARK + hashlib.blake2b(body, digest_size=_CHECKSUM).digest() + body


def from_bytes(data: bytes) -> Checkpoint:
    """The checkpoint in *data*.

    Raises:
        InputError: the bytes are damaged, or not what this version of the program makes.
    """
    try:
        return _checkpoint(data)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error, zlib.error) as error:
        raise InputError(f"a stored state of the detector cannot be used: {error}; it is made anew") from error


def _checkpoint(data: bytes) -> Checkpoint:
    if not data.startswith(MARK):
        raise ValueError("it is not of this version")
    checksum, body = data[len(MARK) : len(MARK) + _CHECKSUM], data[len(MARK) + _CHECKSUM :]
    if hashlib.blake2b(body, digest_size=_CHECKSUM).digest() != checksum:
        raise ValueError("it is damaged")
    lengths = _PARTS.unpack_from(body)
    parts, at = [], _PARTS.size
    for length in lengths:
        parts.append(body[at : at + length])
        at += length
    record = json.loads(parts[0])
    if record["method"] != method():
        raise ValueError("it was made by another version")
    stored = _Stored(parts[1], parts[2])
    window = _window_from(record["window"], stored)
    reporting = _reporting_from(record["reporting"], stored)
    watches = {_key(key): _watch_from(one, stored) for key, one in record["watches"]}
    stored.check_empty()
    tones = {dyad: _tone_from(*one) for dyad, one in record["tones"].items()}
    own = {Kind(kind): value for kind, value in record["own"].items()}
    counted = record["counted"]
    return Checkpoint(
        day=dt.date.fromisoformat(record["day"]),
        asked=Asked(*record["asked"]),
        known=tuple(_known_from(*one) for one in record["known"]),
        window=window,
        reporting=reporting,
        state=DetectorState(watches, own, tuple(_known_from(*one) for one in record["told"]), tones),
        sources=Sources(
            feeds={key: _source_from(*one) for key, one in record["feeds"].items()},
            counted=None if counted is None else frozenset((outlet, feed) for outlet, feed in counted),
        ),
    )


def _known(one: Known) -> list[Any]:
    return [one.dyad, one.kind, one.direction, one.onset.isoformat(), one.detected.isoformat(), one.magnitude,
            one.theme, one.bloc]  # fmt: skip


def _known_from(dyad: str, kind: str, direction: str, onset: str, detected: str, *rest: Any) -> Known:
    days = dt.date.fromisoformat(onset), dt.date.fromisoformat(detected)
    return Known(dyad, Kind(kind), Direction(direction), *days, *rest)


def _key(key: Sequence[str]) -> SeriesKey:
    dyad, kind, theme, bloc = key
    return dyad, Kind(kind), theme, bloc


def _source(one: Source) -> list[Any]:
    return [one.outlet, one.bloc, None if one.polled is None else one.polled.isoformat()]


def _source_from(outlet: str, bloc: str, polled: str | None) -> Source:
    return Source(outlet, bloc, None if polled is None else dt.date.fromisoformat(polled))


def _window(coverage: Coverage, arrays: _Arrays) -> dict[str, Any]:
    themes = coverage.themes
    return {
        "first": coverage.first.isoformat(),
        "earlier": coverage.earlier,
        "outlets": coverage.outlets,
        "blocs": coverage.blocs,
        "feeds": coverage.feeds,
        "seen": None if coverage.seen is None else arrays.add(coverage.seen, "count"),
        "dyads": {
            dyad: [
                table.start,
                arrays.add(table.votes, "count"),
                arrays.add(table.score, "grid"),
                arrays.add(table.squares, "grid"),
            ]
            for dyad, table in sorted(coverage.dyads.items())
        },
        "themes": None
        if themes is None
        else [themes.names, arrays.add(themes.carrying, "count"), arrays.add(themes.stories, "count")],
    }


def _window_from(record: dict[str, Any], stored: _Stored) -> Coverage:
    seen = None if record["seen"] is None else stored.take(record["seen"])
    dyads = {
        dyad: DayTable(stored.take(votes), stored.take(score), stored.take(squares), None, start)
        for dyad, (start, votes, score, squares) in record["dyads"].items()
    }
    themes = None
    if record["themes"] is not None:
        names, carrying, stories = record["themes"]
        themes = ThemeTable(tuple(names), stored.take(carrying), stored.take(stories))
    return Coverage(
        first=dt.date.fromisoformat(record["first"]),
        outlets=tuple(record["outlets"]),
        blocs=tuple(record["blocs"]),
        seen=seen,
        dyads=dyads,
        feeds=tuple(record["feeds"]),
        themes=themes,
        earlier=record["earlier"],
    )


def _reporting(reporting: Reporting, arrays: _Arrays) -> list[Any]:
    # Of the runs of empty days only the last ones are gone on with.
    return [
        arrays.add(reporting.alive, "count"),
        arrays.add(reporting.usable, "flag"),
        arrays.add(reporting.expected),
        arrays.add(reporting.reported, "count"),
        arrays.add(reporting.run[-1:]),
        arrays.add(reporting.ever[-1:], "flag"),
    ]


def _reporting_from(record: Sequence[Any], stored: _Stored) -> Reporting:
    alive, usable, expected, reported, last_run, last_ever = (stored.take(one) for one in record)
    run, ever = np.zeros_like(alive), np.zeros(alive.shape, dtype=np.bool_)
    run[-1:], ever[-1:] = last_run, last_ever
    return Reporting(alive, usable, expected, reported, run, ever)


def _watch(watch: WatchState, arrays: _Arrays) -> dict[str, Any]:
    monitor = watch.monitor
    looked_back = (monitor.surprise, monitor.sensitivity, monitor.zone)
    return {
        "start": watch.start.isoformat(),
        "until": monitor.until,
        "sums": monitor.sums.tolist(),
        "days": [monitor.anchor, monitor.fresh, monitor.mute],
        "levels": [monitor.old_level, monitor.yesterday, monitor.level],
        "back": monitor.back,
        "arrays": [
            *(arrays.add(one, "single") for one in looked_back),
            *(arrays.add(one) for one in (monitor.plain, monitor.outlooks)),
        ],
        "told": [astuple(one) for one in watch.told],
        "due": [[t, astuple(one)] for t, one in sorted(watch.due.items())],
        "explained": arrays.add(watch.explained, "flag"),
        "matches": [astuple(one) for one in watch.matches],
    }


def _watch_from(record: dict[str, Any], stored: _Stored) -> WatchState:
    surprise, gain, zone, plain, outlooks = (stored.take(one) for one in record["arrays"])
    anchor, fresh, mute = record["days"]
    old_level, yesterday, level = record["levels"]
    if outlooks.shape[1] != len(OUTLOOK):
        raise ValueError("its outlooks have other numbers")
    monitor = MonitorState(
        until=record["until"],
        sums=np.array(record["sums"]),
        anchor=anchor,
        fresh=fresh,
        mute=mute,
        old_level=old_level,
        back=record["back"],
        yesterday=yesterday,
        level=level,
        surprise=surprise,
        sensitivity=gain,
        zone=zone,
        plain=plain,
        outlooks=outlooks,
    )
    return WatchState(
        start=dt.date.fromisoformat(record["start"]),
        monitor=monitor,
        told=tuple(Told(*one) for one in record["told"]),
        due={t: Alarm(*alarm) for t, alarm in record["due"]},
        explained=stored.take(record["explained"]),
        matches=tuple(Match(*one) for one in record["matches"]),
    )


def _tone_from(
    sums: Sequence[Sequence[float]], heights: Sequence[float], onsets: Sequence[int], quiet_until: int
) -> ToneState:
    (up, down), (high, low), (since, after) = sums, heights, onsets
    return ToneState((tuple(up), tuple(down)), (high, low), (since, after), quiet_until)
