"""What the fork server of `kernels` imports: every module named in the environment that can be imported in silence.

One that fails or warns is left to the notebook that needs it, whose cell then shows what it would show anyway.
"""

import importlib
import os
import warnings

PRELOADED = "CHANJIAO_PRELOADED"  # the environment variable that holds the names
# What Python itself keeps quiet.
QUIET = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def load(names: list[str]) -> list[str]:
    """Import the modules called `names` and return those that are left out."""
    left = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for category in QUIET:
            warnings.simplefilter("ignore", category)
        for name in names:
            try:
                importlib.import_module(name)
            except Exception:
                left.append(name)
    return left


load(os.environ.get(PRELOADED, "").split())
