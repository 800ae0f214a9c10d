"""Differences of two shares: what must hold for any shares, and missing ones."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanjiao.differences import newcombe
from chanjiao.statistics import Estimate, cluster_share, wilson

fractions = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def share(marked, n):
    return Estimate(marked / n, wilson(marked, n, 0.95), n, clusters=n, unit="share")


@given(fractions, fractions)
def test_the_interval_holds_the_difference_and_stays_between_minus_1_and_1(first, second):
    found = newcombe(share(*first), share(*second))
    low, high = found.interval
    assert -1 - 1e-12 <= low <= found.value <= high <= 1 + 1e-12
    assert high - low > 0.01


@given(fractions, fractions)
def test_swapped_shares_turn_the_difference_round(first, second):
    one, other = newcombe(share(*first), share(*second)), newcombe(share(*second), share(*first))
    assert (other.value, other.interval) == (-one.value, pytest.approx((-one.interval[1], -one.interval[0])))


def test_units_and_clusters_of_both_sides_are_told():
    found = newcombe(share(3, 9), share(5, 20))
    assert (found.n, found.clusters, found.n_other, found.clusters_other) == (9, 9, 20, 20)
    assert found.unit == "difference"


def test_clustered_units_widen_the_interval():
    marks = pd.Series([1, 1, 1, 0, 0, 0] * 10)
    alone = cluster_share(marks, pd.Series(range(60)), 0.95)
    together = cluster_share(marks, pd.Series([place // 3 for place in range(60)]), 0.95)
    loose, tight = newcombe(alone, alone).interval, newcombe(together, together).interval
    assert tight[1] - tight[0] > 1.4 * (loose[1] - loose[0])


@pytest.mark.parametrize("side", ["first", "second"])
def test_a_missing_share_gives_no_difference_but_its_reason(side):
    pair = {"first": share(3, 9), "second": share(5, 20)} | {side: Estimate.missing("share", 0, "no units", clusters=0)}
    found = newcombe(**pair)
    assert (found.value, found.interval) == (None, None)
    assert found.reason == f"the {side} share is missing: no units"


def test_a_share_without_interval_gives_no_difference():
    assert newcombe(Estimate(0.5, n=4), share(1, 2)).reason == "the first share is missing: it has no interval"
