"""The folder of dossiers comes in; the good ones go out as values, the malformed ones as file, line and reason.

A dossier is a Markdown file: YAML front matter that tells what the original is and how to recognise it, then the
sections ``## Precis``, ``## Facts and figures``, ``## Claims`` and ``## Notes``. docs/seeds.md tells how to write one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from ingest.capped import read_capped
from store.errors import InputError, SeedError

MAX_BYTES = 256 * 1024
"""Largest dossier; a precis has a few hundred words, so more than this is some other file."""

KEYS = ("title", "publisher", "author", "published", "file_name", "sha256")
MAY_BE_EMPTY = ("publisher", "author")
SECTIONS = ("Precis", "Facts and figures", "Claims", "Notes")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Dossier:
    """A seed document as we describe it. *sha256* is of the original's bytes, *dossier_sha256* of this file's."""

    key: str
    title: str
    publisher: str
    author: str
    published: str
    file_name: str
    sha256: str
    dossier_sha256: str
    precis: str
    facts: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def checkable(self) -> str:
        """All that the dossier says of the original's content; the notes are about the original, not from it."""
        return "\n".join((self.precis, *self.facts, *self.claims))


@dataclass(frozen=True, slots=True)
class SeedProblem:
    """Why a file, or a part of it, was left out. *line* counts from 1; None where the whole file is meant."""

    file: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.file}{'' if self.line is None else f', line {self.line}'}: {self.reason}"


@dataclass(frozen=True, slots=True)
class DossierSet:
    """The dossiers of a folder, by key, and what is wrong with the others."""

    dossiers: tuple[Dossier, ...]
    problems: tuple[SeedProblem, ...]

    @property
    def rejected(self) -> tuple[str, ...]:
        """Keys of the dossiers that did not load."""
        good = {dossier.key for dossier in self.dossiers}
        keys = {Path(problem.file).stem for problem in self.problems if problem.file.endswith(".md")}
        return tuple(sorted(keys - good))


def load_dossiers(folder: Path) -> DossierSet:
    """Read all ``*.md`` of *folder* (but no README); a malformed one never keeps the others from loading.

    Raises:
        SeedError: there is no such folder, or no dossier in it: that is a wrong path, not a topic without documents.
    """
    if not folder.is_dir():
        raise SeedError(f"{folder} is no folder; dossiers lie in the folder 'corpus' of the seeds")
    good: dict[str, Dossier] = {}
    problems: list[SeedProblem] = []
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".") and path.stem != "README"]
    for path in paths:
        if path.suffix != ".md":
            problems.append(SeedProblem(path.name, None, "is no dossier (*.md); originals belong elsewhere"))
            continue
        try:
            found = parse_dossier(read_capped(path, folder, MAX_BYTES), path.name)
        except InputError as error:
            found = [SeedProblem(path.name, None, str(error))]
        if isinstance(found, list):
            problems += found
        elif found.sha256 in good:
            reason = f"describes the same original (sha256) as {good[found.sha256].key}.md; keep one of them"
            problems.append(SeedProblem(path.name, None, reason))
        else:
            good[found.sha256] = found
    if not any(path.suffix == ".md" for path in paths):
        raise SeedError(f"{folder} holds no dossier (*.md); dossiers lie in the folder 'corpus' of the seeds")
    return DossierSet(tuple(good.values()), tuple(problems))


def parse_dossier(data: bytes, name: str) -> Dossier | list[SeedProblem]:
    """The dossier in *data*, the content of the file *name*, or all that is wrong with it."""
    key = name.removesuffix(".md")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        return [SeedProblem(name, row, f"is not UTF-8 (byte {error.start + 1}); save it as UTF-8")]
    lines = text.split("\n")
    problems = []
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", key):
        problems.append(SeedProblem(name, None, "the file name must be a-z, 0-9 and hyphens, at most 80, then .md"))
    for number, line in enumerate(lines, start=1):
        if bad := CONTROL.search(line):
            problems.append(SeedProblem(name, number, f"holds the control character U+{ord(bad[0]):04X}"))
            return problems
    if lines[0].rstrip() != "---":
        return [*problems, SeedProblem(name, 1, "must begin with front matter between two lines of ---")]
    end = next((index for index in range(1, len(lines)) if lines[index].rstrip() == "---"), None)
    if end is None:
        return [*problems, SeedProblem(name, 1, "the front matter has no closing line of ---")]
    values, wrong = _front_matter("\n".join(lines[1:end]), name)
    sections, broken = _sections(lines, end + 1, name)
    problems += wrong + broken
    if problems:
        return problems
    return Dossier(
        key=key,
        **values,
        dossier_sha256=hashlib.sha256(data).hexdigest(),
        precis="\n\n".join(sections["Precis"]),
        facts=sections.get("Facts and figures", ()),
        claims=sections.get("Claims", ()),
        notes=sections.get("Notes", ()),
    )


