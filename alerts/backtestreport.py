"""The report of a back-test for someone who has never seen the program: every string of it is finished here."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from alerts import sentences as say
from alerts.detect import FIRST_ALERT_DAY
from alerts.events import LEAD, NEAR, WAIT, Answer, median_delay, without_event
from alerts.facts import ClaimFact, ShiftContext, ShiftFact
from alerts.model import ChartPoint, Kind
from alerts.null import BLOCK, Null, Range
from alerts.periodchart import letter
from alerts.shiftview import Limits, Row, shift_view
from alerts.wording import dyad_name
from alerts.words import DASH, MONTHS, NBSP, count, day_short, day_words, plain, span_words
from ingest.ties import ties

DAYS_A_MONTH = 30.44
THIN = 1.0
"""Under so many stories a day a tie is thinly covered, and only a large turn of it can be seen."""
KINDS = {
    Kind.STANCE: "Tone of a tie",
    Kind.BLOC: "Tone of one press alone",
    Kind.ATTENTION: "Amount of coverage",
    Kind.THEME: "Share of a theme",
}
FATES = {
    "open": "not measured again: the period ended, or too few stories came",
    "confirmed": "confirmed by the days after it",
    "faded": "faded: the days after it do not bear it out",
    "returned": "went back to its earlier level later",
}


@dataclass(frozen=True, slots=True)
class Run:
    """What a back-test did and found. `alerts` are in the order in which they were found; their numbers begin at 1.

    `name` is the items file's, without its folder. `answers` is None where no events were given.
    """

    name: str
    start: dt.date
    end: dt.date
    made_at: dt.datetime
    timezone: str
    model: str
    false_alarms_per_year: float
    lines: int
    articles: int
    relevant: int
    skipped: int
    off_topic: int
    points: Mapping[str, Sequence[ChartPoint]]
    alerts: Sequence[ShiftFact]
    answers: Sequence[Answer] | None = None
    null: Null | None = None
    claims: Mapping[str, ClaimFact] = field(default_factory=dict)
    themes: Mapping[str, str] = field(default_factory=dict)
    digests: frozenset[str] = frozenset()
    """Names of the digests' files that were made."""

    @property
    def days(self) -> int:
        """Length of the period."""
        return (self.end - self.start).days + 1

    @property
    def months(self) -> float:
        """Length of the period in months of 30.44 days; a shorter one counts as one."""
        return max(1.0, self.days / DAYS_A_MONTH)

    @property
    def stories(self) -> dict[str, int]:
        """Stories of each tie over the whole period."""
        return {dyad: sum(point.stories for point in points) for dyad, points in self.points.items()}


def months_of(run: Run) -> list[dict[str, Any]]:
    """Every month of the period, also those without an alert: stories, shifts by kind, and days with an alert."""
    stories = Counter[str]()
    for points in run.points.values():
        for point in points:
            stories[f"{point.day:%Y-%m}"] += point.stories
    shifts = Counter((f"{one.detected:%Y-%m}", one.kind) for one in run.alerts)
    days = Counter(f"{day:%Y-%m}" for day in {one.detected for one in run.alerts})
    months, at = [], run.start.replace(day=1)
    while at <= run.end:
        key = f"{at:%Y-%m}"
        by_kind = {str(kind): shifts[key, kind] for kind in KINDS}
        months.append(
            {"month": key, "stories": stories[key], **by_kind, "shifts": sum(by_kind.values()), "alert_days": days[key]}
        )
        at = (at + dt.timedelta(days=32)).replace(day=1)
    return months


def figures(run: Run) -> dict[str, Any]:
    """``figures.json``: the report's numbers for programs."""
    null = run.null
    return {
        "period": {"from": run.start.isoformat(), "to": run.end.isoformat(), "days": run.days},
        "settings": {
            "model": run.model,
            "false_alarms_per_year": run.false_alarms_per_year,
            "null_histories": null.histories if null else 0,
            "null_seed": null.seed if null else None,
        },
        "shifts": len(run.alerts),
        "shifts_per_month": round(len(run.alerts) / run.months, 4),
        "months": months_of(run),
        "events": None if run.answers is None else [_event_record(one) for one in run.answers],
        "shifts_without_event": None
        if run.answers is None
        else [at + 1 for at in without_event([one.event for one in run.answers], run.alerts)],
        "chance": None
        if null is None
        else {
            **asdict(null),
            "tone_per_year": null.rate(null.tone)._asdict(),
            "splits_per_year": null.rate(null.splits)._asdict(),
            "shuffled_per_year": null.rate(null.shuffled)._asdict(),
        },
    }


def _event_record(one: Answer) -> dict[str, Any]:
    return {
        "date": one.event.day.isoformat(),
        "tie": one.event.tie,
        "direction": str(one.event.direction or ""),
        "label": one.event.label,
        "shift": None if one.alert is None else one.alert + 1,
        "delay": one.delay,
        "onset_off": one.onset_off,
        "outside": one.outside,
    }


