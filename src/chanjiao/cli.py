"""The command line: `repro` and `plan` for a whole run; `check`, `evidence`, `run` and `render`, its steps; `gaps`.

What goes wrong is told in plain sentences on stderr, and the exit code is 1 (2 for a wrong command).
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import chanjiao
from chanjiao.project import load_params, project_root

STALE = 3  # exit code of `plan` when a run would do something


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command given as words (those of the command line by default) and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(words)
    try:
        root = project_root()
        use_package_of(root, words)
        code: int | None = options.carry_out(root, options)
    except Exception as error:
        if not is_told_in_sentences(error):
            raise
        print(error, file=sys.stderr)
        return 1
    return code or 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; each command carries the function that carries it out."""
    top = argparse.ArgumentParser(prog="chanjiao", description=chanjiao.__doc__)
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    repro = commands.add_parser("repro", help="compute what is not up to date, from the raw tables to the paper")
    repro.set_defaults(carry_out=_repro)
    plan = commands.add_parser("plan", help=f"say what `repro` would do and why; exit code {STALE} if anything")
    plan.set_defaults(carry_out=_plan)
    check = commands.add_parser("check", help="check the raw tables and params.yaml, and list every problem")
    check.set_defaults(carry_out=_check)
    evidence = commands.add_parser("evidence", help="make the pages that show the raw tables, codes and codebooks")
    evidence.set_defaults(carry_out=_evidence)
    run = commands.add_parser("run", help="execute the notebooks of rooms for every province of params.yaml")
    run.add_argument("rooms", nargs="+", metavar="ROOM", help="a stage of dvc.yaml, such as mechanism")
    run.set_defaults(carry_out=_run)
    for command in (repro, run):
        command.add_argument("--scheduler", metavar="ADDRESS", help="run notebooks on the Dask cluster at ADDRESS")
    render = commands.add_parser("render", help="make the paper from the results")
    render.set_defaults(carry_out=_render)
    gaps = commands.add_parser("gaps", help="print what further evidence would decide each claim, from the last run")
    gaps.add_argument("--province", metavar="CODE", help="one province, such as 50; all of params.yaml if left out")
    gaps.set_defaults(carry_out=_gaps)
    return top


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
    from chanjiao import history
    from chanjiao.check import confirm

    with history.remembered(root, "check"):
        print(confirm(root))


def _evidence(root: Path, options: argparse.Namespace) -> None:
    from chanjiao import history
    from chanjiao.evidence import write

    with history.remembered(root, "evidence"):
        write(root)


def _repro(root: Path, options: argparse.Namespace) -> None:
    from chanjiao.reproduce import reproduce

    reproduce(root, options.scheduler)


def _plan(root: Path, options: argparse.Namespace) -> int:
    from chanjiao.plan import describe, make_plan

    steps = make_plan(root)
    print(describe(steps), end="")
    return STALE if steps else 0


def _run(root: Path, options: argparse.Namespace) -> None:
    from chanjiao.execute import run

    run(options.rooms, root, options.scheduler)


def _render(root: Path, options: argparse.Namespace) -> None:
    from chanjiao import history
    from chanjiao.render import render

    with history.remembered(root, "paper"):
        render(root)


def _gaps(root: Path, options: argparse.Namespace) -> None:
    from chanjiao.gaps import read

    provinces = [options.province] if options.province else load_params(root).provinces
    texts = [read(root, province) for province in provinces]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # names and signs that a terminal's own encoding may lack
    print("\n".join(texts), end="")
