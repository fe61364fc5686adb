"""Training and measuring, on a small labelled set made here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from classify.evaluate import Evaluation, cross_validate, evaluate, score
from classify.labelled import (
    Labelled,
    digest,
    fold_numbers,
    groups,
    load_labelled,
    split_by_time,
    split_by_time_and_archive,
)
from classify.linear import load_linear
from classify.model import DyadReading, Item, Read, ThemeReading
from classify.parameters import FILE
from ingest.topic import Topic
from store.errors import InputError
from tests.classify.helpers import synthetic

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from classify.train import train


def test_a_trained_model_reads_what_it_was_taught(tmp_path: Path, topic: Topic) -> None:
    items = synthetic(tmp_path / "items.jsonl")
    report = train(load_labelled(items), topic, tmp_path / "weights")
    model = load_linear(topic, tmp_path / "weights")
    assert report.version == model.version
    assert report.items == report.relevant + 18
    assert str(report.path) in str(report)
    figures = evaluate(items, model)
    assert figures.relevance > 0.95
    assert figures.stance > 0.9
    assert figures.main_theme > 0.9
    (read,) = model.read([Item("1", "China and India sign a missile accord")])
    assert {dyad: one.stance for dyad, one in read.dyads.items()} == {"IN-CN": 1}
    assert read.themes[0].code == "arms"


def test_training_twice_gives_the_same_bytes(tmp_path: Path, topic: Topic) -> None:
    items = synthetic(tmp_path / "items.jsonl")
    for name in ("one", "other"):
        train(load_labelled(items), topic, tmp_path / name)
    assert (tmp_path / "one" / FILE).read_bytes() == (tmp_path / "other" / FILE).read_bytes()


def test_a_set_that_is_too_small_is_refused(tmp_path: Path, topic: Topic) -> None:
    path = tmp_path / "items.jsonl"
    record = {"id": "1", "title": "India and Russia sign", "dyads": {"IN-RU": 1}, "themes": ["arms"]}
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="too few to train on"):
        train(load_labelled(path), topic, tmp_path / "weights")


def test_cross_validation_measures_every_item_once(tmp_path: Path, topic: Topic) -> None:
    items = synthetic(tmp_path / "items.jsonl")
    figures = cross_validate(items, topic, folds=3)
    assert figures.items == len(load_labelled(items))
    assert sum(map(sum, figures.confusion)) == figures.relevant
    assert figures.stance > 0.6


def labelled(title: str, date: str = "", source: str = "") -> Labelled:
    return Labelled(Item("1", title, date=date, source=source), {}, (), False)


def test_a_date_and_near_copies_stay_together() -> None:
    items = [
        labelled("India signs accord with Russia on crude oil", "2024-01-01"),
        labelled("Something else", "2024-01-01"),
        labelled("India signs accord with Russia on crude oil, again", "2024-02-01"),
        labelled("China votes", "2024-03-01"),
    ]
    group = groups(items)
    assert len({group[0], group[1], group[2]}) == 1
    assert group[3] != group[0]
    folds = fold_numbers(group, 2, seed=0)
    assert folds[0] == folds[1] == folds[2]


def test_the_split_by_time_and_archive_tests_later_news_of_other_outlets() -> None:
    items = [labelled("a", "2023-01-01", "RT"), labelled("b", "2024-01-01", "RT"), labelled("c", "2024-01-01", "BBC")]
    assert split_by_time(items, "2023-07-01") == ([0], [1, 2])
    assert split_by_time_and_archive(items, "2023-07-01") == ([0], [2])


def test_a_digest_names_a_set_in_any_order_and_any_other_set_otherwise() -> None:
    one, other = labelled("a"), labelled("b")
    assert digest([one, other]) == digest([other, one])
    assert digest([one]) != digest([other])


GOOD = {"id": "1", "title": "t", "relevant": True, "dyads": {"IN-RU": 1}, "themes": ["arms"]}
WRONG = [
    ("no title", {"title": None}, "needs 'title'"),
    ("a stance that does not exist", {"dyads": {"IN-RU": 2}}, "a stance is -1, 0 or 1"),
    ("relevant without a dyad", {"dyads": {}}, "exactly when it has dyads"),
    ("themes that are no list", {"themes": "arms"}, "needs 'title'"),
]


@pytest.mark.parametrize(("change", "says"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_malformed_label_is_refused_with_its_line(tmp_path: Path, change: dict[str, object], says: str) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD | change) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"line 2: .*{says}"):
        load_labelled(path)


def reading(stance: int | None, p: float = 0.8) -> Read:
    if stance is None:
        return Read("1", False, 0.2, "m")
    rest = (1 - p) / 2
    three = [rest, rest, rest]
    three[stance + 1] = p
    one = DyadReading(stance, (three[0], three[1], three[2]))
    return Read("1", True, 0.9, "m", {"IN-RU": one}, (ThemeReading("arms", 0.9),))


def measured(*cases: tuple[int | None, int | None]) -> Evaluation:
    """Figures for (gold, read) stances on one dyad; None is irrelevant."""
    gold = [
        Labelled(Item("1", "t"), {} if true is None else {"IN-RU": true}, () if true is None else ("arms",), False)
        for true, _ in cases
    ]
    reads = [reading(guess) for _, guess in cases]
    return score(gold, reads, [read.dyads for read in reads])


def test_figures_of_a_perfect_reading() -> None:
    figures = measured((1, 1), (0, 0), (-1, -1), (None, None))
    assert (figures.relevance, figures.dyads, figures.stance, figures.four_way, figures.themes) == (1, 1, 1, 1, 1)
    assert figures.confusion == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert figures.ece == pytest.approx(0.2)


def test_an_invented_dyad_costs_relevance_dyads_and_four_way_but_not_stance() -> None:
    figures = measured((1, 1), (0, 0), (-1, -1), (None, 1))
    assert figures.stance == 1
    assert figures.relevance == pytest.approx(6 / 7)
    assert figures.dyads == pytest.approx(6 / 7)
    assert figures.four_way == pytest.approx((2 / 3 + 1 + 1) / 3)


def test_a_missed_dyad_counts_as_read_neutral() -> None:
    figures = measured((1, None), (0, 0), (-1, -1))
    assert figures.confusion[2] == [0, 1, 0]
    assert figures.stance == pytest.approx((0 + 2 / 3 + 1) / 3)


def test_figures_are_told_in_words() -> None:
    text = str(measured((1, 1), (0, 1)))
    assert "stance macro-F1" in text
    assert "gold +1:     0     0     1" in text
