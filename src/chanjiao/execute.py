"""Running rooms: their notebooks are executed for every province, side by side, and what they hold is written out.

Nothing half-written stays: a room is written beside its place and moved there when every province has succeeded.
Nothing is computed twice: a notebook whose code, parameters and inputs were seen before comes from the cache.
"""

import ast
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from chanjiao import history
from chanjiao.cache import NotebookCache
from chanjiao.notebook import Job, complaint, execute, kernel_environment, parameter_names
from chanjiao.outputs import write, write_comparison, write_outputs
from chanjiao.pipeline import NATION, PROCESSED, Stage, fingerprint, input_files, room_stage
from chanjiao.progress import Progress
from chanjiao.project import PLAIN, WARM, load_params

KERNEL_BYTES = 400 * 2**20  # what a kernel of the rooms needs at most, measured with room to spare
# What kernels import beside the heads of notebooks: themselves, and what figures and tables import when first shown.
BESIDE_IMPORTS = (
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "pandas.io.formats.csvs",
    "pandas.io.formats.html",
    "pylopdf_fonts_zh_cn",
    *(f"PIL.{kind}ImagePlugin" for kind in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
)


class ExecutionError(RuntimeError):
    """A notebook did not run to its end, or printed a warning; the message says where and what to do."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its notebook, the seconds it took (None if it came from the cache), and what failed, if any."""

    job: Job
    notebook: NotebookNode
    seconds: float | None
    failure: str | None


@dataclass
class Written:
    """What a room has come to: the headline and the seconds of each province, and what failed."""

    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def run(rooms: Sequence[str], root: Path, scheduler: str | None = None) -> None:
    """Execute the notebooks of `rooms` for every province of `params.yaml` and write `data/processed/<room>/`.

    Rooms that do not need each other run side by side; `scheduler` is the address of a Dask cluster to run them on.
    Raises ExecutionError, naming every room and province that failed; what stood in their folders stays as it was.
    """
    stages = {room: room_stage(room, root) for room in rooms}
    order = TopologicalSorter({room: stage.upstream & set(rooms) for room, stage in stages.items()})
    order.prepare()
    while order.is_active():
        ready = order.get_ready()
        _run_side_by_side([stages[room] for room in ready], root, scheduler)
        order.done(*ready)


def _run_side_by_side(stages: Sequence[Stage], root: Path, scheduler: str | None) -> None:
    jobs = [job for stage in stages for job in jobs_of(stage, root)]
    rooms = {stage.name: Written() for stage in stages}
    for room in rooms:
        shutil.rmtree(_partial(root, room), ignore_errors=True)
    places = {stage.name: stage.place for stage in stages}
    past = history.read(root)
    expected = {(job.room, job.province): past.get(job.room, history.Run()).seconds.get(job.province) for job in jobs}
    progress = Progress(expected, workers_for(len(jobs)))
    for outcome in outcomes(jobs, expected, scheduler):
        job = outcome.job
        _take(outcome, rooms[job.room])
        progress.finished(job.room, job.province, places[job.room], outcome.seconds, failed=bool(outcome.failure))
    progress.close()
    subject = load_params(root).provinces[0]
    for stage in stages:
        if rooms[stage.name].failures:
            shutil.rmtree(_partial(root, stage.name), ignore_errors=True)
        else:
            _finish(stage, rooms[stage.name], root, subject)
    failures = [text for written in rooms.values() for _, text in sorted(written.failures.items())]
    if failures:
        raise ExecutionError("\n\n".join(failures))


def jobs_of(stage: Stage, root: Path) -> list[Job]:
    """Return the jobs of a stage, one a province of `params.yaml`, or one for the nation."""
    params = load_params(root)
    notebook = find_notebook(stage.name, root)
    jobs = []
    for province in [NATION] if stage.national else params.provinces:
        parameters = {"province": province, **params.injected(), "inputs": fingerprint(stage, province, root)}
        jobs.append(Job(root, stage.name, notebook, parameters))
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


def _check_parameters(path: Path, parameters: Mapping[str, Any]) -> None:
    # papermill only warns of a parameter the notebook does not know, and then computes with the default.
    names = parameter_names(nbformat.read(path, as_version=4))
    if names != set(parameters):
        raise ExecutionError(
            f"notebooks/{path.name}, cell tagged parameters: found {', '.join(sorted(names)) or 'no assignment'}; "
            f"expected exactly {', '.join(sorted(parameters))}; do assign each of them once in that cell"
        )


def outcomes(
    jobs: Sequence[Job], expected: Mapping[tuple[str, str], float | None], scheduler: str | None = None
) -> Iterator[Outcome]:
    """Yield how each job ended as soon as it has: first those in the cache, then those executed, which are kept."""
    cache = NotebookCache(jobs[0].root)
    missing = []
    for job in jobs:
        found = cache.find(job.source())
        if found:
            yield Outcome(job, found, None, None)
        else:
            missing.append(job)
    # The longest first, so that no worker is left alone with it at the end.
    missing.sort(key=lambda job: -(expected[job.room, job.province] or 0))
    for outcome in execute_all(missing, scheduler) if missing else ():
        if not outcome.failure:
            cache.keep(outcome.notebook, f"{outcome.job.room}/{outcome.job.province}")
        yield outcome


def execute_all(jobs: Sequence[Job], scheduler: str | None = None) -> Iterator[Outcome]:
    """Execute jobs of one project side by side: on this machine's cores, or on a Dask cluster."""
    return _on_cluster(jobs, scheduler) if scheduler else _on_this_machine(jobs)


def _on_this_machine(jobs: Sequence[Job]) -> Iterator[Outcome]:
    from joblib import Parallel, delayed

    execution = load_params(jobs[0].root).execution
    with kernel_environment(jobs[0].root):
        if execution == WARM:
            from chanjiao.kernels import start

            start([*BESIDE_IMPORTS, *sorted(imported(*{job.notebook for job in jobs}))])
        # Threads are enough: the work is done by the kernels, each a process of its own.
        parallel = Parallel(n_jobs=workers_for(len(jobs)), prefer="threads", return_as="generator_unordered")
        yield from parallel(delayed(_execute)(job, execution) for job in jobs)


def _on_cluster(jobs: Sequence[Job], scheduler: str) -> Iterator[Outcome]:
    from joblib import Parallel, delayed

    with _cluster(scheduler):
        parallel = Parallel(n_jobs=-1, return_as="generator_unordered")
        yield from parallel(delayed(_execute_on_cluster)(job) for job in jobs)


def _execute(job: Job, execution: str) -> Outcome:
    started = time.monotonic()
    notebook = execute(job, execution)
    return Outcome(job, notebook, time.monotonic() - started, complaint(notebook))


_one_at_a_time = threading.Lock()


def _execute_on_cluster(job: Job) -> Outcome:
    # Plain, since Dask's workers may have no child processes of Python's; one at a time, since a worker has one
    # environment and one folder however many threads it runs.
    with _one_at_a_time, kernel_environment(job.root):
        return _execute(job, PLAIN)


@contextmanager
def _cluster(address: str) -> Iterator[None]:
    from distributed import Client
    from joblib import parallel_config

    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise ExecutionError(
            f"--scheduler: found no Dask scheduler at {address} ({error}); expected an address like "
            "tcp://10.0.0.1:8786; do start one with `dask scheduler` and workers with `dask worker ADDRESS`"
        ) from error
    with client, parallel_config(backend="dask"):
        yield


def workers_for(jobs: int) -> int:
    """How many notebooks may run at once: as many as there are cores (joblib's count), jobs, and memory for."""
    import psutil
    from joblib import cpu_count

    fitting: int = psutil.virtual_memory().available // KERNEL_BYTES
    return max(1, min(jobs, cpu_count(), fitting))


def imported(*notebooks: Path) -> set[str]:
    """The modules that notebooks import, as far as a name in `from package import name` may be one."""
    cells = [cell for notebook in notebooks for cell in nbformat.read(notebook, as_version=4).cells]
    code = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    return {name for tree in code for name in _imports(tree)}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "chanjiao")


