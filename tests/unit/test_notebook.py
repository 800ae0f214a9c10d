"""One notebook: how it is executed, warm and plain, and the normal form of what comes out."""

import copy
import json
import os
import re
from pathlib import Path

import nbformat
import papermill
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from toy import SHOW_FIGURE, SHOW_TABLE, SHOW_VERDICTS, cell, notebook, put

from chanjiao.execute import jobs_of
from chanjiao.notebook import ERROR_MARKER, INJECTED, Job, complaint, execute, kernel_environment, normalise
from chanjiao.pipeline import room_stage

WAYS = ["warm", "plain"]
FAILURES = {
    "error": "def f():\n    return 1 / 0\nf()",
    "syntax": "x = = 1",
    "warning": "import warnings\nwarnings.warn('careful')",
    "exit": "raise SystemExit('bye')",
    "stdout": "import sys\nprint('said')\nsys.stdout.write('more')\n1 + 1",
    "import": "import no_such_module",
}


def job(root: Path, *sources: str) -> Job:
    put(root, notebook(*sources))
    return jobs_of(room_stage("toy", root), root)[0]


def executed(root: Path, way: str, *sources: str) -> NotebookNode:
    with kernel_environment(root):
        return execute(job(root, *sources), way)


def by_papermill(root: Path, target: Path, *sources: str) -> NotebookNode:
    """The notebook as papermill executes it when left alone."""
    todo = job(root, *sources)
    with kernel_environment(root):
        papermill.execute_notebook(
            todo.notebook, target, parameters=dict(todo.parameters), progress_bar=False, kernel_name="python3"
        )
    return normalise(nbformat.read(target, as_version=4))


@pytest.mark.parametrize("way", WAYS)
def test_a_notebook_is_byte_for_byte_what_papermill_alone_makes_of_it(
    project: Path, tmp_path: Path, way: str
) -> None:
    sources = [SHOW_VERDICTS, SHOW_FIGURE, SHOW_TABLE, "print(__name__, province, inputs)\n{'b', 'a', 'c'}, seed"]
    expected = by_papermill(project, tmp_path / "out.ipynb", *sources)
    assert nbformat.writes(executed(project, way, *sources)) == nbformat.writes(expected)
    assert complaint(expected) is None


@pytest.mark.parametrize("source", FAILURES.values(), ids=FAILURES)
def test_a_failure_is_told_alike_warm_and_plain(project: Path, source: str) -> None:
    warm, plain = (executed(project, way, "x = 1", source, "print(x)") for way in WAYS)
    # A warning names a made-up file of its process.
    first, second = (re.sub("ipykernel_[0-9]+", "ipykernel", nbformat.writes(made)) for made in (warm, plain))
    assert first == second
    assert (complaint(warm) is None) == (complaint(plain) is None) == (source == FAILURES["stdout"])


def test_a_kernel_that_dies_is_told_alike_warm_and_plain(project: Path) -> None:
    warm, plain = (complaint(executed(project, way, "import os\nos._exit(3)", "1")) for way in WAYS)
    assert warm == plain
    assert warm and "the process that runs the notebook ended" in warm and warm.startswith("cell work-1")


def test_source_is_what_the_executed_notebook_was_before(project: Path) -> None:
    todo = job(project, "x = 1", "print(x)")
    with kernel_environment(project):
        done = execute(todo, "warm")
    for made in done.cells:
        if made.cell_type == "code":
            made.outputs, made.execution_count = [], None
    done.metadata.pop("language_info")
    assert done == todo.source()
    assert json.loads(nbformat.writes(done))["cells"][2]["id"] == INJECTED


def test_kernels_get_the_project_first_and_the_environment_is_restored(project: Path) -> None:
    before = dict(os.environ), Path.cwd()
    with kernel_environment(project):
        assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == str(project / "src")
        assert os.environ["TZ"] == "UTC" and Path.cwd() == project
    assert (dict(os.environ), Path.cwd()) == before


times = st.text(alphabet="0123456789:-T", max_size=20)


@given(times, times, st.sampled_from(["3.11.2", "3.11.7", "3.13.0"]), st.text(alphabet="abcdef0123456789", min_size=8))
def test_normal_form_forgets_when_and_by_what_a_notebook_was_run(start: str, end: str, version: str, name: str) -> None:
    plain = notebook("1")
    plain.cells.insert(2, cell("seed = 7", INJECTED, INJECTED))
    run = copy.deepcopy(plain)
    run.cells[2]["id"] = name
    run.metadata["papermill"] = {"start_time": start, "output_path": f"/{name}"}
    run.metadata["widgets"] = {}
    run.metadata["language_info"] = {"name": "python", "version": version}
    for part in run.cells:
        part.metadata["papermill"] = {"duration": end}
        part.metadata["execution"] = {"iopub.execute_input": start}
        part.metadata.setdefault("tags", [])
    run.cells.insert(0, nbformat.v4.new_markdown_cell("error", metadata={"tags": [ERROR_MARKER]}))
    plain.metadata["language_info"] = {"name": "python"}
    assert normalise(run) == plain
    assert normalise(normalise(run)) == plain


def test_no_test_of_a_warning_is_fooled_by_stdout() -> None:
    done = notebook("print('Warning')")
    done.cells[-1].execution_count = 1
    done.cells[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="Warning")]
    assert complaint(done) is None
