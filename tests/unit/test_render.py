"""Rendering of the paper, tried on a project of two small chapters."""

import base64
import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from chanjiao import bundles, figures, render
from chanjiao.outputs import results_file
from chanjiao.project import ParamsError
from chanjiao.render import RenderError

PAPER = Path(__file__).parents[2] / "paper"
PARAMS = 'provinces: ["50", "51"]\nseed: 1\nconfidence: 0.95\nlanguage: en\nexecution: warm\n'
REFERENCES = "@book{yin2018, author = {Yin, Robert K.}, title = {Case study research}, year = {2018}}\n"
MANUSCRIPT = """---
title: A small study
author:
  - name: Ada Lovelace
bibliography: references.bib
---

# Result {#sec-result}

[]{.num key="beta.events"} events (产教融合) of []{.num key="alpha.works"} works, see @fig-beta-depth and [@yin2018].

{{< embed notebooks/02_beta.ipynb#fig-beta-depth >}}
"""
FIGURE = """#| label: fig-beta-depth
#| fig-cap: "Depth of *events*."
#| fig-alt: "One dot."
show_figure(depth)"""
TABLE = """#| label: tbl-beta-forms
#| tbl-cap: "Forms."
show_table(forms)"""


def recorded(key: str, value: float) -> NotebookNode:
    """A cell that has recorded a result, as an executed notebook holds it."""
    bundle = {part: None for part in bundles.FIELDS if part not in ("notebook", "cell")}
    bundle |= {"key": key, "value": value, "unit": "events", "tables": ["cooperation"], "rows": {}}
    data = {bundles.RESULT: bundle, "text/plain": f"{key} = {value} events"}
    return new_code_cell(f'record("{key}", {value})', id="numbers", outputs=[new_output("display_data", data)])


def shown(source: str, kind: str, data: dict[str, str]) -> NotebookNode:
    """A cell that has shown a figure or a table."""
    bundle = {kind: {"data": "label,value\na,1\n"}}
    return new_code_cell(source, outputs=[new_output("display_data", {**bundle, **data})])


def chapter(key: str, value: float) -> NotebookNode:
    """An executed notebook with a number, a figure and a table."""
    figure, axes = figures.new(1.0)
    axes[0, 0].plot([value], [1], "o")
    pictures = {"image/svg+xml": figures.to_svg(figure), "image/png": figures.to_png(figure)}
    html = '<table class="dataframe"><thead><tr><th>形式</th></tr></thead><tbody><tr><td>班</td></tr></tbody></table>'
    cells = [
        new_markdown_cell("# Are there events?\n\nThe depth (双师型) of events.", id="title"),
        new_markdown_cell("## Numbers", id="heading"),
        recorded(key, value),
        shown(FIGURE, bundles.FIGURE, pictures),
        shown(TABLE, bundles.TABLE, {"text/html": html}),
    ]
    return new_notebook(cells=cells)


