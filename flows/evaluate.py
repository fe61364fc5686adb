"""The command `evaluate`: figures against labels, floors, and the mistakes as a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from store.errors import InputError

if TYPE_CHECKING:
    from classify.evaluate import Gate, Measured
    from classify.floors import Bound

EXIT_BROKEN = 1


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What was measured on which set, beside what is pinned for it."""

    name: str
    digest: str
    backend: str
    model: str
    measured: Measured
    gate: Gate
    bounds: tuple[Bound, ...]
    remarks: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether no floor is broken."""
        return all(bound.kept for bound in self.bounds)

    def record(self) -> dict[str, Any]:
        """The figures with those of the gate: what floors are compared with."""
        return figures_record(self.measured, self.gate)


def evaluate(
    items: Annotated[
        list[Path], typer.Argument(help="Labelled items, .jsonl or .jsonl.gz, or folders of them.", resolve_path=True)
    ],
    backend: Annotated[str, typer.Option(help="Which backend reads; none takes the setting's.")] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for mistakes.html and figures.json; none is var/evaluate."),
    ] = None,
    floors: Annotated[
        Path | None, typer.Option(help="Floors to hold the figures to; none takes the shipped.", resolve_path=True)
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the figures and raise the floors; floors are never lowered.")
    ] = False,
) -> None:
    """Measure a classifier on labelled items, and show its mistakes.

    Relevance, dyads, stance, themes and calibration are printed; `mistakes.html` shows where reading and label differ,
    `figures.json` keeps all figures. Exit status 1 when a figure is below a floor that is pinned for this set.

    Examples:

    - `ricwatch evaluate labelled.jsonl.gz`
    - `ricwatch evaluate classify/examples --backend linear --out evaluation`
    """
    from classify.floors import FLOORS
    from flows import evaluation_page, tables
    from store.settings import get_settings

    settings = get_settings()
    done = evaluate_files(items, backend or settings.model, floors or FLOORS)
    folder = (out or settings.var_dir / "evaluate").absolute()
    evaluation_page.show(done)
    write(done, items, folder, settings.templates_dir)
    tables.say(f"Mistakes: {folder / 'mistakes.html'}")
    tables.say(f"Figures:  {folder / 'figures.json'}")
    if record:
        tables.say(keep(done, floors or FLOORS))
    elif not done.kept:
        raise typer.Exit(EXIT_BROKEN)


def labelled_files(paths: Sequence[Path]) -> list[Path]:
    """The files among *paths*, and those in the folders among them, by name.

    Raises:
        InputError: a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        own = sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")]) if path.is_dir() else [path]
        if not own:
            raise InputError(f"{path} holds no .jsonl or .jsonl.gz file")
        files += own
    return files


def evaluate_files(paths: Sequence[Path], backend: str, floors: Path) -> Evaluated:
    """Let *backend* read the labelled items of *paths* and compare with *floors*."""
    from classify.actors import Matcher
    from classify.evaluate import gate, measure
    from classify.floors import bounds, find, load_floors
    from classify.labelled import digest, load_labelled
    from classify.model import get_backend
    from classify.outlets import outlet_groups
    from classify.trained import remark
    from flows.reporting import progress
    from ingest.topic import load_topic
    from store.settings import get_settings

    labelled = [one for path in labelled_files(paths) for one in load_labelled(path)]
    pins = load_floors(floors)
    topic = load_topic(get_settings().seeds_dir)
    model = get_backend(backend, topic)
    with progress("Reading") as report_progress:
        measured = measure(labelled, model, group_of=outlet_groups(topic.folder), progress=report_progress)
    through = gate(labelled, Matcher(topic))
    own = digest(labelled)
    pinned = find(pins, own, backend)
    name = next((pin.name for pin in pins if pin.digest == own), _name_of(paths))
    found = bounds(pinned, figures_record(measured, through)) if pinned else []
    remarks = _remarks(name, own, backend, measured, pins)
    if untrained := remark(topic, backend):
        remarks.append(untrained)
    return Evaluated(name, own, backend, model.version, measured, through, tuple(found), tuple(remarks))


def figures_record(measured: Measured, gate: Gate) -> dict[str, Any]:
    """Figures and gate in one mapping, rounded."""
    through = {"items": round(gate.item_recall, 4), "dyads": round(gate.dyad_recall, 4)}
    return measured.figures.as_record() | {"gate": through}


def write(done: Evaluated, files: Sequence[Path], folder: Path, templates: Path) -> None:
    """Write ``mistakes.html`` and ``figures.json`` into *folder*.

    Raises:
        InputError: the folder cannot be written.
    """
    from classify.mistakes import Kind, find_mistakes
    from flows.evaluation_page import page

    mistakes = find_mistakes(done.measured)
    record = {
        "set": {"name": done.name, "digest": done.digest, "files": [file.name for file in files]},
        "backend": done.backend,
        "model": done.model,
        "figures": done.record(),
        "floors": {bound.name: {"bound": bound.bound, "kept": bound.kept} for bound in done.bounds},
        "mistakes": {str(kind): sum(one.kind is kind for one in mistakes) for kind in Kind},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mistakes.html").write_text(page(done, mistakes, templates), encoding="utf-8")
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (folder / "figures.json").write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write into {folder}: {error.strerror or error}") from None


def keep(done: Evaluated, floors: Path) -> str:
    """Record the figures and raise the floors; says what was done.

    Raises:
        InputError: a floor would have to be lowered.
    """
    from classify.floors import load_floors, renewed, save_floors

    pins = renewed(
        load_floors(floors),
        done.measured.labelled,
        done.record(),
        name=done.name,
        backend=done.backend,
        model=done.model,
    )
    save_floors(pins, floors)
    return f"Recorded {done.model} on {done.name!r} in {floors}"


def _name_of(paths: Sequence[Path]) -> str:
    return "+".join(path.name.removesuffix(".gz").removesuffix(".jsonl") for path in paths)


def _remarks(name: str, own: str, backend: str, measured: Measured, pins: Sequence[Any]) -> list[str]:
    """What a reader of the figures must know about the set."""
    remarks = []
    if not any(pin.digest == own and pin.backend == backend and not pin.split for pin in pins):
        other = next((pin for pin in pins if pin.name == name and pin.digest != own), None)
        remarks.append(
            f"This is not the set {name!r} that floors are pinned for ({other.digest}): items or labels changed."
            if other
            else f"No floors are pinned for this set ({own}) and the backend {backend!r}."
        )
    if any(pin.digest == own and pin.split for pin in pins):
        remarks.append(
            "The shipped weights were trained on these items, so the figures flatter; "
            "bench.reading measures on items that were not seen in training."
        )
    if any(pin.digest == own and pin.content != _content(measured) for pin in pins):
        remarks.append("Ids, titles and labels are those of a known set, but texts or hard marks changed.")
    return remarks


def _content(measured: Measured) -> str:
    from classify.floors import content_digest

    return content_digest(measured.labelled)
