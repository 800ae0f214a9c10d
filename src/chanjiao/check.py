"""Checking `data/raw/` and `params.yaml`: every problem in one go, what hides other problems first.

`datapackage.json` is the only declaration: types, constraints, keys and rules are read from it (Frictionless Table
Schema, with the custom properties `partial_date`, `may_be_future`, `collected`, `without_source`, `inherits_source`,
`rules` and `coding_passes`), so a constraint added there needs no code here. A file that cannot be read is told once
and left out of the other checks.

A million rows must not take long or fill the memory. A column is kept as its distinct values and a code for each row,
and each value is checked once; only columns that are compared with others are kept whole, the rest is checked and
forgotten piece by piece. What is wrong is put into words only for the rows that are told.
"""

import codecs
import csv
import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial, reduce
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chanjiao.pipeline import PROCESSED
from chanjiao.project import FILE, KEY, PARAMS_FILE, RANGE, VALUE, Problem, near_miss, params_problems, quoted
from chanjiao.tables import DTYPES, PACKAGE_FILE, RAW, UnreadableTableError, names_of, package

__all__ = ["CheckError", "Checked", "Problem", "Rest", "check", "confirm", "examine", "report"]

Field: TypeAlias = dict[str, Any]
Texts: TypeAlias = "pd.Series[Any]"  # distinct values of a column, by their code
Lines: TypeAlias = NDArray[np.int32]  # first lines of records in a file

NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
TYPE_PATTERNS = {"integer": r"[+-]?[0-9]+", "year": r"[0-9]{4}", "number": NUMBER}
TYPE_NAMES = {"integer": "a whole number", "year": "a year of four digits", "number": "a number"}
THOUSANDS = r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?"
PARTIAL_DATE = r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?"
LOOSE_DATE = r"([0-9]{4})[-/.年]([0-9]{1,2})(?:[-/.月]([0-9]{1,2})日?|月)?"
WEB_ADDRESS = r"https?://[^\s/]\S*"
CONSTRAINTS = {"required", "unique", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength"}
WORDS_FOR_MISSING = {"na", "n/a", "nan", "null", "none", "-", "--", "—", "?", "无", "不详", "未知", "unknown"}
JOINT = "\x1f"  # joins the parts of a composite key; a control character no cell holds
COMPARISONS = 200_000  # looking for near misses is slow, and nobody reads the thousandth: two seconds of it a column
PASSED = f"{PROCESSED}/check/passed.txt"
TOLD = 1_000  # rows of a column that are told for one kind of problem; the others are counted
CHUNK = 65_536  # rows read at once


class Complaint(NamedTuple):
    """What is wrong with a value, before it is known in which rows the value stands."""

    found: str
    expected: str
    do: str


@dataclass(frozen=True)
class Finding:
    """One kind of problem in rows of a column; `complain` puts it into words for the n-th of `lines`."""

    file: str
    column: str
    order: int
    lines: Lines
    complain: Callable[[int], Complaint]

    def problem(self, number: int) -> Problem:
        return Problem(self.file, int(self.lines[number]), self.column, *self.complain(number), self.order)

    def followed_by(self, later: "Finding") -> "Finding":
        """Return both as one, with words for the first `TOLD` only, so that the pieces can be forgotten."""
        words = (one.complain(number) for one in (self, later) for number in range(len(one.lines)))
        told = list(islice(words, TOLD))
        return replace(self, lines=np.concatenate([self.lines, later.lines]), complain=told.__getitem__)


@dataclass(frozen=True)
class Rest(Problem):
    """The rows beyond `TOLD` with one kind of problem, told together; `row` is the first of them."""

    number: int = 0


@dataclass(frozen=True)
class Column:
    """Cells as text: `distinct` values in order of first appearance, and for each row the code of its value."""

    codes: NDArray[np.int32]
    distinct: NDArray[Any]

    @property
    def cells(self) -> NDArray[Any]:
        return self.distinct[self.codes]

    @cached_property  # several tables may refer to the column
    def known(self) -> frozenset[str]:
        return frozenset(self.distinct)

    def cell(self, row: int) -> str:
        """Return the cell in the row at this position of the table."""
        return str(self.distinct[self.codes[row]])

    def told_by(self, complain: Callable[[str], Complaint]) -> Callable[[int], Complaint]:
        """Return what complains about a row when `complain` does about a value."""
        return lambda row: complain(self.cell(row))

    def equals(self, text: str) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = (self.distinct == text)[self.codes]
        return same

    def has_code(self, codes: ArrayLike) -> NDArray[np.bool_]:
        wanted = np.zeros(len(self.distinct), dtype=bool)
        wanted[np.asarray(codes, dtype=np.intp)] = True
        return wanted[self.codes]

    def absent_from(self, *others: "Column") -> NDArray[np.bool_]:
        """Return in which rows the value is in none of the other columns."""
        codes: Sequence[int] = range(len(self.distinct))
        for other in others:
            codes = [code for code in codes if self.distinct[code] not in other.known]
        return self.has_code(codes)


def _coded(cells: NDArray[Any]) -> Column:
    codes, distinct = pd.factorize(cells)
    return Column(codes.astype(np.int32), distinct)


@dataclass(frozen=True)
class RawTable:
    """A raw file, or a piece of it, as text: `columns` by name, and in `lines` the first line of every record.

    Of columns that are not kept there is in `found` what is wrong with them.
    """

    name: str
    file: str
    description: dict[str, Any]
    columns: dict[str, Column]
    lines: Lines
    found: dict[str, list[Finding]]

    @property
    def fields(self) -> list[Field]:
        return [field for field in self.description["schema"]["fields"] if self.has([field["name"]])]

    @property
    def primary_key(self) -> list[str]:
        return names_of(self.description["schema"].get("primaryKey", []))

    def has(self, names: Iterable[str]) -> bool:
        return set(names) <= self.columns.keys() | self.found.keys()

    def joined(self, names: list[str]) -> Column:
        """Return the columns `names` as one whose cells are those of a row, joined."""
        first, *others = (self.columns[name] for name in names)
        if not others:
            return first
        return _coded(reduce(lambda left, right: left + JOINT + right.cells, others, first.cells))

    def any_empty(self, names: list[str]) -> NDArray[np.bool_]:
        return np.logical_or.reduce([self.columns[name].equals("") for name in names])

    def finding(
        self, column: str, order: int, wrong: NDArray[np.bool_], complain: Callable[[int], Complaint]
    ) -> Finding:
        """Return what is wrong in some rows; `complain` takes the position of a row."""
        rows = np.flatnonzero(wrong)
        return Finding(self.file, column, order, self.lines[rows], lambda number: complain(int(rows[number])))


class CheckError(ValueError):
    """The raw tables or `params.yaml` hold problems; the message lists them."""


@dataclass(frozen=True)
class Checked:
    """Every problem, and the number of rows of each table that could be read."""

    problems: list[Problem]
    rows: dict[str, int]


def check(root: Path) -> list[Problem]:
    """Return every problem of the raw tables and of `params.yaml` in the project `root`; an empty list if none.

    Order: files, columns and shape; then keys; then types, codes and empty cells; then ranges and dates. Within
    each, by file as `datapackage.json` lists them, `params.yaml` last, then by row. When more than `TOLD` rows of a
    column have one kind of problem, the last of the column is a `Rest` that counts those not told one by one.
    """
    return examine(root).problems


def examine(root: Path) -> Checked:
    """Do what `check` does and return, beside the problems, how many rows were checked."""
    try:
        declared = package(root)
    except UnreadableTableError as error:
        expected = "the description of the tables as JSON in UTF-8"
        problem = Problem(PACKAGE_FILE, 1, "", str(error.__cause__), expected, "restore the file from git", FILE)
        return Checked([problem], {})
    if problems := list(_package_problems(declared)):
        return Checked(problems, {})
    tables: dict[str, RawTable] = {}
    findings: list[Finding] = []
    kept = _compared_columns(declared)
    for description in declared["resources"]:
        table, found = _read(root, description, kept[description["name"]], declared["collected"])
        findings += found
        if table:
            tables[table.name] = table
    for table in tables.values():
        findings += _table_findings(table, tables, declared["collected"])
    for coding in declared.get("coding_passes", []):
        findings += _uncoded_units(coding, tables)
    findings += map(_alone, params_problems(root))
    files = [f"{RAW}/{description['path']}" for description in declared["resources"]]
    return Checked(_in_order(_told(findings), files), {name: len(table.lines) for name, table in tables.items()})


def confirm(root: Path) -> str:
    """Write `data/processed/check/passed.txt` and return a sentence of what was checked.

    Raises CheckError with every problem, after which no such file is there.
    """
    passed = root / PASSED
    passed.unlink(missing_ok=True)
    checked = examine(root)
    if checked.problems:
        raise CheckError(report(checked.problems))
    # No counts or hashes in the file: a changed table must re-run only what reads it.
    passed.parent.mkdir(parents=True, exist_ok=True)
    passed.write_text("The raw tables agree with data/raw/datapackage.json.\n", encoding="utf-8", newline="\n")
    return f"{len(checked.rows)} tables with {sum(checked.rows.values())} rows checked, no problem found"


def report(problems: Sequence[Problem]) -> str:
    """Return the problems one a line, and as last line how many there are in how many files."""
    files = len({problem.file for problem in problems})
    number = sum(problem.number if isinstance(problem, Rest) else 1 for problem in problems)
    total = f"{_count(number, 'problem')} in {_count(files, 'file')}"
    return "\n".join([*map(str, problems), total])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _in_order(problems: Iterable[Problem], files: list[str]) -> list[Problem]:
    position = {file: number for number, file in enumerate([PACKAGE_FILE, *files, PARAMS_FILE])}
    return sorted(problems, key=lambda problem: (problem.order, position[problem.file], problem.row))


def _alone(problem: Problem) -> Finding:
    complaint = Complaint(problem.found, problem.expected, problem.do)
    return Finding(problem.file, problem.column, problem.order, np.array([problem.row]), lambda number: complaint)


def _told(findings: list[Finding]) -> Iterator[Problem]:
    # A code that no table knows usually breaks its pattern too; the reader mends the cell once.
    told: dict[tuple[str, str], list[Lines]] = defaultdict(list)
    for finding in sorted(findings, key=lambda finding: finding.order):
        before = told[finding.file, finding.column]
        new = np.ones(len(finding.lines), dtype=bool)
        if finding.order > KEY and before:
            new = ~np.isin(finding.lines, np.concatenate(before))
        before.append(finding.lines)
        yield from _first_told(finding, np.flatnonzero(new))


def _first_told(finding: Finding, numbers: NDArray[np.intp]) -> Iterator[Problem]:
    yield from map(finding.problem, numbers[:TOLD].tolist())
    if len(numbers) > TOLD:
        rest, row = len(numbers) - TOLD, int(finding.lines[numbers[TOLD]])
        found = f"{_count(rest, 'more problem')} of this kind, here and in later rows"
        advice = f"mend the {TOLD} told before, and check again"
        yield Rest(finding.file, row, finding.column, found, "none", advice, finding.order, rest)


# --- The declaration itself: a slip in it would switch a check off unseen.


def _package_problems(declared: dict[str, Any]) -> Iterator[Problem]:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(declared.get("collected", ""))):
        yield _package_problem("collected", "no day", "the day no date may lie after", "write it as 2026-01-31")
    names = {description["name"] for description in declared["resources"]}
    for description in declared["resources"]:
        fields = description["schema"]["fields"]
        for field in fields:
            yield from _field_problems(description["name"], field)
        for key in description["schema"].get("foreignKeys", []):
            target = key["reference"]["resource"]
            if target and target not in names:
                yield _unknown_word(description["name"], "table", target, names)
        exempt = {*declared.get("without_source", {}), *declared.get("inherits_source", {})}
        if description["name"] not in exempt and not any(map(_is_source, fields)):
            advice = "add the column and require it, or list the table in without_source or inherits_source"
            yield _package_problem(description["name"], "no required source_id", "a source for every row", advice)
    columns = {description["name"]: _names(description) for description in declared["resources"]}
    for coding in declared.get("coding_passes", []):
        yield from _coding_problems(coding, columns)


