"""What the literature reports: properties, and the real tables. Published examples are in tests/oracles."""

from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanjiao import figures, literature, tables
from chanjiao.claims import load_claims

CONFIDENCE, SEED = 0.95, 20260101


def made_works(marked: list[set[str]], years: list[int | None] | None = None) -> pd.DataFrame:
    """Works with the given codes in both passes."""
    frame = pd.DataFrame({"work_id": [f"L{number:03d}" for number in range(len(marked))]})
    frame["year"] = pd.array(years or [2020] * len(marked), dtype="Int64")
    frame["study"], frame["peripheral"] = False, "no"
    for code in literature.CODES:
        frame[f"{code}_a"] = frame[f"{code}_b"] = [int(code in held) for held in marked]
    return frame


@pytest.fixture(scope="module")
def raw() -> dict[str, pd.DataFrame]:
    return tables.load("literature", "literature_a", "literature_b", "search_log")


@pytest.fixture(scope="module")
def works(raw: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return literature.coded_works(raw["literature"], raw["literature_a"], raw["literature_b"])


def test_the_interval_of_an_odds_ratio_is_exact() -> None:
    # At its ends the noncentral hypergeometric distribution leaves 2.5 % beyond the observed count (Agresti 2013,
    # Categorical Data Analysis, section 16.6).
    _, low, high, _ = literature.association(np.array([[3, 1], [1, 3]]), CONFIDENCE)
    ways = np.array([comb(4, count) ** 2 for count in range(5)], float)
    weights = [ways * odds ** np.arange(5) for odds in (low, high)]
    assert weights[0][3:].sum() / weights[0].sum() == pytest.approx(0.025, abs=1e-6)
    assert weights[1][:4].sum() / weights[1].sum() == pytest.approx(0.025, abs=1e-6)


def test_a_code_that_never_occurs_has_no_odds_ratio_and_p_one() -> None:
    ratio, _, _, p = literature.association(np.array([[0, 4], [0, 5]]), CONFIDENCE)
    assert np.isnan(ratio) and p == 1


def test_trend_counts_percentage_points_a_year() -> None:
    years = [2010 + number // 10 for number in range(100)]
    marked = [{"r_policy"} if number % 10 < number // 10 else set() for number in range(100)]
    found = literature.trend(made_works(marked, years), ["r_policy"], CONFIDENCE, SEED)
    assert found.value == pytest.approx(10)
    low, high = found.interval or (0, 0)
    assert 0 < low < 10 < high and (found.p_value or 1) < 0.01


def test_trend_leaves_works_without_a_year_out() -> None:
    years: list[int | None] = [2010 + number % 5 for number in range(20)]
    marked = [{"r_policy"} if number % 3 else set() for number in range(20)]
    alone = literature.trend(made_works(marked, years), ["r_policy"], CONFIDENCE, SEED)
    more = made_works([*marked, {"r_policy"}], [*years, None])
    assert literature.trend(more, ["r_policy"], CONFIDENCE, SEED) == alone


@pytest.mark.parametrize("marked", [[set()] * 30, [{"r_policy"}] * 3])
def test_trend_without_enough_works_says_what_it_needs(marked: list[set[str]]) -> None:
    found = literature.trend(made_works(marked, [2010 + n for n in range(len(marked))]), ["r_policy"], 0.95, SEED)
    assert found.value is None and "literature.csv holds" in (found.reason or "")


def test_runs_that_find_the_same_communities_are_stable() -> None:
    assert literature.stability([[{0, 1}, {2, 3}], [{2, 3}, {0, 1}]]) == 1
    assert literature.stability([[{0, 1}, {2, 3}], [{0, 1}, {2}, {3}]]) == pytest.approx(4 / 7)


def test_similarity_is_jaccards_coefficient() -> None:
    found = literature.similarity(made_works([{"p_rules", "r_policy"}, {"r_policy", "r_faculty"}, {"p_rules"}, set()]))
    expected = [[1, 1 / 3, 1 / 2, 0], [1 / 3, 1, 0, 0], [1 / 2, 0, 1, 0], [0, 0, 0, 0]]
    assert np.allclose(found.to_numpy(), expected)


def test_one_pass_alone_counts_half_in_the_similarity() -> None:
    frame = made_works([{"p_rules"}, {"p_rules"}])
    frame.loc[1, "p_rules_b"] = 0
    assert literature.similarity(frame).iloc[0, 1] == 0.5


def test_works_are_linked_from_half_of_their_codes_on_and_named_by_what_sets_them_apart() -> None:
    marked = [{"p_faculty", "r_faculty"}] * 3 + [{"p_rules", "r_policy"}] * 2 + [{"r_digital"}, set()]
    frame = made_works(marked)
    network = literature.graph(frame)
    assert network.number_of_edges() == 4
    community = literature.communities(literature.partitions(network, SEED)[0])
    assert community == [1, 1, 1, 2, 2, 0, 0]
    names = literature.community_table(frame, community)
    assert names["name"].tolist() == [
        "teachers lack practice + teacher development",
        "rules missing or vague + policy and law",
    ]


def test_no_point_of_the_drawn_graph_hides_another(works: pd.DataFrame) -> None:
    network = literature.graph(works)
    places = literature.layout(network, literature.communities(literature.partitions(network, SEED)[0])).to_numpy()
    between = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) + np.eye(len(places))
    assert between.min() > 0.8 * literature.GAP


def test_saturation_counts_codes_of_both_passes_oldest_first() -> None:
    frame = made_works([{"p_rules", "r_policy"}, {"r_policy"}, {"p_rules", "r_finance"}], [2022, 2020, None])
    frame.loc[2, "r_finance_b"] = 0
    curve = literature.saturation(frame, CONFIDENCE, SEED)
    assert curve["codes"].tolist() == [1, 2, 2]
    assert curve["pairs"].tolist() == [0, 1, 1]
    assert literature.works_until(curve["codes"], 1.0) == 2
    assert (curve["codes_low"] <= curve["codes_high"]).all() and curve["codes_high"].iloc[-1] == 2


def test_prevalence_is_the_mean_of_both_passes_between_both_and_either() -> None:
    frame = made_works([{"r_policy"}, {"r_policy"}, set(), set()])
    frame.loc[1, "r_policy_b"] = 0
    assert literature.prevalence(frame, ["r_policy"], CONFIDENCE).value == 0.375
    found = literature.variants(frame, ["r_policy"], CONFIDENCE)
    assert {name: share.value for name, share in found.items()} == {
        "pass_a": 0.5, "pass_b": 0.25, "both": 0.25, "either": 0.5, "no_peripheral": 0.375,
    }  # fmt: skip


def test_a_remedy_of_several_codes_counts_a_work_once() -> None:
    frame = made_works([{"r_policy", "r_finance"}, {"r_finance"}, set(), set()])
    assert literature.prevalence(frame, ["r_policy", "r_finance"], CONFIDENCE).value == 0.5


def test_no_peripheral_leaves_peripheral_works_out() -> None:
    frame = made_works([{"r_policy"}, set(), set()]).assign(peripheral=["yes", "no", "no"])
    assert literature.variants(frame, ["r_policy"], CONFIDENCE)["no_peripheral"].n == 2


def test_an_association_holds_only_if_both_passes_find_it() -> None:
    marked = [{"p_faculty", "r_faculty"}] * 20 + [set()] * 20
    frame = made_works(marked)
    assert literature.associations(frame, CONFIDENCE)["holds"].sum() == 1
    frame["r_faculty_b"] = 0
    assert literature.associations(frame, CONFIDENCE)["holds"].sum() == 0


def test_own_pairs_are_read_out_by_pass_with_a_reason_where_a_cell_is_empty() -> None:
    frame = literature.associations(made_works([{"p_faculty", "r_faculty"}, {"p_faculty"}, {"r_faculty"}, set()]), 0.95)
    found = literature.answer_estimates(frame, 4)
    assert found["r4.pass_a"].value == pytest.approx(1, abs=1e-6)
    assert found["r1.pass_b"].value is None and "empty" in (found["r1.pass_b"].reason or "")
    assert literature.readable_pairs(literature.answers(frame))["holds"].eq("no").all()


def test_reasons_of_exclusion_are_added_up() -> None:
    log = pd.DataFrame({"reason_excluded": ["duplicate:3; off topic:1", "duplicate:2", None]})
    assert literature.excluded(log).to_numpy().tolist() == [["duplicate", 5], ["off topic", 1]]


def test_the_real_flow_adds_up(raw: dict[str, pd.DataFrame], works: pd.DataFrame) -> None:
    steps = literature.flow(raw["search_log"], raw["literature"], works)
    path = steps.iloc[:5]
    assert (path["n"].shift(1).iloc[1:] - path["left_out"].iloc[1:] == path["n"].iloc[1:]).all()
    assert literature.excluded(raw["search_log"])["results"].sum() == steps["left_out"].iloc[1]
    assert steps.loc[steps["step"] == "works in the table", "left_out"].item() == 0


def test_the_study_under_test_is_found_once_and_cut_excerpts_are_left_out(
    raw: dict[str, pd.DataFrame], works: pd.DataFrame
) -> None:
    assert works["study"].sum() == 1
    assert len(works) == (raw["literature"]["excerpt_complete"] == "yes").sum()


def test_every_code_of_the_claims_file_is_a_code_of_the_literature() -> None:
    study = load_claims(Path("claims.yaml"))
    codes = {code for part in ("remedies", "directions") for entry in study[part].values() for code in entry["codes"]}
    assert codes <= set(literature.REMEDIES)
    assert set(literature.CLAIM_PROBLEMS) == set(study["claims"])
    assert set(literature.ANSWERS) == set(study["remedies"])


def test_the_order_of_the_rows_changes_nothing(raw: dict[str, pd.DataFrame], works: pd.DataFrame) -> None:
    names = ("literature", "literature_a", "literature_b")
    shuffled = literature.coded_works(*(raw[name].sample(frac=1, random_state=7) for name in names))
    pd.testing.assert_frame_equal(shuffled, works)


@given(st.lists(st.sets(st.sampled_from(sorted(literature.CODES)), max_size=4), min_size=2, max_size=12))
@settings(max_examples=40, deadline=None)
def test_similarity_lies_between_none_and_all_and_goes_both_ways(marked: list[set[str]]) -> None:
    found = literature.similarity(made_works(marked)).to_numpy()
    assert ((found >= 0) & (found <= 1)).all() and (found == found.T).all()
    assert np.diag(found).tolist() == [1.0 if held else 0.0 for held in marked]


def test_the_figures_name_what_they_show_and_come_out_the_same(
    raw: dict[str, pd.DataFrame], works: pd.DataFrame
) -> None:
    network = literature.graph(works)
    community = literature.communities(literature.partitions(network, SEED)[0])
    names = literature.community_table(works, community)
    nodes = literature.graph_nodes(works, network, community).assign(url="https://example.org/")
    drawn = literature.draw_graph(nodes, network, names)
    text = " ".join(part.get_text().replace("\n", " ") for part in drawn.axes[0].texts)
    assert all(name in text for name in names["name"]) and "the study under test" in text
    assert figures.to_svg(drawn) == figures.to_svg(literature.draw_graph(nodes, network, names))
    steps = literature.flow(raw["search_log"], raw["literature"], works)
    boxes = " ".join(part.get_text() for part in literature.draw_flow(steps).axes[0].texts)
    assert all(f"n = {n}" in boxes for n in steps["n"])


def test_charts_draw_one_line_a_code(works: pd.DataFrame) -> None:
    groups = {label: [code] for code, label in literature.PROBLEMS.items()}
    frame = literature.prevalence_table(works, groups, CONFIDENCE)
    drawn = literature.draw_prevalence(frame, frame)
    assert len(drawn.axes[0].get_yticklabels()) == len(groups)
    assert ((frame["both"] <= frame["value"]) & (frame["value"] <= frame["either"])).all()
    curve = literature.saturation(works, CONFIDENCE, SEED)
    assert literature.draw_saturation(curve).axes[0].get_xlim()[1] == len(curve) + 1
    pairs = literature.associations(works, CONFIDENCE)
    assert len(literature.draw_associations(pairs).axes[0].get_yticklabels()) == len(literature.PROBLEMS)


def test_composition_and_variants_cover_every_work(works: pd.DataFrame) -> None:
    assert literature.composition(works).groupby("property")["works"].sum().eq(len(works)).all()
    readings = {"R1": literature.variants(works, ["r_policy"], CONFIDENCE)}
    assert list(literature.variant_table(readings).columns)[1:] == list(readings["R1"])
    trends = {"C1": literature.trend(works, ["p_rules"], CONFIDENCE, SEED)}
    assert literature.trend_table(trends, {"C1": "rules"})["label"].tolist() == ["C1  rules"]
