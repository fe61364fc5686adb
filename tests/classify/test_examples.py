"""Our own examples: what CI holds the reader to. They cover the codebook, copy nobody, and keep their floors.

After a change of the examples: ``ricwatch evaluate classify/examples --record``, which never lowers a floor.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from classify.actors import Matcher
from classify.evaluate import gate, measure
from classify.floors import bounds, content_digest, find, load_floors
from classify.labelled import Labelled, digest, load_labelled
from classify.model import get_backend
from classify.train_fused import load_lessons
from flows.evaluate import figures_record, labelled_files
from ingest.topic import Topic
from store.settings import ROOT, Settings

EXAMPLES = ROOT / "classify" / "examples"
FIELDS = ["id", "title", "text", "dyads", "themes", "hard", "lang", "style", "note"]
CELL = 20
LANGUAGES = {"en": 1_000, "hi": 40, "ru": 40, "zh": 40}
RUN = 8
RUN_CHINESE = 16
"""Chinese writes no spaces; so many characters in a row are about eight words."""

# Chinese is taken character by character, all else word by word (a Hindi vowel sign, no \w, is part of its word).
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff](?:[\w\u0900-\u097f](?<![\u3400-\u9fff]))*")


@pytest.fixture(scope="module")
def examples() -> list[Labelled]:
    return [one for path in labelled_files([EXAMPLES]) for one in load_labelled(path)]


def runs(text: str) -> set[tuple[str, ...]]:
    """Every run of eight words, or of sixteen characters of Chinese."""
    words = _WORD.findall(text.lower())
    found = {tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}
    long = {tuple(words[at : at + RUN_CHINESE]) for at in range(len(words) - RUN_CHINESE + 1)}
    return {run for run in found if not any("\u3400" <= word <= "\u9fff" for word in run)} | long


def test_a_run_of_words_is_found_in_every_script() -> None:
    assert not runs("one two three four five six seven")
    assert len(runs("one two three four five six seven eight")) == 1
    assert len(runs("中" * 15)) == 0
    assert len(runs("中俄两国外长在北京举行会谈并签字")) == 1
    assert len(runs("भारत और रूस के बीच नया समझौता")) == 0
    assert len(runs("भारत और रूस के बीच नया समझौता हुआ है")) == 2


def raw() -> Iterator[tuple[Path, dict[str, object]]]:
    for path in labelled_files([EXAMPLES]):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield path, json.loads(line)


def test_every_record_has_the_same_fields() -> None:
    assert [(path.name, record["id"]) for path, record in raw() if sorted(record) != sorted(FIELDS)] == []


def test_ids_are_unique_and_labels_are_the_codebooks(examples: list[Labelled], topic: Topic) -> None:
    assert [name for name, count in Counter(one.item.id for one in examples).items() if count > 1] == []
    codes = {theme.code for theme in topic.themes}
    wrong = [
        one.item.id
        for one in examples
        if not set(one.dyads) <= set(topic.dyads)
        or not set(one.themes) <= codes
        or bool(one.themes) != one.relevant
        or len(one.themes) > 3
        or len(set(one.themes)) != len(one.themes)
    ]
    assert wrong == []


def test_every_cell_of_the_codebook_is_covered(examples: list[Labelled], topic: Topic) -> None:
    cells = Counter((dyad, stance) for one in examples for dyad, stance in one.dyads.items())
    few = {f"{dyad} {stance:+d}": cells[dyad, stance] for dyad in topic.dyads for stance in (-1, 0, 1)}
    assert {cell: count for cell, count in few.items() if count < CELL} == {}
    themes = Counter(code for one in examples for code in one.themes)
    assert [theme.code for theme in topic.themes if not themes[theme.code]] == []
    assert sum(not one.relevant for one in examples) >= CELL
    languages = Counter(one.item.lang for one in examples)
    assert {lang: languages[lang] for lang, least in LANGUAGES.items() if languages[lang] < least} == {}


def test_no_two_examples_share_eight_words_in_a_row(examples: list[Labelled]) -> None:
    holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for one in examples:
        for run in runs(one.item.title) | runs(one.item.text):
            holders[run].add(one.item.id)
    assert {" ".join(run): sorted(ids) for run, ids in holders.items() if len(ids) > 1} == {}


@pytest.mark.data
def test_nothing_of_our_writing_takes_eight_words_from_anyone(examples: list[Labelled], data: Path) -> None:
    theirs: set[tuple[str, ...]] = set()
    with gzip.open(data / "labelled_dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            theirs |= runs(record["title"]) | runs(record["text"] or "")
    for path in sorted((data / "seeds").glob("*.txt")):
        theirs |= runs(path.read_text(encoding="utf-8"))
    written = [*examples, *load_lessons()]
    copied = {one.item.id for one in written if (runs(one.item.title) | runs(one.item.text)) & theirs}
    assert copied == set()


def test_the_default_reader_keeps_its_floors(examples: list[Labelled], topic: Topic, matcher: Matcher) -> None:
    backend = Settings(_env_file=None).model
    pin = find(load_floors(), digest(examples), backend)
    assert pin is not None, "the examples or the default backend changed: ricwatch evaluate classify/examples --record"
    assert pin.content == content_digest(examples), "texts or hard marks changed; record them"
    assert {f"by_language.{lang}.stance" for lang in LANGUAGES} <= set(pin.floors)
    record = figures_record(measure(examples, get_backend(backend, topic)), gate(examples, matcher))
    assert [str(bound) for bound in bounds(pin, record) if not bound.kept] == []
