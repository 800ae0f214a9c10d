"""How fast the pipeline is: each figure a ratio of two commands that take turns, so that it holds on a noisy machine.

`make speed` runs this file on the last commit, in a clone of its own, and prints a table (README.md explains it).
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import nbformat
import psutil
import rival
import validation

from chanjiao.execute import jobs_of
from chanjiao.kernels import WarmKernelManager, start
from chanjiao.notebook import kernel_environment
from chanjiao.pipeline import read_stages

ROOT = Path(__file__).resolve().parents[1]
MADE = ("data/processed", ".chanjiao", ".dvc/cache", "paper/_manuscript", "paper/notebooks", "paper/results.json")
FOUR = ["50", "51", "33", "44"]  # the provinces with most data
REPRO = [sys.executable, "-m", "chanjiao", "repro"]
DVC = [sys.executable, "-m", "dvc"]
MIB = 2**20


@dataclass(frozen=True)
class Row:
    """A line of the table: what is measured, what against, both in `unit`, the goal for their ratio or for ours."""

    what: str
    ours: float
    against: str
    theirs: float | None
    goal: str
    unit: str = "s"

    def __str__(self) -> str:
        theirs = f"{self.theirs:.1f} {self.unit}" if self.theirs is not None else "–"
        ratio = f"{self.ours / self.theirs:.2f}" if self.theirs else "–"
        return f"| {self.what} | {self.ours:.1f} {self.unit} | {self.against} | {theirs} | {ratio} | {self.goal} |"


def clone(folder: Path) -> Path:
    """The last commit in a folder of its own."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    return folder


def set_provinces(project: Path, provinces: Sequence[str]) -> None:
    """Let a clone compute these provinces."""
    params = project / "params.yaml"
    lines = params.read_text(encoding="utf-8").splitlines()
    listed = ", ".join(f'"{province}"' for province in provinces)
    kept = [f"provinces: [{listed}]" if line.startswith("provinces:") else line for line in lines]
    params.write_text("\n".join(kept) + "\n", encoding="utf-8")


def clear(project: Path) -> None:
    """Leave nothing of an earlier run; what is installed and matplotlib's list of fonts stay."""
    for name in MADE:
        path = project / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def surroundings(project: Path) -> dict[str, str]:
    """The environment of a command in a clone: this Python first on the path, the package of the clone."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(project / "src")}


def timed(command: Sequence[str | Path], project: Path) -> float:
    """Seconds of a command in a clone; raises CalledProcessError if it fails."""
    started = time.monotonic()
    subprocess.run(command, cwd=project, env=surroundings(project), check=True, capture_output=True)
    return time.monotonic() - started


def in_turn(rounds: int, *commands: Callable[[], float]) -> list[float]:
    """The median seconds of each command, all of them run one after the other in every round."""
    taken = [[command() for command in commands] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def full_run(project: Path) -> float:
    """Seconds of a run from the raw tables to the paper."""
    clear(project)
    return timed(REPRO, project)


def prepared(project: Path) -> list[Path]:
    """The notebooks of a clone with their parameters put in, one for each province; others execute these."""
    jobs = [job for stage in read_stages(project).values() if stage.runs_room for job in jobs_of(stage, project)]
    paths = [project / f"{job.notebook.stem}-{job.province}.ipynb" for job in jobs]
    for job, path in zip(jobs, paths, strict=True):
        nbformat.write(job.source(), path)
    return paths


def by_nbconvert(notebooks: Iterable[Path], project: Path) -> float:
    """Seconds that nbconvert takes to execute the notebooks one by one."""
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--output-dir", "converted"]
    return sum(timed([*command, notebook], project) for notebook in notebooks)


def cell_seconds(notebooks: Iterable[Path], project: Path) -> float:
    """Seconds that the cells themselves take, one notebook after the other, imports paid beforehand."""
    import papermill

    total = 0.0
    with kernel_environment(project):
        start(["ipykernel.kernelapp", "chanjiao.operation", "chanjiao.cases", "chanjiao.transmission"])
        for notebook in notebooks:
            done = papermill.execute_notebook(
                notebook, None, progress_bar=False, kernel_name="python3", kernel_manager_class=WarmKernelManager
            )
            total += sum(cell.metadata.papermill.duration or 0 for cell in done.cells if cell.cell_type == "code")
    return total


def edit(path: Path, old: str, new: str, project: Path) -> float:
    """Seconds from a changed sentence to the paper that shows it."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1) if old in text else text.replace(new, old, 1), encoding="utf-8")
    return timed(REPRO, project)


def peak_memory(command: Sequence[str], project: Path) -> float:
    """The most memory, in MiB, that a command and all its processes held together (shared pages counted once)."""
    highest, silent = 0.0, subprocess.DEVNULL
    running = subprocess.Popen(command, cwd=project, env=surroundings(project), stdout=silent, stderr=silent)
    while running.poll() is None:
        highest = max(highest, proportional_set_size(running.pid))
        time.sleep(0.2)
    return highest / MIB


