"""Estimates with intervals that stay honest for small, clustered samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

Interval = tuple[float, float]
_Tables = tuple[np.ndarray, np.ndarray]  # counts and totals of a value on one side, clusters x strata
TINY = 1e-9  # sums of squares below this are rounding, not spread


@dataclass(frozen=True)
class Estimate:
    """A figure with what is needed to judge it; None is missing, never 0.

    n and clusters count the units and clusters it rests on, n_other and clusters_other those it is compared with,
    effective_n is n divided by the design effect. tipping is the sensitivity at which a verdict on it falls,
    publishing the share of all colleges that publish a figure. detectable_below and detectable_above are the true
    values nearest to the thresholds that would be found with 80 % power. rows names the rows used:
    {table: [primary keys]}.
    """

    value: float | None
    interval: Interval | None = None
    n: int = 0
    clusters: int | None = None
    effective_n: float | None = None
    n_other: int | None = None
    clusters_other: int | None = None
    p_value: float | None = None
    tipping: float | None = None
    publishing: float | None = None
    detectable_below: float | None = None
    detectable_above: float | None = None
    unit: str = ""
    reason: str | None = None
    rows: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @classmethod
    def missing(cls, unit: str, n: int, reason: str, **counts: Any) -> "Estimate":
        """No value, and the reason in words: the table, the rows there are, the rows a rule needs."""
        return cls(None, n=n, unit=unit, reason=reason, **counts)

    def with_(self, **changes: Any) -> "Estimate":
        """The same estimate with some fields replaced."""
        return replace(self, **changes)


def wilson(successes: float, n: float, confidence: float) -> Interval:
    """Wilson's score interval of a share; (0, 1) without observations.

    Wilson 1927; Newcombe, Statistics in Medicine 17 (1998), 857-872, method 3. `successes` and `n` may be fractional
    (effective sample sizes).
    """
    if n <= 0:
        return 0.0, 1.0
    low, high = _wilson_limits(np.array([successes], float), np.array([n], float), confidence)
    return float(low[0]), float(high[0])


def _wilson_limits(successes: np.ndarray, n: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    # Rounding must not leave a share of exactly 0 or 1 outside its interval.
    return np.minimum(low, successes / n), np.maximum(high, successes / n)


def cluster_share(marks: pd.Series, clusters: pd.Series, confidence: float, unit: str = "share") -> Estimate:
    """Share of units with a mark, Wilson interval on the effective sample size.

    `marks` lies in [0, 1] (a mean over coding passes may be fractional); `clusters` names the page, document or college
    of each unit, on the same index. The design effect comes from the linearised variance between clusters and is never
    taken below 1; the degrees of freedom are the clusters' (Korn and Graubard, Survey Methodology 24 (1998), 193-201;
    Franco, Little, Louis and Slud, J. Survey Statistics and Methodology 7 (2019), 334-364). At a share of exactly 0 or
    1, where the variance says nothing, every cluster counts as one unit. A bootstrap has no width there, hence this.
    """
    return cluster_shares(marks.to_numpy(float)[None], clusters, confidence, unit)[0]


def cluster_shares(marks: np.ndarray, clusters: pd.Series, confidence: float, unit: str = "share") -> list[Estimate]:
    """`cluster_share` of several marks of the same units at once: `marks` has a row a mark, a column a unit."""
    n = len(clusters)
    if n == 0:
        return [Estimate.missing(unit, 0, "no units", clusters=0)] * len(marks)
    shares = marks.mean(axis=1)
    codes, groups = pd.factorize(clusters, sort=True)
    effective = _effective_n(marks, shares, codes, confidence)
    limits = zip(*_wilson_limits(shares * effective, effective, confidence), strict=True)
    return [
        Estimate(float(share), (float(low), float(high)), n, len(groups), effective_n=float(size), unit=unit)
        for share, (low, high), size in zip(shares, limits, effective, strict=True)
    ]


def _effective_n(marks: np.ndarray, shares: np.ndarray, clusters: np.ndarray, confidence: float) -> np.ndarray:
    n, groups = len(clusters), int(clusters.max()) + 1
    spread = (shares > 0) & (shares < 1)
    if groups == 1 or not spread.any():
        return np.full(len(shares), float(groups))
    totals = np.array([np.bincount(clusters, weights=row) for row in marks - shares[:, None]])
    variance = groups / (groups - 1) * (totals**2).sum(axis=1) / n**2
    tail = (1 + confidence) / 2
    freedom = (stats.t.ppf(tail, groups - 1) / stats.t.ppf(tail, n - 1)) ** 2
    binomial = np.where(spread, shares * (1 - shares), 1)
    return np.where(spread, n / np.maximum(1, variance * n / binomial * freedom), groups)


def percentile_interval(values: np.ndarray, confidence: float, clusters: int | None = None) -> Interval | None:
    """The central `confidence` part of simulated values, not-a-numbers left out; infinite ends stay infinite.

    With the number of `clusters` resampled the part grows as a t interval grows over a normal one, since the percentile
    interval of few is too short (the expanded percentile interval of Hesterberg, American Statistician 69 (2015),
    371-386). None where no value is left, where all are the same (a bootstrap without width would claim certainty), and
    for a single cluster.
    """
    known = values[~np.isnan(values)]
    if not len(known) or not known.max() > known.min() + TINY or clusters == 1:
        return None
    tail = expanded_tail(confidence, clusters) if clusters else (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)


def expanded_tail(confidence: float, clusters: int) -> float:
    """The part of resamples that the expanded percentile interval leaves out at each end; two clusters or more."""
    quantile = stats.t.ppf((1 - confidence) / 2, clusters - 1) * np.sqrt(clusters / (clusters - 1))
    return float(stats.norm.cdf(quantile))


def stratified_ratio(
    frame: pd.DataFrame,
    value: str,
    side: str,
    strata: Sequence[str],
    cluster: str,
    confidence: float,
    seed: int,
    draws: int = 2000,
) -> Estimate:
    """Ratio of mean `value`, side 1 over side 0, within strata (Mantel-Haenszel weights).

    `frame` has one row a unit; `side` is 1 or 0. Strata that lack a side carry no information and are left out.
    Rothman, Greenland and Lash, Modern Epidemiology (3rd ed.), chapter 15, for the weights; the interval resamples
    clusters side by side (expanded for the smaller side, see `percentile_interval`), the p value permutes the side of
    whole clusters within their main stratum (two-sided).
    n and clusters count side 1, n_other and clusters_other side 0. Without interval, and with the reason, where a side
    has a single cluster or no resample differs from another.
    """
    top, bottom = (tables[value] for tables in _two_sides(frame, [value], side, strata, cluster))
    lacking = _why_no_ratio(top, bottom)
    if lacking:
        return Estimate.missing("ratio", reason=lacking, **_counts(top, bottom))
    rng = np.random.default_rng(seed)
    weights = [resample_weights(len(sizes), rng, draws) for sizes, _ in (top, bottom)]
    ratio = _ratio(top, bottom, weights, confidence)
    return ratio.with_(p_value=_permutation_p(top, bottom, rng, draws))


def stratified_ratios(
    frame: pd.DataFrame,
    values: Sequence[str],
    side: str,
    strata: Sequence[str],
    cluster: str,
    confidence: float,
    seed: int,
    draws: int = 2000,
) -> dict[str, Estimate]:
    """`stratified_ratio` of several `values` of the same units by name, without p values.

    The clusters are resampled once for all of them, in the same draws as for one.
    """
    tops, bottoms = _two_sides(frame, values, side, strata, cluster)
    lacking = {value: _why_no_ratio(tops[value], bottoms[value]) for value in values}
    rng = np.random.default_rng(seed)
    able = [value for value, why in lacking.items() if not why]
    weights = [resample_weights(len(tables[able[0]][0]), rng, draws) for tables in (tops, bottoms) if able]
    return {
        value: Estimate.missing("ratio", reason=why, **_counts(tops[value], bottoms[value]))
        if why
        else _ratio(tops[value], bottoms[value], weights, confidence)
        for value, why in lacking.items()
    }


def _two_sides(
    frame: pd.DataFrame, values: Sequence[str], side: str, strata: Sequence[str], cluster: str
) -> list[dict[str, _Tables]]:
    """The comparable units of side 1 and those of side 0, each as tables of every value.

    Comparable are the units in strata that hold both sides.
    """
    stratum = frame.groupby(list(strata), dropna=False, sort=True).ngroup().to_numpy()
    sides = [frame[side].to_numpy() == one for one in (1, 0)]
    shared = np.intersect1d(*(stratum[one] for one in sides))
    needed = frame[[cluster, *values]]
    return [
        _by_cluster(needed[used], values, np.searchsorted(shared, stratum[used]), cluster, len(shared))
        for used in (one & np.isin(stratum, shared) for one in sides)
    ]


def _by_cluster(
    part: pd.DataFrame, values: Sequence[str], stratum: np.ndarray, cluster: str, strata: int
) -> dict[str, _Tables]:
    places, names = pd.factorize(part[cluster], sort=True)
    sizes = np.zeros((len(names), strata))
    np.add.at(sizes, (places, stratum), 1)
    tables = {}
    for value in values:
        totals = np.zeros_like(sizes)
        np.add.at(totals, (places, stratum), part[value].to_numpy(float))
        tables[value] = sizes, totals
    return tables


def _counts(top: _Tables, bottom: _Tables) -> dict[str, Any]:
    """How many units and clusters the two sides have, by the names of Estimate."""
    return {
        "n": int(top[0].sum()), "clusters": len(top[0]),
        "n_other": int(bottom[0].sum()), "clusters_other": len(bottom[0]),
    }  # fmt: skip


def _why_no_ratio(top: _Tables, bottom: _Tables) -> str | None:
    if not len(top[0]):
        return "no stratum holds both sides"
    if top[1].sum() == 0 or bottom[1].sum() == 0:
        return "one side has no marks at all, so the ratio has no interval"
    return None


def _ratio(top: _Tables, bottom: _Tables, weights: Sequence[np.ndarray], confidence: float) -> Estimate:
    """The ratio of two sides from their counts and totals; `weights` say how clusters weigh in each resample."""
    observed = _mantel_haenszel(*(table.sum(axis=0)[None] for table in (*top, *bottom)))[0]
    simulated = _mantel_haenszel(*(weights[0] @ table for table in top), *(weights[1] @ table for table in bottom))
    interval = percentile_interval(simulated, confidence, min(len(top[0]), len(bottom[0])))
    reason = None if interval else "the ratio has no interval: a side has a single cluster, or the clusters are alike"
    return Estimate(
        float(observed), interval, effective_n=float(len(top[0])), unit="ratio", reason=reason, **_counts(top, bottom)
    )


def resample_weights(clusters: int, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Return how often each cluster is drawn in bootstrap resamples with replacement, draws x clusters."""
    return rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(float)


