"""The evidence as pages: every raw table with the meaning of its columns, the codes of both passes, the codebooks.

Pages are plain HTML from the templates in paper/templates, which escape all that comes from data; a small script adds
search, filters and sorting. Cells are shown as they stand in the file, and a reference leads to the row it means.
"""

import csv
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pypandoc
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chanjiao import font
from chanjiao.pipeline import EVIDENCE_PAGES, PROCESSED
from chanjiao.tables import RAW, names_of, package

TEMPLATES = "paper/templates"
STYLE = "paper/style/font.css"
FILTER = "paper/filters/codebook.lua"
CODEBOOKS = "docs/codebooks"
SOURCES = "sources"
FACETS = ("province", "official")  # what rows can be filtered by, themselves or by what they refer to

Record = Mapping[str, str]


@dataclass(frozen=True)
class Cell:
    """What a cell shows: its text, the row or page of the web it leads to, if any, and whether the passes differ."""

    text: str
    link: str = ""
    differs: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a page: its anchor, its cells, and the values it can be filtered by."""

    anchor: str
    cells: list[Cell]
    facets: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A raw table: its description in datapackage.json and its rows as they stand in the file."""

    description: Mapping[str, Any]
    records: list[Record]
    by_key: dict[tuple[str, ...], Record]

    @property
    def name(self) -> str:
        return str(self.description["name"])

    @property
    def columns(self) -> list[str]:
        return [str(column["name"]) for column in self.description["schema"]["fields"]]

    def titles(self, columns: Iterable[str] | None = None) -> list[str]:
        """The titles of columns, of all if none are named."""
        titles = {field["name"]: str(field["title"]) for field in self.description["schema"]["fields"]}
        return [titles[name] for name in columns or titles]

    @property
    def key(self) -> list[str]:
        return names_of(self.description["schema"].get("primaryKey", []))


