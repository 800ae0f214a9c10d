"""The slope of the trend with CR2 errors and Bell and McCaffrey's degrees of freedom, against other packages."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from chanjiao.statistics import within_slope


def test_with_every_unit_its_own_cluster_the_error_is_statas_hc2():
    """Stata's `reg y x, vce(hc2)`: 0.4421048122, as the tests of R's package dfadjust (Kolesár) quote it."""
    frame = pd.DataFrame(
        {
            "y": [*np.cos(range(10)), *np.tan(range(1, 11))],
            "x": [*np.sin(range(1, 11)), *np.sin(range(2, 12))],
            "group": "all",
            "cluster": [f"c{number:02}" for number in range(20)],
        }
    )
    # Stata gives the error only; dfadjust's formula for the degrees of freedom without clusters, written out here.
    design = np.column_stack([np.ones(20), frame["x"]])
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    weights = np.linalg.inv(design.T @ design)[1] @ design.T / np.sqrt(1 - np.diag(hat))
    working = (np.eye(20) - hat) * weights
    gram = working.T @ working
    freedom = np.trace(gram) ** 2 / (gram**2).sum()
    found = within_slope(frame, "x", "y", "group", "cluster", 0.95)
    reach = (found.interval[1] - found.interval[0]) / 2
    assert reach / stats.t.ppf(0.975, freedom) == pytest.approx(0.4421048122, abs=1e-10)


def test_two_groups_of_equal_clusters_are_the_two_sample_t_test_of_cluster_means():
    """Bell and McCaffrey (2002) and Donner and Klar (2000): a balanced comparison of clusters has clusters - 2 df."""
    rng = np.random.default_rng(3)
    y = rng.normal(size=(8, 5)) + rng.normal(size=(8, 1))
    frame = pd.DataFrame(
        {"y": y.ravel(), "x": np.repeat([0, 0, 0, 0, 1, 1, 1, 1], 5), "group": "all", "cluster": np.repeat(range(8), 5)}
    )
    test = stats.ttest_ind(y[4:].mean(axis=1), y[:4].mean(axis=1))
    low, high = test.confidence_interval(0.95)
    assert within_slope(frame, "x", "y", "group", "cluster", 0.95).interval == pytest.approx((low, high))
