"""Throw-away copies of the project, and whole runs in them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTPUTS = ("data/processed", "paper/_manuscript")
NOT_OUTPUTS = {"failed", ".partial"}


def command(folder: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder with this Python first on the path, and nothing of the caller's Python settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "COVERAGE"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    site = str(folder.parent / "site cache")
    return subprocess.run(
        words,
        cwd=folder,
        env={**kept, "PATH": path, "DVC_SITE_CACHE_DIR": site, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def copy_project(target: Path) -> Path:
    """Copy what git tracks or would track: what a clone holds, with today's changes."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, text=True, encoding="utf-8").stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def clone(snapshot: Path, target: Path) -> Path:
    """Copy a snapshot and make it a repository of its own, which DVC asks for."""
    shutil.copytree(snapshot, target)
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    return target


def reproduce(folder: Path, **environment: str) -> str:
    """Do what `make repro` does after installing; returns what was printed, and fails the test if a step fails."""
    done = command(folder, "python", "-m", "chanjiao", "repro", PYTHONPATH=str(folder / "src"), **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def outputs(folder: Path) -> Mapping[str, bytes]:
    """Every file that a run writes, by its place in the folder, with its bytes."""
    files = (file for output in OUTPUTS for file in (folder / output).rglob("*") if file.is_file())
    places = {file.relative_to(folder): file for file in files}
    return {place.as_posix(): file.read_bytes() for place, file in places.items() if not NOT_OUTPUTS & {*place.parts}}
