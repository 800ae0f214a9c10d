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
    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    # Rounding must not leave a share of exactly 0 or 1 outside its interval.
    return min(float(low), successes / n), max(float(high), successes / n)


def cluster_share(marks: pd.Series, clusters: pd.Series, confidence: float, unit: str = "share") -> Estimate:
    """Share of units with a mark, Wilson interval on the effective sample size.

    `marks` lies in [0, 1] (a mean over coding passes may be fractional); `clusters` names the page, document or college
    of each unit, on the same index. The design effect comes from the linearised variance between clusters and is never
    taken below 1; the degrees of freedom are the clusters' (Korn and Graubard, Survey Methodology 24 (1998), 193-201;
    Franco, Little, Louis and Slud, J. Survey Statistics and Methodology 7 (2019), 334-364). At a share of exactly 0 or
    1, where the variance says nothing, every cluster counts as one unit. A bootstrap has no width there, hence this.
    """
    n, groups = len(marks), int(clusters.nunique())
    if n == 0:
        return Estimate.missing(unit, 0, "no units", clusters=0)
    share = float(marks.mean())
    effective = _effective_n(marks.to_numpy(float), clusters.to_numpy(), confidence)
    return Estimate(
        share, wilson(share * effective, effective, confidence), n, groups, effective_n=effective, unit=unit
    )


def _effective_n(marks: np.ndarray, clusters: np.ndarray, confidence: float) -> float:
    n, share = len(marks), marks.mean()
    _, codes = np.unique(clusters.astype(str), return_inverse=True)
    groups = codes.max() + 1
    if groups == 1 or share in (0, 1):
        return float(groups)
    totals = np.bincount(codes, weights=marks - share)
    variance = groups / (groups - 1) * (totals**2).sum() / n**2
    tail = (1 + confidence) / 2
    freedom = (stats.t.ppf(tail, groups - 1) / stats.t.ppf(tail, n - 1)) ** 2
    return float(n / max(1, variance * n / (share * (1 - share)) * freedom))


