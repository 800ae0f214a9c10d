"""A unit coded in one pass only keeps that pass's codes in both; nothing is dropped."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from chanjiao import passes


def coded(**codes: int) -> pd.DataFrame:
    frame = pd.DataFrame({"unit": list(codes), "mark": list(codes.values())})
    return frame.astype({"unit": "str", "mark": "Int64"})


def units(*names: str) -> pd.Series:
    return pd.Series(list(names), name="unit", dtype="str")


def test_a_unit_coded_once_has_the_codes_of_that_pass_in_both() -> None:
    first, second = passes.completed(units("U1", "U2", "U3"), coded(U1=1, U2=1), coded(U3=1, U1=0))
    assert first["mark"].to_dict() == {"U1": 1, "U2": 1, "U3": 1}
    assert second["mark"].to_dict() == {"U1": 0, "U2": 1, "U3": 1}


def test_a_pass_without_any_row_leaves_the_other_as_it_is() -> None:
    pass_a, empty = coded(U1=1, U2=0), coded().astype({"mark": "Int64"})
    for first, second in (
        passes.completed(units("U2", "U1"), pass_a, empty),
        passes.completed(units("U2", "U1"), empty, pass_a),
    ):
        assert_frame_equal(first, second)
        assert first["mark"].tolist() == [0, 1] and first["mark"].dtype == "Int64"


def test_no_units_have_no_codes() -> None:
    first, second = passes.completed(units(), coded(U1=1), coded(U1=0))
    assert first.empty and second.empty and list(first) == ["mark"]


def test_units_coded_twice_are_told_from_those_coded_once() -> None:
    twice = passes.coded_twice(units("U1", "U2", "U3"), coded(U1=1, U2=1), coded(U3=1, U1=0))
    assert twice.tolist() == [True, False, False]


@pytest.mark.parametrize("answer", [passes.completed, passes.coded_twice])
def test_a_unit_coded_in_no_pass_stops_with_its_name(answer) -> None:
    with pytest.raises(passes.UncodedUnitError, match="unit U9: found no codes in either pass; .* \\(1 such units\\)"):
        answer(units("U1", "U9"), coded(U1=1), coded(U1=0))


keys = st.lists(st.sampled_from("ABCDEFG"), unique=True)


@given(keys, keys)
def test_every_unit_of_either_pass_is_there_once_and_pairs_stay_as_coded(first: list[str], second: list[str]) -> None:
    wanted = units(*sorted({*first, *second}))
    a, b = coded(**dict.fromkeys(first, 1)), coded(**dict.fromkeys(second, 0))
    left, right = passes.completed(wanted, a, b)
    assert left.index.tolist() == right.index.tolist() == wanted.tolist()
    for unit in wanted:
        expected = (1, 0) if unit in first and unit in second else (1, 1) if unit in first else (0, 0)
        assert (left["mark"][unit], right["mark"][unit]) == expected
