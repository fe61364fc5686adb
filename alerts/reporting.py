"""Which feeds report on which day: a feed that falls silent must never look like a topic that does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alerts.votes import FINE_GRID, BoolArray, FloatArray, on_grid

WINDOW = 84
"""Days that a baseline looks back over."""
GUARD = 14
"""Days between that window and today, so that a shift does not creep into its own baseline (the guard band of the
CDC's ESSENCE system)."""
SILENT_AT = 7.0
"""A feed counts as silent when its run of empty days should have brought this many items: e^-7 by chance."""
NOTHING_AT = 5.0
"""A day on which nothing at all arrived is no measurement when this much was expected."""
BUSY = 12.0
LEAST_PART = 0.25
"""Of a feed that brings so many items a day, a day with less than this part of them was not seen whole: the monitor was
off and the feed had moved on, or it was reached for the first time."""
LEAST_CAPACITY = 0.30
LEAST_REPORTING = 0.45


@dataclass(frozen=True, eq=False)
class Reporting:
    """`alive` (days, feeds) is 1 where a feed reported or may have; `usable` tells the days that are measurements.

    `expected` and `reported` count the feeds that should have brought something on a day, and those that did. `run` is
    what the empty days of a feed up to then should have brought, `ever` tells whether it brought anything up to then.
    """

    alive: FloatArray
    usable: BoolArray
    expected: FloatArray
    reported: FloatArray
    run: FloatArray
    ever: BoolArray

    @property
    def days(self) -> int:
        """How many days it judges."""
        return len(self.usable)

    def between(self, first: int, last: int) -> Reporting:
        """The days first..last-1 alone."""
        return Reporting(
            self.alive[first:last],
            self.usable[first:last],
            self.expected[first:last],
            self.reported[first:last],
            self.run[first:last],
            self.ever[first:last],
        )

    @property
    def silent(self) -> BoolArray:
        """(days, feeds): which feeds are taken for dead on which day."""
        quiet: BoolArray = self.run >= SILENT_AT
        return quiet


def find_reporting(
    activity: FloatArray, *, items: bool = False, judged: Reporting | None = None, skipped: int = 0
) -> Reporting:
    """Judge every day by the days before it alone; *activity* (days, feeds) is what each feed brought.

    With *items* it counts all items of the feeds, on the topic or not, whose number is steady; else votes. The days of
    *judged* are taken as they were judged before, which holds the feeds in the same order. *skipped* days of history
    lie before the first one.
    """
    activity = on_grid(activity)
    days, feeds = activity.shape
    alive, runs = np.zeros((days, feeds)), np.zeros((days, feeds))
    ever = np.zeros((days, feeds), dtype=np.bool_)
    usable = np.ones(days, dtype=np.bool_)
    expected, reported = np.zeros(days), np.zeros(days)
    alive_sum, active_sum = np.zeros((days + 1, feeds)), np.zeros((days + 1, feeds))
    run, seen_ever = np.zeros(feeds), np.zeros(feeds, dtype=np.bool_)
    done = 0
    if judged is not None and judged.days:
        done = judged.days
        alive[:done], usable[:done], runs[:done], ever[:done] = judged.alive, judged.usable, judged.run, judged.ever
        expected[:done], reported[:done] = judged.expected, judged.reported
        np.cumsum(alive[:done], axis=0, out=alive_sum[1 : done + 1])
        np.cumsum(activity[:done] * alive[:done], axis=0, out=active_sum[1 : done + 1])
        run, seen_ever = runs[done - 1], ever[done - 1].copy()
    for t in range(done, days):
        today = activity[t]
        age = skipped + t
        high = max(min(7, age), age - GUARD) - skipped
        low = max(0, age - GUARD - WINDOW) - skipped
        alive_days = alive_sum[high] - alive_sum[low]
        known = alive_days >= 5
        rate = np.where(known, (active_sum[high] - active_sum[low]) / np.maximum(alive_days, 1), 0.0)
        # On a grid, so that the sums over feeds do not depend on feeds that come later.
        rate = on_grid(rate, FINE_GRID)
        active = today > 0
        run = runs[t] = np.where(active, 0.0, run + rate)
        seen_ever |= active
        ever[t] = seen_ever
        whole = today >= LEAST_PART * rate if items else np.ones(feeds, dtype=np.bool_)
        alive[t] = seen_ever & (run < SILENT_AT) & (whole | (rate < BUSY))
        due = rate * alive[t]
        expected[t] = np.sum(alive[t] * on_grid(1 - np.exp(-0.6 * rate)))
        reported[t] = np.sum(active & known)
        nothing = not active.any() and rate.sum() >= NOTHING_AT
        partial = expected[t] > 3 and reported[t] < LEAST_REPORTING * expected[t]
        usable[t] = not (nothing or partial or due.sum() < LEAST_CAPACITY * rate.sum())
        alive_sum[t + 1] = alive_sum[t] + alive[t]
        active_sum[t + 1] = active_sum[t] + today * alive[t]
    return Reporting(alive, usable, expected, reported, runs, ever)
