"""A fine-tuned network as the files that `classify.neural` runs: pruned vocabulary, ONNX, eight-bit integers."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from classify.network import MAX_TOKENS
from classify.neural import ABOUT, FIRST_THEME, FORMAT, MODEL, TOKENIZER, Fusion, open_session, run
from classify.prompts import ALL, FIRST, PAIR, ROLES, SECOND, THIRD
from classify.tune import Tuned

_OPSET = 17
_KNOWN = (
    f"{FIRST} and {SECOND} sign a pact on energy and trade",
    f"{FIRST} accuses {SECOND} of crossing the border, {THIRD} calls for calm",
    f"The ministers of {ALL} meet; {FIRST} rejects what {SECOND} proposed",
    f"{PAIR} talks end without a word on the dispute",
)
"""Prompts by whose logits a network tells whether a processor computes as others do (`classify.neural`)."""


def export(tuned: Tuned, texts: Iterable[str] | None, fusion: Fusion, out: Path, note: Mapping[str, Any]) -> Path:
    """Write the three files into the folder *out*; gives the network's path.

    Only the word pieces that occur in *texts* (any news of the kind) are kept, and every single character, of which a
    word that is not among them is then made: half of the encoder's size is its vocabulary. None keeps all.
    """
    import torch

    out.mkdir(parents=True, exist_ok=True)
    kept, tokenizer = _pruned(tuned, texts)
    tuned.network.cpu()
    words = tuned.network.bert.embeddings.word_embeddings
    words.weight = torch.nn.Parameter(words.weight.detach()[kept])
    place = {old: new for new, old in enumerate(kept)}
    tuned.network.sides = tuple(place[role] for role in tuned.network.sides)
    tuned.network.both = tuple(place[role] for role in tuned.network.both)
    # What lies in *out* may be the only start there is to learn on from: it is replaced when all is made, file by file.
    with tempfile.TemporaryDirectory(dir=out) as folder:
        made = Path(folder)
        network = _integers(tuned.network, made)
        about = {
            "format": FORMAT,
            "max_tokens": MAX_TOKENS,
            "themes": list(tuned.themes),
            "fusion": {**asdict(fusion), "thresholds": dict(zip(tuned.themes, fusion.thresholds, strict=True))},
            "known": known_logits(network, tokenizer, FIRST_THEME + len(tuned.themes)),
            "note": dict(note),
        }
        (made / MODEL).write_bytes(network)
        (made / TOKENIZER).write_text(tokenizer, encoding="utf-8")
        (made / ABOUT).write_text(json.dumps(_rounded(about), indent=1) + "\n", encoding="utf-8")
        for name in (MODEL, TOKENIZER, ABOUT):
            (made / name).replace(out / name)
    return out / MODEL


def known_logits(network: bytes, tokenizer: str, width: int) -> dict[str, list[float]]:
    """What a network says of a few prompts where no sum is cut off: `classify.neural` asks again wherever it runs."""
    from tokenizers import Tokenizer

    rows = run(open_session(network, exact=True), Tokenizer.from_str(tokenizer), _KNOWN, width)
    return dict(zip(_KNOWN, rows.tolist(), strict=True))


def _integers(network: Any, folder: Path) -> bytes:
    """The *network* in eight-bit integers, as a file's bytes; *folder* is for what is written on the way."""
    import onnx
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    full, small = folder / "full.onnx", folder / "small.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, on itself
        torch.onnx.export(
            _single(network).eval(),
            (torch.arange(1, 21).unsqueeze(0),),
            str(full),
            input_names=["ids"],
            output_names=["logits"],
            dynamic_axes={"ids": {1: "words"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        quantize_dynamic(full, small, weight_type=QuantType.QInt8, per_channel=True)
    model = onnx.load(str(small))
    model.doc_string = ""  # paths of the machine that exported it do not belong in it
    return bytes(model.SerializeToString())


def _single(network: Any) -> Any:
    """The network for one prompt: nothing is padded, so nothing is masked, and query, key and value are one product."""
    import torch
    from torch import nn

    def joined(own: Any) -> Any:
        parts = (own.query, own.key, own.value)
        one = nn.Linear(parts[0].in_features, 3 * parts[0].out_features)
        one.weight = nn.Parameter(torch.cat([part.weight for part in parts]).detach())
        one.bias = nn.Parameter(torch.cat([part.bias for part in parts]).detach())
        return one

    class Single(nn.Module):  # type: ignore[misc]
        """The same numbers as `classify.tune` computes, for a row of ids."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.joined = nn.ModuleList([joined(layer.attention.self) for layer in network.bert.encoder.layer])

        def forward(self, ids: Any) -> Any:
            embed = network.bert.embeddings
            words = embed.word_embeddings(ids) + embed.position_embeddings(torch.arange(ids.shape[1]))
            states = embed.LayerNorm(words + embed.token_type_embeddings(torch.zeros_like(ids[:, :1])))
            for layer, three in zip(network.bert.encoder.layer, self.joined, strict=True):
                own = layer.attention.self
                heads, size = own.num_attention_heads, own.attention_head_size
                query, key, value = three(states).view(-1, 3, heads, size).permute(1, 2, 0, 3).unbind(0)
                mix = torch.softmax(query @ key.transpose(1, 2) / size**0.5, -1) @ value
                seen = layer.attention.output.dense(mix.transpose(0, 1).reshape(1, -1, heads * size))
                states = layer.attention.output.LayerNorm(seen + states)
                wide = nn.functional.gelu(layer.intermediate.dense(states))
                states = layer.output.LayerNorm(layer.output.dense(wide) + states)
            return network.answer(states, ids, torch.ones_like(ids))

    return Single()


def _pruned(tuned: Tuned, texts: Iterable[str] | None) -> tuple[list[int], str]:
    """The word pieces to keep, by their old numbers, and the tokenizer over them as JSON."""
    vocabulary: dict[str, int] = tuned.tokenizer.get_vocab()
    special = {*tuned.tokenizer.all_special_tokens, *ROLES}
    wanted = {at for piece, at in vocabulary.items() if piece in special or len(piece.removeprefix("##")) == 1}
    for text in () if texts is None else texts:
        wanted.update(tuned.tokenizer(text, add_special_tokens=False)["input_ids"])
    kept = sorted(vocabulary.values() if texts is None else wanted)
    place = {old: new for new, old in enumerate(kept)}
    told = json.loads(tuned.tokenizer.backend_tokenizer.to_str())
    told["model"]["vocab"] = {
        piece: place[at] for piece, at in sorted(vocabulary.items(), key=lambda one: one[1]) if at in place
    }
    for token in told["added_tokens"]:
        token["id"] = place[token["id"]]
    for token in told["post_processor"].get("special_tokens", {}).values():
        token["ids"] = [place[old] for old in token["ids"]]
    told["truncation"] = told["padding"] = None
    return kept, json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
