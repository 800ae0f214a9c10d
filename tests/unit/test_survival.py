"""Weibull times known as intervals: ratios, errors by cluster, and fit."""

import math

import numpy as np
import pandas as pd
import pytest
from lifelines import WeibullAFTFitter
from scipy import stats

from chanjiao import survival, transmission

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # lifelines calls pandas in an old way


def drawn(n=60, shapes=(1.5, 1.5), scales=(100.0, 200.0), width=30, seed=1):
    """Weibull times of two groups, each known as an interval of `width` days and a cluster of its own."""
    rng = np.random.default_rng(seed)
    parts = [scale * rng.weibull(shape, n) for shape, scale in zip(shapes, scales, strict=True)]
    lower = np.floor(np.concatenate(parts) / width) * width
    frame = pd.DataFrame({"lower": lower, "upper": lower + width, "group": np.repeat(["a", "b"], n)})
    return frame.assign(cluster=[f"{i:03d}" for i in range(2 * n)])


def shape_test(times):
    return survival.common_shape_test(times, "group", survival.time_ratios(times, "group", "cluster", 0.95))


def test_the_likelihood_is_that_of_lifelines_and_its_slope_is_right():
    times = drawn()
    times.loc[:9, "upper"] = times.loc[:9, "lower"] = np.arange(1.0, 11)  # some days are known
    design = pd.get_dummies(times["group"], dtype=float)
    model = survival.fit_weibull(times, design)
    x = design[["b"]].assign(Intercept=1.0).to_numpy()
    point = np.append(model.params_["lambda_"][["b", "Intercept"]], model.params_["rho_"]["Intercept"])

    def at(place):
        return survival._likelihood(times["lower"].to_numpy(), times["upper"].to_numpy(), x @ place[:-1], place[-1])

    assert at(point)[0] == pytest.approx(model.log_likelihood_, rel=1e-9)
    moved = point + [0.1, -0.2, 0.15]
    _, by_scale, by_shape = at(moved)
    numeric = [(at(moved + step)[0] - at(moved - step)[0]) / 2e-6 for step in np.eye(3) * 1e-6]
    assert np.append(by_scale @ x, by_shape.sum()) == pytest.approx(numeric, rel=1e-5)


def test_ratios_scale_and_shape_come_back():
    ratios = survival.time_ratios(drawn(n=400), "group", "cluster", 0.95).set_index("group")
    assert ratios.loc["b", "ratio"] == pytest.approx(2, rel=0.1)
    assert ratios.loc["a", "scale"] == pytest.approx(100, rel=0.1)
    assert ratios["shape"].iloc[0] == pytest.approx(1.5, rel=0.1)
    assert ratios.loc["a", "median"] == pytest.approx(100 * math.log(2) ** (1 / 1.5), rel=0.1)
    assert ratios.loc["a", "ratio"] == 1
    assert ratios.loc["a", ["low", "high", "p_value"]].isna().all()


def test_with_clusters_of_one_the_jackknife_is_near_the_model():
    ratios = survival.time_ratios(drawn(n=150), "group", "cluster", 0.95).iloc[1]
    widths = [math.log(ratios[high] / ratios[low]) for low, high in (("low", "high"), ("model_low", "model_high"))]
    assert widths[0] == pytest.approx(widths[1], rel=0.15)


def test_copies_in_one_cluster_add_nothing():
    """Every time told four times in one cluster: the model believes it, the clustered limits do not."""
    once = drawn(n=40)
    copied = pd.concat([once] * 4, ignore_index=True)
    single, many = (survival.time_ratios(frame, "group", "cluster", 0.95).iloc[1] for frame in (once, copied))
    assert (many["low"], many["high"]) == pytest.approx((single["low"], single["high"]), rel=1e-3)
    assert many["model_high"] < single["model_high"]


def test_the_jackknife_by_hand():
    times = drawn(n=6)
    design = pd.get_dummies(times["group"], dtype=float)
    model = survival.fit_weibull(times, design)
    refits = [
        survival.fit_weibull(times[times["cluster"] != one], design[times["cluster"] != one]).params_
        for one in times["cluster"].unique()
    ]
    expected = np.sqrt(11 / 12 * sum((refit - model.params_) ** 2 for refit in refits))
    found = survival.clustered_errors(model, times, design, times["cluster"])
    assert found.to_numpy() == pytest.approx(expected[found.index].to_numpy(), rel=1e-3)


def test_a_group_in_one_cluster_has_no_error():
    times = drawn(n=5).assign(cluster=lambda frame: np.where(frame["group"] == "b", "one", frame["cluster"]))
    ratios = survival.time_ratios(times, "group", "cluster", 0.95)
    assert ratios[["low", "high", "p_value"]].isna().all(axis=None)
    assert ratios["ratio"].notna().all()


def test_the_shape_test_sees_different_shapes_and_not_equal_ones():
    _, alike, freedom = shape_test(drawn(n=200))
    ratio, apart, _ = shape_test(drawn(n=200, shapes=(0.7, 3.0)))
    assert freedom == 1
    assert apart < 1e-6 < 0.05 < alike
    assert apart == pytest.approx(stats.chi2.sf(ratio, 1))


def test_the_ratio_of_likelihoods_is_that_of_lifelines():
    times = drawn(shapes=(0.7, 3.0))
    frame = times[["lower", "upper"]].assign(b=(times["group"] == "b").astype(float))
    common, own = (
        WeibullAFTFitter().fit_interval_censoring(frame, "lower", "upper", ancillary=shapes).log_likelihood_
        for shapes in (None, True)
    )
    assert shape_test(times)[0] == pytest.approx(2 * (own - common), rel=1e-6)


def test_one_group_has_no_shape_to_compare():
    times = drawn()
    assert shape_test(times[times["group"] == "a"]) == (0.0, 1.0, 0)


def test_the_largest_distance_by_hand():
    """Days 10 and 20, half each, against exponential times of mean 10: 0.63 against 0 just before day 10."""
    innermost, mass = transmission.turnbull(np.array([10.0, 20.0]), np.array([10.0, 20.0]))
    day, turnbull, weibull = survival.largest_distance(innermost, mass[0], 10.0, 1.0)
    assert (day, turnbull, weibull) == pytest.approx((10, 0, 1 - math.exp(-1)))


def test_a_model_that_fits_lies_near():
    times = drawn(n=2000, width=5).query("group == 'a'")
    innermost, mass = transmission.turnbull(times["lower"].to_numpy(), times["upper"].to_numpy())
    _, turnbull, weibull = survival.largest_distance(innermost, mass[0], 100.0, 1.5)
    assert abs(turnbull - weibull) < 0.04


def test_times_that_were_not_seen_to_end_are_used():
    """Everything beyond day 60 unseen: the ratio of the scales comes back, with limits."""
    times = drawn(n=300)
    unseen = times["upper"] > 60
    times = times.assign(lower=times["lower"].where(~unseen, 60.0), upper=times["upper"].where(~unseen, np.inf))
    ratios = survival.time_ratios(times, "group", "cluster", 0.95).iloc[1]
    assert ratios["low"] < 2 < ratios["high"] < 4


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_times_of_one_group_have_a_stated_answer(rows):
    few = drawn(n=5).iloc[:rows]
    ratios = survival.time_ratios(few, "group", "cluster", 0.95)
    assert ratios.empty == (rows < 2)  # one interval alone shows no shape
    assert ratios[["low", "high", "p_value"]].isna().all(axis=None)
    assert survival.common_shape_test(few, "group", ratios) == (0.0, 1.0, 0)
