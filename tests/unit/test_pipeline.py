"""Reading `dvc.yaml` and the fingerprint of a stage's inputs."""

from dataclasses import replace
from pathlib import Path

import pytest

from chanjiao.pipeline import (
    MissingInputError,
    Stage,
    UnknownRoomError,
    fingerprint,
    input_files,
    read_stages,
    room_stage,
)

PIPELINE = """stages:
  check: {cmd: python -m chanjiao check, deps: [data/raw], outs: [data/processed/check]}
  coding:
    cmd: python -m chanjiao run coding
    deps: [data/raw/sources.csv]
    params: [seed]
    outs: [data/processed/coding]
  mechanism:
    cmd: python -m chanjiao run mechanism
    deps: [data/raw/sources.csv, data/processed/coding]
    params: [provinces, seed]
    outs: [data/processed/mechanism]
"""
INPUTS = {
    "data/raw/sources.csv": "source_id\na\n",
    "notebooks/03_mechanism.ipynb": "{}",
    "data/processed/check/passed.txt": "passed",
    "data/processed/coding/00/results.json": "{}",
    "data/processed/operation/50/results.json": "{}",
    "data/processed/operation/51/results.json": "{}",
}
STAGE = Stage(
    "mechanism",
    "3/3",
    "python -m chanjiao run mechanism",
    (
        "data/raw/sources.csv",
        "notebooks/03_mechanism.ipynb",
        "data/processed/check",
        "data/processed/coding",
        "data/processed/operation",
    ),
    frozenset({"check", "coding"}),
    national=False,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {"dvc.yaml": PIPELINE, **INPUTS}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_stage_knows_its_place_its_inputs_and_whether_it_is_national(root: Path) -> None:
    assert room_stage("mechanism", root) == Stage(
        name="mechanism",
        place="3/3",
        command="python -m chanjiao run mechanism",
        dependencies=("data/raw/sources.csv", "data/processed/coding"),
        upstream=frozenset({"coding"}),
        national=False,
    )
    assert room_stage("coding", root).national and room_stage("coding", root).upstream == frozenset()
    assert [(name, stage.runs_room) for name, stage in read_stages(root).items()] == [
        ("check", False),
        ("coding", True),
        ("mechanism", True),
    ]


def test_stages_may_be_written_in_the_other_forms_of_dvc(root: Path) -> None:
    with (root / "dvc.yaml").open("a") as file:
        file.write("  own: {cmd: [make a, make b], deps: [data/processed/mechanism], outs: [a: {cache: false}]}\n")
        file.write("  last: {cmd: make c, deps: [a]}\n")
    stages = read_stages(root)
    assert stages["own"].upstream == {"mechanism"} and not stages["own"].runs_room
    assert stages["last"].upstream == {"own"} and stages["last"].dependencies == ("a",)


def test_input_files_are_those_that_no_stage_makes(root: Path) -> None:
    (root / "data/raw/more").mkdir()
    (root / "data/raw/more/a.csv").touch()
    assert input_files(STAGE, root) == ["data/raw/sources.csv", "notebooks/03_mechanism.ipynb"]
    assert input_files(read_stages(root)["check"], root) == ["data/raw/more/a.csv", "data/raw/sources.csv"]


@pytest.mark.parametrize("room", ["mechanisms", "check", ""])
def test_a_room_that_no_stage_runs_is_refused_with_the_rooms_there_are(root: Path, room: str) -> None:
    with pytest.raises(UnknownRoomError, match="expected one of coding, mechanism"):
        room_stage(room, root)


def test_a_misspelt_room_gets_its_near_miss(root: Path) -> None:
    with pytest.raises(UnknownRoomError, match="do write mechanism"):
        room_stage("mecanism", root)


@pytest.mark.parametrize("changed", ["data/raw/sources.csv", "data/processed/coding/00/results.json"])
def test_the_fingerprint_changes_with_every_declared_input(root: Path, changed: str) -> None:
    before = fingerprint(STAGE, "50", root)
    (root / changed).write_text("changed")
    assert fingerprint(STAGE, "50", root) != before


@pytest.mark.parametrize("changed", ["notebooks/03_mechanism.ipynb", "data/processed/operation/51/results.json"])
def test_the_fingerprint_ignores_the_notebook_and_other_provinces(root: Path, changed: str) -> None:
    before = fingerprint(STAGE, "50", root)
    (root / changed).write_text("changed")
    assert fingerprint(STAGE, "50", root) == before


def test_the_fingerprint_ignores_the_order_of_the_declaration_and_the_folder(root: Path, tmp_path: Path) -> None:
    turned = replace(STAGE, dependencies=STAGE.dependencies[::-1])
    moved = root.rename(tmp_path.parent / f"{tmp_path.name} moved")
    before = fingerprint(STAGE, "50", moved)
    assert fingerprint(turned, "50", moved.rename(root)) == before


def test_two_provinces_have_different_fingerprints_only_by_their_own_inputs(root: Path) -> None:
    assert fingerprint(STAGE, "50", root) != fingerprint(STAGE, "51", root)
    national = room_stage("coding", root)
    assert fingerprint(national, "00", root) == fingerprint(national, "50", root)


def test_an_input_that_is_not_there_is_told(root: Path) -> None:
    with pytest.raises(MissingInputError, match="data/processed/operation: found nothing for the province 65"):
        fingerprint(STAGE, "65", root)
