"""Intervals that the study does not print, for comparison: what it would cost to take pages for nothing, or CR1."""

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats

from chanjiao.statistics import Estimate, percentile_interval, resample_weights

DRAWS = 999


def mean_of_events(frame: pd.DataFrame, rng: np.random.Generator, confidence: float) -> Estimate:
    """The mean depth with a t interval over events."""
    value, n = float(frame["depth"].mean()), len(frame)
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 1) * frame["depth"].std(ddof=1) / np.sqrt(n))
    return Estimate(value, (value - reach, value + reach), n)


def slope_cr1(frame: pd.DataFrame, rng: np.random.Generator, confidence: float) -> Estimate:
    """The slope of C5.1 with the usual cluster-robust error and clusters - 1 degrees of freedom (statsmodels)."""
    forms = pd.get_dummies(frame["form"], dtype=float)
    design = np.column_stack([frame["size_class"], forms])
    groups = pd.factorize(frame["page"])[0]
    fitted = sm.OLS(frame["depth"].to_numpy(float), design).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )
    low, high = fitted.conf_int(1 - confidence)[0]
    return Estimate(float(fitted.params[0]), (float(low), float(high)), len(frame))


def slope_bootstrap(frame: pd.DataFrame, rng: np.random.Generator, confidence: float) -> Estimate:
    """The slope of C5.1 with the percentile interval from resampled pages."""
    design = np.column_stack([np.ones(len(frame)), frame["size_class"], frame["depth"]])
    products = [design[:, 1] * design[:, 1], design[:, 1] * design[:, 2]]
    moments = np.column_stack([design, *products])  # of each event: 1, x, y, xx, xy
    sums = np.zeros((frame["page"].nunique(), frame["form"].nunique(), 5))
    np.add.at(sums, (pd.factorize(frame["page"])[0], pd.factorize(frame["form"])[0]), moments)
    weights = resample_weights(len(sums), rng, DRAWS)
    drawn = _slope(np.tensordot(weights, sums, axes=1))
    return Estimate(float(_slope(sums.sum(axis=0))), percentile_interval(drawn, confidence), len(frame))


def _slope(sums: np.ndarray) -> np.ndarray:
    n, x, y, xx, xy = np.moveaxis(sums, -1, 0)
    n = np.maximum(n, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((xy - x * y / n).sum(axis=-1) / (xx - x * x / n).sum(axis=-1))
