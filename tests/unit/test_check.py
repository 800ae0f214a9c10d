"""One broken thing at a time in a copy of the real tables: exactly one problem, told at its place."""

import csv
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chanjiao import check as checking
from chanjiao.check import Problem, Rest, check, examine, report

HERE = Path(__file__).parents[2]
sys.path.append(str(HERE / "benchmarks"))

import validation  # noqa: E402

COOPERATION = "data/raw/cooperation.csv"
PACKAGE = "data/raw/datapackage.json"

# The properties check many times over: three real tables that refer to each other are enough for them.
FEW = {"provinces", "sources", "reference_shares"}
OFFICIAL = {"yes", "no", "college_site"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(HERE / "data/raw", tmp_path / "data/raw")
    shutil.copy(HERE / "params.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def few_tables(project: Path) -> Path:
    edit_package(project, keep_few)
    return project


def keep_few(package: dict[str, Any]) -> None:
    package["resources"] = [resource for resource in package["resources"] if resource["name"] in FEW]
    package["coding_passes"] = []


def edit_package(root: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    package = json.loads((root / PACKAGE).read_text(encoding="utf-8"))
    edit(package)
    (root / PACKAGE).write_text(json.dumps(package), encoding="utf-8")


def field(package: dict[str, Any], table: str, column: str) -> dict[str, Any]:
    schema = next(r["schema"] for r in package["resources"] if r["name"] == table)
    return next(f for f in schema["fields"] if f["name"] == column)


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def set_cell(root: Path, file: str, row: int, column: str, value: str) -> None:
    """Write `value` into the cell; `row` counts records, the header being 1."""
    rows = read(root / file)
    rows[row - 1][rows[0].index(column)] = value
    write(root / file, rows)


def edit_bytes(root: Path, file: str, edit: Callable[[bytes], bytes]) -> None:
    (root / file).write_bytes(edit((root / file).read_bytes()))


def row_where(root: Path, file: str, **cells: str) -> int:
    rows = read(root / file)
    wanted = {rows[0].index(column): value for column, value in cells.items()}
    return next(n for n, row in enumerate(rows, 1) if all(row[i] == value for i, value in wanted.items()))


def only_problem(root: Path) -> str:
    problems = check(root)
    assert len(problems) == 1, report(problems)
    return str(problems[0])


def test_the_real_data_have_no_problem() -> None:
    assert check(HERE) == []


# --- Files, columns, shape


def test_missing_file_is_one_problem_and_its_references_are_left_alone(project: Path) -> None:
    (project / "data/raw/sources.csv").unlink()
    line = only_problem(project)
    assert line.startswith("data/raw/sources.csv:1: found no such file; expected ")


def test_renamed_file_is_recognised(project: Path) -> None:
    (project / COOPERATION).rename(project / "data/raw/coopration.csv")
    assert "do rename data/raw/coopration.csv if that is it" in only_problem(project)


def test_gb18030_is_named_and_the_rest_is_still_checked(project: Path) -> None:
    set_cell(project, COOPERATION, 5, "body", "half")
    edit_bytes(project, COOPERATION, lambda data: data.decode("utf-8").encode("gb18030"))
    first, second = map(str, check(project))
    assert first.startswith(f"{COOPERATION}:1: found a file in GB18030 (GBK); expected UTF-8 ")
    assert second.startswith(f"{COOPERATION}:5 body: found the unknown code 'half'; ")


def test_utf16_is_named(project: Path) -> None:
    edit_bytes(project, COOPERATION, lambda data: data.decode("utf-8").encode("utf-16"))
    assert only_problem(project).startswith(f"{COOPERATION}:1: found a file in UTF-16; ")


def test_utf16_without_mark_is_named(project: Path) -> None:
    edit_bytes(project, COOPERATION, lambda data: data.decode("utf-8").encode("utf-16-le"))
    assert only_problem(project).startswith(f"{COOPERATION}:1: found a file in UTF-16; ")


def test_byte_order_mark_is_told_with_how_to_save(project: Path) -> None:
    edit_bytes(project, COOPERATION, lambda data: b"\xef\xbb\xbf" + data)
    line = only_problem(project)
    assert line.startswith(f"{COOPERATION}:1: found a byte order mark before the header; ")
    assert "do save the file as UTF-8" in line


def test_a_stray_byte_is_told_in_its_line_and_not_taken_for_gb18030(project: Path) -> None:
    lines = (project / COOPERATION).read_bytes().split(b"\n")
    lines[9] += b"\xe9"
    (project / COOPERATION).write_bytes(b"\n".join(lines))
    assert only_problem(project).startswith(f"{COOPERATION}:10: found bytes that are not UTF-8; ")


def test_empty_file_is_told(project: Path) -> None:
    edit_bytes(project, COOPERATION, lambda data: b"")
    assert f"{COOPERATION}:1: found an empty file; " in report(check(project))


def test_missing_column_is_told_and_the_other_columns_are_checked(project: Path) -> None:
    set_cell(project, COOPERATION, 5, "body", "half")
    rows = read(project / COOPERATION)
    at = rows[0].index("note")
    write(project / COOPERATION, [row[:at] + row[at + 1 :] for row in rows])
    first, second = map(str, check(project))
    assert first.startswith(f"{COOPERATION}:1 note: ") and "do add the column note" in first
    assert second.startswith(f"{COOPERATION}:5 body: ")


def test_misspelt_column_is_one_problem_with_the_right_name(project: Path) -> None:
    set_cell(project, COOPERATION, 1, "event_date", "evnt_date")
    line = only_problem(project)
    assert line == (
        f"{COOPERATION}:1 evnt_date: found the unknown column 'evnt_date'; expected event_date; "
        "do rename the column to event_date"
    )


def test_extra_column_is_told(project: Path) -> None:
    rows = read(project / COOPERATION)
    write(project / COOPERATION, [[*rows[0], "colour"], *([*row, "red"] for row in rows[1:])])
    assert only_problem(project).startswith(f"{COOPERATION}:1 colour: found the unknown column 'colour'; ")


def test_repeated_column_is_told(project: Path) -> None:
    write(project / COOPERATION, [[*row, row[-1]] for row in read(project / COOPERATION)])
    assert "found the column 'note' a second time" in only_problem(project)


def test_semicolons_between_columns_are_one_problem(project: Path) -> None:
    with (project / COOPERATION).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows(read(HERE / COOPERATION))
    problems = [p for p in check(project) if p.row == 1]
    assert [p.found for p in problems] == ["columns not parted by commas"]


@pytest.mark.parametrize(("extra", "found"), [(["x"], "15 fields"), ([], "13 fields")])
def test_wrong_number_of_fields_is_told_in_its_row(project: Path, extra: list[str], found: str) -> None:
    rows = read(project / COOPERATION)
    rows[6] = [*rows[6], *extra] if extra else rows[6][:-1]
    write(project / COOPERATION, rows)
    assert only_problem(project).startswith(f"{COOPERATION}:7: found {found}; expected 14, one for each column; ")


def test_blank_line_is_told_in_its_row(project: Path) -> None:
    lines = (project / COOPERATION).read_bytes().split(b"\n")
    (project / COOPERATION).write_bytes(b"\n".join([*lines[:3], b"", *lines[3:]]))
    assert only_problem(project).startswith(f"{COOPERATION}:4: found a blank line; ")


def test_unclosed_quotation_mark_is_told_where_the_record_begins(project: Path) -> None:
    lines = (project / COOPERATION).read_bytes().split(b"\n")
    lines[-2] = b'"' + lines[-2]
    (project / COOPERATION).write_bytes(b"\n".join(lines))
    assert only_problem(project).startswith(f"{COOPERATION}:{len(lines) - 1}: found a record that cannot be read")


# --- Keys


def test_duplicate_key_names_the_row_where_it_stood_first(project: Path) -> None:
    rows = read(project / COOPERATION)
    write(project / COOPERATION, [*rows, rows[2]])
    assert only_problem(project) == (
        f"{COOPERATION}:{len(rows) + 1} event_id: found duplicate key {rows[2][0]} (first in row 3); "
        "expected a value that occurs once; do give the row a new event_id or delete the row"
    )


def test_duplicate_composite_key_is_told(project: Path) -> None:
    file = "data/raw/literature_regions.csv"
    rows = read(project / file)
    write(project / file, [*rows, rows[1]])
    assert only_problem(project).startswith(
        f"{file}:{len(rows) + 1} work_id+region_code: found duplicate key {' + '.join(rows[1])} (first in row 2); "
    )


def test_repeated_value_of_a_unique_column_is_told(project: Path) -> None:
    name = read(project / "data/raw/provinces.csv")[1][2]
    set_cell(project, "data/raw/provinces.csv", 9, "name_en", name)
    line = only_problem(project)
    assert line.startswith(f"data/raw/provinces.csv:9 name_en: found duplicate key {name} (first in row 2); ")


def test_unknown_foreign_key_is_told_once_with_the_nearest(project: Path) -> None:
    rows = read(project / COOPERATION)
    source = rows[3][rows[0].index("source_id")]
    set_cell(project, COOPERATION, 4, "source_id", source + "X")
    line = only_problem(project)
    assert line.startswith(f"{COOPERATION}:4 source_id: found the unknown key {source}X; ")
    assert f"expected a value of source_id in data/raw/sources.csv; do write {source} if that is meant" in line


def test_empty_part_of_a_key_is_told(project: Path) -> None:
    set_cell(project, "data/raw/reference_shares.csv", 2, "year", "")
    assert only_problem(project).startswith("data/raw/reference_shares.csv:2 year: found an empty cell; ")


# --- Types, codes, empty cells


@pytest.mark.parametrize(
    ("value", "found", "advice"),
    [
        ("1,234", "'1,234', with thousands separators", "write 1234"),
        ("１２", "'１２', with full-width digits or blanks", "write 12"),
        ("45%", "'45%', with a percent sign", "write 45; the unit has its own place"),
        ("2024/3/5", "'2024/3/5', a date as a spreadsheet writes it", "format the column as text"),
        ("n/a", "'n/a', a word for a missing value", "leave the cell empty"),
        ("不详", "'不详', a word for a missing value", "leave the cell empty"),
        ("about ten", "'about ten'", "write a number alone, without words or units"),
        ("inf", "'inf'", "write a number alone"),
        ("two\nlines", "'two\\nlines'", "write a number alone"),
    ],
)
def test_wrong_number_is_described_by_its_look(project: Path, value: str, found: str, advice: str) -> None:
    set_cell(project, COOPERATION, 3, "money_million_yuan", value)
    line = only_problem(project)
    assert line.startswith(f"{COOPERATION}:3 money_million_yuan: found {found}; expected a number; do {advice}")
    assert "\n" not in line


def test_decimal_in_a_column_of_whole_numbers_is_told(project: Path) -> None:
    set_cell(project, COOPERATION, 3, "students_n", "12.5")
    assert only_problem(project).startswith(f"{COOPERATION}:3 students_n: found '12.5'; expected a whole number; ")


def test_year_of_two_digits_is_told(project: Path) -> None:
    set_cell(project, "data/raw/literature.csv", 3, "year", "21")
    assert "year: found '21'; expected a year of four digits; " in only_problem(project)


def test_unknown_code_comes_with_the_nearest(project: Path) -> None:
    set_cell(project, COOPERATION, 8, "partner_type", "goverment")
    line = only_problem(project)
    assert line.startswith(f"{COOPERATION}:8 partner_type: found the unknown code 'goverment'; expected one of soe, ")
    assert line.endswith("; do write government if that is meant")


def test_value_against_the_pattern_is_told(project: Path) -> None:
    set_cell(project, "data/raw/literature.csv", 3, "doi", "doi 10.1000/1")
    assert only_problem(project).startswith("data/raw/literature.csv:3 doi: found 'doi 10.1000/1'; expected text of ")


def test_empty_required_cell_is_told(project: Path) -> None:
    set_cell(project, COOPERATION, 8, "body", "")
    assert only_problem(project).startswith(f"{COOPERATION}:8 body: found an empty cell; expected a value; ")


def test_row_without_source_is_told(project: Path) -> None:
    set_cell(project, COOPERATION, 8, "source_id", "")
    line = only_problem(project)
    assert line.startswith(f"{COOPERATION}:8 source_id: found an empty cell; expected the source of the row; ")


@pytest.mark.parametrize("url", ["ftp://example.org/a", "www.example.org", "https://example.org/a b"])
def test_address_that_is_not_of_the_web_is_told(project: Path, url: str) -> None:
    set_cell(project, "data/raw/sources.csv", 12, "url", url)
    assert only_problem(project).startswith(f"data/raw/sources.csv:12 url: found '{url}'; ")


# --- Ranges and dates


@pytest.mark.parametrize(("value", "side"), [("-1", "at least 0"), ("100001", "at most 100000")])
def test_number_out_of_range_is_told(project: Path, value: str, side: str) -> None:
    set_cell(project, COOPERATION, 3, "money_million_yuan", value)
    line = only_problem(project)
    assert line.startswith(f"{COOPERATION}:3 money_million_yuan: found {value}; expected ") and side in line


def test_percentage_above_a_hundred_breaks_the_rule_of_its_unit(project: Path) -> None:
    file = "data/raw/institution_facts.csv"
    row = row_where(project, file, unit="percent")
    set_cell(project, file, row, "value", "140")
    assert only_problem(project) == (
        f"{file}:{row} value: found 140; expected at least 0 and at most 100 when unit is percent; "
        "do look the value up again"
    )


@pytest.mark.parametrize("date", ["2026-11-25", "2026-12", "2027"])
def test_date_after_the_day_of_collection_is_told(project: Path, date: str) -> None:
    set_cell(project, COOPERATION, 3, "event_date", date)
    assert only_problem(project).startswith(
        f"{COOPERATION}:3 event_date: found the later date {date}; expected 2026-11-24 or before"
    )


@pytest.mark.parametrize("date", ["2026-11-24", "2026-11", "2026"])
def test_date_of_the_time_of_collection_is_accepted(project: Path, date: str) -> None:
    set_cell(project, COOPERATION, 3, "event_date", date)
    assert check(project) == []


def test_date_that_may_be_future_is_accepted(project: Path) -> None:
    set_cell(project, "data/raw/provision_documents.csv", 3, "date_in_force", "2027-01-01")
    assert check(project) == []


@pytest.mark.parametrize("date", ["2023-02-30", "2023-13", "2023-00-01"])
def test_impossible_date_is_told(project: Path, date: str) -> None:
    set_cell(project, COOPERATION, 3, "event_date", date)
    line = only_problem(project)
    assert line.startswith(f"{COOPERATION}:3 event_date: found the impossible date {date}; ")


@pytest.mark.parametrize(
    ("date", "advice"),
    [("2024/3/5", "write 2024-03-05"), ("2024年3月5日", "write 2024-03-05"), ("2024-3", "write 2024-03")],
)
def test_date_in_another_form_comes_with_the_right_form(project: Path, date: str, advice: str) -> None:
    set_cell(project, COOPERATION, 3, "event_date", date)
    line = only_problem(project)
    assert line.startswith(f"{COOPERATION}:3 event_date: found '{date}', a date in another form; ")
    assert line.endswith(f"; do {advice}")


def test_spreadsheet_number_for_a_day_is_told(project: Path) -> None:
    set_cell(project, COOPERATION, 3, "event_date", "45356")
    assert "found '45356', a spreadsheet's number for a day; " in only_problem(project)


def test_date_in_words_is_told(project: Path) -> None:
    set_cell(project, COOPERATION, 3, "event_date", "spring 2024")
    assert "event_date: found 'spring 2024'; expected a date as YYYY, YYYY-MM or YYYY-MM-DD; " in only_problem(project)


# --- Coding passes


def drop_codes(root: Path, one_pass: str, unit: str) -> None:
    file = root / f"data/raw/coding/{one_pass}.csv"
    write(file, [row for row in read(file) if row[0] != unit])


@pytest.mark.parametrize(
    ("table", "unit"), [("cooperation", "CQE-003"), ("literature", "L001"), ("provisions", "BJ-MEAS-A002")]
)
def test_a_unit_coded_in_no_pass_is_told_and_one_coded_once_is_not(project: Path, table: str, unit: str) -> None:
    drop_codes(project, f"{table}_b", unit)
    assert check(project) == []
    drop_codes(project, f"{table}_a", unit)
    key = read(project / f"data/raw/{table}.csv")[0][0]
    row = row_where(project, f"data/raw/{table}.csv", **{key: unit})
    assert only_problem(project) == (
        f"data/raw/{table}.csv:{row} {key}: found '{unit}', coded in no pass; expected its codes in "
        f"data/raw/coding/{table}_a.csv or data/raw/coding/{table}_b.csv; do code it in one pass at least, or take the "
        "row out"
    )


def test_a_work_whose_excerpt_is_cut_needs_no_codes(project: Path) -> None:
    row = row_where(project, "data/raw/literature.csv", excerpt_complete="no")
    unit = read(project / "data/raw/literature.csv")[row - 1][0]
    for one_pass in "ab":
        drop_codes(project, f"literature_{one_pass}", unit)
    assert check(project) == []


def test_a_pass_file_that_is_missing_is_told_once(project: Path) -> None:
    (project / "data/raw/coding/cooperation_a.csv").unlink()
    drop_codes(project, "cooperation_b", "CQE-003")
    assert only_problem(project).startswith("data/raw/coding/cooperation_a.csv:1: found no such file; ")


# --- The whole


def test_row_is_the_line_an_editor_shows_when_a_record_spans_lines(project: Path) -> None:
    set_cell(project, COOPERATION, 3, "note", "two\nlines")
    set_cell(project, COOPERATION, 4, "body", "half")
    assert only_problem(project).startswith(f"{COOPERATION}:5 body: ")


def test_all_problems_come_at_once_the_most_important_first(project: Path) -> None:
    set_cell(project, COOPERATION, 3, "event_date", "2099")
    set_cell(project, COOPERATION, 9, "body", "half")
    set_cell(project, COOPERATION, 7, "body", "half")
    set_cell(project, COOPERATION, 12, "source_id", "nowhere")
    set_cell(project, "data/raw/policies.csv", 20, "level", "village")
    (project / "data/raw/search_log.csv").unlink()
    (project / "params.yaml").write_text(
        'provinces: ["50"]\nseed: x\nconfidence: 0.95\nlanguage: en\nexecution: warm\n', encoding="utf-8"
    )
    assert [(problem.file, problem.row, problem.column) for problem in check(project)] == [
        ("data/raw/search_log.csv", 1, ""),
        (COOPERATION, 12, "source_id"),
        ("data/raw/policies.csv", 20, "level"),
        (COOPERATION, 7, "body"),
        (COOPERATION, 9, "body"),
        ("params.yaml", 2, "seed"),
        (COOPERATION, 3, "event_date"),
    ]


def test_report_ends_with_the_count(project: Path) -> None:
    set_cell(project, COOPERATION, 3, "body", "half")
    set_cell(project, COOPERATION, 4, "body", "half")
    set_cell(project, "data/raw/policies.csv", 2, "level", "village")
    assert report(check(project)).splitlines()[-1] == "3 problems in 2 files"
    assert report(check(project)[:1]).splitlines()[-1] == "1 problem in 1 file"


def test_new_constraint_in_the_declaration_needs_no_code(project: Path) -> None:
    edit_package(project, lambda package: field(package, "cooperation", "note").update(constraints={"maxLength": 0}))
    noted = [row for row in read(project / COOPERATION)[1:] if row[-1]]
    problems = check(project)
    assert len(problems) == len(noted) > 0
    assert {problem.column for problem in problems} == {"note"}


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda p: field(p, "cooperation", "note").update(constraints={"requird": True}), "constraint 'requird'"),
        (lambda p: field(p, "cooperation", "note").update(type="strnig"), "type 'strnig'"),
        (lambda p: p.update(collected="last week"), "no day"),
        (lambda p: p["without_source"].pop("search_log"), "no required source_id"),
        (lambda p: field(p, "cooperation", "source_id")["constraints"].pop("required"), "no required source_id"),
        (
            lambda p: p["resources"][2]["schema"]["foreignKeys"][0]["reference"].update(resource="provnces"),
            "table 'provnces'",
        ),
        (lambda p: p["coding_passes"][0].update(passes=[]), "no passes"),
        (lambda p: p["coding_passes"][0].update(table="provison"), "table 'provison'"),
        (lambda p: p["coding_passes"][0].update(passes=["provisions_a", "provisions_c"]), "table 'provisions_c'"),
        (lambda p: p["coding_passes"][1].pop("key"), "no key"),
        (lambda p: p["coding_passes"][2]["when"].update(excerpt="yes"), "column of literature 'excerpt'"),
    ],
)
def test_slip_in_the_declaration_is_told(project: Path, edit: Callable[[dict[str, Any]], Any], found: str) -> None:
    edit_package(project, edit)
    line = only_problem(project)
    assert line.startswith(f"{PACKAGE}:1 ") and found in line


