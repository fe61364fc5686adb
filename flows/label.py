"""What the command `label` does: files and keys around the page of `flows.labelpage`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path

from rich.console import Console

from classify.actors import Matcher
from classify.agreement import Agreement, agreement
from classify.labelling import (
    FIRST,
    Label,
    LabelFile,
    every,
    labels_beside,
    labels_in,
    labels_of,
    load_decisions,
    load_items,
    readers_of,
    remaining,
    suggest,
)
from classify.model import Item, get_backend
from flows import keyboard
from flows.environment import prepare
from flows.labelpage import Page, make_form, press, render
from ingest.topic import Topic, load_topic
from store.errors import InputError
from store.settings import get_settings


def label_file(items: Path, output: Path | None = None, second: str = "", step: int = 1, number: int = 0) -> list[str]:
    """Label the items of a file, key by key; gives the lines to print at the end.

    A *second* reader reads every *step*-th item of the first's, without the first's labels. With a *number*, the items
    are so many that would teach the configured reader most.

    Raises:
        InputError: there is no terminal, no item, or nothing to read a second time; the labels cannot be written.
    """
    if not keyboard.is_there():
        raise InputError(
            "labelling takes single keys and shows pages, and this is no terminal; run it in one. "
            "The agreement of readers needs none: ricwatch label FILE --agreement"
        )
    labels = output or labels_beside(items)
    if labels.resolve() == items.resolve():
        raise InputError(f"{items} holds the items; name another file for the labels with --output")
    if second == FIRST:
        raise InputError(f"{FIRST!r} is the name of the first reader; give the second another")
    topic = load_topic(get_settings().seeds_dir)
    matcher = Matcher(topic)
    known, left_out = load_items(items)
    offered = _read_by_first(known, labels, step) if second else known
    file = LabelFile(labels_of(labels, second or FIRST), second or FIRST)
    if number:
        queue = _most_telling(known, file, matcher, topic, number)
    else:
        queue = remaining(offered, file.decisions)
    page = Page(make_form(topic), tuple(queue), head=f"{items.name}  ·  reader {file.reader}")
    with keyboard.keys() as keys:
        page = sit(page, keys, _writer(file), _screen(matcher))
    decided = sum(isinstance(one, Label) for one in page.past)
    lines = [f"{decided:,} items labelled now, {len(labels_in(file.decisions)):,} in all, in {file.path}"]
    if left_out:
        lines.append(f"{left_out:,} lines of {items.name} without a title, or with an id seen before, were left out")
    reports = [report for report in compare(labels, topic.dyads) if report.items]
    if second and page.item is not None:
        # Where they differ would tell a second reader, who is not through yet, how the first reads.
        return [*lines, *(report.figures() for report in reports)]
    return [*lines, *map(str, reports)]


def agreement_of(items: Path, output: Path | None = None) -> list[str]:
    """The agreement of every two readers of a file's items, as lines to print.

    Raises:
        InputError: fewer than two readers have labelled.
    """
    labels = output or labels_beside(items)
    reports = compare(labels, load_topic(get_settings().seeds_dir).dyads)
    if not reports:
        raise InputError(
            f"beside {labels} there are no labels of two readers; a second reads with: "
            f"ricwatch label {items.name} --second NAME"
        )
    return [str(report) for report in reports]


def compare(labels: Path, dyads: Sequence[str]) -> list[Agreement]:
    """Every two readers whose label files lie beside *labels*."""
    read = {reader: labels_in(load_decisions(path)) for reader, path in readers_of(labels).items()}
    return [agreement(read[one], read[other], dyads, (one, other)) for one, other in combinations(read, 2)]


def sit(page: Page, keys: Iterable[str], write: Callable[[Page], None], show: Callable[[Page], None]) -> Page:
    """Go from key to key until the reader leaves; what a key decides is written before the next page is shown."""
    show(page)
    for key in keys:
        page = press(page, key)
        write(page)
        if page.left:
            break
        show(page)
    return page


def _read_by_first(items: Sequence[Item], labels: Path, step: int) -> list[Item]:
    done = labels_in(load_decisions(labels)) if labels.exists() else {}
    wanted = set(every(done, step))
    chosen = [item for item in items if item.id in wanted]
    if not chosen:
        raise InputError(
            f"{labels} has no label on any of these items, so there is nothing to read a second time; "
            "the first reader labels with: ricwatch label FILE"
        )
    return chosen


def _most_telling(items: Sequence[Item], file: LabelFile, matcher: Matcher, topic: Topic, number: int) -> list[Item]:
    prepare()
    from flows.reporting import progress

    known = [item for item in items if isinstance(file.decisions.get(item.id), Label)]
    fresh = [item for item in items if item.id not in file.decisions]
    model = get_backend(get_settings().model, topic)
    with progress("Looking for telling items") as report:
        return suggest(fresh, known, matcher, model, number, progress=report)


def _writer(file: LabelFile) -> Callable[[Page], None]:
    def write(page: Page) -> None:
        if page.entry:
            file.append(*page.entry, dt.datetime.now(dt.UTC))

    return write


def _screen(matcher: Matcher) -> Callable[[Page], None]:
    console = Console(highlight=False)

    def show(page: Page) -> None:
        console.clear()
        console.print(render(page, matcher, console.width))

    return show
