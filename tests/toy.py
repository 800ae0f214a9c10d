"""A small project of one room, toy, for tests of how notebooks are run."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

SOURCE = Path(__file__).parents[1] / "src"
PARAMETERS = 'province = "50"\nseed = 1\nconfidence = 0.95\nlanguage = "en"\ninputs = ""'
PIPELINE = """stages:
  check:
    cmd: python -m chanjiao check
    deps: [data/raw/provinces.csv]
    outs: [data/processed/check]
  above:
    cmd: python -m chanjiao run above
    deps: [data/processed/check]
    params: [provinces]
    outs: [data/processed/above]
  toy:
    cmd: python -m chanjiao run toy
    deps:
      - data/processed/above
      - data/processed/check
      - data/raw/provinces.csv
      - notebooks/03_toy.ipynb
      - requirements.lock
      - src/toy.py
    params: [confidence, language, provinces, seed]
    outs: [data/processed/toy]
"""
PARAMS = 'provinces: ["50"]\nseed: 7\nconfidence: 0.9\nlanguage: en\nexecution: warm\n'
SHOW_VERDICTS = (
    "from chanjiao.results import record, show_verdicts\n"
    'record("toy.seed", seed, unit="seed", tables=["provinces"])\n'
    'show_verdicts({"C1": {"verdict": "supported", "indicators": [{"id": "C1.1", "value": 0.25}]},'
    ' "R1": {"verdict": None, "prevalence": 0.5}})'
)
SHOW_FIGURE = (
    "#| label: fig-toy\n#| fig-cap: A line\n#| fig-alt: A line that rises\n"
    "import pandas\nfrom chanjiao import figures\nfrom chanjiao.results import show_figure, show_table\n"
    'data = pandas.DataFrame({"x": [1, 2]})\nfigure, axes = figures.new(2)\naxes[0, 0].plot(data["x"])\n'
    "show_figure(figure, data)"
)
SHOW_TABLE = "#| label: tbl-toy\n#| tbl-cap: Numbers\nshow_table(data)"


def cell(source: str, name: str, *tags: str) -> NotebookNode:
    made = nbformat.v4.new_code_cell(source, id=name)
    if tags:
        made.metadata["tags"] = list(tags)
    return made


def notebook(*sources: str, parameters: str = PARAMETERS) -> NotebookNode:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    made.cells = [
        nbformat.v4.new_markdown_cell("# Toy\n\n## Result", id="title"),
        cell(parameters, "parameters", "parameters"),
        *(cell(source, f"work-{number}") for number, source in enumerate(sources, start=1)),
    ]
    return made


def make_project(root: Path) -> Path:
    """A project of one room, toy, without its notebook."""
    files = {
        "dvc.yaml": PIPELINE,
        "params.yaml": PARAMS,
        "data/raw/provinces.csv": "province_code\n00\n50\n51\n",
        "data/processed/check/passed.txt": "passed\n",
        "data/processed/above/50/results.json": "{}\n",
        "data/processed/above/51/results.json": "{}\n",
        "requirements.lock": "scipy==1.0\npandas==3.0\n",
        "src/toy.py": "FACTOR = 2\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def put(root: Path, made: NotebookNode) -> None:
    (root / "notebooks").mkdir(exist_ok=True)
    nbformat.write(made, root / "notebooks" / "03_toy.ipynb")


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def change(root: Path, name: str, old: str, new: str) -> None:
    """Put `new` for `old` in a file of a project."""
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new), encoding="utf-8")
