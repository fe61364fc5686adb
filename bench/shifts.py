"""What the detector's figures in the README and in docs/method.md come from: simulated presses, a naive peer beside it.

    python -m bench.shifts            # about ten minutes on one core
    python -m bench.shifts --quick    # about two

A false digest is a day with at least one alarm on coverage that did not change. Delays are from the day of the change
to the alarm; a run without an alarm of the right tie and kind within 60 days counts as missed. Seeds start at 50,000:
no setting was chosen on them.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alerts.detect import detect
from alerts.model import DYADS, Found, Kind, Verdict
from alerts.votes import Coverage
from bench.worlds import CHANGED_THEME, THEMES, WORLDS, Change, World, simulate

SEED = 50_000
YEARS = 2
CHANGE_DAY = 150
WATCHED = 60
OUT = Path(__file__).parent / "out"


@dataclass(frozen=True, slots=True)
class Effect:
    """A change to be found: its name, the series in which it shows, and what is done to the first dyad or a theme.

    A bloc's turn counts as found when it is told as a split, or as a shift of the tie that names that bloc alone.
    """

    name: str
    kind: Kind
    change: Change


EFFECTS = (
    Effect("stance +0.4", Kind.STANCE, Change(start=CHANGE_DAY, stance=0.4)),
    Effect("stance +0.2", Kind.STANCE, Change(start=CHANGE_DAY, stance=0.2)),
    Effect("attention x3", Kind.ATTENTION, Change(start=CHANGE_DAY, volume=3.0)),
    Effect("attention x2", Kind.ATTENTION, Change(start=CHANGE_DAY, volume=2.0)),
    Effect("theme x3", Kind.THEME, Change(start=CHANGE_DAY, theme=3.0)),
    Effect("theme x2", Kind.THEME, Change(start=CHANGE_DAY, theme=2.0)),
    Effect("one bloc +0.6", Kind.BLOC, Change(start=CHANGE_DAY, stance=0.6, bloc="russia")),
)


def false_digests(world: World, runs: int) -> tuple[float, dict[str, float]]:
    """False digests a year at the default target, and false alarms a year of each kind."""
    days, kinds = 0, Counter[Kind]()
    for run in range(runs):
        found = detect(simulate(world, YEARS * 365, SEED + run))
        days += len({one.detected for one in found})
        kinds.update(one.kind for one in found)
    return days / (runs * YEARS), {str(kind): round(kinds[kind] / (runs * YEARS), 2) for kind in Kind}


def naive_days(coverage: Coverage) -> Iterator[tuple[str, Kind, int]]:
    """The naive peer: a day's count, or mean score, more than 3 standard deviations off its 30-day mean."""
    for dyad in DYADS:
        table = coverage.dyads[dyad]
        count = table.votes.sum(axis=1)
        mean = np.divide(table.score.sum(axis=1), count, out=np.zeros_like(count), where=count > 0)
        for kind, values in ((Kind.STANCE, mean), (Kind.ATTENTION, count)):
            for t in range(30, len(values)):
                window = values[t - 30 : t]
                if abs(values[t] - window.mean()) > 3 * max(window.std(ddof=1), 1e-9):
                    yield dyad, kind, t


def naive_false_digests(world: World, runs: int) -> float:
    """Days a year on which the naive peer alarms on unchanged coverage."""
    days = sum(len({t for _d, _k, t in naive_days(simulate(world, YEARS * 365, SEED + run))}) for run in range(runs))
    return days / (runs * YEARS)


def delays(world: World, effect: Effect, runs: int) -> list[int | None]:
    """Days from the change to the alarm, a run each; None where none came."""
    found: list[int | None] = []
    for run in range(runs):
        coverage = simulate(world, CHANGE_DAY + WATCHED, SEED + 10_000 + run, effect.change)
        late = [
            (one.detected - coverage.first).days - CHANGE_DAY
            for one in detect(coverage)
            if _tells(one, effect) and (one.detected - coverage.first).days >= CHANGE_DAY
        ]
        found.append(min(late) if late else None)
    return found


def _tells(one: Found, effect: Effect) -> bool:
    if effect.kind is Kind.THEME:
        return one.theme == THEMES[CHANGED_THEME]
    if effect.kind is not Kind.BLOC:
        return one.dyad == DYADS[0] and one.kind is effect.kind
    moved = [move.bloc for move in one.bloc_moves if move.verdict is Verdict.MOVED]
    return one.dyad == DYADS[0] and one.kind.tone and moved == [effect.change.bloc]


def summarised(found: list[int | None]) -> dict[str, float | str]:
    """Median delay and the parts found within 14 and 30 days."""
    times = sorted(WATCHED + 1 if one is None else one for one in found)
    middle = times[len(times) // 2]
    return {
        "median_days": middle if middle <= WATCHED else f">{WATCHED}",
        "within_14": round(sum(one <= 14 for one in times) / len(times), 3),
        "within_30": round(sum(one <= 30 for one in times) / len(times), 3),
    }


def main() -> None:
    """Measure, print as it goes, and write bench/out/shifts.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    quick = parser.parse_args().quick
    null_runs, shift_runs = (6, 10) if quick else (30, 40)
    result: dict[str, object] = {"null_years_per_world": null_runs * YEARS, "runs_per_effect": shift_runs}
    for name, world in WORLDS.items():
        (ours, kinds), naive = false_digests(world, null_runs), naive_false_digests(world, null_runs)
        result[name] = {
            "false_digests_per_year": round(ours, 2),
            "by_kind": kinds,
            "naive_false_digests_per_year": round(naive, 1),
        }
        print(f"{name}: {ours:.2f} false digests a year {kinds}; naive z-score {naive:.0f}", flush=True)
    for effect in EFFECTS:
        for name in ("base", "sparse"):
            figures = summarised(delays(WORLDS[name], effect, shift_runs))
            result[f"{name}, {effect.name}"] = figures
            print(f"{name}, {effect.name}: {figures}", flush=True)
    OUT.mkdir(exist_ok=True)
    (OUT / "shifts.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
