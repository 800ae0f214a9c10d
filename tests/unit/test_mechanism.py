"""Depth of school-enterprise events: the indicators of C2 and C5 and what is shown beside them."""

import csv
from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from chanjiao import diagnostics, events, figures, mechanism, tables
from chanjiao.claims import load_claims
from chanjiao.events import MARKS, Reading
from chanjiao.project import project_root
from chanjiao.statistics import within_slope

NAMES = ("cooperation", "cooperation_a", "cooperation_b", "sources")
SEED, CONFIDENCE = 1, 0.95
SEEDED = {"C2.2", "C5.1"}
INDICATORS = {
    "C2.1": mechanism.deep_share,
    "C2.2": mechanism.relative_depth,
    "C5.1": mechanism.class_trend,
    "C5.2": mechanism.joint_body_share,
}


@cache
def collected():
    return tables.load(*NAMES, "provinces")


@cache
def real(grouped=True):
    return events.events(*(collected()[name] for name in NAMES), grouped=grouped)


@cache
def rules():
    claims = load_claims(project_root() / "claims.yaml")["claims"]
    return {name: rule for claim in ("C2", "C5") for name, rule in claims[claim]["indicators"].items()}


def estimate(name, reading, province="50"):
    seed = (SEED,) if name in SEEDED else ()
    return INDICATORS[name](reading, province, CONFIDENCE, rules()[name], *seed)


def made(*rows):
    """Events from (province, page, form, signed, size class, depth in pass A, depth in pass B)."""
    frame = pd.DataFrame(rows, columns=["province_code", "page", "form", "signed", "size_class", "depth_a", "depth_b"])
    frame["size_class"] = pd.array(frame["size_class"], dtype="Int64")
    for one_pass in "ab":
        for place, name in enumerate(MARKS):
            frame[f"{name}_{one_pass}"] = (frame[f"depth_{one_pass}"] > place).astype("Int64")
    return frame.assign(
        form_b=frame["form"],
        signed_b=frame["signed"],
        dated=True,
        event_date="2024-03",
        rows=[(f"E{number}",) for number in range(len(frame))],
    )


def agreement(page, a, b, province="50", form="order_class", signed="yes", size=0):
    return (province, page, form, signed, size, a, b)


def test_deep_share_is_the_mean_over_the_passes_of_signed_agreements_with_three_marks():
    frame = made(
        agreement("p1", 3, 3),
        agreement("p2", 3, 2),
        agreement("p3", 2, 2),
        agreement("p4", 9, 9, signed="no"),
        agreement("p5", 9, 9, province="51"),
    )
    share = mechanism.deep_share(Reading(frame), "50", CONFIDENCE, rules()["C2.1"])
    assert share.value == pytest.approx((1 + 0.5 + 0) / 3)
    assert (share.n, share.clusters) == (3, 3)
    assert share.rows == {"cooperation": ["E0", "E1", "E2"]}


def test_marks_of_both_passes_are_fewer_and_of_either_more():
    frame = made(agreement("p1", 4, 2), agreement("p2", 3, 3), agreement("p3", 0, 3))
    shares = {
        passes: mechanism.deep_share(Reading(frame, passes), "50", CONFIDENCE, rules()["C2.1"]).value
        for passes in ("a", "b", "both", "either", "mean")
    }
    assert shares == pytest.approx({"a": 2 / 3, "b": 2 / 3, "both": 1 / 3, "either": 1, "mean": 2 / 3})


def test_a_page_told_many_times_counts_little():
    many = made(*(agreement("p1", 3, 3) for _ in range(10)), *(agreement(f"q{i}", 0, 0) for i in range(10)))
    apart = made(*(agreement(f"p{i}", 3, 3) for i in range(10)), *(agreement(f"q{i}", 0, 0) for i in range(10)))
    wide, narrow = (mechanism.deep_share(Reading(f), "50", CONFIDENCE, rules()["C2.1"]) for f in (many, apart))
    naive = mechanism.naive_share(Reading(many), "50", CONFIDENCE, rules()["C2.1"])
    assert naive.interval == pytest.approx(narrow.interval, abs=0.01)
    assert wide.interval[0] < naive.interval[0] - 0.1
    assert wide.effective_n < 5


