"""Every combination of choices: the machinery on a small made study, the three rooms on the real data."""

import copy
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.stats import binomtest

from chanjiao import events, mechanism, multiverse, operation, results, synthesis, tables, transmission
from chanjiao.claims import indicator_rules, load_claims, shortfall
from chanjiao.project import project_root
from chanjiao.statistics import Estimate

SEED, CONFIDENCE = 1, 0.95
CLAIMS = load_claims(project_root() / "claims.yaml")
FACTORS = CLAIMS["multiverse"]["factors"]
RULES = indicator_rules(CLAIMS)
PROVINCES = ("50", "51", "32", "54")


# A made study, small enough to be judged by hand


def rule(table, holds_under=()):
    return {
        "key": f"room.{table}", "meaning": "a share", "table": table, "unit": "share", "minimum": {"n": 10},
        "supported_when": {"bound": "upper", "below": 0.5}, "contradicted_when": {"bound": "lower", "above": 0.5},
        "safe_direction": "both", "holds_under": list(holds_under),
    }  # fmt: skip


def study():
    return {
        "joining": {"tables": 2, "effective_n": 20, "sensitivity_ceiling": 0.7, "publishing_floor": 0.5},
        "claims": {"K": {"indicators": {"K1": rule("one", ["both", "either"]), "K2": rule("two")}}},
        "multiverse": {
            "factors": {
                "codes": {"mean": "mean", "both": "both passes", "either": "either pass"},
                "rows": {"all": "all rows", "few": "few rows"},
                "other": {"x": "this way", "y": "that way"},
                "thresholds": {"1": "as they are", "0.8": "lower"},
            },
            "indicators": {"K1": ["codes", "rows", "thresholds"], "K2": ["rows", "other", "thresholds"]},
        },
    }


def share(value, n=30):
    return Estimate(value, (value - 0.1, value + 0.1), n, n, effective_n=float(n), unit="share")


def first(choice):
    """0.2, or 0.1 and 0.3 by the codes; too few units where the rows are few."""
    value = {"mean": 0.2, "both": 0.1, "either": 0.3}[choice["codes"]]
    return share(value, 30 if choice["rows"] == "all" else 5)


def second(choice):
    """Low, or too close to call by the other choice; high where the rows are few."""
    if choice["rows"] == "few":
        return share(0.7)
    return share({"x": 0.2, "y": 0.45}[choice["other"]])


KNOWN = {"codes": ("mean", "both", "either"), "rows": ("all", "few"), "other": ("x", "y")}


def specified(claims=None):
    claims = claims or study()
    tables_ = [
        multiverse.specifications(claims, name, estimate, KNOWN, CONFIDENCE)
        for name, estimate in {"K1": first, "K2": second}.items()
    ]
    return pd.concat(tables_, ignore_index=True)


def test_combinations_are_the_product_and_begin_with_the_printed_one():
    factors = {"codes": ["mean", "a"], "depth": ["3", "2", "4"]}
    found = multiverse.combinations(factors)
    assert len(found) == len({tuple(one.items()) for one in found}) == 6
    assert found[0] == {"codes": "mean", "depth": "3"}
    assert multiverse.combinations({}) == [{}]


def test_what_depends_on_few_factors_is_computed_once_for_each_of_their_levels():
    asked = []
    look = multiverse.remembered(lambda choice: asked.append(choice["rows"]) or len(asked), "rows")
    answers = [look(one) for one in multiverse.combinations({"rows": ["all", "few"], "other": ["x", "y"]})]
    assert asked == ["all", "few"]
    assert answers == [1, 1, 2, 2]


def test_the_verdicts_of_an_indicator_by_hand():
    judged = multiverse.judged(study(), specified(), "K1").set_index(["codes", "rows", "thresholds"])["verdict"]
    assert judged["mean", "all", "1"] == judged["both", "all", "1"] == judged["either", "all", "1"] == "supported"
    # At a threshold of 0.4 the mean alone would be supported, but not what either pass gives, so it does not stand.
    assert judged["both", "all", "0.8"] == "supported"
    assert judged["either", "all", "0.8"] == judged["mean", "all", "0.8"] == "undecided"
    assert set(judged.xs("few", level="rows")) == {"insufficient data"}


