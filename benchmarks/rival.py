"""Let calkit, a pipeline for notebooks with other ends than ours, execute the same notebooks in the same Python."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

PACKAGE = "calkit-python==0.49.5"
ENVIRONMENT = "this-python"


def install(folder: Path) -> Path | None:
    """Install calkit in a folder of its own and return its command; None where it cannot be installed."""
    python = folder / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"calkit is left out, since it cannot be installed: {error}", file=sys.stderr)
        return None
    return folder / "bin" / "calkit"


def prepare(project: Path, notebooks: Sequence[Path]) -> None:
    """Make a calkit project of a clone: a stage for each notebook, in their order, in place of our pipeline.

    Calkit writes its own `dvc.yaml` from `calkit.yaml`; the folders that the notebooks read stay as they are.
    """
    for name in ("dvc.yaml", "dvc.lock"):
        (project / name).unlink(missing_ok=True)
    stages = {}
    previous: list[dict[str, str]] = []
    for notebook in notebooks:
        stages[notebook.stem] = {
            "kind": "jupyter-notebook",
            "environment": ENVIRONMENT,
            "notebook_path": notebook.relative_to(project).as_posix(),
            "inputs": ["claims.yaml", "data/raw", "src", *previous],
            "html_storage": None,  # else it converts each to HTML as well
        }
        previous = [{"from_stage_outputs": notebook.stem}]
    described = {
        "name": "rival",
        "environments": {ENVIRONMENT: {"kind": "system"}},
        "pipeline": {"stages": stages},
    }
    (project / "calkit.yaml").write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")


def command(calkit: Path, python: Path, force: bool = False) -> list[str]:
    """The command that runs the pipeline with `python` as the environment; with `force`, whatever has been run before.

    Calkit calls itself and `python` by name; what it keeps of its user, kernels among it, goes to its own folder.
    """
    path = os.pathsep.join([str(python.parent), str(calkit.parent), os.environ["PATH"]])
    own = calkit.parents[1]
    settings = [f"PATH={path}", f"CALKIT_USER_HOME={own}", f"JUPYTER_DATA_DIR={own / 'share' / 'jupyter'}"]
    return ["env", *settings, str(calkit), "run", *(["--force"] if force else [])]
