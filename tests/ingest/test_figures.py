"""What bears out a figure and what does not, in both directions."""

from __future__ import annotations

import pytest

from ingest.figures import missing_figures

BORNE_OUT = [
    # dates
    ("on 8 March 2021", "March 08, 2021"),
    ("on March 8, 2021", "the 8th of March, 2021"),
    ("on 8 March 2021", "dated 2021-03-08."),
    ("on 2021-03-08", "8 MARCH 2021"),
    ("on 8 March 2021", "8.3.2021"),
    ("on 6 May 2020", "5/6/2020"),
    ("on 5 June 2020", "5/6/2020"),
    ("on Sept. 3, 2020", "3 September 2020"),
    ("on 24 June", "held on June 24, 2024"),
    ("from 24 to 25 June 2024", "24-25 June 2024"),
    ("in March 2021", "March 08, 2021"),
    ("in June 2020", "June–July 2020"),
    ("in December", "In December 2020 the"),
    ("in 2021", "March 08, 2021"),
    ("in 2021", "March 2021"),
    ("before mid-2020", "before June 2020"),
    ("a pre-2030 plan", "the plan until 2030"),
    ("in March", "since March 2011"),
    ("1 May 2020", "May 1,2020"),
    # ranges of years
    ("from 2017 to 2022", "in the 2017-22 period"),
    ("in 2017-22", "2017–2022"),
    ("for 2021/22", "for 2021 and 2022"),
    # numbers
    ("4,500 km", "4500 kilometres"),
    ("30,000 scholarships", "30 000 scholarships"),
    ("100,000 people", "1,00,000 people"),
    ("2.5 million", "2,500,000"),
    ("2 million workers", "two million workers"),
    ("12 rounds", "twelve rounds"),
    ("twelve rounds", "the 12th round"),
    ("the fifth round", "the 5th round"),
    ("a five-day visit", "5 days"),
    ("five batteries", "5 batteries"),
    ("twenty-one articles", "21 articles"),
    ("a billion people", "1 billion people"),
    ("5 lakh", "500,000"),
    ("3 lakh crore", "3 trillion"),
    ("12 jets", "a dozen jets"),
    # money
    ("$50 billion", "US$50bn"),
    ("50 billion dollars", "US\\$ 50 billion"),
    ("$50\nbillion", "50-billion-dollar deal"),
    ("USD 50 billion", "$50,000,000,000"),
    ("50 billion", "$50 billion"),
    ("$50 billion to $60 billion", "$50-60 billion"),
    ("Rs 500 crore", "₹5 billion"),
    ("500 roubles", "500 rubles"),
    ("20 yuan", "¥20"),
    # percent
    ("45%", "45 per cent"),
    ("45 percent", "forty-five percent"),
    ("45 %", "**45**%"),
    ("5-10 percent", "5 percent to 10 percent"),
    # designations
    ("S-400", "the S400 system"),
    ("S-400", "S-400s"),
    ("G20", "G-20"),
    ("5G", "5G networks"),
    ("2+2 talks", "a 2+2 Dialogue"),
    ("in the 1990s", "the 1990s"),
]


@pytest.mark.parametrize(("precis", "original"), BORNE_OUT)
def test_another_way_of_writing_bears_a_figure_out(precis: str, original: str) -> None:
    assert missing_figures(precis, original) == []


MISSING = [
    ("on 8 March 2021", "on 9 March 2021", ["8 March 2021"]),
    ("on 8 March 2021", "in March 2021 and on 8 April 2021", ["8 March 2021"]),
    ("on 8 March 2021", "on 8 March", ["8 March 2021"]),
    ("in March 2021", "in March 2020 and May 2021", ["March 2021"]),
    ("on 25 to 26 June", "on 25 June", ["25 to 26 June"]),
    ("in 2021", "in 2020", ["2021"]),
    ("in 2022", "from 2017 to 2021", ["2022"]),
    ("12 rounds", "on 12 March 2020", ["12"]),
    ("22 tanks", "in 2017-22", ["22"]),
    ("4,500 km", "4,050 km", ["4,500"]),
    ("2 million", "2 billion", ["2 million"]),
    ("2 million", "2", ["2 million"]),
    ("30,000", "30 or 1,000", ["30,000"]),
    ("$50 billion", "€50 billion", ["$50 billion"]),
    ("$50 billion", "50 billion", ["$50 billion"]),
    ("$50 billion", "$50 million", ["$50 billion"]),
    ("45 percent", "45 tanks", ["45 percent"]),
    ("45 tanks", "45 percent", ["45"]),
    ("45%", "54%", ["45%"]),
    ("five batteries", "six batteries", ["five"]),
    ("a fourth term", "a third term", ["fourth"]),
    ("two fleets", "a fleet", ["two"]),
    ("the S-400", "the S-300 and 400 launchers", ["S-400"]),
    ("400 launchers", "the S-400", ["400"]),
    ("the G20", "20 states and the G7", ["G20"]),
    ("in the 1990s", "in 1990", ["1990s"]),
    ("3.5 percent and 3.6 percent", "3.5 percent", ["3.6 percent"]),
    ("In 2014 and 2014", "", ["2014"]),
    ("7 and 8", "see https://example.org/7/8", ["7", "8"]),
]


@pytest.mark.parametrize(("precis", "original", "missing"), MISSING)
def test_a_figure_without_an_equal_is_named_in_the_words_of_the_precis(
    precis: str, original: str, missing: list[str]
) -> None:
    assert missing_figures(precis, original) == missing


@pytest.mark.parametrize(
    "words",
    [
        "One of the two countries may march first; a second may follow.",
        "A hundred flowers, hundreds of deals, and a third of the trade.",
        "Read ¹ and ⁷; May this be said? A deal, an offer, a plan.",
        "See https://example.org/2021/03/08/page-12 for more.",
        "",
    ],
)
def test_what_counts_nothing_makes_no_claim(words: str) -> None:
    assert missing_figures(words, "") == []


def test_the_missing_come_once_each_and_in_order() -> None:
    precis = "In 2019, 7 of 9 ships, then 7 more, sailed on 1 May 2020 with 30 percent of $4 bn."
    assert missing_figures(precis, "9 ships") == ["2019", "7", "1 May 2020", "30 percent", "$4 bn"]


def test_non_latin_digits_and_impossible_dates_do_no_harm() -> None:
    assert missing_figures("२०२१ and 31.31.2020 and 2021-13-45", "") != []
    assert missing_figures("30 February 2020", "30 February 2020") == []


@pytest.mark.parametrize(
    "hostile", ["1" * 300_000, "1,1" * 30_000, "12 " * 30_000, "May 1 to " * 10_000, "a " * 50_000]
)
def test_a_hostile_original_is_read_to_its_end(hostile: str) -> None:
    # Where a pattern looks back over the whole text for each sign, this would take hours.
    assert missing_figures("in 2021", hostile) == ["2021"]
