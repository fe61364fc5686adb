"""Logistic heads on vectors from an encoder: fitting with numpy alone, and the plain ``.npz`` file that keeps them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from classify.calibration import Reals, sigmoid
from store.errors import ConfigError

FILE = "heads.npz"
_STEPS = 3_000
_STILL = 1e-6


@dataclass(frozen=True, slots=True)
class Head:
    """Weights (one column per output) and biases."""

    weights: Reals
    bias: Reals

    def logits(self, x: Reals) -> Reals:
        """One row per row of *x*."""
        z: Reals = x @ self.weights + self.bias
        return z


@dataclass(frozen=True, slots=True)
class Heads:
    """All that is learned on top of an encoder; `probe` is its vector of a fixed sentence: by it it is known again."""

    stance: Head
    gate: Head
    theme: Head
    theme_thresholds: Reals
    temperatures: tuple[float, float, float]
    probe: Reals
    about: Mapping[str, Any]

    def digest(self) -> str:
        """Names these heads: the same only where every weight is."""
        sha = hashlib.sha256(json.dumps([self.temperatures, dict(self.about)], sort_keys=True).encode())
        for array in self._arrays().values():
            sha.update(np.ascontiguousarray(array, dtype=np.float32).tobytes())
        return sha.hexdigest()

    def save(self, folder: Path) -> Path:
        """Write ``heads.npz`` into *folder*; gives its path."""
        folder.mkdir(parents=True, exist_ok=True)
        about = json.dumps({"temperatures": self.temperatures, "about": dict(self.about)}, sort_keys=True)
        arrays = {name: array.astype(np.float32) for name, array in self._arrays().items()}
        path = folder / FILE
        np.savez_compressed(path, **arrays, about=np.frombuffer(about.encode(), dtype=np.uint8))  # type: ignore[arg-type]
        return path

    def _arrays(self) -> dict[str, Reals]:
        arrays = {"theme_thresholds": self.theme_thresholds, "probe": self.probe}
        for name in _HEADS:
            head: Head = getattr(self, name)
            arrays |= {f"{name}.{field.name}": getattr(head, field.name) for field in fields(Head)}
        return arrays


_HEADS = ("stance", "gate", "theme")


def load_heads(folder: Path, again: str) -> Heads:
    """Read what `Heads.save` wrote; *again* says how to make it anew.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    path = folder / FILE
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        kept = json.loads(arrays.pop("about").tobytes())
        real = {name: array.astype(np.float64) for name, array in arrays.items()}
        stance, gate, theme = (Head(real[f"{name}.weights"], real[f"{name}.bias"]) for name in _HEADS)
        t = kept["temperatures"]
        return Heads(
            stance, gate, theme, real["theme_thresholds"], (t[0], t[1], t[2]), real["probe"], kept["about"]
        )  # fmt: skip
    except FileNotFoundError:
        raise ConfigError(f"the heads {path} are missing; {again}") from None
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, BadZipFile) as error:
        raise ConfigError(f"the heads {path} are damaged ({error}); {again}") from None


def fit_softmax(x: Reals, y: Reals, weight: Reals, c: float) -> Head:
    """Multinomial logistic regression; *y* has one column per class, *weight* one entry per row, *c* as in sklearn."""
    return _descend(x, y, np.repeat(weight[:, None], y.shape[1], axis=1), c, _Link(softmax, 0.5))


def fit_binary(x: Reals, y: Reals, weight: Reals, c: float) -> Head:
    """Logistic regressions side by side, one per column of *y*; *weight* has the form of *y*."""
    return _descend(x, y, weight, c, _Link(sigmoid, 0.25))


def softmax(z: Reals) -> Reals:
    """Rows that sum to one."""
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    p: Reals = powers / powers.sum(axis=-1, keepdims=True)
    return p


@dataclass(frozen=True, slots=True)
class _Link:
    """From logits to probabilities, and the most that the loss curves with a logit."""

    p: Callable[[Reals], Reals]
    curvature: float


def _descend(x: Reals, y: Reals, weight: Reals, c: float, link: _Link) -> Head:
    """Nesterov's accelerated gradient with restarts (O'Donoghue and Candès 2015) on a strictly convex loss."""
    rows = len(x)
    extended = np.hstack([x, np.ones((rows, 1))])
    penalty = np.full((extended.shape[1], 1), 1.0 / (c * rows))
    penalty[-1] = 1e-6  # the bias is not held back
    most = weight.max(axis=1)
    steepest = float(np.linalg.eigvalsh((extended * most[:, None]).T @ extended)[-1])
    step = 1.0 / (link.curvature * steepest / rows + float(penalty.max()))
    at = np.zeros((extended.shape[1], y.shape[1]))
    ahead, momentum = at, 1.0
    for _ in range(_STEPS):
        slope = extended.T @ ((link.p(extended @ ahead) - y) * weight) / rows + penalty * ahead
        if float(np.abs(slope).max()) < _STILL:
            break
        following = ahead - step * slope
        if float((slope * (following - at)).sum()) > 0:
            momentum = 1.0
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / grown * (following - at)
        at, momentum = following, grown
    return Head(ahead[:-1], ahead[-1])
