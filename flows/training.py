"""What the command `train` does; scikit-learn is asked for only here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from classify.labelled import join_labels, load_labelled
from flows.reporting import progress
from ingest.topic import load_topic
from store.errors import ConfigError, InputError
from store.settings import get_settings


def train_files(
    items: Sequence[Path], output: Path | None, labels: Sequence[Path] = (), texts: Sequence[Path] = ()
) -> list[str]:
    """Train on the labelled *items* and on *labels* joined to their *texts*; gives the lines to print.

    Raises:
        ConfigError: the extra `train` is not installed.
        InputError: there is nothing to train on, or labels without texts.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ConfigError("training needs scikit-learn; install it with: pip install 'ricwatch[train]'") from None
    from classify.train import WEIGHTS, train

    if bool(labels) != bool(texts):
        raise InputError("--labels and --texts go together: labels hold no texts, and texts no labels")
    if not (items or labels):
        raise InputError("nothing to train on; give labelled items: ricwatch train LABELLED.jsonl.gz")
    sets = [load_labelled(path) for path in items]
    lines = []
    for path in labels:
        with progress(f"Joining {path.name}") as report_progress:
            joined = join_labels(path, texts, progress=report_progress)
        if not joined.labelled:
            raise InputError(f"{path}: {joined}; are these the texts that were labelled?")
        sets.append(list(joined.labelled))
        lines.append(f"{path.name}: {joined}")
    with progress("Training") as report_progress:
        topic = load_topic(get_settings().seeds_dir)
        report = train([one for part in sets for one in part], topic, output or WEIGHTS, progress=report_progress)
    return [*lines, str(report)]
