"""Running a room: its notebook is executed for every province, and what the notebook holds is written out.

Nothing half-written stays: a room is written beside its place and moved there when every province has succeeded.
"""

import ast
import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import NotebookNode

from chanjiao.pipeline import NATION, PROCESSED, Stage, fingerprint, room_stage
from chanjiao.project import load_params

if TYPE_CHECKING:
    from chanjiao.results import Extracted

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


class ExecutionError(RuntimeError):
    """A notebook did not run to its end, or printed a warning; the message says where and what to do."""


@dataclass(frozen=True)
class Job:
    """One notebook for one province: where the project and the notebook are, the parameters, where outputs go."""

    root: Path
    notebook: Path
    parameters: Mapping[str, Any]
    folder: Path

    @property
    def province(self) -> str:
        return str(self.parameters["province"])


@dataclass(frozen=True)
class Outcome:
    """How a job ended: seconds it took, the verdicts and indicators it holds, and what went wrong, if anything."""

    province: str
    seconds: float
    metrics: dict[str, Any]
    failure: str | None


def run(room: str, root: Path) -> None:
    """Execute the notebook of `room` for every province of `params.yaml` and write `data/processed/<room>/`.

    Raises ExecutionError, naming every province that failed; what stood in the folder before then stays as it was.
    """
    stage = room_stage(room, root)
    target, partial = root / PROCESSED / room, root / PROCESSED / ".partial" / room
    shutil.rmtree(partial, ignore_errors=True)
    jobs = plan(stage, root, partial)
    _build_font_cache(root)
    outcomes = sorted(_report(stage, len(jobs), _outcomes(jobs)), key=lambda outcome: outcome.province)
    failures = [outcome.failure for outcome in outcomes if outcome.failure]
    if failures:
        shutil.rmtree(partial, ignore_errors=True)
        raise ExecutionError("\n\n".join(failures))
    metrics = {outcome.province: outcome.metrics for outcome in outcomes if outcome.metrics}
    if metrics:
        _write_comparison(partial, metrics, subject=jobs[0].province)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def plan(stage: Stage, root: Path, folder: Path) -> list[Job]:
    """Return the jobs of a stage, one a province of `params.yaml`, or one for the nation; outputs go below `folder`."""
    params = asdict(load_params(root))
    provinces = [NATION] if stage.national else params["provinces"]
    del params["provinces"]
    notebook = find_notebook(stage.room, root)
    jobs = []
    for province in provinces:
        parameters = {"province": province, **params, "inputs": fingerprint(stage, province, root)}
        jobs.append(Job(root, notebook, parameters, folder / province))
    _check_parameters(notebook, jobs[0].parameters)
    return jobs


