"""Whether the evidence sentence is what the reading rests on: take it away and read again, beside another sentence.

    nice python -m bench.evidence [LABELLED]

Of every item with at least two sentences and a tie that is read with a direction, the evidence sentence is removed, and
in its place every other sentence in turn. Told are the mean fall of the probability of the stance that was read, and in
how many items the evidence weighs more than each of the others. Without a file our own examples are read.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classify.actors import Matcher
from classify.decide import PairScore
from classify.fused import FusedModel, load_fused
from classify.labelled import load_labelled
from classify.model import Item
from classify.text import make_document
from flows.evaluate import labelled_files
from ingest.topic import load_topic
from store.settings import ROOT


@dataclass(frozen=True, slots=True)
class Deletion:
    """Falls of the probability of the stance that was read: without the evidence, and without another on average."""

    evidence: float
    others: float
    heaviest: bool


def deletions(items: Sequence[Item], model: FusedModel, matcher: Matcher) -> list[Deletion]:
    """One for each item that has something to remove."""
    found = []
    for item, read in zip(items, model.read(items), strict=True):
        turned = {dyad: one for dyad, one in read.dyads.items() if one.stance}
        sentences = _sentences(item, matcher)
        if not (turned and read.evidence and len(sentences) > 1):
            continue
        dyad, own = max(turned.items(), key=lambda pair: max(pair[1].p))
        falls = {}
        for at, sentence in enumerate(sentences):
            left = model.score_pairs(_without(sentences, at)).get(dyad)
            falls[sentence] = own.p[own.stance + 1] - _p(left, own.stance)
        mine = falls.pop(read.evidence, None)
        if mine is not None and falls:  # an evidence sentence that was shortened is not found again
            rest = list(falls.values())
            found.append(Deletion(mine, sum(rest) / len(rest), mine >= max(rest)))
    return found


def _sentences(item: Item, matcher: Matcher) -> list[str]:
    document = make_document(item, matcher)
    return [document.full[start:end] for start, end in document.sentences]


def _without(sentences: Sequence[str], at: int) -> Item:
    kept = [sentence for index, sentence in enumerate(sentences) if index != at]
    return replace(Item("1", kept[0]), text=" ".join(kept[1:]))


def _p(score: PairScore | None, stance: int) -> float:
    """What is left of a stance: where the text no longer concerns the tie, nothing."""
    return score.p_concerns * score.stance.p[stance + 1] if score else 0.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", type=Path, nargs="?", help="labelled items; our own examples without")
    given = parser.parse_args()
    topic = load_topic(ROOT / "seeds")
    files = [given.items] if given.items else labelled_files([ROOT / "classify" / "examples"])
    items = [one.item for path in files for one in load_labelled(path)]
    found = deletions(items, load_fused(topic), Matcher(topic))
    print(f"{len(found):,} items with a direction and something to remove")
    print(f"the evidence sentence removed: the probability falls by {_mean([one.evidence for one in found]):.2f}")
    print(f"another sentence removed:      by {_mean([one.others for one in found]):.2f}")
    print(f"the evidence weighs the most:  in {_mean([float(one.heaviest) for one in found]):.0%}")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


if __name__ == "__main__":
    main()
