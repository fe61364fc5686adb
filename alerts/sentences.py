"""Every sentence of a digest, made from its fields. Nothing here looks anything up, nothing invents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alerts.facts import COLD_DAYS, DigestFacts, FeedFact, FeedState, Outage, ShiftFact
from alerts.model import Direction, DyadState, Evidence, Kind
from alerts.narrativenews import headline as narrative_headline
from alerts.notify import DigestKind
from alerts.together import told_findings
from alerts.triangle import moved
from alerts.wording import amount, dyad_name, how_often, multiple, press, share, signed, times, what_blocs_did
from alerts.words import (
    NBSP,
    count,
    day_words,
    in_words,
    listed,
    percent,
    plain,
)
from ingest.ties import ties

NEAR_ZERO = 0.1
"""Mean stance, in score points, under which a tie is said to lean neither way."""

MIX_WORTH_SAYING = 0.05
"""The detector's indifference zone for stance, in score points."""

_BACK = "coverage is back at its earlier level"

ARROWS = {
    Direction.CONVERGENCE: "↑",
    Direction.DIVERGENCE: "↓",
    Direction.RISE: "▲",
    Direction.FALL: "▼",
}
HEALTH_WORDS = {
    "ok": "answers",
    "unmodified": "answers, nothing new",
    "empty": "answers without items",
    "stale": "brings nothing new",
    "http_error": "answers with an error",
    "parse_error": "answers with something that is no feed",
    "html_instead_of_feed": "answers with a web page instead of the feed",
    "challenge_page": "answers with a robot check instead of the feed",
    "wrong_script": "answers in letters that are not those of its language",
    "blocked": "turns the monitor away",
    "gone": "is gone",
    "unreachable": "cannot be reached",
    "unknown": "not polled yet",
}


def headline(shift: ShiftFact) -> str:
    """What moved, in half a line; tells a change of side from a change of degree."""
    if shift.kind is Kind.THEME:
        name = f"“{plain(shift.theme, 60)}”"
        if shift.returned:
            return f"{name} is back to its usual share of the coverage"
        return f"{name} takes {multiple(shift.magnitude)} its usual share of the coverage"
    name = dyad_name(shift.dyad)
    if shift.bloc:
        name = f"{press(shift.bloc)[0].upper()}{press(shift.bloc)[1:]} alone: {name}"
    if shift.returned:
        what = "is back to its usual coverage" if shift.kind is Kind.ATTENTION else _BACK
        return f"{name} {what}"
    if shift.kind is Kind.ATTENTION:
        return f"{name} draws {multiple(shift.magnitude)} its usual coverage"
    up = shift.direction is Direction.CONVERGENCE
    toward, away = ("convergent", "divergent") if up else ("divergent", "convergent")
    before, after = (shift.before, shift.after) if up else (-shift.before, -shift.after)
    if before >= 0:
        return f"{name} coverage turned more {toward}"
    return f"{name} coverage turned {toward}" if after >= 0 else f"{name} coverage turned less {away}"


def figure(shift: ShiftFact) -> str:
    """The size of a shift: score points of tone, else a ratio."""
    return signed(shift.magnitude) if shift.kind.tone else times(shift.magnitude)


def unit(shift: ShiftFact) -> str:
    """What the size of a shift counts."""
    if shift.kind is Kind.THEME:
        return "the usual share of stories"
    if shift.kind is Kind.ATTENTION:
        return "the usual coverage"
    return f"points of average stance in {press(shift.bloc)}" if shift.bloc else "points of average stance"


def size_range(shift: ShiftFact) -> str:
    """The 95 % range of the size."""
    if shift.kind.tone:
        return f"{signed(shift.low)} to {signed(shift.high)}"
    return f"{times(shift.low)} to {times(shift.high)}"


def per_day(stories: float) -> str:
    """A level of attention."""
    return f"{amount(stories)} a day"


def lead(shift: ShiftFact) -> str:
    """How far it moved, within what range, since when, in how many stories."""
    carried = ""
    if shift.evidence.story_count:
        stories = count(shift.evidence.story_count, "independent story", "independent stories")
        carried = f", in {stories} from {count(shift.evidence.outlet_count, 'outlet')}"
    since = f"since about {day_words(shift.onset)}{carried}"
    verb = "rose" if shift.magnitude > 0 else "fell"
    if shift.kind is Kind.THEME:
        return (
            f"Of all stories on the {in_words(len(ties().dyads))} ties, those on this theme {verb} from "
            f"{share(shift.before)} to {share(shift.after)} ({figure(shift)}; 95 % range {size_range(shift)}) {since}."
        )
    if shift.kind.tone:
        return (
            f"Average stance {verb} from {signed(shift.before)} to {signed(shift.after)} "
            f"({figure(shift)}; 95 % range {size_range(shift)}) {since}."
        )
    return (
        f"Coverage {verb} from {amount(shift.before)} to {amount(shift.after)} stories a day "
        f"({figure(shift)}; 95 % range {size_range(shift)}) {since}."
    )


