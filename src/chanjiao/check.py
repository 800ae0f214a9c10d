"""Checking `data/raw/` and `params.yaml`: every problem in one go, what hides other problems first.

`datapackage.json` is the only declaration: types, constraints, keys and rules are read from it (Frictionless Table
Schema, with the custom properties `partial_date`, `may_be_future`, `collected`, `without_source`, `inherits_source`,
`rules` and `coding_passes`), so a constraint added there needs no code here. A file that cannot be read is told once
and left out of the other checks.
"""

import codecs
import csv
import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from chanjiao.project import FILE, KEY, PARAMS_FILE, RANGE, VALUE, Problem, near_miss, params_problems, quoted
from chanjiao.tables import DTYPES, PACKAGE_FILE, RAW, UnreadableTableError, names_of, package

__all__ = ["Problem", "check", "report"]

Field: TypeAlias = dict[str, Any]
Texts: TypeAlias = "pd.Series[Any]"  # cells as text, by position in the table or among the distinct values

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


class Complaint(NamedTuple):
    """What is wrong with a value, before it is known in which rows the value stands."""

    found: str
    expected: str
    do: str
    order: int = VALUE


Complaints: TypeAlias = dict[str, Complaint]  # by the value complained about


@dataclass(frozen=True)
class RawTable:
    """A raw file as text: `frame` holds the declared columns there are, `lines` the first line of every record."""

    name: str
    file: str
    description: dict[str, Any]
    frame: pd.DataFrame
    lines: "array[int]"

    @property
    def fields(self) -> list[Field]:
        return [field for field in self.description["schema"]["fields"] if field["name"] in self.frame.columns]

    @property
    def primary_key(self) -> list[str]:
        return names_of(self.description["schema"].get("primaryKey", []))

    def has(self, columns: Iterable[str]) -> bool:
        return set(columns) <= set(self.frame.columns)

    def problem(self, position: int, column: str, complaint: Complaint) -> Problem:
        return Problem(self.file, self.lines[position], column, *complaint)


def check(root: Path) -> list[Problem]:
    """Return every problem of the raw tables and of `params.yaml` in the project `root`; an empty list if none.

    Order: files, columns and shape; then keys; then types, codes and empty cells; then ranges and dates. Within
    each, by file as `datapackage.json` lists them, `params.yaml` last, then by row.
    """
    try:
        declared = package(root)
    except UnreadableTableError as error:
        expected = "the description of the tables as JSON in UTF-8"
        return [Problem(PACKAGE_FILE, 1, "", str(error.__cause__), expected, "restore the file from git", FILE)]
    problems = list(_package_problems(declared))
    if problems:
        return problems
    tables: dict[str, RawTable] = {}
    for description in declared["resources"]:
        table, found = _read(root, description)
        problems += found
        if table:
            tables[table.name] = table
    for table in tables.values():
        problems += _table_problems(table, tables, declared["collected"])
    for coding in declared.get("coding_passes", []):
        problems += _uncoded_problems(coding, tables)
    files = [f"{RAW}/{description['path']}" for description in declared["resources"]]
    return list(_once_a_cell(_in_order(problems + params_problems(root), files)))


def report(problems: Sequence[Problem]) -> str:
    """Return the problems one a line, and as last line how many there are in how many files."""
    files = len({problem.file for problem in problems})
    total = f"{_count(len(problems), 'problem')} in {_count(files, 'file')}"
    return "\n".join([*map(str, problems), total])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _in_order(problems: list[Problem], files: list[str]) -> list[Problem]:
    position = {file: number for number, file in enumerate([PACKAGE_FILE, *files, PARAMS_FILE])}
    return sorted(problems, key=lambda problem: (problem.order, position[problem.file], problem.row))


def _once_a_cell(problems: list[Problem]) -> Iterator[Problem]:
    # A code that no table knows usually breaks its pattern too; the reader mends the cell once.
    told: set[tuple[str, int, str]] = set()
    for problem in problems:
        cell = (problem.file, problem.row, problem.column)
        if problem.order <= KEY or cell not in told:
            yield problem
        told.add(cell)


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
    columns = {description["name"]: _columns(description) for description in declared["resources"]}
    for coding in declared.get("coding_passes", []):
        yield from _coding_problems(coding, columns)


def _columns(description: dict[str, Any]) -> list[str]:
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


