"""The way of national policy into a province: dates as intervals, scores, targets, statutes."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.fitters.npmle import npmle
from matplotlib.figure import Figure
from pandas.testing import assert_frame_equal
from scipy.stats import mannwhitneyu

from chanjiao import claims, diagnostics, tables, transmission

ROOT = Path(__file__).parents[2]
RULES = claims.load_claims(ROOT / "claims.yaml")
C1 = RULES["claims"]["C1"]["indicators"]
PARENT, OTHER_PARENT = "CN-2017-GBF95", "CN-2019-GF4"
NAMES = (
    "provinces", "sources", "policies", "policy_parents", "policy_targets",
    "provision_documents", "provisions", "provisions_a", "provisions_b",
)  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return tables.load(*NAMES, root=ROOT)


def policies(*rows):
    """Documents as (policy_id, province_code, date_issued, further columns); own level and official by default."""
    standard = {
        "level": "province", "date_kind": "issued", "theme": "integration", "parent_named": "yes",
        "n_quant_targets": 0, "excerpt_reaches": "measures", "source_id": "s", "title_zh": "文", "title_en": "text",
    }  # fmt: skip
    frame = pd.DataFrame(
        [
            {**standard, "policy_id": key, "province_code": code, "date_issued": date, **more}
            for key, code, date, more in rows
        ]
    )
    return frame.astype({"n_quant_targets": "Int64"})


def study(rows, links=(), targets=()):
    """Tables with two national parents, published on 2017-12-05 and 2019-01-24, and the given documents."""
    nation = [
        (PARENT, "00", "2017-12-05", {"level": "national"}),
        (OTHER_PARENT, "00", "2019-01-24", {"level": "national"}),
    ]
    return {
        "policies": policies(*nation, *rows),
        "sources": pd.DataFrame({"source_id": ["s", "w"], "official": ["yes", "no"]}),
        "policy_parents": pd.DataFrame(links, columns=["policy_id", "parent_id", "main"]),
        "policy_targets": pd.DataFrame(targets, columns=["policy_id", "value", "target_year"]),
        "provinces": pd.DataFrame({"province_code": ["50", "51"], "region": ["west", "west"]}),
    }


def timed(*rows):
    """First answers as (parent, province, lower, upper)."""
    frame = pd.DataFrame(rows, columns=["parent_id", "province_code", "lower", "upper"])
    return frame.assign(policy_id=frame["province_code"] + "-" + frame["parent_id"])


# C1.1


def test_only_a_target_with_value_and_year_marks_a_document():
    documents = [(key, "50", None, {"n_quant_targets": 1}) for key in ("with-year", "without-year")]
    targets = [("with-year", 3.0, 2025), ("without-year", 3.0, None)]
    own = study([*documents, ("none", "50", None, {})], targets=targets)
    share = transmission.dated_target_share(own, "50", 0.95, C1["C1.1"])
    assert share.value == pytest.approx(1 / 3)
    assert share.rows == {"policies": ["with-year", "without-year", "none"]}
    assert transmission.any_target_share(own, "50", 0.95, C1["C1.1"]).value == pytest.approx(2 / 3)


def test_documents_of_cities_other_provinces_and_unread_ones_are_dropped_with_account():
    rows = [
        ("own", "50", None, {}),
        ("city", "50", None, {"level": "city"}),
        ("elsewhere", "51", None, {}),
        ("unread", "50", None, {"excerpt_reaches": "preamble"}),
        ("uncounted", "50", None, {"n_quant_targets": None}),
    ]
    flow = transmission.own_flow(study(rows), "50")
    assert flow.frame["policy_id"].tolist() == ["own"]
    assert flow.account()["dropped"].tolist() == [0, 3, 1, 1, 1]


def test_uncounted_documents_bound_the_share():
    rows = [
        ("states", "50", None, {"n_quant_targets": 1}),
        ("states-none", "50", None, {}),
        ("hidden", "50", None, {"n_quant_targets": None}),
    ]
    bounds = transmission.uncounted_bounds(study(rows, targets=[("states", 1.0, 2025)]), "50")
    assert bounds == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert transmission.uncounted_bounds(study(rows), "51") is None


def test_the_other_provinces_are_read_to_the_same_depth_and_clustered_by_province():
    rows = [
        ("own", "50", None, {}),
        ("states", "51", None, {}),
        ("states-none", "51", None, {}),
        ("skills", "33", None, {"theme": "skills"}),
        ("unread", "33", None, {"excerpt_reaches": "preamble"}),
        ("city", "44", None, {"level": "city"}),
    ]
    tables = study(rows, targets=[("states", 1.0, 2025), ("own", 1.0, 2025)])
    others = transmission.others_share(tables, "50", 0.95)
    assert (others.value, others.n, others.clusters) == (pytest.approx(1 / 3), 3, 2)
    alike = transmission.others_share(tables, "50", 0.95, "themes")
    assert (alike.value, alike.n, alike.clusters) == (0.5, 2, 1)


def test_a_variant_of_c1_1_keeps_its_own_documents():
    rows = [
        ("integration", "50", None, {}),
        ("skills", "50", None, {"theme": "skills"}),
        ("uncounted", "50", None, {"n_quant_targets": None}),
    ]
    tables = study(rows, targets=[("skills", 1.0, 2025)])
    themes, uncounted = (
        transmission.dated_target_share(tables, "50", 0.95, C1["C1.1"], variant) for variant in ("themes", "uncounted")
    )
    assert (themes.value, themes.n) == (0, 1)
    assert (uncounted.value, uncounted.n) == (pytest.approx(1 / 3), 3)
    # An uncounted document states no target at all, with or without a year; two choices can be made at once.
    loose = transmission.any_target_share(tables, "50", 0.95, C1["C1.1"], "uncounted")
    assert (loose.value, loose.n) == (pytest.approx(1 / 3), 3)
    both = transmission.dated_target_share(tables, "50", 0.95, C1["C1.1"], "themes", "uncounted")
    assert (both.value, both.n) == (0, 2)


def test_interval_of_the_share_is_wilsons():
    # Newcombe 1998, table I: 15 of 148 gives 0.0624 to 0.1605.
    rows = [(f"d{number:03}", "50", None, {}) for number in range(148)]
    targets = [(f"d{number:03}", 1.0, 2025) for number in range(15)]
    share = transmission.dated_target_share(study(rows, targets=targets), "50", 0.95, C1["C1.1"])
    assert share.interval == (pytest.approx(0.0624, abs=5e-5), pytest.approx(0.1605, abs=5e-5))
    assert (share.n, share.clusters, share.effective_n) == (148, 148, 148)


def test_a_verdict_of_thinness_carries_the_sensitivity_at_which_it_falls():
    rows = [(f"d{number}", "50", None, {}) for number in range(40)]
    few = study(rows, targets=[(f"d{number}", 1.0, 2025) for number in range(12)])
    most = study(rows, targets=[(f"d{number}", 1.0, 2025) for number in range(36)])
    # 12 of 40 have an upper bound of 0.45; at a sensitivity of 0.5 the corrected share is 0.6.
    assert 0.5 < transmission.dated_target_share(few, "50", 0.95, C1["C1.1"]).tipping < 1
    assert transmission.dated_target_share(most, "50", 0.95, C1["C1.1"]).tipping is None


def test_official_variant_drops_weak_sources():
    rows = [("strong", "50", None, {}), ("weak", "50", None, {"source_id": "w"})]
    share = transmission.dated_target_share(study(rows), "50", 0.95, C1["C1.1"], "official")
    assert share.rows == {"policies": ["strong"]}


# C1.3


def test_rate_ratio_compares_within_theme_and_depth_of_reading():
    own = [(f"o{number}", "50", None, {"n_quant_targets": 4}) for number in range(10)]
    other = [(f"x{number}", "51", None, {"n_quant_targets": 2}) for number in range(10)]
    lone = [("lone", "50", None, {"n_quant_targets": 99, "theme": "finance"})]
    ratio = transmission.target_rate_ratio(study(own + other + lone), "50", 0.95, 1, C1["C1.3"])
    assert ratio.value == pytest.approx(2)
    assert (ratio.n, ratio.n_other, ratio.unit) == (10, 10, "rate ratio")
    assert "lone" not in ratio.rows["policies"]


def test_rate_ratio_without_comparable_documents_says_what_the_rule_needs():
    ratio = transmission.target_rate_ratio(study([("o", "50", None, {})]), "50", 0.95, 1, C1["C1.3"])
    assert ratio.value is None
    assert "policies.csv has 0 comparable documents of the province and 0" in ratio.reason


# Dates and first answers


@pytest.mark.parametrize(
    ("date", "lower", "upper"), [("2018", 27, 391), ("2018-02", 58, 85), ("2018-02-22", 79, 79), ("2017-12-05", 0, 0)]
)
def test_a_year_or_month_is_the_interval_of_its_days(date, lower, upper):
    days = transmission.days_after(pd.Series([date]), pd.Series(["2017-12-05"]))
    assert days.loc[0].tolist() == [lower, upper]


def answer(rows, links, variant=""):
    frame = transmission.answers_flow(study(rows, links), variant).frame
    return frame.set_index(["parent_id", "province_code"])[["policy_id", "lower", "upper"]]


def test_intervals_are_cut_at_the_day_of_the_parent():
    found = answer([("a", "50", "2017", {})], [("a", PARENT, "yes")])
    assert found.loc[(PARENT, "50")].tolist() == ["a", 0, 26]


def test_a_document_older_than_its_parent_is_dropped():
    assert answer([("a", "50", "2016", {})], [("a", PARENT, "yes")]).empty


def test_a_page_date_is_an_upper_bound_unless_taken_as_the_day():
    rows, links = [("a", "50", "2018-02-22", {"date_kind": "page_date"})], [("a", PARENT, "yes")]
    assert answer(rows, links).loc[(PARENT, "50"), "lower"] == 0
    assert answer(rows, links, "page_dates").loc[(PARENT, "50"), "lower"] == 79


def test_a_document_that_names_its_parent_goes_before_an_earlier_title_match():
    rows = [("named", "50", "2018-06-01", {}), ("title", "50", "2018-02-01", {"parent_named": "not_visible"})]
    links = [("named", PARENT, "yes"), ("title", PARENT, "yes")]
    assert answer(rows, links).loc[(PARENT, "50"), "policy_id"] == "named"
    assert answer(rows[1:], links[1:]).loc[(PARENT, "50"), "policy_id"] == "title"


def test_a_document_answers_only_its_main_parent_and_only_as_its_province():
    rows = [("a", "50", "2019-06-01", {}), ("city", "51", "2018-06-01", {"level": "city"})]
    links = [("a", PARENT, "no"), ("a", OTHER_PARENT, "yes"), ("city", PARENT, "yes")]
    assert answer(rows, links).index.tolist() == [(OTHER_PARENT, "50")]


def test_the_first_of_several_answers_came_by_the_earliest_last_day():
    rows = [("year", "50", "2018", {}), ("day", "50", "2018-05-26", {}), ("later", "50", "2020", {})]
    found = answer(rows, [(key, PARENT, "yes") for key in ("year", "day", "later")])
    assert found.loc[(PARENT, "50")].tolist() == ["day", 27, 172]


def test_an_undated_answer_is_found_but_missing_in_the_comparison():
    own = study([("a", "50", None, {}), ("b", "51", "2018", {})], [("a", PARENT, "yes"), ("b", PARENT, "yes")])
    outcome = transmission.search_outcomes(own).set_index("parent_id").loc[PARENT]
    assert outcome.tolist() == [2, 1, 0]
    assert transmission.promptness(own, "50", 0.95, C1["C1.2"]).value is None


# C1.2


@given(st.lists(st.integers(0, 50), min_size=4, max_size=12))
def test_gehan_scores_of_known_days_are_the_mann_whitney_statistic(days):
    times, first = np.array(days, float), len(days) // 2
    score = (transmission.gehan_scores(times, times) * (len(times) - 1))[:first].sum()
    u = mannwhitneyu(times[:first], times[first:], method="asymptotic").statistic
    assert score == pytest.approx(2 * u - first * (len(times) - first))


intervals = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 400)), min_size=2, max_size=10)


@given(intervals)
def test_gehan_scores_lie_within_one_and_turn_with_time(pairs):
    lower = np.array([first for first, _ in pairs], float)
    upper = lower + [width for _, width in pairs]
    scores = transmission.gehan_scores(lower, upper)
    assert np.abs(scores).max() <= 1
    assert transmission.gehan_scores(-upper, -lower) == pytest.approx(-scores)


def test_permutations_enumerate_every_combination():
    null = transmission.mean_permutations([np.array([-1.0, 1.0]), np.array([-1.0, 0.0, 1.0])])
    assert null.tolist() == [-1, -0.5, 0, 0, 0.5, 1]


def test_the_fastest_of_five_has_the_smallest_exact_p_value():
    answers = timed(*[(PARENT, str(code), code, code) for code in range(50, 55)])
    score = transmission.rank_score(answers, "50", 0.95, C1["C1.2"])
    assert (score.value, score.n, score.clusters) == (-1, 4, 1)
    assert score.p_value == pytest.approx(2 / 5)
    assert score.interval == (-1, 0)


def test_the_score_is_the_mean_over_the_parents_answered():
    first = [(PARENT, "50", 0, 10), (PARENT, "51", 20, 30), (PARENT, "52", 5, 40)]
    second = [(OTHER_PARENT, "50", 9, 9), (OTHER_PARENT, "53", 1, 1)]
    score = transmission.rank_score(timed(*first, *second), "50", 0.95, C1["C1.2"])
    assert score.value == pytest.approx((-0.5 + 1) / 2)
    assert (score.n, score.clusters) == (3, 2)


def test_parents_the_province_did_not_answer_change_nothing():
    answers = timed(*[(PARENT, str(code), code, code + 3) for code in range(50, 60)])
    more = pd.concat([answers, timed((OTHER_PARENT, "55", 1, 1), (OTHER_PARENT, "56", 2, 2))])
    alone, beside = (transmission.rank_score(frame, "50", 0.9, C1["C1.2"]) for frame in (answers, more))
    assert alone == beside


def test_the_interval_excludes_zero_only_if_the_exact_test_rejects():
    answers = timed(*[(PARENT, f"{code}", code, code) for code in range(11, 51)])
    for code in ("11", "12", "30", "49", "50"):
        score = transmission.rank_score(answers, code, 0.95, C1["C1.2"])
        assert (score.interval[0] > 0 or score.interval[1] < 0) == (score.p_value <= 0.05)


@settings(max_examples=40)
@given(intervals)
def test_every_reading_of_the_dates_lies_between_earliest_and_latest(pairs):
    answers = timed(*[(PARENT, f"{50 + place}", low, low + width) for place, (low, width) in enumerate(pairs)])
    scores = [
        transmission.rank_score(frame, "50", 0.95, C1["C1.2"]).value
        for frame in (
            transmission.shifted(answers, "50", "earliest"),
            answers,
            transmission.shifted(answers, "50", "latest"),
        )
    ]
    assert scores == sorted(scores)


def test_places_give_the_ranks_that_are_possible():
    answers = timed((PARENT, "50", 10, 20), (PARENT, "51", 1, 5), (PARENT, "52", 15, 30), (PARENT, "53", 40, 40))
    places = transmission.parent_scores(answers, "50").set_index("parent_id")
    assert places.loc[PARENT, ["dated", "rank_first", "rank_last"]].tolist() == [4, 2, 3]
    estimates = transmission.place_estimates(places.reset_index())
    assert estimates["cn_2017_gbf95_days_last"].value == 20
    assert estimates["cn_2019_gf4_score"].value is None


# Turnbull and the accelerated failure time model


def test_turnbull_agrees_with_lifelines_on_the_answers_of_the_provinces(data):
    for _, group in transmission.answers_flow(data).frame.groupby("parent_id"):
        lower, upper = group["lower"].to_numpy(), group["upper"].to_numpy()
        innermost, mass = transmission.turnbull(lower, upper)
        expected, where = npmle(lower, upper, tol=1e-9)
        assert innermost.tolist() == [[one.left, one.right] for one in where]
        assert mass[0] == pytest.approx(expected, abs=2e-3)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=15))
def test_turnbull_of_known_days_is_the_empirical_distribution(days):
    times = np.array(days, float)
    innermost, mass = transmission.turnbull(times, times)
    assert innermost[:, 0].tolist() == sorted(set(days))
    assert mass[0] == pytest.approx([np.mean(times == day) for day in innermost[:, 0]])


def test_turnbull_takes_a_weight_for_a_repetition():
    lower, upper = np.array([0.0, 5.0, 8.0]), np.array([6.0, 9.0, 8.0])
    repeated = transmission.turnbull(np.append(lower, 8.0), np.append(upper, 8.0))[1]
    assert transmission.turnbull(lower, upper, np.array([[1.0, 1.0, 2.0]]))[1] == pytest.approx(repeated, abs=1e-4)


@pytest.mark.parametrize(("lower", "upper"), [(-1.0, 3.0), (4.0, 3.0)])
def test_turnbull_refuses_impossible_times(lower, upper):
    with pytest.raises(ValueError, match="cut it at day 0"):
        transmission.turnbull(np.array([lower]), np.array([upper]))


def test_the_median_is_the_day_by_which_half_had_answered():
    answers = timed(*[(PARENT, str(code), day, day) for code, day in zip(range(50, 54), (10, 20, 30, 40), strict=True)])
    medians = transmission.transposition_medians(answers, 0.95, 1, draws=200)
    assert medians.loc[0, ["n", "median"]].tolist() == [4, 20]
    assert medians.loc[0, "low"] == 10 and medians.loc[0, "high"] >= 30


def test_bootstrap_bounds_contain_the_curve(data):
    curves = transmission.transposition_curves(transmission.answers_flow(data).frame, 0.95, 1, draws=500)
    assert (curves["low"] <= curves["cumulative"]).all() and (curves["cumulative"] <= curves["high"]).all()
    assert curves.groupby("parent_id")["mass"].sum().to_numpy() == pytest.approx(1, abs=1e-3)


def test_weibull_ratio_is_two_where_every_time_doubles():
    days = [20.0, 45.0, 60.0, 90.0, 150.0, 210.0]
    once = [(PARENT, str(code), day, day + 3) for code, day in enumerate(days)]
    twice = [(OTHER_PARENT, str(code), 2 * day, 2 * day + 6) for code, day in enumerate(days)]
    ratios = transmission.weibull_ratios(timed(*once, *twice), 0.95)
    assert ratios["ratio"].tolist() == pytest.approx([1, 2], rel=1e-3)
    assert ratios["median"][1] / ratios["median"][0] == pytest.approx(2, rel=1e-3)
    assert ratios["low"][1] < 2 < ratios["high"][1]


# Statutes


def statutes():
    """The 1996 and 2022 laws, a complete statute of 50 from 2010, an older one of 51, and a fragment of 50."""
    rows = [
        ("LAW-1996", "00", "national", "1996-05-15", "1996-09-01", "complete"),
        ("LAW-2022", "00", "national", "2022-04-20", "2022-05-01", "complete"),
        ("OWN", "50", "city", "2010", None, "complete"),
        ("OLD", "51", "province", "1995-01-01", None, "complete"),
        ("PART", "50", "province", "2024-01-01", None, "fragments"),
    ]
    columns = ["document_id", "province_code", "level", "date_adopted", "date_in_force", "coverage"]
    documents = pd.DataFrame(rows, columns=columns).assign(source_id="s", title_zh="法", title_en="law")
    units = [
        (f"{key}-{number}", key, "Teachers train in enterprises")
        for key in documents["document_id"]
        for number in (1, 2)
    ]
    provisions = pd.DataFrame(units, columns=["unit_id", "document_id", "gloss_en"]).assign(source_id="s")
    codes = pd.DataFrame({"unit_id": provisions["unit_id"], "relevance": 1, "modality": "must"})
    codes = codes.assign(**dict.fromkeys(transmission.CONCRETE, 0))
    second = codes.assign(s_number=provisions["document_id"].eq("OWN").astype(int))
    return {"provision_documents": documents, "provisions": provisions, "provisions_a": codes, "provisions_b": second}


def test_a_statute_is_compared_with_the_law_in_force_when_it_was_adopted():
    shares = transmission.concreteness(statutes()).set_index("document_id")
    assert shares.loc["OWN", "law_id"] == "LAW-1996"
    assert shares.loc[["OLD", "LAW-1996", "LAW-2022"], "law_id"].isna().all()
    assert transmission.law_in_force(statutes()["provision_documents"], "2022-05-01") == "LAW-2022"


def test_concreteness_is_the_mean_of_both_passes_and_leaves_fragments_out():
    shares = transmission.concreteness(statutes()).set_index("document_id")
    assert shares.loc["OWN", ["n", "number", "sanction"]].tolist() == [2, 0.5, 0]
    assert "PART" not in shares.index
    assert transmission.fragments(statutes(), "50")[["document_id", "n", "relevant"]].values.tolist() == [
        ["PART", 2, 2]
    ]


def test_articles_that_declare_or_are_not_relevant_are_not_operative():
    tables_ = statutes()
    tables_["provisions_a"].loc[tables_["provisions_a"]["unit_id"].eq("OWN-1"), "modality"] = "declare"
    tables_["provisions_a"].loc[tables_["provisions_a"]["unit_id"].eq("OWN-2"), "relevance"] = 0
    own = transmission.concreteness(tables_).set_index("document_id").loc["OWN"]
    assert own["n"] == 0
    assert transmission.statute_estimates(transmission.concreteness(tables_))["own_number"].reason is not None
    assert transmission.concreteness(tables_, "b").set_index("document_id").loc["OWN", "n"] == 2


def test_coverage_counts_matching_articles_of_the_newest_law_and_the_own_statutes():
    coverage = transmission.provision_coverage(statutes(), "50", {"R4": "TEACHER|mentor", "T1": "digital"})
    assert coverage["n"].tolist() == [4, 4] and coverage["found"].tolist() == [4, 0]
    assert coverage["unit_ids"][0] == ["LAW-2022-1", "LAW-2022-2", "OWN-1", "OWN-2"]
    assert coverage["fragments"].tolist() == [2, 0]
    assert transmission.coverage_estimates(coverage)["coverage_r4"].value == 1


# Real data


def test_every_province_runs_through_without_a_warning(data):
    codes = data["provinces"].loc[data["provinces"]["region"].notna(), "province_code"]
    assert len(codes) == 31
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Libraries announce changes to come; a kernel does not show these.
        warnings.simplefilter("ignore", DeprecationWarning)
        for code in codes:
            _check_estimates(data, code)


def _check_estimates(data, code):
    printed = {
        "c1_1": transmission.dated_target_share(data, code, 0.95, C1["C1.1"]),
        "c1_2": transmission.promptness(data, code, 0.95, C1["C1.2"]),
    }
    varied = transmission.variants(data, code, 0.95, 1, C1)
    for estimate in [*printed.values(), *(one for group in varied.values() for one in group.values())]:
        assert (estimate.value is None or estimate.interval is None) == (estimate.reason is not None)
        assert estimate.interval is None or estimate.interval[0] <= estimate.value <= estimate.interval[1]
    if printed["c1_2"].value is not None:
        ends = [varied["c1_2"][end].value for end in ("earliest", "latest")]
        assert ends[0] <= printed["c1_2"].value <= ends[1]


def test_names_of_the_variants_are_those_of_the_claims_file(data):
    known = {*RULES["sensitivity"], *C1["C1.2"]["holds_under"]}
    for group in transmission.variants(data, "50", 0.95, 1, C1).values():
        assert set(group) <= known


def test_rows_in_another_order_change_no_estimate(data):
    shuffled = {name: frame.sample(frac=1, random_state=7) for name, frame in data.items()}
    for code in ("50", "41"):
        for indicator in (transmission.dated_target_share, transmission.promptness):
            rule = C1["C1.1" if indicator is transmission.dated_target_share else "C1.2"]
            one, two = indicator(data, code, 0.95, rule), indicator(shuffled, code, 0.95, rule)
            assert (one.value, one.interval, one.n) == (two.value, two.interval, two.n)


def test_an_added_province_without_rows_leaves_the_others_alone(data):
    empty = data["provinces"].tail(1).assign(province_code="99")
    more = {**data, "provinces": pd.concat([data["provinces"], empty])}
    assert transmission.promptness(data, "50", 0.95, C1["C1.2"]) == transmission.promptness(
        more, "50", 0.95, C1["C1.2"]
    )


def test_articles_keep_their_number_and_every_statute_its_marks(data):
    frame = transmission.articles(data)
    assert len(frame) == len(data["provisions"])
    shares = transmission.concreteness(data)
    assert shares[list(transmission.CONCRETE.values())].stack().between(0, 1).all()
    assert shares["n"].sum() == len(transmission.articles_flow(data).frame)


def test_own_targets_are_those_of_the_own_level(data):
    targets = transmission.own_targets(data, "50")
    levels = data["policies"].set_index("policy_id").loc[targets["policy_id"], ["level", "province_code"]]
    assert set(map(tuple, levels.to_numpy())) == {("province", "50")}
    assert transmission.document_counts(data, "50")["total"].sum() == data["policies"]["province_code"].eq("50").sum()


def test_timeline_holds_each_dated_document_once(data):
    dated = transmission.timeline(data, "50")
    assert not dated["policy_id"].duplicated().any()
    assert (dated["first"] <= dated["last"]).all()


@pytest.mark.parametrize("code", ["50", "33", "65"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_figure_is_drawn_also_without_rows(data, code, language):
    answers = transmission.answers_flow(data).frame
    titles = data["policies"].set_index("policy_id")[f"title_{language}"]
    curves = transmission.transposition_curves(answers, 0.95, 1, draws=50)
    drawn = [
        transmission.draw_answers(transmission.answer_grid(data, code, language), titles),
        transmission.draw_curves(curves, transmission.parent_scores(answers, code), titles, "name"),
        transmission.draw_statutes(transmission.concreteness(data), code, language),
        transmission.draw_timeline(transmission.timeline(data, code), language),
    ]
    assert all(isinstance(figure, Figure) and figure.axes for figure in drawn)


def test_the_grid_shows_every_province_under_every_parent(data):
    grid = transmission.answer_grid(data, "50", "en")
    assert len(grid) == 31 * len(transmission.RISK_SET)
    outcomes = transmission.search_outcomes(data).set_index("parent_id")
    counted = pd.crosstab(grid["parent_id"], grid["status"])
    assert counted["dated"].tolist() == outcomes["dated"].tolist()
    assert counted["not found"].tolist() == outcomes["not_found"].tolist()


def test_lines_of_a_missing_estimate_have_no_place():
    missing = transmission.Estimate.missing("share", 0, "none")
    lines = transmission.interval_lines({"a": missing}, highlighted="a")
    expected = pd.DataFrame(
        {"label": ["a"], "value": [np.nan], "low": [np.nan], "high": [np.nan], "n": [0], "colour": ["orange"]}
    )
    assert_frame_equal(lines, expected)


@pytest.fixture(scope="module")
def rules():
    return claims.load_claims(Path(__file__).parents[2] / "claims.yaml")["claims"]["C1"]["indicators"]


def test_deletions_begin_with_the_printed_values(data, rules):
    table = transmission.deletions(data, "50", 0.95, 1, rules)
    whole = table[table["deleted"] == "nothing"].set_index("indicator")["value"]
    assert whole["C1.1"] == transmission.dated_target_share(data, "50", 0.95, rules["C1.1"]).value
    assert whole["C1.2"] == transmission.promptness(data, "50", 0.95, rules["C1.2"]).value
    assert whole["C1.3"] == pytest.approx(transmission.target_rate_ratio(data, "50", 0.95, 1, rules["C1.3"]).value)


def test_a_national_document_left_out_leaves_the_score_of_the_others(data, rules):
    table = transmission.deletions(data, "50", 0.95, 1, rules)
    parents = table[table["deleted"] == "national documents"]
    answers = transmission.answers_flow(data).frame
    for row in parents.to_dict("records"):
        rest = answers[answers["parent_id"] != row["cluster"]]
        assert row["value"] == transmission.rank_score(rest, "50", 0.95, rules["C1.2"]).value


def test_the_province_itself_is_never_left_out(data, rules):
    table = transmission.deletions(data, "50", 0.95, 1, rules)
    others = table[table["deleted"] == "other provinces"]
    assert "50" not in set(others["cluster"])
    assert len(others) == transmission.promptness(data, "50", 0.95, rules["C1.2"]).n


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("code", ["50", "51", "32", "54", "65"])
def test_deletions_of_every_province_can_be_drawn(data, rules, code):
    table = transmission.deletions(data, code, 0.95, 1, rules)
    diagnostics.draw_influence(table, rules, {}).draw_without_rendering()
    for name, rule in rules.items():
        diagnostics.influence(table[table["indicator"] == name], rule, {})


def test_the_corrected_curve_starts_at_the_share(data, rules):
    curve = transmission.dated_target_curve(data, "50", 0.95)
    assert curve["value"].iloc[0] == transmission.dated_target_share(data, "50", 0.95, rules["C1.1"]).value
    assert transmission.dated_target_curve(data, "54", 0.95).empty


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_weibull_model_is_held_against_turnbulls_estimate(data):
    answers = transmission.answers_flow(data).frame
    fit = transmission.weibull_fit(answers, transmission.weibull_ratios(answers, 0.95))
    assert fit["distance"].between(0, 1).all()
    curves = transmission.transposition_curves(answers, 0.95, 1, 20)
    figure = transmission.draw_weibull(curves, fit, {parent: parent for parent in fit["parent_id"]})
    assert [axis.get_title(loc="left") for axis in figure.axes] == list(fit["parent_id"])
