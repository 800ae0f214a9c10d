"""The locks, the environment files and the Makefile say the same thing, and nothing is resolved outside the locks."""

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from runs import ROOT

LOCKS = ["requirements.lock", "requirements-build.lock", "requirements-lab.lock"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(lock: str) -> dict[str, str]:
    """The packages of a lock by name, with their version."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE))


def wanted(*groups: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for group in groups for line in group}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_is_pinned_with_its_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", "")
    lines = text.splitlines()
    assert lines
    pattern = r"[a-z0-9._-]+==\S+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+"
    assert [line for line in lines if not re.fullmatch(pattern, line)] == []


def test_the_lock_holds_all_that_the_project_needs() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert wanted(PROJECT["project"]["dependencies"], extras["test"]) <= set(pins("requirements.lock"))
    assert wanted(extras["lab"]) <= set(pins("requirements-lab.lock"))
    assert wanted(PROJECT["dependency-groups"]["build"]) == set(pins("requirements-build.lock"))


def test_what_builds_the_project_is_locked() -> None:
    assert wanted(PROJECT["build-system"]["requires"]) <= set(pins("requirements-build.lock"))


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_the_locks_agree_on_every_package_they_share(lock: str) -> None:
    main, other = pins("requirements.lock"), pins(lock)
    assert {name: main[name] for name in main.keys() & other} == {name: other[name] for name in main.keys() & other}


def test_conda_users_get_the_python_and_the_lock_of_everybody_else() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, *_, nested = environment["dependencies"]
    assert python == f"python={(ROOT / '.python-version').read_text().strip()}"
    assert PROJECT["project"]["requires-python"] == f">={python.removeprefix('python=')}"
    assert nested == {"pip": ["--require-hashes", "--requirement requirements.lock"]}


def make(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    # Without what `make test` hands down, should these tests run in it.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *words], cwd=folder, env=outside, capture_output=True, text=True, encoding="utf-8")


def test_make_lists_every_command() -> None:
    phony = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    listed = [line.split()[1] for line in make(ROOT).stdout.splitlines() if line.startswith("make ")]
    assert sorted(listed) == sorted(phony[0].split())


def test_clean_says_what_it_removes_and_spares_the_raw_tables(tmp_path: Path) -> None:
    for name in ("data/raw/sources.csv", "data/processed/check/passed.txt", ".venv/installed", "dvc.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    assert make(tmp_path, "clean").stdout.startswith("Removing .venv data/processed")
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["Makefile", "data/raw/sources.csv", "dvc.lock"]


@pytest.mark.parametrize(
    ("refused", "sentence"), [("version_info", "chanjiao needs Python 3.11"), ("ensurepip", "apt install python3-venv")]
)
def test_a_python_that_cannot_serve_is_refused_in_one_sentence(tmp_path: Path, refused: str, sentence: str) -> None:
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *{refused}*) exit 1;; esac\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    done = make(tmp_path, ".venv/packages", f"PYTHON={python}")
    assert done.returncode != 0 and sentence in done.stdout and "Traceback" not in done.stdout + done.stderr


def test_a_folder_with_a_chinese_name_is_installed_and_runs_in_any_locale(tmp_path: Path) -> None:
    folder = tmp_path / "另一个 folder"
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", "dvc.yaml", *LOCKS):
        shutil.copy(ROOT / name, folder / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    (site,) = (folder / ".venv/lib").glob("python*/site-packages")
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / ".venv/packages").touch()
    plain = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(tmp_path)}
    words = ["make", ".venv/installed"]
    done = subprocess.run(words, cwd=folder, env=plain, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    program = [folder / ".venv/bin/python", "-c", "import chanjiao; print(ascii(chanjiao.__file__))"]
    found = subprocess.run(program, cwd=tmp_path, env=plain, capture_output=True, text=True)
    assert found.stdout.strip() == ascii(str(folder / "src/chanjiao/__init__.py")), found.stderr
    helped = subprocess.run([folder / ".venv/bin/chanjiao", "--help"], env=plain, capture_output=True, text=True)
    assert helped.returncode == 0 and "render" in helped.stdout


def test_an_installed_environment_is_not_installed_again(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/packages").touch()
    (tmp_path / ".venv/installed").touch()
    assert "up to date" in make(tmp_path, ".venv/installed", "PYTHON=false").stdout
