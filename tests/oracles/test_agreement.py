"""Agreement of two codings: kappa, alpha and AC1."""

import krippendorff
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from chanjiao import coding
from chanjiao.statistics import Estimate

NONE = np.nan
# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C; cac.raw4raters of the R package irrCAC.
FOUR_OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
]


def measured(first: list, second: list) -> dict[str, Estimate]:
    index = pd.Index([f"U{number:03d}" for number in range(len(first))], name="unit_id")
    passes = (pd.DataFrame({"x": values}, index=index) for values in (first, second))
    return coding.agreement(coding.Coding("provisions", *passes, pd.Series(index, index=index)), "x", 0.95, 20260101)


def from_table(table: list[list[int]]) -> dict[str, Estimate]:
    cells = [(str(i), str(j)) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return measured([first for first, _ in cells], [second for _, second in cells])


def test_kappa_of_cohens_own_example() -> None:
    # Cohen, Educational and Psychological Measurement 20 (1960), 37-46: observed .70, chance .41, kappa .492.
    found = from_table([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    assert found["agreement"].value == pytest.approx(0.70)
    assert found["kappa"].value == pytest.approx(0.492, abs=5e-4)


def test_alpha_of_krippendorffs_nominal_example() -> None:
    # Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section B: two observers, twelve units, .692.
    found = measured(list("aabbdcccedda"), list("babbbcccedd") + ["d"])
    assert found["alpha"].value == pytest.approx(0.692, abs=5e-4)


def test_alpha_of_krippendorffs_binary_example() -> None:
    # The same, section A: two observers, ten units, .095.
    found = measured([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0])
    assert found["alpha"].value == pytest.approx(0.095, abs=5e-4)


def test_the_package_behind_alpha_gives_krippendorffs_example_with_missing_values() -> None:
    # The same, section C: four observers, twelve units, five values, .743.
    found = krippendorff.alpha(reliability_data=FOUR_OBSERVERS, level_of_measurement="nominal")
    assert found == pytest.approx(0.743, abs=5e-4)


def test_ac1_and_kappa_of_gwets_three_value_example() -> None:
    # Gwet, vignette of the R package irrCAC, data cont3x3abstractors: AC1 0.8493305, kappa 0.7964094.
    found = from_table([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    assert found["ac1"].value == pytest.approx(0.8493305, abs=1e-7)
    assert found["kappa"].value == pytest.approx(0.7964094, abs=1e-7)


def test_ac1_withstands_the_rare_mark_that_breaks_kappa() -> None:
    # Gwet, Statistical Methods for Inter-Rater Reliability Assessment 1 (2002): kappa -0.0234, AC1 0.9408.
    table = np.array([[118.0, 5.0], [2.0, 0.0]])
    assert cohens_kappa(table, return_results=False) == pytest.approx(-0.0234, abs=5e-5)
    assert coding.gwet_ac1(table) == pytest.approx(0.9408, abs=5e-5)
