"""Ratios of counts, with and without a model, and the trend of a share."""

import numpy as np
import pandas as pd
import pytest
from samples import TOLBUTAMIDE, patients
from scipy import stats
from statsmodels.datasets import randhie
from statsmodels.stats.contingency_tables import StratifiedTable

from chanjiao import literature, regression
from chanjiao.statistics import Estimate, stratified_ratio

# Warp breaks by wool (A, B) and tension (L, M, H), nine looms each: data set warpbreaks of R (Tippett 1950).
BREAKS = """26 30 54 25 70 52 51 26 67 18 21 29 17 12 18 35 30 36 36 21 24 18 10 43 28 15 26
27 14 29 19 29 31 41 20 44 42 26 19 16 39 28 21 39 29 20 21 24 17 13 15 15 16 28"""
# Damage to ships, data of McCullagh and Nelder (1989), section 6.3.2, in Stata's copy: ship, year of construction, in
# operation from 1975 (1) or before (0), accidents; the rows that Stata uses.
SHIPS = """1 1 0 0  1 1 1 0  1 2 0 3  1 2 1 4  1 3 0 6  1 3 1 18  1 4 1 11  2 1 0 39  2 1 1 29  2 2 0 58  2 2 1 53
2 3 0 12  2 3 1 44  2 4 1 18  3 1 0 1  3 1 1 1  3 2 0 0  3 2 1 1  3 3 0 6  3 3 1 2  3 4 1 1  4 1 0 0  4 1 1 0
4 2 0 0  4 2 1 0  4 3 0 2  4 3 1 11  4 4 1 4  5 1 0 0  5 2 0 7  5 2 1 7  5 3 0 5  5 3 1 12  5 4 1 1"""


def looms() -> pd.DataFrame:
    frame = pd.DataFrame({"breaks": np.array(BREAKS.split(), float), "wool_b": np.repeat([0, 1], 27)})
    return frame.assign(tension=np.tile(np.repeat(list("LMH"), 9), 2), loom=range(54))


def ratio_of_deaths(draws: int) -> Estimate:
    return stratified_ratio(patients(), "dead", "side", ["stratum"], "cluster", 0.95, 1, draws)


def test_the_poisson_model_of_the_warp_breaks_is_rs() -> None:
    """glm(breaks ~ wool + tension, poisson) in R: constant 3.6920, wool B -0.2060, tension M -0.3213, H -0.5185."""
    frame = looms()
    fitted = regression._fit(frame["breaks"].to_numpy(), regression._design(frame, "wool_b", ["tension"]))
    wool, high, low, medium = fitted.params
    assert [low, wool, medium - low, high - low] == pytest.approx([3.6920, -0.2060, -0.3213, -0.5185], abs=5e-5)


def test_the_dispersion_of_dobsons_randomised_trial_is_rs() -> None:
    """Example of R's help page of glm: outcome 2 -0.4543 (0.2022), dispersion of the quasi-Poisson family 1.2933."""
    counts = np.array([18, 17, 15, 20, 10, 20, 25, 13, 12], float)
    outcome, treatment = np.tile([1, 2, 3], 3), np.repeat([1, 2, 3], 3)
    design = np.column_stack([outcome == 2, outcome == 3, pd.get_dummies(treatment)]).astype(float)
    fitted = regression._fit(counts, design)
    assert (fitted.params[0], fitted.bse[0]) == pytest.approx((-0.4543, 0.2022), abs=5e-5)
    assert fitted.pearson_chi2 / 4 == pytest.approx(1.2933, abs=5e-5)


def test_the_dispersion_of_the_warp_breaks_is_pearsons_by_hand() -> None:
    """Recomputed: the fitted means repeat the totals of wools and tensions, the rest is the textbook formula."""
    frame = looms()
    wool, tension = (frame.groupby(name)["breaks"].transform("sum") for name in ("wool_b", "tension"))
    means = wool * tension / frame["breaks"].sum() / 9
    by_hand = ((frame["breaks"] - means) ** 2 / means).sum() / 50
    assert regression.dispersion(frame, "breaks", "wool_b", ["tension"]) == pytest.approx(by_hand)


def test_the_negative_binomial_model_of_the_health_insurance_experiment_is_that_of_mass_and_stata() -> None:
    """glm.nb() of R's MASS with the dispersion of Stata's nbreg, as kept in the tests of statsmodels
    (results_discrete.py, RandHIE.negativebinomial_nb2_bfgs)."""
    data = randhie.load_pandas()
    design = np.column_stack([data.exog.to_numpy(float), np.ones(len(data.exog))])
    fitted = regression._fit(data.endog.to_numpy(float), design, alpha=1.292953339909746)
    expected = [-0.0579469537, -0.2677877188, 0.0412060771, -0.0381376804, 0.2689157722, 0.0381637446, -0.0441338846]
    assert fitted.params[:7] == pytest.approx(expected, abs=1e-4)
    assert fitted.bse[:2] == pytest.approx([0.0060708585, 0.0226125368], abs=1e-4)


