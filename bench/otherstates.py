"""What labels of other states' pairs give the reader: a network learns on with and without them, on later news.

    nice python -m bench.otherstates LABELLED --texts STREAM… --seed 1
    python -m bench.reading LABELLED --splits later later_other_outlets --no-linear --no-peers --no-speed \\
        --predictions before=bench/out/otherstates-before-1.jsonl \\
        --predictions without=bench/out/otherstates-without-1.jsonl \\
        --predictions with=bench/out/otherstates-with-1.jsonl

The first trains a small network on what is older than July 2023, as `ricwatch train --backend fused` does without
unlabelled news (no teachers, no gaps filled); then it learns on (`classify.further`), once from the same labels again
and once from these and the others. Each writes predictions, fused with one linear half; what the fusion takes is fitted
on the other four fifths of the later items. The streams are those that the labels without texts were read in. Needs
the extras train and tune, and two and a half hours of one core without 16-bit products, half an hour with them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

from bench.splits import LATER_ELSEWHERE, LATER_NEWS
from classify.evaluate import Measured, measure
from classify.further import learn_further
from classify.fused import FusedModel
from classify.fusion import fit_fusion
from classify.labelled import Labelled, fold_numbers, groups, join_labels, load_labelled, split_by_time
from classify.linear import LinearModel
from classify.neural import NeuralModel, Reals
from classify.otherlabels import join_pairs, pair_examples
from classify.otherpairs import other_prompts, text_of
from classify.train import fit, prepare
from classify.train_fused import (
    HELD_FROM,
    examples_for_network,
    for_linear,
    held_out,
    load_lessons,
    load_news,
)
from classify.tune import Tuned, tune
from ingest.topic import Topic, load_topic
from store.progress import Progress
from store.settings import ROOT

OUT = Path(__file__).parent / "out"
LABELS = ROOT / "classify" / "labels"
FOLDS = 5


class AsTrained(NeuralModel):
    """A network before its weights are rounded: `session` is a `classify.tune.Tuned`."""

    def logits(self, prompts: Sequence[str]) -> Reals:
        """As `NeuralModel.logits`."""
        rows: Reals = self.session.logits(prompts)
        return rows


def fused_on_others(linear: LinearModel, tuned: Tuned, late: Sequence[Labelled], topic: Topic) -> Iterator[Measured]:
    """What both halves together read in each fifth of *late*, put together by what the other fifths show."""
    number = fold_numbers(groups(late), FOLDS, 0)
    for fold in range(FOLDS):
        others = [one for one, its in zip(late, number, strict=True) if its != fold]
        own = [one for one, its in zip(late, number, strict=True) if its == fold]
        fusion = fit_fusion(held_out(linear, tuned, others, topic))
        neural = AsTrained(tuned, None, tuned.themes, fusion, "")
        yield measure(own, FusedModel(topic, linear, neural))


def lines(measured: Measured) -> Iterator[str]:
    """Predictions, as docs/reading.md describes them; the items of new outlets are some of all later ones."""
    for one, read, stances, concerns in zip(
        measured.labelled, measured.reads, measured.stances, measured.p_concerns, strict=True
    ):
        p = {dyad: list(stance.p) for dyad, stance in stances.items()}
        themes = [theme.code for theme in read.themes]
        for split in (LATER_NEWS, LATER_ELSEWHERE):
            line = {"id": one.item.id, "split": split, "dyads": p, "p_concerns": concerns, "themes": themes}
            yield json.dumps(line) + "\n"


def main() -> None:
    """Train, read, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", type=Path, help="labelled items, .jsonl or .jsonl.gz")
    parser.add_argument("--texts", type=Path, nargs="+", required=True, help="the streams that were labelled")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    topic = load_topic(ROOT / "seeds")
    labelled = load_labelled(given.items)
    early, later = split_by_time(labelled, HELD_FROM)
    own = [labelled[at] for at in early]
    own += [one for one in join_labels(LABELS / "streams.jsonl", given.texts).labelled if one.item.date < HELD_FROM]
    late = [labelled[at] for at in later]
    lessons = load_lessons()
    news = [item for path in given.texts for item in load_news(path) if item.date < HELD_FROM]
    read = join_pairs(LABELS / "otherpairs.jsonl", news).labelled
    print(
        f"{len(own):,} items, {len(lessons):,} lessons, {len(read):,} of other states; {len(late):,} later", flush=True
    )
    themes = tuple(theme.code for theme in topic.themes)
    pairs_of_own = examples_for_network(own, lessons, topic)
    unlabelled = other_prompts(map(text_of, news), topic)
    prepared = prepare([*own, *for_linear(lessons)], topic)
    linear = LinearModel(topic, fit(prepared, range(len(own) + len(lessons)), topic))
    OUT.mkdir(exist_ok=True)
    before = tune(pairs_of_own, themes, seed=given.seed, progress=show("before"))
    for name, more in (("before", None), ("without", []), ("with", pair_examples(read, topic))):
        tuned = deepcopy(before)
        if more is not None:
            learn_further(tuned, [*pairs_of_own, *more], unlabelled, seed=given.seed, progress=show(name))
        path = OUT / f"otherstates-{name}-{given.seed}.jsonl"
        parts = fused_on_others(linear, tuned, late, topic)
        path.write_text("".join(line for part in parts for line in lines(part)), encoding="utf-8")
        print(f"written: {path}", flush=True)


def show(name: str) -> Progress:
    """Prints every five hundredth step."""

    def report(done: int, total: int | None = None, note: str = "") -> None:
        if done % 500 == 0:
            print(f"{name}: {done:,} of {total:,} {note}", flush=True)

    return report


if __name__ == "__main__":
    main()
