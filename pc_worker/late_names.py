"""Names of a package that are loaded when they are first asked for.

The reader has the same of its own: it imports nothing from the rest of the package.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def late_names(package: str, files: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package; ``files`` has, for each name, the module below it that has the name.

    The module is loaded with all that it needs.
    """

    def load(name: str) -> Any:
        if name not in files:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{files[name]}"), name)

    return load
