"""Bias analysis: what errors of coding and silent colleges do to a share."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from chanjiao import bias, claims
from chanjiao.statistics import Estimate, cluster_share

MARKS = st.lists(st.lists(st.sampled_from([0, 1]), min_size=4, max_size=4), min_size=2, max_size=20)


def corrected(marks, at_least, sensitivity, specificity=1.0):
    frame = pd.DataFrame(marks)
    clusters = pd.Series([f"page {row % 3}" for row in range(len(frame))])
    return bias.corrected_shares([frame], at_least, clusters, 0.95, [sensitivity], specificity)[sensitivity]


def test_a_corrected_share_is_cut_to_0_and_1():
    assert bias.rogan_gladen(0.02, 0.9, 0.95) == 0
    assert bias.rogan_gladen(0.9, 0.8, 1) == 1


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.5, 0.5), (0.3, 0.6)])
def test_a_mark_that_tells_nothing_is_refused(sensitivity, specificity):
    with pytest.raises(ValueError, match=f"{sensitivity} and specificity {specificity} must add up to more than 1"):
        bias.rogan_gladen(0.4, sensitivity, specificity)


@given(st.floats(0, 1), st.floats(0.6, 1), st.floats(0.6, 1))
def test_rogan_and_gladen_undo_misclassification(true, sensitivity, specificity):
    observed = true * sensitivity + (1 - true) * (1 - specificity)
    assert bias.rogan_gladen(observed, sensitivity, specificity) == pytest.approx(true, abs=1e-9)


@given(st.floats(0, 1), st.integers(1, 9), st.integers(0, 9))
def test_equal_chances_give_the_binomial_distribution(chance, trials, k):
    found = bias._sum_from(bias.poisson_binomial(np.full((1, trials), chance)), k)[0]
    assert found == pytest.approx(binom.sf(k - 1, trials, chance), abs=1e-12)


def test_unequal_chances_by_hand():
    """Chances 1/2 and 1/4: none 3/8, one 1/2, both 1/8."""
    chances = np.array([[0.5, 0.25]])
    assert [bias._sum_from(bias.poisson_binomial(chances), k)[0] for k in (0, 1, 2, 3)] == pytest.approx(
        [1, 5 / 8, 1 / 8, 0]
    )


@given(MARKS, st.integers(1, 4))
def test_perfect_coding_gives_the_observed_share(marks, at_least):
    observed = pd.Series((np.sum(marks, axis=1) >= at_least).astype(float))
    clusters = pd.Series([f"page {row % 3}" for row in range(len(marks))])
    assert corrected(marks, at_least, 1.0) == cluster_share(observed, clusters, 0.95)


@settings(max_examples=50)
@given(MARKS, st.integers(1, 4), st.floats(0.5, 0.99), st.sampled_from(bias.SPECIFICITIES))
def test_the_share_grows_as_less_is_seen(marks, at_least, sensitivity, specificity):
    seen_less = corrected(marks, at_least, sensitivity, specificity).value
    assert seen_less >= corrected(marks, at_least, sensitivity + 0.01, specificity).value - 1e-9


@given(MARKS, st.integers(1, 4))
def test_the_share_falls_as_more_is_seen_that_is_not_there(marks, at_least):
    values = [corrected(marks, at_least, 0.9, specificity).value for specificity in bias.SPECIFICITIES]
    assert all(later <= earlier + 1e-9 for earlier, later in zip(values, values[1:], strict=False))


def test_one_mark_is_corrected_like_a_screening_test():
    """With one mark the corrected share is Rogan and Gladen's."""
    marks = [[1]] * 3 + [[0]] * 7
    assert corrected(marks, 1, 0.6).value == pytest.approx(0.5)


def test_two_marks_by_hand():
    """Both marks half seen at sensitivity 0.8: true prevalence 5/8, an unmarked unit has it with 1/5 * 5/8 / 1/2 = 1/4.

    At least two true marks: 1 for the two units with both, 1/16 for the two with none.
    """
    assert corrected([[1, 1], [1, 1], [0, 0], [0, 0]], 2, 0.8).value == pytest.approx((2 + 2 / 16) / 4)


def test_the_share_of_two_passes_is_their_mean():
    first, second = pd.DataFrame([[1, 1], [0, 1]]), pd.DataFrame([[1, 1], [1, 1]])
    clusters = pd.Series(["a", "b"])
    estimate = bias.corrected_shares([first, second], 2, clusters, 0.95, [1.0])[1.0]
    assert estimate.value == pytest.approx((0.5 + 1) / 2)


def test_a_verdict_tips_at_the_highest_sensitivity_where_it_falls():
    """A share of 0.3 seen at sensitivity s is really 0.3 / s, which reaches 0.5 at s = 0.6."""
    marks, clusters = pd.DataFrame([1] * 30 + [0] * 70), pd.Series(range(100))

    def tipping(holds):
        return bias.tipping_sensitivity([marks], 1, clusters, 0.95, holds)

    assert tipping(lambda share: share.value < 0.4999) == 0.6
    assert tipping(lambda share: share.value < 0.2) == 1.0
    assert tipping(lambda share: share.value < 0.9) == 0.5


@given(MARKS, st.integers(1, 4), st.sampled_from([1.0, 0.97]))
def test_shares_corrected_side_by_side_are_those_corrected_alone(marks, at_least, specificity):
    frame, clusters = pd.DataFrame(marks), pd.Series([f"page {row % 3}" for row in range(len(marks))])
    together = bias.corrected_shares([frame], at_least, clusters, 0.95, specificity=specificity)
    assert list(together) == list(bias.SENSITIVITIES)
    for sensitivity in bias.SENSITIVITIES[::10]:
        assert together[sensitivity] == corrected(marks, at_least, sensitivity, specificity)