def percentile_interval(values: np.ndarray, confidence: float) -> Interval:
    """The central `confidence` part of simulated values, not-a-numbers left out; infinite ends stay infinite."""
    known = values[~np.isnan(values)]
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2], method="inverted_cdf")
    return float(low), float(high)


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
    clusters side by side, the p value permutes the side of whole clusters within their main stratum (two-sided).
    n and clusters count side 1, n_other and clusters_other side 0.
    """
    used = _comparable(frame, side, strata)
    ones, zeros = used[used[side] == 1], used[used[side] == 0]
    counts: dict[str, Any] = {"n_other": len(zeros), "clusters_other": int(zeros[cluster].nunique())}
    clusters = int(ones[cluster].nunique())
    lacking = _why_no_ratio(ones[value], zeros[value])
    if lacking:
        return Estimate.missing("ratio", len(ones), lacking, clusters=clusters, **counts)
    top, bottom = _by_cluster(used, ones, value, strata, cluster), _by_cluster(used, zeros, value, strata, cluster)
    rng = np.random.default_rng(seed)
    simulated = _mantel_haenszel(*_resample(top, rng, draws), *_resample(bottom, rng, draws))
    observed = _mantel_haenszel(*(part.sum(axis=0)[None] for part in (*top, *bottom)))[0]
    return Estimate(
        float(observed), percentile_interval(simulated, confidence), len(ones), clusters, float(clusters),
        p_value=_permutation_p(top, bottom, rng, draws), unit="ratio", **counts,
    )  # fmt: skip


def _comparable(frame: pd.DataFrame, side: str, strata: Sequence[str]) -> pd.DataFrame:
    sides = frame.groupby(list(strata), dropna=False)[side].transform("nunique")
    return frame[sides == 2]


def _why_no_ratio(ones: pd.Series, zeros: pd.Series) -> str | None:
    if ones.empty:
        return "no stratum holds both sides"
    if ones.sum() == 0 or zeros.sum() == 0:
        return "one side has no marks at all, so the ratio has no interval"
    return None


def _by_cluster(
    used: pd.DataFrame, part: pd.DataFrame, value: str, strata: Sequence[str], cluster: str
) -> tuple[np.ndarray, np.ndarray]:
    """Counts and totals, clusters x strata, with the strata of `used` as columns."""
    stratum = used.groupby(list(strata), dropna=False, sort=True).ngroup()
    grid = pd.DataFrame(
        {"cluster": part[cluster], "stratum": stratum.loc[part.index], "value": part[value].astype(float)}
    )
    columns = range(int(stratum.max()) + 1)
    sizes = grid.pivot_table(index="cluster", columns="stratum", values="value", aggfunc="size", fill_value=0)
    totals = grid.pivot_table(index="cluster", columns="stratum", values="value", aggfunc="sum", fill_value=0)
    return sizes.reindex(columns=columns, fill_value=0).to_numpy(float), totals.reindex(
        columns=columns, fill_value=0
    ).to_numpy(float)


def _resample(
    tables: tuple[np.ndarray, np.ndarray], rng: np.random.Generator, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    clusters = len(tables[0])
    weights = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(float)
    return weights @ tables[0], weights @ tables[1]


def _mantel_haenszel(n1: np.ndarray, total1: np.ndarray, n0: np.ndarray, total0: np.ndarray) -> np.ndarray:
    both = np.where(n1 + n0 > 0, n1 + n0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (total1 * n0 / both).sum(axis=1) / (total0 * n1 / both).sum(axis=1)


def _permutation_p(
    top: tuple[np.ndarray, np.ndarray], bottom: tuple[np.ndarray, np.ndarray], rng: np.random.Generator, draws: int
) -> float:
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
    n, clusters = len(frame), int(frame[cluster].nunique())
    inner = frame[x].astype(float) - frame.groupby(group)[x].transform("mean").astype(float)
    if not (inner**2).sum() > TINY:
        return Estimate.missing(unit, n, f"no {group} shows more than one {x}, so there is no trend", clusters=clusters)
    design = np.column_stack([frame[x].to_numpy(float), pd.get_dummies(frame[group]).to_numpy(float)])
    codes, _ = pd.factorize(frame[cluster])
    slope, error, freedom = _cr2(design, frame[y].to_numpy(float), codes)
    if clusters < 3 or not error**2 > TINY:
        reason = f"the trend has no interval: {y} shows no spread between clusters, or there are fewer than three"
        return Estimate(slope, None, n, clusters, effective_n=float(clusters), unit=unit, reason=reason)
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    return Estimate(slope, (slope - reach, slope + reach), n, clusters, effective_n=float(clusters), unit=unit)


def _cr2(design: np.ndarray, y: np.ndarray, clusters: np.ndarray) -> tuple[float, float, float]:
    """The first coefficient of least squares, its CR2 standard error and its degrees of freedom."""
    solve = np.linalg.pinv(design)
    residual_maker = np.eye(len(y)) - design @ solve
    residuals, weights = residual_maker @ y, solve[0]
    members = [clusters == code for code in range(clusters.max() + 1)]
    adjusted = [weights[own] @ _inverse_root(residual_maker[np.ix_(own, own)]) for own in members]
    scores = np.array([one @ residuals[own] for one, own in zip(adjusted, members, strict=True)])
    spread = np.column_stack([residual_maker[:, own] @ one for one, own in zip(adjusted, members, strict=True)])
    working = spread.T @ spread  # covariance of the scores if units were independent, of equal variance
    return float(weights @ y), float(np.sqrt((scores**2).sum())), float(np.trace(working) ** 2 / (working**2).sum())


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    # A cluster that alone carries a fixed effect leaves no residual in that direction: it is left out there.
    values, vectors = np.linalg.eigh(matrix)
    roots = np.where(values > TINY, 1 / np.sqrt(np.maximum(values, TINY)), 0)
    return (vectors * roots) @ vectors.T


def benjamini_hochberg(p_values: Sequence[float]) -> np.ndarray:
    """Adjusted p values that control the false discovery rate (Benjamini and Hochberg, JRSS B 57 (1995), 289-300)."""
    return multipletests(np.asarray(p_values, float), method="fdr_bh")[1]