def report_fields(run: Run) -> dict[str, Any]:
    """Everything that the template ``backtest.html`` lays out."""
    return {
        "title": f"Back-test, {span_words(run.start, run.end)}",
        "period": span_words(run.start, run.end),
        "ties_named": _listed(list(ties().names.values())),
        "brief": brief(run),
        "chart_alt": _chart_alt(run),
        "alerts": [_alert(number, alert, run) for number, alert in enumerate(run.alerts, 1)],
        "kinds": list(KINDS.values()),
        "months": [_month(row) for row in months_of(run)],
        "total": _total(run),
        "events": _events(run),
        "null": _null(run.null),
        "no_null": _no_null(run),
        "settings": _settings(run),
    }


def brief(run: Run) -> list[str]:
    """The report in a few sentences."""
    lines = [
        f"{count(len(run.alerts), 'shift')} in {count(run.days, 'day')}: {len(run.alerts) / run.months:.1f} a month, "
        f"told on {count(len({one.detected for one in run.alerts}), 'day')}."
        if run.alerts
        else f"No shift in {count(run.days, 'day')}."
    ]
    if run.answers is not None:
        lines.append(_events_line(run, run.answers))
    if run.null is not None:
        null = run.null
        lines.append(
            f"Chance: with stances shuffled story by story, {_per_year(null.rate(null.shuffled))} shifts of tone are "
            f"found a year, where {null.asked:.2f} are allowed; permuted in blocks of two weeks, which leaves slow "
            f"movement in, {_per_year(null.rate(null.tone))}."
        )
    thin = [dyad_name(dyad) for dyad, stories in run.stories.items() if stories / run.days < THIN]
    if thin:
        each = ", ".join(f"{dyad_name(dyad)} {stories:,}" for dyad, stories in run.stories.items())
        lines.append(
            f"Coverage is thin: less than a story a day on {_listed(thin)} (stories in all: {each}). With so few, only "
            "a large turn can be seen, and silence proves little."
        )
    return lines


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _events_line(run: Run, answers: Sequence[Answer]) -> str:
    inside = [one for one in answers if not one.outside]
    found = [one for one in inside if one.answered]
    before = sum(one.delay is not None and not one.answered for one in inside)
    delay = median_delay(found)
    stray = len(without_event([one.event for one in answers], run.alerts))
    within = {days: sum((one.delay or 0) <= days for one in found) for days in (7, 14)}
    line = f"{len(found)} of {count(len(inside), 'dated event')} answered by a shift of the same tie and direction"
    if delay is not None:
        line += f" ({within[7]} within 7 days, {within[14]} within 14; median delay {delay:g} days)"
    if before:
        line += f"; of {before} more, such a shift was told up to {LEAD} days before"
    rate = stray / (run.days / 365.25)
    none = f"{count(stray, 'shift')} ({rate:.1f} a year) with no event within {NEAR} days of the onset"
    return f"{line}; {none if stray else 'no shift without an event near its onset'}."


def _per_year(rate: Range) -> str:
    return f"{rate.rate:.2f} (95{NBSP}% range {rate.low:.2f} to {rate.high:.2f})"


def _chart_alt(run: Run) -> str:
    told = "; ".join(
        f"{number}: {say.headline(one)}, onset {day_short(one.onset)}, found {day_short(one.detected)}"
        for number, one in enumerate(run.alerts[:20], 1)
    )
    more = f"; and {len(run.alerts) - 20} more" if len(run.alerts) > 20 else ""
    stories = ", ".join(f"{dyad_name(dyad)} {number:,}" for dyad, number in run.stories.items())
    return (
        f"Stance and number of stories of each tie from {day_words(run.start)} to {day_words(run.end)} "
        f"(stories: {stories}). " + (f"Alerts: {told}{more}." if told else "No alert.")
    )


def _alert(number: int, alert: ShiftFact, run: Run) -> dict[str, Any]:
    digest = f"{alert.detected}-shift.html"
    events = []
    for at, answer in enumerate(run.answers or []):
        if answer.alert == number - 1 and answer.answered:
            events.append(f"{letter(at)}: {plain(answer.event.label, 120)}, {count(answer.delay or 0, 'day')} before")
    return {
        "number": number,
        "kind": KINDS[alert.kind],
        "view": shift_view(alert, ShiftContext(run.themes, run.claims), Limits()),
        "found": day_words(alert.detected),
        "onset": day_words(alert.onset),
        "waited": count((alert.detected - alert.onset).days, "day"),
        "evidence": f"{alert.log_evidence:.1f}, needed {alert.threshold:.1f} (natural logarithms)",
        "fate": FATES.get(alert.status, alert.status),
        "events": events,
        "digest": f"digests/{digest}" if digest in run.digests else "",
    }


def _month(row: Mapping[str, Any]) -> dict[str, Any]:
    year, month = str(row["month"]).split("-")
    return {
        "name": f"{MONTHS[int(month) - 1][:3]} {year}",
        "stories": f"{row['stories']:,}",
        "kinds": [row[str(kind)] or DASH for kind in KINDS],
        "shifts": row["shifts"] or DASH,
        "alert_days": row["alert_days"] or DASH,
    }


