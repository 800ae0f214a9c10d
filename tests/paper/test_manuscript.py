"""What the manuscript may say: no typed result, no verdict outside its condition, nothing that a renderer trips on."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pypandoc
import pytest

from chanjiao.bundles import cell_options

ROOT = Path(__file__).parents[2]
MANUSCRIPT = ROOT / "paper" / "manuscript.qmd"
EMBED = re.compile(r"\{\{< embed (notebooks/\w+\.ipynb)#((?:fig|tbl)-[\w-]+) >\}\}")
CROSS_REFERENCE = re.compile(r"(fig|tbl|sec|eq|lst|thm)-")
VERDICT = re.compile(r"\b(supported|contradicted|undecided|insufficient data|leaning|mixed)\b", re.IGNORECASE)

# Digits that are no results: years, and the labels of claims, indicators, remedies and directions.
LABEL = re.compile(r"\b(?:(?:19|20)\d\d|C[1-5](?:\.[1-3])?|R[1-5]|T[1-3])\b")
OTHER_DIGITS = {"AC1": "the name of Gwet's coefficient"}

# Verdict words outside the methods, where they give no verdict.
NO_VERDICTS = {
    "a claim that the evidence cannot decide is reported as undecided": "says what a word means",
    "figures of the cases are contradicted by another page": "is about figures of colleges, not about a claim",
    "the number supported is , contradicted , leaning to support , leaning to contradiction , mixed , undecided ,": (
        "counts the verdicts, and every count is a span"
    ),
}

Node = Any


def elements(node: Node) -> Iterator[dict[str, Any]]:
    """Every element of Pandoc's tree, outer before inner, in the order of the text."""
    if isinstance(node, dict):
        if "t" in node:
            yield node
        node = list(node.values())
    for part in node if isinstance(node, list) else ():
        yield from elements(part)


def words(node: Node, left_out: Callable[[dict[str, Any]], bool] = lambda element: False) -> str:
    """The text of an element without the elements left out."""
    if isinstance(node, list):
        return "".join(words(part, left_out) for part in node)
    if not isinstance(node, dict) or "t" not in node or left_out(node):
        return ""
    kind, content = node["t"], node.get("c", [])
    if kind in ("Str", "MetaString"):
        return content
    if kind in ("Space", "SoftBreak", "LineBreak"):
        return " "
    return words(content, left_out)


def classes(element: dict[str, Any]) -> list[str]:
    """The classes of a span, div, code block or link."""
    return element["c"][0][1]


def is_span(element: dict[str, Any], name: str) -> bool:
    """Whether an element is a span or div of a class."""
    return element["t"] in ("Span", "Div") and name in classes(element)


@cache
def parsed() -> dict[str, Any]:
    """The manuscript as Pandoc reads it, before any filter."""
    done = subprocess.run(
        [pypandoc.get_pandoc_path(), "--from=markdown", "--to=json", str(MANUSCRIPT)], capture_output=True, check=True
    )
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Passage:
    """A paragraph, caption or cell of a table, and the section of the first level it stands in."""

    section: str
    content: Node


@cache
def passages() -> list[Passage]:
    """All running text: the metadata a reader sees, and every paragraph."""
    meta = parsed()["meta"]
    found = [Passage(name, meta[name]) for name in ("title", "subtitle", "abstract")]
    section = ""
    for element in elements(parsed()["blocks"]):
        if element["t"] == "Header" and element["c"][0] == 1:
            section = element["c"][1][0]
        if element["t"] in ("Para", "Plain") and not EMBED.fullmatch(words(element)):
            found.append(Passage(section, element))
    return found


def embedded() -> dict[str, str]:
    """Label of every embedded figure and table, and its notebook."""
    paragraphs = [words(element) for element in elements(parsed()["blocks"]) if element["t"] == "Para"]
    return {found[2]: found[1] for found in map(EMBED.fullmatch, paragraphs) if found}


