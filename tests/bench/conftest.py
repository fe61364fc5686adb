"""The measurements are no part of the installed product; tests find them in the checkout."""

from __future__ import annotations

import sys

from store.settings import ROOT

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))
