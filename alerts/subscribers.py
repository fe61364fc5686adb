"""The subscribers in the database: who gets digests, added, changed, paused and ended; in and out as CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.addresses import parse_address, parse_recipients
from alerts.outbox import withdraw
from alerts.readers import FIELDS, LIMITS, NONE, WEEKDAYS, Cadence, Reader, make_reader
from ingest.topic import load_topic
from store.errors import ConfigError, InputError, SeedError
from store.people import Subscriber
from store.settings import Settings

MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Codes:
    """The ties, themes and presses that the topic knows."""

    dyads: tuple[str, ...]
    themes: tuple[str, ...]
    blocs: tuple[str, ...] = ()


def topic_codes(settings: Settings) -> Codes:
    """The codes that a subscription may name.

    Raises:
        SeedError: the topic cannot be read, so nothing can be checked against it.
    """
    topic = load_topic(settings.seeds_dir)
    blocs = tuple(code for code, _name in topic.blocs)
    return Codes(tuple(topic.dyads), tuple(theme.code for theme in topic.themes), blocs)


def default_reader(settings: Settings, address: str = "") -> Reader:
    """A reader who said nothing but their address: all of it, at once, in the zone of the settings."""
    return Reader(address, timezone=settings.timezone, hour=settings.digest_hour, weekly_day=settings.weekly_day)


def readers(session: Session, settings: Settings) -> list[Reader]:
    """Everyone who gets digests: the subscribers, and the recipients of the settings who are none.

    The address that the settings have by default stands in for a reader only until somebody subscribes.

    Raises:
        ConfigError: an address of the settings is malformed.
    """
    rows = list(session.scalars(select(Subscriber).order_by(Subscriber.id)))
    known = {row.address.lower() for row in rows}
    # Two forms sent at the same moment may have stored one address twice; a reader is one all the same.
    running = list({row.address.lower(): _reader(row) for row in rows if row.ended_at is None}.values())
    named = parse_recipients(settings.recipients)
    if rows and "recipients" not in settings.model_fields_set:
        named = []
    fixed = [default_reader(settings, one.addr_spec) for one in named if one.addr_spec.lower() not in known]
    return fixed + running


def subscribe(
    session: Session, settings: Settings, fields: Mapping[str, Any], *, by: str, now: dt.datetime, whole: bool = False
) -> tuple[Reader, bool]:
    """Add a subscriber, or change the fields given of one who is there; gives them, and whether they are new.

    With *whole* the fields are the whole subscription, as a form shows it: what is not given is as by default. Only a
    pause stays.

    Raises:
        ConfigError: a field cannot be what it says; nothing was changed.
    """
    address = parse_address(str(fields.get("address", "")), "subscriber").addr_spec
    row = _find(session, address)
    codes = topic_codes(settings)
    base = default_reader(settings, address) if row is None or row.ended_at is not None else _reader(row)
    if whole:
        base = replace(default_reader(settings, address), paused_until=base.paused_until)
    reader = make_reader(fields, base=base, dyads=codes.dyads, themes=codes.themes)
    new = row is None or row.ended_at is not None
    if row is None:
        row = Subscriber(address=address)
        session.add(row)
    for name, value in _columns(reader).items():
        setattr(row, name, value)
    row.added_at, row.added_by, row.ended_at = now, by.strip()[:120], None
    session.flush()
    return reader, new


def unsubscribe(session: Session, settings: Settings, address: str, *, by: str, now: dt.datetime) -> None:
    """End a subscription, and keep back the mails that still wait for this reader.

    One that the settings name is ended too: the row outweighs them.

    Raises:
        ConfigError: nobody of that address gets digests.
    """
    spec = parse_address(address, "subscriber").addr_spec
    row = _find(session, spec)
    if row is None and spec.lower() in {one.addr_spec.lower() for one in parse_recipients(settings.recipients)}:
        row = Subscriber(**_columns(default_reader(settings, spec)))
        session.add(row)
    if row is None or row.ended_at is not None:
        raise ConfigError(f"{spec} gets no digests; ricwatch subscribers list shows who does")
    row.added_at, row.added_by, row.ended_at = now, by.strip()[:120], now
    withdraw(session, spec, "not sent: the reader had unsubscribed by then")
    session.flush()


def pause(session: Session, settings: Settings, address: str, until: dt.date | None, *, now: dt.datetime) -> Reader:
    """No digest to *address* before *until*; None, or a day that has come on the reader's clock, ends a pause.

    Raises:
        ConfigError: nobody of that address gets digests.
    """
    spec = parse_address(address, "subscriber").addr_spec
    held = next((one for one in readers(session, settings) if one.key == spec.lower()), None)
    if held is None:
        raise ConfigError(f"{spec} gets no digests; ricwatch subscribers list shows who does")
    if until is not None and until <= held.local(now).date():
        until = None
    row = _find(session, spec)
    if row is None:
        row = Subscriber(**_columns(held), added_at=now, added_by="pause")
        session.add(row)
    row.paused_until = until
    session.flush()
    return replace(held, paused_until=until)


def export_csv(session: Session, settings: Settings) -> str:
    """Everyone who gets digests, a line each, as `import_csv` takes them."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for reader in readers(session, settings):
        writer.writerow(as_row(reader))
    return out.getvalue()