def proportional_set_size(process: int) -> float:
    """Bytes that a process and its descendants hold now; one that has just ended counts nothing."""
    total = 0
    try:
        family = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for member in family:
        try:
            total += member.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def one_province(project: Path, rounds: int) -> list[Row]:
    """Full run, cells, incremental runs and memory of the province the paper is about."""
    full_run(project)  # a warm-up, and what the others read
    notebooks = prepared(project)
    run, nbconvert, cells = in_turn(
        rounds,
        lambda: full_run(project),
        lambda: by_nbconvert(notebooks, project),
        lambda: cell_seconds(notebooks, project),
    )
    nothing, status = in_turn(
        5, lambda: timed([*DVC, "repro"], project), lambda: timed([*DVC, "status"], project)
    )
    manuscript = project / "paper/manuscript.qmd"
    prose = project / "notebooks/03_mechanism.ipynb"
    paper, notebook = in_turn(
        rounds,
        lambda: edit(manuscript, "# Introduction", "# An introduction", project),
        lambda: edit(prose, "# Are agreements", "# Told anew: are agreements", project),
    )
    clear(project)
    memory = peak_memory(REPRO, project)
    return [
        Row("full run, one province", run, "nbconvert, notebook by notebook", nbconvert, "ratio ≤ 0.30"),
        Row("full run, one province", run, "the cells alone", cells, "ratio ≤ 1.6"),
        Row("`dvc repro`, nothing to do", nothing, "`dvc status`", status, "ratio ≤ 1.3"),
        Row("sentence of the paper to HTML", paper, "–", None, "< 4 s"),
        Row("sentence of a notebook to HTML", notebook, "–", None, "< 4 s"),
        Row("memory of a full run", memory, "–", None, "< 1,024 MiB", "MiB"),
    ]


def four_provinces(project: Path) -> Row:
    """Full run of the provinces with most data."""
    set_provinces(project, FOUR)
    run = full_run(project)
    nbconvert = by_nbconvert(prepared(project), project)
    return Row("full run, four provinces", run, "nbconvert, notebook by notebook", nbconvert, "ratio ≤ 0.15")


def against_rival(project: Path, folder: Path, rounds: int) -> list[Row]:
    """Full run and no-op against calkit on the same notebooks; nothing where it cannot be installed."""
    calkit = rival.install(folder / "calkit")
    if calkit is None:
        return []
    other = folder / "rival"
    shutil.copytree(project, other, symlinks=True)
    rival.prepare(other, prepared(other))
    again, forced = (rival.command(calkit, Path(sys.executable), force) for force in (False, True))
    timed(again, other)  # makes its environment
    run, theirs = in_turn(rounds, lambda: full_run(project), lambda: timed(forced, other))
    idle, idle_theirs = in_turn(3, lambda: timed(REPRO, project), lambda: timed(again, other))
    return [
        Row("full run, one province", run, "calkit", theirs, "ratio ≤ 0.20"),
        Row("nothing to do", idle, "calkit", idle_theirs, "–"),
    ]


def of_commands(project: Path) -> Row:
    """What the command line takes to say what it can do."""
    (taken,) = in_turn(5, lambda: timed([sys.executable, "-m", "chanjiao", "--help"], project))
    return Row("`chanjiao --help`", taken, "–", None, "< 0.3 s")


def of_validation(rows: int) -> list[Row]:
    """Checking many rows."""
    done = validation.measure(rows)
    return [
        Row(f"check of {rows:,} rows ({done.rows_per_second:,.0f} a second)", done.seconds, "–", None, "< 30 s"),
        Row("memory of that check", done.peak, "–", None, "< 1,024 MiB", "MiB"),
    ]


def machine() -> str:
    """The processor, cores and date of a measurement, for whoever quotes it."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").open() if line.startswith("model name")),
        platform.machine(),
    )
    return f"{model}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {date.today()}"


def main() -> None:
    """Measure everything and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3, help="how often each pair is measured (3)")
    options.add_argument("--rows", type=int, default=1_000_000, help="rows of the table that is checked (1000000)")
    chosen = options.parse_args()
    print(f"{machine()}\n\n| what | chanjiao | against | other | ratio | goal |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        project = clone(Path(name) / "project")
        for row in one_province(project, chosen.rounds):
            print(row, flush=True)
        for row in against_rival(project, Path(name), chosen.rounds):
            print(row, flush=True)
        print(four_provinces(project), flush=True)
        for row in [of_commands(project), *of_validation(chosen.rows)]:
            print(row, flush=True)


if __name__ == "__main__":
    main()
