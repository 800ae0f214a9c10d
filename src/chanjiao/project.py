"""The project folder, its `params.yaml`, and the one form in which a problem is told to the reader."""

import csv
import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PARAMS_FILE = "params.yaml"
PROVINCES_FILE = "data/raw/provinces.csv"
NOT_A_PROVINCE = {"00", "XX"}  # rows of provinces.csv for the nation and for places abroad
LANGUAGES = ("en", "zh")
WARM, PLAIN = EXECUTIONS = ("warm", "plain")

# The order in which problems are told: what hides other problems comes first.
FILE, KEY, VALUE, RANGE = range(4)


@dataclass(frozen=True)
class Problem:
    """One thing wrong at one place; `row` is the line number a text editor shows (the header is line 1)."""

    file: str
    row: int
    column: str
    found: str
    expected: str
    do: str
    order: int = VALUE

    def __str__(self) -> str:
        place = f"{self.file}:{self.row} {self.column}".rstrip()
        return f"{place}: found {self.found}; expected {self.expected}; do {self.do}"


class ProjectNotFoundError(FileNotFoundError):
    """No folder at or above the starting point holds `dvc.yaml`."""


class ParamsError(ValueError):
    """`params.yaml` cannot be used; `problems` says why, and the message holds one line for each."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Params:
    """The settings of a run: provinces by code (the paper is about the first), seed, confidence level, language.

    `execution` says how kernels are started (see `notebook.execute`); it changes no output.
    """

    provinces: list[str]
    seed: int
    confidence: float
    language: str
    execution: str

    def injected(self) -> dict[str, Any]:
        """What every notebook is given beside its province and the fingerprint of its inputs."""
        return {"seed": self.seed, "confidence": self.confidence, "language": self.language}


def project_root(start: Path | None = None) -> Path:
    """Return the nearest folder at or above `start` (the working directory by default) that holds `dvc.yaml`.

    Raises ProjectNotFoundError when there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise ProjectNotFoundError(
        f"{here}: found no dvc.yaml here or in any folder above; expected to be inside the project; "
        "do change to the project folder and try again"
    )


def quoted(value: str, width: int = 60) -> str:
    """Return `value` in quotation marks on one line, control characters made visible, long text cut."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return f"'{plain}'" if len(plain) <= width else f"'{plain[:width]}…'"


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return the known word most like `word`, or an empty string when none is close."""
    matches = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def load_params(root: Path) -> Params:
    """Read `params.yaml` of the project `root` strictly.

    Raises ParamsError, with every problem, when a key is missing, unknown, repeated, or its value is not usable.
    """
    entries, problems = _read(root)
    if problems:
        raise ParamsError(problems)
    return Params(**{key: entry.value for key, entry in entries.items()})


def params_problems(root: Path) -> list[Problem]:
    """Return what is wrong with `params.yaml` of the project `root`, an empty list when nothing is."""
    return _read(root)[1]


@dataclass(frozen=True)
class _Entry:
    value: Any
    line: int
    item_lines: list[int]


