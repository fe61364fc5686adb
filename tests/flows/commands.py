"""Commands as a person gives them, in the process of the test: a process of its own takes two seconds to begin.

tests/flows/test_cli.py starts real processes and shows that they answer alike.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import prefect  # noqa: F401 (with it loaded, a command leaves this process's environment and folder alone)

from flows.cli import main
from store.settings import get_settings


def ricwatch(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What `ricwatch` with *arguments* prints, and its exit status."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RICWATCH_")}
    env |= {"RICWATCH_VAR_DIR": str(cwd / "var"), **variables}
    out, err = io.StringIO(), io.StringIO()
    code: int | str | None = 0
    get_settings.cache_clear()
    with (
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(sys, "argv", ["ricwatch", *arguments]),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    get_settings.cache_clear()
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
