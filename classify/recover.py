"""A network as it can learn, from the files that `classify.export` wrote: so that learning need not begin anew.

The weights come back from eight-bit integers, a little rounded; what the network learns next makes good for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.network import attention_kind, device, pair_network, with_roles
from classify.neural import FIRST_THEME, MODEL, TOKENIZER, load_neural
from classify.tune import Tuned
from store.errors import ConfigError

_HEADS = 12  # of the encoder, which the integer network does not tell
_UNTAUGHT = -4.0
"""The logit of a theme of which the network knows nothing: it does not give it."""
_OF_A_LAYER = ("attention.self", "attention.output.dense", "intermediate.dense", "output.dense")
_SPECIAL = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
_MASK = "[MASK]"

Reals = NDArray[np.float32]


def recovered(folder: Path, themes: Sequence[str]) -> Tuned:
    """The network in *folder*, with an output for each of *themes*: known ones as they were, others untaught.

    Raises:
        ConfigError: a file is missing or damaged, or another program wrote the network.
    """
    known = load_neural(folder).themes  # says what is wrong with the files
    try:
        return _recovered(folder, known, tuple(themes))
    except (KeyError, ValueError, RuntimeError) as error:  # other names or shapes than those of `classify.network`
        raise ConfigError(f"the network in {folder} is none that training here wrote ({error})") from None


def _recovered(folder: Path, known: Sequence[str], themes: tuple[str, ...]) -> Tuned:
    import torch
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    weights = _weights(folder / MODEL)
    words_of = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer = with_roles(PreTrainedTokenizerFast(tokenizer_object=words_of, mask_token=_MASK, **_SPECIAL))
    words, size = weights["bert.embeddings.word_embeddings.weight"].shape
    layers = 1 + max(int(name.split(".")[3]) for name in weights if name.startswith("bert.encoder.layer."))
    config = BertConfig(
        vocab_size=words,
        hidden_size=size,
        num_hidden_layers=layers,
        num_attention_heads=_HEADS,
        intermediate_size=len(weights["bert.encoder.layer.0.intermediate.dense.bias"]),
        max_position_embeddings=len(weights["bert.embeddings.position_embeddings.weight"]),
        **attention_kind(),
    )
    network = pair_network(BertModel(config, add_pooling_layer=False), tokenizer, len(themes))
    place = {code: FIRST_THEME + at for at, code in enumerate(known)}
    rows = [*range(FIRST_THEME), *(place.get(code, -1) for code in themes)]
    new = np.asarray(rows) < 0
    for part, untaught in (("out.weight", 0.0), ("out.bias", _UNTAUGHT)):
        weights[part] = weights[part][rows]
        weights[part][new] = untaught
    network.load_state_dict({name: torch.from_numpy(np.array(weight)) for name, weight in weights.items()})
    return Tuned(network.eval().to(device()), tokenizer, themes)


def _weights(path: Path) -> dict[str, Reals]:
    """The weights by their names in the network of `classify.network`."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    given = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    found = {
        name.removeprefix("network."): weight.astype(np.float32)
        for name, weight in given.items()
        if name.startswith("network.") and name.endswith((".weight", ".bias"))
    }
    for name in [one.removesuffix("_quantized") for one in given if one.endswith("embeddings.weight_quantized")]:
        found[name.removeprefix("network.")] = _dequantized(given, name)
    # The exporter numbers the products' weights; the order of the products is that of the network.
    products = iter(
        [node.input[1].removesuffix("_quantized") for node in graph.node if node.op_type == "MatMulInteger"]
    )
    layers = sum(name.startswith("joined.") for name in given)
    for layer in range(layers):
        at = f"bert.encoder.layer.{layer}"
        three, *others = (_dequantized(given, name).T for name in islice(products, len(_OF_A_LAYER)))
        for part, weight, bias in zip(
            ("query", "key", "value"), np.split(three, 3), np.split(given[f"joined.{layer}.bias"], 3), strict=True
        ):
            found[f"{at}.attention.self.{part}.weight"], found[f"{at}.attention.self.{part}.bias"] = weight, bias
        for part, weight in zip(_OF_A_LAYER[1:], others, strict=True):
            found[f"{at}.{part}.weight"] = weight
    for part, name in zip(("middle", "out"), products, strict=True):
        found[f"{part}.weight"] = _dequantized(given, name).T
    return found


def _dequantized(given: Mapping[str, NDArray[Any]], name: str) -> Reals:
    whole = given[f"{name}_quantized"].astype(np.float32) - given[f"{name}_zero_point"].astype(np.float32)
    return np.asarray(whole * given[f"{name}_scale"], dtype=np.float32)
