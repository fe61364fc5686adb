"""The view of the full report: every string that its template lays out is finished here, made from fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from alerts import quietwords, thresholds, triangle
from alerts import sentences as say
from alerts.backtestreport import KINDS
from alerts.facts import COLD_DAYS, FeedFact, FeedState, ShiftFact
from alerts.gather import is_news
from alerts.model import Kind
from alerts.plots import (
    FATE_SIGNS,
    MarkedDay,
    month_ticks,
    score_scale,
    share_line,
    tone_plot,
    volume_plot,
)
from alerts.reportfacts import FEED_DAYS, ReportFacts
from alerts.shiftfeed import STATUS
from alerts.shiftview import Limits, Row, shift_view
from alerts.trianglechart import HEIGHT as TRIANGLE_HEIGHT
from alerts.trianglechart import LABEL, RADIUS, triangle_view
from alerts.trianglechart import WIDTH as TRIANGLE_WIDTH
from alerts.view import BASELINE_TEXT
from alerts.weeks import ThemeWeek, Week, recent
from alerts.wording import dyad_name, how_often, press, share, signed
from alerts.words import DASH, bloc_name, count, day_short, day_words, listed, plain, span_words
from ingest.ties import ties

FULL = 60
"""Shifts told in full, the newest; the table has them all."""
LAST, BEFORE = 4, 12
"""Weeks in a table's last and earlier period."""


def report_fields(facts: ReportFacts) -> dict[str, Any]:
    """Everything that the template ``report.html`` lays out."""
    digest, span = facts.digest, facts.span
    scale = score_scale([*facts.ties.values()])
    return {
        "mark": "REPLAY of invented demo outlets: nothing here is news." if digest.replay else "",
        "title": f"{', '.join(ties().actors.values())}: coverage up to {day_words(digest.day)}",
        "ties_named": listed([dyad_name(dyad) for dyad in ties().dyads]),
        "period": span_words(span.first, span.last),
        "brief": brief(facts),
        "doubt": say.feeds_doubt(digest),
        "sight": quietwords.smallest(digest.states),
        "triangle": triangle_view(digest.states),
        "triangle_size": (TRIANGLE_WIDTH, TRIANGLE_HEIGHT, RADIUS, *LABEL),
        "states": [_state(facts, dyad) for dyad in ties().dyads],
        "months": month_ticks(span),
        "ties": [_tie(facts, dyad, scale) for dyad in ties().dyads],
        "presses": _presses(facts),
        "themes": _themes(facts),
        "shifts": [_row(facts, one) for one in digest.shifts],
        "told_in_full": [_shift(facts, one) for one in digest.shifts[:FULL]],
        "not_in_full": max(0, len(digest.shifts) - FULL),
        "feeds_line": say.feeds_line(digest),
        "feeds": [_feed(facts, one) for one in digest.feeds.feeds],
        "unwell": [_feed(facts, one) for one in digest.feeds.feeds if one.state is not FeedState.ANSWERED],
        "feed_days": FEED_DAYS,
        "method": _method(facts),
    }


def brief(facts: ReportFacts) -> list[str]:
    """The report in a few sentences."""
    digest, amounts = facts.digest, facts.amounts
    lines = [quietwords.cold(digest.states)] if say.is_cold(digest.states) else []
    lines += [line for line in (triangle.sentence(digest.states), say.triangle(digest.states)) if line]
    lines.append(_shifts_line(facts))
    if amounts.first:
        lines.append(
            f"It rests on {count(amounts.stories, 'independent story', 'independent stories')} from "
            f"{count(amounts.outlets, 'outlet')}, {span_words(amounts.first, digest.day)}."
        )
    lines.append(say.feeds_line(digest))
    return lines


