"""The stages of `dvc.yaml`: which rooms there are, what each depends on, and the fingerprint of that.

The declaration lives only in `dvc.yaml`; nothing here repeats it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from chanjiao.project import near_miss

PIPELINE_FILE = "dvc.yaml"
PROCESSED = "data/processed"
EVIDENCE_PAGES = f"{PROCESSED}/evidence"
# The commands that run no room.
CHECK, EVIDENCE, RENDER = (f"python -m chanjiao {verb}" for verb in ("check", "evidence", "render"))
NATION = "00"  # the code under which a national room runs


class UnknownRoomError(LookupError):
    """A room was asked for that `dvc.yaml` does not run."""


class MissingInputError(FileNotFoundError):
    """An input that `dvc.yaml` declares is not there."""


@dataclass(frozen=True)
class Stage:
    """A stage of `dvc.yaml`: its place among all, its command, what it declares to read, and the stages it reads from.

    One that does not use `provinces` is national; one that is frozen (`dvc freeze`) runs only when it is thawed.
    """

    name: str
    place: str
    command: str
    dependencies: tuple[str, ...]
    upstream: frozenset[str]
    national: bool
    frozen: bool = False

    @property
    def runs_room(self) -> bool:
        """Whether it executes the notebook of its name."""
        return self.command == f"python -m chanjiao run {self.name}"


def read_stages(root: Path) -> dict[str, Stage]:
    """Return the stages of `dvc.yaml` by name, in its order, which is that of a run."""
    declared: dict[str, Any] = yaml.safe_load((root / PIPELINE_FILE).read_text(encoding="utf-8"))["stages"]
    makers = {output: name for name, stage in declared.items() for output in _paths(stage.get("outs", []))}
    reads = {name: _paths(stage.get("deps", [])) for name, stage in declared.items()}
    return {
        name: Stage(
            name=name,
            place=f"{number}/{len(declared)}",
            command=str(stage.get("cmd")),
            dependencies=reads[name],
            upstream=frozenset(makers[path] for path in reads[name] if path in makers),
            national="provinces" not in stage.get("params", []),
            frozen=bool(stage.get("frozen")),
        )
        for number, (name, stage) in enumerate(declared.items(), start=1)
    }


def _paths(entries: Iterable[Any]) -> tuple[str, ...]:
    # DVC also takes an entry with options, {path: {cache: false}}.
    return tuple(entry if isinstance(entry, str) else next(iter(entry)) for entry in entries)


def room_stage(room: str, root: Path) -> Stage:
    """Return the stage of `dvc.yaml` that runs `room`.

    Raises UnknownRoomError when no stage runs it.
    """
    stages = read_stages(root)
    rooms = [name for name, stage in stages.items() if stage.runs_room]
    if room not in rooms:
        guess = near_miss(room, rooms)
        raise UnknownRoomError(
            f"{PIPELINE_FILE}: found no stage that runs a room called {room!r}; expected one of {', '.join(rooms)}; "
            f"do {f'write {guess}' if guess else 'check the name'}"
        )
    return stages[room]


def fingerprint(stage: Stage, province: str, root: Path) -> str:
    """Return the SHA-256 over path and content of everything the stage declares, as far as `province` may use it.

    Left out are the notebook, whose prose may change without effect, and what other provinces left upstream. Raises
    MissingInputError when a declared input is not there.
    """
    files = sorted(
        file.relative_to(root).as_posix()
        for dependency in stage.dependencies
        for file in _files(root, dependency, province)
        if file.suffix != ".ipynb"
    )
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file}\0{sha256(root / file)}\n".encode())
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def input_files(stage: Stage, root: Path) -> list[str]:
    """Return the declared inputs that no stage makes, file by file, as paths below `root`."""
    paths = [root / path for path in stage.dependencies if not path.startswith(PROCESSED)]
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sorted(file.relative_to(root).as_posix() for file in files if file.is_file())


def _files(root: Path, dependency: str, province: str) -> Iterator[Path]:
    path = root / dependency
    if path.is_file():
        yield path
        return
    parts = [part for part in path.glob("*") if part.name in (province, NATION) or not _is_province(part)]
    if not parts:
        raise MissingInputError(
            f"{dependency}: found nothing for the province {province}; expected what an earlier step writes there; "
            "do run `make repro`, which runs every step in order"
        )
    for part in parts:
        yield from (part,) if part.is_file() else (file for file in part.rglob("*") if file.is_file())


def _is_province(path: Path) -> bool:
    return path.is_dir() and re.fullmatch("[0-9]{2}", path.name) is not None