def _names(description: dict[str, Any]) -> list[str]:
    return [field["name"] for field in description["schema"]["fields"]]


def _coding_problems(coding: dict[str, Any], columns: dict[str, list[str]]) -> Iterator[Problem]:
    place = f"coding_passes.{coding.get('table', '')}"
    lacking = [part for part in ("table", "key", "passes") if not coding.get(part)]
    if lacking:
        yield _package_problem(place, f"no {lacking[0]}", "table, key and passes", f"add the {lacking[0]}")
        return
    needed = {coding["table"]: [coding["key"], *coding.get("when", {})]}
    needed |= {one_pass: [coding["key"]] for one_pass in coding["passes"]}
    for table, names in needed.items():
        if table not in columns:
            yield _unknown_word(place, "table", table, columns)
            continue
        for name in names:
            if name not in columns[table]:
                yield _unknown_word(place, f"column of {table}", name, columns[table])


def _is_source(field: Field) -> bool:
    return field["name"] == "source_id" and bool(field.get("constraints", {}).get("required"))


def _field_problems(table: str, field: Field) -> Iterator[Problem]:
    place = f"{table}.{field['name']}"
    if field["type"] not in DTYPES:
        yield _unknown_word(place, "type", field["type"], DTYPES)
    for constraint in field.get("constraints", {}):
        if constraint not in CONSTRAINTS:
            yield _unknown_word(place, "constraint", constraint, CONSTRAINTS)


