"""Measurements: what the numbers in the README come from, with peers side by side."""

import os

# Where it is set, our modules are compiled at each start, and those that pip installed, the peers' among them, are not.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