def test_relative_depth_compares_within_form_and_leaves_out_what_has_no_counterpart():
    frame = made(
        agreement("p1", 2, 2),
        agreement("p2", 4, 4),
        agreement("p3", 1, 1, province="51"),
        agreement("p4", 2, 2, province="44"),
        agreement("p5", 9, 9, form="industry_college"),
        agreement("p6", 9, 9, form="consortium"),
        agreement("p7", 9, 9, province="51", form="consortium"),
    )
    ratio = mechanism.relative_depth(Reading(frame), "50", CONFIDENCE, rules()["C2.2"], SEED)
    assert ratio.value == pytest.approx(3 / 1.5)
    assert (ratio.n, ratio.n_other) == (2, 2)
    assert ratio.rows == {"cooperation": ["E0", "E1", "E2", "E3"]}


def test_class_trend_is_the_slope_within_form():
    frame = made(
        *(agreement(f"p{size}", 1 + size, 1 + size, size=size) for size in range(3)),
        *(agreement(f"q{size}", 5 + size, 5 + size, size=size, form="industry_college") for size in (0, 1)),
        agreement("r", 9, 9, size=2, form="consortium"),
        agreement("s", 9, 9, size=2, form="joint_research"),
        agreement("t", 9, 9, size=None),
    )
    trend = mechanism.class_trend(Reading(frame), "50", CONFIDENCE, rules()["C5.1"], SEED)
    assert trend.value == pytest.approx(1)
    assert (trend.n, trend.clusters) == (5, 5)


def test_the_interval_of_the_trend_is_that_of_the_slope_within_forms_on_the_same_events():
    used = mechanism.sized_events(Reading(real()), "50").frame
    frame = used.assign(depth=events.depth(used), size_class=used["size_class"].astype(float))
    expected = within_slope(frame, "size_class", "depth", "form", "page", CONFIDENCE)
    assert estimate("C5.1", Reading(real())).interval == expected.interval


def test_a_trend_without_spread_of_the_size_class_is_missing_and_has_no_p_value():
    frame = made(*(agreement(f"p{i}", i, i, size=1) for i in range(9)))
    trend = mechanism.class_trend(Reading(frame), "50", CONFIDENCE, rules()["C5.1"], SEED)
    assert (trend.value, trend.p_value) == (None, None)
    assert trend.reason


def test_joint_body_share_rests_on_events_with_two_partners_or_more():
    frame = made(
        agreement("p1", 6, 6, size=1),
        agreement("p2", 6, 5, size=2, form="consortium"),
        agreement("p3", 0, 0, size=1),
        agreement("p4", 9, 9, size=0),
        agreement("p5", 9, 9, size=None),
    )
    assert MARKS.index("c_governance") == 5
    share = mechanism.joint_body_share(Reading(frame), "50", CONFIDENCE, rules()["C5.2"])
    assert share.value == pytest.approx((1 + 0.5 + 0) / 3)
    assert share.n == 3


def test_a_verdict_that_never_falls_tips_at_the_end_of_the_range_and_one_that_is_none_has_no_tipping_point():
    weak = made(*(agreement(f"p{i}", 0, 0, size=1) for i in range(30)))
    strong = made(*(agreement(f"p{i}", 9, 9, size=1) for i in range(30)))
    for name, tipping in (("C2.1", mechanism.deep_share_tipping), ("C5.2", mechanism.joint_body_tipping)):
        assert tipping(Reading(weak), "50", CONFIDENCE, rules()[name]) == 0.5
        assert tipping(Reading(strong), "50", CONFIDENCE, rules()[name]) is None
        assert tipping(Reading(weak), "65", CONFIDENCE, rules()[name]) is None


def test_at_full_sensitivity_the_corrected_share_is_the_printed_one():
    curve = mechanism.bias_curve(Reading(real()), "50", CONFIDENCE)
    first = curve[(curve["sensitivity"] == 1) & (curve["specificity"] == 1)].iloc[0]
    share = estimate("C2.1", Reading(real()))
    assert (first["value"], first["low"], first["high"]) == pytest.approx((share.value, *share.interval), abs=1e-5)


def test_the_mean_of_clusters_has_the_published_standard_error():
    """Lohr, Sampling: Design and Analysis (2nd ed. 2010), example 5.2: grade averages of five of 100 suites of four.

    Mean 2.826, standard error 0.164 with the finite population correction, which we have no population for.
    """
    grades = np.array(
        [
            [3.08, 2.36, 2.00, 3.00, 2.68],
            [2.60, 3.04, 2.56, 2.88, 1.92],
            [3.44, 3.28, 2.52, 3.44, 3.28],
            [3.04, 2.68, 1.88, 3.64, 3.20],
        ]
    )
    suites = pd.Series(np.tile(np.arange(5), 4))
    mean, low, high, n, groups = mechanism.clustered_mean(pd.Series(grades.ravel()), suites, CONFIDENCE)
    t_with_four_degrees = 2.776
    assert mean == pytest.approx(2.826, abs=5e-4)
    assert (high - low) / 2 / t_with_four_degrees * np.sqrt(0.95) == pytest.approx(0.164, abs=5e-4)
    assert (n, groups) == (20, 5)


