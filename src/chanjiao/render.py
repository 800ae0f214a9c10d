"""The manuscript: Markdown, results and executed notebooks in, one self-contained HTML folder out.

Pandoc (from the wheel that carries it) renders; paper/filters/paper.lua puts in numbers, figures and references.
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
import pypandoc
from nbformat import NotebookNode

from chanjiao import font
from chanjiao.bundles import extract, to_json
from chanjiao.pipeline import EVIDENCE_PAGES, NATION, PROCESSED
from chanjiao.project import load_params

HTML = ["--to=html5", "--standalone", "--fail-if-warnings", "--mathml", "--toc", "--toc-depth=2"]
ARTICLE = ["--from=markdown", "--css=font.css", "--css=style.css", "--number-sections", "--section-divs"]
ARTICLE += ["--lua-filter=filters/paper.lua", "--citeproc", "--include-before-body=templates/pages.html"]
CHAPTER = ["--from=ipynb", "--css=../font.css", "--css=../style.css", "--metadata=lang:en"]
CHAPTER += ["--lua-filter=filters/notebook.lua"]


class RenderError(RuntimeError):
    """The manuscript cannot be rendered; the message says what is missing and what to do."""


def render(root: Path) -> Path:
    """Render the manuscript about the first province of params.yaml; returns the page it wrote.

    Copies that province's executed notebooks to paper/notebooks and its results to paper/results.json, all that the
    manuscript and its filter read, then writes paper/_manuscript. Raises RenderError where Pandoc or the filter
    refuses, and leaves no half-written folder.
    """
    paper = root / "paper"
    target, fresh = paper / "_manuscript", paper / "_manuscript.part"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    try:
        names = gather(root, load_params(root).provinces[0])
        for file in sorted((paper / "style").iterdir()):
            shutil.copy(file, fresh / file.name)
        shutil.copytree(root / EVIDENCE_PAGES, fresh / "evidence")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            pages = write_pages(pool, paper, names, fresh)
            font.write((page.result() for page in pages), fresh)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target / "index.html"


def gather(root: Path, province: str) -> list[str]:
    """Copy executed notebooks and results of a province and the nation into the paper folder; returns their names."""
    paper, found = root / "paper", {}
    results: dict[str, object] = {}
    for source in sorted((root / "notebooks").glob("*.ipynb")):
        room = source.stem.partition("_")[2]
        folder = _folder(root, room, province)
        found[source.stem] = folder / "notebook.ipynb"
        results.update(json.loads((folder / "results.json").read_text(encoding="utf-8"))["results"])
    shutil.rmtree(paper / "notebooks", ignore_errors=True)
    (paper / "notebooks").mkdir()
    for name, path in found.items():
        shutil.copyfile(path, paper / "notebooks" / f"{name}.ipynb")
    (paper / "results.json").unlink(missing_ok=True)  # it may be a link into DVC's cache, which must stay as it is
    (paper / "results.json").write_text(to_json({"province": province, "results": results}), encoding="utf-8")
    return list(found)


def _folder(root: Path, room: str, province: str) -> Path:
    for code in (province, NATION):
        folder = root / PROCESSED / room / code
        if folder.is_dir():
            return folder
    raise RenderError(
        f"{PROCESSED}/{room} holds nothing for province {province}; expected an executed notebook; run `dvc repro`"
    )


def write_pages(pool: ThreadPoolExecutor, paper: Path, names: Iterable[str], target: Path) -> list[Future[str]]:
    """Write the article as index.html and each executed notebook as notebooks/NAME.html and .ipynb, with its figures.

    Pandoc makes the pages side by side; returned are the pages to come, the article first.
    """
    (target / "notebooks").mkdir()
    (target / "figures").mkdir()
    pandoc = partial(_pandoc, pypandoc.get_pandoc_path(), paper)
    pages = [pool.submit(pandoc, "manuscript.qmd", target / "index.html", ARTICLE)]
    for name in names:
        source, page = f"notebooks/{name}.ipynb", target / "notebooks" / f"{name}.html"
        shutil.copyfile(paper / source, target / source)
        notebook = nbformat.v4.reads((paper / source).read_text(encoding="utf-8"))  # was validated when written
        write_figures(notebook, name, target / "figures")
        options = [*CHAPTER, f"--metadata=pagetitle:{name}"]
        pages.append(pool.submit(pandoc, source, page, options, json.dumps(reading_copy(notebook))))
    return pages


def write_figures(notebook: NotebookNode, name: str, folder: Path) -> None:
    """Write every figure of the executed notebook called `name` as LABEL.svg and .png with its data as LABEL.csv."""
    for label, shown in extract(notebook, name).figures.items():
        (folder / f"{label}.svg").write_text(shown["svg"], encoding="utf-8")
        (folder / f"{label}.png").write_bytes(base64.b64decode(shown["png"]))
        (folder / f"{label}.csv").write_text(shown["csv"], encoding="utf-8")


def reading_copy(notebook: NotebookNode) -> NotebookNode:
    """Take out of a notebook what its page does not need: bundles for machines and the content of pictures.

    Pandoc would show bundles instead of the text beside them; the filter takes pictures from the folder of figures.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind in list(output.get("data", {})):
                if "chanjiao" in kind:
                    del output["data"][kind]
                elif kind.startswith("image/"):
                    output["data"][kind] = ""
    return notebook


def _pandoc(program: str, paper: Path, source: str, page: Path, options: list[str], text: str | None = None) -> str:
    """Make a page of a source below the paper folder, or of a text that stands for it; returns what the page holds.

    pypandoc's own function changes the working folder of the whole process, so it cannot run side by side.
    """
    command = [program, *HTML, *options, f"--output={page}", source if text is None else "-"]
    ended = subprocess.run(command, cwd=paper, input=text, capture_output=True, encoding="utf-8", check=False)
    if ended.returncode:
        told = ended.stderr.strip() or "no message"
        raise RenderError(f"paper/{source} cannot be rendered; Pandoc ended with code {ended.returncode}: {told}")
    return page.read_text(encoding="utf-8")
