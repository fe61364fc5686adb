"""Parameter annotations that Prefect's run form shows as a person would want them."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field, JsonValue

from alerts.subscribers import Codes, topic_codes
from ingest.roster import KINDS, load_roster
from store.errors import RicwatchError
from store.settings import get_settings


def param(title: str, help_text: str = "", **constraints: Any) -> Any:
    """For ``Annotated[int, param("At most", "articles per run", ge=1)] = 100``.

    Prefect overwrites the title and description of a top-level parameter with the argument's name and its docstring;
    what `json_schema_extra` says is applied after that and wins.
    """
    extra: dict[str, JsonValue] = {"title": title}
    if help_text:
        extra["description"] = help_text
    return Field(json_schema_extra=extra, **constraints)


def calendar(title: str, help_text: str) -> Any:
    """As `param`, for a day that may stay empty: the form shows a calendar.

    A `date | None` would be a switch between a date and the words *Property is type "None"*.
    """
    return Field(json_schema_extra={"title": title, "description": help_text, "format": "date"})


ALL: Literal["all"] = "all"
"""What a form calls no choice: an empty line in a drop-down says nothing."""


def choose(title: str, help_text: str, choices: tuple[str, ...], *, many: bool = False) -> Any:
    """As `param`, with a list to choose from that only the topic knows, or `ALL`; *many* for several of them.

    The server refuses what is not in the list before a run begins.
    """
    if not many:
        return pick(title, help_text, (ALL, *choices) if choices else ())
    extra: dict[str, JsonValue] = {"title": title, "description": help_text}
    if choices:
        extra["items"] = {"type": "string", "enum": list(choices)}
    return Field(json_schema_extra=extra)


def pick(title: str, help_text: str, choices: tuple[str, ...]) -> Any:
    """As `param`, with exactly these to choose from; any text where there are none."""
    extra: dict[str, JsonValue] = {"title": title, "description": help_text}
    if choices:
        extra["enum"] = list(choices)
    return Field(json_schema_extra=extra)


def must_choose(title: str, help_text: str, choices: tuple[str, ...]) -> Any:
    """As `choose`, without `ALL`: for a parameter that has no default."""
    extra: dict[str, JsonValue] = {"title": title, "description": help_text}
    if choices:
        extra["enum"] = list(choices)
    return Field(json_schema_extra=extra)


@lru_cache(maxsize=1)
def codes() -> Codes:
    """The ties, themes and presses of the topic in force; none where it cannot be read, as `ingest-seeds` will say."""
    try:
        return topic_codes(get_settings())
    except RicwatchError:
        return Codes((), (), ())


@lru_cache(maxsize=1)
def kinds_and_languages() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The kinds of outlets, and the languages of the roster in force, each with the most frequent one first.

    A language that no feed has yet goes in by the command line: actors have names in those of the topic only.
    """
    try:
        feeds = load_roster(get_settings().feeds_file)
    except RicwatchError:
        return KINDS, ()  # then any language can be written, and `add-feed` says what is wrong with the roster
    kinds = dict.fromkeys((*KINDS, *(feed.kind for feed in feeds)))
    return tuple(kinds), tuple(lang for lang, _ in Counter(feed.lang for feed in feeds).most_common())


BY = param("Asked by", "Your name, kept with what this run changes: the pages have no users of their own.")
"""For the parameter `requested_by` of every deployment that changes something."""

FEEDS = param("Feeds", "Their keys, as the page polled-feeds shows them; leave empty for every enabled feed.")
"""For the parameter of a deployment that takes some feeds or all; a list to choose from would miss one added today."""
