"""Another topic from end to end: the example of docs/another-topic.md, by a seed folder and nothing else."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from classify.actors import Matcher
from classify.labelled import Labelled, load_labelled
from classify.linear import load_linear
from classify.trained import own_folder, remark, weights_of
from flows.doctor_setup import classifier
from flows.monitor import monitor
from flows.replay import write_roster
from flows.reportpage import build
from flows.training import train_files
from flows.watch import open_watch
from ingest.archive import ArchiveServer, load_archive
from ingest.dossier import load_dossiers
from ingest.originals import OriginalStatus, check_originals
from ingest.roster import load_roster
from ingest.ties import ties
from ingest.topic import Topic, load_topic
from store.db import Store
from store.models import Article, ReadingDyad
from store.settings import ROOT, Settings, get_settings
from tests.flows.inprocess import IN_PROCESS

EXAMPLE = ROOT / "docs" / "examples" / "russia-turkey-iran"
DYADS = ("RU-TR", "RU-IR", "TR-IR")
FIRST_TOPIC = re.compile(r"\b(IN-RU|RU-CN|IN-CN|India\w*|China|Chinese|Beijing|Delhi|Kolkata|Modi|Xi)\b", re.IGNORECASE)

pytestmark = IN_PROCESS


@pytest.fixture
def seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example's seeds, in force."""
    folder = tmp_path / "seeds"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("weights"))
    monkeypatch.setenv("RICWATCH_SEEDS_DIR", str(folder))
    monkeypatch.setenv("RICWATCH_TIMEZONE", "Europe/Istanbul")
    get_settings.cache_clear()
    return folder


@pytest.fixture
def topic(seeds: Path) -> Topic:
    return load_topic(seeds)


def labelled(name: str) -> list[Labelled]:
    return load_labelled(EXAMPLE / "labelled" / name)


def test_the_examples_seeds_are_whole(seeds: Path, topic: Topic) -> None:
    found = load_dossiers(seeds / "corpus")
    assert (found.problems, len(found.dossiers)) == ((), 3)
    assert {claim.document for claim in topic.claims} == {one.key for one in found.dossiers}
    checked = check_originals(seeds / "originals", found.dossiers)
    assert {one.status for one in checked.checked.values()} == {OriginalStatus.MATCHED}
    assert {feed.bloc for feed in load_roster(seeds / "feeds.yaml")} == set(ties().blocs)
    assert [theme.code for theme in topic.themes if not 4 <= len(theme.passages) <= 8] == []


def test_the_names_of_ties_states_and_presses_are_the_topics_own(seeds: Path) -> None:
    own = ties()
    assert own.dyads == DYADS
    assert list(own.names.values()) == ["Russia–Türkiye", "Russia–Iran", "Türkiye–Iran"]
    assert list(own.actors.values()) == ["Russia", "Türkiye", "Iran"]
    assert own.is_triangle
    assert own.blocs["turkiye"] == "Turkish press"


@pytest.mark.parametrize("name", ["train.jsonl", "check.jsonl"])
def test_every_cell_has_labels_and_nearly_all_labelled_ties_pass_the_gate(topic: Topic, name: str) -> None:
    items = labelled(name)
    cells = Counter(cell for one in items for cell in one.dyads.items())
    assert {(dyad, stance) for dyad in DYADS for stance in (-1, 0, 1)} == set(cells)
    assert min(cells.values()) >= 5
    codes = {theme.code for theme in topic.themes}
    assert [one.item.id for one in items if not set(one.themes) <= codes or bool(one.themes) != one.relevant] == []
    matcher = Matcher(topic)
    lost = [
        one.item.id for one in items if not set(one.dyads) <= set(matcher.dyads(f"{one.item.title}\n{one.item.text}"))
    ]
    assert len(lost) <= 0.02 * len(items)


def test_no_item_of_the_check_is_one_of_training() -> None:
    titles = {one.item.title for one in labelled("train.jsonl")}
    assert [one.item.id for one in labelled("check.jsonl") if one.item.title in titles] == []


def test_weights_of_another_topic_are_never_used_without_a_word(topic: Topic, seeds: Path) -> None:
    told = remark(topic, "fused")
    assert all(dyad in told for dyad in DYADS)
    assert "syria" in told
    assert "energy" not in told
    assert not FIRST_TOPIC.search(told)
    finding = classifier(get_settings())
    assert finding.advice == told
    assert not finding.serious


def test_nothing_is_said_of_the_topic_that_the_weights_are_for() -> None:
    shipped = load_topic(ROOT / "seeds")
    assert remark(shipped, "fused") == ""
    assert own_folder(shipped) == weights_of(shipped) == ROOT / "classify" / "weights"


