"""The embedded backend's own promises: its version, its weights file, its prior."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classify.decide import ANSWERS
from classify.linear import LinearModel, load_linear
from classify.model import Item
from classify.parameters import FILE, WEIGHTS, file_digest, load_parameters
from ingest.topic import Theme, Topic
from store.errors import ConfigError


def test_the_version_names_the_method_and_a_fingerprint(linear: LinearModel) -> None:
    assert re.fullmatch(r"linear-[0-9a-f]{8}", linear.version)


def changed_actor(topic: Topic) -> Topic:
    return replace(topic, actors=topic.actors | {"traps": [*topic.actors["traps"], "russian tea"]})


def changed_claim(topic: Topic) -> Topic:
    return replace(topic, claims=(replace(topic.claims[0], text="Other words."), *topic.claims[1:]))


def changed_themes(topic: Topic) -> Topic:
    return replace(topic, themes=topic.themes[1:])


@pytest.mark.parametrize("change", [changed_actor, changed_claim, changed_themes])
def test_whatever_can_change_an_answer_changes_the_version(linear: LinearModel, topic: Topic, change: object) -> None:
    assert callable(change)
    assert load_linear(change(topic)).version != linear.version


def test_changed_weights_change_the_version(linear: LinearModel, topic: Topic) -> None:
    held = load_parameters(WEIGHTS)
    other = replace(held, pair_bias=held.pair_bias + np.float32(0.001))
    assert LinearModel(topic, other).version != linear.version


def test_where_the_topic_lies_and_how_its_passages_read_does_not(linear: LinearModel, topic: Topic) -> None:
    moved = replace(topic, folder=Path("elsewhere"), themes=tuple(replace(t, passages=()) for t in topic.themes))
    assert load_linear(moved).version == linear.version


def test_saved_weights_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    held = load_parameters(WEIGHTS)
    one, other = held.save(tmp_path / "one"), held.save(tmp_path / "other")
    assert one.read_bytes() == other.read_bytes() == (WEIGHTS / FILE).read_bytes()


def test_a_file_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    held = load_parameters(WEIGHTS)
    held.save(tmp_path)
    first, digest = load_parameters(tmp_path), file_digest(tmp_path)
    assert load_parameters(tmp_path) is first
    replace(held, pair_bias=held.pair_bias + np.float32(0.25)).save(tmp_path)
    assert np.array_equal(load_parameters(tmp_path).pair_bias, held.pair_bias + np.float32(0.25))
    assert file_digest(tmp_path) != digest


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="are missing"):
        load_parameters(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no zip", (WEIGHTS / FILE).read_bytes()[:5_000]])
def test_damaged_weights_are_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ConfigError, match="are damaged"):
        load_parameters(tmp_path)


def test_weights_of_another_method_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_parameters(WEIGHTS).save(tmp_path)
    monkeypatch.setattr("classify.parameters.METHOD", 0)
    with pytest.raises(ConfigError, match="train again"):
        load_parameters(tmp_path)


def test_a_topic_whose_themes_the_weights_do_not_know_is_refused(topic: Topic) -> None:
    strange = replace(topic, themes=(Theme("tea", "Tea", "", ()),), claims=())
    with pytest.raises(ConfigError, match="train for this topic"):
        load_linear(strange)


def test_only_the_topics_own_themes_are_given(topic: Topic) -> None:
    few = replace(topic, themes=tuple(theme for theme in topic.themes if theme.code in {"arctic", "trade"}), claims=())
    (read,) = load_linear(few).read([Item("1", "India and Russia sign a long-term crude oil accord")])
    assert {theme.code for theme in read.themes} <= {"arctic", "trade"}
    assert read.themes


def test_renaming_the_sides_moves_a_stance_only_by_the_prior_of_the_dyads(topic: Topic) -> None:
    held = load_parameters(WEIGHTS)
    even = LinearModel(topic, replace(held, dyad_prior={}))
    pairs = {"IN-RU": ("India", "Russia"), "RU-CN": ("China", "Russia"), "IN-CN": ("China", "India")}
    seen = {
        even.score_pairs(Item("1", f"{a} rebukes {b} over a late delivery, then signs"))[dyad].stance
        for dyad, (a, b) in pairs.items()
    }
    assert len(seen) == 1
    spread = max(float(np.ptp(prior)) for prior in held.dyad_prior.values())
    assert spread < 4.0


def test_readings_change_only_with_the_number_of_the_answers(linear: LinearModel) -> None:
    """When this fails the same weights answer otherwise: raise ANSWERS (or METHOD, and train), then pin anew."""
    title = "India keeps buying Russian crude oil despite US pressure"
    (read,) = linear.read([Item("1", title, "Refiners took a record volume. Washington had threatened tariffs.")])
    assert ANSWERS == 3
    assert {dyad: one.stance for dyad, one in read.dyads.items()} == {"IN-RU": 1}
    assert read.dyads["IN-RU"].p == pytest.approx((0.007, 0.009, 0.984), abs=0.001)
    assert read.p_relevant == pytest.approx(0.992, abs=0.001)
    assert [theme.code for theme in read.themes] == ["us", "energy", "autonomy"]
    assert read.evidence == title
