"""Verdicts joined and taken apart, on a made-up claim with two indicators."""

import math
import warnings
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from samples import RATIO, SHARE

from chanjiao import figures, synthesis
from chanjiao.bundles import ResultError
from chanjiao.claims import SUPPORTED, UNDECIDED, load_claims
from chanjiao.statistics import Estimate

REAL = load_claims(Path(__file__).parents[2] / "claims.yaml")
LEANS = f"leaning {SUPPORTED}"
CLAIMS = {
    "joining": REAL["joining"],
    "sensitivity": {"official": "official sources only", "pass_a": "first pass alone", "rows": "rows as events"},
    "claims": {"C1": {"statement": "Rules are thin.", "indicators": {"C1.1": SHARE, "C1.2": RATIO}}},
    "remedies": {"R1": {"statement": "Policy support", "codes": ["r_policy"], "provisions": "plan"}},
    "directions": {"T1": {"statement": "Digital", "codes": ["r_digital"], "provisions": "data"}},
}


def share(value, low, high, **changes):
    counts = {"n": 50, "clusters": 40, "effective_n": 40.0, "tipping": 0.6, "unit": "share"}
    return Estimate(value, (low, high), **{**counts, **changes})


def ratio(value, low, high, **changes):
    counts = {"n": 30, "clusters": 25, "effective_n": 25.0, "n_other": 90, "clusters_other": 60, "unit": "ratio"}
    return Estimate(value, (low, high), **{**counts, **changes})


@pytest.fixture
def estimates():
    """C1.1 supports, C1.2 reaches over its threshold; official sources undo the one, pass A decides the other."""
    return {
        "transmission.c1_1": share(0.3, 0.2, 0.42),
        "transmission.c1_1.official": share(0.4, 0.2, 0.6, tipping=None),
        "mechanism.c1_2": ratio(0.8, 0.6, 1.1),
        "mechanism.c1_2.both": ratio(0.8, 0.6, 1.1),
        "mechanism.c1_2.either": ratio(0.8, 0.6, 1.1),
        "mechanism.c1_2.pass_a": ratio(0.7, 0.5, 0.9),
    }


def kept(value, unit="share", n=40, interval=None, reason=None):
    return {"value": value, "unit": unit, "n": n, "interval": interval, "reason": reason, "clusters": None, "rows": {}}


@pytest.fixture
def results():
    return {
        "cases.supports_c1": kept(1, "cases"),
        "cases.contradicts_c1": kept(2, "cases"),
        "cases.silent_c1": kept(0, "cases"),
        "literature.problem_c1": kept(0.25, n=80),
        **{
            f"{kind}_{name}": kept(value, interval=interval)
            for name in ("r1", "t1")
            for kind, value, interval in (
                ("literature.prevalence", 0.4, [0.3, 0.5]),
                ("transmission.coverage", 0.1, None),
                ("literature.trend", 1.5, [0.5, None]),
            )
        },
        "literature.prevalence_r1.no_peripheral": kept(0.5, n=30, interval=[0.4, 0.6]),
        "literature.prevalence_t1.no_peripheral": kept(0.5, n=30, interval=[0.4, 0.6]),
    }


def verdicts(estimates):
    return synthesis.judge(CLAIMS, estimates)


def indicators(estimates):
    return {one["id"]: one["verdict"] for one in verdicts(estimates)["C1"]["indicators"]}


# Reading and judging


