"""The labelling page key by key: a pure function, tested as one."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Literal

import pytest
from rich.console import Console

from classify.actors import Matcher
from classify.labelling import Label, Retracted, Skipped
from classify.model import Item
from flows.keyboard import split_keys
from flows.labelpage import NOTE_CHARS, Page, make_form, press, render, theme_keys
from ingest.topic import Topic, load_topic
from store.errors import ConfigError
from store.settings import ROOT

ONE = Item("a", "India and China agree on patrols", "Both step back along the LAC.", "Demo Courier", "2024-10-21")
TWO = Item("b", "Russia halts oil deliveries to India")


@pytest.fixture(scope="module")
def topic() -> Topic:
    return load_topic(ROOT / "seeds")


@pytest.fixture(scope="module")
def matcher(topic: Topic) -> Matcher:
    return Matcher(topic)


@pytest.fixture
def page(topic: Topic) -> Page:
    return Page(make_form(topic), (ONE, TWO))


def after(page: Page, *keys: str) -> Page:
    for key in keys:
        page = press(page, key)
    return page


def key_of(page: Page, code: str) -> str:
    return next(theme.key for theme in page.form.themes if theme.code == code)


@pytest.mark.parametrize(
    ("presses", "dyads"), [(0, {}), (1, {"IN-RU": -1}), (2, {"IN-RU": 0}), (3, {"IN-RU": 1}), (4, {})]
)
def test_a_dyads_key_goes_from_none_over_minus_to_plus(page: Page, presses: int, dyads: dict[str, int]) -> None:
    assert after(page, *"1" * presses).draft.dyads == dyads


def test_each_dyad_has_a_key_of_its_own(page: Page) -> None:
    assert after(page, *"3122").draft.dyads == {"IN-CN": -1, "IN-RU": -1, "RU-CN": 0}


def test_the_first_theme_pressed_is_the_main_one_and_pressing_again_takes_it_back(page: Page) -> None:
    border, trade = key_of(page, "border"), key_of(page, "trade")
    assert after(page, border, trade).draft.themes == ("border", "trade")
    assert after(page, border, trade, border).draft.themes == ("trade",)


def test_a_fourth_theme_is_refused_with_a_word(page: Page) -> None:
    full = after(page, *(theme.key for theme in page.form.themes[:4]))
    assert len(full.draft.themes) == 3
    assert "At most 3 themes" in full.message
    assert press(full, "H").message == ""


def test_saving_hands_over_the_label_and_shows_the_next_item(page: Page) -> None:
    border = key_of(page, "border")
    saved = after(page, "3", "3", "3", "1", border, "H", "\n")
    assert saved.entry == (ONE, Label({"IN-RU": -1, "IN-CN": 1}, ("border",), True))
    assert list(saved.entry[1].dyads) == ["IN-RU", "IN-CN"]
    assert saved.item == TWO
    assert saved.draft == Label()
    assert press(saved, "1").entry is None


@pytest.mark.parametrize(
    ("keys", "says"),
    [("\n", "press 0 if"), ("b\n", "Themes without a dyad"), ("1\n", "at least one theme")],
    ids=["nothing", "no dyad", "no theme"],
)
def test_half_a_label_is_not_saved(page: Page, keys: str, says: str) -> None:
    stays = after(page, *keys)
    assert says in stays.message
    assert (stays.entry, stays.item) == (None, ONE)


def test_one_key_says_that_no_dyad_is_concerned(page: Page) -> None:
    assert after(page, "1", "b", "0").entry == (ONE, Label())


def test_skipping_passes_over(page: Page) -> None:
    skipped = press(page, "S")
    assert skipped.entry == (ONE, Skipped())
    assert skipped.item == TWO


def test_undo_takes_the_last_word_back_and_shows_it_again(page: Page) -> None:
    saved = after(page, "1", "b", "\n", "S")
    assert saved.item is None
    once = press(saved, "U")
    assert (once.entry, once.item, once.draft) == ((TWO, Retracted()), TWO, Label())
    twice = press(once, "\x7f")
    assert (twice.entry, twice.item, twice.draft) == ((ONE, Retracted()), ONE, Label({"IN-RU": -1}, ("border",)))
    assert "Nothing to undo" in press(twice, "U").message
    assert press(twice, "U").entry is None


def test_a_note_takes_every_key_until_enter(page: Page) -> None:
    noted = after(page, "N", *"Q1 दो", "\x7f", "\x1b[A", "\n")
    assert noted.draft == Label(note="Q1 द")
    assert not noted.left
    assert after(noted, "0").entry == (ONE, Label(note="Q1 द"))


def test_escape_drops_a_note_and_editing_goes_on_from_the_last(page: Page) -> None:
    noted = after(page, "N", *"ab", "\n")
    assert after(noted, "N", "c", "\x1b").draft.note == "ab"
    assert after(noted, "N", "c", "\n").draft.note == "abc"
    assert len(after(page, "N", *"x" * (NOTE_CHARS + 5), "\n").draft.note) == NOTE_CHARS


@pytest.mark.parametrize("key", ["Q", "\x04", "\x03"])
def test_leaving(page: Page, key: str) -> None:
    assert press(page, key).left


@pytest.mark.parametrize("key", ["\x1b", "\x1b[A", "9", "5", "?", "ä", " ", "२"])
def test_other_keys_change_nothing(page: Page, key: str) -> None:
    assert press(page, key) == page


def test_at_the_end_only_undo_and_quit_work(page: Page) -> None:
    end = after(page, "0", "0")
    assert end.item is None
    assert after(end, "1", "b", "\n", "S", "N", "0") == replace(end, entry=None)
    assert press(end, "Q").left


def test_keys_of_themes_are_letters_of_their_own(topic: Topic) -> None:
    keys = theme_keys([theme.code for theme in topic.themes])
    assert len(set(keys.values())) == len(keys) == len(topic.themes)
    assert all(len(key) == 1 and key.islower() for key in keys.values())
    assert (keys["arms"], keys["border"]) == ("a", "b")


def test_a_topic_with_too_many_themes_for_letters_is_refused(topic: Topic) -> None:
    with pytest.raises(ConfigError, match="single keys do for 9 and 26"):
        make_form(replace(topic, themes=topic.themes * 2))


def shown(page: Page, matcher: Matcher, *, colours: bool = False, width: int = 80) -> str:
    system: Literal["standard"] | None = "standard" if colours else None
    console = Console(file=io.StringIO(), width=width, force_terminal=colours, color_system=system, highlight=False)
    console.print(render(page, matcher, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_page_shows_item_and_menu_within_a_small_terminal(page: Page, matcher: Matcher) -> None:
    long = replace(ONE, title="India " * 20, text="word " * 52)
    text = shown(replace(page, queue=(long,), head="news.jsonl"), matcher)
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 80
    text = shown(page, matcher)
    for part in (
        ONE.title,
        ONE.text,
        "Demo Courier  ·  2024-10-21",
        "1 IN-RU",
        "a   Arms and defence",
        "0 concerns none",
    ):
        assert part in text


def test_what_is_chosen_is_seen(page: Page, matcher: Matcher) -> None:
    text = shown(after(page, "1", "2", "2", "2", key_of(page, "trade"), key_of(page, "border"), "H"), matcher)
    for part in ("IN-RU −1 divergence", "RU-CN +1 convergence", "t 1 Trade", "b 2 India–China border", "hard"):
        assert part in text
    assert "Note: why▏" in shown(after(page, "N", *"why"), matcher)
    assert "Nothing is left" in shown(after(page, "0", "0"), matcher)


def test_actors_are_coloured_and_a_trap_is_not(page: Page, matcher: Matcher) -> None:
    item = Item("a", "India eyes China in the Indian Ocean")
    text = shown(replace(page, queue=(item,)), matcher, colours=True)
    title = text.splitlines()[2]
    assert f"\x1b[1;36m{'India'}\x1b[0m" in title
    assert "\x1b[1;33mChina" in title
    assert title.count("\x1b[1;36m") == 1


def test_a_title_cannot_command_the_terminal(page: Page, matcher: Matcher) -> None:
    item = Item("a", "\x1b[2J\x1b]0;owned\x07India \u202eand [red]China[/red]", "\x9b31m\r\nlead")
    text = shown(replace(page, queue=(item,)), matcher)
    assert not set(text) & set("\x1b\x07\x9b\r\u202e")
    assert "India  and [red]China[/red]" in text


def test_what_a_terminal_sends_is_cut_into_keys() -> None:
    assert split_keys("1a\r") == ["1", "a", "\n"]
    assert split_keys("\x1b[A\x1bOP\x1b[1;5Cq\x1b") == ["\x1b[A", "\x1bOP", "\x1b[1;5C", "q", "\x1b"]
    assert split_keys("\b\n") == ["\x7f", "\n"]
