"""What a day's value should have been, from earlier days alone, and how far off a day usually is.

Each baseline gives, for day *t* and a window of earlier days, an `Outlook`: the residual of the day in score points
(stance) or as a logarithm of a ratio (attention, shares of themes), its standard error, and the level it was measured
against.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from alerts.reporting import GUARD, WINDOW, Reporting
from alerts.votes import FINE_GRID, BoolArray, FloatArray, on_grid
from store.errors import InputError

LEAST_DAYS = 7
"""Usable days that a level needs."""
SEASON = 182
"""Days from which the weekdays' factors are taken."""
PRIOR_DAYS = 10.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """Day *t* against its window. `carry` is d(residual)/d(effect): below 1 for small counts.

    For attention, `observed` and `expected` are the counts behind the residual; `spread2` is the variance between days.
    """

    residual: float
    error: float
    carry: float
    rho: float
    level: float
    level_error: float
    spread2: float
    observed: float = 0.0
    expected: float = 0.0


class Baseline(Protocol):
    """What the detector needs of a series."""

    @property
    def days(self) -> int:
        """Days of the series, held or not."""
        ...

    def usable(self, t: int) -> bool:
        """Whether day *t* is a measurement."""
        ...

    def outlook(self, t: int, low: int, high: int) -> Outlook | None:
        """Day *t* against the days low..high-1; None while these are too few."""
        ...


def held(wanted: int, first: int) -> None:
    """Refuse to measure against days that are not held: nothing may silently come out otherwise than from all days.

    Raises:
        InputError: day *wanted* lies before *first*, the first one that can be measured.
    """
    if wanted < first:
        raise InputError(
            f"day {wanted} of a series is needed, but its days are held from {first} on; load more of them"
        )


