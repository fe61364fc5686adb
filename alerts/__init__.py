"""Readings come in; daily series, shifts with their evidence, digests and delivered mail go out."""
