"""The simulations in short tables."""

import pandas as pd
import pytest

from chanjiao import simulated
from chanjiao.claims import CONTRADICTED, SUPPORTED
from chanjiao.simulated import AGAINST, ALONE, COMPARISON, FOR, FULL, NO_BIAS, PRINTED


def coverage_row(indicator: str, coverage: float, **changes: object) -> dict:
    row = {
        "indicator": indicator, "method": "Wilson", "role": PRINTED, "truth": "0.5", "n": 30, "clusters": 28,
        "intraclass": 0.0, "runs": 1000, "coverage": coverage, "error": 0.005, "note": None,
    }  # fmt: skip
    return row | changes


@pytest.fixture
def coverage() -> pd.DataFrame:
    return pd.DataFrame(
        [
            coverage_row("C2.1", 0.95),
            coverage_row("C2.1", 0.925, intraclass=0.3),
            coverage_row("C2.1", 0.9, intraclass=0.6, note="pages differ"),
            coverage_row("C2.1", 0.8, role=COMPARISON, method="naive"),
            coverage_row("C4", 0.99, n=10, note="bounds"),
            coverage_row("ac1", 0.96, n=176),
        ]
    )


def error_row(indicator: str, place: str, wrong: float, **changes: object) -> dict:
    row = {
        "indicator": indicator, "place": place, "truth": "0.5", "analysis": FULL, SUPPORTED: 0.0, CONTRADICTED: 0.0,
        "wrong": wrong,
    }  # fmt: skip
    return row | changes


@pytest.fixture
def errors() -> pd.DataFrame:
    return pd.DataFrame(
        [
            error_row("C2.1", FOR, 0.0, truth="0.13", supported=0.85),
            error_row("C2.1", "threshold for", 0.02),
            error_row("C2.1", AGAINST, 0.0, truth="0.75", contradicted=0.4),
            error_row("C2.1", "threshold for", 0.04, analysis=ALONE),
            error_row("C2", FOR, 0.0, truth="all indicators", supported=0.9),
            error_row("C2", AGAINST, 0.01, truth="all indicators", contradicted=0.8),
            error_row("C2.1", "60% of marks visible", 0.05, truth="0.6"),
            error_row("C2.1", "60% of marks visible", 0.45, truth="0.6", analysis=NO_BIAS),
            error_row("C4.1", "10 of 51 colleges publish", 0.0, truth="0.45"),
            error_row("C4.1", "10 of 51 colleges publish", 0.95, truth="0.45", analysis=NO_BIAS),
        ]
    )


def test_a_coverage_is_outside_only_beyond_the_error_of_the_simulation(coverage: pd.DataFrame) -> None:
    assert simulated.short(coverage).tolist() == [False, False, True, True, False, False]
    assert simulated.wide(coverage).tolist() == [False, False, False, False, True, False]


def test_counts_leave_out_what_is_shown_for_comparison(coverage: pd.DataFrame) -> None:
    assert simulated.coverage_counts(coverage) == {
        "coverage_scenarios": 5, "coverage_runs": 5000, "coverage_outside": 2, "coverage_short": 1, "coverage_wide": 1,
        "coverage_lowest": 0.9, "coverage_highest": 0.99,
    }  # fmt: skip


def test_the_lowest_coverage_leaves_out_pages_more_alike_than_real_ones_can_be(coverage: pd.DataFrame) -> None:
    lowest = simulated.lowest_by_indicator(coverage)
    assert lowest == {"C2.1": 0.925, "C4.1": 0.99, "C4.2": 0.99, "ac1": 0.96}


def test_the_table_of_coverage_has_a_row_an_estimate_and_one_a_comparison(coverage: pd.DataFrame) -> None:
    table = simulated.coverage_table(coverage)
    assert table["Estimate"].tolist() == ["C2.1", "C4.1 and C4.2", "AC1", "C2.1"]
    first = table.iloc[0]
    assert (first["Situations"], first["Lowest"], first["Highest"]) == (3, "90.0%", "95.0%")
    assert table["Outside"].tolist() == ["1 too short: pages differ", "1 too wide: bounds", "none", "1 too short"]
    assert table["Interval"].tolist() == ["Wilson"] * 3 + ["naive, for comparison"]


def test_counts_of_errors_are_the_highest_of_their_kind(errors: pd.DataFrame) -> None:
    assert simulated.error_counts(errors) == {
        "error_scenarios": 10, "error_highest": 0.02, "error_alone": 0.04, "error_hidden": 0.05,
        "error_hidden_unguarded": 0.45, "error_silent": 0.0, "error_silent_unguarded": 0.95,
    }  # fmt: skip


def test_the_table_of_errors_has_a_row_an_indicator_and_one_a_claim(errors: pd.DataFrame) -> None:
    table = simulated.error_table(errors).set_index("Indicator or claim")
    assert table.index.tolist() == ["C2.1", "C2"]
    indicator = table.loc["C2.1"]
    assert (indicator["Found supported"], indicator["Found contradicted"]) == ("85.0%", "40.0%")
    assert (indicator["Wrong at most"], indicator["By the interval alone"]) == ("2.0%", "4.0%")
    assert table.loc["C2", "Wrong at most"] == "1.0%"


def test_errors_of_measurement_stand_beside_what_the_bias_analysis_leaves(errors: pd.DataFrame) -> None:
    table = simulated.measurement_table(errors)
    assert table["Indicator"].tolist() == ["C2.1", "C4.1"]
    assert table["Wrong without bias analysis"].tolist() == ["45.0%", "95.0%"]
    assert table["Wrong by the full rule"].tolist() == ["5.0%", "0.0%"]