def test_indicators_and_their_variants_are_read_from_recorded_results():
    recorded = {
        "transmission.c1_1": kept(0.3, interval=[0.2, 0.42]),
        "transmission.c1_1.tipping": kept(0.6),
        "transmission.c1_1.official": kept(0.4, interval=[0.2, 0.6]),
        "mechanism.c1_2": kept(2.0, "ratio", interval=[1.5, None]),
        "mechanism.c1_2.both": kept(None, "ratio", reason="no marks"),
        "mechanism.other": kept(7),
    }
    found = synthesis.read_estimates(CLAIMS, recorded)
    names = ["mechanism.c1_2", "mechanism.c1_2.both", "transmission.c1_1", "transmission.c1_1.official"]
    assert sorted(found) == names
    assert (found["transmission.c1_1"].tipping, found["transmission.c1_1"].interval) == (0.6, (0.2, 0.42))
    assert found["mechanism.c1_2"].interval == (1.5, math.inf)
    assert found["mechanism.c1_2.both"].reason == "no marks"


def test_a_claim_is_judged_by_its_indicators(estimates):
    assert verdicts(estimates)["C1"]["verdict"] == LEANS
    assert indicators(estimates) == {"C1.1": SUPPORTED, "C1.2": UNDECIDED}


def test_remedies_and_directions_have_numbers_and_no_verdict(results):
    found = synthesis.support(CLAIMS, results)
    assert list(found) == ["R1", "T1"]
    assert found["R1"]["verdict"] is None and found["R1"]["indicators"] == []
    assert found["T1"]["coverage"]["key"] == "transmission.coverage_t1"
    assert found["T1"]["coverage"]["value"] == 0.1


@pytest.mark.parametrize("key", ["literature.prevalence_r1", "transmission.coverage_t1", "literature.trend_t1"])
def test_a_remedy_nobody_recorded_stops_with_the_key_and_the_notebook(results, key):
    del results[key]
    with pytest.raises(ResultError, match=f"{key} was not recorded, .* in the notebook of {key.split('.')[0]}"):
        synthesis.support(CLAIMS, results)


# Variants


def test_a_variant_replaces_the_estimates_that_have_it_and_no_others(estimates):
    varied = synthesis.with_variant(CLAIMS, estimates, "official")
    assert varied["transmission.c1_1"].value == 0.4
    assert varied["mechanism.c1_2"] is estimates["mechanism.c1_2"]
    assert estimates["transmission.c1_1"].value == 0.3


def test_a_variant_keeps_the_bias_analysis_unless_it_has_its_own(estimates):
    assert synthesis.with_variant(CLAIMS, estimates, "official")["transmission.c1_1"].tipping == 0.6
    estimates["transmission.c1_1.official"] = share(0.4, 0.2, 0.6, tipping=0.9)
    assert synthesis.with_variant(CLAIMS, estimates, "official")["transmission.c1_1"].tipping == 0.9


def test_a_variant_without_design_effect_counts_its_units(estimates):
    estimates["transmission.c1_1.official"] = share(0.4, 0.2, 0.6, n=12, effective_n=None)
    assert synthesis.with_variant(CLAIMS, estimates, "official")["transmission.c1_1"].effective_n == 12


def test_a_variant_of_the_passes_is_judged_alone(estimates):
    """The first pass decides although both passes together do not; other variants must still hold under both."""
    assert indicators(synthesis.with_variant(CLAIMS, estimates, "pass_a"))["C1.2"] == SUPPORTED
    estimates["mechanism.c1_2.rows"] = ratio(0.7, 0.5, 0.9)
    assert indicators(synthesis.with_variant(CLAIMS, estimates, "rows"))["C1.2"] == UNDECIDED


def test_the_sensitivity_analysis_has_a_row_a_choice(estimates):
    frame = synthesis.sensitivity(CLAIMS, estimates)
    assert frame.to_dict("list") == {
        "choice": ["printed", "official", "pass_a", "rows", "thresholds_low", "thresholds_high"],
        "meaning": [
            "the analysis as printed",
            "official sources only",
            "first pass alone",
            "rows as events",  # no indicator has it, so nothing moves
            "all thresholds times 0.8",
            "all thresholds times 1.2",
        ],
        "indicators": [0, 1, 1, 0, 0, 0],
        "C1": [LEANS, UNDECIDED, SUPPORTED, LEANS, UNDECIDED, SUPPORTED],
    }
    assert synthesis.agreement(frame, CLAIMS, estimates, "C1") == (0, 4)