def write(root: Path) -> Path:
    """Write data/processed/evidence: index.html, a page and the CSV file of each table, codes and codebooks.

    Returns the index. Raises UnreadableTableError where datapackage.json cannot be read; a failed run leaves what was
    there before.
    """
    target, fresh = root / EVIDENCE_PAGES, root / PROCESSED / ".partial" / "evidence"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    Pages(root, fresh).write()
    shutil.copy(root / STYLE, fresh)
    font.write((page.read_text(encoding="utf-8") for page in sorted(fresh.glob("*.html"))), fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target / "index.html"


def read(root: Path) -> dict[str, Table]:
    """Return the raw tables by name, cells as text."""
    return {described["name"]: _read(root, described) for described in package(root)["resources"]}


def _read(root: Path, description: Mapping[str, Any]) -> Table:
    with (root / RAW / description["path"]).open(encoding="utf-8-sig", newline="") as file:
        records: list[Record] = list(csv.DictReader(file))
    key = names_of(description["schema"].get("primaryKey", []))
    return Table(description, records, {tuple(record[name] for name in key): record for record in records})


def anchor(table: Table, record: Record) -> str:
    """Return the anchor of a row on the page of its table: its primary key, free of spaces."""
    return "row-" + re.sub(r"\s+", "_", "~".join(record[name] for name in table.key))


def is_web_address(text: str) -> bool:
    """Return whether a text from data may become a link: only what begins with http or https and names a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def references(table: Table, tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the columns of a table that hold the key of a row, each with the table of that row, its source first."""
    found = {}
    for key in table.description["schema"].get("foreignKeys", []):
        fields, reference = names_of(key["fields"]), key["reference"]
        other = tables[reference["resource"] or table.name]
        if len(fields) == 1 and names_of(reference["fields"]) == other.key:
            found[fields[0]] = other
    return dict(sorted(found.items(), key=lambda item: item[1].name != SOURCES))


class Pages:
    """The pages of the evidence, written into a folder."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root, self._folder = root, folder
        self._tables = read(root)
        self._references = {name: references(table, self._tables) for name, table in self._tables.items()}
        self._package = package(root)
        self._templates = Environment(
            loader=FileSystemLoader(root / TEMPLATES), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        )  # fmt: skip
        self._templates.filters["values"] = allowed_values

    def write(self) -> None:
        """Write all of them."""
        shown = [self._shown(table) for table in self._tables.values()]
        codings = [self._coding(coding) for coding in self._package["coding_passes"]]
        for table in shown:
            self._page("rows.html", table["name"], table["title"], table=table)
            shutil.copyfile(self._root / RAW / table["file"], self._folder / f"{table['name']}.csv")
        for coding in codings:
            self._page("rows.html", coding["name"], coding["title"], table=coding)
        listed = {"tables": shown, "codings": codings, "codebooks": list(self._codebooks())}
        self._page("index.html", "index", "The evidence", package=self._package, **listed)

    def _page(self, template: str, name: str, title: str, **content: Any) -> None:
        text = self._templates.get_template(template).render(title=title, **content)
        (self._folder / f"{name}.html").write_text(text, encoding="utf-8")

    def _shown(self, table: Table) -> dict[str, Any]:
        described = table.description
        return {
            "name": table.name, "title": described["title"], "description": described["description"],
            "file": described["path"], "fields": described["schema"]["fields"], "columns": table.titles(),
            "rows": list(self._rows(table)),
        }  # fmt: skip

    def _rows(self, table: Table) -> Iterator[Row]:
        leads = self._references[table.name]
        for record in table.records:
            cells = [self._cell(record[column], leads.get(column), table) for column in table.columns]
            yield Row(anchor(table, record), cells, self._facets(table, record))

    def _facets(self, table: Table, record: Record) -> dict[str, str]:
        found = {name: self._facet(table, record, name) for name in FACETS}
        province = self._tables["provinces"].by_key.get((found["province"],))
        found["province"] = province["name_en"] if province else ""
        return {name: value for name, value in found.items() if value}

    def _facet(self, table: Table, record: Record, name: str) -> str:
        """What a row says of its province or of its source, itself or by the first row it refers to that does."""
        own = record.get("province_code" if name == "province" else name, "")
        if own:
            return own
        for column, other in self._references[table.name].items():
            referred = other.by_key.get((record[column],)) if other is not table else None
            found = self._facet(other, referred, name) if referred else ""
            if found:
                return found
        return ""

    def _cell(self, text: str, other: Table | None, table: Table) -> Cell:
        referred = other.by_key.get((text,)) if other else None
        if other and referred is not None:
            return _reference(text, other, referred, "" if other.name == table.name else f"{other.name}.html")
        return Cell(text, text if is_web_address(text) else "")

    def _coding(self, coding: Mapping[str, Any]) -> dict[str, Any]:
        """A page of the units of a table with the codes of both passes, where they differ both codes."""
        units, first, second = (self._tables[name] for name in (coding["table"], *coding["passes"]))
        codes = [column for column in first.columns if column not in first.key]
        title = f"{units.description['title']}: codes of both passes"
        rows = [self._coded(units, unit, first, second, codes) for unit in units.records]
        return {
            "name": f"{units.name}_codes", "title": title, "description": _CODES, "file": "",
            "fields": first.description["schema"]["fields"], "columns": first.titles([coding["key"], *codes]),
            "rows": [row for row in rows if row],
        }  # fmt: skip

    def _coded(self, units: Table, unit: Record, first: Table, second: Table, codes: Iterable[str]) -> Row | None:
        key = tuple(unit[name] for name in units.key)
        given = [one_pass.by_key[key] for one_pass in (first, second) if key in one_pass.by_key]
        if not given:
            return None
        cells = [_both([record[code] for record in given]) for code in codes]
        facets = self._facets(units, unit) | {"passes": "differ" if any(cell.differs for cell in cells) else "agree"}
        place = Cell("~".join(key), link=f"{units.name}.html#{quote(anchor(units, unit))}")
        return Row(anchor(units, unit), [place, *cells], facets)

    def _codebooks(self) -> Iterator[dict[str, str]]:
        for path in sorted((self._root / CODEBOOKS).glob("*.md")):
            text = path.read_text(encoding="utf-8")
            title = text.partition("\n")[0].removeprefix("# ")
            filters = [f"--lua-filter={self._root / FILTER}"]
            body = pypandoc.convert_text(text.partition("\n")[2], "html5", "gfm-raw_html", extra_args=filters)
            name = f"codebook_{path.stem}"
            self._page("text.html", name, title, body=body)
            yield {"name": name, "title": title}


_CODES = (
    "One code where both passes gave the same, both where they differ, first pass first. A share counts half a unit on "
    "which they differ; where a rule wants it, a verdict must hold for what both passes marked and for what either did."
)


def _both(codes: Sequence[str]) -> Cell:
    if len(codes) == 1:
        return Cell(f"{codes[0]} (one pass)")
    first, second = codes
    return Cell(first) if first == second else Cell(f"{first or 'empty'} / {second or 'empty'}", differs=True)


def _reference(text: str, other: Table, record: Record, page: str) -> Cell:
    """A cell that leads to a row; a source is shown by its title, which a reader knows it by."""
    shown = record["title"] if other.name == SOURCES else ""
    return Cell(shown or text, f"{page}#{quote(anchor(other, record))}")


def allowed_values(field: Mapping[str, Any]) -> str:
    """Return in words what a column may hold."""
    limits = field.get("constraints", {})
    named = ", ".join(limits.get("enum", []))
    return named or {"string": "text"}.get(field["type"], field["type"])
