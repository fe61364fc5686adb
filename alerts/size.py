"""How large a change was: estimates from the days since its onset, with wild days drawn in towards the middle one.

Clipping around zero, as the evidence does, would make a large effect in a steady series look small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alerts.baseline import Outlook
from alerts.votes import FloatArray

WILD = 3.0
"""Standard errors from the middle day at which a day is drawn in."""


def effect(gain: FloatArray, surprise: FloatArray) -> tuple[float, float]:
    """A lasting effect and its variance: the precision-weighted mean of whitened days, around their weighted median."""
    weight = gain * gain
    each = surprise / np.maximum(gain, 1e-12)
    order = np.argsort(each)
    reached = int(np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2))
    middle = float(each[order][min(reached, len(order) - 1)])
    drawn_in = gain * middle + np.clip(surprise - gain * middle, -WILD, WILD)
    total = float(weight.sum())
    return float(gain @ drawn_in) / total, 1 / total


def growth(days: Sequence[Outlook]) -> tuple[float, float]:
    """Logarithm of the ratio of what came to what was expected, and its variance.

    From the counts themselves: with a story a day, the residual of a logarithm is far from linear in a large effect.
    """
    came, due = np.array([day.observed for day in days]), np.array([day.expected for day in days])
    middle = due * float(np.exp(np.median(np.log((came + 0.5) / (due + 0.5)))))
    spread2, rho = days[-1].spread2, days[-1].rho
    reach = WILD * np.sqrt(middle + spread2 * middle**2)
    total = float(np.clip(came, np.maximum(0, middle - reach), middle + reach).sum())
    variance = 1 / (total + 0.5) + spread2 * (1 + rho) / (1 - rho) / len(days)
    return float(np.log((total + 0.5) / (due.sum() + 0.5))), variance
