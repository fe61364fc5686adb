"""Prompts on any two states, for teaching."""

from __future__ import annotations

from classify.otherpairs import OF_ONE_PAIR, OF_ONE_TEXT, TEXT_CHARS, other_prompts
from classify.prompts import FIRST, SECOND, THIRD
from ingest.topic import Topic


def test_two_states_become_roles_in_the_order_of_their_names(topic: Topic) -> None:
    assert other_prompts(["Turkey and Greek officials meet\nAnkara is pleased"], topic) == [
        f" {FIRST}  and  {SECOND}  officials meet\n {FIRST}  is pleased"
    ]


def test_a_dyad_of_the_topic_is_no_other_pair_and_its_actors_become_third(topic: Topic) -> None:
    assert other_prompts(["Russia and China sign"], topic) == []
    prompts = other_prompts(["Japan, Russia and China meet"], topic)
    assert prompts
    assert all(THIRD in prompt and FIRST in prompt and SECOND in prompt for prompt in prompts)


def test_leaders_are_told_from_their_states(topic: Topic) -> None:
    assert other_prompts(["Erdogan visits Greece"], topic) == [f" {FIRST} leader  visits  {SECOND} "]


def test_pronouns_and_birds_are_no_states(topic: Topic) -> None:
    assert other_prompts(["Greece let us eat turkey"], topic) == []
    assert other_prompts(["Us and Greece"], topic) == []
    assert len(other_prompts(["Greece and the US sign"], topic)) == 1


def test_no_text_and_no_pair_is_most_of_it(topic: Topic) -> None:
    crowd = "France, Germany, Japan, Iran, Israel and Egypt meet"
    assert len(other_prompts([crowd], topic)) == OF_ONE_TEXT
    war = [f"Israel and Iran, day {day}" for day in range(OF_ONE_PAIR + 50)]
    assert len(other_prompts(war, topic)) == OF_ONE_PAIR
    assert len(other_prompts(["Israel and Iran"] * 3, topic)) == 1


def test_what_is_named_early_comes_first_and_long_texts_are_cut(topic: Topic) -> None:
    text = "Greece and Egypt sign" + " at length" * 100 + " Iran Israel Japan"
    prompts = other_prompts([text], topic)
    assert all(prompt.startswith(f" {FIRST} ") for prompt in prompts[:1])
    assert max(map(len, prompts)) <= TEXT_CHARS
    assert any(prompt.startswith(f" {FIRST}  and  {SECOND} ") for prompt in prompts)
