"""What the reader's figures in the README and docs/reading.md come from: quality on a labelled set, peers beside it.

    nice python -m bench.reading ../shared/data/labelled_dev.jsonl.gz --write classify/weights/quality.json --record

Quality is that of models trained without the items that they are tested on, on the splits of `bench.splits`. A random
split flatters; later news of other outlets is the figure to expect on a new feed. A reader that is too costly to train
here hands in its held-out predictions (docs/reading.md has the format):

    python -m bench.reading LABELLED --write-splits splits.json
    python -m bench.reading LABELLED --predictions fused=predictions.jsonl

Table and margins are printed; everything goes to bench/out/reading.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.answers import Answers, Predictions
from bench.margins import stance_margin
from bench.peers import Peer, peers
from bench.speed import speed
from bench.splits import LATER, LATER_ELSEWHERE, SPLITS, as_record, make_splits
from classify.actors import Matcher
from classify.evaluate import Evaluation, Measured, gate, measure_splits, score
from classify.floors import FLOORS, load_floors, renewed, save_floors
from classify.labelled import Labelled, Split, digest, groups, load_labelled
from classify.model import version_of
from classify.outlets import outlet_groups
from classify.parameters import weights_digest
from classify.train import Prepared, prepare
from flows.evaluate import Evaluated, write
from ingest.topic import Topic, load_topic
from store.errors import InputError, RicwatchError
from store.settings import ROOT

OUT = Path(__file__).parent / "out"
LINEAR = "linear"
SET_NAME = "development set"
HELD_OUT = "trained anew for each split"
COLUMNS = ("relevance", "dyads", "stance", "stance_not_hard", "four_way", "themes", "main_theme", "ece")
Results = dict[str, dict[str, tuple[Evaluation, Answers]]]
"""By split and reader: the figures, and the answers that they come from."""


def linear_answers(prepared: Prepared, parts: Sequence[Split], topic: Topic) -> Answers:
    """What the linear model reads in the second parts, trained anew on each first part."""
    measured = measure_splits(prepared, parts, topic)
    return Answers(measured.reads, measured.stances, measured.p_concerns)


def peer_answers(peer: Peer, labelled: Sequence[Labelled], parts: Sequence[Split]) -> Answers:
    """What a peer reads in the second parts, where it may learn from each first part."""
    answers = [peer([labelled[at] for at in own], [labelled[at] for at in held]) for own, held in parts]
    return Answers(
        tuple(read for part in answers for read in part.reads),
        tuple(stances for part in answers for stances in part.stances),
        tuple(concerns for part in answers for concerns in part.p_concerns),
    )


def table(split: str, results: Mapping[str, tuple[Evaluation, Answers]]) -> str:
    """The readers of one split, a line each."""
    first = next(iter(results.values()))[0]
    lines = [
        f"\n{split}: {SPLITS[split]} ({first.items:,} items, {first.pairs:,} dyads)",
        f"{'':<24}" + "".join(f"{name.replace('stance_not_hard', 'not_hard'):>11}" for name in COLUMNS),
    ]
    for name, (figures, _) in results.items():
        lines.append(f"{name:<24}" + "".join(f"{getattr(figures, column):>11.3f}" for column in COLUMNS))
    return "\n".join(lines)


def margins(
    own: Sequence[str], labelled: Sequence[Labelled], results: Mapping[str, tuple[Evaluation, Answers]]
) -> dict[str, dict[str, dict[str, float]]]:
    """For each reader of *own*: by how much it leads every other reader.

    The lead in stance macro-F1 comes with its 95 % range; that in four-way macro-F1 as a plain difference.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in own:
        if name not in results:
            continue
        figures, mine = results[name]
        found[name] = {}
        for other, (theirs, answers) in results.items():
            if other != name:
                lead = asdict(stance_margin(labelled, mine, answers)) | {"four_way": figures.four_way - theirs.four_way}
                found[name][other] = {key: round(value, 4) for key, value in lead.items()}
    return found


def run(
    labelled: Sequence[Labelled],
    topic: Topic,
    splits: Mapping[str, list[Split]],
    *,
    predictions: Sequence[Predictions] = (),
    with_linear: bool = True,
    with_peers: bool = True,
) -> Results:
    """Let every reader read every split; prints each table as it comes."""
    group_of = outlet_groups(topic.folder)
    prepared = prepare(labelled, topic) if with_linear else None
    rivals = peers(topic) if with_peers else {}
    for name, peer in rivals.items():
        if isinstance(peer, str):
            print(f"{name} is left out: {peer}", flush=True)
    results: Results = {}
    for split, parts in splits.items():
        tested = [labelled[at] for _, held in parts for at in held]
        found: dict[str, Answers] = {}
        for own in predictions:
            answers = own.answers(split, tested)
            if answers is None:
                print(f"{own.name} has no predictions for {split}", flush=True)
            else:
                found[own.name] = answers
        if prepared is not None:
            found[LINEAR] = _timed(LINEAR, split, lambda parts=parts: linear_answers(prepared, parts, topic))
        for name, peer in rivals.items():
            if not isinstance(peer, str):
                found[name] = _timed(
                    name, split, lambda peer=peer, parts=parts: peer_answers(peer, labelled, parts)
                )  # fmt: skip
        results[split] = {
            name: (score(tested, answers.reads, answers.stances, group_of=group_of), answers)
            for name, answers in found.items()
        }
        if found:
            print(table(split, results[split]), flush=True)
    return results


