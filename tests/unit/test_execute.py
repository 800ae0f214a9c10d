"""Running a room: what is written, what is told, and what stays when a notebook fails."""

import json
import shutil
from pathlib import Path

import pytest
from toy import PARAMETERS, PARAMS, SHOW_FIGURE, SHOW_TABLE, SHOW_VERDICTS, files_below, notebook, put

from chanjiao import execute
from chanjiao.execute import ExecutionError
from chanjiao.project import ParamsError


def failure(root: Path, *sources: str) -> str:
    put(root, notebook(*sources))
    with pytest.raises(ExecutionError) as caught:
        execute.run(["toy"], root)
    return str(caught.value)


def test_a_run_writes_what_the_notebook_holds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(project, notebook(SHOW_VERDICTS, SHOW_FIGURE, SHOW_TABLE))
    execute.run(["toy"], project)
    room = project / "data/processed/toy"
    assert sorted(files_below(room)) == [
        *(f"50/figures/fig-toy.{kind}" for kind in ("csv", "png", "svg")),
        "50/notebook.ipynb",
        "50/results.json",
        "50/tables/tbl-toy.csv",
        "50/tables/tbl-toy.html",
        "50/verdicts.json",
        "metrics.json",
        "plots/fig-toy.svg",
    ]
    kept = json.loads((room / "50/results.json").read_text())
    assert kept["results"]["toy.seed"]["value"] == 7
    assert kept["figures"] == {"fig-toy": {"alt": "A line that rises", "caption": "A line"}}
    assert kept["tables"] == {"tbl-toy": {"caption": "Numbers"}}
    assert (room / "50/figures/fig-toy.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((room / "metrics.json").read_text()) == {
        "50": {"verdicts": {"C1": "supported"}, "indicators": {"C1.1": 0.25}}
    }
    assert (room / "plots/fig-toy.svg").read_bytes() == (room / "50/figures/fig-toy.svg").read_bytes()
    shown = capsys.readouterr()
    assert shown.out.startswith("[3/3 toy] province 50 (1 of 1) done in ") and shown.err == ""


def test_two_runs_write_the_same_bytes_whatever_the_surroundings(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(project, notebook("import time\nprint(sorted({'b', 'a'}), time.tzname, {'b', 'a', 'c'})"))
    execute.run(["toy"], project)
    first = files_below(project / "data/processed/toy")
    for name, value in {"TZ": "Asia/Shanghai", "PYTHONHASHSEED": "42", "LC_ALL": "zh_CN.UTF-8", "USER": "x"}.items():
        monkeypatch.setenv(name, value)
    shutil.rmtree(project / ".chanjiao")
    execute.run(["toy"], project)
    assert files_below(project / "data/processed/toy") == first


def test_a_failed_cell_is_told_with_place_and_traceback_and_the_notebook_is_kept(project: Path) -> None:
    message = failure(project, "1 / 0")
    assert message.startswith("notebooks/03_toy.ipynb, province 50, cell work-1, under 'Result': the cell failed")
    assert "ZeroDivisionError: division by zero" in message and "\x1b" not in message
    assert "data/processed/failed/toy-50.ipynb" in message
    assert "ZeroDivisionError" in (project / "data/processed/failed/toy-50.ipynb").read_text()


def test_a_warning_fails_the_run(project: Path) -> None:
    message = failure(project, "import warnings\nwarnings.warn('careful')")
    assert "stderr" in message and "careful" in message


def test_a_kernel_that_dies_in_the_last_cell_fails_the_run(project: Path) -> None:
    assert "cell work-1" in failure(project, "import os\nos._exit(3)")


def test_a_failed_run_leaves_the_former_outputs_and_nothing_half_written(project: Path) -> None:
    former = project / "data/processed/toy/50/results.json"
    former.parent.mkdir(parents=True)
    former.write_text("former")
    failure(project, "1 / 0")
    assert former.read_text() == "former"
    assert sorted(files_below(project / "data/processed")) == [
        "above/50/results.json",
        "above/51/results.json",
        "check/passed.txt",
        "failed/toy-50.ipynb",
        "toy/50/results.json",
    ]


def test_provinces_no_longer_asked_for_leave_no_folder(project: Path) -> None:
    (project / "data/processed/toy/51").mkdir(parents=True)
    put(project, notebook("1"))
    execute.run(["toy"], project)
    assert [path.name for path in (project / "data/processed/toy").iterdir()] == ["50"]


def test_every_failed_province_is_named(project: Path) -> None:
    params = (project / "params.yaml").read_text().replace('["50"]', '["50", "51"]')
    (project / "params.yaml").write_text(params)
    message = failure(project, "assert province == ''")
    assert "province 50" in message and "province 51" in message


@pytest.mark.parametrize(
    "parameters", [PARAMETERS.replace("seed", "sed"), PARAMETERS + "\nspeed = 1", "", PARAMETERS.rpartition("\n")[0]]
)
def test_other_parameters_than_those_of_the_pipeline_stop_the_run(project: Path, parameters: str) -> None:
    put(project, notebook("1", parameters=parameters))
    with pytest.raises(ExecutionError, match="expected exactly confidence, inputs, language, province, seed"):
        execute.run(["toy"], project)


def test_bad_settings_stop_the_run(project: Path) -> None:
    (project / "params.yaml").write_text(PARAMS.replace('"50"', "50"))
    put(project, notebook("1"))
    with pytest.raises(ParamsError):
        execute.run(["toy"], project)


def test_a_room_needs_exactly_one_notebook(project: Path) -> None:
    with pytest.raises(ExecutionError, match="found none"):
        execute.find_notebook("toy", project)
    put(project, notebook("1"))
    (project / "notebooks/04_toy.ipynb").write_text("{}")
    with pytest.raises(ExecutionError, match="03_toy.ipynb, 04_toy.ipynb"):
        execute.find_notebook("toy", project)
