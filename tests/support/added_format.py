"""The format that `docs/how-to/add-a-format.md` adds, in the registry of this process."""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest

from pc_worker.reader.formats import registry
from pc_worker.reader.formats.registry import Format
from pc_worker.reader.formats.sniff import begins_with
from pc_worker.settings import PROJECT

HOW_TO = PROJECT / "docs/how-to/add-a-format.md"


def add_format(patch: pytest.MonkeyPatch) -> Format:
    """Register the format of the document's two examples, as they are written there."""
    source, entry = re.findall(r"```python by-hand\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    module = ModuleType("pc_worker.reader.formats.properties")
    patch.setitem(sys.modules, module.__name__, module)
    exec(source, vars(module))
    added: Format = eval(entry, {"Format": Format, "begins_with": begins_with})
    patch.setattr(registry, "BY_SIGNATURE", (added, *registry.BY_SIGNATURE))
    return added
