"""The dependencies declared in `dvc.yaml` are exactly what each stage reads, found by reading notebooks and modules."""

import ast
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/chanjiao"
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
NOTEBOOKS = {path.stem.partition("_")[2]: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
ROOMS = sorted(name for name, stage in STAGES.items() if stage["cmd"].startswith("python -m chanjiao run"))
NATIONAL = {"coding", "literature"}  # they run once, for the nation
VERBS = {"_repro", "_plan", "_check", "_evidence", "_run", "_render", "_gaps"}
FILES = {"claims.yaml", "benchmarks/coverage.csv", "benchmarks/errors.csv"}  # what a notebook reads by name


def code(room: str) -> ast.Module:
    cells = json.loads(NOTEBOOKS[room].read_text(encoding="utf-8"))["cells"]
    return ast.parse("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))


def module(name: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> set[str]:
    """The modules of the package that a tree imports, at its head or inside a function."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "chanjiao":
            names |= {alias.name for alias in node.names if (PACKAGE / f"{alias.name}.py").is_file()}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chanjiao."):
            names.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("chanjiao.")}
    return names


def closure(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= imported(module(name)) - found
    return found


def command(verb: str) -> set[str]:
    """The modules that `python -m chanjiao VERB` imports: `cli` without the functions of the other verbs."""
    tree = module("cli")
    tree.body = [
        part for part in tree.body if not (isinstance(part, ast.FunctionDef) and part.name in VERBS - {f"_{verb}"})
    ]
    return {"__init__", "__main__", "cli"} | closure(imported(tree))


def texts(trees: Iterable[ast.AST]) -> set[str]:
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def loads(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("tables.load", "load"):
            yield node


def raw_tables(room: str) -> set[str]:
    package = json.loads((ROOT / "data/raw/datapackage.json").read_text(encoding="utf-8"))
    paths = {resource["name"]: f"data/raw/{resource['path']}" for resource in package["resources"]}
    return {paths[ast.literal_eval(name)] for call in loads(code(room)) for name in call.args}


def package_files(modules: Iterable[str]) -> set[str]:
    """The modules as files, and the data files of the package that they name."""
    modules = set(modules)
    named = texts(module(name) for name in modules)
    data = {file.name for file in PACKAGE.glob("*.csv")} & named
    return {f"src/chanjiao/{name}" for name in {f"{name}.py" for name in modules} | data}


def expected(room: str) -> set[str]:
    tree = code(room)
    upstream = {name for name in ROOMS if name != room} if room == "synthesis" else set()
    return (
        package_files(closure(imported(tree)) | command("run"))
        | raw_tables(room)
        | {f"data/processed/{name}" for name in upstream}
        | FILES & texts([tree])
        | {f"notebooks/{NOTEBOOKS[room].name}", "data/raw/datapackage.json", "requirements.lock"}
        | {"data/processed/check"}
    )


def test_every_notebook_is_run_by_a_stage_of_its_name() -> None:
    assert sorted(NOTEBOOKS) == ROOMS
    assert all(STAGES[room]["cmd"] == f"python -m chanjiao run {room}" for room in ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_declares_exactly_what_it_reads(room: str) -> None:
    assert sorted(STAGES[room]["deps"]) == sorted(expected(room))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_declares_the_parameters_it_is_given_and_its_folder(room: str) -> None:
    national = {"confidence", "language", "seed"}
    assert set(STAGES[room]["params"]) == (national if room in NATIONAL else national | {"provinces"})
    assert STAGES[room]["outs"] == [f"data/processed/{room}"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_notebook_loads_its_tables_in_one_call_with_literal_names(room: str) -> None:
    calls = list(loads(code(room)))
    assert len(calls) == 1 and calls[0].args
    assert all(isinstance(name, ast.Constant) for name in calls[0].args)


def test_no_module_of_a_room_loads_tables_by_itself() -> None:
    for room in ROOMS:
        assert "tables" not in imported(module(room)), room


@pytest.mark.parametrize("stage", ["check", "evidence", "paper"])
def test_check_evidence_and_paper_declare_exactly_the_modules_they_import(stage: str) -> None:
    verb = STAGES[stage]["cmd"].split()[-1]
    declared = {name for name in STAGES[stage]["deps"] if name.startswith("src/")}
    assert declared == package_files(command(verb))


def test_the_check_reads_all_raw_tables_and_the_settings() -> None:
    assert "data/raw" in STAGES["check"]["deps"]
    # Not `execution`, which changes no output.
    assert sorted(STAGES["check"]["params"]) == ["confidence", "language", "provinces", "seed"]


def test_the_evidence_reads_all_raw_tables_and_what_shows_them() -> None:
    shown = {"docs/codebooks", "paper/filters/codebook.lua", "paper/style/font.css", "paper/templates"}
    read = {name for name in STAGES["evidence"]["deps"] if not name.startswith("src/")}
    assert read == shown | {"data/processed/check", "data/raw", "requirements.lock"}


def test_the_paper_reads_every_room_and_the_evidence() -> None:
    assert {f"data/processed/{room}" for room in [*ROOMS, "evidence"]} <= set(STAGES["paper"]["deps"])


def test_every_declared_dependency_is_a_file_or_made_by_a_stage() -> None:
    made = {path for stage in STAGES.values() for path in stage["outs"]}
    for stage in STAGES.values():
        missing = [path for path in stage["deps"] if path not in made and not (ROOT / path).exists()]
        assert not missing