def as_row(reader: Reader) -> dict[str, str]:
    """The fields of *reader* as text."""
    fields = asdict(reader)
    fields["dyads"] = " ".join(reader.dyads)
    fields["themes"] = " ".join(reader.themes)
    fields["weekly_day"] = WEEKDAYS[reader.weekly_day]
    fields["mute_days"] = " ".join(WEEKDAYS[day] for day in reader.mute_days)
    fields["html"] = "yes" if reader.html else "no"
    return {name: "" if value is None else str(value) for name, value in fields.items()}


def import_csv(
    session: Session, settings: Settings, text: str, *, by: str, now: dt.datetime
) -> list[tuple[Reader, bool]]:
    """Subscribe every line of *text*: a header with the names of the fields, of which only the address is needed.

    Raises:
        InputError: a line cannot be taken; it names the line, and nothing is changed (the caller rolls back).
    """
    lines = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    names = [name.strip() for name in lines.fieldnames or ()]
    lines.fieldnames = names
    wrong = sorted(set(names) - set(FIELDS))
    if "address" not in names or wrong:
        what = f"the column {wrong[0]!r} is none" if wrong else "there is no column 'address'"
        raise InputError(f"line 1: {what}; the columns are {', '.join(FIELDS)}")
    done: list[tuple[Reader, bool]] = []
    for number, line in enumerate(lines, start=2):
        if number > MOST_ROWS:
            raise InputError(f"line {number}: more than {MOST_ROWS:,} subscribers in one file")
        if None in line:
            raise InputError(f"line {number}: more fields than columns")
        try:
            # An empty cell says that there is no such limit; a column that is not there says nothing.
            fields = {name: value or (NONE if name in LIMITS else "") for name, value in line.items()}
            done.append(subscribe(session, settings, fields, by=by, now=now))
        except (ConfigError, SeedError) as error:
            raise InputError(f"line {number}: {error}") from None
    return done


def _find(session: Session, address: str) -> Subscriber | None:
    return session.scalars(select(Subscriber).where(func.lower(Subscriber.address) == address.lower())).first()


def _reader(row: Subscriber) -> Reader:
    return Reader(
        address=row.address,
        timezone=row.timezone,
        cadence=Cadence(row.cadence),
        hour=row.hour,
        weekly_day=row.weekly_day,
        dyads=tuple(row.dyads),
        themes=tuple(row.themes),
        least=row.least,
        dates=row.dates,
        html=row.html,
        paused_until=row.paused_until,
        mute_days=tuple(row.mute_days),
        mute_from=row.mute_from,
        mute_to=row.mute_to,
    )


def _columns(reader: Reader) -> dict[str, Any]:
    return {
        **{name: getattr(reader, name) for name in FIELDS},
        "cadence": str(reader.cadence),
        "dyads": list(reader.dyads),
        "themes": list(reader.themes),
        "mute_days": list(reader.mute_days),
    }
