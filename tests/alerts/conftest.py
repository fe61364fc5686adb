"""The detector is tested on the benchmark's simulated press, which lies beside the packages and is not installed."""

from __future__ import annotations

import sys

from store.settings import ROOT

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
