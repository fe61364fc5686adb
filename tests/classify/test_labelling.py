"""Labels by hand: what is kept, what a crash leaves, and which items are offered first."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from classify.actors import Matcher
from classify.labelled import LEAD_CHARS, item_key, load_labels
from classify.labelling import (
    Decision,
    Label,
    LabelFile,
    Retracted,
    Skipped,
    divergence,
    diverse,
    every,
    labels_beside,
    labels_in,
    labels_of,
    load_decisions,
    load_items,
    readers_of,
    remaining,
    suggest,
    uncertainty,
)
from classify.model import DyadReading, Item, Read
from store.errors import InputError

NOW = dt.datetime(2026, 11, 3, 9, 30, tzinfo=dt.UTC)
ONE = Item("a", "India and Russia sign", "A long lead.", "Demo", "2024-05-01", "https://a.example/1")
OTHER = Item("b", "Rain", "", "Demo", "2024-05-02", "https://a.example/2")
LABEL = Label({"IN-RU": 1}, ("arms", "trade"), True, "a note – with a dash")


def decided(path: Path, *decisions: tuple[Item, Decision]) -> LabelFile:
    file = LabelFile(path, "first")
    for item, decision in decisions:
        file.append(item, decision, NOW)
    return file


def test_a_label_comes_back_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "n.labels.jsonl"
    decided(path, (ONE, LABEL), (OTHER, Label()))
    assert LabelFile(path, "first").decisions == {"a": LABEL, "b": Label()}


def test_a_record_says_which_item_and_when_and_holds_none_of_its_text(tmp_path: Path) -> None:
    path = tmp_path / "n.labels.jsonl"
    decided(path, (ONE, LABEL))
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "id": "a",
        "date": "2024-05-01",
        "source": "Demo",
        "url": "https://a.example/1",
        "relevant": True,
        "dyads": {"IN-RU": 1},
        "themes": ["arms", "trade"],
        "hard": True,
        "note": "a note – with a dash",
        "reader": "first",
        "at": "2026-11-03T09:30:00+00:00",
    }


def test_the_last_word_counts_for_the_page_and_for_training(tmp_path: Path) -> None:
    path = tmp_path / "n.labels.jsonl"
    decided(path, (ONE, LABEL), (OTHER, Label()), (OTHER, Retracted()), (ONE, Label({"IN-RU": -1}, ("arms",))))
    assert load_decisions(path) == {"a": Label({"IN-RU": -1}, ("arms",))}
    assert {key: label.dyads for key, label in load_labels(path).items()} == {"a": {"IN-RU": -1}}


def test_what_was_skipped_is_no_label_and_comes_last(tmp_path: Path) -> None:
    path = tmp_path / "n.labels.jsonl"
    third = Item("c", "China")
    decisions = decided(path, (ONE, Skipped()), (OTHER, Label())).decisions
    assert labels_in(decisions) == {"b": Label()}
    assert load_labels(path).keys() == {"b"}
    assert remaining([ONE, OTHER, third], decisions) == [third, ONE]


def test_a_record_that_a_crash_tore_is_cut_off_and_the_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "n.labels.jsonl"
    decided(path, (ONE, LABEL), (OTHER, LABEL))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in (first + 1, first + 9, len(whole) - 2):
        path.write_bytes(whole[:cut])
        file = LabelFile(path, "first")
        assert file.decisions == {"a": LABEL}
        assert path.read_bytes() == whole[:first]
    file.append(OTHER, Label(), NOW)
    assert load_decisions(path) == {"a": LABEL, "b": Label()}


def test_a_whole_last_record_without_its_line_break_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "n.labels.jsonl"
    decided(path, (ONE, LABEL))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    file = LabelFile(path, "first")
    file.append(OTHER, LABEL, NOW)
    assert load_decisions(path) == {"a": LABEL, "b": LABEL}


@pytest.mark.parametrize(
    "content",
    ['{"id": "1", "title": "India"}\n', '{"id": "1", "dyads": {"IN-RU": 2}, "themes": []}\n', "a novel,\nunfinished"],
    ids=["items", "a stance that does not exist", "no JSON"],
)
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"news\.jsonl"):
        LabelFile(path, "first")
    assert path.read_text(encoding="utf-8") == content


def test_a_place_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--output"):
        LabelFile(tmp_path / "file" / "n.labels.jsonl", "first")


def test_items_are_what_the_reader_sees(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl.gz"
    rows = [
        {"id": 7, "title": "One", "text": "x" * 500},
        {"title": "Two", "url": "https://a.example/2", "text": None},
        {"title": "  "},
        {"id": "7", "title": "One again"},
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    items, left_out = load_items(path)
    assert [item.id for item in items] == ["7", item_key("https://a.example/2", "Two")]
    assert [len(item.text) for item in items] == [LEAD_CHARS, 0]
    assert left_out == 2


def test_a_file_without_items_is_refused(tmp_path: Path) -> None:
    (tmp_path / "news.jsonl").write_text('{"id": "1"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="holds no item"):
        load_items(tmp_path / "news.jsonl")


def test_readers_have_files_of_their_own_side_by_side(tmp_path: Path) -> None:
    first = labels_beside(tmp_path / "news.jsonl.gz")
    assert labels_beside(tmp_path / "news.jsonl") == first
    assert labels_of(first, "first") == first
    for reader in ("first", "ann", "bob"):
        labels_of(first, reader).touch()
    (tmp_path / "news2.labels.jsonl").touch()
    assert list(readers_of(first)) == ["first", "ann", "bob"]


@pytest.mark.parametrize("name", ["", "../ann", "ann b", "-x", "a.b", "x" * 41])
def test_a_name_that_fits_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no name for a reader"):
        labels_of(Path("n.labels.jsonl"), name)


def test_every_tenth_starts_with_the_first() -> None:
    assert every(map(str, range(21)), 10) == ["0", "10", "20"]


def reading(p_relevant: float, *stances: tuple[float, float, float]) -> Read:
    dyads = {f"D{at}": DyadReading(0, p) for at, p in enumerate(stances)}
    return Read("1", p_relevant >= 0.5, p_relevant, "m", dyads)


def test_the_larger_doubt_of_gate_and_stance_counts() -> None:
    assert uncertainty(reading(0.5)) == pytest.approx(1)
    assert uncertainty(reading(1.0, (1, 0, 0))) == 0
    assert uncertainty(reading(1.0, (1, 0, 0), (1 / 3, 1 / 3, 1 / 3))) == pytest.approx(1)
    assert uncertainty(reading(0.1)) < uncertainty(reading(0.4))


@pytest.mark.parametrize(
    ("title", "share"),
    [("India and Russia agree", 0), ("Russia halts oil", 0.5), ("India slams China, halts talks, fears clash", 1)],
)
def test_words_of_divergence_are_counted_up_to_two(title: str, share: float) -> None:
    assert divergence(Item("1", title)) == share


class Doubtful:
    """A backend whose doubt stands in the title: "50" is a coin's, "99" hardly any."""

    version = "doubtful-1"

    def read(self, items: Sequence[Item]) -> list[Read]:
        return [Read(item.id, False, int(item.title.split()[-1]) / 100, self.version) for item in items]