def _unknown_word(place: str, what: str, word: str, known: Iterable[str]) -> Problem:
    guess = near_miss(word, known)
    advice = f"write {guess}" if guess else "correct the word"
    return _package_problem(place, f"the unknown {what} {quoted(word)}", f"one of {', '.join(sorted(known))}", advice)


def _package_problem(place: str, found: str, expected: str, do: str) -> Problem:
    return Problem(PACKAGE_FILE, 1, place, found, expected, do, FILE)


# --- Reading a file: encoding, columns, shape.


def _compared_columns(declared: dict[str, Any]) -> dict[str, set[str]]:
    """Return by table the columns that a key, a rule or a coding pass compares with other cells."""
    columns: dict[str, set[str]] = defaultdict(set)
    for description in declared["resources"]:
        name, schema = description["name"], description["schema"]
        columns[name].update(*_unique_columns(description))
        for key in schema.get("foreignKeys", []):
            columns[name].update(names_of(key["fields"]))
            columns[key["reference"]["resource"] or name].update(names_of(key["reference"]["fields"]))
        for rule in description.get("rules", []):
            columns[name].update([rule["field"], *rule["when"]])
    for coding in declared.get("coding_passes", []):
        columns[coding["table"]].update(coding.get("when", {}))
        for table in [coding["table"], *coding["passes"]]:
            columns[table].add(coding["key"])
    return columns


def _read(
    root: Path, description: dict[str, Any], kept: set[str], collected: str
) -> tuple[RawTable | None, list[Finding]]:
    path, file = root / RAW / description["path"], f"{RAW}/{description['path']}"
    if not path.is_file():
        return None, [_alone(_missing_file(root, file))]
    encoding, problems = _encoding(path, file)
    if not encoding:
        return None, [*map(_alone, problems)]
    layout = _layout(path, file, encoding)
    declared = _names(description)
    findings = [*map(_alone, problems + _header_problems(file, layout.header, declared))]
    if layout.broken or not set(layout.header) & set(declared):
        return None, findings + layout.broken
    empty = RawTable(description["name"], file, description, {}, layout.lines, {})
    names = [name for name in declared if name in layout.header]
    return _assembled(empty, _pieces(empty, path, encoding, names), kept, collected), findings


def _pieces(table: RawTable, path: Path, encoding: str, names: list[str]) -> Iterator[RawTable]:
    options: Any = {"dtype": object, "usecols": names, "keep_default_na": False, "na_filter": False}
    start = 0
    for chunk in pd.read_csv(path, encoding=encoding, chunksize=CHUNK, **options):
        columns = {name: _coded(chunk[name].to_numpy()) for name in names}
        yield replace(table, columns=columns, lines=table.lines[start : start + len(chunk)])
        start += len(chunk)


def _assembled(table: RawTable, pieces: Iterable[RawTable], kept: set[str], collected: str) -> RawTable:
    """Return the table with the kept columns joined from its pieces, and the others checked."""
    parts: dict[str, list[Column]] = defaultdict(list)
    found: dict[str, list[Finding]] = {}
    for piece in pieces:
        for field in piece.fields:
            name = field["name"]
            if name in kept:
                parts[name].append(piece.columns[name])
                continue
            later = list(_cell_findings(piece, field, collected))
            earlier = found.get(name)
            found[name] = [a.followed_by(b) for a, b in zip(earlier, later, strict=True)] if earlier else later
    return replace(table, columns={name: _pooled(columns) for name, columns in parts.items()}, found=found)


def _pooled(parts: list[Column]) -> Column:
    codes, distinct = pd.factorize(np.concatenate([part.distinct for part in parts]))
    starts = np.cumsum([0, *(len(part.distinct) for part in parts[:-1])])
    recoded = [codes[start + part.codes].astype(np.int32) for start, part in zip(starts, parts, strict=True)]
    return Column(np.concatenate(recoded), distinct)


def _missing_file(root: Path, file: str) -> Problem:
    others = [path.relative_to(root).as_posix() for path in (root / RAW).rglob("*.csv")]
    guess = near_miss(file, others)
    advice = f"rename {guess} if that is it, or restore the file" if guess else "restore the file"
    return Problem(file, 1, "", "no such file", f"the table that {PACKAGE_FILE} describes", advice, FILE)


