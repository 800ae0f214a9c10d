"""The log-linear model: ratios by hand, what must hold for any counts, and every way to have no ratio."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanjiao.regression import count_ratio, dispersion

pytestmark = pytest.mark.filterwarnings("error")

ROWS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from([0, 1]), st.sampled_from([0, 0.5, 1, 2, 50]), st.integers(0, 9)),
    min_size=1, max_size=40,
)  # fmt: skip


def table(rows):
    return pd.DataFrame(rows, columns=["stratum", "side", "marks", "cluster"])


def ratio(frame, confidence=0.95):
    return count_ratio(frame, "marks", "side", ["stratum"], "cluster", confidence)


def made(seed=1, per_side=30, factor=2.0):
    """Two strata, `per_side` units a side in each, every unit a cluster of its own; side 1 has `factor` times more."""
    rng = np.random.default_rng(seed)
    rows = [
        (stratum, side, rng.poisson(base * factor**side * rng.gamma(2, 0.5)), f"{stratum}{side}{place}")
        for stratum, base in (("x", 2.0), ("y", 5.0))
        for side in (0, 1)
        for place in range(per_side)
    ]
    return table(rows)


def test_the_ratio_of_one_stratum_is_that_of_the_means():
    frame = made().query("stratum == 'x'")
    means = frame.groupby("side")["marks"].mean()
    assert ratio(frame).value == pytest.approx(means[1] / means[0])


def test_the_true_ratio_is_found():
    found = ratio(made(per_side=200))
    assert found.interval[0] < 2 < found.interval[1] and found.p_value < 1e-6
    assert (found.n, found.n_other, found.clusters, found.clusters_other) == (400, 400, 400, 400)


def test_swapped_sides_give_the_reciprocal():
    frame = made()
    there, back = ratio(frame), ratio(frame.assign(side=1 - frame["side"]))
    assert back.value == pytest.approx(1 / there.value)
    assert back.interval == pytest.approx((1 / there.interval[1], 1 / there.interval[0]))
    assert back.p_value == pytest.approx(there.p_value)


def test_halves_are_allowed_and_doubled_counts_change_little():
    """Not nothing: the dispersion by moments is not the same for halves."""
    frame = made()
    halved = ratio(frame.assign(marks=frame["marks"] / 2))
    assert halved.value == pytest.approx(ratio(frame).value, rel=0.05)


def test_more_units_of_the_same_clusters_do_not_shorten_the_interval():
    frame = made()
    doubled = ratio(pd.concat([frame, frame], ignore_index=True))
    width = np.diff(np.log(ratio(frame).interval))[0]
    assert np.diff(np.log(doubled.interval))[0] == pytest.approx(width, rel=0.05)


def test_strata_that_lack_a_side_or_have_no_marks_are_left_out():
    idle = table([("only", 1, 5, "o1"), ("none", 1, 0, "n1"), ("none", 0, 0, "n2")])
    assert ratio(pd.concat([made(), idle], ignore_index=True)) == ratio(made())


def test_a_cluster_on_both_sides_counts_once_in_the_degrees_of_freedom():
    frame = made(per_side=5).assign(cluster=list("abcde") * 4)
    found = ratio(frame)
    assert (found.clusters, found.clusters_other) == (5, 5)
    assert found.interval[0] < found.value < found.interval[1]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("x", 1, 3, "a"), ("y", 0, 2, "b")], "no stratum holds both sides and a mark"),
        ([("x", 1, 0, "a"), ("x", 0, 0, "b")], "no stratum holds both sides and a mark"),
        ([("x", 1, 3, "a"), ("x", 0, 0, "b")], "one side has no marks at all"),
        ([("x", 1, 3, "a"), ("x", 1, 1, "c"), ("x", 0, 2, "b")], "2 and 1 clusters; the model needs 3 on each"),
        ([("x", side, 2, f"{side}{i}") for side in (0, 1) for i in range(4)], "do not scatter"),
        ([("x", side, 2 + side, f"{side}{i}") for side in (0, 1) for i in range(4)], "do not scatter"),
        ([("x", side, mark, f"{side}{i}") for side in (0, 1) for mark in (1, 3) for i in range(3)], "do not scatter"),
    ],
)
def test_a_ratio_that_cannot_be_had_is_missing_and_says_why(rows, reason):
    found = ratio(table(rows))
    assert (found.value, found.interval, found.p_value) == (None, None, None)
    assert reason in found.reason


def test_a_model_that_comes_to_no_rest_is_missing_and_says_so():
    """One value of 50 a stratum, on opposite sides: the fit swings between two answers."""
    cells = {("a", 0): [1, 0, 1, 0], ("a", 1): [0, 50], ("b", 0): [0, 1, 0, 50], ("b", 1): [0, 0, 0, 0, 1]}
    cells |= {("c", 0): [0, 0, 0], ("c", 1): [0.5, 1, 0]}
    rows = [(*cell, mark, f"{cell}{place}") for cell, marks in cells.items() for place, mark in enumerate(marks)]
    found = ratio(table(rows))
    assert found.value is None and "comes to no rest" in found.reason


@settings(max_examples=60)
@given(ROWS)
def test_any_table_gives_a_ratio_or_a_reason_and_no_warning(rows):
    found = ratio(table(rows))
    assert (found.value is None) == (found.reason is not None)
    assert found.value is None or 0 <= found.interval[0] <= found.value <= found.interval[1]
    assert dispersion(table(rows), "marks", "side", ["stratum"]) >= 0 or found.value is None


def test_more_than_poisson_scatter_shows_in_the_dispersion():
    rng = np.random.default_rng(5)
    frame = table([("x", side, mark, side) for side in (0, 1) for mark in rng.poisson(4, 500)])
    assert dispersion(frame, "marks", "side", ["stratum"]) == pytest.approx(1, abs=0.15)
    assert dispersion(made(per_side=200), "marks", "side", ["stratum"]) > 2


def test_there_is_no_dispersion_without_comparable_units():
    assert np.isnan(dispersion(table([("x", 1, 3, "a"), ("y", 0, 2, "b")]), "marks", "side", ["stratum"]))
    assert np.isnan(dispersion(table([("x", 1, 3, "a"), ("x", 0, 2, "b")]), "marks", "side", ["stratum"]))
