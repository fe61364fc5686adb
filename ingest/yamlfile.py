"""The seeds' files of YAML: read safely, in C where PyYAML was built with it, and every fault told with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from store.errors import SeedError

SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Each run of the hourly watch reads roster and topic, and the one in C is ten times as quick."""


def parse_yaml(path: Path, content: bytes, loader: type[yaml.SafeLoader] = SafeLoader) -> Any:
    """What *content*, the bytes of *path*, says; *loader* is safe.

    Raises:
        SeedError: it is no YAML in UTF-8; the message names the file and, where it is known, the line.
    """
    try:
        return yaml.load(content, Loader=loader)  # noqa: S506 (the loaders are safe)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SeedError(f"{path}{where}: {getattr(error, 'problem', None) or error}") from None
