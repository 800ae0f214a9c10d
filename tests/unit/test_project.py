"""The root of the project, and strict settings with one sentence for each slip."""

import shutil
from pathlib import Path

import pytest

from chanjiao.project import (
    Params,
    ParamsError,
    Problem,
    ProjectNotFoundError,
    load_params,
    near_miss,
    params_problems,
    project_root,
    quoted,
)

HERE = Path(__file__).parents[2]
GOOD = {"provinces": '["50", "51"]', "seed": "7", "confidence": "0.9", "language": "zh", "execution": "plain"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data/raw").mkdir(parents=True)
    shutil.copy(HERE / "data/raw/provinces.csv", tmp_path / "data/raw")
    return tmp_path


def write_params(root: Path, **changes: str) -> None:
    lines = [f"{key}: {value}" for key, value in {**GOOD, **changes}.items()]
    (root / "params.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def only_problem(root: Path) -> str:
    problems = params_problems(root)
    assert len(problems) == 1, problems
    return str(problems[0])


def test_root_is_the_nearest_folder_above_with_a_pipeline(tmp_path: Path) -> None:
    inner = tmp_path / "copy of project" / "notebooks" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "copy of project" / "dvc.yaml").touch()
    assert project_root(inner) == (tmp_path / "copy of project").resolve()


def test_root_starts_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert project_root() == tmp_path.resolve()


def test_no_root_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFoundError, match=r"found no dvc\.yaml .*; expected .*; do change to the project"):
        project_root(tmp_path)


def test_a_problem_is_one_line_of_place_found_expected_do() -> None:
    problem = Problem("a.csv", 3, "year", "x", "a year", "write it")
    assert str(problem) == "a.csv:3 year: found x; expected a year; do write it"
    assert str(Problem("a.csv", 1, "", "x", "y", "z")) == "a.csv:1: found x; expected y; do z"


def test_quoted_value_is_one_line_and_not_long() -> None:
    assert quoted("a\nb\x1f") == "'a\\nb\\x1f'"
    assert quoted("重庆") == "'重庆'"
    assert quoted("x" * 100) == "'" + "x" * 60 + "…'"


def test_near_miss_finds_the_neighbour_or_nothing() -> None:
    assert near_miss("confidense", ["seed", "confidence"]) == "confidence"
    assert near_miss("zebra", ["seed", "confidence"]) == ""


def test_params_are_read_as_declared(project: Path) -> None:
    write_params(project)
    params = load_params(project)
    assert params == Params(provinces=["50", "51"], seed=7, confidence=0.9, language="zh", execution="plain")
    assert params.injected() == {"seed": 7, "confidence": 0.9, "language": "zh"}


def test_params_of_the_project_itself_have_no_problem() -> None:
    assert params_problems(HERE) == []


def test_params_without_table_of_provinces_leave_codes_to_check(tmp_path: Path) -> None:
    write_params(tmp_path, provinces='["77"]')
    assert params_problems(tmp_path) == []


def test_load_raises_with_every_problem(project: Path) -> None:
    write_params(project, seed="-1", confidence="95")
    with pytest.raises(ParamsError) as caught:
        load_params(project)
    assert [problem.column for problem in caught.value.problems] == ["seed", "confidence"]
    assert str(caught.value).count("\n") == 1


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("provinces", "[50]", "1 provinces: found the number 50; expected a code, which is text; do put it in quotes"),
        ("provinces", "[]", "1 provinces: found an empty list; expected a list of province codes"),
        ("provinces", '"50"', "1 provinces: found the text '50'; expected a list of province codes"),
        ("provinces", '["50", "50"]', "1 provinces: found the code 50 a second time; expected each province once"),
        ("provinces", '["50", "00"]', "1 provinces: found the unknown code '00'; expected a province_code of"),
        ("provinces", '["XX"]', "1 provinces: found the unknown code 'XX'; expected a province_code of"),
        ("provinces", '\n  - "50"\n  - "5"', "3 provinces: found the unknown code '5'; expected a province_code of"),
        ("seed", "1.5", "2 seed: found the number 1.5; expected a whole number, 0 or more"),
        ("seed", "true", "2 seed: found the truth value true; expected a whole number"),
        ("seed", "-3", "2 seed: found the number -3; expected a whole number, 0 or more"),
        ("seed", "", "2 seed: found nothing; expected a whole number"),
        ("confidence", "95", "3 confidence: found the number 95; expected a share above 0 and below 1; do write 0.95"),
        ("confidence", "1", "3 confidence: found the number 1; expected a share above 0 and below 1; do write it as"),
        ("confidence", '"0.95"', "3 confidence: found the text '0.95'; expected a share above 0 and below 1"),
        ("confidence", "{a: 1}", "3 confidence: found a dict; expected a share"),
        ("language", "fr", "4 language: found the text 'fr'; expected en or zh"),
        ("execution", "fast", "5 execution: found the text 'fast'; expected warm or plain"),
    ],
)
def test_wrong_value_is_told_with_line_and_remedy(project: Path, key: str, value: str, line: str) -> None:
    write_params(project, **{key: value})
    assert only_problem(project).startswith(f"params.yaml:{line}")


def test_misspelt_key_is_one_problem_with_the_near_miss(project: Path) -> None:
    text = "\n".join(f"{key}: {value}" for key, value in GOOD.items()).replace("seed", "sead")
    (project / "params.yaml").write_text(text, encoding="utf-8")
    assert only_problem(project) == (
        "params.yaml:2 sead: found an unknown key; expected one of provinces, seed, confidence, language, "
        "execution; do write seed"
    )


def test_unknown_key_is_told(project: Path) -> None:
    write_params(project, workers="2")
    assert only_problem(project).startswith("params.yaml:6 workers: found an unknown key; ")
    assert only_problem(project).endswith("; do delete the line")


def test_missing_key_is_told(project: Path) -> None:
    text = "\n".join(f"{key}: {value}" for key, value in GOOD.items() if key != "confidence")
    (project / "params.yaml").write_text(text, encoding="utf-8")
    assert only_problem(project).startswith("params.yaml:1 confidence: found no such key; ")


def test_repeated_key_is_told(project: Path) -> None:
    write_params(project, language="zh\nseed: 8")
    assert only_problem(project).startswith("params.yaml:5 seed: found the key a second time; ")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"seed: [1\nlanguage: en\n", "params.yaml:2: found "),
        (b"", "params.yaml:1: found no keys; "),
        (b"- 50\n", "params.yaml:1: found no keys; "),
        (b"seed: 1 # \xe9\n", "params.yaml:1: found bytes that are not UTF-8; "),
    ],
)
def test_file_that_is_no_table_of_keys_is_told(project: Path, content: bytes, place: str) -> None:
    (project / "params.yaml").write_bytes(content)
    assert only_problem(project).startswith(place)


def test_missing_file_is_told(project: Path) -> None:
    assert only_problem(project).startswith("params.yaml:1: found no such file; ")
