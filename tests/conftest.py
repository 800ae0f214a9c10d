"""What all tests share: settings, the project as it is now, and a copy in which everything has been computed."""

from pathlib import Path

import pytest
from hypothesis import settings
from runs import clone, copy_project, reproduce

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