def chance(shift: ShiftFact) -> str:
    """How often evidence this strong comes by chance. Never dressed up as a probability of being real."""
    return (
        f"The evidence is {shift.confidence}: with unchanged coverage, evidence like this appears "
        f"{how_often(shift.years)}."
    )


def first_size(shift: ShiftFact) -> str:
    """Why the first figure is to be read with its range: it is biased up for weak shifts."""
    if shift.confidence != "moderate":
        return ""
    return "A first estimate of a weak shift tends to be too large; the range matters more than the figure."


def breadth(shift: ShiftFact) -> str:
    """How widely it is shared, and what a changed mix of outlets would have made of it."""
    evidence, parts = shift.evidence, []
    if evidence.outlets_moved > 1:
        told = evidence.blocs_moved > 1 and not evidence.bloc_moves
        blocs = f", in {in_words(evidence.blocs_moved)} of the press blocs" if told else ""
        parts.append(f"{count(evidence.outlets_moved, 'outlet')} moved the same way by themselves{blocs}.")
    if shift.kind.tone and evidence.mix is not None and abs(evidence.mix) > MIX_WORTH_SAYING:
        parts.append(
            f"A changed mix of outlets adds {signed(evidence.mix)} to the plain average; it is not counted here."
        )
    return " ".join(parts)


def by_press(shift: ShiftFact) -> str:
    """Which press blocs moved and which did not, with sizes and ranges."""
    return what_blocs_did(shift.evidence.bloc_moves)


def carriers(evidence: Evidence, theme_name: dict[str, str], bloc_name: Mapping[str, str]) -> list[tuple[str, str]]:
    """Who carries a shift, as (what, names with their share of the change); the three largest of each."""
    rows = []
    for label, parts, names in (
        ("Outlets", evidence.outlets, {}),
        ("Press", evidence.blocs, bloc_name),
        ("Themes", evidence.themes, theme_name),
    ):
        top = [part for part in parts if part.share > 0][:3]
        if top:
            rows.append(
                (label, ", ".join(f"{plain(names.get(p.name, p.name), 60)}{NBSP}({percent(p.share)})" for p in top))
            )
    return rows


def earlier_line(shift: ShiftFact, held: str = "") -> str:
    """A shift that an earlier digest told, or that is *held* for a reason, in one line."""
    told = f", told on {day_words(shift.told_on)}" if shift.told_on else ""
    fate = {
        "open": "still in force",
        "confirmed": "confirmed by the days since",
        "faded": "faded since: the later days do not bear it out",
        "returned": "back at its earlier level since",
    }.get(shift.status, shift.status)
    if shift.returned and shift.status != "returned":
        fate = "and stays there" if shift.status in ("open", "confirmed") else fate
    if held:
        fate = f"listed and not alerted: {held}"
    return f"{headline(shift)} around {day_words(shift.onset)} ({figure(shift)}{told}); {fate}."


def group_headline(group: Sequence[ShiftFact]) -> str:
    """What moved, of a finding: one shift, or those of all ties that moved alike at once."""
    first = group[0]
    if len(group) == 1:
        return headline(first)
    if first.kind is Kind.ATTENTION:
        return f"All {in_words(len(group))} ties draw {'more' if first.magnitude > 0 else 'less'} coverage at once"
    way = "convergent" if first.direction is Direction.CONVERGENCE else "divergent"
    return f"All {in_words(len(group))} ties turned more {way} at once"


def group_figure(group: Sequence[ShiftFact]) -> str:
    """The size of a finding: that of its shift, or the range from tie to tie."""
    if len(group) == 1:
        return figure(group[0])
    ordered = sorted(group, key=lambda shift: abs(shift.magnitude))
    ends = list(dict.fromkeys((figure(ordered[0]), figure(ordered[-1]))))
    return " to ".join(ends)


def sized_headline(group: Sequence[ShiftFact]) -> str:
    """What moved, and by how much; the headline of a ratio holds it already."""
    first = group[0]
    said = len(group) == 1 and not first.kind.tone and not first.returned
    return group_headline(group) + ("" if said else f", {group_figure(group)}")


def together(group: Sequence[ShiftFact]) -> str:
    """That all ties moved alike, and what that speaks for; empty for a single shift."""
    if len(group) == 1:
        return ""
    parts = listed([f"{dyad_name(shift.dyad)} {figure(shift)} since {day_words(shift.onset)}" for shift in group])
    # With ties that an earlier digest told, those told now need not have the strongest evidence.
    which = "found last" if any(shift.told_on for shift in group) else "with the strongest evidence"
    return (
        f"All ties moved alike within a week: {parts}. That is one finding about the whole topic, not one for each "
        f"tie; the tie {which} is told below."
    )


