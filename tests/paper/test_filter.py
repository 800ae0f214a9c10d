"""The filter of the manuscript, tried with Pandoc on documents of a few lines."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pypandoc
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

FILTERS = Path(__file__).parents[2] / "paper" / "filters"
REFERENCE = "@book{yin2018, author = {Yin, Robert K.}, title = {Case study research}, year = {2018}}"


def result(value: Any, unit: str = "", **more: Any) -> dict[str, Any]:
    """A result as results.json holds it."""
    empty = {"n": None, "clusters": None, "interval": None, "tables": [], "rows": {}, "reason": None}
    return {"value": value, "unit": unit, "notebook": "03_toy", "cell": "marks", **empty, **more}


RESULTS = {
    "toy.share": result(0.834, "share", n=1200, clusters=41, interval=[0.551, 0.949], tables=["cooperation"]),
    "toy.ratio": result(-0.1234, "ratio", interval=[-0.5, 1234.5]),
    "toy.whole": result(2, "marks", interval=[1.25, 3.5]),
    "toy.open": result(1.5, "ratio", interval=[None, None]),
    "toy.half_open": result(0.25, "share", interval=[None, 0.5]),
    "toy.many": result(1234567, "events"),
    "toy.none": result(0, "events"),
    "toy.p": result(0.0312, "probability"),
    "toy.tiny": result(0.00004, "probability"),
    "toy.tipping": result(0.59, "sensitivity"),
    "toy.year": result(2022, "year"),
    "toy.name": result("leaning supported", "verdict"),
    "toy.stated": result("84.6% (base unstated)", "", n=1),
    "toy.missing": result(None, "share", n=3, reason="3 of 51 colleges; the rule needs 10"),
    "toy.empty": result(None, "share"),
}


class Paper:
    """A folder with a manuscript's surroundings; `convert` gives what Pandoc answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(FILTERS, folder / "filters")
        (folder / "results.json").write_text(json.dumps({"results": RESULTS}), encoding="utf-8")
        (folder / "references.bib").write_text(REFERENCE, encoding="utf-8")
        (folder / "notebooks").mkdir()
        nbformat.write(executed_notebook(), folder / "notebooks" / "03_toy.ipynb")

    def convert(self, text: str, to: str, script: str = "paper.lua") -> "subprocess.CompletedProcess[str]":
        """Run Pandoc on a text with a filter, as render.py does."""
        words = [pypandoc.get_pandoc_path(), "-f", "markdown", "-t", to, "--wrap=none", "--fail-if-warnings"]
        words += [f"--lua-filter=filters/{script}", "--citeproc", "--bibliography=references.bib"]
        return subprocess.run(words, cwd=self.folder, input=text, capture_output=True, text=True, encoding="utf-8")

    def read(self, text: str, to: str = "plain", script: str = "paper.lua") -> str:
        """What becomes of a text, which must not fail."""
        done = self.convert(text, to, script)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def fails(self, text: str) -> str:
        """What Pandoc complains of, for a text that must not pass."""
        done = self.convert(text, "plain")
        assert done.returncode != 0 and not done.stdout
        return done.stderr


def executed_notebook() -> nbformat.NotebookNode:
    """A figure, a table, and two cells that show nothing."""
    figure = {"image/svg+xml": "<svg/>", "image/png": "aGVs\nbG8="}
    html = '<table class="dataframe"><tr><th>Form</th><th>n</th></tr><tr><td>class</td><td>4</td></tr></table>'

    def cell(label: str, kind: str, caption: str, shown: dict[str, str] | None) -> nbformat.NotebookNode:
        source = f'#| label: {label}\n#| {kind}-cap: "{caption}"\n#| {kind}-alt: "Alternative of {label}."\nshow()'
        return new_code_cell(source, outputs=[new_output("display_data", shown)] if shown else [])

    return new_notebook(
        cells=[
            cell("fig-marks", "fig", 'Marks of []{.num key=\\"toy.many\\"} events.', figure),
            cell("fig-years", "fig", "Years.", figure),
            cell("tbl-forms", "tbl", "Forms.", {"text/html": html}),
            cell("fig-silent", "fig", "Nothing.", None),
            cell("tbl-silent", "tbl", "Nothing.", {"text/plain": "no table"}),
        ]
    )


@pytest.fixture
def paper(tmp_path: Path) -> Paper:
    return Paper(tmp_path)


def num(key: str, **more: str) -> str:
    """A number span."""
    return "[]{.num " + " ".join(f'{name}="{value}"' for name, value in {"key": f"toy.{key}", **more}.items()) + "}"


def when(key: str, words: str = "kept", **conditions: str) -> str:
    """A conditional span; the names of conditions are written with `_` for `-`."""
    tests = " ".join(f'{name.strip("_").replace("_", "-")}="{value}"' for name, value in conditions.items())
    return f'[{words}]{{.when key="toy.{key}" {tests}}}'


