"""The default backend: its two halves, what each may say, and its files."""

from __future__ import annotations

import json
import logging
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify.decide import ANSWERS
from classify.export import known_logits
from classify.fused import FusedModel, load_fused
from classify.linear import LinearModel
from classify.model import Item
from classify.neural import (
    ABOUT,
    FIRST_THEME,
    GATE_AT,
    MODEL,
    STANCES,
    TOKENIZER,
    Fusion,
    NeuralModel,
    load_neural,
    open_session,
    run,
)
from classify.parameters import WEIGHTS
from ingest.topic import Theme, Topic
from store.errors import ConfigError

FILES = (MODEL, TOKENIZER, ABOUT)
TITLE = "India keeps buying Russian crude oil despite US pressure"


@pytest.fixture(scope="module")
def fused(topic: Topic) -> FusedModel:
    return load_fused(topic)


@pytest.fixture(scope="module")
def neural() -> NeuralModel:
    return load_neural()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(WEIGHTS / name, tmp_path / name)
    return tmp_path


def with_share(neural: NeuralModel, share: float) -> NeuralModel:
    plain = replace(neural.fusion, stance_temperature=1.0, gate_temperature=1.0, gate_bias=0.0)
    return replace(neural, fusion=replace(plain, stance_share=share, gate_share=share))


def test_the_version_names_the_method_and_a_fingerprint_of_both_halves(
    fused: FusedModel, linear: LinearModel, neural: NeuralModel, topic: Topic
) -> None:
    assert re.fullmatch(r"fused-[0-9a-f]{8}", fused.version)
    assert FusedModel(topic, linear, neural).version == fused.version
    assert FusedModel(topic, linear, replace(neural, digest="other")).version != fused.version


def test_each_half_alone_gives_its_own_reading(topic: Topic, linear: LinearModel, neural: NeuralModel) -> None:
    item = Item("1", "Moscow and New Delhi trade accusations over unpaid rupees")
    (own,) = linear.score_pairs(item).values()
    only_linear = with_share(neural, 0.0)
    (told,) = FusedModel(topic, linear, only_linear).score_pairs(item).values()
    assert told.stance.p == pytest.approx(own.stance.p, abs=1e-6)
    assert told.p_concerns == pytest.approx(own.p_concerns, abs=1e-6)
    only_neural = with_share(neural, 1.0)
    (other,) = FusedModel(topic, linear, only_neural).score_pairs(item).values()
    assert other.stance.p != pytest.approx(own.stance.p, abs=1e-3)
    half = with_share(neural, 0.5)
    (pooled,) = FusedModel(topic, linear, half).score_pairs(item).values()
    expected = np.sqrt(np.asarray(own.stance.p) * np.asarray(other.stance.p))
    assert pooled.stance.p == pytest.approx(expected / expected.sum(), abs=1e-6)


@pytest.mark.parametrize(
    "title", ["भारत और रूस ने समझौते पर हस्ताक्षर किए", "Китай и Россия подписали соглашение", "中俄签署能源合作协议"]
)
def test_other_scripts_are_read_by_the_linear_half(fused: FusedModel, linear: LinearModel, title: str) -> None:
    item = Item("1", title)
    assert fused.read([item]) == [replace(linear.read([item])[0], model=fused.version)]
    assert fused.score_pairs(item) == linear.score_pairs(item)


def test_readings_change_only_with_the_number_of_the_answers(fused: FusedModel) -> None:
    """When this fails the same weights answer otherwise: raise ANSWERS, then pin anew."""
    (read,) = fused.read([Item("1", TITLE, "Refiners took a record volume. Washington had threatened tariffs.")])
    assert ANSWERS == 3
    assert {dyad: one.stance for dyad, one in read.dyads.items()} == {"IN-RU": 1}
    assert read.dyads["IN-RU"].p == pytest.approx((0.005, 0.003, 0.993), abs=0.002)
    assert read.p_relevant == pytest.approx(0.986, abs=0.002)
    assert [theme.code for theme in read.themes] == ["energy", "us"]
    assert read.evidence == TITLE


def test_the_network_reads_each_prompt_by_itself(neural: NeuralModel) -> None:
    prompts = ["[unused1] signs with [unused2]", "[unused1] accuses [unused2] of " + "late deliveries, " * 80, ""]
    together = neural.logits(prompts)
    assert together.shape == (3, FIRST_THEME + len(neural.themes))
    assert np.isfinite(together).all()
    for prompt, row in zip(prompts, together, strict=True):
        assert (neural.logits([prompt])[0] == row).all()
    assert neural.logits([]).shape == (0, FIRST_THEME + len(neural.themes))


def test_the_network_knows_which_way_a_sentence_points(neural: NeuralModel) -> None:
    signs, slams, hockey = neural.logits(
        [
            "[unused1] and [unused2] sign a landmark defence agreement",
            "[unused1] summons the ambassador of [unused2] over an incursion",
            "[unused1] beat [unused2] in the hockey final",
        ]
    )
    assert signs[:STANCES].argmax() == 2
    assert slams[:STANCES].argmax() == 0
    assert hockey[GATE_AT] < 0 < min(signs[GATE_AT], slams[GATE_AT])


