"""What a finished notebook leaves in `data/processed/<room>/<province>/`, and what DVC compares between two runs."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from chanjiao.bundles import Extracted, extract, to_json


def write_outputs(folder: Path, notebook: NotebookNode, name: str, province: str) -> dict[str, Any]:
    """Write the executed notebook called `name`, its results, figures, tables and verdicts, and return its headline.

    Raises ResultError as `bundles.extract` does.
    """
    extracted = extract(notebook, name)
    write(folder / "notebook.ipynb", nbformat.writes(notebook) + "\n")
    write(folder / "results.json", to_json(results_file(province, extracted)))
    for label, figure in extracted.figures.items():
        write(folder / "figures" / f"{label}.svg", figure["svg"])
        write(folder / "figures" / f"{label}.csv", figure["csv"])
        (folder / "figures" / f"{label}.png").write_bytes(base64.b64decode(figure["png"]))
    for label, table in extracted.tables.items():
        write(folder / "tables" / f"{label}.html", table["html"])
        write(folder / "tables" / f"{label}.csv", table["csv"])
    if not extracted.verdicts:
        return {}
    write(folder / "verdicts.json", to_json(extracted.verdicts))
    return headline(extracted)


def results_file(province: str, extracted: Extracted) -> dict[str, Any]:
    """Return what results.json holds: province, results by key, captions and alternative texts of what is shown."""
    words = ("caption", "alt")
    described = {
        kind: {label: {word: item[word] for word in words if word in item} for label, item in items.items()}
        for kind, items in {"figures": extracted.figures, "tables": extracted.tables}.items()
    }
    return {"province": province, "results": extracted.results, **described}


def headline(extracted: Extracted) -> dict[str, Any]:
    """Return what a run is compared by: {"verdicts": {C1: verdict}, "indicators": {C1.1: value}}."""
    entries = extracted.verdicts
    indicators = [indicator for entry in entries.values() for indicator in entry.get("indicators", [])]
    return {
        "verdicts": {claim: entry["verdict"] for claim, entry in entries.items() if entry.get("verdict")},
        "indicators": {indicator["id"]: indicator["value"] for indicator in indicators},
    }


def write_comparison(folder: Path, metrics: Mapping[str, dict[str, Any]], subject: str) -> None:
    """Write what DVC compares between two runs, under paths that stay when the provinces change.

    `metrics.json` holds the headline of every province, `plots/` the figures of the first, the `subject`.
    """
    write(folder / "metrics.json", to_json(metrics))
    for figure in sorted((folder / subject / "figures").glob("*.svg")):
        write(folder / "plots" / figure.name, figure.read_text(encoding="utf-8"))


def write(path: Path, text: str) -> None:
    """Write a text file as every file of the project is written: UTF-8, line feeds; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
