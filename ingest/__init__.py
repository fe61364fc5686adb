"""Feeds, archives and seed dossiers come in; articles, each in a story, and a health state per feed go out."""