def test_two_pages_give_no_interval():
    mean, low, high, *_ = mechanism.clustered_mean(pd.Series([0.0, 4.0]), pd.Series(["p", "q"]), CONFIDENCE)
    assert mean == 2
    assert np.isnan([low, high]).all()


def test_deep_share_of_single_rows_is_what_counting_the_files_by_hand_gives():
    folder = project_root() / "data/raw"

    def read(name):
        with (folder / name).open(encoding="utf-8") as file:
            return {row["event_id"]: row for row in csv.DictReader(file)}

    facts, passes = read("cooperation.csv"), [read(f"coding/cooperation_{one_pass}.csv") for one_pass in "ab"]
    signed = [e for e, row in facts.items() if row["province_code"] == "50" and passes[0][e]["signed"] == "yes"]
    deep = [sum(codes[e][mark] == "1" for mark in MARKS) >= 3 for codes in passes for e in signed]
    share = estimate("C2.1", events.readings(real(), real(grouped=False))["rows"])
    assert share.value == pytest.approx(sum(deep) / len(deep))
    assert share.n == len(signed)


@pytest.mark.parametrize("name", INDICATORS)
def test_marks_of_both_passes_never_exceed_those_of_either(name):
    values = {
        province: [estimate(name, Reading(real(), passes), province).value for passes in ("both", "mean", "either")]
        for province in ("33", "44", "50", "51")
    }
    assert all(None not in row for row in values.values())
    if name in ("C2.1", "C5.2"):
        assert all(row == sorted(row) for row in values.values())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", INDICATORS)
def test_every_province_gets_an_estimate_or_a_reason(name):
    for province in collected()["provinces"]["province_code"]:
        result = estimate(name, Reading(real()), province)
        if province in ("33", "44", "50", "51"):
            assert result.interval[0] <= result.value <= result.interval[1]
            assert set(result.rows["cooperation"]) <= set(collected()["cooperation"]["event_id"])
        else:
            assert result.value is None
            assert f"cooperation.csv has 0 events of province {province}" in result.reason
            assert "the rule needs" in result.reason


@pytest.mark.parametrize("name", INDICATORS)
def test_shuffled_rows_leave_every_indicator_alone(name):
    rng = np.random.default_rng(3)
    shuffled = [collected()[table].sample(frac=1, random_state=rng) for table in NAMES]
    assert estimate(name, Reading(events.events(*shuffled))) == estimate(name, Reading(real()))


@pytest.mark.parametrize("name", ["C2.1", "C5.1", "C5.2"])
def test_another_provinces_events_leave_a_provinces_own_indicators_alone(name):
    alone = real()[real()["province_code"] == "50"]
    assert estimate(name, Reading(alone)).value == estimate(name, Reading(real())).value


def test_the_order_of_draws_follows_the_seed():
    first, again = (mechanism.class_trend(Reading(real()), "50", CONFIDENCE, rules()["C5.1"], 7) for _ in range(2))
    assert first == again
    assert first.p_value != estimate("C5.1", Reading(real())).p_value


def test_row_flows_account_for_every_event():
    reading = Reading(real())
    flows = [mechanism.signed_events, mechanism.bilateral_events, mechanism.sized_events, mechanism.events_of_several]
    for flow in (build(reading, "50") for build in flows):
        account = flow.account()
        assert account["rows_in"].iloc[0] - account["dropped"].sum() == len(flow.frame)
    joined = mechanism.joined_rows(collected()["cooperation"], "50")
    assert len(joined.frame) == (real()["province_code"] == "50").sum()


def test_the_curve_falls_and_passes_through_the_indicator():
    curve = mechanism.concreteness_curve(Reading(real()), "50", CONFIDENCE).set_index("marks")
    assert curve["value"].is_monotonic_decreasing
    assert curve.loc[3, "value"] == pytest.approx(estimate("C2.1", Reading(real())).value, abs=1e-5)


