"""The joining of rows into events and the combination of the two coding passes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from chanjiao import events, tables

SOURCES = pd.DataFrame({"source_id": ["s1", "s2", "s3"], "official": ["yes", "no", "college_site"]})


def cooperation(**changes):
    """Four rows: E1 and E2 tell one event on two pages, E3 another on the second page, E4 stands alone."""
    columns = {
        "event_id": ["E1", "E2", "E3", "E4"],
        "event_group": ["E1", "E1", "E3", "E4"],
        "institution_id": ["C2", "C1", "C1", None],
        "institution_zh": ["二", "一", "一", "四"],
        "province_code": ["50", "50", "50", "51"],
        "n_partners": pd.array([1, 2, None, 11], dtype="Int64"),
        "event_date": [None, "2024-05", None, "2023"],
        "money_million_yuan": [3.0, 5.0, np.nan, np.nan],
        "students_n": pd.array([None, 40, None, None], dtype="Int64"),
        "body": ["complete", "cut", "complete", "missing"],
        "source_id": ["s1", "s2", "s2", "s3"],
    }
    return pd.DataFrame({**columns, **changes})


def codes(signed, phrase_only, **marked):
    """Codes of E1 to E4: `marked` gives the rows (1 to 4) that bear a mark."""
    frame = pd.DataFrame({"event_id": ["E1", "E2", "E3", "E4"], "form": "order_class", "signed": signed})
    frame["phrase_only"] = pd.array(phrase_only, dtype="Int64")
    for name in events.MARKS:
        frame[name] = pd.array([int(row in marked.get(name, ())) for row in (1, 2, 3, 4)], dtype="Int64")
    return frame


A = codes(["no", "yes", "not_visible", "no"], [1, 0, 1, 0], c_funds=(1,), c_term=(2, 4))
B = codes(["no", "no", "not_visible", "no"], [1, 1, 1, 0], c_funds=(1, 3), c_research=(4,))


@pytest.fixture
def frame():
    return events.events(cooperation(), A, B, SOURCES)


def test_rows_of_one_event_group_become_one_event(frame):
    assert list(frame["event"]) == ["E1", "E3", "E4"]
    assert list(frame["rows"]) == [("E1", "E2"), ("E3",), ("E4",)]
    assert list(frame["colleges"]) == [("C1", "C2"), ("C1",), ("四",)]


def test_a_mark_counts_if_any_row_of_the_event_has_it_in_that_pass(frame):
    assert list(frame["c_funds_a"]) == [1, 0, 0]
    assert list(frame["c_funds_b"]) == [1, 1, 0]
    assert list(frame["depth_a"]) == [2, 0, 1]
    assert list(frame["depth_b"]) == [1, 1, 1]


def test_events_that_share_pages_or_colleges_are_one_cluster(frame):
    assert list(frame["page"]) == ["s1", "s1", "s3"]
    assert list(frame["college"]) == ["C1", "C1", "四"]


def test_one_signed_row_makes_a_signed_event_and_one_mark_more_than_phrases(frame):
    assert list(frame["signed"]) == ["yes", "not_visible", "no"]
    assert list(frame["phrase_only"]) == [0, 1, 0]
    assert list(frame["phrase_only_b"]) == [1, 1, 0]


def test_an_event_is_complete_and_official_only_if_all_its_rows_are(frame):
    assert list(frame["body"]) == ["cut", "complete", "missing"]
    assert list(frame["official"]) == [False, False, True]


def test_a_row_coded_once_keeps_its_codes_in_both_passes_and_no_event_is_lost(frame):
    lacking = events.events(cooperation(), A, B[B["event_id"] != "E4"], SOURCES)
    assert list(lacking["event"]) == list(frame["event"])
    lone = lacking[lacking["event"] == "E4"]
    assert lone["c_term_b"].tolist() == [1] and lone["c_research_b"].tolist() == [0]
    for how in ("mean", "both", "either", "a", "b"):
        assert events.depth(lone, how).tolist() == [1]


def test_figures_of_one_event_are_not_added_up(frame):
    assert frame.loc[0, "money_million_yuan"] == 5.0
    assert frame.loc[0, "students_n"] == 40
    assert frame["students_n"].isna().tolist() == [False, True, True]


def test_size_classes_are_one_two_to_ten_and_more(frame):
    assert frame["size_class"].tolist() == [1, pd.NA, 2]
    assert list(frame["dated"]) == [True, False, True]


def test_an_event_of_two_provinces_is_one_event_in_each():
    table = cooperation(province_code=["50", "51", "50", "51"])
    frame = events.events(table, A, B, SOURCES)
    assert list(zip(frame["event"], frame["province_code"], frame["depth_a"], strict=True)) == [
        ("E1", "50", 1), ("E1", "51", 1), ("E3", "50", 0), ("E4", "51", 1),
    ]  # fmt: skip
    assert frame["page"].tolist() == ["s1", "s1", "s1", "s3"]


def test_ungrouped_rows_are_their_own_events():
    frame = events.events(cooperation(), A, B, SOURCES, grouped=False)
    assert list(frame["event"]) == ["E1", "E2", "E3", "E4"]
    assert list(frame["page"]) == ["s1", "s2", "s2", "s3"]


def test_two_passes_combine_as_mean_both_or_either(frame):
    expected = {"mean": [1.5, 0.5, 1], "a": [2, 0, 1], "b": [1, 1, 1], "both": [1, 0, 0], "either": [2, 1, 2]}
    assert {passes: events.depth(frame, passes).tolist() for passes in expected} == expected
    assert events.at_least(frame, 2).tolist() == [0.5, 0, 0]
    assert events.at_least(frame, 2, "either").tolist() == [1, 0, 1]


def test_categories_follow_the_first_pass_unless_the_second_is_read_alone(frame):
    frame = frame.assign(form=["donation", "other", "consortium"])
    assert events.bilateral(frame).tolist() == [False, False, False]
    assert events.bilateral(frame, "b").tolist() == [True, True, True]
    assert events.signed(frame, "both").tolist() == [True, False, False]
    assert events.signed(frame, "b").tolist() == [False, False, False]


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(4)), st.permutations(range(4)))
def test_the_order_of_rows_changes_nothing(first, second):
    shuffled = events.events(cooperation().iloc[first], A.iloc[second], B.iloc[first], SOURCES.iloc[::-1])
    assert_frame_equal(shuffled, events.events(cooperation(), A, B, SOURCES))


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), min_size=1))
def test_linked_members_of_a_group_bear_one_label_from_their_own_component(pairs):
    frame = pd.DataFrame(pairs, columns=["member", "group"])
    label = events.linked(frame["member"], frame["group"])
    assert label.groupby(frame["group"]).nunique().eq(1).all()
    assert label.groupby(frame["member"]).nunique().eq(1).all()
    assert (label <= frame["member"]).all()
    assert label.isin(frame.loc[frame["member"] == label, "member"]).all()


def test_readings_bear_the_names_of_the_sensitivity_analysis(frame):
    ungrouped = events.events(cooperation(), A, B, SOURCES, grouped=False)
    readings = events.readings(frame, ungrouped)
    sizes = {name: len(reading.frame) for name, reading in readings.items()}
    assert sizes == {
        "official": 1, "pass_a": 3, "pass_b": 3, "both": 3, "either": 3, "rows": 4, "complete": 1, "dated": 2,
        "undated": 1, "college": 3,
    }  # fmt: skip
    assert readings["college"].cluster == "college"


def test_choices_give_the_readings_of_the_sensitivity_analysis(frame):
    frames = {"event": frame, "row": events.events(cooperation(), A, B, SOURCES, grouped=False)}
    printed = {name: levels[0] for name, levels in events.LEVELS.items()}
    readings = events.readings(frame, frames["row"])
    for name, choice in {
        "official": {"sources": "official"}, "both": {"codes": "both"}, "rows": {"unit": "row"},
        "complete": {"body": "complete"}, "dated": {"dating": "dated"}, "college": {"clustering": "college"},
    }.items():  # fmt: skip
        found = events.chosen(frames, {**printed, **choice})
        assert_frame_equal(found.frame, readings[name].frame)
        assert (found.passes, found.cluster) == (readings[name].passes, readings[name].cluster)
    # Two choices at once keep what both keep.
    both = events.chosen(frames, {**printed, "sources": "official", "dating": "dated"}).frame
    assert set(both.index) == set(readings["official"].frame.index) & set(readings["dated"].frame.index)


@pytest.mark.parametrize("passes", events.LEVELS["codes"])
def test_the_tables_of_marks_have_the_mean_that_the_codes_make(frame, passes):
    coded = events.coded(frame, events.MARKS, passes)
    assert len(coded) == (2 if passes == "mean" else 1)
    mean = np.mean([table.to_numpy() for table in coded], axis=0)
    assert mean == pytest.approx(events.marks(frame, passes).to_numpy())
    assert {value for table in coded for value in np.unique(table.to_numpy())} <= {0, 1}


def test_every_cooperation_row_belongs_to_exactly_one_event():
    names = ("cooperation", "cooperation_a", "cooperation_b", "sources")
    data = tables.load(*names)
    frame = events.events(*(data[name] for name in names))
    assert sorted(row for rows in frame["rows"] for row in rows) == data["cooperation"]["event_id"].tolist()
    assert not frame.duplicated(["event", "province_code"]).any()
    assert frame[["page", "college", "form", "signed", "body"]].notna().all(axis=None)
    both, mean, either = (events.depth(frame, passes) for passes in ("both", "mean", "either"))
    assert ((both <= mean) & (mean <= either)).all()
