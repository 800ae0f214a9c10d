"""Results kept in a notebook: rounding, recording, and getting the same thing back from the executed notebook."""

import base64
import json
import math
from collections.abc import Mapping

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from samples import executed

from chanjiao import figures, results
from chanjiao.bundles import ResultError, extract, to_json
from chanjiao.results import read_estimate, record, record_estimate, rounded
from chanjiao.statistics import Estimate

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def bundles(monkeypatch):
    """What the functions under test display, one bundle of MIME types a display."""
    shown: list[Mapping[str, object]] = []
    monkeypatch.setattr(results, "publish_display_data", shown.append)
    return shown


# Rounding


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1 / 3, 0.333333),
        (123456789.0, 123457000.0),
        (-2.00000049, -2.0),
        (1e-12 / 3, 3.33333e-13),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        (None, None),
        (7, 7),
        (10**12 + 1, 10**12 + 1),
        (True, True),
        ("重庆", "重庆"),
        ((0.1, 2), [0.1, 2]),
        (np.float64(2 / 3), 0.666667),
        (np.float64("nan"), None),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1 / 3, np.inf]), [0.333333, None]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.NA, None),
        (pd.NaT, None),
        ({1: {"a": [1 / 7, None]}}, {"1": {"a": [0.142857, None]}}),
    ],
)
def test_floats_are_cut_to_six_digits_and_what_is_no_number_is_missing(value, expected):
    found = rounded(value)
    assert found == expected
    assert type(found) is type(expected)


def test_zero_has_no_sign():
    assert math.copysign(1, rounded(-0.0)) == 1


@given(values)
def test_rounding_twice_is_rounding_once(value):
    once = rounded(value)
    assert json.dumps(rounded(once)) == json.dumps(once)


@given(values)
def test_what_was_rounded_is_valid_json_without_infinities(value):
    assert json.loads(json.dumps(rounded(value), allow_nan=False)) == rounded(value)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-300, max_value=1e300))
def test_rounding_moves_a_number_by_less_than_one_in_a_hundred_thousand(value):
    assert rounded(value) == pytest.approx(value, rel=5.1e-6)


# Recording


def test_a_result_is_shown_for_a_reader_and_for_a_machine(bundles):
    record("room.share", 1 / 3, unit="share", n=30, clusters=12, interval=(0.2, math.inf), tables={"b", "a"})
    assert bundles[0]["text/plain"] == "room.share = 0.3333 share (interval 0.2 to open; n = 30; 12 clusters)"
    assert bundles[0][results.RESULT] == {
        "key": "room.share",
        "value": 0.333333,
        "unit": "share",
        "n": 30,
        "clusters": 12,
        "interval": [0.2, None],
        "tables": ["a", "b"],
        "rows": {},
        "reason": None,
    }


@pytest.mark.parametrize("value", [None, math.nan, math.inf, np.float64("nan"), pd.NA])
def test_a_missing_value_needs_its_reason(value, bundles):
    with pytest.raises(ResultError, match=r"room\.mean has no value and no reason; give record"):
        record("room.mean", value, unit="marks")
    assert not bundles
    record("room.mean", value, unit="marks", reason="cooperation.csv has no row of province 65")
    assert bundles[0]["text/plain"] == "room.mean: no value, cooperation.csv has no row of province 65"


def test_words_and_counts_are_results_too(bundles):
    record("room.name", "重庆", unit="name")
    record("room.count", np.int64(12), unit="rows")
    assert [bundle["text/plain"] for bundle in bundles] == ["room.name = 重庆 name", "room.count = 12 rows"]


def test_an_estimate_is_recorded_with_all_it_carries(bundles):
    estimate = Estimate(2.0, (1.5, 3.0), 12, 10, 9.5, n_other=40, clusters_other=30, p_value=0.01, unit="ratio")
    record_estimate("mechanism.c2_2", estimate, tables=iter(["cooperation"]))
    kept = {bundle[results.RESULT]["key"]: bundle[results.RESULT] for bundle in bundles}
    assert {key.removeprefix("mechanism.c2_2"): (one["value"], one["unit"]) for key, one in kept.items()} == {
        "": (2.0, "ratio"),
        ".effective_n": (9.5, "units"),
        ".n_other": (40, "units"),
        ".clusters_other": (30, "clusters"),
        ".p_value": (0.01, "probability"),
    }
    assert all(one["tables"] == ["cooperation"] for one in kept.values())


def test_variants_are_recorded_under_the_key_without_their_rows(bundles):
    estimate = Estimate(0.5, (0.3, 0.7), 20, unit="share", rows={"cooperation": ["E1"]})
    results.record_variants("mechanism.c2_1", {"both": estimate, "either": estimate}, tables=["cooperation"])
    assert [bundle[results.RESULT]["key"] for bundle in bundles] == ["mechanism.c2_1.both", "mechanism.c2_1.either"]
    assert all(bundle[results.RESULT]["rows"] == {} for bundle in bundles)