def taint(outage: Outage | None) -> str:
    """Which missing feeds a shift depends on."""
    if outage is None:
        return ""
    names = listed([plain(name, 60) for name in outage.outlets[:3]])
    more = f" and {in_words(len(outage.outlets) - 3)} more" if len(outage.outlets) > 3 else ""
    return (
        f"Feeds are missing: {names}{more} usually {'brings' if len(outage.outlets) == 1 else 'bring'} "
        f"{percent(outage.share)} of the stories that this rests on, and did not answer around its beginning."
    )


def ask_verdict(shift: ShiftFact) -> str:
    """How a reader says whether a shift was one."""
    return (
        f"Was it one? Answer with the word right, wrong or known and the number {shift.id}, or enter it under "
        "judge-shift; the record below counts it."
    )


def leaning(score: float | None) -> int:
    """-1, 0 or 1: where a tie's coverage leans."""
    return 0 if score is None or abs(score) < NEAR_ZERO else 1 if score > 0 else -1


def state_word(state: DyadState) -> str:
    """Where a dyad stands against its baseline, in a word or two: this week, else (*of late*) over two weeks."""
    if state.score is None:
        return "no stories"
    if state.baseline is None:
        return "no baseline yet"
    if state.open_shift_id is not None:
        return "shifted"
    low, high = state.score_low, state.score_high
    if low is not None and high is not None and not low <= state.baseline <= high:
        return "a little up" if state.score > state.baseline else "a little down"
    lately = moved(state)
    return ("up of late" if lately > 0 else "down of late") if lately else "steady"


ASTRAY = {
    "a little up": "a little above its usual level this week",
    "a little down": "a little below its usual level this week",
    "up of late": "above its usual level over the last two weeks",
    "down of late": "below its usual level over the last two weeks",
}
"""Where such a dyad lies, by its word in the table."""


def strays(state: DyadState) -> bool:
    """Whether a dyad without a shift is away from its usual level by what short a time can tell."""
    return state_word(state) in ASTRAY


def triangle(states: Sequence[DyadState]) -> str:
    """The three ties as one picture, in one line; empty where they are no triangle."""
    if not ties().is_triangle:
        return ""
    known = [state for state in states if state.score is not None]
    if len(known) < 3:
        return ""
    said = {
        side: [f"{dyad_name(s.dyad)} ({signed(s.score or 0)})" for s in known if leaning(s.score) == side]
        for side in (1, 0, -1)
    }
    plus, zero, minus = len(said[1]), len(said[0]), len(said[-1])
    if plus == 3:
        return f"All three sides of the triangle lean towards convergence: {listed(said[1])}."
    if minus == 3:
        return f"All three sides of the triangle lean towards divergence: {listed(said[-1])}."
    if zero == 3:
        return f"No side of the triangle leans either way: {listed(said[0])}."
    parts = []
    if plus:
        parts.append(f"{listed(said[1])} {'leans' if plus == 1 else 'lean'} towards convergence")
    if minus:
        parts.append(f"{listed(said[-1])} towards divergence")
    if zero:
        parts.append(f"{listed(said[0])} neither way")
    picture = ""
    if plus == 2 and minus == 1:
        picture = ": two sides of the triangle close, one pulls apart"
    elif minus == 2 and plus == 1:
        picture = ": two sides of the triangle pull apart, one closes"
    return f"{'; '.join(parts)}{picture}."


def in_force(facts: DigestFacts) -> list[ShiftFact]:
    """Shifts told before that still hold, the newest first."""
    return [s for s in facts.earlier if s.status in ("open", "confirmed") and s.id not in facts.held]


def kept_back(facts: DigestFacts) -> list[ShiftFact]:
    """Shifts that are listed and not alerted, the newest first."""
    return [shift for shift in facts.earlier if shift.id in facts.held]


def every_tie(states: Sequence[DyadState]) -> str:
    """The ties as the subject of a sentence: *all three ties*."""
    return dyad_name(states[0].dyad) if len(states) == 1 else f"all {in_words(len(states))} ties"


def is_cold(states: Sequence[DyadState]) -> bool:
    """Whether no dyad has the history that it takes to call a shift."""
    return all(state.history_days < COLD_DAYS for state in states)


