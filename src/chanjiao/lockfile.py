"""Mending `dvc.lock` before a run: DVC writes it in place, so a killed run can leave it empty or cut."""

from pathlib import Path

LOCK_FILE = "dvc.lock"


def mend(root: Path) -> str | None:
    """Remove a `dvc.lock` that DVC could not read and return a sentence that says so, None when there is no need.

    Nothing is lost: DVC keeps finished stages in its cache and writes the file anew from there.
    """
    path = root / LOCK_FILE
    if not path.is_file() or _is_readable(path):
        return None
    path.unlink()
    return f"{LOCK_FILE} was cut by an interrupted run and is written anew; finished stages come from the cache"


def _is_readable(path: Path) -> bool:
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from ruamel.yaml import YAML, YAMLError
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(path.read_text(encoding="utf-8")))
    except (YAMLError, Invalid, UnicodeDecodeError):
        return False
    return True
