"""A digest to twenty readers, killed at six random moments: nobody gets it twice and nobody is forgotten."""

from __future__ import annotations

import random

from bench.mail_kills import READERS, kill


def test_whenever_it_is_killed_each_reader_gets_one_or_is_shown_as_unknown() -> None:
    tally = kill(6, random.Random(6))
    assert tally.faults == []
    assert (tally.doubled, tally.missing) == (0, 0)
    assert tally.mails == tally.sent + tally.unknown >= 6 * len(READERS)
    # Half of them while composing is meant; one may come late, on a machine that composes faster than a moment ago.
    assert tally.killed_composing + tally.killed_sending == 6
    assert tally.killed_composing >= 1
    assert tally.killed_sending >= 1
