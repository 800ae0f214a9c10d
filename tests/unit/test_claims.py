"""The verdict engine, and the rules it reads: verdicts are decided by intervals and never by order, width or luck."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanjiao import claims
from chanjiao.claims import (
    CONTRADICTED,
    COUNTS,
    INSUFFICIENT,
    MIXED,
    SUPPORTED,
    UNDECIDED,
    decide,
    join,
    judge_indicator,
)
from chanjiao.statistics import Estimate

CLAIMS = claims.load_claims(Path(__file__).parents[2] / "claims.yaml")
JOINING = CLAIMS["joining"]
RULES = {name: rule for claim in CLAIMS["claims"].values() for name, rule in claim["indicators"].items()}

# Indicator: table; supported when; contradicted when; safe direction; minimum; variants that must agree; bias analysis.
# Written down from the plan of the study, section "Claims and rules", and not from claims.yaml.
EVENTS = {"n": 20, "clusters": 10}
PASSES = ["both", "either"]
MISSED = "misclassification"
PLAN = {
    "C1.1": ("policies", "upper < 0.5", "lower > 0.5", CONTRADICTED, {"n": 10}, [], MISSED),
    "C1.2": ("policy_parents", "lower > 0", "upper < 0", "both", {"n": 19}, ["earliest", "latest"], None),
    "C1.3": ("policies", "upper < 1", "lower > 1", "both", {"n": 10, "n_other": 10}, [], None),
    "C2.1": ("cooperation", "upper < 0.5", "lower > 0.5", CONTRADICTED, EVENTS, PASSES, MISSED),
    "C2.2": ("cooperation", "upper < 1", "lower > 1", "both", {"clusters": 10, "clusters_other": 10}, PASSES, None),
    "C3.1": ("cooperation", "upper < 0.25", "lower > 0.5", CONTRADICTED, EVENTS, PASSES, MISSED),
    "C3.2": ("institutions", "lower > 0.1", "upper < 0.1", "both", {"n": 20}, [], None),
    "C4.1": ("institution_facts", None, "lower > 0.5", "none", {"n": 10}, [], "silent_colleges"),
    "C4.2": ("institution_facts", "upper < 0.5", "lower > 0.5", SUPPORTED, {"n": 10}, [], "silent_colleges"),
    "C5.1": ("cooperation", "upper < 0", "lower > 0", "both", {"clusters": 10}, PASSES, None),
    "C5.2": ("cooperation", "upper < 0.25", "lower > 0.5", CONTRADICTED, EVENTS, PASSES, MISSED),
}
ENOUGH = dict.fromkeys(COUNTS, 50)
SHARE = {
    "table": "cooperation",
    "supported_when": {"bound": "upper", "below": 0.25},
    "contradicted_when": {"bound": "lower", "above": 0.5},
    "minimum": {"n": 20, "clusters": 10},
    "safe_direction": CONTRADICTED,
    "bias": "misclassification",
    "holds_under": [],
}

ends = st.floats(-2, 2)
intervals = st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))
rules = st.sampled_from(list(RULES.values()))
verdicts = st.sampled_from([SUPPORTED, CONTRADICTED, UNDECIDED, INSUFFICIENT])


@st.composite
def estimates(draw):
    """An estimate inside its interval with enough of everything, with or without its bias analysis."""
    low, high = draw(intervals)
    number = st.none() | st.floats(0, 1)
    return Estimate((low + high) / 2, (low, high), **ENOUGH, tipping=draw(number), publishing=draw(number))


def shown(condition):
    if condition is None:
        return None
    side = "<" if "below" in condition else ">"
    return f"{condition['bound']} {side} {condition.get('below', condition.get('above')):g}"


def judged(estimate, rule=SHARE, variants=None):
    return judge_indicator(rule, estimate, variants or {}, JOINING)


def share(low, high, **changes):
    return Estimate((low + high) / 2, (low, high), **ENOUGH).with_(**changes)


def indicator(verdict, table="policies", effective_n=30.0):
    return {"verdict": verdict, "table": table, "effective_n": effective_n}


# The rules of claims.yaml


def test_the_rules_are_those_of_the_plan():
    found = {
        name: (
            rule["table"],
            shown(rule.get("supported_when")),
            shown(rule.get("contradicted_when")),
            rule["safe_direction"],
            rule["minimum"],
            rule["holds_under"],
            rule.get("bias"),
        )
        for name, rule in RULES.items()
    }
    assert found == PLAN


def test_joining_is_that_of_the_plan():
    expected = {"tables": 2, "effective_n": 20, "sensitivity_ceiling": 0.7, "publishing_floor": 0.5}
    assert JOINING == {**expected, "threshold_range": 0.2}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_well_formed(rule):
    conditions = [rule[name] for name in ("supported_when", "contradicted_when") if name in rule]
    assert conditions
    for condition in conditions:
        assert set(condition) in ({"bound", "below"}, {"bound", "above"})
        # The whole interval must lie beyond a threshold: its upper bound below or its lower bound above.
        assert condition["bound"] == ("upper" if "below" in condition else "lower")
    assert set(rule["minimum"]) <= set(COUNTS) and all(count > 0 for count in rule["minimum"].values())
    assert rule["safe_direction"] in ("both", "none", SUPPORTED, CONTRADICTED)
    assert rule["meaning"] and rule["unit"]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_an_unsafe_direction_names_its_bias_analysis(rule):
    named = rule.get("bias")
    assert (named is None) if rule["safe_direction"] == "both" else named in ("misclassification", "silent_colleges")


def test_no_interval_can_support_and_contradict():
    for rule in RULES.values():
        above, below = rule["contradicted_when"], rule.get("supported_when")
        if below and "below" in below:
            assert below["below"] <= above["above"]
        elif below:
            assert below["above"] >= above["below"]


def test_keys_are_unique_and_belong_to_the_room_of_the_dimension():
    keys = [rule["key"] for rule in RULES.values()]
    assert len(set(keys)) == len(keys)
    for claim in CLAIMS["claims"].values():
        assert claim["dimension"] in ("transmission", "mechanism", "operation")
        for name, rule in claim["indicators"].items():
            assert rule["key"] == f"{claim['dimension']}.{name.lower().replace('.', '_')}"


def test_variants_have_names_a_key_can_end_in():
    named = {variant for rule in RULES.values() for variant in rule["holds_under"]}
    assert named - set(CLAIMS["sensitivity"]) == {"earliest", "latest"}
    assert all(name.isidentifier() and name.islower() for name in CLAIMS["sensitivity"])
    assert all(isinstance(meaning, str) and meaning for meaning in CLAIMS["sensitivity"].values())


def test_remedies_and_directions_have_codes_and_provisions_and_no_rule():
    assert list(CLAIMS["remedies"]) == ["R1", "R2", "R3", "R4", "R5"]
    assert list(CLAIMS["directions"]) == ["T1", "T2", "T3"]
    for entry in [*CLAIMS["remedies"].values(), *CLAIMS["directions"].values()]:
        assert set(entry) == {"statement", "codes", "provisions"}
        assert entry["codes"] and all(code.startswith("r_") for code in entry["codes"])


# One indicator


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.6, 0.9), CONTRADICTED),
        ((0.5, 0.9), UNDECIDED),
        ((0.3, 0.4), UNDECIDED),
        ((0.1, 0.25), UNDECIDED),
        ((0.1, 0.24), SUPPORTED),
        ((0.1, 0.9), UNDECIDED),
        ((math.nan, math.nan), UNDECIDED),
        ((0.6, math.inf), CONTRADICTED),
        (None, UNDECIDED),
    ],
)
def test_an_interval_decides_only_if_it_lies_wholly_beyond_a_threshold(interval, verdict):
    assert decide(SHARE, interval) == verdict


def test_scaled_thresholds_decide_otherwise():
    assert decide(SHARE, (0.45, 0.9), scale=0.8) == CONTRADICTED
    assert decide(SHARE, (0.1, 0.29), scale=1.2) == SUPPORTED
    assert decide(SHARE, (0.55, 0.9), scale=1.2) == UNDECIDED


@given(rules, intervals, st.floats(0, 1), st.floats(0, 1))
def test_a_wider_interval_decides_nothing_a_narrower_one_did_not(rule, interval, down, up):
    wider = (interval[0] - down, interval[1] + up)
    assert decide(rule, wider) in (UNDECIDED, decide(rule, interval))


@given(rules, estimates(), st.data())
def test_a_wider_interval_never_makes_an_indicator_decided(rule, estimate, data):
    variants = {name: data.draw(estimates()) for name in rule["holds_under"]}
    low, high = estimate.interval
    wider = estimate.with_(interval=(low - data.draw(st.floats(0, 1)), high + data.draw(st.floats(0, 1))))
    before = judge_indicator(rule, estimate, variants, JOINING)["verdict"]
    assert judge_indicator(rule, wider, variants, JOINING)["verdict"] in (UNDECIDED, before)


@given(rules, estimates(), st.data())
def test_too_few_rows_are_always_insufficient(rule, estimate, data):
    count = data.draw(st.sampled_from(sorted(rule["minimum"])))
    there = data.draw(st.none() | st.integers(0, rule["minimum"][count] - 1))
    found = judge_indicator(rule, estimate.with_(**{count: there}), {}, JOINING)
    assert found["verdict"] == INSUFFICIENT
    assert found["reason"].startswith(f"{there or 0} {'cluster' if 'clusters' in count else 'unit'}")
    assert found["reason"].endswith(f" in {rule['table']}.csv, the rule needs {rule['minimum'][count]}")


@given(rules, estimates(), st.data())
def test_an_unsafe_direction_never_passes_without_its_bias_analysis(rule, estimate, data):
    variants = dict.fromkeys(rule["holds_under"], estimate)
    other = {"misclassification": "tipping", "silent_colleges": "publishing"}
    lacking = estimate.with_(**{other[rule["bias"]]: None}) if "bias" in rule else estimate
    verdict = judge_indicator(rule, lacking, variants, JOINING)["verdict"]
    safe = {"both": {SUPPORTED, CONTRADICTED}, "none": set()}.get(rule["safe_direction"], {rule["safe_direction"]})
    assert verdict in safe | {UNDECIDED}


@given(rules, estimates(), st.data())
def test_a_decided_indicator_is_decided_alike_under_every_variant(rule, estimate, data):
    variants = {name: data.draw(st.none() | estimates()) for name in rule["holds_under"]}
    verdict = judge_indicator(rule, estimate, variants, JOINING)["verdict"]
    if verdict in (SUPPORTED, CONTRADICTED):
        assert all(decide(rule, variants[name].interval) == verdict for name in rule["holds_under"])


def test_exactly_the_minimum_is_enough():
    assert judged(share(0.6, 0.9, n=20, clusters=10))["verdict"] == CONTRADICTED
    assert judged(share(0.6, 0.9, n=19, clusters=10))["verdict"] == INSUFFICIENT


def test_an_indicator_nobody_recorded_is_insufficient():
    nothing = {"verdict": INSUFFICIENT, "obstacle": "minimum", "reason": "no notebook recorded this indicator"}
    assert judged(None) == nothing


def test_counts_are_told_in_the_singular_and_the_plural():
    assert claims.counted(1, "clusters") == "1 cluster"
    assert claims.counted(0, "n_other") == "0 units elsewhere"


def test_a_reason_names_the_other_side():
    rule = {**SHARE, "minimum": {"n_other": 10}}
    reason = "3 units elsewhere in cooperation.csv, the rule needs 10"
    assert judged(share(0.6, 0.9, n_other=3), rule)["reason"] == reason


def test_no_value_is_undecided_for_the_reason_the_room_gave():
    estimate = Estimate.missing("ratio", 30, "one side has no marks", clusters=12)
    assert judged(estimate) == {"verdict": UNDECIDED, "obstacle": "no interval", "reason": "one side has no marks"}
    assert judged(Estimate(0.5, None, **ENOUGH))["reason"] == "there is no interval"


def test_a_variant_that_disagrees_or_is_missing_takes_the_decision_away():
    rule = {**SHARE, "holds_under": ["both", "either"]}
    both, either = share(0.55, 0.9), share(0.7, 0.95)
    assert judged(share(0.6, 0.9), rule, {"both": both, "either": either})["verdict"] == CONTRADICTED
    for variants in ({"both": share(0.4, 0.8), "either": either}, {"both": both}, {"both": both, "either": None}):
        found = judged(share(0.6, 0.9), rule, variants)
        assert found["verdict"] == UNDECIDED
        assert found["obstacle"] == "variants"
        assert "not the same under the variant" in found["reason"]


@pytest.mark.parametrize(
    ("tipping", "verdict"), [(0.5, SUPPORTED), (0.7, SUPPORTED), (0.71, UNDECIDED), (1.0, UNDECIDED), (None, UNDECIDED)]
)
def test_an_unsafe_verdict_falls_with_a_tipping_point_above_the_ceiling(tipping, verdict):
    assert judged(share(0.1, 0.2, tipping=tipping))["verdict"] == verdict


@pytest.mark.parametrize(("publishing", "verdict"), [(0.5, CONTRADICTED), (0.49, UNDECIDED), (None, UNDECIDED)])
def test_an_unsafe_verdict_falls_when_most_colleges_are_silent(publishing, verdict):
    rule = {**SHARE, "safe_direction": "none", "bias": "silent_colleges"}
    assert judged(share(0.6, 0.9, publishing=publishing), rule)["verdict"] == verdict


def test_a_safe_verdict_needs_no_bias_analysis():
    assert judged(share(0.6, 0.9)) == {"verdict": CONTRADICTED, "obstacle": None, "reason": None}


# What stands in the way


def test_the_obstacle_is_the_first_step_that_takes_the_decision_away():
    rule = {**SHARE, "holds_under": ["both"]}
    same = {"both": share(0.1, 0.2)}
    steps = {
        "minimum": judged(share(0.1, 0.2, n=3), rule, same),
        "no interval": judged(Estimate(0.15, None, **ENOUGH), rule, same),
        "interval": judged(share(0.1, 0.3), rule, same),
        "variants": judged(share(0.1, 0.2, tipping=0.9), rule, {"both": share(0.1, 0.3)}),
        "bias": judged(share(0.1, 0.2, tipping=0.9), rule, same),
        None: judged(share(0.1, 0.2, tipping=0.6), rule, same),
    }
    assert {found["obstacle"] for found in steps.values()} == set(steps)
    assert all(found["obstacle"] == obstacle for obstacle, found in steps.items())


@given(rules, estimates())
def test_an_indicator_has_an_obstacle_and_a_reason_or_a_verdict(rule, estimate):
    found = judge_indicator(rule, estimate, {}, JOINING)
    decided = found["verdict"] in (SUPPORTED, CONTRADICTED)
    assert (found["obstacle"] is None) == (found["reason"] is None) == decided


@pytest.mark.parametrize(
    ("unit", "ends", "words"),
    [
        ("share", (0.068288, 0.725491), "a true value of at most 6% or at least 73%"),  # rounded away from both
        ("share", (None, 0.29), "a true value of at least 29%"),  # 100 * 0.29 falls short of 29
        ("rank score", (-0.571, None), "a true value of at most −0.58"),
        ("ratio", (0.5, 2.0), "a true value of at most 0.50 or at least 2.00"),
        ("rank score", (None, None), "no true value"),
    ],
)
def test_undecided_is_explained_by_what_could_have_been_found(unit, ends, words):
    estimate = share(0.1, 0.6, detectable_below=ends[0], detectable_above=ends[1])
    reason = judged(estimate, {**SHARE, "unit": unit})["reason"]
    assert reason == f"the interval reaches over the threshold; {words} would have been found with 80% power"


def test_the_thresholds_of_a_rule_by_side():
    assert claims.limits(RULES["C3.1"]) == {"below": 0.25, "above": 0.5}
    assert claims.limits(RULES["C3.2"]) == {"above": 0.10, "below": 0.10}
    assert claims.limits(RULES["C4.1"]) == {"above": 0.5}


# Claims


def test_two_tables_that_agree_make_a_full_verdict():
    assert join([indicator(SUPPORTED), indicator(SUPPORTED, "policy_parents")], JOINING) == SUPPORTED


def test_two_indicators_of_one_table_only_lean():
    assert join([indicator(CONTRADICTED), indicator(CONTRADICTED)], JOINING) == f"leaning {CONTRADICTED}"


@pytest.mark.parametrize("effective_n", [None, 0.0, 19.99])
def test_fewer_than_twenty_effective_units_only_lean(effective_n):
    thin = indicator(SUPPORTED, "policy_parents", effective_n)
    assert join([indicator(SUPPORTED), thin], JOINING) == f"leaning {SUPPORTED}"
    assert join([indicator(SUPPORTED), {**thin, "effective_n": 20.0}], JOINING) == SUPPORTED


def test_a_decided_indicator_next_to_undecided_ones_leans():
    others = [indicator(UNDECIDED, "policy_parents"), indicator(INSUFFICIENT, "institutions")]
    assert join([indicator(SUPPORTED), *others], JOINING) == f"leaning {SUPPORTED}"


def test_indicators_that_contradict_each_other_are_mixed():
    assert join([indicator(SUPPORTED, "policies", 5.0), indicator(CONTRADICTED, "institutions")], JOINING) == MIXED


def test_nothing_decided_is_undecided_and_nothing_computable_insufficient():
    assert join([indicator(UNDECIDED), indicator(INSUFFICIENT)], JOINING) == UNDECIDED
    assert join([indicator(INSUFFICIENT), indicator(INSUFFICIENT)], JOINING) == INSUFFICIENT


judged_indicators = st.lists(
    st.builds(indicator, verdicts, st.sampled_from(["a", "b", "c"]), st.none() | st.floats(0, 40)), max_size=5
)


@given(judged_indicators, st.randoms(use_true_random=False))
def test_a_verdict_does_not_depend_on_the_order_of_indicators(indicators, random):
    assert join(random.sample(indicators, len(indicators)), JOINING) == join(indicators, JOINING)


@given(judged_indicators)
def test_a_full_verdict_is_backed_by_solid_indicators_of_two_tables(indicators):
    verdict = join(indicators, JOINING)
    if verdict in (SUPPORTED, CONTRADICTED):
        backing = [one for one in indicators if one["verdict"] == verdict and (one["effective_n"] or 0) >= 20]
        assert len({one["table"] for one in backing}) >= 2


@given(st.permutations(["C1.1", "C1.2", "C1.3"]))
def test_a_claim_is_judged_alike_whatever_the_order_in_the_file(order):
    claim = CLAIMS["claims"]["C1"]
    found = {
        "transmission.c1_1": share(0.6, 0.8, effective_n=30.0),
        "transmission.c1_2": share(-0.4, -0.1, effective_n=25.0),
        "transmission.c1_2.earliest": share(-0.4, -0.1),
        "transmission.c1_2.latest": share(-0.4, -0.1),
    }
    shuffled = {**claim, "indicators": {name: claim["indicators"][name] for name in order}}
    result = claims.judge_claim(shuffled, found, JOINING)
    assert result == claims.judge_claim(claim, found, JOINING)
    assert result["verdict"] == CONTRADICTED
    assert [one["id"] for one in result["indicators"]] == ["C1.1", "C1.2", "C1.3"]


def test_a_judged_indicator_carries_what_the_judgement_rests_on():
    found = {"operation.c4_2": share(0.6, 0.8, effective_n=12.0, publishing=0.9, n_other=None, clusters_other=None)}
    one = claims.judge_claim(CLAIMS["claims"]["C4"], found, JOINING)["indicators"][1]
    assert (one["id"], one["key"], one["table"]) == ("C4.2", "operation.c4_2", "institution_facts")
    assert (one["verdict"], one["reason"], one["interval"]) == (CONTRADICTED, None, [0.6, 0.8])
    assert (one["n"], one["clusters"], one["effective_n"], one["publishing"]) == (50, 50, 12.0, 0.9)
    assert (one["tipping"], one["n_other"], one["clusters_other"]) == (None, None, None)


def test_a_judged_indicator_carries_its_variants_and_what_it_could_have_found():
    found = {
        "mechanism.c2_2": share(0.8, 1.2, detectable_below=0.7, detectable_above=1.4),
        "mechanism.c2_2.both": share(0.7, 1.1),
    }
    one = claims.judge_claim(CLAIMS["claims"]["C2"], found, JOINING)["indicators"][1]
    assert (one["detectable_below"], one["detectable_above"]) == (0.7, 1.4)
    assert one["variants"] == {"both": {"value": pytest.approx(0.9), "interval": [0.7, 1.1]}}


def test_a_claim_without_any_estimate_is_insufficient():
    result = claims.judge_claim(CLAIMS["claims"]["C3"], {}, JOINING)
    assert result["verdict"] == INSUFFICIENT
    assert [(one["value"], one["interval"], one["n"]) for one in result["indicators"]] == [(None, None, 0)] * 2