def _encoding(path: Path, file: str) -> tuple[str | None, list[Problem]]:
    """Return the encoding to read the file with (None if it cannot be told) and what is wrong with it."""
    with path.open("rb") as opened:
        start = opened.read(4096)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start:
        readable = start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and _decodes(path, "utf-16")
        return "utf-16" if readable else None, [_encoding_problem(file, 1, "a file in UTF-16")]
    if not _decodes(path, "utf-8"):
        return _legacy_encoding(path, file)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", [_encoding_problem(file, 1, "a byte order mark before the header")]
    return "utf-8", []


def _encoding_problem(file: str, line: int, found: str) -> Problem:
    advice = "save the file as UTF-8 (not 'UTF-8 with BOM' or Excel's 'CSV UTF-8')"
    return Problem(file, line, "", found, "UTF-8 without a byte order mark", advice, FILE)


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as opened:
            while opened.read(1 << 20):
                pass
    except UnicodeError:
        return False
    return True


def _legacy_encoding(path: Path, file: str) -> tuple[str | None, list[Problem]]:
    # GB18030 accepts many bytes, so a UTF-8 file with one stray byte would pass for it: most lines must fail as UTF-8.
    lines = path.read_bytes().split(b"\n")
    beyond_ascii = [number for number, line in enumerate(lines, 1) if not line.isascii()]
    failing = [number for number in beyond_ascii if not _is_utf8(lines[number - 1])]
    if 2 * len(failing) > len(beyond_ascii) and _decodes(path, "gb18030"):
        return "gb18030", [_encoding_problem(file, 1, "a file in GB18030 (GBK)")]
    return None, [_encoding_problem(file, failing[0], "bytes that are not UTF-8")]


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Layout(NamedTuple):
    header: list[str]
    lines: Lines
    broken: list[Finding]


def _layout(path: Path, file: str, encoding: str) -> _Layout:
    """Return the header, the first physical line of each record, and the records that have no proper shape."""
    lines, widths = array("i"), array("i")
    header, unreadable = list[str](), list[Finding]()
    with path.open(encoding=encoding, newline="") as opened:
        reader = csv.reader(opened, strict=True)
        line = 1
        try:
            header = next(reader, [])
            line = reader.line_num + 1
            for record in reader:
                lines.append(line)
                widths.append(len(record))
                line = reader.line_num + 1
        except csv.Error as error:
            unreadable.append(_alone(Problem(file, line, "", *_unclosed(error), FILE)))
    starts = np.array(lines)
    return _Layout(header, starts, [*_wrong_widths(file, starts, np.array(widths), len(header)), *unreadable])


def _wrong_widths(file: str, lines: Lines, widths: Lines, expected: int) -> Iterator[Finding]:
    wrong = widths != expected
    if wrong.any():
        found = widths[wrong]
        yield Finding(file, "", FILE, lines[wrong], lambda number: _wrong_length(int(found[number]), expected))


def _wrong_length(found: int, expected: int) -> Complaint:
    if found == 0:
        return Complaint("a blank line", "a record", "delete the line")
    advice = "put quotation marks around a cell that holds a comma" if found > expected else "add the missing commas"
    return Complaint(_count(found, "field"), f"{expected}, one for each column", advice)


def _unclosed(error: csv.Error) -> Complaint:
    advice = "close the quotation mark, and double those within a cell"
    return Complaint(f"a record that cannot be read ({error})", "quotation marks in pairs", advice)


def _header_problems(file: str, header: list[str], declared: list[str]) -> list[Problem]:
    if not header:
        return [Problem(file, 1, "", "an empty file", "a header and rows", "restore the file", FILE)]
    if len(header) == 1 < len(declared) and re.search("[;\t]", header[0]):
        advice = "save the file with commas between the columns"
        return [Problem(file, 1, "", "columns not parted by commas", "commas", advice, FILE)]
    missing = [name for name in declared if name not in header]
    problems = []
    for position, name in enumerate(header):
        if name in declared and name not in header[:position]:
            continue
        guess = near_miss(name, missing)
        missing = [other for other in missing if other != guess]
        problems.append(Problem(file, 1, name, *_extra_column(name, guess, declared), FILE))
    return problems + [Problem(file, 1, name, *_missing_column(name, header), FILE) for name in missing]


def _extra_column(name: str, guess: str, declared: list[str]) -> Complaint:
    if guess:
        return Complaint(f"the unknown column {quoted(name)}", guess, f"rename the column to {guess}")
    if name in declared:
        return Complaint(f"the column {quoted(name)} a second time", "each column once", "delete one of the two")
    advice = f"delete the column, or describe it in {PACKAGE_FILE}"
    return Complaint(f"the unknown column {quoted(name)}", f"only the columns of {PACKAGE_FILE}", advice)


