"""A whole run: what is stale is computed, the notebooks of all stale rooms side by side, and DVC records it.

`dvc repro` gives the same bytes, but runs one stage after the other, each a new process that pays its imports again.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from chanjiao import history
from chanjiao.lockfile import mend
from chanjiao.pipeline import CHECK, EVIDENCE, RENDER, Stage, input_files, read_stages, sha256
from chanjiao.plan import describe, due_stages, status
from chanjiao.project import load_params


class ReproduceError(RuntimeError):
    """What was computed could not be recorded; the message says why and what to do."""


def reproduce(root: Path, scheduler: str | None = None) -> None:
    """Bring everything up to date; `scheduler` is the address of a Dask cluster that executes the notebooks.

    Raises what the steps raise (CheckError, ExecutionError, RenderError), and ReproduceError when an input changed
    meanwhile or DVC refuses.
    """
    load_params(root)
    message = mend(root)
    if message:
        print(message, file=sys.stderr)
    stages = read_stages(root)
    due = due_stages(stages, set(status(root)))
    if not due:
        print(describe([]), end="")
        return
    before = _inputs(stages, root)
    ours = [name for name, stage in due.items() if _is_ours(stage)]
    _compute({name: due[name] for name in ours}, root, scheduler)
    if _inputs(stages, root) != before:
        raise ReproduceError("An input was changed during the run; do run `make repro` again, which computes the rest")
    # DVC reads and writes dvc.lock anew for every name, half a second each, and once for the whole pipeline.
    whole = all(_is_ours(stage) and not stage.frozen for stage in stages.values())
    _dvc(root, "commit", "--quiet", "--force", *([] if whole else ours))
    if len(ours) < len(due):  # a stage that somebody added, with a command of its own
        _dvc(root, "repro")


def _compute(due: Mapping[str, Stage], root: Path, scheduler: str | None) -> None:
    rooms = [name for name, stage in due.items() if stage.runs_room]
    steps = {stage.command: stage for stage in due.values()}
    for command in (CHECK, EVIDENCE):
        if command in steps:
            _step(steps[command], root)
    if rooms:
        from chanjiao.execute import run

        run(rooms, root, scheduler)
    if RENDER in steps:
        _step(steps[RENDER], root)


def _is_ours(stage: Stage) -> bool:
    return stage.runs_room or stage.command in STEPS


def _step(stage: Stage, root: Path) -> None:
    with history.remembered(root, stage.name):
        done = STEPS[stage.command](root)
    print(f"[{stage.place} {stage.name}] {done}", flush=True)


def _inputs(stages: Mapping[str, Stage], root: Path) -> dict[str, str]:
    files = {file for stage in stages.values() for file in input_files(stage, root)}
    return {file: sha256(root / file) for file in files}


def _dvc(root: Path, *words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", *words], cwd=root)
    if done.returncode:
        raise ReproduceError(f"`dvc {words[0]}` failed; do mend what it says above, then run `make repro` again")


# What a step imports takes longer than finding out that there is nothing to do.
def _checked(root: Path) -> str:
    from chanjiao.check import confirm

    return confirm(root)


def _shown(root: Path) -> str:
    from chanjiao.evidence import write

    return f"{write(root).relative_to(root)} is written"


def _rendered(root: Path) -> str:
    from chanjiao.render import render

    return f"{render(root).relative_to(root)} is written"


STEPS: dict[str, Callable[[Path], str]] = {CHECK: _checked, EVIDENCE: _shown, RENDER: _rendered}