def test_the_surface_covers_the_whole_range_and_starts_at_what_was_observed():
    marks, clusters = pd.DataFrame([[1], [0], [0], [1], [0]]), pd.Series(list("abcde"))
    surface = bias.bias_surface([marks], 1, clusters, 0.95)
    assert list(surface.columns) == ["sensitivity", "specificity", "value", "low", "high"]
    assert len(surface) == 51 * 6
    assert surface["sensitivity"].agg(["min", "max"]).tolist() == [0.5, 1]
    assert surface["specificity"].agg(["min", "max"]).tolist() == [0.95, 1]
    assert surface.iloc[0]["value"] == pytest.approx(0.4)
    assert (surface["low"] <= surface["value"]).all() and (surface["value"] <= surface["high"]).all()


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_bounds_are_as_wide_as_the_silent_colleges_are_many(share, publishing):
    low, high = bias.manski_bounds(share, publishing)
    assert high - low == pytest.approx(1 - publishing)
    assert -1e-12 <= low <= high <= 1 + 1e-12


CLAIMS = claims.load_claims(Path(__file__).parents[2] / "claims.yaml")
RULES = claims.indicator_rules(CLAIMS)


def judged(name, verdict, interval=None, tipping=None, publishing=None, value=None):
    return {
        "id": name,
        "verdict": verdict,
        "interval": interval,
        "tipping": tipping,
        "publishing": publishing,
        "value": value,
    }


@pytest.mark.parametrize(
    ("one", "stands_to", "stands", "words"),
    [
        (judged("C2.1", "supported", [0.05, 0.3], 0.59), 0.59, True, "supported as long as more than 59%"),
        (judged("C2.1", "undecided", [0.05, 0.49], 0.98), 0.98, False, "supported as long as more than 98%"),
        (judged("C2.1", "supported", [0.01, 0.1], 0.5), 0.5, True, "supported throughout"),
        (judged("C2.1", "contradicted", [0.6, 0.9]), None, False, "hidden text cannot have made this"),
        (judged("C2.1", "undecided", [0.3, 0.7]), None, False, "no verdict in the unsafe direction"),
        (judged("C2.1", "undecided"), None, False, "no verdict in the unsafe direction"),
        (judged("C2.1", "insufficient data", [0.05, 0.3], 0.59), None, False, "too few data"),
    ],
)
def test_only_a_verdict_that_hidden_text_could_have_made_is_defended(one, stands_to, stands, words):
    row = bias.defences(RULES, [one], CLAIMS["joining"]).iloc[0]
    assert (None if np.isnan(row["stands_to"]) else row["stands_to"]) == stands_to
    assert row["stands"] == stands
    assert words in row["words"]


def test_defences_agree_with_the_verdict_engine():
    """What a ceiling takes away in the rules falls short of it in the table, and the other way round."""
    for tipping in (0.5, 0.69, 0.7, 0.71, 1.0):
        estimate = Estimate(0.2, (0.1, 0.3), 40, 30, 30.0, tipping=tipping, unit="share")
        both = {"both": estimate, "either": estimate}
        verdict = claims.judge_indicator(RULES["C2.1"], estimate, both, CLAIMS["joining"])["verdict"]
        one = judged("C2.1", verdict, [0.1, 0.3], tipping)
        assert bias.defences(RULES, [one], CLAIMS["joining"])["stands"].item() == (verdict == "supported")


def test_hidden_text_can_only_have_made_support_and_is_examined_for_nothing_else():
    for rule in RULES.values():
        if rule.get("bias") == "misclassification":
            assert rule["safe_direction"] == claims.CONTRADICTED
            assert rule["supported_when"]["bound"] == "upper"


def test_silent_colleges_leave_the_bounds_and_say_how_many_publish():
    ones = [judged("C4.1", "insufficient data", publishing=3 / 51), judged("C4.2", "undecided", publishing=0.5)]
    table = bias.silences(RULES, ones, {"C4.1": (0.03, 0.98), "C4.2": None}, CLAIMS["joining"])
    assert table["stands"].tolist() == [False, True]
    assert table["words"][0].startswith("6% of the colleges publish, 50% are needed")
    assert table["limit"].tolist() == [0.5, 0.5]
    nobody = bias.silences(RULES, [judged("C4.1", "insufficient data")], {}, CLAIMS["joining"])
    assert nobody["words"][0] == "the province has no college on the list"


def test_the_overview_names_every_indicator_and_verdict():
    ones = [
        judged("C1.1", "contradicted", [0.6, 0.9]),
        judged("C2.1", "supported", [0.05, 0.3], 0.59),
        judged("C5.2", "insufficient data"),
        judged("C4.1", "insufficient data"),
        judged("C4.2", "contradicted", [0.6, 0.8], publishing=0.6, value=0.7),
    ]
    joining = CLAIMS["joining"]
    silent = bias.silences(RULES, ones, {"C4.2": (0.42, 0.82)}, joining)
    figure = bias.draw_defences(bias.defences(RULES, ones, joining), silent, joining)
    figure.draw_without_rendering()
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    for one in ones:
        assert any(text.startswith(one["id"]) for text in texts)
    assert texts.count("insufficient data") == 2


@pytest.mark.parametrize("rows", [0, 3])
def test_a_surface_is_drawn_also_without_units(rows):
    clusters = pd.Series([f"p{i}" for i in range(rows)], dtype=object)
    surface = bias.bias_surface([pd.DataFrame({"mark": [1.0, 0.0, 0.0][:rows]})], 1, clusters, 0.95)
    figure = bias.draw_surface(surface, 0.5, 0.7, "no documents")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert ("No data: no documents" in texts) == (rows == 0)
