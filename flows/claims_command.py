"""The command `claims`: the ledger of the seed claims, as a table or as JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from store.days import parse_day
from store.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from classify.ledger import Account, Passage
    from ingest.topic import ClaimText

PASSAGES_OF_ONE = 20
_SIGNS = {"supports": "+", "undercuts": "-", "mentions": "o"}


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown: the claims asked for, and the accounts of those that the press took up."""

    model: str
    claims: tuple[ClaimText, ...]
    accounts: Mapping[str, Account]
    since: dt.date | None


def claims(
    since: Annotated[str, typer.Option(help="First day, for example 2025-01-01; none counts all that is stored.")] = "",
    claim: Annotated[str, typer.Option(help="One claim by its id: its months, and more passages.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show what the press holds for and against each claim of the seed documents.

    A story counts once a day. For (+) and against (-) tell whether coverage bears the claim out; (o) is on its matter
    and takes no side.

    Examples:

    - `ricwatch claims --since 2025-01-01`
    - `ricwatch claims --claim pressure-2023-failed` – month by month, with passages
    - `ricwatch claims --json`
    """
    from flows import tables

    page = look_up(parse_day(since, "--since"), claim)
    if as_json:
        typer.echo(json.dumps(records(page), indent=2, ensure_ascii=False))
        return
    tables.show(ledger_table(page, in_full=bool(claim)))
    if claim:
        for line in month_lines(page.accounts.get(claim)):
            tables.say(line)
    tables.say(summary(page))


def look_up(since: dt.date | None, claim: str = "") -> Page:
    """The claims of the topic, or the one called *claim*, with what the configured model read since *since*.

    Raises:
        InputError: the topic has no claim of that id.
    """
    from classify.ledger import PASSAGES, accounts, load_entries
    from flows.watch import open_watch

    with open_watch() as watch:
        wanted = tuple(one for one in watch.topic.claims if claim in ("", one.id))
        if not wanted:
            raise InputError(
                f"{watch.topic.folder / 'claims.yaml'} has no claim {claim!r}; `ricwatch claims` shows all"
            )
        with watch.store.session() as session:
            entries = load_entries(session, watch.version, since, claim=claim or None)
        found = accounts(entries, PASSAGES_OF_ONE if claim else PASSAGES)
        return Page(watch.version, wanted, found, since)


def records(page: Page) -> list[dict[str, Any]]:
    """The page as values of JSON; a claim that nothing bears on has counts of 0."""
    rows = []
    for one in page.claims:
        account = page.accounts.get(one.id)
        rows.append(
            {
                "id": one.id,
                "document": one.document,
                "dyad": one.dyad,
                "theme": one.theme,
                "stance": one.stance,
                "text": one.text,
                "supports": account.total.supports if account else 0,
                "undercuts": account.total.undercuts if account else 0,
                "mentions": account.total.mentions if account else 0,
                "months": {month: asdict(tally) for month, tally in account.months.items()} if account else {},
                "passages": [_passage_record(passage) for passage in account.passages] if account else [],
            }
        )
    return rows


def ledger_table(page: Page, *, in_full: bool = False) -> Table:
    """One row a claim, those most argued over first, with its newest passages below its text.

    *in_full* adds the sentence that carries each reading, and shows also a claim that nothing bears on.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table("Dyad", "For", "Against", "Other", "Claim and newest passages", title_justify="left", show_lines=True)
    for name in ("For", "Against", "Other"):
        column = next(column for column in table.columns if column.header == name)
        column.justify = "right"
    for one in sorted(page.claims, key=lambda one: -_spoken(page.accounts.get(one.id))):
        account = page.accounts.get(one.id)
        if account is None and not in_full:
            continue
        cell = Text(one.text, "bold")
        cell.append(f"\n{one.id}", "dim not bold")
        for passage in account.passages if account else ():
            cell.append(f"\n{passage_line(passage)}", "not bold")
            if in_full and passage.text and passage.text != passage.title:
                cell.append(f"\n    {passage.text}", "dim not bold")
        total = account.total if account else None
        counts = (total.supports, total.undercuts, total.mentions) if total else (0, 0, 0)
        table.add_row(one.dyad, *map(str, counts), cell)
    return table


def passage_line(passage: Passage) -> str:
    """Sign, day, outlet, title and address in a line."""
    more = f" (and {passage.copies - 1} more)" if passage.copies > 1 else ""
    line = f"{_SIGNS[passage.relation]} {passage.day} {passage.outlet}{more}: {passage.title}"
    return f"{line} {passage.url}" if passage.url else line


def month_lines(account: Account | None) -> list[str]:
    """For and against, month by month."""
    if account is None:
        return []
    return [
        f"{month}: {tally.supports} for, {tally.undercuts} against, {tally.mentions} other"
        for month, tally in account.months.items()
    ]


def summary(page: Page) -> str:
    """How many claims the press took up, or what to do where there is nothing."""
    period = f" since {page.since}" if page.since else ""
    if not page.accounts:
        return f"No article read by {page.model}{period} bears on these claims; ricwatch classify reads what is stored."
    taken = sum(one.id in page.accounts for one in page.claims)
    return f"{taken} of {len(page.claims)} claims taken up{period}, as read by {page.model}; stories, each once a day"


def _spoken(account: Account | None) -> int:
    return account.total.supports + account.total.undercuts if account else -1


def _passage_record(passage: Passage) -> dict[str, Any]:
    return asdict(passage) | {"day": passage.day.isoformat(), "similarity": round(passage.similarity, 4)}
