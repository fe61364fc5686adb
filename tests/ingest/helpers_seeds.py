"""Small seed folders, dossiers and originals for the tests; every text here is made up."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ingest.topic import Topic, load_topic

ORIGINAL = "On March 8, 2021 trade of India and Russia crossed US$ 50 billion; 5 batteries were due.\n"

ACTORS = """
dyads:
  IN-RU: [india, russia]
  RU-CN: [russia, china]
  IN-CN: [india, china]
"""

THEMES = """
themes:
  - {code: trade, name: Trade, description: Goods and money., passages: [Trade of India and Russia grows.]}
  - {code: arms, name: Arms, description: Weapons., passages: [Russia delivers missiles to India.]}
"""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def dossier(
    original: str = ORIGINAL,
    precis: str = "Trade passed $50 billion on 8 March 2021, and five batteries were to come.",
    **values: str,
) -> str:
    """A dossier as text; *values* replace lines of the front matter, as written in YAML (empty: leave the key out)."""
    front = {
        "title": "A made-up paper",
        "publisher": '""',
        "author": "A. Writer",
        "published": "2021-03-08",
        "file_name": "paper.txt",
        "sha256": sha256(original.encode()),
    } | values
    head = "\n".join(f"{key}: {value}" for key, value in front.items() if value)
    body = "## Facts and figures\n\n- Trade above $50 billion.\n\n## Claims\n\n- India and Russia trade more.\n"
    return f"---\n{head}\n---\n\n## Precis\n\n{precis}\n\n{body}\n## Notes\n\n- Written in 1066 minutes.\n"


def claim(number: int, document: str, **values: str) -> str:
    row = {
        "id": f"claim-{number}",
        "document": document,
        "dyad": "IN-RU",
        "theme": "trade",
        "stance": "1",
        "text": "India and Russia trade more.",
    } | values
    return "  - {" + ", ".join(f"{key}: {value}" for key, value in row.items() if value) + "}\n"


def write_topic(folder: Path, *claims: str) -> Path:
    """A seed folder with two themes and *claims*, and an empty corpus folder."""
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    (folder / "actors.yaml").write_text(ACTORS, encoding="utf-8")
    (folder / "themes.yaml").write_text(THEMES, encoding="utf-8")
    (folder / "claims.yaml").write_text("claims:\n" + ("".join(claims) or "  []\n"), encoding="utf-8")
    return folder


def read_topic(folder: Path) -> Topic:
    """The topic as it stands now: the loader remembers folders, tests rewrite them."""
    load_topic.cache_clear()
    return load_topic(folder)
