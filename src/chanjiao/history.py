"""What past runs left in `.chanjiao/`: how long each notebook took and the inputs it saw, kept outside every output.

It only serves to tell what a run will do; nothing is computed from it, and the folder may be deleted at any time.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chanjiao.pipeline import input_files, read_stages, sha256

FOLDER = ".chanjiao"
RUNS = f"{FOLDER}/runs.json"
INPUTS = f"{FOLDER}/inputs"
LARGEST = 20_000_000  # bytes; of a larger input only the fingerprint is kept


@dataclass(frozen=True)
class Run:
    """The last run of a stage: seconds by province ("" for a stage without), SHA-256 of each input by its path."""

    seconds: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


def read(root: Path) -> dict[str, Run]:
    """Return the last run of each stage; a record that cannot be read counts as none."""
    try:
        kept = json.loads((root / RUNS).read_text(encoding="utf-8"))
        return {stage: Run(**run) for stage, run in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember(root: Path, stage: str, seconds: Mapping[str, float], files: Iterable[str]) -> None:
    """Keep seconds (of what was executed) and inputs (paths below `root`) of a stage that has just run."""
    runs = read(root)
    taken = runs.get(stage, Run()).seconds | {province: round(value, 1) for province, value in seconds.items()}
    runs[stage] = Run(taken, {file: _keep(root, file) for file in files})
    _forget(root, {digest for run in runs.values() for digest in run.inputs.values()})
    _replace(root / RUNS, json.dumps({name: asdict(run) for name, run in runs.items()}, indent=1).encode())


@contextmanager
def remembered(root: Path, stage: str) -> Iterator[None]:
    """Keep how long what is done inside took and what the stage read, if it ends well."""
    started = time.monotonic()
    yield
    remember(root, stage, {"": time.monotonic() - started}, input_files(read_stages(root)[stage], root))


def former(root: Path, run: Run, file: str) -> bytes | None:
    """Return the content of an input as a run saw it, None if it is not known."""
    path = root / INPUTS / run.inputs.get(file, "unknown")
    return path.read_bytes() if path.is_file() else None


def _keep(root: Path, file: str) -> str:
    digest = sha256(root / file)
    kept = root / INPUTS / digest
    if not kept.is_file() and (root / file).stat().st_size <= LARGEST:
        _replace(kept, (root / file).read_bytes())
    return digest


def _forget(root: Path, needed: set[str]) -> None:
    for path in (root / INPUTS).glob("*"):
        if path.name not in needed:
            path.unlink()


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(path)
