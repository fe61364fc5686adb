"""The reader's floors. A floor is never lowered without saying so in the changelog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from classify.actors import Matcher
from classify.evaluate import evaluate_splits
from classify.floors import MOST_SLACK, Pinned, bounds, content_digest, load_floors
from classify.labelled import digest, load_labelled, split_by_time_and_archive
from classify.parameters import RECORD, WEIGHTS, weights_digest
from ingest.topic import Topic

PINS = load_floors()
HELD_OUT = [pin for pin in PINS if pin.split]
"""What models reached that were trained without the items that they read."""
HARDEST = "later_other_outlets"
"""Later news of outlets never seen in training: the split that a new feed is like."""


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((WEIGHTS / RECORD).read_text(encoding="utf-8"))
    return loaded


def test_the_record_is_of_the_weights_that_are_shipped_or_says_what_changed_since(record: dict[str, Any]) -> None:
    assert record["weights"] == weights_digest()
    measured = record.get("measured", record)
    assert measured["weights"] == record["weights"] or measured["since"]
    assert record["set"]["digest"] in {pin.digest for pin in HELD_OUT}


def test_the_splits_that_do_not_flatter_are_pinned() -> None:
    assert {"five_folds_by_date", "later", HARDEST} <= {pin.split for pin in HELD_OUT}


@pytest.mark.parametrize("pin", PINS, ids=lambda pin: f"{pin.name}, {pin.backend}, {pin.split or 'whole'}")
def test_a_floor_lies_close_below_what_was_recorded(pin: Pinned) -> None:
    assert {"relevance", "dyads", "stance", "four_way", "themes", "main_theme"} <= set(pin.floors)
    assert set(pin.ceilings) == {"ece", "ece_relevance"}
    most = MOST_SLACK + 1e-9
    far = {name: floor for name, floor in pin.floors.items() if not 0 <= pin.figures[name] - floor <= most}
    far |= {name: ceiling for name, ceiling in pin.ceilings.items() if not 0 <= ceiling - pin.figures[name] <= most}
    assert far == {}


def test_the_recorded_figures_keep_the_floors(record: dict[str, Any]) -> None:
    reader = record.get("reader", "linear")
    own = [pin for pin in HELD_OUT if pin.backend == reader and pin.split in record]
    assert own
    assert [str(bound) for pin in own for bound in bounds(pin, record[pin.split]) if not bound.kept] == []


def test_the_peer_is_left_behind(record: dict[str, Any]) -> None:
    peer, own = record["keyword_rule_later_other_outlets"], record["later_other_outlets"]
    assert own["stance"] > peer["stance"] + 0.2
    assert own["dyads"] > peer["dyads"]


@pytest.mark.data
def test_the_gate_loses_no_labelled_item_whose_text_names_both(data: Path, topic: Topic) -> None:
    matcher = Matcher(topic)
    relevant = [one for one in load_labelled(data / "labelled_dev.jsonl.gz") if one.relevant]
    lost = [one.item.id for one in relevant if not matcher.names_two(f"{one.item.title}\n{one.item.text}")]
    # The one that is lost has its text cut in the middle of the word "China".
    assert lost == ["53648bca7773"]


@pytest.mark.data
def test_a_model_trained_before_july_2023_reads_later_news_of_other_outlets(data: Path, topic: Topic) -> None:
    pytest.importorskip("sklearn", reason="training needs the extra 'train'")
    from classify.train import prepare

    labelled = load_labelled(data / "labelled_dev.jsonl.gz")
    (pin,) = [pin for pin in HELD_OUT if (pin.backend, pin.split) == ("linear", HARDEST)]
    assert (digest(labelled), content_digest(labelled)) == (pin.digest, pin.content)
    figures = evaluate_splits(prepare(labelled, topic), [split_by_time_and_archive(labelled, "2023-07-01")], topic)
    assert [str(bound) for bound in bounds(pin, figures.as_record()) if not bound.kept] == []
