"""How much each half of the default reader counts, found on news later than what both halves were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classify.calibration import Ints, Reals, binary_temperature, sigmoid, temperature, thresholds
from classify.decide import log_softmax
from classify.neural import Fusion

_SHARES = np.linspace(0.2, 0.8, 13)
"""Neither half is ever trusted alone: what was held out is one span of years, not the years to come."""


@dataclass(frozen=True)
class HeldOut:
    """What both halves said of items that neither was trained on.

    Pairs: `linear_stance` (n, 3) and `neural_stance` (n, 3) as log-probabilities, `stance` (n,) as 0, 1, 2 or -1 where
    the item does not concern the pair; `linear_gate`, `neural_gate` (n,) as logits. Relevant items: theme logits (m, k)
    of each half and `theme` (m, k) of 0 and 1.
    """

    linear_stance: Reals
    neural_stance: Reals
    stance: Ints
    linear_gate: Reals
    neural_gate: Reals
    linear_theme: Reals
    neural_theme: Reals
    theme: Ints


def fit_fusion(held: HeldOut) -> Fusion:
    """The shares with the least log loss, each with its own temperature; then the thresholds of the themes."""
    told = held.stance >= 0
    stance_share, stance_temperature = _best_share(held, told)
    gate_share, gate_temperature, gate_bias = _best_gate(held, told)
    theme_share, theme_temperature = _best_theme(held)
    z = (1 - theme_share) * held.linear_theme + theme_share * held.neural_theme
    return Fusion(
        stance_share=stance_share,
        gate_share=gate_share,
        theme_share=theme_share,
        stance_temperature=stance_temperature,
        gate_temperature=gate_temperature,
        gate_bias=gate_bias,
        theme_temperature=theme_temperature,
        thresholds=tuple(float(value) for value in thresholds(sigmoid(z / theme_temperature), held.theme)),
    )


def _best_share(held: HeldOut, told: NDArray[np.bool_]) -> tuple[float, float]:
    true = held.stance[told]

    def loss(share: float) -> tuple[float, float]:
        z = (1 - share) * held.linear_stance[told] + share * held.neural_stance[told]
        t = temperature(z, true)
        return -float(log_softmax(z / t)[np.arange(len(true)), true].mean()), t

    return _least([(share, *loss(share)) for share in _SHARES])


def _best_gate(held: HeldOut, told: NDArray[np.bool_]) -> tuple[float, float, float]:
    true = told.astype(np.int64)
    tried = []
    for share in _SHARES:
        z = (1 - share) * held.linear_gate + share * held.neural_gate
        for bias in np.linspace(-1, 1, 21):
            t = binary_temperature(z + bias, true)
            tried.append((_log_loss((z + bias) / t, true), float(share), t, float(bias)))
    _, share, t, bias = min(tried)
    return share, t, bias


def _best_theme(held: HeldOut) -> tuple[float, float]:
    true = held.theme.ravel()

    def loss(share: float) -> tuple[float, float]:
        z = ((1 - share) * held.linear_theme + share * held.neural_theme).ravel()
        t = binary_temperature(z, true)
        return _log_loss(z / t, true), t

    return _least([(share, *loss(share)) for share in _SHARES])


def _least(tried: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    share, _, t = min(tried, key=lambda one: one[1])
    return float(share), float(t)


def _log_loss(z: Reals, true: NDArray[np.int64]) -> float:
    return float(np.mean(np.logaddexp(0.0, np.where(true == 1, -z, z))))
