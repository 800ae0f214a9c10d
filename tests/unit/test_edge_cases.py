"""Every estimator at its edges: a stated answer, no exception, no warning. The answers stand in docs/edge_cases.md.

No units, one, two, all equal, one cluster, a share of 0 or 1, separation, a pass without a row, a share without its
count, bounds only. A stated answer is a value within its interval and its possible range, or no value (no interval)
and a reason in words.
"""

import re
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from chanjiao import (
    bias,
    coding,
    diagnostics,
    differences,
    events,
    figures,
    gaps,
    literature,
    mechanism,
    meta_analysis,
    operation,
    power,
    regression,
    statistics,
    tables,
    transmission,
)
from chanjiao import synthesis as joining
from chanjiao.claims import INSUFFICIENT, UNDECIDED, indicator_rules, load_claims
from chanjiao.events import MARKS, Reading
from chanjiao.statistics import Estimate

# Libraries announce changes to come; a kernel does not show these.
pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:lifelines"),
]

CONFIDENCE, SEED, DRAWS = 0.95, 20260101, 200
ROOT = Path(__file__).parents[2]
STUDY = load_claims(ROOT / "claims.yaml")
RULES = indicator_rules(STUDY)
HERE, ELSEWHERE = "50", "51"


def assert_stated(estimate: Estimate, least: float = -inf, most: float = inf) -> None:
    if estimate.value is None or estimate.interval is None:
        assert estimate.reason and estimate.reason.strip(), estimate
    if estimate.value is None:
        assert estimate.interval is None
        return
    assert np.isfinite(estimate.value)
    assert least - 1e-9 <= estimate.value <= most + 1e-9
    if estimate.interval is not None:
        low, high = estimate.interval
        assert least - 1e-9 <= low <= estimate.value + 1e-9 and estimate.value - 1e-9 <= high <= most + 1e-9
        assert low < high


def assert_drawn(figure: Figure) -> None:
    figure.draw_without_rendering()  # lays everything out, which is where a figure without room complains
    assert any(axis.has_data() or axis.texts for axis in figure.axes)


# Cooperation events: mechanism, operation, coding


def event(number: int, depth: int = 1, depth_b: int | None = None, **changed: Any) -> dict[str, Any]:
    """An event with `depth` marks in pass A (`depth_b`, or as many, in pass B); the curriculum and joint body last."""
    order = [mark for mark in MARKS if mark not in ("c_curriculum", "c_governance")] + ["c_curriculum", "c_governance"]
    depths = {"a": depth, "b": depth if depth_b is None else depth_b}
    marked = {f"{mark}_{one}": int(order.index(mark) < depths[one]) for mark in MARKS for one in "ab"}
    standard = {
        "event": f"E{number:02}", "province_code": HERE, "rows": (f"E{number:02}",), "colleges": (f"C{number:02}",),
        "page": f"p{number:02}", "college": f"C{number:02}", "form": "order_class", "form_b": "order_class",
        "signed": "yes", "signed_b": "yes", "phrase_only": 0, "phrase_only_b": 0, "event_date": "2024", "dated": True,
        "size_class": number % 3, "money_million_yuan": np.nan, "students_n": None, "official": True,
        "body": "complete", "depth_a": depths["a"], "depth_b": depths["b"],
    }  # fmt: skip
    return {**standard, **marked, **changed}


def event_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(event(0)))
    whole = [*(f"{mark}_{one}" for mark in MARKS for one in "ab"), "depth_a", "depth_b", "phrase_only", "phrase_only_b"]
    frame = frame.astype(dict.fromkeys([*whole, "size_class", "students_n"], "Int64"))
    return frame.astype({"dated": bool, "official": bool, "event_date": "str", "money_million_yuan": float})


def others(depth: int) -> list[dict[str, Any]]:
    return [event(50 + number, depth + number % 2, province_code=ELSEWHERE) for number in range(6)]


EVENTS = {
    "no_units": [],
    "one_unit": [event(1)],
    "two_units": [event(1, 0), event(2, 4)],
    "all_equal": [event(number, 3) for number in range(8)],
    "single_cluster": [event(number, number % 4, page="p", college="c") for number in range(8)],
    "share_zero": [event(number, 0) for number in range(8)],
    "share_one": [event(number, 9) for number in range(8)],
    "no_units_but_others": others(2),
    "one_unit_and_others": [event(1), *others(2)],
    "one_unit_against_one": [event(1), event(50, 2, province_code=ELSEWHERE)],
    "all_equal_on_both_sides": [
        event(number, 2, province_code=side) for side in (HERE, ELSEWHERE) for number in range(6)
    ],
    "single_cluster_and_others": [
        *(event(number, number % 4, page="p", college="c") for number in range(8)), *others(2)
    ],
    "separation": [*(event(number, 0) for number in range(8)), *others(3)],
    "separation_reversed": [
        *(event(number, 4) for number in range(8)), *(event(60 + n, 0, province_code=ELSEWHERE) for n in range(6))
    ],
    "class_predicts_depth": [event(number, 3 * (number % 3)) for number in range(9)],
    "one_form_each_class": [
        event(place, 2, form=form, form_b=form) for place, form in enumerate(("order_class", "apprenticeship", "other"))
    ],
    "sizes_unknown": [event(number, number % 4, size_class=None) for number in range(8)],
    "undated": [event(number, number % 4, event_date=None, dated=False) for number in range(8)],
    "not_signed": [event(number, number % 4, signed="no", signed_b="no") for number in range(8)],
    "consortia_only": [event(number, number % 4, form="consortium", form_b="consortium") for number in range(8)],
}  # fmt: skip


@pytest.fixture(params=list(EVENTS))
def happenings(request: pytest.FixtureRequest) -> pd.DataFrame:
    return event_frame(EVENTS[request.param])


