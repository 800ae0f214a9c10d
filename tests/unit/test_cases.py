"""The choice of cases, their profiles and timelines, and the claims as patterns inside a college."""

import warnings

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from pandas.testing import assert_frame_equal

from chanjiao import cases, events, operation, tables
from chanjiao.claims import load_claims
from chanjiao.project import project_root

TABLES = (
    "cooperation", "cooperation_a", "cooperation_b", "sources", "institutions", "institution_names", "provinces",
    "institution_profiles", "institution_facts", "college_programmes", "major_categories", "policies",
)  # fmt: skip
SOURCES = pd.DataFrame({"source_id": ["own", "site", "relay"], "official": ["yes", "college_site", "no"]})


def fact(value, qualifier="exact", as_of=2020, source="own", **changes):
    """A fact about the staff of college C1."""
    row = {
        "institution_id": "C1",
        "indicator": "staff_total",
        "value": float(value),
        "unit": "persons",
        "qualifier": qualifier,
        "denominator": None,
        "as_of": as_of,
        "identity_inferred": "no",
        "source_id": source,
    }
    return {**row, **changes}


def facts(*rows):
    frame = pd.DataFrame(rows).assign(fact_no=range(1, len(rows) + 1))
    text = ["institution_id", "indicator", "unit", "qualifier", "denominator", "identity_inferred", "source_id"]
    return frame.astype({**dict.fromkeys(text, "str"), "as_of": "Int64"})


def colleges(*counts):
    """Candidates with (id, events, pages, facts)."""
    return pd.DataFrame(counts, columns=["institution_id", "events", "pages", "facts"]).assign(name_zh="学院")


@pytest.fixture(scope="module")
def data():
    return tables.load(*TABLES)


@pytest.fixture(scope="module")
def frame(data):
    return events.events(*(data[name] for name in TABLES[:4]))


@pytest.fixture(scope="module")
def moved(data):
    return cases.variants(data, both_units(data), "50")


def both_units(data):
    """The events and the single rows, as the notebook gives them to `variants`."""
    coded = [data[name] for name in TABLES[:4]]
    return {"event": events.events(*coded), "row": events.events(*coded, grouped=False)}


def study(data, frame, province, language="en"):
    """The chain of the notebook on the real data: chosen cases, told events, flags, answers, profiles."""
    told = cases.college_events(frame, province)
    known = cases.named_facts(data["institution_facts"])
    chosen, _ = cases.select(cases.candidates(told, known, data["institutions"], province))
    names = operation.college_names(data["institutions"], data["institution_profiles"], language)
    chosen = cases.name_cases(chosen, names, data["institution_names"])
    told = cases.of_cases(told, chosen)
    flags = cases.flag(told, data["cooperation"], cases.launch_dates(data["policies"]))
    shares = cases.dual_shares(known, data["institutions"], data["sources"])
    found = cases.by_claim(cases.matches(told, flags, shares, chosen))
    own = known[known["institution_id"].isin(chosen["institution_id"])]
    profiles = cases.of_cases(cases.profile(own, data["sources"]), chosen)
    return chosen, told, flags, found, profiles


# Choosing


def test_a_case_reaches_every_threshold_of_the_rule():
    just = ("C1", cases.MIN_EVENTS, cases.MIN_PAGES, cases.MIN_FACTS)
    short = [(f"D{place}", *(n - (place == at) for at, n in enumerate(just[1:]))) for place in range(3)]
    chosen, account = cases.select(colleges(just, *short))
    assert list(chosen["institution_id"]) == ["C1"]
    assert list(account["dropped"]) == [0, 1, 1, 1, 0]


def test_no_more_cases_are_taken_than_can_be_read_side_by_side():
    chosen, account = cases.select(colleges(*((f"C{n:02}", 5, 5, 5) for n in range(cases.MAX_CASES + 3))))
    assert list(chosen["case"]) == list(range(1, cases.MAX_CASES + 1))
    assert account["dropped"].iloc[-1] == 3