def test_shared_factors_have_one_level_and_the_shares_of_verdicts_are_those_by_hand():
    found = multiverse.universes(study(), specified())
    assert found.columns.tolist() == ["claim", "codes", "rows", "other", "thresholds", "verdict"]
    assert len(found) == 3 * 2 * 2 * 2 == len(found.drop_duplicates())
    assert found["verdict"].value_counts().to_dict() == {
        "leaning contradicted": 12,
        "leaning supported": 6,
        "supported": 4,
        "undecided": 2,
    }
    assert found.iloc[0].tolist() == ["K", "mean", "all", "x", "1", "supported"]


def test_agreement_by_hand():
    (row,) = multiverse.agreement(multiverse.universes(study(), specified())).to_dict("records")
    assert (row["claim"], row["printed"], row["combinations"]) == ("K", "supported", 24)
    assert row["same"] == pytest.approx(4 / 24)
    assert row["direction"] == pytest.approx(10 / 24)
    assert row["opposite"] == pytest.approx(12 / 24)
    assert row["insufficient"] == 0


def test_a_printed_verdict_without_direction_has_no_opposite():
    found = pd.DataFrame({"claim": "K", "verdict": ["undecided", "supported", "contradicted", "insufficient data"]})
    (row,) = multiverse.agreement(found).to_dict("records")
    assert (row["same"], row["opposite"], row["insufficient"]) == (0.25, 0, 0.25)
    assert (row["enough"], row["same_enough"]) == (3, pytest.approx(1 / 3))


def test_what_each_level_does_by_hand():
    claims = study()
    levels = multiverse.by_level(multiverse.universes(claims, specified()), claims["multiverse"]["factors"])
    same = levels.set_index(["factor", "level"])["same"]
    assert same["all", "all"] == pytest.approx(4 / 24)
    assert (same["rows", "few"], same["rows", "all"]) == (0, pytest.approx(4 / 12))
    assert same["codes", "both"] == pytest.approx(2 / 8)
    assert levels[list(multiverse.VERDICTS)].sum(axis="columns").tolist() == pytest.approx([1] * len(levels))
    assert levels.set_index(["factor", "level"]).loc[("other", "y"), "leaning supported"] == pytest.approx(4 / 12)
    matters = multiverse.influence(levels)
    assert matters["factor"].tolist() == ["rows", "other", "thresholds", "codes"]  # ties in the order of claims.yaml
    assert matters.loc[0, ["lowest", "highest"]].tolist() == [0, pytest.approx(1 / 3)]


def test_the_order_of_the_specifications_changes_no_verdict():
    shuffled = specified().sample(frac=1, random_state=3)
    for table in (specified(), shuffled):
        counts = multiverse.universes(study(), table)["verdict"].value_counts().to_dict()
        assert counts["leaning contradicted"] == 12 and counts["supported"] == 4


def test_indicators_without_a_shared_factor_are_crossed():
    claims = study()
    claims["multiverse"]["indicators"] = {"K1": ["codes", "rows"], "K2": ["other"]}
    only = [
        multiverse.specifications(claims, "K1", first, KNOWN, CONFIDENCE),
        multiverse.specifications(claims, "K2", lambda choice: second({**choice, "rows": "all"}), KNOWN, CONFIDENCE),
    ]
    found = multiverse.universes(claims, pd.concat(only, ignore_index=True))
    assert len(found) == 3 * 2 * 2
    assert found["thresholds"].eq("1").all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda of: of["indicators"].update(K2=["rows", "odd"]), "the factor odd at K2; expected one of codes, rows"),
        (lambda of: of["factors"]["other"].update(z="a third way"), "the level z of other, which K2 cannot compute"),
        (lambda of: of["indicators"].update(K2=["rows", "new"]) or of["factors"].update(new={"a": "b"}), "no level"),
    ],
)
def test_a_factor_or_level_that_nobody_knows_stops_with_its_name(change, words):
    claims = study()
    change(claims["multiverse"])
    with pytest.raises(ValueError, match=words):
        specified(claims)


