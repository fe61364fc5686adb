"""Who and what carries a shift."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from alerts.evidence import Cast, Usual, weigh
from alerts.model import Direction, Found, Kind

DAY = dt.date(2024, 5, 1)
STANCE = Found(
    dyad="IN-CN",
    kind=Kind.STANCE,
    direction=Direction.DIVERGENCE,
    onset=DAY,
    detected=DAY,
    magnitude=-0.5,
    low=-0.7,
    high=-0.3,
    before=0.1,
    after=-0.4,
    log_evidence=6.0,
    threshold=5.4,
    years=3.0,
    confidence="moderate",
    returned=False,
    text="",
)
RISE = replace(STANCE, kind=Kind.ATTENTION, direction=Direction.RISE, magnitude=1.0, before=3.0, after=8.0)


def cast(story: int, outlet: str, score: float, theme: str = "border", bloc: str = "india", copies: int = 1) -> Cast:
    stance = 0 if abs(score) < 0.3 else 1 if score > 0 else -1
    return Cast(story, story, DAY, outlet.lower(), outlet, bloc, theme, score, stance, copies)


def test_parts_sum_to_the_whole_change() -> None:
    votes = [cast(1, "A", -0.8), cast(2, "B", -0.6, "trade"), cast(3, "C", 0.5, bloc="west"), cast(4, "A", -0.9)]
    evidence, chosen = weigh(STANCE, votes, Usual(level=0.1, offsets={"A": -0.2}, plain=0.1))
    # A usually writes 0.2 below the rest, so of its -0.8 and -0.9 only -0.7 and -0.8 are new.
    assert evidence.tone == pytest.approx((-0.7 - 0.7 + 0.4 - 0.8) / 4)
    for parts in (evidence.outlets, evidence.blocs, evidence.themes):
        assert sum(part.share for part in parts) == pytest.approx(1)
    assert [part.name for part in evidence.outlets] == ["A", "B", "C"]
    assert evidence.outlets[-1].share < 0
    assert sum(part for _, part in chosen.stories) + 0.4 / 4 == pytest.approx(evidence.tone)
    assert (evidence.story_count, evidence.outlet_count, evidence.outlets_moved) == (4, 3, 2)


def test_tone_and_mix_are_told_apart() -> None:
    # The votes are what these outlets always write; only their mix changed, from a mean of 0 to -0.5.
    votes = [cast(i, "Foe", -0.5) for i in range(8)]
    evidence, _ = weigh(STANCE, votes, Usual(level=0.0, offsets={"Foe": -0.5}, plain=0.0))
    assert evidence.tone == pytest.approx(0)
    assert evidence.mix == pytest.approx(-0.5)


def test_stories_are_in_the_shifts_direction_one_per_outlet_with_a_counter_example() -> None:
    votes = [cast(i, "ABCDEFG"[i % 7], -0.9 + 0.01 * i) for i in range(14)] + [cast(90, "X", 0.9), cast(91, "Y", 0.4)]
    _, chosen = weigh(STANCE, votes, Usual(level=0.1))
    assert [vote.outlet for vote, _ in chosen.stories] == list("ABCDE")
    assert all(vote.stance == -1 and part < 0 for vote, part in chosen.stories)
    assert chosen.counter is not None
    assert (chosen.counter[0].story_id, chosen.counter[1] > 0) == (90, True)


def test_one_outlet_alone_still_shows_three_stories() -> None:
    votes = [cast(i, "Only", -0.9) for i in range(9)]
    evidence, chosen = weigh(STANCE, votes, Usual(level=0.1))
    assert len(chosen.stories) == 3
    assert len({vote.story_id for vote, _ in chosen.stories}) == 3
    assert chosen.counter is None
    assert evidence.fragile == "rests on one outlet (Only)"


def test_what_rests_on_one_outlet_or_story_says_so() -> None:
    others = [cast(i, "ABCD"[i % 4], 0.1) for i in range(8)]
    one_outlet = [*others, *[cast(20 + i, "Loud", -0.9) for i in range(8)]]
    evidence, _ = weigh(STANCE, one_outlet, Usual(level=0.1))
    assert evidence.without_top_outlet == pytest.approx(0, abs=1e-9)
    assert evidence.fragile == "rests on one outlet (Loud)"
    # A story that runs for days in many outlets' copies is one story.
    one_story = [*others, *[replace(cast(30, "EFGH"[i % 4], -0.9), article_id=40 + i) for i in range(8)]]
    evidence, _ = weigh(STANCE, one_story, Usual(level=0.1))
    assert evidence.without_top_story == pytest.approx(0, abs=1e-9)
    assert evidence.fragile == "rests on one story"
    broad, _ = weigh(STANCE, [cast(i, "ABCDEF"[i % 6], -0.7) for i in range(12)], Usual(level=0.1))
    assert broad.fragile == ""


def test_the_order_of_votes_does_not_matter() -> None:
    votes = [cast(i, "ABC"[i % 3], -0.5 + 0.07 * (i % 5), copies=1 + i % 3) for i in range(12)]
    assert weigh(STANCE, votes, Usual(level=0.1)) == weigh(STANCE, votes[::-1], Usual(level=0.1))


def test_attention_is_what_came_beyond_the_expected() -> None:
    votes = [cast(i, "A", 0.1, "border") for i in range(12)] + [
        cast(20 + i, "B", 0.1, "trade", "west") for i in range(6)
    ]
    new = [cast(50 + i, "New", 0.1, bloc="china") for i in range(9)]
    usual = Usual(
        level=3.0,
        feeds={"a": 4.0, "b": 2.0, "quiet": 2.0},
        outlet_of={"a": "A", "b": "B", "quiet": "Quiet"},
        bloc_of={"a": "india", "b": "west", "quiet": "west"},
        themes={"border": 6.0, "trade": 2.0},
    )
    evidence, chosen = weigh(RISE, [*votes, *new], usual)
    shares = {part.name: part.share for part in evidence.outlets}
    # 18 came where 8 were expected; the outlet that is not in the panel has no part in it.
    assert shares == pytest.approx({"A": 0.8, "B": 0.4, "Quiet": -0.2})
    assert {part.name: part.share for part in evidence.blocs} == pytest.approx({"india": 0.8, "west": 0.2})
    assert {part.name: part.share for part in evidence.themes} == pytest.approx({"border": 0.6, "trade": 0.4})
    assert evidence.outlets_moved == 2
    assert evidence.fragile == ""
    assert chosen.counter is None


def test_no_votes_are_no_evidence() -> None:
    for found in (STANCE, RISE):
        evidence, chosen = weigh(found, [], Usual(level=0.1))
        assert (evidence.stories, evidence.story_count, chosen.stories) == ([], 0, ())
