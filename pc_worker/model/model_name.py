"""What the setting ``MODEL``, an option ``--model`` or a registered model's location names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

BUILT_IN = "all-MiniLM-L6-v2"
MULTILINGUAL = "multilingual"
OPENAI = re.compile(r"openai:(?P<name>@?[^@\s]+)(?:@(?P<url>https?://[^@\s]+))?")

ModelKind = Literal["built-in", "multilingual", "local", "openai"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """The parts of a model's name.

    Attributes:
        kind: Where the model is: in the installation, in files on this machine, or on a server.
        name: A folder or a name if ``local``, the server's name of the model if ``openai``.
        base_url: The server, empty = that of OpenAI; only if ``openai``.
    """

    kind: ModelKind
    name: str
    base_url: str = ""


def read_model_name(value: str) -> ModelName:
    """Read ``value``: empty or ``builtin``, ``multilingual``, a folder, a name, or ``openai:NAME[@BASE_URL]``.

    Raises:
        ValueError: If a server's model has no name, or its URL is not one of HTTP.

    >>> read_model_name("openai:bge-m3@http://gpu:8080/v1")
    ModelName(kind='openai', name='bge-m3', base_url='http://gpu:8080/v1')
    """
    value = value.strip()
    if value in ("", "builtin", BUILT_IN):
        return ModelName(kind="built-in", name=BUILT_IN)
    if value == MULTILINGUAL:
        return ModelName(kind="multilingual", name=MULTILINGUAL)
    if not value.startswith("openai:"):
        return ModelName(kind="local", name=value)
    found = OPENAI.fullmatch(value)
    if found is None:
        raise ValueError(f"{value!r} is not openai:NAME or openai:NAME@http://HOST/v1")
    return ModelName(kind="openai", name=found["name"], base_url=found["url"] or "")
