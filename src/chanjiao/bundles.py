"""The bundles that `results` keeps in a notebook, collected from it: each knows its notebook and cell by construction.

Light on purpose: what is done with a finished notebook needs neither pandas nor matplotlib.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from nbformat import NotebookNode

RESULT = "application/vnd.chanjiao.result+json"
FIGURE = "application/vnd.chanjiao.figure+json"
TABLE = "application/vnd.chanjiao.table+json"
VERDICTS = "application/vnd.chanjiao.verdicts+json"

FIELDS = ("value", "unit", "n", "clusters", "interval", "notebook", "cell", "tables", "rows", "reason")


class ResultError(ValueError):
    """A result, figure or table that a notebook must not show as it is; the message says what to change."""


@dataclass
class Extracted:
    """What an executed notebook holds: results by key, figures and tables by label, verdicts by claim."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    verdicts: dict[str, Any] = field(default_factory=dict)


def extract(notebook: NotebookNode, name: str) -> Extracted:
    """Collect results, figures, tables and verdicts from the executed notebook called `name` (like `03_mechanism`).

    Raises ResultError for a key or label used twice and for a figure or table cell without label, caption or
    alternative text.
    """
    found = Extracted()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            _collect(found, cell, output.get("data", {}), name)
    return found


def _collect(found: Extracted, cell: NotebookNode, data: Mapping[str, Any], name: str) -> None:
    if RESULT in data:
        result = {**data[RESULT], "notebook": name, "cell": cell["id"]}
        _add(found.results, result["key"], {part: result[part] for part in FIELDS}, name)
    if FIGURE in data:
        options = _options(cell, "fig", ("label", "fig-cap", "fig-alt"), name)
        shown = {"svg": data["image/svg+xml"], "png": data["image/png"], "csv": data[FIGURE]["data"]}
        _add(found.figures, options["label"], {**shown, "caption": options["fig-cap"], "alt": options["fig-alt"]}, name)
    if TABLE in data:
        options = _options(cell, "tbl", ("label", "tbl-cap"), name)
        shown = {"html": data["text/html"], "csv": data[TABLE]["data"], "caption": options["tbl-cap"]}
        _add(found.tables, options["label"], shown, name)
    found.verdicts.update(data.get(VERDICTS, {}))


def _add(kept: dict[str, Any], key: str, value: Any, name: str) -> None:
    if key in kept:
        raise ResultError(
            f"notebooks/{name}.ipynb: {key} occurs twice; give each result, figure and table its own name"
        )
    kept[key] = value


def cell_options(source: str) -> dict[str, Any]:
    """The `#| key: value` options at the head of a cell; none where they cannot be read as YAML."""
    lines = re.findall(r"^#\| ?(.*)$", source, flags=re.MULTILINE)
    try:
        options = yaml.safe_load("\n".join(lines))
    except yaml.YAMLError:
        return {}
    return options if isinstance(options, dict) else {}


def _options(cell: NotebookNode, kind: str, needed: Sequence[str], name: str) -> dict[str, Any]:
    options = cell_options(cell["source"])
    lacking = [option for option in needed if not options.get(option)]
    if lacking or not str(options["label"]).startswith(f"{kind}-"):
        raise ResultError(
            f"notebooks/{name}.ipynb, cell {cell['id']}: expected the options {', '.join(needed)} with a label that "
            f'begins with {kind}-; write them as `#| option: "text"` lines at the head of the cell'
        )
    return options


def to_json(value: Any) -> str:
    """JSON text as every file of the project is written: sorted keys, readable Chinese, a line feed at the end."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
