"""A folder of originals comes in; which seed documents they are, and which files are none, goes out.

An original is recognised by the SHA-256 of its bytes, never by its name. Its text is used to check the precis and is
not kept: the originals are other people's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ingest.capped import read_capped
from ingest.clean import plain_text
from ingest.dossier import Dossier
from store.errors import InputError, SeedError

SUFFIXES = (".txt", ".md", ".html", ".htm", ".pdf")
MAX_BYTES = 32 * 1024 * 1024
MAX_TEXT = 2_000_000
"""Characters of an original that are compared; a longer one is recognised, but its text is not checked."""
MAX_FILES = 500


class OriginalStatus(StrEnum):
    """What is known of a dossier's original; the values of `store.models.SeedDocument.original_status`."""

    ABSENT = "absent"
    MATCHED = "matched"
    INCONSISTENT = "inconsistent"


class Stray(StrEnum):
    """Why a file in the folder of originals is not the original of any dossier."""

    UNKNOWN = "unknown"
    OTHER_BYTES = "other_bytes"
    COPY = "copy"
    SUFFIX = "suffix"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class StrayFile:
    """A file that matches no dossier, and what to do about it."""

    file: str
    kind: Stray
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the comparison of a dossier with its original found; *notes* is one line each."""

    status: OriginalStatus
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Originals:
    """Result per dossier key, and the files that are nobody's original."""

    checked: dict[str, Checked]
    strays: tuple[StrayFile, ...]


def check_originals(folder: Path, dossiers: Iterable[Dossier]) -> Originals:
    """Find the originals of *dossiers* among the files of *folder* and compare each with its dossier.

    Raises:
        SeedError: there is no such folder, or it holds so many files that it must be the wrong one.
    """
    if not folder.is_dir():
        raise SeedError(f"the folder of originals {folder} does not exist; name one, or leave it out")
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not path.is_dir())
    if len(paths) > MAX_FILES:
        raise SeedError(f"{folder} holds {len(paths):,} files; name a folder with the originals alone (≤ {MAX_FILES})")
    by_hash = {dossier.sha256: dossier for dossier in dossiers}
    by_name = {dossier.file_name: dossier for dossier in by_hash.values()}
    checked: dict[str, Checked] = {}
    at: dict[str, str] = {}
    strays: list[StrayFile] = []
    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            strays.append(StrayFile(path.name, Stray.SUFFIX, f"is not read; originals end in {', '.join(SUFFIXES)}"))
            continue
        try:
            data = read_capped(path, folder, MAX_BYTES)
        except InputError as error:
            strays.append(StrayFile(path.name, Stray.UNREADABLE, str(error)))
            continue
        digest = hashlib.sha256(data).hexdigest()
        dossier = by_hash.get(digest)
        if dossier is None:
            strays.append(_stranger(path.name, digest, by_name.get(path.name)))
        elif digest in at:
            strays.append(StrayFile(path.name, Stray.COPY, f"has the same bytes as {at[digest]}; keep one of them"))
        else:
            at[digest] = path.name
            checked[dossier.key] = compare(dossier, data, path.suffix)
    for dossier in by_hash.values():
        checked.setdefault(
            dossier.key, Checked(OriginalStatus.ABSENT, (f"no file there has the bytes of {dossier.file_name}",))
        )
    return Originals(checked, tuple(strays))


def compare(dossier: Dossier, data: bytes, suffix: str) -> Checked:
    """Whether every date and figure of *dossier* occurs in the original whose bytes are *data*."""
    if suffix.lower() == ".pdf" or data.startswith(b"%PDF-"):
        return Checked(OriginalStatus.MATCHED, ("text not checked: a PDF is recognised, not read",))
    text = _decode(data)
    if len(text) > MAX_TEXT:
        return Checked(OriginalStatus.MATCHED, (f"text not checked: longer than {MAX_TEXT:,} characters",))
    if suffix.lower() in (".html", ".htm"):
        text = plain_text(text, limit=MAX_TEXT)
    from ingest.figures import missing_figures  # its patterns take time, and most runs have no originals at hand

    missing = missing_figures(dossier.checkable, text)
    if not missing:
        return Checked(OriginalStatus.MATCHED)
    return Checked(OriginalStatus.INCONSISTENT, tuple(f"not in the original: {words}" for words in missing))


def _stranger(name: str, digest: str, namesake: Dossier | None) -> StrayFile:
    if namesake:
        reason = (
            f"has the name of {namesake.key}'s original but other bytes (SHA-256 {digest}); if it is a newer copy, "
            f"read it again, bring {namesake.key}.md up to date and put this hash there"
        )
        return StrayFile(name, Stray.OTHER_BYTES, reason)
    reason = f"is described by no dossier; write one in the corpus folder with sha256: {digest}, or take the file away"
    return StrayFile(name, Stray.UNKNOWN, reason)


def _decode(data: bytes) -> str:
    """Text of any usual encoding: figures and English months are the same in all that extend ASCII."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
