"""Notebooks on a Dask cluster: a real scheduler and two real worker processes on this machine."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy import PARAMS, SHOW_FIGURE, SHOW_TABLE, SHOW_VERDICTS, SOURCE, files_below, notebook, put

from chanjiao import execute
from chanjiao.execute import ExecutionError

# Assigned, since a cell shows its last expression: the number of digits, which differs between processes.
WHERE = "import os, pathlib\nsize = pathlib.Path(f'worker-{province}').write_text(str(os.getppid()))"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    file = tmp_path / "scheduler.json"
    words = [sys.executable, "-m"]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    commands = [[*words, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *common]]
    commands += [[*words, "distributed.cli.dask_worker", "--nthreads", "1", *common]] * 2
    processes = [subprocess.Popen(command, cwd=tmp_path, env=environment, **silent) for command in commands]
    deadline = time.monotonic() + 60
    while not file.is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    from distributed import Client

    with Client(address) as client:
        client.wait_for_workers(2, timeout=60)
    yield address
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=30)


def test_two_workers_share_the_provinces_and_leave_the_same_bytes(project: Path, cluster: str) -> None:
    put(project, notebook(SHOW_VERDICTS, SHOW_FIGURE, SHOW_TABLE, WHERE))
    (project / "params.yaml").write_text(PARAMS.replace('["50"]', '["50", "51"]'))
    execute.run(["toy"], project, scheduler=cluster)
    parents = {(project / f"worker-{province}").read_text() for province in ("50", "51")}
    assert len(parents) == 2 and str(os.getpid()) not in parents
    there = files_below(project / "data/processed/toy")
    for path in sorted((project / ".chanjiao").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    execute.run(["toy"], project)
    assert files_below(project / "data/processed/toy") == there


def test_a_failing_cell_is_told_from_the_cluster_too(project: Path, cluster: str) -> None:
    put(project, notebook("1 / 0"))
    with pytest.raises(ExecutionError, match="province 50, cell work-1, under 'Result': the cell failed"):
        execute.run(["toy"], project, scheduler=cluster)


def test_an_address_without_a_scheduler_is_told(project: Path) -> None:
    put(project, notebook("1"))
    with pytest.raises(
        ExecutionError, match=r"found no Dask scheduler at tcp://127.0.0.1:9 \(.*\); expected an address"
    ):
        execute.run(["toy"], project, scheduler="tcp://127.0.0.1:9")
