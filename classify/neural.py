"""The neural half of the default backend: a small transformer that reads a pair in a text, run by onnxruntime.

The network (four layers of 384, in eight-bit integers) was trained by `classify.distil`; here it is only run: no torch,
nothing is downloaded, one thread, one prompt at a time. One at a time, because the integer arithmetic scales by the
largest activation of a run: in a batch, a text would be read a little differently next to another neighbour.

Processors read alike. Those of x86 without integer dot products (VNNI) add pairs of products in 16 bits, and sums that
are too large for these are cut off: logits were off by 0.17 on average. The network's file of notes therefore holds
what it says of a few prompts; where it says otherwise here, it is run in a slower way that cuts nothing off.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.parameters import WEIGHTS
from store.errors import ConfigError

MODEL, TOKENIZER, ABOUT = "pairs.onnx", "pairs.tokenizer.json", "pairs.json"
FORMAT = 1
"""Of ``pairs.json``. Raise it when the meaning of a prompt or of an output changes: older weights are then refused."""
_CUT_OFF = 0.02
"""Mean difference to the known logits from which sums were cut off: that makes 0.1 and more, other rounding 0.002."""
STANCES = 3
GATE_AT = STANCES
FIRST_THEME = STANCES + 1

Reals = NDArray[np.float64]
_log = logging.getLogger("ricwatch.classify")
_AGAIN = "install the program again, or read with the linear half alone: RICWATCH_MODEL=linear"


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the two halves are put together: the neural half's share of each logit, then a temperature.

    A weighted mean of log-probabilities is the logarithmic opinion pool of Genest and Zidek 1986 (Statistical Science
    1, section 3). Temperatures and thresholds are set on news later than what the halves were trained on for that.
    """

    stance_share: float
    gate_share: float
    theme_share: float
    stance_temperature: float
    gate_temperature: float
    gate_bias: float
    theme_temperature: float
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class NeuralModel:
    """The network, its tokenizer and what was found out about it; made by `load_neural`."""

    session: Any
    tokenizer: Any
    themes: tuple[str, ...]
    fusion: Fusion
    digest: str

    def logits(self, prompts: Sequence[str]) -> Reals:
        """A row per prompt: stance -1, 0, +1, that the pair is concerned, then one logit per theme."""
        return run(self.session, self.tokenizer, prompts, FIRST_THEME + len(self.themes))


def run(session: Any, tokenizer: Any, prompts: Sequence[str], width: int) -> Reals:
    """The *width* logits of each prompt, by an `open_session` and a tokenizer (of tokenizers)."""
    rows = np.zeros((len(prompts), width))
    for at, prompt in enumerate(prompts):
        whole = prompt.encode("utf-8", "replace").decode()  # half a surrogate pair is no text to the tokenizer
        ids = np.asarray([tokenizer.encode(whole).ids], dtype=np.int64)
        rows[at] = session.run(None, {"ids": ids})[0][0]
    return rows


def open_session(weights: bytes, *, exact: bool = False) -> Any:
    """The network of a file's bytes, on one thread; with *exact*, no processor cuts off sums; on x86 that is slower."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # warnings about the graph are for those who export it
    if exact:
        options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def load_neural(folder: Path = WEIGHTS) -> NeuralModel:
    """The network in *folder*.

    Raises:
        ConfigError: onnxruntime cannot be imported here, or a file is missing, damaged or of another format.
    """
    try:
        import onnxruntime  # noqa: F401 (tried here, where what to do can be said)
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ConfigError(
            f"the default reader needs onnxruntime and tokenizers, which do not load here ({error}); {_AGAIN}"
        ) from None
    weights, words, told = _files(folder)
    try:
        about = json.loads(told)
    except ValueError as error:
        raise ConfigError(f"the neural weights in {folder} are missing or damaged ({error}); {_AGAIN}") from None
    if about.get("format") != FORMAT:
        raise ConfigError(f"the neural weights in {folder} are of format {about.get('format')}, not {FORMAT}; {_AGAIN}")
    try:
        themes = tuple(about["themes"])
        tokenizer = Tokenizer.from_str(words.decode())
        tokenizer.enable_truncation(int(about["max_tokens"]))
        known, width = about.get("known", {}), FIRST_THEME + len(themes)
        session = open_session(weights)
        if _otherwise(session, tokenizer, known, width):
            session = open_session(weights, exact=True)
            if by := _otherwise(session, tokenizer, known, width):
                _log.warning("The network in %s says something else here than where it was made, by %.2f", folder, by)
        return NeuralModel(session, tokenizer, themes, _fusion(about), _digest(weights, words, told))
    except Exception as error:  # both libraries raise types of their own, some of them bare Exception
        raise ConfigError(f"the neural weights in {folder} are damaged ({error!r}); {_AGAIN}") from None


def _otherwise(session: Any, tokenizer: Any, known: dict[str, list[float]], width: int) -> float:
    """By how much *session* says something else of the *known* prompts than where the network was made; 0 for rounding.

    Nothing can be told of a network from before known logits were noted.
    """
    if not known:
        return 0.0
    logits = np.asarray(list(known.values()), dtype=np.float64).reshape(len(known), width)
    if not np.isfinite(logits).all():
        raise ValueError("known logits that are no numbers")
    by = float(np.abs(run(session, tokenizer, list(known), width) - logits).mean())
    return by if by > _CUT_OFF else 0.0


def network_digest(folder: Path = WEIGHTS) -> str:
    """What `NeuralModel.digest` is of the network in *folder*, without loading it."""
    return _digest(*_files(folder))


def _files(folder: Path) -> tuple[bytes, bytes, bytes]:
    """The network, its tokenizer and what is said about it."""
    try:
        return (folder / MODEL).read_bytes(), (folder / TOKENIZER).read_bytes(), (folder / ABOUT).read_bytes()
    except OSError as error:
        raise ConfigError(f"the neural weights in {folder} are missing or damaged ({error}); {_AGAIN}") from None


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def _fusion(about: dict[str, Any]) -> Fusion:
    own = about["fusion"]
    return Fusion(
        **{name: float(own[name]) for name in _NUMBERS},
        thresholds=tuple(float(own["thresholds"][code]) for code in about["themes"]),
    )


_NUMBERS = (
    "stance_share", "gate_share", "theme_share", "stance_temperature", "gate_temperature", "gate_bias",
    "theme_temperature",
)  # fmt: skip
