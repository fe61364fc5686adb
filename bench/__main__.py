"""``make bench``: the reader where the labelled set is at hand, then the detector on simulated presses."""

from __future__ import annotations

import subprocess
import sys

from store.settings import ROOT

LABELLED = ROOT.parent / "shared" / "data" / "labelled_dev.jsonl.gz"

if __name__ == "__main__":
    if LABELLED.is_file():
        subprocess.run([sys.executable, "-m", "bench.reading", str(LABELLED)], check=True)
    else:
        print("The labelled set is not beside this checkout; the reader is not measured.")
    subprocess.run([sys.executable, "-m", "bench.shifts"], check=True)