def find_notebook(room: str, root: Path) -> Path:
    """Return `notebooks/NN_<room>.ipynb`; raises ExecutionError when there is none or more than one."""
    found = sorted((root / "notebooks").glob(f"[0-9][0-9]_{room}.ipynb"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found) or "none"
    raise ExecutionError(
        f"notebooks: found {names} for the room {room}; expected one file called NN_{room}.ipynb; do mend the folder"
    )


def parameter_names(notebook: NotebookNode) -> set[str]:
    """Return the names that the cell tagged `parameters` assigns."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    statements = [statement for cell in cells for statement in ast.parse(cell.source).body]
    assigned = [target for statement in statements if isinstance(statement, ast.Assign) for target in statement.targets]
    return {target.id for target in assigned if isinstance(target, ast.Name)}


def _check_parameters(path: Path, parameters: Mapping[str, Any]) -> None:
    # papermill only warns of a parameter the notebook does not know, and then computes with the default.
    names = parameter_names(nbformat.read(path, as_version=4))
    if names != set(parameters):
        raise ExecutionError(
            f"notebooks/{path.name}, cell tagged parameters: found {', '.join(sorted(names)) or 'no assignment'}; "
            f"expected exactly {', '.join(sorted(parameters))}; do assign each of them once in that cell"
        )


def _outcomes(jobs: list[Job]) -> Iterator[Outcome]:
    from joblib import Parallel, cpu_count, delayed

    workers = min(cpu_count(), len(jobs))
    yield from Parallel(n_jobs=workers, return_as="generator_unordered")(delayed(run_job)(job) for job in jobs)


def _report(stage: Stage, total: int, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Tell the progress: a bar on a terminal, a line for each province in a log."""
    from tqdm import tqdm

    label, terminal = f"[{stage.place} {stage.room}]", sys.stdout.isatty()
    bar = tqdm(outcomes, desc=label, total=total, file=sys.stdout, unit="province", disable=not terminal)
    for number, outcome in enumerate(bar, start=1):
        bar.set_postfix_str(outcome.province)
        if not terminal:
            ending = "failed after" if outcome.failure else "…"
            print(f"{label} {outcome.province} ({number} of {total}) {ending} {outcome.seconds:.1f} s", flush=True)
        yield outcome


def run_job(job: Job) -> Outcome:
    """Execute one notebook for one province and write its outputs, or keep the failed notebook and say what failed."""
    started = time.monotonic()
    notebook = normalise(execute_notebook(job))
    failure = complaint(notebook)
    metrics: dict[str, Any] = {}
    if failure:
        failure = _keep_failed(job, notebook, failure)
    else:
        metrics = _write_outputs(job, notebook)
    return Outcome(job.province, time.monotonic() - started, metrics, failure)


def execute_notebook(job: Job) -> NotebookNode:
    """Return the notebook with parameters injected and cells executed, up to the first that fails."""
    import papermill
    from nbclient.exceptions import DeadKernelError

    with tempfile.TemporaryDirectory() as scratch, kernel_environment(job.root, Path(scratch)):
        output = Path(scratch) / "executed.ipynb"
        try:
            papermill.execute_notebook(
                nbformat.read(job.notebook, as_version=4),
                output,
                parameters=dict(job.parameters),
                kernel_name="python3",
                cwd=job.root,
                progress_bar=False,
                coalesce_streams=True,
            )
        except papermill.PapermillExecutionError:
            pass  # the notebook holds the error; `complaint` finds it
        except DeadKernelError:
            return _marked_as_dead(nbformat.read(output, as_version=4))
        return nbformat.read(output, as_version=4)


def _marked_as_dead(notebook: NotebookNode) -> NotebookNode:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    started = [cell for cell in code if cell.metadata["papermill"]["start_time"]]
    reason = "the process that runs the notebook ended, perhaps for lack of memory"
    for cell in started[-1:]:
        cell.outputs.append(nbformat.v4.new_output("error", ename="DeadKernelError", evalue=reason, traceback=[]))
    return notebook


@contextmanager
def kernel_environment(root: Path, scratch: Path) -> Iterator[None]:
    """Let kernels started inside import the package of `root` and nothing of the user's own settings."""
    before = dict(os.environ)
    paths = [str(root / "src"), os.environ.get("PYTHONPATH", "")]
    os.environ.update(KERNEL_ENVIRONMENT, PYTHONPATH=os.pathsep.join(filter(None, paths)))
    os.environ.update({name: str(scratch) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")})
    os.environ["MPLCONFIGDIR"] = str(_font_cache(root))
    _write(scratch / "profile_default" / "ipython_kernel_config.py", KERNEL_SETTINGS)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _font_cache(root: Path) -> Path:
    return root / ".dvc" / "tmp" / "matplotlib"


def _build_font_cache(root: Path) -> None:
    # Built inside a kernel, it would print a notice to stderr on a slow machine, and kernels would build it at once.
    cache = _font_cache(root)
    if not list(cache.glob("fontlist-*.json")):
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", "import matplotlib.font_manager"]
        subprocess.run(command, env={**os.environ, "MPLCONFIGDIR": str(cache)}, capture_output=True, check=True)


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


def _keep_failed(job: Job, notebook: NotebookNode, failure: str) -> str:
    room = job.notebook.stem.split("_", 1)[1]
    kept = f"{PROCESSED}/failed/{room}-{job.province}.ipynb"
    (job.root / kept).parent.mkdir(parents=True, exist_ok=True)
    _write(job.root / kept, nbformat.writes(notebook) + "\n")
    return (
        f"notebooks/{job.notebook.name}, province {job.province}, {failure}\n"
        f"The notebook as far as it ran is kept in {kept}. Mend the cause, then run `make repro` again."
    )


def _write_outputs(job: Job, notebook: NotebookNode) -> dict[str, Any]:
    from chanjiao.results import extract, to_json

    extracted = extract(notebook, job.notebook.stem)
    _write(job.folder / "notebook.ipynb", nbformat.writes(notebook) + "\n")
    _write(job.folder / "results.json", to_json(results_file(job.province, extracted)))
    for label, figure in extracted.figures.items():
        _write(job.folder / "figures" / f"{label}.svg", figure["svg"])
        _write(job.folder / "figures" / f"{label}.csv", figure["csv"])
        (job.folder / "figures" / f"{label}.png").write_bytes(base64.b64decode(figure["png"]))
    for label, table in extracted.tables.items():
        _write(job.folder / "tables" / f"{label}.html", table["html"])
        _write(job.folder / "tables" / f"{label}.csv", table["csv"])
    if not extracted.verdicts:
        return {}
    _write(job.folder / "verdicts.json", to_json(extracted.verdicts))
    return headline(extracted)


def results_file(province: str, extracted: "Extracted") -> dict[str, Any]:
    """Return what results.json holds: province, results by key, captions and alternative texts of what is shown."""
    words = ("caption", "alt")
    described = {
        kind: {label: {word: item[word] for word in words if word in item} for label, item in items.items()}
        for kind, items in {"figures": extracted.figures, "tables": extracted.tables}.items()
    }
    return {"province": province, "results": extracted.results, **described}


def headline(extracted: "Extracted") -> dict[str, Any]:
    """Return what a run is compared by: {"verdicts": {C1: verdict}, "indicators": {C1.1: value}}."""
    entries = extracted.verdicts
    indicators = [indicator for entry in entries.values() for indicator in entry.get("indicators", [])]
    return {
        "verdicts": {claim: entry["verdict"] for claim, entry in entries.items() if entry.get("verdict")},
        "indicators": {indicator["id"]: indicator["value"] for indicator in indicators},
    }


def _write_comparison(folder: Path, metrics: Mapping[str, dict[str, Any]], subject: str) -> None:
    """Write what DVC compares between two runs, under paths that stay when the provinces change.

    `metrics.json` holds the headline of every province, `plots/` the figures of the first.
    """
    from chanjiao.results import to_json

    _write(folder / "metrics.json", to_json(metrics))
    for figure in sorted((folder / subject / "figures").glob("*.svg")):
        _write(folder / "plots" / figure.name, figure.read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
