"""The command `claims`: counts and passages as a table and as JSON, from what is stored."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from classify.ledger import Account, Passage, Tally
from classify.model import get_backend
from flows.claims_command import Page, ledger_table, look_up, month_lines, passage_line, records, summary
from ingest.topic import ClaimText, load_topic
from store.db import Store
from store.errors import InputError
from store.models import ReadingClaim
from store.settings import ROOT, Settings
from tests.alerts.helpers_store import Item, add
from tests.flows.commands import ricwatch

DAY = dt.date(2024, 5, 1)
OIL = ClaimText("oil", "paper", "IN-RU", "energy", 1, "India buys more [red]oil[/red] from Russia.")
GAS = ClaimText("gas", "paper", "RU-CN", "energy", 1, "Russia pipes gas to China.")
PASSAGE = Passage(
    DAY, "supports", "Demo", "Tankers [bold]again[/bold]", "More came.", "https://a.example/1", 0.71234, 3
)
ACCOUNT = Account("oil", Tally(2, 1, 4), {"2024-04": Tally(1, 0, 4), "2024-05": Tally(1, 1, 0)}, (PASSAGE,))
PAGE = Page("linear-1", (GAS, OIL), {"oil": ACCOUNT}, None)


def printed(page: Page, *, in_full: bool = False) -> str:
    console = Console(width=160, record=True, highlight=False, file=StringIO())
    console.print(ledger_table(page, in_full=in_full))
    return console.export_text()


def test_the_table_has_counts_claim_and_passages_word_for_word() -> None:
    text = printed(PAGE)
    for part in (OIL.text, "+ 2024-05-01 Demo (and 2 more): Tankers [bold]again[/bold] https://a.example/1"):
        assert part in text
    assert "More came." not in text
    assert GAS.text not in text
    row = next(line for line in text.splitlines() if OIL.text in line)
    assert row.replace("│", " ").split()[:4] == ["IN-RU", "2", "1", "4"]


def test_one_claim_is_shown_in_full_even_where_nothing_bears_on_it() -> None:
    assert "More came." in printed(PAGE, in_full=True)
    assert GAS.text in printed(PAGE, in_full=True)


def test_claims_that_are_argued_over_come_before_those_that_are_only_mentioned() -> None:
    only_mentioned = Account("gas", Tally(0, 0, 90), {}, ())
    text = printed(Page("linear-1", (GAS, OIL), {"oil": ACCOUNT, "gas": only_mentioned}, None))
    assert text.index(OIL.text) < text.index(GAS.text)


def test_months_are_lines() -> None:
    assert month_lines(ACCOUNT) == ["2024-04: 1 for, 0 against, 4 other", "2024-05: 1 for, 1 against, 0 other"]
    assert month_lines(None) == []


def test_a_passage_without_an_address_ends_with_its_title() -> None:
    bare = Passage(DAY, "undercuts", "Demo", "No more", "", "", 0.5, 1)
    assert passage_line(bare) == "- 2024-05-01 Demo: No more"


def test_records_keep_every_claim_and_are_json() -> None:
    gas, oil = json.loads(json.dumps(records(PAGE)))
    assert (gas["id"], gas["supports"], gas["months"], gas["passages"]) == ("gas", 0, {}, [])
    assert (oil["supports"], oil["undercuts"], oil["mentions"]) == (2, 1, 4)
    assert oil["months"]["2024-05"] == {"supports": 1, "undercuts": 1, "mentions": 0}
    assert oil["passages"] == [
        {
            "day": "2024-05-01",
            "relation": "supports",
            "outlet": "Demo",
            "title": "Tankers [bold]again[/bold]",
            "text": "More came.",
            "url": "https://a.example/1",
            "similarity": 0.7123,
            "copies": 3,
        }
    ]


def test_the_summary_says_what_to_do_where_nothing_was_read() -> None:
    assert "ricwatch classify" in summary(Page("linear-1", (OIL,), {}, DAY))
    assert summary(PAGE).startswith("1 of 2 claims taken up, as read by linear-1")


@pytest.fixture
def version(settings: Settings) -> str:
    """The version of the configured model, of which two stories are stored that bear on one claim."""
    version = get_backend(settings.model, load_topic(ROOT / "seeds")).version
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    store = Store(settings.database)
    store.migrate()
    plus = (0.05, 0.10, 0.85)
    items = [
        Item(DAY, "Tanker", dyads=[("IN-RU", plus)]),
        Item(DAY + dt.timedelta(days=40), "Pledge", dyads=[("IN-RU", plus)]),
    ]
    add(store, items, version)
    with store.session() as session:
        for reading, relation in ((1, "supports"), (2, "undercuts")):
            session.add(
                ReadingClaim(reading_id=reading, claim_id="pressure-2023-failed", similarity=0.6, relation=relation)
            )
    store.close()
    return version


def test_what_is_stored_is_looked_up_by_model_period_and_claim(version: str) -> None:
    page = look_up(None)
    assert page.model == version
    assert page.accounts["pressure-2023-failed"].total == Tally(1, 1, 0)
    assert look_up(DAY + dt.timedelta(days=1)).accounts["pressure-2023-failed"].total == Tally(0, 1, 0)
    assert [one.id for one in look_up(None, "pressure-2023-border").claims] == ["pressure-2023-border"]
    assert look_up(None, "pressure-2023-border").accounts == {}


def test_an_unknown_claim_is_named() -> None:
    with pytest.raises(InputError, match=r"claims\.yaml has no claim 'no-such-claim'"):
        look_up(None, "no-such-claim")


@pytest.mark.usefixtures("version")
def test_the_command_prints_json_and_a_table(tmp_path: Path) -> None:
    done = ricwatch("claims", "--json", "--since", "2024-05-02", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    counted = {one["id"]: (one["supports"], one["undercuts"]) for one in json.loads(done.stdout)}
    assert counted["pressure-2023-failed"] == (0, 1)
    assert len(counted) == len(load_topic(ROOT / "seeds").claims)
    done = ricwatch("claims", "--claim", "pressure-2023-failed", cwd=tmp_path, COLUMNS="200")
    assert done.returncode == 0, done.stderr
    assert "2024-06: 0 for, 1 against, 0 other" in done.stdout
    assert "What Alpha says of Pledge." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("--since", "May"), "--since 'May' is no day"), (("--claim", "x"), "claims.yaml")],
)
def test_a_wrong_argument_is_named(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = ricwatch("claims", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr
