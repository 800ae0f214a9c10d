"""Execution of a notebook, tried on small notebooks in a small project."""

import copy
import json
import os
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode

from chanjiao import execute
from chanjiao.execute import ExecutionError
from chanjiao.project import ParamsError

SOURCE = Path(execute.__file__).parents[1]
PARAMETERS = 'province = "50"\nseed = 1\nconfidence = 0.95\nlanguage = "en"\ninputs = ""'
PIPELINE = """stages:
  check:
    cmd: python -m chanjiao check
    deps: [data/raw/provinces.csv]
    outs: [data/processed/check]
  toy:
    cmd: python -m chanjiao run toy
    deps: [data/processed/check, data/raw/provinces.csv, notebooks/03_toy.ipynb]
    params: [confidence, language, provinces, seed]
    outs: [data/processed/toy]
"""
SHOW_VERDICTS = (
    "from chanjiao.results import record, show_verdicts\n"
    'record("toy.seed", seed, unit="seed", tables=["provinces"])\n'
    'show_verdicts({"C1": {"verdict": "supported", "indicators": [{"id": "C1.1", "value": 0.25}]},'
    ' "R1": {"verdict": None, "prevalence": 0.5}})'
)
SHOW_FIGURE = (
    "#| label: fig-toy\n#| fig-cap: A line\n#| fig-alt: A line that rises\n"
    "import pandas\nfrom chanjiao import figures\nfrom chanjiao.results import show_figure, show_table\n"
    'data = pandas.DataFrame({"x": [1, 2]})\nfigure, axes = figures.new(2)\naxes[0, 0].plot(data["x"])\n'
    "show_figure(figure, data)"
)
SHOW_TABLE = "#| label: tbl-toy\n#| tbl-cap: Numbers\nshow_table(data)"


def cell(source: str, name: str, *tags: str) -> NotebookNode:
    made = nbformat.v4.new_code_cell(source, id=name)
    if tags:
        made.metadata["tags"] = list(tags)
    return made


def notebook(*sources: str, parameters: str = PARAMETERS) -> NotebookNode:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    made.cells = [
        nbformat.v4.new_markdown_cell("# Toy\n\n## Result", id="title"),
        cell(parameters, "parameters", "parameters"),
        *(cell(source, f"work-{number}") for number, source in enumerate(sources, start=1)),
    ]
    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one room, in a folder whose name has a space and a Chinese character."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    root = tmp_path / "a 省"
    files = {
        "dvc.yaml": PIPELINE,
        "params.yaml": 'provinces: ["50"]\nseed: 7\nconfidence: 0.9\nlanguage: en\n',
        "data/raw/provinces.csv": "province_code\n00\n50\n51\n",
        "data/processed/check/passed.txt": "passed\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def put(root: Path, made: NotebookNode) -> None:
    (root / "notebooks").mkdir(exist_ok=True)
    nbformat.write(made, root / "notebooks" / "03_toy.ipynb")


def failure(root: Path, *sources: str) -> str:
    put(root, notebook(*sources))
    with pytest.raises(ExecutionError) as caught:
        execute.run("toy", root)
    return str(caught.value)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_run_writes_what_the_notebook_holds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(project, notebook(SHOW_VERDICTS, SHOW_FIGURE, SHOW_TABLE))
    execute.run("toy", project)
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
    assert shown.out.startswith("[2/2 toy] 50 (1 of 1) … ") and shown.err == ""


def test_two_runs_write_the_same_bytes_whatever_the_surroundings(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(project, notebook("import time\nprint(sorted({'b', 'a'}), time.tzname, {'b', 'a', 'c'})"))
    execute.run("toy", project)
    first = files_below(project / "data/processed/toy")
    for name, value in {"TZ": "Asia/Shanghai", "PYTHONHASHSEED": "42", "LC_ALL": "zh_CN.UTF-8", "USER": "x"}.items():
        monkeypatch.setenv(name, value)
    execute.run("toy", project)
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
        "check/passed.txt",
        "failed/toy-50.ipynb",
        "toy/50/results.json",
    ]


def test_provinces_no_longer_asked_for_leave_no_folder(project: Path) -> None:
    (project / "data/processed/toy/51").mkdir(parents=True)
    put(project, notebook("1"))
    execute.run("toy", project)
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
        execute.run("toy", project)


def test_bad_settings_stop_the_run(project: Path) -> None:
    (project / "params.yaml").write_text("provinces: [50]\nseed: 7\nconfidence: 0.9\nlanguage: en\n")
    put(project, notebook("1"))
    with pytest.raises(ParamsError):
        execute.run("toy", project)


def test_a_room_needs_exactly_one_notebook(project: Path) -> None:
    with pytest.raises(ExecutionError, match="found none"):
        execute.find_notebook("toy", project)
    put(project, notebook("1"))
    (project / "notebooks/04_toy.ipynb").write_text("{}")
    with pytest.raises(ExecutionError, match="03_toy.ipynb, 04_toy.ipynb"):
        execute.find_notebook("toy", project)


def test_kernels_get_the_project_first_and_the_environment_is_restored(project: Path, tmp_path: Path) -> None:
    before = dict(os.environ)
    with execute.kernel_environment(project, tmp_path):
        assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == str(project / "src")
        assert os.environ["TZ"] == "UTC"
    assert dict(os.environ) == before


times = st.text(alphabet="0123456789:-T", max_size=20)


@given(times, times, st.sampled_from(["3.11.2", "3.11.7", "3.13.0"]), st.text(alphabet="abcdef0123456789", min_size=8))
def test_normal_form_forgets_when_and_by_what_a_notebook_was_run(start: str, end: str, version: str, name: str) -> None:
    plain = notebook("1")
    plain.cells.insert(2, cell("seed = 7", execute.INJECTED, execute.INJECTED))
    run = copy.deepcopy(plain)
    run.cells[2]["id"] = name
    run.metadata["papermill"] = {"start_time": start, "output_path": f"/{name}"}
    run.metadata["widgets"] = {}
    run.metadata["language_info"] = {"name": "python", "version": version}
    for part in run.cells:
        part.metadata["papermill"] = {"duration": end}
        part.metadata["execution"] = {"iopub.execute_input": start}
        part.metadata.setdefault("tags", [])
    run.cells.insert(0, nbformat.v4.new_markdown_cell("error", metadata={"tags": [execute.ERROR_MARKER]}))
    plain.metadata["language_info"] = {"name": "python"}
    assert execute.normalise(run) == plain
    assert execute.normalise(execute.normalise(run)) == plain


def test_no_test_of_a_warning_is_fooled_by_stdout() -> None:
    done = notebook("print('Warning')")
    done.cells[-1].execution_count = 1
    done.cells[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="Warning")]
    assert execute.complaint(done) is None
