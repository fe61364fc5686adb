"""Fine-tuning, narrowing, learning on and export, where the extra `tune` is installed: a few steps, real libraries."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from classify import distil, further, lesson, network, train_fused, tune
from classify.fused import load_fused
from classify.labelled import Labelled, item_key, load_labelled
from classify.neural import ABOUT, FIRST_THEME, MODEL, STANCES, TOKENIZER, Fusion, load_neural, network_digest
from classify.parameters import FILE, WEIGHTS
from classify.prompts import FIRST, SECOND
from classify.trained import own_folder
from flows.training import train_files
from ingest.topic import Topic
from store.errors import ConfigError
from tests.classify.helpers import synthetic

MISSING = "fine-tuning needs the extra 'tune'"
HALVES = Fusion(0.5, 0.5, 0.5, 1.0, 1.0, 0.0, 1.0, ())


def needs_torch() -> None:
    for package in ("torch", "transformers", "onnx", network.BASE):
        pytest.importorskip(package, reason=MISSING)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


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


@pytest.mark.parametrize(("has", "bits"), [({}, 32), ({"avx2": True}, 32), ({"avx512_bf16": True}, 16)])
def test_products_are_of_16_bits_only_where_the_processor_has_them(
    has: dict[str, bool], bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_torch()
    import torch

    monkeypatch.setattr(network, "device", lambda: "cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    with network.short_products():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype.itemsize * 8 == bits


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
    assert {len(logits) for logits in about["known"].values()} == {FIRST_THEME + len(themes)}
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


def test_the_shipped_network_learns_on_where_it_stood(
    tmp_path: Path, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_torch()
    from classify.export import export
    from classify.further import learn_further
    from classify.recover import recovered

    _, pairs, themes = lessons(tmp_path, topic)
    prompts = [pair.prompt for pair in pairs[:60]]
    shipped = load_neural()
    tuned = recovered(WEIGHTS, shipped.themes)
    assert shipped.themes == themes
    # The integers that it runs on round every activation too: logits differ by a sixth, not in their order.
    before, run = tuned.logits(prompts), shipped.logits(prompts)
    assert np.abs(before - run).mean() < 0.25
    assert np.mean(before[:, :STANCES].argmax(axis=1) == run[:, :STANCES].argmax(axis=1)) > 0.95

    # Taught that whatever was told as -1 is +1, it says so; of what it is held to by its own word it says what it said.
    turned = [replace(pair, label=1) for pair in pairs if pair.label == -1][:24]
    held = [pair.prompt for pair in pairs if pair.label == 0][:24]
    monkeypatch.setattr(further, "KEPT_WEIGHT", 1.0)
    monkeypatch.setattr(further, "EPOCHS", 4)
    told: list[tuple[int, int | None, str]] = []
    was = tuned.logits(held)
    learn_further(tuned, turned, held, progress=lambda *step: told.append(step))
    assert told[-1][0] == told[-1][1]
    assert share_read_rightly(turned, tuned.logits([one.prompt for one in turned])) > 0.9
    loose = recovered(WEIGHTS, themes)
    learn_further(loose, turned)
    said, kept, lost = (softmax(logits[:, :STANCES]) for logits in (was, tuned.logits(held), loose.logits(held)))
    assert np.abs(kept - said).mean() < np.abs(lost - said).mean() / 2

    # A share of what was learned is that share of the way, in every weight.
    start = recovered(WEIGHTS, themes).network.state_dict()
    part = recovered(WEIGHTS, themes)
    learn_further(part, turned, share=0.25)
    quarter, whole = part.network.state_dict(), loose.network.state_dict()
    for name, weight in quarter.items():
        expected = start[name] + (whole[name] - start[name]) / 4
        assert np.allclose(weight.numpy(), expected.numpy(), atol=1e-5), name

    export(tuned, None, replace(HALVES, thresholds=(0.5,) * len(themes)), tmp_path / "weights", {})
    words = [(folder / TOKENIZER).read_text(encoding="utf-8") for folder in (WEIGHTS, tmp_path / "weights")]
    assert json.loads(words[0])["model"]["vocab"] == json.loads(words[1])["model"]["vocab"]
    again = recovered(tmp_path / "weights", themes).logits(held)
    assert np.mean(again[:, :STANCES].argmax(axis=1) == tuned.logits(held)[:, :STANCES].argmax(axis=1)) > 0.9


def test_a_recovered_network_knows_nothing_of_new_themes(topic: Topic) -> None:
    needs_torch()
    from classify.recover import recovered

    known = load_neural().themes
    prompt = [f"{FIRST} and {SECOND} sign an oil deal"]
    whole = recovered(WEIGHTS, known).logits(prompt)[0]
    other = recovered(WEIGHTS, ("whaling", known[2])).logits(prompt)[0]
    assert other[:FIRST_THEME] == pytest.approx(whole[:FIRST_THEME])
    assert other[FIRST_THEME + 1] == pytest.approx(whole[FIRST_THEME + 2])
    assert other[FIRST_THEME] == pytest.approx(-4)  # is never given


def test_halves_stay_weighed_where_a_network_has_seen_what_could_be_held_out(
    tmp_path: Path, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_torch()
    monkeypatch.setattr(further, "EPOCHS", 1)
    labelled, _, _ = lessons(tmp_path, topic)
    report = train_fused.train_fused(labelled, [], topic, tmp_path / "weights", further=True)
    assert "the halves weighed as before" in str(report)
    made, shipped = load_neural(tmp_path / "weights"), load_neural()
    assert made.fusion == shipped.fusion
    networks = [(folder / MODEL).read_bytes() for folder in (WEIGHTS, tmp_path / "weights")]
    assert networks[0] != networks[1]


def test_the_first_network_of_a_topic_may_begin_as_the_shipped_one(
    tmp_path: Path, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_torch()
    monkeypatch.setattr(further, "EPOCHS", 1)
    monkeypatch.setattr(train_fused, "HELD_FROM", "2024-02-01")
    monkeypatch.setattr(train_fused, "_LEAST", 50)
    labelled, _, _ = lessons(tmp_path, topic)
    another = replace(topic, folder=tmp_path / "seeds")
    folder = own_folder(another)
    report = train_fused.train_fused(labelled, [], another, folder, further=True)
    assert f"weighed on {report.held} items" in str(report)
    assert 0 < report.held < len(labelled)
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    assert about["note"]["from"] == network_digest(WEIGHTS)
    assert list(load_fused(another).read([labelled[0].item])[0].dyads) == list(labelled[0].dyads)

    # From there it learns on; if its file is damaged, that is told, and the file stays.
    made = (folder / MODEL).read_bytes()
    (folder / MODEL).write_bytes(made[:1000])
    with pytest.raises(ConfigError, match="damaged"):
        train_fused.train_fused(labelled, [], another, folder, further=True)
    assert (folder / MODEL).read_bytes() == made[:1000]
    assert sorted(path.name for path in folder.iterdir()) == sorted([FILE, MODEL, TOKENIZER, ABOUT])


@pytest.mark.parametrize(("noted", "told"), [(True, "damaged"), (False, "none that training here wrote")])
def test_a_network_of_another_program_is_none_to_learn_on_from(tmp_path: Path, noted: bool, told: str) -> None:
    needs_torch()
    import onnx
    from onnx import helper

    from classify.recover import recovered

    for name in (TOKENIZER, ABOUT):
        shutil.copy(WEIGHTS / name, tmp_path / name)
    about = json.loads((tmp_path / ABOUT).read_text(encoding="utf-8"))
    if not noted:
        del about["known"]
    (tmp_path / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.INT64, [1, None]) for name in ("ids", "logits")]
    graph = helper.make_graph([helper.make_node("Identity", ["ids"], ["logits"])], "other", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / MODEL)
    with pytest.raises(ConfigError, match=told):
        recovered(tmp_path, ("energy",))


def test_the_command_learns_on_from_labels_of_other_states_and_unlabelled_news(
    tmp_path: Path, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_torch()
    monkeypatch.setattr(further, "EPOCHS", 1)
    items = synthetic(tmp_path / "items.jsonl")
    news = tmp_path / "news.jsonl"
    news.write_text(
        "".join(
            json.dumps({"title": f"Japan and Brazil {does} a farm pact", "url": f"https://x.example/{does}"}) + "\n"
            for does in ("sign", "halt", "praise")
        ),
        encoding="utf-8",
    )
    pairs = tmp_path / "pairs.jsonl"
    key = item_key("https://x.example/halt", "Japan and Brazil halt a farm pact")
    pairs.write_text(json.dumps({"id": key, "pair": ["JP", "BR"], "stance": -1}) + "\n", encoding="utf-8")
    out = tmp_path / "weights"
    told = train_files([items], out, backend="fused", news=[news], pairs=[pairs], further=True)
    assert told[-1].startswith("pairs.jsonl: 1 of 1")
    assert load_neural(out).themes == tuple(theme.code for theme in topic.themes)