def _timed(name: str, split: str, work: Any) -> Answers:
    started = time.perf_counter()
    answers: Answers = work()
    print(f"{split}: {name} read in {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
    return answers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", type=Path, help="labelled items, .jsonl or .jsonl.gz")
    parser.add_argument("--splits", nargs="+", choices=list(SPLITS), default=list(SPLITS), help="only these splits")
    parser.add_argument(
        "--predictions", action="append", default=[], metavar="NAME=FILE", help="held-out predictions of another reader"
    )
    parser.add_argument("--no-linear", action="store_true", help="do not train the linear model")
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    parser.add_argument("--no-speed", action="store_true", help="do not measure speed")
    parser.add_argument("--main", default="", metavar="NAME", help="reader whose figures head the record")
    parser.add_argument("--write-splits", type=Path, metavar="FILE", help="write the splits by ids, and stop")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the record to this JSON file as well")
    parser.add_argument("--mistakes", type=Path, metavar="DIR", help="write a page of mistakes for each split")
    parser.add_argument("--record", action="store_true", help="pin the figures of our own readers in floors.json")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write the record."""
    given = _arguments()
    topic = load_topic(ROOT / "seeds")
    labelled = load_labelled(given.items)
    every = make_splits(labelled, groups(labelled), outlet_groups(topic.folder))
    if given.write_splits:
        given.write_splits.write_text(json.dumps(as_record(labelled, every)) + "\n", encoding="utf-8")
        print(f"Splits written to {given.write_splits}")
        return
    handed_in = [_predictions(one) for one in given.predictions]
    own = [*(one.name for one in handed_in), *([] if given.no_linear else [LINEAR])]
    leading = given.main or next(iter(own), "")
    # A record that is kept is of what is shipped; that its reader is none is told before the work, not after.
    model = version_of(leading or LINEAR, topic) if given.write else f"{leading}, {HELD_OUT}"
    splits = {name: every[name] for name in given.splits}
    results = run(
        labelled,
        topic,
        splits,
        predictions=handed_in,
        with_linear=not given.no_linear,
        with_peers=not given.no_peers,
    )
    record: dict[str, Any] = {
        "command": "nice python -m bench.reading " + " ".join(sys.argv[1:]),
        "reader": leading,
        "model": model,
        "weights": weights_digest(),
        "set": {"digest": digest(labelled), "items": len(labelled), "relevant": sum(one.relevant for one in labelled)},
        "later_from": LATER,
        "gate": asdict(gate(labelled, Matcher(topic))),
    }
    if not given.no_speed:
        record["speed"] = {name: speed([one.item for one in labelled], topic, name) for name in own or [LINEAR]}
        print(f"\nspeed: {json.dumps(record['speed'])}")
    record |= {name: found[leading][0].as_record() for name, found in results.items() if leading in found}
    if "keyword rule" in results.get(LATER_ELSEWHERE, {}):
        record["keyword_rule_later_other_outlets"] = results[LATER_ELSEWHERE]["keyword rule"][0].as_record()
    record["readers"] = {
        split: {name: _short(figures) for name, (figures, _) in found.items()} for split, found in results.items()
    }
    record["margins"] = {}
    for split, found in results.items():
        tested = [labelled[at] for _, held in splits[split] for at in held]
        record["margins"][split] = margins(own, tested, found)
        for name, others in record["margins"][split].items():
            print(f"\n{split}: stance macro-F1 of {name} ahead of (95 % range); four-way macro-F1 ahead")
            for other, one in others.items():
                lead = f"{one['difference']:+.3f}  ({one['low']:+.3f} to {one['high']:+.3f})  {one['four_way']:+.3f}"
                print(f"  {other:<24}{lead}")
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    OUT.mkdir(exist_ok=True)
    for path in [OUT / "reading.json", *([given.write] if given.write else [])]:
        path.write_text(text, encoding="utf-8")
        print(f"written: {path}")
    if given.mistakes:
        for split, found in results.items():
            if leading in found:
                tested = [labelled[at] for _, held in splits[split] for at in held]
                _mistakes(given.mistakes / split, split, leading, tested, found[leading], topic)
    if given.record:
        _pin(labelled, splits, results, own)


def _mistakes(
    folder: Path, split: str, name: str, tested: Sequence[Labelled], found: tuple[Evaluation, Answers], topic: Topic
) -> None:
    """The page that `ricwatch evaluate` writes, of readings by models that saw none of these items in training."""
    figures, answers = found
    done = Evaluated(
        name=f"{SET_NAME}, {split}",
        digest=digest(tested),
        backend=name,
        model=f"{name}, {HELD_OUT}",
        measured=Measured(tuple(tested), answers.reads, answers.stances, answers.p_concerns, figures),
        gate=gate(tested, Matcher(topic)),
        bounds=(),
        remarks=(f"Held out: {SPLITS[split]}.",),
    )
    write(done, [], folder, ROOT / "templates")
    print(f"written: {folder / 'mistakes.html'}")


def _pin(labelled: Sequence[Labelled], splits: Mapping[str, list[Split]], results: Results, own: Sequence[str]) -> None:
    pins = load_floors()
    for split in splits:
        for name in own:
            if name in results[split]:
                figures = results[split][name][0].as_record()
                pins = renewed(pins, labelled, figures, name=SET_NAME, backend=name, model=HELD_OUT, split=split)
    save_floors(pins)
    print(f"pinned: {FLOORS}")


def _short(figures: Evaluation) -> dict[str, Any]:
    record = figures.as_record()
    return {name: record[name] for name in ("items", "pairs", *COLUMNS, "stance_by_dyad", "by_group")}


def _predictions(argument: str) -> Predictions:
    name, equals, path = argument.partition("=")
    if not (name and equals and path):
        raise InputError(f"--predictions takes NAME=FILE, for example fused=predictions.jsonl; found {argument!r}")
    return Predictions(name, Path(path))


if __name__ == "__main__":
    try:
        main()
    except RicwatchError as error:
        sys.exit(f"bench.reading: {error}")