def test_agreement_counts_only_choices_that_touch_the_claim():
    choices = ["printed", "official", "rows", "thresholds_low", "thresholds_high"]
    frame = pd.DataFrame({"choice": choices, "C1": ["mixed", "mixed", "mixed", UNDECIDED, "mixed"]})
    touched = {"transmission.c1_1.official": share(0.4, 0.2, 0.6)}
    assert synthesis.agreement(frame, CLAIMS, touched, "C1") == (2, 3)


# Tables for a reader


def test_the_joint_display_puts_the_methods_side_by_side(estimates, results):
    frame = synthesis.joint_display(CLAIMS, verdicts(estimates), results)
    assert frame.to_dict("records") == [
        {
            "Claim": "C1 Rules are thin.",
            "Policy texts": "C1.1 0.30 (0.20 to 0.42): supported",
            "Events and statistics": "C1.2 0.80 (0.60 to 1.10): undecided",
            "Cases": "1 support, 2 contradict, 0 silent",
            "Literature": "problem named by 25% of 80 works",
            "Verdict": LEANS,
        }
    ]


def test_the_joint_display_says_what_was_not_examined(estimates, results):
    frame = synthesis.joint_display(CLAIMS, verdicts(estimates), {"cases.supports_c1": kept(None, reason="no case")})
    assert (frame.loc[0, "Cases"], frame.loc[0, "Literature"]) == ("not examined", "not examined")


@pytest.mark.parametrize(
    ("value", "interval", "words"),
    [
        (None, None, "no value"),
        (0.123, None, "0.12"),
        (0.123, [0.05, 0.239], "0.12 (0.05 to 0.24)"),
        (2.1, [1.3, math.inf], "2.10 (1.30 to open)"),
        (2.1, [None, 3], "2.10 (open to 3.00)"),
    ],
)
def test_a_number_in_words(value, interval, words):
    assert synthesis.number_in_words({"value": value, "interval": interval}) == words


def test_tables_have_a_row_an_indicator(estimates):
    printed = synthesis.estimates_table(CLAIMS, {"transmission.c1_1": estimates["transmission.c1_1"]})
    assert printed["Estimate (interval)"].tolist() == ["0.30 (0.20 to 0.42)", "no value"]
    assert printed["Effective n"].tolist()[0] == "40.0"
    rules = synthesis.rules_table(CLAIMS)
    assert rules.loc[0, "Supported when"] == "upper\u00a0<\u00a00.5"
    assert rules.loc[1, "Minimum"] == "20 units, 10 clusters, 10 clusters elsewhere"
    judged = synthesis.verdicts_table(verdicts(estimates))
    assert judged["Verdict"].tolist() == [SUPPORTED, UNDECIDED]
    assert judged["Verdict on the claim"].tolist() == [LEANS, LEANS]


def test_the_power_of_every_indicator_is_told_or_why_there_is_none(estimates):
    found = synthesis.power_table(CLAIMS, estimates).set_index("Indicator")
    assert found.loc["C1.1", "Thresholds"] == "0.5"
    assert found["Why not found"].tolist() == ["no true value below or above would have been found"] * 2
    estimates["transmission.c1_1"] = share(0.4, 0.2, 0.6, detectable_below=0.2468, detectable_above=0.7532)
    estimates["mechanism.c1_2"] = ratio(0.8, 0.6, math.inf)
    found = synthesis.power_table(CLAIMS, estimates).set_index("Indicator")
    # Rounded away from the threshold, as in the reasons.
    assert found.loc["C1.1", ["Found below", "Found above"]].tolist() == ["0.24", "0.76"]
    assert pd.isna(found.loc["C1.1", "Why not found"])
    assert found.loc["C1.2", "Why not found"] == "the interval is open, so its standard error is unknown"
    few = synthesis.power_table(CLAIMS, {"transmission.c1_1": share(0.3, 0.2, 0.4, n=3)}).set_index("Indicator")
    assert few["Why not found"].tolist() == [
        "3 units in policies.csv, the rule needs 10",
        "0 units in cooperation.csv, the rule needs 20",
    ]