def embed(label: str, notebook: str = "notebooks/03_toy.ipynb") -> str:
    """An embed shortcode."""
    return f"{{{{< embed {notebook}#{label} >}}}}"


def show_metadata(folder: Path, name: str) -> None:
    """Write filters/show.lua: what the filter does, and then the document is the text of one metadata field."""
    show = f"{{Pandoc = function(doc) return pandoc.Pandoc(pandoc.utils.stringify(doc.meta.{name})) end}}"
    script = f'local filters = dofile("filters/paper.lua")\nfilters[#filters + 1] = {show}\nreturn filters\n'
    (folder / "filters" / "show.lua").write_text(script, encoding="utf-8")


# Numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "fmt", "printed"),
    [
        ("many", "int", "1,234,567"),
        ("ratio", "dec1", "−0.1"),
        ("ratio", "dec2", "−0.12"),
        ("ratio", "dec3", "−0.123"),
        ("share", "pct", "83%"),
        ("share", "pct1", "83.4%"),
        ("p", "p", "p = 0.031"),
        ("tiny", "p", "p < 0.001"),
        ("year", "year", "2022"),
        ("many", "text", "1234567"),
        ("name", "text", "leaning supported"),
    ],
)
def test_a_number_is_printed_in_the_format_asked_for(paper: Paper, key: str, fmt: str, printed: str) -> None:
    assert paper.read(num(key, fmt=fmt)) == printed


@pytest.mark.parametrize(
    ("key", "printed"),
    [
        ("share", "83%"),
        ("p", "p = 0.031"),
        ("tipping", "59%"),
        ("year", "2022"),
        ("many", "1,234,567"),
        ("none", "0"),
        ("ratio", "−0.12"),
        ("whole", "2.00"),  # a whole value with an interval: the interval needs its decimals
        ("name", "leaning supported"),
        ("stated", "84.6% (base unstated)"),
    ],
)
def test_without_a_format_the_unit_decides(paper: Paper, key: str, printed: str) -> None:
    assert paper.read(num(key)) == printed


@pytest.mark.parametrize(
    ("key", "show", "printed"),
    [
        ("share", "value", "83%"),
        ("share", "interval", "55 to 95%"),
        ("share", "both", "83% (55 to 95%)"),
        ("share", "low", "55%"),
        ("share", "high", "95%"),
        ("share", "n", "1,200"),
        ("share", "clusters", "41"),
        ("whole", "both", "2.00 (1.25 to 3.50)"),
        ("open", "interval", "−∞ to ∞"),
        ("half_open", "both", "25% (−∞ to 50%)"),
        ("half_open", "low", "not available"),
        ("many", "both", "1,234,567"),
        ("many", "interval", "not available"),
        ("many", "low", "not available"),
        ("many", "n", "not available"),
        ("many", "clusters", "not available"),
        ("missing", "reason", "3 of 51 colleges; the rule needs 10"),
        ("share", "reason", ""),
    ],
)
def test_each_part_of_a_result_can_be_shown(paper: Paper, key: str, show: str, printed: str) -> None:
    assert paper.read(num(key, show=show)) == printed


@pytest.mark.parametrize("show", ["value", "interval", "both", "low", "high", "clusters"])
def test_a_missing_value_is_told_as_such(paper: Paper, show: str) -> None:
    assert paper.read(num("missing", show=show)) == "not available"
    assert paper.read(num("missing", show="n")) == "3"


def test_the_page_shows_where_a_number_comes_from(paper: Paper) -> None:
    page = paper.read(num("share"), to="html")
    assert 'href="notebooks/03_toy.html#marks"' in page and 'data-key="toy.share"' in page
    told = "83% (55 to 95%); n = 1,200; 41 clusters; toy.share, notebook 03_toy, cell marks"
    assert f'title="{told}; tables: cooperation"' in page
    assert 'title="no value: 3 of 51 colleges; the rule needs 10; n = 3;' in paper.read(num("missing"), to="html")
    assert 'title="84.6% (base unstated); n = 1;' in paper.read(num("stated"), to="html")
    assert 'title="2.00 (1.25 to 3.50) marks;' in paper.read(num("whole"), to="html")


def test_numbers_are_resolved_in_tables_captions_and_the_abstract(paper: Paper) -> None:
    table = f"::: {{#tbl-a}}\n| n |\n|---|\n| {num('many')} |\n\nFrom {num('share')}.\n:::\n"
    shown = paper.read(table)
    assert "1,234,567" in shown and "Table 1. From 83%." in shown
    show_metadata(paper.folder, "abstract")
    assert paper.read(f"---\nabstract: Since {num('year')}.\n---\n", script="show.lua") == "Since 2022."


