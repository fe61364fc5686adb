"""Marks of tests that run flows in their own process, on the server of the test session."""

from __future__ import annotations

import pytest

IN_PROCESS = [
    pytest.mark.usefixtures("prefect_server", "collected"),
    # Clients and clusters leave their sockets to the garbage collector when an event loop ends.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
