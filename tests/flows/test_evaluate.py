"""`ricwatch evaluate`: what it prints, what it writes, and when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from classify.floors import load_floors, save_floors
from classify.mistakes import find_mistakes
from flows.evaluate import evaluate_files, labelled_files
from flows.evaluation_page import page
from store.errors import InputError
from store.settings import ROOT
from tests.flows.commands import ricwatch

NASTY = "India halts <script>alert(1)</script> Russian oil {{ 7*7 }} imports & clashes"
RECORDS = [
    {"id": "a", "title": "India and Russia sign an oil agreement", "dyads": {"IN-RU": 1}, "themes": ["energy"]},
    {"id": "b", "title": NASTY, "dyads": {"IN-RU": 1}, "themes": ["arms"], "url": "javascript:alert(1)", "lang": "en"},
    {
        "id": "c",
        "title": "Russia und China",
        "dyads": {"IN-CN": -1},
        "themes": ["border"],
        "lang": '"><b>',
        "hard": True,
    },
    {"id": "d", "title": "Rain delays the cricket final", "dyads": {}, "themes": []},
]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in RECORDS) + "\n", encoding="utf-8")
    return path


def test_the_command_prints_figures_and_writes_page_and_record(labelled: Path, tmp_path: Path) -> None:
    done = ricwatch("evaluate", "mine.jsonl", "--out", "out", "--backend", "linear", cwd=tmp_path, COLUMNS="200")
    assert done.returncode == 0, done.stderr
    for words in ("4 items, 3 relevant", "relevance precision", "stance macro-F1, IN-RU", "gate recall, dyads", "en"):
        assert words in done.stdout
    assert "No floors are pinned for this set" in done.stdout
    record = json.loads((tmp_path / "out" / "figures.json").read_text(encoding="utf-8"))
    assert record["set"]["files"] == ["mine.jsonl"]
    assert record["backend"] == "linear"
    assert record["figures"]["gate"] == {"items": 1.0, "dyads": pytest.approx(2 / 3, abs=1e-4)}
    assert record["mistakes"]["missed dyad"] >= 1
    assert (tmp_path / "out" / "mistakes.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_whatever_an_item_says_is_shown_as_text(labelled: Path) -> None:
    done = evaluate_files([labelled], "linear", labelled.parent / "none.json")
    html = page(done, find_mistakes(done.measured), ROOT / "templates")
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7*7 }}" in html
    assert "javascript:" not in html
    assert '"><b>' not in html


def test_a_recorded_set_is_known_again_and_a_broken_floor_is_a_failure(labelled: Path, tmp_path: Path) -> None:
    arguments = ("evaluate", "mine.jsonl", "--backend", "linear", "--floors", "floors.json")
    assert ricwatch(*arguments, "--record", cwd=tmp_path).returncode == 0
    (pin,) = load_floors(tmp_path / "floors.json")
    assert pin.name == "mine"
    kept = ricwatch(*arguments, cwd=tmp_path)
    assert kept.returncode == 0, kept.stdout
    assert "floors and ceilings are kept" in kept.stdout

    pin.floors["relevance"] = 1.01
    save_floors([pin], tmp_path / "floors.json")
    broken = ricwatch(*arguments, cwd=tmp_path, COLUMNS="200")
    assert broken.returncode == 1
    assert "BROKEN relevance" in broken.stdout
    refused = ricwatch(*arguments, "--record", cwd=tmp_path)
    assert refused.returncode == 1
    assert "CHANGELOG.md" in refused.stderr
    assert load_floors(tmp_path / "floors.json") == [pin]


def test_a_changed_set_of_the_same_name_is_told(labelled: Path, tmp_path: Path) -> None:
    arguments = ("evaluate", "mine.jsonl", "--backend", "linear", "--floors", "floors.json")
    ricwatch(*arguments, "--record", cwd=tmp_path)
    labelled.write_text("\n".join(json.dumps(record) for record in RECORDS[:3]) + "\n", encoding="utf-8")
    done = ricwatch(*arguments, cwd=tmp_path)
    # Lines are broken at the terminal's width, and paths in them are of any length.
    assert "items or labels changed" in " ".join(done.stdout.split())


def test_a_folder_stands_for_its_files(labelled: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for name in ("b.jsonl", "a.jsonl.gz", "notes.txt"):
        (tmp_path / "set" / name).touch()
    assert [path.name for path in labelled_files([tmp_path / "set", labelled])] == [
        "a.jsonl.gz",
        "b.jsonl",
        "mine.jsonl",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no"):
        labelled_files([tmp_path / "empty"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("evaluate", "none.jsonl"), "none.jsonl does not exist"),
        (("evaluate", "mine.jsonl", "--backend", "psychic"), "psychic"),
        (("evaluate", "mine.jsonl", "--floors", "mine.jsonl"), "not a file of floors"),
        (("evaluate", "mine.jsonl", "--out", "mine.jsonl"), "cannot write into"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: tuple[str, ...], complaint: str, labelled: Path, tmp_path: Path
) -> None:
    done = ricwatch(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
