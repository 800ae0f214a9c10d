"""A whole run: what it calls for, and that only what was computed from what is there gets recorded."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from toy import change

from chanjiao import execute, reproduce
from chanjiao.pipeline import CHECK, read_stages
from chanjiao.plan import due_stages, status
from chanjiao.project import ParamsError
from chanjiao.reproduce import ReproduceError


def executions(printed: str) -> int:
    return printed.count("done in")


def test_a_stale_room_is_computed_and_recorded_and_then_there_is_nothing_to_do(
    computed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(computed, "src/toy.py", "2", "3")
    reproduce.reproduce(computed)
    assert executions(capfd.readouterr().out) == 1
    assert status(computed) == {}
    reproduce.reproduce(computed)
    assert capfd.readouterr().out == "Everything is up to date.\n"


def test_what_a_room_makes_calls_for_its_readers_and_what_the_check_leaves_does_not(computed: Path) -> None:
    stages = read_stages(computed)
    assert list(due_stages(stages, {"above"})) == ["above", "toy"]
    assert list(due_stages(stages, {"check"})) == ["check"]
    assert list(due_stages({**stages, "check": replace(stages["check"], command="other")}, {"check"})) == list(stages)
    assert stages["check"].command == CHECK and due_stages(stages, set()) == {}


def test_an_input_changed_during_the_run_is_not_recorded(computed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(computed, "src/toy.py", "2", "3")
    lock = (computed / "dvc.lock").read_bytes()

    run = execute.run

    def run_and_edit(*arguments: object) -> None:
        run(["toy"], computed)
        change(computed, "src/toy.py", "3", "4")

    monkeypatch.setattr(execute, "run", run_and_edit)
    with pytest.raises(ReproduceError, match="An input was changed during the run; do run `make repro` again"):
        reproduce.reproduce(computed)
    assert (computed / "dvc.lock").read_bytes() == lock


def test_a_failing_notebook_is_not_recorded(computed: Path) -> None:
    change(computed, "notebooks/03_toy.ipynb", "time.sleep(0.1)", "time.sleep('0.1')")
    lock = (computed / "dvc.lock").read_bytes()
    with pytest.raises(execute.ExecutionError, match="TypeError"):
        reproduce.reproduce(computed)
    assert (computed / "dvc.lock").read_bytes() == lock


def test_a_stage_with_a_command_of_its_own_is_run_by_dvc(computed: Path) -> None:
    pipeline = yaml.safe_load((computed / "dvc.yaml").read_text())
    pipeline["stages"]["own"] = {"cmd": "cp src/toy.py own.txt", "deps": ["src/toy.py"], "outs": ["own.txt"]}
    (computed / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    change(computed, "src/toy.py", "2", "3")
    reproduce.reproduce(computed)
    assert (computed / "own.txt").read_text() == "FACTOR = 3\n"
    assert status(computed) == {}


def test_a_frozen_stage_stays_as_it_is(computed: Path) -> None:
    pipeline = yaml.safe_load((computed / "dvc.yaml").read_text())
    pipeline["stages"]["above"]["frozen"] = True
    (computed / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    locked = yaml.safe_load((computed / "dvc.lock").read_text())["stages"]
    (computed / "params.yaml").write_text((computed / "params.yaml").read_text().replace("50", "51"))
    change(computed, "src/toy.py", "2", "3")
    assert list(due_stages(read_stages(computed), {"above", "toy"})) == ["toy"]
    reproduce.reproduce(computed)
    after = yaml.safe_load((computed / "dvc.lock").read_text())["stages"]
    assert after["above"] == locked["above"] and after["toy"] != locked["toy"]


def test_a_cut_lock_file_is_mended(computed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (computed / "dvc.lock").write_text("schema: '2.0'\nstages:\n  check:\n    cmd: [")
    (computed / "data/processed/check/passed.txt").unlink()
    with pytest.raises(Exception, match=r"datapackage\.json"):  # the small project has no tables to check
        reproduce.reproduce(computed)
    assert "dvc.lock was cut by an interrupted run" in capfd.readouterr().err


def test_settings_are_looked_at_even_when_nothing_is_stale(computed: Path) -> None:
    with (computed / "params.yaml").open("a") as file:
        file.write("speed: 1\n")
    with pytest.raises(ParamsError, match="found an unknown key"):
        reproduce.reproduce(computed)
