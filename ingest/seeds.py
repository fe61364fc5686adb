"""The seed folder comes in; seed documents and their claims in the database go out, with a report for people.

Nothing is ever deleted. Stored readings and digests point to claims, so a document or claim that left the folder stays
in the database and is reported as removed; the classifier reads the folder, so it takes no further part.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.dossier import Dossier, DossierSet, SeedProblem, load_dossiers
from ingest.originals import Checked, Originals, OriginalStatus, StrayFile, check_originals
from ingest.topic import ClaimText, Topic
from store.db import Store
from store.models import Claim, SeedDocument
from store.progress import Progress, silent

__all__ = ["Change", "ClaimCounts", "DocumentRow", "SeedReport", "ingest_seeds", "load_dossiers"]

_COLUMNS = ("title", "publisher", "author", "published", "file_name", "sha256", "precis")


class Change(StrEnum):
    """What happened to a document or claim since the last load."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    """In the database, no longer in the folder; kept."""
    REJECTED = "rejected"
    """In the folder, malformed; an earlier version in the database stays as it is."""


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A line of the report. *original* is None where the document was not loaded and none is on record."""

    key: str
    title: str
    change: Change
    original: OriginalStatus | None
    notes: tuple[str, ...] = ()
    claims: int = 0


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """Claims by what happened to them; *left_out* are those whose document is not loaded."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What loading the seeds did. *strays* are files among the originals that no dossier describes."""

    rows: tuple[DocumentRow, ...]
    problems: tuple[SeedProblem, ...]
    strays: tuple[StrayFile, ...]
    claims: ClaimCounts

    @property
    def counts(self) -> Counter[str]:
        """Documents by `Change` and, under the same roof, by `OriginalStatus`."""
        return Counter(str(value) for row in self.rows for value in (row.change, row.original) if value is not None)

    @property
    def whole(self) -> bool:
        """Whether everything in the seed folder was loaded and no precis contradicts its original."""
        return not self.problems and not self.counts[OriginalStatus.INCONSISTENT]

    @property
    def summary(self) -> str:
        """The report in one line."""
        counts = self.counts
        changes = ", ".join(f"{counts[change]} {change}" for change in Change if counts[change]) or "none"
        originals = ", ".join(f"{counts[status]} {status}" for status in OriginalStatus if counts[status]) or "none"
        loaded = self.claims.new + self.claims.changed + self.claims.unchanged
        parts = [f"seed documents: {changes}", f"originals: {originals}", f"claims: {loaded} loaded"]
        if self.claims.left_out:
            parts[-1] += f", {self.claims.left_out} left out"
        if self.problems:
            parts.append(f"problems: {len(self.problems)}")
        if self.strays:
            parts.append(f"files that are no known original: {len(self.strays)}")
        return "; ".join(parts)


def ingest_seeds(
    store: Store,
    topic: Topic,
    folder: Path,
    originals: Path | None,
    *,
    now: dt.datetime,
    progress: Progress = silent,
) -> SeedReport:
    """Bring the dossiers of *folder* (the seeds' ``corpus``) and the claims of *topic* into the database.

    Where *originals* names a folder, each dossier is compared with its original. Without one, the result of the last
    comparison stands as long as the dossier is the same. Running it again changes nothing but `checked_at`.

    Raises:
        SeedError: *folder* or *originals* is no usable folder; nothing was written then.
    """
    found = load_dossiers(folder)
    checks = check_originals(originals, found.dossiers) if originals else None
    good = {dossier.key for dossier in found.dossiers}
    claims = [claim for claim in topic.claims if claim.document in good]
    per_document = Counter(claim.document for claim in claims)
    with store.writing() as session:
        stored = {row.key: row for row in session.scalars(select(SeedDocument))}
        rows: list[DocumentRow] = []
        for done, dossier in enumerate(found.dossiers, start=1):
            row = _document(session, stored.get(dossier.key), dossier, checks, now)
            rows.append(replace(row, claims=per_document[dossier.key]))
            progress(done, len(found.dossiers), dossier.key)
        # The claims refer to their documents by key only, so the order of writing is ours to keep.
        session.flush()
        rows += _others(stored.values(), found)
        counts = _claims(session, claims)
    left_out, problems = _left_out(topic, found)
    return SeedReport(
        rows=tuple(sorted(rows, key=lambda row: row.key)),
        problems=(*found.problems, *problems),
        strays=checks.strays if checks else (),
        claims=replace(counts, left_out=left_out),
    )