def test_the_clustered_errors_of_the_ships_are_statas() -> None:
    """poisson accident yr_con op_75_79, vce(cluster ship): -0.0217206 (0.1993371) and 0.2214859 (0.1109363), as kept in
    the tests of statsmodels (results_count_robust_cluster.py). Stata multiplies by clusters / (clusters - 1) only."""
    ship, year, late, accidents = np.array(SHIPS.split(), float).reshape(-1, 4).T
    fitted = regression._fit(accidents, np.column_stack([year, late, np.ones(34)]), 0.0, ship.astype(int))
    assert fitted.params[:2] == pytest.approx([-0.02172061893549, 0.22148585072024], abs=1e-7)
    stata = fitted.bse[:2] / np.sqrt((34 - 1) / (34 - 3))
    assert stata == pytest.approx([0.19933709357097, 0.11093628220713], abs=1e-6)


def test_the_count_ratio_is_the_sandwich_by_hand() -> None:
    """Recomputed for the warp breaks, pairs of looms as clusters: observed information, sums of scores, CR1 and t."""
    frame = looms().assign(pair=lambda rows: rows["loom"] // 2)
    found = regression.count_ratio(frame, "breaks", "wool_b", ["tension"], "pair", 0.95)
    counts, design = frame["breaks"].to_numpy(), regression._design(frame, "wool_b", ["tension"])
    alpha = regression._moment_dispersion(counts, regression._fit(counts, design).fittedvalues)
    fitted = regression._fit(counts, design, alpha)
    means = fitted.fittedvalues
    bread = np.linalg.inv(design.T @ (design * (means * (1 + alpha * counts) / (1 + alpha * means) ** 2)[:, None]))
    scores = design * ((counts - means) / (1 + alpha * means))[:, None]
    sums = pd.DataFrame(scores).groupby(frame["pair"]).sum().to_numpy()
    covariance = bread @ (sums.T @ sums) @ bread * (27 / 26) * (53 / 50)
    reach = stats.t.ppf(0.975, 26) * np.sqrt(covariance[0, 0])
    assert alpha > 0 and found.value == pytest.approx(np.exp(fitted.params[0]))
    assert found.interval == pytest.approx(np.exp([fitted.params[0] - reach, fitted.params[0] + reach]))


def test_the_mantel_haenszel_ratio_of_rothman() -> None:
    """Rothman, Epidemiology: An Introduction (2nd ed.), table 10-3: pooled risk ratio 1.33."""
    estimate = ratio_of_deaths(200)
    tables = [[[a, n1 - a], [b, n0 - b]] for (a, n1), (b, n0) in TOLBUTAMIDE.values()]
    assert round(estimate.value, 2) == 1.33
    assert estimate.value == pytest.approx(StratifiedTable(tables).riskratio_pooled)
    assert (estimate.n, estimate.n_other, estimate.clusters, estimate.clusters_other) == (204, 205, 204, 205)
    assert estimate.effective_n == 204


def test_the_interval_of_the_ratio_is_near_the_one_of_greenland_and_robins() -> None:
    """Log-normal interval with their variance (Biometrics 41 (1985), 55-68) for independent units: 0.80 to 2.20."""
    assert ratio_of_deaths(4000).interval == pytest.approx((0.798, 2.202), rel=0.1)


def test_slope_gives_the_trend_statistic_of_the_alcohol_data() -> None:
    # Agresti, An Introduction to Categorical Data Analysis (3rd ed., 2019), section 2.5: malformations by drinks a day,
    # scores 0, 0.5, 1.5, 4, 7; M squared = (n - 1) r squared = 6.57.
    scores = np.tile([0, 0.5, 1.5, 4, 7], 2)
    marked = np.repeat([0.0, 1.0], 5)
    counts = np.array([[17066, 14464, 788, 126, 37, 48, 38, 5, 1, 1]], float)
    slope = literature.slopes(scores, marked, counts)[0]
    n, share = counts.sum(), counts[0] @ marked / counts.sum()
    spread = counts[0] @ (scores - counts[0] @ scores / n) ** 2 / n
    assert (n - 1) * slope**2 * spread / (share * (1 - share)) == pytest.approx(6.57, abs=0.005)