def test_depth_distribution_adds_up_to_one_and_to_the_mean_depth():
    here = real()[real()["province_code"] == "50"]
    table = mechanism.depth_distribution(here)
    assert table["share"].sum() == pytest.approx(1, abs=1e-5)
    assert (table["depth"] * table["share"]).sum() == pytest.approx(
        mechanism.mean_depth(here, CONFIDENCE).value, abs=1e-4
    )


def test_marks_by_form_weighted_by_events_give_the_overall_shares():
    here = real()[real()["province_code"] == "50"]
    table = mechanism.marks_by_form(here)
    overall = (table["share"] * table["n"]).groupby(table["mark"]).sum() / len(here)
    shares = mechanism.mark_shares(here, CONFIDENCE)
    assert overall.to_dict() == pytest.approx({f"c_{name}": share.value for name, share in shares.items()}, abs=1e-5)
    assert table["n"].is_monotonic_decreasing


def test_phrase_share_is_the_mean_over_the_passes():
    frame = made(agreement("p", 0, 0), agreement("q", 1, 0)).assign(phrase_only=[1, 0], phrase_only_b=[1, 1])
    frame = frame.astype({"phrase_only": "Int64", "phrase_only_b": "Int64"})
    assert mechanism.phrase_share(frame, CONFIDENCE).value == 0.75


def test_stated_figures_are_described_and_not_added():
    frame = made(*(agreement(f"p{i}", 0, 0) for i in range(4)))
    frame = frame.assign(money_million_yuan=[1.0, 3.0, 11.0, np.nan], students_n=pd.array([None] * 4, dtype="Int64"))
    table = mechanism.stated_figures(frame)
    assert table.to_numpy().tolist() == [["money", "million yuan", 3, 1.0, 3.0, 11.0]]


def test_the_table_of_variants_begins_with_the_printed_estimates():
    printed = {"C2.1": estimate("C2.1", Reading(real()))}
    readings = events.readings(real(), real(grouped=False))
    varied = {"C2.1": mechanism.variants(mechanism.deep_share, readings, "50", CONFIDENCE, rules()["C2.1"])}
    meanings = load_claims(project_root() / "claims.yaml")["sensitivity"]
    table = mechanism.variants_table(printed, varied, meanings)
    assert list(table["Reading"]) == ["as printed", *(meanings[name] for name in readings)]
    assert table["C2.1"].iloc[0].startswith(f"{printed['C2.1'].value:.2f} (")


def test_descriptions_of_a_province_without_events_say_why_they_are_empty():
    nothing = real()[real()["province_code"] == "65"]
    beside = [
        build(Reading(real()), "65", CONFIDENCE, rules()["C2.1"])
        for build in (mechanism.naive_share, mechanism.bilateral_deep_share)
    ]
    shares = mechanism.mark_shares(nothing, CONFIDENCE)
    described = [
        mechanism.phrase_share(nothing, CONFIDENCE),
        mechanism.mean_depth(nothing, CONFIDENCE),
        *shares.values(),
    ]
    assert list(shares) == [name.removeprefix("c_") for name in MARKS]
    assert all(result.value is None and "0 events" in result.reason for result in [*beside, *described])
    assert mechanism.in_words(beside[0]) == "– (n = 0)"


def test_bilateral_agreements_leave_out_consortia_and_gifts():
    frame = made(
        agreement("p1", 3, 3), agreement("p2", 0, 0, form="consortium"), agreement("p3", 0, 0, form="donation")
    )
    share = mechanism.bilateral_deep_share(Reading(frame), "50", CONFIDENCE, rules()["C2.1"])
    assert (share.value, share.n) == (1, 1)


def deleted(province="50"):
    return mechanism.deletions(Reading(real()), province, CONFIDENCE, SEED)


@pytest.mark.parametrize("name", list(INDICATORS))
def test_deletions_begin_with_the_printed_value_and_repeat_the_indicator_without_a_page(name):
    table = deleted()
    rows = table[table["indicator"] == name]
    assert rows["value"].iloc[0] == pytest.approx(estimate(name, Reading(real())).value, abs=1e-12)
    page = rows.loc[rows["deleted"] == "pages", "cluster"].iloc[0]
    without = estimate(name, Reading(real()[real()["page"] != page]))
    row = rows[(rows["deleted"] == "pages") & (rows["cluster"] == page)].iloc[0]
    assert row["value"] == pytest.approx(without.value, abs=1e-9)
    if name != "C2.2":  # its interval is drawn, here less often
        assert (row["low"], row["high"]) == pytest.approx(without.interval, abs=1e-9)


