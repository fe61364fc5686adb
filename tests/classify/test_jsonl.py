"""A file of items becomes a file of readings in the documented form; what is wrong in it is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from classify.jsonl import BadLine, as_record, classify_file, item_of
from classify.model import ClaimMatch, DyadReading, Item, Read
from store.errors import InputError
from tests.classify.helpers import Echo


def write(path: Path, *lines: str | dict[str, Any]) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def readings(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_output_has_exactly_the_documented_form(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", {"id": "a", "title": "plus भारत"}, {"id": "b", "title": "else", "text": None})
    report = classify_file(Echo(), source, tmp_path / "out.jsonl")
    assert (report.read, report.bad) == (2, [])
    assert readings(tmp_path / "out.jsonl") == [
        {
            "id": "a",
            "relevant": True,
            "p_relevant": 0.9,
            "dyads": {"IN-RU": {"stance": 1, "p": [0.1, 0.1, 0.8]}},
            "themes": [{"code": "trade", "p": 0.6667}],
            "claim": None,
            "evidence": "plus भारत",
            "model": "echo-1",
        },
        {
            "id": "b",
            "relevant": False,
            "p_relevant": 0.1,
            "dyads": {},
            "themes": [],
            "claim": None,
            "evidence": None,
            "model": "echo-1",
        },
    ]


def test_a_claim_is_written_with_id_similarity_and_relation() -> None:
    read = Read("a", True, 0.5, "m", {}, (), ClaimMatch("oil", 0.123456, "supports"), None)
    assert as_record(read)["claim"] == {"id": "oil", "similarity": 0.1235, "relation": "supports"}


@pytest.mark.parametrize("p", [(1 / 3, 1 / 3, 1 / 3), (0.00004, 0.00004, 0.99992), (0.33335, 0.33335, 0.3333)])
def test_written_probabilities_sum_to_one_and_keep_their_order(p: tuple[float, float, float]) -> None:
    stance = p.index(max(p)) - 1
    written = as_record(Read("a", True, 1.0, "m", {"IN-RU": DyadReading(stance, p)}))["dyads"]["IN-RU"]
    assert round(sum(written["p"]), 10) == 1.0
    assert written["p"][written["stance"] + 1] == max(written["p"])


def test_bad_lines_are_named_counted_and_skipped_and_order_is_kept(tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.jsonl",
        {"id": 1, "title": "plus"},
        "no json",
        "",
        {"id": "2"},
        {"title": "zero"},
        {"id": "3", "title": 5},
        {"id": "4", "title": "  "},
        {"id": "5", "title": "minus"},
    )
    report = classify_file(Echo(), source, tmp_path / "out.jsonl")
    assert [line["id"] for line in readings(tmp_path / "out.jsonl")] == ["1", "5"]
    assert [bad.line for bad in report.bad] == [2, 4, 5, 6, 7]
    assert report.bad[1:] == [
        BadLine(4, "'title' is missing"),
        BadLine(5, "'id' is missing"),
        BadLine(6, "'title' is int, not a string"),
        BadLine(7, "'title' is empty"),
    ]


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(gzip.compress(b'{"id": "a", "title": "plus"}\n'))
    assert classify_file(Echo(), source, tmp_path / "out.jsonl").read == 1


def test_an_empty_file_gives_an_empty_file(tmp_path: Path) -> None:
    report = classify_file(Echo(), write(tmp_path / "in.jsonl"), tmp_path / "out.jsonl")
    assert report.read == 0
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == ""


REFUSED = [
    ("missing", None, "does not exist"),
    ("binary", bytes(range(256)) * 200, "is not a file of JSON lines"),
    ("prose", b"Dear reader,\n\nthis is a letter.\n", "is not a file of JSON lines"),
    ("a JSON array", b'[\n{"id": "a", "title": "plus"},\n', "no item|not a file of JSON lines"),
    ("objects that are no items", b'{"name": "x"}\n{"name": "y"}\n', "holds no item: line 1: 'id' is missing"),
]


@pytest.mark.parametrize(("content", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_no_file_of_items_is_refused_and_leaves_nothing(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    source = tmp_path / "in.jsonl"
    if content is not None:
        source.write_bytes(content)
    target = tmp_path / "out" / "out.jsonl"
    target.parent.mkdir()
    target.write_text("from before", encoding="utf-8")
    with pytest.raises(InputError, match=says):
        classify_file(Echo(), source, target)
    assert target.read_text(encoding="utf-8") == "from before"
    assert list(target.parent.iterdir()) == [target]


def test_a_run_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", {"id": "a", "title": "plus"}, {"id": "b", "title": "boom"})
    target = tmp_path / "out.jsonl"
    target.write_text("from before", encoding="utf-8")
    with pytest.raises(RuntimeError):
        classify_file(Echo(fail_on="boom"), source, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    assert target.read_text(encoding="utf-8") == "from before"


def test_a_folder_cannot_be_written_to(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", {"id": "a", "title": "plus"})
    with pytest.raises(InputError, match="it is a folder"):
        classify_file(Echo(), source, tmp_path)
    with pytest.raises(InputError, match="cannot write"):
        classify_file(Echo(), source, tmp_path / "no" / "out.jsonl")


def test_the_fields_of_an_item_are_carried() -> None:
    value = {"id": "1", "title": "t", "text": "x", "source": "s", "date": "d", "url": "u", "lang": "l", "more": 1}
    assert item_of(value) == Item("1", "t", "x", "s", "d", "u", "l")
    assert item_of({"id": True, "title": "t"}) == "'id' is bool, not a string"
