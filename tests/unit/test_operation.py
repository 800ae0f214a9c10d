"""Curriculum work, sectors against GDP, and dual-qualified teachers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.special import expit, logit
from statsmodels.stats.weightstats import DescrStatsW

from chanjiao import diagnostics, events, operation, sectors, tables
from chanjiao.claims import load_claims
from chanjiao.project import project_root

CONFIDENCE = 0.95
RAW = tables.load(
    "provinces", "sources", "institutions", "institution_profiles", "institution_facts", "cooperation", "cooperation_a",
    "cooperation_b", "province_statistics", "reference_shares",
)  # fmt: skip
CLAIMS = load_claims(project_root() / "claims.yaml")["claims"]
RULE = {**CLAIMS["C3"]["indicators"], **CLAIMS["C4"]["indicators"]}
CODED = [RAW[name] for name in ("cooperation", "cooperation_a", "cooperation_b", "sources")]
READING = events.Reading(events.events(*CODED))
COLLEGES = sectors.college_sectors(RAW["institutions"], sectors.sector_lexicon())
GDP = sectors.gdp_shares(RAW["province_statistics"])
PROVINCES = RAW["provinces"].loc[RAW["provinces"]["tile_row"].notna(), "province_code"].tolist()


# Curriculum work (C3.1)


def event_frame(forms, first, second, province="50"):
    size = len(forms)
    return pd.DataFrame(
        {
            "province_code": province, "form": forms, "form_b": forms, "page": [f"p{i}" for i in range(size)],
            "college": "c", "rows": [(f"E{i}",) for i in range(size)],
            "c_curriculum_a": first, "c_curriculum_b": second,
        }
    )  # fmt: skip


def test_only_bilateral_events_of_the_province_count():
    frame = event_frame(["order_class", "consortium", "donation", "other", "training_base"], [1, 1, 1, 1, 0], [1] * 5)
    frame = pd.concat([frame, event_frame(["order_class"], [0], [0], province="51")], ignore_index=True)
    share = operation.curriculum_share(events.Reading(frame), "50", CONFIDENCE, RULE["C3.1"])
    assert share.n == 2
    assert share.value == 0.75  # the second event has the mark in one pass of two
    assert share.rows == {"cooperation": ["E0", "E4"]}


def test_a_province_without_bilateral_events_says_what_there_is_and_what_the_rule_needs():
    frame = event_frame(["consortium"], [1], [1])
    share = operation.curriculum_share(events.Reading(frame), "50", CONFIDENCE, RULE["C3.1"])
    assert share.value is None
    assert share.reason == (
        "cooperation.csv has 1 events of province 50, 0 of them bilateral; the rule needs 20 on 10 pages"
    )


def test_marks_of_both_passes_are_rarer_than_those_of_either():
    for province in ("50", "51", "33", "44"):
        variants = operation.curriculum_variants(
            events.readings(READING.frame, events.events(*CODED, grouped=False)), province, CONFIDENCE, RULE["C3.1"]
        )
        mean = operation.curriculum_share(READING, province, CONFIDENCE, RULE["C3.1"]).value
        assert variants["both"].value <= mean <= variants["either"].value
        assert variants["dated"].n + variants["undated"].n == variants["college"].n


def test_a_verdict_that_does_not_stand_has_no_tipping_point():
    frame = event_frame(["order_class"] * 30, [1] * 15 + [0] * 15, [1] * 15 + [0] * 15)
    assert operation.curriculum_tipping(events.Reading(frame), "50", CONFIDENCE, RULE["C3.1"]) is None


def test_the_tipping_point_is_the_first_sensitivity_whose_interval_reaches_the_threshold():
    # 5 of 60 marked: by hand, the corrected share 5 / 60 / sensitivity has a Wilson upper limit of 0.25 at about 0.57.
    marks = [1] * 5 + [0] * 55
    frame = event_frame(["order_class"] * 60, marks, marks)
    tipping = operation.curriculum_tipping(events.Reading(frame), "50", CONFIDENCE, RULE["C3.1"])
    assert tipping == pytest.approx(0.57, abs=0.03)


def test_forms_add_up_to_all_bilateral_events():
    forms = operation.curriculum_by_form(READING, "50", CONFIDENCE)
    whole = operation.curriculum_share(READING, "50", CONFIDENCE, RULE["C3.1"])
    sizes = [share.n for share in forms.values()]
    assert sum(sizes) == whole.n
    assert sizes == sorted(sizes, reverse=True)
    assert sum(share.n * share.value for share in forms.values()) == pytest.approx(whole.n * whole.value)


# Sectors of colleges and of GDP (C3.2)


def colleges(primary, secondary, tertiary, unknown=0, province="50"):
    names = [*sectors.SECTORS, None]
    values = np.repeat(np.array(names, dtype=object), [primary, secondary, tertiary, unknown])
    frame = pd.DataFrame({"sector": values, "province_code": province})
    return frame.assign(institution_id=[f"{province}-{number}" for number in range(len(frame))])


EVEN = pd.DataFrame({"primary": [0.2], "secondary": [0.3], "tertiary": [0.5], "year": [2022]}, index=["50"])


def test_a_perfect_fit_lies_below_zero_by_what_chance_would_show():
    fit = operation.sector_fit(colleges(4, 6, 10, unknown=3), EVEN, "50", CONFIDENCE, RULE["C3.2"])
    parts = operation.sector_index(colleges(4, 6, 10, unknown=3), EVEN, "50")
    assert fit.n == 20
    assert parts["dissimilarity"] == pytest.approx(0)
    assert fit.value == pytest.approx(-parts["dissimilarity_by_chance"])
    assert parts["perfect_fit_p"] == pytest.approx(1)


def test_the_location_quotient_is_the_share_of_colleges_over_the_share_of_gdp():
    table = operation.sector_table(colleges(0, 12, 8), EVEN, "50")
    assert table["colleges"].tolist() == [0, 12, 8]
    assert table["location_quotient"].tolist() == pytest.approx([0, 2, 0.8])


def test_a_province_without_classified_colleges_or_gdp_says_which_table_lacks_what():
    nameless = operation.sector_fit(colleges(0, 0, 0, unknown=2), EVEN, "50", CONFIDENCE, RULE["C3.2"])
    assert nameless.reason == (
        "institutions.csv has 2 colleges of province 50, 0 of them with a sector in the name; the rule needs 20"
    )
    no_gdp = operation.sector_fit(colleges(1, 1, 1, province="99"), EVEN, "99", CONFIDENCE, RULE["C3.2"])
    assert no_gdp.reason.startswith("province_statistics.csv has 0 years")


def test_all_provinces_have_a_tile_and_an_estimate_and_are_ranked_from_the_worst_fit():
    places = operation.all_provinces(COLLEGES, GDP, RAW["provinces"], CONFIDENCE, RULE["C3.2"])
    assert sorted(places["province_code"]) == sorted(PROVINCES)
    assert places["value"].is_monotonic_decreasing
    assert (places["low"] <= places["value"]).all()
    assert (places["value"] <= places["high"]).all()
    place = operation.position(places, "50", RULE["C3.2"])
    ranked = places[places["n"] >= 20]
    assert place["sector_provinces"] == len(ranked)
    assert ranked["province_code"].iloc[place["sector_rank"] - 1] == "50"


def test_a_province_with_too_few_colleges_has_no_rank():
    places = operation.all_provinces(COLLEGES, GDP, RAW["provinces"], CONFIDENCE, RULE["C3.2"])
    assert set(operation.position(places, "54", RULE["C3.2"]).values()) == {None}


def test_the_variants_of_the_sectors_are_the_alternative_sector_and_official_sources():
    variants = operation.sector_variants(
        RAW["institutions"], RAW["sources"], sectors.sector_lexicon(), GDP, "50", CONFIDENCE, RULE["C3.2"]
    )
    assert set(variants) == {"alternative_sector", "official"}
    assert variants["alternative_sector"].value is not None
    assert variants["official"].value is not None or variants["official"].reason


# One dual-qualified share per college (C4)

INSTITUTIONS = pd.DataFrame({"institution_id": ["A", "B", "C"], "province_code": ["50", "50", "51"]})
SOURCES = pd.DataFrame({"source_id": ["gov", "blog", "press"], "official": ["yes", "no", "no"]})
SHARE, COUNT, FULL_TIME = "dual_qualified_share_pct", "dual_qualified_teachers", "full_time_teachers"


def facts(*rows):
    """Facts from (institution, indicator, value, qualifier, denominator, as_of, source) and optionally `inferred`."""
    names = ["institution_id", "indicator", "value", "qualifier", "denominator", "as_of", "source_id"]
    frame = pd.DataFrame([row[:7] for row in rows], columns=names)
    frame["as_of"] = frame["as_of"].astype("Int64")
    frame["value"] = frame["value"].astype(float)
    frame["identity_inferred"] = ["yes" if row[7:] else "no" for row in rows]
    return frame.assign(fact_no=range(1, len(rows) + 1))


def candidates(*rows):
    return operation.dual_qualified_facts(facts(*rows), INSTITUTIONS, SOURCES).frame


def chosen(*rows, **options):
    return operation.one_per_college(operation.named_colleges(candidates(*rows)), **options).set_index("institution_id")


def share_of(source="blog", value=60.0, qualifier="exact", base="unstated", year=None, college="A"):
    return (college, SHARE, value, qualifier, base, year, source)


def test_a_count_becomes_a_share_only_with_the_full_time_teachers_of_its_page_and_date():
    same = candidates(("A", COUNT, 50, "exact", "full_time_teachers", 2020, "blog"),
                      ("A", FULL_TIME, 200, "exact", None, 2020, "blog"))  # fmt: skip
    assert same["share"].tolist() == [0.25]
    assert same["teachers"].tolist() == [200]
    other_page = candidates(("A", COUNT, 50, "exact", "full_time_teachers", 2020, "blog"),
                            ("A", FULL_TIME, 200, "exact", None, 2020, "press"))  # fmt: skip
    other_date = candidates(("A", COUNT, 50, "exact", "full_time_teachers", 2020, "blog"),
                            ("A", FULL_TIME, 200, "exact", None, 2019, "blog"))  # fmt: skip
    assert other_page.empty
    assert other_date.empty


def test_an_undated_count_meets_the_undated_number_of_teachers_on_its_page():
    same = candidates(("A", COUNT, 50, "exact", "unstated", None, "blog"),
                      ("A", FULL_TIME, 200, "exact", None, None, "blog"))  # fmt: skip
    assert same["share"].tolist() == [0.25]
    assert same["denominator"].tolist() == ["unstated"]
    assert same["fact_keys"].tolist() == [[["A", COUNT, "1"], ["A", FULL_TIME, "2"]]]


def test_a_count_among_all_teachers_or_above_the_full_time_ones_is_no_share():
    rows = [
        ("A", COUNT, 50, "exact", "all_teachers", 2020, "blog"),
        ("A", FULL_TIME, 200, "exact", None, 2020, "blog"),
        ("B", COUNT, 300, "exact", "unstated", 2020, "blog"),
        ("B", FULL_TIME, 200, "exact", None, 2020, "blog"),
    ]
    assert candidates(*rows).empty


@pytest.mark.parametrize(
    ("qualifier", "low", "high"),
    [("exact", 0.6, 0.6), ("more_than", 0.6, 1.0), ("less_than", 0.0, 0.6), ("about", 0.55, 0.65)],
)
def test_a_bound_allows_the_range_that_its_words_allow(qualifier, low, high):
    row = candidates(share_of(qualifier=qualifier)).iloc[0]
    assert (row["low"], row["share"], row["high"]) == pytest.approx((low, 0.6, high))


def test_an_official_page_comes_before_a_better_denominator_and_a_newer_date():
    rows = [share_of("gov", 50), share_of("blog", 60, base="full_time_teachers", year=2024)]
    assert chosen(*rows).loc["A", "share"] == 0.5


def test_among_equal_pages_full_time_comes_first_then_the_newest_then_exact_then_the_median():
    full = {"base": "full_time_teachers"}
    rows = [share_of(value=90, year=2025), share_of(value=50, year=2020, **full), share_of(value=70, year=2010, **full)]
    assert chosen(*rows).loc["A", "share"] == 0.5
    rows = [share_of(value=70, year=2020, qualifier="more_than", **full), *rows]
    assert chosen(*rows).loc["A", "share"] == 0.5
    rows = [share_of(value=60, year=2020, **full), share_of(value=80, year=2020, **full), *rows]
    assert chosen(*rows).loc["A", "share"] == 0.6


def test_the_newest_figure_comes_first_where_asked_for():
    rows = [share_of("gov", 50, year=2019), share_of("blog", 60, year=2024)]
    assert chosen(*rows, order=operation.NEWEST_FIRST).loc["A", "share"] == 0.6


def test_a_stated_denominator_comes_before_an_unstated_one_so_that_classes_never_mix():
    rows = [share_of(value=50), share_of(value=80, base="vocational_subject_teachers")]
    assert chosen(*rows).loc["A", "denominator"] == "vocational_subject_teachers"
    assert chosen(*rows).loc["A", "share"] == 0.8


def test_an_inferred_identity_is_left_out_and_comes_after_a_named_page_when_let_in():
    inferred, named = (*share_of("gov", 90), "inferred"), share_of("blog", 50)
    assert chosen(inferred).empty
    both = operation.one_per_college(candidates(inferred, named))
    assert both["share"].tolist() == [0.5]


share_rows = st.lists(
    st.builds(
        share_of,
        st.sampled_from(["gov", "blog", "press"]),
        st.integers(1, 99).map(float),
        st.sampled_from(["exact", "more_than", "less_than", "about"]),
        st.sampled_from(operation.DENOMINATORS),
        st.sampled_from([None, 2019, 2024]),
        st.sampled_from(["A", "B", "C"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(share_rows, st.randoms())
def test_the_order_of_the_rows_never_changes_the_choice(rows, random):
    numbered = facts(*rows)
    shuffled = numbered.sample(frac=1, random_state=random.randrange(1000))
    first, second = (
        operation.one_per_college(operation.dual_qualified_facts(frame, INSTITUTIONS, SOURCES).frame)
        for frame in (numbered, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)
    assert first["institution_id"].is_unique
    assert (first["low"] <= first["share"]).all()
    assert (first["share"] <= first["high"]).all()


# Pooling


def shares(values, low=None, high=None, base="full_time_teachers", teachers=np.nan):
    frame = pd.DataFrame({"share": values, "low": low or values, "high": high or values, "denominator": base})
    return frame.assign(teachers=teachers, fact_keys=[[["A", SHARE, str(i)]] for i in range(len(frame))])


FIVE = [0.40, 0.55, 0.60, 0.70, 0.75]


def test_the_pooled_share_is_the_mean_with_students_t_interval():
    pooled = operation.pooled_share(shares(FIVE), "full_time_teachers", 50, CONFIDENCE)
    # By hand: mean 0.6, standard deviation 0.13693, t with 4 degrees of freedom 2.776.
    assert pooled.value == pytest.approx(0.6)
    assert pooled.interval == pytest.approx((0.6 - 2.776 * 0.13693 / 5**0.5, 0.6 + 2.776 * 0.13693 / 5**0.5), abs=1e-4)
    assert pooled.interval == pytest.approx(DescrStatsW(FIVE).tconfint_mean())
    assert pooled.publishing == 0.1


def test_bounds_widen_the_interval_to_what_they_allow():
    exact = operation.pooled_share(shares(FIVE), "full_time_teachers", 50, CONFIDENCE)
    bound = operation.pooled_share(shares(FIVE, high=[*FIVE[:4], 1.0]), "full_time_teachers", 50, CONFIDENCE)
    assert bound.interval[0] == exact.interval[0]
    assert bound.interval[1] > exact.interval[1]


def test_another_denominator_is_never_pooled():
    both = pd.concat([shares(FIVE), shares([0.99] * 9, base="unstated")])
    pooled = operation.pooled_share(both, "full_time_teachers", 50, CONFIDENCE)
    assert (pooled.n, pooled.value) == (5, pytest.approx(0.6))


def test_below_the_minimum_the_pooled_share_is_missing_and_says_so():
    pooled = operation.pooled_share(shares(FIVE), "full_time_teachers", 50, CONFIDENCE, minimum=10)
    assert (pooled.value, pooled.n, pooled.publishing) == (None, 5, 0.1)
    assert pooled.reason == (
        "institution_facts.csv has a dual-qualified share with the denominator full_time_teachers for 5 of 50 "
        "colleges; this figure needs 10"
    )


def test_a_further_college_is_less_certain_than_the_mean():
    low, high = operation.prediction_interval(shares(FIVE), "full_time_teachers", CONFIDENCE)
    reach = 2.776 * 0.13693 * (1 + 1 / 5) ** 0.5
    assert (low, high) == pytest.approx((0.6 - reach, min(1, 0.6 + reach)), abs=1e-4)
    assert operation.prediction_interval(shares(FIVE[:4]), "full_time_teachers", CONFIDENCE) is None


def test_silent_colleges_leave_manskis_bounds():
    # Manski 1990: half of the colleges publish, mean 0.6; the others may all have 0 or all have 1.
    assert operation.silent_bounds(shares(FIVE), "full_time_teachers", 10) == pytest.approx((0.3, 0.8))
    assert operation.silent_bounds(shares(FIVE), "unstated", 10) == (0, 1)
    assert operation.silent_bounds(shares([]), "unstated", 0) is None


def test_equal_precision_makes_the_random_effects_mean_the_plain_mean_of_the_logits():
    # Hartung and Knapp's interval with equal weights is Student's; 0.3 and 0.7 have the same binomial variance.
    values = [0.3, 0.7, 0.3, 0.7, 0.7]
    mean, _ = operation.random_effects(shares(values, teachers=400.0), "full_time_teachers", CONFIDENCE)
    logits = logit(np.array(values))
    assert mean.value == pytest.approx(expit(logits.mean()))
    assert mean.interval == pytest.approx(expit(DescrStatsW(logits).tconfint_mean()), abs=1e-6)


def test_the_spread_between_colleges_is_that_of_their_logits():
    # With numbers this large a share is known exactly, so that nothing but the spread between colleges is left.
    mean, spread = operation.random_effects(shares(FIVE, teachers=1e9), "full_time_teachers", CONFIDENCE)
    assert (mean.unit, spread.unit, spread.n) == ("share", "logit", 5)
    assert spread.value == pytest.approx(np.std(logit(np.array(FIVE)), ddof=1), rel=1e-6)


def test_a_college_without_or_with_only_dual_qualified_teachers_is_pooled_too():
    mean, _ = operation.random_effects(shares([0.0, 0.5, 1.0], teachers=50.0), "full_time_teachers", CONFIDENCE)
    assert mean.value == pytest.approx(0.5)
    assert 0 < mean.interval[0] < mean.interval[1] < 1


def test_fewer_than_three_exact_shares_have_no_random_effects_mean():
    for missing in operation.random_effects(shares(FIVE[:2], teachers=90.0), "full_time_teachers", CONFIDENCE):
        assert missing.value is None and "for 2 colleges; this figure needs 3" in missing.reason


def test_a_class_with_few_colleges_still_prints_its_worst_case():
    described = operation.describe_class(shares(FIVE[:2]), "full_time_teachers", 10, CONFIDENCE)
    assert described[""].value is None
    assert described["_low_end"].reason
    assert (described["_list_low"].value, described["_list_high"].value) == pytest.approx((0.095, 0.895))
    full = operation.describe_class(shares(FIVE), "full_time_teachers", 10, CONFIDENCE)
    assert set(full) == set(described)
    assert full["_low_end"].value == full["_high_end"].value == pytest.approx(0.6)


# National references


def test_relays_of_one_statement_count_once_and_keep_their_denominators():
    references = operation.national_references(RAW["reference_shares"])
    assert not references.duplicated(["denominator", "year"]).any()
    assert references["denominator"].isin(operation.DENOMINATORS).all()
    printed = operation.references_table(RAW["reference_shares"])
    assert not printed.duplicated().any()


# Real data, every province


@pytest.mark.parametrize("province", [*PROVINCES, "00"])
def test_every_province_gets_an_estimate_or_a_reason_that_names_a_table(province):
    flow = operation.dual_qualified_facts(RAW["institution_facts"], RAW["institutions"], RAW["sources"])
    listed = operation.in_province(RAW["institutions"], province)
    own = operation.in_province(flow.frame, province)
    picked = operation.one_per_college(operation.named_colleges(own))
    estimates = [
        operation.curriculum_share(READING, province, CONFIDENCE, RULE["C3.1"]),
        operation.sector_fit(COLLEGES, GDP, province, CONFIDENCE, RULE["C3.2"]),
        *operation.pooled_variants(own, "full_time_teachers", len(listed), CONFIDENCE, 10).values(),
        *operation.describe_class(picked, "unstated", len(listed), CONFIDENCE).values(),
    ]
    for estimate in estimates:
        assert estimate.reason is not None if estimate.value is None else np.isfinite(estimate.value)
        assert estimate.value is not None or ".csv has" in estimate.reason or not len(listed)


def test_every_row_behind_a_pooled_share_is_a_fact_of_the_table():
    flow = operation.dual_qualified_facts(RAW["institution_facts"], RAW["institutions"], RAW["sources"])
    picked = operation.one_per_college(operation.named_colleges(flow.frame))
    keys = RAW["institution_facts"][["institution_id", "indicator", "fact_no"]].astype("str")
    known = set(keys.itertuples(index=False, name=None))
    for base in operation.DENOMINATORS:
        rows = operation.pooled_share(picked, base, 100, CONFIDENCE).rows["institution_facts"]
        assert {tuple(row) for row in rows} <= known


def test_the_account_of_the_facts_loses_no_row():
    flow = operation.dual_qualified_facts(RAW["institution_facts"], RAW["institutions"], RAW["sources"])
    account = operation.share_flow(flow, "50")
    assert (account["rows_in"] - account["dropped"] == account["rows_used"]).all()
    assert account["rows_used"].shift(1).iloc[1:].tolist() == account["rows_in"].iloc[1:].tolist()
    picked = operation.in_province(operation.one_per_college(operation.named_colleges(flow.frame)), "50")
    assert account["rows_used"].iloc[-1] == len(picked)


# Drawings


def texts(figure):
    return " ".join(text.get_text() for axis in figure.axes for text in axis.texts)


def test_english_names_stand_where_a_profile_has_one():
    names = operation.college_names(RAW["institutions"], RAW["institution_profiles"], "en")
    assert names["GD-01"] == "Shenzhen Polytechnic University"
    assert operation.college_names(RAW["institutions"], RAW["institution_profiles"], "zh")["GD-01"] != names["GD-01"]
    assert names.notna().all()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_tile_map_names_every_province_and_frames_one(language):
    places = operation.all_provinces(COLLEGES, GDP, RAW["provinces"], CONFIDENCE, RULE["C3.2"])
    figure = operation.draw_tile_map(places, "50", language, RULE["C3.2"])
    assert ("Chongqing" if language == "en" else "重庆") in texts(figure)
    assert len(figure.axes[0].patches) == len(PROVINCES)
    marked = operation.provinces_plot(places, "50", language)
    assert (marked["colour"] == "orange").sum() == 1


def test_a_drawing_without_data_says_why():
    empty = operation.one_per_college(candidates())
    names = pd.Series(dtype="str")
    figure = operation.draw_shares(operation.shares_plot_data(empty, names), pd.DataFrame(columns=["denominator"]))
    assert "No data: institution_facts.csv" in texts(figure)
    assert operation.shares_table(empty, names).empty
    assert "No data" in texts(operation.draw_sectors(operation.sector_table(colleges(0, 0, 0), EVEN, "50"), None))
    lacking = operation.curriculum_share(READING, "00", CONFIDENCE, RULE["C3.1"])
    drawn = operation.estimates_plot({"all": lacking})
    assert "cooperation.csv" in texts(operation.draw_estimates(drawn, "share", RULE["C3.1"], lacking.reason))


def test_a_bound_is_drawn_as_an_arrow_and_a_reference_only_with_its_own_denominator():
    rows = [share_of(value=60, qualifier="more_than", base="full_time_teachers"), share_of(value=70, college="B")]
    picked = operation.one_per_college(candidates(*rows))
    drawn = operation.shares_plot_data(picked, pd.Series({"A": "甲学院", "B": "乙学院"}))
    figure = operation.draw_shares(drawn, operation.national_references(RAW["reference_shares"]))
    assert isinstance(figure, Figure)
    full_time, unstated = figure.axes
    assert "nation" in " ".join(text.get_text() for text in full_time.texts)
    assert "nation" not in " ".join(text.get_text() for text in unstated.texts)
    assert sum(text.arrow_patch is not None for text in full_time.texts) == 1
    assert sum(text.arrow_patch is not None for text in unstated.texts) == 0


def test_the_sectors_figure_shows_the_year_of_the_gdp_shares():
    figure = operation.draw_sectors(operation.sector_table(COLLEGES, GDP, "50"), int(GDP.loc["50", "year"]))
    assert f"GDP {int(GDP.loc['50', 'year'])}" in texts(figure)


def test_thresholds_are_those_of_the_rule():
    assert operation.thresholds(RULE["C3.1"]) == [0.25, 0.5]
    assert operation.thresholds(RULE["C3.2"]) == [0.1]


BASES = {"C4.1": "full_time_teachers", "C4.2": "vocational_subject_teachers"}


def named_shares(values):
    return shares(values).assign(institution_id=[f"CQ-{i:02d}" for i in range(len(values))])


def test_deleting_a_college_depends_on_its_sector_alone():
    given_gdp = pd.DataFrame({"primary": [0.1], "secondary": [0.4], "tertiary": [0.5]}, index=["50"])
    listed = colleges(3, 8, 14)
    table = operation.sector_deletions(listed, given_gdp, "50", CONFIDENCE, RULE["C3.2"])
    left = table[table["deleted"] == "colleges"]
    assert len(left) == 25
    assert left["value"].nunique() == 3
    one = operation.sector_fit(listed.iloc[1:], given_gdp, "50", CONFIDENCE, RULE["C3.2"])
    row = left[left["cluster"] == listed["institution_id"].iloc[0]].iloc[0]
    assert (row["value"], row["low"], row["high"]) == pytest.approx((one.value, *one.interval))


def test_curriculum_deletions_leave_out_pages_and_colleges():
    reading = events.Reading(event_frame(["order_class"] * 4, [1, 0, 0, 1], [1, 0, 0, 0]))
    table = operation.curriculum_deletions(reading, "50", CONFIDENCE)
    assert table["value"].iloc[0] == pytest.approx(3 / 8)
    pages = table[table["deleted"] == "pages"]
    assert pages["value"].tolist() == pytest.approx([1 / 6, 1 / 2, 1 / 2, 1 / 3])


def test_teachers_are_left_out_only_where_the_rule_has_enough_colleges():
    few = operation.teacher_deletions(named_shares([0.5] * 9), CONFIDENCE, BASES, RULE)
    assert few["value"].isna().all() and len(few) == 2
    many = operation.teacher_deletions(named_shares(np.linspace(0.3, 0.8, 11)), CONFIDENCE, BASES, RULE)
    left = many[many["deleted"] == "colleges"]
    assert len(left) == 11
    assert left["value"].min() == pytest.approx(np.linspace(0.3, 0.75, 10).mean())


def test_small_faculties_are_tested_from_ten_colleges_on():
    for n in (0, 1, 9):
        few = operation.small_studies(shares([0.5] * n, teachers=100.0), "full_time_teachers", CONFIDENCE)
        assert few.value is None and "needs 10" in few.reason
    size = np.linspace(20, 600, 12)
    flattering = shares(expit(0.2 + 30 / size + np.tile([0.1, -0.1], 6)), teachers=size)
    found = operation.small_studies(flattering, "full_time_teachers", CONFIDENCE)
    assert found.value > 0 and found.p_value < 0.05
    alike = shares(expit(0.2 + np.tile([0.1, -0.1], 6)), teachers=size)
    assert operation.small_studies(alike, "full_time_teachers", CONFIDENCE).p_value > 0.2


def test_the_corrected_curve_starts_at_the_share_and_is_empty_without_events():
    reading = events.Reading(event_frame(["order_class"] * 4, [1, 0, 0, 1], [1, 0, 0, 0]))
    curve = operation.curriculum_curve(reading, "50", CONFIDENCE)
    assert curve["value"].iloc[0] == pytest.approx(3 / 8)
    assert operation.curriculum_curve(reading, "51", CONFIDENCE).empty


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("province", ["50", "51", "32", "54"])
def test_deletions_of_every_province_can_be_drawn(province):
    parts = [
        operation.curriculum_deletions(READING, province, CONFIDENCE),
        operation.sector_deletions(COLLEGES, GDP, province, CONFIDENCE, RULE["C3.2"]),
        operation.teacher_deletions(named_shares([]), CONFIDENCE, BASES, RULE),
    ]
    table = pd.concat(parts, ignore_index=True)
    diagnostics.draw_influence(table, RULE, {}).draw_without_rendering()
    for name, own in RULE.items():
        diagnostics.influence(table[table["indicator"] == name], own, {})