def labels() -> set[str]:
    """Every label of a figure, table or section that the text can refer to."""
    attributes = [e["c"][1] for e in elements(parsed()["blocks"]) if e["t"] == "Header"]
    attributes += [e["c"][0] for e in elements(parsed()["blocks"]) if e["t"] == "Div"]
    return {name for name, *_ in attributes if CROSS_REFERENCE.match(name)} | set(embedded())


def cited() -> set[str]:
    """What the text refers to: works, figures, tables and sections."""
    cites = [element for element in elements([parsed()["meta"], parsed()["blocks"]]) if element["t"] == "Cite"]
    return {citation["citationId"] for cite in cites for citation in cite["c"][0]}


def bibliography() -> list[str]:
    """The keys of references.bib."""
    text = (ROOT / "paper" / "references.bib").read_text(encoding="utf-8")
    return re.findall(r"^@\w+\{([^,]+),", text, flags=re.MULTILINE)


# Numbers and verdicts --------------------------------------------------------------------------------------------


def test_every_key_names_a_result(project: Path, page: Path) -> None:
    # Also in text that a condition drops today: other data may keep it.
    results = json.loads((project / "paper" / "results.json").read_text(encoding="utf-8"))["results"]
    spans = [element for element in elements(list(parsed().values())) if element["t"] in ("Span", "Div")]
    keys = {value for span in spans for name, value in span["c"][0][2] if name == "key"}
    assert len(keys) > 100
    assert sorted(keys - set(results)) == []


def test_no_number_is_typed() -> None:
    def not_prose(element: dict[str, Any]) -> bool:
        return element["t"] in ("Cite", "Header") or is_span(element, "num")

    for passage in passages():
        text = LABEL.sub("", words(passage.content, not_prose))
        for name in OTHER_DIGITS:
            text = text.replace(name, "")
        assert not re.search(r"\d", text), text


def test_a_verdict_stands_only_where_a_condition_or_a_result_puts_it() -> None:
    for passage in passages():
        if passage.section == "sec-methods":
            continue
        conditional = words(passage.content, lambda e: is_span(e, "when") or is_span(e, "num") or e["t"] == "Cite")
        text = re.sub(r"\s+", " ", conditional).lower().replace("mixed-methods", "")
        for phrase in NO_VERDICTS:
            text = text.replace(phrase, "")
        assert not VERDICT.search(text), text


def test_every_exception_is_still_needed() -> None:
    text = " ".join(words(passage.content, lambda e: is_span(e, "num")) for passage in passages())
    text = re.sub(r"\s+", " ", text)
    assert [phrase for phrase in (*NO_VERDICTS, *OTHER_DIGITS) if phrase.lower() not in text.lower()] == []


def test_no_sentence_of_the_page_lacks_its_number(page: Path) -> None:
    text = running_text(page)
    assert "not available" not in text
    assert not re.search(r"<p>\s*</p>", page.read_text(encoding="utf-8"))


# Figures, tables and references ----------------------------------------------------------------------------------


def test_every_embed_is_a_paragraph_of_its_own() -> None:
    source = MANUSCRIPT.read_text(encoding="utf-8")
    lines = [line for line in source.splitlines() if EMBED.fullmatch(line)]
    assert source.count("{{<") == len(lines) == len(embedded())


@pytest.mark.parametrize(("label", "notebook"), sorted(embedded().items()))
def test_what_is_embedded_exists_with_caption_and_alternative_text(label: str, notebook: str) -> None:
    cells = nbformat.read(ROOT / notebook, as_version=4).cells
    found = [cell_options(cell.source) for cell in cells if cell.cell_type == "code"]
    (options,) = [one for one in found if one.get("label") == label]
    kind = label.partition("-")[0]
    assert options.get(f"{kind}-cap")
    assert kind == "tbl" or options.get("fig-alt")


def test_every_figure_and_table_is_referred_to_and_every_reference_exists() -> None:
    shown = {label for label in labels() if not label.startswith("sec-")}
    referred = {label for label in cited() if CROSS_REFERENCE.match(label)}
    assert sorted(shown - referred) == []
    assert sorted(referred - labels()) == []


