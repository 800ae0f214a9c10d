"""Executed notebooks of past runs, kept by jupyter-cache: what has been computed once is not computed again.

jupyter-cache looks a notebook up by its code cells. One of those is the cell of injected parameters, and one of the
parameters is the fingerprint of everything the notebook reads, so that a found notebook cannot be stale.
"""

import hashlib
import shutil
from json import JSONDecodeError
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, RetrievalError
from jupyter_cache.cache.main import JupyterCacheBase
from nbformat import NotebookNode
from sqlalchemy.exc import SQLAlchemyError

from chanjiao.notebook import normalise

FOLDER = ".chanjiao/notebooks"
LIMIT = 400  # notebooks: a run of all provinces, and the one before


class NotebookCache:
    """The cache of the project in `root`; it is made when first used, and may be deleted at any time."""

    def __init__(self, root: Path) -> None:
        try:
            self._cache = _open(root / FOLDER)
        except (RuntimeError, SQLAlchemyError):  # a database that was cut; it held copies only
            shutil.rmtree(root / FOLDER)
            self._cache = _open(root / FOLDER)

    def find(self, source: NotebookNode) -> NotebookNode | None:
        """Return the notebook `source` (parameters injected, normal form) with its outputs, None if there are none.

        Its prose is that of `source`. What was cut or changed on disk counts as not there.
        """
        try:
            record = self._cache.match_cache_notebook(source)
            bundle = self._cache.get_cache_bundle(record.pk)
            if bundle.record.data != {"sha256": digest(bundle.nb)}:
                return None
            return normalise(self._cache.merge_match_into_notebook(source)[1])
        except (KeyError, RetrievalError, JSONDecodeError, nbformat.ValidationError, nbformat.reader.NotJSONError):
            return None

    def keep(self, executed: NotebookNode, name: str) -> None:
        """Keep a notebook that ran to its end, in normal form, under a name for whoever looks into the cache."""
        code = self._cache.create_hashed_notebook(executed)[0]
        bundle = CacheBundleIn(executed, name, data={"sha256": digest(code)})
        try:
            self._cache.cache_notebook_bundle(bundle, overwrite=True)
        except FileExistsError:  # a folder without its notebook, which jupyter-cache cannot overwrite
            self._cache.clear_cache()
            self._cache.cache_notebook_bundle(bundle, overwrite=True)


def _open(folder: Path) -> JupyterCacheBase:
    cache: JupyterCacheBase = get_cache(folder)
    cache.change_cache_limit(LIMIT)
    return cache


def digest(notebook: NotebookNode) -> str:
    """The SHA-256 of a notebook's content."""
    return hashlib.sha256(nbformat.writes(notebook, nbformat.NO_CONVERT).encode()).hexdigest()
