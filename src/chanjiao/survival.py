"""Weibull times known as intervals: ratios between groups, errors for units that share clusters, and how well it fits.

Frames have a row a time with `lower` and `upper`, the ends of the closed interval it lies in, in days; infinity for an
end that was not seen.
"""

import numpy as np
import pandas as pd
from lifelines import WeibullAFTFitter
from scipy import stats
from scipy.optimize import OptimizeResult, minimize

CERTAIN = 700.0  # a cumulative hazard from which nobody is left, still small enough for exp()
KNOWN_FROM = 0.5  # days; a Weibull time cannot be 0, so what came on day 0 came within half a day
COLUMNS = ["n", "ratio", "low", "high", "p_value", "model_low", "model_high", "scale", "shape", "median"]


def time_ratios(times: pd.DataFrame, group: str, cluster: str, confidence: float) -> pd.DataFrame:
    """Return how long each group takes relative to the first, by an accelerated failure time model.

    Columns: `group`, n, ratio, low, high, p_value, model_low, model_high, scale and median (days), shape. Times of one
    `cluster` are not independent: low, high and p_value rest on the jackknife over clusters, with t and clusters - 1
    degrees of freedom; model_low and model_high are those of the likelihood, as if all times were independent. Groups
    without an estimate (see `estimable`) have no row.
    """
    times = estimable(times, group)
    if times.empty:
        return pd.DataFrame(columns=[group, *COLUMNS])
    design = pd.get_dummies(times[group], dtype=float)
    model = fit_weibull(times, design)
    errors = clustered_errors(model, times, design, times[cluster])["lambda_"].reindex(design.columns).to_numpy(float)
    own = model.standard_errors_["lambda_"].reindex(design.columns).to_numpy(float)
    logs = model.params_["lambda_"].reindex(design.columns).fillna(0.0).to_numpy(float)
    errors, own = np.where(logs == 0, np.nan, errors), np.where(logs == 0, np.nan, own)  # the first group has no error
    freedom, tail = max(times[cluster].nunique() - 1, 1), (1 + confidence) / 2
    reach, model_reach = stats.t.ppf(tail, freedom) * errors, stats.norm.ppf(tail) * own
    scale = np.exp(logs + model.params_["lambda_"]["Intercept"])
    shape = float(np.exp(model.params_["rho_"]["Intercept"]))
    values = (
        design.sum().astype(int).to_numpy(), np.exp(logs), np.exp(logs - reach), np.exp(logs + reach),
        2 * stats.t.sf(np.abs(logs) / errors, freedom), np.exp(logs - model_reach), np.exp(logs + model_reach),
        scale, shape, scale * np.log(2) ** (1 / shape),
    )  # fmt: skip
    return pd.DataFrame({group: design.columns, **dict(zip(COLUMNS, values, strict=True))})


def estimable(times: pd.DataFrame, group: str) -> pd.DataFrame:
    """Return the times of the groups for which the likelihood of a common-shape model has a maximum.

    Where all intervals of a group reach back to day 0, its scale could be as small as one likes: the group is left out.
    Where each group could have come on one day, the shape could be as large as one likes: no times are left.
    """
    told = times[times.groupby(group)["lower"].transform("max") > 0]
    return told if _spread(told, told[group]).any() else told.head(0)


def _spread(times: pd.DataFrame, groups: pd.Series) -> pd.Series:
    """Whether the intervals of each group have no day in common, by group."""
    ends = times.assign(upper=times["upper"].clip(lower=KNOWN_FROM)).groupby(groups)
    return ends["lower"].max() > ends["upper"].min()


def fit_weibull(times: pd.DataFrame, design: pd.DataFrame) -> WeibullAFTFitter:
    """Fit a scale for each group and one shape.

    `design` has a 0/1 column a group, on the index of `times`. Survival is exp(-(t / scale) ** shape), the likelihood
    that of interval-censored times (lifelines; Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data
    (2nd ed., 2002), chapters 2 and 3).
    """
    frame = times[["lower", "upper"]].assign(upper=times["upper"].clip(lower=KNOWN_FROM)).join(design.iloc[:, 1:])
    model = WeibullAFTFitter()
    model.fit_interval_censoring(frame, "lower", "upper")
    return model


def clustered_errors(
    model: WeibullAFTFitter, times: pd.DataFrame, design: pd.DataFrame, clusters: pd.Series
) -> pd.Series:
    """Return the standard errors of a common-shape model when times of one cluster are not independent.

    Jackknife: the scatter of the estimates without each cluster about the estimate on all (Lipsitz, Dear and Zhao,
    Biometrics 50 (1994), 842-846). A sandwich would need no further fits, but is too small with few clusters; the
    jackknife errs on the safe side. On the index of `model.params_`; not a number where a group lies in one cluster, or
    has no estimate without one of them.
    """
    named = times.assign(group=design.idxmax(axis="columns"))
    kept = [clusters != cluster for cluster in sorted(clusters.unique())]
    alone = any(clusters[design[name] == 1].nunique() < 2 for name in design)
    if alone or any(len(estimable(named[one], "group")) < one.sum() for one in kept):
        return pd.Series(np.nan, index=model.params_.index)
    start = model.params_.to_numpy(float)
    moved = np.array([_refit(model.params_, times[one], design[one]) for one in kept]) - start
    errors = np.sqrt((len(kept) - 1) / len(kept) * (moved**2).sum(axis=0))
    return pd.Series(errors, index=model.params_.index)


