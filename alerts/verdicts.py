"""What readers say of a shift, and the record that comes of it: how often the monitor was right so far."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts import life
from alerts.notices import went_out
from alerts.notify import DigestKind
from alerts.words import count, day_words, in_words, listed, plain
from store.errors import ConfigError
from store.models import Digest, Shift
from store.people import Judgement


class Said(StrEnum):
    """A reader's word on a shift."""

    RIGHT = "right"
    WRONG = "wrong"
    KNOWN = "known"


SAID_WORDS = {
    Said.RIGHT: "a real change of coverage, and news to me",
    Said.WRONG: "nothing changed, or not what the digest said",
    Said.KNOWN: "a real change of coverage that I knew of",
}


@dataclass(frozen=True, slots=True)
class Record:
    """What became of what was told. `since` is the day of the first digest; a shift counts once, whoever was told.

    Of several readers of one shift, the word of most counts; as many of each count as wrong.
    """

    since: dt.date | None = None
    digests: int = 0
    told: int = 0
    confirmed: int = 0
    faded: int = 0
    right: int = 0
    wrong: int = 0
    known: int = 0

    @property
    def open(self) -> int:
        """Told, and not measured again yet."""
        return self.told - self.confirmed - self.faded


def judge(session: Session, number: int, verdict: str, *, by: str, comment: str = "", now: dt.datetime) -> Shift:
    """Keep what *by* says of the shift with that number; a later word replaces the earlier one.

    Raises:
        ConfigError: there is no such shift, no such verdict, or nobody says it.
    """
    who = plain(by, 120)
    if not who:
        raise ConfigError("say who judges, so that one person's words are not counted twice")
    try:
        said = Said(verdict)
    except ValueError:
        raise ConfigError(f"{verdict!r} is no verdict; it is one of {', '.join(Said)}") from None
    shift = session.get(Shift, number)
    if shift is None:
        raise ConfigError(f"there is no shift with number {number}; digests print it, `ricwatch shifts` lists them")
    held = session.get(Judgement, (number, who))
    if held is None:
        held = Judgement(shift_id=number, judge=who)
        session.add(held)
    held.verdict, held.comment, held.judged_at = said, plain(comment, 1_000), now
    why = f"{who} judged it {said}: {SAID_WORDS[said]}."
    life.note(session, shift.id, "judged", why, day=shift.detected, now=now)
    session.flush()
    return shift


def gather_record(session: Session, model: str, until: dt.date) -> Record:
    """The record of *model* up to the day of data *until*."""
    told: set[int] = set()
    digests, since = 0, None
    rows = session.execute(
        select(Digest.shift_ids, Digest.composed_at)
        .where(
            Digest.kind.in_((DigestKind.SHIFT, DigestKind.WEEKLY)),
            Digest.model == model,
            Digest.day <= until,
            went_out(),
        )
        .order_by(Digest.composed_at)
    )
    for shifts, at in rows:
        since = since or at.date()
        told |= {int(shift["id"]) for shift in shifts}
    digests = (
        session.scalar(
            select(func.count(Digest.day.distinct())).where(
                Digest.kind == DigestKind.SHIFT, Digest.model == model, Digest.day <= until, went_out()
            )
        )
        or 0
    )
    status = Counter(status for number, status in session.execute(select(Shift.id, Shift.status)) if number in told)
    said: dict[int, Counter[str]] = {}
    for one in session.scalars(select(Judgement)):
        if one.shift_id in told:
            said.setdefault(one.shift_id, Counter())[one.verdict] += 1
    words = Counter(_word(votes) for votes in said.values())
    return Record(
        since=since,
        digests=digests,
        told=len(told),
        # A shift that came back to its old level had lasted until then.
        confirmed=status["confirmed"] + status["returned"],
        faded=status["faded"],
        right=words[Said.RIGHT],
        wrong=words[Said.WRONG],
        known=words[Said.KNOWN],
    )


def _word(votes: Counter[str]) -> str:
    top = votes.most_common(2)
    return Said.WRONG if len(top) == 2 and top[0][1] == top[1][1] and Said.WRONG in votes else top[0][0]


def record_words(record: Record) -> str:
    """The record in two sentences; empty before the first digest."""
    if record.since is None:
        return ""
    if not record.told:
        return f"Since {day_words(record.since)} no shift was told."
    fates = [
        f"{in_words(number)} {word}"
        for number, word in (
            (record.confirmed, "confirmed by later days"),
            (record.faded, "faded"),
            (record.open, "not measured again yet"),
        )
        if number
    ]
    judged = [
        f"{in_words(number)} {word}"
        for number, word in ((record.right, "right"), (record.known, "known"), (record.wrong, "wrong"))
        if number
    ]
    said = f"Readers judged {listed(judged)}." if judged else "No reader has judged one yet."
    return f"{count(record.told, 'shift')} told since {day_words(record.since)}: {listed(fates)}. {said}"