def test_the_power_of_the_real_indicators_is_told_with_both_thresholds():
    found = synthesis.power_table(REAL, {}).set_index("Indicator")
    assert found.loc["C3.1", "Thresholds"] == "0.25 and 0.5"
    assert found["Why not found"].notna().all() and len(found) == 11


def test_remedies_are_told_by_share_trend_and_coverage(results):
    results["transmission.coverage_t1"] = kept(None, reason="no provisions in force")
    remedies = synthesis.support_table(synthesis.support(CLAIMS, results), results)
    assert remedies.to_numpy().tolist() == [
        ["R1 Policy support", "40% of 40 (30% to 50%)", "50% of 30 (40% to 60%)", "1.50 (0.50 to open)", "10% of 40"],
        ["T1 Digital", "40% of 40 (30% to 50%)", "50% of 30 (40% to 60%)", "1.50 (0.50 to open)", "no value"],
    ]


def test_a_claim_without_a_rule_on_one_side_says_so():
    assert synthesis.rules_table(REAL).set_index("Indicator").loc["C4.1", "Supported when"] == "no rule"


def test_every_verdict_is_counted(estimates):
    counts = synthesis.verdict_counts(verdicts(estimates))
    assert sum(counts.values()) == 1 and counts[LEANS] == 1
    assert len(counts) == 7 and set(synthesis.COLOURS) <= set(counts)


# Figures


@pytest.fixture
def strict():
    """A warning while drawing fails the test, a missing glyph for instance."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"transmission.c1_1": Estimate.missing("share", 3, "policies.csv has 3 documents")},
        {"transmission.c1_1": Estimate(0.7, None, n=50, unit="share")},
        {"transmission.c1_1": share(0.3, 0.2, 0.4), "mechanism.c1_2": ratio(0.8, 0.6, math.inf)},
    ],
    ids=["nothing", "no value", "no interval", "open interval"],
)
def test_indicators_are_drawn_whatever_they_lack(found, strict):
    figure = synthesis.draw_indicators(verdicts(found), CLAIMS)
    assert len(figure.axes) == 2
    assert figures.to_svg(figure).startswith("<?xml")


def test_a_point_and_its_thresholds_are_in_view(strict):
    figure = synthesis.draw_indicators(verdicts({"mechanism.c1_2": Estimate(4.0, None, n=30, clusters=25)}), CLAIMS)
    low, high = figure.axes[1].get_xlim()
    assert low < 1 and high > 4


def test_an_indicator_without_value_is_drawn_with_its_reason(strict):
    figure = synthesis.draw_indicators(verdicts({}), CLAIMS)
    assert figure.axes[0].texts[0].get_text() == "no value: no notebook recorded this indicator"
    assert figure.axes[0].texts[1].get_text() == "share; n = 0: insufficient data"


def test_all_real_indicators_are_drawn_without_a_value(strict):
    assert len(synthesis.draw_indicators(synthesis.judge(REAL, {}), REAL).axes) == 11


def test_the_sensitivity_analysis_is_drawn_with_a_symbol_a_cell(strict):
    every = list(synthesis.verdict_counts({}))
    frame = pd.DataFrame({"choice": every, "meaning": every, "indicators": 0, "C1": every, "C2": every})
    figure = synthesis.draw_sensitivity(frame)
    symbols = [text.get_text() for text in figure.axes[0].texts]
    assert symbols[::2] == symbols[1::2] == ["+", "(+)", "−", "(−)", "±", "?", "·"]
    assert figures.to_svg(figure) == figures.to_svg(synthesis.draw_sensitivity(frame))