def _front_matter(text: str, name: str) -> tuple[dict[str, str], list[SeedProblem]]:
    """The values as written, and what is wrong; lines count from the opening ``---``.

    The nodes are read instead of the loaded values: they know their lines, no alias can unfold, and a date or an
    all-digit hash stays the string that it is.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        # An open quote or bracket is only noticed at the end; where it was opened is where to look.
        at_end = "end of stream" in (error.problem or "")
        mark = (at_end and error.context_mark) or error.problem_mark or error.context_mark
        return {}, [SeedProblem(name, mark.line + 2 if mark else 1, f"bad YAML: {error.problem or error.context}")]
    except (yaml.YAMLError, RecursionError) as error:
        return {}, [SeedProblem(name, 1, f"bad YAML: {str(error).splitlines()[0]}")]
    if not isinstance(node, yaml.MappingNode):
        return {}, [SeedProblem(name, 2, f"the front matter must give {', '.join(KEYS)}")]
    values: dict[str, str] = {}
    problems: list[SeedProblem] = []
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
        line = key_node.start_mark.line + 2
        if key not in KEYS:
            reason = f"unknown key {key[:40]!r}; there are {', '.join(KEYS)}"
        elif key in values:
            reason = f"{key!r} is given twice"
        else:
            values[key] = value_node.value.strip() if isinstance(value_node, yaml.ScalarNode) else ""
            reason = _wrong(key, value_node)
        if reason:
            problems.append(SeedProblem(name, line, reason))
    problems += [SeedProblem(name, 1, f"{key!r} is missing") for key in KEYS if key not in values]
    return values, problems


def _wrong(key: str, node: yaml.Node) -> str:
    """What is wrong with the value of *key*; empty if nothing."""
    if not isinstance(node, yaml.ScalarNode):
        return f"{key!r} must be one text, not a list or a mapping"
    value, kind = node.value.strip(), node.tag.rpartition(":")[2]
    if kind == "null" or not value:
        if key not in MAY_BE_EMPTY:
            return f"{key!r} is empty; it must be told"
        return f'{key!r} is empty; write "" where the original does not tell' if kind == "null" else ""
    if key == "published":
        return _undated(value)
    faults = (
        (key == "sha256" and not re.fullmatch("[0-9a-f]{64}", value), "must be 64 lower-case hexadecimal digits"),
        (key != "sha256" and kind != "str", f"must be a text, found a {kind}: put it in quotes"),
        (len(value) > 500, "is longer than 500 characters"),
        (CONTROL.search(value), "must be one line without control characters"),
        (
            key == "file_name" and (re.search(r"[/\\]", value) or value in (".", "..")),
            "must be a name without a folder",
        ),
    )
    return next((f"{key!r} {fault}" for found, fault in faults if found), "")


def _undated(value: str) -> str:
    if re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", value):
        try:
            dt.date.fromisoformat(value if len(value) == 10 else f"{value}-01")
        except ValueError:
            return f"'published': there is no such day as {value}"
        return ""
    if re.fullmatch(r"((early|mid|late|spring|summer|autumn|winter) )?[12]\d{3}", value):
        return ""
    return f"'published' is undated: {value[:40]!r}; write 2021-03-08, 2021-03, 2021 or late 2021"


def _sections(lines: list[str], start: int, name: str) -> tuple[dict[str, tuple[str, ...]], list[SeedProblem]]:
    """Paragraphs of the precis and items of the lists, by heading; *start* is the index of the first line."""
    found: dict[str, list[str]] = {}
    problems: list[SeedProblem] = []
    heading, fresh = "", True
    for number, line in enumerate(lines[start:], start=start + 1):
        words = line.strip()
        if words.startswith("#"):
            heading, fresh = words.lstrip("#").strip(), True
            if not words.startswith("## ") or heading not in SECTIONS:
                reason = f"unknown heading {words[:60]!r}; there are {', '.join('## ' + title for title in SECTIONS)}"
                problems.append(SeedProblem(name, number, reason))
            elif heading in found:
                problems.append(SeedProblem(name, number, f"heading {words!r} is there twice"))
            found.setdefault(heading, [])
        elif not words:
            fresh = True
        elif not heading:
            problems.append(SeedProblem(name, number, "text before the first heading; begin with ## Precis"))
            heading, fresh = "Precis", False
            found[heading] = [words]
        elif heading != "Precis" and (words.startswith("- ") or fresh):
            if not words.startswith("- "):
                problems.append(SeedProblem(name, number, f"items under '## {heading}' begin with '- '"))
            found[heading].append(words.removeprefix("- "))
            fresh = False
        elif fresh:
            found[heading].append(words)
            fresh = False
        else:
            found[heading][-1] += f" {words}"
    if not any(found.get("Precis", [])):
        problems.append(SeedProblem(name, None, "the precis is empty; write one under ## Precis"))
    return {title: tuple(items) for title, items in found.items()}, problems