def test_a_topic_may_have_themes_that_the_network_never_saw(topic: Topic) -> None:
    more = replace(topic, themes=(*topic.themes, Theme("tea", "Tea", "", ())))
    (read,) = load_fused(more).read([Item("1", TITLE)])
    assert "tea" not in {theme.code for theme in read.themes}
    assert read.themes


@pytest.mark.parametrize("name", FILES)
def test_missing_weights_are_told_with_a_way_out(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(ConfigError, match=r"missing or damaged.*RICWATCH_MODEL=linear"):
        load_neural(copied)


@pytest.mark.parametrize("name", FILES)
def test_damaged_weights_are_told(copied: Path, name: str) -> None:
    whole = (copied / name).read_bytes()
    (copied / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match="damaged"):
        load_neural(copied)


def test_weights_of_another_format_are_refused(copied: Path) -> None:
    about = json.loads((copied / ABOUT).read_text(encoding="utf-8"))
    (copied / ABOUT).write_text(json.dumps(about | {"format": 0}), encoding="utf-8")
    with pytest.raises(ConfigError, match="format 0, not"):
        load_neural(copied)


def test_this_processor_reads_as_the_one_that_the_network_was_made_on(neural: NeuralModel) -> None:
    """Says something only on a processor that would cut off sums; on others both ways are the same sums."""
    known = json.loads((WEIGHTS / ABOUT).read_text(encoding="utf-8"))["known"]
    here = neural.logits(list(known))
    assert np.abs(here - np.asarray(list(known.values()))).mean() < 0.02
    exact = open_session((WEIGHTS / MODEL).read_bytes(), exact=True)
    prompts = [f"[unused1] {does} [unused2] on oil and arms" for does in ("courts", "warns", "meets", "fines", "joins")]
    wanted = run(exact, neural.tokenizer, prompts, FIRST_THEME + len(neural.themes))
    assert neural.logits(prompts) == pytest.approx(wanted, abs=1e-6)


class CutOff:
    """A session as on a processor that cuts off sums: its logits are *by* too low."""

    def __init__(self, session: Any, by: float) -> None:
        self._session, self._by = session, by

    def run(self, outputs: None, given: dict[str, Any]) -> list[Any]:
        return [self._session.run(outputs, given)[0] - self._by]


@pytest.mark.parametrize(
    ("plain", "exact", "ways"),
    [(0.0, 0.0, [False]), (0.15, 0.0, [False, True]), (0.15, 0.15, [False, True])],
    ids=["as where it was made", "cuts off", "otherwise in any case"],
)
def test_a_network_that_says_something_else_here_is_run_the_exact_way(
    plain: float,
    exact: float,
    ways: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened: list[bool] = []

    def watched(weights: bytes, *, exact: bool = False) -> CutOff:
        opened.append(exact)
        return CutOff(open_session(weights, exact=True), {False: plain, True: by_exact}[exact])

    by_exact = exact
    monkeypatch.setattr("classify.neural.open_session", watched)
    with caplog.at_level(logging.WARNING):
        neural = load_neural()
    assert opened == ways
    assert bool(caplog.records) == (exact > 0)
    wanted = run(open_session((WEIGHTS / MODEL).read_bytes(), exact=True), neural.tokenizer, [TITLE], 23)
    assert neural.logits([TITLE]) == pytest.approx(wanted - exact, abs=1e-6)


def test_of_a_network_without_known_logits_nothing_can_be_told(copied: Path) -> None:
    about = json.loads((copied / ABOUT).read_text(encoding="utf-8"))
    del about["known"]
    (copied / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    assert load_neural(copied).logits([TITLE]).any()


@pytest.mark.parametrize("known", [[1.0], {"a": [1.0]}, {"a": 1.0}, {"a": [None] * 23}, {"a": [float("nan")] * 23}])
def test_known_logits_that_are_none_are_told(copied: Path, known: object) -> None:
    about = json.loads((copied / ABOUT).read_text(encoding="utf-8"))
    (copied / ABOUT).write_text(json.dumps(about | {"known": known}), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"damaged.*RICWATCH_MODEL=linear"):
        load_neural(copied)


def test_what_training_notes_as_known_is_what_the_shipped_notes_say() -> None:
    made = known_logits((WEIGHTS / MODEL).read_bytes(), (WEIGHTS / TOKENIZER).read_text(encoding="utf-8"), 23)
    kept = json.loads((WEIGHTS / ABOUT).read_text(encoding="utf-8"))["known"]
    assert list(made) == list(kept)
    # To 0.02: on a processor without AVX-512 an activation now and then rounds to the integer beside it.
    assert np.abs(np.asarray(list(made.values())) - np.asarray(list(kept.values()))).mean() < 0.02


def test_the_shipped_weights_keep_to_their_size() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 60e6


def test_neither_half_is_trusted_alone(neural: NeuralModel) -> None:
    fusion: Fusion = neural.fusion
    assert all(0.2 <= share <= 0.8 for share in (fusion.stance_share, fusion.gate_share, fusion.theme_share))
