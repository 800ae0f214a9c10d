"""Warm kernels: clean namespaces, what is imported beforehand, and that no process outlives the command."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from toy import SOURCE, notebook, put

from chanjiao import execute, preload
from chanjiao.bundles import extract
from chanjiao.execute import execute_all, jobs_of
from chanjiao.pipeline import room_stage
from chanjiao.project import load_params

ALTER = (
    "import builtins, os, pandas\nsecret = builtins.secret = 1\npandas.set_option('display.precision', 1)\n"
    "os.environ['SECRET'] = '1'\nos.chdir('/')"
)
LOOK = (
    "import builtins, os, pandas\nfrom chanjiao.results import record\n"
    "traces = [name for name in ('secret',) if name in globals() or hasattr(builtins, name)]\n"
    "traces += [name for name in os.environ if name == 'SECRET']\n"
    "record('toy.traces', len(traces) + (pandas.get_option('display.precision') == 1), unit='traces')\n"
    "record('toy.folder', os.path.basename(os.getcwd()), unit='name')\n"
    "record('toy.parent', open(f'/proc/{os.getppid()}/cmdline').read()[:200], unit='command')"
)
WAIT = "import os, pathlib, time\npathlib.Path('running').write_text(str(os.getpid()))\ntime.sleep(600)"


def values(root: Path, *sources: str) -> dict[str, object]:
    put(root, notebook(*sources))
    (outcome,) = execute_all(jobs_of(room_stage("toy", root), root))
    return {key: kept["value"] for key, kept in extract(outcome.notebook, "03_toy").results.items()}


def test_each_notebook_begins_with_a_clean_namespace_in_the_project_folder(project: Path) -> None:
    assert load_params(project).execution == "warm"
    values(project, ALTER)
    found = values(project, LOOK)
    assert (found["toy.traces"], found["toy.folder"]) == (0, project.name)
    assert "forkserver" in str(found["toy.parent"])


def test_modules_that_fail_or_warn_are_left_to_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "warns.py").write_text("import warnings\nwarnings.warn('careful')\n")
    (tmp_path / "outdated.py").write_text("import warnings\nwarnings.warn('old', DeprecationWarning)\n")
    (tmp_path / "broken.py").write_text("x = = 1\n")
    assert preload.load(["warns", "outdated", "broken", "no.such", "json"]) == ["warns", "broken", "no.such"]
    assert "outdated" in sys.modules and "warns" not in sys.modules


def test_what_notebooks_import_is_what_is_preloaded(project: Path) -> None:
    put(project, notebook("import pandas as pd, json", "from chanjiao import figures\nfrom os.path import join"))
    assert execute.imported(project / "notebooks/03_toy.ipynb") == {
        "pandas", "json", "chanjiao", "chanjiao.figures", "os.path",
    }  # fmt: skip


def family(command: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    return [psutil.Process(command.pid), *psutil.Process(command.pid).children(recursive=True)]


def started(project: Path) -> "subprocess.Popen[bytes]":
    """A command that has come as far as a cell that waits."""
    put(project, notebook(WAIT))
    command = subprocess.Popen(
        [sys.executable, "-m", "chanjiao", "run", "toy"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (project / "running").is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    return command


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_command_however_it_ends(project: Path, number: int) -> None:
    command = started(project)
    processes = family(command)
    assert any("forkserver" in " ".join(process.cmdline()) for process in processes)
    command.send_signal(number)
    _, alive = psutil.wait_procs(processes, timeout=20)
    command.wait()
    assert [process.cmdline() for process in alive] == []
    assert not (project / "data/processed/toy").exists()
