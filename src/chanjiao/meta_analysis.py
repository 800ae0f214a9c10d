"""Random-effects meta-analysis: the mean of studies that differ, and where a further study would lie."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import expit

from chanjiao.statistics import Estimate, Interval

Method = Literal["reml", "dl"]

EGGER_FROM = 10  # studies; with fewer, chance cannot be told from asymmetry (Sterne and others, BMJ 343 (2011), d4002)


@dataclass(frozen=True)
class Pooled:
    """A random-effects mean of `n` studies, on the scale of the effects, or of shares after `pool_shares`.

    prediction is where a further study would lie (None below three studies), between_variance tau squared on the scale
    of the effects (the logit after `pool_shares`), heterogeneity_q Cochran's Q, i_squared the part of the total
    variance that lies between studies, from 0 to 1.
    """

    value: float
    interval: Interval
    prediction: Interval | None
    between_variance: float
    heterogeneity_q: float
    i_squared: float
    n: int


def pool(
    effects: np.ndarray, variances: np.ndarray, confidence: float, method: Method = "reml", floor: bool = False
) -> Pooled:
    """Return the random-effects mean of `effects`, weighted by 1 / (sampling variance + tau squared).

    method       tau squared by restricted maximum likelihood (Viechtbauer, J. Educational and Behavioral Statistics 30
                 (2005), 261-293) or by moments (DerSimonian and Laird, Controlled Clinical Trials 7 (1986), 177-188)
    interval     t with n - 1 degrees of freedom on the weighted scatter of the effects (Hartung and Knapp, Statistics
                 in Medicine 20 (2001), 3875-3889; Sidik and Jonkman, Statistics in Medicine 21 (2002), 3153-3159), as
                 metafor's test="knha". Its known failure: too short, down to no width, when the effects happen to be
                 nearly equal (Jackson and others, Statistics in Medicine 36 (2017), 3923-3934). `floor` keeps it at
                 least as wide as the sampling variances demand, as metafor's test="adhoc".
    prediction   Higgins, Thompson and Spiegelhalter (JRSS A 172 (2009), 137-159), who take n - 2 degrees of freedom; we
                 take n - 1 and the standard error of the interval, as metafor's predict() does after test="knha"

    Raises ValueError for fewer than two studies, and for variances that are not above 0.
    """
    _check(effects, variances)
    tau2 = _reml(effects, variances) if method == "reml" else _dersimonian_laird(effects, variances)
    weights = 1 / (variances + tau2)
    centre, n = _mean(effects, weights), len(effects)
    scatter = _scatter(effects, weights) / (n - 1)
    error = (max(scatter, 1.0) if floor else scatter) / weights.sum()
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    further = _around(centre, reach * np.sqrt(error + tau2)) if n > 2 else None
    q = _scatter(effects, 1 / variances)
    return Pooled(centre, _around(centre, reach * np.sqrt(error)), further, tau2, q, _i_squared(variances, tau2), n)


def pool_shares(counts: np.ndarray, totals: np.ndarray, confidence: float, method: Method = "reml") -> Pooled:
    """Return the random-effects mean of the shares counts / totals, pooled as logits and turned back.

    Counts may be fractional. A study with none or all gets half a unit more on both sides, the others stay as they are
    (metafor's measure="PLO", to="only0"). Value, interval and prediction are shares; between_variance is of logits. The
    value is the share of a typical study, the mean on the logit scale, not the mean of the shares.

    Why the logit: the double arcsine of Freeman and Tukey can be turned back only for one sample size, the harmonic
    mean; with very different sizes the result can lie outside all the data (Schwarzer and others, Research Synthesis
    Methods 10 (2019), 476-483). Why no binomial mixed model: no maintained Python library fits one.

    Raises ValueError for fewer than two studies, and for counts that do not lie between 0 and their totals.
    """
    if (totals <= 0).any() or (counts < 0).any() or (counts > totals).any():
        raise ValueError("a share needs a total above 0 and a count between 0 and the total; mend or drop the study")
    half = np.where((counts == 0) | (counts == totals), 0.5, 0.0)
    marked, rest = counts + half, totals - counts + half
    found = pool(np.log(marked / rest), 1 / marked + 1 / rest, confidence, method)
    return Pooled(
        float(expit(found.value)), _as_shares(found.interval), found.prediction and _as_shares(found.prediction),
        found.between_variance, found.heterogeneity_q, found.i_squared, found.n,
    )  # fmt: skip


def egger(effects: np.ndarray, variances: np.ndarray, confidence: float) -> Estimate:
    """Return the intercept of the effects over their errors on one over the errors: 0 if small studies are like large.

    Egger and others (BMJ 315 (1997), 629-634), least squares with n - 2 degrees of freedom. Missing, with the reason,
    below EGGER_FROM studies, if all have the same variance, or if they lie on the line without any scatter. An
    intercept away from 0 may have other causes than unpublished studies. Raises ValueError as `pool` does.
    """
    _check(effects, variances)
    n, error = len(effects), np.sqrt(variances)
    if n < EGGER_FROM:
        reason = f"there are {n} studies; the test of small studies needs {EGGER_FROM}"
        return Estimate.missing("intercept", n, reason)
    if np.ptp(error) <= 1e-9 * error.max():
        return Estimate.missing("intercept", n, "all studies have the same variance, so none is smaller than another")
    line = stats.linregress(1 / error, effects / error)
    fitted = line.intercept + line.slope / error
    if np.allclose(fitted, effects / error, rtol=1e-9, atol=1e-12):
        return Estimate.missing("intercept", n, "the studies lie on one line without any scatter to judge it by")
    t = line.intercept / line.intercept_stderr
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 2) * line.intercept_stderr)
    p = float(2 * stats.t.sf(abs(t), n - 2))
    return Estimate(
        float(line.intercept), _around(float(line.intercept), reach), n, effective_n=float(n), p_value=p,
        unit="intercept",
    )  # fmt: skip


def _check(effects: np.ndarray, variances: np.ndarray) -> None:
    if len(effects) < 2:
        raise ValueError(f"pooling needs two studies or more and there are {len(effects)}; print the study itself")
    if not (np.isfinite(effects).all() and np.isfinite(variances).all() and (variances > 0).all()):
        raise ValueError("every study needs a known effect and a variance above 0; drop the studies without one")


def _mean(effects: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ effects / weights.sum())


def _scatter(effects: np.ndarray, weights: np.ndarray) -> float:
    """Weighted sum of squares about the weighted mean; Cochran's Q with the inverse sampling variances."""
    return float(weights @ (effects - _mean(effects, weights)) ** 2)


def _dersimonian_laird(effects: np.ndarray, variances: np.ndarray) -> float:
    weights = 1 / variances
    spare = weights.sum() - (weights**2).sum() / weights.sum()
    return max(0.0, float((_scatter(effects, weights) - (len(effects) - 1)) / spare))


def _reml(effects: np.ndarray, variances: np.ndarray) -> float:
    """Tau squared at the highest restricted likelihood, 0 if that falls from the start.

    Fisher scoring may circle for ever, so the likelihood is looked at on a grid up to a bound that no root of its
    derivative exceeds, and the root beside the highest point is found by bisection.
    """
    n, spread = len(effects), float(np.ptp(effects))
    bound = (n * spread**2 + float(variances.max())) / (n - 1)
    grid = np.concatenate([[0.0], np.geomspace(1e-10 * bound, bound, 300)])
    best = int(np.argmax([_likelihood(tau2, effects, variances) for tau2 in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    if _slope(low, effects, variances) > 0 > _slope(high, effects, variances):
        return float(brentq(_slope, low, high, args=(effects, variances), xtol=1e-14 * bound))
    return float(grid[best])


def _likelihood(tau2: float, effects: np.ndarray, variances: np.ndarray) -> float:
    weights = 1 / (variances + tau2)
    return float(np.log(weights).sum() - np.log(weights.sum()) - _scatter(effects, weights)) / 2


def _slope(tau2: float, effects: np.ndarray, variances: np.ndarray) -> float:
    """The derivative of `_likelihood` by tau squared."""
    weights = 1 / (variances + tau2)
    distance = effects - _mean(effects, weights)
    return float((weights * distance) @ (weights * distance) + weights @ weights / weights.sum() - weights.sum()) / 2


def _i_squared(variances: np.ndarray, tau2: float) -> float:
    """Tau squared over its sum with the typical sampling variance (Higgins and Thompson, Statistics in Medicine 21
    (2002), 1539-1558, formula 9), as metafor gives it for every method."""
    weights = 1 / variances
    typical = (len(variances) - 1) * weights.sum() / (weights.sum() ** 2 - weights @ weights)
    return float(tau2 / (tau2 + typical))


def _around(centre: float, reach: float) -> Interval:
    return float(centre - reach), float(centre + reach)


def _as_shares(interval: Interval) -> Interval:
    return float(expit(interval[0])), float(expit(interval[1]))
