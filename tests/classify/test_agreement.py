"""Agreement of readers, against figures worked out by hand."""

from __future__ import annotations

import pytest

from classify.agreement import agreement, cohens_kappa
from classify.labelling import Label

DYADS = ("IN-RU", "RU-CN", "IN-CN")


def test_kappa_is_agreement_beyond_chance() -> None:
    # 20 yes/yes, 15 no/no, 5 and 10 apart: observed 0.7, by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5
    kappa = cohens_kappa([(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15)
    assert (kappa.n, kappa.observed, kappa.value) == (50, 0.7, 0.4)
    assert kappa.error == pytest.approx((0.7 * 0.3 / 50) ** 0.5 / 0.5)
    assert str(kappa) == "kappa 0.40 ± 0.25 (n = 50, agree on 70%)"


def test_readers_who_never_agree_are_below_chance() -> None:
    assert cohens_kappa([(1, 0), (0, 1)]).value == -1


def test_kappa_has_no_meaning_where_there_is_one_answer_or_none() -> None:
    assert cohens_kappa([(1, 1)] * 5).value is None
    assert "no meaning" in str(cohens_kappa([(1, 1)] * 5))
    assert str(cohens_kappa([])) == "no decisions"


FIRST = {
    "1": Label({"IN-RU": 1}, ("arms", "us")),
    "2": Label({"IN-RU": 1, "IN-CN": -1}, ("trade",)),
    "3": Label(),
    "4": Label({"RU-CN": 0}, ("forums",)),
    "alone": Label({"RU-CN": 1}, ("forums",)),
}
SECOND = {
    "1": Label({"IN-RU": 1}, ("us", "arms")),
    "2": Label({"IN-RU": 0}, ("trade",)),
    "3": Label(),
    "4": Label(),
    "other": Label(),
}


def test_two_readers_are_compared_on_what_both_read() -> None:
    found = agreement(FIRST, SECOND, DYADS, ("first", "ann"))
    assert found.items == 4
    assert (found.relevance.n, found.relevance.observed) == (4, 0.75)
    assert found.dyads.n == 12
    assert found.dyads.observed == pytest.approx(10 / 12)
    assert (found.stance.n, found.stance.observed) == (2, 0.5)
    assert (found.main_theme, found.themed) == (0.5, 2)
    assert found.cells == {("IN-RU", "+1", "0"): 1, ("IN-CN", "-1", "none"): 1, ("RU-CN", "0", "none"): 1}
    assert found.differing == ("1", "2", "4")


def test_the_figures_alone_do_not_tell_how_the_other_read() -> None:
    found = agreement(FIRST, SECOND, DYADS, ("first", "ann"))
    assert "IN-RU: +1 / 0  1×" in str(found)
    assert "items to talk about: 1, 2, 4" in str(found)
    assert str(found).startswith(found.figures())
    assert "IN-RU" not in found.figures()
    assert "main theme  same in 50% (n = 2)" in found.figures()


def test_a_long_list_of_differences_is_cut() -> None:
    first = {str(at): Label({"IN-RU": 1}, ("arms",)) for at in range(30)}
    second = dict.fromkeys(first, Label())
    assert "and 10 more" in str(agreement(first, second, DYADS, ("first", "ann")))


def test_readers_with_nothing_in_common_are_told_so() -> None:
    assert "no item in common" in str(agreement(FIRST, {}, DYADS, ("first", "ann")))