def test_what_is_offered_is_doubtful_of_the_topic_and_asked_once(matcher: Matcher) -> None:
    titles = [
        "India and Russia meet in the capital 99",
        "India and Russia meet on energy and trade 51",
        "India and Russia meet on energy and trade 52",
        "Cricket in the rain 50",
        "China talks with India about river data 70",
        "China talks with India about river data 71",
    ]
    items = [Item(str(at), title) for at, title in enumerate(titles)]
    known = [Item("k", "China talks with India about river data 72")]
    assert [item.id for item in suggest(items, [], matcher, Doubtful(), 2)] == ["1", "4"]
    assert [item.id for item in suggest(items, known, matcher, Doubtful(), 2)] == ["1", "2"]
    assert len(suggest(items, [], matcher, Doubtful(), 50)) == 5


def test_of_equal_doubt_the_word_of_divergence_comes_first(matcher: Matcher) -> None:
    items = [Item("up", "Russia sends India oil 80"), Item("down", "Russia halts India oil 80")]
    assert [item.id for item in suggest(items, [], matcher, Doubtful(), 1)] == ["down"]


def test_distance_decides_between_the_equally_telling() -> None:
    sets = [frozenset("abc"), frozenset("abd"), frozenset("xyz")]
    assert diverse([1.0, 0.9, 0.8], sets, 3) == [0, 2, 1]
    assert diverse([1.0, 0.9, 0.8], sets, 1, known=[frozenset("abc")]) == [2]
    assert diverse([], [], 3) == []