def test_indicators_on_events(happenings: pd.DataFrame) -> None:
    readings = {"printed": Reading(happenings), **events.readings(happenings, happenings)}
    for reading in readings.values():
        common = (reading, HERE, CONFIDENCE)
        assert_stated(mechanism.deep_share(*common, RULES["C2.1"]), 0, 1)
        assert_stated(mechanism.relative_depth(*common, RULES["C2.2"], SEED, DRAWS), 0)
        assert_stated(mechanism.class_trend(*common, RULES["C5.1"], SEED, DRAWS))
        assert_stated(mechanism.joint_body_share(*common, RULES["C5.2"]), 0, 1)
        assert_stated(operation.curriculum_share(*common, RULES["C3.1"]), 0, 1)


def test_descriptions_of_events(happenings: pd.DataFrame) -> None:
    common = (Reading(happenings), HERE, CONFIDENCE)
    here = happenings[happenings["province_code"] == HERE]
    assert_stated(mechanism.naive_share(*common, RULES["C2.1"]), 0, 1)
    assert_stated(mechanism.bilateral_deep_share(*common, RULES["C2.1"]), 0, 1)
    assert_stated(mechanism.phrase_share(here, CONFIDENCE), 0, 1)
    assert_stated(mechanism.mean_depth(here, CONFIDENCE), 0)
    for share in [
        *mechanism.mark_shares(here, CONFIDENCE).values(), *operation.curriculum_by_form(*common).values()
    ]:  # fmt: skip
        assert_stated(share, 0, 1)


def test_tipping_points_of_events(happenings: pd.DataFrame) -> None:
    common = (Reading(happenings), HERE, CONFIDENCE)
    for tipping in (
        mechanism.deep_share_tipping(*common, RULES["C2.1"]),
        mechanism.joint_body_tipping(*common, RULES["C5.2"]),
        operation.curriculum_tipping(*common, RULES["C3.1"]),
    ):
        assert tipping is None or 0.5 <= tipping < 1


def test_tables_of_events(happenings: pd.DataFrame) -> None:
    here = happenings[happenings["province_code"] == HERE]
    common = (Reading(happenings), HERE, CONFIDENCE)
    shares = [
        mechanism.concreteness_curve(*common), mechanism.bias_curve(*common), mechanism.by_size_class(here, CONFIDENCE),
        mechanism.depth_by_form(happenings, HERE, CONFIDENCE), mechanism.depth_by_year(here, CONFIDENCE),
    ]  # fmt: skip
    for frame in shares:
        known = frame[frame["low"].notna()]
        assert (known["low"] <= known["value"]).all() and (known["value"] <= known["high"]).all()
    assert mechanism.depth_distribution(here)["share"].sum() == pytest.approx(1 if len(here) else 0, abs=1e-5)
    assert mechanism.marks_by_form(here)["share"].between(0, 1).all()
    assert len(mechanism.stated_figures(here)) == 0
    estimates = {"C2.1": mechanism.deep_share(*common, RULES["C2.1"])}
    table = mechanism.variants_table(estimates, {"C2.1": {"official": estimates["C2.1"]}}, STUDY["sensitivity"])
    assert not table.stack().str.contains("nan").any()


def test_drawings_of_events(happenings: pd.DataFrame) -> None:
    here = happenings[happenings["province_code"] == HERE]
    common = (Reading(happenings), HERE, CONFIDENCE)
    every = mechanism.depth_distribution(here)
    by_form = {"all": operation.curriculum_share(*common, RULES["C3.1"]), **operation.curriculum_by_form(*common)}
    drawn = operation.estimates_plot(by_form)
    for figure in (
        mechanism.draw_marks_by_form(mechanism.marks_by_form(here), "en"),
        mechanism.draw_depth(every, mechanism.depth_distribution(here[events.signed(here)])),
        mechanism.draw_curve(mechanism.concreteness_curve(*common), 0.5),
        mechanism.draw_depth_by_form(mechanism.depth_by_form(happenings, HERE, CONFIDENCE), "en", "here", "elsewhere"),
        mechanism.draw_size_classes(mechanism.by_size_class(here, CONFIDENCE), "en"),
        mechanism.draw_years(mechanism.depth_by_year(here, CONFIDENCE)),
        bias.draw_surface(mechanism.bias_curve(*common), 0.5, 0.7, "no signed agreements"),
        operation.draw_estimates(drawn, "share", RULES["C3.1"], by_form["all"].reason, percent=True),
    ):
        assert_drawn(figure)


# Two coding passes


def passes_of(first: list[Any], second: list[Any], one_cluster: bool = False) -> coding.Coding:
    index = pd.Index([f"U{number}" for number in range(len(first))], dtype="str")
    kind = "Int64" if all(isinstance(value, int) for value in [*first, *second]) else "str"
    a, b = (pd.DataFrame({"x": pd.array(one, dtype=kind)}, index=index) for one in (first, second))
    return coding.Coding("provisions", a, b, pd.Series("c" if one_cluster else list(index), index=index, dtype="str"))


PASSES = {
    "no_units": passes_of([], []),
    "one_unit": passes_of([1], [1]),
    "one_unit_differs": passes_of([1], [0]),
    "two_units": passes_of([1, 0], [1, 1]),
    "all_equal": passes_of([1] * 9, [1] * 9),
    "single_cluster": passes_of([1, 1, 0, 0], [1, 0, 0, 0], one_cluster=True),
    "never_differ": passes_of([1, 0] * 5, [1, 0] * 5),
    "always_differ": passes_of([1, 0] * 5, [0, 1] * 5),
    "each_pass_one_value": passes_of([1] * 8, [0] * 8),
    "one_category": passes_of(["a"] * 5, ["a"] * 5),
    "two_categories_swapped": passes_of(["a", "b"], ["b", "a"]),
}