def test_most_events_come_first_then_most_facts_then_the_id():
    told = pd.DataFrame({"institution_id": ["B", "A", "C", "C", "D"], "event": list("12345"), "page": list("12345")})
    known = pd.DataFrame({"institution_id": ["D", "D", "A", "B"]})
    listed = pd.DataFrame({"institution_id": list("ABCDE"), "name_zh": list("ABCDE"), "province_code": "50"})
    order = cases.candidates(told, known, listed, "50")
    assert list(order["institution_id"]) == ["C", "D", "A", "B", "E"]
    assert list(order["facts"]) == [0, 2, 1, 1, 0]


def test_an_event_told_of_two_colleges_is_an_event_of_each():
    frame = pd.DataFrame(
        {"event": ["E1", "E2"], "province_code": ["50", "51"], "colleges": [("C1", "C2"), ("C1",)], "page": ["p", "q"]}
    )
    told = cases.college_events(frame, "50")
    assert list(told["institution_id"]) == ["C1", "C2"]
    assert set(told["event"]) == {"E1"}


def test_events_under_a_former_name_belong_to_the_renamed_college(data, frame):
    former = data["institution_names"].set_index("former_name_zh")["name_zh_2026"]
    rows = data["cooperation"][data["cooperation"]["institution_zh"].isin(former.index)]
    ids = data["institutions"].set_index("name_zh")["institution_id"]
    assert len(rows)
    assert list(rows["institution_id"]) == [ids[former[name]] for name in rows["institution_zh"]]


def test_a_college_whose_name_the_page_does_not_print_brings_no_facts():
    known = facts(fact(1), fact(2, identity_inferred="yes"))
    assert list(cases.named_facts(known)["value"]) == [1]
    assert list(cases.named_facts(known, inferred=True)["value"]) == [1, 2]


def test_the_reason_for_no_case_names_tables_rows_there_and_rows_needed():
    reason = cases.no_case_reason(colleges(("C1", 2, 1, 0)))
    for words in ("3 events in cooperation", "3 facts in institution_facts", "2 events, 1 pages and 0 facts"):
        assert words in reason


# Figures of a college


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (fact(1, source="site", as_of=2010), fact(2, source="relay")),
        (fact(1, denominator="full_time_teachers", as_of=2010), fact(2, denominator="all_teachers")),
        (fact(1, as_of=2021, qualifier="about"), fact(2, as_of=2020)),
        (fact(1, as_of=2001, qualifier="about"), fact(2, as_of=None)),
        (fact(9), fact(1, qualifier="more_than")),
    ],
    ids=["official", "full-time", "newest", "dated", "exact"],
)
def test_the_choice_rule_goes_by_page_then_base_then_date_then_precision(better, worse):
    for rows in ((better, worse), (worse, better)):
        assert list(cases.profile(facts(*rows), SOURCES)["value"]) == [better["value"]]


def test_of_figures_the_rule_cannot_tell_apart_the_median_is_taken():
    chosen = cases.profile(facts(fact(30), fact(10), fact(20)), SOURCES)
    assert list(chosen["value"]) == [20]
    assert list(chosen["statements"]) == [3]


@pytest.mark.parametrize(
    ("rows", "spread"),
    [
        ([fact(499), fact(700, "more_than")], "499 to 700"),
        ([fact(500, "more_than"), fact(700, "more_than")], None),
        ([fact(500), fact(510, "about")], None),
        ([fact(1200), fact(2000)], "1,200 to 2,000"),
        ([fact(60, denominator="unstated"), fact(90, denominator="all_teachers")], None),
    ],
)
def test_a_range_is_shown_only_where_two_statements_cannot_both_hold(rows, spread):
    shown = cases.profile(facts(*rows), SOURCES)["spread"].iloc[0]
    assert shown == spread if spread else pd.isna(shown)


