"""What the detector's figures in the README and in docs/method.md come from: simulated presses, bars, rivals.

    python -m bench.shifts                       # about half an hour on two cores
    python -m bench.shifts --quick               # a few minutes
    python -m bench.shifts --only harsh 'x2'     # what has one of these in its name
    python -m bench.shifts --no-rivals

`bench.measures` says what is measured, `bench.rivals` beside whom, `bench.bars` against what. Everything goes to
bench/out/shifts.json; a run with --only adds to what is there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path

from bench import measures, rivals
from bench.bars import BARS
from bench.measures import ACCIDENTS, EFFECTS, NULLS, SEED, YEARS, Figures, Row
from bench.worlds import BASE, SPARSE

OUT = Path(__file__).parent / "out" / "shifts.json"
Run = Callable[[int], Row]
Results = dict[str, dict[str, float]]


def measurements() -> dict[str, tuple[Run, Figures]]:
    """By name: how one press is simulated and what is made of many."""
    found: dict[str, tuple[Run, Figures]] = {}
    for name, world in NULLS.items():
        found[name] = partial(measures.null_run, world), measures.null_figures
    for name, effect in EFFECTS.items():
        found[name] = partial(measures.effect_run, BASE, effect), measures.effect_figures
        found[f"{name}, sparse"] = partial(measures.effect_run, SPARSE, effect), measures.effect_figures
    for name in ("stance +0.4", "stance +0.2", "attention x3"):
        found[f"{name} ends"] = partial(measures.return_run, BASE, EFFECTS[name]), measures.mean_figures
    found["stance +0.2 lasts"] = partial(measures.lasting_run, BASE, EFFECTS["stance +0.2"]), measures.mean_figures
    for name, change in ACCIDENTS.items():
        found[name] = partial(measures.accident_run, BASE, change), measures.mean_figures
    return found


def measure(names: Sequence[str], null_runs: int, other_runs: int, pool: Executor) -> Results:
    """The figures of each measurement in *names*, printed as they come."""
    results: Results = {}
    every = measurements()
    for name in names:
        run, figures = every[name]
        rows = list(pool.map(run, range(null_runs if name in NULLS else other_runs), chunksize=1))
        results[name] = figures(rows)
        print(f"{name}: {_shown(results[name])}", flush=True)
    return results


def measure_rivals(null_runs: int, effect_runs: int, pool: Executor, only: Sequence[str] = ()) -> Results:
    """Each rival, or those named in *only*, at its textbook setting and at equal false alarms."""
    results: Results = {}
    for rival in rivals.rivals():
        if only and rival.name not in only:
            continue
        if rival.package and importlib.util.find_spec(rival.package) is None:
            print(f"{rival.name} is left out: {rival.package} is not installed (extra bench)")
            continue
        # KSWIN tests anew with every value, seven seconds a press and setting: a fifth of the years has to do.
        nulls = max(2, null_runs // 5) if rival.name == "KSWIN" else null_runs

        def false_digests(setting: float, first: int, rival: rivals.Rival = rival, nulls: int = nulls) -> float:
            run = partial(rivals.null_run, rival, setting, BASE)
            return sum(pool.map(run, range(first, first + nulls))) / (nulls * YEARS)

        equal = rivals.equal_setting(rival, partial(false_digests, first=rivals.TUNING))
        for label, setting in (("textbook", rival.textbook), ("at equal false alarms", equal)):
            name = f"{rival.name}, {label}"
            if setting is None:
                print(f"{name}: no setting is as quiet", flush=True)
                continue
            own = {"setting": float(setting), "false digests a year": round(false_digests(setting, SEED), 2)}
            for effect_name, effect in rivals.RIVAL_EFFECTS.items():
                run = partial(rivals.effect_run, rival, setting, BASE, effect)
                rows = list(pool.map(run, range(effect_runs)))
                own[f"{effect_name} in 30 days"] = sum(
                    (row["delay"] or 0) <= 30 and row["delay"] is not None for row in rows
                ) / len(rows)
            results[name] = own
            print(f"{name}: {_shown(own)}", flush=True)
    return results


def _shown(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in figures.items())


def main() -> None:
    """Measure, print as it goes, hold against the bars, and write bench/out/shifts.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the presses")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="TEXT", help="only measurements with this in their name"
    )
    parser.add_argument("--no-rivals", action="store_true", help="leave the rivals out")
    parser.add_argument(
        "--only-rivals", nargs="*", metavar="NAME", help="measure nothing but the rivals, or those of these names"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default: one per core")
    given = parser.parse_args()
    rivals_alone, named = given.only_rivals is not None, given.only_rivals or ()
    unknown = sorted(set(named) - {rival.name for rival in rivals.rivals()})
    if unknown:
        known_names = ", ".join(rival.name for rival in rivals.rivals())
        parser.error(f"no rival is named {', '.join(unknown)}; there are: {known_names}")
    null_runs, other_runs = (6, 20) if given.quick else (60, 150)
    names = [name for name in measurements() if not given.only or any(text in name for text in given.only)]
    if not names:
        parser.error(f"nothing is named like {', '.join(given.only)}; there are: {', '.join(measurements())}")
    known = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() and (given.only or rivals_alone) else {}
    with ProcessPoolExecutor(given.jobs) as pool:
        results: Results = dict(known.get("figures", {}))
        beside: Results = dict(known.get("rivals", {}))
        if not rivals_alone:
            results |= measure(names, null_runs, other_runs, pool)
        if not given.no_rivals and not given.only:
            beside |= measure_rivals(max(6, null_runs // 2), other_runs // 3, pool, named)
    print("\n" + "\n".join(line for bar in BARS if (line := bar.line(results))))
    OUT.parent.mkdir(exist_ok=True)
    about = {"null_years": null_runs * YEARS, "presses_per_change": other_runs}
    OUT.write_text(
        json.dumps({"about": about, "figures": results, "rivals": beside}, indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
