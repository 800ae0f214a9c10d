"""Errors of coding and silent colleges."""

import pytest

from chanjiao import bias


def test_rogan_and_gladen_correct_a_screening_test() -> None:
    """23 of 150 cows positive, sensitivity 96 %, specificity 89 %: 5.1 in 100 (example of epi.prev in R's epiR)."""
    assert bias.rogan_gladen(23 / 150, 0.96, 0.89) == pytest.approx(0.051, abs=5e-4)


def test_manskis_bounds_for_people_who_were_not_found_again() -> None:
    """Of 106 homeless men 64 were found again and 21 of them had a home: [21/106, 63/106] (Manski, J. Human Resources
    24 (1989), 343-360)."""
    assert bias.manski_bounds(21 / 64, 64 / 106) == pytest.approx((21 / 106, 63 / 106))
