"""The smallest effect that each test could have found, which tells an undecided indicator from an absent effect.

An interval that reaches over a threshold may mean that the truth lies near it or that the sample is small. Power at the
observed estimate cannot tell the two apart, since it only repeats the p value (Hoenig and Heisey, The American
Statistician 55 (2001), 19-24). What tells is the true value nearest to the threshold at which this sample, with its
units and clusters, would have led to a verdict in four of five repetitions (Cohen, Statistical Power Analysis for the
Behavioral Sciences (2nd ed., 1988); formulas after Chow, Shao and Wang, Sample Size Calculations in Clinical Research
(2nd ed., 2008)).

Found means that the whole interval lies beyond the threshold. The variants and the bias analysis that a rule asks for
can still take such a verdict away, so the values are the most that the sample can do. The permutation p values beside
C1.3, C2.2 and C5.1 ask whether there is an effect at all; their intervals are held against the same value, and what is
found for these stands for them too.
"""

import bisect
import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from chanjiao.claims import Rule, limits, shortfall
from chanjiao.sectors import (
    dissimilarity,
    excess_interval,
    expected_dissimilarity,
    multinomial_chances,
    ways_to_spread,
)
from chanjiao.statistics import Estimate, wilson

POWER = 0.8
# Half the width of a t interval at this confidence is the t quantile of POWER times the standard error.
NARROW = 2 * POWER - 1
RANGES = {"share": (0.0, 1.0), "rank score": (-1.0, 1.0)}  # by unit; a value outside cannot be true
DIRECTIONS = 24  # away from a perfect fit, one every 15 degrees
LARGEST_ODDS = 1e6  # an odds ratio that lets no table but the most extreme one occur


def with_share(rule: Rule, estimate: Estimate, confidence: float) -> Estimate:
    """Return a share with the true shares that its Wilson interval would have told from the thresholds of `rule`.

    Exact: the counts that lead to the verdict are enumerated at the effective sample size, rounded to whole units, and
    the true share at which they have 80 % chance follows from the binomial distribution. The design effect is taken to
    stay as it is.
    """
    n = round(estimate.effective_n or 0)
    return _with(rule, estimate, lambda side, limit: _nearest_share(side, limit, n, confidence))


def with_ratio(rule: Rule, estimate: Estimate, confidence: float) -> Estimate:
    """Return a ratio with the true ratios that would have been told from the thresholds of `rule`.

    Normal on the log scale: the standard error is half the interval over the normal quantile, and the value lies
    (z of the interval + z of the power) standard errors from the threshold. An approximation, since the interval of a
    resampled ratio need not be symmetric. Without values where the interval is open, which tells no standard error.
    """
    low, high = estimate.interval or (0.0, math.inf)
    if not (0 < low and math.isfinite(high)):
        return estimate
    error = (math.log(high) - math.log(low)) / 2 / stats.norm.ppf((1 + confidence) / 2)
    distance = float(error * (stats.norm.ppf((1 + confidence) / 2) + stats.norm.ppf(POWER)))
    return _with(rule, estimate, lambda side, limit: limit * math.exp(-distance if side == "below" else distance))


def with_mean(rule: Rule, estimate: Estimate, narrow: Estimate) -> Estimate:
    """Return a mean or slope with t limits, with the true values that would have been told from the thresholds.

    `narrow` is the same estimate with its interval at the confidence NARROW: the value lies (t of the interval + t of
    the power) standard errors from the threshold, which is the sum of both half-widths, whatever the degrees of
    freedom. The power there is 80 % from four degrees of freedom on, 77 % with two (the exact non-central t asks for
    5 % more). Where an interval is cut at 0 or 1 or holds what a bound leaves open, its wider side counts.
    """
    if estimate.interval is None or narrow.interval is None:
        return estimate
    distance = _reach(estimate) + _reach(narrow)
    return _with(rule, estimate, lambda side, limit: limit - distance if side == "below" else limit + distance)


