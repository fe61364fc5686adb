"""Narratives: what stays is told, what bursts is not, and neither order nor names nor the future matter."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.narratives import (
    FLOOR,
    MEMORY,
    SCORED,
    THRESHOLD,
    WINDOW,
    Cluster,
    LooseStory,
    alike,
    clusters_on,
    score_of,
    threshold,
)

FIRST = dt.date(2024, 1, 1)
OUTLETS = (("Alpha", "india"), ("Beta", "russia"), ("Gamma", "china"), ("Delta", "west"))


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


def even(_word: str) -> float:
    return 5.0


def story(number: int, words: str, outlet: int = 0, key: str = "") -> LooseStory:
    name, bloc = OUTLETS[outlet % len(OUTLETS)]
    return LooseStory(key or f"{number} {words} {name}", day(number), name, bloc, frozenset(words.split()), words)


def vaccine(number: int, outlet: int = 0) -> LooseStory:
    """A story of one matter, in words of which half are its own."""
    return story(number, f"vaccine trial doses x{number}o{outlet} y{number}o{outlet}", outlet)


def noise(number: int, count: int, seed: int = 1) -> list[LooseStory]:
    rng = np.random.default_rng([seed, number])
    return [
        story(number, " ".join(f"w{word}" for word in rng.choice(4000, 6, replace=False)), int(rng.integers(4)))
        for _ in range(count)
    ]


def steady(days: int, each: int = 2) -> list[LooseStory]:
    return [vaccine(number, outlet) for number in range(days) for outlet in range(each)]


def facts(clusters: list[Cluster]) -> list[tuple[float, tuple[str, ...], int, frozenset[str]]]:
    return [(c.score, c.terms, c.outlets, frozenset(s.title for s in c.stories)) for c in clusters]


def test_two_stories_a_day_by_two_outlets_of_two_blocs_are_told_on_the_thirteenth_day() -> None:
    scores = [clusters_on(steady(40), day(number), even)[0].score for number in range(14)]
    assert scores[11:14] == [24.0, 26.0, 28.0]
    assert next(number for number, score in enumerate(scores) if score >= THRESHOLD) == 12


def test_a_narrative_stands_out_of_a_noisy_press_with_its_own_words_and_stories() -> None:
    stories = steady(25) + [one for number in range(25) for one in noise(number, 20)]
    best, *rest = clusters_on(stories, day(24), even)
    assert best.score == 2 * SCORED
    assert set(best.terms) == {"vaccine", "trial", "doses"}
    assert {one.title for one in best.stories} == {one.title for one in steady(25) if one.day > day(24 - SCORED)}
    assert (best.first, best.last, best.days, best.outlets, best.blocs) == (
        day(4), day(24), SCORED, 2, ("india", "russia"),
    )  # fmt: skip
    assert all(cluster.score < THRESHOLD / 2 for cluster in rest)


def test_a_burst_of_one_day_counts_no_more_than_two_outlets() -> None:
    storm = [vaccine(10, outlet) for outlet in range(4)] * 30
    assert clusters_on(storm, day(10), even)[0].score == 2.0


def test_a_single_bloc_counts_half() -> None:
    one_bloc = [replace(one, bloc="west") for one in steady(30)]
    assert clusters_on(one_bloc, day(29), even)[0].score == SCORED < FLOOR


def test_copies_and_rubrics_count_once() -> None:
    stories = steady(30)
    again = [replace(one, key=f"{one.key} again") for one in stories]
    assert facts(clusters_on(stories + again, day(29), even)) == facts(clusters_on(stories, day(29), even))
    rubric = [story(number, "pictures of the week", number) for number in range(30)]
    assert clusters_on(rubric, day(29), even) == []


def test_a_cluster_that_was_silent_longer_than_its_memory_begins_anew() -> None:
    back = MEMORY + 5
    stories = [vaccine(0), vaccine(0, 1), vaccine(back), vaccine(back, 1)]
    assert [one.first for one in clusters_on(stories, day(back), even)] == [day(back)]
    assert clusters_on(stories, day(MEMORY), even) == []


def test_words_that_tell_nothing_bind_nothing() -> None:
    stories = [story(number, f"moscow delhi beijing a{number} b{number} c{number}") for number in range(10)]
    assert clusters_on(stories, day(9), even)
    assert clusters_on(stories, day(9), lambda word: 0.0 if word in ("moscow", "delhi", "beijing") else 5.0) == []


def test_rare_words_bind_more_than_common_ones() -> None:
    stories = [story(number, f"wheat a{number} b{number} c{number} d{number} e{number}") for number in range(6)]
    assert clusters_on(stories, day(5), lambda word: 8.0 if word == "wheat" else 2.0)
    assert clusters_on(stories, day(5), lambda word: 2.0 if word == "wheat" else 8.0) == []


def test_three_stories_are_shown_of_different_outlets_and_nearest_to_the_words() -> None:
    stories = [vaccine(number, outlet) for number in range(12) for outlet in range(3)]
    plain = story(11, "vaccine trial doses now", 3)
    best = clusters_on([*stories, plain], day(11), even)[0]
    assert len(best.shown) == 3
    assert len({one.outlet for one in best.shown}) == 3
    assert plain in best.shown


def test_nothing_is_made_of_nothing() -> None:
    assert clusters_on([], day(0), even) == []
    assert clusters_on([vaccine(0)], day(0), even) == []
    assert clusters_on([story(0, "a b"), story(1, "a b c")], day(1), even) == []
    assert score_of([], day(0)) == 0.0


presses = st.lists(
    st.builds(
        story,
        st.integers(0, 59),
        st.lists(st.sampled_from([f"w{i}" for i in range(12)]), min_size=2, max_size=6, unique=True).map(" ".join),
        st.integers(0, 3),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(press=presses, seed=st.integers(0, 1000))
def test_neither_order_nor_doubling_nor_the_names_of_outlets_matter(press: list[LooseStory], seed: int) -> None:
    known = {one.key: one for one in press}
    press = list(known.values())
    before = facts(clusters_on(press, day(59), even))
    shuffled = [press[at] for at in np.random.default_rng(seed).permutation(len(press))]
    assert facts(clusters_on(shuffled + press, day(59), even)) == before
    other = {name: f"{9 - at}" for at, (name, _bloc) in enumerate(OUTLETS)}
    assert facts(clusters_on([replace(one, outlet=other[one.outlet]) for one in press], day(59), even)) == before


@settings(max_examples=60, deadline=None)
@given(press=presses, until=st.integers(0, 59))
def test_nothing_comes_from_the_future_or_from_before_the_window(press: list[LooseStory], until: int) -> None:
    seen = [one for one in press if day(until - WINDOW) < one.day <= day(until)]
    assert facts(clusters_on(press, day(until), even)) == facts(clusters_on(seen, day(until), even))


@settings(max_examples=100, deadline=None)
@given(press=presses)
def test_a_score_never_exceeds_two_a_day_and_every_story_is_in_one_cluster(press: list[LooseStory]) -> None:
    clusters = clusters_on(press, day(59), even)
    assert all(0.5 <= one.score <= 2 * SCORED for one in clusters)
    assert [one.score for one in clusters] == sorted((one.score for one in clusters), reverse=True)
    titles = [one.words for cluster in clusters for one in cluster.stories]
    assert len(titles) == len(set(titles))


def test_without_history_the_shipped_threshold_holds() -> None:
    assert threshold([]) == threshold([40.0] * 100) == THRESHOLD


def test_a_rough_history_raises_the_threshold_and_only_a_long_one_lowers_it() -> None:
    rng = np.random.default_rng(3)
    rough = (18 + rng.gumbel(0, 3, 400)).tolist()
    calm = (8 + rng.gumbel(0, 1, 400)).tolist()
    assert threshold(rough) > threshold([top + 1 for top in calm] * 2) == FLOOR
    assert threshold(rough[:200]) > THRESHOLD
    assert threshold(calm[:364]) == THRESHOLD
    assert threshold(calm) == FLOOR


def test_the_threshold_is_passed_once_in_three_years() -> None:
    """Block maxima that follow Gumbel's law are passed as often as was asked."""
    rng = np.random.default_rng(7)
    own = threshold([x for top in rng.gumbel(22, 2.5, 800) for x in [0.0] * 27 + [float(top)]])
    years = rng.gumbel(22, 2.5, 200_000) >= own
    assert 28 / 365.25 / years.mean() == pytest.approx(3.0, rel=0.25)


def test_profiles_are_compared_by_their_cosine() -> None:
    assert alike({}, {"a": 1.0}) == 0.0
    assert alike({"a": 3.0, "b": 4.0}, {"b": 4.0, "a": 3.0}) == pytest.approx(1.0)
    assert alike({"a": 1.0}, {"b": 1.0}) == 0.0