def test_a_rule_that_must_hold_under_levels_of_no_factor_stops():
    claims = study()
    claims["claims"]["K"]["indicators"]["K2"]["holds_under"] = ["earliest"]
    with pytest.raises(ValueError, match="K2 must hold under earliest; found no factor"):
        multiverse.judged(claims, specified(claims), "K2")


def test_an_unsafe_verdict_carries_the_tipping_point_of_its_own_combination():
    claims = study()
    claims["claims"]["K"]["indicators"]["K2"] |= {"safe_direction": "contradicted", "bias": "misclassification"}

    def corrected(choice):
        """Falls at a sensitivity of 0.6 with a threshold of 0.5, at 0.8 with one of 0.4."""
        return {1.0: share(0.2), 0.8: share(0.35), 0.6: share(0.45), 0.5: share(0.6)}

    table = multiverse.specifications(claims, "K2", second, KNOWN, CONFIDENCE, corrected)
    low = table.set_index(["rows", "other"])
    assert low.loc[("all", "x"), ["tipping_1", "tipping_0.8"]].tolist() == [0.6, 0.8]
    assert low.loc[("all", "y"), ["tipping_1", "tipping_0.8"]].isna().all()
    judged = multiverse.judged(claims, table, "K2").set_index(["rows", "other", "thresholds"])["verdict"]
    assert judged["all", "x", "1"] == "supported"
    assert judged["all", "x", "0.8"] == "undecided"  # 0.8 lies above the ceiling of 0.7


def test_a_missing_estimate_is_no_verdict_and_breaks_nothing():
    claims = study()
    missing = Estimate.missing("share", 0, "no rows", clusters=0)
    parts = [multiverse.specifications(claims, name, lambda _: missing, KNOWN, CONFIDENCE) for name in ("K1", "K2")]
    found = multiverse.universes(claims, pd.concat(parts, ignore_index=True))
    assert set(found["verdict"]) == {"insufficient data"}


# Clopper and Pearson


def test_the_exact_interval_of_four_in_twenty():
    """Four of twenty: 5.73 % to 43.66 % (Clopper and Pearson's tables; binom.test of R)."""
    low, high = multiverse.exact(Estimate(0.2, n=20, effective_n=20.0), CONFIDENCE).interval
    assert (low, high) == (pytest.approx(0.057334, abs=1e-6), pytest.approx(0.436614, abs=1e-6))


