"""Folders and files that only their owner may read: readers' addresses, run history and logs lie in them.

What exists already keeps its rights: whoever opened it to somebody did so on purpose (docs/security.md).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(folder: Path) -> Path:
    """Make *folder*, for its owner alone, where it is missing; gives it back.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def others_read(path: Path) -> bool:
    """Whether users outside the group may read *path* (a file) or list it (a folder); what is not there is shut."""
    return _has(path, stat.S_IROTH)


def lets_others_in(folder: Path) -> bool:
    """Whether users outside the group may open what lies in *folder* and has a name that they know."""
    return _has(folder, stat.S_IXOTH)


def private_file(path: Path) -> None:
    """Take from others the rights on *path*.

    Raises:
        OSError: it is not ours.
    """
    mode = path.stat().st_mode
    if mode & OTHERS:
        os.chmod(path, stat.S_IMODE(mode) & ~OTHERS)


def _has(path: Path, right: int) -> bool:
    try:
        return bool(path.stat().st_mode & right)
    except OSError:
        return False
