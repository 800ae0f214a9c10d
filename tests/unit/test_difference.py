"""The first difference between two versions of an input, in plain words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import notebook

from chanjiao.difference import first_difference

TABLE = "id,money,note\nE1,3,a\nE2,,b\n"
LOCK = "pandas==3.0 \\\n    --hash=sha256:a\nscipy==1.0 \\\n    --hash=sha256:b\n"


def told(file: str, before: str, after: str) -> str:
    return first_difference(file, before.encode(), after.encode())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("E1,3", "E1,4", " row 2, column money: '3' before, '4' now"),
        ("E2,,b", "E2,,", " row 3, column note: 'b' before, '' now"),
        ("E2,,b\n", "E2,,b\nE3,,\n", " row 4 begins 'E3' (1 row more)"),
        ("E1,3,a\nE2,,b\n", "", " row 2 begins 'E1' (2 rows fewer)"),
        ("E1,3,a\n", "E0,,\nE1,3,a\n", " row 2 begins 'E0' (1 row more)"),
        ("id,money", "id,yuan", " line 1: 'id,money,note' before, 'id,yuan,note' now"),
        ("\n", "\r\n", ": only its line ends or its encoding changed"),
    ],
)
def test_tables_differ_by_row_and_column(old: str, new: str, expected: str) -> None:
    assert told("data/raw/cooperation.csv", TABLE, TABLE.replace(old, new)) == expected


def test_notebooks_differ_by_cell_or_only_in_prose() -> None:
    before, other = notebook("x = 1\ny = 2"), notebook("x = 1\ny = 3")
    prose = notebook("x = 1\ny = 2")
    prose.cells[0].source = "# Another title"
    more = notebook("x = 1\ny = 2", "z = 3")
    texts = [json.dumps(made) for made in (before, other, prose, more)]
    assert told("a.ipynb", texts[0], texts[1]) == " cell work-1 line 2: 'y = 2' before, 'y = 3' now"
    assert told("a.ipynb", texts[0], texts[2]) == ": only its prose changed"
    assert told("a.ipynb", texts[0], texts[3]) == " cell work-2 line 1: nothing before, 'z = 3' now"


def test_locks_differ_by_package() -> None:
    assert told("requirements.lock", LOCK, LOCK.replace("1.0", "1.1")) == ": scipy '1.0' before, '1.1' now"
    assert told("requirements.lock", LOCK, LOCK.replace("==", "==9")) == ": pandas '3.0' before, '93.0' now, and 1 more"
    assert "line 2" in told("requirements.lock", LOCK, LOCK.replace("sha256:a", "sha256:c"))


def test_other_files_differ_by_line() -> None:
    assert told("src/chanjiao/bias.py", "a\nb\n", "a\nc\n") == " line 2: 'b' before, 'c' now"
    assert told("claims.yaml", "a\n", "a\nb\n") == " line 2: nothing before, 'b' now"


def test_a_long_line_is_shown_where_it_differs() -> None:
    line = "from chanjiao.statistics import Estimate, Interval, cluster_share, percentile_interval"
    told_of = told("a.py", line, f"{line}, wilson")
    assert told_of == " line 1: '… percentile_interval' before, '… percentile_interval, wilson' now"


@given(st.sampled_from(["a.csv", "a.ipynb", "a.lock", "a.py"]), st.binary(max_size=40), st.binary(max_size=40))
def test_any_two_contents_have_a_sentence_on_one_line(file: str, before: bytes, after: bytes) -> None:
    assert "\n" not in first_difference(file, before, after)
