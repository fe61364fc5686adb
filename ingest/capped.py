"""A folder and a name come in; the bytes of a plain file that lies in that folder go out, or the reason why not."""

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
        if not real.is_relative_to(folder.resolve(strict=True)):
            raise InputError("is a link that leads out of the folder; put the file itself there")
        # Without O_NONBLOCK the opening of a named pipe would wait for a writer for ever.
        with os.fdopen(os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError("is no plain file")
            data = file.read(limit + 1)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > limit:
        raise InputError(f"is larger than {limit:,} bytes")
    return data
