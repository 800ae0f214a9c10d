"""The first difference between two versions of an input, in the words of its kind: rows, cells, packages or lines."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from os.path import commonprefix
from typing import Any

from chanjiao.project import quoted


def first_difference(file: str, before: bytes, after: bytes) -> str:
    """Return what follows the file's name in a sentence that tells where two versions first differ, and how.

    Text that is not UTF-8, or not what the name says, is compared line by line.
    """
    kinds = {".csv": _rows, ".ipynb": _cells, ".lock": _packages}
    compare = next((compare for ending, compare in kinds.items() if file.endswith(ending)), _lines)
    texts = [content.decode("utf-8-sig", errors="replace") for content in (before, after)]
    try:
        return compare(*texts)
    except (ValueError, KeyError, csv.Error):
        return _lines(*texts)


def _lines(before: str, after: str) -> str:
    for number, (old, new) in enumerate(zip_longest(before.splitlines(), after.splitlines()), start=1):
        if old != new:
            return f" line {number}: {_change(old, new)}"
    return ": only its line ends or its encoding changed"


def _rows(before: str, after: str) -> str:
    old_rows, new_rows = (list(csv.reader(io.StringIO(text))) for text in (before, after))
    if old_rows[:1] != new_rows[:1]:
        return _lines(before, after)
    more = len(new_rows) - len(old_rows)
    count = f" ({abs(more)} row{'s' if abs(more) > 1 else ''} {'more' if more > 0 else 'fewer'})" if more else ""
    for number, (old, new) in enumerate(zip_longest(old_rows, new_rows), start=1):
        if old != new:
            return f" row {number}{_first_field(new_rows[0], old, new, moved=bool(more))}{count}"
    return _lines(before, after)


def _first_field(header: Sequence[str], old: Sequence[str] | None, new: Sequence[str] | None, moved: bool) -> str:
    if old is None or new is None or moved:
        shown = new or old or [""]
        return f" begins {quoted(shown[0])}"
    for column, (one, other) in zip(header, zip_longest(old, new), strict=False):
        if one != other:
            return f", column {column}: {_change(one, other)}"
    return ": another number of fields"


def _cells(before: str, after: str) -> str:
    old, new = (_code(json.loads(text)) for text in (before, after))
    if old == new:
        return ": only its prose changed"
    for name in [*new, *old]:
        if old.get(name) != new.get(name):
            return f" cell {name}{_lines(old.get(name, ''), new.get(name, ''))}"
    return ": its cells stand in another order"


def _code(notebook: Mapping[str, Any]) -> dict[str, str]:
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return {cell["id"]: "".join(cell["source"]) for cell in code}


def _packages(before: str, after: str) -> str:
    old, new = (dict(re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.MULTILINE)) for text in (before, after))
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if not changed:
        return _lines(before, after)
    first = f": {changed[0]} {_change(old.get(changed[0]), new.get(changed[0]))}"
    return first if len(changed) == 1 else f"{first}, and {len(changed) - 1} more"


def _change(old: str | None, new: str | None) -> str:
    # Long text is cut at its end: what both begin with must not hide where they differ.
    alike = len(commonprefix([old or "", new or ""]))
    start = alike - 20 if alike > 40 else 0
    return f"{_shown(old, start)} before, {_shown(new, start)} now"


def _shown(value: str | None, start: int) -> str:
    if value is None:
        return "nothing"
    return quoted(f"…{value[start:]}" if start else value)
