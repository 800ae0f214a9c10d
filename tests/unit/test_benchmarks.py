"""The simulations: their tables are those of the present code, and what they count is right."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

import colleges  # noqa: E402
import draws  # noqa: E402
import judging  # noqa: E402
import pages  # noqa: E402
import passes  # noqa: E402
import policies  # noqa: E402
import simulation  # noqa: E402
import structure  # noqa: E402
import verdicts  # noqa: E402
from scenarios import CHECKED, Run, Scenario, covered, simulate, within_goal  # noqa: E402

from chanjiao import events, mechanism  # noqa: E402
from chanjiao.claims import CONTRADICTED, INSUFFICIENT, MIXED, SUPPORTED, UNDECIDED, load_claims  # noqa: E402
from chanjiao.simulated import ALLOWANCE, ALONE, FOR, FULL, GOAL, NO_BIAS  # noqa: E402
from chanjiao.statistics import Estimate  # noqa: E402

NAMES = ["indicator", "method", "role", "truth", "n", "clusters", "intraclass", "note"]
BOOK = load_claims(ROOT / "claims.yaml")
STALE = "benchmarks/*.csv are not those of the present code and data; run `make bench`"


def committed(name: str) -> pd.DataFrame:
    texts = dict.fromkeys(("truth", "province", "note"), str)
    return pd.read_csv(ROOT / "benchmarks" / name, dtype=texts).fillna({"note": ""})


def rule(indicator: str) -> dict:
    return BOOK["claims"][indicator[:2]]["indicators"][indicator]


def judge(indicator: str, analysis: str = FULL) -> judging.Judge:
    return judging.Judge(rule(indicator), BOOK["joining"], analysis)


@pytest.fixture(scope="module")
def study() -> structure.Structure:
    return structure.read(committed("coverage.csv")["province"].iloc[0])


# The committed tables


def test_the_table_of_coverage_is_that_of_the_present_code(study: structure.Structure) -> None:
    table = committed("coverage.csv")
    again = simulation.coverage_table(study, simulation.coverage_scenarios(study), runs=CHECKED)
    pd.testing.assert_frame_equal(again[NAMES], table[NAMES], obj=STALE)
    np.testing.assert_allclose(again["check"], table["check"], rtol=1e-4, err_msg=STALE)


def test_the_table_of_errors_is_that_of_the_present_code(study: structure.Structure) -> None:
    table, names = committed("errors.csv"), ["indicator", "place", "truth", "analysis", "n", "clusters", "intraclass"]
    again = simulation.error_table(study, simulation.error_scenarios(study), runs=CHECKED)
    pd.testing.assert_frame_equal(again[names], table[names], obj=STALE)
    np.testing.assert_allclose(again["check"], table["check"], rtol=1e-4, err_msg=STALE)


def test_the_committed_tables_are_consistent() -> None:
    table, errors = committed("coverage.csv"), committed("errors.csv")
    assert (table["runs"] >= 1000).all() and (errors["runs"] >= 1000).all()
    np.testing.assert_allclose(table["coverage"] + table["below"] + table["above"], 1, atol=2e-4)
    goals = [within_goal(one, error) for one, error in zip(table["coverage"], table["error"], strict=True)]
    assert table["goal"].tolist() == goals
    shares = [SUPPORTED, CONTRADICTED, MIXED, UNDECIDED, "insufficient"]
    np.testing.assert_allclose(errors[shares].sum(axis=1), 1, atol=5e-4)
    assert (errors["wrong"] <= errors[SUPPORTED] + errors[CONTRADICTED] + 1e-9).all()


def test_every_indicator_and_claim_has_its_rows() -> None:
    indicators = {name for claim in BOOK["claims"].values() for name in claim["indicators"]}
    simulated = set(committed("coverage.csv")["indicator"])
    assert {name for name in indicators if not name.startswith("C4")} | {"C4"} <= simulated
    assert indicators | set(BOOK["claims"]) == set(committed("errors.csv")["indicator"])


def test_a_printed_coverage_that_misses_the_goal_says_why() -> None:
    table = committed("coverage.csv")
    missed = table[table["goal"].eq("no") & table["role"].eq("printed")]
    assert missed["note"].ne("").all()


def test_no_two_scenarios_share_their_random_numbers(study: structure.Structure) -> None:
    for found in (simulation.coverage_scenarios(study), simulation.error_scenarios(study)):
        first = {one.generator(0, 1).integers(2**62) for one in found}
        assert len(first) == len(found)


# Running and counting


def normal_run(rng: np.random.Generator, shift: float = 0.0) -> Run:
    value = float(rng.normal(shift))
    return Run(value, value - 1.96, value + 1.96, 0.0)


def tiny(name: str = "one", runs: int = 600, shift: float = 0.0) -> Scenario:
    return Scenario(name, "z", "0", 0.0, 1, 1, partial(normal_run, shift=shift), runs=runs)


def test_runs_do_not_hang_on_the_number_of_workers_or_on_other_scenarios() -> None:
    alone = simulate([tiny()], seed=5, jobs=1)[0]
    assert alone == simulate([tiny("other"), tiny()], seed=5, jobs=2)[1]
    assert alone[:20] == simulate([tiny()], seed=5, jobs=1, runs=20)[0]
    assert alone != simulate([tiny()], seed=6, jobs=1)[0]


def test_a_right_interval_covers_and_a_shifted_one_does_not() -> None:
    right, shifted = (covered(one, simulate([one], 1, jobs=1)[0]) for one in (tiny(runs=4000), tiny(shift=3.0)))
    assert right["coverage"] == pytest.approx(0.95, abs=0.011) and right["goal"] == "yes"
    assert shifted["coverage"] < 0.3 and shifted["above"] > 0.7 and shifted["goal"] == "no"


def test_runs_are_counted_by_hand() -> None:
    runs = [Run(1, 0, 2, 1), Run(1, 2, 3, 1), Run(1, 0, 0.5, 1), Run(2, np.nan, np.nan, 1), Run(1, 1, 2, 1)]
    row = covered(tiny(), runs)
    assert (row["coverage"], row["below"], row["above"], row["missing"]) == (0.5, 0.25, 0.25, 0.2)
    assert row["check"] == 1.2 and row["error"] == 0.25


@given(st.floats(0, 1), st.floats(0, 0.02))
def test_the_goal_allows_for_the_error_of_the_simulation(coverage: float, error: float) -> None:
    near = GOAL[0] - ALLOWANCE * error <= coverage <= GOAL[1] + ALLOWANCE * error
    assert within_goal(coverage, error) == ("yes" if near else "no")


# Draws


def test_marks_of_two_passes_have_their_frequency_kappa_and_likeness() -> None:
    rng = np.random.default_rng(1)
    place = np.repeat(np.arange(40_000), 2)
    chances = draws.on_pages(np.full((len(place), 1), 0.2), place, 0.4, rng)
    first, second = draws.two_passes(chances, np.array([0.7]), rng)
    assert first.mean() == pytest.approx(0.2, abs=0.01) and second.mean() == pytest.approx(0.2, abs=0.01)
    pairs = first.reshape(-1, 2)
    assert np.corrcoef(pairs.T)[0, 1] == pytest.approx(0.4, abs=0.02)
    expected = passes.coefficients(0.7, 0.2, 0.4)["kappa"]
    assert np.corrcoef(first[:, 0], second[:, 0])[0, 1] == pytest.approx(expected, abs=0.02)


def test_the_number_of_marks_of_a_page_has_the_likeness_asked_for() -> None:
    rng = np.random.default_rng(2)
    place = np.repeat(np.arange(20_000), 2)
    chances = draws.on_pages(np.tile(np.linspace(0.05, 0.3, 9), (len(place), 1)), place, 0.3, rng)
    first, _ = draws.two_passes(chances, np.ones(9), rng)
    assert np.corrcoef(first.sum(axis=1).reshape(-1, 2).T)[0, 1] == pytest.approx(0.3, abs=0.03)


def test_hidden_marks_are_hidden_from_both_passes() -> None:
    first, second = draws.two_passes(np.ones((5000, 1)), np.array([0.5]), np.random.default_rng(3), visible=0.6)
    assert (first == second).all() and first.mean() == pytest.approx(0.6, abs=0.03)


@given(st.floats(0.05, 0.95), st.sampled_from([0.0, 0.3, 0.6]))
def test_tilted_chances_give_the_share_asked_for(share: float, intraclass: float) -> None:
    prevalence = np.array([0.05, 0.24, 0.04, 0.1, 0.1, 0.28, 0.08, 0.07, 0.03])
    chances = draws.tilted_to_share(prevalence, share, mechanism.DEEP, intraclass)
    assert draws.chance_of(mechanism.DEEP, chances, intraclass) == pytest.approx(share, abs=1e-6)
    assert (np.diff(chances[np.argsort(prevalence)]) >= 0).all()


def test_the_chance_of_three_marks_is_binomial_where_all_are_alike() -> None:
    assert draws.chance_of(3, np.full(9, 0.5), 0.0) == pytest.approx(1 - (1 + 9 + 36) / 512)


def test_tilted_chances_add_up_to_the_depth_asked_for() -> None:
    assert draws.tilted_to_depth(np.array([0.1, 0.5]), 1.3).sum() == pytest.approx(1.3)


def test_counts_and_shares_have_the_moments_asked_for() -> None:
    rng = np.random.default_rng(4)
    counts = draws.overdispersed(np.full(50_000, 2.0), 0.5, rng)
    assert counts.mean() == pytest.approx(2, abs=0.05) and counts.var() == pytest.approx(4, abs=0.15)
    assert draws.overdispersed(np.full(50_000, 2.0), 0.0, rng).var() == pytest.approx(2, abs=0.1)
    drawn = draws.shares(0.7, 0.2, 50_000, rng)
    assert drawn.mean() == pytest.approx(0.7, abs=0.01) and drawn.std() == pytest.approx(0.2, abs=0.01)


def test_censored_days_hold_the_true_day_and_keep_their_widths() -> None:
    rng = np.random.default_rng(5)
    days, widths = rng.uniform(400, 900, 200), np.repeat([0.0, 30.0, 364.0, 100.0], 50)
    lower, upper = draws.censored(days, widths, rng)
    assert (lower <= days + 0.5).all() and (days - 0.5 <= upper).all()
    np.testing.assert_allclose(np.sort(upper - lower), np.sort(widths), atol=1)


# Scenarios


def test_the_structure_is_that_of_the_real_tables(study: structure.Structure) -> None:
    assert set(study.events) == {"signed", "compared", "bilateral", "sized", "several", "told"}
    assert all(frame["page"].nunique() <= len(frame) for frame in study.events.values())
    assert len(study.prevalence) == len(study.kappa) == len(events.MARKS)
    assert study.gdp.sum() == pytest.approx(1)
    assert (pages.codes(study.events["signed"]["page"]) >= 0).all()


def test_a_province_without_rows_cannot_be_simulated() -> None:
    with pytest.raises(structure.StructureError, match="54 .*signed"):
        structure.read("54")


@pytest.mark.parametrize("truth", [-0.7, 0.0, 0.4])
def test_expected_depths_have_the_true_slope_within_every_form(study: structure.Structure, truth: float) -> None:
    frame = study.events["sized"]
    expected = pages.trend_depths(frame, truth)
    inner = expected - truth * frame["size_class"]
    assert inner.groupby(frame["form"]).agg(np.ptp).max() < 1e-9 and (expected >= 0.2 - 1e-9).all()


def test_expected_depths_have_the_true_ratio_in_every_stratum(study: structure.Structure) -> None:
    frame = study.events["compared"].assign(expected=pages.ratio_depths(study.events["compared"], 1.6))
    means = frame.groupby([*mechanism.STRATA, "side"])["expected"].mean().unstack("side")
    np.testing.assert_allclose(means[1] / means[0], 1.6)


def test_the_expected_score_follows_the_shift(study: structure.Structure) -> None:
    scores = [policies.expected_score(study, shift, 0.0) for shift in (-1.0, 0.0, 1.0)]
    assert scores[0] < -0.1 and scores[1] == 0 and scores[2] > 0.1


def test_colleges_lean_as_far_as_asked(study: structure.Structure) -> None:
    shares = colleges.leaning(study.gdp, 0.2, 2)
    assert shares.sum() == pytest.approx(1) and 0.5 * np.abs(shares - study.gdp).sum() == pytest.approx(0.2)
    assert colleges.true_excess(study, study.gdp) == pytest.approx(0, abs=1e-12)


def test_documents_repeat_until_the_rule_has_enough(study: structure.Structure) -> None:
    frame = policies.enough_documents(study.targets)
    assert frame["side"].sum() >= policies.LEAST and frame["policy_id"].is_unique


# Verdicts


@pytest.mark.parametrize(
    ("indicator", "truth", "right"),
    [
        ("C2.1", 0.49, SUPPORTED),
        ("C2.1", 0.5, None),
        ("C2.1", 0.51, CONTRADICTED),
        ("C3.1", 0.3, None),
        ("C3.1", 0.2, SUPPORTED),
        ("C3.2", 0.2, SUPPORTED),
        ("C1.2", -0.1, CONTRADICTED),
        ("C4.1", 0.3, None),
    ],
)
def test_the_right_verdict_follows_the_rule(indicator: str, truth: float, right: str | None) -> None:
    assert judging.right_verdict(rule(indicator), truth) == right


def test_the_judge_applies_as_much_of_the_rule_as_asked() -> None:
    low = Estimate(0.1, (0.05, 0.2), 30, 25, effective_n=28.0)
    high = Estimate(0.5, (0.3, 0.7), 30, 25)
    assert judge("C2.1")(low, lambda: {"both": low, "either": low}).verdict == UNDECIDED  # no bias analysis
    assert judge("C2.1", NO_BIAS)(low, lambda: {"both": low, "either": low}).verdict == SUPPORTED
    assert judge("C2.1", NO_BIAS)(low, lambda: {"both": low, "either": high}).verdict == UNDECIDED
    assert judge("C2.1", ALONE)(low).verdict == SUPPORTED
    guarded = low.with_(tipping=0.6)
    assert judge("C2.1")(guarded, lambda: {"both": low, "either": low}).verdict == SUPPORTED
    assert judge("C2.1", ALONE)(low.with_(n=3)).verdict == INSUFFICIENT


def test_variants_are_left_alone_where_nothing_is_decided() -> None:
    wide = Estimate(0.5, (0.3, 0.7), 30, 25)
    assert judge("C2.1")(wide, lambda: pytest.fail("needless work")).verdict == UNDECIDED


def test_verdicts_are_counted_by_hand() -> None:
    found = [SUPPORTED, f"leaning {CONTRADICTED}", UNDECIDED, MIXED, INSUFFICIENT]
    row = judging.counted(tiny(), found, [1.0, 2.0], right=SUPPORTED)
    assert [row[name] for name in (SUPPORTED, CONTRADICTED, UNDECIDED, MIXED, "insufficient", "leaning")] == [0.2] * 6
    assert row["wrong"] == 0.2 and row["check"] == 1.5
    assert judging.counted(tiny(), found, [], right=None)["wrong"] == 0.4


def test_claims_join_their_indicators_run_by_run(study: structure.Structure) -> None:
    yes, none = judging.Judged(SUPPORTED, 0.1, 30.0), judging.Judged(UNDECIDED, 0.5, 30.0)
    found = judging.joined(study, {"C3.1": [yes, yes, none], "C3.2": [yes, none, none]})
    assert found == [SUPPORTED, f"leaning {SUPPORTED}", UNDECIDED]


def test_a_claim_takes_every_indicator_from_its_own_place() -> None:
    assert simulation.at("C3.1", verdicts.CONTRADICTION) == verdicts.CONTRADICTION
    assert simulation.at("C3.2", verdicts.CONTRADICTION) == verdicts.SUPPORT
    assert simulation.at("C3.2", FOR) == FOR
