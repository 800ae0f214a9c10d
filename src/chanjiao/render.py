"""The manuscript: Markdown, results and executed notebooks in, one self-contained HTML folder out.

Pandoc (from the wheel that carries it) renders; paper/filters/paper.lua puts in numbers, figures and references.
"""

import base64
import json
import re
import shutil
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import nbformat
import pypandoc
from fontTools import subset
from nbformat import NotebookNode

from chanjiao.pipeline import NATION, PROCESSED
from chanjiao.project import load_params
from chanjiao.results import extract, to_json

HTML = ["--standalone", "--fail-if-warnings", "--mathml", "--toc", "--toc-depth=2"]
ARTICLE = ["--css=style.css", "--number-sections", "--section-divs", "--lua-filter=filters/paper.lua", "--citeproc"]
CHAPTER = ["--css=../style.css", "--lua-filter=filters/notebook.lua", "--metadata=lang:en"]
CHINESE = re.compile("[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")


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
        write_figures(paper, names, fresh)
        shutil.copy(paper / "style" / "style.css", fresh / "style.css")
        _pandoc(paper, "manuscript.qmd", "markdown", fresh / "index.html", ARTICLE)
        for name in names:
            write_notebook(paper, name, fresh)
        write_font(fresh)
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


def write_figures(paper: Path, names: Iterable[str], target: Path) -> None:
    """Write every figure of the executed notebooks as figures/LABEL.svg and .png with its data as LABEL.csv."""
    folder = target / "figures"
    folder.mkdir()
    for name in names:
        notebook = nbformat.read(paper / "notebooks" / f"{name}.ipynb", as_version=4)
        for label, shown in extract(notebook, name).figures.items():
            (folder / f"{label}.svg").write_text(shown["svg"], encoding="utf-8")
            (folder / f"{label}.png").write_bytes(base64.b64decode(shown["png"]))
            (folder / f"{label}.csv").write_text(shown["csv"], encoding="utf-8")


def write_notebook(paper: Path, name: str, target: Path) -> None:
    """Write an executed notebook as notebooks/NAME.html (cells keep their ids as anchors) and as .ipynb."""
    folder, source = target / "notebooks", paper / "notebooks" / f"{name}.ipynb"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(source, folder / source.name)
    reading = folder / f"{name}.reading.ipynb"
    nbformat.write(without_bundles(nbformat.read(source, as_version=4)), reading)
    options = [*CHAPTER, f"--metadata=pagetitle:{name}"]
    _pandoc(paper, str(reading.relative_to(paper)), "ipynb", folder / f"{name}.html", options)
    reading.unlink()


def without_bundles(notebook: NotebookNode) -> NotebookNode:
    """The notebook without the bundles only a machine reads; Pandoc would show them instead of the text beside them."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind in [kind for kind in output.get("data", {}) if "chanjiao" in kind]:
                del output["data"][kind]
    return notebook


def write_font(target: Path) -> None:
    """Write the glyphs that the pages use of Noto Sans SC, so that Chinese shows on every machine."""
    pages = [path.read_text(encoding="utf-8") for path in sorted(target.rglob("*.html"))]
    wanted = sorted(set(CHINESE.findall("".join(pages))))
    options = subset.Options(flavor="woff", notdef_outline=True)
    options.recalc_timestamp = False
    with subset.load_font(str(files("pylopdf_fonts_zh_cn") / "NotoSansSC-Regular.otf"), options) as font:
        cut = subset.Subsetter(options)
        cut.populate(text="".join(wanted))
        cut.subset(font)
        subset.save_font(font, str(target / "noto-sans-sc.woff"), options)


def _pandoc(paper: Path, source: str, read: str, target: Path, options: list[str]) -> None:
    try:
        pypandoc.convert_file(
            source, "html5", format=read, outputfile=str(target), extra_args=[*HTML, *options], cworkdir=str(paper)
        )
    except RuntimeError as error:
        raise RenderError(f"paper/{source} cannot be rendered: {error}") from error
