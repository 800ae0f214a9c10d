"""Intervals of a share and of the difference of two shares."""

import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from chanjiao.differences import newcombe
from chanjiao.statistics import Estimate, wilson


def share(marked: int, n: int) -> Estimate:
    return Estimate(marked / n, wilson(marked, n, 0.95), n, unit="share")


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_intervals_of_newcombe(successes: int, n: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3."""
    assert wilson(successes, n, 0.95) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_square_and_add_gives_the_intervals_of_newcombe(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, contrasts (a) to (h), method 10."""
    found = newcombe(share(*first), share(*second))
    assert found.interval == pytest.approx((low, high), abs=5e-5)


def test_square_and_add_gives_the_interval_of_fagerland() -> None:
    """7 of 34 against 1 of 34: 0.019 to 0.34 (Fagerland, Lydersen and Laake, Statistical Methods in Medical Research 24
    (2015), 224-254), printed with two digits in the tests of statsmodels, which also gives the further digits here."""
    found = newcombe(share(7, 34), share(1, 34))
    assert found.interval == pytest.approx((0.019, 0.34), abs=5e-3)
    assert found.interval == pytest.approx(confint_proportions_2indep(7, 34, 1, 34, method="newcomb"))