def _take(outcome: Outcome, written: Written) -> None:
    """Write a notebook's outputs beside their place, or keep the failed notebook and note what failed."""
    job = outcome.job
    if outcome.seconds is not None:
        written.seconds[job.province] = outcome.seconds
    if outcome.failure:
        written.failures[job.province] = _keep_failed(job, outcome.notebook, outcome.failure)
        return
    folder = _partial(job.root, job.room) / job.province
    metrics = write_outputs(folder, outcome.notebook, job.notebook.stem, job.province)
    if metrics:
        written.metrics[job.province] = metrics


def _keep_failed(job: Job, notebook: NotebookNode, failure: str) -> str:
    kept = f"{PROCESSED}/failed/{job.room}-{job.province}.ipynb"
    write(job.root / kept, nbformat.writes(notebook) + "\n")
    return (
        f"notebooks/{job.notebook.name}, province {job.province}, {failure}\n"
        f"The notebook as far as it ran is kept in {kept}. Mend the cause, then run `make repro` again."
    )


def _partial(root: Path, room: str) -> Path:
    return root / PROCESSED / ".partial" / room


def _finish(stage: Stage, written: Written, root: Path, subject: str) -> None:
    partial, target = _partial(root, stage.name), root / PROCESSED / stage.name
    if written.metrics:
        write_comparison(partial, written.metrics, subject)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    history.remember(root, stage.name, written.seconds, input_files(stage, root))
