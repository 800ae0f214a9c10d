"""The account of rows: nothing disappears without its reason."""

import doctest

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from chanjiao import rowflow
from chanjiao.rowflow import RowFlow

MASKS = st.lists(st.lists(st.sampled_from([True, False, None]), min_size=8, max_size=8), max_size=4)


@given(MASKS)
def test_rows_in_are_rows_dropped_and_rows_used_at_every_step(masks):
    flow = RowFlow("policies", pd.DataFrame({"key": range(8)}))
    for number, mask in enumerate(masks):
        flow.keep(pd.Series(mask, dtype="boolean").loc[flow.frame.index], f"reason {number}")
    account = flow.account()
    assert (account["rows_in"] == account["dropped"] + account["rows_used"]).all()
    assert list(account["rows_in"][1:]) == list(account["rows_used"][:-1])
    assert account["rows_in"].iloc[0] - account["dropped"].sum() == len(flow.frame)
    assert set(account["table"]) == {"policies"}


def test_every_step_has_its_reason():
    flow = RowFlow("cooperation", pd.DataFrame({"signed": ["yes", "no", None], "n": [1, 2, 3]}))
    kept = flow.keep(flow.frame["signed"].eq("yes"), "not signed")
    assert kept is flow.frame
    assert list(kept["n"]) == [1]
    assert flow.account().to_dict("list") == {
        "table": ["cooperation", "cooperation"],
        "step": ["rows in the table", "not signed"],
        "rows_in": [3, 3],
        "dropped": [0, 2],
        "rows_used": [3, 1],
    }


def test_an_unknown_condition_drops_the_row():
    flow = RowFlow("policies", pd.DataFrame({"year": pd.array([2020, None], dtype="Int64")}))
    assert len(flow.keep(flow.frame["year"] > 2000, "issued before 2000 or at an unknown date")) == 1


def test_an_empty_table_has_an_account():
    assert RowFlow("policies", pd.DataFrame({"key": []})).account()["rows_used"].tolist() == [0]


def test_the_example_of_the_docstring_runs():
    assert doctest.testmod(rowflow).failed == 0