def test_trained_weights_lie_with_the_topic_and_are_used_from_then_on(topic: Topic, seeds: Path) -> None:
    before = (ROOT / "classify" / "weights" / "linear.npz").read_bytes()
    untrained = load_linear(topic).version
    train_files([EXAMPLE / "labelled" / "train.jsonl"], None)
    assert (seeds / "weights" / "linear.npz").exists()
    assert (ROOT / "classify" / "weights" / "linear.npz").read_bytes() == before
    assert load_linear(topic).version != untrained
    assert remark(topic, "fused") == ""
    assert classifier(get_settings()).advice == ""


@pytest.fixture
def feed(seeds: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArchiveServer]:
    """The example's items of the last weeks over real HTTP, one outlet for each press."""
    folder, today = tmp_path / "archive", dt.datetime.now(dt.UTC).date()
    folder.mkdir()
    blocs = list(ties().blocs)
    outlets = [
        {"key": bloc, "outlet": f"Demo {bloc}", "bloc": bloc, "kind": "newspaper", "lang": "en", "timezone": "UTC",
         "format": "rss"}
        for bloc in blocs
    ]  # fmt: skip
    items = [
        {"id": f"item-{at}", "date": today - dt.timedelta(days=1 + at % 6), "outlet": blocs[at % len(blocs)],
         "title": one.item.title, "text": one.item.text,
         "expect": {"relevant": one.relevant, "dyads": one.dyads, "themes": list(one.themes)}}
        for at, one in enumerate(labelled("check.jsonl"))
    ]  # fmt: skip
    (folder / "outlets.yaml").write_text(yaml.safe_dump({"outlets": outlets}), encoding="utf-8")
    (folder / "items-now.yaml").write_text(yaml.safe_dump({"items": items}, allow_unicode=True), encoding="utf-8")
    with ArchiveServer(load_archive(folder)) as server:
        server.as_of = dt.datetime.now(dt.UTC)
        write_roster(tmp_path / "feeds.yaml", server.roster())
        monkeypatch.setenv("RICWATCH_ROSTER", str(tmp_path / "feeds.yaml"))
        monkeypatch.setenv("RICWATCH_ALLOW_PRIVATE_ADDRESSES", "true")
        get_settings.cache_clear()
        yield server


@pytest.mark.usefixtures("prefect_server", "feed")
def test_the_main_job_runs_on_the_topic_and_names_nothing_of_another() -> None:
    report: Any = asyncio.run(monitor(force=True))
    assert (report.feeds_answered, report.mails_sent) == (5, 1)
    assert report.untrained
    settings = get_settings()
    store = Store(settings.database)
    with store.session() as session:
        assert (session.scalar(select(func.count()).select_from(Article)) or 0) > 40
        read = set(session.scalars(select(ReadingDyad.dyad)))
    store.close()
    assert read == set(DYADS)
    with open_watch() as watch:
        build(watch, dt.datetime.now(dt.UTC), "", "", 6)
    written = [*settings.var_dir.rglob("*.html"), *settings.var_dir.rglob("shifts.atom"), *_mails(settings)]
    assert len(written) >= 4
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert FIRST_TOPIC.findall(_without_pictures(text)) == [], path.name
    digest = next(path for path in written if path.suffix == ".html" and "digest" in str(path)).read_text()
    for name in ("Russia–Türkiye", "Russia–Iran", "Türkiye–Iran", "Turkish press", "never trained on RU-TR"):
        assert name in digest


def _mails(settings: Settings) -> list[Path]:
    return [path for path in (settings.var_dir / "mail" / "new").iterdir() if path.is_file()]


def _without_pictures(text: str) -> str:
    """*text* less base64, in which any short word may stand."""
    return re.sub(r"[A-Za-z0-9+/=]{60,}", "", text)


VALIDATES = """
import yaml
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import is_valid_schema, validate
for file in ("prefect.yaml", "deploy/second-host.yaml"):
    for one in yaml.safe_load(open(file))["deployments"]:
        schema = parameter_schema(load_flow_from_entrypoint(one["entrypoint"])).model_dump_for_openapi()
        is_valid_schema(schema)
        # As the server does it when a deployment is made: what a form leaves open may stay open.
        validate(one.get("parameters") or {}, schema, raise_on_error=True, ignore_required=True)
        print(one["name"])
"""


def test_every_deployment_is_one_of_the_other_topic_too(tmp_path: Path) -> None:
    """Choices such as the press come from the seeds; the server refuses a deployment whose default is none of them."""
    own = os.environ | {
        "RICWATCH_SEEDS_DIR": str(EXAMPLE),
        "RICWATCH_VAR_DIR": str(tmp_path),
        "PREFECT_HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", VALIDATES], cwd=ROOT, env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert {"monitor", "add-feed", "silence"} <= set(done.stdout.split())
