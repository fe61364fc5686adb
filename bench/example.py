"""How well the example of docs/another-topic.md is read before and after training: figures, ranges, learning curve.

``python -m bench.example`` prints them; the extra ``train`` is needed.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from classify.evaluate import measure
from classify.fused import FusedModel
from classify.labelled import Labelled, load_labelled
from classify.linear import LinearModel, load_linear
from classify.neural import load_neural
from classify.parameters import WEIGHTS
from classify.train import fit, prepare
from ingest.topic import load_topic
from store.settings import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "russia-turkey-iran"
SIZES = (30, 60, 100)
DRAWS = 5
RESAMPLES = 2_000
FIGURES = ("relevance", "stance", "four_way", "themes", "main_theme", "ece")

Pairs = list[list[tuple[int, int]]]
"""Of each item, the label and the reading of each of its labelled ties."""


def stances(model: FusedModel, items: list[Labelled]) -> Pairs:
    """Label and reading of every labelled tie; one that the gate leaves out counts as read 0."""
    made = []
    for one in items:
        scores = model.score_pairs(one.item)
        made.append([(true, scores[dyad].stance.stance if dyad in scores else 0) for dyad, true in one.dyads.items()])
    return made


def macro_f1(pairs: Pairs) -> float:
    """Macro-F1 over -1, 0 and +1."""
    flat = [pair for own in pairs for pair in own]
    made = []
    for stance in (-1, 0, 1):
        both = sum(true == read == stance for true, read in flat)
        either = sum(true == stance for true, _ in flat) + sum(read == stance for _, read in flat)
        made.append(2 * both / either if either else 0.0)
    return float(np.mean(made))


def ranges(before: Pairs, after: Pairs, seed: int = 1) -> list[tuple[float, float]]:
    """95 % ranges of both figures and of the lead, items drawn anew, both readers on the same draw."""
    draw = random.Random(seed)
    rows = []
    for _ in range(RESAMPLES):
        chosen = [draw.randrange(len(before)) for _ in before]
        first, second = macro_f1([before[at] for at in chosen]), macro_f1([after[at] for at in chosen])
        rows.append((first, second, second - first))
    low, high = np.percentile(rows, [2.5, 97.5], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def main(folder: Path = EXAMPLE) -> None:
    """Print all of it."""
    topic, neural = load_topic(folder), load_neural()
    train, check = (load_labelled(folder / "labelled" / f"{name}.jsonl") for name in ("train", "check"))
    prepared = prepare(train, topic)

    def trained(positions: list[int]) -> LinearModel:
        return LinearModel(topic, fit(prepared, positions, topic))

    whole = trained(list(range(len(train))))
    untrained = FusedModel(topic, load_linear(topic, WEIGHTS), neural)
    fused = FusedModel(topic, whole, neural)
    print(f"{'':24}" + "".join(f"{name:>12}" for name in FIGURES))
    for name, model in (("untrained", untrained), (f"trained on {len(train)}", fused), ("its linear half", whole)):
        figures = measure(check, model).figures
        print(f"{name:24}" + "".join(f"{getattr(figures, one):12.3f}" for one in FIGURES))
    said = zip(("untrained", "trained", "lead"), ranges(stances(untrained, check), stances(fused, check)), strict=True)
    print("stance, 95 % range: " + "; ".join(f"{name} {low:.2f} to {high:.2f}" for name, (low, high) in said))
    for size in SIZES:
        made = []
        for seed in range(DRAWS):
            order = random.Random(seed).sample(range(len(train)), size)
            figures = measure(check, FusedModel(topic, trained(sorted(order)), neural)).figures
            made.append((figures.stance, figures.themes))
        stance, themes = np.mean(made, axis=0)
        print(f"trained on {size} (mean of {DRAWS} draws): stance {stance:.3f}, themes {themes:.3f}")


if __name__ == "__main__":
    main()
