"""Groups of outlets, from ``outlets.yaml`` of the seed folder: the parts in which a reader is measured."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ingest.yamlfile import parse_yaml
from store.errors import SeedError

OTHERS = "others"


def outlet_groups(folder: Path) -> Callable[[str], str]:
    """A function that names the group of an outlet; `OTHERS` for every outlet where the folder has no such file.

    Raises:
        SeedError: the file is no mapping of groups to lists of names.
    """
    path = folder / "outlets.yaml"
    if not path.is_file():
        return lambda _outlet: OTHERS
    loaded = parse_yaml(path, path.read_bytes())
    groups = loaded.get("groups") if isinstance(loaded, dict) else None
    if not isinstance(groups, dict) or not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in groups.values()
    ):
        raise SeedError(f"{path}: 'groups' must map each group to a list of outlets' names")
    names = sorted(((name, str(group)) for group, own in groups.items() for name in own), key=lambda row: -len(row[0]))
    patterns = [(re.compile(rf"{re.escape(name)}(?!\w)"), group) for name, group in names]
    return lambda outlet: next((group for pattern, group in patterns if pattern.match(outlet)), OTHERS)
