"""Papermill's own engine, which also hands over a notebook that failed.

Without it a failed notebook is only to be had as a file, and papermill would write that file twice a cell: with the
figures of a whole notebook in it, that takes longer than many a cell.
"""

from typing import Any

from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

ENGINE = "chanjiao"


class KeepingEngine(NBClientEngine):
    """Executes as papermill does, and appends the notebook, as far as it has come, to the list `kept`."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, *, kept: list[NotebookNode], **kwargs: Any
    ) -> NotebookNode:
        """Execute the notebook; raises what papermill and nbclient raise."""
        kept.append(nb_man.nb)
        return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


papermill_engines.register(ENGINE, KeepingEngine)
