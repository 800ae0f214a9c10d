"""Random-effects meta-analysis against metafor, the tables of its tests, and Miller's back-transformation."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import hmean

from chanjiao.meta_analysis import egger, pool, pool_shares

# Tuberculosis by vaccination, positive and negative: 13 trials, dat.bcg of metafor (Colditz and others, JAMA 271
# (1994), 698-702): vaccinated positive, negative, control positive, negative.
BCG = """4 119 11 128  6 300 29 274  3 228 11 209  62 13536 248 12619  33 5036 47 5761  180 1361 372 1079  8 2537 10 619
505 87886 499 87892  29 7470 45 7232  17 1699 65 1600  186 50448 141 27197  5 2493 3 2338  27 16886 29 17825"""

# Infections and catheters of two kinds, 18 trials, dat.nielweise2007 of metafor: standard, then with anti-infective.
CATHETERS = """3 117 0 116  3 35 1 44  9 195 2 208  7 136 0 130  6 157 5 151  4 139 1 98  3 177 1 174  2 39 1 74
19 103 1 97  2 122 1 113  7 64 0 66  1 58 0 70  5 175 3 188  11 180 6 187  0 105 0 118  1 262 0 252  3 362 1 345
1 69 4 64"""


def table(text: str) -> np.ndarray:
    return np.array(text.split(), float).reshape(-1, 4)


def risk_ratios() -> tuple[np.ndarray, np.ndarray]:
    """Log risk ratios and their variances, as escalc(measure="RR") forms them."""
    a, b, c, d = table(BCG).T
    return np.log(a / (a + b) / (c / (c + d))), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def test_the_moment_estimate_is_that_of_metafor_and_stata() -> None:
    """Tests of metafor, rma.uni against Stata's metan: -0.7141, tau squared 0.3088, I squared 92.1173, Q 152.2330."""
    found = pool(*risk_ratios(), 0.95, "dl")
    assert found.value == pytest.approx(-0.7141, abs=5e-5)
    assert found.between_variance == pytest.approx(0.3088, abs=5e-5)
    assert found.i_squared == pytest.approx(0.921173, abs=5e-7)
    assert found.heterogeneity_q == pytest.approx(152.2330, abs=5e-5)


def test_the_restricted_likelihood_estimate_is_that_of_metafor() -> None:
    """Printout of rma(yi, vi, data=dat.bcg): -0.7145, tau squared 0.3132, I squared 92.22 %, for instance in
    Viechtbauer, J. Statistical Software 36 (2010), no. 3."""
    found = pool(*risk_ratios(), 0.95)
    assert found.value == pytest.approx(-0.7145, abs=5e-5)
    assert found.between_variance == pytest.approx(0.3132, abs=5e-5)
    assert found.i_squared == pytest.approx(0.9222, abs=5e-5)


def test_the_interval_of_hartung_and_knapp_is_that_of_metafor() -> None:
    """rma(y, v, method="DL", test="knha") as kept in the tests of statsmodels (results_meta.py, exk1_dl_hksj)."""
    effects = np.array([61.0, 61.4, 62.21, 62.3, 62.34, 62.6, 62.7, 62.84, 65.9])
    variances = np.array([0.2025, 1.2100, 0.0900, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225])
    found = pool(effects, variances, 0.95, "dl")
    assert found.value == pytest.approx(62.3901386044504, abs=1e-9)
    assert found.interval == pytest.approx((61.710383798052, 63.0698934108488), abs=1e-9)
    assert found.between_variance == pytest.approx(0.288049246973751, abs=1e-8)


def test_the_prediction_interval_follows_metafors_rule() -> None:
    """Help page of metafor's predict(): after test="knha" t with k - 1 degrees of freedom on tau squared and the
    variance of that interval. Recomputed here; no printed limits for these options were found."""
    found = pool(*risk_ratios(), 0.95)
    reach = stats.t.ppf(0.975, 12)
    error = (found.interval[1] - found.value) / reach
    further = reach * np.hypot(error, np.sqrt(found.between_variance))
    assert found.prediction == pytest.approx((found.value - further, found.value + further))


@pytest.mark.parametrize(("column", "share", "tau2"), [(0, 0.036, 0.663), (2, 0.014, 0.393)])
def test_pooled_shares_are_those_of_stijnen(column: int, share: float, tau2: float) -> None:
    """Stijnen, Hamza and Ozdemir, Statistics in Medicine 29 (2010), 3046-3067, table II, normal model of the logits, as
    repeated in the tests of metafor with measure="PLO" (the paper prints 0.035 for the first)."""
    trials = table(CATHETERS)
    found = pool_shares(trials[:, column], trials[:, column + 1], 0.95)
    assert found.value == pytest.approx(share, abs=5e-4)
    assert found.between_variance == pytest.approx(tau2, abs=5e-4)


def double_arcsine(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Freeman and Tukey's transformation, halved, as metafor's measure="PFT"."""
    return (np.arcsin(np.sqrt(counts / (totals + 1))) + np.arcsin(np.sqrt((counts + 1) / (totals + 1)))) / 2


def turned_back(mean: float, totals: np.ndarray) -> float:
    """Miller's inverse at the harmonic mean of the sizes (The American Statistician 32 (1978), 138)."""
    sine, cosine, n = np.sin(2 * mean), np.cos(2 * mean), hmean(totals)
    return float((1 - np.sign(cosine) * np.sqrt(max(0.0, 1 - (sine + (sine - 1 / sine) / n) ** 2))) / 2)


def test_millers_own_example_of_the_double_arcsine() -> None:
    """Miller 1978, as repeated in the tests of metafor: 0.3164 unweighted and 0.3595 weighted."""
    counts, totals = np.array([3.0, 6.0, 10.0, 1.0]), np.array([11.0, 17.0, 21.0, 6.0])
    transformed, weights = double_arcsine(counts, totals), 4 * totals + 2
    assert turned_back(transformed.mean(), totals) == pytest.approx(0.3164, abs=5e-5)
    assert turned_back(np.average(transformed, weights=weights), totals) == pytest.approx(0.3595, abs=5e-5)


def test_the_double_arcsine_of_unequal_studies_lands_outside_the_data_and_the_logit_does_not() -> None:
    """The failure that Schwarzer and others describe (Research Synthesis Methods 10 (2019), 476-483). Made-up studies:
    the figures of the paper could not be looked up."""
    counts, totals = np.array([1.0, 2.0, 1.0, 60.0, 800.0]), np.array([40.0, 60.0, 50.0, 20_000.0, 200_000.0])
    shares = counts / totals
    arcsine = pool(double_arcsine(counts, totals), 1 / (4 * totals + 2), 0.95, "dl")
    assert turned_back(arcsine.value, totals) < shares.min() / 10
    assert shares.min() < pool_shares(counts, totals, 0.95).value < shares.max()


def test_eggers_test_is_that_of_metafor() -> None:
    """regtest(..., model="lm") for dat.bcg prints t = -1.4013, df = 11, p = 0.1887; its slope on the standard error is
    Egger's intercept."""
    found = egger(*risk_ratios(), 0.95)
    error = (found.interval[1] - found.value) / stats.t.ppf(0.975, 11)
    assert found.value / error == pytest.approx(-1.4013, abs=5e-5)
    assert found.p_value == pytest.approx(0.1887, abs=5e-5)
