"""A series under watch: its monitor, the shifts that were told of it, and what turned out to last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alerts.history import LOOK_BACK, Past
from alerts.model import Direction, Kind, SeriesKey
from alerts.monitor import Alarm, MonitorState, SeriesMonitor
from alerts.remeasure import follow_up, follow_up_day, lasts
from alerts.votes import BoolArray
from alerts.watched import Series

SAME_SHIFT = 21
"""Two alarms of a series whose onsets lie within so many days tell the same shift."""


@dataclass(frozen=True, slots=True)
class Known:
    """A shift that was already told: it stays the anchor of its series, whatever late articles do to the past."""

    dyad: str
    kind: Kind
    direction: Direction
    onset: dt.date
    detected: dt.date
    magnitude: float
    theme: str = ""
    bloc: str = ""

    @property
    def key(self) -> SeriesKey:
        """Which series moved."""
        return self.dyad, self.kind, self.theme, self.bloc


@dataclass(slots=True)
class Told:
    """A shift that was told, in indices of its series; `used` once its series was based anew on it.

    `own` when it was found in this run, instead of being given as known.
    """

    onset: int
    detected: int
    up: bool
    size: float
    used: bool = False
    own: bool = False

    @classmethod
    def of(cls, known: Known, first: dt.date) -> Told:
        """What is *known*, for a series that begins on *first*."""
        up = known.direction.sign > 0
        return cls((known.onset - first).days, (known.detected - first).days, up, abs(known.magnitude))

    def same(self, alarm: Alarm) -> bool:
        """Whether *alarm* tells this shift: again after late articles, or the rest of it; not a larger one on top."""
        if self.up != (alarm.change > 0) or abs(self.onset - alarm.onset) > SAME_SHIFT:
            return False
        return not self.used or abs(alarm.change) <= self.size

    def equals(self, other: Told) -> bool:
        """Whether both are the same finding, to the last bit."""
        mine = self.onset, self.detected, self.up, self.size
        return mine == (other.onset, other.detected, other.up, other.size)


@dataclass(frozen=True, slots=True)
class Match:
    """An alarm, and the told shift that it was taken for (or became), by the days of that shift."""

    onset: int
    up: bool
    told_onset: int
    told_detected: int


@dataclass(frozen=True, slots=True, eq=False)
class WatchState:
    """Where a watch stands when a day is over. Days are counted from `start`, the first one of the series."""

    start: dt.date
    monitor: MonitorState
    told: tuple[Told, ...]
    due: dict[int, Alarm]
    explained: BoolArray
    matches: tuple[Match, ...]

    def went_as_with(self, known: Sequence[Known]) -> bool:
        """Whether these days would have gone the same way had the shifts *known* of this series been known.

        A shift that this very watch found may be known by now. One that was found later may be as well, unless an
        alarm of these days would have been taken for it.
        """
        given = [Told.of(one, self.start) for one in known]
        if any(not told.own and not any(told.equals(one) for one in given) for told in self.told):
            return False
        new = [one for one in given if not any(one.equals(told) for told in self.told)]
        return all(one.detected > self.monitor.until and not self._takes(one, given) for one in new)

    def _takes(self, new: Told, given: Sequence[Told]) -> bool:
        for match in self.matches:
            if match.up != new.up or abs(match.onset - new.onset) > SAME_SHIFT:
                continue
            goes_first = match.told_detected < new.detected and any(
                (one.onset, one.detected) == (match.told_onset, match.told_detected) for one in given
            )
            if not goes_first:
                return True
        return False


class Watch:
    """A series under watch. `step` must be called for every day, in order, from day 0 or the one after *state*."""

    def __init__(self, first: dt.date, item: Series, known: Sequence[Known], state: WatchState | None = None) -> None:
        self.item = item
        self._first = first
        self.monitor = SeriesMonitor(item.baseline, item.kind, state=None if state is None else state.monitor)
        given = [Told.of(one, first) for one in known]
        # What this watch found itself, and is known by now, is like any other that is known.
        self._told = [
            replace(told, own=told.own and not any(told.equals(one) for one in given))
            for told in (() if state is None else state.told)
        ]
        self._told += [one for one in given if not any(one.equals(told) for told in self._told)]
        self._told.sort(key=_by_detection)
        self._due = {} if state is None else dict(state.due)
        self._matches = [] if state is None else list(state.matches)
        held = 0 if state is None else len(state.explained)
        self._from = 0 if state is None else state.monitor.until + 1 - held
        self._explained = np.zeros(item.baseline.days - self._from, dtype=np.bool_)
        if state is not None:
            self._explained[:held] = state.explained

    @property
    def state(self) -> WatchState:
        """Where it stands after the last step."""
        monitor = self.monitor.state
        until = monitor.until + 1 - self._from
        return WatchState(
            start=self._first,
            monitor=monitor,
            told=tuple(replace(told) for told in self._told),
            due=dict(self._due),
            explained=self._explained[max(0, until - LOOK_BACK) : until].copy(),
            matches=tuple(self._matches),
        )

    def step(self, t: int, needed: float) -> Alarm | None:
        """Take in day *t*; an alarm that was not told yet."""
        alarm = self.monitor.step(t, needed)
        if t in self._due:
            self._check(self._due.pop(t), t)
        news = None if alarm is None or self._is_told(alarm) else alarm
        for told in self._told:
            if told.detected == t and not told.used:
                # Late articles took its evidence away again, but readers know of it: it stays the anchor.
                told.used = True
                self.monitor.rebase(told.onset, self.monitor.level)
        return news

    def _is_told(self, alarm: Alarm) -> bool:
        """Base the series anew on *alarm*; whether it tells what was told before."""
        self._due[follow_up_day(alarm.onset, alarm.t)] = alarm
        same = next((told for told in self._told if told.same(alarm)), None)
        fresh = same is None
        if same is None:
            self.monitor.accept(alarm)
            # From now on it is told, as it will be when the days are gone through again.
            same = Told(alarm.onset, alarm.t, alarm.change > 0, abs(alarm.change), used=True, own=True)
            self._told.append(same)
            self._told.sort(key=_by_detection)
        else:
            onset, same.used = alarm.onset if same.used else same.onset, True
            self.monitor.rebase(onset, alarm.level, returned=alarm.returned)
        self._matches.append(Match(alarm.onset, alarm.change > 0, same.onset, same.detected))
        return not fresh

    def _check(self, alarm: Alarm, t: int) -> None:
        """What turned out to last was a shift; what faded is part of this coverage's usual noise."""
        measured = follow_up(self.item, alarm.onset, range(alarm.t + 1, t + 1), alarm.anchor)
        if measured is not None and lasts(self.item.kind, alarm.change, *measured):
            self._explained[alarm.onset - self._from : alarm.t + 1 - self._from] = True

    def past(self, t: int, days: int) -> Past:
        """What the series has seen on the *days* that end with day *t*, without the days of shifts that lasted."""
        return self.monitor.past(t, days, self._explained[: max(0, t + 1 - self._from)])


def _by_detection(told: Told) -> int:
    return told.detected
