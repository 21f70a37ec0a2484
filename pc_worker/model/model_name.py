"""What the setting ``MODEL``, an option ``--model`` or a registered model's location names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pc_worker.urls import Engine, is_engine, read_engine

BUILT_IN = "all-MiniLM-L6-v2"
MULTILINGUAL = "multilingual"

ModelKind = Literal["built-in", "multilingual", "local", "openai"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """The parts of a model's name.

    Attributes:
        kind: Where the model is: in the installation, in files on this machine, or on a server.
        name: A folder or a name if ``local``, the server's name of the model if ``openai``.
        engine: The server and what is requested of it; only if ``openai``.
    """

    kind: ModelKind
    name: str
    engine: Engine | None = None


def read_model_name(value: str) -> ModelName:
    """Read ``value``: empty or ``builtin``, ``multilingual``, a folder, a name, or ``openai:NAME[@BASE_URL]``.

    Raises:
        ValueError: If a server's model has no name, or its URL is not one of HTTP.

    >>> read_model_name("openai:bge-m3@http://gpu:8080/v1").engine
    Engine(name='bge-m3', base_url='http://gpu:8080/v1', dimensions=None)
    """
    value = value.strip()
    if value in ("", "builtin", BUILT_IN):
        return ModelName(kind="built-in", name=BUILT_IN)
    if value == MULTILINGUAL:
        return ModelName(kind="multilingual", name=MULTILINGUAL)
    if not is_engine(value):
        return ModelName(kind="local", name=value)
    engine = read_engine(value)
    return ModelName(kind="openai", name=engine.name, engine=engine)