def _shifts_line(facts: ReportFacts) -> str:
    shifts = [one for one in facts.digest.shifts if one.detected >= facts.span.first]
    if not shifts:
        return f"No shift was found in the {count(facts.span.weeks, 'week')} shown."
    told = sum(one.told_on is not None for one in shifts)
    fates = Counter(one.status for one in shifts)
    order = (("open", "open"), ("confirmed", "confirmed"), ("faded", "faded"), ("returned", "back since"))
    parts = [f"{fates[status]} {word}" for status, word in order if fates[status]]
    newest = shifts[0]
    return (
        f"{count(len(shifts), 'shift')} in the {count(facts.span.weeks, 'week')} shown, {told} told in digests: "
        f"{listed(parts)}. The newest: {say.headline(newest)}, since about {day_words(newest.onset)}."
    )


def _state(facts: ReportFacts, dyad: str) -> dict[str, str]:
    state = next(one for one in facts.digest.states if one.dyad == dyad)

    def between(low: float | None, high: float | None) -> str:
        return DASH if low is None or high is None else f"{signed(low)} to {signed(high)}"

    def score(value: float | None) -> str:
        return DASH if value is None else signed(value)

    return {
        "name": dyad_name(dyad),
        "word": say.state_word(state),
        "score": score(state.score),
        "range": between(state.score_low, state.score_high),
        "usual": score(state.baseline),
        "change": score(state.change),
        "change_range": between(state.change_low, state.change_high),
        "stories": f"{state.stories:,}",
        "usual_stories": DASH if state.baseline_stories is None else f"{state.baseline_stories:,.0f}",
    }


def _marked(shifts: Sequence[ShiftFact]) -> list[MarkedDay]:
    return [
        MarkedDay(
            id=one.id,
            onset=one.onset,
            found=one.detected,
            direction=one.direction,
            told=one.told_on is not None,
            status=one.status,
            title=_mark_words(one),
        )
        for one in shifts
    ]


def _mark_words(shift: ShiftFact) -> str:
    told = f"told on {day_short(shift.told_on)}" if shift.told_on else "not told"
    return (
        f"Shift {shift.id}: {say.headline(shift)}, onset about {day_short(shift.onset)}, "
        f"found {day_short(shift.detected)}, {told}, {shift.status}"
    )


def _tie(facts: ReportFacts, dyad: str, scale: tuple[float, float]) -> dict[str, Any]:
    weeks = facts.ties[dyad]
    mine = [one for one in facts.digest.shifts if one.dyad == dyad]
    in_span = [one for one in mine if one.detected >= facts.span.first and one.kind is not Kind.BLOC]
    return {
        "code": dyad.lower(),
        "name": dyad_name(dyad),
        "tone": tone_plot(weeks, facts.span, scale, _marked([one for one in mine if one.kind is Kind.STANCE])),
        "volume": volume_plot(weeks, facts.span, _marked([one for one in mine if one.kind is Kind.ATTENTION])),
        "alt": _tie_alt(facts, dyad, in_span),
        "said": _tie_said(weeks),
        "weeks": [_week(week) for week in reversed(weeks)],
    }


def _tie_alt(facts: ReportFacts, dyad: str, shifts: Sequence[ShiftFact]) -> str:
    weeks = facts.ties[dyad]
    scores = [week.score for week in weeks if week.score is not None]
    if not scores:
        return f"{dyad_name(dyad)}: no story in these {count(len(weeks), 'week')}."
    told = "; ".join(_mark_words(one) for one in reversed(shifts))
    return (
        f"{dyad_name(dyad)}, weekly mean stance over {count(len(weeks), 'week')}: from {signed(min(scores))} to "
        f"{signed(max(scores))}, last {signed(scores[-1])}; "
        f"{count(sum(week.stories for week in weeks), 'story', 'stories')}. {told or 'No shift'}."
    )


def _tie_said(weeks: Sequence[Week]) -> str:
    last, stories = recent(weeks, LAST)
    before, earlier = recent(weeks, BEFORE, LAST)
    if last is None:
        return f"No story in the last {LAST} weeks."
    said = f"Last {LAST} weeks: mean stance {signed(last)} in {count(stories, 'story', 'stories')}"
    if before is None:
        return f"{said}."
    return f"{said}; the {BEFORE} weeks before: {signed(before)} in {earlier:,}."