# Conditions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "conditions", "kept"),
    [
        ("name", {"is_": "leaning supported"}, True),
        ("name", {"is_": "supported|leaning supported"}, True),
        ("name", {"is_": "supported"}, False),
        ("name", {"not": "supported"}, True),
        ("name", {"not": "supported|leaning supported"}, False),
        ("none", {"is_": "0"}, True),
        ("none", {"is_": "1|2"}, False),
        ("none", {"not": "0"}, False),
        ("share", {"is_": "0.834"}, True),
        ("share", {"above": "0.8"}, True),
        ("share", {"above": "0.834"}, False),
        ("share", {"below": "0.9"}, True),
        ("share", {"below": "0.834"}, False),
        ("ratio", {"above": "-0.2"}, True),
        ("share", {"low_above": "0.5"}, True),
        ("share", {"low_above": "0.6"}, False),
        ("share", {"high_below": "0.95"}, True),
        ("share", {"high_below": "0.9"}, False),
        ("half_open", {"low_above": "-9"}, False),
        ("half_open", {"high_below": "0.6"}, True),
        ("many", {"low_above": "0"}, False),
        ("missing", {"missing": "yes"}, True),
        ("missing", {"missing": "no"}, False),
        ("none", {"missing": "no"}, True),
        ("none", {"missing": "yes"}, False),
        ("missing", {"is_": "0"}, False),
        ("missing", {"not": "0"}, True),
        ("missing", {"above": "0"}, False),
        ("missing", {"below": "1"}, False),
        ("missing", {"low_above": "0"}, False),
        ("share", {"above": "0.8", "below": "0.9"}, True),
        ("share", {"above": "0.8", "below": "0.82"}, False),
    ],
)
def test_words_are_kept_when_every_condition_holds(
    paper: Paper, key: str, conditions: dict[str, str], kept: bool
) -> None:
    assert paper.read(f"Always{when(key, ', kept', **conditions)}.") == ("Always, kept." if kept else "Always.")


def test_a_condition_can_hold_whole_paragraphs(paper: Paper) -> None:
    text = '::: {.when key="toy.none" is="KEY"}\nOne.\n\nTwo.\n:::\n\nThree.'
    assert paper.read(text.replace("KEY", "0")).split() == ["One.", "Two.", "Three."]
    assert paper.read(text.replace("KEY", "1")) == "Three."


def test_conditions_stand_inside_conditions(paper: Paper) -> None:
    inner = when("share", "inner", above="0.8") + when("share", "not this", above="0.9")
    assert paper.read(when("none", f"outer {inner}", is_="0")) == "outer inner"


def test_dropped_text_is_never_looked_up(paper: Paper) -> None:
    unknown = num("nowhere") + when("nowhere", is_="1") + " @fig-nowhere"
    assert paper.read("Here." + when("none", unknown, is_="1")) == "Here."


# Failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (num("nowhere"), "no result has the key toy.nowhere; check its spelling"),
        ("[]{.num}", "no result has the key nil"),
        (num("share", fmt="money"), "unknown fmt money for toy.share"),
        (num("missing", fmt="money"), "unknown fmt money for toy.missing"),
        (num("share", show="mean"), "unknown show mean for toy.share"),
        (num("name", fmt="dec2"), "fmt dec2 needs a number, not leaning supported"),
        (when("nowhere", is_="0"), "no result has the key toy.nowhere"),
        (when("share", like="0"), "unknown condition like for toy.share"),
        (when("share", below="0", like="0"), "unknown condition like for toy.share"),
        (when("share"), "a .when of toy.share states no condition"),
        (when("share", above="many"), "a limit is a number, not many"),
        (when("name", above="1"), "only a number lies above or below a limit, not leaning supported"),
        (when("share", missing="true"), "missing is yes or no, not true"),
        (embed("fig-nowhere"), "notebooks/03_toy.ipynb has no cell labelled fig-nowhere"),
        (embed("fig-marks", "notebooks/99_none.ipynb"), "notebooks/99_none.ipynb; run `dvc repro` first"),
        (embed("fig-silent"), "the cell fig-silent shows no figure"),
        (embed("tbl-silent"), "the cell tbl-silent shows no table"),
        ("See @fig-nowhere.", "no figure, table or section is labelled fig-nowhere"),
        ("See @eq-nowhere.", "no figure, table or section is labelled eq-nowhere"),
        ("# A {#sec-a}\n\nSee [@sec-a, left].", "words after sec-a in a reference would be lost"),
        ("# A {#sec-a}\n\nSee [@sec-a; @yin2018].", "citation sec-a not found"),
        ("As @nobody1900 says.", "citation nobody1900 not found"),
    ],
)
def test_a_mistake_stops_the_render_with_a_sentence(paper: Paper, text: str, told: str) -> None:
    assert told in paper.fails(text)


