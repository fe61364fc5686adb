"""Fine-tuning, narrowing and export, where the extra `tune` is installed: a few steps, real libraries."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from classify import distil, lesson, network, tune
from classify.labelled import Labelled, load_labelled
from classify.neural import ABOUT, FIRST_THEME, MODEL, STANCES, Fusion, load_neural
from ingest.topic import Topic
from store.errors import ConfigError
from tests.classify.helpers import synthetic

MISSING = "fine-tuning needs the extra 'tune'"
HALVES = Fusion(0.5, 0.5, 0.5, 1.0, 1.0, 0.0, 1.0, ())


def needs_torch() -> None:
    for package in ("torch", "transformers", "onnx", network.BASE):
        pytest.importorskip(package, reason=MISSING)


def lessons(folder: Path, topic: Topic) -> tuple[list[Labelled], list[tune.Example], tuple[str, ...]]:
    labelled = load_labelled(synthetic(folder / "items.jsonl"))
    return labelled, tune.examples(labelled, topic), tuple(theme.code for theme in topic.themes)


def share_read_rightly(pairs: list[tune.Example], logits: NDArray[np.float64]) -> float:
    told = [pair.label in (-1, 0, 1) for pair in pairs]
    right = [pair.label + 1 for pair in pairs if pair.label in (-1, 0, 1)]
    return float(np.mean(logits[told, :STANCES].argmax(axis=1) == right))


def test_what_is_missing_is_told_before_an_hour_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "BASE", "no_such_package")
    with pytest.raises(ConfigError, match=r"no_such_package.*pip install 'ricwatch\[tune\]'"):
        network.base_folder()


def test_a_network_learns_is_narrowed_and_exported(
    tmp_path: Path, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_torch()
    from classify.export import export

    for name, value in {"EPOCHS": 6, "BATCH": 16, "NARROW_EPOCHS": 1, "WIDTH": 512, "LAYERS": 6}.items():
        monkeypatch.setattr(tune, name, value)
    monkeypatch.setattr(lesson, "_WEIGHED", 2)
    labelled, pairs, themes = lessons(tmp_path, topic)
    told: list[tuple[int, int | None]] = []

    def report(done: int, total: int | None = None, note: str = "") -> None:
        told.append((done, total))

    tuned = tune.tune(pairs, themes, progress=report)
    assert told[-1][0] == told[-1][1]
    assert {layer.intermediate.dense.out_features for layer in tuned.network.bert.encoder.layer} == {512}

    prompts = [pair.prompt for pair in pairs]
    whole = tuned.logits(prompts)
    assert tuned.logits([]).shape == (0, FIRST_THEME + len(themes))
    assert share_read_rightly(pairs, whole) > 0.8

    texts = [f"{one.item.title}\n{one.item.text}" for one in labelled]
    fusion = replace(HALVES, thresholds=(0.5,) * len(themes))
    path = export(tuned, texts, fusion, tmp_path / "weights", {"seed": 0})
    assert path.name == MODEL
    small = load_neural(tmp_path / "weights").logits(prompts)
    assert small.shape == (len(prompts), FIRST_THEME + len(themes))
    assert np.mean(small[:, :STANCES].argmax(axis=1) == whole[:, :STANCES].argmax(axis=1)) > 0.95
    assert np.abs(small - whole).mean() < 0.3
    about = json.loads((tmp_path / "weights" / ABOUT).read_text(encoding="utf-8"))
    assert about["note"] == {"seed": 0}
    assert str(tmp_path) not in (tmp_path / "weights" / MODEL).read_bytes().decode("latin-1")


def test_a_small_network_learns_from_labels_and_from_other_networks(
    tmp_path: Path, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_torch()
    for name, value in {"EPOCHS": 6, "NARROW_EPOCHS": 2, "TEACHERS": 2, "GAP_EPOCHS": 1, "BATCH": 16}.items():
        monkeypatch.setattr(distil, name, value)
    monkeypatch.setattr(lesson, "_WEIGHED", 2)
    labelled, pairs, themes = lessons(tmp_path, topic)
    prompts = [pair.prompt for pair in pairs]
    told: list[str] = []

    def report(done: int, total: int | None = None, note: str = "") -> None:
        if done == total:
            told.append(note)

    news = [f"{one.item.title}\n{one.item.text}" for one in labelled]
    tuned = distil.distil(pairs, themes, news, prompts[:40], progress=report)
    assert told == ["steps of filling gaps", *["steps of a teacher"] * 2, "steps of the small network"]
    layers = list(tuned.network.bert.encoder.layer)
    assert [layer.intermediate.dense.out_features for layer in layers] == [tune.WIDTH] * tune.LAYERS
    assert share_read_rightly(pairs, tuned.logits(prompts)) > 0.8


def test_filling_gaps_teaches_the_encoder_the_words_of_the_news(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_torch()
    import torch

    monkeypatch.setattr(distil, "GAP_EPOCHS", 1)
    tokenizer = network.base_tokenizer(network.base_folder())
    before = network.make_network(network.base_folder(), tokenizer, 1).bert.state_dict()
    after = distil.adapt(["Moscow and New Delhi sign an oil deal"] * 200, tokenizer)
    assert set(after) == set(before)
    assert any(not torch.equal(after[name], before[name]) for name in before)
