"""The topic as data: actors, dyads, themes and claims, read from the seed folder and checked on the way in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from store.errors import SeedError


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of the codebook: what it covers, and passages in our own words that are typical of it."""

    code: str
    name: str
    description: str
    passages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimText:
    """A claim of a seed document."""

    id: str
    document: str
    dyad: str
    theme: str
    stance: int
    text: str


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


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SeedError(f"{path} is missing; the seed folder needs it") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SeedError(f"{path}{where}: {getattr(error, 'problem', None) or error}") from None


def _records(path: Path, key: str) -> list[dict[str, Any]]:
    content = _read(path)
    rows = content.get(key) if isinstance(content, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SeedError(f"{path}: expected a list under {key!r}")
    return rows


def _field(path: Path, row: dict[str, Any], name: str, kind: type) -> Any:
    value = row.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        who = row.get("id") or row.get("code") or "an entry"
        raise SeedError(f"{path}: {who} needs {name!r} ({kind.__name__}), found {value!r}")
    return value


@lru_cache(maxsize=4)
def load_topic(folder: Path) -> Topic:
    """Read ``actors.yaml``, ``themes.yaml`` and ``claims.yaml`` of *folder*.

    Raises:
        SeedError: a file is missing or malformed, or a claim names an unknown dyad or theme.
    """
    actors = _read(folder / "actors.yaml")
    if not isinstance(actors, dict) or not isinstance(actors.get("dyads"), dict):
        raise SeedError(f"{folder / 'actors.yaml'}: expected 'dyads', a mapping of dyad code to two actors")
    dyads = tuple(actors["dyads"])
    path = folder / "themes.yaml"
    themes = tuple(
        Theme(
            code=_field(path, row, "code", str),
            name=_field(path, row, "name", str),
            description=_field(path, row, "description", str),
            passages=tuple(str(passage) for passage in _field(path, row, "passages", list)),
        )
        for row in _records(path, "themes")
    )
    codes = {theme.code for theme in themes}
    path = folder / "claims.yaml"
    claims = tuple(
        ClaimText(
            id=_field(path, row, "id", str),
            document=_field(path, row, "document", str),
            dyad=_field(path, row, "dyad", str),
            theme=_field(path, row, "theme", str),
            stance=_field(path, row, "stance", int),
            text=_field(path, row, "text", str),
        )
        for row in _records(path, "claims")
    )
    for claim in claims:
        if claim.dyad not in dyads:
            raise SeedError(f"{path}: claim {claim.id} names dyad {claim.dyad!r}; there are {', '.join(dyads)}")
        if claim.theme not in codes:
            raise SeedError(f"{path}: claim {claim.id} names theme {claim.theme!r}, which themes.yaml lacks")
        if claim.stance not in (-1, 0, 1):
            raise SeedError(f"{path}: claim {claim.id} has stance {claim.stance}; use -1, 0 or 1")
    if len({claim.id for claim in claims}) != len(claims):
        raise SeedError(f"{path}: two claims share an id")
    return Topic(folder=folder, actors=actors, dyads=dyads, themes=themes, claims=claims)
