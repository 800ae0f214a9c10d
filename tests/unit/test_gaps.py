"""What further evidence would decide: the numbers do decide, one row fewer does not, and no number is promised idly."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import RATIO, SHARE

from chanjiao import gaps, synthesis
from chanjiao.claims import CONTRADICTED, INSUFFICIENT, MIXED, SUPPORTED, UNDECIDED, decide, load_claims
from chanjiao.statistics import Estimate, wilson

REAL = load_claims(Path(__file__).parents[2] / "claims.yaml")
CONFIDENCE = 0.95
RANK = {
    **RATIO,
    "unit": "rank score",
    "supported_when": {"bound": "lower", "above": 0},
    "contradicted_when": {"bound": "upper", "below": 0},
    "holds_under": [],
}
COLLEGES = {**SHARE, "bias": "silent_colleges", "safe_direction": "none", "table": "institution_facts"}
STANDS = " and its bias analysis let the verdict stand"


def book(**rules):
    indicators = (
        {"C1.1": SHARE, "C1.2": RATIO} if not rules else {name.replace("_", "."): rules[name] for name in rules}
    )
    return {"joining": REAL["joining"], "claims": {"C1": {"statement": "Rules are thin.", "indicators": indicators}}}


def share(value, n=50, effective_n=None, **changes):
    effective = effective_n or float(n)
    interval = wilson(value * effective, effective, CONFIDENCE)
    fields = {"n": n, "clusters": n, "effective_n": effective, "tipping": 0.6, "unit": "share"}
    return Estimate(value, interval, **{**fields, **changes})


def ratio(value, low, high, **changes):
    counts = {"n": 30, "clusters": 25, "effective_n": 25.0, "n_other": 90, "clusters_other": 60, "unit": "ratio"}
    return Estimate(value, (low, high), **{**counts, **changes})


def judged(estimates, claims):
    return synthesis.judge(claims, estimates)


def indicator_gaps(c1_1=None, c1_2=None, claims=None, **variants):
    """The rows of indicators C1.1 and C1.2 by id; both readings of C1.2 are as printed unless given."""
    claims = claims or book()
    found = {"transmission.c1_1": c1_1, "mechanism.c1_2": c1_2}
    found |= {f"mechanism.c1_2.{name}": variants.get(name, c1_2) for name in ("both", "either")}
    frame = gaps.indicator_gaps(claims, judged(found, claims), CONFIDENCE)
    return frame.set_index("indicator")


def claim_gap(estimates, claims):
    return gaps.claim_gaps(claims, judged(estimates, claims), CONFIDENCE).iloc[0]


# Shares


@given(st.floats(0.02, 0.98), st.integers(10, 200), st.floats(1, 4))
def test_so_many_further_rows_decide_a_share_and_one_fewer_does_not(value, n, design_effect):
    estimate = share(value, n, effective_n=n / design_effect)
    frame = indicator_gaps(c1_1=estimate)
    if "C1.1" in frame.index and pd.notna(further := frame.loc["C1.1", "further_rows"]) and further < 10**6:
        grown = [(n + int(further) - fewer) / design_effect for fewer in (0, 1)]
        enough, few = (decide(SHARE, wilson(value * size, size, CONFIDENCE)) for size in grown)
        assert enough == (SUPPORTED if value < 0.5 else CONTRADICTED)
        assert few == UNDECIDED or further == 1


def test_further_rows_of_a_share_by_hand():
    """The score test of 0.3 against 0.5 asks for 1.96² · 0.25 / 0.04 = 24.01 rows, so 25; of twelve, 13 more."""
    row = indicator_gaps(c1_1=share(0.3, 12)).loc["C1.1"]
    assert (row["further_rows"], row["table"], row["verdict"]) == (13, "policies", UNDECIDED)
    assert (
        row["what_would_decide"]
        == f"supported after about 13 further rows of policies.csv if the estimate held{STANDS}"
    )


def test_a_design_effect_asks_for_as_many_times_the_rows():
    """At a design effect of two, 2 · 24.01 = 48.02 rows: 49, of which 24 are there."""
    assert indicator_gaps(c1_1=share(0.3, 24, effective_n=12.0)).loc["C1.1", "further_rows"] == 25


def test_the_safe_verdict_needs_no_bias_analysis():
    row = indicator_gaps(c1_1=share(0.7, 12)).loc["C1.1"]
    assert row["what_would_decide"] == "contradicted after about 13 further rows of policies.csv if the estimate held"


def test_what_could_have_been_found_stands_beside():
    row = indicator_gaps(c1_1=share(0.3, 12, detectable_below=0.1, detectable_above=0.9)).loc["C1.1"]
    assert (row["detectable_below"], row["detectable_above"]) == (0.1, 0.9)


def test_rows_that_nobody_will_collect_are_called_out_of_reach():
    row = indicator_gaps(c1_1=share(0.51)).loc["C1.1"]
    assert row["what_would_decide"].endswith("if the estimate held, out of reach: it lies close to the threshold")


@pytest.mark.parametrize(
    "rule",
    [{**SHARE, "supported_when": {"bound": "upper", "below": 0.25}}, {**SHARE, "supported_when": None}],
    ids=["between the thresholds", "no rule on this side"],
)
def test_more_rows_do_not_help_where_no_threshold_lies_ahead(rule):
    row = indicator_gaps(c1_1=share(0.4, 20), claims=book(C1_1=rule)).loc["C1.1"]
    assert pd.isna(row["further_rows"])
    assert row["what_would_decide"] == "more rows would not decide: no threshold lies on this side of the estimate"


def test_hidden_marks_are_not_mended_by_rows():
    row = indicator_gaps(c1_1=share(0.2, tipping=0.9)).loc["C1.1"]
    assert pd.isna(row["further_rows"])
    assert row["what_would_decide"] == "more rows alone would not decide: falls if only 90% of the marks were visible"


# Other estimates


def test_further_rows_of_a_ratio_are_reckoned_on_the_log_scale():
    """A half, with an upper bound of two: (ln 4 / ln 2)^2 = 4 times 30 rows touch one, 91 more pass it."""
    row = indicator_gaps(c1_2=ratio(0.5, 0.125, 2)).loc["C1.2"]
    assert row["further_rows"] == 91
    assert row["what_would_decide"] == "supported after about 91 further rows of cooperation.csv if the estimate held"


def test_the_hardest_reading_counts():
    """Printed, the ratio lacks one row; counted in either pass, (ln 4 / ln 2)^2 = 4 times the rows."""
    further = indicator_gaps(c1_2=ratio(0.5, 0.3, 1), either=ratio(0.5, 0.125, 2)).loc["C1.2", "further_rows"]
    assert further == 91
    decided_alone = indicator_gaps(c1_2=ratio(0.5, 0.3, 0.9), either=ratio(0.5, 0.125, 2)).loc["C1.2"]
    assert decided_alone["further_rows"] == 91


def test_an_interval_that_just_touches_the_threshold_lacks_one_row():
    row = indicator_gaps(c1_2=ratio(0.5, 0.3, 1)).loc["C1.2"]
    assert row["what_would_decide"] == "supported after about 1 further row of cooperation.csv if the estimate held"


def test_readings_on_both_sides_of_a_threshold_are_not_mended_by_rows():
    row = indicator_gaps(c1_2=ratio(0.9, 0.7, 1.2), both=ratio(0.8, 0.6, 1), either=ratio(1.5, 1, 2)).loc["C1.2"]
    assert pd.isna(row["further_rows"])
    assert row["what_would_decide"] == "more rows alone would not decide: both and either lie on different sides"


def test_a_reading_that_is_missing_is_not_mended_by_rows():
    row = indicator_gaps(c1_2=ratio(0.7, 0.5, 0.9), both=Estimate.missing("ratio", 30, "no marks")).loc["C1.2"]
    assert pd.isna(row["further_rows"])
    words = "more rows alone would not decide: there is no estimate under the variant “both”"
    assert row["what_would_decide"] == words


def test_an_open_interval_does_not_tell_how_many():
    for estimate in (ratio(0.5, 0.2, math.inf), ratio(2.0, 0.0, 3.0)):
        row = indicator_gaps(c1_2=estimate).loc["C1.2"]
        assert pd.isna(row["further_rows"])
        assert "an open interval does not tell" in row["what_would_decide"]


def test_an_estimate_without_interval_is_not_promised_a_verdict():
    row = indicator_gaps(c1_2=ratio(0.5, 0.2, 2).with_(interval=None, reason="no spread between clusters")).loc["C1.2"]
    assert row["what_would_decide"] == "more rows alone would not decide: no spread between clusters"


def test_a_rank_score_narrows_with_the_documents_answered():
    """From -0.2 to the upper end is 0.3, to the threshold 0.2: (0.3 / 0.2)^2 = 2.25 times two documents, 3 more."""
    score = Estimate(-0.2, (-0.5, 0.1), n=23, clusters=2, effective_n=23.0, clusters_other=10, unit="rank score")
    rule = {**RANK, "minimum": {"n": 19}}
    row = indicator_gaps(c1_2=score, claims=book(C1_2=rule)).loc["C1.2"]
    assert row["further_rows"] == 3
    words = "contradicted after about 3 further national documents answered with a date in cooperation.csv"
    assert row["what_would_decide"] == f"{words} if the estimate held"
    few = indicator_gaps(c1_2=score.with_(n=17), claims=book(C1_2=rule)).loc["C1.2", "what_would_decide"]
    assert "about 3 further rows of cooperation.csv" in few


@given(st.floats(0.05, 0.45), st.floats(0.05, 0.5), st.integers(10, 500))
def test_so_many_further_rows_decide_a_mean_if_the_interval_narrows_as_assumed(value, half_width, n):
    estimate = Estimate(value, (value - half_width, value + half_width), n, publishing=1.0, unit="share")
    rule = {**COLLEGES, "safe_direction": SUPPORTED}
    frame = indicator_gaps(c1_1=estimate, claims=book(C1_1=rule))
    if "C1.1" in frame.index:
        grown = n + int(frame.loc["C1.1", "further_rows"])
        narrow = 0.999 * half_width * math.sqrt(n / grown)
        assert decide(rule, (value - narrow, value + narrow)) == SUPPORTED
        fewer = 1.001 * half_width * math.sqrt(n / (grown - 1))
        assert decide(rule, (value - fewer, value + fewer)) == UNDECIDED or grown - 1 == n


def test_half_of_the_colleges_must_publish_for_a_verdict_that_flatters():
    """Twelve of sixty publish; the rule asks for thirty, whatever the interval."""
    rule = {**COLLEGES, "supported_when": None}
    estimate = Estimate(0.8, (0.7, 0.9), 12, publishing=0.2, unit="share")
    row = indicator_gaps(c1_1=estimate, claims=book(C1_1=rule)).loc["C1.1"]
    assert (row["verdict"], row["further_rows"]) == (UNDECIDED, 18)
    few = Estimate.missing("share", 3, "3 colleges", publishing=0.05)
    assert indicator_gaps(c1_1=few, claims=book(C1_1=rule)).loc["C1.1", "further_rows"] == 27


# Below the minimum


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({"n": 12, "clusters": 9}, 8),
        ({"n": 25, "clusters": 3}, 7),
        ({"clusters_other": 4}, 6),
        ({"n": 0, "clusters": None}, 20),
    ],
)
def test_insufficient_data_lack_the_rows_that_the_minimum_asks_for(changes, lacking):
    row = indicator_gaps(c1_2=ratio(None, 0, 0, **changes).with_(interval=None)).loc["C1.2"]
    assert (row["verdict"], row["further_rows"]) == (INSUFFICIENT, lacking)
    assert row["what_would_decide"].endswith(f"; {lacking} further rows of cooperation.csv could decide it")


def test_with_an_estimate_both_the_minimum_and_the_interval_count():
    row = indicator_gaps(c1_2=ratio(0.5, 0.125, 2, n=10)).loc["C1.2"]
    assert row["further_rows"] == 31  # four times ten rows touch the threshold; the minimum asks for ten only
    assert row["what_would_decide"].startswith(
        "10 units in cooperation.csv, the rule needs 20; supported after about 31"
    )
    assert indicator_gaps(c1_2=ratio(0.5, 0.3, 0.9, n=10)).loc["C1.2", "further_rows"] == 10


def test_an_open_interval_below_the_minimum_lacks_the_minimum():
    row = indicator_gaps(c1_2=ratio(1.2, 0.0, 4.4, n=4)).loc["C1.2"]
    assert row["what_would_decide"].endswith("16 further rows of cooperation.csv could decide it")


def test_a_decided_indicator_lacks_nothing():
    frame = indicator_gaps(c1_1=share(0.2), c1_2=ratio(0.5, 0.3, 0.8))
    assert frame.empty
    assert str(frame["further_rows"].dtype) == "Int64"


# Claims


def estimates(c1_1, c1_2):
    found = {"transmission.c1_1": c1_1, "mechanism.c1_2": c1_2}
    return found | {f"mechanism.c1_2.{name}": c1_2 for name in ("both", "either")}


def test_a_full_verdict_lacks_nothing():
    row = claim_gap(estimates(share(0.2), ratio(0.5, 0.3, 0.8)), book())
    assert (row["verdict"], row["further_rows"]) == (SUPPORTED, 0)
    assert row["what_would_decide"] == "nothing: the verdict is full"


def test_a_leaning_claim_lacks_the_rows_of_its_second_table():
    row = claim_gap(estimates(share(0.2), ratio(0.5, 0.125, 2)), book())
    assert (row["verdict"], row["indicators"], row["tables"]) == (f"leaning {SUPPORTED}", "C1.2", "cooperation")
    assert row["further_rows"] == 91
    words = "a full verdict: about 91 further rows of cooperation.csv for C1.2 if the estimates held"
    assert row["what_would_decide"] == words


def test_a_leaning_claim_lacks_effective_units_too():
    """C1.1 rests on 15 effective of 30 rows: 40 rows make 20; C1.2 needs 91 more."""
    row = claim_gap(estimates(share(0.1, 30, effective_n=15.0), ratio(0.5, 0.125, 2)), book())
    assert row["verdict"] == f"leaning {SUPPORTED}"
    assert (row["indicators"], row["further_rows"]) == ("C1.1, C1.2", 10 + 91)


def test_further_rows_make_the_verdict_full():
    """The rows promised are put in, and the rules are asked again."""
    few = estimates(share(0.1, 30, effective_n=15.0), ratio(0.5, 0.125, 2))
    assert claim_gap(few, book())["further_rows"] == 101
    half = math.log(4) * math.sqrt(30 / 121)
    grown = ratio(0.5, 0.5 * math.exp(-half), 0.5 * math.exp(half), n=121)
    many = estimates(share(0.1, 40, effective_n=20.0), grown)
    assert judged(many, book())["C1"]["verdict"] == SUPPORTED


def test_one_table_can_only_lean():
    claims = book(C1_2=RATIO)
    row = claim_gap(estimates(None, ratio(0.5, 0.3, 0.8)), claims)
    assert row["verdict"] == f"leaning {SUPPORTED}" and pd.isna(row["further_rows"])
    assert row["what_would_decide"] == "it can only lean: all its indicators rest on cooperation.csv"


def test_a_leaning_claim_is_told_why_its_second_table_cannot_follow():
    row = claim_gap(estimates(share(0.2), ratio(1.5, 0.5, 4.5)), book())
    assert pd.isna(row["further_rows"])
    assert row["what_would_decide"] == "a full verdict needs a second table; C1.2: the estimate lies on the other side"
    row = claim_gap(estimates(share(0.2), ratio(0.5, 0.2, math.inf)), book())
    assert "C1.2: more rows would decide if the estimate held, how many" in row["what_would_decide"]
    row = claim_gap(estimates(share(0.2), Estimate.missing("ratio", 3, "no marks")), book())
    assert row["what_would_decide"].endswith("C1.2: 3 units in cooperation.csv, the rule needs 20")


def test_an_undecided_claim_takes_the_cheapest_indicator():
    row = claim_gap(estimates(share(0.3, 12), ratio(0.5, 0.125, 2)), book())
    assert (row["verdict"], row["indicators"], row["tables"], row["further_rows"]) == (
        UNDECIDED,
        "C1.1",
        "policies",
        13,
    )
    assert row["what_would_decide"].startswith("C1.1: supported after about 13 further rows of policies.csv")
    assert row["what_would_decide"].endswith("; the claim would then lean")


def test_an_indicator_with_an_estimate_is_cheaper_than_one_without():
    row = claim_gap(estimates(Estimate.missing("share", 9, "few"), ratio(0.5, 0.125, 2)), book())
    assert row["indicators"] == "C1.2"


def test_an_undecided_claim_that_rows_cannot_decide_says_why_for_each_indicator():
    row = claim_gap(estimates(share(0.2, tipping=0.9), ratio(0.5, 0.2, math.inf)), book())
    assert pd.isna(row["further_rows"]) and row["indicators"] == ""
    assert row["what_would_decide"].startswith("C1.1: more rows alone would not decide: falls if")
    assert "; C1.2: more rows would decide if the estimate held" in row["what_would_decide"]


def test_a_mixed_claim_is_not_mended_by_rows():
    row = claim_gap(estimates(share(0.2), ratio(2, 1.5, 3)), book())
    assert row["verdict"] == MIXED
    assert row["what_would_decide"] == "more rows would not decide: C1.1 and C1.2 are decided on different sides"


def test_nothing_recorded_lacks_the_minimum_of_every_real_claim():
    found = synthesis.judge(REAL, {})
    claims = gaps.claim_gaps(REAL, found, CONFIDENCE)
    assert claims["verdict"].eq(INSUFFICIENT).all() and claims["further_rows"].gt(0).all()
    assert claims["what_would_decide"].str.contains("could decide it").all()
    indicators = gaps.indicator_gaps(REAL, found, CONFIDENCE)
    assert len(indicators) == 11 and list(gaps.indicator_gaps_table(indicators).columns)[3] == "Further rows"


@pytest.mark.parametrize("interval", [None, (0.2, 1.0), (0.0, 0.0), (1.5, math.inf), (-math.inf, math.inf), (0.5, 0.5)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("n", [1, 40])
def test_every_real_claim_and_indicator_gets_an_answer(interval, value, n):
    one = Estimate(value, interval, n, n, float(n), n, n, publishing=0.3, tipping=0.9, reason="no spread")
    found = {rule["key"]: one for rule in synthesis.indicator_rules(REAL).values()}
    verdicts = synthesis.judge(REAL, found)
    for frame in (gaps.indicator_gaps(REAL, verdicts, CONFIDENCE), gaps.claim_gaps(REAL, verdicts, CONFIDENCE)):
        assert frame["what_would_decide"].str.len().gt(0).all()
        assert not frame["what_would_decide"].str.contains("None|nan|inf ").any()
        assert (frame["further_rows"].dropna() >= 0).all()


# The command


@pytest.fixture
def results(tmp_path):
    """What 07_synthesis leaves for one province."""
    folder = tmp_path / "data/processed/synthesis/50"
    (folder / "tables").mkdir(parents=True)
    frame = gaps.claim_gaps_table(gaps.claim_gaps(REAL, synthesis.judge(REAL, {}), CONFIDENCE))
    frame.to_csv(folder / "tables" / f"{gaps.SHOWN}.csv", index=False)
    kept = {"results": {"synthesis.province": {"value": "重庆市"}}}
    (folder / "results.json").write_text(json.dumps(kept), encoding="utf-8")
    return tmp_path


def test_the_report_names_every_claim_within_a_hundred_columns(results):
    lines = gaps.read(results, "50").splitlines()
    assert lines[0] == "重庆市 (50)"
    assert [line.split()[0] for line in lines[2:] if line[0] != " "] == ["Claim", "C1", "C2", "C3", "C4", "C5"]
    assert max(map(len, lines)) <= gaps.WIDTH
    words = " ".join(" ".join(line[25:].split()) for line in lines[3:])
    assert "C1.1: no notebook recorded this indicator; 10 further rows of policies.csv could decide it" in words


def test_a_province_without_results_is_told_what_to_do(results):
    with pytest.raises(gaps.GapsError, match=r"synthesis/51/tables/.*: no such file.*run `make repro`"):
        gaps.read(results, "51")
