"""What must be installed for the task runner that is chosen; asked before Prefect is loaded."""

from __future__ import annotations

from importlib.util import find_spec

from store.errors import ConfigError
from store.settings import Settings

NEED_PACKAGES = frozenset({"dask", "ray"})


def require_extra(settings: Settings) -> None:
    """Nothing where the packages of the chosen task runner are installed.

    Raises:
        ConfigError: they are not; it says how to install them.
    """
    runner = settings.task_runner
    if runner in NEED_PACKAGES and find_spec(f"prefect_{runner}") is None:
        raise ConfigError(
            f"RICWATCH_TASK_RUNNER is {runner}, but prefect-{runner} is not installed; pip install 'ricwatch[{runner}]'"
        )
