"""The cache of executed notebooks: stale output is impossible, and nothing is executed without need."""

import json
from collections.abc import Iterable
from pathlib import Path

import nbformat
import pytest
from toy import PARAMS, change, files_below, notebook, put

from chanjiao import execute
from chanjiao.cache import FOLDER, NotebookCache

COUNT = (
    "from pathlib import Path\nfrom chanjiao.results import record\n"
    "log = Path('executions.txt')\nlog.write_text((log.read_text() if log.exists() else '') + province + ' ')\n"
    "record('toy.content', Path('data/raw/provinces.csv').read_text(), unit='text')"
)


def run(root: Path) -> list[str]:
    """Run the room and return the provinces that were executed this time."""
    (root / "executions.txt").unlink(missing_ok=True)
    execute.run(["toy"], root)
    log = root / "executions.txt"
    return log.read_text().split() if log.exists() else []


def cached(root: Path) -> Iterable[Path]:
    return (root / FOLDER).rglob("base.ipynb")


@pytest.fixture
def executed(project: Path) -> Path:
    """A project whose room has just been executed."""
    put(project, notebook(COUNT))
    assert run(project) == ["50"]
    return project


def test_nothing_is_executed_twice_and_the_outputs_are_the_same(executed: Path) -> None:
    before = files_below(executed / "data/processed")
    assert run(executed) == []
    assert files_below(executed / "data/processed") == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("params.yaml", "seed: 7", "seed: 8"),
        ("params.yaml", "confidence: 0.9", "confidence: 0.8"),
        ("params.yaml", "language: en", "language: zh"),
        ("data/raw/provinces.csv", "51", "52"),
        ("data/processed/above/50/results.json", "{}", '{"results": {}}'),
        ("data/processed/check/passed.txt", "passed", "Passed"),
        ("src/toy.py", "2", "3"),
        ("requirements.lock", "scipy==1.0", "scipy==1.1"),
        ("notebooks/03_toy.ipynb", "unit='text'", "unit='words'"),
        ("notebooks/03_toy.ipynb", "seed = 1", "seed = 2"),
    ],
)
def test_whatever_the_notebook_reads_makes_it_execute_again(executed: Path, name: str, old: str, new: str) -> None:
    change(executed, name, old, new)
    assert run(executed) == ["50"]
    kept = json.loads((executed / "data/processed/toy/50/results.json").read_text(encoding="utf-8"))["results"]
    assert kept["toy.content"]["value"] == (executed / "data/raw/provinces.csv").read_text()
    change(executed, name, new, old)
    assert run(executed) == []  # what was before is still there


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("notebooks/03_toy.ipynb", "# Toy", "# A toy"),
        ("params.yaml", "execution: warm", "execution: plain"),
        ("data/processed/above/51/results.json", "{}", '{"results": {}}'),
    ],
)
def test_prose_and_what_other_provinces_left_execute_nothing(executed: Path, name: str, old: str, new: str) -> None:
    change(executed, name, old, new)
    assert run(executed) == []


def test_new_prose_stands_in_the_output(executed: Path) -> None:
    change(executed, "notebooks/03_toy.ipynb", "# Toy", "# A toy")
    run(executed)
    kept = nbformat.read(executed / "data/processed/toy/50/notebook.ipynb", as_version=4)
    assert kept.cells[0].source.startswith("# A toy") and kept.cells[-1].outputs


def test_a_further_province_executes_only_itself(executed: Path) -> None:
    (executed / "params.yaml").write_text(PARAMS.replace('["50"]', '["51", "50"]'))
    assert run(executed) == ["51"]


def test_a_failed_notebook_is_not_kept(project: Path) -> None:
    put(project, notebook(COUNT, "1 / 0"))
    for _ in range(2):
        with pytest.raises(execute.ExecutionError):
            run(project)
        assert (project / "executions.txt").read_text() == "50 "
    assert list(cached(project)) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"changed", None])
def test_a_notebook_that_was_cut_or_changed_on_disk_is_computed_anew(executed: Path, damage: bytes | None) -> None:
    (kept,) = cached(executed)
    text = kept.read_bytes()
    kept.unlink() if damage is None else kept.write_bytes(
        damage if damage != b"changed" else text.replace(b"province_code", b"province_kode")
    )
    assert run(executed) == ["50"]
    assert run(executed) == []


def test_a_damaged_database_is_made_anew(executed: Path) -> None:
    (executed / FOLDER / "global.db").write_bytes(b"no database")
    assert run(executed) == ["50"]


def test_a_deleted_cache_is_no_loss(executed: Path) -> None:
    before = files_below(executed / "data/processed")
    for path in sorted((executed / FOLDER).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert run(executed) == ["50"]
    assert files_below(executed / "data/processed") == before


def test_an_empty_cache_finds_nothing(project: Path) -> None:
    assert NotebookCache(project).find(notebook("1")) is None
