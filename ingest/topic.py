"""The topic as data: actors, dyads, themes and claims, read from the seed folder and checked on the way in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ingest.capped import read_capped
from ingest.yamlfile import SafeLoader, parse_yaml
from store.errors import InputError, SeedError

MAX_BYTES = 2 * 1024 * 1024
"""Largest topic file; actors with aliases in four languages stay far below."""

LONGEST_DYAD = 5
"""What the database has room for."""

ONLY_OTHER = (("other", "other press"),)

_BLOC = re.compile("[a-z][a-z-]{0,19}")
_LINE = "__line__"


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of the codebook: what it covers, and passages in our own words that are typical of it."""

    code: str
    name: str
    description: str
    passages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimText:
    """A claim of a seed document; *line* is where it stands in ``claims.yaml``, for messages.

    *words* are those by which the press tells of its matter, separated by spaces; empty where the text must do.
    """

    id: str
    document: str
    dyad: str
    theme: str
    stance: int
    text: str
    line: int = field(default=0, compare=False)
    words: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """Everything that is about the topic and not about the method.

    `actors` is the content of ``actors.yaml``; `classify.actors.Matcher` gives it meaning.
    """

    folder: Path
    actors: dict[str, Any]
    dyads: tuple[str, ...]
    themes: tuple[Theme, ...]
    claims: tuple[ClaimText, ...]
    blocs: tuple[tuple[str, str], ...] = ONLY_OTHER
    """Press blocs, code and name, in the order in which tables show them."""


class _Loader(SafeLoader):  # type: ignore[misc, valid-type]  # either of two classes with one interface
    """Safe loading that remembers on which line each row of a list begins."""


def _row(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    return {**loader.construct_mapping(node, deep=True), _LINE: node.start_mark.line + 1}


_Loader.add_constructor("tag:yaml.org,2002:map", _row)


def _read(path: Path, loader: type[yaml.SafeLoader]) -> Any:
    if not path.exists():
        raise SeedError(f"{path} is missing; the seed folder needs it")
    try:
        content = read_capped(path, path.parent, MAX_BYTES)
    except InputError as error:
        raise SeedError(f"{path} {error}") from None
    return parse_yaml(path, content, loader)


def _records(path: Path, key: str) -> list[dict[str, Any]]:
    content = _read(path, _Loader)
    rows = content.get(key) if isinstance(content, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SeedError(f"{path}: expected a list of entries under {key!r}")
    return rows


def _field(path: Path, row: dict[str, Any], name: str, kind: type, limit: int = 4_000) -> Any:
    value = row.get(name)
    who = f"{path}, line {row[_LINE]}: {row.get('id') or row.get('code') or 'an entry'}"
    if not isinstance(value, kind) or isinstance(value, bool):
        raise SeedError(f"{who} needs {name!r} ({kind.__name__}), found {value!r}")
    if isinstance(value, str) and not value.strip():
        raise SeedError(f"{who} has an empty {name!r}")
    if isinstance(value, str) and len(value) > limit:
        raise SeedError(f"{who} has a {name!r} of {len(value):,} characters; at most {limit:,} can be stored")
    return value


def _unique(path: Path, what: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SeedError(f"{path}: two {what} share {', '.join(map(repr, twice))}")


def _theme(path: Path, row: dict[str, Any]) -> Theme:
    passages = _field(path, row, "passages", list)
    if not passages or not all(isinstance(passage, str) and passage.strip() for passage in passages):
        raise SeedError(f"{path}, line {row[_LINE]}: {row.get('code')} needs 'passages', a list of texts in quotes")
    return Theme(
        code=_field(path, row, "code", str, limit=20),
        name=_field(path, row, "name", str),
        description=_field(path, row, "description", str),
        passages=tuple(passages),
    )


def _claim(path: Path, row: dict[str, Any], dyads: Iterable[str], themes: Iterable[str]) -> ClaimText:
    claim = ClaimText(
        id=_field(path, row, "id", str, limit=80),
        document=_field(path, row, "document", str, limit=80),
        dyad=_field(path, row, "dyad", str),
        theme=_field(path, row, "theme", str),
        stance=_field(path, row, "stance", int),
        text=_field(path, row, "text", str),
        line=row[_LINE],
        words=_field(path, row, "words", str) if "words" in row else "",
    )
    where = f"{path}, line {claim.line}: claim {claim.id}"
    if claim.dyad not in dyads:
        raise SeedError(f"{where} names dyad {claim.dyad!r}; there are {', '.join(dyads)}")
    if claim.theme not in themes:
        raise SeedError(f"{where} names theme {claim.theme!r}, which themes.yaml lacks")
    if claim.stance not in (-1, 0, 1):
        raise SeedError(f"{where} has stance {claim.stance}; use -1, 0 or 1")
    return claim


@lru_cache(maxsize=4)
def load_topic(folder: Path) -> Topic:
    """Read ``actors.yaml``, ``themes.yaml``, ``claims.yaml`` and, where there is one, ``press.yaml`` of *folder*.

    Raises:
        SeedError: a file is missing or malformed, or a claim names an unknown dyad or theme.
    """
    actors = _read(folder / "actors.yaml", SafeLoader)
    if not isinstance(actors, dict) or not isinstance(actors.get("dyads"), dict):
        raise SeedError(f"{folder / 'actors.yaml'}: expected 'dyads', a mapping of dyad code to two actors")
    dyads = tuple(map(str, actors["dyads"]))
    _short(folder / "actors.yaml", dyads)
    path = folder / "themes.yaml"
    themes = tuple(_theme(path, row) for row in _records(path, "themes"))
    codes = tuple(theme.code for theme in themes)
    _unique(path, "themes", codes)
    path = folder / "claims.yaml"
    claims = tuple(_claim(path, row, dyads, codes) for row in _records(path, "claims"))
    _unique(path, "claims", (claim.id for claim in claims))
    blocs = _blocs(folder / "press.yaml")
    return Topic(folder=folder, actors=actors, dyads=dyads, themes=themes, claims=claims, blocs=blocs)


def _short(path: Path, dyads: Iterable[str]) -> None:
    long = next((dyad for dyad in dyads if len(dyad) > LONGEST_DYAD), None)
    if long is not None:
        raise SeedError(f"{path}: the dyad code {long!r} is longer than {LONGEST_DYAD} characters")


def _blocs(path: Path) -> tuple[tuple[str, str], ...]:
    """The press blocs; where the file is absent every outlet is of the other press."""
    if not path.exists():
        return ONLY_OTHER
    content = _read(path, SafeLoader)
    blocs = content.get("blocs") if isinstance(content, dict) else None
    if not isinstance(blocs, dict) or not all(isinstance(part, str) for pair in blocs.items() for part in pair):
        raise SeedError(f"{path}: expected 'blocs', a mapping of code to name, both of them texts")
    for code, name in blocs.items():
        if not _BLOC.fullmatch(code) or not name.strip() or len(name) > 60:
            raise SeedError(f"{path}: {code!r}: {name!r}; a code has at most 20 small letters, a name 60 characters")
    if "other" not in blocs:
        raise SeedError(f"{path}: 'other' is missing; outlets of which nothing is known belong to it")
    return tuple(blocs.items())
