"""Labels of pairs of any two states: read, joined to their texts, learned from without themes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify.agreement import cohens_kappa
from classify.further import LEARNED
from classify.labelled import NEITHER, item_key
from classify.model import Item
from classify.otherlabels import HARD_WEIGHT, WEIGHT, PairLabel, join_pairs, load_pair_labels, pair_examples
from classify.otherpairs import STATES
from classify.parameters import WEIGHTS
from classify.prompts import FIRST, SECOND, THIRD
from classify.train_fused import share_learned
from classify.tune import OTHER_PAIR, Example, targets_of
from flows.training import train_files
from ingest.topic import Topic
from store.errors import InputError
from store.settings import ROOT

LABELS = ROOT / "classify" / "labels"


def news(title: str, text: str = "") -> Item:
    return Item("", title, text, date="2023-01-01", url=f"https://a.example/{len(title)}")


def written(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def record(item: Item, pair: list[str], stance: int | None, *, hard: bool = False) -> dict[str, Any]:
    return {"id": item_key(item.url, item.title), "pair": pair, "stance": stance, "hard": hard}


def answer(label: PairLabel) -> int:
    return NEITHER if label.stance is None else label.stance


def test_a_label_becomes_the_prompt_of_its_pair(tmp_path: Path, topic: Topic) -> None:
    quarrel, visit = news("Greece rebukes Turkey", "Russia looks on"), news("Turkish minister passes through Athens")
    unlabelled = news("Greece and Egypt sign a pact")
    path = written(
        tmp_path / "pairs.jsonl",
        record(quarrel, ["GR", "TR"], -1),
        record(visit, ["TR", "GR"], None, hard=True),
        record(news("Not among the news at all"), ["US", "CA"], 1),
    )
    joined = join_pairs(path, [unlabelled, visit, quarrel, quarrel])
    assert str(joined).startswith("2 of 3 labels joined to their texts; without text: ")
    assert pair_examples(joined.labelled, topic) == [
        Example(-1, OTHER_PAIR, f" {FIRST}  rebukes  {SECOND} \n {THIRD}  looks on", -1, (), WEIGHT),
        Example(-1, OTHER_PAIR, f" {FIRST}  minister passes through  {SECOND} \n", NEITHER, (), WEIGHT * HARD_WEIGHT),
    ]


def test_other_states_teach_gate_and_stance_and_no_theme() -> None:
    own = Example(0, "IN-RU", "a", 1, ("arms",), 1.0)
    other = Example(-1, OTHER_PAIR, "b", -1, (), 0.7)
    targets = targets_of([own, other], ["arms", "energy"])
    assert targets.gate.tolist() == pytest.approx([0.98, 0.98])
    assert targets.stance[1].argmax() == 0
    assert targets.stance_weight[1] > 0
    assert targets.theme_weight.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"pair": ["US", "CA"], "stance": 1}, "'id'"),
        ({"id": "a", "pair": ["US"], "stance": 1}, "two states' codes"),
        ({"id": "a", "pair": ["US", "CA"], "stance": 2}, "a stance is -1, 0, 1, or null"),
        ({"id": "a", "pair": ["US", "CA"]}, "a stance is -1, 0, 1, or null"),
    ],
)
def test_a_malformed_label_is_refused_with_its_line(tmp_path: Path, bad: dict[str, Any], told: str) -> None:
    good = {"id": "b", "pair": ["US", "CA"], "stance": 1}
    with pytest.raises(InputError, match=rf"pairs\.jsonl, line 2: .*{told}"):
        load_pair_labels(written(tmp_path / "pairs.jsonl", good, bad))


def test_labels_of_pairs_need_the_news_that_they_were_read_in(tmp_path: Path) -> None:
    path = written(tmp_path / "pairs.jsonl", record(news("Greece rebukes Turkey"), ["GR", "TR"], -1))
    with pytest.raises(InputError, match="give the news that they were read in with --news"):
        train_files([path], tmp_path / "weights", backend="fused", pairs=[path])


def test_only_the_network_of_the_default_reader_can_learn_on(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--further is for the backend fused.*linear begins anew"):
        train_files([tmp_path / "items.jsonl"], None, backend="linear", further=True)


def test_the_kept_labels_are_whole_and_two_readers_agree() -> None:
    first, second = (load_pair_labels(LABELS / f"otherpairs{part}.jsonl") for part in ("", ".second"))
    lines = STATES.read_text(encoding="utf-8").splitlines()
    known = {line.split("|")[0] for line in lines if not line.startswith("#")}
    assert len(first) == 14_080
    assert {code for label in first.values() for code in label.pair} <= known
    assert not any(set(label.pair) <= {"IN", "RU", "CN"} for label in first.values())
    both = [(first[key], label) for key, label in second.items()]
    assert len(both) == 884
    assert all(one.pair == other.pair for one, other in both)
    answers = [(answer(one), answer(other)) for one, other in both]
    assert len({one for one, _ in answers}) == 4
    assert np.mean([one == other for one, other in answers]) == pytest.approx(0.942, abs=0.001)
    assert cohens_kappa(answers).value == pytest.approx(0.919, abs=0.001)


def test_only_a_network_that_knew_the_topic_is_half_what_it_was(topic: Topic, tmp_path: Path) -> None:
    assert share_learned(WEIGHTS, topic) == LEARNED
    whaling = replace(topic.themes[0], code="whaling")
    assert share_learned(WEIGHTS, replace(topic, themes=(*topic.themes, whaling))) == 1.0
    assert share_learned(WEIGHTS, replace(topic, folder=tmp_path)) == 1.0, "the shipped one, for another topic"
