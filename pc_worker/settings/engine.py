"""The settings of engines over HTTP and of the models that encode queries; a part of ``Settings``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from pc_worker.model import read_model_name

PLAIN = (
    "texts and keys would cross the network in clear text: use https, or set PC_WORKER_INSECURE=1 if the network is "
    "safe"
)


def check_encrypted(models: Mapping[str, Sequence[str]], *, insecure: bool) -> None:
    """Check that no engine is used over plain ``http`` beyond loopback, unless ``insecure``.

    Args:
        models: The values of each setting that names models.
        insecure: The setting of that name.

    Raises:
        ValueError: Naming the setting.
    """
    for name, values in models.items():
        engines = [read_model_name(value).engine for value in values]
        if not insecure and any(engine is not None and engine.is_plain for engine in engines):
            raise ValueError(f"PC_WORKER_{name}: {PLAIN}")


class EngineSettings(BaseSettings):
    """Settings of engines; each is documented with the others."""

    #: `DOMAIN=MODEL`, comma-separated: the models that encode the queries of domains whose vectors come from their
    #: sources. They must have the dimension of those vectors. Without one, such a domain is searched by text only.
    query_models: Annotated[tuple[tuple[str, str], ...], NoDecode] = ()
    #: Key of the engines over HTTP. Unset: `OPENAI_API_KEY`, or the file that `OPENAI_API_KEY_FILE` names.
    embeddings_api_key: SecretStr | None = None
    #: Maximum number of requests per minute to one engine, of all worker processes together.
    embeddings_rpm: int | None = Field(default=None, ge=1, le=10_000_000)
    #: Maximum tokens per minute to one engine, of all worker processes together.
    embeddings_tpm: int | None = Field(default=None, ge=1, le=10**12)
    #: Maximum USD that one job may spend on embeddings. A job that reaches it fails; resume it with a larger one.
    #: Prices are known for the models of large providers; `PC_WORKER_LLM_PRICES` adds others.
    embeddings_budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    #: Tokens that the engine reads of one text. Unset: 8,191 for OpenAI itself, 512 for other servers.
    embeddings_window: int | None = Field(default=None, ge=16, le=1_000_000)
    #: Seconds within which an engine must answer one request. A search waits 5 s at most.
    embeddings_timeout_s: float = Field(default=30.0, ge=0.1, le=200.0)

    @field_validator("query_models", mode="before")
    @classmethod
    def _query_models(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in value.split(","))):
            domain, equals, model = (piece.strip() for piece in part.partition("="))
            if not (domain and equals and model):
                raise ValueError("is not DOMAIN=MODEL, comma-separated")
            if domain in found:
                raise ValueError(f"names the domain {domain!r} twice")
            read_model_name(model)
            found[domain] = model
        return tuple(found.items())
