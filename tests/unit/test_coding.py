"""The agreement of the coding passes: properties, and the real tables. Published examples are in tests/oracles."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from chanjiao import coding, tables
from chanjiao.results import rounded
from chanjiao.statistics import Estimate

CONFIDENCE, SEED = 0.95, 20260101
values = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=4, max_size=40)


def coded(first: list, second: list, clusters: list | None = None) -> coding.Coding:
    index = pd.Index([f"U{number:03d}" for number in range(len(first))], name="unit_id")
    labels = pd.Series(clusters or list(index), index=index)
    return coding.Coding(
        "provisions", pd.DataFrame({"x": first}, index=index), pd.DataFrame({"x": second}, index=index), labels
    )


def measured(pair: coding.Coding) -> dict[str, Estimate]:
    return coding.agreement(pair, "x", CONFIDENCE, SEED)


@given(values)
@settings(max_examples=50, deadline=None)
def test_the_bootstrap_formulas_equal_the_packages(pairs: list[tuple[str, str]]) -> None:
    found = measured(coded([a for a, _ in pairs], [b for _, b in pairs]))
    names = sorted({value for pair in pairs for value in pair})
    table = np.array([[pairs.count((a, b)) for b in names] for a in names], float)
    drawn = coding._from_tables(table[None]) if len(names) > 1 else {}
    for name, estimates in drawn.items():
        assert found[name].value == pytest.approx(float(estimates[0]), abs=1e-9)


@given(values, st.permutations("abc"))
@settings(max_examples=30, deadline=None)
def test_new_names_for_the_values_change_nothing(pairs: list[tuple[str, str]], names: list[str]) -> None:
    rename = dict(zip("abc", names, strict=True))
    before = measured(coded([a for a, _ in pairs], [b for _, b in pairs]))
    after = measured(coded([rename[a] for a, _ in pairs], [rename[b] for _, b in pairs]))
    for name in before:
        assert after[name].value == (None if before[name].value is None else pytest.approx(before[name].value))


@given(values, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_units_changes_nothing(pairs: list[tuple[str, str]], random) -> None:
    pair = coded([a for a, _ in pairs], [b for _, b in pairs], [str(number % 5) for number in range(len(pairs))])
    order = list(pair.first.index)
    random.shuffle(order)
    shuffled = coding.Coding("provisions", pair.first.loc[order], pair.second.loc[order], pair.clusters[order])
    # As they are written: sums in another order differ in the last bits.
    one, other = ({name: asdict(found) for name, found in measured(each).items()} for each in (pair, shuffled))
    assert rounded(one) == rounded(other)


def test_passes_that_never_differ_have_no_bootstrap_width_but_an_honest_bound() -> None:
    found = measured(coded([0, 1] * 10, [0, 1] * 10))
    assert found["kappa"].value == found["alpha"].value == found["ac1"].value == 1
    assert found["kappa"].interval is None and found["alpha"].interval is None
    low, high = found["ac1"].interval or (1, 1)
    wilson = (found["agreement"].interval or (0, 0))[0]
    assert low == pytest.approx(1 - (1 - wilson) / 0.5) and high == 1


def test_a_mark_that_never_occurs_has_no_coefficient_but_a_reason() -> None:
    found = measured(coded([0] * 6, [0] * 6))
    assert found["agreement"].value == 1 and found["prevalence"].value == 0
    for name in coding.COEFFICIENTS:
        assert found[name].value is None and "same value" in (found[name].reason or "")


def test_units_in_one_cluster_widen_the_interval() -> None:
    first, second = [0, 1] * 40, [0, 1] * 30 + [1, 0] * 10
    loose = measured(coded(first, second))["ac1"].interval or (0, 0)
    tight = measured(coded(first, second, [str(number // 10) for number in range(80)]))["ac1"].interval or (0, 0)
    assert tight[1] - tight[0] > 1.5 * (loose[1] - loose[0])


def test_the_differing_units_are_named() -> None:
    assert measured(coded([0, 1, 1], [0, 0, 1]))["agreement"].rows == {"provisions": ["U001"]}


@pytest.mark.parametrize(
    ("low", "share", "expected"),
    [(0.59, 0.5, "weak"), (0.61, 0.5, "usable"), (0.61, 0.09, "rare"), (0.5, 0.09, "weak")],
)
def test_the_rule_sorts_variables(low: float, share: float, expected: str) -> None:
    measures = {"ac1": Estimate(0.9, (low, 1.0), 100), "prevalence": Estimate(share, (0, 1), 100)}
    assert coding.standing(measures) == expected


def test_a_variable_without_coefficient_is_weak() -> None:
    assert coding.standing({"ac1": Estimate(None)}) == "weak"


UNITS = pd.DataFrame({"unit_id": ["U1", "U2", "U3"], "document_id": ["D", "D", "E"]})
CODES = pd.DataFrame({"unit_id": ["U1", "U2", "U3"], "x": [0, 1, 1], "kind": ["a", "b", "b"]})


def test_a_unit_coded_once_is_named_and_left_out_of_the_agreement() -> None:
    pair = coding.pair("provisions", UNITS, CODES, CODES.drop(index=1), "unit_id", "document_id")
    assert pair.coded_once == ["U2"]
    assert pair.first["x"].tolist() == pair.second["x"].tolist() == [0, 1]
    assert pair.clusters.tolist() == ["D", "E"]


def test_no_unit_coded_twice_gives_reasons_and_figures_that_say_so() -> None:
    pair = coding.pair("provisions", UNITS, CODES, CODES.head(0), "unit_id", "document_id")
    found = coding.agreements(pair, CONFIDENCE, SEED)
    assert [list(measures) for measures in found.values()] == [
        ["agreement", "prevalence", "kappa", "alpha", "ac1"],
        ["agreement", "kappa", "alpha", "ac1"],
    ]
    for measures in found.values():
        assert {estimate.value for estimate in measures.values()} == {None}
        assert {estimate.reason for estimate in measures.values()} == {
            "provisions.csv: no unit is coded in both passes, so the agreement of the passes cannot be measured"
        }
        assert coding.standing(measures) == "weak"
    frame = coding.summary(found).assign(label="name")
    assert texts(coding.draw_agreement({"articles": frame})) & {"No data: no unit is coded in both passes"}
    counts = coding.confusion(pair.first["kind"], pair.second["kind"])
    assert texts(coding.draw_confusions({"kind": counts})) & {"No data: no unit is coded in both passes"}


def test_an_event_coded_once_is_not_compared_with_itself(raw: dict[str, pd.DataFrame]) -> None:
    names = ("cooperation", "cooperation_a", "cooperation_b", "sources")
    cooperation, pass_a, pass_b, sources = (raw[name] for name in names)
    lone = cooperation["event_id"].iloc[0]
    kept = coding.joined_events(cooperation, pass_a, pass_b[pass_b["event_id"] != lone], sources)
    assert lone not in {row for rows in kept["rows"] for row in rows}
    assert lone in {row for rows in coding.joined_events(cooperation, pass_a, pass_b, sources)["rows"] for row in rows}


def texts(figure: Figure) -> set[str]:
    return {text.get_text() for axis in figure.axes for text in axis.texts}


def test_confusions_count_only_different_values_most_frequent_first() -> None:
    found = coding.confusions(coded(list("aaabbb"), list("abbbba")))
    assert found.to_numpy().tolist() == [["x", "a", "b", 2], ["x", "b", "a", 1]]
    assert coding.confusion(pd.Series(list("aab")), pd.Series(list("abb"))).to_numpy().tolist() == [[1, 1], [0, 1]]


def test_a_unit_differs_by_value_or_by_part() -> None:
    pair = coded([0] * 4, [0] * 4)
    first = pd.DataFrame({"I": [1.0, 0.0, np.nan, np.nan]}, index=pair.first.index)
    second = pd.DataFrame({"I": [1.0, 1.0, 0.0, np.nan]}, index=pair.first.index)
    part = coding.Indicators(pair, first, second, {"I": ["x"]})
    shares = coding.hanging(part, CONFIDENCE)
    assert (shares["I"].value, shares["I"].n) == (pytest.approx(2 / 3), 3)
    assert shares["I"].rows == {"provisions": ["U001", "U002"]}
    row = coding.hanging_table(part, shares).iloc[0]
    assert (row["part_differs"], row["value_differs"]) == (1, 1)
    assert coding.codes_behind(part).to_numpy().tolist() == [["I", "x", 3, 0]]


def test_concreteness_counts_marks_of_relevant_operative_articles_only() -> None:
    codes = pd.DataFrame({"relevance": [1, 1, 0], "modality": ["must", "declare", "must"]})
    codes = codes.assign(s_number=1, s_deadline=0, s_resource=1, s_sanction=0)
    assert coding.article_values(codes)["concreteness"].fillna(-1).tolist() == [2, -1, -1]


@pytest.fixture(scope="module")
def raw() -> dict[str, pd.DataFrame]:
    return tables.load(
        "cooperation", "cooperation_a", "cooperation_b", "literature", "literature_a", "literature_b", "sources"
    )


@pytest.fixture(scope="module")
def cooperation(raw: dict[str, pd.DataFrame]) -> coding.Coding:
    passes = raw["cooperation_a"], raw["cooperation_b"]
    return coding.pair("cooperation", raw["cooperation"], *passes, "event_id", "source_id")


def test_real_events_are_measured_in_every_variable(cooperation: coding.Coding) -> None:
    found = coding.agreements(cooperation, CONFIDENCE, SEED)
    frame = coding.summary(found)
    assert list(frame["variable"]) == list(cooperation.first)
    differ = (cooperation.first.astype(str) != cooperation.second.astype(str)).sum()
    assert frame.set_index("variable")["differ"].to_dict() == differ.to_dict()
    assert ((frame["ac1_low"] <= frame["ac1"]) & (frame["ac1"] <= frame["ac1_high"])).all()
    assert coding.readable(frame.assign(label=frame["variable"])).shape[0] == len(frame)


def test_real_indicators_differ_only_where_a_code_behind_them_differs(raw: dict[str, pd.DataFrame]) -> None:
    frame = coding.joined_events(raw["cooperation"], raw["cooperation_a"], raw["cooperation_b"], raw["sources"])
    part = coding.event_indicators(frame)
    for name, share in coding.hanging(part, CONFIDENCE).items():
        codes = list(part.codes[name])
        differ = (part.coding.first[codes] != part.coding.second[codes]).any(axis="columns")
        assert set(share.rows["cooperation"]) <= set(differ.index[differ])


def test_work_indicators_join_the_codes_of_a_remedy(raw: dict[str, pd.DataFrame]) -> None:
    pair = coding.pair("literature", raw["literature"], raw["literature_a"], raw["literature_b"], "work_id", "work_id")
    part = coding.work_indicators(pair, {"R": ["r_policy", "r_finance"]})
    assert part.first["R"].sum() == ((pair.first["r_policy"] == 1) | (pair.first["r_finance"] == 1)).sum()


def test_the_figures_show_every_variable_and_value(cooperation: coding.Coding) -> None:
    frame = coding.summary(coding.agreements(cooperation, CONFIDENCE, SEED))
    drawn = coding.draw_agreement({"Events": frame.assign(label=frame["variable"])})
    assert {label.get_text() for label in drawn.axes[0].get_yticklabels()} == set(frame["variable"])
    counts = {name: coding.confusion(cooperation.first[name], cooperation.second[name]) for name in ["form", "signed"]}
    panel = coding.draw_confusions(counts).axes[0]
    assert sum(int(text.get_text()) for text in panel.texts) == len(cooperation.first)
    assert coding.categories(cooperation) == ["form", "signed"]
