"""Models whose fields are read from environment variables.

``pydantic-settings`` reads variables from many more places; its import alone would take a sixth of a short command.
"""

from __future__ import annotations

import os
from typing import Any

from pydantic import BaseModel, ConfigDict

PREFIX = "PC_WORKER_"


class EnvironmentModel(BaseModel):
    """A model whose fields are variables: ``PC_WORKER_`` and the field's name, in capitals or not.

    Values that are given to it come before those of the environment; an empty variable counts as unset.
    """

    #: A wrong value is not repeated: it may be a secret.
    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True, hide_input_in_errors=True)

    def __init__(self, **values: Any) -> None:
        super().__init__(**(_variables(type(self)) | values))


def _variables(model: type[BaseModel]) -> dict[str, str]:
    """Return the fields of a model that the environment has, as texts; the exact name of a variable comes first."""
    found = {name.lower(): value for name, value in os.environ.items() if value}
    found |= {name.lower(): value for name, value in os.environ.items() if value and name.isupper()}
    named = {field: f"{PREFIX}{field}".lower() for field in model.model_fields}
    return {field: found[name] for field, name in named.items() if name in found}
