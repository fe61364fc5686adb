"""The house stands as docs/concepts.md draws it: rooms use earlier rooms only, and only flows/ knows Prefect."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from store.settings import ROOT

ROOMS = ("store", "ingest", "classify", "alerts", "flows")


def imported(path: Path) -> set[str]:
    """Top-level names that a module imports, wherever in the module it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_uses_only_itself_and_the_rooms_before_it(room: str) -> None:
    later = set(ROOMS[ROOMS.index(room) + 1 :]) | {"tests", "bench"}
    wrong = {path.name: imported(path) & later for path in modules(room) if imported(path) & later}
    assert wrong == {}


@pytest.mark.parametrize("room", ROOMS[:-1])
def test_only_flows_knows_prefect(room: str) -> None:
    assert [path.name for path in modules(room) if "prefect" in imported(path)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_in_one_sentence_what_comes_in_and_what_goes_out(room: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8")))
    assert said
    assert said.rstrip().endswith(".")


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_is_without_a_docstring(room: str) -> None:
    silent = [p.name for p in modules(room) if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []


def test_no_module_has_grown_past_five_hundred_lines() -> None:
    long = {
        f"{room}/{path.name}": count
        for room in ROOMS
        for path in modules(room)
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 500 and path.name != "models.py"
    }
    assert {name: count for name, count in long.items() if "versions" not in name and "0001" not in name} == {}


def test_the_locks_name_no_host_and_hash_every_package() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "deploy/image/image.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index-url" not in text
        pins = [block for block in text.split("\n") if "==" in block and not block.startswith(" ")]
        assert pins
        assert all(pin.rstrip().endswith("\\") for pin in pins), "a pin without hashes"