def test_declaration_that_is_not_json_is_told(project: Path) -> None:
    (project / PACKAGE).write_text("{", encoding="utf-8")
    assert only_problem(project).startswith(f"{PACKAGE}:1: found ")


quick = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(data=st.data())
def test_rows_in_another_order_bring_no_problem(few_tables: Path, data: st.DataObject) -> None:
    for name in sorted(FEW):
        header, *rows = read(HERE / f"data/raw/{name}.csv")
        order = data.draw(st.permutations(range(len(rows))))
        write(few_tables / f"data/raw/{name}.csv", [header, *(rows[i] for i in order)])
    assert check(few_tables) == []


@quick
@given(data=st.data())
def test_wrong_code_is_told_in_its_row_wherever_it_stands(few_tables: Path, data: st.DataObject) -> None:
    file = "data/raw/sources.csv"
    shutil.copy(HERE / file, few_tables / file)
    row = data.draw(st.integers(2, len(read(HERE / file))))
    words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)
    code = data.draw(words.filter(lambda word: word not in OFFICIAL))
    set_cell(few_tables, file, row, "official", code)
    problems = check(few_tables)
    assert [(problem.file, problem.row, problem.column) for problem in problems] == [(file, row, "official")]


# --- Large tables: read in pieces, and told in part