def _missing_column(name: str, header: list[str]) -> Complaint:
    return Complaint(f"the columns {', '.join(header)}", f"a column {name} too", f"add the column {name}")


# --- The rows of a table.


def _table_findings(table: RawTable, tables: dict[str, RawTable], collected: str) -> Iterator[Finding]:
    yield from _repeated_keys(table)
    yield from _foreign_keys(table, tables)
    for field in table.fields:
        kept = field["name"] in table.columns
        yield from _cell_findings(table, field, collected) if kept else table.found[field["name"]]
    yield from _broken_rules(table)


def _cell_findings(table: RawTable, field: Field, collected: str) -> Iterator[Finding]:
    """Look at the cells of a column by themselves; as many findings for each piece of a table, some without rows."""
    yield from _empty_cells(table, field)
    yield from _bad_values(table, field, collected)


def _repeated_keys(table: RawTable) -> Iterator[Finding]:
    for key in _unique_columns(table.description):
        if table.has(key):
            yield _duplicates(table, key)


def _unique_columns(description: dict[str, Any]) -> list[list[str]]:
    """Return the primary key, if there is one, then the other columns in which no value may occur twice."""
    schema = description["schema"]
    primary = names_of(schema.get("primaryKey", []))
    unique = [[field["name"]] for field in schema["fields"] if field.get("constraints", {}).get("unique")]
    return [key for key in [primary, *(key for key in unique if key != primary)] if key]


def _duplicates(table: RawTable, key: list[str]) -> Finding:
    column = table.joined(key)
    repeated = pd.Series(column.codes).duplicated()
    first = repeated.index[~repeated]  # by code, as values have their codes in order of first appearance

    def complain(row: int) -> Complaint:
        line = table.lines[first[column.codes[row]]]
        found = f"duplicate key {_shown(column.cell(row))} (first in row {line})"
        return Complaint(found, "a value that occurs once", f"give the row a new {key[-1]} or delete the row")

    return table.finding("+".join(key), KEY, repeated.to_numpy() & ~table.any_empty(key), complain)


def _shown(key: str) -> str:
    return " + ".join(quoted(part)[1:-1] for part in key.split(JOINT))


def _foreign_keys(table: RawTable, tables: dict[str, RawTable]) -> Iterator[Finding]:
    for key in table.description["schema"].get("foreignKeys", []):
        columns, wanted = names_of(key["fields"]), names_of(key["reference"]["fields"])
        target = tables.get(key["reference"]["resource"] or table.name)
        if target and target.has(wanted) and table.has(columns):
            yield _unknown_keys(table, columns, target, wanted)


def _unknown_keys(table: RawTable, columns: list[str], target: RawTable, wanted: list[str]) -> Finding:
    column, known = table.joined(columns), target.joined(wanted)
    unknown = column.absent_from(known) & ~table.any_empty(columns)
    guess = _guesser(column.distinct[pd.unique(column.codes[unknown])], known.distinct)
    expected = f"a value of {'+'.join(wanted)} in {target.file}"

    def complain(row: int) -> Complaint:
        value = column.cell(row)
        near = guess(value)
        advice = f"write {_shown(near)} if that is meant, or add it there" if near else "correct it, or add it there"
        return Complaint(f"the unknown key {_shown(value)}", expected, advice)

    return table.finding("+".join(columns), KEY, unknown, complain)


