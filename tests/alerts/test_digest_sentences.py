"""Every sentence comes from fields: what it says for which fields."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pytest

from alerts import sentences as say
from alerts.draft import render
from alerts.facts import FeedsFact
from alerts.model import BlocMove, Direction, DyadState, Evidence, Kind, Verdict
from alerts.notify import DigestKind
from alerts.view import LIMITS, compose, onsets, ranked, widths
from alerts.words import NBSP, day_words
from store.settings import Settings
from tests.alerts.helpers_digest import evidence, facts, feeds, quiet_facts, shift, states, steady_states, story


@pytest.mark.parametrize(
    ("direction", "before", "after", "expected"),
    [
        (Direction.CONVERGENCE, -0.41, 0.32, "India–China coverage turned convergent"),
        (Direction.CONVERGENCE, 0.12, 0.34, "India–China coverage turned more convergent"),
        (Direction.CONVERGENCE, -0.41, -0.10, "India–China coverage turned less divergent"),
        (Direction.DIVERGENCE, 0.32, -0.41, "India–China coverage turned divergent"),
        (Direction.DIVERGENCE, -0.12, -0.34, "India–China coverage turned more divergent"),
        (Direction.DIVERGENCE, 0.41, 0.10, "India–China coverage turned less convergent"),
    ],
)
def test_a_change_of_side_is_told_from_a_change_of_degree(
    direction: Direction, before: float, after: float, expected: str
) -> None:
    assert say.headline(shift(direction=direction, before=before, after=after, magnitude=after - before)) == expected


RISE = shift(
    kind=Kind.ATTENTION,
    direction=Direction.RISE,
    magnitude=math.log(2.3),
    low=math.log(1.9),
    high=math.log(2.8),
    before=5.4,
    after=12.4,
)


def test_attention_is_told_as_a_ratio() -> None:
    assert say.headline(RISE) == "India–China draws 2.3 times its usual coverage"
    assert say.figure(RISE) == "×2.3"
    assert say.lead(RISE).startswith("Coverage rose from 5.4 to 12 stories a day (×2.3; 95 % range ×1.9 to ×2.8) since")
    assert say.subject(facts(shifts=(RISE,))) == "[shift ▲] India–China draws 2.3 times its usual coverage"


def test_a_fall_is_told_as_a_part_of_the_usual_and_a_list_of_shifts_says_no_figure_twice() -> None:
    fall = replace(RISE, direction=Direction.FALL, magnitude=-0.69, before=6.0, after=3.0)
    assert say.subject(facts(shifts=(fall,))) == "[shift ▼] India–China draws 50 % of its usual coverage"
    deck = compose(facts(shifts=(shift(dyad="IN-RU"), fall))).deck
    assert deck.startswith(
        f"India–Russia coverage turned convergent, +0.73; India–China draws 50{NBSP}% of its usual coverage. 151"
    )


def test_what_moved_on_one_tie_stands_together() -> None:
    strong, other = shift(dyad="IN-RU"), shift(id=8, log_evidence=9.0)
    weak = replace(RISE, id=9, dyad="IN-RU", log_evidence=7.0)
    assert ranked((weak, other, strong)) == (strong, weak, other)


def test_attention_has_a_chart_of_its_own_and_the_tie_keeps_its_chart_of_stance(settings: Settings) -> None:
    rising = facts(shifts=(RISE,))
    view = compose(rising)
    chart = view.shifts[0].chart
    assert chart is not None
    assert chart.name == "in-cn-stories"
    assert chart.alt == (
        f"India–China, 12 weeks of stories a day: 5.4 a day before about {day_words(RISE.onset)}, 12 a day since."
    )
    assert {row.chart.name for row in view.dyads if row.chart} == {"in-ru", "ru-cn", "in-cn"}
    assert chart.name in render(settings, rising, "a-digest").charts


MOVES = [
    BlocMove("russia", Verdict.MOVED, 40, 0.45, 0.2, 0.7),
    BlocMove("india", Verdict.STILL, 30, 0.02, -0.1, 0.14),
    BlocMove("west", Verdict.OPPOSITE, 20, -0.3, -0.5, -0.1),
]
SPLIT = shift(id=9, kind=Kind.BLOC, bloc="russia", dyad="IN-RU", evidence=replace(evidence(), bloc_moves=MOVES))
THEME = shift(
    id=10,
    kind=Kind.THEME,
    dyad="",
    theme="Trade and sanctions",
    direction=Direction.RISE,
    magnitude=math.log(2.6),
    low=math.log(2.0),
    high=math.log(3.3),
    before=0.034,
    after=0.21,
)


def test_a_theme_is_told_as_a_share_of_all_stories() -> None:
    assert say.headline(THEME) == "“Trade and sanctions” takes 2.6 times its usual share of the coverage"
    assert say.lead(THEME).startswith(
        "Of all stories on the three ties, those on this theme rose from 3.4\u00a0% to 21\u00a0% "
        "(×2.6; 95 % range ×2.0 to ×3.3) since about 21 October 2024"
    )
    assert say.headline(replace(THEME, returned=True)) == (
        "“Trade and sanctions” is back to its usual share of the coverage"
    )
    view = compose(facts(shifts=(THEME,)))
    assert view.subject == "[shift ▲] “Trade and sanctions” takes 2.6 times its usual share of the coverage"
    (told,) = view.shifts
    assert (told.before, told.after, told.unit) == ("3.4\u00a0%", "21\u00a0%", "the usual share of stories")
    # A theme is of no tie: no chart of a tie belongs to it, and all ties keep theirs below.
    assert told.chart is None
    assert all(dyad.chart for dyad in view.dyads)


def test_a_press_that_moved_alone_is_told_after_the_shifts_and_marks_no_chart() -> None:
    assert say.headline(SPLIT) == "The Russian press alone: India–Russia coverage turned convergent"
    assert say.subject(facts(shifts=(SPLIT,))).startswith("[split ↑] The Russian press alone: India–Russia")
    weak = replace(RISE, log_evidence=6.2)
    view = compose(facts(shifts=(SPLIT, weak)))
    assert [one.unit for one in view.shifts] == [
        "the usual coverage",
        "points of average stance in the Russian press",
    ]
    assert view.subject.startswith("[shift ↑1 ▲1]")
    assert view.shifts[1].chart is None
    assert "IN-RU" not in onsets(facts(shifts=(SPLIT,)))


def test_the_presses_are_told_with_sizes_and_only_is_said_where_it_is_known() -> None:
    assert say.by_press(SPLIT) == (
        "By press, each against its own usual tone. Only the Russian press changed its tone this way. "
        "Moved: the Russian press (+0.45; 95 % range +0.20 to +0.70). "
        "Did not follow: the Indian press (+0.02; 95 % range −0.10 to +0.14). "
        "Moved the other way: the Western press (−0.30; 95 % range −0.50 to −0.10)."
    )
    vague = [*MOVES, BlocMove("other", Verdict.UNCLEAR, 2)]
    told = say.by_press(replace(SPLIT, evidence=replace(evidence(), bloc_moves=vague)))
    assert "Only" not in told
    assert told.endswith("Too few stories to tell: other press.")
    assert say.by_press(shift()) == ""


def test_the_number_of_blocs_gives_way_to_what_each_did() -> None:
    broad = replace(evidence(), outlets_moved=9, blocs_moved=3)
    assert "in three of the press blocs" in say.breadth(shift(evidence=broad))
    assert "blocs" not in say.breadth(shift(evidence=replace(broad, bloc_moves=MOVES)))


def test_a_shift_is_told_with_size_range_onset_and_ground() -> None:
    assert say.lead(shift()) == (
        "Average stance rose from −0.41 to +0.32 (+0.73; 95 % range +0.55 to +0.90) since about 21 October 2024, "
        "in 74 independent stories from 23 outlets."
    )
    assert "about once in 3 years" in say.chance(shift())
    one = shift(evidence=Evidence(story_count=1, outlet_count=1))
    assert say.lead(one).endswith("in 1 independent story from 1 outlet.")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (facts(), "[shift ↑] India–China coverage turned convergent, +0.73"),
        (facts(replay=True), "REPLAY: [shift ↑] India–China coverage turned convergent, +0.73"),
        (facts(kind=DigestKind.TEST), "[test] [shift ↑] India–China coverage turned convergent, +0.73"),
        (
            facts(shifts=(shift(), shift(id=8, dyad="RU-CN", direction=Direction.DIVERGENCE), RISE)),
            "[shift ↑1 ↓1 ▲1] India–China coverage turned convergent, +0.73; two more",
        ),
        (
            facts(shifts=(shift(returned=True, direction=Direction.DIVERGENCE, magnitude=-0.7),)),
            "[back ↓] India–China coverage is back at its earlier level, −0.70",
        ),
        (quiet_facts(), "No shift this week: all three ties steady (151 stories, 12 of 15 feeds healthy)"),
        (
            quiet_facts(stories=1, feeds=FeedsFact(feeds().feeds[:12])),
            "No shift this week: all three ties steady (1 story, 12 feeds healthy)",
        ),
        (
            quiet_facts(feeds=FeedsFact(imported=50)),
            "No shift this week: all three ties steady (151 stories)",
        ),
        (
            quiet_facts(earlier=(shift(),), states=states()),
            "No new shift this week; still in force: India–China coverage turned convergent around 21 October",
        ),
        (
            quiet_facts(states=tuple(replace(s, history_days=12) for s in steady_states())),
            "Warming up, 12 of 28 days of history (151 stories, 12 of 15 feeds healthy)",
        ),
        (
            quiet_facts(feeds=FeedsFact(feeds().feeds[9:])),
            "No shift this week, but few feeds answered: all three ties steady (151 stories, 3 of 6 feeds healthy)",
        ),
    ],
)
def test_the_subject_carries_the_finding(given: object, expected: str) -> None:
    assert say.subject(given) == expected  # type: ignore[arg-type]


def at(*scores: float | None) -> list[DyadState]:
    return [replace(state, score=score) for state, score in zip(states(), scores, strict=True)]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.3, 0.4, 0.2), "All three sides of the triangle lean towards convergence"),
        ((-0.3, -0.4, -0.2), "All three sides of the triangle lean towards divergence"),
        ((0.0, 0.02, -0.05), "No side of the triangle leans either way"),
        ((0.3, 0.4, -0.4), "two sides of the triangle close, one pulls apart"),
        ((-0.3, 0.4, -0.4), "two sides of the triangle pull apart, one closes"),
        ((0.3, 0.0, -0.4), "India–Russia (+0.30) leans towards convergence; India–China (−0.40) towards divergence"),
        ((0.3, 0.4, None), ""),
    ],
)
def test_the_triangle_in_one_line(scores: tuple[float | None, ...], expected: str) -> None:
    line = say.triangle(at(*scores))
    assert expected in line
    assert bool(line) == bool(expected)
    assert ".." not in line


def test_a_week_in_which_something_is_held_does_not_say_that_all_is_steady() -> None:
    waiting = quiet_facts(earlier=(shift(), shift(id=8)), held={7: "its cause is known", 8: "its cause is known"})
    assert say.subject(waiting).startswith("No shift alerted this week; two are listed with their reasons (151 stories")
    assert compose(waiting).quiet == "No shift is alerted. Two are listed below with the reason why not."


def test_a_quiet_week_says_what_it_could_have_seen() -> None:
    view = compose(quiet_facts())
    assert view.quiet == "Nothing moved beyond what chance brings: all three ties are where they usually are."
    assert view.smallest == (
        "The smallest lasting change of average stance that two weeks would have shown: 0.20 for India–Russia, 0.18 "
        "for Russia–China and 0.22 for India–China. Of the number of stories: ×1.6 for India–Russia, ×1.7 for "
        "Russia–China and ×2.1 for India–China."
    )


def test_on_a_tie_with_few_stories_only_a_reversal_would_have_been_seen() -> None:
    first, *rest = steady_states()
    thin = replace(first, smallest_shift=1.98, smallest_attention=None)
    line = compose(quiet_facts(states=(thin, *rest))).smallest
    assert "shown: nothing short of a reversal for India–Russia, 0.18 for Russia–China" in line
    assert "stories: ×1.7 for Russia–China and" in line


def test_a_week_without_stories_is_no_steady_week() -> None:
    first, *rest = steady_states()
    none = [replace(state, stories=0) for state in (first, *rest)]
    one = compose(quiet_facts(states=(none[0], *rest))).quiet
    assert one == (
        "Nothing moved beyond what chance brings. On India–Russia no story was read, so nothing can be said there."
    )
    every = compose(quiet_facts(states=tuple(none))).quiet
    assert every.startswith("On India–Russia, Russia–China and India–China no story was read, so nothing")


def test_a_tie_outside_its_weekly_range_is_named_and_not_called_a_shift() -> None:
    first, *rest = steady_states()
    view = compose(quiet_facts(states=(replace(first, score=0.6, score_low=0.5, score_high=0.7), *rest)))
    assert view.quiet.startswith("No shift was found. India–Russia lies a little above its usual level this week")
    assert "India–Russia a little up" in view.subject


def test_a_tie_that_strays_over_two_weeks_is_not_called_steady_while_the_triangle_says_otherwise() -> None:
    first, *rest = steady_states()
    others = [replace(state, change=0.0, change_low=-0.1, change_high=0.1) for state in rest]
    low = replace(first, change=-0.5, change_low=-0.8, change_high=-0.2)
    view = compose(quiet_facts(states=(low, *others)))
    assert view.quiet == (
        "No shift was found. India–Russia lies below its usual level over the last two weeks; so few days cannot tell "
        "that from chance."
    )
    assert "India–Russia down of late" in view.subject
    assert [row.word for row in view.dyads] == ["down of late", "steady", "steady"]
    assert "India and Russia drift apart" in view.pattern
    assert view.pattern.endswith("Where no shift is told, that may be chance: of twenty such ranges, one misses.")
    told = compose(quiet_facts(states=(replace(low, open_shift_id=7), *others)))
    assert told.pattern.endswith("95 % range −0.80 to −0.20).")


def test_cold_start_describes_and_concludes_nothing() -> None:
    cold = tuple(replace(s, history_days=12, baseline=None, smallest_shift=None) for s in steady_states())
    view = compose(quiet_facts(states=cold))
    assert view.cold.startswith("Warming up: there are 12 days of history. From 28 days on")
    assert view.quiet == view.smallest == ""
    assert not view.has_usual
    assert [row.word for row in view.dyads] == ["no baseline yet"] * 3
    assert [row.baseline for row in view.dyads] == ["–"] * 3


def test_nobody_is_told_that_feeds_are_well_when_few_answered() -> None:
    assert say.feeds_doubt(quiet_facts()) == ""
    few = quiet_facts(feeds=FeedsFact(feeds().feeds[9:]))
    assert compose(few).doubt == "Read this with care: only 3 of 6 feeds answered."
    gone = quiet_facts(feeds=FeedsFact(feeds().feeds[12:]))
    assert compose(gone).doubt == "Read this with care: none of 3 feeds answered."


def test_feeds_are_counted_and_the_unwell_named() -> None:
    view = compose(facts())
    assert view.feeds_line.startswith("12 of 15 feeds answered, nothing new from one, no answer from two.")
    assert [(feed.outlet, feed.note) for feed in view.feeds] == [
        ("Demo Gazette", "is gone since 19 October 2024 (410 Gone)"),
        ("Demo Monitor", "turns the monitor away since 24 October 2024 (403 with a challenge page)"),
        ("Demo Weekly Review", "answers, but its newest item is of 30 September 2024"),
    ]


def test_strong_evidence_comes_first_and_fragile_evidence_last() -> None:
    weak = shift(id=1, log_evidence=6.2)
    strong = shift(id=2, log_evidence=9.9)
    fragile = shift(id=3, log_evidence=15.0, evidence=replace(evidence(), fragile="rests on one outlet (Demo Herald)"))
    assert [s.id for s in ranked((fragile, weak, strong))] == [2, 1, 3]
    view = compose(facts(shifts=(fragile, weak, strong)))
    assert view.shifts[2].fragile
    assert view.shifts[2].robustness == "Handle with care: it rests on one outlet (Demo Herald)."


def robust(*fires: bool | None) -> str:
    carried = replace(evidence(), fires_without_top_outlet=fires[0], fires_without_top_story=fires[1])
    return compose(facts(shifts=(shift(evidence=carried),))).shifts[0].robustness


def test_it_says_whether_the_shift_would_have_been_found_without_its_top_source() -> None:
    left = (
        "It does not rest on one source: without its top outlet, Demo Herald, the change would still be +0.66, "
        "without its top story +0.70."
    )
    said = {
        (True, True): " It would have been found on the same day without that outlet or without that story.",
        (False, True): (
            " The evidence sufficed only just: without that outlet it would not have, yet; without that story it would "
            "have all the same."
        ),
        (False, False): (
            " The evidence sufficed only just: without that outlet or without that story it would not have, yet."
        ),
        # Shifts that an earlier version stored were not decided again.
        (None, None): "",
    }
    for fires, words in said.items():
        assert robust(*fires) == left + words


def test_the_stories_say_outlet_press_language_day_theme_and_copies() -> None:
    told = compose(facts()).shifts[0]
    where = "Demo Herald · Indian press · 21 Oct 2024 · India–China border"
    assert told.stories[0].meta == f"{where} · and 3 further articles"
    assert told.stories[1].meta.startswith("Demo Daily (Beijing) · Chinese press · in Chinese · 23 Oct 2024")
    assert told.more_stories == "and 69 more stories"
    assert told.counter is not None
    assert (told.counter.tone, told.counter.stance) == ("down", "↓ divergence")


def test_claims_are_counted_over_the_stories_that_touch_them() -> None:
    claim = compose(facts()).shifts[0].claims[0]
    assert claim.relation == "2 stories undercut"
    assert claim.source == "Demo seed paper on a troubled border, Demo Institute, 2021-03"
    mentions = replace(evidence(), stories=[story(claim_id="border-blocks-thaw", claim_relation="mentions")])
    assert compose(facts(shifts=(shift(evidence=mentions),))).shifts[0].claims == ()
    unknown = replace(evidence(), stories=[story(claim_id="no-such-claim", claim_relation="supports")])
    assert compose(facts(shifts=(shift(evidence=unknown),))).shifts[0].claims == ()


def test_what_is_left_out_is_counted() -> None:
    many = tuple(shift(id=n) for n in range(9))
    view = compose(facts(shifts=many), LIMITS[0])
    assert len(view.shifts) == 6
    assert view.more_shifts.startswith("and 3 more shifts: India–China coverage turned convergent")


def test_earlier_shifts_say_when_they_were_told_and_what_became_of_them() -> None:
    told = shift(told_on=dt.date(2024, 10, 28))
    assert say.earlier_line(told).endswith("(+0.73, told on 28 October 2024); still in force.")
    assert "faded since" in say.earlier_line(replace(told, status="faded"))
    assert "back at its earlier level" in say.earlier_line(replace(told, status="returned"))


def test_the_replay_says_so_with_its_simulated_day() -> None:
    banner = compose(quiet_facts(replay=True)).banner
    assert banner.startswith("REPLAY")
    assert "28 October 2024" in banner
    assert compose(quiet_facts()).banner == ""


def test_the_moment_of_composing_is_in_the_readers_zone_and_days_are_utc() -> None:
    rows = {row.label: row.value for row in compose(facts()).method}
    assert rows["Composed"] == "28 October 2024, 06:30 (Asia/Kolkata)"
    assert rows["Days"] == "21–27 October 2024, calendar days in UTC"
    assert rows["Read by"] == "model linear-1a2b3c4d"
    assert "about 1 false digest a year" in rows["Chance findings"]


@pytest.mark.parametrize("counts", [(1, 0, 0), (0, 0, 7), (1, 1, 1), (43, 20, 11), (1, 999, 1)])
def test_bar_widths_always_fill_the_bar(counts: tuple[int, int, int]) -> None:
    assert sum(widths(counts)) == 100
    assert all(width >= 0 for width in widths(counts))


def test_the_facts_survive_as_json() -> None:
    import json

    record = json.loads(json.dumps(facts().as_json()))
    assert record["shifts"][0]["direction"] == "convergence"
    assert record["now"] == "2024-10-28T01:00:00+00:00"
    assert "chart" not in record["states"][0]