def with_rank_score(rule: Rule, estimate: Estimate, null: np.ndarray, confidence: float) -> Estimate:
    """Return a rank score with the shifts of all scores that the inverted permutation test would have found.

    `null` is the sorted exact null distribution (`transmission.null_scores`). The test decides where score minus the
    outer quantile of the null passes the threshold; a shift is found with 80 % power if four fifths of the null,
    shifted, pass it (Lehmann, Nonparametrics, 1975, chapter 2). Without a value where only a shift beyond 1 would do.
    """
    if not len(null):
        return estimate
    tail, spared = (1 - confidence) / 2, math.floor(round(len(null) * (1 - POWER), 6))
    first, last = np.quantile(null, [tail, 1 - tail], method="inverted_cdf")
    shifts = {"below": float(first - null[-1 - spared]), "above": float(last - null[spared])}
    return _with(rule, estimate, lambda side, limit: limit + shifts[side])


def with_dissimilarity(rule: Rule, estimate: Estimate, n: int, reference: np.ndarray, confidence: float) -> Estimate:
    """Return an excess dissimilarity with the true excesses that the inverted exact test of `n` colleges would find.

    `reference` are the shares of the sectors to compare with. The verdict depends on the counts only through their
    dissimilarity, so its critical value is found by bisection and the power by enumerating all counts. Truths of one
    excess differ in how easily they are found: along 24 directions away from the reference the place of 80 % power is
    found, and the hardest direction counts. Without a value where a direction leads to none, as below the threshold if
    even a perfect fit would often not be told from it.
    """
    if shortfall(rule, estimate) or estimate.interval is None:
        return estimate
    outcomes = ways_to_spread(n)
    outcomes = outcomes[np.argsort(dissimilarity(outcomes / n, reference), kind="stable")]
    excess = dissimilarity(outcomes / n, reference) - expected_dissimilarity(n, reference)

    def nearest(side: str, limit: float) -> float | None:
        deciding = _deciding(side, limit, outcomes, reference, confidence)
        places = [_place_on_ray(side, deciding, outcomes, ray) for ray in _rays(reference)]
        found = [
            float(excess @ multinomial_chances(outcomes, place[None])[:, 0]) for place in places if place is not None
        ]
        if side == "below":
            return min(found) if len(found) == len(places) else None
        return max(found, default=None)

    return _with(rule, estimate, nearest)


def odds_ratios(table: np.ndarray, level: float) -> tuple[float | None, float | None]:
    """Return the odds ratios nearest to 1, below and above, that Fisher's exact test finds with 80 % power.

    `table` gives the margins of a fourfold table, `level` the p value below which the two-sided test rejects. Exact, by
    Fisher's non-central hypergeometric distribution (Agresti, Categorical Data Analysis (3rd ed., 2013), section
    16.6). None on a side where no table with these margins would be rejected.
    """
    row, column, total = (int(number) for number in (table[0].sum(), table[:, 0].sum(), table.sum()))
    support = np.arange(max(0, row + column - total), min(row, column) + 1)
    chances = stats.hypergeom.pmf(support, total, row, column)
    # As in scipy's test, tables as likely as the observed one but for rounding count as extreme.
    p_values = np.array([chances[chances <= chance * (1 + 1e-7)].sum() for chance in chances])
    rejected = support[p_values < level]
    few, many = rejected[rejected * total < row * column], rejected[rejected * total > row * column]
    shape = stats.nchypergeom_fisher
    below = _odds(lambda odds: shape.cdf(few.max(), total, row, column, odds), -1) if few.size else None
    above = _odds(lambda odds: shape.sf(many.min() - 1, total, row, column, odds), 1) if many.size else None
    return below, above


def slope(x: np.ndarray, y: np.ndarray, level: float) -> float | None:
    """Return the slope of `y` on `x`, up or down, that a permutation test at `level` (two-sided) finds with 80 % power.

    Normal, with the exact variance of the slope over all permutations (Pitman, Suppl. JRSS 4 (1937), 225-232). None
    below three values or where `x` or `y` does not vary.
    """
    n = len(x)
    if n < 3 or min(np.ptp(x), np.ptp(y)) == 0:
        return None
    spread_x, spread_y = ((x - x.mean()) ** 2).sum(), ((y - y.mean()) ** 2).sum()
    quantiles = stats.norm.ppf(1 - level / 2) + stats.norm.ppf(POWER)
    return float(quantiles * math.sqrt(spread_y / ((n - 1) * spread_x)))