@given(st.integers(1, 60), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_exact_interval_is_that_of_scipy(n, data, confidence):
    marked = data.draw(st.integers(0, n))
    found = multiverse.exact(Estimate(marked / n, n=n, effective_n=float(n)), confidence)
    expected = binomtest(marked, n).proportion_ci(confidence, method="exact")
    assert found.interval == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_missing_share_has_no_exact_interval():
    missing = Estimate.missing("share", 0, "no rows")
    assert multiverse.exact(missing, CONFIDENCE) is missing


# The rooms on the real data


@cache
def collected():
    return tables.load(
        "provinces", "sources", "institutions", "institution_facts", "cooperation", "cooperation_a", "cooperation_b",
        "province_statistics", "policies", "policy_parents", "policy_targets",
    )  # fmt: skip


@cache
def frames():
    coded = [collected()[name] for name in ("cooperation", "cooperation_a", "cooperation_b", "sources")]
    return {"event": events.events(*coded), "row": events.events(*coded, grouped=False)}


def specifications_of(room, province, claims=CLAIMS):
    options = (province, CONFIDENCE, claims)
    if room == "transmission":
        return transmission.specifications(collected(), *options, SEED)
    if room == "mechanism":
        return mechanism.specifications(frames(), *options, SEED)
    return operation.specifications(collected(), frames(), *options)


@cache
def real(province):
    rooms = ("transmission", "mechanism", "operation")
    return pd.concat([specifications_of(room, province) for room in rooms], ignore_index=True)


def printed_estimates(province):
    """What the notebooks record, by indicator."""
    data, reading = collected(), events.Reading(frames()["event"])
    listed = operation.in_province(data["institutions"], province)
    colleges = operation.college_sectors(data["institutions"], operation.sector_lexicon())
    gdp = operation.gdp_shares(data["province_statistics"])
    facts = operation.dual_qualified_facts(data["institution_facts"], data["institutions"], data["sources"]).frame
    shares = operation.in_province(operation.one_per_college(operation.named_colleges(facts)), province)
    estimates = {
        "C1.1": transmission.dated_target_share(data, province, CONFIDENCE, RULES["C1.1"]),
        "C1.2": transmission.promptness(data, province, CONFIDENCE, RULES["C1.2"]),
        "C1.3": transmission.target_rate_ratio(data, province, CONFIDENCE, SEED, RULES["C1.3"]),
        "C2.1": mechanism.deep_share(reading, province, CONFIDENCE, RULES["C2.1"]).with_(
            tipping=mechanism.deep_share_tipping(reading, province, CONFIDENCE, RULES["C2.1"])
        ),
        "C2.2": mechanism.relative_depth(reading, province, CONFIDENCE, RULES["C2.2"], SEED),
        "C3.1": operation.curriculum_share(reading, province, CONFIDENCE, RULES["C3.1"]).with_(
            tipping=operation.curriculum_tipping(reading, province, CONFIDENCE, RULES["C3.1"])
        ),
        "C3.2": operation.sector_fit(colleges, gdp, province, CONFIDENCE, RULES["C3.2"]),
        "C5.1": mechanism.class_trend(reading, province, CONFIDENCE, RULES["C5.1"], SEED),
        "C5.2": mechanism.joint_body_share(reading, province, CONFIDENCE, RULES["C5.2"]).with_(
            tipping=mechanism.joint_body_tipping(reading, province, CONFIDENCE, RULES["C5.2"])
        ),
    }
    for name, base in operation.BASES.items():
        least = RULES[name]["minimum"]["n"]
        estimates[name] = operation.pooled_share(shares, base, len(listed), CONFIDENCE, least)
    return estimates


ONE_AT_A_TIME = {
    "pass_a": ("codes", "a"), "pass_b": ("codes", "b"), "both": ("codes", "both"), "either": ("codes", "either"),
    "official": ("sources", "official"), "rows": ("unit", "row"), "complete": ("body", "complete"),
    "dated": ("dating", "dated"), "college": ("clustering", "college"), "measures": ("reading", "measures"),
    "themes": ("themes", "own"), "uncounted": ("counted", "all"), "page_dates": ("page_dates", "issue"),
    "earliest": ("dates", "earliest"), "latest": ("dates", "latest"), "inferred": ("identity", "inferred"),
    "newest": ("choice", "newest"), "alternative_sector": ("lexicon", "alternative"),
}  # fmt: skip


def recorded_variants(province):
    """What the notebooks record as KEY.VARIANT, by indicator and variant."""
    data = collected()
    readings = events.readings(frames()["event"], frames()["row"])
    c1 = transmission.variants(data, province, CONFIDENCE, SEED, CLAIMS["claims"]["C1"]["indicators"])
    found = {f"C1.{key[-1]}": variants for key, variants in c1.items()}
    options = (province, CONFIDENCE)
    found["C2.1"] = mechanism.variants(mechanism.deep_share, readings, *options, RULES["C2.1"])
    found["C2.2"] = mechanism.variants(mechanism.relative_depth, readings, *options, RULES["C2.2"], SEED)
    found["C3.1"] = operation.curriculum_variants(readings, *options, RULES["C3.1"])
    found["C5.1"] = mechanism.variants(mechanism.class_trend, readings, *options, RULES["C5.1"], SEED)
    found["C5.2"] = mechanism.variants(mechanism.joint_body_share, readings, *options, RULES["C5.2"])
    lexicon, gdp = operation.sector_lexicon(), operation.gdp_shares(data["province_statistics"])
    found["C3.2"] = operation.sector_variants(
        data["institutions"], data["sources"], lexicon, gdp, *options, RULES["C3.2"]
    )
    facts = operation.dual_qualified_facts(data["institution_facts"], data["institutions"], data["sources"]).frame
    candidates, listed = (operation.in_province(frame, province) for frame in (facts, data["institutions"]))
    for name, base in operation.BASES.items():
        least = RULES[name]["minimum"]["n"]
        found[name] = operation.pooled_variants(candidates, base, len(listed), CONFIDENCE, least)
    return found


def chosen_row(table, indicator, **choice):
    """The row of an indicator at the printed levels but for `choice`."""
    part = table[table["indicator"] == indicator]
    for factor, named in multiverse.levels(CLAIMS, indicator).items():
        if factor != multiverse.THRESHOLDS:
            part = part[part[factor] == choice.get(factor, named[0])]
    assert len(part) == 1
    return part.iloc[0]


def assert_same(row, estimate):
    expected = [estimate.value, *(estimate.interval or (None, None)), estimate.n]
    known = [np.nan if one is None else one for one in expected]
    assert [row["value"], row["low"], row["high"], row["n"]] == pytest.approx(known, rel=1e-9, abs=1e-12, nan_ok=True)
    if estimate.value is not None:
        assert row["clusters"] == estimate.clusters
        assert row["effective_n"] == pytest.approx(estimate.effective_n)


@pytest.mark.parametrize("province", PROVINCES)
def test_the_first_combination_is_the_printed_estimate(province):
    for indicator, estimate in printed_estimates(province).items():
        row = chosen_row(real(province), indicator)
        assert row.name == real(province)["indicator"].eq(indicator).idxmax()
        assert_same(row, estimate)
        tipping = np.nan if estimate.tipping is None else estimate.tipping
        if not shortfall(RULES[indicator], estimate):
            assert row["tipping_1"] == pytest.approx(tipping, nan_ok=True)


@pytest.mark.parametrize("province", PROVINCES)
def test_choices_varied_one_at_a_time_are_found_again(province):
    compared = 0
    for indicator, variants in recorded_variants(province).items():
        for variant, estimate in variants.items():
            factor, level = ONE_AT_A_TIME.get(variant, ("", ""))
            if factor in multiverse.levels(CLAIMS, indicator):
                assert_same(chosen_row(real(province), indicator, **{factor: level}), estimate)
                compared += 1
    assert compared == 4 + 4 + 3 + 5 * 9 + 1 + 2 * 3


@pytest.mark.parametrize("province", PROVINCES)
def test_the_first_combination_has_the_printed_verdict(province):
    printed, varied = printed_estimates(province), recorded_variants(province)
    estimates = {RULES[name]["key"]: estimate for name, estimate in printed.items()}
    estimates |= {f"{RULES[name]['key']}.{key}": one for name, found in varied.items() for key, one in found.items()}
    expected = {claim: judged["verdict"] for claim, judged in synthesis.judge(CLAIMS, estimates).items()}
    first_rows = multiverse.universes(CLAIMS, real(province)).groupby("claim").first()
    assert first_rows["verdict"].to_dict() == expected


def test_every_claim_has_as_many_combinations_as_the_product_of_its_factors():
    found = multiverse.universes(CLAIMS, real("50"))
    for claim, part in found.groupby("claim"):
        touching = {
            factor: len(FACTORS[factor])
            for indicator in CLAIMS["claims"][claim]["indicators"]
            for factor in CLAIMS["multiverse"]["indicators"][indicator]
        }
        assert len(part) == np.prod(list(touching.values())) == len(part.drop_duplicates())
        assert set(part.columns[part.notna().all()]) == {"claim", "verdict", *touching}
    assert len(real("50")) == sum(
        np.prod([len(FACTORS[one]) for one in named if one != multiverse.THRESHOLDS])
        for named in CLAIMS["multiverse"]["indicators"].values()
    )


@pytest.mark.parametrize(
    ("room", "factor", "indicator"),
    [("transmission", "reading", "C1.1"), ("mechanism", "depth", "C2.1"), ("operation", "pooling", "C4.1")],
)
def test_a_level_that_a_room_cannot_compute_stops_with_its_name(room, factor, indicator):
    claims = copy.deepcopy(CLAIMS)
    claims["multiverse"]["factors"][factor]["seventh"] = "a seventh way"
    with pytest.raises(ValueError, match=f"the level seventh of {factor}, which {indicator} cannot compute"):
        specifications_of(room, "54", claims)


def test_all_indicators_are_in_the_multiverse_and_their_thresholds_move_as_in_the_sensitivity_analysis():
    assert list(CLAIMS["multiverse"]["indicators"]) == list(RULES)
    spread = CLAIMS["joining"]["threshold_range"]
    assert [float(scale) for scale in FACTORS["thresholds"]] == [1, 1 - spread, 1 + spread]


def test_no_factor_has_the_name_of_another_column():
    assert not set(FACTORS) & {"indicator", "claim", "verdict", "solid", *multiverse.FIELDS}


@pytest.mark.parametrize("province", PROVINCES)
def test_what_the_rooms_leave_is_read_back_with_the_same_verdicts(tmp_path, province):
    keys = real(province)["indicator"].map(lambda name: RULES[name]["key"].split(".")[0])
    for room, part in real(province).groupby(keys):
        folder = tmp_path / "data" / "processed" / room / province / "figures"
        folder.mkdir(parents=True)
        (folder / f"fig-{room}-specifications.csv").write_text(results.to_csv(part), encoding="utf-8")
    again = multiverse.universes(CLAIMS, multiverse.read_specifications(tmp_path, province, CLAIMS))
    pd.testing.assert_frame_equal(again, multiverse.universes(CLAIMS, real(province)))


def test_a_province_without_rows_has_insufficient_data_throughout():
    agreement = multiverse.agreement(multiverse.universes(CLAIMS, real("54"))).set_index("claim")
    assert agreement.loc[["C2", "C5"], "insufficient"].eq(1).all()
    assert set(agreement.loc[["C2", "C5"], "printed"]) == {"insufficient data"}


# Drawings


@pytest.mark.parametrize("province", PROVINCES)
@pytest.mark.filterwarnings("error")
def test_curves_and_universes_are_drawn_whatever_a_province_has(province):
    curves = multiverse.with_verdicts(CLAIMS, real(province))
    assert len(curves) == len(real(province))
    for _, part in curves.groupby(curves["indicator"].str[:2]):
        figure = multiverse.draw_curves(part, CLAIMS)
        assert len(figure.axes) == part["indicator"].nunique()
        figure.canvas.draw()
    found = multiverse.universes(CLAIMS, real(province))
    levels = multiverse.by_level(found, FACTORS)
    figure = multiverse.draw_universes(levels, multiverse.agreement(found), CLAIMS)
    assert isinstance(figure, Figure)
    figure.canvas.draw()


def test_the_bars_of_a_claim_stand_on_one_line_and_reach_across():
    claims = study()
    found = multiverse.universes(claims, specified())
    levels = multiverse.by_level(found, claims["multiverse"]["factors"])
    (axis,) = multiverse.draw_universes(levels, multiverse.agreement(found), claims).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "all combinations", "both passes", "either pass", "few rows", "that way", "lower",
    ]  # fmt: skip
    ends = pd.Series({bar.get_y(): 0.0 for bar in axis.patches})
    for bar in axis.patches:
        ends[bar.get_y()] += bar.get_width()
    assert ends.to_numpy() == pytest.approx(np.ones(6))


def test_a_curve_says_how_many_combinations_it_leaves_out():
    curves = multiverse.with_verdicts(study(), specified())
    one, two = multiverse.draw_curves(curves, study()).axes
    assert one.get_xlabel() == "3 of 6 combinations, sorted by estimate; the others have too few data"
    assert two.get_xlabel() == "4 of 4 combinations, sorted by estimate"