def test_every_page_of_an_indicator_is_left_out_once():
    table = deleted()
    counts = table[table["deleted"] == "pages"].groupby("indicator").size()
    for name in INDICATORS:
        printed = estimate(name, Reading(real()))
        assert counts[name] == printed.clusters + (printed.clusters_other or 0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("province", ["50", "51", "32", "54"])
def test_diagnostics_never_fail(province):
    reading = Reading(real())
    table = deleted(province)
    spread = mechanism.dispersions(reading, province)
    printed = {name: estimate(name, reading, province) for name in INDICATORS}
    naive = mechanism.naive_estimates(printed, reading, province, CONFIDENCE, rules(), SEED)
    assert list(mechanism.naive_table(printed, naive)["Indicator"]) == list(INDICATORS)
    for name in INDICATORS:
        found = diagnostics.influence(table[table["indicator"] == name], rules()[name], {})
        assert (found.low is None) == (printed[name].value is None)
    for one in (*spread.values(), mechanism.count_model(reading, province, CONFIDENCE)):
        assert one.value is not None or one.reason


def test_counts_that_do_not_vary_have_no_dispersion():
    frame = made(*(agreement(f"p{i}", 2, 2, size=i % 2) for i in range(8)))
    frame = pd.concat([frame, frame.assign(province_code="51", page=frame["page"] + "x")], ignore_index=True)
    assert mechanism.dispersions(Reading(frame), "50")["C5.1"].value == 0
    assert mechanism.dispersions(Reading(frame), "50")["C2.2"].value == pytest.approx(0, abs=1e-12)


def test_events_of_one_page_are_naive_evidence():
    """Two pages tell ten alike events each: as if independent the share is much surer."""
    frame = made(*(agreement("p", 3, 3) for _ in range(10)), *(agreement("q", 0, 0) for _ in range(10)))
    frame = frame.assign(event=[f"e{i:02d}" for i in range(20)])
    printed = {name: estimate(name, Reading(frame)) for name in INDICATORS}
    naive = mechanism.naive_estimates(printed, Reading(frame), "50", CONFIDENCE, rules(), SEED)
    row = mechanism.naive_table(printed, naive).set_index("Indicator").loc["C2.1"]
    assert (row["Events"], row["Pages"]) == (20, 2)
    assert float(row["Times as wide"]) > 1.5
    assert naive["C2.1"].interval == pytest.approx((0.299, 0.701), abs=1e-3)  # Wilson's of 10 in 20


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def drawings(province, language):
    frame, reading = real(), Reading(real())
    here = frame[frame["province_code"] == province]
    curve = mechanism.concreteness_curve(reading, province, CONFIDENCE)
    distribution = mechanism.depth_distribution(here)
    sides = mechanism.depth_by_form(frame, province, CONFIDENCE)
    return {
        "marks": mechanism.draw_marks_by_form(mechanism.marks_by_form(here), language),
        "depth": mechanism.draw_depth(distribution, distribution),
        "curve": mechanism.draw_curve(curve, 0.5),
        "forms": mechanism.draw_depth_by_form(sides, language, "here", "elsewhere"),
        "sizes": mechanism.draw_size_classes(mechanism.by_size_class(here, CONFIDENCE), language),
        "years": mechanism.draw_years(mechanism.depth_by_year(here, CONFIDENCE)),
        "influence": diagnostics.draw_influence(mechanism.deletions(reading, province, CONFIDENCE, SEED), rules(), {}),
    }


def test_drawings_name_what_they_show_in_either_language():
    english, chinese = drawings("50", "en"), drawings("50", "zh")
    assert any("order class (n = " in text for text in texts(english["marks"]))
    assert any("订单班 (n = " in text for text in texts(chinese["marks"]))
    assert "more than ten" in texts(english["sizes"])
    assert {"here", "elsewhere"} <= set(texts(english["forms"]))
    assert "3 marks or more" in texts(english["curve"])


def test_a_drawing_is_the_same_twice():
    first, again = (figures.to_svg(drawings("51", "en")["forms"]) for _ in range(2))
    assert first == again


@pytest.mark.filterwarnings("error")
def test_a_province_without_events_gets_panels_that_say_so():
    for figure in drawings("65", "en").values():
        assert isinstance(figure, Figure)
        assert any(text.startswith("No data: no ") for text in texts(figure))
