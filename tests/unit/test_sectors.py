"""Sectors of colleges from their names, and their distance from the sectors of GDP."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial

from chanjiao import sectors, tables
from chanjiao.statistics import Estimate

CHONGQING = np.array([0.07, 0.40, 0.53])
LEXICON = sectors.sector_lexicon()


def sector_of(name, **options):
    return sectors.classify_names(pd.Series([name]), LEXICON, **options)["sector"][0]


# The lexicon


def test_every_term_of_the_lexicon_has_a_known_sector_and_occurs_once():
    assert LEXICON["term_zh"].is_unique
    assert set(LEXICON["sector"]) == {*sectors.SECTORS, "none"}
    assert set(LEXICON["alternative_sector"].dropna()) <= {*sectors.SECTORS, "none"}


def test_every_arguable_term_says_why_and_changes_its_sector():
    arguable = LEXICON[LEXICON["alternative_sector"].notna()]
    assert arguable["note"].notna().all()
    assert (arguable["alternative_sector"] != arguable["sector"]).all()


def test_every_coded_main_sector_of_the_data_has_an_entry():
    field = next(f for f in tables.schema("institution_profiles")["fields"] if f["name"] == "main_sector")
    codes = sectors.main_sector_codes()
    assert sorted(field["constraints"]["enum"]) == codes["main_sector"].tolist()
    assert set(codes["sector"].dropna()) <= set(sectors.SECTORS)


@pytest.mark.parametrize(
    ("name", "sector"),
    [
        ("重庆工业职业技术大学", "secondary"),
        ("重庆艺术工程职业学院", "tertiary"),  # the first trade decides
        ("黑龙江农业工程职业技术大学", "primary"),
        ("湖南石油化工职业技术学院", "secondary"),
        ("安徽电子信息职业技术学院", "tertiary"),  # the longest term decides
        ("四川电子机械职业技术学院", "secondary"),
        ("苏州工业园区服务外包职业学院", "tertiary"),  # a place hides the term inside it
    ],
)
def test_a_name_stands_for_the_sector_of_its_first_and_longest_term(name, sector):
    assert sector_of(name) == sector


@pytest.mark.parametrize(
    "name", ["重庆三峡职业学院", "北京经济技术职业学院", "苏州工业园区职业技术学院", "重庆科技职业学院"]
)
def test_a_name_without_a_trade_has_no_sector(name):
    assert pd.isna(sector_of(name))


def test_only_arguable_names_change_with_the_alternative_sector():
    assert sector_of("重庆工商职业学院", alternative=True) == "secondary"
    assert pd.isna(sector_of("四川工程职业技术大学", alternative=True))
    assert sector_of("重庆旅游职业学院", alternative=True) == sector_of("重庆旅游职业学院")


def test_the_lexicon_in_print_holds_every_term():
    printed = ", ".join(sectors.lexicon_table(LEXICON)["Terms"])
    assert {term.split(" ")[0] for term in printed.split(", ")} == set(LEXICON["term_zh"])


# Agreement with the codes


def check_of(counts):
    """A check frame with the given counts, sectors by lexicon x coded sectors."""
    pairs = [
        (first, second)
        for first, row in zip(sectors.SECTORS, counts, strict=True)
        for second, number in zip(sectors.SECTORS, row, strict=True)
        for _ in range(number)
    ]
    frame = pd.DataFrame(pairs, columns=["lexicon", "coded"])
    return frame.assign(institution_id=[f"X-{number}" for number in range(len(frame))])


def test_kappa_is_that_of_the_textbook():
    # Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (3rd ed.), table 18.1: kappa 0.68, se 0.087.
    agreement, kappa = sectors.sector_agreement(check_of([[75, 1, 4], [5, 4, 1], [0, 0, 10]]), 0.95)
    assert agreement.value == 0.89
    assert kappa.value == pytest.approx(0.676, abs=0.001)
    assert (kappa.interval[1] - kappa.interval[0]) / 2 / 1.96 == pytest.approx(0.087, abs=0.001)


def test_perfect_agreement_has_kappa_one_and_no_interval():
    kappa = sectors.sector_agreement(check_of([[2, 0, 0], [0, 3, 0], [0, 0, 4]]), 0.95)[1]
    assert (kappa.value, kappa.interval, kappa.n) == (1.0, None, 9)


def test_agreement_without_colleges_is_missing_with_a_reason():
    agreement, kappa = sectors.sector_agreement(check_of([[0, 0, 0]] * 3), 0.95)
    assert agreement.value is None
    assert "institution_profiles.csv has 0 colleges" in kappa.reason


def test_the_check_compares_each_coded_profile_with_its_name():
    colleges = pd.DataFrame({"institution_id": ["A-01", "A-02"], "name_zh": ["甲旅游学院", "甲学院"]})
    colleges = sectors.college_sectors(colleges, LEXICON)
    profiles = pd.DataFrame({"institution_id": ["A-02", "A-01"], "main_sector": ["multi", "tourism"]})
    check = sectors.sector_check(profiles, colleges, sectors.main_sector_codes())
    assert check[["lexicon", "coded"]].to_numpy().tolist() == [
        ["tertiary", "tertiary"],
        [sectors.UNCLASSIFIED, sectors.UNCLASSIFIED],
    ]
    assert sectors.sector_confusion(check).to_numpy().sum() == 2


# GDP and programmes


def test_gdp_shares_are_those_of_the_newest_complete_year_and_add_up_to_one():
    rows = [
        ("50", 2022, "gdp_share_primary_pct", 10.0), ("50", 2022, "gdp_share_secondary_pct", 40.0),
        ("50", 2022, "gdp_share_tertiary_pct", 49.0), ("50", 2023, "gdp_share_primary_pct", 9.0),
        ("50", 2021, "gdp_share_primary_pct", 1.0), ("50", 2021, "gdp_share_secondary_pct", 1.0),
        ("50", 2021, "gdp_share_tertiary_pct", 98.0), ("51", 2022, "gdp_share_primary_pct", 10.0),
    ]  # fmt: skip
    statistics = pd.DataFrame(rows, columns=["province_code", "year", "indicator", "value"])
    shares = sectors.gdp_shares(statistics)
    assert shares.index.tolist() == ["50"]
    assert shares.loc["50", "year"] == 2022
    assert shares.loc["50", "primary"] == pytest.approx(10 / 99)
    assert shares[list(sectors.SECTORS)].sum(axis=1)["50"] == pytest.approx(1)


def test_programmes_are_counted_by_the_sector_of_their_category():
    named = pd.DataFrame({"institution_id": ["A", "A", "B", "C"], "major_category_code": ["41", "46", None, "46"]})
    categories = pd.DataFrame({"major_category_code": ["41", "46"], "sector": ["primary", "secondary"]})
    counts = sectors.programmes_by_sector(named, categories, pd.Series(["A", "B"]))
    assert counts.to_numpy().tolist() == [["A", 1, 1, 0, 0], ["B", 0, 0, 0, 1]]


# The index of dissimilarity


def test_dissimilarity_is_the_share_that_would_have_to_move():
    # Duncan and Duncan 1955: half the sum of absolute differences of two distributions.
    assert sectors.dissimilarity(np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])) == pytest.approx(0.3)
    assert sectors.dissimilarity(np.array([1.0, 0, 0]), np.array([0, 0.5, 0.5])) == 1
    assert sectors.dissimilarity(CHONGQING, CHONGQING) == 0


def test_one_college_is_expected_as_far_from_gdp_as_gdp_is_diverse():
    # A college of sector i has the index 1 - g_i, so the mean is Simpson's diversity, sum of g_i (1 - g_i).
    assert sectors.expected_dissimilarity(1, CHONGQING) == pytest.approx((CHONGQING * (1 - CHONGQING)).sum())


def test_the_expectation_under_a_perfect_fit_follows_the_normal_law_for_many_colleges():
    # E|X - np| is sqrt(2 n p (1 - p) / pi) for large n; half the sum of its n-th parts.
    large = (np.sqrt(2 * CHONGQING * (1 - CHONGQING) / (np.pi * 120))).sum() / 2
    assert sectors.expected_dissimilarity(120, CHONGQING) == pytest.approx(large, rel=0.01)


def test_the_exact_p_value_is_that_of_a_small_case_by_hand():
    # Two colleges, GDP (0, 1/2, 1/2): both in one sector (index 1/2) has chance 1/2, one in each (index 0) the rest.
    gdp = np.array([0.0, 0.5, 0.5])
    assert sectors.perfect_fit_p(np.array([0, 2, 0]), gdp) == pytest.approx(0.5)
    assert sectors.perfect_fit_p(np.array([0, 1, 1]), gdp) == pytest.approx(1.0)


@pytest.mark.parametrize("truth", [[0.07, 0.40, 0.53], [0.07, 0.30, 0.63], [0.03, 0.25, 0.72], [0.0, 0.4, 0.6]])
def test_the_interval_covers_the_truth_as_often_as_it_says(truth):
    """Exact coverage with 16 colleges: every outcome with its chance, not a simulation."""
    n, confidence = 16, 0.9
    truth = np.array(truth)
    excess = sectors.expected_dissimilarity(n, CHONGQING, truth) - sectors.expected_dissimilarity(n, CHONGQING)
    outcomes = np.array([(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)])
    chances = np.array([multinomial.pmf(counts, n, truth) for counts in outcomes])
    likely = chances > 1e-3
    intervals = [sectors.excess_interval(counts, CHONGQING, confidence) for counts in outcomes[likely]]
    covered = [low - 1e-9 <= excess <= high + 1e-9 for low, high in intervals]
    assert (chances[likely] * covered).sum() / chances[likely].sum() >= confidence


three_counts = st.tuples(st.integers(0, 15), st.integers(0, 15), st.integers(1, 15)).map(np.array)


@settings(max_examples=25, deadline=None)
@given(three_counts)
def test_the_interval_holds_the_estimate_and_excludes_zero_only_if_the_exact_test_rejects(counts):
    low, high = sectors.excess_interval(counts, CHONGQING, 0.95)
    n = int(counts.sum())
    value = sectors.dissimilarity(counts / n, CHONGQING) - sectors.expected_dissimilarity(n, CHONGQING)
    assert low <= value <= high
    if sectors.perfect_fit_p(counts, CHONGQING) >= 0.025:
        assert low <= 1e-12


@settings(max_examples=10, deadline=None)
@given(three_counts)
def test_the_order_of_the_sectors_changes_nothing(counts):
    ends = [
        sectors.excess_interval(counts[list(order)], CHONGQING[list(order)], 0.95) for order in permutations(range(3))
    ]
    # The finer grid runs along the first two sectors, so the ends agree up to its step only.
    assert np.ptp(np.array(ends), axis=0).max() < 0.01


def test_more_colleges_give_a_shorter_interval():
    few, many = (sectors.excess_interval(np.array([1, 4, 5]) * times, CHONGQING, 0.95) for times in (1, 6))
    assert many[1] - many[0] < few[1] - few[0]


def test_a_fit_better_than_chance_allows_has_an_interval_close_to_zero():
    # With 100 colleges spread exactly like GDP no distribution makes so small an index likely.
    low, high = sectors.excess_interval(np.array([7, 40, 53]), CHONGQING, 0.95)
    assert low == pytest.approx(-sectors.expected_dissimilarity(100, CHONGQING))
    assert 0 <= high < 0.02


# Real data


def test_the_lexicon_agrees_with_the_coded_profiles_beyond_chance():
    data = tables.load("institutions", "institution_profiles")
    colleges = sectors.college_sectors(data["institutions"], LEXICON)
    check = sectors.sector_check(data["institution_profiles"], colleges, sectors.main_sector_codes())
    agreement, kappa = sectors.sector_agreement(check, 0.95)
    assert isinstance(agreement, Estimate)
    assert len(check) == data["institution_profiles"]["main_sector"].notna().sum()
    assert kappa.value > 0.6  # substantial by Landis and Koch 1977: below that the lexicon is no instrument