@pytest.mark.parametrize("case", PASSES)
def test_agreement_of_passes(case: str) -> None:
    pair = PASSES[case]
    found = coding.agreements(pair, CONFIDENCE, SEED)
    for name, estimate in found["x"].items():
        assert_stated(estimate, 0 if name in ("agreement", "prevalence") else -1, 1)
    summary = coding.summary(found).assign(label="name")
    assert coding.standing(found["x"]) in ("weak", "rare", "usable")
    assert not coding.readable(summary).astype(str).stack().str.contains("nan to").any()
    counts = coding.confusion(pair.first["x"], pair.second["x"])
    assert counts.to_numpy().sum() == len(pair.first)
    assert_drawn(coding.draw_agreement({"table": summary}))
    assert_drawn(coding.draw_confusions({"x": counts}))


def test_indicators_that_hang_on_a_pass(happenings: pd.DataFrame) -> None:
    indexed = happenings.set_index(happenings["rows"].str[0].rename("event_id"))
    indicators = coding.event_indicators(indexed)
    shares = coding.hanging(indicators, CONFIDENCE)
    for share in shares.values():
        assert_stated(share, 0, 1)
    assert len(coding.hanging_table(indicators, shares)) == len(shares)
    assert len(coding.codes_behind(indicators)) == sum(map(len, indicators.codes.values()))


# Estimates by themselves


SHARES = {
    "no_units": ([], []),
    "one_unit": ([1.0], ["a"]),
    "two_units": ([0.0, 1.0], ["a", "b"]),
    "two_units_half_marked": ([0.5, 0.5], ["a", "b"]),
    "all_equal": ([0.5] * 9, list("aabbccdde")),
    "single_cluster": ([0.0, 1.0, 0.5], ["a"] * 3),
    "share_zero": ([0.0] * 9, list("abcdefghi")),
    "share_one": ([1.0] * 9, list("aaabbbccc")),
    "separation": ([0.0] * 4 + [1.0] * 4, list("aaaabbbb")),
}


@pytest.mark.parametrize("case", SHARES)
def test_shares_with_clusters(case: str) -> None:
    marks, clusters = (pd.Series(part, dtype=kind) for part, kind in zip(SHARES[case], ("float", "str"), strict=True))
    assert_stated(statistics.cluster_share(marks, clusters, CONFIDENCE), 0, 1)
    coded = [pd.DataFrame({"mark": (marks > 0.4).astype(float)}), pd.DataFrame({"mark": (marks > 0.6).astype(float)})]
    for sensitivity, specificity in ((1.0, 1.0), (0.5, 1.0), (0.5, 0.95)):
        share = bias.corrected_shares(coded, 1, clusters, CONFIDENCE, [sensitivity], specificity)[sensitivity]
        assert_stated(share, 0, 1)
    assert 0.5 <= bias.tipping_sensitivity(coded, 1, clusters, CONFIDENCE, lambda share: share.value != 0.3) <= 1


@pytest.mark.parametrize("case", [case for case in SHARES if case != "no_units"])
def test_means_with_clusters(case: str) -> None:
    marks, clusters = (pd.Series(part, dtype=kind) for part, kind in zip(SHARES[case], ("float", "str"), strict=True))
    mean, low, high, n, _ = mechanism.clustered_mean(marks, clusters, CONFIDENCE)
    assert n == len(marks) and np.isnan(low) == np.isnan(high)
    assert np.isnan(low) or 0 <= low <= mean <= high


@pytest.mark.parametrize(("marked", "n"), [(0, 0), (0, 1), (1, 1), (1, 2), (0, 2), (2, 2), (0, 10**6), (10**6, 10**6)])
def test_shares_without_clusters(marked: int, n: int) -> None:
    low, high = statistics.wilson(marked, n, CONFIDENCE)
    assert 0 <= low < high <= 1
    assert low <= (marked / n if n else 0.5) <= high


@pytest.mark.parametrize(("share", "publishing"), [(0, 0), (1, 0), (0.5, 1), (0, 1), (1, 1)])
def test_bounds_of_silent_colleges(share: float, publishing: float) -> None:
    low, high = bias.manski_bounds(share, publishing)
    assert 0 <= low <= share * publishing + 1e-9 and low <= high <= 1


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [2.0, 2.0, 2.0]])
def test_a_bootstrap_without_width_has_no_interval(values: list[float]) -> None:
    assert statistics.percentile_interval(np.array(values), CONFIDENCE) is None


RATIOS = {
    "no_units": [],
    "one_unit": [(1, "s", "a", 2.0)],
    "one_unit_a_side": [(1, "s", "a", 2.0), (0, "s", "b", 1.0)],
    "two_units_a_side": [(1, "s", "a", 2.0), (1, "s", "b", 0.0), (0, "s", "c", 1.0), (0, "s", "d", 3.0)],
    "all_equal": [(side, "s", f"{side}{number}", 2.0) for side in (0, 1) for number in range(5)],
    "single_cluster": [(side, "s", str(side), float(number)) for side in (0, 1) for number in range(5)],
    "no_marks_on_one_side": [(side, "s", f"{side}{number}", 3.0 * side) for side in (0, 1) for number in range(5)],
    "strata_of_one_side_only": [(number % 2, str(number), str(number), 1.0) for number in range(6)],
    "one_mark_in_all": [(1, "s", "a", 1.0), *((0, "s", f"b{n}", float(n == 0)) for n in range(6)), (1, "s", "c", 0.0)],
}


@pytest.mark.parametrize("case", RATIOS)
def test_ratios_within_strata(case: str) -> None:
    frame = pd.DataFrame(RATIOS[case], columns=["side", "stratum", "cluster", "value"])
    frame = frame.astype({"side": int, "stratum": "str", "cluster": "str", "value": float})
    ratio = statistics.stratified_ratio(frame, "value", "side", ["stratum"], "cluster", CONFIDENCE, SEED, DRAWS)
    assert_stated(ratio, 0)


@pytest.mark.parametrize("case", RATIOS)
def test_slopes_within_groups(case: str) -> None:
    frame = pd.DataFrame(RATIOS[case], columns=["x", "group", "cluster", "y"])
    frame = frame.astype({"x": float, "group": "str", "cluster": "str", "y": float})
    assert_stated(statistics.within_slope(frame, "x", "y", "group", "cluster", CONFIDENCE))


