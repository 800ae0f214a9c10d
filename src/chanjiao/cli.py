"""The command line: `check`, `run` and `render`, the commands of `dvc.yaml`, and `gaps` for a reader.

What goes wrong is told in plain sentences on stderr, and the exit code is 1 (2 for a wrong command).
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import chanjiao
from chanjiao.pipeline import PROCESSED
from chanjiao.project import load_params, project_root

PASSED = f"{PROCESSED}/check/passed.txt"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command given as words (those of the command line by default) and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(words)
    try:
        root = project_root()
        use_package_of(root, words)
        options.carry_out(root, options)
    except Exception as error:
        if not is_told_in_sentences(error):
            raise
        print(error, file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; each command carries the function that carries it out."""
    top = argparse.ArgumentParser(prog="chanjiao", description=chanjiao.__doc__)
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    check = commands.add_parser("check", help="check the raw tables and params.yaml, and list every problem")
    check.set_defaults(carry_out=_check)
    run = commands.add_parser("run", help="execute the notebook of a room for every province of params.yaml")
    run.add_argument("room", help="a stage of dvc.yaml, such as mechanism")
    run.set_defaults(carry_out=_run)
    render = commands.add_parser("render", help="make the paper from the results")
    render.set_defaults(carry_out=_render)
    gaps = commands.add_parser("gaps", help="print what further evidence would decide each claim, from the last run")
    gaps.add_argument("--province", metavar="CODE", help="one province, such as 50; all of params.yaml if left out")
    gaps.set_defaults(carry_out=_gaps)
    return top


class CheckError(ValueError):
    """The raw tables or `params.yaml` hold problems; the message lists them."""


def is_told_in_sentences(error: Exception) -> bool:
    """Whether an error is one of ours or of the file system; any other keeps its traceback, which a developer needs."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] == "chanjiao"


def use_package_of(root: Path, words: Sequence[str]) -> None:
    """Start again with the package in `root/src` if another copy was imported.

    An editable installation imports from where it was installed, so a copied folder, a DVC experiment or a queue
    worker would otherwise run the code of the original.
    """
    source = root / "src"
    imported = Path(chanjiao.__file__).resolve().parent
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if not (source / "chanjiao").is_dir() or imported == (source / "chanjiao").resolve() or paths[0] == str(source):
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(source), *paths]))
    os.execv(sys.executable, [sys.executable, "-m", "chanjiao", *words])


def _check(root: Path, options: argparse.Namespace) -> None:
    from chanjiao.check import check, report
    from chanjiao.tables import load, package

    passed = root / PASSED
    passed.unlink(missing_ok=True)
    problems = check(root)
    if problems:
        raise CheckError(report(problems))
    frames = load(*(resource["name"] for resource in package(root)["resources"]), root=root)
    # No counts or hashes in the file: a changed table must re-run only what reads it.
    passed.parent.mkdir(parents=True, exist_ok=True)
    passed.write_text("The raw tables agree with data/raw/datapackage.json.\n", encoding="utf-8", newline="\n")
    print(f"{len(frames)} tables with {sum(map(len, frames.values()))} rows checked, no problem found")


def _run(root: Path, options: argparse.Namespace) -> None:
    from chanjiao.execute import run

    run(options.room, root)


def _render(root: Path, options: argparse.Namespace) -> None:
    from chanjiao.render import render

    render(root)


def _gaps(root: Path, options: argparse.Namespace) -> None:
    from chanjiao.gaps import read

    provinces = [options.province] if options.province else load_params(root).provinces
    texts = [read(root, province) for province in provinces]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # names and signs that a terminal's own encoding may lack
    print("\n".join(texts), end="")