def _read(root: Path) -> tuple[dict[str, _Entry], list[Problem]]:
    try:
        entries, problems = _entries((root / PARAMS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, [_problem(1, "", "no such file", "the settings of the run", f"add {PARAMS_FILE}", FILE)]
    except UnicodeDecodeError:
        return {}, [_problem(1, "", "bytes that are not UTF-8", "UTF-8 text", "save the file as UTF-8", FILE)]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return {}, [_problem(line, "", str(error.problem), "YAML, one `key: value` a line", "mend the line", FILE)]
    codes = _province_codes(root)
    for key, entry in entries.items():
        problems += _CHECKS[key](entry, codes)
    return entries, sorted(problems, key=lambda problem: (problem.order, problem.row))


def _entries(text: str) -> tuple[dict[str, _Entry], list[Problem]]:
    loader = yaml.SafeLoader(text)
    node = loader.get_single_node()
    if not isinstance(node, yaml.MappingNode):
        return {}, [_problem(1, "", "no keys", f"the keys {', '.join(_CHECKS)}", "write one `key: value` a line", FILE)]
    entries: dict[str, _Entry] = {}
    problems = []
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key not in _CHECKS or key in entries:
            problems.append(_bad_key(key, line, key in entries))
            continue
        items = value_node.value if isinstance(value_node, yaml.SequenceNode) else []
        lines = [item.start_mark.line + 1 for item in items]
        entries[key] = _Entry(loader.construct_document(value_node), line, lines)
    misspelt = {near_miss(problem.column, _CHECKS) for problem in problems}
    return entries, problems + [_missing_key(key) for key in _CHECKS if key not in {*entries, *misspelt}]


def _bad_key(key: str, line: int, repeated: bool) -> Problem:
    if repeated:
        return _problem(line, key, "the key a second time", "each key once", "delete one of the two", FILE)
    guess = near_miss(key, _CHECKS)
    advice = f"write {guess}" if guess else "delete the line"
    return _problem(line, key, "an unknown key", f"one of {', '.join(_CHECKS)}", advice, FILE)


def _missing_key(key: str) -> Problem:
    return _problem(1, key, "no such key", "a value", f"add a line `{key}: …`", FILE)


def _problem(line: int, key: str, found: str, expected: str, do: str, order: int = VALUE) -> Problem:
    return Problem(PARAMS_FILE, line, key, found, expected, do, order)


def _province_codes(root: Path) -> set[str]:
    # An unreadable table gives no codes; `check` reports the table itself, so the codes are then left alone.
    try:
        with (root / PROVINCES_FILE).open(encoding="utf-8-sig", newline="") as file:
            return {row["province_code"] for row in csv.DictReader(file)} - NOT_A_PROVINCE
    except (OSError, UnicodeDecodeError, KeyError, csv.Error):
        return set()


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the truth value {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {quoted(value)}"
    return f"a {'list' if isinstance(value, list) else type(value).__name__}"


def _check_provinces(entry: _Entry, codes: set[str]) -> list[Problem]:
    if not isinstance(entry.value, list) or not entry.value:
        found = "an empty list" if entry.value == [] else _kind(entry.value)
        return [_problem(entry.line, "provinces", found, "a list of province codes", 'write it as ["50", "51"]')]
    problems = []
    for number, (code, line) in enumerate(zip(entry.value, entry.item_lines, strict=True)):
        complaint = _code_complaint(code, entry.value[:number], codes)
        if complaint:
            problems.append(_problem(line, "provinces", *complaint))
    return problems


def _code_complaint(code: Any, earlier: list[Any], codes: set[str]) -> tuple[str, str, str] | None:
    if not isinstance(code, str):
        return _kind(code), "a code, which is text", f'put it in quotes: "{code}"'
    if code in earlier:
        return f"the code {code} a second time", "each province once", "delete one of the two"
    if codes and code not in codes:
        guess = near_miss(code, codes)
        return (
            f"the unknown code {quoted(code)}",
            f"a province_code of {PROVINCES_FILE}",
            (f'write "{guess}" if that is meant, or look the code up' if guess else "look the code up"),
        )
    return None


def _check_seed(entry: _Entry, codes: set[str]) -> list[Problem]:
    if type(entry.value) is int and entry.value >= 0:
        return []
    return [_problem(entry.line, "seed", _kind(entry.value), "a whole number, 0 or more", "write it as 20260101")]


def _check_confidence(entry: _Entry, codes: set[str]) -> list[Problem]:
    value = entry.value
    if type(value) is float and 0 < value < 1:
        return []
    percent = type(value) in (int, float) and 1 < value < 100
    advice = f"write {value / 100:g}" if percent else "write it as 0.95, without quotes"
    return [_problem(entry.line, "confidence", _kind(value), "a share above 0 and below 1", advice)]


def _check_language(entry: _Entry, codes: set[str]) -> list[Problem]:
    if entry.value in LANGUAGES:
        return []
    return [_problem(entry.line, "language", _kind(entry.value), "en or zh", "write one of the two")]


def _check_execution(entry: _Entry, codes: set[str]) -> list[Problem]:
    if entry.value in EXECUTIONS:
        return []
    return [_problem(entry.line, "execution", _kind(entry.value), "warm or plain", "write one of the two")]


_CHECKS: dict[str, Callable[[_Entry, set[str]], list[Problem]]] = {
    "provinces": _check_provinces,
    "seed": _check_seed,
    "confidence": _check_confidence,
    "language": _check_language,
    "execution": _check_execution,
}
