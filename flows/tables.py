"""What a command prints at its end: short tables and plain lines, on standard output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from alerts.backtest import BacktestReport
    from classify.outcome import Unread, Usage
    from flows.findings import Finding
    from flows.monitor import MonitorReport
    from ingest.health import FeedHealth, Spell
    from ingest.importer import ImportReport
    from ingest.poll import CheckRow
    from ingest.seeds import SeedReport

BAD_LINES_SHOWN = 10

# Whatever comes from outside goes through Text: square brackets in a title are no markup.
_out = Console(highlight=False)


def say(line: str) -> None:
    """A plain line."""
    _out.print(Text(line), soft_wrap=True)


def show(table: Table) -> None:
    """A table that a command made itself."""
    _out.print(table)


def _grid(title: str, rows: Sequence[tuple[str, str]]) -> None:
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    _out.print(table)


def monitor(report: MonitorReport, mark: str = "") -> None:
    """What a run did and where its results lie."""
    # Of many digests those that tell a shift are named, and the last.
    digests = dict.fromkeys([*[path for path in report.digests if "-shift" in path][-5:], *report.digests[-1:]])
    rows = [
        (
            "Feeds answered",
            f"{report.feeds_answered} of {report.feeds_due} due" if report.feeds_due else "none was asked",
        ),
        ("New articles", f"{report.new_articles:,}"),
        ("Readings", f"{report.readings:,}"),
        ("Shifts", f"{len(report.shifts)}"),
        *(("", f"• {text}") for text in report.shifts),
        ("Mails", f"{report.mails_sent} sent" + (f", {report.mails_failed} failed" if report.mails_failed else "")),
        *([("", f"{report.unapproved} wait for a person: ricwatch approve")] if report.unapproved else []),
        *(("", place) for place in report.mail_places[-1:]),
        *((("Digests" if i == 0 else ""), path) for i, path in enumerate(digests)),
        *([("Not trained", report.untrained)] if report.untrained else []),
    ]
    _grid(f"ricwatch {mark}".strip(), rows)


def seeds(report: SeedReport) -> None:
    """The seed documents, one a row, and what is wrong with any."""
    table = Table("Document", "Dossier", "Original", "Notes", title="Seed documents", title_justify="left")
    for row in report.rows:
        table.add_row(row.key, str(row.change), str(row.original), Text("; ".join(row.notes)))
    _out.print(table)
    for problem in report.problems:
        say(f"! {problem}")
    say(report.summary)


def bad_lines(name: str, bad: Sequence[tuple[int, str]]) -> None:
    """The first skipped lines with their reasons, and how many more there are."""
    for number, reason in bad[:BAD_LINES_SHOWN]:
        say(f"{name}, line {number}: {reason}")
    if len(bad) > BAD_LINES_SHOWN:
        say(f"… and {len(bad) - BAD_LINES_SHOWN:,} more skipped lines")


def unread(items: Sequence[Unread], usage: Usage | None) -> None:
    """What a backend could not read and why, and what it has used; nothing for one that does neither."""
    from classify.outcome import count_unread

    for one in count_unread(items):
        say(str(one))
    if items:
        say("Run it again to read the rest: answers that were given are kept.")
    if usage is not None:
        say(str(usage))


def imported(report: ImportReport) -> None:
    """What an import stored and skipped."""
    for line in report.bad[:BAD_LINES_SHOWN]:
        say(f"{line.file}, line {line.line}: {line.reason}")
    _grid(
        "Imported",
        [
            ("Lines", f"{report.lines:,}"),
            ("New articles", f"{report.new:,}"),
            ("Known", f"{report.known:,}"),
            ("Outside the topic", f"{report.off_topic:,} (counted, not stored)"),
            ("Skipped", f"{len(report.bad):,}"),
        ],
    )


def backtest(report: BacktestReport) -> None:
    """What a back-test found and where its files lie."""
    _grid(
        "Back-test",
        [
            ("Period", f"{report.start} to {report.end}"),
            ("Items", f"{report.items:,} ({report.articles:,} on the topic, {report.relevant:,} on a tie)"),
            ("Shifts", f"{len(report.shifts)}"),
            *(("", f"• {found.detected}: {found.text}") for found in report.shifts),
            *(("In short" if number == 0 else "", line) for number, line in enumerate(report.brief)),
            ("Took", f"{report.seconds:.0f} s"),
            ("Results", str(report.folder)),
            ("Report", str(report.folder / "report.html")),
        ],
    )


def feeds(rows: Sequence[FeedHealth], *, all_feeds: bool) -> None:
    """The roster with the state of each feed."""
    table = Table("Key", "Outlet", "Bloc", "Lang", "State", "Since", "Last new", "Note")
    shown = [row for row in rows if row.enabled or all_feeds]
    for row in shown:
        table.add_row(
            row.key,
            Text(row.outlet),
            row.bloc,
            row.lang,
            str(row.health) if row.enabled else "disabled",
            f"{row.health_since:%Y-%m-%d}" if row.health_since else "",
            f"{row.last_new_at:%Y-%m-%d}" if row.last_new_at else "",
            Text(row.note),
        )
    _out.print(table)
    say(
        f"{sum(row.enabled for row in rows)} of {len(rows)} feeds enabled"
        + ("" if all_feeds else "; --all shows the rest")
    )


def feed_history(key: str, spells: Sequence[Spell]) -> None:
    """Since when a feed was in which state."""
    if not spells:
        say(f"{key} has not been polled since states are kept")
        return
    table = Table("From", "To", "State", "Polls", "Why")
    for spell in spells:
        why = Text(spell.reason)
        table.add_row(
            f"{spell.first:%Y-%m-%d %H:%M}", f"{spell.last:%Y-%m-%d %H:%M}", spell.health, str(spell.polls), why
        )
    _out.print(table)
    say("First and last poll of each, UTC")


def checked(rows: Sequence[CheckRow]) -> bool:
    """What each probed feed answered, and the status that the roster should give it; False when none did."""
    from ingest.check import summed

    table = Table("Key", "Outlet", "Answer", "Items", "Newest", "Status", "What to do")
    for row in rows:
        table.add_row(
            row.key,
            Text(row.outlet),
            Text(row.answer),
            str(row.items),
            f"{row.newest:%Y-%m-%d}" if row.newest else "",
            Text(f"{row.status} {row.day}".rstrip()),
            Text(row.advice),
        )
    _out.print(table)
    found = summed(rows)
    say(found.words)
    return found.well > 0


def findings(rows: Sequence[Finding]) -> None:
    """The doctor's findings, the next step under what needs one."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for row in rows:
        sign = (
            Text("ok", "green") if row.well else Text("!!" if row.serious else "!", "red" if row.serious else "yellow")
        )
        table.add_row(sign, Text(row.what, "bold"), Text(row.state))
        if row.advice:
            table.add_row("", "", Text(f"→ {row.advice}"))
    _out.print(table)


def findings_json(rows: Sequence[Finding]) -> str:
    """The same for a machine; `ok` is false when something stops the main job."""
    document = {"ok": not any(row.serious for row in rows), "findings": [row.as_record() for row in rows]}
    return json.dumps(document, ensure_ascii=False, indent=1)