def _document(
    session: Session, row: SeedDocument | None, dossier: Dossier, checks: Originals | None, now: dt.datetime
) -> DocumentRow:
    same = row is not None and row.dossier_sha256 == dossier.dossier_sha256
    change = Change.UNCHANGED if same else Change.CHANGED if row else Change.NEW
    notes: list[str] = []
    if row is None:
        row = SeedDocument(key=dossier.key)
        session.add(row)
    elif not same:
        fields = [name for name in _COLUMNS if getattr(row, name) != getattr(dossier, name)]
        notes.append(f"changed: {', '.join(fields) or 'facts, claims, notes or form'}")
    if not same:
        for name in (*_COLUMNS, "dossier_sha256"):
            setattr(row, name, getattr(dossier, name))
        row.loaded_at = now
    result = checks.checked[dossier.key] if checks else _on_record(row, same)
    row.original_status, row.original_notes = str(result.status), list(result.notes)
    if checks:
        row.checked_at = now
    elif not same:
        row.checked_at = None
    return DocumentRow(dossier.key, dossier.title, change, result.status, (*notes, *result.notes))


def _on_record(row: SeedDocument, same: bool) -> Checked:
    """The status without a folder of originals: what was found last, unless it was found of another precis."""
    if same:
        return Checked(OriginalStatus(row.original_status), tuple(row.original_notes))
    return Checked(OriginalStatus.ABSENT, ("not compared: no folder of originals was given",))


def _others(stored: Iterable[SeedDocument], found: DossierSet) -> list[DocumentRow]:
    """Rows for documents that were not loaded now: malformed ones, and those that left the folder."""
    kept = {row.key: row for row in stored if row.key not in {dossier.key for dossier in found.dossiers}}
    rows = []
    for key in sorted(kept.keys() | set(found.rejected)):
        row = kept.get(key)
        status = OriginalStatus(row.original_status) if row else None
        if key in found.rejected:
            note = "malformed; the version loaded earlier stays" if row else "malformed; not loaded"
            rows.append(DocumentRow(key, row.title if row else "", Change.REJECTED, status, (note,)))
        elif row:
            note = "no longer in the folder; kept, because stored readings point to its claims"
            rows.append(DocumentRow(key, row.title, Change.REMOVED, status, (note,)))
    return rows


def _claims(session: Session, claims: list[ClaimText]) -> ClaimCounts:
    stored = {claim.id: claim for claim in session.scalars(select(Claim))}
    counts: Counter[Change] = Counter()
    for claim in claims:
        values = {
            "document_key": claim.document,
            "dyad": claim.dyad,
            "theme": claim.theme,
            "stance": claim.stance,
            "text": claim.text,
        }
        row = stored.pop(claim.id, None)
        if row is None:
            session.add(Claim(id=claim.id, **values))
            counts[Change.NEW] += 1
        elif all(getattr(row, name) == value for name, value in values.items()):
            counts[Change.UNCHANGED] += 1
        else:
            for name, value in values.items():
                setattr(row, name, value)
            counts[Change.CHANGED] += 1
    return ClaimCounts(counts[Change.NEW], counts[Change.CHANGED], counts[Change.UNCHANGED], len(stored))


def _left_out(topic: Topic, found: DossierSet) -> tuple[int, list[SeedProblem]]:
    """Claims without a loaded document would break the foreign key: their number, and a problem per document."""
    good = {dossier.key for dossier in found.dossiers}
    out = [claim for claim in topic.claims if claim.document not in good]
    problems = []
    for key, number in Counter(claim.document for claim in out).items():
        line = next(claim.line for claim in out if claim.document == key) or None
        why = "its dossier is malformed" if key in found.rejected else "the corpus has no such dossier"
        what = f"{number} {'claim' if number == 1 else 'claims'} of document {key!r} left out"
        problems.append(SeedProblem("claims.yaml", line, f"{what}: {why}"))
    return len(out), problems
