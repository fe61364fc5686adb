"""The page on which a person labels: a pure function from page and key to page, and one from page to what is shown.

Nothing here reads a key, writes a file or knows the hour; `flows.label` does that around it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_lowercase
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from classify.actors import Kind, Matcher
from classify.labelling import MOST_THEMES, Decision, Label, Retracted, Skipped
from classify.model import Item
from flows.keyboard import BACKSPACE, END, ENTER, ESCAPE, INTERRUPT
from ingest.topic import Topic
from store.errors import ConfigError

HARD, NOTE, UNDO, SKIP, QUIT, NOTHING = "H", "N", "U", "S", "Q", "0"
DIGITS = "123456789"
NOTE_CHARS = 400
COMMANDS = f"{NOTHING} concerns none   Enter save   {HARD} hard   {NOTE} note   {UNDO} undo   {SKIP} skip   {QUIT} quit"

_NEXT: dict[int | None, int | None] = {None: -1, -1: 0, 0: 1, 1: None}
_SHOWN: dict[int | None, tuple[str, str]] = {
    None: ("·", "dim"),
    -1: ("−1 divergence", "bold red"),
    0: ("0 neutral", "bold yellow"),
    1: ("+1 convergence", "bold green"),
}
_COLOURS = ("bold cyan", "bold magenta", "bold yellow", "bold green", "bold blue")
_OTHER = "underline"
_NAME_CHARS = 20
# Characters that turn the direction of a line could make a title look like something else.
_DIRECTION = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff")


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme on the menu and its key."""

    key: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Form:
    """What can be said of an item: the topic's dyads, on the keys 1 to 9, and its themes, on letters."""

    dyads: tuple[str, ...]
    themes: tuple[Theme, ...]
    colours: Mapping[str, str]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Where a sitting stands. `past` holds what was decided on the items before `at`, for undoing it.

    `entry` is what the last key decided and has to be written down; `noting` is the note while it is typed.
    """

    form: Form
    queue: tuple[Item, ...]
    head: str = ""
    at: int = 0
    draft: Label = field(default_factory=Label)
    past: tuple[Label | Skipped, ...] = ()
    noting: str | None = None
    message: str = ""
    entry: tuple[Item, Decision] | None = None
    left: bool = False

    @property
    def item(self) -> Item | None:
        """The item that is shown; None at the end."""
        return self.queue[self.at] if self.at < len(self.queue) else None


def make_form(topic: Topic) -> Form:
    """The form for a topic.

    Raises:
        ConfigError: the topic has more dyads than digits or more themes than letters.
    """
    if len(topic.dyads) > 9 or len(topic.themes) > len(ascii_lowercase):
        raise ConfigError(
            f"{topic.folder} has {len(topic.dyads)} dyads and {len(topic.themes)} themes; single keys do for 9 and 26"
        )
    keys = theme_keys([theme.code for theme in topic.themes])
    sides = dict.fromkeys(side for dyad in topic.dyads for side in topic.actors["dyads"][dyad])
    return Form(
        tuple(topic.dyads),
        tuple(Theme(keys[theme.code], theme.code, theme.name) for theme in topic.themes),
        {side: _COLOURS[at % len(_COLOURS)] for at, side in enumerate(sides)},
        {code: str(actor.get("name", code)) for code, actor in topic.actors["actors"].items()},
    )


def theme_keys(codes: Sequence[str]) -> dict[str, str]:
    """A letter per theme: the first of its code that is free, else the first free one of the alphabet.

    >>> theme_keys(["arms", "arctic", "aa"])
    {'arms': 'a', 'arctic': 'r', 'aa': 'b'}
    """
    free = list(ascii_lowercase)
    keys = {}
    for code in codes:
        keys[code] = next((letter for letter in code if letter in free), free[0])
        free.remove(keys[code])
    return keys


def press(page: Page, key: str) -> Page:
    """The page after *key*. Keys without a meaning change nothing."""
    page = replace(page, entry=None, message="")
    if page.noting is not None:
        return _type(page, page.noting, key)
    if key in {QUIT, END, INTERRUPT}:
        return replace(page, left=True)
    if key in {UNDO, BACKSPACE}:
        return _undo(page)
    if page.item is None:
        return page
    return _mark(page, page.item, key)


def _mark(page: Page, item: Item, key: str) -> Page:
    draft = page.draft
    codes = {theme.key: theme.code for theme in page.form.themes}
    if key in codes:
        return _toggle(page, codes[key])
    if key in {ENTER, NOTHING, SKIP}:
        return _decide(page, item, key)
    if key == HARD:
        return replace(page, draft=replace(draft, hard=not draft.hard))
    if key == NOTE:
        return replace(page, noting=draft.note)
    at = DIGITS.find(key)
    return replace(page, draft=_turn(draft, page.form.dyads[at])) if 0 <= at < len(page.form.dyads) else page


def _decide(page: Page, item: Item, key: str) -> Page:
    if key == SKIP:
        return _on(page, item, Skipped())
    if key == NOTHING:
        return _on(page, item, replace(page.draft, dyads={}, themes=()))
    return _save(page, item)


def _turn(draft: Label, dyad: str) -> Label:
    stance = _NEXT[draft.dyads.get(dyad)]
    dyads = {code: own for code, own in draft.dyads.items() if code != dyad}
    return replace(draft, dyads=dyads if stance is None else dyads | {dyad: stance})


def _toggle(page: Page, code: str) -> Page:
    themes = page.draft.themes
    if code in themes:
        return replace(page, draft=replace(page.draft, themes=tuple(own for own in themes if own != code)))
    if len(themes) == MOST_THEMES:
        return replace(page, message=f"At most {MOST_THEMES} themes, the main one first; take one back first.")
    return replace(page, draft=replace(page.draft, themes=(*themes, code)))


def _save(page: Page, item: Item) -> Page:
    draft = page.draft
    if not draft.dyads:
        say = "Themes without a dyad: " if draft.themes else ""
        return replace(page, message=f"{say}give a dyad, or press {NOTHING} if the item concerns none.")
    if not draft.themes:
        return replace(page, message="Give at least one theme; the main one first.")
    # In the order of the topic, so that the same label is the same line whatever was pressed first.
    ordered = {dyad: draft.dyads[dyad] for dyad in page.form.dyads if dyad in draft.dyads}
    return _on(page, item, replace(draft, dyads=ordered))


def _on(page: Page, item: Item, decision: Label | Skipped) -> Page:
    return replace(page, at=page.at + 1, draft=Label(), past=(*page.past, decision), entry=(item, decision), message="")


def _undo(page: Page) -> Page:
    if not page.past:
        return replace(page, message="Nothing to undo in this sitting.")
    before, at = page.past[-1], page.at - 1
    draft = before if isinstance(before, Label) else Label()
    entry = (page.queue[at], Retracted())
    return replace(page, at=at, draft=draft, past=page.past[:-1], entry=entry, message="Taken back; decide it anew.")


def _type(page: Page, note: str, key: str) -> Page:
    if key == ENTER:
        return replace(page, noting=None, draft=replace(page.draft, note=note.strip()))
    if key == ESCAPE:
        return replace(page, noting=None)
    if key == BACKSPACE:
        return replace(page, noting=note[:-1])
    # A character, not the sequence of an arrow key.
    typed = key if len(key) == 1 and key.isprintable() and len(note) < NOTE_CHARS else ""
    return replace(page, noting=note + typed)


def render(page: Page, matcher: Matcher, width: int = 80) -> Group:
    """What is shown of *page* on a terminal of so many columns."""
    top = Text(f"{page.head}  ·  {min(page.at + 1, len(page.queue))} of {len(page.queue)}", "dim")
    item = page.item
    if item is None:
        bottom = Text(f"\nNothing is left to label.  {UNDO} undo  {QUIT} quit", "bold")
        return Group(top, bottom, Text(page.message, "bold yellow"))
    where = "  ·  ".join(plain(part) for part in (item.source, item.date) if part)
    return Group(
        top,
        Text(),
        highlight(item.title, matcher, page.form, "bold"),
        Text(where, "dim italic"),
        *([highlight(item.text, matcher, page.form)] if _adds(item) else []),
        _actors(item, matcher, page.form),
        Text(),
        _dyads(page),
        Text(),
        _themes(page, width),
        Text(),
        _state(page),
        Text(COMMANDS, "dim"),
        Text(page.message, "bold yellow"),
    )


def plain(text: str) -> str:
    """*text* without what a terminal would obey: control characters and turns of direction become spaces."""
    return "".join(" " if unicodedata.category(char) == "Cc" or char in _DIRECTION else char for char in text)


def highlight(text: str, matcher: Matcher, form: Form, style: str = "") -> Text:
    """*text* with the actors found in it: those of a dyad in colours of their own, others underlined."""
    # Found in what is shown; every replaced character stays one character, so positions hold.
    shown = plain(text)
    marked = Text(shown, style)
    for hit in matcher.hits(shown):
        if hit.kind is Kind.TRAP:
            continue
        colours = {form.colours.get(actor, _OTHER) for actor, _ in hit.actors}
        marked.stylize(colours.pop() if len(colours) == 1 else "bold underline", hit.start, hit.end)
    return marked


def _adds(item: Item) -> bool:
    """Whether the text says more than the title."""
    return bool(item.text.strip()) and item.text.strip() != item.title.strip()


def _actors(item: Item, matcher: Matcher, form: Form) -> Text:
    found = dict.fromkeys(mention.actor for mention in matcher.mentions(plain(f"{item.title}\n{item.text}")))
    parts: list[Any] = []
    for actor in found:
        parts += [(form.names.get(actor, actor), form.colours.get(actor, _OTHER)), ("  ", "")]
    return Text.assemble(*parts) if parts else Text("no actor found", "dim")


def _dyads(page: Page) -> Text:
    line = Text()
    for at, dyad in enumerate(page.form.dyads, 1):
        shown, style = _SHOWN[page.draft.dyads.get(dyad)]
        line.append(f"{at} ", "bold").append(f"{dyad} ").append(f"{shown:<16}", style)
    return line


def _themes(page: Page, width: int) -> Table:
    columns = max(1, width // (_NAME_CHARS + 6))
    rows = -(-len(page.form.themes) // columns)
    grid = Table.grid(padding=(0, 1))
    for row in range(rows):
        grid.add_row(*(_theme(page, theme) for theme in page.form.themes[row::rows]))
    return grid


def _theme(page: Page, theme: Theme) -> Text:
    name = theme.name if len(theme.name) <= _NAME_CHARS else theme.name[: _NAME_CHARS - 1].rstrip(" ,") + "…"
    chosen = page.draft.themes
    rank = str(chosen.index(theme.code) + 1) if theme.code in chosen else " "
    style = "bold reverse" if theme.code in chosen else ""
    return Text.assemble((theme.key, "bold"), " ", (f"{rank} {name:<{_NAME_CHARS}}", style), no_wrap=True)


def _state(page: Page) -> Text:
    if page.noting is not None:
        return Text.assemble(("Note: ", "bold"), page.noting, ("▏", "blink"), ("  Enter keeps it, Esc drops it", "dim"))
    parts: list[Any] = [("hard", "bold reverse"), "  "] if page.draft.hard else []
    if page.draft.note:
        parts += [("Note: ", "bold"), plain(page.draft.note)]
    return Text.assemble(*parts)
