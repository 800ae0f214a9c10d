"""The plan before a run: which stages are stale and why, in words, on a small project that DVC keeps."""

import shutil
from pathlib import Path

import pytest
from toy import change

from chanjiao import cli
from chanjiao.plan import PlanError, Step, describe, make_plan, status


def only_step(computed: Path) -> Step:
    (step,) = make_plan(computed)
    return step


def test_nothing_is_planned_when_everything_is_up_to_date(computed: Path) -> None:
    assert make_plan(computed) == []
    assert describe([]) == "Everything is up to date.\n"


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("src/toy.py", "2", "3", "src/toy.py line 1: 'FACTOR = 2' before, 'FACTOR = 3' now"),
        ("requirements.lock", "scipy==1.0", "scipy==1.1", "requirements.lock: scipy '1.0' before, '1.1' now"),
        ("params.yaml", "seed: 7", "seed: 8", "params.yaml seed: 7 before, 8 now"),
        (
            "notebooks/03_toy.ipynb",
            "0.1",
            "0.2",
            "notebooks/03_toy.ipynb cell work-1 line 2: 'time.sleep(0.1)' before, 'time.sleep(0.2)' now",
        ),
    ],
)
def test_a_stale_room_is_told_with_the_first_difference_and_what_is_executed(
    computed: Path, name: str, old: str, new: str, reason: str
) -> None:
    change(computed, name, old, new)
    stale = [step for step in make_plan(computed) if step.stage.name == "toy"]
    assert [step.reasons for step in stale] == [(reason,)]
    assert stale[0].executes in (("50",), None) and stale[0].seconds is not None
    assert reason in describe(stale) and "last time" in describe(stale)


def test_prose_alone_executes_nothing_and_the_plan_says_so(computed: Path) -> None:
    change(computed, "notebooks/03_toy.ipynb", "# Toy", "# A toy")
    step = only_step(computed)
    assert step.reasons == ("notebooks/03_toy.ipynb: only its prose changed",) and step.executes == ()
    assert "executes nothing" in describe([step])


def test_a_changed_table_calls_for_the_check_and_its_readers_alone(computed: Path) -> None:
    change(computed, "data/raw/provinces.csv", "51\n", "51\n52\n")
    check, toy = make_plan(computed)
    unknown = "data/raw/provinces.csv has changed; its earlier content is not known"
    assert (check.stage.name, check.reasons, check.executes) == ("check", (unknown,), None)
    assert toy.reasons == ("data/raw/provinces.csv row 5 begins '52' (1 row more)",)
    assert (toy.waits_for, toy.executes) == ((), ("50",))
    assert describe([check]).endswith("never run here\n")


def test_a_stage_behind_a_stale_room_waits_for_it(computed: Path) -> None:
    (computed / "data/processed/above/50/results.json").write_text("altered")
    above, toy = make_plan(computed)
    assert above.reasons == ("data/processed/above, its output, is not what the last run left there",)
    assert (toy.waits_for, toy.executes) == (("above",), None)
    assert "  and if above gives something new" in describe([above, toy])


def test_missing_and_altered_outputs_and_lost_inputs_are_reasons(computed: Path) -> None:
    (computed / "data/processed/toy/50/results.json").write_text("altered")
    assert only_step(computed).reasons == ("data/processed/toy, its output, is not what the last run left there",)
    shutil.rmtree(computed / "data/processed/toy")
    assert only_step(computed).reasons == ("data/processed/toy, its output, is missing",)
    (computed / "src/toy.py").unlink()
    assert "src/toy.py is gone" in make_plan(computed)[-1].reasons


def test_an_input_whose_past_is_not_known_is_told_as_changed(computed: Path) -> None:
    shutil.rmtree(computed / ".chanjiao")
    change(computed, "src/toy.py", "2", "3")
    step = only_step(computed)
    assert step.reasons == ("src/toy.py has changed; its earlier content is not known",)
    assert step.seconds is None and step.executes == ("50",)


def test_a_pipeline_that_dvc_refuses_is_told(computed: Path) -> None:
    (computed / "dvc.yaml").write_text("stages: 1\n")
    with pytest.raises(PlanError, match="`dvc status` failed"):
        status(computed)


def test_the_command_ends_with_its_own_code_when_something_is_stale(
    computed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(computed)
    assert cli.main(["plan"]) == 0
    change(computed, "src/toy.py", "2", "3")
    assert cli.main(["plan"]) == cli.STALE
    assert "1 stage would run: toy\n\ntoy (3/3)\n  src/toy.py line 1" in capsys.readouterr().out
