"""The weighing of the two halves."""

from __future__ import annotations

import numpy as np
import pytest

from classify.decide import log_softmax
from classify.fusion import HeldOut, fit_fusion

rng = np.random.default_rng(7)
N, THEMES = 900, 3


def told(true: np.ndarray, columns: int, strength: float) -> np.ndarray:
    """Logits that know the truth as well as *strength* says, with noise of one."""
    logits: np.ndarray = strength * np.eye(columns)[true] + rng.normal(size=(len(true), columns))
    return logits


def held(linear: float, neural: float, scale: float = 1.0) -> HeldOut:
    stance = rng.integers(-1, 3, N)
    sure = np.where(stance >= 0, stance, 0)
    gate = 2.0 * (stance >= 0) - 1
    theme = rng.integers(0, 2, (N, THEMES))
    return HeldOut(
        linear_stance=log_softmax(scale * told(sure, 3, linear)),
        neural_stance=log_softmax(scale * told(sure, 3, neural)),
        stance=stance,
        linear_gate=scale * (linear * gate + rng.normal(size=N)),
        neural_gate=scale * (neural * gate + rng.normal(size=N)),
        linear_theme=scale * (linear * (2 * theme - 1) + rng.normal(size=theme.shape)),
        neural_theme=scale * (neural * (2 * theme - 1) + rng.normal(size=theme.shape)),
        theme=theme,
    )


def test_the_half_that_knows_more_counts_more_but_never_alone() -> None:
    fusion = fit_fusion(held(linear=0.1, neural=2.0))
    assert (fusion.stance_share, fusion.gate_share, fusion.theme_share) == pytest.approx((0.8, 0.8, 0.8))
    fusion = fit_fusion(held(linear=2.0, neural=0.1))
    assert (fusion.stance_share, fusion.gate_share, fusion.theme_share) == pytest.approx((0.2, 0.2, 0.2))


def test_two_halves_alike_share_evenly() -> None:
    fusion = fit_fusion(held(linear=1.5, neural=1.5))
    assert 0.35 <= fusion.stance_share <= 0.65
    assert 0.35 <= fusion.gate_share <= 0.65


def test_halves_that_are_too_sure_are_cooled() -> None:
    calm, loud = fit_fusion(held(1.0, 1.0)), fit_fusion(held(1.0, 1.0, scale=4.0))
    assert loud.stance_temperature > 2 * calm.stance_temperature
    assert loud.gate_temperature > 2 * calm.gate_temperature
    assert loud.theme_temperature > 2 * calm.theme_temperature
    assert len(loud.thresholds) == THEMES
    assert all(0 < threshold < 1 for threshold in loud.thresholds)