@pytest.mark.parametrize(
    ("row", "low", "high"),
    [
        (fact(60, unit="percent"), 60, 60),
        (fact(60, "more_than", unit="percent"), 60, 100),
        (fact(98, "about", unit="percent"), 93, 100),
        (fact(60, "less_than", unit="percent"), 0, 60),
        (fact(1000, "about"), 950, 1050),
        (fact(1000, "more_than"), 1000, float("inf")),
    ],
)
def test_a_qualifier_becomes_the_least_and_most_a_figure_can_mean(row, low, high):
    assert cases.bounds(facts(row)).iloc[0].to_list() == pytest.approx([low, high])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (fact(15000, "more_than"), "more than 15,000"),
        (fact(338.6581, unit="million_yuan"), "338.658 million yuan"),
        (fact(74.49, unit="percent", denominator="full_time_teachers"), "74.49% of full-time teachers"),
        (fact(3, "about"), "about 3"),
    ],
)
def test_a_figure_is_said_with_qualifier_unit_and_base(row, words):
    assert cases.stated(facts(row).iloc[0].to_dict()) == words


@pytest.mark.parametrize(
    ("indicator", "words"),
    [
        ("students_fulltime", "full-time students"),
        ("full_time_teachers", "full-time teachers"),
        ("dual_qualified_share_pct", "dual-qualified share"),
        ("equipment_value_million_yuan", "equipment value"),
    ],
)
def test_an_indicator_is_named_in_words(indicator, words):
    assert cases.indicator_words(indicator) == words


def test_a_table_without_facts_has_an_empty_profile():
    assert cases.profile(facts(fact(1)).iloc[:0], SOURCES).empty


def test_programmes_are_counted_once_and_named_in_order():
    named = pd.DataFrame(
        {
            "case": [1, 1, 1],
            "name": "A",
            "programme_zh": ["会计", "物流", "会计"],
            "major_category_code": ["53", "53", "53"],
            "as_of": pd.array([None, 2016, 2016], dtype="Int64"),
        }
    )
    categories = pd.DataFrame({"major_category_code": ["53"], "major_category_en": ["Finance"]})
    found = cases.programmes(named, categories).iloc[0]
    assert found[["programmes", "names_zh", "categories", "as_of"]].to_list() == [2, "会计、物流", "Finance", "2016"]


# Time


def test_a_date_becomes_its_first_and_last_possible_day():
    limits = cases.days(pd.Series(["2020", "2020-02", "2020-02-03", None]))
    assert list(limits["start"].dt.strftime("%Y-%m-%d"))[:3] == ["2020-01-01", "2020-02-01", "2020-02-03"]
    assert list(limits["end"].dt.strftime("%Y-%m-%d"))[:3] == ["2020-12-31", "2020-02-29", "2020-02-03"]
    assert limits.iloc[3].isna().all()


def test_the_timeline_is_in_order_of_date_with_undated_events_last(data, frame):
    _, told, *_ = study(data, frame, "50")
    line = cases.timeline(told)
    assert len(line) == len(told)
    for _, lane in line.groupby("case"):
        assert list(lane["start"].fillna("9999")) == sorted(lane["start"].fillna("9999"))
    lengths = line["event"].map(frame.drop_duplicates("event").set_index("event")["event_date"]).str.len()
    assert (line["precision"] == lengths.map(cases.PRECISION).fillna("undated")).all()


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 365)), min_size=1, max_size=12))
def test_no_two_marks_of_a_lane_touch(dates):
    dates = sorted(dates)
    lane = pd.DataFrame({"first": [first for first, _ in dates], "last": [first + length for first, length in dates]})
    lane["x"] = (lane["first"] + lane["last"]) / 2
    lane["level"] = cases._levels(lane, 200)
    for _, row in lane.groupby("level"):
        assert (row["x"].diff().dropna() >= 100).all()
        assert (row["first"].iloc[1:].to_numpy() > row["last"].iloc[:-1].to_numpy()).all()


