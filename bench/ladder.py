"""How long evidence takes to reach a height by chance: what the ladders in `alerts/thresholds.py` come from.

    python -m bench.ladder            # the families of themes and press blocs, some five minutes on one core

Gives, for each height, ln(mean days to the first passage) of a family on coverage that does not change, without resets
and without raised thresholds. Seeds start at 300,000: no figure of the method page was measured on them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable

import numpy as np

from alerts.model import Kind
from alerts.monitor import SeriesMonitor
from alerts.votes import Coverage, FloatArray
from alerts.watched import series_of
from bench.worlds import BASE, SPARSE, World, simulate

SEED = 300_000
DAYS = 1095
HEIGHTS = (4.0, 5.0, 5.5, 6.0, 7.0, 8.0, 9.0)


def highest(coverage: Coverage, kinds: Iterable[Kind]) -> dict[Kind, FloatArray]:
    """The family's evidence so far, day by day: (days,) each, natural logarithms."""
    reached = {kind: np.full(coverage.days, -math.inf) for kind in kinds}
    for item in series_of(coverage):
        if item.kind not in reached:
            continue
        monitor, best = SeriesMonitor(item.baseline, item.kind), reached[item.kind]
        for t in range(item.baseline.days):
            monitor.step(t, math.inf)
            best[item.start + t] = max(best[item.start + t], monitor.evidence)
    return {kind: np.maximum.accumulate(best) for kind, best in reached.items()}


def ladder(world: World, kinds: tuple[Kind, ...], runs: int) -> dict[Kind, list[float]]:
    """ln(mean days to the first passage) at each of `HEIGHTS`; infinite where none passed."""
    exposure = {kind: np.zeros(len(HEIGHTS)) for kind in kinds}
    passed = {kind: np.zeros(len(HEIGHTS)) for kind in kinds}
    for run in range(runs):
        for kind, best in highest(simulate(world, DAYS, SEED + run), kinds).items():
            for at, height in enumerate(HEIGHTS):
                below = int(np.count_nonzero(best < height))
                exposure[kind][at] += below
                passed[kind][at] += below < len(best)
    with np.errstate(divide="ignore"):
        return {kind: np.log(exposure[kind] / passed[kind]).tolist() for kind in kinds}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    runs = parser.parse_args().runs
    for name, world in (("base", BASE), ("sparse", SPARSE)):
        for kind, lengths in ladder(world, (Kind.THEME, Kind.BLOC), runs).items():
            rungs = ", ".join(f"{height:g}: {length:.2f}" for height, length in zip(HEIGHTS, lengths, strict=True))
            print(f"{name}, {kind}: {rungs}", flush=True)


if __name__ == "__main__":
    main()
