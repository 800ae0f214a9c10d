"""Random-effects meta-analysis: what must hold for any studies, and what happens at the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from chanjiao.meta_analysis import egger, pool, pool_shares

pytestmark = pytest.mark.filterwarnings("error")

EFFECTS = np.array([0.1, 0.5, -0.2, 0.9, 0.3])
VARIANCES = np.array([0.04, 0.09, 0.02, 0.20, 0.05])

study = st.tuples(st.floats(-10, 10).map(lambda effect: round(effect, 6)), st.floats(1e-6, 1e6))
studies = st.lists(study, min_size=2, max_size=12).map(lambda rows: tuple(np.array(rows).T))
methods = st.sampled_from(["reml", "dl"])


@given(studies, methods, st.booleans())
def test_any_two_studies_or_more_can_be_pooled(rows, method, floor):
    effects, variances = rows
    found = pool(effects, variances, 0.95, method, floor)
    low, high = found.interval
    assert effects.min() - 1e-9 <= found.value <= effects.max() + 1e-9
    assert low <= found.value <= high and found.between_variance >= 0 and 0 <= found.i_squared <= 1
    assert (found.prediction is None) == (len(effects) < 3)


@given(studies, methods)
def test_a_further_study_is_less_certain_than_the_mean(rows, method):
    found = pool(*rows, 0.95, method)
    if found.prediction is not None:
        assert found.prediction[0] <= found.interval[0] and found.interval[1] <= found.prediction[1]


@given(studies, methods)
def test_the_floor_never_shortens_the_interval(rows, method):
    plain, floored = (pool(*rows, 0.95, method, floor).interval for floor in (False, True))
    assert floored[0] <= plain[0] and plain[1] <= floored[1]


@given(studies, methods, st.randoms(use_true_random=False))
def test_the_order_of_the_studies_changes_nothing(rows, method, random):
    order = random.sample(range(len(rows[0])), len(rows[0]))
    first, second = pool(*rows, 0.95, method), pool(*(part[order] for part in rows), 0.95, method)
    assert first.value == pytest.approx(second.value, rel=1e-6, abs=1e-6)
    assert first.between_variance == pytest.approx(second.between_variance, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("method", ["reml", "dl"])
def test_shifted_and_stretched_effects_shift_and_stretch_the_result(method):
    before, after = pool(EFFECTS, VARIANCES, 0.95, method), pool(3 + 2 * EFFECTS, 4 * VARIANCES, 0.95, method)
    assert after.value == pytest.approx(3 + 2 * before.value)
    assert after.interval == pytest.approx([3 + 2 * end for end in before.interval])
    assert after.between_variance == pytest.approx(4 * before.between_variance)
    assert (after.i_squared, after.heterogeneity_q) == pytest.approx((before.i_squared, before.heterogeneity_q))


@pytest.mark.parametrize("method", ["reml", "dl"])
def test_equal_variances_give_students_interval_and_the_spare_variance(method):
    """The restricted likelihood and the moments then agree: the sample variance less the sampling variance."""
    found = pool(EFFECTS, np.full(5, 0.01), 0.95, method)
    assert found.interval == pytest.approx(DescrStatsW(EFFECTS).tconfint_mean())
    assert found.between_variance == pytest.approx(EFFECTS.var(ddof=1) - 0.01)


def test_tau_squared_by_restricted_likelihood_is_at_its_highest_point():
    """No value on a fine grid has a higher restricted likelihood (Viechtbauer 2005, formula 8)."""

    def likelihood(tau2):
        weights = 1 / (VARIANCES + tau2)
        centre = (weights * EFFECTS).sum() / weights.sum()
        return np.log(weights).sum() - np.log(weights.sum()) - (weights * (EFFECTS - centre) ** 2).sum()

    found = pool(EFFECTS, VARIANCES, 0.95).between_variance
    assert found > 0
    assert likelihood(found) >= max(likelihood(tau2) for tau2 in np.linspace(0, 2, 20001))


@pytest.mark.parametrize("method", ["reml", "dl"])
def test_equal_effects_leave_no_width_unless_the_floor_holds_it(method):
    """The known failure of the interval (Jackson and others 2017); the floor is 1 / sqrt(sum of weights) times t."""
    bare, floored = (pool(np.full(5, 0.4), np.full(5, 0.05), 0.95, method, floor) for floor in (False, True))
    assert bare.interval == pytest.approx((0.4, 0.4)) and bare.between_variance == 0
    assert floored.interval == pytest.approx((0.4 - 2.776 * 0.1, 0.4 + 2.776 * 0.1), abs=1e-4)


def test_a_higher_confidence_widens_the_intervals():
    low, high = pool(EFFECTS, VARIANCES, 0.9), pool(EFFECTS, VARIANCES, 0.99)
    assert high.interval[0] < low.interval[0] and low.prediction[1] < high.prediction[1]


@pytest.mark.parametrize("effects", [[], [0.3]])
def test_fewer_than_two_studies_are_refused(effects):
    with pytest.raises(ValueError, match=f"needs two studies or more and there are {len(effects)}"):
        pool(np.array(effects), np.ones(len(effects)), 0.95)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_study_without_a_variance_is_refused(bad):
    with pytest.raises(ValueError, match="a variance above 0"):
        pool(np.array([0.1, 0.2]), np.array([0.1, bad]), 0.95)


counts = st.tuples(st.integers(0, 50), st.integers(0, 50)).filter(sum)
proportions = st.lists(counts, min_size=2, max_size=10).map(lambda rows: np.array(rows, float))


@given(proportions, methods)
def test_pooled_shares_lie_within_0_and_1(rows, method):
    found = pool_shares(rows[:, 0], rows.sum(axis=1), 0.95, method)
    assert 0 < found.value < 1
    assert 0 <= found.interval[0] <= found.value <= found.interval[1] <= 1


@given(proportions, methods)
def test_the_rest_of_the_shares_is_pooled_to_the_rest(rows, method):
    totals = rows.sum(axis=1)
    one, rest = (pool_shares(part, totals, 0.95, method) for part in rows.T)
    assert rest.value == pytest.approx(1 - one.value, abs=1e-6)
    assert rest.interval == pytest.approx((1 - one.interval[1], 1 - one.interval[0]), abs=1e-6)


def test_half_a_unit_is_added_only_where_a_study_has_none_or_all():
    found = pool_shares(np.array([0.0, 5.0]), np.array([9.0, 10.0]), 0.95)
    by_hand = pool(np.log([0.5 / 9.5, 1.0]), np.array([1 / 0.5 + 1 / 9.5, 0.4]), 0.95)
    assert found.value == pytest.approx(1 / (1 + np.exp(-by_hand.value)))


def test_fractional_counts_are_allowed():
    assert pool_shares(np.array([2.5, 3.25]), np.array([10.0, 9.0]), 0.95).n == 2


@pytest.mark.parametrize(("count", "total"), [(-1.0, 5.0), (6.0, 5.0), (0.0, 0.0)])
def test_impossible_shares_are_refused(count, total):
    with pytest.raises(ValueError, match="a count between 0 and the total"):
        pool_shares(np.array([1.0, count]), np.array([5.0, total]), 0.95)


def test_the_test_of_small_studies_needs_ten():
    found = egger(EFFECTS, VARIANCES, 0.95)
    assert (found.value, found.interval, found.p_value, found.n) == (None, None, None, 5)
    assert found.reason == "there are 5 studies; the test of small studies needs 10"


def test_studies_of_one_size_cannot_be_tested():
    found = egger(np.linspace(0, 1, 12), np.full(12, 0.1), 0.95)
    assert found.value is None and "same variance" in found.reason


def test_studies_without_scatter_cannot_be_tested():
    found = egger(np.full(12, 0.3), np.linspace(0.1, 1, 12), 0.95)
    assert found.value is None and "without any scatter" in found.reason


def test_effects_that_grow_with_their_error_are_found():
    rng = np.random.default_rng(3)
    error = np.linspace(0.1, 1, 30)
    found = egger(0.2 + 2 * error + error * rng.normal(0, 0.5, 30), error**2, 0.95)
    assert found.interval[0] < 2 < found.interval[1] and found.p_value < 0.001
    assert (found.n, found.unit) == (30, "intercept")


@given(st.lists(study, min_size=10, max_size=15))
def test_any_ten_studies_give_an_intercept_or_a_reason(rows):
    found = egger(*np.array(rows).T, 0.95)
    assert (found.value is None) == (found.reason is not None)
    assert found.value is None or found.interval[0] <= found.value <= found.interval[1]