def test_a_form_is_launched_by_the_first_national_document_of_its_theme(data):
    launches = cases.launch_dates(data["policies"])
    assert list(launches["form"]) == sorted(cases.LAUNCHED_FORMS)
    for launch in launches.to_dict("records"):
        same = data["policies"].query("level == 'national' and theme == @launch['form']")["date_issued"].dropna()
        assert launch["end"] == cases.days(same)["end"].min()


# Patterns


def test_every_pattern_has_the_thresholds_of_its_indicator():
    claims = load_claims(project_root() / "claims.yaml")["claims"]
    for pattern in cases.PATTERNS:
        rule = claims[pattern.claim]["indicators"][pattern.indicator]
        assert pattern.below == rule.get("supported_when", {}).get("below")
        assert pattern.above == rule["contradicted_when"]["above"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 0.0, "supports"),
        (0.0, 0.49, "supports"),
        (0.0, 0.5, "silent"),
        (0.5, 0.5, "silent"),
        (0.4, 0.6, "silent"),
        (0.51, 1.0, "contradicts"),
        (float("nan"), float("nan"), "silent"),
    ],
)
def test_a_case_answers_only_if_its_whole_range_lies_on_one_side(low, high, expected):
    pattern = next(pattern for pattern in cases.PATTERNS if pattern.indicator == "C2.1")
    assert cases.answer(low, high, pattern) == expected


def test_a_low_share_of_full_time_teachers_says_nothing():
    pattern = next(pattern for pattern in cases.PATTERNS if pattern.indicator == "C4.1")
    assert cases.answer(0.1, 0.1, pattern) == "silent"
    assert cases.answer(0.6, 1.0, pattern) == "contradicts"


def told_of(*marked, signed="yes", form="framework_agreement"):
    """Events of case 1, one for each pair of marks in pass A and B, with one partner and without date."""
    rows = []
    for number, passes in enumerate(marked):
        pairs = [(name, one, had) for one, had in zip("ab", passes, strict=True) for name in events.MARKS]
        marks = {f"{name}_{one}": int(name in had) for name, one, had in pairs}
        rows.append({"event": f"E{number}", "rows": (f"E{number}",), "event_date": None, **marks})
    frame = pd.DataFrame(rows).assign(case=1, name="A", signed=signed, form=form, size_class=0, dated=False)
    return frame.astype({"event_date": "str"})


def no_launches():
    columns = ["level", "theme", "date_issued", "policy_id", "title_zh", "title_en"]
    return cases.launch_dates(pd.DataFrame(columns=columns, dtype="str"))


def matched(told, shares=None):
    cooperation = pd.DataFrame({"event_id": told["event"], "partner_type": "mixed"})
    flags = cases.flag(told, cooperation, no_launches())
    chosen = pd.DataFrame({"case": [1], "name": ["A"], "institution_id": ["C1"]})
    columns = ["institution_id", "denominator", "low", "high", "fact_keys"]
    found = cases.matches(told, flags, pd.DataFrame(shares or [], columns=columns), chosen)
    return cases.by_claim(found).set_index("claim")


DEEP = (events.MARKS[:3], events.MARKS[:3])
THIN = (("c_funds",), ("c_term",))
DOUBTFUL = (events.MARKS[:3], ())


@pytest.mark.parametrize(
    ("agreements", "expected", "basis"),
    [
        ([THIN, THIN], "supports", "0 of 2"),
        ([DEEP, DEEP, THIN], "contradicts", "2 of 3"),
        ([DEEP, THIN], "silent", "1 of 2"),
        ([DOUBTFUL], "silent", "0–1 of 1"),
        ([DOUBTFUL, THIN, THIN], "supports", "0–1 of 3"),
        ([DOUBTFUL, DEEP, DEEP], "contradicts", "2–3 of 3"),
    ],
)
def test_most_signed_agreements_must_be_thin_or_deep_whichever_pass_is_believed(agreements, expected, basis):
    found = matched(told_of(*agreements)).loc["C2"]
    assert (found["answer"], found["cell"]) == (expected, basis)


