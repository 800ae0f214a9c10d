"""The command line, in a small project whose parts are the real ones."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import chanjiao
from chanjiao import cli
from chanjiao.check import PASSED
from chanjiao.gaps import SHOWN

ROOT = Path(__file__).parents[2]
SOURCE = Path(chanjiao.__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real raw tables, settings and pipeline, without the code: the imported package serves."""
    root = tmp_path / "a 省"
    shutil.copytree(ROOT / "data/raw", root / "data/raw")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, root / name)
    monkeypatch.chdir(root)
    return root


def test_check_passes_on_the_real_data_and_says_what_it_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check"]) == 0
    shown = capsys.readouterr()
    assert "tables with" in shown.out and shown.err == ""
    assert (project / PASSED).is_file()


def test_check_lists_problems_on_stderr_and_withdraws_the_pass(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / PASSED).parent.mkdir(parents=True)
    (project / PASSED).write_text("of an earlier run")
    (project / "params.yaml").write_text('provinces: ["50"]\nseed: 1\nconfidence: 95\nlanguage: en\nexecution: warm\n')
    assert cli.main(["check"]) == 1
    shown = capsys.readouterr()
    assert "params.yaml:3 confidence: found the number 95" in shown.err and shown.out == ""
    assert not (project / PASSED).exists()


def test_what_check_writes_does_not_change_with_the_rows(project: Path) -> None:
    cli.main(["check"])
    before = (project / PASSED).read_bytes()
    table = project / "data/raw/search_log.csv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(lines[:-1]), encoding="utf-8")
    assert cli.main(["check"]) == 0
    assert (project / PASSED).read_bytes() == before


def test_an_unknown_room_is_told_in_one_sentence(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "mecanism"]) == 1
    assert "do write mechanism" in capsys.readouterr().err


def test_outside_a_project_the_reader_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["check"]) == 1
    assert "found no dvc.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["chek"], ["run"], ["run", "a", "--fast"]])
def test_a_wrong_command_exits_with_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert "usage: chanjiao" in capsys.readouterr().err


def test_every_command_has_a_line_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    commands = {words[0]: words[1:] for words in lines if words and words[0] in ("check", "run", "render", "gaps")}
    assert len(commands) == 4 and all(len(words) > 3 for words in commands.values())


def leave_results(project: Path, province: str, name: str) -> None:
    folder = project / "data/processed/synthesis" / province
    (folder / "tables").mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps({"results": {"synthesis.province": {"value": name}}}))
    rows = (
        "Claim,Verdict,Indicators,Tables,Further rows,What would decide it\nC3,undecided,C3.2,institutions,9,9 more\n"
    )
    (folder / f"tables/{SHOWN}.csv").write_text(rows)


def test_gaps_prints_what_would_decide_for_every_province(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = (project / "params.yaml").read_text(encoding="utf-8")
    (project / "params.yaml").write_text(params.replace('["50"]', '["50", "51"]'), encoding="utf-8")
    leave_results(project, "50", "重庆市")
    leave_results(project, "51", "Sichuan")
    assert cli.main(["gaps"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert [line for line in shown.out.splitlines() if "(" in line] == ["重庆市 (50)", "Sichuan (51)"]
    assert shown.out.count("C3     undecided  9 more") == 2
    assert cli.main(["gaps", "--province", "51"]) == 0
    assert capsys.readouterr().out.startswith("Sichuan (51)\n")


def test_gaps_without_results_says_how_to_make_them(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["gaps"]) == 1
    shown = capsys.readouterr()
    assert "run `make repro`" in shown.err and shown.out == ""


def test_gaps_prints_nothing_if_one_province_lacks_results(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_results(project, "50", "Chongqing")
    assert cli.main(["gaps", "--province", "53"]) == 1
    assert "synthesis/53/" in capsys.readouterr().err


def test_an_error_of_a_developer_keeps_its_traceback(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(root: Path, options: object) -> None:
        raise KeyError("a slip in the code")

    monkeypatch.setattr(cli, "_check", broken)
    with pytest.raises(KeyError):
        cli.main(["check"])


def test_a_copied_folder_runs_its_own_package(project: Path) -> None:
    shutil.copytree(SOURCE / "chanjiao", project / "src/chanjiao", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "src/chanjiao/check.py").write_text('raise OSError("this is the copy")\n')
    command = [sys.executable, "-m", "chanjiao", "check"]
    environment = {"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin"}
    done = subprocess.run(command, cwd=project / "data", env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "this is the copy\n")