# Policy documents, their dates, statutes


PARENT = "CN-2017-GBF95"
C1 = {name: RULES[name] for name in ("C1.1", "C1.2", "C1.3")}
RAW = (
    "provinces", "sources", "policies", "policy_parents", "policy_targets", "provision_documents", "provisions",
    "provisions_a", "provisions_b",
)  # fmt: skip


def document(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "policy_id": f"P{number:02}", "province_code": HERE, "level": "province", "date_issued": "2018-06",
        "date_kind": "issued", "theme": "integration", "parent_named": "yes", "n_quant_targets": 0,
        "excerpt_reaches": "measures", "source_id": "s", "title_zh": "文", "title_en": "text", **changed,
    }  # fmt: skip


def elsewhere(count: int, **changed: Any) -> list[dict[str, Any]]:
    return [document(50 + number, province_code=str(number + 31), **changed) for number in range(count)]


def policy_tables(rows: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """The real tables, cut down to two national documents, and these documents, which all answer the first."""
    data = tables.load(*RAW, root=ROOT)
    nation = [
        document(90 + place, policy_id=name, province_code="00", level="national", date_issued=date)
        for place, (name, date) in enumerate(((PARENT, "2017-12-05"), ("CN-2019-GF4", "2019-01-24")))
    ]
    policies = pd.DataFrame([*nation, *rows]).astype({"n_quant_targets": "Int64", "date_issued": "str"})
    links = [(row["policy_id"], PARENT, "yes") for row in rows if row["level"] == "province"]
    stating = [(row["policy_id"], 1, 5.0, 2025) for row in rows if row["n_quant_targets"]]
    made = {
        "policies": policies,
        "sources": pd.DataFrame({"source_id": ["s"], "official": ["yes"]}),
        "policy_parents": pd.DataFrame(links, columns=["policy_id", "parent_id", "main"], dtype="str"),
        "policy_targets": pd.DataFrame(stating, columns=["policy_id", "target_no", "value", "target_year"]).astype(
            {"policy_id": "str", "target_no": "Int64", "value": float, "target_year": "Int64"}
        ),
    }
    return {**data, **made}


DOCUMENTS = {
    "no_units": [],
    "one_unit": [document(1, n_quant_targets=2)],
    "two_units": [document(1), document(2, n_quant_targets=1)],
    "one_unit_against_one": [document(1, n_quant_targets=2), *elsewhere(1, n_quant_targets=1)],
    "all_equal": [*(document(number, n_quant_targets=2) for number in range(6)), *elsewhere(6, n_quant_targets=2)],
    "share_zero": [*(document(number) for number in range(6)), *elsewhere(6, n_quant_targets=1)],
    "share_one": [document(number, n_quant_targets=3) for number in range(12)],
    "no_targets_anywhere": [*(document(number) for number in range(4)), *elsewhere(4)],
    "targets_not_countable": [document(number, n_quant_targets=None) for number in range(4)],
    "strata_of_one_side_only": [document(1), *elsewhere(3, theme="teachers")],
    "undated": [document(1, date_issued=None), *elsewhere(3, date_issued=None)],
    "one_dated": [document(1), *elsewhere(3, date_issued=None)],
    "all_on_one_day": [document(1, date_issued="2018-06-01"), *elsewhere(4, date_issued="2018-06-01")],
    "all_on_day_0": [document(1, date_issued="2017-12-05"), *elsewhere(4, date_issued="2017-12-05")],
    "bounds_only": [document(1, date_kind="page_date"), *elsewhere(4, date_kind="page_date")],
    "the_slowest": [document(1, date_issued="2024-01-01"), *elsewhere(4)],
    "older_than_the_parent": [document(1, date_issued="2010"), *elsewhere(2, date_issued="2010")],
    "of_a_city_only": [document(1, level="city")],
}


@pytest.fixture(params=list(DOCUMENTS))
def policy_data(request: pytest.FixtureRequest) -> dict[str, pd.DataFrame]:
    return policy_tables(DOCUMENTS[request.param])


def test_indicators_on_documents(policy_data: dict[str, pd.DataFrame]) -> None:
    ranges = {"c1_1": (0, 1), "c1_2": (-1, 1), "c1_3": (0, inf)}
    for name, varied in transmission.variants(policy_data, HERE, CONFIDENCE, SEED, C1).items():
        for estimate in varied.values():
            assert_stated(estimate, *ranges[name])
    assert_stated(transmission.dated_target_share(policy_data, HERE, CONFIDENCE, C1["C1.1"]), 0, 1)
    assert_stated(transmission.any_target_share(policy_data, HERE, CONFIDENCE, C1["C1.1"]), 0, 1)
    assert_stated(transmission.others_share(policy_data, HERE, CONFIDENCE), 0, 1)
    assert_stated(transmission.promptness(policy_data, HERE, CONFIDENCE, C1["C1.2"]), -1, 1)
    assert_stated(transmission.target_rate_ratio(policy_data, HERE, CONFIDENCE, SEED, C1["C1.3"]), 0)
    bounds = transmission.uncounted_bounds(policy_data, HERE)
    assert bounds is None or 0 <= bounds[0] <= bounds[1] <= 1


def test_transposition_of_documents(policy_data: dict[str, pd.DataFrame]) -> None:
    answers = transmission.answers_flow(policy_data).frame
    places = transmission.parent_scores(answers, HERE)
    for estimate in transmission.place_estimates(places).values():
        assert estimate.value is not None or estimate.reason
    curves = transmission.transposition_curves(answers, CONFIDENCE, SEED, DRAWS)
    assert curves["cumulative"].between(0, 1).all() and (curves["low"] <= curves["high"]).all()
    medians = transmission.transposition_medians(answers, CONFIDENCE, SEED, DRAWS)
    assert (medians["median"] >= 0).all() and len(medians) == curves["parent_id"].nunique()
    ratios = transmission.weibull_ratios(answers, CONFIDENCE)
    assert (ratios["ratio"].isna() | (ratios["ratio"] > 0)).all()
    assert transmission.search_outcomes(policy_data)["dated"].sum() == len(answers)
    titles = dict.fromkeys(transmission.RISK_SET, "a national document")
    grid = transmission.answer_grid(policy_data, HERE, "en")
    assert len(grid) == 31 * len(transmission.RISK_SET)
    assert_drawn(transmission.draw_answers(grid, titles))
    assert_drawn(transmission.draw_curves(curves, places, titles, "here"))
    assert_drawn(transmission.draw_timeline(transmission.timeline(policy_data, HERE), "en"))
    assert transmission.document_counts(policy_data, HERE)["total"].sum() == (
        policy_data["policies"]["province_code"].eq(HERE).sum()
    )
    assert len(transmission.own_targets(policy_data, HERE)) <= len(policy_data["policy_targets"])


@pytest.mark.parametrize(
    ("lower", "upper"),
    [([3.0], [3.0]), ([0.0], [9.0]), ([5.0] * 4, [5.0] * 4), ([0.0, 0.0], [4.0, 4.0]), ([0.0] * 3, [1.0, 2.0, 3.0])],
)
def test_times_as_intervals(lower: list[float], upper: list[float]) -> None:
    innermost, mass = transmission.turnbull(np.array(lower), np.array(upper))
    assert mass.sum() == pytest.approx(1) and (innermost[:, 0] <= innermost[:, 1]).all()
    scores = transmission.gehan_scores(np.array(lower), np.array(upper))
    assert (np.abs(scores) <= 1).all() and scores.sum() == pytest.approx(0)


@pytest.mark.parametrize("kept", [0, 1, 2, 400])
def test_statutes(kept: int) -> None:
    data = policy_tables([])
    data["provisions"] = data["provisions"].head(kept)
    shares = transmission.concreteness(data)
    for estimate in transmission.statute_estimates(shares).values():
        assert estimate.value is not None and 0 <= estimate.value <= 1 or estimate.reason
    coverage = transmission.provision_coverage(data, HERE, {"R1": "policy"})
    for estimate in transmission.coverage_estimates(coverage).values():
        assert estimate.value is not None or estimate.reason
    assert len(transmission.fragments(data, HERE)) <= kept
    assert_drawn(transmission.draw_statutes(shares, HERE, "en"))
    pair = coding.pair(
        "provisions", data["provisions"], data["provisions_a"], data["provisions_b"], "unit_id", "document_id"
    )
    for share in coding.hanging(coding.article_indicators(pair), CONFIDENCE).values():
        assert_stated(share, 0, 1)


# Figures of teachers


FACTS = ["institution_id", "indicator", "fact_no", "value", "qualifier", "denominator", "source_id", "as_of"]


def share_fact(
    number: int, value: float, qualifier: str = "exact", teachers: float | None = 200.0
) -> list[tuple[Any, ...]]:
    college = f"I{number:02}"
    base = (college, "full_time_teachers", 1, teachers, "exact", None, "s", 2024)
    share = (college, "dual_qualified_share_pct", 1, value, qualifier, "full_time_teachers", "s", 2024)
    return [share, base] if teachers else [share]


def count_fact(number: int, value: float, teachers: float | None) -> list[tuple[Any, ...]]:
    college = f"I{number:02}"
    count = (college, "dual_qualified_teachers", 1, value, "exact", "full_time_teachers", "s", 2024)
    base = (college, "full_time_teachers", 1, teachers, "exact", None, "s", 2024)
    return [count, base] if teachers else [count]


TEACHERS: Mapping[str, list[list[tuple[Any, ...]]]] = {
    "no_units": [],
    "one_unit": [share_fact(1, 60)],
    "two_units": [share_fact(1, 60), share_fact(2, 80)],
    "five_units": [share_fact(number, 50 + 5 * number) for number in range(5)],
    "all_equal": [share_fact(number, 60) for number in range(8)],
    "share_zero": [share_fact(number, 0) for number in range(8)],
    "share_one": [share_fact(number, 100) for number in range(8)],
    "share_without_count": [share_fact(number, 40 + 5 * number, teachers=None) for number in range(8)],
    "count_without_teachers": [count_fact(number, 50, None) for number in range(8)],
    "more_than_all_teachers": [count_fact(number, 250, 200) for number in range(8)],
    "bounds_only": [share_fact(number, 60, "more_than") for number in range(8)],
    "bounds_both_ways": [share_fact(number, 60, ("more_than", "less_than")[number % 2]) for number in range(8)],
    "approximations_only": [share_fact(number, 99, "about") for number in range(8)],
    "one_teacher_each": [share_fact(number, 100 * (number % 2), teachers=1) for number in range(8)],
}


@pytest.fixture(params=list(TEACHERS))
def chosen(request: pytest.FixtureRequest) -> pd.DataFrame:
    facts = pd.DataFrame([row for college in TEACHERS[request.param] for row in college], columns=FACTS)
    text = ["institution_id", "indicator", "qualifier", "denominator", "source_id"]
    facts = facts.assign(identity_inferred="no").astype(
        {**dict.fromkeys(text, "str"), "value": float, "as_of": "Int64"}
    )
    colleges = pd.DataFrame({"institution_id": [f"I{n:02}" for n in range(20)], "province_code": HERE})
    sources = pd.DataFrame({"source_id": ["s"], "official": ["yes"]})
    found = operation.dual_qualified_facts(facts, colleges, sources)
    assert operation.share_flow(found, HERE)["rows_used"].iloc[-1] <= len(TEACHERS[request.param])
    varied = operation.pooled_variants(found.frame, "full_time_teachers", 20, CONFIDENCE, 2)
    for estimate in varied.values():
        assert_stated(estimate, 0, 1)
    return operation.one_per_college(operation.named_colleges(found.frame))


@pytest.mark.parametrize("listed", [0, 20])
def test_shares_of_teachers(chosen: pd.DataFrame, listed: int) -> None:
    base = "full_time_teachers"
    for denominator in operation.DENOMINATORS:
        assert_stated(operation.pooled_share(chosen, denominator, listed, CONFIDENCE, 2), 0, 1)
        for name, estimate in operation.describe_class(chosen, denominator, listed, CONFIDENCE).items():
            assert estimate.value is None or 0 <= estimate.value <= (inf if name == "_between_sd" else 1)
            assert estimate.value is not None or estimate.reason
    mean, spread = operation.random_effects(chosen, base, CONFIDENCE)
    assert_stated(mean, 0, 1)
    assert spread.value is None or spread.value >= 0
    for interval in (
        operation.prediction_interval(chosen, base, CONFIDENCE), operation.mean_bounds(chosen, base),
        operation.silent_bounds(chosen, base, listed),
    ):  # fmt: skip
        assert interval is None or 0 <= interval[0] <= interval[1] <= 1


def test_drawings_of_teachers(chosen: pd.DataFrame) -> None:
    names = pd.Series("a college", index=[f"I{n:02}" for n in range(20)])
    references = operation.national_references(tables.load("reference_shares")["reference_shares"])
    assert_drawn(operation.draw_shares(operation.shares_plot_data(chosen, names), references))
    assert len(operation.shares_table(chosen, names)) == len(chosen)


# Sectors


SECTORS = {
    "no_units": [],
    "one_unit": ["secondary"],
    "two_units": ["secondary", "tertiary"],
    "all_equal": ["tertiary"] * 25,
    "without_a_sector": [None] * 4,
}
ECONOMIES = {"as_usual": (0.1, 0.4, 0.5), "one_sector_empty": (0.0, 0.4, 0.6), "one_sector_only": (0.0, 0.0, 1.0)}


@pytest.mark.parametrize("economy", ECONOMIES)
@pytest.mark.parametrize("case", SECTORS)
def test_sectors_of_colleges(case: str, economy: str) -> None:
    sectors = pd.Series(SECTORS[case], dtype="str")
    ids = [f"I{number:02}" for number in range(len(sectors))]
    colleges = pd.DataFrame({"institution_id": ids, "province_code": HERE, "sector": sectors})
    gdp = pd.DataFrame([ECONOMIES[economy]], columns=["primary", "secondary", "tertiary"], index=[HERE]).assign(
        year=2024
    )
    for frame in (gdp, gdp.head(0)):
        assert_stated(operation.sector_fit(colleges, frame, HERE, CONFIDENCE, RULES["C3.2"]), -1, 1)
        index = operation.sector_index(colleges, frame, HERE)
        assert_drawn(operation.draw_sectors(operation.sector_table(colleges, frame, HERE), index["gdp_year"]))
    places = operation.all_provinces(colleges, gdp, tables.load("provinces")["provinces"], CONFIDENCE, RULES["C3.2"])
    assert set(operation.position(places, HERE, RULES["C3.2"]).values()) == {None}
    assert_drawn(operation.draw_tile_map(places, HERE, "en", RULES["C3.2"]))


# Works


def work(number: int, codes: set[str], codes_b: set[str] | None = None, **changed: Any) -> dict[str, Any]:
    held = {"a": codes, "b": codes if codes_b is None else codes_b}
    marked = {f"{code}_{one}": int(code in held[one]) for code in literature.CODES for one in "ab"}
    return {
        "work_id": f"L{number:02}", "year": 2010 + number, "study": False, "peripheral": "no", "language": "en",
        "work_type": "article", "level": "higher", "method": "theoretical", **marked, **changed,
    }  # fmt: skip


PAIR = {"p_rules", "r_policy"}
WORKS = {
    "no_units": [],
    "one_unit": [work(1, PAIR)],
    "two_units": [work(1, PAIR), work(2, {"p_faculty"})],
    "two_units_alike": [work(1, PAIR), work(2, PAIR)],
    "all_equal": [work(number, PAIR) for number in range(12)],
    "share_zero": [work(number, set()) for number in range(12)],
    "share_one": [work(number, set(literature.CODES)) for number in range(12)],
    "separation": [work(number, PAIR if number % 2 else set()) for number in range(12)],
    "one_cell_empty": [work(number, (PAIR, {"p_rules"}, set())[number % 3]) for number in range(12)],
    "separated_by_year": [work(number, PAIR if number > 5 else set()) for number in range(12)],
    "single_year": [work(number, PAIR if number % 2 else set(), year=2020) for number in range(12)],
    "without_a_year": [work(number, PAIR, year=None) for number in range(12)],
    "passes_never_agree": [work(number, PAIR, {"p_faculty"}) for number in range(12)],
    "peripheral_only": [work(number, PAIR, peripheral="yes") for number in range(12)],
}


@pytest.fixture(params=list(WORKS))
def works(request: pytest.FixtureRequest) -> pd.DataFrame:
    frame = pd.DataFrame(WORKS[request.param], columns=list(work(0, set())))
    marked = [f"{code}_{one}" for code in literature.CODES for one in "ab"]
    return frame.astype({**dict.fromkeys([*marked, "year"], "Int64"), "study": bool, "work_id": "str"})


def test_shares_and_trends_of_works(works: pd.DataFrame) -> None:
    for codes in (["p_rules"], ["p_rules", "r_policy"], list(literature.CODES)):
        assert_stated(literature.prevalence(works, codes, CONFIDENCE), 0, 1)
        for share in literature.variants(works, codes, CONFIDENCE).values():
            assert_stated(share, 0, 1)
        assert_stated(literature.trend(works, codes, CONFIDENCE, SEED), -100, 100)
    table = literature.prevalence_table(works, {"rules": ["p_rules"], "policy": ["r_policy"]}, CONFIDENCE)
    assert_drawn(literature.draw_prevalence(table, table))
    trends = {"C1": literature.trend(works, ["p_rules"], CONFIDENCE, SEED)}
    assert_drawn(figures.interval_plot(literature.trend_table(trends, {"C1": "rules"}), "points", thresholds=[0]))
    assert len(literature.variant_table({"C1": literature.variants(works, ["p_rules"], CONFIDENCE)})) == 1


def test_associations_of_works(works: pd.DataFrame) -> None:
    pairs = literature.associations(works, CONFIDENCE)
    for estimate in literature.answer_estimates(pairs, len(works)).values():
        assert_stated(estimate, 0)
    assert pairs[["p_a", "q_a", "p_b", "q_b"]].stack().between(0, 1).all()
    assert not literature.readable_pairs(literature.answers(pairs)).astype(str).stack().str.contains("nan").any()
    assert_drawn(literature.draw_associations(pairs))


@pytest.mark.parametrize(
    "table", [[[0, 0], [0, 0]], [[5, 0], [0, 5]], [[0, 5], [5, 0]], [[5, 5], [5, 0]], [[1, 0], [0, 0]]]
)
def test_fourfold_tables(table: list[list[int]]) -> None:
    ratio, low, high, p = literature.association(np.array(table), CONFIDENCE)
    assert 0 <= p <= 1
    assert np.isnan([ratio, low, high]).all() or 0 <= low <= ratio <= high


def test_saturation_of_works(works: pd.DataFrame) -> None:
    curve = literature.saturation(works, CONFIDENCE, SEED)
    assert len(curve) == len(works)
    for name in ("codes", "pairs"):
        assert (curve[f"{name}_low"] <= curve[f"{name}_high"]).all()
        until = literature.works_until(curve[name], 0.9)
        assert until is None or 1 <= until <= len(works)
    assert_drawn(literature.draw_saturation(curve))


def test_graph_of_works(works: pd.DataFrame) -> None:
    network = literature.graph(works)
    runs = literature.partitions(network, SEED)
    community = literature.communities(runs[0])
    assert len(community) == len(works)
    assert -1 <= literature.modularity(network, runs[0]) <= 1
    assert literature.stability(runs) == pytest.approx(1)
    names = literature.community_table(works, community)
    nodes = literature.graph_nodes(works, network, community).assign(url="https://example.org")
    assert np.isfinite(nodes[["x", "y"]].to_numpy(float)).all()
    assert_drawn(literature.draw_graph(nodes, network, names))


def test_composition_and_flow_of_works(works: pd.DataFrame) -> None:
    log = tables.load("search_log")["search_log"]
    steps = literature.flow(log, works, works)
    assert steps["n"].iloc[3] == len(works)
    assert_drawn(literature.draw_flow(steps))
    assert literature.composition(works)["works"].sum() == 4 * len(works)


# Checks beside the estimates


def test_checks_on_events(happenings: pd.DataFrame) -> None:
    reading = Reading(happenings)
    common = (reading, HERE, CONFIDENCE)
    printed = {
        "C2.1": mechanism.deep_share(*common, RULES["C2.1"]),
        "C2.2": mechanism.relative_depth(*common, RULES["C2.2"], SEED, DRAWS),
        "C5.1": mechanism.class_trend(*common, RULES["C5.1"], SEED, DRAWS),
        "C5.2": mechanism.joint_body_share(*common, RULES["C5.2"]),
    }
    assert_stated(mechanism.count_model(*common), 0)
    for dispersion in mechanism.dispersions(reading, HERE).values():
        assert dispersion.reason if dispersion.value is None else dispersion.value >= 0
    naive = mechanism.naive_estimates(printed, *common, RULES, SEED)
    for estimate in naive.values():
        assert_stated(estimate)
    assert len(mechanism.naive_table(printed, naive)) == 4
    assert_influence(mechanism.deletions(reading, HERE, CONFIDENCE, SEED))
    assert_influence(operation.curriculum_deletions(reading, HERE, CONFIDENCE))
    curve = operation.curriculum_curve(reading, HERE, CONFIDENCE)
    assert_drawn(bias.draw_surface(curve, 0.25, 0.7, "no bilateral events"))


def assert_influence(table: pd.DataFrame) -> None:
    for indicator, part in table.groupby("indicator"):
        found = diagnostics.influence(part.reset_index(drop=True), RULES[str(indicator)], {})
        assert found.changes is not None or found.reason
    assert_drawn(diagnostics.draw_influence(table, RULES, {}))


def test_checks_on_documents(policy_data: dict[str, pd.DataFrame]) -> None:
    answers = transmission.answers_flow(policy_data).frame
    titles = dict.fromkeys(transmission.RISK_SET, "a national document")
    fit = transmission.weibull_fit(answers, transmission.weibull_ratios(answers, CONFIDENCE))
    assert fit["distance"].between(0, 1).all()
    curves = transmission.transposition_curves(answers, CONFIDENCE, SEED, DRAWS)
    assert_drawn(transmission.draw_weibull(curves, fit, titles))
    curve = transmission.dated_target_curve(policy_data, HERE, CONFIDENCE)
    assert_drawn(bias.draw_surface(curve, 0.5, 0.7, "no documents"))
    assert_influence(transmission.deletions(policy_data, HERE, CONFIDENCE, SEED, C1))
    estimate = transmission.promptness(policy_data, HERE, CONFIDENCE, C1["C1.2"])
    null = transmission.null_scores(answers, HERE)
    assert_stated(power.with_rank_score(C1["C1.2"], estimate, null, CONFIDENCE), -1, 1)


def test_checks_on_teachers(chosen: pd.DataFrame) -> None:
    assert_stated(operation.small_studies(chosen, "full_time_teachers", CONFIDENCE))
    bases = {"C4.1": "full_time_teachers", "C4.2": "vocational_subject_teachers"}
    assert_influence(operation.teacher_deletions(chosen, CONFIDENCE, bases, RULES))


@pytest.mark.parametrize("case", RATIOS)
def test_counts_by_a_model(case: str) -> None:
    frame = pd.DataFrame(RATIOS[case], columns=["side", "stratum", "cluster", "value"])
    frame = frame.astype({"side": int, "stratum": "str", "cluster": "str", "value": float})
    assert_stated(regression.count_ratio(frame, "value", "side", ["stratum"], "cluster", CONFIDENCE), 0)
    for found in (
        regression.dispersion(frame, "value", "side", ["stratum"]),
        diagnostics.pearson_dispersion(frame["value"], [frame["stratum"], frame["side"]]),
    ):
        assert np.isnan(found) or found >= 0


STUDIES = {
    "two_studies": ([0.1, 0.4], [0.1, 0.2]),
    "all_equal": ([0.3] * 12, [0.1] * 12),
    "equal_effects": ([0.3] * 12, list(np.linspace(0.1, 1, 12))),
    "one_precise_study": ([0.3, 0.8, 0.9], [1e-9, 5.0, 5.0]),
}


@pytest.mark.parametrize("case", STUDIES)
def test_studies(case: str) -> None:
    effects, variances = map(np.array, STUDIES[case])
    for floor in (False, True):
        pooled = meta_analysis.pool(effects, variances, CONFIDENCE, floor=floor)
        assert pooled.interval[0] <= pooled.value <= pooled.interval[1]
        assert pooled.between_variance >= 0 and 0 <= pooled.i_squared <= 1
    assert_stated(meta_analysis.egger(effects, variances, CONFIDENCE))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_studies_are_refused_in_words(n: int) -> None:
    with pytest.raises(ValueError, match=f"pooling needs two studies or more and there are {n}"):
        meta_analysis.pool(np.full(n, 0.5), np.ones(n), CONFIDENCE)


@pytest.mark.parametrize(("marked", "n"), [(0, 5), (5, 5), (0, 1)])
def test_pooled_shares_of_zero_and_one(marked: int, n: int) -> None:
    pooled = meta_analysis.pool_shares(np.full(4, float(marked)), np.full(4, float(n)), CONFIDENCE)
    assert 0 < pooled.value < 1


# Verdicts


ESTIMATES = {
    "not_recorded": None,
    "no_value": Estimate.missing("share", 0, "no units", clusters=0),
    "one_unit": Estimate(1.0, (0.2, 1.0), 1, 1, 1.0),
    "no_interval": Estimate(0.4, None, 40, 20, 20.0, 40, 20, reason="no spread"),
    "share_zero": Estimate(0.0, (0.0, 0.2), 40, 20, 20.0, 40, 20),
    "share_one": Estimate(1.0, (0.8, 1.0), 40, 20, 20.0, 40, 20),
    "open_interval": Estimate(2.0, (1.5, inf), 40, 20, 20.0, 40, 20),
    "unbounded": Estimate(2.0, (-inf, inf), 40, 20, 20.0, 40, 20),
    "on_the_threshold": Estimate(0.5, (0.5, 0.5), 40, 20, 20.0, 40, 20),
}


@pytest.mark.parametrize("first", ["no_value", "no_interval", "one_unit", "share_zero", "share_one"])
@pytest.mark.parametrize("second", ["no_value", "share_zero", "share_one"])
def test_differences_of_shares(first: str, second: str) -> None:
    one, other = ESTIMATES[first], ESTIMATES[second]
    assert one and other
    assert_stated(differences.newcombe(one, other), -1, 1)


@pytest.mark.parametrize("case", ESTIMATES)
def test_grades_of_trust(case: str) -> None:
    for name, rule in RULES.items():
        grade, why = diagnostics.trust(rule, STUDY["methods"][name], ESTIMATES[case], STUDY["trust"], {})
        assert grade in diagnostics.GRADES and why.endswith(".") and "nan" not in why


@pytest.mark.parametrize("case", ESTIMATES)
def test_verdicts(case: str) -> None:
    estimate = ESTIMATES[case]
    estimates = {} if estimate is None else {rule["key"]: estimate for rule in RULES.values()}
    verdicts = joining.judge(STUDY, estimates)
    for claim in verdicts.values():
        for judged in claim["indicators"]:
            undecided = judged["verdict"] in (UNDECIDED, INSUFFICIENT)
            assert undecided == bool(judged["reason"])
    lacking, ways = (found(STUDY, verdicts, 0.95) for found in (gaps.indicator_gaps, gaps.claim_gaps))
    assert lacking["what_would_decide"].str.len().gt(0).all() and ways["what_would_decide"].str.len().gt(0).all()
    if estimate is None or estimate.value is None:
        assert {claim["verdict"] for claim in verdicts.values()} == {INSUFFICIENT}
    frame = joining.sensitivity(STUDY, estimates)
    for figure in (joining.draw_indicators(verdicts, STUDY), joining.draw_sensitivity(frame)):
        assert_drawn(figure)
    for rule in RULES.values():
        if estimate is not None:
            for found in (power.with_share(rule, estimate, CONFIDENCE), power.with_ratio(rule, estimate, CONFIDENCE)):
                assert found.value == estimate.value and found.reason == estimate.reason
    tables_shown = (
        joining.verdicts_table(verdicts), joining.estimates_table(STUDY, estimates), gaps.indicator_gaps_table(lacking)
    )  # fmt: skip
    assert all(len(table) for table in tables_shown[:2])


# What readers are told


MATRIX = (EVENTS, PASSES, SHARES, RATIOS, DOCUMENTS, TEACHERS, SECTORS, WORKS, STUDIES, ESTIMATES)


def told_cases() -> list[tuple[str, str]]:
    """Every case of docs/edge_cases.md with a test it names."""
    rows = (ROOT / "docs/edge_cases.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows if row.startswith("| ")][2:]
    return [(case, test) for case, _, tests in cells for test in re.findall("`([a-z0-9_]+)`", tests)]


def test_every_case_readers_are_told_of_names_tests_that_exist() -> None:
    sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests/unit").glob("test_*.py"))]
    there = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, flags=re.MULTILINE)}
    there |= {case for cases in MATRIX for case in cases}
    told = told_cases()
    assert len({case for case, _ in told}) >= 18
    assert [f"{case}: {test}" for case, test in told if test not in there] == []