def _guesser(words: Iterable[str], known: Collection[str]) -> Callable[[str], str]:
    """Return what gives, for the first of the unknown words, the known word nearest to it, empty where none is near."""
    first = set(islice(words, COMPARISONS // max(len(known), 1)))
    return cache(lambda word: near_miss(word, known) if word in first else "")


def _empty_cells(table: RawTable, field: Field) -> Iterator[Finding]:
    name = field["name"]
    in_key = name in table.primary_key
    if not (in_key or field.get("constraints", {}).get("required")):
        return
    expected, advice = "a value", "write the value, or take the row out"
    if name == "source_id":
        expected, advice = "the source of the row", "name the page the row was read from, or take the row out"
    complaint = Complaint("an empty cell", expected, advice)
    yield table.finding(name, KEY if in_key else VALUE, table.columns[name].equals(""), lambda row: complaint)


def _bad_values(table: RawTable, field: Field, collected: str) -> Iterator[Finding]:
    """Hold each distinct value against the checks up to the first it fails; an empty cell is never bad here."""
    column = table.columns[field["name"]]
    values = _values(column)
    for find in _VALUE_CHECKS:
        bad = find(field, values, collected)
        if bad:
            wrong = column.has_code(bad.values.index)
            yield table.finding(field["name"], bad.order, wrong, column.told_by(bad.complain))
            values = values.drop(bad.values.index)


def _values(column: Column) -> Texts:
    """Return the distinct values by their codes, without the empty cell."""
    values = pd.Series(column.distinct, dtype=object)
    return values[values != ""]


# --- Checks of values: each takes the field, its distinct values and the day of collection, and tells the bad ones.


class Bad(NamedTuple):
    """Bad ones among distinct values, what to say of each, and how much they hide."""

    values: Texts
    complain: Callable[[str], Complaint]
    order: int = VALUE


def _against(pattern: str, values: Texts) -> Texts:
    """Return the values that `pattern` does not match from end to end."""
    match = re.compile(pattern).fullmatch
    return values[[match(value) is None for value in values]]


def _of_wrong_type(field: Field, values: Texts, collected: str) -> Bad | None:
    kind = field["type"]
    if kind == "string":
        return None
    return Bad(_against(TYPE_PATTERNS[kind], values), partial(_type_complaint, kind))


def _type_complaint(kind: str, value: str) -> Complaint:
    plain, expected = unicodedata.normalize("NFKC", value).strip(), TYPE_NAMES[kind]
    if plain.lower() in WORDS_FOR_MISSING:
        return Complaint(f"{quoted(value)}, a word for a missing value", expected, "leave the cell empty")
    if plain != value and re.fullmatch(NUMBER, plain):
        return Complaint(f"{quoted(value)}, with full-width digits or blanks", expected, f"write {plain}")
    if re.fullmatch(THOUSANDS, plain):
        advice = f"write {plain.replace(',', '')}"
        return Complaint(f"{quoted(value)}, with thousands separators", expected, advice)
    if re.fullmatch(NUMBER + r" ?%", plain):
        advice = f"write {plain.rstrip('% ')}; the unit has its own place"
        return Complaint(f"{quoted(value)}, with a percent sign", expected, advice)
    if re.fullmatch(LOOSE_DATE, plain):
        advice = "format the column as text in the spreadsheet and write the number again"
        return Complaint(f"{quoted(value)}, a date as a spreadsheet writes it", expected, advice)
    return Complaint(quoted(value), expected, f"write {expected} alone, without words or units")


def _no_partial_date(field: Field, values: Texts, collected: str) -> Bad | None:
    if not field.get("partial_date"):
        return None
    return Bad(_against(PARTIAL_DATE, values), _date_complaint)


def _date_complaint(value: str) -> Complaint:
    expected = "a date as YYYY, YYYY-MM or YYYY-MM-DD"
    plain = unicodedata.normalize("NFKC", value).strip()
    if loose := re.fullmatch(LOOSE_DATE, plain):
        advice = "write " + "-".join(part.zfill(2) for part in loose.groups() if part)
        return Complaint(f"{quoted(value)}, a date in another form", expected, advice)
    if re.fullmatch(r"[0-9]{5}", plain):
        advice = "format the column as text in the spreadsheet and write the date again"
        return Complaint(f"{quoted(value)}, a spreadsheet's number for a day", expected, advice)
    return Complaint(quoted(value), expected, "write the date in that form, or leave the cell empty if it is unknown")


def _impossible_dates(field: Field, values: Texts, collected: str) -> Bad | None:
    if not field.get("partial_date"):
        return None
    days = values + values.str.len().map({4: "-01-01", 7: "-01", 10: ""})
    bad = values[pd.to_datetime(days, format="%Y-%m-%d", errors="coerce").isna()]
    expected, advice = "a day of the calendar", "look the date up again"
    return Bad(bad, lambda value: Complaint(f"the impossible date {value}", expected, advice), RANGE)


def _future_dates(field: Field, values: Texts, collected: str) -> Bad | None:
    if not field.get("partial_date") or field.get("may_be_future"):
        return None
    # Dates in this form sort as text; a year or month is held against as much of the day as it states.
    bad = values[[value > collected[: len(value)] for value in values]]
    expected = f"{collected} or before, the day of collection"
    advice = f"correct the date, or collected in {PACKAGE_FILE}"
    return Bad(bad, lambda value: Complaint(f"the later date {value}", expected, advice), RANGE)


def _no_web_address(field: Field, values: Texts, collected: str) -> Bad | None:
    if field.get("format") != "uri":
        return None
    expected, advice = "an address that starts with http:// or https://", "write the whole address, without blanks"
    return Bad(_against(WEB_ADDRESS, values), lambda value: Complaint(quoted(value), expected, advice))


def _unknown_codes(field: Field, values: Texts, collected: str) -> Bad | None:
    if "enum" not in field.get("constraints", {}):
        return None
    codes = [str(code) for code in field["constraints"]["enum"]]
    bad = values[~values.isin(codes)]
    guess = _guesser(bad, codes)
    return Bad(bad, lambda value: _code_complaint(value, guess(value), codes))


def _code_complaint(value: str, guess: str, codes: list[str]) -> Complaint:
    advice = f"write {guess} if that is meant" if guess else "choose one of these"
    return Complaint(f"the unknown code {quoted(value)}", f"one of {', '.join(codes)}", advice)


def _of_wrong_form(field: Field, values: Texts, collected: str) -> Bad | None:
    pattern = field.get("constraints", {}).get("pattern")
    if not pattern:
        return None
    expected, advice = f"text of the form {pattern}", "write the value in that form"
    return Bad(_against(pattern, values), lambda value: Complaint(quoted(value), expected, advice))


def _of_wrong_length(field: Field, values: Texts, collected: str) -> Bad | None:
    limits = field.get("constraints", {})
    if not limits.keys() & {"minLength", "maxLength"}:
        return None
    shortest, longest = limits.get("minLength", 0), limits.get("maxLength", float("inf"))
    bad = values[~values.str.len().between(shortest, longest)]
    expected = f"{shortest} to {longest} characters"
    return Bad(bad, lambda value: Complaint(quoted(value), expected, "correct the value"), RANGE)


def _out_of_range(field: Field, values: Texts, collected: str) -> Bad | None:
    limits = field.get("constraints", {})
    if field["type"] == "string" or not limits.keys() & {"minimum", "maximum"}:
        return None
    return Bad(_outside(values, limits), partial(_range_complaint, limits, ""), RANGE)


def _outside(values: Texts, limits: dict[str, Any]) -> Texts:
    numbers = pd.to_numeric(values).astype("float64")
    return values[~numbers.between(limits.get("minimum", -np.inf), limits.get("maximum", np.inf))]


def _range_complaint(limits: dict[str, Any], condition: str, value: str) -> Complaint:
    ends = {"minimum": "at least", "maximum": "at most"}
    stated = [f"{words} {limits[end]}" for end, words in ends.items() if end in limits]
    return Complaint(value, " and ".join(stated) + condition, "look the value up again")


def _broken_rules(table: RawTable) -> Iterator[Finding]:
    for rule in table.description.get("rules", []):
        if table.has([rule["field"], *rule["when"]]):
            yield _broken_rule(table, rule)


def _broken_rule(table: RawTable, rule: dict[str, Any]) -> Finding:
    column, values = table.columns[rule["field"]], _values(table.columns[rule["field"]])
    numbers = values.drop(_against(NUMBER, values).index)
    broken = column.has_code(_outside(numbers, rule).index) & _meets(table, rule["when"])
    condition = " when " + " and ".join(f"{column} is {value}" for column, value in rule["when"].items())
    return table.finding(rule["field"], RANGE, broken, column.told_by(partial(_range_complaint, rule, condition)))


def _meets(table: RawTable, when: dict[str, Any]) -> NDArray[np.bool_]:
    every = np.ones(len(table.lines), dtype=bool)
    return reduce(lambda met, name: met & table.columns[name].equals(str(when[name])), when, every)


def _uncoded_units(coding: dict[str, Any], tables: dict[str, RawTable]) -> Iterator[Finding]:
    """Tell the units of a coded table that no pass codes; a unit that one pass lacks is no problem."""
    names, key, when = [coding["table"], *coding["passes"]], coding["key"], coding.get("when", {})
    if not all(name in tables and tables[name].has([key]) for name in names) or not tables[names[0]].has(when):
        return
    table, *passes = (tables[name] for name in names)
    units = table.columns[key]
    coded = [one_pass.columns[key] for one_pass in passes]
    uncoded = units.absent_from(*coded) & ~units.equals("") & _meets(table, when)
    expected = f"its codes in {' or '.join(one_pass.file for one_pass in passes)}"
    advice = "code it in one pass at least, or take the row out"
    complain = units.told_by(lambda unit: Complaint(f"{quoted(unit)}, coded in no pass", expected, advice))
    yield table.finding(key, KEY, uncoded, complain)


_VALUE_CHECKS: tuple[Callable[[Field, Texts, str], Bad | None], ...] = (
    _of_wrong_type,
    _no_partial_date,
    _impossible_dates,
    _future_dates,
    _no_web_address,
    _unknown_codes,
    _of_wrong_form,
    _of_wrong_length,
    _out_of_range,
)
