"""Names of ties, states and presses: whatever the seeds call them, and in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.ties import known_bloc, ties, ties_of
from ingest.topic import Topic
from store.errors import InputError, SeedError
from store.settings import get_settings
from tests.ingest.helpers_seeds import ACTORS, read_topic, write_topic


def topic_with(folder: Path, actors: str = ACTORS, press: str = "") -> Topic:
    write_topic(folder)
    (folder / "actors.yaml").write_text(actors, encoding="utf-8")
    (folder / "claims.yaml").write_text("claims: []\n", encoding="utf-8")
    if press:
        (folder / "press.yaml").write_text(press, encoding="utf-8")
    return read_topic(folder)


def dyads(*pairs: str) -> str:
    return "dyads:\n" + "".join(f"  {pair}: [{pair[:2]}, {pair[3:]}]\n" for pair in pairs)


def test_the_shipped_topic_is_a_triangle_of_three_named_states() -> None:
    own = ties()
    assert dict(own.names) == {"IN-RU": "India–Russia", "RU-CN": "Russia–China", "IN-CN": "India–China"}
    assert dict(own.actors) == {"IN": "India", "RU": "Russia", "CN": "China"}
    assert own.is_triangle
    assert own.tie("CN", "RU") == "RU-CN"


def test_a_state_without_a_name_is_called_by_its_code(tmp_path: Path) -> None:
    assert ties_of(topic_with(tmp_path, dyads("AA-BB"))).names["AA-BB"] == "AA–BB"


@pytest.mark.parametrize(
    ("pairs", "triangle"),
    [
        (("AA-BB",), False),
        (("AA-BB", "BB-CC"), False),
        (("AA-BB", "BB-CC", "CC-AA"), True),
        (("AA-BB", "BB-CC", "CC-DD"), False),
        (("AA-BB", "BB-AA", "AA-CC"), False),
        (("AA-BB", "AA-CC", "AA-DD", "BB-CC", "BB-DD", "CC-DD"), False),
    ],
)
def test_only_three_states_each_with_each_are_a_triangle(
    tmp_path: Path, pairs: tuple[str, ...], triangle: bool
) -> None:
    assert ties_of(topic_with(tmp_path, dyads(*pairs))).is_triangle is triangle


def test_presses_come_in_the_order_of_the_file_and_are_all_other_without_one(tmp_path: Path) -> None:
    press = "blocs: {north: Northern press, other: other press, south: Southern press}\n"
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    assert list(ties_of(topic_with(tmp_path / "with", press=press)).blocs) == ["north", "other", "south"]
    assert dict(ties_of(topic_with(tmp_path / "without")).blocs) == {"other": "other press"}


@pytest.mark.parametrize(
    ("press", "message"),
    [
        ("blocs: [north]\n", "press.yaml: expected 'blocs', a mapping"),
        ("presses: {other: x}\n", "press.yaml: expected 'blocs', a mapping"),
        ("blocs: {1: One, other: other press}\n", "press.yaml: expected 'blocs', a mapping"),
        ("blocs: {North!: Northern, other: other press}\n", "'North!': 'Northern'; a code has at most 20"),
        ("blocs: {north: ' ', other: other press}\n", "a code has at most 20"),
        ("blocs: {north: Northern press}\n", "'other' is missing"),
    ],
)
def test_a_malformed_press_file_stops_the_load_and_says_what_is_wrong(tmp_path: Path, press: str, message: str) -> None:
    with pytest.raises(SeedError, match=message):
        topic_with(tmp_path, press=press)


def test_a_code_that_the_database_has_no_room_for_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="'AAA-BBB' is longer than 5 characters"):
        topic_with(tmp_path, "dyads:\n  AAA-BBB: [AAA, BBB]\n")


def test_the_names_follow_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topic_with(tmp_path, dyads("AA-BB"), "blocs: {north: Northern press, other: other press}\n")
    monkeypatch.setenv("RICWATCH_SEEDS_DIR", str(tmp_path))
    get_settings.cache_clear()
    assert ties().dyads == ("AA-BB",)
    assert known_bloc("north") == "north"
    with pytest.raises(InputError, match="'india' is none of north, other"):
        known_bloc("india")
