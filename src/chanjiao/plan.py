"""What a run would do and why: stages that are not up to date, what changed in their inputs, and how long they took.

DVC says which stages are stale; the record of past runs (`history`), or else git, what their inputs looked like before.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from chanjiao import history
from chanjiao.difference import first_difference
from chanjiao.lockfile import LOCK_FILE
from chanjiao.pipeline import CHECK, PROCESSED, MissingInputError, Stage, input_files, read_stages
from chanjiao.project import PARAMS_FILE


class PlanError(RuntimeError):
    """DVC could not say what is stale; the message holds its reason."""


@dataclass(frozen=True)
class Step:
    """A stage that would run: the reasons, or the stages it waits for; seconds of the last time, if known.

    `executes` names the provinces whose notebook would be executed, None where that hangs on what runs before.
    """

    stage: Stage
    reasons: tuple[str, ...]
    waits_for: tuple[str, ...]
    seconds: float | None
    executes: tuple[str, ...] | None = None


def make_plan(root: Path) -> list[Step]:
    """Return the steps a run would take, in order; an empty list when everything is up to date."""
    stale, past = status(root), history.read(root)
    due = due_stages(read_stages(root), set(stale))
    steps = []
    for name, stage in due.items():
        waits_for = tuple(one for one in due if one in stage.upstream and due[one].command != CHECK)
        last = past.get(name, history.Run())
        reasons = tuple(_reasons(stage, stale.get(name, []), last, root))
        executes = None if waits_for or not stage.runs_room else to_execute(stage, root)
        seconds = _seconds(last.seconds, executes)
        steps.append(Step(stage, reasons, waits_for, seconds, executes))
    return steps


def due_stages(stages: Mapping[str, Stage], stale: set[str]) -> dict[str, Stage]:
    """Return the stages to run, in order: the stale ones, and those that read what one of these makes.

    What the check leaves is always the same, so that it calls for no other stage.
    """
    due: dict[str, Stage] = {}
    for name, stage in stages.items():
        if stage.frozen:
            continue
        if name in stale or any(due[one].command != CHECK for one in stage.upstream & set(due)):
            due[name] = stage
    return due


def status(root: Path) -> dict[str, list[Any]]:
    """Return what `dvc status` finds changed, by stage; raises PlanError when DVC refuses."""
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise PlanError(f"`dvc status` failed; do mend what it says:\n{done.stderr.strip()}")
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


def to_execute(stage: Stage, root: Path) -> tuple[str, ...] | None:
    """Return the provinces whose notebook of a room is not in the cache, None where an input is still to be made."""
    from chanjiao.cache import NotebookCache
    from chanjiao.execute import jobs_of

    try:
        jobs = jobs_of(stage, root)
    except MissingInputError:
        return None
    cache = NotebookCache(root)
    return tuple(job.province for job in jobs if cache.find(job.source()) is None)


def describe(steps: Sequence[Step]) -> str:
    """Return the plan in words, for a terminal."""
    if not steps:
        return "Everything is up to date.\n"
    names = ", ".join(step.stage.name for step in steps)
    head = f"{len(steps)} stage{'s' if len(steps) > 1 else ''} would run: {names}"
    return "\n\n".join([head, *map(_describe_step, steps)]) + "\n"


def _describe_step(step: Step) -> str:
    lines = [f"{step.stage.name} ({step.stage.place})", *(f"  {reason}" for reason in step.reasons)]
    if step.waits_for:
        lines.append(f"  {'and ' if step.reasons else ''}if {' or '.join(step.waits_for)} gives something new")
    if step.executes is not None:
        lines.append(f"  {_execution(step.executes)}")
    lines.append("  never run here" if step.seconds is None else f"  last time {step.seconds:.0f} s")
    return "\n".join(lines)


def _execution(provinces: Sequence[str]) -> str:
    if not provinces:
        return "executes nothing: code, parameters and inputs of the notebook were seen before"
    return f"executes the notebook for {', '.join(provinces)}"


def _seconds(taken: Mapping[str, float], executes: Sequence[str] | None) -> float | None:
    chosen = [seconds for province, seconds in taken.items() if executes is None or province in executes]
    return sum(chosen) if taken else None


def _reasons(stage: Stage, changes: Sequence[Any], last: history.Run, root: Path) -> Iterator[str]:
    for change in changes:
        if not isinstance(change, dict):  # DVC says "changed command" in one word
            yield f"dvc.yaml: {change}"
            continue
        for path, how in change.get("changed outs", {}).items():
            yield f"{path}, its output, is {'missing' if how == 'deleted' else 'not what the last run left there'}"
        for path, how in change.get("changed deps", {}).items():
            yield from _dependency_reasons(stage, path, how, last, root)


def _dependency_reasons(stage: Stage, path: str, how: Any, last: history.Run, root: Path) -> Iterator[str]:
    if path == PARAMS_FILE and isinstance(how, dict):
        yield from _parameter_reasons(stage, how, root)
    elif path.startswith(PROCESSED):
        yield f"{path} is {'missing' if how == 'deleted' else 'new'}"
    else:
        yield from _file_reasons(stage, path, last, root)


def _parameter_reasons(stage: Stage, names: Mapping[str, str], root: Path) -> Iterator[str]:
    now = yaml.safe_load((root / PARAMS_FILE).read_text(encoding="utf-8"))
    lock = yaml.safe_load((root / LOCK_FILE).read_text(encoding="utf-8"))["stages"]
    before = lock.get(stage.name, {}).get("params", {}).get(PARAMS_FILE, {})
    for name in sorted(names):
        yield f"{PARAMS_FILE} {name}: {before.get(name, 'nothing')} before, {now.get(name, 'nothing')} now"


def _file_reasons(stage: Stage, path: str, last: history.Run, root: Path) -> Iterator[str]:
    """The first difference of each file that is, or lies below, a changed dependency."""
    seen = last.inputs
    now = [file for file in input_files(stage, root) if _below(file, path)]
    changed = False
    for file in sorted({*now, *(file for file in seen if _below(file, path))}):
        before = history.former(root, last, file) if seen else _committed(root, file)
        after = (root / file).read_bytes() if (root / file).is_file() else None
        if before != after or (seen and file not in seen):
            changed = True
            yield f"{file}{_difference(file, before, after, new=bool(seen) and file not in seen)}"
    if not changed:
        yield f"{path} is not what dvc.lock records"


def _difference(file: str, before: bytes | None, after: bytes | None, new: bool) -> str:
    if after is None:
        return " is gone"
    if before is None:
        return " is new" if new else " has changed; its earlier content is not known"
    return first_difference(file, before, after)


def _below(file: str, path: str) -> bool:
    return file == path or file.startswith(f"{path}/")


def _committed(root: Path, file: str) -> bytes | None:
    """What git has of a file: before the first run in a clone, that is what dvc.lock was made from."""
    done = subprocess.run(["git", "show", f"HEAD:./{file}"], cwd=root, capture_output=True)
    return done.stdout if done.returncode == 0 else None
