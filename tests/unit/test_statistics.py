"""Estimates: properties a small clustered sample must keep. Published examples are in tests/oracles."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import patients
from scipy.stats import t
from statsmodels.api import OLS

from chanjiao.statistics import (
    Estimate,
    benjamini_hochberg,
    cluster_share,
    cluster_shares,
    percentile_interval,
    stratified_ratio,
    stratified_ratios,
    wilson,
    within_slope,
    within_slopes,
)

# Pups that survived 21 days, of those alive at 4 days, by litter (Weil 1970; Williams, Biometrics 31 (1975), 949-952).
CONTROL = "13/13 12/12 9/9 9/9 8/8 8/8 12/13 11/12 9/10 9/10 8/9 11/13 4/5 5/7 7/10 7/10"
TREATED = "12/12 11/11 10/10 9/9 10/11 9/10 9/10 8/9 8/9 4/5 7/9 4/7 5/10 3/6 3/10 0/7"


def litters(text):
    """One row a pup: marks and litters."""
    counts = [tuple(map(int, litter.split("/"))) for litter in text.split()]
    marks = [mark for survived, alive in counts for mark in [1] * survived + [0] * (alive - survived)]
    names = [f"litter {number}" for number, (_, alive) in enumerate(counts) for _ in range(alive)]
    return pd.Series(marks), pd.Series(names)


def ratio(frame, draws=200, seed=1):
    return stratified_ratio(frame, "dead", "side", ["stratum"], "cluster", 0.95, seed, draws)


def test_wilson_without_observations_excludes_nothing():
    assert wilson(0, 0, 0.95) == (0, 1)


@given(st.integers(1, 200), st.floats(0, 1), st.floats(0.5, 0.99))
def test_wilson_stays_within_0_and_1_and_holds_the_share(n, share, confidence):
    low, high = wilson(share * n, n, confidence)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


@pytest.mark.parametrize(("text", "n", "survived"), [(CONTROL, 158, 142), (TREATED, 145, 112)])
def test_the_design_effect_is_that_of_a_cluster_robust_regression(text, n, survived):
    """The constant of a linear model with cluster-robust variance is the share with its linearised variance."""
    marks, names = litters(text)
    robust = OLS(marks.to_numpy(float), np.ones(n)).fit(cov_type="cluster", cov_kwds={"groups": pd.factorize(names)[0]})
    share = survived / n
    design_effect = robust.bse[0] ** 2 / (share * (1 - share) / n)
    freedom = (t.ppf(0.975, 15) / t.ppf(0.975, n - 1)) ** 2
    estimate = cluster_share(marks, names, 0.95)
    assert (estimate.value, estimate.n, estimate.clusters) == (pytest.approx(share), n, 16)
    assert estimate.effective_n == pytest.approx(n / (design_effect * freedom))
    assert estimate.interval == wilson(share * estimate.effective_n, estimate.effective_n, 0.95)


def test_a_share_by_hand():
    """Totals minus share times size are 1, 0 and -1, so the variance is 3/2 (1 + 0 + 1) / 36 = 1/12."""
    marks, clusters = pd.Series([1, 1, 1, 0, 0, 0]), pd.Series(list("aabbcc"))
    freedom = (t.ppf(0.975, 2) / t.ppf(0.975, 5)) ** 2
    assert cluster_share(marks, clusters, 0.95).effective_n == pytest.approx(0.25 / (1 / 12) / freedom)


def test_clusters_of_one_unit_give_the_plain_interval_but_for_one_degree_of_freedom():
    marks = pd.Series([1] * 30 + [0] * 70)
    estimate = cluster_share(marks, pd.Series(range(100)), 0.95)
    assert estimate.effective_n == pytest.approx(99)
    assert estimate.interval == pytest.approx(wilson(30, 100, 0.95), abs=1e-3)


@pytest.mark.parametrize(("mark", "interval"), [(0, (0, 0.1611)), (1, (0.8389, 1))])
def test_at_a_share_of_0_or_1_every_cluster_counts_as_one_unit(mark, interval):
    """Twenty clusters with nothing: the interval of 0 in 20 (Newcombe 1998), however many units they have."""
    estimate = cluster_share(pd.Series([mark] * 100), pd.Series(np.arange(100) % 20), 0.95)
    assert (estimate.value, estimate.n, estimate.effective_n) == (mark, 100, 20)
    assert estimate.interval == pytest.approx(interval, abs=5e-5)


def test_a_single_cluster_counts_as_one_unit():
    estimate = cluster_share(pd.Series([1, 0, 1, 1]), pd.Series(["page"] * 4), 0.95)
    assert (estimate.value, estimate.clusters, estimate.effective_n) == (0.75, 1, 1)


def test_clusters_more_alike_than_chance_are_not_taken_for_more_units_than_there_are():
    """Every cluster has the same share: the design effect is 0 and taken as 1, whatever floats make of the 0."""
    for size in (2, 3, 7):
        marks = pd.Series(([1] + [0] * (size - 1)) * 6)
        assert cluster_share(marks, pd.Series(np.repeat(range(6), size)), 0.95).effective_n == pytest.approx(6 * size)


def test_a_share_without_units_is_missing_and_says_why():
    estimate = cluster_share(pd.Series([], dtype=float), pd.Series([], dtype=str), 0.95)
    assert (estimate.value, estimate.interval, estimate.n, estimate.reason) == (None, None, 0, "no units")


UNITS = st.lists(st.tuples(st.sampled_from([0, 0.5, 1]), st.sampled_from("abcde")), min_size=1, max_size=30)


@given(UNITS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_names_of_clusters_change_no_share(units, random):
    shuffled = random.sample(units, len(units))
    renamed = {name: f"cluster {place}" for place, name in enumerate("edcba")}
    first, second = (
        cluster_share(pd.Series([mark for mark, _ in rows], dtype=float), pd.Series(names), 0.95)
        for rows, names in (
            (units, [name for _, name in units]),
            (shuffled, [renamed[name] for _, name in shuffled]),
        )
    )
    assert first.value == pytest.approx(second.value)
    assert first.effective_n == pytest.approx(second.effective_n)
    assert first.interval == pytest.approx(second.interval, abs=1e-9)


@given(UNITS)
def test_the_effective_units_never_exceed_the_units(units):
    marks, names = zip(*units, strict=True)
    estimate = cluster_share(pd.Series(marks, dtype=float), pd.Series(names), 0.95)
    assert 0 < estimate.effective_n <= len(units)
    assert estimate.interval[0] - 1e-12 <= estimate.value <= estimate.interval[1] + 1e-12


def test_a_ratio_of_counts_by_hand():
    """Stratum x: 4 in 2 against 2 in 2; stratum y: 3 in 1 against 3 in 3. (4*2/4 + 3*3/4) / (2*2/4 + 3*1/4) = 17/7."""
    rows = [("x", 1, 1), ("x", 1, 3), ("x", 0, 0), ("x", 0, 2), ("y", 1, 3), ("y", 0, 1), ("y", 0, 2), ("y", 0, 0)]
    frame = pd.DataFrame(rows, columns=["stratum", "side", "dead"]).assign(cluster=[f"c{i}" for i in range(8)])
    assert ratio(frame).value == pytest.approx(17 / 7)


def test_swapped_sides_give_the_reciprocal():
    frame = patients()
    assert ratio(frame.assign(side=1 - frame["side"])).value == pytest.approx(1 / ratio(frame).value)


def test_strata_that_lack_a_side_are_left_out():
    alone = pd.DataFrame({"stratum": "alone", "side": 1, "dead": 1, "cluster": ["q1", "q2"]})
    with_alone = pd.concat([patients(), alone], ignore_index=True)
    assert ratio(with_alone) == ratio(patients())
    nothing = ratio(alone)
    assert (nothing.value, nothing.n, nothing.reason) == (None, 0, "no stratum holds both sides")


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_without_any_mark_gives_no_ratio_but_the_reason(side):
    frame = patients()
    estimate = ratio(frame.assign(dead=frame["dead"].where(frame["side"].ne(side), 0)))
    assert (estimate.value, estimate.interval, estimate.p_value) == (None, None, None)
    assert "no marks at all" in estimate.reason
    assert (estimate.n, estimate.n_other) == (204, 205)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_ratio(random):
    frame = patients({"young": ((2, 6), (3, 9)), "old": ((4, 8), (1, 7))}).assign(cluster=list("abcde") * 6)
    shuffled = frame.iloc[random.sample(range(len(frame)), len(frame))]
    first, second = ratio(frame, 50), ratio(shuffled.reset_index(drop=True), 50)
    assert (first.value, first.p_value) == (pytest.approx(second.value), second.p_value)
    assert first.interval == pytest.approx(second.interval)


def test_units_of_one_cluster_widen_the_interval():
    frame = patients()
    doubled = pd.concat([frame, frame], ignore_index=True)
    width = {name: np.diff(np.log(ratio(data).interval))[0] for name, data in (("one", frame), ("two", doubled))}
    assert width["two"] == pytest.approx(width["one"])
    independent = doubled.assign(cluster=[f"c{i}" for i in range(len(doubled))])
    assert np.diff(np.log(ratio(independent).interval))[0] < 0.9 * width["two"]


def test_the_p_value_is_uniform_when_the_sides_do_not_differ():
    """Of 120 samples without a difference about one in ten has p <= 0.1, and half have p <= 0.5."""
    rng = np.random.default_rng(7)
    p_values = []
    for _ in range(120):
        depth = rng.poisson(2, 40)
        frame = pd.DataFrame({"dead": depth, "side": rng.permuted([0, 1] * 20), "stratum": ["x", "y"] * 20})
        p_values.append(ratio(frame.assign(cluster=[f"c{i:02d}" for i in range(40)]), draws=99).p_value)
    assert 0.03 <= np.mean(np.array(p_values) <= 0.1) <= 0.18
    assert 0.38 <= np.mean(np.array(p_values) <= 0.5) <= 0.62


def test_the_p_value_of_a_cluster_on_both_sides_is_that_of_its_two_halves():
    """A page about two provinces counts for each of them with its own units, here and in the interval."""
    frame = patients({"young": ((6, 9), (2, 9))}).assign(cluster=list("abc") * 6)
    split = frame.assign(cluster=frame["cluster"] + frame["side"].astype(str))
    assert ratio(frame, 500).p_value == pytest.approx(ratio(split, 500).p_value)


def test_the_smallest_p_value_by_hand():
    """Three clusters against three, all marks on one side: 2 of the 20 ways to deal the sides are as extreme."""
    frame = pd.DataFrame({"side": [1, 1, 1, 0, 0, 0], "dead": [5, 5, 5, 1, 1, 1], "stratum": "x"})
    estimate = ratio(frame.assign(cluster=list("abcdef")), draws=5000)
    assert estimate.p_value == pytest.approx(0.1, abs=0.02)


def test_a_percentile_interval_leaves_out_what_is_not_a_number_and_keeps_open_ends():
    values = np.array([np.nan, *range(1, 100), np.inf])
    assert percentile_interval(values, 0.9) == (5, 95)
    assert percentile_interval(values, 0.999)[1] == np.inf


points = st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 2), st.integers(0, 9))


@given(st.lists(points, min_size=6, max_size=30))
def test_the_slope_within_groups_is_least_squares_with_a_fixed_effect_per_group(rows):
    frame = pd.DataFrame(rows, columns=["x", "y", "group", "cluster"]).astype(float)
    found = within_slope(frame, "x", "y", "group", "cluster", 0.95)
    if frame.groupby("group")["x"].nunique().max() == 1:
        assert found.value is None
    else:
        design = np.column_stack([frame["x"], pd.get_dummies(frame["group"]).astype(float)])
        assert found.value == pytest.approx(OLS(frame["y"], design).fit().params.iloc[0], abs=1e-8)


@given(st.lists(points, min_size=6, max_size=30))
def test_the_error_of_the_slope_is_hc2_where_every_unit_is_its_own_cluster(rows):
    frame = pd.DataFrame(rows, columns=["x", "y", "group", "cluster"]).assign(cluster=range(len(rows))).astype(float)
    found = within_slope(frame, "x", "y", "group", "cluster", 0.95)
    design = np.column_stack([frame["x"], pd.get_dummies(frame["group"]).astype(float)])
    alone = frame.groupby("group")["x"].transform("size").eq(1).any()
    if found.interval and not alone and np.linalg.matrix_rank(design) == design.shape[1]:
        fit = OLS(frame["y"], design).fit()
        if (fit.get_influence().hat_matrix_diag < 1 - 1e-6).all():
            reach = (found.interval[1] - found.interval[0]) / 2
            # A t quantile of at most the residual degrees of freedom, hence never below theirs.
            assert reach / fit.HC2_se.iloc[0] >= t.ppf(0.975, fit.df_resid) - 1e-6


def slopes(y, clusters, x=(0, 1, 2, 0, 1, 2)):
    frame = pd.DataFrame({"x": x, "y": y, "cluster": clusters, "group": "one"})
    return within_slope(frame, "x", "y", "group", "cluster", 0.95)


def test_the_slope_does_not_hang_on_the_order_of_the_rows():
    frame = pd.DataFrame({"x": [0, 1, 2, 0, 1, 2], "y": [0, 2, 1, 1, 1, 4], "cluster": list("aabbcd"), "group": "one"})
    turned = within_slope(frame[::-1], "x", "y", "group", "cluster", 0.95)
    assert turned.interval == pytest.approx(within_slope(frame, "x", "y", "group", "cluster", 0.95).interval)


@pytest.mark.parametrize(
    ("y", "clusters"),
    [
        ((1, 1, 1, 1, 1, 1), "abcdef"),
        ((0, 1, 2, 0, 1, 2), "abcdef"),
        ((0, 2, 1, 1, 1, 4), "aaabbb"),
        ((0, 2, 1, 1, 1, 4), "aaaaaa"),
    ],
)
def test_without_spread_or_below_three_clusters_the_slope_has_no_interval_and_says_why(y, clusters):
    found = slopes(y, list(clusters))
    assert found.value is not None
    assert found.interval is None
    assert "no interval" in found.reason


def test_a_group_with_one_value_of_x_has_no_slope():
    assert slopes((1, 2, 3, 4, 5, 6), list("abcdef"), x=(1, 1, 1, 1, 1, 1)).value is None


@given(st.lists(st.tuples(st.sampled_from([0, 0.5, 1]), st.sampled_from([0, 1]), st.sampled_from("abcd")), min_size=1))
def test_shares_computed_side_by_side_are_those_computed_alone(units):
    first, second, clusters = (pd.Series(part) for part in zip(*units, strict=True))
    together = cluster_shares(np.array([first, second], float), clusters, 0.95)
    assert together == [cluster_share(marks, clusters, 0.95) for marks in (first, second)]


def test_ratios_computed_side_by_side_are_those_computed_alone():
    frame = patients().assign(alive=lambda patient: 1 - patient["dead"], none=0)
    frame["cluster"] = [f"ward {number % 17}" for number in range(len(frame))]
    together = stratified_ratios(frame, ["dead", "alive", "none"], "side", ["stratum"], "cluster", 0.95, 1, 200)
    for name, found in together.items():
        alone = stratified_ratio(frame, name, "side", ["stratum"], "cluster", 0.95, 1, 200)
        assert found == alone.with_(p_value=None)
    assert together["none"].value is None


def test_slopes_computed_side_by_side_are_those_computed_alone():
    rows = {"x": [0, 1, 2, 0, 1, 2], "y": [0, 2, 1, 1, 1, 4], "flat": 1, "cluster": list("aabbcd"), "group": "one"}
    frame = pd.DataFrame(rows)
    together = within_slopes(frame, "x", ["y", "flat"], "group", "cluster", 0.95)
    alone = within_slope(frame, "x", "y", "group", "cluster", 0.95)
    assert together["y"].interval == pytest.approx(alone.interval)
    assert together["flat"].interval is None


def test_nothing_to_adjust_stays_nothing():
    assert list(benjamini_hochberg([])) == []


def test_a_changed_estimate_keeps_the_rest():
    estimate = Estimate(0.5, (0.2, 0.8), n=10, unit="share")
    assert estimate.with_(tipping=0.6) == Estimate(0.5, (0.2, 0.8), n=10, unit="share", tipping=0.6)
    assert estimate.tipping is None