def _week(week: Week) -> dict[str, str]:
    return {
        "last": day_short(week.last),
        "stories": f"{week.stories:,}",
        "score": DASH if week.score is None else signed(week.score),
        "usual": DASH if week.usual is None else signed(week.usual),
        "band": _band_words(week),
        "usual_stories": DASH if week.usual_stories is None else f"{week.usual_stories:,.1f}",
    }


def _band_words(week: Week) -> str:
    if week.usual is None:
        return DASH
    if week.half is None:
        return "whole scale"
    return f"{signed(week.usual - week.half)} to {signed(week.usual + week.half)}"


def _presses(facts: ReportFacts) -> list[dict[str, Any]]:
    """Of each tie, a small plot for each press bloc that writes of it, all on one scale."""
    scale = score_scale(list(facts.blocs.values()))
    made = []
    for dyad in ties().dyads:
        rows = []
        for bloc in sorted((bloc for tie, bloc in facts.blocs if tie == dyad), key=_bloc_place):
            weeks = facts.blocs[dyad, bloc]
            shifts = [
                one for one in facts.digest.shifts if one.kind is Kind.BLOC and (one.dyad, one.bloc) == (dyad, bloc)
            ]
            name = bloc_name(bloc)
            rows.append(
                {
                    "name": f"{name[0].upper()}{name[1:]}",
                    "plot": tone_plot(weeks, facts.span, scale, _marked(shifts)),
                    "alt": f"{dyad_name(dyad)} in {press(bloc)}, weekly mean stance. {_tie_said(weeks)}",
                    "said": _tie_said(weeks),
                    "shifts": [(one.id, _mark_words(one)) for one in reversed(shifts)],
                }
            )
        made.append({"code": dyad.lower(), "name": dyad_name(dyad), "rows": rows})
    return made


def _bloc_place(bloc: str) -> tuple[int, str]:
    known = list(ties().blocs)
    return (known.index(bloc) if bloc in known else len(known), bloc)


def _themes(facts: ReportFacts) -> list[dict[str, Any]]:
    """Each theme's share of all stories: now, before, over all weeks, and as a line; the largest of today first."""
    names = facts.digest.themes
    made = []
    for code, weeks in facts.themes.items():
        line = [_share(weeks[max(0, at - LAST + 1) : at + 1]) for at in range(len(weeks))]
        last, before = _share(weeks[-LAST:]), _share(weeks[-LAST - BEFORE : -LAST])
        top = max((one for one in line if one is not None), default=0.0)
        name = plain(names.get(code, code), 60)
        shifts = [one for one in facts.digest.shifts if one.kind is Kind.THEME and one.theme in (code, names.get(code))]
        made.append(
            {
                "name": name or "no theme",
                "last": _share_words(last),
                "before": _share_words(before),
                "all": _share_words(_share(weeks)),
                "top": _share_words(top),
                "stories": f"{sum(week.carrying for week in weeks):,}",
                "line": share_line(line, top),
                "shifts": [(one.id, _mark_words(one)) for one in reversed(shifts)],
                "order": (-(last or 0.0), name),
            }
        )
    return sorted(made, key=lambda row: row["order"])


def _share(weeks: Sequence[ThemeWeek]) -> float | None:
    stories = sum(week.stories for week in weeks)
    return sum(week.carrying for week in weeks) / stories if stories else None


def _share_words(value: float | None) -> str:
    return DASH if value is None else share(value)


def _told(facts: ReportFacts, shift: ShiftFact) -> str:
    if shift.told_on:
        return day_short(shift.told_on)
    return "waits for the next digest" if is_news(shift, facts.fresh) else "not told"