def test_a_case_without_signed_agreement_is_silent_on_c2():
    found = matched(told_of(DEEP, signed="not_visible")).loc["C2"]
    assert (found["answer"], found["cell"], found["rows"]) == ("silent", "none signed", {"cooperation": []})


def test_consortia_say_nothing_about_curriculum_work():
    assert matched(told_of(((), ()), form="consortium")).loc["C3", "answer"] == "silent"
    assert matched(told_of(((), ()))).loc["C3", "answer"] == "supports"
    curriculum = (("c_curriculum",), ("c_curriculum",))
    assert matched(told_of(curriculum)).loc["C3", "answer"] == "contradicts"


@pytest.mark.parametrize(("size", "expected"), [(0, "silent"), (None, "silent"), (1, "supports"), (2, "supports")])
def test_only_events_of_several_partners_speak_of_c5(size, expected):
    told = told_of(((), ())).assign(size_class=pd.array([size], dtype="Int64"))
    assert matched(told).loc["C5", "answer"] == expected


def test_a_joint_body_of_several_partners_contradicts_c5():
    body = (("c_governance",), ("c_governance",))
    told = told_of(body).assign(size_class=pd.array([1], dtype="Int64"))
    assert matched(told).loc["C5", "answer"] == "contradicts"


@pytest.mark.parametrize(
    ("denominator", "low", "high", "expected", "cell"),
    [
        ("full_time_teachers", 0.55, 0.55, "contradicts", "55%"),
        ("full_time_teachers", 0.45, 0.45, "silent", "45%"),
        ("full_time_teachers", 0.5, 1.0, "silent", "over 50%"),
        ("vocational_subject_teachers", 0.3, 0.4, "supports", "30% to 40%"),
        ("vocational_subject_teachers", 0.6, 0.6, "contradicts", "60%"),
        ("unstated", 0.9, 0.9, "silent", "no such share"),
        ("all_teachers", 0.9, 0.9, "silent", "no such share"),
    ],
)
def test_a_share_of_teachers_speaks_of_c4_only_on_its_own_base(denominator, low, high, expected, cell):
    found = matched(told_of(((), ())), [("C1", denominator, low, high, [["C1", "dual_qualified_share_pct", "1"]])])
    assert (found.loc["C4", "answer"], found.loc["C4", "cell"]) == (expected, cell)


def test_two_patterns_that_answer_differently_cancel():
    shares = [("C1", "full_time_teachers", 0.6, 0.6, [["a"]]), ("C1", "vocational_subject_teachers", 0.4, 0.4, [["b"]])]
    found = matched(told_of(((), ())), shares).loc["C4"]
    assert (found["answer"], found["rows"]) == ("silent", {"institution_facts": [["a"], ["b"]]})


def test_a_mixed_set_of_partners_may_hold_a_government():
    told = told_of(((), ()))
    flags = cases.flag(told, pd.DataFrame({"event_id": ["E0"], "partner_type": ["mixed"]}), no_launches())
    assert list(flags[["government_low", "government_high"]].iloc[0]) == [False, True]


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_a_count_is_a_range_only_if_the_readings_differ(low, more, rest):
    words = cases.count_of(low, low + more, low + more + rest)
    assert ("–" in words) == (more > 0)


# The real data