@quick
@given(data=st.data())
def test_pieces_bring_the_problems_of_the_whole_table(few_tables: Path, data: st.DataObject) -> None:
    for name in sorted(FEW):
        header, *rows = read(HERE / f"data/raw/{name}.csv")
        cells = st.tuples(st.sampled_from(range(len(rows))), st.sampled_from(range(len(header))))
        for row, column in data.draw(st.lists(cells, max_size=6)):
            rows[row][column] = data.draw(st.sampled_from(["", "half", "140", rows[0][column], "two\nlines"]))
        rows += data.draw(st.lists(st.sampled_from(rows), max_size=3))
        write(few_tables / f"data/raw/{name}.csv", [header, *rows])
    whole = check(few_tables)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "CHUNK", data.draw(st.integers(30, 400)))
        assert check(few_tables) == whole


def test_keys_are_known_and_repeated_across_pieces(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CHUNK", 50)
    rows = read(project / COOPERATION)
    group = rows[0].index("event_group")
    rows[4][group] = rows[-1][0]  # an event of the last piece
    rows[60][group] = "ZZZ-999"
    write(project / COOPERATION, [*rows, rows[2]])
    unknown, repeated = map(str, check(project))
    assert unknown.startswith(f"{COOPERATION}:61 event_group: found the unknown key ZZZ-999; ")
    assert repeated.startswith(f"{COOPERATION}:{len(rows) + 1} event_id: found duplicate key {rows[2][0]} ")
    assert "(first in row 3)" in repeated


def test_rows_of_every_table_are_counted() -> None:
    tables = {r["name"]: r["path"] for r in json.loads((HERE / PACKAGE).read_text(encoding="utf-8"))["resources"]}
    assert examine(HERE).rows == {name: len(read(HERE / f"data/raw/{path}")) - 1 for name, path in tables.items()}


def spoil_column(root: Path, file: str, column: str, value: str) -> int:
    """Write `value` into every row and return how many there are."""
    header, *rows = read(root / file)
    for row in rows:
        row[header.index(column)] = value
    write(root / file, [header, *rows])
    return len(rows)


@pytest.mark.parametrize("piece", [60, 1000])
@pytest.mark.parametrize(("column", "value"), [("body", "half"), ("note", ""), ("institution_id", "CQ-999")])
def test_many_rows_with_one_kind_of_problem_are_told_in_part_and_all_counted(
    project: Path, monkeypatch: pytest.MonkeyPatch, piece: int, column: str, value: str
) -> None:
    monkeypatch.setattr(checking, "CHUNK", piece)
    monkeypatch.setattr(checking, "TOLD", 100)
    edit_package(project, lambda package: field(package, "cooperation", "note").update(constraints={"required": True}))
    spoil_column(project, COOPERATION, "note", "noted")
    number = spoil_column(project, COOPERATION, column, value)
    problems = check(project)
    assert [problem.row for problem in problems] == list(range(2, 103))
    assert [type(problem) for problem in problems] == [Problem] * 100 + [Rest]
    assert str(problems[-1]) == (
        f"{COOPERATION}:102 {column}: found {number - 100} more problems of this kind, here and in later rows; "
        "expected none; do mend the 100 told before, and check again"
    )
    assert report(problems).splitlines()[-1] == f"{number} problems in 1 file"


def test_a_cell_that_is_not_told_again_is_not_counted_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "TOLD", 3)
    number = spoil_column(project, COOPERATION, "source_id", "unknown and of no proper form")
    assert report(check(project)).splitlines()[-1] == f"{number} problems in 1 file"


