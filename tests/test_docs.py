"""What the documentation names exists: links, targets, commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from flows.cli import app
from store.settings import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_targets_that_the_readme_names_exist_and_are_described() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make (\w+)", README, re.MULTILINE)) | {"lint", "types", "bench", "help"}:
        assert re.search(rf"^{target}:.*## .+", makefile, re.MULTILINE), target


def test_the_commands_that_the_pages_name_exist() -> None:
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    for page in PAGES:
        for command in re.findall(r"`(?:\.venv/bin/)?ricwatch ([a-z]+)", page.read_text(encoding="utf-8")):
            assert command in known, f"{page.name}: ricwatch {command}"


@pytest.mark.parametrize("command", sorted(get_command(app).commands))  # type: ignore[attr-defined]
def test_every_command_teaches_by_example(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    if command not in {"digest", "feeds", "doctor"}:
        assert f"ricwatch {command}" in shown.output


def test_the_readme_is_filled_in() -> None:
    assert "@@" not in README
