"""Labels without texts find their texts, wherever these lie, and those that do not are named."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from classify.labelled import LEAD_CHARS, item_key, join_labels, load_labels
from store.errors import InputError

URL = "https://a.example/1"


def write(path: Path, *rows: dict[str, Any]) -> Path:
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def text(number: int, **more: Any) -> dict[str, Any]:
    return {
        "date": "2023-01-01", "source": "Demo", "title": f"Title {number}", "text": "x" * 400,
        "url": f"https://a.example/{number}",
    } | more  # fmt: skip


def label(number: int, **more: Any) -> dict[str, Any]:
    url = f"https://a.example/{number}"
    return {
        "id": item_key(url, f"Title {number}"), "date": "2023-01-01", "source": "Demo", "url": url,
        "dyads": {"IN-RU": 1}, "themes": ["arms"], "hard": False,
    } | more  # fmt: skip


def test_the_key_is_the_hash_of_address_and_title() -> None:
    # printf 'https://a.example/1\nIndia and Russia sign' | sha256sum
    assert item_key(URL, "India and Russia sign") == "4e1501281cfb"


def test_labels_find_their_texts_in_several_files_and_keep_their_order(tmp_path: Path) -> None:
    labels = write(tmp_path / "l.jsonl", label(3), label(1, dyads={}, themes=[]), label(9), label(2, hard=True))
    texts = [
        write(tmp_path / "one.jsonl.gz", text(1), text(2), text(5)),
        write(tmp_path / "two.jsonl", text(3), text(1, text="a later copy")),
    ]
    report = join_labels(labels, texts)
    assert [one.item.title for one in report.labelled] == ["Title 3", "Title 1", "Title 2"]
    assert [one.relevant for one in report.labelled] == [True, False, True]
    assert [one.hard for one in report.labelled] == [False, False, True]
    assert {len(one.item.text) for one in report.labelled} == {LEAD_CHARS}
    first = report.labelled[0].item
    assert (first.id, first.date, first.source, first.url) == (
        label(3)["id"], "2023-01-01", "Demo", "https://a.example/3"
    )  # fmt: skip
    assert report.missing == (label(9)["id"],)
    assert str(report) == f"3 of 4 labels joined to their texts; without text: {label(9)['id']}"


def test_an_item_with_an_id_of_its_own_is_found_by_it_unless_something_contradicts(tmp_path: Path) -> None:
    labels = write(tmp_path / "l.jsonl", label(1, id="7", url=""), label(2, id="8", url=""))
    other_day = text(1, id="7", date="2020-01-01", title="another archive's seven")
    texts = write(tmp_path / "t.jsonl", other_day, text(1, id=7), text(2, id="8", source="Another"))
    report = join_labels(labels, [texts])
    assert [one.item.title for one in report.labelled] == ["Title 1"]
    assert report.missing == ("8",)


def test_bad_lines_among_the_texts_are_passed_over(tmp_path: Path) -> None:
    labels = write(tmp_path / "l.jsonl", label(1))
    texts = tmp_path / "t.jsonl"
    texts.write_text('{"title": 5}\nno json\n' + json.dumps(text(1, text=None)) + "\n", encoding="utf-8")
    assert [one.item.text for one in join_labels(labels, [texts]).labelled] == [""]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (label(1, dyads={"IN-RU": 3}), "a stance is -1, 0 or 1"),
        (label(1, id=None), "needs the 'id'"),
        (label(1, themes="arms"), "themes"),
    ],
)
def test_a_malformed_label_is_refused_with_its_line(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    path = write(tmp_path / "l.jsonl", label(2), row)
    with pytest.raises(InputError, match=rf"line 2.*{says}"):
        load_labels(path)


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    labels = write(tmp_path / "l.jsonl", label(1), label(2))
    small = write(tmp_path / "s.jsonl", *(text(number) for number in range(3, 303)))
    large = write(tmp_path / "t.jsonl", *(text(number) for number in range(3, 6_003)))

    def once(path: Path) -> int:
        tracemalloc.start()
        join_labels(labels, [path])
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    def peak(path: Path) -> int:
        # What threads of earlier tests take in that moment is counted as well; it is not there each time.
        return min(once(path) for _ in range(3))

    assert peak(large) < peak(small) + 100_000 < large.stat().st_size / 2


def test_many_missing_labels_are_counted_not_listed(tmp_path: Path) -> None:
    labels = write(tmp_path / "l.jsonl", *(label(number) for number in range(10)))
    texts = write(tmp_path / "t.jsonl", text(99))
    assert str(join_labels(labels, [texts])).endswith("and 5 more")
