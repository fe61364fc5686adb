"""What a run of digests did: who got which, and who got none, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alerts.notify import REASON_WORDS, DigestKind, Reason
from alerts.view import DigestView


@dataclass(frozen=True, slots=True)
class Spared:
    """A reader who gets no digest now, and why."""

    address: str
    reason: Reason

    @property
    def words(self) -> str:
        """The reason as a sentence."""
        return REASON_WORDS[self.reason]


@dataclass(frozen=True, slots=True)
class DigestReport:
    """What was composed. `digest_id` is None where nothing was stored: none was due, or it was a dry run.

    `others` are the further digests of this run, for readers for whom something else was to be said; `spared` the
    readers who get none. Where nobody gets one, `reason` is that of the first of them. `approval` is the number under
    which the mails of the run wait for a person; None where they need not.
    """

    reason: Reason
    kind: DigestKind | None = None
    digest_id: int | None = None
    subject: str = ""
    queued: int = 0
    html_path: Path | None = None
    recipients: tuple[str, ...] = ()
    shift_ids: tuple[int, ...] = ()
    dry_run: bool = False
    text: str = field(default="", repr=False)
    view: DigestView | None = field(default=None, repr=False)
    charts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    others: tuple[DigestReport, ...] = ()
    spared: tuple[Spared, ...] = ()
    approval: int | None = None

    @property
    def pictures(self) -> tuple[tuple[str, bytes], ...]:
        """The charts with the sentence that stands for each where it cannot be seen."""
        if self.view is None:
            return ()
        shown = [shift.chart for shift in self.view.shifts] + [dyad.chart for dyad in self.view.dyads]
        shown.append(self.view.picture)
        alts = {chart.name: chart.alt for chart in reversed(shown) if chart}
        return tuple((alts[name], png) for name, png in self.charts.items() if name in alts)

    @property
    def words(self) -> str:
        """Why it went out, or why none did, as a sentence."""
        return REASON_WORDS[self.reason]

    @property
    def every(self) -> tuple[DigestReport, ...]:
        """All digests of the run."""
        return (self, *self.others) if self.kind else ()