def recorded(estimate):
    """The estimate as it stands in results.json."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "publish_display_data", shown.append)
        record_estimate("room.x", estimate, tables=["policies"])
    kept = extract(executed(("cell", "record()", shown)), "02_room").results
    return json.loads(to_json({"results": kept}))["results"]


numbers = st.floats(-10, 10).map(lambda number: rounded(number))
optional = st.none() | numbers
counts = st.none() | st.integers(0, 500)


@given(
    st.builds(
        Estimate,
        value=numbers,
        interval=st.none() | st.tuples(numbers | st.just(-math.inf), numbers | st.just(math.inf)),
        n=st.integers(0, 500),
        clusters=counts,
        effective_n=optional,
        n_other=counts,
        clusters_other=counts,
        p_value=optional,
        tipping=optional,
        publishing=optional,
        unit=st.sampled_from(["share", "ratio"]),
        rows=st.sampled_from([{}, {"policies": ["p1", "p2"]}, {"policy_parents": [["p1", "q1"]]}]),
    )
)
def test_an_estimate_that_was_recorded_is_read_back_the_same(estimate):
    assert read_estimate(recorded(estimate), "room.x") == estimate


def test_a_missing_estimate_is_read_back_with_its_reason():
    estimate = Estimate.missing("share", 3, "policies.csv has 3 documents, the rule needs 10", clusters=2)
    assert read_estimate(recorded(estimate), "room.x") == estimate
    assert read_estimate(recorded(estimate), "room.y") is None


# Figures and tables


def test_a_figure_is_shown_twice_with_its_data(bundles):
    figure, axes = figures.new(1.0)
    axes[0, 0].plot([1, 2], [1 / 3, 2 / 3])
    results.show_figure(figure, pd.DataFrame({"x": [1, 2], "y": [1 / 3, 2 / 3]}))
    shown = bundles[0]
    assert shown["image/svg+xml"].startswith("<?xml")
    assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG")
    assert shown[results.FIGURE] == {"data": "x,y\n1,0.333333\n2,0.666667\n"}


def test_a_table_shows_an_empty_cell_as_a_dash_and_keeps_it_empty_in_the_data(bundles):
    results.show_table(pd.DataFrame({"College": ["甲 & 乙", None], "Share (%)": [51.5, None]}))
    html = bundles[0]["text/html"]
    assert "<td>甲 &amp; 乙</td>" in html
    assert html.count("<td>–</td>") == 2
    assert bundles[0][results.TABLE] == {"data": "College,Share (%)\n甲 & 乙,51.5\n,\n"}


def test_verdicts_are_listed_and_claims_without_one_are_not(bundles):
    results.show_verdicts({"C1": {"verdict": "undecided", "value": 1 / 3}, "R1": {"verdict": None}})
    assert bundles[0]["text/plain"] == "C1: undecided"
    assert bundles[0][results.VERDICTS]["C1"]["value"] == 0.333333


def test_csv_has_line_feeds_six_digits_and_quotes_where_needed():
    assert results.to_csv(pd.DataFrame({"a": [2 / 3], "b": ["x, y"]})) == 'a,b\n0.666667,"x, y"\n'


def test_what_a_kernel_displays_is_what_is_extracted():
    """The real display, not a stand-in: what IPython publishes goes into the file and comes out of it."""
    InteractiveShell.instance()
    with capture_output() as captured:
        record("room.count", 3, unit="rows")
    notebook = executed(("cell", "record()", [output.data for output in captured.outputs]))
    read = nbformat.reads(nbformat.writes(notebook), as_version=4)
    nbformat.validate(read)
    assert extract(read, "03_mechanism").results["room.count"]["value"] == 3
    InteractiveShell.clear_instance()


# Files


def test_results_of_a_province_and_of_the_nation_are_read_together(tmp_path):
    kept = {"coding/00": "coding.kappa", "mechanism/50": "mechanism.events", "synthesis/50": "synthesis.choices"}
    for folder, key in {**kept, "mechanism/51": "mechanism.elsewhere"}.items():
        path = tmp_path / "data" / "processed" / folder / "results.json"
        path.parent.mkdir(parents=True)
        path.write_text(to_json({"results": {key: {"value": 1}}}), encoding="utf-8")
    assert set(results.read_results(tmp_path, "50")) == {"coding.kappa", "mechanism.events"}


def test_no_results_at_all_say_what_to_run(tmp_path):
    with pytest.raises(ResultError, match="no results for province 50; run `dvc repro` first"):
        results.read_results(tmp_path, "50")
