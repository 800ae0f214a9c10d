"""What a sample could have found: four of five repetitions reach the verdict there, and fewer nearer the threshold."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import fisher_exact

from chanjiao import literature, operation, power, sectors, tables, transmission
from chanjiao.claims import CONTRADICTED, SUPPORTED, UNDECIDED, decide
from chanjiao.statistics import Estimate, wilson

CONFIDENCE = 0.95
Z = stats.norm.ppf(0.975)
SHARE = {
    "table": "cooperation",
    "unit": "share",
    "supported_when": {"bound": "upper", "below": 0.25},
    "contradicted_when": {"bound": "lower", "above": 0.5},
    "minimum": {"n": 10},
}
RATIO = {
    **SHARE,
    "unit": "ratio",
    "supported_when": {"bound": "upper", "below": 1},
    "contradicted_when": {"bound": "lower", "above": 1},
}
RANK = {
    **SHARE,
    "unit": "rank score",
    "supported_when": {"bound": "lower", "above": 0},
    "contradicted_when": {"bound": "upper", "below": 0},
}
FIT = {
    **SHARE,
    "unit": "dissimilarity",
    "supported_when": {"bound": "lower", "above": 0.10},
    "contradicted_when": {"bound": "upper", "below": 0.10},
}
REFERENCE = np.array([0.07, 0.40, 0.53])


def rule_at(below, above):
    return {
        **SHARE,
        "supported_when": {"bound": "upper", "below": below},
        "contradicted_when": {"bound": "lower", "above": above},
    }


def found(estimate):
    return estimate.detectable_below, estimate.detectable_above


def share(n, rule=SHARE):
    estimate = Estimate(0.4, wilson(0.4 * n, n, CONFIDENCE), n=max(n, 10), effective_n=float(n), unit="share")
    return found(power.with_share(rule, estimate, CONFIDENCE))


def chance_of(verdict, rule, n, truth):
    """Exact chance that `n` units of a true share lead to a verdict."""
    decided = [decide(rule, wilson(count, n, CONFIDENCE)) == verdict for count in range(n + 1)]
    return stats.binom.pmf(np.arange(n + 1), n, truth)[decided].sum()


# Shares


@settings(max_examples=50)
@given(st.integers(8, 60), st.floats(0.1, 0.6), st.floats(0.4, 0.9))
def test_a_share_is_found_with_the_stated_power_and_a_nearer_one_with_less(n, below, above):
    rule = rule_at(below, above)
    low, high = share(n, rule)
    if low is not None:
        assert chance_of(SUPPORTED, rule, n, low) == pytest.approx(0.8)
        assert chance_of(SUPPORTED, rule, n, low + 0.01) < 0.8
        assert low < below
    if high is not None:
        assert chance_of(CONTRADICTED, rule, n, high) == pytest.approx(0.8)
        assert chance_of(CONTRADICTED, rule, n, high - 0.01) < 0.8
        assert high > above


def test_the_sides_of_a_share_mirror_each_other():
    low, high = share(30, rule_at(0.5, 0.5))
    assert low == pytest.approx(1 - high)


def test_fifty_units_find_a_half_against_three_tenths():
    """Chow, Shao and Wang (2008), page 85: against 0.3, fifty units find 0.5 with 80 % power (Wald test, normal).

    Wilson's interval is that of the score test, whose normal formula asks for 44 instead of 50.
    """
    rule = rule_at(0.1, 0.3)
    assert share(50, rule)[1] == pytest.approx(0.5, abs=0.015)
    assert share(42, rule)[1] > 0.5 > share(50, rule)[1]


def test_a_share_that_no_count_decides_has_no_value():
    rule = rule_at(0.05, 0.95)  # even 0 of 10 leaves an upper bound of 0.28
    assert share(10, rule) == (None, None)


def test_clusters_cost_power():
    """Forty events on which a design effect of two lies find no more than twenty would."""
    clustered = Estimate(0.4, (0.2, 0.6), n=40, effective_n=20.0, unit="share")
    assert found(power.with_share(SHARE, clustered, CONFIDENCE)) == share(20)


@pytest.mark.parametrize("n", [15, 25, 40])
def test_four_times_the_units_find_shares_nearer_the_threshold(n):
    (low, high), (nearer_low, nearer_high) = share(n), share(4 * n)
    assert low < nearer_low < 0.25 and 0.5 < nearer_high < high


# Ratios, means and slopes


def test_a_ratio_lies_as_many_standard_errors_away_as_the_interval_and_the_power_ask():
    error = 0.2
    estimate = Estimate(1.1, (1.1 * math.exp(-Z * error), 1.1 * math.exp(Z * error)), n=30)
    low, high = found(power.with_ratio(RATIO, estimate, CONFIDENCE))
    assert high == pytest.approx(math.exp((1.959964 + 0.841621) * error))
    assert low == pytest.approx(1 / high)
    # The chance, reckoned from the normal distribution of the logarithm.
    assert stats.norm.sf(Z - math.log(high) / error) == pytest.approx(0.8)


@pytest.mark.parametrize("interval", [None, (0.0, 4.4), (0.5, math.inf)])
def test_an_open_interval_of_a_ratio_tells_nothing(interval):
    assert found(power.with_ratio(RATIO, Estimate(1.2, interval, n=30), CONFIDENCE)) == (None, None)


def t_interval(values, confidence):
    reach = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return Estimate(float(values.mean()), (values.mean() - reach, values.mean() + reach), len(values), unit="mean")


def mean(values, rule):
    estimates = (t_interval(values, confidence) for confidence in (CONFIDENCE, power.NARROW))
    return found(power.with_mean(rule, *estimates))


def standardised(n):
    values = np.arange(n, dtype=float)
    return (values - values.mean()) / values.std(ddof=1)


def test_thirty_four_units_find_half_a_standard_deviation():
    """Cohen (1988), one-sample t test at 5 %, two-sided: d = 0.5 needs 34 units for 80 % power, and 33 are too few."""
    slope = {**RANK, "unit": "mean"}
    assert mean(standardised(34), slope)[1] < 0.5 < mean(standardised(32), slope)[1]
    assert mean(standardised(34), slope)[0] == pytest.approx(-mean(standardised(34), slope)[1])


@pytest.mark.parametrize(("n", "least"), [(3, 0.766), (5, 0.79), (11, 0.799), (40, 0.8)])
def test_the_power_of_a_mean_is_that_of_the_non_central_t(n, least):
    errors = mean(standardised(n), {**RANK, "unit": "mean", "minimum": {}})[1] * math.sqrt(n)
    assert least <= stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, errors) < 0.801


def test_repeated_samples_find_a_mean_as_often_as_stated():
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(4000, 12))
    errors = samples.std(axis=1, ddof=1) / math.sqrt(12)
    distance = (stats.t.ppf(0.975, 11) + stats.t.ppf(0.8, 11)) / math.sqrt(12)
    lower = samples.mean(axis=1) + distance - stats.t.ppf(0.975, 11) * errors
    assert (lower > 0).mean() == pytest.approx(0.8, abs=0.02)
    values = standardised(12)
    assert mean(values, {**RANK, "unit": "mean"})[1] == pytest.approx(distance)


def test_a_mean_share_beyond_one_cannot_be_true():
    wide = Estimate(0.6, (0.1, 1.0), n=10), Estimate(0.6, (0.4, 0.8), n=10)
    assert found(power.with_mean(SHARE, *wide)) == (None, None)
    narrow = Estimate(0.6, (0.5, 0.7), n=10), Estimate(0.6, (0.56, 0.64), n=10)
    assert found(power.with_mean(SHARE, *narrow)) == pytest.approx((0.11, 0.64))


def test_an_interval_cut_at_one_counts_by_its_longer_side():
    cut = Estimate(0.8, (0.6, 0.9), n=10), Estimate(0.8, (0.72, 0.85), n=10)
    assert power.with_mean(SHARE, *cut).detectable_above == pytest.approx(0.5 + 0.2 + 0.08)


def test_a_slope_without_interval_has_no_value():
    flat = Estimate(0.0, None, n=30)
    assert found(power.with_mean(RANK, flat, flat)) == (None, None)


# Rank scores


def rank_score(null, **changes):
    estimate = Estimate(0.0, (-0.5, 0.5), n=20, unit="rank score", **changes)
    return found(power.with_rank_score(RANK, estimate, np.sort(null), CONFIDENCE))


def rank_power(null, shift):
    last, first = (np.quantile(null, tail, method="inverted_cdf") for tail in (0.975, 0.025))
    return (null + shift > last + 1e-12).mean(), (null - shift < first - 1e-12).mean()


def test_a_shift_of_the_scores_is_found_with_the_stated_power():
    scores = [np.linspace(-1, 1, 21), np.linspace(-1, 1, 16), np.linspace(-1, 1, 24)]
    null = transmission.mean_permutations(scores)
    low, high = rank_score(null)
    assert rank_power(null, high + 1e-9)[0] >= 0.8 > rank_power(null, high - 0.02)[0]
    assert rank_power(null, -low + 1e-9)[1] >= 0.8 > rank_power(null, -low - 0.02)[1]


def test_one_national_document_finds_no_shift_that_a_score_can_have():
    assert rank_score(np.linspace(-1, 1, 20)) == (None, None)


def test_more_national_documents_find_smaller_shifts():
    two, three, four = (transmission.mean_permutations([np.linspace(-1, 1, 15)] * parents) for parents in (2, 3, 4))
    assert rank_score(two)[1] is None
    assert rank_score(four)[1] < rank_score(three)[1] <= 1


def test_the_null_is_the_one_behind_the_interval():
    data = tables.load("policies", "policy_parents", "policy_targets", "sources")
    answers = transmission.answers_flow(data).frame
    for province in ("50", "51", "32"):
        score = transmission.rank_score(answers, province, CONFIDENCE, {**RANK, "minimum": {"n": 19}})
        null = transmission.null_scores(answers, province)
        last, first = (np.quantile(null, tail, method="inverted_cdf") for tail in (0.975, 0.025))
        ends = max(-1, score.value - last), min(1, score.value - first)
        assert score.interval == pytest.approx(ends)
    assert transmission.null_scores(answers, "XX").size == 0
    assert rank_score(np.array([])) == (None, None)


# Dissimilarity


def outcomes_of(n):
    return np.array([counts for counts in itertools.product(range(n + 1), repeat=3) if sum(counts) == n])


def verdict_chances(n, truths, rule=FIT):
    """Exact chances, truths x verdicts, by judging every possible outcome with the real interval."""
    outcomes = outcomes_of(n)
    index = sectors.dissimilarity(outcomes / n, REFERENCE).round(9)
    by_index = {
        value: decide(rule, sectors.excess_interval(outcomes[np.argmax(index == value)], REFERENCE, CONFIDENCE))
        for value in np.unique(index)
    }
    verdicts = np.array([by_index[value] for value in index])
    chances = np.array([stats.multinomial.pmf(outcomes, n, truth) for truth in truths])
    return {verdict: chances[:, verdicts == verdict].sum(axis=1) for verdict in (SUPPORTED, CONTRADICTED, UNDECIDED)}


def test_every_true_misfit_beyond_the_value_is_found_and_some_before_it_are_not():
    n, rng = 20, np.random.default_rng(3)
    value = power.with_dissimilarity(FIT, Estimate(0.0, (0.0, 0.2), n), n, REFERENCE, CONFIDENCE).detectable_above
    truths = rng.dirichlet([1, 1, 1], size=400)
    chance = sectors.expected_dissimilarity(n, REFERENCE)
    excess = np.array([sectors.expected_dissimilarity(n, REFERENCE, truth) for truth in truths]) - chance
    supported = verdict_chances(n, truths)[SUPPORTED]
    beyond = excess > value + 0.01
    assert beyond.sum() > 50 and (supported[beyond] >= 0.8).all()
    assert (supported[(excess > value - 0.06) & (excess < value)] < 0.8).any()


def test_a_good_fit_is_found_only_with_many_colleges():
    looser = {**FIT, "supported_when": {"bound": "lower", "above": 0.3}}
    looser["contradicted_when"] = {"bound": "upper", "below": 0.3}
    strict, few, many = (
        power.with_dissimilarity(rule, Estimate(0.0, (0.0, 0.2), n), n, REFERENCE, CONFIDENCE)
        for rule, n in ((FIT, 20), (looser, 20), (looser, 45))
    )
    assert strict.detectable_below is None
    assert 0 <= few.detectable_below < many.detectable_below < 0.3 < many.detectable_above < few.detectable_above


def test_every_true_fit_below_the_value_is_found():
    looser = {**FIT, "contradicted_when": {"bound": "upper", "below": 0.3}}
    n, rng = 25, np.random.default_rng(4)
    value = power.with_dissimilarity(looser, Estimate(0.0, (0.0, 0.2), n), n, REFERENCE, CONFIDENCE).detectable_below
    truths = rng.dirichlet(20 * REFERENCE, size=200)
    chance = sectors.expected_dissimilarity(n, REFERENCE)
    excess = np.array([sectors.expected_dissimilarity(n, REFERENCE, truth) for truth in truths]) - chance
    contradicted = verdict_chances(n, truths, looser)[CONTRADICTED]
    below = excess < value - 0.01
    assert below.sum() > 20 and (contradicted[below] >= 0.8).all()
    assert (contradicted[excess > value + 0.05] < 0.8).all()


def test_a_sector_that_the_economy_lacks_is_no_obstacle():
    reference = np.array([0.0, 0.2, 0.8])
    value = power.with_dissimilarity(FIT, Estimate(0.0, (0.0, 0.2), 25), 25, reference, CONFIDENCE)
    assert 0.10 < value.detectable_above < 1


# Fisher's test and trends


def rejecting(table, level):
    """Counts in the first cell, by side, at which the real test rejects, margins fixed."""
    (first, second), (third, fourth) = table
    row, column, total = first + second, first + third, first + second + third + fourth
    cells = range(max(0, row + column - total), min(row, column) + 1)
    tables_ = {cell: [[cell, row - cell], [column - cell, total - row - column + cell]] for cell in cells}
    rejected = [cell for cell, one in tables_.items() if fisher_exact(one).pvalue < level]
    few = [cell for cell in rejected if cell * total < row * column]
    return few, [cell for cell in rejected if cell not in few], list(cells)


def chance_under(odds, cells, wanted, table):
    (first, second), (third, fourth) = table
    row, column, total = first + second, first + third, first + second + third + fourth
    weights = np.array([math.comb(column, cell) * math.comb(total - column, row - cell) * odds**cell for cell in cells])
    return weights[np.isin(cells, wanted)].sum() / weights.sum()


@settings(max_examples=40)
@given(st.lists(st.integers(0, 15), min_size=4, max_size=4), st.sampled_from([0.05, 0.01]))
def test_an_odds_ratio_is_found_with_the_stated_power(cells, level):
    table = np.array(cells).reshape(2, 2)
    few, many, support = rejecting(table.tolist(), level)
    below, above = power.odds_ratios(table, level)
    assert (below is None) == (not few) and (above is None) == (not many)
    for odds, wanted in ((below, few), (above, many)):
        if odds is not None:
            assert chance_under(odds, support, wanted, table.tolist()) == pytest.approx(0.8, abs=1e-4)
            assert chance_under(odds**0.95, support, wanted, table.tolist()) < 0.8


def test_small_margins_find_no_odds_ratio():
    assert power.odds_ratios(np.array([[1, 1], [1, 2]]), 0.05) == (None, None)
    assert power.odds_ratios(np.array([[0, 0], [3, 4]]), 0.05) == (None, None)


def test_a_stricter_level_finds_only_larger_odds_ratios():
    table = np.array([[12, 8], [9, 21]])
    assert power.odds_ratios(table, 0.001)[1] > power.odds_ratios(table, 0.05)[1] > 1


def test_a_trend_is_found_with_about_the_stated_power():
    rng = np.random.default_rng(2)
    years = np.repeat(np.arange(10.0), 6)
    noise = rng.normal(size=(600, 60))
    slope = power.slope(years, noise[0] / noise[0].std(ddof=0), 0.05)
    p_values = [stats.linregress(years, slope * years + one).pvalue for one in noise]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(("x", "y"), [([1, 2], [0, 1]), ([1, 1, 1], [0, 1, 1]), ([1, 2, 3], [1, 1, 1]), ([], [])])
def test_what_does_not_vary_has_no_trend_to_find(x, y):
    assert power.slope(np.array(x, float), np.array(y, float), 0.05) is None


def test_the_literature_says_what_its_tests_could_find():
    data = tables.load("literature", "literature_a", "literature_b")
    works = literature.coded_works(data["literature"], data["literature_a"], data["literature_b"])
    pairs = literature.associations(works, CONFIDENCE)
    assert (pairs["n"] == len(works)).all()
    tested = pairs[["found_above_a", "found_above_b"]].dropna()
    assert len(tested) and (tested > 1).all(axis=None)
    holding = pairs[pairs["holds"]]
    assert holding[["found_above_a", "found_above_b"]].notna().all(axis=None)
    answer = literature.answer_estimates(pairs, len(works))["r1.pass_a"]
    assert answer.clusters == answer.n == len(works)
    trend = literature.trend(works, ["r_policy"], CONFIDENCE, seed=1)
    loose, strict = (literature.trend_power(trend, works, ["r_policy"], level) for level in (0.05, 0.005))
    assert 0 < loose.detectable_above < strict.detectable_above
    assert loose.detectable_below == -loose.detectable_above
    few = literature.trend(works.head(5), ["r_policy"], CONFIDENCE, seed=1)
    assert literature.trend_power(few, works.head(5), ["r_policy"], 0.05) is few


# Whatever is lacking


@pytest.mark.parametrize("n", [0, 1, 9])
def test_below_the_minimum_nothing_could_be_found(n):
    estimate = Estimate(0.4, (0.0, 1.0), n=n, clusters=n, effective_n=float(n), unit="share")
    missing = Estimate.missing("share", n, "no units")
    for one in (estimate, missing):
        assert power.with_share(SHARE, one, CONFIDENCE) is one
        assert power.with_ratio(RATIO, one.with_(interval=one.interval and (0.5, 2.0)), CONFIDENCE).n == n
        assert found(power.with_ratio(RATIO, one, CONFIDENCE)) == (None, None)
        assert found(power.with_mean(SHARE, one, one)) == (None, None)
        assert found(power.with_rank_score(RANK, one, np.linspace(-1, 1, 20), CONFIDENCE)) == (None, None)
        assert found(power.with_dissimilarity(FIT, one, n, REFERENCE, CONFIDENCE)) == (None, None)


def test_a_rule_with_one_side_has_one_value():
    one_sided = {name: part for name, part in SHARE.items() if name != "supported_when"}
    low, high = share(40, one_sided)
    assert low is None and high > 0.5


def test_colleges_are_their_own_clusters_and_lack_power_where_there_is_no_economy_to_compare():
    colleges = pd.DataFrame({"province_code": ["50"] * 25, "sector": ["primary", "secondary"] * 12 + ["tertiary"]})
    colleges["institution_id"] = [f"c{number}" for number in range(25)]
    gdp = pd.DataFrame([[*REFERENCE]], columns=list(sectors.SECTORS), index=["50"])
    fit = operation.sector_fit(colleges, gdp, "50", CONFIDENCE, FIT)
    assert fit.clusters == 25
    found_ = operation.sector_power(fit, gdp, "50", CONFIDENCE, FIT)
    assert found_ == power.with_dissimilarity(FIT, fit, 25, REFERENCE, CONFIDENCE)
    elsewhere = operation.sector_fit(colleges.assign(province_code="51"), gdp, "51", CONFIDENCE, FIT)
    assert operation.sector_power(elsewhere, gdp, "51", CONFIDENCE, FIT) is elsewhere
