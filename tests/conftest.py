"""What all tests share: settings, the project as it is now, and a copy in which everything has been computed."""

import shutil
from pathlib import Path

import nbformat
import pytest
from hypothesis import settings
from runs import clone, command, copy_project, reproduce
from toy import SOURCE, make_project, notebook, put

from chanjiao import execute

# Examples are the same on every run, and a slow machine is no failure.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the project as they were when the tests began, so that all runs start from the same."""
    return copy_project(tmp_path_factory.mktemp("snapshot") / "project")


@pytest.fixture(scope="session")
def finished(snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which everything has been computed once."""
    folder = clone(snapshot, tmp_path_factory.mktemp("finished") / "project")
    reproduce(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project of one room, in a folder whose name has a space and a Chinese character."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    return make_project(tmp_path / "a 省")


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project after a run: its room executed, everything recorded in dvc.lock."""
    root = make_project(tmp_path_factory.mktemp("recorded") / "a 省")
    put(root, notebook("import time\ntime.sleep(0.1)"))
    nbformat.write(notebook("1"), root / "notebooks/02_above.ipynb")
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    execute.run(["toy"], root)
    done = command(root, "python", "-m", "dvc", "commit", "--force", PYTHONPATH=str(SOURCE))
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def computed(recorded: Path, tmp_path: Path) -> Path:
    """A copy of the small project after a run, to change things in."""
    shutil.copytree(recorded, tmp_path / "computed", symlinks=True)
    return tmp_path / "computed"
