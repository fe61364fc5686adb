"""What stands behind an error of database or disk, and what to do about it: one line for whoever operates it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from store.errors import StoreError
from store.locks import writer

FULL_BELOW = 256_000
"""Free bytes with which SQLite cannot work: it then also speaks of an I/O error, of the file beside the database."""
AGAIN = "Nothing was stored by halves, and the next run goes on from here."

_SQLITE = {
    "SQLITE_BUSY": "{who} kept it locked for too long. Look for a database browser, a copy in progress or a "
    "second ricwatch that is stuck, and close it (`fuser {file}` names it)",
    "SQLITE_LOCKED": "another connection kept it locked for too long",
    "SQLITE_FULL": "the disk is full. Make room: old backups and logs go first (`df -h {file}` shows the disk)",
    "SQLITE_READONLY": "it cannot be written: the file or its disk is read-only. Mount the disk for writing, or give "
    "the file to the user that runs ricwatch (`ls -l {file}`)",
    "SQLITE_CANTOPEN": "its file cannot be opened. Check that its folder exists and belongs to the user that runs "
    "ricwatch, and that the disk is not read-only or full (`ls -ld {file}`)",
    "SQLITE_IOERR": "the disk does not read or write. `ricwatch doctor` looks at the folder, `dmesg` at the device",
    "SQLITE_CORRUPT": "its file is damaged. Stop everything and put a backup back: `ricwatch restore FILE` "
    "(docs/operate.md)",
    "SQLITE_NOTADB": "the file is no database. Stop everything and put a backup back: `ricwatch restore FILE` "
    "(docs/operate.md)",
}
"""By the name of SQLite's primary result code (https://sqlite.org/rescode.html)."""
_DISK = {
    errno.ENOSPC: "the disk is full. Make room: old backups and logs go first (`df -h` shows the disk)",
    errno.EDQUOT: "the quota of this user is used up. Make room, or have it raised",
    errno.EROFS: "the disk is mounted read-only. Mount it for writing (`dmesg` tells why the system did so), or set "
    "RICWATCH_VAR_DIR to another disk",
    errno.EACCES: "this user may not write there. Give the folder to the user that runs ricwatch",
    errno.EPERM: "this user may not write there. Give the folder to the user that runs ricwatch",
}


def in_words(error: Exception, url: str = "") -> StoreError | None:
    """*error* as one line that names the cause and the next step; None when it is of no known kind.

    *url* is the database's, which an error of SQLAlchemy does not tell.
    """
    if isinstance(error, DBAPIError):
        said = _of_database(error, url)
    elif isinstance(error, OSError):
        cause = _DISK.get(error.errno or 0)
        said = f"cannot write {error.filename or 'a file'}: {cause}. {AGAIN}" if cause else None
    else:
        said = None
    return StoreError(said) if said else None


def concerns_all(error: Exception) -> bool:
    """Whether *error* says that the database itself does not work, whatever is asked of it."""
    if not isinstance(error, OperationalError):
        return False
    code = _code(error)
    return not code or code in _SQLITE


def _code(error: DBAPIError) -> str:
    """SQLite's primary code by its name, as SQLITE_IOERR for SQLITE_IOERR_WRITE; empty from another engine."""
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    return "_".join(name.split("_")[:2])


def _of_database(error: DBAPIError, url: str) -> str | None:
    parsed = make_url(url) if url else None
    where = parsed.render_as_string(hide_password=True) if parsed else ""
    file = parsed.database or "" if parsed and parsed.get_backend_name() == "sqlite" else ""
    code = _code(error)
    if code in ("SQLITE_IOERR", "SQLITE_CANTOPEN") and _full(file):
        code = "SQLITE_FULL"
    if code in _SQLITE:
        who = writer(file) or "another process"  # it often holds the lock still
        return f"the database {file or where}: {_SQLITE[code].format(file=file, who=who)}. {AGAIN}"
    if isinstance(error, OperationalError) and not code:
        told = str(error.orig).strip().splitlines()
        return (
            f"the database {where} does not answer ({told[0] if told else 'no reason given'}). Is its server running, "
            f"and RICWATCH_DATABASE_URL right? {AGAIN}"
        )
    return None


def _full(file: str) -> bool:
    try:
        return shutil.disk_usage(Path(file).parent).free < FULL_BELOW
    except OSError:
        return False