def test_every_province_runs_to_the_end_without_a_warning(data, frame):
    codes = sorted(set(data["provinces"]["province_code"]) - {"XX"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for province in codes:
            chosen, told, flags, found, profiles = study(data, frame, province)
            counts = cases.answer_counts(found)
            assert counts.sum(axis="columns").eq(len(chosen)).all()
            numbers = cases.numbers(chosen, told, flags, found, profiles)
            assert len(numbers) == cases.TOLD_CASES * len(cases.CASE_NUMBERS)
            assert (numbers["value"].isna() == numbers["reason"].notna()).all()
            cases.side_by_side(cases.matrix(told, flags, profiles))


def test_the_first_province_has_cases_with_the_rows_the_rule_asks_for(data, frame):
    chosen, told, *_ = study(data, frame, "50")
    assert 1 < len(chosen) <= cases.MAX_CASES
    rows = data["cooperation"][data["cooperation"]["institution_id"].isin(chosen["institution_id"])]
    counts = rows.groupby("institution_id").agg(groups=("event_group", "nunique"), pages=("source_id", "nunique"))
    counts = counts.loc[chosen["institution_id"]]
    assert list(counts["groups"]) == list(chosen["events"])
    assert (counts["pages"] >= cases.MIN_PAGES).all()
    assert list(told.groupby("case").size()) == list(chosen["events"])


def test_the_most_is_never_less_than_the_least(data, frame):
    for province in ("33", "44", "50", "51"):
        _, told, flags, _, profiles = study(data, frame, province)
        matrix = cases.matrix(told, flags, profiles)
        assert (matrix["low"] <= matrix["high"]).all()
        counted = matrix[matrix["measure"].isin([measure.words for measure in cases.MEASURES])]
        assert (counted["high"] <= counted["n"]).all()


def test_the_order_of_rows_changes_no_answer(data):
    shuffled = {name: table.sample(frac=1, random_state=7, ignore_index=True) for name, table in data.items()}
    found, again = (
        cases.answers(
            tables, cases.material(tables, both_units(tables), "50"), cases.launch_dates(tables["policies"]), "50"
        )
        for tables in (data, shuffled)
    )
    assert_frame_equal(found, again)


def test_the_printed_answers_are_the_first_line_of_the_variants(data, frame, moved):
    *_, found, _ = study(data, frame, "50")
    counts = cases.answer_counts(found)
    for claim in cases.CLAIMS:
        assert moved.loc[0, claim] == " / ".join(map(str, counts.loc[claim]))
    assert moved["choice"].is_unique


def test_choices_that_leave_rows_out_leave_fewer_cases(moved):
    number = moved.set_index("choice")["cases"]
    assert number["official pages only"] <= number["as printed"]
    assert number["four events needed"] <= number["two events suffice"]


# Figures


def test_figures_are_drawn_with_and_without_cases(data, frame):
    for province in ("44", "50", "65"):
        _, told, _, found, _ = study(data, frame, province)
        for figure in (cases.draw_timeline(cases.timeline(told)), cases.draw_matches(found)):
            assert isinstance(figure, Figure)
            figure.canvas.draw()


def test_answers_differ_by_symbol_not_only_by_colour(data, frame):
    *_, found, _ = study(data, frame, "50")
    axis = cases.draw_matches(found).axes[0]
    drawn = [line.get_marker() for line in axis.lines]
    expected = [cases._SYMBOLS[answer][0] for answer in found["answer"]]
    assert drawn == expected
    assert len({marker for marker, *_ in cases._SYMBOLS.values()}) == len(cases.ANSWERS)


def test_the_timeline_shows_each_event_once_with_its_depth(data, frame):
    _, told, *_ = study(data, frame, "50")
    figure = cases.draw_timeline(cases.timeline(told))
    assert sum(len(axis.lines) for axis in figure.axes) == len(told) + 2 * told["case"].nunique()
    years = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert figure.axes[0].get_xlim()[1] > figure.axes[0].get_xlim()[0] and years


def test_a_timeline_of_undated_events_has_no_time_axis():
    line = cases.timeline(told_of(THIN, DEEP))
    figure = cases.draw_timeline(line)
    figure.canvas.draw()
    assert list(figure.axes[0].get_xticks()) == []


@pytest.mark.parametrize(("depth", "words"), [(0, "0"), (0.5, "½"), (1, "1"), (1.5, "1½"), (9, "9")])
def test_half_marks_are_written_as_fractions(depth, words):
    assert cases._halves(depth) == words
