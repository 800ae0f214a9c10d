"""One notebook, executed for one province: parameters in, outputs kept, and the one normal form of what comes out."""

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from chanjiao.project import WARM

INJECTED = "injected-parameters"  # papermill's tag, and the fixed id we give the cell
ERROR_MARKER = "papermill-error-cell-tag"
TRACEBACK_LINES = 12

# What a notebook must not depend on: locale, zone, hash order, display, and how many threads add up a sum.
KERNEL_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a notice of the debugger, which nobody uses here
}

# Its own notices (no encryption between two processes of one machine, interrupted at the end) are no news to anybody.
KERNEL_SETTINGS = "c.IPKernelApp.log_level = 50\nc.HistoryManager.enabled = False\n"


@dataclass(frozen=True)
class Job:
    """One notebook for one province: the project, the room, the notebook and the parameters to inject."""

    root: Path
    room: str
    notebook: Path
    parameters: Mapping[str, Any]

    @property
    def province(self) -> str:
        return str(self.parameters["province"])

    def source(self) -> NotebookNode:
        """The notebook with its parameters injected, not executed, in normal form."""
        from papermill.iorw import load_notebook_node
        from papermill.parameterize import parameterize_notebook

        return normalise(parameterize_notebook(load_notebook_node(str(self.notebook)), dict(self.parameters)))


def execute(job: Job, execution: str) -> NotebookNode:
    """Return the notebook with parameters injected and cells executed, up to the first that fails, in normal form.

    `execution` is `warm` (a kernel forked from a process that has imported everything, see `kernels`) or `plain`
    (papermill's own way). To be called inside `kernel_environment`.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    from chanjiao.engine import ENGINE

    options: dict[str, Any] = {}
    if execution == WARM:
        from chanjiao.kernels import WarmKernelManager

        options["kernel_manager_class"] = WarmKernelManager
    kept: list[NotebookNode] = []
    try:
        papermill.execute_notebook(
            nbformat.read(job.notebook, as_version=4),
            None,
            parameters=dict(job.parameters),
            engine_name=ENGINE,
            kernel_name="python3",
            progress_bar=False,
            coalesce_streams=True,
            shutdown_kernel="immediate",
            kept=kept,
            **options,
        )
    except papermill.PapermillExecutionError:
        pass  # the notebook holds the error; `complaint` finds it
    except DeadKernelError:
        _mark_as_dead(kept[0])
    return normalise(kept[0])


def _mark_as_dead(notebook: NotebookNode) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    started = [cell for cell in code if cell.metadata["papermill"]["start_time"]]
    reason = "the process that runs the notebook ended, perhaps for lack of memory"
    for cell in started[-1:]:
        cell.outputs.append(nbformat.v4.new_output("error", ename="DeadKernelError", evalue=reason, traceback=[]))


@contextmanager
def kernel_environment(root: Path) -> Iterator[None]:
    """Let kernels started inside run in `root`, import its package, and see nothing of the user's own settings.

    It changes environment and folder of this process, so notebooks that run side by side share one.
    """
    before = dict(os.environ)
    paths = [str(root / "src"), os.environ.get("PYTHONPATH", "")]
    with tempfile.TemporaryDirectory() as scratch, chdir(root):
        settings = Path(scratch) / "profile_default" / "ipython_kernel_config.py"
        settings.parent.mkdir()
        settings.write_text(KERNEL_SETTINGS, encoding="utf-8")
        os.environ.update(KERNEL_ENVIRONMENT, PYTHONPATH=os.pathsep.join(filter(None, paths)))
        os.environ.update({name: scratch for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")})
        os.environ["MPLCONFIGDIR"] = str(_font_cache(root))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _font_cache(root: Path) -> Path:
    # Built inside a kernel, it would print a notice to stderr on a slow machine, and kernels would build it at once.
    cache = root / ".dvc" / "tmp" / "matplotlib"
    if not list(cache.glob("fontlist-*.json")):
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", "import matplotlib.font_manager"]
        subprocess.run(command, env={**os.environ, "MPLCONFIGDIR": str(cache)}, capture_output=True, check=True)
    return cache


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Return the one normal form of an executed notebook: nothing in it tells when, where or by what it was run."""
    normal = nbformat.from_dict(notebook)
    for name in ("papermill", "widgets"):
        normal.metadata.pop(name, None)
    normal.metadata.get("language_info", {}).pop("version", None)
    normal.cells = [cell for cell in normal.cells if ERROR_MARKER not in cell.metadata.get("tags", [])]
    for cell in normal.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if INJECTED in cell.metadata.get("tags", []):
            cell["id"] = INJECTED
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)  # papermill gives every cell an empty list
        for output in cell.get("outputs", []):
            output.pop("transient", None)
    return normal


def complaint(notebook: NotebookNode) -> str | None:
    """Return what went wrong in an executed notebook and in which cell, None when nothing did.

    An error and anything printed to stderr, such as a warning, count.
    """
    heading = ""
    for cell in notebook.cells:
        heading = _heading(cell) or heading
        trouble = _trouble(cell) if cell.cell_type == "code" else None
        if trouble:
            return f"cell {cell['id']}, under {heading or 'no heading'!r}: {trouble}"
    return None


def _heading(cell: NotebookNode) -> str:
    headings = re.findall(r"^#+ +(.+)$", cell.source, flags=re.MULTILINE) if cell.cell_type == "markdown" else []
    return headings[-1] if headings else ""


def _trouble(cell: NotebookNode) -> str | None:
    for output in cell.outputs:
        if output.output_type == "error":
            lines = "\n".join(output.traceback or [f"{output.ename}: {output.evalue}"])
            return f"the cell failed\n{_tail(lines)}"
        if output.output_type == "stream" and output.name == "stderr":
            return f"the cell printed to stderr, which counts as a failure\n{_tail(output.text)}"
    return None


def _tail(text: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip().splitlines()
    return "\n".join(f"    {line}" for line in plain[-TRACEBACK_LINES:])


def parameter_names(notebook: NotebookNode) -> set[str]:
    """Return the names that the cell tagged `parameters` assigns."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    statements = [statement for cell in cells for statement in ast.parse(cell.source).body]
    assigned = [target for statement in statements if isinstance(statement, ast.Assign) for target in statement.targets]
    return {target.id for target in assigned if isinstance(target, ast.Name)}
