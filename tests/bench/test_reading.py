"""The bench of the reader: splits that do not leak, peers that read by their rules, predictions from a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.answers import Answers, Predictions, of_reads, stance_of
from bench.margins import stance_margin
from bench.peers import keyword_rule, most_frequent, peers, similar_words, vader
from bench.reading import margins, run, table
from bench.splits import LATER_ELSEWHERE, OTHER_GROUPS, SPLITS, as_record, make_splits
from classify.labelled import Labelled, groups
from classify.model import DyadReading, Item, Read
from classify.outlets import outlet_groups
from ingest.topic import Topic, load_topic
from store.errors import InputError
from store.settings import ROOT

pytest.importorskip("sklearn", reason="the bench needs the extra 'train'")


@pytest.fixture(scope="module")
def topic() -> Topic:
    return load_topic(ROOT / "seeds")


def labelled(
    number: int, title: str, dyads: dict[str, int], theme: str = "energy", source: str = "TASS", date: str = ""
) -> Labelled:
    return Labelled(Item(str(number), title, source=source, date=date), dyads, (theme,) if dyads else (), False)


ITEMS = [
    labelled(0, "India and Russia sign an oil agreement", {"IN-RU": 1}, date="2022-01-01"),
    labelled(1, "India and Russia hail growing oil imports", {"IN-RU": 1}, source="CNN", date="2022-01-02"),
    labelled(2, "Indian and Chinese soldiers clash in Ladakh", {"IN-CN": -1}, "border", "The Hindu", "2022-01-03"),
    labelled(3, "Chinese minister to visit Russia next week", {"RU-CN": 0}, "diplomacy", "BBC News", "2022-01-04"),
    labelled(4, "Rain delays the cricket final", {}, source="CNN", date="2022-01-01"),
    labelled(5, "Russia and China sign a gas contract", {"RU-CN": 1}, source="SCMP", date="2023-08-01"),
    labelled(6, "China protests against Indian road works", {"IN-CN": -1}, "border", "TASS", "2023-08-02"),
]


def test_no_split_tests_what_it_trained_on(topic: Topic) -> None:
    group = groups(ITEMS)
    group_of = outlet_groups(topic.folder)
    splits = make_splits(ITEMS, group, group_of)
    assert list(splits) == list(SPLITS)
    for name, parts in splits.items():
        for train, test in parts:
            assert not set(train) & set(test), name
            if name != "later" and name != LATER_ELSEWHERE:
                assert not {group[at] for at in train} & {group[at] for at in test}, name
    for train, test in splits[OTHER_GROUPS]:
        assert not {group_of(ITEMS[at].item.source) for at in train} & {group_of(ITEMS[at].item.source) for at in test}
    assert sorted(at for _, test in splits[OTHER_GROUPS] for at in test) == list(range(len(ITEMS)))
    # TASS wrote before July 2023, so its later item is not news of another outlet.
    assert splits[LATER_ELSEWHERE] == [([0, 1, 2, 3, 4], [5])]
    ids = as_record(ITEMS, splits)
    assert ids[LATER_ELSEWHERE] == [{"train": ["0", "1", "2", "3", "4"], "test": ["5"]}]


def stances(answers: Answers) -> list[dict[str, int]]:
    return [{dyad: one.stance for dyad, one in read.dyads.items()} for read in answers.reads]


def test_the_keyword_rule_counts_words_for_and_against(topic: Topic) -> None:
    assert stances(keyword_rule(topic)(ITEMS, ITEMS[:3])) == [{"IN-RU": 1}, {"IN-RU": 1}, {"IN-CN": -1}]


def test_the_most_frequent_stance_and_theme_of_a_tie_come_from_training_alone(topic: Topic) -> None:
    answers = most_frequent(topic)(ITEMS[:4], ITEMS[4:])
    assert stances(answers) == [{}, {"RU-CN": 0}, {"IN-CN": -1}]
    assert [read.themes[0].code for read in answers.reads if read.themes] == ["diplomacy", "border"]


def test_zero_shot_by_words_never_sees_a_label(topic: Topic) -> None:
    read = similar_words(topic)
    turned = [
        Labelled(one.item, {dyad: -stance for dyad, stance in one.dyads.items()}, ("society",), False) for one in ITEMS
    ]
    assert read(ITEMS, ITEMS) == read(turned, ITEMS)
    (clash,) = stances(read(ITEMS, [labelled(9, "Indian and Chinese soldiers clash at the border", {"IN-CN": -1})]))
    assert clash == {"IN-CN": -1}


def test_a_peer_that_cannot_run_says_why(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    missing = {name: why for name, why in peers(topic).items() if isinstance(why, str)}
    assert set(missing) == {"VADER tone", "zero-shot, MiniLM"}
    assert "ricwatch[bench]" in missing["VADER tone"]


def test_tone_is_no_stance(topic: Topic) -> None:
    pytest.importorskip("vaderSentiment", reason="the tone peer needs the extra 'bench'")
    peer = vader(topic)
    assert not isinstance(peer, str)
    item = labelled(9, "China condemns evil Western war threats against its good friend Russia", {"RU-CN": 1})
    assert stances(peer([], [item])) == [{"RU-CN": -1}]


def prediction(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": str(number), "dyads": {"IN-RU": [0.1, 0.2, 0.7]}, "p_concerns": {"IN-RU": 0.9}, **fields}


def write(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    return path


def test_predictions_become_readings(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl",
        [
            prediction(0, split="later", themes={"arms": 0.3, "energy": 0.8, "us": 0.6}),
            prediction(1, split="later", themes=["us", "arms"]),
            prediction(2, split="later", p_concerns={"IN-RU": 0.2}, themes={"arms": 0.9}),
        ],
    )
    own = Predictions("fused", path)
    assert own.answers("five_folds_by_date", ITEMS) is None
    answers = own.answers("later", ITEMS[:3])
    assert answers is not None
    assert stances(answers) == [{"IN-RU": 1}, {"IN-RU": 1}, {}]
    assert [[theme.code for theme in read.themes] for read in answers.reads] == [["energy", "us"], ["us", "arms"], []]
    # A dyad that is not taken for concerned keeps its stance, which is measured all the same.
    assert answers.stances[2]["IN-RU"].p == pytest.approx((0.1, 0.2, 0.7))
    with pytest.raises(InputError, match="lack 1 of 4 items"):
        own.answers("later", ITEMS[:4])


def test_predictions_without_a_split_count_for_each(tmp_path: Path) -> None:
    own = Predictions("llm", write(tmp_path / "p.jsonl", [prediction(0)]))
    assert own.answers("later", ITEMS[:1]) == own.answers(OTHER_GROUPS, ITEMS[:1]) is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dyads": {"IN-RU": [0.5, 0.5]}}, "needs the probabilities of -1, 0 and"),
        ({"dyads": {"IN-RU": [0.5, 0.5, 2]}}, "needs the probabilities of -1, 0 and"),
        ({"p_concerns": {}}, "no probability for IN-RU"),
        ({"p_concerns": None}, "needs 'id', 'dyads' and 'p_concerns'"),
        ({"themes": "arms"}, "'themes' is a list of codes"),
        ({"id": "0"}, "a second prediction"),
    ],
)
def test_a_malformed_prediction_is_refused_with_its_line(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    path = write(tmp_path / "p.jsonl", [prediction(0), prediction(1) | change])
    with pytest.raises(InputError, match=f"line 2: .*{says}"):
        Predictions("fused", path)


def test_probabilities_are_scaled_to_one() -> None:
    assert stance_of([1, 1, 2]) == DyadReading(1, (0.25, 0.25, 0.5))


def fixed(stance: int) -> Answers:
    reading = DyadReading(stance, (float(stance < 0), float(stance == 0), float(stance > 0)))
    return of_reads([Read(one.item.id, bool(one.dyads), 0.9, "m", dict.fromkeys(one.dyads, reading)) for one in ITEMS])


def right() -> Answers:
    return of_reads(
        [
            Read(
                one.item.id, one.relevant, 0.9, "m",
                {dyad: DyadReading(stance, (float(stance < 0), float(stance == 0), float(stance > 0)))
                 for dyad, stance in one.dyads.items()},
            )
            for one in ITEMS
        ]
    )  # fmt: skip


def test_a_margin_is_a_difference_of_macro_f1_with_its_range() -> None:
    ahead = stance_margin(ITEMS, right(), fixed(1))
    assert ahead.difference == pytest.approx(1 - (2 * 3 / (3 + 6)) / 3)
    assert ahead.low <= ahead.difference <= ahead.high
    assert ahead.low > 0
    behind = stance_margin(ITEMS, fixed(1), right())
    assert behind.difference == pytest.approx(-ahead.difference)
    same = stance_margin(ITEMS, right(), right())
    assert (same.difference, same.low, same.high) == (0, 0, 0)


def test_all_readers_stand_in_one_table(topic: Topic, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = {"later": [(list(range(5)), [0, 1, 2])]}
    given = Predictions("fused", write(tmp_path / "p.jsonl", [prediction(number) for number in range(3)]))
    results = run(ITEMS, topic, whole, predictions=[given], with_linear=False)
    shown = table("later", results["later"])
    assert shown in capsys.readouterr().out
    assert [name for name in results["later"] if name in shown] == list(results["later"])
    assert {"fused", "most frequent", "keyword rule", "zero-shot, words", "bag of words, trained"} <= set(
        results["later"]
    )
    ahead = margins(["fused", "absent"], ITEMS[:3], results["later"])
    assert list(ahead) == ["fused"]
    assert "fused" not in ahead["fused"]
    assert ahead["fused"]["keyword rule"]["difference"] < 0