def _read(root: Path, description: dict[str, Any]) -> tuple[RawTable | None, list[Problem]]:
    path, file = root / RAW / description["path"], f"{RAW}/{description['path']}"
    if not path.is_file():
        return None, [_missing_file(root, file)]
    encoding, problems = _encoding(path, file)
    if not encoding:
        return None, problems
    layout = _layout(path, encoding)
    declared = _columns(description)
    problems += _header_problems(file, layout.header, declared)
    broken = [Problem(file, line, "", *complaint) for line, complaint in layout.broken]
    if broken or not set(layout.header) & set(declared):
        return None, problems + broken
    columns = [name for name in declared if name in layout.header]
    frame = pd.read_csv(path, dtype=object, usecols=columns, keep_default_na=False, na_filter=False, encoding=encoding)
    return RawTable(description["name"], file, description, frame, layout.lines), problems


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
    lines: "array[int]"
    broken: list[tuple[int, Complaint]]


def _layout(path: Path, encoding: str) -> _Layout:
    """Return the header, the first physical line of each record, and the records that have no proper shape."""
    lines, broken = array("q"), list[tuple[int, Complaint]]()
    header: list[str] = []
    with path.open(encoding=encoding, newline="") as opened:
        reader = csv.reader(opened, strict=True)
        line = 1
        try:
            header = next(reader, [])
            line = reader.line_num + 1
            for record in reader:
                lines.append(line)
                if len(record) != len(header):
                    broken.append((line, _wrong_length(len(record), len(header))))
                line = reader.line_num + 1
        except csv.Error as error:
            broken.append((line, _unclosed(error)))
    return _Layout(header, lines, broken)


def _wrong_length(found: int, expected: int) -> Complaint:
    if found == 0:
        return Complaint("a blank line", "a record", "delete the line", FILE)
    advice = "put quotation marks around a cell that holds a comma" if found > expected else "add the missing commas"
    return Complaint(_count(found, "field"), f"{expected}, one for each column", advice, FILE)


def _unclosed(error: csv.Error) -> Complaint:
    advice = "close the quotation mark, and double those within a cell"
    return Complaint(f"a record that cannot be read ({error})", "quotation marks in pairs", advice, FILE)


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
        problems.append(Problem(file, 1, name, *_extra_column(name, guess, declared)))
    return problems + [Problem(file, 1, name, *_missing_column(name, header)) for name in missing]


def _extra_column(name: str, guess: str, declared: list[str]) -> Complaint:
    if guess:
        return Complaint(f"the unknown column {quoted(name)}", guess, f"rename the column to {guess}", FILE)
    if name in declared:
        return Complaint(f"the column {quoted(name)} a second time", "each column once", "delete one of the two", FILE)
    advice = f"delete the column, or describe it in {PACKAGE_FILE}"
    return Complaint(f"the unknown column {quoted(name)}", f"only the columns of {PACKAGE_FILE}", advice, FILE)


def _missing_column(name: str, header: list[str]) -> Complaint:
    return Complaint(f"the columns {', '.join(header)}", f"a column {name} too", f"add the column {name}", FILE)


# --- The rows of a table.


def _table_problems(table: RawTable, tables: dict[str, RawTable], collected: str) -> Iterator[Problem]:
    yield from _duplicate_problems(table)
    yield from _foreign_key_problems(table, tables)
    for field in table.fields:
        yield from _empty_problems(table, field)
        yield from _value_problems(table, field, collected)
    yield from _rule_problems(table)


def _duplicate_problems(table: RawTable) -> Iterator[Problem]:
    unique = [[field["name"]] for field in table.fields if field.get("constraints", {}).get("unique")]
    keys = [table.primary_key, *(key for key in unique if key != table.primary_key)]
    for key in keys:
        if key and table.has(key):
            yield from _duplicates(table, key)


def _duplicates(table: RawTable, key: list[str]) -> Iterator[Problem]:
    values = _joined(table.frame, key)
    complete = values[~_any_empty(table.frame, key)]
    repeated = complete[complete.duplicated()]
    first = complete[complete.isin(repeated)].drop_duplicates()
    first_line = {value: table.lines[position] for position, value in _at(first)}
    for position, value in _at(repeated):
        found = f"duplicate key {_shown(value)} (first in row {first_line[value]})"
        complaint = Complaint(found, "a value that occurs once", f"give the row a new {key[-1]} or delete the row", KEY)
        yield table.problem(position, "+".join(key), complaint)


def _at(values: Texts) -> Iterator[tuple[int, str]]:
    return zip(values.index.tolist(), values.tolist(), strict=True)


def _joined(frame: pd.DataFrame, columns: list[str]) -> Texts:
    return reduce(lambda left, right: left + JOINT + right, (frame[column] for column in columns))


def _any_empty(frame: pd.DataFrame, columns: list[str]) -> "pd.Series[bool]":
    return (frame[columns] == "").any(axis=1)


def _shown(key: str) -> str:
    return " + ".join(quoted(part)[1:-1] for part in key.split(JOINT))


