"""Backend multilingual: its prompts, its heads, and what it needs.

Most tests use the stand-in encoder of `tiny_encoder`. The last one builds a real sentence-transformers model with tiny
random weights and is skipped where that package is not installed. The default model of the hub is not run here.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classify.actors import Matcher
from classify.heads import FILE, fit_binary, fit_softmax, load_heads
from classify.labelled import Labelled, load_labelled
from classify.model import Item, get_backend
from classify.multilingual import MultilingualReader, encode, item_prompt, load_encoder, pair_prompt
from classify.multilingual_train import train_heads
from classify.text import make_document
from ingest.topic import Topic
from store.errors import ConfigError, InputError
from store.settings import Settings
from tests.classify.helpers import synthetic
from tests.classify.tiny_encoder import TinyEncoder

WHOLE = [
    ("IN-RU", "India and Russia sign", "country A and country B sign"),
    ("IN-RU", "Russia's envoy meets Indian minister", "country A's envoy meets country B minister"),
    ("IN-RU", "Modi tells Putin that China waits", "country A tells country B that country C waits"),
    ("RU-CN", "Modi tells Putin that China waits", "country C tells country A that country B waits"),
    ("IN-RU", "Indian Ocean drill of India and Russia", "Indian Ocean drill of country A and country B"),
    ("IN-RU", "भारत और रूस", "country A और country B"),
    ("RU-CN", "Китай и Россия", "country A и country B"),
    ("RU-CN", "中俄签署能源合作协议", "country A and country B签署能源合作协议"),
    ("IN-RU", "India\x00 and\ud83d Russia", "country A and country B"),
]


@pytest.mark.parametrize(("dyad", "title", "whole"), WHOLE)
def test_the_encoder_sees_roles_in_the_order_of_the_text(matcher: Matcher, dyad: str, title: str, whole: str) -> None:
    document = make_document(Item("1", title), matcher)
    assert pair_prompt(document, matcher.sides[dyad], matcher.principals).whole == whole


SCOPE = [
    (
        "India and Russia sign a pact; Indian and Chinese troops clash",
        {"IN-RU": "country A and country B sign a pact", "IN-CN": "country A and country B troops clash"},
    ),
    (
        "Talks end. India said that, after a week, Russia agreed. Rain fell",
        {"IN-RU": "country A said that, after a week, country B agreed."},
    ),
    ("India votes. Rain fell. Moscow waits", {"IN-RU": "country A votes … country B waits"}),
]


@pytest.mark.parametrize(("text", "scopes"), SCOPE)
def test_the_scope_is_where_the_two_meet(matcher: Matcher, text: str, scopes: dict[str, str]) -> None:
    document = make_document(Item("1", "", text), matcher)
    for dyad, scope in scopes.items():
        assert pair_prompt(document, matcher.sides[dyad], matcher.principals).scope == scope


def test_the_item_is_encoded_without_names_too(matcher: Matcher) -> None:
    document = make_document(Item("1", "China asks Russia and India"), matcher)
    assert item_prompt(document, matcher.principals) == "country A asks country B and country C"


@pytest.fixture
def labelled(tmp_path: Path) -> list[Labelled]:
    return load_labelled(synthetic(tmp_path / "items.jsonl"))


def test_what_is_learned_of_two_pairs_serves_the_third(topic: Topic, labelled: list[Labelled], tmp_path: Path) -> None:
    known = [one for one in labelled if "IN-CN" not in one.dyads]
    train_heads(known, topic, TinyEncoder(), "tiny", tmp_path)
    reader = MultilingualReader(topic, load_heads(tmp_path, ""), TinyEncoder)
    unseen = [one for one in labelled if "IN-CN" in one.dyads]
    reads = reader.read([one.item for one in unseen])
    right = [read.dyads["IN-CN"].stance == one.dyads["IN-CN"] for one, read in zip(unseen, reads, strict=True)
             if "IN-CN" in read.dyads]  # fmt: skip
    assert len(right) == len(unseen)
    assert sum(right) / len(right) > 0.9


def test_the_same_set_gives_the_same_heads_whoever_trains(
    topic: Topic, labelled: list[Labelled], tmp_path: Path
) -> None:
    reports = [train_heads(labelled, topic, TinyEncoder(), "tiny", tmp_path / name) for name in ("one", "other")]
    assert reports[0].version == reports[1].version
    assert (tmp_path / "one" / FILE).read_bytes() == (tmp_path / "other" / FILE).read_bytes()
    assert f"on {len(labelled)} items" in str(reports[0])


@pytest.mark.parametrize("keep", [[], [1], [1, 0, -1]], ids=["nothing", "one stance", "nothing irrelevant"])
def test_a_set_that_teaches_nothing_is_refused(
    topic: Topic, labelled: list[Labelled], tmp_path: Path, keep: list[int]
) -> None:
    few = [one for one in labelled if one.relevant and set(one.dyads.values()) <= set(keep)] or labelled[:0]
    with pytest.raises(InputError, match="labelled items"):
        train_heads(few, topic, TinyEncoder(), "tiny", tmp_path)


def test_the_encoder_is_fetched_when_it_is_needed_and_not_before(topic: Topic, tiny_heads: Path) -> None:
    made: list[TinyEncoder] = []

    def make() -> TinyEncoder:
        made.append(TinyEncoder())
        return made[-1]

    reader = MultilingualReader(topic, load_heads(tiny_heads, ""), make)
    assert reader.version.startswith("multilingual-")
    reader.read([Item("1", "Harvest festival in Kerala")])
    assert made == []
    reader.read([Item("1", "India and Russia sign accord")] * 2)
    assert len(made) == 1


def test_another_model_under_the_same_name_is_found_out(topic: Topic, tiny_heads: Path) -> None:
    reader = MultilingualReader(topic, load_heads(tiny_heads, ""), lambda: TinyEncoder("salted"))
    with pytest.raises(ConfigError, match="other vectors"):
        reader.read([Item("1", "India and Russia sign accord")])


def test_equal_texts_are_encoded_once_and_each_by_itself() -> None:
    encoder = TinyEncoder()
    vectors = encode(encoder, ["one", "two", "one"])
    assert encoder.texts == 2
    assert (vectors[0] == vectors[2]).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0, 1.0])


def test_the_version_changes_with_heads_and_topic(topic: Topic, labelled: list[Labelled], tmp_path: Path) -> None:
    versions = {train_heads(part, topic, TinyEncoder(), "tiny", tmp_path).version for part in (labelled, labelled[5:])}
    other = replace(topic, claims=topic.claims[1:])
    versions.add(MultilingualReader(other, load_heads(tmp_path, ""), TinyEncoder).version)
    assert len(versions) == 3


def test_heads_of_another_topic_are_refused(topic: Topic, tiny_heads: Path) -> None:
    with pytest.raises(ConfigError, match="trained for themes"):
        MultilingualReader(replace(topic, themes=topic.themes[1:], claims=()), load_heads(tiny_heads, ""), TinyEncoder)


def test_without_heads_it_says_how_to_train_them(topic: Topic) -> None:
    with pytest.raises(ConfigError, match="are missing; train them with: ricwatch train --backend multilingual"):
        get_backend("multilingual", topic)


def test_heads_over_another_model_are_refused(topic: Topic, settings: Settings, labelled: list[Labelled]) -> None:
    train_heads(labelled, topic, TinyEncoder(), "tiny", settings.var_dir / "multilingual")
    with pytest.raises(ConfigError, match="on the model tiny, not on sentence-transformers/"):
        get_backend("multilingual", topic)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 half a zip"])
def test_damaged_heads_are_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ConfigError, match="are damaged"):
        load_heads(tmp_path, "train")


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigError, match=r"pip install 'ricwatch\[multilingual\]'"):
        load_encoder("any")


def test_the_fit_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(7)
    x = random.normal(size=(300, 12))
    label = np.argmax(x[:, :3] + random.normal(size=(300, 3)), axis=1)
    weight = random.uniform(0.5, 2.0, size=300)
    known = LogisticRegression(C=3.0, max_iter=5_000, tol=1e-9).fit(x, label, weight)
    head = fit_softmax(x, (label[:, None] == np.arange(3)).astype(np.float64), weight, 3.0)
    assert np.abs(head.weights.T - known.coef_).max() < 2e-3
    assert np.ptp(head.bias - known.intercept_) < 2e-3
    yes = (label == 0).astype(np.float64)
    known = LogisticRegression(C=3.0, max_iter=5_000, tol=1e-9).fit(x, yes, weight)
    both = np.stack([yes, 1 - yes], axis=1)
    head = fit_binary(x, both, np.stack([weight, weight], axis=1), 3.0)
    assert np.abs(head.weights[:, 0] - known.coef_[0]).max() < 2e-3
    assert np.abs(head.weights[:, 1] + known.coef_[0]).max() < 2e-3


@pytest.fixture
def hub_like(tmp_path: Path) -> Path:
    """A sentence-transformers model in a folder: a BERT of one layer with random weights over a few words."""
    pytest.importorskip("sentence_transformers", reason="the extra multilingual is not installed")
    import torch
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]
    from sentence_transformers.models import Pooling, Transformer  # type: ignore[import-not-found]
    from transformers import BertConfig, BertModel, BertTokenizerFast

    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "country",
        "a",
        "b",
        "c",
        "and",
        "sign",
        "clash",
        "over",
    ]
    vocabulary += ["talks", "visit", "halt", "deal", "oil", "missile", "tariff", "the", "on", "to", "for", "with", "in"]
    base, folder = tmp_path / "bert", tmp_path / "model"
    base.mkdir()
    (base / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(base)
    BertTokenizerFast(vocab_file=str(base / "vocab.txt")).save_pretrained(base)
    transformer = Transformer(str(base), max_seq_length=64)
    SentenceTransformer(modules=[transformer, Pooling(32)], device="cpu").save(str(folder))
    return folder


@pytest.mark.filterwarnings("ignore")
def test_a_real_model_trains_and_reads_by_the_command(
    hub_like: Path, topic: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.training import train_files

    monkeypatch.setenv("RICWATCH_MULTILINGUAL_MODEL", str(hub_like))
    (line,) = train_files([synthetic(tmp_path / "items.jsonl")], None, backend="multilingual")
    reader = get_backend("multilingual", topic)
    assert reader.version in line
    items = [Item("1", "India and Russia sign oil deal"), Item("2", "India and China clash over border talks")]
    alone = [reader.read([item])[0] for item in items]
    assert reader.read(items) == alone