def guard_before(t: int, most: int, least: int) -> int:
    """Days left out before day *t*; fewer while there is little history."""
    return min(most, max(least, t // 4))


def shrunk_rho(products: float, squares: float, pairs: float) -> float:
    """Lag-one autocorrelation, drawn to 0.2 with the weight of 20 days, and kept in 0 to 0.6."""
    rho = products / squares if squares > 0 else 0.2
    return min(0.6, max(0.0, (pairs * rho + 20 * 0.2) / (pairs + 20)))


class StanceBaseline:
    """Mean stance of a day, each vote judged against what its own outlet usually writes.

    Outlet means are shrunk to their bloc's mean (weight of 20 votes) and that to the overall mean (10 votes). The days
    of the window are judged by the means as they stand today, like today itself, so that a changed mix of outlets
    cannot move the series: with means that slide along, a new mix would seep in through the overall mean.

    *skipped* days of the series lie before the first one given; days are counted from the first one of the series.
    Votes, scores and offsets are put on a grid (`alerts.votes.on_grid`), so that every sum over outlets is exact.
    """

    prior_spread = 0.08
    least_spread = 0.03

    def __init__(
        self,
        votes: FloatArray,
        score: FloatArray,
        squares: FloatArray,
        bloc: npt.NDArray[np.intp],
        skipped: int = 0,
    ) -> None:
        votes, score, squares = on_grid(votes), on_grid(score), on_grid(squares)
        count = votes.sum(axis=1)
        self._skipped = skipped
        self.days = skipped + len(count)
        # What is usual on a day comes from the days before it, so the first days held only serve the later ones.
        self._known_from = skipped + GUARD + WINDOW if skipped else 0
        self._votes, self._total, self._count = votes, score.sum(axis=1), np.maximum(count, 1e-12)
        self._has = count > 0
        day = np.arange(skipped, self.days)
        high = day - np.minimum(GUARD, day // 4)
        low = np.maximum(0, high - WINDOW)
        self._span = np.maximum(0, low - skipped), np.maximum(0, high - skipped)
        self._offsets = self._outlet_offsets(votes, score, bloc)
        sigma2 = self._vote_variance(count, self._total, squares)
        self._noise = np.where(self._has, sigma2 / self._count, 0.0)
        self._level_weight = count / (count + 10)
        self._spread_weight = count / (count + 5)
        self._cap = 9 * (self.prior_spread**2 + self._noise)
        self._scale = np.where(self._has, 1 / np.sqrt(self.prior_spread**2 + self._noise), 0.0)
        self._pair = np.zeros(len(count))
        self._pair[1:] = self._has[1:] & self._has[:-1]

    def _outlet_offsets(self, votes: FloatArray, score: FloatArray, bloc: npt.NDArray[np.intp]) -> FloatArray:
        """Usual mean of each outlet minus the usual mean of all, per day, from the window before that day."""
        member = np.zeros((votes.shape[1], int(bloc.max(initial=0)) + 1))
        member[np.arange(votes.shape[1]), bloc] = 1.0
        n, total = _window_sums(votes, *self._span), _window_sums(score, *self._span)
        all_n, all_total = n.sum(axis=1, keepdims=True), total.sum(axis=1, keepdims=True)
        mean = all_total / np.maximum(all_n, 1)
        bloc_mean = (total @ member + 10 * mean) / (n @ member + 10)
        outlet_mean = (total + 20 * bloc_mean[:, bloc]) / (n + 20)
        return np.where(all_n > 0, on_grid(outlet_mean - mean, FINE_GRID), 0.0)

    def _vote_variance(self, count: FloatArray, total: FloatArray, squares: FloatArray) -> FloatArray:
        """Variance of a vote, from all votes of the window; 0.6 with the weight of 10 votes where little is known.

        Not the variance within days: a series with a story a day would never learn it.
        """
        n, sums, all_squares = (_window_sums(values, *self._span) for values in (count, total, squares))
        spread = np.maximum(0.0, all_squares - sums**2 / np.maximum(n, 1))
        variance: FloatArray = (spread + 10 * 0.6) / (np.maximum(n - 1, 0) + 10)
        return variance

    def usable(self, t: int) -> bool:
        """A day with at least one vote."""
        return bool(self._has[t - self._skipped])

    def offsets(self, t: int) -> FloatArray:
        """Usual mean of each outlet minus the usual mean of all, as they stood on day *t*."""
        held(t, self._known_from)
        offsets: FloatArray = self._offsets[t - self._skipped]
        return offsets

    def outlook(self, t: int, low: int, high: int) -> Outlook | None:
        """See `Baseline`; section 5.2 of the method page has the formulae."""
        held(low, self._known_from)
        t, low, high = t - self._skipped, low - self._skipped, high - self._skipped
        span = slice(low, high)
        usable_days = float(np.count_nonzero(self._has[span]))
        if usable_days < LEAST_DAYS:
            return None
        offset = self._offsets[t]
        value = (self._total[span] - self._votes[span] @ offset) / self._count[span]
        weight, noise = self._level_weight[span], self._noise[span]
        level = float((weight * value).sum() / weight.sum())
        off = np.where(self._has[span], value - level, 0.0)
        spread_weight = self._spread_weight[span]
        excess = float((spread_weight * (np.minimum(off * off, self._cap[span]) - noise)).sum())
        spread2 = (PRIOR_DAYS * self.prior_spread**2 + excess) / (PRIOR_DAYS + float(spread_weight.sum()))
        spread2 = max(self.least_spread**2, spread2)
        z = _within_three(off * self._scale[span])
        pair = self._pair[low + 1 : high]
        z2 = z * z
        squares = 0.5 * float((pair * (z2[1:] + z2[:-1])).sum())
        rho = shrunk_rho(float((z[1:] * z[:-1]).sum()), squares, float(pair.sum()))
        mean_noise = min(1.0, float(noise.sum()) / usable_days)
        return Outlook(
            residual=float((self._total[t] - self._votes[t] @ offset) / self._count[t]) - level,
            error=math.sqrt(spread2 + float(self._noise[t])),
            carry=1.0,
            rho=rho,
            level=level,
            level_error=math.sqrt((spread2 * (1 + rho) / (1 - rho) + mean_noise) / usable_days),
            spread2=spread2,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts of the usable days of a window, the exposure that each is a share of, and the days' indices."""

    count: FloatArray
    exposure: FloatArray
    at: npt.NDArray[np.intp]


def rate_outlook(past: Counted, count: float, exposure: float, spread: tuple[float, float]) -> Outlook:
    """A day's *count* against its *exposure* times the level of *past*; *spread* is its prior and its least value.

    The residual is log((y + 1)/(μ + 1)) with μ = level x exposure; section 5.3 of the method page has the formulae.
    """
    prior, least = spread
    y, days = past.count, float(len(past.count))
    stories = float(y.sum())
    level = (stories + 0.5) / float(past.exposure.sum())
    mean = level * past.exposure
    off = np.log((y + 1) / (mean + 1))
    carry = mean / (mean + 1)
    noise = carry / (mean + 1)
    carry2 = carry * carry
    excess = carry2 / np.maximum(0.1, carry2) * (np.minimum(off * off, 9 * (prior**2 + noise)) - noise)
    spread2 = (PRIOR_DAYS * prior**2 + float(excess.sum())) / (PRIOR_DAYS + float(carry2.sum()))
    spread2 = max(least**2, spread2)
    z = _within_three(off / np.sqrt(noise + prior**2))
    pair = past.at[1:] - past.at[:-1] == 1
    z2 = z * z
    products, squares, pairs = z[1:] * z[:-1], z2[1:] + z2[:-1], np.count_nonzero(pair)
    if pairs < len(pair):
        products, squares = products[pair], squares[pair]
    rho = shrunk_rho(float(products.sum()), 0.5 * float(squares.sum()), float(pairs))
    mean_t = level * exposure
    carry_t, noise_t = mean_t / (mean_t + 1), mean_t / (mean_t + 1) ** 2
    # The logarithm of a count is biased; the same bias is in the window's own residuals, so it is taken out.
    bias = float((off / np.maximum(0.1, carry)).sum()) / days
    return Outlook(
        residual=float(np.log((count + 1) / (mean_t + 1))) - bias * carry_t,
        error=math.sqrt(noise_t + spread2 * carry_t**2),
        carry=carry_t,
        rho=rho,
        level=level,
        # Days that stray, and the chance in a count of stories: few stories make a poor level.
        level_error=math.sqrt(spread2 * (1 + rho) / (1 - rho) / days + 1 / max(1.0, stories)),
        spread2=spread2,
        observed=count,
        expected=mean_t,
    )


def remembered_outlook(past: Counted, count: float, exposure: float, spread: tuple[float, float]) -> Outlook:
    """`rate_outlook`, remembered by its very numbers: a replay measures the same past days anew each day."""
    counts, exposures = (np.asarray(one, dtype=np.float64).tobytes() for one in (past.count, past.exposure))
    return _by_bytes((counts, exposures, np.asarray(past.at, dtype=np.intp).tobytes()), count, exposure, spread)


@lru_cache(maxsize=20_000)  # some 50 MB; a year of thirty series
def _by_bytes(past: tuple[bytes, bytes, bytes], count: float, exposure: float, spread: tuple[float, float]) -> Outlook:
    counts, exposures, at = past
    counted = Counted(np.frombuffer(counts), np.frombuffer(exposures), np.frombuffer(at, dtype=np.intp))
    return rate_outlook(counted, count, exposure, spread)


class AttentionBaseline:
    """Number of stories of a day against the outlets that report (a matched panel), or against a known total.

    Only outlets with enough history are in the panel, and the past is counted anew for today's panel: an outlet that
    was added or that fell silent cancels out. *skipped* days of the series lie before the first one given, with the
    weekday *first_weekday*; days are counted from the first one of the series.
    """

    prior_spread = 0.3
    least_spread = 0.05

    def __init__(
        self,
        votes: FloatArray,
        reporting: Reporting,
        first_weekday: int,
        total: FloatArray | None = None,
        skipped: int = 0,
    ) -> None:
        self._skipped = skipped
        self.days = skipped + len(votes)
        self._weekday = (np.arange(len(votes)) + first_weekday) % 7
        self._total: FloatArray | None = None
        if total is None:
            self._usable: BoolArray = reporting.usable.copy()
        else:
            # With a total that is known, its being there is the sign of life; votes of zero are then a measurement.
            self._usable = np.isfinite(total) & (np.nan_to_num(total) > 0)
            self._total = np.where(self._usable, on_grid(np.nan_to_num(total)), 0.0)
        live = self._usable[:, None] * (np.ones_like(votes) if total is not None else reporting.alive)
        self._votes = on_grid(votes) * live
        self._alive = live
        self._vote_sum, self._alive_sum = _running(self._votes), _running(live)

    def usable(self, t: int) -> bool:
        """A day on which enough of the outlets reported."""
        return bool(self._usable[t - self._skipped])

    def days_alive(self, first: int, last: int) -> FloatArray:
        """On how many of the days first..last each feed reported."""
        held(first, self._skipped)
        days: FloatArray = self._alive[first - self._skipped : last + 1 - self._skipped].sum(axis=0)
        return days

    def rates(self, high: int) -> FloatArray:
        """Usual stories a day of each outlet in the panel, from the window that ends before *high*; 0 outside it."""
        low = max(0, high - WINDOW)
        held(low, self._skipped)
        since, until = low - self._skipped, high - self._skipped
        alive = self._alive_sum[until] - self._alive_sum[since]
        needed = max(1.0, min(21.0, 0.6 * (high - low)))
        counted: FloatArray = (self._vote_sum[until] - self._vote_sum[since] + 0.05) / np.maximum(alive, 1)
        return np.where(alive >= needed, on_grid(counted, FINE_GRID), 0.0)

    def _capacity(self, span: slice, rates: FloatArray, reference: slice) -> FloatArray:
        if self._total is not None:
            usual = float(self._total[reference].sum()) / max(1, int(np.count_nonzero(self._usable[reference])))
            return self._total[span] / max(usual, 1e-9)
        share: FloatArray = self._alive[span] @ rates / max(float(rates.sum()), 1e-9)
        return share

    def outlook(self, t: int, low: int, high: int) -> Outlook | None:
        """See `Baseline`; section 5.3 of the method page has the formulae."""
        rates = self.rates(high)
        if not rates.any():
            return None
        season = max(0, high - SEASON)
        first = min(low, season)
        held(first, self._skipped)
        t, low, high = t - self._skipped, low - self._skipped, high - self._skipped
        season, first = season - self._skipped, first - self._skipped
        member = (rates > 0).astype(np.float64)
        reference = slice(max(0, high - WINDOW), high)
        count = self._votes[first:high] @ member
        capacity = self._capacity(slice(first, high), rates, reference)
        count_t = float(self._votes[t] @ member)
        capacity_t = float(self._capacity(slice(t, t + 1), rates, reference)[0])
        if capacity_t < 0.25:
            return None
        usable = self._usable[first:high] & (capacity > 1e-6)
        factor = self._weekday_factors(count, capacity, usable & (capacity > 0.2), season - first, first)
        span = slice(low - first, high - first)
        here = usable[span]
        if np.count_nonzero(here) < LEAST_DAYS:
            return None
        at = np.flatnonzero(here)
        past = Counted(count[span][here], (capacity * factor[self._weekday[first:high]])[span][here], at)
        exposure = capacity_t * float(factor[self._weekday[t]])
        return remembered_outlook(past, count_t, exposure, (self.prior_spread, self.least_spread))

    def _weekday_factors(
        self, count: FloatArray, capacity: FloatArray, usable: BoolArray, skip: int, first: int
    ) -> FloatArray:
        """Seven factors, shrunk to 1 by n/(n+1), from the days after *skip*."""
        use = usable[skip:]
        weekday = self._weekday[first + skip : first + len(count)][use]
        if not len(weekday):
            return np.ones(7)
        log_rate = np.log((count[skip:][use] + 1) / capacity[skip:][use])
        n = np.bincount(weekday, minlength=7)
        total = np.bincount(weekday, weights=log_rate, minlength=7)
        shrunk: FloatArray = np.exp((total / np.maximum(n, 1) - log_rate.mean()) * n / (n + 1))
        return np.where(n > 0, shrunk, 1.0)


class ShareBaseline:
    """Stories of a day that carry a theme, as a share of all stories: a busy news day is no shift of what it is about.

    As attention, with all stories of the day for exposure, no weekday factor and a smaller prior for the spread of
    days (section 5.4 of the study behind docs/method.md). The level is a share, 0 to 1. *skipped* is as for the others.
    """

    prior_spread = 0.2
    least_spread = 0.05

    def __init__(self, carrying: FloatArray, stories: FloatArray, skipped: int = 0) -> None:
        self._skipped = skipped
        self.days = skipped + len(carrying)
        self._carrying, self._stories = carrying, stories
        self._usable: BoolArray = stories > 0

    def usable(self, t: int) -> bool:
        """A day with at least one story, of whatever theme."""
        return bool(self._usable[t - self._skipped])

    def outlook(self, t: int, low: int, high: int) -> Outlook | None:
        """See `Baseline`."""
        held(low, self._skipped)
        t, low, high = t - self._skipped, low - self._skipped, high - self._skipped
        at = np.flatnonzero(self._usable[low:high])
        if len(at) < LEAST_DAYS:
            return None
        past = Counted(self._carrying[low:high][at], self._stories[low:high][at], at)
        spread = (self.prior_spread, self.least_spread)
        return remembered_outlook(past, float(self._carrying[t]), float(self._stories[t]), spread)


def _within_three(z: FloatArray) -> FloatArray:
    """Standardised residuals, the wild ones cut off at 3; without the overhead of `np.clip`, which is most of it."""
    cut: FloatArray = np.minimum(np.maximum(z, -3.0), 3.0)
    return cut


def _running(values: FloatArray) -> FloatArray:
    total = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=total[1:])
    return total


def _window_sums(values: FloatArray, low: npt.NDArray[np.intp], high: npt.NDArray[np.intp]) -> FloatArray:
    total = _running(values)
    sums: FloatArray = total[high] - total[low]
    return sums
