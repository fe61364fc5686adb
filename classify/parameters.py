"""What training leaves and reading needs: vocabularies, weights and temperatures, as one plain ``.npz`` file.

The file holds arrays and a JSON note, no pickles; the same parameters always give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from classify.features import DENSE, METHOD
from store.errors import ConfigError

FILE = "linear.npz"
WEIGHTS = Path(__file__).resolve().parent / "weights"
"""The folder of the weights that the project ships."""

RECORD = "quality.json"
"""What was measured of the weights; it lies beside them and is none of them."""

_AGAIN = "train again with: ricwatch train ITEMS.jsonl.gz"

Floats = NDArray[np.float32]


def weights_digest(folder: Path = WEIGHTS) -> str:
    """Sixteen hex digits over every file of weights in *folder*, so that a record of figures can name what it is of."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name != RECORD:
            digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Block:
    """A TF-IDF block: binary counts times idf, to unit length, times weights (one column per output)."""

    vocabulary: tuple[str, ...]
    idf: Floats
    weights: Floats

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.vocabulary)}

    @cached_property
    def _weighted(self) -> Floats:
        return (self.idf[:, None] * self.weights).astype(np.float32)

    @cached_property
    def _squares(self) -> Floats:
        return np.square(self.idf)

    def score(self, names: Iterable[str]) -> Floats:
        """The block's part of every logit; names that training never saw count for nothing.

        Each name is given once. The sum runs in the order of the vocabulary, not of *names*.
        """
        found = set(map(self._index.get, names))
        found.discard(None)
        if not found:
            return np.zeros(self.weights.shape[1], dtype=np.float32)
        ids = np.sort(np.fromiter(found, dtype=np.intp, count=len(found)))
        total: Floats = self._weighted[ids].sum(axis=0, dtype=np.float32)
        unit: Floats = total / np.sqrt(self._squares[ids].sum(dtype=np.float32))
        return unit

    def idf_of(self, name: str) -> float:
        """How rare *name* was in training; an unknown name is as rare as the rarest."""
        at = self._index.get(name)
        return float(self.idf[at]) if at is not None else float(self.idf.max(initial=1.0))


@dataclass(frozen=True)
class Parameters:
    """Everything learned. Columns of the pair blocks: stance -1, 0, +1, then the gate; of the item blocks: themes."""

    pair_words: Block
    pair_chars: Block
    pair_dense: Floats
    pair_bias: Floats
    dyad_prior: Mapping[str, Floats]
    item_words: Block
    item_chars: Block
    item_bias: Floats
    themes: tuple[str, ...]
    theme_thresholds: Floats
    stance_temperature: float
    gate_temperature: float
    theme_temperature: float
    note: Mapping[str, Any]

    def save(self, folder: Path) -> Path:
        """Write ``linear.npz`` into *folder*, weights in half precision; gives its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        np.savez_compressed(path, **self._arrays())  # type: ignore[arg-type]
        return path

    def digest(self) -> str:
        """Hex digits over what `save` would write, for parameters that lie in no file."""
        digest = hashlib.sha256()
        for name, array in self._arrays().items():
            digest.update(name.encode() + array.tobytes())
        return digest.hexdigest()

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {}
        for name in _BLOCKS:
            block: Block = getattr(self, name)
            arrays[f"{name}.vocabulary"] = np.frombuffer("\n".join(block.vocabulary).encode(), dtype=np.uint8)
            arrays[f"{name}.idf"] = block.idf.astype(np.float16)
            arrays[f"{name}.weights"] = block.weights.astype(np.float16)
        for name in _ARRAYS:
            arrays[name] = getattr(self, name).astype(np.float32)
        about = {
            "method": METHOD,
            "dense": list(DENSE),
            "themes": list(self.themes),
            "dyad_prior": {dyad: [float(v) for v in prior] for dyad, prior in self.dyad_prior.items()},
            "temperatures": [self.stance_temperature, self.gate_temperature, self.theme_temperature],
            "note": dict(self.note),
        }
        arrays["about"] = np.frombuffer(json.dumps(about, sort_keys=True).encode(), dtype=np.uint8)
        return arrays


_BLOCKS = ("pair_words", "pair_chars", "item_words", "item_chars")
_ARRAYS = ("pair_dense", "pair_bias", "item_bias", "theme_thresholds")


def known_by(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ties and the themes that the weights in *folder* were trained on, without loading the weights themselves.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    path = folder / FILE
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            about = json.loads(held["about"].tobytes())
        return tuple(about["dyad_prior"]), tuple(about["themes"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ConfigError(f"the weights {path} cannot be read ({error}); install the program again") from None


def file_digest(folder: Path) -> str:
    """Hex digits over the file of weights in *folder*, without loading it.

    Raises:
        ConfigError: the file is missing.
    """
    path = folder / FILE
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


def load_parameters(folder: Path) -> Parameters:
    """Read what `Parameters.save` wrote; who asks again for a file that did not change gets the same parameters.

    Raises:
        ConfigError: the file is missing, damaged, or was trained for another version of the features.
    """
    path = folder / FILE
    try:
        about = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return _load(path, (about.st_ino, about.st_size, about.st_mtime_ns))


def _unreadable(path: Path, error: Exception) -> ConfigError:
    what = "are missing" if isinstance(error, FileNotFoundError) else f"are damaged ({error})"
    return ConfigError(f"the weights {path} {what}; install the program again or {_AGAIN}")


@lru_cache(maxsize=1)
def _load(path: Path, _written: tuple[int, int, int]) -> Parameters:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        about = json.loads(arrays["about"].tobytes())
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise _unreadable(path, error) from None
    if about["method"] != METHOD or about["dense"] != list(DENSE):
        raise ConfigError(f"the weights {path} were trained for features {about['method']}, not {METHOD}; {_AGAIN}")
    blocks = {
        name: Block(
            tuple(arrays[f"{name}.vocabulary"].tobytes().decode().split("\n")),
            arrays[f"{name}.idf"].astype(np.float32),
            arrays[f"{name}.weights"].astype(np.float32),
        )
        for name in _BLOCKS
    }
    stance, gate, theme = about["temperatures"]
    return Parameters(
        pair_words=blocks["pair_words"],
        pair_chars=blocks["pair_chars"],
        item_words=blocks["item_words"],
        item_chars=blocks["item_chars"],
        pair_dense=arrays["pair_dense"],
        pair_bias=arrays["pair_bias"],
        item_bias=arrays["item_bias"],
        theme_thresholds=arrays["theme_thresholds"],
        dyad_prior={dyad: np.asarray(prior, dtype=np.float32) for dyad, prior in about["dyad_prior"].items()},
        themes=tuple(about["themes"]),
        stance_temperature=stance,
        gate_temperature=gate,
        theme_temperature=theme,
        note=about["note"],
    )
