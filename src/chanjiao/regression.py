"""Log-linear regression of counts: a check on ratios that are estimated without a model."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.genmod.families import NegativeBinomial, Poisson
from statsmodels.genmod.generalized_linear_model import GLM, GLMResults

from chanjiao.statistics import Estimate

CLUSTERS_FROM = 3  # a side; with two the error of a side is a guess from one difference
TINY = 1e-6  # an error of a log ratio that only rounding has made


def count_ratio(
    frame: pd.DataFrame, value: str, side: str, strata: Sequence[str], cluster: str, confidence: float
) -> Estimate:
    """Return the ratio of mean `value`, side 1 over side 0, from a log-linear model with a constant for every stratum.

    `frame` has one row a unit, `side` is 1 or 0. Negative binomial variance, mean + dispersion * mean squared, the
    dispersion estimated by moments from the Poisson fit and at least 0, which is Poisson (Cameron and Trivedi,
    Regression Analysis of Count Data (2nd ed., 2013), chapter 3, the auxiliary regression without a constant).
    `value` may be a half, the mean of two coding passes: quasi-likelihood asks for the mean and the variance only.
    Strata that lack a side or have no marks at all say nothing about a ratio and are left out.

    Interval and p value rest on the cluster-robust variance CR1 with t and clusters - 1 degrees of freedom (Cameron and
    Miller, J. Human Resources 50 (2015), 317-372). Its known failure: too small with few clusters, say below 20 a side,
    and more so if they differ in size. So it is a check; the printed figure is `statistics.stratified_ratio`.

    n and clusters count side 1, n_other and clusters_other side 0. Missing, with the reason, where no ratio exists or
    its error cannot be judged.
    """
    used = _comparable(frame, value, side, strata)
    ones, zeros = used[used[side] == 1], used[used[side] == 0]
    clusters, clusters_other = int(ones[cluster].nunique()), int(zeros[cluster].nunique())
    blank = Estimate(
        None, n=len(ones), clusters=clusters, n_other=len(zeros), clusters_other=clusters_other, unit="ratio"
    )
    lacking = _why_no_ratio(ones[value], zeros[value], clusters, clusters_other)
    if lacking:
        return blank.with_(reason=lacking)
    counts, design = used[value].to_numpy(float), _design(used, side, strata)
    alpha = _moment_dispersion(counts, _fit(counts, design).fittedvalues)
    if not _fit(counts, design, alpha).converged:
        return blank.with_(reason="the model comes to no rest: few values carry nearly all marks")
    fitted = _fit(counts, design, alpha, pd.factorize(used[cluster])[0])
    slope, error, freedom = float(fitted.params[0]), float(fitted.bse[0]), used[cluster].nunique() - 1
    if not error > TINY:
        return blank.with_(reason="the clusters do not scatter about the means of the model, so it has no error")
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(slope) / error, freedom))
    interval = float(np.exp(slope - reach)), float(np.exp(slope + reach))
    return blank.with_(value=float(np.exp(slope)), interval=interval, effective_n=float(clusters), p_value=p)


def dispersion(frame: pd.DataFrame, value: str, side: str, strata: Sequence[str]) -> float:
    """Return Pearson's chi squared over its degrees of freedom of the Poisson model of `count_ratio`.

    1 if the counts vary as Poisson's law says, above it if they vary more (McCullagh and Nelder, Generalized Linear
    Models (2nd ed., 1989), section 6.2.3); not a number where no stratum holds both sides and a mark, or where there
    are no more units than constants.
    """
    used = _comparable(frame, value, side, strata)
    if used.empty or used[value].groupby(used[side]).sum().eq(0).any():
        return float("nan")
    counts, design = used[value].to_numpy(float), _design(used, side, strata)
    freedom = len(counts) - design.shape[1]
    return float(_fit(counts, design).pearson_chi2 / freedom) if freedom else float("nan")


def _comparable(frame: pd.DataFrame, value: str, side: str, strata: Sequence[str]) -> pd.DataFrame:
    groups = frame.groupby(list(strata), dropna=False)
    return frame[(groups[side].transform("nunique") == 2) & (groups[value].transform("sum") > 0)]


def _why_no_ratio(ones: pd.Series, zeros: pd.Series, clusters: int, clusters_other: int) -> str | None:
    if ones.empty:
        return "no stratum holds both sides and a mark"
    if ones.sum() == 0 or zeros.sum() == 0:
        return "one side has no marks at all, so the ratio has no interval"
    if min(clusters, clusters_other) < CLUSTERS_FROM:
        return f"the sides have {clusters} and {clusters_other} clusters; the model needs {CLUSTERS_FROM} on each"
    return None


def _design(used: pd.DataFrame, side: str, strata: Sequence[str]) -> np.ndarray:
    """Units x (side, then one column a stratum)."""
    stratum = used.groupby(list(strata), dropna=False).ngroup()
    return np.column_stack([used[side].to_numpy(float), pd.get_dummies(stratum, dtype=float).to_numpy()])


def _fit(counts: np.ndarray, design: np.ndarray, alpha: float = 0.0, clusters: np.ndarray | None = None) -> GLMResults:
    """A log-linear fit with the variance mean + alpha * mean squared.

    With numbers of clusters the covariance of the coefficients is CR1: the sandwich on the observed information, times
    clusters / (clusters - 1) and (units - 1) / (units - coefficients).
    """
    family = NegativeBinomial(alpha=alpha) if alpha > 0 else Poisson()
    robust = {} if clusters is None else {"cov_type": "cluster", "cov_kwds": {"groups": clusters}}
    with warnings.catch_warnings():
        # A fit without scatter, or one that comes to no rest, is told by its result.
        warnings.simplefilter("ignore")
        return GLM(counts, design, family=family).fit(maxiter=200, **robust)


def _moment_dispersion(counts: np.ndarray, means: np.ndarray) -> float:
    return max(0.0, float(((counts - means) ** 2 - counts).sum() / (means**2).sum()))
