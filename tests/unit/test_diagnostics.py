"""Diagnostics: what single clusters do to an estimate, how counts scatter, and the grade that follows."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanjiao import claims, diagnostics
from chanjiao.diagnostics import CARE, DO_NOT, GRADES, TRUST, WHOLE
from chanjiao.statistics import Estimate

CLAIMS = claims.load_claims(Path(__file__).parents[2] / "claims.yaml")
RULES = claims.indicator_rules(CLAIMS)
CRITERIA = CLAIMS["trust"]
SHARE = RULES["C2.1"]  # supported below 0.5, contradicted above
METHOD = CLAIMS["methods"]["C2.1"]


def mean(frame):
    """The mean with an interval of 0.1 on both sides; missing below two units."""
    if len(frame) < 2:
        return Estimate.missing("share", len(frame), "two are needed")
    value = float(frame["x"].mean())
    return Estimate(value, (value - 0.1, value + 0.1), len(frame))


def units(**values):
    """One row a value, its page being the key without its last letter: pa, pb lie on page p."""
    return pd.DataFrame({"page": [key[:-1] for key in values], "x": list(values.values())})


def table(frame, indicator="C2.1", kinds=None):
    return diagnostics.deletions(indicator, mean, frame, kinds or {"pages": "page"})


def test_each_cluster_is_left_out_once_with_all_its_units():
    found = diagnostics.leave_one_out(mean, units(qa=0.6, pa=0.0, pb=0.3), "page")
    assert found["cluster"].tolist() == ["p", "q"]
    assert found["units"].tolist() == [2, 1]
    assert math.isnan(found["value"][0])  # one unit is left, too few for the estimator
    assert found.loc[1, ["value", "low", "high"]].tolist() == pytest.approx([0.15, 0.05, 0.25])


def test_the_order_of_the_rows_does_not_matter():
    frame = units(pa=0.1, pb=0.2, qa=0.3, ra=0.9)
    pd.testing.assert_frame_equal(
        diagnostics.leave_one_out(mean, frame, "page"), diagnostics.leave_one_out(mean, frame[::-1], "page")
    )


@given(st.lists(st.floats(0, 1), min_size=3, max_size=12))
def test_left_out_means_average_to_the_mean(values):
    """With clusters of one unit, the mean of the means without each unit is the mean of all."""
    frame = pd.DataFrame({"page": [f"{i:02d}" for i in range(len(values))], "x": values})
    assert diagnostics.leave_one_out(mean, frame, "page")["value"].mean() == pytest.approx(np.mean(values))


def test_deletions_begin_with_the_estimate_on_all_units():
    frame = units(pa=0.2, qa=0.4, ra=0.6).assign(college=["x", "x", "y"])
    found = table(frame, kinds={"pages": "page", "colleges": "college"})
    assert found["deleted"].tolist() == [WHOLE, "pages", "pages", "pages", "colleges", "colleges"]
    assert found["value"][0] == pytest.approx(0.4)
    assert found["indicator"].eq("C2.1").all()


def test_influence_counts_changed_decisions_and_names_the_furthest_deletion():
    """0.44 with ends 0.34 and 0.54 is undecided; without q it is 0.35 (supported), without p 0.5, without r 0.47."""
    found = diagnostics.influence(table(units(pa=0.32, qa=0.62, ra=0.38)), SHARE, {"q": "the page of q"})
    assert (found.low, found.high) == pytest.approx((0.35, 0.5))
    assert (found.changes, found.most, found.deletions) == (1, "pages: the page of q", 3)
    assert found.results("share")[2] == ("influence_changes", 1, "deletions")


def test_a_deletion_that_leaves_no_value_moves_it_furthest_and_takes_a_decision_away():
    frame = units(pa=0.1, pb=0.1, qa=0.1)
    found = diagnostics.influence(table(frame), SHARE, {})
    assert (found.most, found.changes, found.low, found.high) == ("pages: p", 1, pytest.approx(0.1), pytest.approx(0.1))


@pytest.mark.parametrize("frame", [units(), units(pa=0.1)])
def test_without_a_value_there_is_nothing_to_leave_out(frame):
    found = diagnostics.influence(table(frame.astype({"x": float})), SHARE, {})
    assert (found.low, found.high, found.changes, found.most) == (None, None, None, None)
    assert found.reason


def test_with_one_cluster_no_value_is_left():
    found = diagnostics.influence(table(units(pa=0.1, pb=0.2)), SHARE, {})
    assert (found.low, found.deletions) == (None, 1)
    assert "no value left" in found.reason


def test_dispersion_by_hand():
    """Cells 1, 3 (mean 2) and 4, 4, 4: (1 + 1) / 2 over 2 - 1 + 3 - 1 degrees of freedom."""
    cells = pd.Series(["a", "a", "b", "b", "b"])
    assert diagnostics.pearson_dispersion(pd.Series([1, 3, 4, 4, 4]), [cells]) == pytest.approx(1 / 3)


def test_cells_without_a_count_say_nothing_about_dispersion():
    cells = pd.Series(["a", "a", "b", "b"])
    assert diagnostics.pearson_dispersion(pd.Series([1, 3, 0, 0]), [cells]) == pytest.approx(1)


@pytest.mark.parametrize("counts", [[], [2], [0, 0]])
def test_dispersion_needs_two_units_in_a_cell(counts):
    cells = pd.Series(["a"] * len(counts), dtype=object)
    assert math.isnan(diagnostics.pearson_dispersion(pd.Series(counts, dtype=float), [cells]))


def test_poisson_counts_have_dispersion_one_and_mixed_ones_more():
    rng = np.random.default_rng(3)
    cells = pd.Series(np.repeat(["a", "b"], 5000))
    means = np.repeat([1.0, 4.0], 5000)
    assert diagnostics.pearson_dispersion(pd.Series(rng.poisson(means)), [cells]) == pytest.approx(1, abs=0.05)
    mixed = rng.poisson(means * rng.gamma(1, 1, 10000))
    assert diagnostics.pearson_dispersion(pd.Series(mixed), [cells]) > 2


def share(**changes):
    whole = {"value": 0.2, "interval": (0.1, 0.3), "n": 40, "clusters": 30, "effective_n": 30.0, "unit": "share"}
    return Estimate(**{**whole, **changes})


FINE = {"influence_low": 0.19, "influence_high": 0.21, "influence_changes": 0, "deletions": 30, "coverage": 0.95}


def grade(estimate, method=METHOD, rule=SHARE, **found):
    return diagnostics.trust(rule, method, estimate, CRITERIA, {**FINE, **found})


def test_an_estimate_that_passes_every_check_is_trusted_and_says_why():
    found, why = grade(share())
    assert found == TRUST
    assert why == (
        "Trust it: it rests on 30 pages; no deletion changes the decision by the interval; one deletion moves the "
        "value by up to 10% of half the interval; design effect 1.3; simulated coverage 95%."
    )


@pytest.mark.parametrize(
    ("changes", "found", "expected", "words"),
    [
        ({"clusters": 19}, {}, CARE, "it rests on 19 pages"),
        ({}, {"influence_changes": 1}, CARE, "1 of 30 deletions change"),
        ({}, {"influence_changes": 4}, DO_NOT, "4 of 30 deletions change"),
        ({}, {"influence_high": 0.26}, CARE, "up to 60% of half"),
        ({}, {"influence_low": 0.09}, DO_NOT, "up to 110% of half"),
        ({"effective_n": 19.0}, {}, CARE, "design effect 2.1"),
        ({"effective_n": 9.0}, {}, DO_NOT, "design effect 4.4"),
        ({}, {"dispersion": 2.5}, CARE, "vary 2.5 times"),
        ({}, {"dispersion": 0.2}, DO_NOT, "vary 0.2 times"),
        ({}, {"coverage": 0.92}, CARE, "coverage 92%"),
        ({}, {"coverage": 0.89}, DO_NOT, "coverage 89%"),
    ],
)
def test_the_worst_check_gives_the_grade_and_is_named_alone(changes, found, expected, words):
    result, why = grade(share(**changes), **found)
    assert result == expected
    assert words in why
    assert ";" not in why


def test_unknown_numbers_are_left_out():
    result, why = diagnostics.trust(SHARE, METHOD, share(effective_n=None), CRITERIA, {})
    assert (result, why) == (TRUST, "Trust it: it rests on 30 pages.")


@pytest.mark.parametrize(
    "estimate",
    [None, share(n=19), share(clusters=9), share(interval=None), share(value=None, interval=None, reason="none")],
)
def test_below_the_minimum_or_without_interval_it_is_not_trusted(estimate):
    result, why = grade(estimate)
    assert result == DO_NOT
    assert why.startswith("Do not: ")


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_more_dispersion_never_gives_a_better_grade(first, second):
    low, high = sorted((first, second))
    if low >= 1:
        grades = [GRADES.index(grade(share(), dispersion=one)[0]) for one in (low, high)]
        assert grades[0] <= grades[1]


def test_an_open_interval_has_no_halves_to_measure_a_shift_in():
    assert "half" not in grade(share(interval=(0.1, math.inf)))[1]


def test_the_smaller_side_of_a_comparison_counts():
    sides = share(clusters=40, clusters_other=12)
    assert diagnostics.independent_units(sides, METHOD) == 12
    assert diagnostics.independent_units(sides, CLAIMS["methods"]["C3.2"]) == 40  # n of the estimate
    assert diagnostics.independent_units(share(clusters=None), METHOD) == 0


def test_every_indicator_has_its_method_in_words_and_the_criteria_are_ordered():
    parts = {"estimator", "variance", "assumptions", "failure", "independent", "units"}
    assert {name: set(method) for name, method in CLAIMS["methods"].items()} == {name: parts for name in RULES}
    assert all(method["independent"] in ("n", "clusters") for method in CLAIMS["methods"].values())
    for check, bounds in CRITERIA.items():
        better, worse = bounds["trust"], bounds["care"]
        assert better > worse if check in diagnostics.AT_LEAST else better < worse


def test_the_tables_have_a_row_for_every_indicator_even_without_any_result():
    methods = diagnostics.methods_table(RULES, CLAIMS["methods"])
    assert methods["Indicator"].tolist() == list(RULES)
    empty = diagnostics.trust_table(CLAIMS, RULES, {}, {}, {})
    assert empty["Indicator"].tolist() == list(RULES)
    assert set(empty["Trust"]) == {DO_NOT}


def test_the_table_reads_what_the_rooms_recorded():
    key = SHARE["key"]
    recorded = {
        f"{key}.influence_low": {"value": 0.16, "n": 46},
        f"{key}.influence_high": {"value": 0.22, "n": 46},
        f"{key}.influence_changes": {"value": 3, "n": 46},
        f"{key}.dispersion": {"value": 1.25},
    }
    found = diagnostics.trust_table(CLAIMS, RULES, {key: share()}, recorded, {"C2.1": 0.91}).set_index("Indicator")
    row = found.loc["C2.1"]
    assert row["Rests on"] == "30 pages"
    assert row["Without one cluster"] == "0.16 to 0.22"
    assert (row["Decision changes"], row["Trust"]) == ("3 of 46", CARE)
    assert row["Why"] == "With care: 3 of 46 deletions change the decision by the interval; simulated coverage 91%."


@cache
def wide():
    """Forty pages, one of them far away, so that it changes the decision."""
    return pd.DataFrame({"page": [f"p{i:02d}" for i in range(40)], "x": [0.38] * 39 + [1.3]})


@pytest.mark.parametrize("frame", [wide(), units(pa=0.1, pb=0.2), units(pa=0.1, qa=0.1), units(pa=math.nan)])
def test_the_drawing_bears_every_kind_of_table(frame):
    figure = diagnostics.draw_influence(table(frame), RULES, {"p39": "a page with a very long name " * 4})
    figure.draw_without_rendering()


def test_the_drawing_says_how_many_deletions_change_the_decision():
    figure = diagnostics.draw_influence(table(wide()), RULES, {})
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"1 changes\nthe decision", "without p39"} <= texts


def test_an_indicator_without_value_keeps_its_panel():
    both = pd.concat([table(wide()), table(units(pa=0.1), indicator="C5.2")], ignore_index=True)
    figure = diagnostics.draw_influence(both, RULES, {})
    assert [axis.texts[-1].get_text() for axis in figure.axes][1] == "no value for this province"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_dots_stay_within_their_strip(values):
    assert np.abs(diagnostics._stacked(np.array(values), (0.0, 1.0))).max() <= 0.36 + 1e-9
