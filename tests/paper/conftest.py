"""The paper as a reader gets it, rendered from results computed for these tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest

from chanjiao import evidence
from chanjiao.project import load_params
from chanjiao.render import render

ROOT = Path(__file__).parents[2]
NATION = "00"
SOURCES = ("params.yaml", "paper/manuscript.qmd", "paper/references.bib")
FOLDERS = ("data/raw", "docs/codebooks", "notebooks", "paper/filters", "paper/style", "paper/templates")


@pytest.fixture(scope="session")
def project(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all that the paper is rendered from; its folder has a space in its name."""
    target = tmp_path_factory.mktemp("paper") / "the project"
    for name in SOURCES:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target / name)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    province = load_params(ROOT).provinces[0]
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        room = Path("data", "processed", notebook.stem.partition("_")[2])
        computed = next(room / code for code in (province, NATION) if (finished / room / code).is_dir())
        shutil.copytree(finished / computed, target / computed)
    evidence.write(target)
    return target


@pytest.fixture(scope="session")
def page(project: Path) -> Path:
    """The rendered article, beside its notebooks, figures, style and font."""
    return render(project)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    """A browser with one tab."""
    if not chromium.installed():
        pytest.skip("Chromium is not installed, so nothing can be looked at in a browser")
    with chromium.running(tmp_path_factory.mktemp("profile")) as running:
        yield running
