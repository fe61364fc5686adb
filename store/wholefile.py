"""Files that appear whole or not at all: written beside their place and moved there at the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from store.errors import InputError


@contextmanager
def whole_file(
    target: Path, check: Callable[[Path], object] | None = None, *, folder: bool = False
) -> Iterator[IO[str]]:
    """A text file (UTF-8, lines as they are written) that takes its name when the block ends well.

    What *check* raises when it is given the finished file keeps that from its place too. With *folder* a missing
    folder is made; else it is taken for a slip of the pen.

    Raises:
        InputError: *target* cannot be written; what stood there before is left as it was.
    """
    if target.is_dir():
        raise InputError(f"cannot write {target}: it is a folder; name the file")
    try:
        if folder:
            target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from None
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        if check is not None:
            check(draft)
        draft.chmod(_mode_of(target))
        draft.replace(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from None
    finally:
        draft.unlink(missing_ok=True)


def write_whole(target: Path, text: str, *, folder: bool = False) -> None:
    """*text* as a whole file: what is open in a browser is never seen half written.

    Raises:
        InputError: as `whole_file`.
    """
    with whole_file(target, folder=folder) as file:
        file.write(text)


def _mode_of(target: Path) -> int:
    """The rights of what stands there; of a new file those that any has (mkstemp makes one for its owner alone)."""
    if target.exists():
        return target.stat().st_mode & 0o7777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
