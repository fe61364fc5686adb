"""How a labelled set is split so that a figure is not flattered: nothing is tested that training could have copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from classify.labelled import Labelled, Split, fold_numbers, split_by_time, split_by_time_and_archive

FOLDS = 5
LATER = "2023-07-01"
FIVE_FOLDS, LATER_NEWS, LATER_ELSEWHERE, OTHER_GROUPS = (
    "five_folds_by_date",
    "later",
    "later_other_outlets",
    "other_outlet_groups",
)
SPLITS = {
    FIVE_FOLDS: "five folds; a date and near-copies stay together",
    LATER_NEWS: f"trained before {LATER}, tested from then on",
    LATER_ELSEWHERE: f"trained before {LATER}, tested from then on, on outlets that training never saw",
    OTHER_GROUPS: "each group of outlets read by a model that saw no outlet of the group, nor its dates",
}


def make_splits(
    labelled: Sequence[Labelled], groups: Sequence[int], group_of: Callable[[str], str]
) -> dict[str, list[Split]]:
    """The parts of every split: positions to train on, positions to test on.

    *groups* are those of `classify.labelled.groups`; *group_of* names the group of an outlet.
    """
    number = fold_numbers(groups, FOLDS, 0)
    return {
        FIVE_FOLDS: [_parts([its == fold for its in number]) for fold in range(FOLDS)],
        LATER_NEWS: [split_by_time(labelled, LATER)],
        LATER_ELSEWHERE: [split_by_time_and_archive(labelled, LATER)],
        OTHER_GROUPS: _leave_group_out(labelled, groups, group_of),
    }


def as_record(labelled: Sequence[Labelled], splits: dict[str, list[Split]]) -> dict[str, Any]:
    """The splits by ids, for models that are trained elsewhere and hand in their predictions."""
    return {
        name: [{"train": [labelled[at].item.id for at in own], "test": [labelled[at].item.id for at in held]}
               for own, held in parts]
        for name, parts in splits.items()
    }  # fmt: skip


def _leave_group_out(
    labelled: Sequence[Labelled], groups: Sequence[int], group_of: Callable[[str], str]
) -> list[Split]:
    outlets = [group_of(one.item.source) for one in labelled]
    splits = []
    for name in sorted(set(outlets)):
        held = [at for at, own in enumerate(outlets) if own == name]
        # The same news under another outlet's name is no unseen news: its date, and near-copies of it, go as well.
        seen = {groups[at] for at in held}
        splits.append(([at for at, own in enumerate(outlets) if own != name and groups[at] not in seen], held))
    return splits


def _parts(held: Sequence[bool]) -> Split:
    return [at for at, out in enumerate(held) if not out], [at for at, out in enumerate(held) if out]
