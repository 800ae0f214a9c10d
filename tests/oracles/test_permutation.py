"""Exact and permutation tests, rank scores, and the adjustment for many tests."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from chanjiao import literature, transmission
from chanjiao.statistics import benjamini_hochberg, stratified_ratio
from oracles.test_survival import PLACEBO, TREATED, censored

# Permeability of the chorioamnion at term and at 12 to 26 weeks (Hollander and Wolfe 1973, p. 69; example of R's
# wilcox.test).
TERM = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
EARLY = [1.15, 0.88, 0.90, 0.74, 1.21]
# Height of crossed less self-fertilised maize in eighths of an inch, 15 pairs of Darwin's.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_odds_ratio_of_fishers_tea_table() -> None:
    # Fisher, The Design of Experiments (1935); estimate and p as R prints them for its example fisher.test(TeaTasting).
    ratio, _, _, p = literature.association(np.array([[3, 1], [1, 3]]), 0.95)
    assert ratio == pytest.approx(6.408309, abs=5e-5)  # R stops its search near the fifth digit
    assert p == pytest.approx(0.4857, abs=5e-5)


def test_all_cups_right_has_one_chance_in_seventy_on_either_side() -> None:
    # Fisher, The Design of Experiments (1935), chapter II: 1 of 70 ways; two-sided also all cups wrong.
    assert literature.association(np.array([[4, 0], [0, 4]]), 0.95)[3] == pytest.approx(2 / 70)


def test_darwins_maize_has_fishers_exact_p_value() -> None:
    """Fisher, The Design of Experiments (1935), chapter III, turning the signs of the differences: 5.267 % (2.634 % on
    one side). Each pair gives its difference or the opposite, so the means are those of `mean_permutations`."""
    null = transmission.mean_permutations([np.array([-float(one), float(one)]) for one in MAIZE])
    assert len(null) == 2**15
    assert (np.abs(null) >= np.mean(MAIZE) - 1e-9).mean() == pytest.approx(0.05267, abs=5e-6)


def test_gehan_scores_add_up_to_the_published_statistic_of_the_leukaemia_trial() -> None:
    """271, as printed for instance by SAS PROC LIFETEST and by Lee and Wang, Statistical Methods for Survival Data
    Analysis. Censored times lie half a week after their week, so that they end after events of the same week."""
    lower, upper = censored(TREATED + PLACEBO)
    scores = transmission.gehan_scores(lower, upper) * (len(lower) - 1)
    assert scores[:21].sum() == pytest.approx(271)
    assert scores.sum() == pytest.approx(0)


def test_gehan_scores_of_known_times_give_the_statistic_of_mann_and_whitney() -> None:
    """R's example of wilcox.test: W = 35. The scores of the first sample add up to twice W less the number of pairs."""
    times = np.array(TERM + EARLY)
    scores = transmission.gehan_scores(times, times) * (len(times) - 1)
    assert scores[:10].sum() == pytest.approx(2 * 35 - 10 * 5)


def test_all_ways_to_deal_the_scores_give_the_exact_p_value_of_mann_and_whitney() -> None:
    """R's example of wilcox.test, alternative greater: p = 0.1272."""
    times = np.array(TERM + EARLY)
    scores = transmission.gehan_scores(times, times)
    sums = np.array([scores[list(ten)].sum() for ten in combinations(range(15), 10)])
    assert (sums >= scores[:10].sum() - 1e-9).mean() == pytest.approx(0.1272, abs=5e-5)


def test_the_p_value_of_the_ratio_is_near_the_exact_one() -> None:
    """The same data; the exact p value of the difference of means by all 3003 ways to deal them, two-sided."""
    values = np.array(TERM + EARLY)
    frame = pd.DataFrame({"value": values, "side": [1] * 10 + [0] * 5, "stratum": "x", "cluster": range(15)})
    found = stratified_ratio(frame, "value", "side", ["stratum"], "cluster", 0.95, seed=1, draws=20_000)
    sums = np.array([(values - values.mean())[list(ten)].sum() for ten in combinations(range(15), 10)])
    exact = (np.abs(sums) >= abs((values - values.mean())[:10].sum()) - 1e-9).mean()
    assert found.p_value == pytest.approx(exact, abs=0.01)


def test_benjamini_and_hochbergs_own_example() -> None:
    """Fifteen p values of a trial of thrombolysis (JRSS B 57 (1995), 289-300, section 3.2): four are rejected."""
    first = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p = [*first, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    q = benjamini_hochberg(p)
    assert list(q <= 0.05) == [True] * 4 + [False] * 11
    assert q[3] == pytest.approx(0.0095 * 15 / 4)
    assert sum(np.array(p) <= 0.05 / 15) == 3
    assert list(benjamini_hochberg(p[::-1])) == list(q[::-1])