def test_figures_and_tables_are_referred_to_before_they_appear() -> None:
    source = MANUSCRIPT.read_text(encoding="utf-8")
    late = [label for label in embedded() if source.index(f"@{label}") > source.index(f"#{label} ")]
    assert late == []


def test_every_work_cited_is_in_the_bibliography_and_every_entry_is_used() -> None:
    works, keys = {key for key in cited() if not CROSS_REFERENCE.match(key)}, bibliography()
    assert len(keys) == len(set(keys))
    assert sorted(works - set(keys)) == []
    assert [key for key in keys if key not in works and not named_in_a_notebook(key)] == []


def named_in_a_notebook(key: str) -> bool:
    """Whether the text or code of a notebook names the first author and, soon after, the year."""
    author, year = re.fullmatch(r"([a-z]+)(\d{4})", key).groups()  # type: ignore[union-attr]
    named = re.compile(rf"\b{author}\b.{{0,40}}\b{year}\b", re.IGNORECASE | re.DOTALL)
    notebooks = [nbformat.read(path, as_version=4) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    return any(named.search(cell.source) for notebook in notebooks for cell in notebook.cells)


# What Pandoc and Quarto both read --------------------------------------------------------------------------------


def test_the_manuscript_holds_no_code() -> None:
    assert [element for element in elements(parsed()["blocks"]) if element["t"] in ("Code", "CodeBlock")] == []


def test_no_equation_has_a_label() -> None:
    # The filter numbers none: a label would be printed as it is typed.
    assert not re.search(r"\{#eq-", MANUSCRIPT.read_text(encoding="utf-8"))


def test_spans_stand_where_both_renderers_resolve_them() -> None:
    meta = parsed()["meta"]
    for name in set(meta) - {"abstract"}:
        assert not [element for element in elements(meta[name]) if element["t"] == "Span"], name
    assert meta["google-scholar"] == {"t": "MetaBool", "c": False}  # its tags would print the spans of the abstract


def test_every_span_and_div_is_one_the_filter_knows() -> None:
    known = {"num", "when", "unnumbered"}
    spans = [element for element in elements(list(parsed().values())) if element["t"] in ("Span", "Div")]
    assert {name for span in spans for name in classes(span)} <= known
    bare = [span["c"][0] for span in spans if not classes(span) and not span["c"][0][0]]
    assert bare == []


def test_no_conditional_begins_or_ends_with_a_space() -> None:
    # Pandoc drops the space, and two words run together.
    for element in elements(list(parsed().values())):
        if element["t"] == "Span" and "when" in classes(element):
            assert {element["c"][1][0]["t"], element["c"][1][-1]["t"]}.isdisjoint({"Space", "SoftBreak"})


def test_no_work_is_taken_for_a_figure() -> None:
    assert [key for key in bibliography() if CROSS_REFERENCE.match(key)] == []


def test_language_and_bibliography_are_set_in_the_manuscript() -> None:
    meta = parsed()["meta"]
    assert words(meta["lang"]) == "en" and words(meta["bibliography"]) == "references.bib"


# Length ----------------------------------------------------------------------------------------------------------


def running_text(page: Path, until: str = '<div id="refs"') -> str:
    """The rendered article without contents, tables and captions, up to the list of works."""
    body = page.read_text(encoding="utf-8").split("<body>")[1].split(until)[0]
    body = re.sub(r"<(nav|table|figcaption)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", body)


def test_the_article_has_the_length_of_an_article(page: Path) -> None:
    assert 4000 <= len(running_text(page, until='<section id="sec-appendix"').split()) <= 6000


def test_the_article_and_its_appendix_have_the_figures_and_tables_of_an_article(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert 6 <= len(re.findall(r"<figure\b", text)) <= 10
    assert 4 <= len(re.findall(r"<table\b", text)) <= 10
