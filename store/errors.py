"""The one exception tree.

RicwatchError                 what a person can act on; the command line prints it as one line
├── ConfigError               a setting is missing or contradicts another
├── InputError                a file or a line that was given is not what it should be
│   └── SeedError             a seed file: dossier, actors, themes, claims or feed roster
├── StoreError                the database is absent, not migrated, or of a newer version
└── DeliveryError             a mail could not be handed over
"""

from __future__ import annotations


class RicwatchError(Exception):
    """Base of all errors that say what was tried, on what, and what to do now."""


class ConfigError(RicwatchError):
    """A setting is missing or contradicts another."""


class InputError(RicwatchError):
    """A file or line that was given is not what it should be; the message names file and line."""


class SeedError(InputError):
    """A seed file is malformed; the message names file, line and reason."""


class StoreError(RicwatchError):
    """The database is absent, not migrated, or newer than this version of the program."""


class DeliveryError(RicwatchError):
    """A mail could not be handed over."""
