"""The topic stands in its seeds alone: no room and no template names its ties, states or presses."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ingest.topic import load_topic
from store.settings import ROOT

ROOMS = ("store", "ingest", "classify", "alerts", "flows")
ALLOWED = {
    "store/models.py": "comments of columns, which only a migration changes",
    "store/migrations/versions/0001_first_tables.py": "the same comments, as they were released",
    "ingest/clean.py": "a web address of an outlet whose pages need a rule of their own",
    "ingest/dates.py": "the zone of an abbreviation",
    "ingest/figures.py": "a comment in a pattern on how numbers are grouped",
    "classify/actors.py": "the topic of a doctest",
    "classify/network.py": "words that training begins with, for the roles of any states",
    "alerts/words.py": "names of languages",
}
"""Files in which a name may stand, each with the reason. A docstring may name an example anywhere."""


def names() -> re.Pattern[str]:
    """What only the shipped topic can have given: codes of ties, names of states with their adjectives, presses."""
    topic = load_topic(ROOT / "seeds")
    states = [str(topic.actors["actors"][code]["name"]) for code in topic.actors["principals"]]
    words = [*topic.dyads, *(f"{state}\\w*" for state in states), "Chinese", "Beijing", "Moscow", "Delhi"]
    return re.compile(rf"\b({'|'.join(words)})\b", re.IGNORECASE)


def literals(path: Path) -> list[str]:
    """The texts of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {
        id(line.value)
        for node in ast.walk(tree)
        if isinstance(body := getattr(node, "body", None), list)
        for line in body
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
    }
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told]
    return [node.value for node in constants if isinstance(node.value, str)]


def found_in(texts: list[str]) -> list[str]:
    return sorted({match.group() for text in texts for match in names().finditer(text)})


def files() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_no_room_names_the_topic() -> None:
    named = {path.relative_to(ROOT).as_posix(): found_in(literals(path)) for path in files()}
    assert {name: words for name, words in named.items() if words and name not in ALLOWED} == {}


def test_every_exception_is_still_needed() -> None:
    assert [name for name in ALLOWED if not found_in(literals(ROOT / name))] == []


@pytest.mark.parametrize(
    "path", sorted(path for path in (ROOT / "templates").rglob("*") if path.is_file()), ids=lambda path: path.name
)
def test_no_template_names_the_topic(path: Path) -> None:
    assert found_in([path.read_text(encoding="utf-8")]) == []


def test_a_name_in_a_module_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text('"""India may stand here."""\n\nTIE = "IN-RU"\nPRESS = {"x": "Indian press"}\n', encoding="utf-8")
    assert found_in(literals(path)) == ["IN-RU", "Indian"]