def _total(run: Run) -> dict[str, Any]:
    kinds = Counter(one.kind for one in run.alerts)
    return {
        "stories": f"{sum(run.stories.values()):,}",
        "kinds": [kinds[kind] for kind in KINDS],
        "shifts": len(run.alerts),
        "alert_days": len({one.detected for one in run.alerts}),
    }


def _events(run: Run) -> dict[str, Any] | None:
    if run.answers is None:
        return None
    rows = []
    for at, one in enumerate(run.answers):
        event = one.event
        found = None if one.alert is None else run.alerts[one.alert]
        rows.append(
            {
                "letter": letter(at),
                "day": day_short(event.day),
                "label": plain(event.label, 200),
                "what": f"{dyad_name(event.tie) or 'any tie'}, {event.direction or 'any direction'}",
                "alert": None if one.alert is None else one.alert + 1,
                "found": day_short(found.detected) if found else "",
                "delay": "" if one.delay is None else _delay(one.delay),
                "onset": "" if one.onset_off is None else _off(one.onset_off),
                "none": "outside the days watched" if one.outside else "not found",
            }
        )
    stray = without_event([one.event for one in run.answers], run.alerts)
    return {
        "rows": rows,
        "line": _events_line(run, run.answers),
        "rule": (
            f"A shift answers an event when it has its tie and direction, was found from that day on and within {WAIT} "
            f"days, and is estimated to begin no earlier than {LEAD} days before it. The first such shift counts. That "
            "a shift follows an event does not show that the event caused it. Where there is none, a shift of that "
            f"kind that was told up to {LEAD} days before the event is named."
        ),
        "stray": [f"{at + 1}: {say.headline(run.alerts[at])}, {day_short(run.alerts[at].onset)}" for at in stray],
    }


def _delay(days: int) -> str:
    return count(days, "day") if days >= 0 else f"told {count(-days, 'day')} before"


def _off(days: int) -> str:
    if days == 0:
        return "the same day"
    return f"{count(abs(days), 'day')} {'before' if days < 0 else 'after'}"


def _null(null: Null | None) -> dict[str, Any] | None:
    if null is None:
        return None

    def row(name: str, found: Sequence[int], asked: str) -> dict[str, str]:
        rate = null.rate(found)
        return {
            "name": name,
            "found": f"{sum(found):,}",
            "histories": f"{sum(one > 0 for one in found)} of {null.histories}",
            "rate": f"{rate.rate:.2f}",
            "range": f"{rate.low:.2f} to {rate.high:.2f}",
            "asked": asked,
        }

    many = f"; {null.at_least} of {null.histories} histories in blocks have as many or more" if null.observed else ""
    tone, alone = f"{null.asked:.2f}", f"{null.asked_splits:.2f}"
    return {
        "rows": [
            row("Tone of a tie, stances permuted in blocks", null.tone, tone),
            row("Tone of a tie, stances shuffled story by story", null.shuffled, tone),
            row("Tone of one press alone, in blocks", null.splits, alone),
        ],
        "about": (
            f"{count(null.histories, 'history', 'histories')} of each kind, {count(null.days, 'day')} watched in each "
            f"({null.years:.1f} years in all), seed {null.seed}. The true order has "
            f"{count(null.observed, 'shift')} of tone{many}. First "
            "tones are left out (below)."
        ),
    }


def _no_null(run: Run) -> str:
    if run.days < 4 * BLOCK:
        return (
            f"Left out: the period is shorter than {4 * BLOCK} days, and hardly has another order of two-week blocks."
        )
    return "Left out: no permuted histories were asked for, or there was no story to permute."


def _settings(run: Run) -> list[Row]:
    local = run.made_at.astimezone(ZoneInfo(run.timezone))
    rate = run.false_alarms_per_year
    null = run.null
    return [
        Row("Items", plain(run.name, 120)),
        Row("Period", f"{span_words(run.start, run.end)}, {count(run.days, 'day')}; calendar days in UTC"),
        Row(
            "Read",
            f"{count(run.lines, 'line')}: {count(run.articles, 'article')} on the topic, {run.relevant:,} of them on a "
            f"tie; {run.off_topic:,} off the topic, {count(run.skipped, 'line')} skipped",
        ),
        Row("Read by", f"model {plain(run.model, 60)}"),
        Row("False-alarm target", f"{rate:g} a year over all series together"),
        Row("First alert possible", f"on day {FIRST_ALERT_DAY + 1} of the coverage; before that nothing is called"),
        Row("Events", "none given" if run.answers is None else count(len(run.answers), "dated event")),
        Row(
            "Permuted histories",
            "none" if null is None else f"{null.histories}, blocks of {BLOCK} days, seed {null.seed}",
        ),
        Row("Made", f"{day_words(local.date())}, {local:%H:%M} ({run.timezone})"),
    ]
