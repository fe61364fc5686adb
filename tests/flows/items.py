"""Items of our own that several tests of the flows import."""

from __future__ import annotations

import gzip
import json
from pathlib import Path


def write_items(path: Path) -> Path:
    """A year of dated items of our own: India and China cool in its second half."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for number in range(730):
            month, day = number // 61 % 12 + 1, number // 2 % 28 + 1
            warm = month <= 6
            title = (
                f"India and China agree to widen cooperation, round {number}"
                if warm
                else f"India protests as Chinese troops clash with its patrol, incident {number}"
            )
            row = {
                "id": str(number),
                "title": title,
                "source": f"Outlet {number % 7}",
                "date": f"2021-{month:02}-{day:02}",
            }
            file.write(json.dumps(row) + "\n")
        file.write("this is no JSON\n")
    return path
