"""What bench.hosts takes for a fault, on records made by hand."""

from __future__ import annotations

from bench.hosts import Asked, faults, judge


def test_a_clean_record_has_no_fault() -> None:
    log = [Asked("10.77.1.1", "/0", 0.0, 0.5), Asked("10.77.1.1", "/1", 2.0, 2.5), Asked("10.77.1.2", "/2", 0.1, 0.6)]
    told = judge(log, 3, 2.0)
    assert (told["least distance"], told["most at once"]) == (2.0, 1)
    assert faults([told]) == 0


def test_what_is_asked_twice_too_soon_or_too_much_at_once_is_counted() -> None:
    log = [Asked("10.77.1.1", "/0", when, when + 1.0) for when in (0.0, 0.1, 0.2)]
    told = judge(log, 2, 2.0)
    assert (told["asked twice"], told["not asked"], told["too soon"], told["most at once"]) == (2, 1, 2, 3)
    assert faults([told]) == 6
