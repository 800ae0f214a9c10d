"""The import diet: a module imports what it uses, and what only steers a run needs none of the statistics stack."""

import subprocess
import sys

import pytest
from toy import SOURCE

STATISTICS = {"numpy", "pandas", "scipy", "statsmodels", "lifelines", "networkx", "matplotlib", "krippendorff"}
NOTEBOOKS = {"nbformat", "nbclient", "papermill", "jupyter_cache", "jupyter_client", "ipykernel", "sqlalchemy"}
REST = {"dvc", "distributed", "joblib", "frictionless", "fontTools", "pypandoc"}
# The modules that every command of `dvc.yaml` imports before it has anything to compute.
STEERING = ["bundles", "cache", "difference", "execute", "history", "notebook", "outputs", "pipeline", "reproduce"]


def imported_by(module: str) -> set[str]:
    """The top-level packages that a fresh Python holds after importing a module."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=SOURCE, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_command_line_imports_nothing_before_it_knows_the_command() -> None:
    assert imported_by("chanjiao.cli") & (STATISTICS | NOTEBOOKS | REST) == set()


@pytest.mark.parametrize("module", [*STEERING, "render"])
def test_what_steers_a_run_needs_no_statistics(module: str) -> None:
    assert imported_by(f"chanjiao.{module}") & STATISTICS == set()


def test_no_module_imports_what_it_does_not_use() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "F401,F811", "--no-cache", "chanjiao"]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_importing_the_package_says_nothing() -> None:
    modules = sorted(path.stem for path in (SOURCE / "chanjiao").glob("[a-z]*.py"))
    code = f"from chanjiao import {', '.join(modules)}"
    command = [sys.executable, "-W", "error::UserWarning", "-c", code]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
