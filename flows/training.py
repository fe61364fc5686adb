"""What the command `train` does; scikit-learn and torch are asked for only here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classify.labelled import JoinReport, Labelled, join_labels, load_labelled
from flows.reporting import progress
from ingest.topic import load_topic
from store.errors import ConfigError, InputError
from store.progress import Progress
from store.settings import get_settings


def train_files(
    items: Sequence[Path],
    output: Path | None,
    *,
    labels: Sequence[Path] = (),
    texts: Sequence[Path] = (),
    backend: str = "linear",
    news: Sequence[Path] = (),
    pairs: Sequence[Path] = (),
    further: bool = False,
) -> list[str]:
    """Train *backend* on the labelled *items* and on *labels* joined to their *texts*; gives the lines to print.

    *pairs* are labels of pairs of any two states, whose texts are in *news*. With *further*, the network that reads the
    topic now learns on.

    Raises:
        ConfigError: the extra that the backend needs is not installed.
        InputError: there is nothing to train on, labels without texts, unlabelled *news* for a backend
            without use, or *further* without news or for a backend that begins anew.
    """
    fused = backend == FUSED
    if news and not fused:
        raise InputError(f"--news is what {FUSED} learns from; {backend} has no use for unlabelled items")
    if pairs and not news:
        raise InputError("labels of pairs hold no texts; give the news that they were read in with --news")
    if further and not fused:
        raise InputError(
            f"--further is for the backend {FUSED}, whose network can learn on; {backend} begins anew each time"
        )
    if further and not news:
        raise InputError("--further needs unlabelled --news: its own readings of it hold the network to what it knew")
    prepared = _BACKENDS[backend](Extra(news, pairs, further=further))
    if bool(labels) != bool(texts):
        raise InputError("--labels and --texts go together: labels hold no texts, and texts no labels")
    if not (items or labels):
        raise InputError("nothing to train on; give labelled items: ricwatch train LABELLED.jsonl.gz")
    sets = [load_labelled(path) for path in items]
    lines = []
    for path in labels:
        with progress(f"Joining {path.name}") as report_progress:
            joined = join_labels(path, texts, progress=report_progress)
        _refuse_none(path, joined)
        sets.append(list(joined.labelled))
        lines.append(f"{path.name}: {joined}")
    with progress("Training") as report_progress:
        return [*lines, prepared([one for part in sets for one in part], output, report_progress)]


def _refuse_none(path: Path, joined: JoinReport[Any]) -> None:
    if not joined.labelled:
        raise InputError(f"{path}: {joined}; are these the texts that were labelled?")


Train = Callable[[list[Labelled], Path | None, Progress], str]


@dataclass(frozen=True, slots=True)
class Extra:
    """What only the backend `FUSED` takes besides labelled items."""

    news: Sequence[Path]
    pairs: Sequence[Path]
    further: bool


def _fused(extra: Extra) -> Train:
    from classify.network import base_folder
    from classify.otherlabels import join_pairs
    from classify.train_fused import lessons_of, load_news, train_fused
    from classify.trained import own_folder

    base_folder()  # what is missing is told before the texts are joined

    def run(labelled: list[Labelled], output: Path | None, report_progress: Progress) -> str:
        topic = load_topic(get_settings().seeds_dir)
        unlabelled = [item for path in extra.news for item in load_news(path)]
        lessons, folder = lessons_of(topic), output or own_folder(topic)
        joined = {path: join_pairs(path, unlabelled) for path in extra.pairs}
        for path, found in joined.items():
            _refuse_none(path, found)
        others = [one for found in joined.values() for one in found.labelled]
        report = train_fused(
            labelled,
            lessons,
            topic,
            folder,
            news=unlabelled,
            others=others,
            further=extra.further,
            progress=report_progress,
        )
        return "\n".join([*(f"{path.name}: {found}" for path, found in joined.items()), str(report)])

    return run


def _linear(_: Extra) -> Train:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ConfigError("training needs scikit-learn; install it with: pip install 'ricwatch[train]'") from None
    from classify.train import train
    from classify.trained import own_folder

    def run(labelled: list[Labelled], output: Path | None, report_progress: Progress) -> str:
        topic = load_topic(get_settings().seeds_dir)
        return str(train(labelled, topic, output or own_folder(topic), progress=report_progress))

    return run


def _multilingual(_: Extra) -> Train:
    from classify.multilingual import heads_folder, load_encoder
    from classify.multilingual_train import train_heads

    settings = get_settings()
    name = settings.multilingual_model

    def run(labelled: list[Labelled], output: Path | None, report_progress: Progress) -> str:
        encoder = load_encoder(name)
        folder = output or heads_folder(settings)
        topic = load_topic(settings.seeds_dir)
        return str(train_heads(labelled, topic, encoder, name, folder, progress=report_progress))

    return run


FUSED = "fused"
_BACKENDS: dict[str, Callable[[Extra], Train]] = {
    FUSED: _fused,
    "linear": _linear,
    "multilingual": _multilingual,
}
