"""The command `narratives`: clusters as a table and as JSON, from what is stored."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import select

from alerts.narratives import LooseStory, clusters_on
from alerts.proposals import NarrativesReport
from alerts.series import update_series
from classify.model import get_backend
from flows.narratives_command import Page, cluster_table, look_up, record, summary
from ingest.topic import load_topic
from store.db import Store
from store.models import Narrative, Reading
from store.settings import ROOT, Settings
from tests.alerts.helpers_store import OUTLETS, ZERO, Item, add
from tests.flows.commands import ricwatch

DAY = dt.date(2024, 5, 1)
ONE = dt.timedelta(days=1)


def story(number: int) -> LooseStory:
    words = f"vaccine trial doses [red]x{number}[/red]"
    name, bloc = OUTLETS[number % 2]
    return LooseStory(
        str(number), DAY + number * ONE, name, bloc, frozenset(words.split()), words, f"https://a.example/{number}"
    )


CLUSTERS = tuple(clusters_on([story(number) for number in range(4)], DAY + 3 * ONE, lambda _word: 5.0))
REPORT = NarrativesReport(DAY + 3 * ONE, 25.5, CLUSTERS, (), CLUSTERS, 9)


def test_the_table_has_score_words_and_stories_word_for_word() -> None:
    console = Console(width=160, record=True, highlight=False, file=StringIO())
    console.print(cluster_table(CLUSTERS, REPORT))
    text = console.export_text()
    for part in ("vaccine", "(told)", "2024-05-01 Alpha: vaccine trial doses [red]x0[/red] https://a.example/0"):
        assert part in text
    row = next(line for line in text.splitlines() if "(told)" in line)
    assert row.replace("│", " ").split()[:4] == ["4", "4", "4", "2"]


def test_a_record_is_json_and_says_what_is_told() -> None:
    (cluster,) = CLUSTERS
    told = json.loads(json.dumps(record(cluster, REPORT)))
    assert (told["score"], told["threshold"], told["told"], told["stories"]) == (4.0, 25.5, True, 4)
    assert (told["first"], told["last"], told["blocs"]) == ("2024-05-01", "2024-05-04", ["india", "russia"])
    assert len(told["shown"]) == 3
    assert not record(cluster, NarrativesReport(DAY, 25.5, CLUSTERS))["told"]


def test_the_summary_says_what_to_do_where_nothing_was_read() -> None:
    assert "ricwatch classify" in summary(Page("linear-1", NarrativesReport(DAY, 25.5)))
    assert summary(Page("linear-1", REPORT)).startswith("9 stories of the 49 days up to 2024-05-04 fit no seed theme")


@pytest.fixture
def stored(settings: Settings) -> None:
    """Twenty days of stories of two outlets, read by the configured model, that fit no theme."""
    version = get_backend(settings.model, load_topic(ROOT / "seeds")).version
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    store = Store(settings.database)
    store.migrate()
    items = [
        Item(DAY + n * ONE, f"vaccine trial doses x{n}o{o}", *OUTLETS[o], dyads=[("IN-CN", ZERO)])
        for n in range(20)
        for o in (0, 1)
    ]
    add(store, items, version)
    with store.session() as session:
        for reading in session.scalars(select(Reading)):
            reading.themes = [{"code": "trade", "p": 0.2}]
    update_series(store, version, now=dt.datetime(2024, 6, 1, tzinfo=dt.UTC))
    store.close()


@pytest.mark.usefixtures("stored")
def test_the_command_shows_what_stands_on_a_day_and_stores_nothing(settings: Settings, tmp_path: Path) -> None:
    report = look_up("2024-05-20").report
    assert (report.clusters[0].score, report.stories) == (40.0, 40)
    assert look_up("2024-05-10").report.clusters[0].score == 20.0
    done = ricwatch("narratives", "--as-of", "2024-05-20", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [one["score"] for one in json.loads(done.stdout)] == [40.0]
    done = ricwatch("narratives", "--as-of", "2024-05-20", cwd=tmp_path, COLUMNS="200")
    assert "told from a score of 25.5" in done.stdout
    assert "Alpha" in done.stdout
    store = Store(settings.database)
    with store.session() as session:
        assert session.scalars(select(Narrative)).all() == []
    store.close()


def test_a_wrong_day_is_named(tmp_path: Path) -> None:
    done = ricwatch("narratives", "--as-of", "May", cwd=tmp_path)
    assert done.returncode == 1
    assert "'May' is no date" in done.stderr