def _with(rule: Rule, estimate: Estimate, nearest: Callable[[str, float], float | None]) -> Estimate:
    """Add the values that `nearest` gives for the limit of each side; none where the minimum is not reached."""
    if shortfall(rule, estimate) or estimate.interval is None:
        return estimate
    low, high = RANGES.get(rule["unit"], (-math.inf, math.inf))
    found = {side: nearest(side, limit) for side, limit in limits(rule).items()}
    possible = {side: value if value is not None and low <= value <= high else None for side, value in found.items()}
    return estimate.with_(**{f"detectable_{side}": value for side, value in possible.items()})


def _nearest_share(side: str, limit: float, n: int, confidence: float) -> float | None:
    if side == "above":
        mirrored = _nearest_share("below", 1 - limit, n, confidence)
        return None if mirrored is None else 1 - mirrored
    deciding = bisect.bisect_left(range(n + 1), limit, key=lambda count: wilson(count, n, confidence)[1])
    # The chance of fewer than `deciding` successes is a tail of the beta distribution.
    return float(stats.beta.ppf(1 - POWER, deciding, n - deciding + 1)) if deciding else None


def _reach(estimate: Estimate) -> float:
    if estimate.value is None or estimate.interval is None:
        return math.nan
    return max(estimate.value - estimate.interval[0], estimate.interval[1] - estimate.value)


def _deciding(side: str, limit: float, outcomes: np.ndarray, reference: np.ndarray, confidence: float) -> np.ndarray:
    """Which outcomes, in the order of their dissimilarity, lead to the verdict on this side."""

    def beyond(place: int) -> bool:
        low, high = excess_interval(outcomes[place], reference, confidence)
        return low > limit if side == "above" else high >= limit

    critical = bisect.bisect_left(range(len(outcomes)), True, key=beyond)
    places = np.arange(len(outcomes))
    return places >= critical if side == "above" else places < critical


def _rays(reference: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """From the reference to the border of what shares can be: pairs of starting and end point."""
    angles = np.linspace(0, 2 * math.pi, DIRECTIONS, endpoint=False)
    across, up = np.array([1, -1, 0]) / math.sqrt(2), np.array([1, 1, -2]) / math.sqrt(6)
    directions = np.outer(np.cos(angles), across) + np.outer(np.sin(angles), up)
    lengths = [(reference[one < 0] / -one[one < 0]).min() for one in directions]
    rays = zip(lengths, directions, strict=True)
    return [(reference, reference + length * one) for length, one in rays if length > 0]


def _place_on_ray(
    side: str, deciding: np.ndarray, outcomes: np.ndarray, ray: tuple[np.ndarray, np.ndarray]
) -> np.ndarray | None:
    """The distribution nearest to the threshold under which the deciding outcomes have the chance POWER, if any."""

    def point(part: float) -> np.ndarray:
        shares = np.clip((1 - part) * ray[0] + part * ray[1], 0, None)
        return np.asarray(shares / shares.sum())

    def surplus(part: float) -> float:
        return float(multinomial_chances(outcomes[deciding], point(part)[None]).sum()) - POWER

    best, nearest = (1.0, 0.0) if side == "above" else (0.0, 1.0)
    if surplus(best) < 0:
        return None
    return point(nearest) if surplus(nearest) >= 0 else point(float(optimize.brentq(surplus, 0, 1, xtol=1e-6)))


def _odds(power: Callable[[float], float], sign: int) -> float:
    """The odds ratio nearest to 1 at which `power` is reached; it always is at the end, where one table is certain."""
    step = optimize.brentq(lambda size: power(math.exp(sign * size)) - POWER, 0, math.log(LARGEST_ODDS), xtol=1e-9)
    return math.exp(sign * float(step))