def test_many_records_of_a_wrong_length_are_told_in_part(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "TOLD", 3)
    header, *rows = read(project / COOPERATION)
    write(project / COOPERATION, [header, *(row[:-1] for row in rows)])
    lines = report(check(project)).splitlines()
    assert len(lines) == 5 and lines[-1] == f"{len(rows)} problems in 1 file"
    assert lines[3].startswith(f"{COOPERATION}:5: found {len(rows) - 3} more problems of this kind")


@pytest.mark.parametrize("column", ["body", "source_id"])
def test_words_are_sought_only_for_problems_that_are_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    monkeypatch.setattr(checking, "CHUNK", 60)
    monkeypatch.setattr(checking, "TOLD", 3)
    sought: list[str] = []
    monkeypatch.setattr(checking, "near_miss", lambda word, known: sought.append(word) or "")
    header, *rows = read(project / COOPERATION)
    for number, row in enumerate(rows):
        row[header.index(column)] = f"wrong {number}"
    write(project / COOPERATION, [header, *rows])
    check(project)
    assert sought == ["wrong 0", "wrong 1", "wrong 2"]


def test_the_tables_of_the_load_test_have_as_many_rows_as_asked_and_no_problem(tmp_path: Path) -> None:
    validation.make_project(tmp_path, 1001)
    checked = examine(tmp_path)
    assert checked.problems == []
    assert [checked.rows[f"cooperation{one}"] for one in ("", "_a", "_b")] == [1001] * 3


def test_the_load_test_measures_a_check_that_passes() -> None:
    measured = validation.measure(200)
    assert measured.rows_per_second == 200 / measured.seconds
    assert 10 < measured.peak < 2**10