def _foreign_key_problems(table: RawTable, tables: dict[str, RawTable]) -> Iterator[Problem]:
    for key in table.description["schema"].get("foreignKeys", []):
        columns, wanted = names_of(key["fields"]), names_of(key["reference"]["fields"])
        target = tables.get(key["reference"]["resource"] or table.name)
        if target and target.has(wanted) and table.has(columns):
            yield from _unknown_keys(table, columns, target, wanted)


def _unknown_keys(table: RawTable, columns: list[str], target: RawTable, wanted: list[str]) -> Iterator[Problem]:
    known = _joined(target.frame, wanted).unique().tolist()
    values = _joined(table.frame, columns)
    unknown = values[~values.isin(known) & ~_any_empty(table.frame, columns)]
    guesses = _guesses(unknown, known)
    expected = f"a value of {'+'.join(wanted)} in {target.file}"
    for position, value in _at(unknown):
        guess = guesses.get(value)
        advice = f"write {_shown(guess)} if that is meant, or add it there" if guess else "correct it, or add it there"
        complaint = Complaint(f"the unknown key {_shown(value)}", expected, advice, KEY)
        yield table.problem(position, "+".join(columns), complaint)


def _guesses(words: Texts, known: Sequence[str]) -> dict[str, str]:
    """Return for the first of the unknown words the known word nearest to each, empty where none is near."""
    first = words.drop_duplicates()[: COMPARISONS // max(len(known), 1)]
    return {word: near_miss(word, known) for word in first}


def _empty_problems(table: RawTable, field: Field) -> Iterator[Problem]:
    name = field["name"]
    in_key = name in table.primary_key
    if not (in_key or field.get("constraints", {}).get("required")):
        return
    expected, advice = "a value", "write the value, or take the row out"
    if name == "source_id":
        expected, advice = "the source of the row", "name the page the row was read from, or take the row out"
    complaint = Complaint("an empty cell", expected, advice, KEY if in_key else VALUE)
    for position in np.flatnonzero(table.frame[name] == ""):
        yield table.problem(int(position), name, complaint)


def _value_problems(table: RawTable, field: Field, collected: str) -> Iterator[Problem]:
    name = str(field["name"])
    cells = table.frame[name]
    complaints = _complaints(field, cells.drop_duplicates(), collected)
    bad = cells[cells.isin(list(complaints))] if complaints else cells[:0]
    for position, value in _at(bad):
        yield table.problem(position, name, complaints[value])


def _complaints(field: Field, distinct: Texts, collected: str) -> Complaints:
    """Return the first complaint about each bad one of the distinct values; an empty cell is never bad here."""
    complaints: Complaints = {}
    values = distinct[distinct != ""]
    for find in _VALUE_CHECKS:
        if found := find(field, values, collected):
            complaints |= found
            values = values[~values.isin(list(found))]
    return complaints


# --- Checks of values: each takes the field, its distinct values and the day of collection, and tells the bad ones.


def _of_wrong_type(field: Field, values: Texts, collected: str) -> Complaints:
    if field["type"] == "string":
        return {}
    bad = values[~values.str.fullmatch(TYPE_PATTERNS[field["type"]])]
    return {value: _type_complaint(field["type"], value) for value in bad}


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


def _no_partial_date(field: Field, values: Texts, collected: str) -> Complaints:
    if not field.get("partial_date"):
        return {}
    bad = values[~values.str.fullmatch(PARTIAL_DATE)]
    return {value: _date_complaint(value) for value in bad}


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


def _impossible_dates(field: Field, values: Texts, collected: str) -> Complaints:
    if not field.get("partial_date"):
        return {}
    days = values + values.str.len().map({4: "-01-01", 7: "-01", 10: ""})
    bad = values[pd.to_datetime(days, format="%Y-%m-%d", errors="coerce").isna()]
    expected, advice = "a day of the calendar", "look the date up again"
    return {value: Complaint(f"the impossible date {value}", expected, advice, RANGE) for value in bad}


def _future_dates(field: Field, values: Texts, collected: str) -> Complaints:
    if not field.get("partial_date") or field.get("may_be_future"):
        return {}
    # Dates in this form sort as text; a year or month is held against as much of the day as it states.
    bad = values[[value > collected[: len(value)] for value in values]]
    expected = f"{collected} or before, the day of collection"
    advice = f"correct the date, or collected in {PACKAGE_FILE}"
    return {value: Complaint(f"the later date {value}", expected, advice, RANGE) for value in bad}


def _no_web_address(field: Field, values: Texts, collected: str) -> Complaints:
    if field.get("format") != "uri":
        return {}
    bad = values[~values.str.fullmatch(WEB_ADDRESS)]
    expected, advice = "an address that starts with http:// or https://", "write the whole address, without blanks"
    return {value: Complaint(quoted(value), expected, advice) for value in bad}


def _unknown_codes(field: Field, values: Texts, collected: str) -> Complaints:
    if "enum" not in field.get("constraints", {}):
        return {}
    codes = [str(code) for code in field["constraints"]["enum"]]
    bad = values[~values.isin(codes)]
    guesses = _guesses(bad, codes)
    return {value: _code_complaint(value, guesses.get(value, ""), codes) for value in bad}


def _code_complaint(value: str, guess: str, codes: list[str]) -> Complaint:
    advice = f"write {guess} if that is meant" if guess else "choose one of these"
    return Complaint(f"the unknown code {quoted(value)}", f"one of {', '.join(codes)}", advice)


def _against_pattern(field: Field, values: Texts, collected: str) -> Complaints:
    pattern = field.get("constraints", {}).get("pattern")
    if not pattern:
        return {}
    bad = values[~values.str.fullmatch(pattern)]
    expected, advice = f"text of the form {pattern}", "write the value in that form"
    return {value: Complaint(quoted(value), expected, advice) for value in bad}


def _of_wrong_length(field: Field, values: Texts, collected: str) -> Complaints:
    limits = field.get("constraints", {})
    if not limits.keys() & {"minLength", "maxLength"}:
        return {}
    shortest, longest = limits.get("minLength", 0), limits.get("maxLength", float("inf"))
    bad = values[~values.str.len().between(shortest, longest)]
    expected = f"{shortest} to {longest} characters"
    return {value: Complaint(quoted(value), expected, "correct the value", RANGE) for value in bad}


def _out_of_range(field: Field, values: Texts, collected: str) -> Complaints:
    limits = field.get("constraints", {})
    if field["type"] == "string" or not limits.keys() & {"minimum", "maximum"}:
        return {}
    bad = _outside(values, limits)
    return {value: _range_complaint(value, limits) for value in bad}


def _outside(values: Texts, limits: dict[str, Any]) -> Texts:
    numbers = pd.to_numeric(values).astype("float64")
    return values[~numbers.between(limits.get("minimum", -np.inf), limits.get("maximum", np.inf))]


def _range_complaint(value: str, limits: dict[str, Any], condition: str = "") -> Complaint:
    ends = {"minimum": "at least", "maximum": "at most"}
    stated = [f"{words} {limits[end]}" for end, words in ends.items() if end in limits]
    return Complaint(value, " and ".join(stated) + condition, "look the value up again", RANGE)


def _rule_problems(table: RawTable) -> Iterator[Problem]:
    for rule in table.description.get("rules", []):
        if table.has([rule["field"], *rule["when"]]):
            yield from _broken_rule(table, rule)


def _broken_rule(table: RawTable, rule: dict[str, Any]) -> Iterator[Problem]:
    values = table.frame.loc[_meets(table, rule["when"]), rule["field"]]
    condition = " when " + " and ".join(f"{column} is {value}" for column, value in rule["when"].items())
    for position, value in _at(_outside(values[values.str.fullmatch(NUMBER)], rule)):
        yield table.problem(position, rule["field"], _range_complaint(value, rule, condition))


def _meets(table: RawTable, when: dict[str, Any]) -> "pd.Series[bool]":
    every = pd.Series(True, index=table.frame.index)
    return reduce(lambda met, wanted: met & (table.frame[wanted[0]] == str(wanted[1])), when.items(), every)


def _uncoded_problems(coding: dict[str, Any], tables: dict[str, RawTable]) -> Iterator[Problem]:
    """Tell the units of a coded table that no pass codes; a unit that one pass lacks is no problem."""
    names, key, when = [coding["table"], *coding["passes"]], coding["key"], coding.get("when", {})
    if not all(name in tables and tables[name].has([key]) for name in names) or not tables[names[0]].has(when):
        return
    table, *passes = (tables[name] for name in names)
    units = table.frame.loc[_meets(table, when), key]
    coded = {unit for one_pass in passes for unit in one_pass.frame[key]}
    expected = f"its codes in {' or '.join(one_pass.file for one_pass in passes)}"
    advice = "code it in one pass at least, or take the row out"
    for position, unit in _at(units[~units.isin(coded) & (units != "")]):
        complaint = Complaint(f"{quoted(unit)}, coded in no pass", expected, advice, KEY)
        yield table.problem(position, key, complaint)


_VALUE_CHECKS: tuple[Callable[[Field, Texts, str], Complaints], ...] = (
    _of_wrong_type,
    _no_partial_date,
    _impossible_dates,
    _future_dates,
    _no_web_address,
    _unknown_codes,
    _against_pattern,
    _of_wrong_length,
    _out_of_range,
)
