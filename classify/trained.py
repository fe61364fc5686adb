"""Which weights read a topic, and whether they were ever trained on it: a reader that was not must not pass for one.

What ``ricwatch train`` makes for a topic of one's own lies in the folder ``weights`` among its seeds and is read from
there. A topic without any is read by the weights that the project ships. These were trained on the ties of the shipped
topic; they read the stance of others, since the two actors are roles to them, but know the shipped themes only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from classify.neural import MODEL
from classify.parameters import FILE, WEIGHTS, known_by
from ingest.topic import Topic
from store.settings import ROOT

SHIPPED = ROOT / "seeds"
"""The topic that the shipped weights were trained on."""
ANOTHER = "docs/another-topic.md"
_TRAINED_HERE = ("fused", "linear")


def own_folder(topic: Topic) -> Path:
    """Where training leaves the weights of *topic*: among its seeds, those of the shipped topic with the code."""
    return WEIGHTS if topic.folder.resolve() == SHIPPED.resolve() else topic.folder / "weights"


def weights_of(topic: Topic) -> Path:
    """The folder of the linear weights that read *topic*."""
    own = own_folder(topic)
    return own if (own / FILE).exists() else WEIGHTS


def network_of(topic: Topic) -> Path:
    """The folder of the network that reads *topic*: its own, where one was trained, else the shipped one.

    A network sees the two actors as roles, so that of another topic serves beside linear weights of one's own.
    """
    own = own_folder(topic)
    return own if (own / MODEL).exists() else WEIGHTS


def remark(topic: Topic, model: str) -> str:
    """What a reader of figures must know of *model* on *topic*: that it was not trained on it; empty where it was.

    Backends that do not read with these weights say so themselves, or need no training.

    Raises:
        ConfigError: the weights are missing or damaged.
    """
    if model not in _TRAINED_HERE:
        return ""
    dyads, themes = known_by(weights_of(topic))
    new_dyads = [dyad for dyad in topic.dyads if dyad not in dyads]
    new_themes = [theme.code for theme in topic.themes if theme.code not in themes]
    said = []
    if new_dyads:
        said.append(f"never trained on {_list(new_dyads)}, it reads their stance by what other ties taught it")
    if new_themes:
        said.append(f"it knows no example of the themes {_list(new_themes)} and never gives them")
    return f"The reader: {'; '.join(said)}. Train it with ricwatch train ({ANOTHER})." if said else ""


def _list(codes: Iterable[str]) -> str:
    return ", ".join(codes)
