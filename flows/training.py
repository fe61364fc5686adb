"""What the commands `train` and `evaluate` do; scikit-learn is asked for only here."""

from __future__ import annotations

from pathlib import Path

from classify.model import get_backend
from flows.reporting import progress
from ingest.topic import load_topic
from store.errors import ConfigError
from store.settings import get_settings


def train_file(items: Path, output: Path | None) -> str:
    """Train on *items*; gives the report as text.

    Raises:
        ConfigError: the extra `train` is not installed.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ConfigError("training needs scikit-learn; install it with: pip install 'ricwatch[train]'") from None
    from classify.train import WEIGHTS, train

    with progress("Training") as report_progress:
        report = train(items, load_topic(get_settings().seeds_dir), output or WEIGHTS, progress=report_progress)
    return str(report)


def evaluate_file(items: Path) -> str:
    """Measure the configured backend on *items*; gives the figures as text."""
    from classify.evaluate import evaluate

    settings = get_settings()
    return str(evaluate(items, get_backend(settings.model, load_topic(settings.seeds_dir))))