def test_without_results_the_render_says_what_to_run(paper: Paper) -> None:
    (paper.folder / "results.json").unlink()
    assert "results.json; run `dvc repro` first" in paper.fails("Words.")


# Figures, tables, sections and references ------------------------------------------------------------------------


def test_an_embedded_figure_has_caption_number_and_alternative_text(paper: Paper) -> None:
    page = paper.read(embed("fig-marks"), to="html")
    assert '<figure id="fig-marks">' in page and 'src="figures/fig-marks.svg"' in page
    assert 'alt="Alternative of fig-marks."' in page
    caption = re.sub("<[^>]+>", "", page.split("<figcaption>")[1])
    assert caption.split() == "Figure 1. Marks of 1,234,567 events.".split()


def test_other_formats_carry_the_figure_inside(paper: Paper) -> None:
    assert "data:image/png;base64,aGVsbG8=" in paper.read(embed("fig-marks"), to="markdown")


def test_an_embedded_table_has_caption_number_and_place_to_scroll(paper: Paper) -> None:
    page = paper.read(embed("tbl-forms"), to="html")
    assert page.startswith('<div class="scroll">') and '<table id="tbl-forms"' in page
    assert "<strong>Table 1. </strong>Forms.</caption>" in page and "<td>class</td>" in page


def test_a_table_made_by_hand_is_numbered_with_the_others(paper: Paper) -> None:
    own = "::: {#tbl-own}\n| a | b |\n|---|---|\n| 1 | 2 |\n\nOwn *table*.\n:::"
    page = paper.read(f"{embed('tbl-forms')}\n\n{own}\n\nSee @tbl-own.", to="html")
    assert '<table id="tbl-own">' in page and "<strong>Table 2. </strong>Own <em>table</em>." in page
    assert page.count("<p>") == 1 and '<a href="#tbl-own" class="ref">Table\u00a02</a>' in page


def test_numbers_follow_the_order_in_the_document_after_conditions(paper: Paper) -> None:
    dropped = f'::: {{.when key="toy.none" is="1"}}\n# Dropped {{#sec-dropped}}\n\n{embed("fig-marks")}\n:::'
    parts = [
        "See @fig-years, @tbl-forms, @sec-one, @sec-two, @sec-deep and @sec-last.",
        "# One {#sec-one}", dropped, embed("fig-years"), "# Two {#sec-two}", "## Flat", "## Deep {#sec-deep}",
        embed("tbl-forms"), "# Aside {.unnumbered}", "# Last {#sec-last}", "See @fig-years.",
    ]  # fmt: skip
    text = paper.read("\n\n".join(parts)).replace("\u00a0", " ")
    assert text.startswith("See Figure 1, Table 1, Section 1, Section 2, Section 2.2 and Section 3.")
    assert text.endswith("See Figure 1.")


@pytest.mark.parametrize(
    ("reference", "printed"),
    [
        ("@fig-years", "Figure 2"),
        ("[@fig-years]", "Figure 2"),
        ("[-@fig-years]", "2"),
        ("[Fig. @fig-years]", "Fig. 2"),
        ("[@fig-marks; @fig-years]", "Figure 1, Figure 2"),
        ("[@fig-marks; -@fig-years]", "Figure 1, 2"),
    ],
)
def test_every_form_of_reference_is_resolved(paper: Paper, reference: str, printed: str) -> None:
    text = paper.read(f"{embed('fig-marks')}\n\n{embed('fig-years')}\n\nSee {reference}.")
    assert text.splitlines()[-1].replace("\u00a0", " ") == f"See {printed}."


def test_citations_are_left_to_the_citation_processor(paper: Paper) -> None:
    assert paper.read("As @yin2018 says [@yin2018].").startswith("As Yin (2018) says (Yin 2018).")


@pytest.mark.parametrize("author", ["Ada Lovelace", "\n  - name: Ada Lovelace\n    affiliations: [x]"])
def test_authors_become_plain_names(paper: Paper, author: str) -> None:
    show_metadata(paper.folder, "author")
    assert paper.read(f"---\nauthor: {author}\n---\n", script="show.lua") == "Ada Lovelace"


def test_under_quarto_embeds_and_references_are_left_to_it(paper: Paper) -> None:
    # Quarto gives its filters a global table of this name; everything but spans and divs is then its own work.
    script = 'quarto = {json = pandoc.json}\nreturn dofile("filters/paper.lua")\n'
    (paper.folder / "filters" / "as_quarto.lua").write_text(script, encoding="utf-8")
    text = f"{embed('fig-marks')}\n\n{num('many')}{when('none', ', kept', is_='0')}{when('none', 'no', is_='1')}"
    page = paper.read(text, to="html", script="as_quarto.lua")
    assert "embed notebooks/03_toy.ipynb#fig-marks" in page and "<figure" not in page
    assert '<span class="num"' in page and "1,234,567</span>, kept</p>" in page