def feeds_line(facts: DigestFacts) -> str:
    """How many feeds answered, and what they brought in the week."""
    feeds = facts.feeds
    if not feeds.feeds:
        if feeds.imported:
            return "The articles came from imported files; no feed is polled."
        return "No feed is enabled and nothing was imported: this digest rests on nothing new."
    total, well = len(feeds.feeds), len(feeds.of(FeedState.ANSWERED))
    parts = [f"{well} of {count(total, 'feed')} answered" if well < total else f"All {count(total, 'feed')} answered"]
    for state, words in (
        (FeedState.STALE, "nothing new from"),
        (FeedState.FAILING, "no answer from"),
        (FeedState.UNPOLLED, "not polled yet:"),
    ):
        some = len(feeds.of(state))
        if some:
            parts.append(f"{words} {in_words(some)}")
    line = ", ".join(parts) + "."
    if feeds.seen:
        line += (
            f" In the week they brought {count(feeds.seen, 'item')}, of which {feeds.on_topic:,} "
            f"{'names' if feeds.on_topic == 1 else 'name'} at least two of the states watched."
        )
    return line


def feeds_doubt(facts: DigestFacts) -> str:
    """A warning where so few feeds answered that silence proves little."""
    total, well = len(facts.feeds.feeds), len(facts.feeds.of(FeedState.ANSWERED))
    if total and well < 0.6 * total:
        return f"Read this with care: {f'only {well}' if well else 'none'} of {count(total, 'feed')} answered."
    return ""


def feed_note(feed: FeedFact) -> str:
    """What is wrong with a feed, and since when."""
    if feed.health == "stale" and feed.since:
        return f"answers, but its newest item is of {day_words(feed.since)}"
    words = HEALTH_WORDS.get(feed.health, plain(feed.health, 40))
    since = f" since {day_words(feed.since)}" if feed.since else ""
    error = f" ({plain(feed.error, 100)})" if feed.error else ""
    return f"{words}{since}{error}"


def weight(facts: DigestFacts) -> str:
    """The bracket of a subject that says on what it rests: stories and healthy feeds."""
    total, well = len(facts.feeds.feeds), len(facts.feeds.of(FeedState.ANSWERED))
    stories = count(facts.stories, "story", "stories")
    if not total:
        return f"({stories})"
    healthy = count(total, "feed") if well == total else f"{well} of {count(total, 'feed')}"
    return f"({stories}, {healthy} healthy)"


def finding(facts: DigestFacts) -> str:
    """The finding in one line: the subject without its marks, and the digest's title."""
    if facts.shifts:
        group, *rest = told_findings(facts)
        return sized_headline(group) + (f"; {in_words(len(rest))} more" if rest else "")
    if facts.narratives:
        start, *others = facts.narratives
        told = narrative_headline(start.terms)
        return f"{told}; {in_words(len(others))} more" if others else told
    return _quiet_finding(facts)


def _quiet_finding(facts: DigestFacts) -> str:
    doubt = "" if not feeds_doubt(facts) else ", but few feeds answered"
    if is_cold(facts.states):
        have = max((state.history_days for state in facts.states), default=0)
        return f"Warming up, {have} of {COLD_DAYS} days of history {weight(facts)}"
    standing, kept = in_force(facts), len(kept_back(facts))
    if kept and not standing:
        are = "is listed with its reason" if kept == 1 else "are listed with their reasons"
        return f"No shift alerted this week{doubt}; {in_words(kept)} {are} {weight(facts)}"
    if standing:
        first = standing[0]
        since = day_words(first.onset, year=False)
        return f"No new shift this week{doubt}; still in force: {headline(first)} around {since}"
    gone = [shift for shift in facts.earlier if shift.status == "faded" and shift.told_on is not None]
    if gone:
        return f"No shift this week{doubt}; faded since it was told: {headline(gone[0])}"
    away = [state for state in facts.states if state_word(state) != "steady"]
    if not away:
        return f"No shift this week{doubt}: {every_tie(facts.states)} steady {weight(facts)}"
    words = listed([f"{dyad_name(state.dyad)} {state_word(state)}" for state in away])
    return f"No shift this week{doubt}: {words} {weight(facts)}"


def subject(facts: DigestFacts) -> str:
    """The subject line: it carries the finding, so that the mail need not be opened to know it."""
    marks = []
    if facts.replay:
        marks.append("REPLAY:")
    if facts.kind is DigestKind.TEST:
        marks.append("[test]")
    if facts.shifts:
        marks.append(f"[{_shift_mark(facts)}]")
    elif facts.narratives:
        marks.append("[new]")
    return plain(" ".join([*marks, finding(facts)]), 180)


def _shift_mark(facts: DigestFacts) -> str:
    # A press that moved alone is no shift of the tie, and its mail does not say so.
    word = "split" if all(shift.kind is Kind.BLOC for shift in facts.shifts) else "shift"
    leads = [group[0] for group in told_findings(facts)]
    if len(leads) == 1:
        return f"{'back' if leads[0].returned else word} {ARROWS[leads[0].direction]}"
    counts = {arrow: sum(ARROWS[s.direction] == arrow for s in leads) for arrow in ARROWS.values()}
    return f"{word} " + " ".join(f"{arrow}{number}" for arrow, number in counts.items() if number)