def _refit(start: pd.Series, times: pd.DataFrame, design: pd.DataFrame) -> np.ndarray:
    """The parameters of `fit_weibull`, in the order of `start`, which is close already."""
    groups = design.iloc[:, 1:].assign(Intercept=1.0)
    order = pd.MultiIndex.from_tuples([*(("lambda_", name) for name in groups), ("rho_", "Intercept")])
    found = _maximum(times, groups.to_numpy(), start.reindex(order).to_numpy(float))
    return pd.Series(found.x, index=order).reindex(start.index).to_numpy(float)


def _maximum(times: pd.DataFrame, design: np.ndarray, begin: np.ndarray) -> OptimizeResult:
    """Maximise the likelihood (`fun` is minus its log) from a point that is close already.

    A point holds what each column of `design` adds to the log of the scale, then the log of the shape.
    """
    lower, upper = times["lower"].to_numpy(float), times["upper"].clip(lower=KNOWN_FROM).to_numpy(float)

    def negative(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_scale, by_shape = _likelihood(lower, upper, design @ point[:-1], point[-1])
        return -value, -np.append(by_scale @ design, by_shape.sum())

    return minimize(negative, begin, jac=True, method="BFGS")


def _likelihood(
    lower: np.ndarray, upper: np.ndarray, log_scale: np.ndarray, log_shape: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """The log-likelihood, and its derivative by the log of the scale and of the shape for each time."""
    # With the cumulative hazard H = (t / scale) ** shape: dH = -shape H by the log of the scale, H log H by that of the
    # shape; an interval adds log(exp(-H(lower)) - exp(-H(upper))), a known day log(shape) + log(H) - log(t) - H.
    shape = np.exp(log_shape)
    first, last = (np.minimum(np.exp(shape * (_log(day) - log_scale)), CERTAIN) for day in (lower, upper))
    alive_first, alive_last, known = np.exp(-first), np.exp(-last), lower == upper
    within = np.where(known, 1, np.maximum(alive_first - alive_last, 1e-300))
    by_scale = np.where(known, 1 - last, (alive_last * last - alive_first * first) / within) * -shape
    slope_first, slope_last = first * _log(first), last * _log(last)
    by_shape = np.where(
        known, 1 + _log(last) - slope_last, (alive_last * slope_last - alive_first * slope_first) / within
    )
    value = np.where(known, log_shape + _log(last) - _log(upper) - last, np.log(within))
    return float(value.sum()), by_scale, by_shape


def _log(values: np.ndarray) -> np.ndarray:
    # Where a value is 0 its log is only ever multiplied by 0 or turned back by exp.
    return np.log(np.maximum(values, 1e-300))


def common_shape_test(times: pd.DataFrame, group: str, ratios: pd.DataFrame) -> tuple[float, float, int]:
    """Test a common shape against a shape for each group: likelihood ratio, p value, degrees of freedom.

    Both readings of the model ask for a common shape: the ratio of times is then the same for the quick and the slow,
    and hazards are proportional. Takes the times as independent. Groups that could have come on one day show no shape
    and are left out; with one group there is nothing to test: 0, 1, 0. The maxima are sought from `ratios`, the result
    of `time_ratios` for the same times.
    """
    times = estimable(times, group)
    times = times[times[group].map(_spread(times, times[group])).astype(bool)]
    design = pd.get_dummies(times[group], dtype=float)
    if design.shape[1] < 2:
        return 0.0, 1.0, 0
    begin = np.log(ratios.set_index(group).loc[design.columns, ["scale", "shape"]].to_numpy(float))
    common = _maximum(times, design.to_numpy(), np.append(begin[:, 0], begin[0, 1])).fun
    own = sum(
        _maximum(part, np.ones((len(part), 1)), point).fun
        for (_, part), point in zip(times.groupby(group, sort=True), begin, strict=True)
    )
    ratio, freedom = max(0.0, float(2 * (common - own))), design.shape[1] - 1
    return ratio, float(stats.chi2.sf(ratio, freedom)), freedom


def largest_distance(innermost: np.ndarray, mass: np.ndarray, scale: float, shape: float) -> tuple[float, float, float]:
    """Return where a Weibull distribution lies furthest from Turnbull's estimate: the day, and what each has reached.

    `innermost` (k x 2) and `mass` (k) are those of `transmission.turnbull`; the result is day, Turnbull, Weibull. Only
    the ends of the innermost intervals are looked at: where within them the mass lies the data do not say, and between
    them the estimate is flat.
    """
    reached = np.cumsum(mass)
    days, steps = innermost.T.ravel(), np.concatenate([reached - mass, reached])
    modelled = weibull_reached(days, scale, shape)
    largest = int(np.abs(modelled - steps).argmax())
    return float(days[largest]), float(steps[largest]), float(modelled[largest])


def weibull_reached(days: np.ndarray, scale: float, shape: float) -> np.ndarray:
    """Return the share of Weibull times up to each day."""
    return np.asarray(1 - np.exp(-((days / scale) ** shape)))
