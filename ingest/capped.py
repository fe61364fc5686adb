"""A name comes in, with a folder or without; the bytes of a plain file, there or anywhere, or the reason why not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from store.errors import InputError


def read_capped(path: Path, folder: Path, limit: int) -> bytes:
    """The content of *path*, at most *limit* bytes.

    Raises:
        InputError: it is a link out of *folder*, no plain file, larger than *limit*, or cannot be read. The message
            is the reason alone, because the callers name the file.
    """
    try:
        real = path.resolve(strict=True)
        inside = real.is_relative_to(folder.resolve(strict=True))
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise _unreadable(error) from None
    if not inside:
        raise InputError("is a link that leads out of the folder; put the file itself there")
    return read_plain_file(real, limit)


def read_plain_file(path: Path, limit: int) -> bytes:
    """The content of *path*, wherever it lies or leads, at most *limit* bytes.

    Raises:
        InputError: it is no plain file, larger than *limit*, or cannot be read. The message is the reason alone.
    """
    try:
        # Without O_NONBLOCK the opening of a named pipe would wait for a writer for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError("is no plain file")
            data = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(error) from None
    if len(data) > limit:
        raise InputError(f"is larger than {limit:,} bytes")
    return data


def _unreadable(error: Exception) -> InputError:
    return InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}")
