"""An evaluation as tables on the terminal and as a page of mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerts.render import render_page
from alerts.words import plain, safe_url
from classify.evaluate import SLICE
from classify.mistakes import Kind, Mistake
from flows.evaluate import Evaluated

PER_KIND = 150
"""Mistakes of a kind on the page: beyond some hundred, a page is no longer read."""

_out = Console(highlight=False)
_HEADS = ("−1", "0", "+1", "not named")
_TONES = {-1: ("down", "↓", "divergence (−1)"), 0: ("flat", "→", "neutral (0)"), 1: ("up", "↑", "convergence (+1)")}
_ABOUT = {
    Kind.OPPOSITE: "Convergence read as divergence, or the reverse: what a digest can least afford.",
    Kind.DIRECTION_MISSED: "A direction read as neutral.",
    Kind.DIRECTION_INVENTED: "A neutral item read as having a direction.",
    Kind.MISSED_DYAD: "A tie that the item concerns was not found.",
    Kind.INVENTED_DYAD: "A tie was read that the item does not concern.",
    Kind.WRONG_MAIN_THEME: "The first theme of the reading is not that of the label.",
}
_NAMES = {
    "relevance": "relevance F1",
    "relevance_precision": "relevance precision",
    "relevance_recall": "relevance recall",
    "dyads": "dyads F1",
    "dyads_precision": "dyads precision",
    "dyads_recall": "dyads recall",
    "stance": "stance macro-F1, pooled",
    "stance_not_hard": "stance macro-F1, not hard",
    "stance_accuracy": "stance accuracy",
    "four_way": "four-way macro-F1",
    "themes": "themes macro-F1",
    "main_theme": "main theme right",
    "ece": "calibration error, stance",
    "ece_relevance": "calibration error, relevance",
}


def show(done: Evaluated) -> None:
    """Print figures, tables and what is pinned."""
    figures = done.measured.figures
    say = _out.print
    say(
        Text(f"{done.model} on {done.name} (set {done.digest}): {figures.items:,} items, {figures.relevant:,} relevant")
    )
    table = Table("figure", "value", "floor or ceiling", box=None, pad_edge=False)
    for row in _figures(done):
        table.add_row(row["name"], row["value"], Text(row["bound"], "bold red" if row["broken"] else ""))
    say(table)
    table = Table("label", *_HEADS, title="Stance: labels in rows, readings in columns", title_justify="left")
    for row in _confusion(done):
        table.add_row(row["head"], *(f"{count:,}" for count in row["counts"]))
    say(table)
    themes = [f"{code} {value:.2f} ({figures.theme_items[code]:,})" for code, value in figures.theme_f1.items()]
    say(Text(f"Themes, F1 (items): {', '.join(themes)}"))
    _slices("Language", figures.by_language)
    _slices("Outlets", figures.by_group)
    for remark in done.remarks:
        say(Text(remark))
    broken = [bound for bound in done.bounds if not bound.kept]
    for bound in broken:
        say(Text(f"BROKEN {bound}", "bold red"))
    if done.bounds and not broken:
        say(Text(f"All {len(done.bounds)} floors and ceilings are kept."))


def page(done: Evaluated, mistakes: Sequence[Mistake], templates: Path) -> str:
    """The page of mistakes as HTML. Whatever comes from the items is shown as text and never interpreted."""
    wrong = {id(one.labelled) for one in mistakes}
    return render_page(
        templates,
        "mistakes",
        page={
            "name": done.name,
            "digest": done.digest,
            "model": done.model,
            "read": f"{done.measured.figures.items:,}",
            "total": f"{len(mistakes):,}",
            "wrong_items": f"{len(wrong):,}",
            "unread": " ".join(done.remarks),
            "figures": _figures(done),
            "confusion_heads": _HEADS,
            "confusion": _confusion(done),
            "sections": [_section(kind, [one for one in mistakes if one.kind is kind]) for kind in Kind],
        },
    )


def _figures(done: Evaluated) -> list[dict[str, Any]]:
    record = done.record()
    values: dict[str, tuple[str, float]] = {name: (title, record[name]) for name, title in _NAMES.items()}
    values["gate.items"] = ("gate recall, items", record["gate"]["items"])
    values["gate.dyads"] = ("gate recall, dyads", record["gate"]["dyads"])
    for kind, title in (
        ("stance_by_dyad", "stance macro-F1"),
        ("four_way_by_dyad", "four-way macro-F1"),
        ("dyads_by_dyad", "dyad F1"),
    ):
        values |= {f"{kind}.{dyad}": (f"{title}, {dyad}", value) for dyad, value in record[kind].items()}
    bounds = {bound.name: bound for bound in done.bounds}
    # Floors of parts that no row shows (a language) are shown all the same.
    values |= {name: (name, bound.figure) for name, bound in bounds.items() if name not in values}
    return [
        {
            "name": title,
            "value": f"{value:.3f}",
            "bound": f"{'≥' if bound.at_least else '≤'} {bound.bound:.3f}{'' if bound.kept else ' broken'}"
            if (bound := bounds.get(name))
            else "",
            "broken": bound is not None and not bound.kept,
        }
        for name, (title, value) in values.items()
    ]


def _confusion(done: Evaluated) -> list[dict[str, Any]]:
    rows = done.measured.figures.confusion_four_way
    return [{"head": head, "counts": counts} for head, counts in zip(_HEADS, rows, strict=True)]


def _slices(title: str, parts: Mapping[str, Mapping[str, float]]) -> None:
    if not parts:
        return
    table = Table(title, *(name.replace("_", " ") for name in SLICE))
    for name, figures in parts.items():
        table.add_row(Text(name), f"{figures['items']:,.0f}", *(f"{figures[one]:.3f}" for one in SLICE[1:]))
    _out.print(table)


def _section(kind: Kind, mistakes: Sequence[Mistake]) -> dict[str, Any]:
    left_out = len(mistakes) - PER_KIND
    return {
        "anchor": kind.value.replace(" ", "-"),
        "title": kind.value.capitalize(),
        "about": _ABOUT[kind],
        "count": f"{len(mistakes):,}",
        "left_out": f"{left_out:,}" if left_out > 0 else "",
        "cards": [_card(one) for one in mistakes[:PER_KIND]],
    }


def _card(one: Mistake) -> dict[str, Any]:
    item = one.labelled.item
    meta = [item.id, item.source, item.date[:10], "hard" if one.labelled.hard else "", one.labelled.note]
    return {
        "title": plain(item.title),
        "text": plain(item.text, 600),
        "lang": item.lang,
        "url": safe_url(item.url),
        "dyad": one.dyad,
        "gold": _answer(one.gold),
        "read": _answer(one.read),
        "confidence": f"{one.confidence:.2f}",
        "p": one.p and _probabilities(one.p),
        "p_concerns": "" if one.p_concerns is None else f"{one.p_concerns:.2f}",
        "impossible": not one.possible,
        "evidence": plain(one.evidence or "", 600),
        "meta": " · ".join(part for part in meta if part),
    }


def _answer(value: int | str | None) -> dict[str, str]:
    if isinstance(value, int):
        tone, arrow, word = _TONES[value]
    else:
        tone, arrow, word = "flat", "", value or "not named"
    return {"tone": tone, "arrow": arrow, "word": word}


def _probabilities(p: tuple[float, float, float]) -> dict[str, Any]:
    minus, zero, plus = (f"{value:.2f}" for value in p)
    bars = [(round(100 * value), tone) for value, tone in zip(p, ("down", "flat", "up"), strict=True)]
    return {"minus": minus, "zero": zero, "plus": plus, "bars": bars}
