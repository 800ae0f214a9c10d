"""The same inputs give the same bytes, whatever the user, folder, locale, zone, hash seed, or order of rows."""

import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from runs import clone, command, outputs, reproduce

pytestmark = pytest.mark.slow

SURROUNDINGS = {
    "TZ": "Asia/Urumqi",
    "LC_ALL": "zh_CN.UTF-8",
    "LANG": "zh_CN.UTF-8",
    "PYTHONHASHSEED": "4242",
    "USER": "somebody",
    "LOGNAME": "somebody",
    "LOKY_MAX_CPU_COUNT": "1",
}
PYTHON_FIRST = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def different(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def test_a_run_leaves_the_committed_lock_file_unchanged(snapshot: Path, finished: Path) -> None:
    assert (finished / "dvc.lock").read_bytes() == (snapshot / "dvc.lock").read_bytes()


def test_a_second_run_does_nothing(finished: Path) -> None:
    before, lock = outputs(finished), (finished / "dvc.lock").read_bytes()
    assert reproduce(finished) == "Everything is up to date.\n"
    assert not different(before, outputs(finished)) and (finished / "dvc.lock").read_bytes() == lock


def test_another_user_folder_locale_zone_and_hash_seed_give_the_same_bytes(
    snapshot: Path, finished: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    folder = clone(snapshot, tmp_path / "另一个 folder")
    reproduce(folder, HOME=str(home), **SURROUNDINGS)
    assert not different(outputs(finished), outputs(folder))
    assert (folder / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()


def test_plain_kernels_and_dvc_alone_give_the_same_bytes(snapshot: Path, finished: Path, tmp_path: Path) -> None:
    folder = clone(snapshot, tmp_path / "plain")
    params = folder / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("execution: warm", "execution: plain"), "utf-8")
    done = command(folder, "python", "-m", "dvc", "repro", PYTHONPATH=str(folder / "src"), LOKY_MAX_CPU_COUNT="2")
    assert done.returncode == 0, done.stderr
    assert not different(outputs(finished), outputs(folder))
    assert (folder / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()


def shuffle_rows(table: Path, seed: int) -> None:
    with table.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    random.Random(seed).shuffle(rows)
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def without_inputs(content: bytes) -> bytes:
    """A notebook without the fingerprint of its inputs, which rows in another order do change."""
    return re.sub(rb'inputs = \\"[0-9a-f]{64}\\"', b"", content)


def test_shuffled_rows_and_further_provinces_change_no_result_of_a_province(
    snapshot: Path, finished: Path, tmp_path: Path
) -> None:
    folder = clone(snapshot, tmp_path / "shuffled")
    for number, table in enumerate(sorted((folder / "data/raw").rglob("*.csv"))):
        shuffle_rows(table, number)
    params = folder / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace('["50"]', '["50", "65"]'), encoding="utf-8")
    reproduce(folder, LC_ALL="C", TZ="America/St_Johns", PYTHONHASHSEED="0")
    before = {name: without_inputs(content) for name, content in outputs(finished).items() if province_file(name)}
    after = {name: without_inputs(content) for name, content in outputs(folder).items() if province_file(name)}
    assert before and not different(before, {name: after[name] for name in before})
    assert {name.split("/")[3] for name in after} == {"00", "50", "65"}
    assert set(json.loads((folder / "data/processed/synthesis/metrics.json").read_text())) == {"50", "65"}


def province_file(name: str) -> bool:
    return re.match("data/processed/[a-z]+/[0-9]{2}/", name) is not None


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, DVC's cache included, in which things may be broken."""
    shutil.copytree(finished, tmp_path / "again", symlinks=True)
    return tmp_path / "again"


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_run_after_a_cut_lock_file_ends_with_the_same_bytes(finished: Path, again: Path, share: float) -> None:
    lock = again / "dvc.lock"
    content = lock.read_bytes()
    lock.write_bytes(content[: int(share * len(content))])
    shutil.rmtree(again / "data/processed/mechanism")
    reproduce(again)
    assert not different(outputs(finished), outputs(again))
    assert lock.read_bytes() == content


@pytest.mark.parametrize("seconds", [4, 9, 16])
def test_a_killed_run_resumes_to_the_same_bytes(finished: Path, again: Path, seconds: int) -> None:
    for made in ("data/processed", ".chanjiao", ".dvc/cache"):
        shutil.rmtree(again / made)
    started = subprocess.Popen(
        [sys.executable, "-m", "chanjiao", "repro"],
        cwd=again,
        env={**os.environ, **PYTHON_FIRST, "PYTHONPATH": str(again / "src")},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    reproduce(again)
    assert not different(outputs(finished), outputs(again))
    assert (again / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()


@pytest.mark.parametrize("tool", ["chanjiao", "dvc"])
def test_a_wrong_row_stops_the_run_before_any_notebook(again: Path, tool: str) -> None:
    table = again / "data/raw/sources.csv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[7] = lines[7].replace("http", "htp", 1)
    table.write_text("".join(lines), encoding="utf-8")
    done = command(again, "python", "-m", tool, "repro", PYTHONPATH=str(again / "src"))
    assert done.returncode != 0
    assert "data/raw/sources.csv:8 url: found" in done.stderr
    assert "chanjiao run" not in done.stdout and "done in" not in done.stdout


@pytest.mark.parametrize(
    ("table", "stages"),
    [
        ("search_log", {"literature"}),
        ("policy_targets", {"transmission"}),
        ("cooperation", {"coding", "mechanism", "operation", "cases"}),
    ],
)
def test_a_changed_table_calls_only_for_the_notebooks_that_read_it(again: Path, table: str, stages: set[str]) -> None:
    path = again / f"data/raw/{table}.csv"
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    status = command(again, "python", "-m", "dvc", "status", "--json", PYTHONPATH=str(again / "src"))
    assert set(json.loads(status.stdout)) == {"check", "evidence"} | stages


def test_prose_of_a_notebook_reaches_the_paper_and_executes_nothing(again: Path) -> None:
    path = again / "notebooks/03_mechanism.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace("# Are agreements", "# Told anew: are agreements", 1), "utf-8"
    )
    plan = command(again, "python", "-m", "chanjiao", "plan", PYTHONPATH=str(again / "src"))
    assert plan.returncode == 3 and "only its prose changed" in plan.stdout and "executes nothing" in plan.stdout
    printed = reproduce(again)
    assert "computed before" in printed and "done in" not in printed
    page = (again / "paper/_manuscript/notebooks/03_mechanism.html").read_text(encoding="utf-8")
    assert "Told anew: are agreements" in " ".join(page.split())


def test_metrics_and_plots_are_shown(finished: Path) -> None:
    metrics = command(finished, "python", "-m", "dvc", "metrics", "show", "--json")
    shown = json.loads(metrics.stdout)[""]["data"]["data/processed/synthesis/metrics.json"]["data"]
    assert set(shown["50"]["verdicts"]) >= {"C1", "C2", "C3", "C4", "C5"}
    plots = command(finished, "python", "-m", "dvc", "plots", "show", "--out", "shown plots")
    assert plots.returncode == 0, plots.stderr
    page = (finished / "shown plots/index.html").read_text(encoding="utf-8")
    pipeline = yaml.safe_load((finished / "dvc.yaml").read_text(encoding="utf-8"))
    assert page.count("<img") == len(pipeline["plots"])
    assert "http" not in page  # it shows without a network