def _mantel_haenszel(n1: np.ndarray, total1: np.ndarray, n0: np.ndarray, total0: np.ndarray) -> np.ndarray:
    both = np.where(n1 + n0 > 0, n1 + n0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (total1 * n0 / both).sum(axis=1) / (total0 * n1 / both).sum(axis=1)


def _permutation_p(top: _Tables, bottom: _Tables, rng: np.random.Generator, draws: int) -> float:
    """Two-sided p of the score sum(value - stratum mean) on side 1, sides permuted between clusters of a stratum.

    A cluster that lies in several strata is permuted within the one that holds most of its units.
    """
    sizes, totals = np.vstack([top[0], bottom[0]]), np.vstack([top[1], bottom[1]])
    scores = (totals - sizes * totals.sum(axis=0) / sizes.sum(axis=0)).sum(axis=1)
    sides = np.repeat([1.0, 0.0], [len(top[0]), len(bottom[0])])
    home = sizes.argmax(axis=1)
    simulated = np.zeros(draws)
    for stratum in np.unique(home):
        block = home == stratum
        simulated += rng.permuted(np.tile(sides[block], (draws, 1)), axis=1) @ scores[block]
    return float((1 + (np.abs(simulated) >= abs(sides @ scores) - 1e-9).sum()) / (draws + 1))


def within_slope(
    frame: pd.DataFrame, x: str, y: str, group: str, cluster: str, confidence: float, unit: str = "slope"
) -> Estimate:
    """Least-squares slope of `y` on `x` with a fixed effect per `group`; units of `frame` share clusters.

    CR2 standard error, unbiased if units were independent, and t limits with Bell and McCaffrey's degrees of freedom
    (Survey Methodology 28 (2002), 169-181; with fixed effects: Pustejovsky and Tipton, J. Business and Economic
    Statistics 36 (2018), 672-683). It stays honest where few clusters carry the slope, which the number of clusters
    hides. Missing where `x` varies within no group; without interval below three clusters or without any spread.
    """
    return within_slopes(frame, x, [y], group, cluster, confidence, unit)[y]


def within_slopes(
    frame: pd.DataFrame, x: str, ys: Sequence[str], group: str, cluster: str, confidence: float, unit: str = "slope"
) -> dict[str, Estimate]:
    """`within_slope` of several `ys` of the same units by name; what depends on `x` alone is computed once."""
    n, clusters = len(frame), int(frame[cluster].nunique())
    inner = frame[x].astype(float) - frame.groupby(group)[x].transform("mean").astype(float)
    if not (inner**2).sum() > TINY:
        reason = f"no {group} shows more than one {x}, so there is no trend"
        return dict.fromkeys(ys, Estimate.missing(unit, n, reason, clusters=clusters))
    design = np.column_stack([frame[x].to_numpy(float), pd.get_dummies(frame[group]).to_numpy(float)])
    codes, _ = pd.factorize(frame[cluster])
    slopes, errors, freedom = _cr2(design, frame[list(ys)].to_numpy(float), codes)
    quantile = float(stats.t.ppf((1 + confidence) / 2, freedom))
    estimates = {}
    for y, slope, error in zip(ys, slopes.tolist(), errors.tolist(), strict=True):
        enough = clusters >= 3 and error**2 > TINY
        reason = f"the trend has no interval: {y} shows no spread between clusters, or there are fewer than three"
        estimates[y] = Estimate(
            slope, (slope - quantile * error, slope + quantile * error) if enough else None, n, clusters,
            effective_n=float(clusters), unit=unit, reason=None if enough else reason,
        )  # fmt: skip
    return estimates


def _cr2(design: np.ndarray, ys: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The first coefficient of least squares for every column of `ys`, CR2 standard errors and degrees of freedom."""
    solve = np.linalg.pinv(design)
    residual_maker = np.eye(len(ys)) - design @ solve
    residuals, weights = residual_maker @ ys, solve[0]
    members = [clusters == code for code in range(clusters.max() + 1)]
    adjusted = [weights[own] @ _inverse_root(residual_maker[np.ix_(own, own)]) for own in members]
    scores = np.array([one @ residuals[own] for one, own in zip(adjusted, members, strict=True)])
    spread = np.column_stack([residual_maker[:, own] @ one for one, own in zip(adjusted, members, strict=True)])
    working = spread.T @ spread  # covariance of the scores if units were independent, of equal variance
    # Without residuals there is no error to count degrees of freedom for.
    squares = float((working**2).sum())
    freedom = float(np.trace(working) ** 2 / squares) if squares > 0 else 0.0
    return weights @ ys, np.sqrt((scores**2).sum(axis=0)), freedom


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    # A cluster that alone carries a fixed effect leaves no residual in that direction: it is left out there.
    values, vectors = np.linalg.eigh(matrix)
    roots = np.where(values > TINY, 1 / np.sqrt(np.maximum(values, TINY)), 0)
    return (vectors * roots) @ vectors.T


def benjamini_hochberg(p_values: Sequence[float | None]) -> np.ndarray:
    """Adjusted p values that control the false discovery rate (Benjamini and Hochberg, JRSS B 57 (1995), 289-300).

    A missing p value (None or not a number) stays not a number and is no test.
    """
    found = np.asarray(p_values, float)
    known = ~np.isnan(found)
    if known.any():
        found[known] = multipletests(found[known], method="fdr_bh")[1]
    return found
