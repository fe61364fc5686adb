"""The daily decision: stored votes in, stored shifts out. Nothing that was told is removed or told twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts import life, remembered
from alerts.baseline import AttentionBaseline, StanceBaseline
from alerts.checkpoint import Run
from alerts.detect import Asked, Known
from alerts.evidence import Cast, Chosen, Usual, votes_since, weigh, with_texts
from alerts.leftout import Scene, Stories, Votes, fires_without, of_casts, of_outlet, of_stories
from alerts.model import Direction, Evidence, Found, Kind, SeriesKey
from alerts.remeasure import BEFORE_ONSET, follow_up, follow_up_day, lasts
from alerts.reporting import GUARD, WINDOW, Reporting
from alerts.themes import stories_of, theme_names, theme_votes
from alerts.votes import Coverage, FloatArray
from alerts.watched import Series
from alerts.wording import worded
from store.changes import changes_so_far
from store.db import Store
from store.models import Reading, SeriesDay, Shift
from store.settings import Settings

DEGRADED_DAYS = 3
STANDING = ("open", "confirmed")


@dataclass(frozen=True, slots=True)
class DetectReport:
    """What a decision found.

    `open` holds the shifts that still stand. `outlets_expected` counts the feeds that should have brought something on
    `day`, `outlets_reporting` those that did; `silent` names feeds that are taken for dead. While `degraded`, too
    few have reported for three days and attention is not judged. `changed` lists shifts whose status changed.
    `narratives` are the headlines of new ones outside the seed themes (`alerts.proposals` finds them).
    """

    day: dt.date
    model: str
    new: list[tuple[int, Found]] = field(default_factory=list)
    open: list[int] = field(default_factory=list)
    changed: list[tuple[int, str]] = field(default_factory=list)
    history_days: int = 0
    outlets_expected: int = 0
    outlets_reporting: int = 0
    silent: list[str] = field(default_factory=list)
    usable: bool = True
    degraded: bool = False
    narratives: tuple[str, ...] = ()
    fresh: bool = False
    """Whether a day was decided on for the first time, or anew because what is counted on it had changed."""
    pattern: str = ""
    """The triangle in one sentence, which whoever knows the states of the ties adds; see `alerts.triangle`."""


def detect_shifts(store: Store, settings: Settings, model: str, *, day: dt.date, now: dt.datetime) -> DetectReport:
    """Decide on everything up to and including *day*, the last closed day; safe to run again at any time."""
    # Reading takes long where there are years of it, and meanwhile others may write: so it ends before this writes.
    with store.session() as session:
        changes = changes_so_far(session)
        asked = Asked(settings.false_alarms_per_year)
        run = remembered.run_to(session, model, day, asked, [_known(shift) for shift in _stored(session)])
        if run is None:
            return DetectReport(day, model)
    with store.writing() as session:
        report = _told(session, settings, model, run, stored=_stored(session), day=day, now=now)
    # In a transaction of its own: without the state, the next run only takes longer.
    remembered.save(store, model, run, changes=changes, now=now)
    return replace(report, fresh=bool(run.checkpoints))


def _stored(session: Session) -> list[Shift]:
    return list(session.scalars(select(Shift).order_by(Shift.detected, Shift.id)))


def _told(
    session: Session,
    settings: Settings,
    model: str,
    run: Run,
    *,
    stored: list[Shift],
    day: dt.date,
    now: dt.datetime,
) -> DetectReport:
    """Store what *run* found, measure again what is due, and say how it all stands."""
    coverage = run.coverage
    told_before = model_change(session, model)
    by_key = {item.key: item for item in run.detection.series}
    names = theme_names(settings)
    new: list[tuple[int, Found]] = []
    changed: list[tuple[int, str]] = []
    for one in run.detection.found:
        if told_before is not None and one.detected <= told_before:
            continue
        told = worded(one, names) if one.theme else one
        before = [shift for shift in stored if series_key(shift) == one.key]
        scene = Scene(
            coverage,
            run.reporting,
            by_key[one.key],
            onset=max((shift.onset for shift in before), default=None),
            detected=max((shift.detected for shift in before), default=None),
            # What leads back leads to the level before one of them; after two in a row, before the first.
            level=min((shift.before for shift in before), key=lambda level: abs(level - told.after), default=None)
            if one.returned
            else None,
        )
        shift = _store(session, model, scene, found=told, now=now)
        if one.returned:
            for undone in _return(stored, shift):
                changed.append((undone.id, undone.status))
                why = f"Coverage is back at its earlier level, as shift {shift.id} tells."
                life.note(session, undone.id, undone.status, why, day=shift.detected, now=now)
        stored.append(shift)
        new.append((shift.id, told))
    days = (coverage.date(run.first), day)
    for shift, why in _follow_ups(coverage, by_key, stored, model, days=days):
        changed.append((shift.id, shift.status))
        life.note(session, shift.id, shift.status, why, day=day, now=now)
    session.flush()
    return _report(coverage, run.reporting, model, day, new=new, changed=changed, stored=stored)


def stands(shift: Shift, day: dt.date) -> bool:
    """Whether a reader should still hold *shift* against the usual level on *day*.

    After 98 days the new level fills the whole baseline: it has become the usual one.
    """
    return shift.status in STANDING and 0 <= (day - shift.onset).days <= WINDOW + GUARD


def _known(shift: Shift) -> Known:
    return Known(
        dyad=shift.dyad,
        kind=Kind(shift.kind),
        direction=Direction(shift.direction),
        onset=shift.onset,
        detected=shift.detected,
        magnitude=shift.magnitude,
        theme=shift.theme,
        bloc=shift.bloc,
    )


def series_key(shift: Shift) -> SeriesKey:
    """The series whose shift it is."""
    return shift.dyad, Kind(shift.kind), shift.theme, shift.bloc


def model_change(session: Session, model: str) -> dt.date | None:
    """The day on which *model* took over from another version; None for the first version of a database.

    What it finds up to that day, when it reads the past again, is a difference between two readers and no news.
    """
    first = session.execute(
        select(Reading.id, Reading.read_at).where(Reading.model == model).order_by(Reading.id).limit(1)
    ).first()
    if first is None:
        return None
    earlier = session.scalar(select(Reading.id).where(Reading.id < first.id, Reading.model != model).limit(1))
    moment: dt.datetime = first.read_at
    return None if earlier is None else moment.date() - dt.timedelta(days=1)


def _store(session: Session, model: str, scene: Scene, *, found: Found, now: dt.datetime) -> Shift:
    if found.kind is Kind.THEME:
        votes, usual = theme_votes(session, model, found)
    else:
        votes = votes_since(session, model, found.dyad, found.onset, found.detected, bloc=found.bloc)
        usual = usual_before(session, model, scene.coverage, scene.item, found)
    evidence, chosen = weigh(found, votes, usual)
    if votes:
        evidence = _decided_again(session, model, scene, found, votes=votes, weighed=(evidence, chosen))
        evidence = with_texts(session, model, evidence, chosen)
    shift = Shift(
        model=model,
        dyad=found.dyad,
        kind=str(found.kind),
        theme=found.theme,
        bloc=found.bloc,
        direction=str(found.direction),
        onset=found.onset,
        detected=found.detected,
        magnitude=found.magnitude,
        low=found.low,
        high=found.high,
        before=found.before,
        after=found.after,
        log_evidence=found.log_evidence,
        threshold=found.threshold,
        years=found.years,
        confidence=found.confidence,
        status="open",
        text=found.text,
        evidence=asdict(replace(evidence, bloc_moves=list(found.bloc_moves))),
        found_at=now,
    )
    session.add(shift)
    session.flush()
    life.note(session, shift.id, "found", found.text, day=found.detected, now=now)
    return shift


def _decided_again(
    session: Session,
    model: str,
    scene: Scene,
    found: Found,
    *,
    votes: Sequence[Cast],
    weighed: tuple[Evidence, Chosen],
) -> Evidence:
    """The evidence of *found*, and whether it would have been found without its top outlet and its top story."""
    evidence, chosen = weighed
    top, story = evidence.outlets[0].name if evidence.outlets else "", chosen.top_story
    outlet: Votes | Stories
    one: Votes | Stories
    columns: FloatArray | None = None
    if found.kind is Kind.THEME:
        told = stories_of(session, model, found.theme, (scene.coverage.first, found.detected))
        outlet = of_stories(scene, [(cast.day, carries) for cast, carries in told if cast.outlet == top])
        one = of_stories(scene, [(cast.day, carries) for cast, carries in told if cast.story_id == story])
    else:
        outlet, columns = of_outlet(scene, top)
        one = of_casts(scene, [vote for vote in votes if vote.story_id == story])
    return replace(
        evidence,
        fires_without_top_outlet=fires_without(scene, found, evidence.without_top_outlet, outlet, columns),
        fires_without_top_story=fires_without(scene, found, evidence.without_top_story, one),
    )


def usual_before(session: Session, model: str, coverage: Coverage, item: Series, found: Found) -> Usual:
    """What was usual before the onset of *found*, per outlet and theme."""
    onset, until = coverage.index(found.onset), coverage.index(found.detected)
    local = onset - item.start
    baseline = item.baseline
    if isinstance(baseline, StanceBaseline):
        offsets = dict(zip(item.columns, baseline.offsets(local).tolist(), strict=True))
        before = slice(max(item.start, onset - WINDOW - GUARD), max(item.start, onset - BEFORE_ONSET))
        n = float(item.table.votes[before].sum())
        plain = float(item.table.score[before].sum()) / n if n else None
        return Usual(level=found.before, offsets=offsets, plain=plain)
    if not isinstance(baseline, AttentionBaseline):
        return Usual(level=found.before)
    rates = baseline.rates(max(1, local - BEFORE_ONSET))
    up = baseline.days_alive(local, until - item.start)
    feeds = {
        name: float(rate * days)
        for name, rate, days in zip(item.columns, rates.tolist(), up.tolist(), strict=True)
        if rate > 0
    }
    high = found.onset - dt.timedelta(days=BEFORE_ONSET)
    low = max(coverage.first, high - dt.timedelta(days=WINDOW))
    rows = session.execute(
        select(SeriesDay.theme, func.sum(SeriesDay.plus + SeriesDay.zero + SeriesDay.minus))
        .where(
            SeriesDay.model == model,
            SeriesDay.dyad == found.dyad,
            SeriesDay.bloc == "",
            SeriesDay.theme != "",
            SeriesDay.day >= low,
            SeriesDay.day < high,
        )
        .group_by(SeriesDay.theme)
    )
    counts = {theme: float(count) for theme, count in rows}
    # The themes' parts sum to what the feeds that report were expected to bring.
    scale = sum(feeds.values()) / max(1.0, sum(counts.values()))
    return Usual(
        level=found.before,
        feeds=feeds,
        outlet_of=dict(zip(item.columns, coverage.outlets, strict=True)),
        bloc_of=dict(zip(item.columns, coverage.blocs, strict=True)),
        themes={name: count * scale for name, count in counts.items()},
    )


def _return(stored: Sequence[Shift], back: Shift) -> list[Shift]:
    """The shifts that *back* undoes."""
    key = series_key(back)
    undone = [shift for shift in stored if series_key(shift) == key and shift.status in STANDING]
    for shift in undone:
        shift.status = "returned"
    return undone


def _follow_ups(
    coverage: Coverage,
    series: dict[SeriesKey, Series],
    stored: Sequence[Shift],
    model: str,
    *,
    days: tuple[dt.date, dt.date],
) -> list[tuple[Shift, str]]:
    """Measure open shifts again that fall due within *days*, on the days from their detection to the due day.

    Gives those that changed, with why. What fell due before was measured then, on the same days; where it is still
    open, there was too little to compare.
    """
    changed = []
    first, last = days
    for shift in stored:
        due = dt.date.fromordinal(follow_up_day(shift.onset.toordinal(), shift.detected.toordinal()))
        item = series.get(series_key(shift))
        if shift.status != "open" or shift.model != model or not first <= due <= last or item is None:
            continue
        same = [other for other in stored if series_key(other) == series_key(shift)]
        later = [other.onset for other in same if other.detected > shift.detected]
        until = min([due, *(onset - dt.timedelta(days=1) for onset in later)])
        earlier = [other.onset for other in same if other.detected < shift.detected]
        anchor = max([coverage.index(onset) - item.start for onset in earlier], default=0)
        onset = coverage.index(shift.onset) - item.start
        fresh = range(coverage.index(shift.detected) + 1 - item.start, coverage.index(until) + 1 - item.start)
        measured = follow_up(item, onset, fresh, max(0, anchor))
        if measured is None:
            continue
        lasting = lasts(Kind(shift.kind), shift.magnitude, *measured)
        shift.status = "confirmed" if lasting else "faded"
        verb = "bear it out" if lasting else "do not bear it out"
        changed.append((shift, f"The days after it was found, up to {until.isoformat()}, {verb}."))
    return changed


def _report(
    coverage: Coverage,
    reporting: Reporting,
    model: str,
    day: dt.date,
    *,
    new: list[tuple[int, Found]],
    changed: list[tuple[int, str]],
    stored: Sequence[Shift],
) -> DetectReport:
    last = coverage.index(day)
    recent = reporting.usable[max(0, last - DEGRADED_DAYS + 1) : last + 1]
    final = dict(changed)
    return DetectReport(
        day=day,
        model=model,
        new=new,
        open=[shift.id for shift in stored if stands(shift, day)],
        changed=sorted(final.items()),
        history_days=coverage.earlier + coverage.days,
        outlets_expected=round(float(reporting.expected[last])),
        outlets_reporting=int(reporting.reported[last]),
        silent=[name for name, quiet in zip(coverage.columns, reporting.silent[last], strict=True) if quiet],
        usable=bool(reporting.usable[last]),
        degraded=len(recent) == DEGRADED_DAYS and not recent.any(),
    )
