"""Reading `data/raw/`: every table typed as `datapackage.json` declares it and sorted by its primary key."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from chanjiao.project import near_miss, project_root

RAW = "data/raw"
PACKAGE_FILE = f"{RAW}/datapackage.json"

# Nullable integers, so that an unknown year stays unknown; floats and text carry NaN.
DTYPES = {"string": "str", "integer": "Int64", "year": "Int64", "number": "float64"}


class UnknownTableError(LookupError):
    """A table was asked for that `datapackage.json` does not describe."""


class UnreadableTableError(ValueError):
    """A table is not as `datapackage.json` describes it; `python -m chanjiao check` tells the rows."""


def load(*names: str, root: Path | None = None) -> dict[str, pd.DataFrame]:
    """Return the raw tables `names` as frames by name.

    Columns are those of the schema, in its order: string as pandas str, integer and year as Int64, number as
    float64; an empty cell is missing. Rows are sorted by primary key and numbered from 0, so the order of the
    rows in the file changes no result. Raises UnknownTableError and UnreadableTableError.
    """
    root = root or project_root()
    return {name: _read(root, name) for name in names}


def package(root: Path | None = None) -> dict[str, Any]:
    """Return `datapackage.json` of the project `root` as plain data; raises UnreadableTableError."""
    path = (root or project_root()) / PACKAGE_FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableTableError(
            f"{PACKAGE_FILE}: found {error}; expected the description of the tables as JSON in UTF-8; "
            "do restore the file from git"
        ) from error
    return content


def resource(name: str, root: Path | None = None) -> dict[str, Any]:
    """Return the description of the table `name` (path, schema, rules); raises UnknownTableError."""
    resources = {item["name"]: item for item in package(root)["resources"]}
    if name in resources:
        return dict(resources[name])
    guess = near_miss(name, resources)
    raise UnknownTableError(
        f"{PACKAGE_FILE}: found no table named {name!r}; expected one of {', '.join(resources)}; "
        f"do {f'write {guess!r}' if guess else 'check the name'}"
    )


def schema(name: str, root: Path | None = None) -> dict[str, Any]:
    """Return the Table Schema of the table `name`: fields, primaryKey, foreignKeys."""
    return dict(resource(name, root)["schema"])


def primary_key(name: str, root: Path | None = None) -> list[str]:
    """Return the names of the columns that identify a row of the table `name`."""
    return names_of(schema(name, root).get("primaryKey", []))


def names_of(columns: str | list[str]) -> list[str]:
    """Return `columns` as a list: a Table Schema may give a single column name as plain text."""
    return [columns] if isinstance(columns, str) else list(columns)


def _read(root: Path, name: str) -> pd.DataFrame:
    description = resource(name, root)
    types = {field["name"]: DTYPES[field["type"]] for field in description["schema"]["fields"]}
    path = root / RAW / description["path"]
    try:
        frame = pd.read_csv(path, dtype=types, usecols=list(types), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise UnreadableTableError(
            f"{RAW}/{description['path']}: found {error}; expected the table that {PACKAGE_FILE} describes; "
            "do run `python -m chanjiao check`, which names every row to mend"
        ) from error
    key = names_of(description["schema"].get("primaryKey", []))
    ordered = frame[list(types)]
    return ordered.sort_values(key, kind="stable", ignore_index=True) if key else ordered
