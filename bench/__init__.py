"""Measurements: what the numbers in the README come from, with peers side by side."""