def _row(facts: ReportFacts, shift: ShiftFact) -> dict[str, Any]:
    return {
        "id": shift.id,
        "tone": _tone(shift),
        "arrow": say.ARROWS[shift.direction],
        "headline": say.headline(shift),
        "kind": KINDS[shift.kind],
        "figure": say.figure(shift),
        "range": say.size_range(shift),
        "onset": day_short(shift.onset),
        "found": day_short(shift.detected),
        "told": _told(facts, shift),
        "status": f"{FATE_SIGNS.get(shift.status, '')} {shift.status}".strip(),
        "years": how_often(shift.years),
        "full": shift in facts.digest.shifts[:FULL],
    }


def _tone(shift: ShiftFact) -> str:
    return {"convergence": "up", "divergence": "down"}.get(str(shift.direction), "flat")


def _shift(facts: ReportFacts, shift: ShiftFact) -> dict[str, Any]:
    told = f"in the digest of {day_words(shift.told_on)}" if shift.told_on else _told(facts, shift)
    force = "; still in force" if shift.id in facts.in_force else ""
    rows = [
        Row("Kind", KINDS[shift.kind]),
        Row(
            "Found",
            f"{day_words(shift.detected)}, {count((shift.detected - shift.onset).days, 'day')} after the estimated "
            f"onset on {day_words(shift.onset)}",
        ),
        Row("Told", told),
        Row("Status", f"{STATUS.get(shift.status, shift.status)}{force}"),
        Row("Evidence", f"{shift.log_evidence:.1f}, needed {shift.threshold:.1f} (natural logarithms)"),
        Row("Read by", f"model {plain(facts.models.get(shift.id, ''), 60)}"),
    ]
    return {"id": shift.id, "rows": rows, "view": shift_view(shift, facts.digest.context, Limits())}


def _feed(facts: ReportFacts, feed: FeedFact) -> dict[str, Any]:
    brought = facts.brought.get(feed.key)
    return {
        "outlet": plain(feed.outlet, 80),
        "key": plain(feed.key, 80),
        "bloc": bloc_name(feed.bloc),
        "state": str(feed.state),
        "note": say.feed_note(feed),
        "success": day_short(feed.last_success) if feed.last_success else "never",
        "seen": f"{brought.seen:,}" if brought else "0",
        "on_topic": f"{brought.on_topic:,}" if brought else "0",
    }


def _method(facts: ReportFacts) -> list[Row]:
    digest, amounts = facts.digest, facts.amounts
    local = digest.now.astimezone(ZoneInfo(digest.timezone))
    rate = digest.false_alarms_per_year
    ladder = listed([f"{_ladder(kind, rate):.1f} for {KINDS[kind].lower()}" for kind in KINDS])
    others = sorted(set(facts.models.values()) - {digest.model})
    rows = [
        Row("Read by", f"model {plain(digest.model, 60)}"),
        Row(
            "Data",
            f"{span_words(amounts.first, digest.day)}, calendar days in UTC; {count(amounts.readings, 'article')} "
            f"read, {amounts.relevant:,} of them on a tie"
            if amounts.first
            else "nothing has been read yet",
        ),
        Row("Shown", f"{span_words(facts.span.first, facts.span.last)}, {count(facts.span.weeks, 'week')}"),
        Row("Compared with", f"{BASELINE_TEXT}; each outlet with its own usual tone, so a changed mix moves nothing"),
        Row(
            "False alarms",
            f"thresholds are set for about {rate:g} false {'digest' if rate == 1 else 'digests'} a year over all "
            f"series together; under {COLD_DAYS} days of history nothing is called",
        ),
        Row(
            "Evidence needed",
            f"{ladder} (natural logarithms), before the coverage's own history raises or lowers it; each shift names "
            "what it had to reach",
        ),
        Row("Band in the charts", "the usual level, and around it what two weeks could not have told from chance"),
        Row("Made", f"{day_words(local.date())}, {local:%H:%M} ({digest.timezone})"),
    ]
    if others:
        versions = listed([plain(one, 60) for one in others])
        rows.insert(1, Row("Earlier models", f"{versions}; shifts that they found stay on record"))
    return rows


def _ladder(kind: Kind, rate: float) -> float:
    return thresholds.threshold(kind, rate, None, thresholds.parts()[kind])