def compute(root: Path, name: str, code: str, notebook: NotebookNode) -> None:
    """Write what a run leaves of a notebook for a province."""
    folder = root / "data" / "processed" / name.partition("_")[2] / code
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "notebook.ipynb")
    found = results_file(code, bundles.extract(notebook, name))
    (folder / "results.json").write_text(bundles.to_json(found), encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project: the chapter alpha is about the nation, beta about two provinces."""
    root = tmp_path / "a project"
    (root / "notebooks").mkdir(parents=True)
    for name in ("01_alpha", "02_beta"):
        nbformat.write(new_notebook(), root / "notebooks" / f"{name}.ipynb")
    compute(root, "01_alpha", "00", new_notebook(cells=[recorded("alpha.works", 151)]))
    compute(root, "02_beta", "50", chapter("beta.events", 82))
    compute(root, "02_beta", "51", chapter("beta.events", 17))
    for name in ("filters", "style", "templates"):
        shutil.copytree(PAPER / name, root / "paper" / name)
    evidence = root / "data" / "processed" / "evidence"
    evidence.mkdir()
    (evidence / "index.html").write_text("<title>Evidence</title>", encoding="utf-8")
    (root / "params.yaml").write_text(PARAMS, encoding="utf-8")
    (root / "paper" / "manuscript.qmd").write_text(MANUSCRIPT, encoding="utf-8")
    (root / "paper" / "references.bib").write_text(REFERENCES, encoding="utf-8")
    return root


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def text(path: Path) -> str:
    """The words of a page, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", path.read_text(encoding="utf-8")))


# What the manuscript reads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("province", "events"), [("50", 82), ("51", 17)])
def test_results_and_notebooks_are_those_of_the_province(root: Path, province: str, events: int) -> None:
    assert render.gather(root, province) == ["01_alpha", "02_beta"]
    merged = (root / "paper" / "results.json").read_text(encoding="utf-8")
    assert f'"province": "{province}"' in merged and f'"value": {events}' in merged
    computed = root / "data" / "processed" / "beta" / province / "notebook.ipynb"
    assert (root / "paper" / "notebooks" / "02_beta.ipynb").read_bytes() == computed.read_bytes()


def test_a_national_chapter_serves_every_province(root: Path) -> None:
    for province in ("50", "51"):
        render.gather(root, province)
        assert '"alpha.works"' in (root / "paper" / "results.json").read_text(encoding="utf-8")
        computed = root / "data" / "processed" / "alpha" / "00" / "notebook.ipynb"
        assert (root / "paper" / "notebooks" / "01_alpha.ipynb").read_bytes() == computed.read_bytes()


def test_a_notebook_of_yesterday_does_not_stay(root: Path) -> None:
    stale = root / "paper" / "notebooks" / "09_gone.ipynb"
    stale.parent.mkdir()
    stale.touch()
    render.gather(root, "50")
    assert sorted(path.name for path in stale.parent.iterdir()) == ["01_alpha.ipynb", "02_beta.ipynb"]


def test_a_chapter_that_was_not_computed_is_named(root: Path) -> None:
    with pytest.raises(RenderError, match="data/processed/beta holds nothing for province 52; .* run `dvc repro`"):
        render.gather(root, "52")
    assert not (root / "paper" / "notebooks").exists()


def test_the_paper_is_about_the_first_province(root: Path) -> None:
    assert "82 events" in text(render.render(root))
    (root / "params.yaml").write_text(PARAMS.replace('"50", "51"', '"51", "50"'), encoding="utf-8")
    assert "17 events" in text(render.render(root))


# What the folder holds ---------------------------------------------------------------------------------------------


def test_the_folder_holds_article_chapters_figures_and_their_data(root: Path) -> None:
    page = render.render(root)
    assert page == root / "paper" / "_manuscript" / "index.html"
    figure = [f"figures/fig-beta-depth.{kind}" for kind in ("csv", "png", "svg")]
    chapters = [f"notebooks/{name}.{kind}" for name in ("01_alpha", "02_beta") for kind in ("html", "ipynb")]
    beside = ["evidence/index.html", "font.css", "index.html", "noto-sans-sc.woff", "style.css", "table.js"]
    assert sorted(contents(page.parent)) == sorted([*figure, *chapters, *beside])


def test_figures_are_written_as_the_notebook_shows_them(tmp_path: Path) -> None:
    notebook = chapter("beta.events", 82)
    render.write_figures(notebook, "02_beta", tmp_path)
    shown = bundles.extract(notebook, "02_beta").figures
    written = contents(tmp_path)
    assert written["fig-beta-depth.svg"].decode() == shown["fig-beta-depth"]["svg"]
    assert written["fig-beta-depth.png"] == base64.b64decode(shown["fig-beta-depth"]["png"])
    assert written["fig-beta-depth.csv"] == b"label,value\na,1\n"


def test_a_chapter_is_a_page_for_people(root: Path) -> None:
    page = render.render(root).parent / "notebooks" / "02_beta.html"
    html, words = page.read_text(encoding="utf-8"), text(page)
    assert "vnd.chanjiao" not in html and "#|" not in words
    assert 'id="numbers"' in html and "beta.events = 82 events" in words
    assert 'src="../figures/fig-beta-depth.svg"' in html and 'alt="One dot."' in html
    assert "Depth of events." in words and "<caption>" in html and "Forms." in words
    assert re.findall(r'rel="stylesheet" href="([^"]*)"', html) == ["../font.css", "../style.css"]
    assert '<a href="../index.html">Back to the article</a>' in html


def test_the_executed_notebook_lies_beside_its_page_unchanged(root: Path) -> None:
    folder = render.render(root).parent / "notebooks"
    computed = root / "data" / "processed" / "beta" / "50" / "notebook.ipynb"
    assert (folder / "02_beta.ipynb").read_bytes() == computed.read_bytes()


def outputs(notebook: NotebookNode) -> list[tuple[str, object]]:
    """What the cells of a notebook show, as pairs of kind and content."""
    shown = [output["data"] for cell in notebook.cells for output in cell.get("outputs", [])]
    return [(kind, content) for data in shown for kind, content in data.items()]


def test_a_reading_copy_lacks_bundles_for_machines_and_content_of_pictures_and_nothing_else() -> None:
    bundled = {bundles.RESULT, bundles.FIGURE, bundles.TABLE}
    complete = outputs(chapter("beta.events", 82))
    assert bundled < {kind for kind, _ in complete}
    kept = [(kind, "" if kind.startswith("image/") else content) for kind, content in complete if kind not in bundled]
    assert outputs(render.reading_copy(chapter("beta.events", 82))) == kept


# Again, and when it fails ------------------------------------------------------------------------------------------


def test_rendering_twice_gives_the_same_bytes_from_any_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = contents(render.render(root).parent)
    monkeypatch.chdir(root.parent)
    assert contents(render.render(root).parent) == first


def test_a_copy_elsewhere_renders_the_same_bytes(root: Path) -> None:
    copied = shutil.copytree(root, root.parent / "第二")
    assert contents(render.render(root).parent) == contents(render.render(copied).parent)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("paper/manuscript.qmd", '[]{.num key="beta.nowhere"}', "no result has the key beta.nowhere"),
        ("paper/manuscript.qmd", "As @nobody1900 says.", "nobody1900 not found"),
        ("paper/manuscript.qmd", "![A](figures/fig-nowhere.svg)\n\nSee @fig-a.", "labelled fig-a"),
        ("paper/filters/paper.lua", "return nothing.at.all", "attempt to index a nil value"),
        ("paper/filters/notebook.lua", "return nothing.at.all", "attempt to index a nil value"),
    ],
)
def test_a_failure_is_told_and_leaves_the_paper_of_before(root: Path, file: str, content: str, told: str) -> None:
    before = contents(render.render(root).parent)
    with (root / file).open("a", encoding="utf-8") as end:
        end.write(f"\n\n{content}\n")
    if file.endswith(".lua"):
        (root / file).write_text(content, encoding="utf-8")
    refused = "notebooks/01_alpha.ipynb" if file.endswith("notebook.lua") else "manuscript.qmd"
    with pytest.raises(RenderError, match=f"^paper/{refused} cannot be rendered; Pandoc ended with code") as error:
        render.render(root)
    assert told in str(error.value)
    assert contents(root / "paper" / "_manuscript") == before
    assert not (root / "paper" / "_manuscript.part").exists()


def test_of_several_pages_that_fail_the_article_is_told(root: Path) -> None:
    for name in ("paper.lua", "notebook.lua"):
        (root / "paper" / "filters" / name).write_text("error('refused')", encoding="utf-8")
    with pytest.raises(RenderError, match="^paper/manuscript.qmd cannot be rendered"):
        render.render(root)


def test_what_an_interrupted_render_left_is_cleared_away(root: Path) -> None:
    part = root / "paper" / "_manuscript.part"
    part.mkdir()
    (part / "half.html").touch()
    assert "half.html" not in os.listdir(render.render(root).parent)
    assert not part.exists()


def test_unusable_settings_leave_nothing_behind(root: Path) -> None:
    (root / "params.yaml").write_text(PARAMS.replace("seed: 1", "seed: one"), encoding="utf-8")
    with pytest.raises(ParamsError, match="seed"):
        render.render(root)
    assert not (root / "paper" / "_manuscript.part").exists()
