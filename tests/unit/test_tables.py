"""Raw tables come typed, complete and in one order, or not at all."""

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chanjiao.tables import (
    UnknownTableError,
    UnreadableTableError,
    load,
    names_of,
    package,
    primary_key,
    resource,
    schema,
)

HERE = Path(__file__).parents[2]
NAMES = [description["name"] for description in package(HERE)["resources"]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(HERE / "data/raw", tmp_path / "data/raw")
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_every_raw_table_loads_with_all_rows_sorted_by_its_key(name: str) -> None:
    frame = load(name, root=HERE)[name]
    with (HERE / "data/raw" / resource(name, HERE)["path"]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert list(frame.columns) == [field["name"] for field in schema(name, HERE)["fields"]]
    assert len(frame) == len(rows) - 1
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    keys = frame[primary_key(name, HERE)].apply(tuple, axis=1).tolist()
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_cell_is_missing_and_nothing_else_is(name: str) -> None:
    frame = load(name, root=HERE)[name]
    with (HERE / "data/raw" / resource(name, HERE)["path"]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for column in frame:
        assert frame[column].isna().sum() == sum(row[str(column)] == "" for row in rows)


def test_columns_have_the_declared_types() -> None:
    tables = load("cooperation", "literature", root=HERE)
    assert str(tables["cooperation"]["body"].dtype) == "str"
    assert str(tables["cooperation"]["students_n"].dtype) == "Int64"
    assert str(tables["cooperation"]["money_million_yuan"].dtype) == "float64"
    assert str(tables["literature"]["year"].dtype) == "Int64"


@pytest.mark.parametrize("name", ["institution_facts", "province_statistics", "policy_targets"])
def test_numbers_are_read_to_the_last_bit(name: str) -> None:
    frame = load(name, root=HERE)[name]
    with (HERE / f"data/raw/{name}.csv").open(encoding="utf-8", newline="") as file:
        written = sorted(float(row["value"]) for row in csv.DictReader(file) if row["value"])
    assert sorted(frame["value"].dropna()) == written


def test_codes_keep_their_leading_zeros() -> None:
    assert "00" in set(load("provinces", root=HERE)["provinces"]["province_code"])


def test_text_that_looks_missing_stays_text(project: Path) -> None:
    path = project / "data/raw/search_log.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("\n1,", "\n999,NA,0,0,0,\n1,", 1), encoding="utf-8")
    log = load("search_log", root=project)["search_log"]
    assert log.loc[log["query_no"] == 999, "query"].tolist() == ["NA"]


def test_root_is_found_from_the_working_directory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "dvc.yaml").touch()
    monkeypatch.chdir(project / "data")
    assert len(load("provinces")["provinces"]) == 33


def test_unknown_table_comes_with_the_near_miss() -> None:
    with pytest.raises(UnknownTableError, match="no table named 'coperation'.*do write 'cooperation'"):
        load("coperation", root=HERE)


def test_table_that_breaks_its_schema_is_refused_with_the_next_step(project: Path) -> None:
    path = project / "data/raw/cooperation.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("students_n", "students"), encoding="utf-8")
    with pytest.raises(UnreadableTableError, match=r"data/raw/cooperation\.csv: .*chanjiao check"):
        load("cooperation", root=project)


def test_missing_declaration_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTableError, match=r"datapackage\.json: found .*; expected .*; do restore"):
        load("cooperation", root=tmp_path)


def test_single_name_and_list_of_names_read_alike() -> None:
    assert names_of("unit_id") == names_of(["unit_id"]) == ["unit_id"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_order_of_rows_and_columns_in_the_file_changes_nothing(project: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["policy_targets", "literature_regions", "reference_shares"]))
    with (HERE / f"data/raw/{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    row_order, column_order = data.draw(st.permutations(rows)), data.draw(st.permutations(range(len(header))))
    with (project / f"data/raw/{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([row[i] for i in column_order] for row in [header, *row_order])
    pd.testing.assert_frame_equal(load(name, root=project)[name], load(name, root=HERE)[name])
