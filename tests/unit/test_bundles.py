"""Bundles collected from executed notebooks: each with its notebook and cell, and what must not be there twice."""

import pytest
from samples import executed

from chanjiao import bundles
from chanjiao.bundles import Extracted, ResultError, extract

FIGURE_OPTIONS = '#| label: fig-depth\n#| fig-cap: "Depth: marks"\n#| fig-alt: "Bars"\nshow()'
TABLE_OPTIONS = '#| label: tbl-depth\n#| tbl-cap: "Depth of agreements"\nshow()'


def result(key):
    kept = dict.fromkeys(("unit", "n", "clusters", "interval", "reason"))
    return {
        bundles.RESULT: {**kept, "key": key, "value": 12, "tables": ["cooperation"], "rows": {"cooperation": ["E1"]}}
    }


def figure_bundle():
    return {"image/svg+xml": "<svg/>", "image/png": "cG5n", bundles.FIGURE: {"data": "x\n1\n"}}


def table_bundle():
    return {"text/html": "<table/>", bundles.TABLE: {"data": "x\n1\n"}}


def test_everything_is_extracted_with_its_notebook_and_cell():
    verdicts = {bundles.VERDICTS: {"C1": {"verdict": "mixed"}}}
    notebook = executed(
        ("counts", "record()", [result("mechanism.events")]),
        ("fig-cell", FIGURE_OPTIONS, [{"text/plain": "aside"}, figure_bundle()]),
        ("tbl-cell", TABLE_OPTIONS, [table_bundle()]),
        ("verdicts", "show_verdicts()", [verdicts]),
    )
    found = extract(notebook, "03_mechanism")
    assert set(found.results["mechanism.events"]) == set(bundles.FIELDS)
    assert found.results["mechanism.events"]["notebook"] == "03_mechanism"
    assert found.results["mechanism.events"]["cell"] == "counts"
    assert found.results["mechanism.events"]["rows"] == {"cooperation": ["E1"]}
    assert found.figures == {
        "fig-depth": {"svg": "<svg/>", "png": "cG5n", "csv": "x\n1\n", "caption": "Depth: marks", "alt": "Bars"}
    }
    assert found.tables == {"tbl-depth": {"html": "<table/>", "csv": "x\n1\n", "caption": "Depth of agreements"}}
    assert found.verdicts == {"C1": {"verdict": "mixed"}}


def test_a_notebook_without_results_holds_nothing():
    assert extract(executed(("cell", "1 + 1", [])), "03_mechanism") == Extracted()


def test_a_key_used_twice_stops_with_its_name():
    with pytest.raises(ResultError, match=r"notebooks/03_mechanism\.ipynb: room\.x occurs twice; give each result"):
        extract(executed(("one", "", [result("room.x")]), ("two", "", [result("room.x")])), "03_mechanism")


@pytest.mark.parametrize(
    ("source", "bundle"), [(FIGURE_OPTIONS, figure_bundle()), (TABLE_OPTIONS, table_bundle())], ids=["figure", "table"]
)
def test_a_label_used_twice_stops(source, bundle):
    with pytest.raises(ResultError, match="-depth occurs twice"):
        extract(executed(("one", source, [bundle]), ("two", source, [bundle])), "03_mechanism")


@pytest.mark.parametrize(
    ("source", "bundle"),
    [
        ("show()", figure_bundle()),
        (FIGURE_OPTIONS.replace("#| label: fig-depth\n", ""), figure_bundle()),
        (FIGURE_OPTIONS.replace('#| fig-alt: "Bars"\n', ""), figure_bundle()),
        (FIGURE_OPTIONS.replace('"Depth: marks"', '""'), figure_bundle()),
        (FIGURE_OPTIONS.replace('"Depth: marks"', "Depth: marks"), figure_bundle()),
        (FIGURE_OPTIONS.replace("fig-depth", "depth"), figure_bundle()),
        (TABLE_OPTIONS.replace("tbl-depth", "fig-depth"), table_bundle()),
        ("#| just words\nshow()", table_bundle()),
    ],
)
def test_a_figure_or_table_without_label_caption_or_alternative_text_stops(source, bundle):
    message = r"notebooks/03_mechanism\.ipynb, cell drawn: expected the options label.*lines at the head of the cell"
    with pytest.raises(ResultError, match=message):
        extract(executed(("drawn", source, [bundle])), "03_mechanism")


def test_options_are_read_from_the_head_of_a_cell():
    assert bundles.cell_options(FIGURE_OPTIONS)["fig-cap"] == "Depth: marks"
    assert bundles.cell_options("x = 1  #| not: this") == {}


def test_json_is_sorted_readable_and_ends_with_a_line_feed():
    assert bundles.to_json({"b": [1], "a": "重庆"}) == '{\n "a": "重庆",\n "b": [\n  1\n ]\n}\n'
