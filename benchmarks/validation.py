"""How fast `python -m chanjiao check` checks many rows, and in how much memory: a load test on made-up repetitions.

`python benchmarks/validation.py --rows 1000000` repeats the real cooperation events under new ids, with their codes
in both passes, in a temporary folder, checks that folder in a process of its own, and prints one line.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVENTS = "data/raw/cooperation.csv"
CODES = ("data/raw/coding/cooperation_a.csv", "data/raw/coding/cooperation_b.csv")
IDS = ("event_id", "event_group")  # the columns that name an event
MOST = 26**3 * 1000  # ids of three capital letters and three digits


@dataclass(frozen=True)
class Validation:
    """What it took to check `rows` events, each coded in both passes; `peak` is resident memory in MiB."""

    rows: int
    seconds: float
    peak: float

    @property
    def rows_per_second(self) -> float:
        """Events checked in a second."""
        return self.rows / self.seconds

    def __str__(self) -> str:
        speed = f"{self.seconds:.1f} s, {self.rows_per_second:,.0f} rows a second"
        return f"{self.rows:,} rows of cooperation and twice as many of codes: {speed}, {self.peak:,.0f} MiB at most"


def measure(rows: int) -> Validation:
    """Check a throw-away project with `rows` events; raises CalledProcessError if the check finds a problem."""
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder), rows)
        return timed_check(Path(folder), rows)


def make_project(folder: Path, rows: int) -> None:
    """Copy the raw tables and settings to `folder`, with `rows` events instead of the real ones and codes for each."""
    if not 1 <= rows <= MOST:
        raise ValueError(f"--rows: found {rows}; expected 1 to {MOST}, the ids there can be; do choose fewer")
    shutil.copytree(ROOT / "data/raw", folder / "data/raw")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, folder)
    place = {event[0]: number for number, event in enumerate(records(EVENTS)[1:])}
    for file in (EVENTS, *CODES):
        header, *body = records(file)
        body.sort(key=lambda record: place[record[0]])
        with (folder / file).open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(islice(repeated(header, body, place), rows))


def records(file: str) -> list[list[str]]:
    """The records of a raw file, the header first."""
    with (ROOT / file).open(encoding="utf-8", newline="") as opened:
        return list(csv.reader(opened))


def repeated(header: list[str], body: list[list[str]], place: dict[str, int]) -> Iterator[list[str]]:
    """The records again and again; each round has ids of its own, and groups of events stay within a round."""
    ids = [header.index(name) for name in IDS if name in header]
    for start in count(0, len(place)):
        for record in body:
            again = record.copy()
            for column in ids:
                again[column] = event_id(start + place[record[column]])
            yield again


def event_id(number: int) -> str:
    """The id of event `number`: AAA-000, AAA-001 and so on."""
    letters, digits = divmod(number, 1000)
    return "".join(chr(ord("A") + letters // 26**power % 26) for power in (2, 1, 0)) + f"-{digits:03}"


def timed_check(folder: Path, rows: int) -> Validation:
    """Run the check in a process of its own; its peak counts no other process."""
    command = [sys.executable, "-m", "chanjiao", "check"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return Validation(rows, seconds, used.ru_maxrss / unit)


def main() -> None:
    """Measure once and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="events to check (default: a million)")
    print(measure(parser.parse_args().rows))


if __name__ == "__main__":
    main()
