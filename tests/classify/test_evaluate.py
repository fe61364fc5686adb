"""Figures by part, the gate, kinds of mistakes, groups of outlets, and floors that only rise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from classify.actors import Matcher
from classify.evaluate import gate, measure, score
from classify.floors import (
    Pinned,
    bounds,
    content_digest,
    figure_of,
    find,
    load_floors,
    renewed,
    save_floors,
)
from classify.labelled import Labelled, digest, load_labelled
from classify.mistakes import Kind, find_mistakes
from classify.model import DyadReading, Item, Read, ThemeReading
from classify.outlets import OTHERS, outlet_groups
from ingest.topic import Topic
from store.errors import InputError, SeedError
from store.settings import ROOT
from tests.classify.helpers import Echo


def labelled(title: str, dyads: dict[str, int], theme: str = "trade", source: str = "", lang: str = "") -> Labelled:
    """An item whose first word tells `Echo` what to read: minus, zero or plus on IN-RU, else nothing."""
    return Labelled(Item(title, title, source=source, lang=lang), dyads, (theme,) if dyads else (), False)


CASES = [
    (labelled("plus a", {"IN-RU": -1}), Kind.OPPOSITE),
    (labelled("zero b", {"IN-RU": 1}), Kind.DIRECTION_MISSED),
    (labelled("minus c", {"IN-RU": 0}), Kind.DIRECTION_INVENTED),
    (labelled("nothing d", {"IN-RU": 0}), Kind.MISSED_DYAD),
    (labelled("plus e", {}), Kind.INVENTED_DYAD),
    (labelled("plus f", {"IN-RU": 1}, "arms"), Kind.WRONG_MAIN_THEME),
    (labelled("plus g", {"IN-RU": 1}), None),
]


def test_each_kind_of_mistake_is_told_apart() -> None:
    for one, kind in CASES:
        assert [mistake.kind for mistake in find_mistakes(measure([one], Echo()))] == ([kind] if kind else [])


def test_mistakes_come_by_kind_and_the_most_confident_first() -> None:
    gold = Labelled(Item("1", "t"), {"IN-RU": -1}, ("arms",), False)

    def read(p: float) -> Read:
        return Read("1", True, 0.9, "m", {"IN-RU": DyadReading(1, (1 - p, 0.0, p))}, (ThemeReading("arms", 0.9),))

    measured = measure([one for one, _ in reversed(CASES)], Echo())
    assert [mistake.kind for mistake in find_mistakes(measured)] == list(Kind)
    three = replace(
        measured,
        labelled=(gold,) * 3,
        reads=tuple(map(read, (0.6, 0.9, 0.7))),
        stances=tuple(read(p).dyads for p in (0.6, 0.9, 0.7)),
        p_concerns=({"IN-RU": 0.8},) * 3,
    )
    assert [mistake.confidence for mistake in find_mistakes(three)] == [0.9, 0.7, 0.6]


def test_a_dyad_that_the_names_do_not_allow_is_marked(topic: Topic, linear: object) -> None:
    one = labelled("Russia and Japan sign an oil agreement", {"RU-CN": 1})
    (missed,) = find_mistakes(measure([one], linear))  # type: ignore[arg-type]
    assert (missed.kind, missed.possible, missed.p, missed.confidence) == (Kind.MISSED_DYAD, False, None, 1.0)


def test_precision_and_recall_are_not_mixed_up() -> None:
    figures = measure([one for one, _ in CASES], Echo()).figures
    assert [figures.relevance_precision, figures.relevance_recall] == pytest.approx([5 / 6, 5 / 6])
    only_missed = measure([CASES[3][0], CASES[6][0]], Echo()).figures
    assert (only_missed.dyads_precision, only_missed.dyads_recall) == (1.0, 0.5)


def test_the_four_way_table_has_missed_and_invented_dyads_at_its_edge() -> None:
    figures = measure([one for one, _ in CASES], Echo()).figures
    assert figures.confusion_four_way == [[0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 2, 0], [0, 0, 1, 0]]
    assert figures.pairs == 6


def test_parts_of_a_set_get_figures_of_their_own() -> None:
    items = [
        labelled("plus a", {"IN-RU": 1}, source="TASS", lang="en"),
        labelled("minus b", {"IN-RU": 1}, source="The Hindu (editorial)", lang="hi"),
        labelled("minus c", {"IN-RU": -1}, source="TASS", lang="en"),
    ]
    figures = measure(items, Echo(), group_of=outlet_groups(ROOT / "seeds")).figures
    assert figures.by_language["en"]["stance"] == 1
    assert (figures.by_language["hi"]["stance"], figures.by_language["hi"]["items"]) == (0, 1)
    assert {name: part["items"] for name, part in figures.by_group.items()} == {"indian_press": 1, "russian_state": 2}
    alone = score(items[:1], Echo().read([items[0].item]), [{}])
    assert (alone.by_language, alone.by_group) == ({}, {})


def test_progress_is_told_to_the_end() -> None:
    told: list[tuple[int, int | None]] = []
    measure([CASES[6][0]] * 250, Echo(), progress=lambda done, total=None, note="": told.append((done, total)))
    assert told == [(100, 250), (200, 250), (250, 250)]


def test_the_gate_is_counted_by_item_and_by_dyad(matcher: Matcher) -> None:
    items = [
        labelled("India and Russia sign", {"IN-RU": 1, "RU-CN": 1}),
        labelled("Delhi weighs its options", {"IN-CN": 0}),
        labelled("India and Russia play hockey", {}),
    ]
    counted = gate(items, matcher)
    assert [counted.item_recall, counted.dyad_recall] == pytest.approx([1 / 2, 1 / 3])
    assert (counted.irrelevant_items, counted.irrelevant_items_passed) == (1, 1)


@pytest.mark.parametrize(
    ("outlet", "group"),
    [
        ("RT", "russian_state"),
        ("RTHK", OTHERS),
        ("Channel One Russia (machine-translated)", "russian_state"),
        ("The Hindu (explained)", "indian_press"),
        ("The Hill", "us_press"),
        ("Times of India", "indian_press"),
        ("TIME", "us_press"),
        ("BBC News (RSS)", "british_press"),
        ("Wikipedia Current Events", OTHERS),
    ],
)
def test_an_outlet_belongs_to_the_group_whose_name_begins_its_own(outlet: str, group: str) -> None:
    assert outlet_groups(ROOT / "seeds")(outlet) == group


def test_a_folder_without_groups_has_others_only_and_a_malformed_file_is_refused(tmp_path: Path) -> None:
    assert outlet_groups(tmp_path)("TASS") == OTHERS
    (tmp_path / "outlets.yaml").write_text("groups: [TASS]", encoding="utf-8")
    with pytest.raises(SeedError, match="must map each group"):
        outlet_groups(tmp_path)


SET = [labelled(f"plus {number}", {"IN-RU": 1}) for number in range(3)]
RECORD = {
    "relevance": 0.9, "dyads": 0.88, "stance": 0.8, "four_way": 0.7, "themes": 0.6, "main_theme": 0.7,
    "ece": 0.03, "ece_relevance": 0.02, "gate": {"items": 1.0, "dyads": 0.99},
    "by_language": {"en": {"dyads": 0.9, "stance": 0.81}, "hi": {"dyads": 0.7, "stance": 0.5}},
}  # fmt: skip


def pinned(pins: list[Pinned], record: dict[str, object], items: list[Labelled] = SET) -> list[Pinned]:
    return renewed(pins, items, record, name="mine", backend="echo", model="echo-1")


def test_a_first_record_sets_floors_a_little_below_and_ceilings_a_little_above() -> None:
    (pin,) = pinned([], RECORD)
    assert (pin.digest, pin.content) == (digest(SET), content_digest(SET))
    assert pin.floors["stance"] == pytest.approx(0.78)
    assert pin.floors["by_language.hi.stance"] == pytest.approx(0.47)
    assert pin.floors["gate.dyads"] == pytest.approx(0.97)
    assert pin.ceilings == {"ece": pytest.approx(0.05), "ece_relevance": pytest.approx(0.04)}
    assert all(bound.kept for bound in bounds(pin, RECORD))


def test_floors_rise_with_the_figures_and_never_fall_with_them() -> None:
    first = pinned([], RECORD)
    (better,) = pinned(first, RECORD | {"stance": 0.85, "ece": 0.01})
    assert [better.floors["stance"], better.ceilings["ece"]] == pytest.approx([0.83, 0.03])
    (worse,) = pinned(first, RECORD | {"stance": 0.79, "ece": 0.04})
    assert (worse.floors["stance"], worse.ceilings["ece"]) == (first[0].floors["stance"], first[0].ceilings["ece"])
    assert worse.figures["stance"] == 0.79


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"stance": 0.77}, "stance 0.770, at least 0.780"),
        ({"ece": 0.06}, "ece 0.060, at most 0.050"),
        ({"by_language": {"en": RECORD["by_language"]["en"]}}, "by_language.hi.stance nan"),  # type: ignore[index]
    ],
)
def test_a_floor_is_not_lowered_by_recording(change: dict[str, object], names: str) -> None:
    with pytest.raises(InputError, match=rf"{names}.*CHANGELOG"):
        pinned(pinned([], RECORD), RECORD | change)


def test_a_new_version_of_a_set_keeps_the_floors_of_the_old() -> None:
    first = pinned([], RECORD)
    more = [*SET, labelled("plus 4", {"IN-RU": 1})]
    (new,) = pinned(first, RECORD | {"stance": 0.79}, more)
    assert (new.digest, new.items, new.floors["stance"]) == (digest(more), 4, first[0].floors["stance"])
    with pytest.raises(InputError, match="stance"):
        pinned(first, RECORD | {"stance": 0.5}, more)


def test_backends_and_splits_have_floors_of_their_own(tmp_path: Path) -> None:
    pins = pinned([], RECORD)
    pins = renewed(pins, SET, RECORD | {"stance": 0.3}, name="other name", backend="peer", model="p")
    pins = renewed(pins, SET, RECORD | {"stance": 0.4}, name="mine", backend="echo", model="e", split="later")
    save_floors(pins, tmp_path / "floors.json")
    loaded = load_floors(tmp_path / "floors.json")
    assert {(pin.name, pin.backend, pin.split) for pin in loaded} == {
        ("mine", "echo", ""),
        ("mine", "peer", ""),
        ("mine", "echo", "later"),
    }
    held = find(loaded, digest(SET), "echo", "later")
    assert held is not None
    assert held.figures["stance"] == 0.4
    assert find(loaded, "0" * 16, "echo") is None


def test_a_changed_text_or_mark_changes_the_content_but_not_the_digest() -> None:
    easier = [replace(SET[0], item=replace(SET[0].item, text="They agreed.")), *SET[1:]]
    hard = [replace(SET[0], hard=True), *SET[1:]]
    assert digest(easier) == digest(hard) == digest(SET)
    assert len({content_digest(SET), content_digest(easier), content_digest(hard)}) == 3
    assert content_digest(SET) == content_digest(list(reversed(SET)))


def test_a_file_that_holds_no_floors_is_refused(tmp_path: Path) -> None:
    assert load_floors(tmp_path / "none.json") == []
    (tmp_path / "x.json").write_text('{"sets": [{"name": 1}]}', encoding="utf-8")
    with pytest.raises(InputError, match="not a file of floors"):
        load_floors(tmp_path / "x.json")


def test_a_figure_is_found_by_its_dotted_name() -> None:
    assert figure_of(RECORD, "by_language.hi.stance") == 0.5
    assert str(figure_of(RECORD, "by_language.zh.stance")) == "nan"


def test_language_address_and_note_of_a_record_are_carried(tmp_path: Path) -> None:
    record = {"id": 1, "title": "t", "dyads": {}, "themes": [], "lang": "hi", "url": "https://a.example", "note": "n"}
    (tmp_path / "a.jsonl").write_text(json.dumps(record), encoding="utf-8")
    (one,) = load_labelled(tmp_path / "a.jsonl")
    assert (one.item.lang, one.item.url, one.note) == ("hi", "https://a.example", "n")
